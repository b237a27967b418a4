// How far a provider goes ahead of payment: windows, ticks, the pool for newcomers, and the memory of who did not pay.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import { CreditPool } from '../../src/payment/credit-pool.ts'
import { ExposureWindow, firstWindowBytes, type LinkConditions, tickBytes } from '../../src/payment/exposure-window.ts'
import {
  afterDefault,
  afterDifference,
  afterPayment,
  isEstablished,
  newStanding,
  treatmentOf,
} from '../../src/payment/standing.ts'
import type { AccountId } from '../../src/ports/ledger.ts'

const mebibyte = 1_048_576
const dayMs = 86_400_000
const link: LinkConditions = {
  pieceBytes: 262_144,
  hasWholePieceHashes: true,
  bytesPerSecond: 10 * mebibyte,
  roundTripMs: 100,
  remainingBytes: Number.MAX_SAFE_INTEGER,
}

describe('a window', () => {
  test('begins at a mebibyte, or two pieces where only those can be checked', () => {
    assert.equal(firstWindowBytes(262_144, true), mebibyte)
    assert.equal(firstWindowBytes(4 * mebibyte, true), 8 * mebibyte)
    assert.equal(firstWindowBytes(4 * mebibyte, false), mebibyte)
  })

  test('is never over the first one or an eighth of what was paid, whatever comes in whatever order', () => {
    const event = fc.oneof(
      fc.integer({ min: 0, max: 64 * mebibyte }),
      fc.constant('reset' as const),
      fc.record({ settlingMs: fc.integer({ min: 0, max: 100_000 }) }),
      fc.record({
        pieceBytes: fc.integer({ min: 16_384, max: 16 * mebibyte }),
        hasWholePieceHashes: fc.boolean(),
        bytesPerSecond: fc.integer({ min: 0, max: 500 * mebibyte }),
        roundTripMs: fc.integer({ min: 0, max: 1000 }),
        remainingBytes: fc.integer({ min: 0, max: 4096 * mebibyte }),
      }),
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const window = new ExposureWindow(link)
        let conditions = link
        let paid = 0
        for (const given of events) {
          if (given === 'reset') window.reset()
          else if (typeof given === 'number') {
            window.paid(given)
            paid += given
          } else if ('settlingMs' in given) window.settledAfter(given.settlingMs)
          else {
            conditions = given
            window.setConditions(given)
          }
          const first = firstWindowBytes(conditions.pieceBytes, conditions.hasWholePieceHashes)
          assert.ok(window.bytes >= first || given !== 'reset')
          assert.ok(window.bytes <= Math.max(first, Math.floor(paid / 8)), `${window.bytes} of ${paid}`)
          assert.ok(window.bytes <= Math.max(first, conditions.remainingBytes / 2), 'half of what it lacks is not had')
          assert.ok(window.tickBytes <= Math.max(window.bytes, mebibyte) / 4)
        }
      }),
    )
  })

  test('doubles with each window paid in full, up to what the link can use, and is small again after a default', () => {
    const window = new ExposureWindow(link)
    window.paid(mebibyte)
    assert.equal(window.bytes, mebibyte, 'an eighth of one paid window is less')
    for (let paid = 0; paid < 400; paid++) window.paid(mebibyte)
    const usefulFor = (seconds: number) =>
      Math.floor(2 * link.pieceBytes + (2 * link.bytesPerSecond) / 4 + 1.5 * link.bytesPerSecond * seconds)
    assert.equal(window.bytes, usefulFor(0.1))
    for (let count = 0; count < 20; count++) window.settledAfter(60)
    window.paid(mebibyte)
    assert.equal(window.bytes, usefulFor(0.1), 'what is settled within a round trip needs no more')
    for (let count = 0; count < 60; count++) window.settledAfter(400)
    window.paid(mebibyte)
    assert.ok(Math.abs(window.bytes - usefulFor(0.4)) <= 2)
    for (let count = 0; count < 60; count++) window.settledAfter(60_000)
    window.paid(400 * mebibyte)
    assert.ok(Math.abs(window.bytes - usefulFor(2)) <= 2, 'a payer that takes longer is not trusted with more')
    window.reset()
    assert.equal(window.bytes, mebibyte)
  })

  test('is paid in ticks of a quarter of a second of the rate, at least 256 KiB, at most a quarter of it', () => {
    assert.equal(tickBytes(0, 64 * mebibyte), 262_144)
    assert.equal(tickBytes(8 * mebibyte, 64 * mebibyte), 2 * mebibyte)
    assert.equal(tickBytes(8 * mebibyte, 4 * mebibyte), mebibyte)
    assert.equal(tickBytes(1000 * mebibyte, 1000 * mebibyte), 16 * mebibyte)
    assert.equal(tickBytes(8 * mebibyte, 0), 262_144)
    assert.equal(tickBytes(8 * mebibyte, 1), 262_144)
  })
})

