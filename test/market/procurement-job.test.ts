// Market B between a requester and its providers: sealed asks, the award that everybody can compute, stalls, and the rest.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import type { JobRequesterMessage } from '../../src/market/market-messages.ts'
import { handicapAfter, newcomerHandicap, wholeHandicap } from '../../src/market/procurement.ts'
import { ProcurementProvider, type ProcurementProviderOutput } from '../../src/market/procurement-provider.ts'
import {
  ProcurementRequester,
  type ProcurementRequesterOutput,
  stallAfterMs,
} from '../../src/market/procurement-requester.ts'
import type { AccountId } from '../../src/ports/ledger.ts'
import { proofOf } from './auction-world.ts'
import { account, between, cases, hashOf } from './market-cases.ts'

const requesterAccount = account(8_000)
const deadlineMs = 60_000
const mebibyte = 1_048_576

interface Seller {
  readonly price: bigint
  readonly units: number
}

interface WorldOptions {
  readonly units: number
  readonly ceiling: bigint
  readonly sellers: readonly Seller[]
  readonly change?: (to: AccountId, message: JobRequesterMessage) => JobRequesterMessage | undefined
  readonly isSilent?: (from: AccountId) => boolean
}

class JobWorld {
  nowMs = 0
  readonly requester: ProcurementRequester
  readonly sellers = new Map<AccountId, ProcurementProvider>()
  readonly asked: ProcurementRequesterOutput[] = []
  readonly said = new Map<AccountId, ProcurementProviderOutput[]>()
  private readonly options: WorldOptions

  constructor(options: WorldOptions) {
    this.options = options
    for (const [index, { price, units }] of options.sellers.entries()) {
      const seller = new ProcurementProvider({ account: account(index), random: simulatedRandom(index) })
      const bytesPerSecond = Math.ceil((units * mebibyte * 1_000) / deadlineMs)
      seller.handle({ type: 'terms', bytesPerSecond, postedPrice: tokenAmount(price) }, 0)
      this.sellers.set(account(index), seller)
      this.said.set(account(index), [])
    }
    this.requester = new ProcurementRequester(
      {
        account: requesterAccount,
        random: simulatedRandom(99),
        units: options.units,
        deadlineMs,
        maxPay: tokenAmount(options.ceiling * BigInt(options.units)),
        ceiling: tokenAmount(options.ceiling),
        seats: options.sellers.map((_, index) => ({ account: account(index), handicap: 0, mostUnits: 1_000 })),
        unitsAtATime: 1,
      },
      0,
    )
    this.settle()
  }

  until(endMs: number): void {
    for (;;) {
      const machines = [this.requester, ...this.sellers.values()]
      const nextMs = Math.min(...machines.map((machine) => machine.nextWakeMs()))
      if (nextMs > endMs) break
      this.nowMs = Math.max(this.nowMs, nextMs)
      for (const machine of machines)
        if (machine.nextWakeMs() <= this.nowMs) machine.handle({ type: 'wake' }, this.nowMs)
      this.settle()
    }
    this.nowMs = endMs
  }

  verified(index: number, units: number): void {
    this.requester.handle({ type: 'verified', from: account(index), units }, this.nowMs)
    this.settle()
  }

  bought(units: number, pay: bigint): void {
    this.requester.handle({ type: 'bought', units, pay: tokenAmount(pay) }, this.nowMs)
    this.settle()
  }

  shares(): readonly (readonly [AccountId, number, bigint])[] {
    return this.asked.flatMap((output) =>
      output.type === 'share' ? [[output.share.account, output.share.units, output.share.pay] as const] : [],
    )
  }

  elsewhere(): readonly [number, bigint] {
    const last = this.asked.findLast((output) => output.type === 'elsewhere')
    return last?.type === 'elsewhere' ? [last.units, last.mostPerUnit] : [0, 0n]
  }

  frauds() {
    return [...this.said.values()].flat().filter((output) => output.type === 'fraud')
  }

