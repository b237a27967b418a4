// SipHash-2-4 (Aumasson and Bernstein, 2012): 64 bits over a short message that nobody can foretell who lacks the key.
// For proofs that we make and check ourselves, thousands a second; it is no digest and signs nothing for others.
// Guarantees: pure, deterministic, without garbage.
import { assert } from './assert.ts'

export const sipKeyLength = 16
export const sipHashLength = 8

function word(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] as number) |
    ((bytes[offset + 1] as number) << 8) |
    ((bytes[offset + 2] as number) << 16) |
    ((bytes[offset + 3] as number) << 24)
  )
}

/** Bytes [offset, offset + 4) of the message as it ends: zeros, and its length as the very last. */
function lastWord(message: Uint8Array, offset: number, isVeryLast: boolean): number {
  let value = isVeryLast ? (message.length & 0xff) << 24 : 0
  for (let index = offset; index < message.length && index < offset + 4; index++) {
    value |= (message[index] as number) << (8 * (index - offset))
  }
  return value
}

function putWord(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value
  target[offset + 1] = value >>> 8
  target[offset + 2] = value >>> 16
  target[offset + 3] = value >>> 24
}

/** Writes the 8 bytes at `offset`. The key has 16. */
export function sipHashInto(key: Uint8Array, message: Uint8Array, target: Uint8Array, offset: number): void {
  assert(key.length === sipKeyLength, 'a key of 16 bytes')
  const k0 = word(key, 0)
  const k1 = word(key, 4)
  const k2 = word(key, 8)
  const k3 = word(key, 12)
  // Four words of 64 bits, the lower half first; kept apart, since numbers have 53 bits and bigints make garbage.
  let [a, b, c, d] = [k0 ^ 0x70736575, k1 ^ 0x736f6d65, k2 ^ 0x6e646f6d, k3 ^ 0x646f7261]
  let [e, f, g, h] = [k0 ^ 0x6e657261, k1 ^ 0x6c796765, k2 ^ 0x79746573, k3 ^ 0x74656462]
  const parts = (message.length >> 3) + 1
  for (let part = 0; part <= parts; part++) {
    const isEnd = part === parts
    const at = 8 * part
    const isLast = part === parts - 1
    const low = isEnd ? 0 : isLast ? lastWord(message, at, false) : word(message, at)
    const high = isEnd ? 0 : isLast ? lastWord(message, at + 4, true) : word(message, at + 4)
    if (isEnd) e ^= 0xff
    g ^= low
    h ^= high
    for (let round = isEnd ? 4 : 2; round > 0; round--) {
      let sum = (a + c) | 0
      b = (b + d + (sum >>> 0 < a >>> 0 ? 1 : 0)) | 0
      let rotated = (c << 13) | (d >>> 19)
      d = ((d << 13) | (c >>> 19)) ^ b
      c = rotated ^ sum
      a = b
      b = sum
      sum = (e + g) | 0
      f = (f + h + (sum >>> 0 < e >>> 0 ? 1 : 0)) | 0
      e = sum
      rotated = (g << 16) | (h >>> 16)
      h = ((h << 16) | (g >>> 16)) ^ f
      g = rotated ^ e
      sum = (a + g) | 0
      b = (b + h + (sum >>> 0 < a >>> 0 ? 1 : 0)) | 0
      a = sum
      rotated = (g << 21) | (h >>> 11)
      h = ((h << 21) | (g >>> 11)) ^ b
      g = rotated ^ a
      sum = (e + c) | 0
      f = (f + d + (sum >>> 0 < e >>> 0 ? 1 : 0)) | 0
      rotated = (c << 17) | (d >>> 15)
      d = ((d << 17) | (c >>> 15)) ^ f
      c = rotated ^ sum
      e = f
      f = sum
    }
    a ^= low
    b ^= high
  }
  putWord(target, offset, a ^ c ^ e ^ g)
  putWord(target, offset + 4, b ^ d ^ f ^ h)
}
