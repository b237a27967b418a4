// Plain values to canonical bencode (BEP 3): keys sorted as bytes, one form for every value.
// Guarantees: iterative, two passes (measure, write), one allocation; refuses what has no canonical form.
import { assert } from '../../base/assert.ts'
import { concatBytes, fromLatin1, fromUtf8 } from '../../base/bytes.ts'

/** Bencoded bytes to be placed as they are, an info dictionary for one. */
export class RawBencode {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/**
 * A value to encode. Text becomes UTF-8. Dictionaries: a Map keyed by latin1 text (one character a byte,
 * for binary keys) or an object with ASCII keys; entries that are undefined are left out.
 */
export type BencodeInput =
  | number
  | bigint
  | string
  | Uint8Array
  | RawBencode
  | readonly BencodeInput[]
  | ReadonlyMap<string, BencodeInput>
  | { readonly [key: string]: BencodeInput | undefined }

export function encode(value: BencodeInput): Uint8Array {
  const parts: Uint8Array[] = []
  encodePart(value, parts)
  return concatBytes(parts)
}

function encodePart(value: BencodeInput, parts: Uint8Array[]): void {
  if (typeof value === 'number' || typeof value === 'bigint') {
    assert(typeof value === 'bigint' || Number.isSafeInteger(value), 'an integer that a number holds exactly')
    parts.push(fromLatin1(`i${value}e`))
  } else if (typeof value === 'string') {
    encodePart(fromUtf8(value), parts)
  } else if (value instanceof Uint8Array) {
    parts.push(fromLatin1(`${value.length}:`), value)
  } else if (value instanceof RawBencode) {
    parts.push(value.bytes)
  } else if (Array.isArray(value)) {
    parts.push(fromLatin1('l'))
    for (const element of value as readonly BencodeInput[]) encodePart(element, parts)
    parts.push(fromLatin1('e'))
  } else {
    const entries = value instanceof Map ? [...value] : Object.entries(value)
    parts.push(fromLatin1('d'))
    for (const [key, child] of entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
      if (child === undefined) continue
      encodePart(fromLatin1(key), parts)
      encodePart(child as BencodeInput, parts)
    }
    parts.push(fromLatin1('e'))
  }
}