  private settle(): void {
    const { change = (_: AccountId, message: JobRequesterMessage) => message, isSilent = () => false } = this.options
    for (let isBusy = true; isBusy; ) {
      isBusy = false
      for (let output = this.requester.poll(); output !== undefined; output = this.requester.poll()) {
        isBusy = true
        this.asked.push(output)
        if (output.type !== 'tell') continue
        const message = change(output.to, output.message)
        if (message === undefined) continue
        const told = {
          type: 'told',
          from: requesterAccount,
          message,
          proof: proofOf(message),
          hasPieces: true,
        } as const
        this.sellers.get(output.to)?.handle(told, this.nowMs)
      }
      for (const [id, seller] of this.sellers) {
        for (let output = seller.poll(); output !== undefined; output = seller.poll()) {
          isBusy = true
          this.said.get(id)?.push(output)
          if (output.type !== 'tell') continue
          if (output.message.type === 'job-reveal' && isSilent(id)) continue
          this.requester.handle({ type: 'told', from: id, message: output.message }, this.nowMs)
        }
      }
    }
  }
}

const three: readonly Seller[] = [
  { price: 100n, units: 6 },
  { price: 200n, units: 6 },
  { price: 300n, units: 6 },
]

describe('market B', () => {
  test('the cheapest win and are paid what their units would cost without them', () => {
    const world = new JobWorld({ units: 10, ceiling: 500n, sellers: three })
    // The first is replaced by 2 more of the second and 4 of the third, the second by 4 of the third.
    assert.deepEqual(world.shares(), [
      [account(0), 6, 2n * 200n + 4n * 300n],
      [account(1), 4, 4n * 300n],
    ])
    assert.deepEqual(world.elsewhere(), [0, 0n])
    assert.deepEqual(world.frauds(), [])
    assert.equal(world.sellers.get(account(2))?.promised, 0)
    assert.ok((world.sellers.get(account(0))?.promised ?? 0) >= (6 * mebibyte * 1_000) / deadlineMs)
  })

  test('each verified unit pays its part, the whole pays the whole, and the job is finished', () => {
    const world = new JobWorld({ units: 10, ceiling: 500n, sellers: three })
    for (let unit = 0; unit < 6; unit++) world.verified(0, 1)
    world.verified(1, 4)
    const paid = world.asked.flatMap((output) => (output.type === 'pay' ? [output.amount] : []))
    assert.deepEqual(paid, [266n, 267n, 267n, 266n, 267n, 267n, 1_200n])
    assert.equal(world.asked.at(-1)?.type, 'finished')
    const sums = world.requester.account?.sums()
    assert.deepEqual([sums?.locked, sums?.paidToShares, sums?.returned, sums?.held], [2_800n, 2_800n, 0n, 0n])
    assert.equal(world.sellers.get(account(0))?.promised, 0)
  })

  test('who stalls is paid for what it brought, its deposit returns, and the rest is bought elsewhere within what may be paid', () => {
    const world = new JobWorld({ units: 10, ceiling: 500n, sellers: three })
    world.verified(0, 2)
    world.until(stallAfterMs(6, deadlineMs, 1) - 1)
    world.verified(1, 4)
    assert.equal(world.elsewhere()[0], 0)
    world.until(stallAfterMs(6, deadlineMs, 1))
    const ended = world.asked.find((output) => output.type === 'share-ended' && output.isDefault)
    assert.ok(ended?.type === 'share-ended' && ended.account === account(0) && ended.returned === 1_600n - 533n)
    assert.deepEqual(world.elsewhere(), [4, 500n])
    world.bought(4, 2_000n)
    assert.equal(world.asked.at(-1)?.type, 'finished')
    assert.equal(world.requester.account?.sums().paidElsewhere, 2_000n)
  })

  test('at the deadline what is missing is bought elsewhere, however lively its provider is', () => {
    const world = new JobWorld({ units: 10, ceiling: 500n, sellers: three })
    for (let turn = 1; turn <= 3; turn++) {
      world.until(turn * 15_000)
      world.verified(0, 1)
      world.verified(1, 1)
    }
    world.until(deadlineMs)
    assert.equal(world.elsewhere()[0], 4)
  })

  test('what nobody offers is bought elsewhere from the beginning', () => {
    const world = new JobWorld({ units: 30, ceiling: 250n, sellers: three })
    assert.deepEqual(world.shares(), [
      [account(0), 6, 1_500n],
      [account(1), 6, 1_500n],
    ])
    assert.deepEqual(world.elsewhere(), [18, 250n])
  })

  test('a missing reveal removes the cheapest supply that was left, so winners are paid more, never less', () => {
    const sellers = [...three, { price: 10n, units: 6 }]
    const world = new JobWorld({ units: 6, ceiling: 500n, sellers, isSilent: (from) => from === account(3) })
    world.until(500)
    // Without the missing one: 6 of the second at 200. They are removed.
    assert.deepEqual(world.shares(), [[account(0), 6, 1_800n]])
    assert.deepEqual(
      world.frauds().map((output) => output.kind),
      ['reveal-ignored'],
    )
  })

  test('a provider promises no unit twice, and no more than its rate brings in time', () => {
    const world = new JobWorld({ units: 4, ceiling: 500n, sellers: three })
    const seller = world.sellers.get(account(0))
    assert.ok(seller !== undefined)
    const request = world.asked.flatMap((output) =>
      output.type === 'tell' && output.message.type === 'job-request' ? [output.message] : [],
    )[0]
    assert.ok(request !== undefined)
    const message = { ...request, job: hashOf('another job') }
    seller.handle(
      { type: 'told', from: account(7_000), message, proof: proofOf(message), hasPieces: true },
      world.nowMs,
    )
    const outputs: ProcurementProviderOutput[] = []
    for (let output = seller.poll(); output !== undefined; output = seller.poll()) outputs.push(output)
    assert.ok(outputs.some((output) => output.type === 'tell' && output.message.type === 'job-ask'))
    assert.ok(seller.promised <= Math.ceil((6 * mebibyte * 1_000) / deadlineMs) + 1)
    const third = { ...request, job: hashOf('a third job') }
    seller.handle(
      { type: 'told', from: account(7_001), message: third, proof: proofOf(third), hasPieces: true },
      world.nowMs,
    )
    assert.equal(seller.poll(), undefined)
    seller.handle({ type: 'gone', from: account(7_000) }, world.nowMs)
    assert.ok(seller.promised <= Math.ceil((4 * mebibyte * 1_000) / deadlineMs))
  })
})

