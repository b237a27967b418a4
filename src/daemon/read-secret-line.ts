// A secret of one line from a file, or piped in: a passphrase or a phrase.
// Guarantees: bounded, nothing of it is in what is thrown, the bytes are overwritten. Keeps no state.
import { toUtf8 } from '../base/bytes.ts'
import { SwarmbidError } from '../base/errors.ts'
import { readFileBounded, readStandardInput } from '../host/read-input.ts'

const limit = { maxBytes: 4_096, code: 'passphrase-unfit' } as const

/** The first line, without its end; `-` is standard input. Throws: those of reading, passphrase-unfit. */
export async function readSecretLine(path: string, signal: AbortSignal): Promise<string> {
  const place = path === '-' ? 'standard input' : path
  const bytes = path === '-' ? await readStandardInput(limit, signal) : await readFileBounded(path, limit)
  const text = toUtf8(bytes)
  bytes.fill(0)
  if (text === undefined) throw new SwarmbidError('passphrase-unfit', `${place}: not UTF-8`)
  const [line = '', ...rest] = text.split('\n')
  if (rest.some((more) => more.trim() !== ''))
    throw new SwarmbidError('passphrase-unfit', `${place}: more than one line`)
  return line.replace(/\r$/, '')
}
