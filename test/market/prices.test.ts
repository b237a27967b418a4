// Bids, ceilings and quotes that a person does not have to make.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { autoBid, BidBudgets, evenSpending, isWorthRebidding } from '../../src/market/auto-bid.ts'
import { type QuoteInputs, quote } from '../../src/market/quote.ts'
import { affordableUnits, automaticCeiling, RecentPrices } from '../../src/market/unit-ceiling.ts'
import { amountBelow, between } from './market-cases.ts'

const amount = (units: number) => tokenAmount(BigInt(units))
const second = 1_000

describe('automatic bids', () => {
  test('are an even part of the budget for each MiB left, never over twice what was usual, nor over the budget', () => {
    const inputs = {
      spendingRate: evenSpending,
      remainingBudget: amount(1_000),
      remainingMiB: 100,
      mostPerMiB: amount(50),
      postedPrice: amount(0),
    }
    assert.equal(autoBid(inputs), 10n)
    assert.equal(autoBid({ ...inputs, spendingRate: evenSpending * 2n }), 20n)
    assert.equal(autoBid({ ...inputs, remainingMiB: 1 }), 50n)
    assert.equal(
      autoBid({ ...inputs, spendingRate: evenSpending * 9n, remainingMiB: 1, mostPerMiB: amount(9_999) }),
      1_000n,
    )
    assert.equal(autoBid({ ...inputs, remainingMiB: 0 }), 0n)
  })

  test('are at least the posted price, as long as the budget holds a MiB of it and it is not over the most', () => {
    const inputs = { spendingRate: evenSpending, remainingMiB: 100, mostPerMiB: amount(50), postedPrice: amount(30) }
    assert.equal(autoBid({ ...inputs, remainingBudget: amount(1_000) }), 30n)
    assert.equal(autoBid({ ...inputs, remainingBudget: amount(4_000) }), 40n)
    assert.equal(autoBid({ ...inputs, remainingBudget: amount(30) }), 30n)
    assert.ok(autoBid({ ...inputs, remainingBudget: amount(29) }) < inputs.postedPrice)
    assert.ok(autoBid({ ...inputs, remainingBudget: amount(9_000), postedPrice: amount(51) }) < 51n)
    assert.equal(autoBid({ ...inputs, remainingBudget: amount(9_000), remainingMiB: 0 }), 0n)
  })

  test('change only by more than a tenth', () => {
    assert.ok(!isWorthRebidding(amount(100), amount(110)) && !isWorthRebidding(amount(100), amount(90)))
    assert.ok(isWorthRebidding(amount(100), amount(111)) && isWorthRebidding(amount(100), amount(89)))
    assert.ok(isWorthRebidding(amount(0), amount(1)) && !isWorthRebidding(amount(0), amount(0)))
  })

  test("of many torrents at once never pass a torrent's budget nor the day's, and what is not spent is free again", () => {
    const random = simulatedRandom(40)
    for (let run = 0; run < 100; run++) {
      const dayLimit = amountBelow(random, 2_000)
      const budgets = new BidBudgets(dayLimit)
      const limits = Array.from({ length: 4 }, () => amountBelow(random, 1_000))
      for (const [index, limit] of limits.entries()) budgets.setTorrent(`${index}`, limit)
      const open: { readonly torrent: string; readonly reserved: ReturnType<typeof tokenAmount> }[] = []
      for (let turn = 0; turn < 100; turn++) {
        const torrent = `${random.below(4)}`
        const wanted = amountBelow(random, 300)
        if (random.below(3) > 0) {
          const room = budgets.available(torrent)
          assert.equal(budgets.reserve(torrent, wanted), wanted <= room)
          if (wanted <= room) open.push({ torrent, reserved: wanted })
        } else {
          const one = open.shift()
          if (one !== undefined)
            budgets.settle(one.torrent, one.reserved, amountBelow(random, Number(one.reserved) + 1))
        }
        assert.ok(budgets.committed() <= dayLimit)
        for (const [index, limit] of limits.entries()) assert.ok(budgets.committed(`${index}`) <= limit)
      }
      for (const one of open) budgets.settle(one.torrent, one.reserved, amount(0))
      budgets.beginDay()
      assert.equal(budgets.committed(), 0n)
    }
    assert.equal(new BidBudgets(amount(5)).available('none'), 0n)
    const spent = new BidBudgets(amount(5), amount(3))
    spent.setTorrent('a', amount(9), amount(1))
    assert.equal(spent.available('a'), 2n)
    spent.setDay(amount(2))
    assert.equal(spent.available('a'), 0n)
  })
})

test('the ceiling of a job is what can be paid, and no more than twice the median of the last hundred prices', () => {
  const recent = new RecentPrices()
  assert.equal(automaticCeiling(amount(10_000), 10, recent.most(amount(100))), 400n)
  assert.equal(automaticCeiling(amount(1_000), 10, recent.most(amount(100))), 100n)
  for (let index = 0; index < 150; index++) recent.add(amount(index < 50 ? 9_000 : index))
  assert.equal(recent.all.length, 100)
  assert.equal(recent.median(), 99n)
  assert.equal(automaticCeiling(amount(100_000), 10, recent.most(amount(1))), 198n)
  // Of fewer units where it does not last for all of them.
  assert.equal(affordableUnits(amount(1_000), 10, amount(100)), 10)
  assert.equal(affordableUnits(amount(999), 10, amount(100)), 9)
  assert.equal(affordableUnits(amount(99), 10, amount(100)), 0)
  assert.equal(affordableUnits(amount(0), 10, amount(0)), 10)
})

