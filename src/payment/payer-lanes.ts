// The payer's lanes on the rail: opened out of budgets, topped up, followed by a successor, taken back at the end.
// Guarantees: everything is on the disk before it is asked for; a lane the rail knows and this record does not, or knows
// less of, is frozen and taken back, never signed on; what was locked leaves the budget only when it is known, or bounded,
// what became of it. Owns the lanes and purses.
import { present } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { type ErrorCode, failure, type Result, success } from '../base/errors.ts'
import { addAmounts, subtractAmounts, type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, Lane, LaneId, LedgerOperation, OperationId, OperationOutcome } from '../ports/ledger.ts'
import type { Random } from '../ports/random.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import type { StoreChange } from '../ports/store.ts'
import type { Errands } from './errands.ts'
import {
  type Budget,
  budgets,
  deleteRecord,
  type FreezeReason,
  type KeptTab,
  type PayerLane,
  payerLanes,
  payerOperations,
  payerTabs,
  putRecord,
} from './lane-records.ts'
import {
  afterRail,
  endsAtMs,
  headroomOf,
  isLasting,
  newPayerEntry,
  newPayerTab,
  type PayerEntry,
  type PayerTab,
  unpaidOf,
} from './payer-lane.ts'
import type { PayerNotice, PayerOutput } from './payment-events.ts'
import { PriceMeter } from './price-meter.ts'
import { openingDeposit, Purses, targetDeposit, topUpOf } from './purses.ts'
import { RailContact, retryDelayMs } from './rail-contact.ts'
import { type OperationStep, ownersRefusals, RailOperations, type SettledOperation } from './rail-operations.ts'
import { laneLifeMs, looksEveryMs, type RailTerms } from './rail-terms.ts'

export interface PayerOptions {
  readonly terms: RailTerms
  readonly account: AccountId
  readonly scheme: SignatureScheme
  readonly random: Random
}

/** What the store has of a payer on this rail. */
export interface PayerRecords {
  readonly lanes: readonly PayerLane[]
  readonly tabs: readonly KeptTab[]
  readonly budgets: readonly Budget[]
  readonly operations: readonly LedgerOperation[]
}

export type PayerStep =
  | OperationStep
  /** The amount is on the disk: it may be signed. */
  | { readonly type: 'sign-voucher'; readonly lane: LaneId }
  | { readonly type: 'voucher'; readonly lane: LaneId; readonly amount: TokenAmount }
  | { readonly type: 'lane'; readonly lane: LaneId; readonly payee: AccountId | undefined }
  | { readonly type: 'time' }
  /** Nothing follows. */
  | { readonly type: 'kept' }

/** A payee that was told has so long to close a lane by itself, which costs nobody a challenge window. */
const graceMs = 30_000
const mostRetryMs = 300_000
const operationIdLength = 32
const maxEnded = 1024
/** The purse of lanes that no record tells of. */
const unknownBudget = ''
/** The purse of lanes that the owner opens, pays on and closes; their deposits are the owner's word. */
export const handBudget = '/by-hand'
const kept: PayerStep = { type: 'kept' }

export class PayerLanes {
  readonly options: PayerOptions
  readonly errands: Errands<PayerStep, PayerOutput>
  readonly contact = new RailContact()
  readonly operations: RailOperations<PayerStep, PayerOutput>
  readonly purses: Purses
  readonly entries = new Map<LaneId, PayerEntry>()
  readonly tabs = new Map<AccountId, PayerTab>()
  /** Lanes that are paid on by hand hang on no connection, and end when the owner says so, or by time. */
  readonly handTab: PayerTab
  /** The last ones that ended: old news of them is no news. */
  private readonly ended = new Set<LaneId>()
  private readonly byNumber: (PayerTab | undefined)[] = []

  constructor(options: PayerOptions, records: PayerRecords, errands: Errands<PayerStep, PayerOutput>, nowMs: number) {
    this.options = options
    this.errands = errands
    this.operations = new RailOperations(options.terms, options.account, payerOperations, errands)
    this.purses = new Purses(records.budgets)
    this.handTab = { ...newPayerTab(-1, options.account, zeroAmount, nowMs), idleSinceMs: Number.POSITIVE_INFINITY }
    for (const { account, owed, paid } of records.tabs) {
      // What was paid ahead and not served is lost with a crash: a tick at most.
      this.addTab(account, owed > paid ? ((owed - paid) as TokenAmount) : zeroAmount, nowMs)
    }
    for (const record of records.lanes) this.addEntry(newPayerEntry(record, nowMs), nowMs)
    for (const operation of records.operations) {
      this.operations.restore(operation)
      const entry = this.entryOf(operation)
      if (entry !== undefined) entry.operation = operation.id
    }
  }