describe('the pool for newcomers', () => {
  test('lends no more than it has and than has flowed back, and to one network a part of it', () => {
    const step = fc.tuple(
      fc.constantFrom('a', 'b', 'c'),
      fc.integer({ min: 1, max: 4 * mebibyte }),
      fc.integer({ min: 0, max: 120_000 }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const pool = new CreditPool({ totalBytes: 16 * mebibyte, networkBytes: 8 * mebibyte })
        const taken: Record<string, number> = { a: 0, b: 0, c: 0 }
        let nowMs = 0
        for (const [network, bytes, passedMs] of steps) {
          nowMs += passedMs
          if (!pool.take(network, bytes, nowMs)) continue
          taken[network] = (taken[network] ?? 0) + bytes
          const flowed = (nowMs / 60_000) * mebibyte
          assert.ok((taken[network] ?? 0) <= 8 * mebibyte + flowed)
          assert.ok(Object.values(taken).reduce((sum, each) => sum + each) <= 16 * mebibyte + flowed)
        }
      }),
    )
  })

  test('takes back what was paid for', () => {
    const pool = new CreditPool({ totalBytes: 2 * mebibyte, networkBytes: 2 * mebibyte })
    assert.ok(pool.take('a', 2 * mebibyte, 0))
    assert.ok(!pool.take('b', mebibyte, 0))
    pool.giveBack('a', mebibyte)
    assert.ok(pool.take('b', mebibyte, 0))
    assert.ok(!pool.take('b', mebibyte, 30_000))
    assert.ok(pool.take('b', mebibyte, 60_000), 'a mebibyte a minute flows back')
  })
})

describe('standing', () => {
  const account = 'swarmbid:00000000000000000000000000000000:0x0000000000000000000000000000000000000001' as AccountId
  const unpaid = tokenAmount(100n)

  test('a default is paid for with an hour, a day, a week of less', () => {
    const first = afterDefault(newStanding(account), unpaid, 1000)
    assert.equal(treatmentOf(first, 1001), 'prepay')
    assert.equal(treatmentOf(first, 1000 + 3_600_000), 'credit')
    const second = afterDefault(first, unpaid, 2000)
    assert.equal(treatmentOf(second, 2000 + dayMs - 1), 'prepay')
    const third = afterDefault(second, unpaid, 3000)
    assert.equal(treatmentOf(third, 3000 + 7 * dayMs - 1), 'banned')
    assert.equal(treatmentOf(third, 3000 + 7 * dayMs), 'credit')
    assert.equal(third.unpaid, 300n)
    assert.equal(treatmentOf(undefined, 0), 'credit')
  })

  test('it is forgotten by half every thirty days', () => {
    const bad = afterDefault(afterDefault(newStanding(account), unpaid, 1000), unpaid, 1000)
    const later = afterPayment(bad, 0, tokenAmount(0n), 1000 + 61 * dayMs)
    assert.equal(later.defaults, 0)
    assert.equal(later.unpaid, 50n)
  })

  test('small differences are one default once they make up what is tolerated; paying makes them good', () => {
    const tolerated = tokenAmount(250n)
    let standing = newStanding(account)
    standing = afterDifference(standing, unpaid, tolerated, 1000)
    standing = afterDifference(standing, unpaid, tolerated, 1000)
    assert.equal(standing.defaults, 0)
    const paid = afterPayment(standing, 10, tokenAmount(6400n), 1000)
    assert.equal(paid.unpaid, 100n)
    assert.equal(afterDifference(paid, unpaid, tolerated, 1000).defaults, 0)
    assert.equal(afterDifference(standing, unpaid, tolerated, 1000).defaults, 1)
  })

  test('who paid for enough before needs no credit of newcomers', () => {
    const good = afterPayment(newStanding(account), 1000, unpaid as TokenAmount, 1000)
    assert.ok(isEstablished(good, 1000, 2000))
    assert.ok(!isEstablished(good, 1001, 2000))
    assert.ok(!isEstablished(good, 1000, 1000 + 31 * dayMs))
    assert.ok(!isEstablished(afterDefault(good, unpaid, 1000), 1000, 2000))
  })
})
