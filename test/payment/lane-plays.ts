// Short plays, by name, each of which complains where the promise it is about is broken.
// The planted faults are found by them; without a fault none complains.
import assert from 'node:assert/strict'
import { success } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { voucherDigest } from '../../src/formats/money/voucher-digest.ts'
import { judgeVoucher } from '../../src/payment/payee-lane.ts'
import type { Signature, SignedVoucher } from '../../src/ports/ledger.ts'
import { fakeScheme, fakeSign } from '../ledger/fake-signatures.ts'
import { addressOf, unit } from '../ledger/ledger-harness.ts'
import { durableOf } from './lane-checks.ts'
import {
  checkAccounts,
  download,
  finish,
  newWorld,
  noticesOf,
  playCrash,
  playPlain,
  shortWindows,
} from './lane-scenarios.ts'
import type { LaneWorld } from './lane-world.ts'
import { openAtOnce } from './opens-at-once.ts'

const granted = 10_000n * unit
const mebibyte = 1_048_576

function withLane(seed: number): LaneWorld {
  const world = newWorld(seed)
  world.connect()
  world.play(world.nowMs + 10_000)
  return world
}

function verdictOn(world: LaneWorld, change: (voucher: SignedVoucher) => SignedVoucher, isLenient: boolean): string {
  const record = world.payee?.records[0]
  assert.ok(record?.newest !== undefined)
  const scheme = isLenient ? { recover: () => success(addressOf(1)) } : fakeScheme
  return judgeVoucher(record, change(record.newest), world.ledger.nowMs, world.terms, scheme).type
}

export const plays: Readonly<Record<string, () => void>> = {
  plain: () => void playPlain(1, { jobBytes: 6 * mebibyte }),

  slowDisk() {
    const world = newWorld(2, { diskMs: 3000, jobBytes: 16 * mebibyte })
    download(world, 120_000)
  },

  neverPays() {
    const world = newWorld(3, { twist: (message) => (message.type === 'voucher' ? undefined : message) })
    download(world, 10_000)
  },

  equalDifferent() {
    const signature = new Uint8Array(65).fill(7) as Signature
    assert.equal(
      verdictOn(withLane(4), (voucher) => ({ ...voucher, signature }), true),
      'alarm',
    )
  },

  foreignVoucher() {
    const world = withLane(5)
    const foreign = (voucher: SignedVoucher) => {
      const larger = { lane: voucher.lane, cumulativeAmount: tokenAmount(voucher.cumulativeAmount + 1n) }
      return { ...larger, signature: fakeSign(addressOf(3), voucherDigest(larger, world.terms.domain)) }
    }
    assert.equal(verdictOn(world, foreign, false), 'refused')
  },

  restartOfWatcher() {
    const world = withLane(6)
    const held = durableOf(world)
    world.kill('payer')
    world.kill('payee')
    world.start('payee')
    world.play(world.nowMs + 1_800_000)
    assert.equal(world.available('payee') - granted, held, 'cashed after the restart')
  },

  closing() {
    const world = withLane(7)
    const held = durableOf(world)
    world.kill('payer')
    const lane = world.lanesOnLedger()[0]
    assert.ok(lane !== undefined)
    world.submit(world.ledger.sign(1, { type: 'request-close', id: world.ledger.nextId(), lane: lane.id }))
    world.disconnect()
    // Were it only for the payer's absence, it would be closed after ten minutes.
    world.play(world.nowMs + 300_000)
    assert.equal(world.available('payee') - granted, held, 'cashed by half of the window')
  },

  smallBudget() {
    const world = newWorld(8, { budget: tokenAmount(17n * unit), jobBytes: 40 * mebibyte })
    download(world, 60_000)
    finish(world)
    checkAccounts(world)
  },

  opensAtOnce: openAtOnce,

  crashes() {
    for (let step = 1; step <= 14; step++) playCrash(1 + (step % 7), 'payer', step, false)
  },

  backups() {
    for (let step = 10; step <= 60; step += 2) playCrash(1 + (step % 7), 'payer', step, true)
  },

  crashesAtTheEnd() {
    for (let step = 54; step <= 86; step++) playCrash(2, 'payee', step, false)
  },

  /**
   * The ledger is down from before the payee cashes until after the lane's end by its count; but the ledger's time stood
   * still, so that the larger voucher which came meanwhile is still good.
   */
  ledgerStoodStill() {
    for (const seed of [9, 10, 11]) {
      const world = newWorld(seed, { genesis: shortWindows, jobBytes: 200 * mebibyte })
      world.connect()
      world.play(world.nowMs + 5_000)
      world.isLedgerDown = true
      const asked = durableOf(world)
      world.give('payee', { type: 'claim' })
      world.play(world.nowMs + 2_000)
      const held = durableOf(world)
      assert.ok(held > asked && asked > 0n, 'more was paid after the payee asked to cash')
      world.kill('payer')
      world.disconnect()
      const [lane] = world.lanesOnLedger()
      assert.ok(lane !== undefined)
      const leftMs = lane.expiresAtMs - world.ledger.nowMs
      world.play(world.nowMs + leftMs + 10_000)
      assert.ok(world.ledger.nowMs < lane.expiresAtMs)
      world.isLedgerDown = false
      world.play(world.nowMs + 30_000)
      assert.deepEqual(noticesOf(world, 'payee', 'lost'), [], "what is good by the ledger's time")
      assert.equal(world.available('payee') - granted, held)
    }
  },

  lostAnswers() {
    for (let seed = 1; seed <= 6; seed++) {
      const world = newWorld(seed, { lostPercent: 50, budget: tokenAmount(8n * unit) })
      download(world, 20_000)
    }
  },
}
