// What a payer has on the rail: its lanes, the tabs that are paid out of them, and the purses they are filled from.
// Guarantees: a record that was replaced is on the disk before anything rests on it; what is asked of the rail is, too.
// Owns them all; lanes are opened by lane-opening.ts, ended by lane-ending.ts, paid on by payer-vouchers.ts.
import type { AllowanceLimit } from '../base/allowance.ts'
import { toHex } from '../base/bytes.ts'
import { type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, LaneId, LedgerOperation, OperationId } from '../ports/ledger.ts'
import type { Random } from '../ports/random.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import type { StoreChange } from '../ports/store.ts'
import type { Errands } from './errands.ts'
import {
  type Budget,
  deleteRecord,
  type KeptTab,
  type PayerLane,
  payerLanes,
  payerOperations,
  payerTabs,
  putRecord,
} from './lane-records.ts'
import { newPayerEntry, newPayerTab, type PayerEntry, type PayerTab, unpaidOf } from './payer-lane.ts'
import type { PayerNotice, PayerOutput } from './payment-events.ts'
import { PriceMeter } from './price-meter.ts'
import { Purses } from './purses.ts'
import { RailContact } from './rail-contact.ts'
import { type OperationStep, RailOperations } from './rail-operations.ts'
import type { RailTerms } from './rail-terms.ts'

export interface PayerOptions {
  readonly terms: RailTerms
  readonly account: AccountId
  readonly scheme: SignatureScheme
  readonly random: Random
  /** Vouchers that a payee takes over one connection; what is due sooner is paid with the next. Undefined: any number. */
  readonly voucherLimit?: AllowanceLimit
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

const operationIdLength = 32
/** The purse of lanes that the owner opens, pays on and closes; their deposits are the owner's word. */
export const handBudget = '/by-hand'

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

  start(entry: PayerEntry, record: PayerLane, operation: LedgerOperation): void {
    entry.operation = operation.id
    this.operations.start(operation, [this.keep(entry, record)])
  }

  look(entry: PayerEntry): void {
    if (entry.isLooking) return
    entry.isLooking = true
    entry.lookAtMs = Number.POSITIVE_INFINITY
    const { lane, payee } = entry.record
    this.errands.lookUp(lane, { type: 'lane', lane, payee })
  }

  /** Lets go of a tab on which nothing is open. */
  forget(tab: PayerTab): readonly StoreChange[] {
    if (tab.lanes.length > 0 || tab.isAttached || tab.meter.owed() > tab.paid) return []
    this.tabs.delete(tab.payee)
    this.byNumber[tab.number] = undefined
    const nothing = { account: tab.payee, owed: zeroAmount, paid: zeroAmount, pricePerMiB: zeroAmount }
    return [deleteRecord(payerTabs, this.options.terms.rail, nothing)]
  }

  remove(entry: PayerEntry): void {
    this.entries.delete(entry.record.lane)
    const { budget, payee } = entry.record
    const lanes = budget === handBudget ? this.handTab.lanes : this.tabs.get(payee)?.lanes
    if (lanes?.includes(entry)) lanes.splice(lanes.indexOf(entry), 1)
  }

  entryOf(operation: LedgerOperation): PayerEntry | undefined {
    const isOpening = operation.type === 'open-lane' || operation.type === 'open-and-award'
    const id = isOpening ? (operation.id as string as LaneId) : 'lane' in operation ? operation.lane : undefined
    return id === undefined ? undefined : this.entries.get(id)
  }

  addEntry(entry: PayerEntry, nowMs: number): void {
    this.entries.set(entry.record.lane, entry)
    this.tabOfLane(entry.record, nowMs).lanes.push(entry)
  }

  tabOfLane({ budget, payee }: PayerLane, nowMs: number): PayerTab {
    return budget === handBudget ? this.handTab : this.tabOf(payee, nowMs)
  }

  private addTab(payee: AccountId, unpaid: TokenAmount, nowMs: number): PayerTab {
    const tab = newPayerTab(this.byNumber.length, payee, unpaid, nowMs)
    this.byNumber.push(tab)
    this.tabs.set(payee, tab)
    return tab
  }

  drawId(): OperationId {
    const bytes = new Uint8Array(operationIdLength)
    this.options.random.fill(bytes)
    return toHex(bytes) as OperationId
  }
}
