// The commands of the wallet, as the command line sees them: names, options, help.
// Their code is loaded when they run.
import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import type { RunCommand } from './command-context.ts'
import { addCommandGroup, addData, addJson, addLedgerName, addPassphraseFile } from './command-group.ts'
import { addPayingOptions, parseAccountNumber } from './declare-paying.ts'
import { parseCount } from './option-values.ts'

const description =
  'Keeps the keys of your accounts in one file, sealed with a passphrase, and bounds what is spent without asking you. ' +
  'The passphrase is asked for at the terminal, or read from --passphrase-file or SWARMBID_PASSPHRASE.'

/** In thousandths. */
function parsePercent(text: string): number {
  const match = /^([0-9]{1,3})(?:\.([0-9]))? ?%?$/.exec(text)
  const permille = Number(match?.[1]) * 10 + Number(match?.[2] ?? 0)
  if (!(permille <= 1_000)) throw new InvalidArgumentError('Expected a share such as 25% or 12.5%.')
  return permille
}

function parseAccounts(text: string): number {
  const count = parseCount(text)
  if (count > 64) throw new InvalidArgumentError('Expected a number from 1 to 64.')
  return count
}

function parseLanes(text: string): number {
  const count = Number(text)
  if (!/^[0-9]{1,5}$/.test(text) || count > 10_000) throw new InvalidArgumentError('Expected a number from 0 to 10000.')
  return count
}

export function addWallet(program: Command, run: RunCommand): void {
  const add = addCommandGroup(program, { name: 'wallet', summary: 'keep keys and bound what is spent', description })
  const command = (name: string, summary: string) => addJson(addData(add(name, summary)))
  const opening = (name: string, summary: string) => addPassphraseFile(command(name, summary))
  const making = () => import('./wallet-making.ts')
  const using = () => import('./wallet-command.ts')

  opening('create', 'make a new wallet')
    .addOption(new Option('--words <count>', 'of its phrase').choices(['12', '24']).default('12'))
    .action((options) => run(async (context) => (await making()).runCreateWallet(options, context)))
  opening('restore', 'bring a wallet back from its words or a backup, or make one of a plain key')
    .option('--phrase-file <file>', 'a file with the words in one line; - is standard input')
    .option('--backup <file>', 'a backup, or a key file (Web3 Secret Storage 3) of another wallet')
    .option('--account-key <file>', 'a plain key in a file, which the wallet then has as its one account')
    .option('--accounts <count>', 'so many accounts of the words (default: 1)', parseAccounts)
    .action((options) => run(async (context) => (await making()).runRestoreWallet(options, context)))
  command('show', 'show accounts, switches and where the file is').action((options) =>
    run(async (context) => (await using()).runShowWallet(options, context)),
  )
  command('accounts', 'list the accounts').action((options) =>
    run(async (context) => (await using()).runAccounts(options, context)),
  )
  opening('add-account', 'add the next account of the phrase')
    .addOption(new Option('--coin <coin>', 'below the path of which wallets').choices(['evm', 'tron']).default('evm'))
    .action((options) => run(async (context) => (await using()).runAddAccount(options, context)))
  command('address', 'print an address to be paid at')
    .argument('[account]', 'the number of the account', parseAccountNumber, 0)
    .option('--tron', 'as on TRON')
    .option('--qr', 'with a code to scan')
    .option('--invert', 'the code for a light terminal')
    .option('--svg <file>', 'write the code to a new file')
    .action((account: number, options) => run(async (context) => (await using()).runAddress(account, options, context)))
  opening('phrase', 'show the words again, at a terminal alone').action((options) =>
    run(async (context) => (await making()).runPhrase(options, context)),
  )
  opening('export-backup', 'write a backup, sealed with the same passphrase')
    .argument('<file>', 'the new file')
    .option('--account <number>', 'one account alone, as other wallets read it', parseAccountNumber)
    .action((path: string, options) => run(async (context) => (await using()).runExportBackup(path, options, context)))
  opening('check', 'prove that the passphrase opens the wallet').action((options) =>
    run(async (context) => (await using()).runCheckWallet(options, context)),
  )
  opening('change-passphrase', 'seal the wallet with another passphrase')
    .option('--new-passphrase-file <file>', 'a file with the new one')
    .action((options) => run(async (context) => (await using()).runChangePassphrase(options, context)))
  command('limits', 'show or set what may be spent without asking')
    .addOption(new Option('--token <symbol>', 'of which token').choices(['BTT', 'TEST']))
    .option('--per-payment <amount>', 'such as "5 TEST"; none: no limit')
    .option('--per-day <amount>', 'from midnight to midnight, UTC')
    .option('--per-torrent <amount>', 'over its whole life')
    .option('--per-app <amount>', 'of each app, a day')
    .option('--per-payee <share>', 'locked for one payee, of the limit of a day, such as 25%', parsePercent)
    .option('--lanes <count>', 'open at a time', parseLanes)
    .action((options) => run(async (context) => (await using()).runLimits(options, context)))
  addPayingOptions(addLedgerName(command('history', 'show what happened to an account, what is pending and why')))
    .argument('[account]', 'an address or account id (default: your own)')
    .action((account: string | undefined, options) =>
      run(async (context) => (await import('./wallet-history.ts')).runHistory(account, options, context)),
    )
  for (const name of ['spending', 'earning'] as const) {
    command(name, `show or switch whether there is any ${name}`)
      .addArgument(new Argument('[state]', 'on or off; without it the state is shown').choices(['on', 'off']))
      .action((state: 'on' | 'off' | undefined, options) =>
        run(async (context) => (await using()).runSwitch(name, state, options, context)),
      )
  }
}
