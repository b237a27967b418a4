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
  let a = splitMix()
  let b = splitMix()
  let c = splitMix()
  let d = splitMix()

  function next(): number {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotateLeft(d, 11)
    return result
  }

  return {
    fill(target) {
      const wholeLength = target.length - (target.length % 4)
      // Whole words first: worlds are full of random content.
      for (let index = 0; index < wholeLength; index += 4) {
        const word = next()
        target[index] = word
        target[index + 1] = word >>> 8
        target[index + 2] = word >>> 16
        target[index + 3] = word >>> 24
      }
      let word = wholeLength === target.length ? 0 : next()
      for (let index = wholeLength; index < target.length; index++) {
        target[index] = word
        word >>>= 8
      }
    },
    below(limit) {
      return Math.floor((next() / 2 ** 32) * limit)
    },
  }
}
