// Lanes of a payer as the rail has them: what became of operations, what it says of each lane, taking them back at the end.
// Guarantees: a lane the rail knows and this record does not, or knows less of, is frozen and taken back, never signed on; what
// was locked leaves the budget only when it is known, or bounded, what became of it. Owns which lanes ended last.
import type { ErrorCode } from '../base/errors.ts'
import { addAmounts, subtractAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, Lane, LaneId, LedgerOperation, OperationOutcome } from '../ports/ledger.ts'
import type { StoreChange } from '../ports/store.ts'
import { budgets, deleteRecord, type FreezeReason, payerLanes, putRecord } from './lane-records.ts'
import { afterRail, endsAtMs, newPayerEntry, type PayerEntry, type PayerTab } from './payer-lane.ts'
import { handBudget, type PayerLanes, type PayerStep } from './payer-lanes.ts'
import { retryDelayMs } from './rail-contact.ts'
import { ownersRefusals, type SettledOperation } from './rail-operations.ts'
import { looksEveryMs } from './rail-terms.ts'

/** A payee that was told has so long to close a lane by itself, which costs nobody a challenge window. */
const graceMs = 30_000
const mostRetryMs = 300_000
const maxEnded = 1024
/** The purse of lanes that no record tells of. */
const unknownBudget = ''
const kept: PayerStep = { type: 'kept' }

export class LaneEnding {
  private readonly lanes: PayerLanes
  /** The last ones that ended: old news of them is no news. */
  private readonly ended = new Set<LaneId>()

  constructor(lanes: PayerLanes) {
    this.lanes = lanes
  }

  /** Takes a lane back where it is time. The steady time to look again. */
  conclude(tab: PayerTab, entry: PayerEntry, ledgerMs: number | undefined, nowMs: number): number {
    const { record } = entry
    if (!entry.isLooking && entry.lookAtMs <= nowMs) this.lanes.look(entry)
    if (entry.operation !== undefined || entry.voucher !== 'idle' || ledgerMs === undefined) return entry.lookAtMs
    if (ledgerMs >= endsAtMs(record) && record.state.type !== 'opening') {
      if (entry.closeAtMs > nowMs) return Math.min(entry.closeAtMs, entry.lookAtMs)
      this.lanes.start(entry, record, { type: 'close', id: this.lanes.drawId(), lane: record.lane })
      return entry.lookAtMs
    }
    const endsMs = this.lanes.contact.steadyAt(endsAtMs(record))
    if (!entry.isEnding || record.state.type !== 'open') return Math.min(endsMs, entry.lookAtMs)
    if (entry.endByMs === Number.POSITIVE_INFINITY) {
      const isAsked = tab.isAttached && entry.isConfirmed && record.frozen === undefined
      if (isAsked)
        this.lanes.errands.push({ type: 'tell', to: tab.payee, message: { type: 'finish', lanes: [record.lane] } })
      entry.endByMs = isAsked ? nowMs + graceMs : nowMs
    }
    const atMs = Math.max(entry.endByMs, entry.closeAtMs)
    if (nowMs < atMs) return Math.min(endsMs, entry.lookAtMs, atMs)
    this.lanes.start(entry, record, { type: 'request-close', id: this.lanes.drawId(), lane: record.lane })
    return Math.min(endsMs, entry.lookAtMs)
  }

  /** What the rail says of a lane, unasked or asked. */
  seen(lane: Lane, nowMs: number): void {
    const { account } = this.lanes.options
    if (lane.payer !== account) return
    const entry = this.lanes.entries.get(lane.id)
    if (entry === undefined) {
      // Asked again, as this may be old news.
      if (lane.state.type !== 'closed' && !this.ended.has(lane.id))
        this.lanes.errands.lookUp(lane.id, { type: 'lane', lane: lane.id, payee: lane.payee })
      return
    }
    if (lane.state.type === 'closed') this.end(entry, lane.claimed, true)
    else this.takeRail(entry, lane)
    entry.lookAtMs = nowMs + looksEveryMs(this.lanes.options.terms)
  }