describe('what a requester signs and does not fit is found by its providers', () => {
  const deceive = (change: (message: JobRequesterMessage) => JobRequesterMessage) => {
    const world = new JobWorld({
      units: 10,
      ceiling: 500n,
      sellers: three,
      change: (to, message) => (to === account(0) ? change(message) : message),
    })
    return world.frauds().map((output) => output.kind)
  }

  test('another ceiling, or one that cannot be', () => {
    assert.deepEqual(
      deceive((message) => (message.type === 'job-award' ? { ...message, ceiling: tokenAmount(499n) } : message)),
      ['wrong-ceiling'],
    )
    assert.deepEqual(
      deceive((message) =>
        message.type === 'job-award' ? { ...message, ceiling: tokenAmount(2n ** 256n - 1n) } : message,
      ),
      ['wrong-ceiling'],
    )
  })

  test('less pay, fewer units', () => {
    assert.deepEqual(
      deceive((message) =>
        message.type === 'job-award' ? { ...message, pay: tokenAmount(message.pay - 1n) } : message,
      ),
      ['wrong-outcome'],
    )
    assert.deepEqual(
      deceive((message) => (message.type === 'job-award' ? { ...message, units: 5 } : message)),
      ['wrong-outcome'],
    )
  })

  test('an ask that is not in the list, another than was sealed, another list', () => {
    const late = { account: account(2_000), cost: tokenAmount(101n), units: 6, nonce: hashOf('late') }
    assert.deepEqual(
      deceive((message) =>
        message.type === 'job-award' ? { ...message, openings: [...message.openings, late] } : message,
      ),
      ['wrong-opening'],
    )
    const cheaper = (message: JobRequesterMessage) => {
      if (message.type !== 'job-award') return message
      return {
        ...message,
        openings: message.openings.map((one, index) => (index === 2 ? { ...one, cost: tokenAmount(201n) } : one)),
      }
    }
    assert.deepEqual(deceive(cheaper), ['wrong-opening'])
    assert.deepEqual(
      deceive((message) => (message.type === 'job-list' ? { ...message, listRoot: hashOf('x') } : message)),
      ['wrong-root'],
    )
    const world = new JobWorld({
      units: 10,
      ceiling: 500n,
      sellers: three,
      change: (_, message) => (message.type === 'job-award' ? undefined : message),
    })
    const seller = world.sellers.get(account(0))
    const root = { job: world.requester.job, listRoot: hashOf('x') }
    seller?.handle({ type: 'root-shown', requester: requesterAccount, root, proof: proofOf(root) }, world.nowMs)
    const fraud = seller?.poll()
    assert.ok(fraud?.type === 'fraud' && fraud.kind === 'two-lists' && fraud.proofs.length === 2)
  })
})