  get records(): PayerLane[] {
    return Array.from(this.entries.values(), ({ record }) => record)
  }

  tabNumbered(number: number): PayerTab | undefined {
    return this.byNumber[number]
  }

  tabOf(payee: AccountId, nowMs: number): PayerTab {
    return this.tabs.get(payee) ?? this.addTab(payee, zeroAmount, nowMs)
  }

  notice(notice: PayerNotice): void {
    this.errands.push({ type: 'notice', notice })
  }

  keptTab({ payee, meter, paid }: PayerTab): StoreChange {
    return putRecord(payerTabs, this.options.terms.rail, {
      account: payee,
      owed: meter.owed(),
      paid,
      pricePerMiB: meter.pricePerMiB,
    })
  }

  /** Replaces a lane's record in memory; the change is to be committed before anything rests on it. */
  keep(entry: PayerEntry, record: PayerLane): StoreChange {
    entry.record = record
    return putRecord(payerLanes, this.options.terms.rail, record)
  }

  /** A new connection: both sides count bytes from 0 again, and what is unpaid is carried over. */
  rebase(tab: PayerTab): void {
    const unpaid = unpaidOf(tab)
    const owed = tab.meter.owed()
    if (tab.paid > owed) {
      this.notice({ type: 'ahead-lost', payee: tab.payee, amount: (tab.paid - owed) as TokenAmount })
    }
    tab.meter = new PriceMeter(unpaid, zeroAmount)
    tab.paid = zeroAmount
    tab.unpaidSinceMs = Number.POSITIVE_INFINITY
    tab.dueAtBytes = 0
  }

  /** Opens, tops up, opens a successor: what this tab needs to go on. The steady time to look again. */
  provide(tab: PayerTab, ledgerMs: number, nowMs: number): number {
    const { terms } = this.options
    const lasting = tab.lanes.filter((entry) => isLasting(entry, tab, ledgerMs, terms))
    const price = tab.meter.pricePerMiB
    if (price === 0n || tab.lanes.some(({ record }) => record.state.type === 'opening')) return Number.POSITIVE_INFINITY
    if (tab.openAtMs > nowMs) return tab.openAtMs
    const target = targetDeposit(tab.bytesPerSecond, price)
    if (lasting.length === 0) {
      this.open(tab, openingDeposit(this.remaining(tab), target, terms), ledgerMs)
      return Number.POSITIVE_INFINITY
    }
    const last = present(lasting.at(-1), 'a lane')
    if (last.operation !== undefined || last.record.state.type !== 'open') return Number.POSITIVE_INFINITY
    const headroom = lasting.reduce((sum, entry) => sum + headroomOf(entry), 0n) - unpaidOf(tab)
    const left = tokenAmount(headroom > 0n ? headroom : 0n)
    if (topUpOf(left, target, target, terms) === undefined) return Number.POSITIVE_INFINITY
    // Asked for once it matters: it goes through all lanes.
    const amount = topUpOf(left, target, this.remaining(tab), terms)
    if (amount !== undefined) this.topUp(last, amount)
    else this.saySpent(tab)
    return Number.POSITIVE_INFINITY
  }

  private remaining({ budget }: PayerTab): TokenAmount {
    return this.purses.remaining(budget, this.records)
  }

  /** Takes a lane back where it is time. The steady time to look again. */
  conclude(tab: PayerTab, entry: PayerEntry, ledgerMs: number | undefined, nowMs: number): number {
    const { record } = entry
    if (!entry.isLooking && entry.lookAtMs <= nowMs) this.look(entry)
    if (entry.operation !== undefined || entry.voucher !== 'idle' || ledgerMs === undefined) return entry.lookAtMs
    if (ledgerMs >= endsAtMs(record) && record.state.type !== 'opening') {
      if (entry.closeAtMs > nowMs) return Math.min(entry.closeAtMs, entry.lookAtMs)
      this.start(entry, record, { type: 'close', id: this.drawId(), lane: record.lane })
      return entry.lookAtMs
    }
    const endsMs = this.contact.steadyAt(endsAtMs(record))
    if (!entry.isEnding || record.state.type !== 'open') return Math.min(endsMs, entry.lookAtMs)
    if (entry.endByMs === Number.POSITIVE_INFINITY) {
      const isAsked = tab.isAttached && entry.isConfirmed && record.frozen === undefined
      if (isAsked) this.errands.push({ type: 'tell', to: tab.payee, message: { type: 'finish', lanes: [record.lane] } })
      entry.endByMs = isAsked ? nowMs + graceMs : nowMs
    }
    const atMs = Math.max(entry.endByMs, entry.closeAtMs)
    if (nowMs < atMs) return Math.min(endsMs, entry.lookAtMs, atMs)
    this.start(entry, record, { type: 'request-close', id: this.drawId(), lane: record.lane })
    return Math.min(endsMs, entry.lookAtMs)
  }

