// `swarmbid wallet create`, `restore`, `phrase`: where words are shown or typed. Standard output never has them.
// Guarantees: a wallet made at a terminal is written only after its words were read back.
import { randomInt } from 'node:crypto'
import { SwarmbidError } from '../base/errors.ts'
import { readSecretLine } from '../daemon/read-secret-line.ts'
import {
  importKey,
  makeWallet,
  newPhrase,
  refuseSecondWallet,
  requirePhrase,
  restoreBackup,
  revealPhrase,
} from '../daemon/wallet-folder.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { exitCodes } from './exit-code.ts'
import { knownPassphrase, newPassphrase } from './passphrase.ts'
import type { Terminal } from './terminal.ts'
import { showAccounts, type WalletOptions, type WalletSetting, walletSetting } from './wallet-setting.ts'

export interface CreateWalletOptions extends WalletOptions {
  readonly words: '12' | '24'
}

export interface RestoreWalletOptions extends WalletOptions {
  readonly phraseFile?: string
  readonly backup?: string
  readonly accountKey?: string
  readonly accounts?: number
}

const wordsAsked = 3
const wordsOfLine = 4

function phraseLines(phrase: string): string[] {
  const words = phrase.split(' ').map((word, at) => `${String(at + 1).padStart(2)}. ${word.padEnd(9)}`)
  const lines: string[] = []
  for (let at = 0; at < words.length; at += wordsOfLine) lines.push(`  ${words.slice(at, at + wordsOfLine).join('  ')}`)
  return lines
}

/** Different numbers of words, in order. */
function drawWords(count: number): number[] {
  const numbers = Array.from({ length: count }, (_, at) => at)
  while (numbers.length > wordsAsked) numbers.splice(randomInt(numbers.length), 1)
  return numbers
}

async function confirmWritten(phrase: string, terminal: Terminal): Promise<void> {
  terminal.show([
    '',
    'These words are the wallet. Write them down on paper, in order; whoever has them has all that is in it,',
    'and without them and the file nobody can bring it back.',
    '',
    ...phraseLines(phrase),
    '',
  ])
  const words = phrase.split(' ')
  for (const at of drawWords(words.length)) {
    await terminal.ask(`Word ${at + 1}, as you wrote it`, (answer) =>
      answer.trim().toLowerCase() === words[at] ? undefined : 'another word is there; look again at what you wrote',
    )
  }
}

async function finish(setting: WalletSetting, note: string): Promise<number> {
  setting.note(note)
  await showAccounts(setting)
  return exitCodes.ok
}

export async function runCreateWallet(options: CreateWalletOptions, context: CommandContext): CommandResult {
  const setting = walletSetting(options, context)
  const { dataFolder, terminal, host } = setting
  await refuseSecondWallet(dataFolder)
  const passphrase = await newPassphrase(setting.passphrase, terminal, context.signal)
  const phrase = newPhrase(options.words === '24' ? 24 : 12, host)
  if (terminal.isInteractive) await confirmWritten(phrase, terminal)
  await makeWallet(dataFolder, phrase, [{ coin: 60, index: 0 }], passphrase, host)
  const advice = 'Its words were not shown: write them down with `swarmbid wallet phrase` at a terminal.'
  return finish(setting, terminal.isInteractive ? 'The wallet is made.' : `The wallet is made. ${advice}`)
}

export async function runRestoreWallet(options: RestoreWalletOptions, context: CommandContext): CommandResult {
  const setting = walletSetting(options, context)
  const { dataFolder, terminal, host } = setting
  const { signal } = context
  const sources = [options.backup, options.phraseFile, options.accountKey].filter((path) => path !== undefined)
  if (sources.length > 1)
    throw new SwarmbidError('usage', '--backup, --phrase-file and --account-key: only one of them')
  if (options.accounts !== undefined && (options.backup ?? options.accountKey) !== undefined) {
    throw new SwarmbidError('usage', '--accounts is for words; a backup has its accounts, a key is one')
  }
  await refuseSecondWallet(dataFolder)
  if (options.backup !== undefined) {
    const passphrase = await knownPassphrase(setting.passphrase, terminal, signal)
    await restoreBackup(dataFolder, options.backup, passphrase, host)
    return finish(setting, 'The wallet is restored; its passphrase is that of the backup.')
  }
  if (options.accountKey !== undefined) return importPlainKey(options.accountKey, setting, signal)
  const phrase = await typedPhrase(options.phraseFile, terminal, signal)
  requirePhrase(phrase)
  const passphrase = await newPassphrase(setting.passphrase, terminal, signal)
  const accounts = Array.from({ length: options.accounts ?? 1 }, (_, index) => ({ coin: 60, index }) as const)
  await makeWallet(dataFolder, phrase, accounts, passphrase, host)
  return finish(setting, 'The wallet is restored.')
}

async function importPlainKey(path: string, setting: WalletSetting, signal: AbortSignal): Promise<number> {
  const { dataFolder, terminal, host } = setting
  const passphrase = await newPassphrase(setting.passphrase, terminal, signal)
  await importKey(dataFolder, path, passphrase, host)
  const advice =
    `The wallet has this one key and no words that bring it back: write a backup to another place with ` +
    `\`swarmbid wallet export-backup FILE\`, then delete ${path}, in which whoever reads it has all.`
  return finish(setting, advice)
}

async function typedPhrase(file: string | undefined, terminal: Terminal, signal: AbortSignal): Promise<string> {
  if (file !== undefined) return readSecretLine(file, signal)
  if (!terminal.isInteractive) {
    throw new SwarmbidError('usage', 'there is no terminal to type the words at; give them with --phrase-file')
  }
  return terminal.askHidden('The words of the phrase, with spaces between', (typed) => {
    try {
      requirePhrase(typed)
      return undefined
    } catch (error) {
      if (error instanceof SwarmbidError) return error.message
      throw error
    }
  })
}

export async function runPhrase(options: WalletOptions, context: CommandContext): CommandResult {
  const setting = walletSetting(options, context)
  const { dataFolder, terminal, host } = setting
  if (!terminal.isInteractive) throw new SwarmbidError('usage', 'the words are shown at a terminal alone')
  const passphrase = await knownPassphrase(setting.passphrase, terminal, context.signal)
  terminal.show(['', ...phraseLines(await revealPhrase(dataFolder, passphrase, host)), ''])
  return exitCodes.ok
}
