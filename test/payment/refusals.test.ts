// When the wallet or the disk refuses: nothing is promised that is not kept, and what can go on goes on by itself.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SigningRequest } from '../../src/ports/signer.ts'
import { unit } from '../ledger/ledger-harness.ts'
import { checkAccounts, download, finish, newWorld, noticesOf } from './lane-scenarios.ts'
import { openAtOnce } from './opens-at-once.ts'

const granted = 10_000n * unit
const mebibyte = 1_048_576

describe('a payer', () => {
  test('that opens many lanes at once asks for no more than its budget (P4)', openAtOnce)

  test('whose wallet is locked for a while signs the same amount later, and pays to the unit', () => {
    let lockedUntilMs = Number.POSITIVE_INFINITY
    const world = newWorld(41, {
      jobBytes: 8 * mebibyte,
      refusesToSign(request, { nowMs }) {
        if (request.type !== 'voucher') return undefined
        if (lockedUntilMs === Number.POSITIVE_INFINITY) lockedUntilMs = nowMs + 10_000
        return nowMs < lockedUntilMs ? 'wallet-locked' : undefined
      },
    })
    download(world, 120_000)
    assert.equal(world.verifiedBytes, world.options.jobBytes)
    finish(world)
    checkAccounts(world)
    assert.equal(world.available('payee') - granted, world.verifiedScaled >> 20n)
  })

  test('whose owner refuses a lane does not ask again until something changes', () => {
    const asked: SigningRequest[] = []
    const world = newWorld(42, {
      refusesToSign(request) {
        asked.push(request)
        return 'spending-refused'
      },
    })
    world.connect()
    world.play(world.nowMs + 600_000)
    assert.equal(asked.length, 1)
    assert.equal(world.lanesOnLedger().length, 0)
    assert.equal(world.payer?.remaining('job'), world.options.budget, 'all of it is free again')
    assert.equal(world.parties.payer.store.contents.size, 1, 'nothing is kept but the budget')
  })
})

describe('a disk that fails', () => {
  for (const role of ['payer', 'payee'] as const) {
    test(`stops the ${role} at once, which goes on from the disk when there is room again`, () => {
      let isFull = false
      const world = newWorld(43, { jobBytes: 8 * mebibyte, failsDisk: (who) => isFull && who === role })
      world.connect()
      world.play(world.nowMs + 4000)
      isFull = true
      world.play(world.nowMs + 2000)
      assert.equal(noticesOf(world, role, 'halted').length, 1)
      const asked = world.parties[role].asked.length
      const served = world.servedScaled
      world.play(world.nowMs + 60_000)
      assert.equal(world.parties[role].asked.length, asked, 'nothing more is signed')
      assert.ok(world.servedScaled - served <= BigInt(2 * mebibyte) * world.options.pricePerMiB)
      isFull = false
      world.kill(role)
      download(world, 120_000)
      assert.equal(world.verifiedBytes, world.options.jobBytes)
      finish(world)
      checkAccounts(world)
    })
  }
})
