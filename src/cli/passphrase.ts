// Where a passphrase comes from: a file, the environment, or the person at the terminal. Never the command line, which
// other users of the machine can read.
// Guarantees: a new one is fit, and typed twice alike where it is typed. Keeps none.
import { SwarmbidError } from '../base/errors.ts'
import { readSecretLine } from '../daemon/read-secret-line.ts'
import { requireFit } from '../daemon/wallet-folder.ts'
import type { Terminal } from './terminal.ts'

export interface PassphraseSource {
  readonly file?: string | undefined
  readonly environmentName: 'SWARMBID_PASSPHRASE' | 'SWARMBID_NEW_PASSPHRASE'
  readonly fileOption: '--passphrase-file' | '--new-passphrase-file'
}

async function given(source: PassphraseSource, signal: AbortSignal): Promise<string | undefined> {
  if (source.file !== undefined) return readSecretLine(source.file, signal)
  const value = process.env[source.environmentName]
  return value === undefined || value === '' ? undefined : value
}

function nobodyToAsk({ fileOption, environmentName }: PassphraseSource): SwarmbidError {
  return new SwarmbidError(
    'wallet-locked',
    `there is no terminal to ask for the passphrase; give it with ${fileOption} or ${environmentName}`,
  )
}

/** Of what is sealed already. Errors: wallet-locked (nobody to ask), those of the file. */
export async function knownPassphrase(
  source: PassphraseSource,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<string> {
  const value = await given(source, signal)
  if (value !== undefined) return value
  if (!terminal.isInteractive) throw nobodyToAsk(source)
  return terminal.askHidden('Passphrase of the wallet')
}

function complaint(passphrase: string): string | undefined {
  try {
    requireFit(passphrase)
    return undefined
  } catch (error) {
    if (error instanceof SwarmbidError) return error.message
    throw error
  }
}

/** For what is sealed anew. Errors: as knownPassphrase, and passphrase-unfit. */
export async function newPassphrase(
  source: PassphraseSource,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<string> {
  const value = await given(source, signal)
  if (value !== undefined) {
    requireFit(value)
    return value
  }
  if (!terminal.isInteractive) throw nobodyToAsk(source)
  const passphrase = await terminal.askHidden('New passphrase, 8 characters or more', complaint)
  await terminal.askHidden('The same again', (again) => (again === passphrase ? undefined : 'not the same'))
  return passphrase
}
