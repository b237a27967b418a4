// The npm package `bencode`, which has no type declarations: what ours is compared with and measured against.
// Values: dictionaries are objects keyed by UTF-8 text, strings are bytes, integers are numbers.

export interface NpmBencode {
  decode(bytes: Uint8Array): unknown
  encode(value: unknown): Uint8Array
}

// Resolved first, because the compiler looks for declarations of whatever a plain import names.
const { default: implementation } = await import(import.meta.resolve('bencode'))
export const npmBencode: NpmBencode = implementation
