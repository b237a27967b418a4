// A small deterministic generator of random numbers for fuzzing: same seed, same sequence, on any machine.
// Not for secrets. The caller owns each generator.

export interface FuzzRandom {
  /** A whole number from 0 to `limit - 1`; limit is 1 to 2^32. */
  below(limit: number): number
}

/** 32 bits that depend on every character of `text` (FNV-1a). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}

/** A generator whose sequence depends on all the parts. */
export function randomFrom(...parts: readonly number[]): FuzzRandom {
  let state = 0x9e3779b9
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  for (const part of parts) {
    state ^= part
    state = next()
  }
  return { below: (limit) => Math.floor((next() / 2 ** 32) * limit) }
}