  /** The owner's lane, by hand. */
  openByHand(operation: Extract<LedgerOperation, { readonly type: 'open-lane' }>): void {
    const { id, payee, deposit, expiresAtMs } = operation
    const entry = newPayerEntry(
      newPayerLane(id, payee, handBudget, deposit, this.options.terms.openFee, expiresAtMs),
      Number.POSITIVE_INFINITY,
    )
    this.handTab.lanes.push(entry)
    this.entries.set(entry.record.lane, entry)
    this.start(entry, entry.record, operation)
  }

  /** Errors: lane-closed (none of this account, or it ends), ledger-busy (something is under way with it). */
  changeByHand(operation: Extract<LedgerOperation, { readonly type: 'top-up-lane' | 'request-close' }>): Result<void> {
    const entry = this.entries.get(operation.lane)
    if (entry === undefined || entry.record.state.type === 'closing') {
      return failure('lane-closed', 'this account does not pay on such a lane, or it is closing')
    }
    if (entry.operation !== undefined || entry.record.state.type === 'opening' || entry.voucher !== 'idle') {
      return failure('ledger-busy', 'something is under way with the lane')
    }
    const { record } = entry
    const isTopUp = operation.type === 'top-up-lane'
    this.start(entry, isTopUp ? { ...record, toppingUp: operation.amount } : record, operation)
    return success(undefined)
  }

  /** What the rail says of a lane, unasked or asked. */
  seen(lane: Lane, nowMs: number): void {
    const { account } = this.options
    if (lane.payer !== account) return
    const entry = this.entries.get(lane.id)
    if (entry === undefined) {
      // Asked again, as this may be old news.
      if (lane.state.type !== 'closed' && !this.ended.has(lane.id))
        this.errands.lookUp(lane.id, { type: 'lane', lane: lane.id, payee: lane.payee })
      return
    }
    if (lane.state.type === 'closed') this.end(entry, lane.claimed, true)
    else this.takeRail(entry, lane)
    entry.lookAtMs = nowMs + looksEveryMs(this.options.terms)
  }

  lookedUp(id: LaneId, payee: AccountId | undefined, lane: Lane | undefined, nowMs: number): void {
    const entry = this.entries.get(id)
    if (entry !== undefined) {
      entry.isLooking = false
      entry.lookAtMs = nowMs + looksEveryMs(this.options.terms)
      if (lane !== undefined) this.seen(lane, nowMs)
      // An operation under way will tell what became of it.
      else if (entry.operation === undefined) this.endUnseen(entry)
      return
    }
    const isOurs =
      lane !== undefined && !this.ended.has(id) && lane.payer === this.options.account && lane.payee === payee
    if (isOurs && lane.state.type !== 'closed') this.adopt(lane, nowMs)
  }

  lookFailed(id: LaneId, nowMs: number): void {
    const entry = this.entries.get(id)
    if (entry === undefined) return
    entry.isLooking = false
    entry.lookAtMs = nowMs + Math.min(mostRetryMs, looksEveryMs(this.options.terms))
  }

  /** The payee does not take what is paid on it: the rail is asked why, soon. */
  doubt(id: LaneId, tab: PayerTab, atMs: number): void {
    const entry = this.entries.get(id)
    if (entry?.record.payee === tab.payee) entry.lookAtMs = Math.min(entry.lookAtMs, atMs)
  }

