// Property 8: what the rules choose is the best there is, as trying everything shows.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { settleShares } from '../../src/market/multi-share.ts'
import { handicapOf, type OpenedAsk, procure } from '../../src/market/procurement.ts'
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

test('property 8: a round gives its shares to the highest sum of scores, eight bidders and fewer', () => {
  const random = simulatedRandom(12)
  for (let round = 0; round < cases(5_000, 150); round++) {
    const limit = valueLimit(random)
    const bids = randomBids(random, between(random, 1, 8), limit)
    const [shares, postedPrice] = [between(random, 1, 4), amountBelow(random, limit)]
    const winners = new Set(
      settleRound({ listRoot: root, epoch: round, shares, postedPrice, missing: 0 }, bids).map((one) => one.account),
    )
    const scores = bids.map(({ bid, weight }) => (bid < postedPrice ? undefined : bid * BigInt(weight)))
    let best = 0n
    for (let subset = 0; subset < 2 ** bids.length; subset++) {
      const chosen = scores.filter((_, index) => (subset >> index) & 1)
      if (chosen.length > shares || chosen.includes(undefined)) continue
      const total = sum(chosen.map((score) => score ?? 0n))
      if (total > best) best = total
    }
    const reached = sum(bids.filter((one) => winners.has(one.account)).map(({ bid, weight }) => bid * BigInt(weight)))
    assert.equal(reached, best)
  }
})

test('property 8: so does a round of several shares each', () => {
  const random = simulatedRandom(13)
  for (let round = 0; round < cases(5_000, 300); round++) {
    const limit = valueLimit(random)
    const bids = randomSharesBids(random, between(random, 1, 5), 3, limit)
    const [shares, postedPrice] = [between(random, 1, 6), amountBelow(random, limit)]
    const scoreOf = (bidder: number, count: number): bigint => {
      const { unitBids = [], weight = 1024 } = bids[bidder] ?? {}
      return sum(unitBids.slice(0, count).map((bid) => bid * BigInt(weight)))
    }
    const best = (bidder: number, left: number): bigint => {
      if (bidder === bids.length) return 0n
      let most = 0n
      const wanted = bids[bidder]?.unitBids.filter((bid) => bid >= postedPrice).length ?? 0
      for (let count = 0; count <= Math.min(wanted, left); count++) {
        const total = scoreOf(bidder, count) + best(bidder + 1, left - count)
        if (total > most) most = total
      }
      return most
    }
    const awards = settleShares(shares, postedPrice, bids)
    assert.equal(sum(awards.map((award, bidder) => scoreOf(bidder, award.shares))), best(0, shares))
  }
})

test('property 8: a job is bought at the lowest sum of costs and handicaps, the ceiling standing for what nobody offers', () => {
  const random = simulatedRandom(14)
  for (let index = 0; index < cases(5_000, 150); index++) {
    const limit = valueLimit(random)
    const asks = randomAsks(random, between(random, 1, 6), 3, limit)
    const job = { listRoot: root, units: between(random, 1, 8), ceiling: amountBelow(random, 2 * limit), missing: 0 }
    const costOf = (ask: OpenedAsk | undefined, count: number) =>
      ask === undefined ? 0n : (ask.cost + handicapOf(job.ceiling, ask.handicap)) * BigInt(count)
    const cheapest = (at: number, left: number): bigint => {
      if (at === asks.length || left === 0) return job.ceiling * BigInt(left)
      let least: bigint | undefined
      for (let count = 0; count <= Math.min(asks[at]?.units ?? 0, left); count++) {
        const cost = costOf(asks[at], count) + cheapest(at + 1, left - count)
        if (least === undefined || cost < least) least = cost
      }
      return least ?? 0n
    }
    const shares = procure(job, asks)
    const bought = shares.reduce((count, share) => count + share.units, 0)
    const cost = sum(
      shares.map((share) =>
        costOf(
          asks.find((ask) => ask.account === share.account),
          share.units,
        ),
      ),
    )
    assert.equal(cost + job.ceiling * BigInt(job.units - bought), cheapest(0, job.units))
  }
})
