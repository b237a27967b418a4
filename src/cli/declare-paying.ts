// The options that all commands share which sign with an account, as the command line sees them.
// Guarantees: what is not the number of an account is refused.
import { type Command, InvalidArgumentError } from 'commander'
import { addPassphraseFile } from './command-group.ts'

/** From 0. */
export function parseAccountNumber(text: string): number {
  if (!/^[0-9]{1,2}$/.test(text)) throw new InvalidArgumentError('Expected the number of an account, from 0.')
  return Number(text)
}

export function addPayingOptions(command: Command): Command {
  return addPassphraseFile(
    command
      .option('--account <number>', 'which account of the wallet (default: 0)', parseAccountNumber)
      .option('--account-key <file>', 'a plain key in a file, in place of the wallet; no limits hold for it'),
  )
}
