// Receipts of a ledger that is open here and of the same one from afar: both are signed by its operator, say what the
// ledger says, and are checked without it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { type AttestingLedger, attestsHere, railReceipts } from '../../src/daemon/rail-receipts.ts'
import type { LaneId } from '../../src/ports/ledger.ts'
import { fakeScheme, fakeSign } from '../ledger/fake-signatures.ts'
import { addressOf, drawn, hourMs, idOf, tokens } from '../ledger/ledger-harness.ts'
import { LedgerWorld, never } from '../rails/ledger-world.ts'
import { SimulatedService } from '../rails/simulated-service.ts'

const ended = AbortSignal.abort()

async function served() {
  const world = new LedgerWorld()
  const ledger = await world.open()
  const service = new SimulatedService(world)
  service.ledger = ledger
  const { people } = world
  const grant = { type: 'grant', to: people.account(1), invite: drawn('invite') } as const
  assert.equal(await world.submit(ledger, 0, grant), 'done')
  const nowMs = unwrap(await world.clock.settle(ledger.timeMs(never)))
  const expiresAtMs = nowMs + 2 * hourMs
  const open = {
    type: 'open-lane',
    id: idOf('lane'),
    payee: people.account(2),
    deposit: tokens(10),
    expiresAtMs,
  } as const
  unwrap(await world.clock.settle(ledger.submit(people.sign(1, open), never)))
  const of = (attesting: AttestingLedger) => railReceipts(attesting, people.facts, people.account(1), fakeScheme)
  const settle = <T>(promise: Promise<T>) => world.clock.settle(promise)
  return {
    world,
    settle,
    lane: open.id as string as LaneId,
    here: of(attestsHere(ledger)),
    there: of(service.client()),
  }
}

describe('receipts of a rail', () => {
  for (const where of ['here', 'there'] as const) {
    test(`of a ledger that is ${where}: balance and lane, signed by its operator`, async () => {
      const { world, settle, lane, [where]: receipts } = await served()
      const balance = unwrap(receipts.check(unwrap(await settle(receipts.balance(never)))))
      assert.equal(balance.type, 'balance')
      if (balance.type !== 'balance') return
      assert.equal(balance.account, world.people.account(1))
      assert.deepEqual([balance.locked, balance.available > 0n], [tokens(10), true])
      const signed = unwrap(await settle(receipts.lane(lane, never)))
      assert.ok(signed !== undefined)
      const seen = unwrap(receipts.check(signed))
      assert.deepEqual(seen.type === 'lane' && [seen.lane.id, seen.lane.deposit], [lane, tokens(10)])
      assert.equal(unwrap(await settle(receipts.lane(drawn('nothing') as string as LaneId, never))), undefined)
    })

    test(`of a ledger that is ${where}: what somebody else signed, or what was changed, is none`, async () => {
      const { settle, [where]: receipts } = await served()
      const signed = unwrap(await settle(receipts.balance(never)))
      assert.equal(signed.receipt.type, 'balance')
      const richer = { ...signed.receipt, available: tokens(1e6) } as typeof signed.receipt
      assert.ok(!receipts.check({ ...signed, receipt: richer }).ok)
      const digest = new Uint8Array(32).fill(7)
      assert.ok(!receipts.check({ ...signed, signature: fakeSign(addressOf(3), digest) }).ok)
    })

    test(`of a ledger that is ${where}: who waits no more is answered at once`, async () => {
      const { settle, lane, [where]: receipts } = await served()
      for (const asked of [receipts.balance(ended), receipts.lane(lane, ended)]) {
        const answer = await settle<{ readonly ok: boolean; readonly code?: string }>(asked)
        assert.equal(answer.code, 'interrupted')
      }
    })
  }
})
