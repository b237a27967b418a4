// Hashes that nobody outside can foresee: SipHash-2-4 (Aumasson, Bernstein) for what proves an address, and the cheaper
// HalfSipHash-1-3 for tables whose keys strangers choose. Guarantees: 32-bit arithmetic only, no allocation. Pure.
import { assert } from '../base/assert.ts'
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

/** SipHash-2-4, and where its last result stands. Made once, used again and again. */
export class SipHash {
  high = 0
  low = 0
  private readonly key: HashKey
  /** v0 to v3, each low word first. */
  private readonly state = new Uint32Array(8)

  constructor(key: HashKey) {
    assert(key.length === 4, 'a key of 128 bits')
    this.key = key
  }

  /** Over the first `length` bytes; the 64 bits are then in `high` and `low`, without sign. */
  update(bytes: Uint8Array, length: number): void {
    const { key, state } = this
    const [k0 = 0, k1 = 0, k2 = 0, k3 = 0] = key
    state[0] = k0 ^ 0x70736575
    state[1] = k1 ^ 0x736f6d65
    state[2] = k2 ^ 0x6e646f6d
    state[3] = k3 ^ 0x646f7261
    state[4] = k0 ^ 0x6e657261
    state[5] = k1 ^ 0x6c796765
    state[6] = k2 ^ 0x79746573
    state[7] = k3 ^ 0x74656462
    const whole = length & ~7
    for (let offset = 0; offset < whole; offset += 8) this.absorb(wordAt(bytes, offset), wordAt(bytes, offset + 4))
    let low = 0
    let high = length << 24
    for (let index = whole; index < length; index++) {
      const place = index - whole
      if (place < 4) low |= (bytes[index] as number) << (8 * place)
      else high |= (bytes[index] as number) << (8 * (place - 4))
    }
    this.absorb(low, high)
    state[4] = (state[4] as number) ^ 0xff
    for (let round = 0; round < 4; round++) this.round()
    const word = (index: number) => state[index] as number
    this.low = (word(0) ^ word(2) ^ word(4) ^ word(6)) >>> 0
    this.high = (word(1) ^ word(3) ^ word(5) ^ word(7)) >>> 0
  }

  private absorb(low: number, high: number): void {
    const { state } = this
    state[6] = (state[6] as number) ^ low
    state[7] = (state[7] as number) ^ high
    this.round()
    this.round()
    state[0] = (state[0] as number) ^ low
    state[1] = (state[1] as number) ^ high
  }

  private round(): void {
    this.addTo(0, 2)
    this.turn(2, 13, 0)
    this.swap(0)
    this.addTo(4, 6)
    this.turn(6, 16, 4)
    this.addTo(0, 6)
    this.turn(6, 21, 0)
    this.addTo(4, 2)
    this.turn(2, 17, 4)
    this.swap(4)
  }

  private addTo(target: number, from: number): void {
    const { state } = this
    const low = (state[target] as number) + (state[from] as number)
    state[target] = low
    state[target + 1] = (state[target + 1] as number) + (state[from + 1] as number) + (low > 0xffff_ffff ? 1 : 0)
  }

  /** Rotates a word left by under 32 bits, then mixes another into it. */
  private turn(target: number, bits: number, other: number): void {
    const { state } = this
    const low = state[target] as number
    const high = state[target + 1] as number
    state[target] = ((low << bits) | (high >>> (32 - bits))) ^ (state[other] as number)
    state[target + 1] = ((high << bits) | (low >>> (32 - bits))) ^ (state[other + 1] as number)
  }

  /** Rotates by 32 bits. */
  private swap(target: number): void {
    const { state } = this
    const low = state[target] as number
    state[target] = state[target + 1] as number
    state[target + 1] = low
  }
}
