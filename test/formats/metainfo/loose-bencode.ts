// A bencoder that can also write what is wrong: repeated and unsorted keys, raw pieces of syntax. For tests of
// what parsers refuse; the product's own encoder cannot produce these.
import { concatBytes, fromLatin1, fromUtf8 } from '../../../src/base/bytes.ts'

/** Syntax to be placed as it is. */
export class Raw {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array | string) {
    this.bytes = typeof bytes === 'string' ? fromLatin1(bytes) : bytes
  }
}

/** Objects are written with sorted keys, pairs in the order given; text as UTF-8, keys as latin1. */
export type Loose =
  | number
  | bigint
  | string
  | Uint8Array
  | Raw
  | readonly Loose[]
  | Pairs
  | { readonly [key: string]: Loose | undefined }

export class Pairs {
  readonly pairs: readonly (readonly [string, Loose])[]

  constructor(...pairs: readonly (readonly [string, Loose])[]) {
    this.pairs = pairs
  }
}

function pairsOf(object: { readonly [key: string]: Loose | undefined }): Pairs {
  const pairs = Object.entries(object).filter((pair): pair is [string, Loose] => pair[1] !== undefined)
  return new Pairs(...pairs.sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function bencode(value: Loose): Uint8Array {
  if (typeof value === 'number' || typeof value === 'bigint') return fromLatin1(`i${value}e`)
  if (typeof value === 'string') return bencode(fromUtf8(value))
  if (value instanceof Uint8Array) return concatBytes([fromLatin1(`${value.length}:`), value])
  if (value instanceof Raw) return value.bytes
  if (Array.isArray(value)) return concatBytes([fromLatin1('l'), ...value.map(bencode), fromLatin1('e')])
  const { pairs } = value instanceof Pairs ? value : pairsOf(value as { readonly [key: string]: Loose | undefined })
  const parts = pairs.flatMap(([key, child]) => [bencode(fromLatin1(key)), bencode(child)])
  return concatBytes([fromLatin1('d'), ...parts, fromLatin1('e')])
}
