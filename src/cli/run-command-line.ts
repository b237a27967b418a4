// One run of the command line: reads the arguments, starts the command, turns what happens into an exit code.
// Guarantees: every failure is one line on standard error with its code (an object with --json), a defect is
// told apart and gives 70. Commands are loaded only when they run.
import { Command, CommanderError, Option } from 'commander'
import { SwarmbidError } from '../base/errors.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { jsonLine } from './display-text.ts'
import { exitCodes } from './exit-code.ts'
import { type Interruption, watchInterruption } from './interruption.ts'
import { collect, collectNode, collectTier, parsePieceLength, parseThreads } from './option-values.ts'
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

const jsonOption = 'print JSON, one object a line'
const threadsOption = 'threads that hash (default: as many as the machine runs at once)'

type Run = (command: (context: CommandContext) => CommandResult) => Promise<void>

function addInfo(program: Command, run: Run): void {
  program
    .command('info')
    .summary('show what torrent files hold')
    .description('Shows what torrent files hold. `-` reads one from standard input.')
    .argument('<file...>', 'torrent files')
    .option('--all', 'list every file, however many there are')
    .option('--json', jsonOption)
    .action((files: string[], options: { all?: boolean; json?: boolean }) =>
      run(async (context) => (await import('./info-command.ts')).runInfo(files, options, context)),
    )
}

function addMagnet(program: Command, run: Run): void {
  program
    .command('magnet')
    .summary('print the magnet link of a torrent file, or explain a link')
    .description('Prints the magnet link of each torrent file, and shows what each magnet link says.')
    .argument('<file-or-link...>', 'torrent files and magnet links')
    .option('--json', jsonOption)
    .action((inputs: string[], options: { json?: boolean }) =>
      run(async (context) => (await import('./magnet-command.ts')).runMagnet(inputs, options, context)),
    )
}

function addCreate(program: Command, run: Run): void {
  program
    .command('create')
    .summary('make a torrent file of a file or folder')
    .description('Makes a torrent file of a file, or of a folder with everything in it.')
    .argument('<path>', 'the file or folder')
    .option('-o, --output <file>', 'the torrent file to write (default: NAME.torrent in the current folder)')
    .option('-f, --force', 'overwrite the output if it exists')
    .addOption(
      new Option('--format <format>', 'v1 (BEP 3), v2 (BEP 52), or both in one')
        .choices(['v1', 'v2', 'hybrid'])
        .default('hybrid'),
    )
    .option('-l, --piece-length <size>', 'a power of two from 16KiB to 512MiB (default: by content)', parsePieceLength)
    .option('-t, --tracker <url>', 'a tracker; again for another tier, commas within one', collectTier)
    .option('-w, --web-seed <url>', 'a web server with the content (BEP 19); may be given again', collect)
    .option('--node <host:port>', 'a DHT node to start from (BEP 5); may be given again', collectNode)
    .option('-p, --private', 'peers only from the trackers (BEP 27)')
    .option('-c, --comment <text>', 'a comment')
    .option('--source <text>', 'a source tag; changes the info hash')
    .option('-n, --name <name>', "the torrent's name (default: that of PATH)")
    .option('--created-by <text>', 'what made it (default: swarmbid/VERSION)')
    .option('--no-created-by', 'do not say what made it')
    .option('--no-date', 'no creation date: the same content gives the same bytes')
    .addOption(
      new Option('--symlinks <policy>', 'symbolic links: refuse them, skip, follow, or keep them as links (BEP 47)')
        .choices(['refuse', 'skip', 'follow', 'keep'])
        .default('refuse'),
    )
    .option('--skip-hidden', 'leave out names that begin with a dot')
    .option('--threads <count>', threadsOption, parseThreads)
    .option('-q, --quiet', 'no progress')
    .option('--json', jsonOption)
    .action((path: string, options) =>
      run(async (context) => (await import('./create-command.ts')).runCreate(path, options, context)),
    )
}

function addVerify(program: Command, run: Run): void {
  program
    .command('verify')
    .summary('compare files on disk with a torrent')
    .description('Compares files on disk with a torrent and names every piece and file that is not right.')
    .argument('<torrent>', 'the torrent file')
    .argument('[path]', 'the content, or the folder it is in', '.')
    .option('--all', 'name every bad piece and file, however many there are')
    .option('--threads <count>', threadsOption, parseThreads)
    .option('-q, --quiet', 'no progress')
    .option('--json', jsonOption)
    .action((torrent: string, path: string, options) =>
      run(async (context) => (await import('./verify-command.ts')).runVerify(torrent, path, options, context)),
    )
}

function newProgram(run: Run, output: Output): Command {
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
  addInfo(program, run)
  addMagnet(program, run)
  addCreate(program, run)
  addVerify(program, run)
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
    process.exitCode = await command({ output, signal: interruption.signal })
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
