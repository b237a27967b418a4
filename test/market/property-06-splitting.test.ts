// Property 6: appearing as up to three instead of one gains nothing, on either side.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { type SharesBid, settleShares } from '../../src/market/multi-share.ts'
import { procure } from '../../src/market/procurement.ts'
import {
  account,
  amountBelow,
  between,
  cases,
  falling,
  nonceOf,
  randomAsks,
  randomSharesBids,
  root,
  sum,
  valueLimit,
} from './market-cases.ts'

test('property 6: a bidder gains nothing by splitting; further identities have weight one, as newcomers do', (t) => {
  const random = simulatedRandom(10)
  let worst = 0n
  const rounds = cases(100_000, 1_000)
  for (let round = 0; round < rounds; round++) {
    const limit = valueLimit(random)
    const others = randomSharesBids(random, between(random, 1, 5), 3, limit)
    const own = randomSharesBids(random, 1, 3, limit)[0] as SharesBid
    const [shares, postedPrice] = [between(random, 1, 6), amountBelow(random, Math.ceil(limit / 2))]
    const utility = (identities: readonly SharesBid[]): bigint => {
      const awards = settleShares(shares, postedPrice, [...identities, ...others]).slice(0, identities.length)
      const won = awards.reduce((count, award) => count + award.shares, 0)
      return sum(own.unitBids.slice(0, won)) - sum(awards.map(({ pay }) => pay))
    }
    const honest = utility([own])
    for (let turn = 0; turn < 4; turn++) {
      const parts = between(random, 2, 3)
      const identities = Array.from({ length: parts }, (_, part) => {
        const unitBids =
          turn % 2 === 0
            ? own.unitBids.filter((_, unit) => unit % parts === part)
            : falling(Array.from({ length: between(random, 1, 2) }, () => amountBelow(random, limit)))
        return { unitBids, weight: part === 0 ? own.weight : 1024 }
      })
      const gain = utility(identities) - honest
      if (gain > worst) worst = gain
    }
  }
  t.diagnostic(`${rounds} rounds, best gain ${worst} base units`)
  assert.ok(worst <= 1n)
})

test('property 6: a provider gains nothing by splitting; further identities have at least its handicap', (t) => {
  const random = simulatedRandom(11)
  let worst = 0n
  const jobs = cases(100_000, 1_000)
  for (let index = 0; index < jobs; index++) {
    const limit = valueLimit(random)
    const [own, ...others] = randomAsks(random, between(random, 2, 7), 8, limit)
    assert.ok(own !== undefined)
    const job = { listRoot: root, units: between(random, 1, 24), ceiling: amountBelow(random, 2 * limit), missing: 0 }
    const utility = (identities: typeof others): bigint => {
      const names = new Set(identities.map((one) => one.account))
      const won = procure(job, [...identities, ...others]).filter((share) => names.has(share.account))
      return sum(won.map(({ units, pay }) => pay - own.cost * BigInt(units)))
    }
    const honest = utility([own])
    for (let turn = 0; turn < 4; turn++) {
      const parts = between(random, 2, 3)
      let left = own.units
      const identities = Array.from({ length: parts }, (_, part) => {
        const units = part === parts - 1 ? left : random.below(left + 1)
        left -= units
        const cost = turn % 2 === 0 ? own.cost : amountBelow(random, limit)
        const handicap = part === 0 ? own.handicap : own.handicap + random.below(4_096)
        return { account: account(100 + part), cost, units, handicap, nonce: nonceOf(100 + part) }
      })
      const gain = utility(identities) - honest
      if (gain > worst) worst = gain
    }
  }
  t.diagnostic(`${jobs} jobs, best gain ${worst} base units`)
  assert.ok(worst <= 1n)
})
