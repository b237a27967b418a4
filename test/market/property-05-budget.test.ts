// Property 5: a job never costs more than it may, buying the rest elsewhere included, and every base unit is accounted for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { JobAccount } from '../../src/market/job-account.ts'
import { procure } from '../../src/market/procurement.ts'
import { amountBelow, between, cases, randomAsks, root, sum, valueLimit } from './market-cases.ts'

test('property 5: paid and promised never pass the most, and what was locked is paid, returned or held to the unit', (t) => {
  const random = simulatedRandom(9)
  const jobs = cases(100_000, 2_000)
  let boughtElsewhere = 0
  for (let index = 0; index < jobs; index++) {
    const limit = valueLimit(random)
    const asks = randomAsks(random, between(random, 0, 7), 8, limit)
    const units = between(random, 1, 30)
    const maxPay = amountBelow(random, 2 * limit * units)
    const ceiling = tokenAmount(maxPay / BigInt(units))
    const shares = procure({ listRoot: root, units, ceiling, missing: random.below(3) }, asks)
    assert.ok(sum(shares.map(({ pay }) => pay)) <= maxPay)
    const account = new JobAccount(maxPay, ceiling, units, shares)
    let [paid, returned, elsewhere] = [0n, 0n, 0n]
    let delivered = 0
    for (let turn = 0; turn < 200 && !account.isComplete; turn++) {
      const share = shares[random.below(Math.max(1, shares.length))]
      const action = random.below(8)
      if (share !== undefined && action < 5) {
        const count = Math.min(account.remaining(share.account), random.below(4))
        paid += account.deliver(share.account, count)
        delivered += count
      } else if (share !== undefined && action === 5) returned += account.end(share.account)
      else {
        const count = random.below(account.unitsElsewhere + 1)
        const most = account.mostElsewhere()
        const price = random.below(2) === 0 ? most : amountBelow(random, Number(most) + 1)
        assert.ok(!account.buyElsewhere(count, tokenAmount((most + 1n) * BigInt(count) + 1n)))
        assert.ok(account.buyElsewhere(count, tokenAmount(price * BigInt(count))))
        elsewhere += price * BigInt(count)
        delivered += count
        boughtElsewhere += count
      }
      const sums = account.sums()
      assert.equal(sums.paidToShares, paid)
      assert.equal(sums.paidElsewhere, elsewhere)
      assert.equal(sums.returned, returned)
      assert.equal(sums.locked, sums.paidToShares + sums.returned + sums.held)
      assert.ok(sums.paidToShares + sums.held + sums.paidElsewhere <= maxPay)
    }
    if (account.isComplete) assert.equal(delivered, units)
  }
  t.diagnostic(`${jobs} jobs, ${boughtElsewhere} units bought elsewhere`)
  assert.ok(boughtElsewhere > jobs)
})
