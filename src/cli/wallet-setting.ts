// What all commands of the wallet have in common: the data folder, where the passphrase comes from, who is asked, and
// how accounts are shown.
import { dataFolder } from '../daemon/data-folder.ts'
import { readWallet, systemWalletHost, type WalletHost } from '../daemon/wallet-folder.ts'
import { accountViews } from '../daemon/wallet-view.ts'
import type { CommandContext } from './command-context.ts'
import { newFields } from './fields.ts'
import type { Output } from './output.ts'
import type { PassphraseSource } from './passphrase.ts'
import { systemTerminal, type Terminal } from './terminal.ts'

export interface WalletOptions {
  readonly data?: string
  readonly passphraseFile?: string
  readonly json?: boolean
}

export interface WalletSetting {
  readonly dataFolder: string
  readonly host: WalletHost
  readonly terminal: Terminal
  readonly passphrase: PassphraseSource
  readonly output: Output
  readonly isJson: boolean
  /** Told to people alone. */
  note(text: string): void
}

export function walletSetting(options: WalletOptions, { output, signal }: CommandContext): WalletSetting {
  const isJson = options.json === true
  return {
    dataFolder: dataFolder(options.data),
    host: systemWalletHost(),
    terminal: systemTerminal(signal),
    passphrase: {
      file: options.passphraseFile,
      environmentName: 'SWARMBID_PASSPHRASE',
      fileOption: '--passphrase-file',
    },
    output,
    isJson,
    note(text) {
      if (!isJson) output.note(output.noteStyle.plain(text))
    },
  }
}

export async function showAccounts({ dataFolder: folder, output, isJson }: WalletSetting): Promise<void> {
  const accounts = accountViews(await readWallet(folder))
  if (isJson) return output.json({ accounts })
  const { field } = newFields(output)
  for (const { number, path, evmAddress, tronAddress } of accounts) {
    output.line(output.style.strong(`account ${number}`))
    field('EVM', evmAddress)
    field('TRON', tronAddress)
    field('path', path ?? undefined)
  }
}
