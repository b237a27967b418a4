// A hash that nobody outside can foresee, for tables whose keys strangers choose: HalfSipHash-1-3 (Aumasson, Bernstein).
// Guarantees: 32-bit arithmetic only, no allocation. Pure.
import type { Random } from '../ports/random.ts'

/** Four little-endian words; 128 bits. */
export type HashKey = Uint32Array

export function newHashKey(random: Random): HashKey {
  const bytes = new Uint8Array(16)
  random.fill(bytes)
  return new Uint32Array(bytes.buffer)
}

function wordAt(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] as number) |
    ((bytes[offset + 1] as number) << 8) |
    ((bytes[offset + 2] as number) << 16) |
    ((bytes[offset + 3] as number) << 24)
  )
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

/** 32 bits over a word and bytes, without sign: HalfSipHash with one round a word and three at the end. */
export function tableHash(key: HashKey, word: number, bytes: Uint8Array, start: number, end: number): number {
  let v0 = key[0] as number
  let v1 = key[1] as number
  let v2 = 0x6c796765 ^ (key[0] as number)
  let v3 = 0x74656462 ^ (key[1] as number)
  const words = (end - start) >> 2
  const tailAt = start + 4 * words
  // The word, those of the bytes, what is left of them with the length, then three rounds without input.
  for (let step = -1; step <= words + 3; step++) {
    let input = 0
    if (step === -1) input = word
    else if (step < words) input = wordAt(bytes, start + 4 * step)
    else if (step === words) {
      input = (end - start) << 24
      for (let index = tailAt; index < end; index++) input |= (bytes[index] as number) << (8 * (index - tailAt))
    } else if (step === words + 1) {
      v2 ^= 0xff
    }
    v3 ^= input
    v0 = (v0 + v1) | 0
    v1 = rotate(v1, 5) ^ v0
    v0 = rotate(v0, 16)
    v2 = (v2 + v3) | 0
    v3 = rotate(v3, 8) ^ v2
    v0 = (v0 + v3) | 0
    v3 = rotate(v3, 7) ^ v0
    v2 = (v2 + v1) | 0
    v1 = rotate(v1, 13) ^ v2
    v2 = rotate(v2, 16)
    v0 ^= input
  }
  return (v1 ^ v3) >>> 0
}