  /** Nothing is signed on it any more, and `signed` is what the payee may hold. */
  freeze(entry: PayerEntry, reason: FreezeReason, signed: TokenAmount): void {
    const { record } = entry
    const tab = record.budget === handBudget ? undefined : this.tabs.get(record.payee)
    const rise = signed > record.signed ? signed - record.signed : 0n
    if (tab !== undefined) {
      tab.paid = addAmounts(tab.paid, rise as TokenAmount)
      tab.meter.raiseTo(tab.paid)
    }
    const deposit = signed > record.deposit ? signed : record.deposit
    const highest = rise > 0n ? signed : record.signed
    const change = this.keep(entry, { ...record, deposit, signed: highest, frozen: reason })
    entry.isEnding = true
    entry.endByMs = Number.NEGATIVE_INFINITY
    this.errands.commit(tab === undefined ? [change] : [change, this.keptTab(tab)], kept)
    this.notice({ type: 'lane-frozen', payee: record.payee, lane: record.lane, reason, signed: highest })
  }

  settle(settled: SettledOperation, nowMs: number): void {
    this.takeSettled(settled, nowMs)
    this.notice({ type: 'done', id: settled.operation.id, result: settled.result })
  }

  private takeSettled({ operation, result }: SettledOperation, nowMs: number): void {
    const entry = this.entryOf(operation)
    const settled = this.operations.settled(operation)
    if (!result.ok) this.errands.push({ type: 'settle', id: operation.id, outcome: { type: 'refused' } })
    if (entry === undefined) {
      this.errands.commit([settled], kept)
      return
    }
    entry.operation = undefined
    if (!result.ok) {
      this.notice({ type: 'refused', account: entry.record.payee, failure: result })
      this.refused(entry, operation, result.code, settled, nowMs)
      return
    }
    const lane = result.value.lanes?.find(({ id }) => id === entry.record.lane)
    if (lane === undefined) {
      this.errands.commit([settled], kept)
      this.look(entry)
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
    this.errands.commit([this.keep(entry, afterRail(record, lane) ?? record), settled], kept)
    entry.lookAtMs = nowMs + looksEveryMs(this.options.terms)
    if (!isOpening) return
    const tab = this.tabOfLane(record, nowMs)
    tab.openFailures = 0
    tab.hellos = 0
    if (tab !== this.handTab) tab.helloAtMs = nowMs
    this.notice({ type: 'lane-open', payee: record.payee, lane: record.lane })
  }

  private refused(
    entry: PayerEntry,
    operation: LedgerOperation,
    code: ErrorCode,
    settled: StoreChange,
    nowMs: number,
  ): void {
    const { record } = entry
    const tab = this.tabOfLane(record, nowMs)
    // The owner is not asked again and again.
    const retryMs = ownersRefusals.has(code)
      ? Number.POSITIVE_INFINITY
      : retryDelayMs(++tab.openFailures + 2, mostRetryMs)
    switch (operation.type) {
      case 'open-lane':
      case 'open-and-award':
        tab.openAtMs = nowMs + retryMs
        this.remove(entry)
        this.errands.commit([deleteRecord(payerLanes, this.options.terms.rail, record), settled], kept)
        return
      case 'top-up-lane':
        tab.openAtMs = nowMs + retryMs
        this.errands.commit([this.keep(entry, { ...record, toppingUp: zeroAmount }), settled], kept)
        break
      default:
        // Too early by the rail's time, or over already.
        entry.closeAtMs = nowMs + retryDelayMs(3, mostRetryMs)
        this.errands.commit([settled], kept)
    }
    this.look(entry)
  }

  private open(tab: PayerTab, deposit: TokenAmount | undefined, ledgerMs: number): void {
    if (deposit === undefined) {
      this.saySpent(tab)
      return
    }
    const { terms } = this.options
    const id = this.drawId()
    const expiresAtMs = ledgerMs + laneLifeMs(terms)
    const opening = { id, payee: tab.payee, deposit, expiresAtMs }
    const entry = newPayerEntry(
      newPayerLane(id, tab.payee, tab.budget, deposit, terms.openFee, expiresAtMs),
      Number.POSITIVE_INFINITY,
    )
    tab.lanes.push(entry)
    this.entries.set(entry.record.lane, entry)
    const { award } = tab
    this.start(
      entry,
      entry.record,
      award === undefined ? { type: 'open-lane', ...opening } : { type: 'open-and-award', ...opening, award },
    )
  }

  /** Once, until something changes. */
  private saySpent(tab: PayerTab): void {
    if (!tab.saidSpent) this.notice({ type: 'budget-spent', payee: tab.payee, budget: tab.budget })
    tab.saidSpent = true
  }

  private topUp(entry: PayerEntry, amount: TokenAmount): void {
    const { record } = entry
    this.start(
      entry,
      { ...record, toppingUp: amount },
      { type: 'top-up-lane', id: this.drawId(), lane: record.lane, amount },
    )
  }

  private start(entry: PayerEntry, record: PayerLane, operation: LedgerOperation): void {
    entry.operation = operation.id
    this.operations.start(operation, [this.keep(entry, record)])
  }

  private look(entry: PayerEntry): void {
    if (entry.isLooking) return
    entry.isLooking = true
    entry.lookAtMs = Number.POSITIVE_INFINITY
    const { lane, payee } = entry.record
    this.errands.lookUp(lane, { type: 'lane', lane, payee })
  }

  private takeRail(entry: PayerEntry, lane: Lane): void {
    const record = afterRail(entry.record, lane)
    if (record !== undefined) this.errands.commit([this.keep(entry, record)], kept)
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
      nowMs + looksEveryMs(this.options.terms),
    )
    this.addEntry(entry, nowMs)
    this.freeze(entry, 'unknown', claimed)
  }

