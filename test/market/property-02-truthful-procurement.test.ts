// Property 2: in market B true costs and capacities pay best.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import type { OpenedAsk } from '../../src/market/procurement.ts'
import { account, amountBelow, between, cases, isLong, nonceOf, randomAsks, root, valueLimit } from './market-cases.ts'
import { gainInJob } from './truthful-checks.ts'

test('property 2: no other cost or capacity pays better than the true ones, random jobs', (t) => {
  const random = simulatedRandom(3)
  let worstPerUnit = 0n
  const jobs = cases(100_000, 700)
  for (let index = 0; index < jobs; index++) {
    const limit = valueLimit(random)
    const asks = randomAsks(random, between(random, 1, 7), 8, limit)
    const job = { listRoot: root, units: between(random, 1, 24), ceiling: amountBelow(random, 2 * limit), missing: 0 }
    const own = asks[0] as OpenedAsk
    const deviations = Array.from({ length: 8 }, (_, turn) => ({
      cost: turn % 3 === 0 ? own.cost : amountBelow(random, 2 * limit),
      units: turn % 3 === 1 ? own.units : between(random, 0, 12),
    }))
    const gain = gainInJob(job, asks, 0, deviations) / BigInt(own.units)
    if (gain > worstPerUnit) worstPerUnit = gain
  }
  t.diagnostic(`${jobs} jobs, best gain ${worstPerUnit} base units a unit`)
  assert.ok(worstPerUnit <= 1n)
})

test('property 2: nor does any of a small grid', (t) => {
  let worst = 0n
  let count = 0
  const ask = (index: number, cost: number, units: number): OpenedAsk => ({
    account: account(index),
    cost: tokenAmount(BigInt(cost)),
    units,
    handicap: index * 4_096,
    nonce: nonceOf(index),
  })
  const deviations = [0, 1, 2, 3, 4, 5].flatMap((cost) =>
    [0, 1, 2, 3, 4].map((units) => ({ cost: tokenAmount(BigInt(cost)), units })),
  )
  const most = isLong ? 4 : 2
  for (let costs = 0; costs < (most + 1) ** 3; costs++) {
    for (let capacities = 0; capacities < 27; capacities++) {
      const asks = [0, 1, 2].map((index) =>
        ask(index, Math.floor(costs / (most + 1) ** index) % (most + 1), 1 + (Math.floor(capacities / 3 ** index) % 3)),
      )
      for (const units of isLong ? [1, 2, 3, 4, 5, 6] : [2, 5]) {
        const gain = gainInJob({ listRoot: root, units, ceiling: tokenAmount(4n), missing: 0 }, asks, 0, deviations)
        if (gain > worst) worst = gain
        count++
      }
    }
  }
  t.diagnostic(`${count} jobs, best gain ${worst} base units`)
  assert.ok(worst <= 1n)
})
