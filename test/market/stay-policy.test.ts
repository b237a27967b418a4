// A provider stays while it expects to earn what staying costs, and never pays for company.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type TokenAmount, tokenAmount, zeroAmount } from '../../src/base/token-amount.ts'
import { StayPolicy } from '../../src/market/stay-policy.ts'

const unit = 10n ** 18n
const hourMs = 3_600_000
const minuteMs = 60_000

interface Hap {
  readonly afterMs: number
  readonly milli: number
  readonly payers: number
}

const haps = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 10 * minuteMs }),
    milli: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2_000 })),
    payers: fc.integer({ min: 0, max: 2 }),
  }),
  { maxLength: 60 },
)
const costs = fc.integer({ min: 1, max: 20_000 }).map((milli) => milliUnits(milli))

function milliUnits(milli: number): TokenAmount {
  return tokenAmount((BigInt(milli) * unit) / 1_000n)
}

/** How long it stays, looking every so often besides, and what was earned until then. */
function play(cost: TokenAmount, story: readonly Hap[], lookEveryMs = Number.POSITIVE_INFINITY) {
  const policy = new StayPolicy(cost, zeroAmount, 0)
  let [nowMs, earned, payers] = [0, 0n, 0]
  let stayedMs = 0
  for (const hap of story) {
    const untilMs = nowMs + hap.afterMs
    for (nowMs += lookEveryMs; nowMs < untilMs; nowMs += lookEveryMs) {
      if (!policy.stays(nowMs)) break
      policy.note(tokenAmount(earned), payers, nowMs)
    }
    nowMs = untilMs
    if (!policy.stays(nowMs)) break
    stayedMs = nowMs
    earned += milliUnits(hap.milli)
    payers = hap.payers
    policy.note(tokenAmount(earned), payers, nowMs)
  }
  // Who was still there does not leave before then.
  return { leavesAtMs: Math.max(policy.leavesAtMs(), stayedMs), earned: tokenAmount(earned), policy }
}

/** Of somebody who is there for ten hours and pays each minute. */
function incomeOf(milli: number): Hap[] {
  return Array.from({ length: 601 }, (_, minute) =>
    minute === 0 ? { afterMs: 0, milli: 0, payers: 1 } : { afterMs: minuteMs, milli, payers: 1 },
  )
}

describe('staying while it pays', () => {
  test('never costs more than what was earned meanwhile and five minutes', () => {
    fc.assert(
      fc.property(costs, haps, (cost, story) => {
        const { leavesAtMs, earned } = play(cost, story)
        const spent = (Number(cost) * (leavesAtMs - 5 * minuteMs)) / hourMs
        assert.ok(spent <= Number(earned) * (1 + 1e-9) + 1e-3, `${spent} for ${earned}`)
      }),
      { numRuns: 300 },
    )
  })

  test('comes out the same however often it is asked', () => {
    fc.assert(
      fc.property(costs, haps, fc.integer({ min: 1_000, max: 5 * minuteMs }), (cost, story, lookEveryMs) => {
        const [seldom, often] = [play(cost, story).leavesAtMs, play(cost, story, lookEveryMs).leavesAtMs]
        assert.ok(Math.abs(seldom - often) <= 1, `${seldom} and ${often}`)
      }),
      { numRuns: 200 },
    )
  })

  test('earning more at any moment, or more company, never makes it leave sooner', () => {
    fc.assert(
      fc.property(costs, haps, fc.nat(), fc.integer({ min: 1, max: 500 }), (cost, story, at, more) => {
        const richer = story.map((hap, index) =>
          index === at % story.length ? { ...hap, milli: hap.milli + more } : hap,
        )
        const { leavesAtMs } = play(cost, story)
        assert.ok(play(cost, richer).leavesAtMs >= leavesAtMs - 1)
        const visited = story.map((hap) => ({ ...hap, payers: hap.payers + 1 }))
        assert.ok(play(cost, visited).leavesAtMs >= leavesAtMs - 1)
      }),
      { numRuns: 200 },
    )
  })

  test('goes on for as long as a steady income is above the cost, and ends soon where it is below', () => {
    const income = incomeOf(100)
    const lasted = (perHour: bigint) => play(tokenAmount(perHour * unit), income).leavesAtMs / minuteMs
    assert.ok(lasted(5n) > 600)
    assert.ok(lasted(7n) < 60, `${lasted(7n)} minutes`)
    assert.ok(lasted(60n) < 7, `${lasted(60n)} minutes`)
  })

  test('what was earned long ago keeps nobody: ten times the cost for hours is half an hour and a little', () => {
    const { leavesAtMs } = play(tokenAmount(6n * unit), [...incomeOf(1_000), { afterMs: 0, milli: 0, payers: 0 }])
    const minutes = leavesAtMs / minuteMs - 600
    assert.ok(minutes > 30 && minutes < 36, `${minutes} minutes`)
  })

  test('without earnings it waits a minute alone, and five minutes for those who may pay', () => {
    assert.equal(play(milliUnits(10), []).leavesAtMs, minuteMs)
    assert.equal(play(milliUnits(10), [{ afterMs: 0, milli: 0, payers: 1 }]).leavesAtMs, 5 * minuteMs)
  })

  test('who stays anyway has no cost, and is never told to leave', () => {
    const { policy } = play(zeroAmount, [{ afterMs: minuteMs, milli: 5, payers: 0 }])
    assert.ok(policy.stays(1_000 * hourMs))
    policy.note(milliUnits(5), 0, 900 * hourMs)
    assert.equal(policy.leavesAtMs(), Number.POSITIVE_INFINITY)
  })
})
