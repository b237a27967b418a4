// Property 3, a control: the check of property 1 finds lies that pay where there are some, so that finding none says something.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import { type SharesBid, settleShares } from '../../src/market/multi-share.ts'
import { priceAtScore, scoreOf } from '../../src/market/sealed-round.ts'
import { amountBelow, between, cases, randomSharesBids } from './market-cases.ts'
import { gainInShares, type SettleShares, sharesDeviations } from './truthful-checks.ts'

/** All winners pay the highest losing score, whoever's it is: their own second bid, too. */
const uniformPrice: SettleShares = (shares, postedPrice, bids) => {
  const scores = bids
    .flatMap(({ unitBids, weight }) => unitBids.filter((bid) => bid >= postedPrice).map((bid) => scoreOf(bid, weight)))
    .sort((a, b) => (a > b ? -1 : a < b ? 1 : 0))
  const cut = scores[shares] ?? 0n
  return settleShares(shares, postedPrice, bids).map(({ shares: won }, index) => {
    const price = priceAtScore(cut, bids[index]?.weight ?? 1024, postedPrice)
    return { shares: won, pay: tokenAmount(price * BigInt(won)) }
  })
}

/** Winners pay the score itself, as if all weights were one. */
const withoutWeights: SettleShares = (shares, postedPrice, bids) =>
  settleShares(shares, postedPrice, bids).map(({ shares: won, pay }, index) => {
    const weight = BigInt(bids[index]?.weight ?? 1024)
    return { shares: won, pay: tokenAmount((pay * weight) / 1024n) }
  })

function profitableCases(settle: SettleShares, seed: number, count: number): number {
  const random = simulatedRandom(seed)
  let found = 0
  for (let index = 0; index < count; index++) {
    const limit = 1_000
    const bids = randomSharesBids(random, between(random, 3, 6), 2, limit)
    const two = {
      ...(bids[0] as SharesBid),
      unitBids: [amountBelow(random, limit), amountBelow(random, limit)].sort(descending),
    }
    const all = [two, ...bids.slice(1)]
    const deviations = sharesDeviations(random, two, limit, 8)
    const gain = gainInShares(settle, between(random, 2, 4), amountBelow(random, limit / 4), all, 0, deviations)
    if (gain > 2n) found++
  }
  return found
}

function descending(a: TokenAmount, b: TokenAmount): number {
  return a > b ? -1 : a < b ? 1 : 0
}

test('property 3: with one price for all and two units wanted, lies that pay are found in 5 % of cases and more', (t) => {
  const count = cases(20_000, 1_000)
  const found = profitableCases(uniformPrice, 4, count)
  t.diagnostic(`${found} of ${count} cases`)
  assert.ok(found >= count / 20)
})

test('property 3: and where payments leave out the weights', (t) => {
  const count = cases(20_000, 1_000)
  const found = profitableCases(withoutWeights, 5, count)
  t.diagnostic(`${found} of ${count} cases`)
  assert.ok(found >= count / 20)
})

test('property 3: the rule that is used passes the same cases', () => {
  assert.equal(profitableCases(settleShares, 4, cases(20_000, 1_000)), 0)
})
