// Property 13 where payments are made: on a rail whose claims cost something, a payee cashes in batches that are worth it.
// The ledger of these tests takes no such fee; what is counted is what the claims would have cost.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type TokenAmount, tokenAmount, zeroAmount } from '../../src/base/token-amount.ts'
import type { RailTerms } from '../../src/payment/rail-terms.ts'
import { isWorthCashing, settlementOf } from '../../src/session/settlement-rule.ts'
import { unit } from '../ledger/ledger-harness.ts'
import { checkAccounts, finish, newWorld, noticesOf } from '../payment/lane-scenarios.ts'
import type { LaneWorld } from '../payment/lane-world.ts'

const mebibyte = 1_048_576
const farAway = tokenAmount(10n ** 30n)

function termsWith(
  world: LaneWorld,
  claimFees: { transaction: TokenAmount; lane: TokenAmount } | undefined,
): RailTerms {
  return claimFees === undefined ? world.terms : { ...world.terms, claimFees }
}

function feesOf(transaction: bigint, lane: bigint) {
  return { transaction: tokenAmount(transaction), lane: tokenAmount(lane) }
}

/** A world in which a payee earns a token a MiB, with such fees for claims. */
function sellingWith(seed: number, claimFees: ReturnType<typeof feesOf>, claimAt = farAway): LaneWorld {
  const terms = termsWith(newWorld(seed), claimFees)
  const world = newWorld(seed, { ...settlementOf(terms), claimAt, jobBytes: 100 * mebibyte })
  world.connect()
  world.play(world.nowMs + 200_000)
  return world
}

/** What each claim brought. */
function cashedBy(world: LaneWorld): readonly bigint[] {
  return noticesOf(world, 'payee', 'cashed').map((notice) => (notice as { amount?: bigint }).amount ?? 0n)
}

function claimCount(world: LaneWorld): number {
  return new Set(
    world.parties.payee.asked.flatMap((request) =>
      request.type === 'ledger-operation' && request.operation.type === 'claim' ? [request.operation.id] : [],
    ),
  ).size
}

describe('cashing where it costs something (property 13)', () => {
  test('each batch is worth its fees fifty times over, and nothing is lost', () => {
    const fees = feesOf(unit / 100n, unit / 200n)
    const world = sellingWith(41, fees)
    const cashed = cashedBy(world)
    assert.ok(cashed.length >= 1 && claimCount(world) <= 4, `${cashed} in ${claimCount(world)} claims`)
    for (const amount of cashed) assert.ok(amount >= 50n * (fees.transaction + fees.lane), `${amount}`)
    finish(world)
    checkAccounts(world)
  })

  test('below the threshold nothing is cashed before two windows from expiry, and then all is', () => {
    const world = sellingWith(42, feesOf(4n * unit, unit))
    assert.deepEqual(cashedBy(world), [])
    const [record] = world.payee?.records ?? []
    const held = record?.newest?.cumulativeAmount ?? 0n
    assert.ok(record !== undefined && held > 20n * unit, `${held}`)
    world.kill('payer')
    const { challengeMs } = world.terms
    world.play(record.expiresAtMs - 2 * challengeMs + 60_000)
    const cashed = cashedBy(world).reduce((sum, amount) => sum + amount, 0n)
    assert.ok(cashed >= held, `${cashed} of ${held}`)
    assert.equal(world.lossesOf(), 0n)
  })

  test('what may be at stake is cashed sooner, whatever the optimum would be', () => {
    const fees = feesOf(unit / 5n, unit / 20n)
    const [freely, limited] = [sellingWith(43, fees), sellingWith(43, fees, tokenAmount(25n * unit))]
    assert.equal(claimCount(freely), 0)
    assert.ok(claimCount(limited) >= 1)
    for (const amount of cashedBy(limited)) assert.ok(amount >= 25n * unit)
  })

  test('on a ledger, where claims are free, there is no such rule', () => {
    const { terms } = newWorld(44)
    assert.deepEqual(settlementOf(terms), {})
    assert.ok(isWorthCashing(tokenAmount(1n), 1, terms))
  })

  test('at the end of a program only what is worth its fees is cashed', () => {
    const terms = termsWith(newWorld(45), feesOf(4n, 1n))
    assert.ok(!isWorthCashing(tokenAmount(299n), 2, terms))
    assert.ok(isWorthCashing(tokenAmount(300n), 2, terms))
    assert.ok(!isWorthCashing(zeroAmount, 1, terms))
  })
})
