// Property 1: in market A no bid pays better than the true one, for one share and for several, weights included.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { type SharesBid, settleShares } from '../../src/market/multi-share.ts'
import {
  account,
  amountBelow,
  between,
  cases,
  isLong,
  nonceOf,
  randomBids,
  randomSharesBids,
  root,
  valueLimit,
} from './market-cases.ts'
import { gainInRound, gainInShares, sharesDeviations } from './truthful-checks.ts'

const upTo = (most: number) => Array.from({ length: most + 1 }, (_, value) => tokenAmount(BigInt(value)))

/** All ways to choose `length` of `choices`. */
function tuples<T>(choices: readonly T[], length: number): T[][] {
  if (length === 0) return [[]]
  return tuples(choices, length - 1).flatMap((rest) => choices.map((choice) => [...rest, choice]))
}

describe('property 1: true bids pay best in market A', () => {
  test('one share each, random rounds', (t) => {
    const random = simulatedRandom(1)
    let worst = 0n
    const rounds = cases(100_000, 700)
    for (let round = 0; round < rounds; round++) {
      const limit = valueLimit(random)
      const bids = randomBids(random, between(random, 1, 9), limit)
      const terms = {
        listRoot: root,
        epoch: round,
        shares: between(random, 1, 5),
        postedPrice: amountBelow(random, Math.ceil(limit / 2)),
        missing: 0,
      }
      const own = bids[0]?.bid ?? 0n
      const near = [own - 1n, own + 1n, own / 2n, own * 2n].filter((bid) => bid >= 0n).map(tokenAmount)
      const deviations = [...near, ...Array.from({ length: 4 }, () => amountBelow(random, 2 * limit))]
      const gain = gainInRound(terms, bids, 0, deviations)
      if (gain > worst) worst = gain
    }
    t.diagnostic(`${rounds} rounds, best gain ${worst} base units`)
    assert.ok(worst <= 1n)
  })

  test('one share each, every bid of a small grid, every weight of three', (t) => {
    let worst = 0n
    let count = 0
    const values = upTo(isLong ? 4 : 3)
    for (const weights of tuples([1024, 1500, 2048], 3)) {
      for (const bid of tuples(values, 3)) {
        const bids = bid.map((value, index) => ({
          account: account(index),
          bid: value,
          weight: weights[index] as number,
          nonce: nonceOf(index),
        }))
        for (const shares of isLong ? [1, 2, 3] : [1, 2]) {
          const terms = { listRoot: root, epoch: 1, shares, postedPrice: tokenAmount(1n), missing: 0 }
          const gain = gainInRound(terms, bids, 0, upTo(isLong ? 5 : 4))
          if (gain > worst) worst = gain
          count++
        }
      }
    }
    t.diagnostic(`${count} rounds, best gain ${worst} base units`)
    assert.ok(worst <= 1n)
  })

  test('several shares each, random rounds', (t) => {
    const random = simulatedRandom(2)
    let worst = 0n
    const rounds = cases(100_000, 700)
    for (let round = 0; round < rounds; round++) {
      const limit = valueLimit(random)
      const bids = randomSharesBids(random, between(random, 1, 6), 3, limit)
      const deviations = sharesDeviations(random, bids[0] as SharesBid, 2 * limit, 8)
      const gain = gainInShares(
        settleShares,
        between(random, 1, 6),
        amountBelow(random, Math.ceil(limit / 2)),
        bids,
        0,
        deviations,
      )
      if (gain > worst) worst = gain
    }
    t.diagnostic(`${rounds} rounds, best gain ${worst} base units`)
    assert.ok(worst <= 1n)
  })

  test('several shares each, every bid of a small grid', (t) => {
    const pairs = tuples(upTo(3), 2).filter(([first = 0n, second = 0n]) => first >= second)
    let worst = 0n
    let count = 0
    for (const [first, second, third] of tuples(pairs, 3)) {
      for (const weight of isLong ? [1024, 1300, 2048] : [1300]) {
        const bids = [
          { unitBids: first ?? [], weight },
          { unitBids: second ?? [], weight: 1024 },
          { unitBids: third ?? [], weight: 2048 },
        ]
        for (const shares of isLong ? [1, 2, 3, 4] : [3]) {
          const gain = gainInShares(settleShares, shares, tokenAmount(1n), bids, 0, pairs)
          if (gain > worst) worst = gain
          count++
        }
      }
    }
    t.diagnostic(`${count} rounds, best gain ${worst} base units`)
    assert.ok(worst <= 1n)
  })
})
