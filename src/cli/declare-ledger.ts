// The commands of ledgers, as the command line sees them: names, options, help.
// Their code is loaded when they run.
import type { Command } from 'commander'
import type { RunCommand } from './command-context.ts'
import { addCommandGroup, addData, addJson, addLedgerName } from './command-group.ts'
import { addPayingOptions } from './declare-paying.ts'
import { collect, parsePortOption } from './option-values.ts'

const description =
  'Keeps the record of who has how many tokens: a ledger of your own, which others may join, and those of others that ' +
  'you have joined. Where none is named, your own is meant, or the only one that was joined.'

export function addLedger(program: Command, run: RunCommand): void {
  const add = addCommandGroup(program, {
    name: 'ledger',
    summary: 'keep, serve, join and check ledgers of tokens',
    description,
  })
  const command = (name: string, summary: string) => addJson(addData(add(name, summary)))
  const paying = (added: Command) => addPayingOptions(addLedgerName(added))
  const serving = (added: Command) =>
    added
      .option('--port <port>', '0: any free port (default: 6970)', parsePortOption)
      .option('--bind <address>', 'an address to listen on; may be given again', collect)
      .option('--host <host>', 'the name or address by which others reach it, for the line to give away')
      .option('--certificate <file>', 'PEM, to be reached over TLS')
      .option('--key <file>', 'PEM, the key of the certificate')
  const using = () => import('./ledger-command.ts')
  const keeping = () => import('./ledger-service-command.ts')

  command('init', 'make a ledger of play money (TEST) of your own')
    .option('--name <name>', 'for people')
    .option('--grant <amount>', 'what each account gets when it is let in, such as "10000 TEST"')
    .action((options) => run(async (context) => (await using()).runInit(options, context)))
  command('status', 'show your own ledger and those you have joined').action((options) =>
    run(async (context) => (await using()).runStatus(options, context)),
  )
  serving(command('serve', 'serve your own ledger until interrupted; without --bind to this machine only')).action(
    (options) => run(async (context) => (await keeping()).runServe(options, context)),
  )
  serving(command('share', 'serve your own ledger to others, and print the line by which they join')).action(
    (options) => run(async (context) => (await keeping()).runShare(options, context)),
  )
  command('join', 'join a ledger by the line that its owner gave you')
    .argument('<line>', 'swarmbid-ledger://HOST:PORT/HASH')
    .action((line: string, options) => run(async (context) => (await using()).runJoin(line, options, context)))
  command('leave', 'forget a ledger that you have joined')
    .argument('<name>', 'its name or id')
    .action((name: string, options) => run(async (context) => (await using()).runLeave(name, options, context)))
  command('verify', 'check a journal from its beginning: every hash, signature, rule and balance')
    .argument('<source>', 'an exported file, `-`, or the address of a ledger that is served')
    .action((source: string, options) => run(async (context) => (await keeping()).runVerify(source, options, context)))
  addLedgerName(command('export', 'write the whole journal to a file, in the form that `verify` reads'))
    .argument('[file]', 'a new file; `-` is standard output', '-')
    .action((file: string, options) => run(async (context) => (await keeping()).runExport(file, options, context)))
  paying(command('balance', 'show what an account has'))
    .argument('[account]', 'an address or account id (default: your own)')
    .action((account: string | undefined, options) =>
      run(async (context) => (await using()).runBalance(account, options, context)),
    )
  paying(command('transfer', 'pay tokens to an account'))
    .argument('<account>', 'an address or account id')
    .argument('<amount>', 'such as "12.5 TEST"')
    .option('--id <id>', 'of a transfer whose fate is not known: it is done once')
    .action((account: string, amount: string, options) =>
      run(async (context) => (await using()).runTransfer(account, amount, options, context)),
    )
  command('mint', 'let an account into your own ledger, with what its genesis grants')
    .argument('<account>', 'an address or account id')
    .action((account: string, options) => run(async (context) => (await using()).runMint(account, options, context)))
}
