// What every implementation of the Random port promises, as tests. Guarantees: touches the port and nothing else;
// bounds are so wide that honest randomness fails them less than once in 10^9 runs.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Random } from '../../src/ports/random.ts'

export function randomConformance(title: string, make: () => Random): void {
  describe(`random: ${title}`, () => {
    test('fill fills all of the target and nothing else', () => {
      const random = make()
      const around = new Uint8Array(100_020)
      random.fill(around.subarray(10, 100_010))
      assert.deepEqual([...around.subarray(0, 10), ...around.subarray(100_010)], new Array(20).fill(0))
      const counts = new Uint32Array(256)
      for (const byte of around.subarray(10, 100_010)) counts[byte] = (counts[byte] ?? 0) + 1
      for (const count of counts) assert.ok(count > 200 && count < 600, `a byte ${count} times`)
      random.fill(new Uint8Array(0))
    })

    test('two fills differ', () => {
      const random = make()
      const [first, second] = [new Uint8Array(32), new Uint8Array(32)]
      random.fill(first)
      random.fill(second)
      assert.notDeepEqual(first, second)
    })

    test('below stays below its limit and is uniform', () => {
      const random = make()
      for (const limit of [1, 2, 3, 10, 100]) {
        const counts = new Uint32Array(limit)
        const draws = 2_000 * Math.min(limit, 10)
        for (let draw = 0; draw < draws; draw++) {
          const value = random.below(limit)
          assert.ok(Number.isInteger(value) && value >= 0 && value < limit)
          counts[value] = (counts[value] ?? 0) + 1
        }
        const expected = draws / limit
        for (const count of counts)
          assert.ok(Math.abs(count - expected) <= 8 * Math.sqrt(expected), `${count} of ${limit}`)
      }
    })

    test('large limits are reached and not favoured below', () => {
      const random = make()
      // Without rejection the lower half of this limit would come twice as often as the upper.
      const limit = 3 * 2 ** 30
      let lower = 0
      for (let draw = 0; draw < 4_000; draw++) if (random.below(limit) < limit / 3) lower++
      assert.ok(lower > 1_100 && lower < 1_566, `${lower} of 4000`)
      let high = 0
      for (let draw = 0; draw < 200; draw++) if (random.below(2 ** 32) >= 2 ** 31) high++
      assert.ok(high > 40 && high < 160)
    })
  })
}
