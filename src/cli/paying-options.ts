// Options of the commands that sign: which ledger, which account of the wallet or which key, and who is asked.
// Guarantees: the passphrase is asked for when something is signed, and not before.
import { SwarmbidError } from '../base/errors.ts'
import { dataFolder } from '../daemon/data-folder.ts'
import type { LedgerChoice } from '../daemon/ledger-choice.ts'
import type { AccountChoice } from '../daemon/paying-account.ts'
import { terminalOwner } from './ask-owner.ts'
import type { CommandContext } from './command-context.ts'
import { knownPassphrase } from './passphrase.ts'
import { type WalletOptions, walletSetting } from './wallet-setting.ts'

export interface PayingOptions extends WalletOptions {
  readonly ledger?: string
  readonly account?: number
  readonly accountKey?: string
}

export function ledgerOf({ data, ledger }: PayingOptions): LedgerChoice {
  return { dataFolder: dataFolder(data), wanted: ledger }
}

export function accountOf(options: PayingOptions, context: CommandContext): AccountChoice {
  const setting = walletSetting(options, context)
  const { terminal, host, passphrase } = setting
  return {
    dataFolder: setting.dataFolder,
    keyPath: options.accountKey,
    number: options.account ?? 0,
    host,
    passphrase: () => knownPassphrase(passphrase, terminal, context.signal),
    owner: terminalOwner(terminal),
    note: (text) => setting.note(text),
  }
}

/** Exactly one of the two options that say when something ends: so many seconds from now, or a moment. */
export function momentOf(
  inOption: string,
  inSeconds: number | undefined,
  atOption: string,
  atMs: number | undefined,
): { readonly inMs: number } | { readonly atMs: number } {
  if ((inSeconds === undefined) === (atMs === undefined)) {
    throw new SwarmbidError('usage', `say when it ends: ${inOption} or ${atOption}`)
  }
  return atMs === undefined ? { inMs: (inSeconds ?? 0) * 1_000 } : { atMs }
}