test('who bought cheaply once goes on buying when prices have risen, up to what who never bought would pay', () => {
  const start = amount(100)
  const recent = new RecentPrices([amount(30)])
  const asked = (...prices: number[]) => prices.map(amount)
  assert.equal(recent.most(start), 60n)
  assert.equal(recent.most(start, asked(90, 100, 120)), 200n)
  // One of three who asks for much more changes nothing, and all of them together no more than for a newcomer.
  assert.equal(recent.most(start, asked(90, 100, 9_000)), 200n)
  assert.equal(recent.most(start, asked(9_000, 9_000, 9_000)), 400n)
  assert.equal(new RecentPrices().most(start, asked(9_000)), 400n)
  // What is asked does not lower what was paid.
  assert.equal(new RecentPrices([amount(500)]).most(start, asked(10)), 1_000n)
})

describe('a quote', () => {
  const base: QuoteInputs = {
    remainingBytes: 100 * 2 ** 20,
    unpaidBytesPerSecond: 2 ** 20,
    mostBytesPerSecond: 10 * 2 ** 20,
    providers: [
      { postedPrice: amount(20), shareBytesPerSecond: 2 ** 20, isContested: false },
      { postedPrice: amount(10), shareBytesPerSecond: 2 ** 20, isContested: false },
    ],
    bidAt: () => amount(50),
    budget: amount(10_000),
    feePerLane: amount(3),
    laneMs: 3_600 * second,
  }

  test('says what is paid, locked and saved: bytes come from all in proportion to their rates', () => {
    const got = quote(base)
    assert.deepEqual(got, {
      verdict: 'worth-it',
      expectedPay: 1_000n,
      fees: 6n,
      locked: 1_006n,
      lockedMs: 3_600 * second,
      lanes: 2,
      unpaidMs: 100 * second,
      paidMs: 33_334,
      savedMs: 66_666,
    })
  })

  test('buys what the budget lasts for, the rest comes for nothing; the bid is the price where others want in', () => {
    const { lanes, expectedPay, paidMs } = quote({ ...base, budget: amount(906) })
    assert.deepEqual([lanes, expectedPay], [2, 900n])
    // 90 MiB of three, 10 of one MiB a second.
    assert.ok(Math.abs(paidMs - 40_000) <= 2)
    const small = quote({ ...base, budget: amount(153) })
    assert.deepEqual([small.verdict, small.lanes, small.expectedPay], ['worth-it', 1, 150n])
    // Below, a lane's fees are over 2 % of what goes through it.
    assert.deepEqual(
      [quote({ ...base, budget: amount(152) })].map(({ verdict, lanes }) => [verdict, lanes]),
      [['over-budget', 0]],
    )
    const little = quote({ ...base, remainingBytes: 14 * 2 ** 20 })
    assert.deepEqual([little.verdict, little.lanes, little.fees], ['not-worth-it', 0, 0n])
    const contested = base.providers.map((provider) => ({ ...provider, isContested: true }))
    assert.equal(quote({ ...base, providers: contested.slice(0, 1) }).expectedPay, 2_500n)
    assert.equal(quote({ ...base, budget: amount(3) }).verdict, 'over-budget')
    assert.equal(quote({ ...base, budget: amount(100), unpaidBytesPerSecond: 0 }).verdict, 'over-budget')
  })

  test('is not worth it under a tenth of the time, nor without anybody to pay', () => {
    assert.equal(quote({ ...base, mostBytesPerSecond: 1.1 * 2 ** 20 }).verdict, 'not-worth-it')
    assert.equal(quote({ ...base, mostBytesPerSecond: 1.12 * 2 ** 20 }).verdict, 'worth-it')
    assert.equal(quote({ ...base, mostBytesPerSecond: 2 ** 20 }).verdict, 'not-worth-it')
    assert.equal(quote({ ...base, bidAt: () => amount(9) }).verdict, 'no-provider')
    const alone = quote({ ...base, unpaidBytesPerSecond: 0 })
    assert.deepEqual([alone.verdict, alone.unpaidMs, alone.paidMs], ['worth-it', Number.POSITIVE_INFINITY, 50 * second])
  })

  test('never passes the budget', () => {
    const random = simulatedRandom(41)
    for (let run = 0; run < 500; run++) {
      const providers = Array.from({ length: between(random, 0, 6) }, () => ({
        postedPrice: amountBelow(random, 60),
        shareBytesPerSecond: random.below(2 ** 22),
        isContested: random.below(2) === 0,
      }))
      const got = quote({
        ...base,
        providers,
        budget: amountBelow(random, 4_000),
        unpaidBytesPerSecond: random.below(2 ** 21),
      })
      assert.ok(got.locked <= 4_000n && got.locked === got.expectedPay + got.fees)
      assert.ok(got.paidMs <= got.unpaidMs)
    }
  })
})
