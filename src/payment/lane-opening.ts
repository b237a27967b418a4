// Lanes of a payer that are opened, topped up, or followed by a successor, out of its purses or by the owner's hand.
// Guarantees: one lane of a tab is being opened at a time, within what its budget has left; a tab is told once that there is
// no more. Owns nothing: lanes and purses are those of `PayerLanes`.
import { present } from '../base/assert.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { addAmounts, type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, LaneId, LedgerOperation, OperationId } from '../ports/ledger.ts'
import type { PayerLane } from './lane-records.ts'
import { headroomOf, isLasting, newPayerEntry, type PayerEntry, type PayerTab, unpaidOf } from './payer-lane.ts'
import { handBudget, type PayerLanes } from './payer-lanes.ts'
import { openingDeposit, targetDeposit, topUpOf } from './purses.ts'
import { laneLifeMs } from './rail-terms.ts'

export class LaneOpening {
  private readonly lanes: PayerLanes

  constructor(lanes: PayerLanes) {
    this.lanes = lanes
  }

  /** Opens, tops up, opens a successor: what this tab needs to go on. The steady time to look again. */
  provide(tab: PayerTab, ledgerMs: number, nowMs: number): number {
    const { terms } = this.lanes.options
    const lasting = tab.lanes.filter((entry) => isLasting(entry, tab, ledgerMs, terms))
    const price = tab.meter.pricePerMiB
    if (price === 0n || tab.lanes.some(({ record }) => record.state.type === 'opening')) return Number.POSITIVE_INFINITY
    if (tab.openAtMs > nowMs) return tab.openAtMs
    const target = addAmounts(targetDeposit(tab.bytesPerSecond, price), tab.reserved)
    if (lasting.length === 0) {
      this.open(tab, openingDeposit(this.remaining(tab), addAmounts(target, unpaidOf(tab)), terms), ledgerMs)
      return Number.POSITIVE_INFINITY
    }
    const last = present(lasting.at(-1), 'a lane')
    if (last.operation !== undefined || last.record.state.type !== 'open') return Number.POSITIVE_INFINITY
    const headroom = lasting.reduce((sum, entry) => sum + headroomOf(entry), 0n)
    const unpaid = unpaidOf(tab)
    const left = tokenAmount(headroom > unpaid ? headroom - unpaid : 0n)
    // What is owed and not in the lane comes first.
    const wanted = tokenAmount(target + (unpaid > headroom ? unpaid - headroom : 0n))
    if (topUpOf(left, wanted, wanted, terms) === undefined) return Number.POSITIVE_INFINITY
    // Asked for once it matters: it goes through all lanes.
    const amount = topUpOf(left, wanted, this.remaining(tab), terms)
    if (amount !== undefined) this.topUp(last, amount)
    else this.saySpent(tab)
    return Number.POSITIVE_INFINITY
  }

  /** The owner's lane, by hand. */
  openByHand(operation: Extract<LedgerOperation, { readonly type: 'open-lane' }>): void {
    const { id, payee, deposit, expiresAtMs } = operation
    const entry = newPayerEntry(
      newPayerLane(id, payee, handBudget, deposit, this.lanes.options.terms.openFee, expiresAtMs),
      Number.POSITIVE_INFINITY,
    )
    this.lanes.handTab.lanes.push(entry)
    this.lanes.entries.set(entry.record.lane, entry)
    this.lanes.start(entry, entry.record, operation)
  }

  /** Errors: lane-closed (none of this account, or it ends), ledger-busy (something is under way with it). */
  changeByHand(operation: Extract<LedgerOperation, { readonly type: 'top-up-lane' | 'request-close' }>): Result<void> {
    const entry = this.lanes.entries.get(operation.lane)
    if (entry === undefined || entry.record.state.type === 'closing') {
      return failure('lane-closed', 'this account does not pay on such a lane, or it is closing')
    }
    if (entry.operation !== undefined || entry.record.state.type === 'opening' || entry.voucher !== 'idle') {
      return failure('ledger-busy', 'something is under way with the lane')
    }
    const { record } = entry
    const isTopUp = operation.type === 'top-up-lane'
    this.lanes.start(entry, isTopUp ? { ...record, toppingUp: operation.amount } : record, operation)
    return success(undefined)
  }

  private open(tab: PayerTab, deposit: TokenAmount | undefined, ledgerMs: number): void {
    if (deposit === undefined) {
      this.saySpent(tab)
      return
    }
    const { terms } = this.lanes.options
    const id = this.lanes.drawId()
    const expiresAtMs = ledgerMs + laneLifeMs(terms)
    const opening = { id, payee: tab.payee, deposit, expiresAtMs }
    const entry = newPayerEntry(
      newPayerLane(id, tab.payee, tab.budget, deposit, terms.openFee, expiresAtMs),
      Number.POSITIVE_INFINITY,
    )
    tab.lanes.push(entry)
    this.lanes.entries.set(entry.record.lane, entry)
    const { award } = tab
    this.lanes.start(
      entry,
      entry.record,
      award === undefined ? { type: 'open-lane', ...opening } : { type: 'open-and-award', ...opening, award },
    )
  }

  /** Once, until something changes. */
  private saySpent(tab: PayerTab): void {
    if (!tab.saidSpent) this.lanes.notice({ type: 'budget-spent', payee: tab.payee, budget: tab.budget })
    tab.saidSpent = true
  }

  private topUp(entry: PayerEntry, amount: TokenAmount): void {
    const { record } = entry
    this.lanes.start(
      entry,
      { ...record, toppingUp: amount },
      { type: 'top-up-lane', id: this.lanes.drawId(), lane: record.lane, amount },
    )
  }

  private remaining({ budget }: PayerTab): TokenAmount {
    return this.lanes.purses.remaining(budget, this.lanes.records)
  }
}

function newPayerLane(
  id: OperationId,
  payee: AccountId,
  budget: string,
  deposit: TokenAmount,
  fee: TokenAmount,
  expiresAtMs: number,
): PayerLane {
  return {
    lane: id as string as LaneId,
    payee,
    budget,
    deposit,
    toppingUp: zeroAmount,
    fee,
    expiresAtMs,
    signed: zeroAmount,
    claimed: zeroAmount,
    state: { type: 'opening' },
  }
}
