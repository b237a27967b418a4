// The Random port from a seed, for tests: the same numbers in every run.
// Guarantees: uniform enough to test choices with; never for secrets.
import type { Random } from '../../src/ports/random.ts'

/** Marsaglia's xorshift, 32 bits. */
export function seededRandom(seed = 1): Random {
  let state = seed >>> 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
  return {
    below: (limit) => next() % limit,
    fill(target) {
      for (let index = 0; index < target.length; index++) target[index] = next()
    },
  }
}