  private endUnseen(entry: PayerEntry): void {
    const { signed, claimed } = entry.record
    this.end(entry, signed > claimed ? signed : claimed, false)
  }

  private end(entry: PayerEntry, spent: TokenAmount, isCertain: boolean, settled: readonly StoreChange[] = []): void {
    const { rail } = this.options.terms
    const { record } = entry
    const budget = this.purses.spend(record.budget, addAmounts(spent, record.fee))
    this.remove(entry)
    this.ended.add(record.lane)
    for (const oldest of this.ended) {
      if (this.ended.size <= maxEnded) break
      this.ended.delete(oldest)
    }
    const changes = [...settled, deleteRecord(payerLanes, rail, record), putRecord(budgets, rail, budget)]
    const tab = record.budget === handBudget ? undefined : this.tabs.get(record.payee)
    if (tab !== undefined && isCertain && spent < record.signed) {
      // The payee did not take the last voucher, which is worth nothing now: it is owed as before.
      tab.meter.raiseTo(addAmounts(tab.meter.owed(), subtractAmounts(record.signed, spent)))
      changes.push(this.keptTab(tab))
    }
    this.errands.push({ type: 'settle', id: record.lane, outcome: { type: 'ended', kept: spent } })
    this.errands.commit(tab === undefined ? changes : [...changes, ...this.forget(tab)], kept)
    this.notice({ type: 'lane-ended', payee: record.payee, lane: record.lane, spent, isCertain })
  }

  /** Lets go of a tab on which nothing is open. */
  forget(tab: PayerTab): readonly StoreChange[] {
    if (tab.lanes.length > 0 || tab.isAttached || tab.meter.owed() > tab.paid) return []
    this.tabs.delete(tab.payee)
    this.byNumber[tab.number] = undefined
    const nothing = { account: tab.payee, owed: zeroAmount, paid: zeroAmount, pricePerMiB: zeroAmount }
    return [deleteRecord(payerTabs, this.options.terms.rail, nothing)]
  }

  private remove(entry: PayerEntry): void {
    this.entries.delete(entry.record.lane)
    const { budget, payee } = entry.record
    const lanes = budget === handBudget ? this.handTab.lanes : this.tabs.get(payee)?.lanes
    if (lanes?.includes(entry)) lanes.splice(lanes.indexOf(entry), 1)
  }

  private entryOf(operation: LedgerOperation): PayerEntry | undefined {
    const isOpening = operation.type === 'open-lane' || operation.type === 'open-and-award'
    const id = isOpening ? (operation.id as string as LaneId) : 'lane' in operation ? operation.lane : undefined
    return id === undefined ? undefined : this.entries.get(id)
  }

  private addEntry(entry: PayerEntry, nowMs: number): void {
    this.entries.set(entry.record.lane, entry)
    this.tabOfLane(entry.record, nowMs).lanes.push(entry)
  }

  private tabOfLane({ budget, payee }: PayerLane, nowMs: number): PayerTab {
    return budget === handBudget ? this.handTab : this.tabOf(payee, nowMs)
  }

  private addTab(payee: AccountId, unpaid: TokenAmount, nowMs: number): PayerTab {
    const tab = newPayerTab(this.byNumber.length, payee, unpaid, nowMs)
    this.byNumber.push(tab)
    this.tabs.set(payee, tab)
    return tab
  }

  private drawId(): OperationId {
    const bytes = new Uint8Array(operationIdLength)
    this.options.random.fill(bytes)
    return toHex(bytes) as OperationId
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
