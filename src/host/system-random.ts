// The Random port on the system's generator of secrets. Small numbers come from a pool that is filled at once, and
// each of its bytes is used once. Guarantees: uniform, unpredictable to anyone outside.
import { randomFillSync } from 'node:crypto'
import { assert } from '../base/assert.ts'
import type { Random } from '../ports/random.ts'

const poolWords = 256
const wordRange = 2 ** 32

export function systemRandom(): Random {
  const pool = new Uint32Array(poolWords)
  let used = poolWords

  function word(): number {
    if (used === poolWords) {
      randomFillSync(pool)
      used = 0
    }
    const value = pool[used] as number
    pool[used++] = 0
    return value
  }

  return {
    fill(target) {
      if (target.length > 0) randomFillSync(target)
    },
    below(limit) {
      assert(Number.isInteger(limit) && limit >= 1 && limit <= wordRange, 'a limit of 1 to 2^32')
      // The words beyond the last whole multiple of the limit would favour small numbers.
      const usable = wordRange - (wordRange % limit)
      for (;;) {
        const value = word()
        if (value < usable) return value % limit
      }
    },
  }
}
