// Randomness that a seed repeats: xoshiro128**, seeded by splitmix32. For simulations and tests only.
// Each stream owns its state.
import type { Random } from '../../src/ports/random.ts'

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

export function simulatedRandom(seed: number): Random {
  let mix = seed | 0
  function splitMix(): number {
    mix = (mix + 0x9e37_79b9) | 0
    let z = mix
    z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97)
    return z ^ (z >>> 15)
  }
  const state = Int32Array.of(splitMix(), splitMix(), splitMix(), splitMix())

  function next(): number {
    const a = state[0] as number
    const b = state[1] as number
    const c = state[2] as number
    const d = state[3] as number
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
    state[2] = c ^ a
    state[3] = d ^ b
    state[1] = b ^ (state[2] as number)
    state[0] = a ^ (state[3] as number)
    state[2] = (state[2] as number) ^ (b << 9)
    state[3] = rotateLeft(state[3] as number, 11)
    return result
  }

  return {
    fill(target) {
      let word = 0
      for (let index = 0; index < target.length; index++) {
        word = index % 4 === 0 ? next() : word >>> 8
        target[index] = word & 0xff
      }
    },
    below(limit) {
      return Math.floor((next() / 2 ** 32) * limit)
    },
  }
}
