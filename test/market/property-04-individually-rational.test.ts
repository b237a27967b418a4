// Property 4: nobody is worse off for having taken part: no price over a bid, no pay below an ask, delivered whole or not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { settleShares } from '../../src/market/multi-share.ts'
import { payFor, procure } from '../../src/market/procurement.ts'
import { settleRound } from '../../src/market/sealed-round.ts'
import {
  amountBelow,
  between,
  cases,
  randomAsks,
  randomBids,
  randomSharesBids,
  root,
  sum,
  valueLimit,
} from './market-cases.ts'

test('property 4: no winner of a round pays over its bid or under the posted price, reveals missing or not', (t) => {
  const random = simulatedRandom(6)
  const rounds = cases(400_000, 4_000)
  let winners = 0
  for (let round = 0; round < rounds; round++) {
    const limit = valueLimit(random)
    const bids = randomBids(random, between(random, 1, 10), limit)
    const terms = {
      listRoot: root,
      epoch: round,
      shares: between(random, 1, 4),
      postedPrice: amountBelow(random, limit),
      missing: random.below(3),
    }
    for (const { account, price } of settleRound(terms, bids)) {
      const bid = bids.find((one) => one.account === account)?.bid ?? -1n
      assert.ok(price <= bid && price >= terms.postedPrice)
      winners++
    }
  }
  t.diagnostic(`${winners} winners`)
})

test('property 4: no bundle of shares costs more than was bid for it', () => {
  const random = simulatedRandom(7)
  const rounds = cases(300_000, 3_000)
  for (let round = 0; round < rounds; round++) {
    const limit = valueLimit(random)
    const bids = randomSharesBids(random, between(random, 1, 6), 3, limit)
    for (const [index, { shares, pay }] of settleShares(
      between(random, 1, 6),
      amountBelow(random, limit),
      bids,
    ).entries())
      assert.ok(pay <= sum(bids[index]?.unitBids.slice(0, shares) ?? []))
  }
})

test('property 4: no winner of a job is paid less than it asked for what it delivered', (t) => {
  const random = simulatedRandom(8)
  const jobs = cases(300_000, 3_000)
  let winners = 0
  for (let index = 0; index < jobs; index++) {
    const limit = valueLimit(random)
    const asks = randomAsks(random, between(random, 1, 8), 8, limit)
    const job = {
      listRoot: root,
      units: between(random, 1, 30),
      ceiling: amountBelow(random, 2 * limit),
      missing: random.below(3),
    }
    for (const share of procure(job, asks)) {
      const ask = asks.find((one) => one.account === share.account)
      assert.ok(ask !== undefined && share.units <= ask.units)
      for (const delivered of [share.units, random.below(share.units + 1)])
        assert.ok(payFor(share, delivered) >= ask.cost * BigInt(delivered))
      winners++
    }
  }
  t.diagnostic(`${winners} winners`)
})
