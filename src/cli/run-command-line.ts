// One run of the command line: reads the arguments, starts the command, turns what happens into an exit code.
// Guarantees: every failure is one line on standard error with its code (an object with --json), a defect is
// told apart and gives 70. Commands are loaded only when they run.
import { Command, CommanderError } from 'commander'
import { SwarmbidError } from '../base/errors.ts'
import type { RunCommand } from './command-context.ts'
import { addAirdrop } from './declare-airdrop.ts'
import { addDht } from './declare-dht.ts'
import { addEarn } from './declare-earn.ts'
import { addEscrow } from './declare-escrow.ts'
import { addCreate, addInfo, addMagnet, addVerify } from './declare-files.ts'
import { addLane } from './declare-lane.ts'
import { addLedger } from './declare-ledger.ts'
import { addSpeed } from './declare-speed.ts'
import { addTracker } from './declare-tracker.ts'
import { addDownload, addSeed } from './declare-transfers.ts'
import { addWallet } from './declare-wallet.ts'
import { jsonLine } from './display-text.ts'
import { exitCodes } from './exit-code.ts'
import { type Interruption, watchInterruption } from './interruption.ts'
import { newOutput, type Output } from './output.ts'
import { programVersion } from './version.ts'

const exitCodeHelp = `
Exit codes:
  0    done
  1    something named was refused, missing or damaged; the rest was done
  2    the command line is not understood
  70   a defect of this program
  129  the terminal went away
  130  interrupted (Ctrl-C)
  143  terminated
`

function newProgram(run: RunCommand, output: Output): Command {
  const program = new Command('swarmbid')
  program
    .description('A BitTorrent client in which seeding pays.')
    .version(programVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({ writeErr: () => undefined, writeOut: (text) => output.line(text.trimEnd()) })
    .exitOverride()
    .addHelpText('after', exitCodeHelp)
  addDownload(program, run)
  addSeed(program, run)
  addEarn(program, run)
  addCreate(program, run)
  addVerify(program, run)
  addInfo(program, run)
  addMagnet(program, run)
  addTracker(program, run)
  addDht(program, run)
  addWallet(program, run)
  addLedger(program, run)
  addEscrow(program, run)
  addAirdrop(program, run)
  addLane(program, run)
  addSpeed(program, run)
  for (const command of program.commands) command.helpOption('-h, --help', 'show help').exitOverride()
  return program
}

function tellError(output: Output, isJson: boolean, code: string, message: string): void {
  if (isJson) output.note(jsonLine({ error: { code, message } }))
  else output.failure(code, message)
}

/** What an exception means: its code is said, the exit code returned. */
function conclude(error: unknown, output: Output, isJson: boolean, interruption: Interruption): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.ok
    // Without a command the help is the answer, on the side of errors.
    const isBare = error.code === 'commander.help'
    const message = isBare ? 'no command given; see `swarmbid --help`' : error.message.replace(/^error: /, '')
    tellError(output, isJson, 'usage', message.replaceAll('\n', ' '))
    return exitCodes.usage
  }
  if (error instanceof SwarmbidError) {
    tellError(output, isJson, error.code, error.message)
    return interruption.exitCode() ?? (error.code === 'usage' ? exitCodes.usage : exitCodes.failed)
  }
  const defect = error instanceof Error ? error : new Error(String(error))
  tellError(output, isJson, 'internal', defect.message)
  if (!isJson) output.note(output.noteStyle.faint(defect.stack ?? ''))
  return exitCodes.internal
}

/** Runs `swarmbid` with these arguments and sets the exit code of the process. */
export async function runCommandLine(commandLine: readonly string[]): Promise<void> {
  const optionsEnd = commandLine.indexOf('--')
  const isJson = (optionsEnd === -1 ? commandLine : commandLine.slice(0, optionsEnd)).includes('--json')
  const interruption = watchInterruption()
  const output = newOutput(process.stdout, process.stderr, process.env, (error) => finish(unwritable(error)))

  function finish(error: unknown): void {
    process.exitCode = conclude(error, output, isJson, interruption)
  }

  process.on('uncaughtException', (error) => {
    finish(error)
    process.exit()
  })
  const program = newProgram(async (command) => {
    const exitCode = await command({ output, signal: interruption.signal, takeHangUp: interruption.takeHangUp })
    // What goes on until it is interrupted ends well, and yet says by its code that it was.
    process.exitCode = interruption.exitCode() ?? exitCode
  }, output)
  try {
    await program.parseAsync(commandLine, { from: 'user' })
  } catch (error) {
    finish(error)
  }
  if (interruption.exitCode() !== undefined) process.exit()
}

function unwritable(error: Error): SwarmbidError {
  return new SwarmbidError('file-unwritable', `standard output: ${error.message}`)
}
