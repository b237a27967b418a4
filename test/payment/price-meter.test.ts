// What is owed, against a sum byte range by byte range.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { PriceMeter, priceOf } from '../../src/payment/price-meter.ts'

const price = fc.bigInt({ min: 0n, max: 10n ** 24n }).map(tokenAmount)
const bytes = fc.integer({ min: 0, max: 2 ** 31 })

interface Step {
  readonly from: number
  readonly price: bigint
}

function naive(steps: readonly Step[], count: number): bigint {
  let sum = 0n
  for (const [index, step] of steps.entries()) {
    const end = Math.min(steps[index + 1]?.from ?? Number.MAX_SAFE_INTEGER, count)
    if (end > step.from) sum += BigInt(end - step.from) * step.price
  }
  return sum >> 20n
}

describe('a price meter', () => {
  test('owes the floor of the whole sum, whatever parts it is counted in and however often it is asked', () => {
    fc.assert(
      fc.property(price, fc.array(fc.oneof(bytes, fc.tuple(bytes, price)), { maxLength: 30 }), (first, events) => {
        const meter = new PriceMeter(tokenAmount(0n), first)
        const steps: Step[] = [{ from: 0, price: first }]
        for (const event of events) {
          if (typeof event === 'number') meter.add(event)
          else {
            const fromByte = meter.bytes + event[0]
            if (meter.setPrice(fromByte, event[1])) steps.push({ from: fromByte, price: event[1] })
            else assert.ok(fromByte < (steps.at(-1)?.from ?? 0))
          }
          assert.equal(meter.owed(), naive(sorted(steps), meter.bytes))
        }
      }),
    )
  })

  test('says how many bytes an amount covers: that many and not one more', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 10n ** 24n }).map(tokenAmount),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 10 ** 7 }), fc.bigInt({ min: 1n, max: 10n ** 24n })), {
          maxLength: 8,
        }),
        fc.bigInt({ min: 0n, max: 10n ** 25n }).map(tokenAmount),
        (first, later, amount) => {
          const meter = new PriceMeter(tokenAmount(0n), first)
          let from = 0
          for (const [gap, next] of later) {
            from += gap
            assert.ok(meter.setPrice(from, tokenAmount(next)))
          }
          const covered = meter.bytesFor(amount)
          fc.pre(covered < Number.MAX_SAFE_INTEGER)
          assert.ok(meter.owedAt(covered) <= amount)
          assert.ok(meter.owedAt(covered + 1) > amount)
        },
      ),
    )
  })

  test('changes no price of what was counted, and none before the last', () => {
    const meter = new PriceMeter(tokenAmount(0n), tokenAmount(1n << 20n))
    meter.add(100)
    assert.equal(meter.setPrice(99, tokenAmount(1n)), false)
    assert.equal(meter.setPrice(200, tokenAmount(2n << 20n)), true)
    assert.equal(meter.setPrice(150, tokenAmount(3n << 20n)), false)
    assert.equal(meter.setPrice(Number.NaN, tokenAmount(3n)), false)
    assert.equal(meter.setPrice(240, tokenAmount(2n << 20n)), true)
    assert.equal(meter.setPrice(200, tokenAmount(3n << 20n)), false)
    meter.add(150)
    assert.equal(meter.owed(), 100n + 100n + 100n)
    assert.equal(meter.pricePerMiB, 2n << 20n)
  })

  test('has a bound on prices that are not paid for, and forgets those that are', () => {
    const meter = new PriceMeter(tokenAmount(0n), tokenAmount(1n << 20n))
    let count = 0
    while (meter.setPrice(10 * (count + 1), tokenAmount(BigInt(count + 2) << 20n))) count++
    assert.equal(count, 63)
    meter.add(500)
    const owed = meter.owed()
    meter.settle(owed)
    assert.equal(meter.owed(), owed)
    assert.ok(meter.setPrice(10_000, tokenAmount(1n)))
  })

  test('carries over what was owed before, and takes the higher figure of two', () => {
    const meter = new PriceMeter(tokenAmount(70n), tokenAmount(1n << 20n))
    assert.ok(meter.setPrice(50, tokenAmount(2n << 20n)))
    meter.add(30)
    assert.equal(meter.owed(), 100n)
    meter.raiseTo(tokenAmount(90n))
    assert.equal(meter.owed(), 100n)
    meter.raiseTo(tokenAmount(150n))
    assert.equal(meter.owed(), 150n)
    assert.equal(meter.owedAt(60), 150n + 20n + 20n)
  })

  test('rounds down, to the favour of who pays', () => {
    assert.equal(priceOf(1, tokenAmount((1n << 20n) - 1n)), 0n)
    assert.equal(priceOf(1_048_576, tokenAmount(7n)), 7n)
  })
})

/** Of two from one byte on, the later one counts. */
function sorted(steps: readonly Step[]): Step[] {
  return steps.filter((step, index) => steps[index + 1]?.from !== step.from)
}
