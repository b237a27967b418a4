// What must hold at every step of a world with honest machines, counted independently of them: from the disks, the
// ledger and the bytes that moved.
import assert from 'node:assert/strict'
import { payeeLanes, payeeOperations, payerLanes, payerOperations } from '../../src/payment/lane-records.ts'
import type { LaneId } from '../../src/ports/ledger.ts'
import { unit } from '../ledger/ledger-harness.ts'
import type { LaneWorld, WorldCheck } from './lane-world.ts'

const granted = 10_000n * unit
const mebibyte = 1_048_576
const leastTick = 262_144

/** P6, P8: on the disk before it is signed, one amount a state, and never less than before. */
function signingCheck(): WorldCheck {
  const signed = new Map<LaneId, bigint>()
  let highest = 0n
  return {
    signing(world, role, request) {
      const { rail } = world.terms
      const { store } = world.parties[role]
      if (request.type === 'ledger-operation') {
        const table = role === 'payer' ? payerOperations : payeeOperations
        const isKept = store.read(table, rail).some(({ id }) => id === request.operation.id)
        assert.ok(isKept, `${request.operation.type} is on the disk before it is signed`)
        return
      }
      assert.ok(request.type === 'voucher' && role === 'payer')
      const { lane, cumulativeAmount } = request.voucher
      const record = store.read(payerLanes, rail).find((other) => other.lane === lane)
      assert.equal(record?.signed, cumulativeAmount, 'the amount is on the disk before it is signed')
      const heldByPayee = world.parties.payee.store.read(payeeLanes, rail).find((other) => other.lane === lane)
      const least = world.wasRestored.has('payer')
        ? (heldByPayee?.newest?.cumulativeAmount ?? 0n)
        : (signed.get(lane) ?? 0n)
      assert.ok(cumulativeAmount >= least, 'never lower than before')
      if ((signed.get(lane) ?? 0n) < cumulativeAmount) signed.set(lane, cumulativeAmount)
    },
    step(world) {
      let sum = 0n
      for (const [lane, amount] of signed) {
        const end = world.laneHistory.get(lane)
        // What was not taken of a lane that is closed is owed again.
        sum += end?.state.type === 'closed' ? end.claimed : amount
      }
      for (const { pricePerMiB } of world.steppedPrices) if (pricePerMiB > highest) highest = pricePerMiB
      const aheadBytes = BigInt(Math.max(leastTick, 2 * world.options.pieceBytes))
      const ahead = BigInt(world.prepaidConnections.size) * (((highest * aheadBytes) >> 20n) + 1n)
      const owed = world.verifiedScaled >> 20n
      assert.ok(sum <= owed + ahead, `the payer signed ${sum}, owes ${owed}, and ${ahead} ahead`)
    },
  }
}

/** P4: never more locked and spent than the budget; a lane never pays more than its deposit. */
const budgetCheck: WorldCheck = {
  step(world) {
    for (const { claimed, deposit } of world.lanesOnLedger()) assert.ok(claimed <= deposit)
    if (world.wasRestored.has('payer')) return
    const out = granted - world.available('payer')
    assert.ok(out <= world.options.budget, `${out} is out of a budget of ${world.options.budget}`)
  },
}

/** What the payee has on its disk or was paid out. */
export function durableOf(world: LaneWorld): bigint {
  let sum = world.available('payee') - granted
  for (const { lane, newest } of world.parties.payee.store.read(payeeLanes, world.terms.rail)) {
    const claimed = world.laneHistory.get(lane)?.claimed ?? 0n
    const amount = newest?.cumulativeAmount ?? 0n
    if (amount > claimed) sum += amount - claimed
  }
  return sum
}

/** P7: what is sent and not paid for, with payment on the disk alone, is never over the window. */
function exposureCheck(held: HeldCheck): WorldCheck {
  let connection = -1
  let durableBefore = 0n
  let servedBefore = 0n
  return {
    step(world) {
      if (connection !== world.connection) {
        connection = world.connection
        durableBefore = held.sum
        servedBefore = world.servedScaled
      }
      if (!world.isConnected) return
      const windowBytes = Math.max(mebibyte, 2 * world.options.pieceBytes, Math.floor(world.servedBytes / 8))
      const price = world.steppedPrices.reduce((most, { pricePerMiB }) => (pricePerMiB > most ? pricePerMiB : most), 0n)
      const bound = ((price * BigInt(windowBytes)) >> 20n) + 1n
      const served = (world.servedScaled - servedBefore) >> 20n
      const paid = held.sum - durableBefore
      assert.ok(served <= paid + bound, `${served - paid} is unpaid, over ${bound}`)
    },
  }
}

/** Of each lane the largest voucher that was ever on the payee's disk: in the end it was cashed, or is a loss on record. */
export class HeldCheck implements WorldCheck {
  sum = 0n
  private readonly held = new Map<LaneId, bigint>()

  step(world: LaneWorld): void {
    for (const { lane, newest } of world.parties.payee.store.read(payeeLanes, world.terms.rail)) {
      const amount = newest?.cumulativeAmount ?? 0n
      const before = this.held.get(lane) ?? 0n
      if (amount <= before) continue
      this.held.set(lane, amount)
      this.sum += amount - before
    }
  }

  check(world: LaneWorld): void {
    let missing = 0n
    for (const [lane, amount] of this.held) {
      const claimed = world.laneHistory.get(lane)?.claimed ?? 0n
      if (amount > claimed) missing += amount - claimed
    }
    if (!world.wasRestored.has('payee')) assert.equal(world.lossesOf(), missing, 'what was lost is on record')
  }
}

export function allChecks(): WorldCheck[] {
  const held = new HeldCheck()
  return [held, signingCheck(), budgetCheck, exposureCheck(held)]
}