test('jobs with silence, stalls and purchases in any order end with every base unit in its place', () => {
  for (let seed = 0; seed < cases(2_000, 60); seed++) {
    const random = simulatedRandom(seed)
    const sellers = Array.from({ length: between(random, 0, 6) }, () => ({
      price: BigInt(random.below(500)),
      units: between(random, 1, 10),
    }))
    const units = between(random, 1, 30)
    const ceiling = BigInt(between(random, 1, 600))
    const world = new JobWorld({ units, ceiling, sellers, isSilent: () => random.below(6) === 0 })
    world.until(1_000)
    let unitsSeen = 0
    for (let turn = 0; turn < 400 && world.asked.at(-1)?.type !== 'finished'; turn++) {
      const index = random.below(Math.max(1, sellers.length))
      const left = world.requester.account?.remaining(account(index)) ?? 0
      const brought = Math.min(left, random.below(3))
      world.verified(index, brought)
      const [wanted, most] = world.elsewhere()
      const bought = random.below(2) === 0 ? random.below(wanted + 1) : 0
      if (bought > 0) world.bought(bought, most * BigInt(bought))
      unitsSeen += brought + bought
      world.until(world.nowMs + between(random, 0, 4_000))
      const sums = world.requester.account?.sums()
      assert.ok(sums !== undefined && sums.locked === sums.paidToShares + sums.returned + sums.held)
      assert.ok(sums.paidToShares + sums.held + sums.paidElsewhere <= ceiling * BigInt(units))
    }
    assert.equal(world.asked.filter((output) => output.type === 'finished').length, 1)
    assert.equal(unitsSeen, units)
    const ended = world.asked.reduce(
      (total, output) => (output.type === 'share-ended' ? total + output.returned : total),
      0n,
    )
    const paid = world.asked.reduce((total, output) => (output.type === 'pay' ? total + output.amount : total), 0n)
    const sums = world.requester.account?.sums()
    assert.deepEqual([sums?.returned, sums?.paidToShares, sums?.held], [ended, paid, 0n])
  }
})

test('handicaps fall with jobs and rise with defaults; newcomers have what nine in ten are under', () => {
  assert.equal(handicapAfter(0, 0), Math.floor(wholeHandicap / 10))
  assert.ok(handicapAfter(90, 0) < handicapAfter(10, 0) && handicapAfter(10, 0) < handicapAfter(10, 3))
  assert.equal(handicapAfter(0, 1_000), wholeHandicap)
  assert.equal(newcomerHandicap([]), handicapAfter(0, 0))
  assert.equal(newcomerHandicap([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]), 9)
  assert.equal(newcomerHandicap([5]), 5)
})
