// Property 13: cashing costs at most 2 % of what is cashed, near the least that fees and waiting can cost together, and
// nothing expires that was worth its fee.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import {
  integerSquareRoot,
  isLaneWorthOpening,
  lanesToCash,
  settlementThreshold,
} from '../../src/market/settlement-threshold.ts'
import type { Random } from '../../src/ports/random.ts'
import { between, cases } from './market-cases.ts'

const unit = 10n ** 15n
const dayMs = 86_400_000
const stepMs = dayMs / 96
const holdingPerDay = 0.05

interface Stream {
  readonly fees: { readonly transaction: ReturnType<typeof tokenAmount>; readonly lane: ReturnType<typeof tokenAmount> }
  readonly earnedPerStep: readonly bigint[]
  readonly earnedPerDay: bigint
  readonly laneDays: number
  readonly laneCount: number
}

interface Outcome {
  readonly fees: number
  readonly waiting: number
  readonly cashed: number
  readonly expired: number
}

type Policy = (
  stream: Stream,
  lanes: readonly { readonly unpaid: bigint; readonly cashBeforeMs: number }[],
  nowMs: number,
) => readonly number[]

function asNumber(value: bigint): number {
  return Number(value) / Number(unit)
}

/** Lanes take turns in earning; each ends after its days, at different times, and another one follows. */
function play(stream: Stream, policy: Policy): Outcome {
  const { fees, laneCount, laneDays } = stream
  const lanes = Array.from({ length: laneCount }, (_, index) => ({
    unpaid: 0n,
    cashBeforeMs: ((index + 1) / laneCount) * laneDays * dayMs,
  }))
  let [paidFees, waiting, cashed, expired] = [0n, 0, 0n, 0n]
  let nowMs = 0
  for (const [step, earned] of stream.earnedPerStep.entries()) {
    nowMs += stepMs
    const lane = lanes[step % laneCount]
    if (lane !== undefined) lane.unpaid += earned
    const chosen = policy(stream, lanes, nowMs)
    if (chosen.length > 0) paidFees += fees.transaction + BigInt(chosen.length) * fees.lane
    for (const index of chosen) {
      const one = lanes[index]
      if (one === undefined) continue
      cashed += one.unpaid
      one.unpaid = 0n
    }
    for (const one of lanes) {
      if (nowMs < one.cashBeforeMs) continue
      if (one.unpaid > fees.lane + fees.transaction) expired += one.unpaid
      one.unpaid = 0n
      one.cashBeforeMs += laneDays * dayMs
    }
    for (const one of lanes) waiting += asNumber(one.unpaid) * holdingPerDay * (stepMs / dayMs)
  }
  return { fees: asNumber(paidFees), waiting, cashed: asNumber(cashed), expired: asNumber(expired) }
}

const automatic: Policy = ({ fees, earnedPerDay }, lanes, nowMs) => {
  const unsettled = lanes.map(({ unpaid, cashBeforeMs }) => ({ unpaid: tokenAmount(unpaid), cashBeforeMs }))
  return lanesToCash({ fees, lanes: unsettled, earnedPerDay: tokenAmount(earnedPerDay), nowMs })
}

/** The same, at a threshold of one's choice: the best of many is what hindsight reaches. */
function fixed(threshold: bigint): Policy {
  return ({ fees }, lanes, nowMs) => {
    const all = [...lanes.keys()].filter((index) => (lanes[index]?.unpaid ?? 0n) > 0n)
    const sum = all.reduce((total, index) => total + (lanes[index]?.unpaid ?? 0n), 0n)
    if (sum >= threshold) return all
    return all.filter(
      (index) =>
        (lanes[index]?.cashBeforeMs ?? 0) <= nowMs && (lanes[index]?.unpaid ?? 0n) > fees.lane + fees.transaction,
    )
  }
}

function randomStream(random: Random): Stream {
  const laneCount = between(random, 1, 4)
  const laneDays = between(random, 30, 60)
  const transaction = unit * BigInt(between(random, 1, 2_000))
  const lane = transaction / BigInt(between(random, 2, 20))
  // What lanes are opened for: over their days they bring what their fees are worth, and some far more.
  const perLane = (transaction + lane) * 50n * BigInt(between(random, 2, 200))
  const perStep = (perLane * BigInt(laneCount)) / BigInt(laneDays * 96)
  const earnedPerStep = Array.from({ length: 96 * 120 }, () => (perStep * BigInt(random.below(200))) / 100n)
  return {
    fees: { transaction: tokenAmount(transaction), lane: tokenAmount(lane) },
    earnedPerStep,
    earnedPerDay: perStep * 96n,
    laneDays,
    laneCount,
  }
}

test('property 13: fees are at most 2 % of what is cashed, costs within 10 % of the best threshold, nothing expires', (t) => {
  const random = simulatedRandom(30)
  let [worstFees, worstCost, expired] = [0, 0, 0]
  const streams = cases(300, 3)
  for (let index = 0; index < streams; index++) {
    const stream = randomStream(random)
    const got = play(stream, automatic)
    worstFees = Math.max(worstFees, got.fees / got.cashed)
    expired += got.expired
    const threshold = settlementThreshold(stream.fees, stream.laneCount, tokenAmount(stream.earnedPerDay))
    const outcomes = Array.from({ length: 17 }, (_, step) =>
      play(stream, fixed((threshold * BigInt(Math.round(1_000 * 1.2 ** (step - 8)))) / 1_000n)),
    )
    const lawful = outcomes.filter((one) => one.fees <= 0.02 * one.cashed)
    const best = Math.min(...lawful.map((one) => one.fees + one.waiting))
    worstCost = Math.max(worstCost, (got.fees + got.waiting) / best)
  }
  t.diagnostic(
    `${streams} streams: fees at most ${(100 * worstFees).toFixed(2)} %, cost at most x${worstCost.toFixed(3)} of the best`,
  )
  assert.equal(expired, 0)
  assert.ok(worstFees <= 0.02)
  assert.ok(worstCost <= 1.1)
})

const fees = { transaction: tokenAmount(1_000n), lane: tokenAmount(100n) }

test('property 13: a lane about to expire is cashed if it is worth the fee, and takes only worthwhile ones along', () => {
  const inputs = { fees, earnedPerDay: tokenAmount(0n), nowMs: 100 }
  const lane = (unpaid: bigint, cashBeforeMs: number) => ({ unpaid: tokenAmount(unpaid), cashBeforeMs })
  assert.deepEqual(lanesToCash({ ...inputs, lanes: [lane(1_101n, 100), lane(4_999n, 900), lane(5_000n, 900)] }), [0, 2])
  assert.deepEqual(lanesToCash({ ...inputs, lanes: [lane(1_100n, 100), lane(4_999n, 900)] }), [])
  assert.deepEqual(lanesToCash({ ...inputs, lanes: [lane(1_101n, 101)] }), [])
  assert.deepEqual(lanesToCash({ ...inputs, lanes: [lane(5_000n, 900)], exposureLimit: tokenAmount(5_000n) }), [0])
})

test('the root is the largest whole one, and lanes are opened only where their fees are 2 % of what they bring', () => {
  for (const value of [0n, 1n, 2n, 3n, 4n, 15n, 16n, 17n, 10n ** 40n - 1n, 10n ** 40n]) {
    const root = integerSquareRoot(value)
    assert.ok(root * root <= value && (root + 1n) * (root + 1n) > value)
  }
  assert.ok(isLaneWorthOpening(tokenAmount(10_000n), fees, tokenAmount(100n)))
  assert.ok(!isLaneWorthOpening(tokenAmount(9_999n), fees, tokenAmount(100n)))
})