  lookedUp(id: LaneId, payee: AccountId | undefined, lane: Lane | undefined, nowMs: number): void {
    const entry = this.lanes.entries.get(id)
    if (entry !== undefined) {
      entry.isLooking = false
      entry.lookAtMs = nowMs + looksEveryMs(this.lanes.options.terms)
      if (lane !== undefined) this.seen(lane, nowMs)
      // An operation under way will tell what became of it.
      else if (entry.operation === undefined) this.endUnseen(entry)
      return
    }
    const isOurs =
      lane !== undefined && !this.ended.has(id) && lane.payer === this.lanes.options.account && lane.payee === payee
    if (isOurs && lane.state.type !== 'closed') this.adopt(lane, nowMs)
  }

  lookFailed(id: LaneId, nowMs: number): void {
    const entry = this.lanes.entries.get(id)
    if (entry === undefined) return
    entry.isLooking = false
    entry.lookAtMs = nowMs + Math.min(mostRetryMs, looksEveryMs(this.lanes.options.terms))
  }

  /** The payee does not take what is paid on it: the rail is asked why, soon. */
  doubt(id: LaneId, tab: PayerTab, atMs: number): void {
    const entry = this.lanes.entries.get(id)
    if (entry?.record.payee === tab.payee) entry.lookAtMs = Math.min(entry.lookAtMs, atMs)
  }

  /** Nothing is signed on it any more, and `signed` is what the payee may hold. */
  freeze(entry: PayerEntry, reason: FreezeReason, signed: TokenAmount): void {
    const { record } = entry
    const tab = record.budget === handBudget ? undefined : this.lanes.tabs.get(record.payee)
    const rise = signed > record.signed ? signed - record.signed : 0n
    if (tab !== undefined) {
      tab.paid = addAmounts(tab.paid, rise as TokenAmount)
      tab.meter.raiseTo(tab.paid)
    }
    const deposit = signed > record.deposit ? signed : record.deposit
    const highest = rise > 0n ? signed : record.signed
    const change = this.lanes.keep(entry, { ...record, deposit, signed: highest, frozen: reason })
    entry.isEnding = true
    entry.endByMs = Number.NEGATIVE_INFINITY
    this.lanes.errands.commit(tab === undefined ? [change] : [change, this.lanes.keptTab(tab)], kept)
    this.lanes.notice({ type: 'lane-frozen', payee: record.payee, lane: record.lane, reason, signed: highest })
  }

  settle(settled: SettledOperation, nowMs: number): void {
    this.takeSettled(settled, nowMs)
    this.lanes.notice({ type: 'done', id: settled.operation.id, result: settled.result })
  }

  private takeSettled({ operation, result }: SettledOperation, nowMs: number): void {
    const entry = this.lanes.entryOf(operation)
    const settled = this.lanes.operations.settled(operation)
    if (!result.ok) this.lanes.errands.push({ type: 'settle', id: operation.id, outcome: { type: 'refused' } })
    if (entry === undefined) {
      this.lanes.errands.commit([settled], kept)
      return
    }
    entry.operation = undefined
    if (!result.ok) {
      this.lanes.notice({ type: 'refused', account: entry.record.payee, failure: result })
      this.refused(entry, operation, result.code, settled, nowMs)
      return
    }
    const lane = result.value.lanes?.find(({ id }) => id === entry.record.lane)
    if (lane === undefined) {
      this.lanes.errands.commit([settled], kept)
      this.lanes.look(entry)
    } else if (lane.state.type === 'closed') this.end(entry, lane.claimed, true, [settled])
    else this.carriedOut(entry, operation, result.value, lane, settled, nowMs)
  }

  private carriedOut(
    entry: PayerEntry,
    operation: LedgerOperation,
    outcome: OperationOutcome,
    lane: Lane,
    settled: StoreChange,
    nowMs: number,
  ): void {
    const isOpening = operation.type === 'open-lane' || operation.type === 'open-and-award'
    const toppingUp = operation.type === 'top-up-lane' ? zeroAmount : entry.record.toppingUp
    const record = { ...entry.record, toppingUp, fee: isOpening ? outcome.fee : entry.record.fee }
    this.lanes.errands.commit([this.lanes.keep(entry, afterRail(record, lane) ?? record), settled], kept)
    entry.lookAtMs = nowMs + looksEveryMs(this.lanes.options.terms)
    if (!isOpening) return
    const tab = this.lanes.tabOfLane(record, nowMs)
    tab.openFailures = 0
    tab.hellos = 0
    if (tab !== this.lanes.handTab) tab.helloAtMs = nowMs
    this.lanes.notice({ type: 'lane-open', payee: record.payee, lane: record.lane })
  }

