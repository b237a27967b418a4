// What was earned a day, lately: the sum of the last hours, at the rate of the hours that there were.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { EarnedLately } from '../../src/payment/earned-lately.ts'

const hourMs = 3_600_000
const story = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 5 * hourMs }), amount: fc.nat(1_000_000) }))

test('it is what came in the hours that count, of less than a day as many times over as there were hours', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), story, (startMs, haps) => {
      const lately = new EarnedLately(startMs)
      let nowMs = startMs
      const came: { hour: number; amount: bigint }[] = []
      for (const { afterMs, amount } of haps) {
        nowMs += afterMs
        lately.add(tokenAmount(BigInt(amount)), nowMs)
        came.push({ hour: Math.floor((nowMs - startMs) / hourMs), amount: BigInt(amount) })
      }
      const hour = Math.floor((nowMs - startMs) / hourMs)
      const sum = came.filter((one) => one.hour > hour - 24).reduce((total, { amount }) => total + amount, 0n)
      assert.equal(lately.perDay(nowMs), (sum * 24n) / BigInt(Math.min(24, hour + 1)))
    }),
    { numRuns: 200 },
  )
})

test('a day without earnings leaves nothing', () => {
  const lately = new EarnedLately(0)
  lately.add(tokenAmount(5n), 1)
  assert.equal(lately.perDay(23 * hourMs), 5n)
  assert.equal(lately.perDay(25 * hourMs), 0n)
})
