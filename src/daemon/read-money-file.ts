// Files that commands of money are given: lists, proofs, terms, evidence.
// Guarantees: read whole, up to a cap, or refused with a typed failure.
import { toUtf8 } from '../base/bytes.ts'
import { failure, type Result, SwarmbidError, success } from '../base/errors.ts'
import { readFileBounded } from '../host/read-input.ts'

const maxTextBytes = 256 * 1_048_576

/** Errors: statement-malformed (larger), file-not-found, file-unreadable. */
export async function readMoneyBytes(path: string, maxBytes: number): Promise<Result<Uint8Array>> {
  try {
    return success(await readFileBounded(path, { maxBytes, code: 'statement-malformed' }))
  } catch (error) {
    if (!(error instanceof SwarmbidError)) throw error
    return failure(error.code, error.message)
  }
}

/** In UTF-8. */
export async function readMoneyText(path: string): Promise<Result<string>> {
  const bytes = await readMoneyBytes(path, maxTextBytes)
  if (!bytes.ok) return bytes
  const text = toUtf8(bytes.value)
  return text === undefined ? failure('statement-malformed', `${path}: not text in UTF-8`) : success(text)
}
