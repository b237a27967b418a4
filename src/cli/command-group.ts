// Commands below one name, such as `wallet create`, as the command line sees them: how each group of them is declared.
// Guarantees: a command is listed by its summary and its own help says the same as a sentence; what the program set for
// help and errors holds in all of them.
import type { Command } from 'commander'

interface GroupWords {
  readonly name: string
  /** A clause without a full stop, as all summaries here. */
  readonly summary: string
  readonly description: string
}

/** Adds one more command to its group. */
type AddCommand = (name: string, summary: string) => Command

export function addCommandGroup(program: Command, { name, summary, description }: GroupWords): AddCommand {
  const group = program
    .command(name)
    .summary(summary)
    .description(description)
    .helpCommand('help [command]', 'show help for a command')
  return (commandName, commandSummary) =>
    group
      .command(commandName)
      .summary(commandSummary)
      .description(`${commandSummary[0]?.toUpperCase()}${commandSummary.slice(1)}.`)
}

export function addData(command: Command): Command {
  return command.option('--data <dir>', "the data folder (default: SWARMBID_DATA, or the system's place for it)")
}

export function addPassphraseFile(command: Command): Command {
  return command.option('--passphrase-file <file>', 'a file with the passphrase of the wallet; - is standard input')
}

export function addJson(command: Command): Command {
  return command.option('--json', 'print JSON, one object a line')
}

/** Which ledger a command is about. */
export function addLedgerName(command: Command): Command {
  return command.option('--ledger <name>', 'which: its name or id; `own` for your own')
}
