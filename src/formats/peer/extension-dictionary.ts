// The bencoded dictionary at the start of an extension payload (BEP 9, 10, 11).
// Guarantees: bounded depth and number of values; whatever is wrong is one code, peer-extension.
import { type Failure, failure, type Result, success } from '../../base/errors.ts'
import { BencodeCursor } from '../bencode/cursor.ts'
import { kindDictionary, scan } from '../bencode/scan.ts'

/** Unknown keys may hold anything, so these are generous; real payloads have tens of values, three deep. */
const limits = { maxBytes: 1024 * 1024, maxDepth: 20, maxTokens: 10_000 }

export function extensionFailure(detail: string): Failure {
  return failure('peer-extension', detail)
}

/** The dictionary at the start of `payload`; `cursor.end` is where the bytes after it begin. */
export function readExtensionDictionary(payload: Uint8Array): Result<BencodeCursor> {
  const scanned = scan(payload, { limits, allowTrailing: true })
  if (!scanned.ok) return extensionFailure(scanned.detail)
  const cursor = new BencodeCursor(scanned.value)
  return cursor.kind === kindDictionary ? success(cursor) : extensionFailure('not a dictionary')
}

/** An integer between the bounds, both included; undefined for anything else. */
export function integerWithin(cursor: BencodeCursor | undefined, min: number, max: number): number | undefined {
  const value = cursor?.integer()
  return value !== undefined && value >= min && value <= max ? value : undefined
}