  private refused(
    entry: PayerEntry,
    operation: LedgerOperation,
    code: ErrorCode,
    settled: StoreChange,
    nowMs: number,
  ): void {
    const { record } = entry
    const tab = this.lanes.tabOfLane(record, nowMs)
    // The owner is not asked again and again.
    const retryMs = ownersRefusals.has(code)
      ? Number.POSITIVE_INFINITY
      : retryDelayMs(++tab.openFailures + 2, mostRetryMs)
    switch (operation.type) {
      case 'open-lane':
      case 'open-and-award':
        tab.openAtMs = nowMs + retryMs
        this.lanes.remove(entry)
        this.lanes.errands.commit([deleteRecord(payerLanes, this.lanes.options.terms.rail, record), settled], kept)
        return
      case 'top-up-lane':
        tab.openAtMs = nowMs + retryMs
        this.lanes.errands.commit([this.lanes.keep(entry, { ...record, toppingUp: zeroAmount }), settled], kept)
        break
      default:
        // Too early by the rail's time, or over already.
        entry.closeAtMs = nowMs + retryDelayMs(3, mostRetryMs)
        this.lanes.errands.commit([settled], kept)
    }
    this.lanes.look(entry)
  }

  private takeRail(entry: PayerEntry, lane: Lane): void {
    const record = afterRail(entry.record, lane)
    if (record !== undefined) this.lanes.errands.commit([this.lanes.keep(entry, record)], kept)
    if (lane.claimed > entry.record.signed) this.freeze(entry, 'restored', lane.claimed)
  }

  /** A lane that no record tells of: opened after the backup that this party was restored from. */
  private adopt(lane: Lane, nowMs: number): void {
    const { id, payee, deposit, claimed, expiresAtMs, state } = lane
    if (state.type === 'closed') return
    const entry = newPayerEntry(
      {
        lane: id,
        payee,
        budget: unknownBudget,
        deposit,
        toppingUp: zeroAmount,
        fee: zeroAmount,
        expiresAtMs,
        signed: claimed,
        claimed,
        state,
      },
      nowMs + looksEveryMs(this.lanes.options.terms),
    )
    this.lanes.addEntry(entry, nowMs)
    this.freeze(entry, 'unknown', claimed)
  }

  private endUnseen(entry: PayerEntry): void {
    const { signed, claimed } = entry.record
    this.end(entry, signed > claimed ? signed : claimed, false)
  }

  private end(entry: PayerEntry, spent: TokenAmount, isCertain: boolean, settled: readonly StoreChange[] = []): void {
    const { rail } = this.lanes.options.terms
    const { record } = entry
    const budget = this.lanes.purses.spend(record.budget, addAmounts(spent, record.fee))
    this.lanes.remove(entry)
    this.ended.add(record.lane)
    for (const oldest of this.ended) {
      if (this.ended.size <= maxEnded) break
      this.ended.delete(oldest)
    }
    const changes = [...settled, deleteRecord(payerLanes, rail, record), putRecord(budgets, rail, budget)]
    const tab = record.budget === handBudget ? undefined : this.lanes.tabs.get(record.payee)
    if (tab !== undefined && isCertain && spent < record.signed) {
      // The payee did not take the last voucher, which is worth nothing now: it is owed as before.
      tab.meter.raiseTo(addAmounts(tab.meter.owed(), subtractAmounts(record.signed, spent)))
      changes.push(this.lanes.keptTab(tab))
    }
    this.lanes.errands.push({ type: 'settle', id: record.lane, outcome: { type: 'ended', kept: spent } })
    this.lanes.errands.commit(tab === undefined ? changes : [...changes, ...this.lanes.forget(tab)], kept)
    this.lanes.notice({ type: 'lane-ended', payee: record.payee, lane: record.lane, spent, isCertain })
  }
}
