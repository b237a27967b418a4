// The watcher of a payee's lanes: what was earned is cashed in time, from the store alone, whatever was down meanwhile;
// and where it cannot be, that is on record with the reason.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { losses } from '../../src/payment/lane-records.ts'
import { unit } from '../ledger/ledger-harness.ts'
import { durableOf } from './lane-checks.ts'
import { checkAccounts, finish, newWorld, noticesOf } from './lane-scenarios.ts'
import type { LaneWorld, WorldOptions } from './lane-world.ts'

const granted = 10_000n * unit

/** A lane with something in hand, and both gone. */
function earned(seed: number, change: Partial<WorldOptions> = {}): LaneWorld {
  const world = newWorld(seed, change)
  world.connect()
  world.play(world.nowMs + 10_000)
  assert.ok(durableOf(world) > unit)
  return world
}

function requestClose(world: LaneWorld): void {
  const [lane] = world.lanesOnLedger()
  assert.ok(lane !== undefined)
  const result = world.submit(world.ledger.sign(1, { type: 'request-close', id: world.ledger.nextId(), lane: lane.id }))
  assert.ok(result.ok)
}

/** What the payer does who wants its money back as early as it may. */
function closeAsEarlyAsMayBe(world: LaneWorld): void {
  const [lane] = world.lanesOnLedger()
  if (lane !== undefined)
    world.submit(world.ledger.sign(3, { type: 'close', id: world.ledger.nextId(), lane: lane.id }))
}

describe('the watcher', () => {
  for (const part of [0, 40, 60, 90]) {
    test(`cashes a closing lane when the program was down for ${part} % of the window (P5)`, () => {
      const world = earned(20 + part)
      const held = durableOf(world)
      const { challengeMs } = world.terms
      world.kill('payer')
      if (part > 0) world.kill('payee')
      requestClose(world)
      const askedAtMs = world.nowMs
      world.play(world.nowMs + (challengeMs * part) / 100)
      if (part > 0) world.start('payee')
      const byMs = Math.max(askedAtMs + challengeMs / 2, world.nowMs + 5000)
      world.play(byMs)
      assert.equal(world.available('payee') - granted, held, 'by half of the window, or at once')
      assert.equal(world.lossesOf(), 0n)
    })
  }

  test('comes too late after the whole window, and puts on record what was lost and why', () => {
    const world = earned(31)
    const held = durableOf(world)
    world.kill('payer')
    world.kill('payee')
    requestClose(world)
    world.play(world.nowMs + world.terms.challengeMs + 1000)
    closeAsEarlyAsMayBe(world)
    world.start('payee')
    world.play(world.nowMs + 60_000)
    const [loss] = world.parties.payee.store.read(losses, world.terms.rail)
    assert.equal(loss?.amount, held)
    assert.equal(loss?.reason, 'closed-first')
    assert.equal(noticesOf(world, 'payee', 'lost').length, 1)
  })

  test('tries on with the same operation while the ledger is away, and is paid when it is back', () => {
    const world = earned(32)
    const held = durableOf(world)
    world.kill('payer')
    requestClose(world)
    world.parties.payee.isCutOff = true
    world.play(world.nowMs + world.terms.challengeMs * 0.8)
    assert.equal(world.available('payee'), granted)
    world.parties.payee.isCutOff = false
    world.play(world.nowMs + world.terms.challengeMs * 0.1)
    assert.equal(world.available('payee') - granted, held)
    const asked = world.parties.payee.asked.filter(({ type }) => type === 'ledger-operation')
    assert.equal(asked.length, 1, 'one operation, signed once')
  })

  test('loses nothing while the ledger itself is down, however long: its time stands still', () => {
    const world = earned(33)
    const held = durableOf(world)
    world.kill('payer')
    world.isLedgerDown = true
    world.play(world.nowMs + 2 * 24 * 3_600_000)
    assert.ok(noticesOf(world, 'payee', 'overdue').length > 0, 'the owner is told that it may be too late')
    world.isLedgerDown = false
    world.play(world.nowMs + 3_600_000)
    assert.equal(world.available('payee') - granted, held)
    assert.equal(world.lossesOf(), 0n)
  })

  test('cashes before expiry what nobody closes', () => {
    const world = earned(34)
    const held = durableOf(world)
    world.kill('payer')
    world.kill('payee')
    // Up again in the last window but one.
    world.play(world.nowMs + 22.5 * 3_600_000)
    world.start('payee')
    world.play(world.nowMs + 600_000)
    assert.equal(world.available('payee') - granted, held)
  })

  test('puts on record what expired before it could be cashed', () => {
    const world = earned(35)
    const held = durableOf(world)
    world.kill('payer')
    world.parties.payee.isCutOff = true
    world.play(world.nowMs + 25 * 3_600_000)
    world.parties.payee.isCutOff = false
    world.play(world.nowMs + 3_600_000)
    assert.equal(world.lossesOf(), held)
    assert.equal(world.parties.payee.store.read(losses, world.terms.rail)[0]?.reason, 'expired')
    assert.equal(world.available('payee'), granted)
  })

  test('cashes as much as the owner set, and keeps the lane', () => {
    const world = earned(36, { claimAt: tokenAmount(2n * unit), jobBytes: 100 * 1_048_576 })
    world.play(world.nowMs + 100_000)
    const claims = world.parties.payee.asked.filter(
      (request) => request.type === 'ledger-operation' && request.operation.type === 'claim',
    )
    assert.ok(claims.length >= 1 && claims.length <= 3, `${claims.length} claims in two minutes`)
    assert.equal(world.laneHistory.size, 1)
    finish(world)
    checkAccounts(world)
  })

  test('gives up only when the owner does', () => {
    const world = earned(37)
    const held = durableOf(world)
    world.kill('payer')
    world.isLedgerDown = true
    world.play(world.nowMs + 2 * 24 * 3_600_000)
    const [record] = world.payee?.records ?? []
    assert.ok(record !== undefined)
    world.give('payee', { type: 'give-up', lane: record.lane })
    world.play(world.nowMs + 1000)
    assert.equal(world.lossesOf(), held)
    assert.equal(world.parties.payee.store.read(losses, world.terms.rail)[0]?.reason, 'given-up')
  })
})
