// The payer's side of all lanes of one account on one rail: what is owed as verified bytes arrive, and vouchers for it.
// Guarantees: pays for verified bytes alone, a tick ahead where the payee asks for that, and never more than the deposits;
// an amount is on the disk before it is signed, and a lower one is never signed (P6, P7); on a lane that existed before
// this connection nothing is signed until the payee showed what it has, so that a restored backup is noticed (P8).
import { Allowance } from '../base/allowance.ts'
import { unreachable } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import type { Result } from '../base/errors.ts'
import { addAmounts, type TokenAmount, tokenAmount } from '../base/token-amount.ts'
import { accountAddress } from '../formats/money/account-id.ts'
import { voucherDigest } from '../formats/money/voucher-digest.ts'
import type { AccountId, Hash256, Lane, LedgerOperation, SignedVoucher, Voucher } from '../ports/ledger.ts'
import { Errands } from './errands.ts'
import { LaneEnding } from './lane-ending.ts'
import { maxMarks, type PayeeMark, type PayeeMessage } from './lane-messages.ts'
import { LaneOpening } from './lane-opening.ts'
import { type Budget, budgets, type PayerLane, putRecord } from './lane-records.ts'
import { isLasting, isPayable, type PayerEntry, type PayerTab, tickOf, unpaidOf } from './payer-lane.ts'
import { handBudget, PayerLanes, type PayerOptions, type PayerRecords, type PayerStep } from './payer-lanes.ts'
import { isFinished, PayerVouchers, paysWithinMs, resendMs } from './payer-vouchers.ts'
import type { PayerOutput, PaymentAnswer } from './payment-events.ts'
import { rollsOverAtMs, servesUntilMs } from './rail-terms.ts'

export type PayerInput =
  | { readonly type: 'wake' }
  | PaymentAnswer
  | { readonly type: 'set-budget'; readonly budget: string; readonly total: TokenAmount }
  /** Connected to a payee, or awarded anew: pays it out of this budget. Prices are base units for 2^20 bytes. */
  | {
      readonly type: 'attach'
      readonly payee: AccountId
      readonly budget: string
      readonly bytesPerSecond: number
      readonly pieceBytes: number
      /** Opens a lane under this award, where one has to be opened. */
      readonly award?: Hash256
    }
  /** From a count of bytes of this tab on; false from `tabOf` on means nothing was agreed. */
  | { readonly type: 'price'; readonly payee: AccountId; readonly fromByte: number; readonly pricePerMiB: TokenAmount }
  /** `remainingBytes`: what is still to come of what is bought, here or elsewhere. */
  | {
      readonly type: 'rate'
      readonly payee: AccountId
      readonly bytesPerSecond: number
      readonly pieceBytes: number
      readonly remainingBytes: number
    }
  | { readonly type: 'detach'; readonly payee: AccountId }
  /** For bytes of an earlier connection, which were verified only now, or for something else than bytes. */
  | { readonly type: 'owe'; readonly payee: AccountId; readonly amount: TokenAmount }
  /** So much will be owed besides bytes, such as for staying: lanes are to hold it. */
  | { readonly type: 'reserve'; readonly payee: AccountId; readonly amount: TokenAmount }
  /** Nothing more will be bought: pays what is owed and ends the lanes. */
  | { readonly type: 'finish'; readonly payee: AccountId }
  | { readonly type: 'told'; readonly from: AccountId; readonly message: PayeeMessage }
  /** The owner's wishes, by hand: answered by a notice `done` of that id. */
  | { readonly type: 'by-hand'; readonly operation: HandOperation }
  /** Answered by `voucher-signed` or `refused`. The rail has just said how the lane is, and how late. */
  | { readonly type: 'sign-by-hand'; readonly voucher: Voucher; readonly seen: Lane; readonly ledgerMs: number }

/** What one payee is owed and was paid over the connection that is attached, or was last. */
export interface PayerAccount {
  /** Verified. */
  readonly bytes: number
  readonly owed: TokenAmount
  readonly paid: TokenAmount
  /** Everything that was signed is on the payee's disk. */
  readonly isDelivered: boolean
  /** Lanes that were not ended. */
  readonly laneCount: number
  /** A lane is open, the payee knows it, and serves ahead of payment or is paid ahead. */
  readonly isReady: boolean
  /** Lanes hold what is reserved, beyond what is owed. */
  readonly isReserved: boolean
}

type HandOperation = Extract<LedgerOperation, { readonly type: 'open-lane' | 'top-up-lane' | 'request-close' }>

/** A payee that has been away for so long gets its last lane closed. */
const idleMs = 600_000
/** That a payee may have the rail asked about in one connection. */
const maxStrangeLanes = 64
/** How long the last voucher is said again before lanes are ended without its being heard. */
const finishesWithinMs = 60_000

/** What an input may have changed. */
type Touched = PayerTab | 'all' | 'due' | 'none'

export class Payer {
  private readonly lanes: PayerLanes
  private readonly opening: LaneOpening
  private readonly ending: LaneEnding
  private readonly vouchers: PayerVouchers
  private readonly errands = new Errands<PayerStep, PayerOutput>()
  private isHalted = false
  private wakeMs = Number.NEGATIVE_INFINITY

  /** `records`: all that the store has; what was under way goes on from there. */
  constructor(options: PayerOptions, records: PayerRecords, nowMs: number) {
    this.lanes = new PayerLanes(options, records, this.errands, nowMs)
    this.opening = new LaneOpening(this.lanes)
    this.ending = new LaneEnding(this.lanes)
    this.vouchers = new PayerVouchers(this.lanes, this.errands)
  }

  handle(input: PayerInput, nowMs: number): void {
    if (this.isHalted) return
    const touched = this.take(input, nowMs)
    if (!this.isHalted) this.advance(touched, nowMs)
  }

  poll(): PayerOutput | undefined {
    return this.errands.poll()
  }

  nextWakeMs(): number {
    return this.isHalted ? Number.POSITIVE_INFINITY : this.wakeMs
  }

  /** As they are, or will be once what was polled is on the disk. */
  get records(): readonly PayerLane[] {
    return this.lanes.records
  }

  remaining(budget: string): TokenAmount {
    return this.lanes.purses.remaining(budget, this.lanes.records)
  }

  /** What may be spent, and is gone for good: of lanes that have ended, fees included. */
  budgetOf(name: string): Pick<Budget, 'total' | 'spent'> {
    return this.lanes.purses.budget(name)
  }

  /** Spent in all, ever, and in lanes or asked for now; what the owner does by hand aside. */
  sums(): { readonly spent: TokenAmount; readonly locked: TokenAmount } {
    let spent: bigint = this.lanes.purses.spentBut(handBudget)
    let locked = 0n
    for (const { budget, signed, deposit, toppingUp, fee } of this.lanes.records) {
      if (budget === handBudget) continue
      spent += signed
      locked += deposit + toppingUp + fee - signed
    }
    return { spent: tokenAmount(spent), locked: tokenAmount(locked) }
  }

  /** The number by which bytes of a payee are counted; undefined: it was never attached. */
  tabOf(payee: AccountId): number | undefined {
    return this.lanes.tabs.get(payee)?.number
  }

  /** Bytes that were asked for, came and were verified. Hot: numbers only. True: handle a wake soon, a voucher is due. */
  countVerified(tabNumber: number, bytes: number, nowMs: number): boolean {
    const tab = this.lanes.tabNumbered(tabNumber)
    if (tab === undefined) return false
    const { meter } = tab
    meter.add(bytes)
    if (tab.unpaidSinceMs === Number.POSITIVE_INFINITY) {
      tab.unpaidSinceMs = nowMs
      tab.wakeMs = Math.min(tab.wakeMs, nowMs + paysWithinMs)
      this.wakeMs = Math.min(this.wakeMs, tab.wakeMs)
    }
    if (meter.bytes < tab.dueAtBytes) return false
    tab.isDue = true
    tab.wakeMs = nowMs
    this.wakeMs = Math.min(this.wakeMs, nowMs)
    return true
  }

  /** No request is outstanding there: what is owed is paid without waiting for a tick. */
  noneOutstanding(tabNumber: number, nowMs: number): void {
    const tab = this.lanes.tabNumbered(tabNumber)
    if (tab === undefined || tab.unpaidSinceMs === Number.POSITIVE_INFINITY) return
    tab.isDue = true
    tab.wakeMs = nowMs
    this.wakeMs = Math.min(this.wakeMs, nowMs)
  }

  /** Bytes that may be bought there now, beyond what was verified; what is outstanding has to be subtracted. */
  requestAllowanceBytes(tabNumber: number): number {
    const tab = this.lanes.tabNumbered(tabNumber)
    return tab?.isAttached === true ? Math.max(0, tab.limitBytes - tab.meter.bytes) : 0
  }

  /** Undefined: it was never attached, or nothing is left of it. */
  accountOf(payee: AccountId): PayerAccount | undefined {
    const tab = this.lanes.tabs.get(payee)
    if (tab === undefined) return undefined
    const { meter, paid, windowBytes, isAttached, isConfirmed, isFunded, isReserved, lanes } = tab
    const owed = meter.owed()
    const isAllDelivered = lanes.every(isDelivered)
    const isAhead = windowBytes > 0 || (paid > owed && isAllDelivered)
    return {
      bytes: meter.bytes,
      owed,
      paid,
      isDelivered: isAllDelivered,
      laneCount: lanes.length,
      isReady: isAttached && isConfirmed && isFunded && isAhead,
      isReserved: isAttached && isConfirmed && isReserved,
    }
  }

  private take(input: PayerInput, nowMs: number): Touched {
    const { lanes } = this
    switch (input.type) {
      case 'wake':
        return 'due'
      case 'set-budget': {
        const budget = lanes.purses.setTotal(input.budget, input.total)
        this.errands.commit([putRecord(budgets, lanes.options.terms.rail, budget)], { type: 'kept' })
        for (const tab of lanes.tabs.values()) mayOpenAgain(tab)
        return 'all'
      }
      case 'attach':
        return this.attach(input, nowMs)
      case 'price': {
        const tab = lanes.tabOf(input.payee, nowMs)
        const { payee, fromByte } = input
        if (!tab.meter.setPrice(fromByte, input.pricePerMiB)) lanes.notice({ type: 'price-refused', payee, fromByte })
        tab.saidSpent = false
        return tab
      }
      case 'rate': {
        const tab = lanes.tabOf(input.payee, nowMs)
        tab.bytesPerSecond = input.bytesPerSecond
        tab.pieceBytes = input.pieceBytes
        tab.remainingBytes = input.remainingBytes
        this.hasten(tab)
        return tab
      }
      case 'detach':
        return this.detach(lanes.tabOf(input.payee, nowMs), nowMs)
      case 'owe': {
        const tab = lanes.tabOf(input.payee, nowMs)
        tab.meter.raiseTo(addAmounts(tab.meter.owed(), input.amount))
        return tab
      }
      case 'reserve': {
        const tab = lanes.tabOf(input.payee, nowMs)
        tab.reserved = input.amount
        return tab
      }
      case 'finish': {
        const tab = lanes.tabOf(input.payee, nowMs)
        tab.finishedAtMs = Math.min(tab.finishedAtMs, nowMs)
        tab.isDue = true
        return tab
      }
      case 'told':
        return this.told(lanes.tabOf(input.from, nowMs), input.message, nowMs)
      case 'by-hand':
        this.byHand(input.operation)
        return lanes.handTab
      case 'sign-by-hand':
        this.ending.seen(input.seen, nowMs)
        this.vouchers.signByHand(input.voucher, input.ledgerMs)
        return lanes.handTab
      default:
        return this.answered(input, nowMs)
    }
  }

  private byHand(operation: HandOperation): void {
    if (operation.type === 'open-lane') {
      this.opening.openByHand(operation)
      return
    }
    const changed = this.opening.changeByHand(operation)
    if (!changed.ok) this.lanes.notice({ type: 'done', id: operation.id, result: changed })
  }

  private attach(input: Extract<PayerInput, { readonly type: 'attach' }>, nowMs: number): PayerTab {
    const tab = this.lanes.tabOf(input.payee, nowMs)
    if (!tab.isAttached) {
      this.lanes.rebase(tab)
      tab.hellos = 0
      tab.helloAtMs = nowMs
      const { voucherLimit } = this.lanes.options
      tab.vouchers = voucherLimit === undefined ? undefined : new Allowance(voucherLimit, nowMs)
      tab.strangeLanes = 0
    }
    tab.isAttached = true
    tab.finishedAtMs = Number.POSITIVE_INFINITY
    tab.idleSinceMs = Number.POSITIVE_INFINITY
    tab.budget = input.budget
    tab.award = input.award
    tab.bytesPerSecond = input.bytesPerSecond
    tab.pieceBytes = input.pieceBytes
    mayOpenAgain(tab)
    return tab
  }

  private detach(tab: PayerTab, nowMs: number): PayerTab {
    tab.isAttached = false
    tab.isConfirmed = false
    tab.idleSinceMs = nowMs
    tab.helloAtMs = Number.POSITIVE_INFINITY
    for (const entry of tab.lanes) entry.isConfirmed = false
    const changes = this.lanes.forget(tab)
    if (changes.length > 0) this.errands.commit(changes, { type: 'kept' })
    return tab
  }

  private told(tab: PayerTab, message: PayeeMessage, nowMs: number): PayerTab {
    if (!tab.isAttached) return tab
    switch (message.type) {
      case 'present':
        if (message.lanes.length > maxMarks) return tab
        for (const mark of message.lanes) this.takeMark(tab, mark)
        this.takeWindow(tab, message.windowBytes)
        tab.isConfirmed = true
        tab.helloAtMs = tab.lanes.some(wantsHello) ? nowMs + resendMs(++tab.hellos) : Number.POSITIVE_INFINITY
        break
      case 'acknowledge': {
        const entry = this.lanes.entries.get(message.lane)
        if (entry?.record.payee === tab.payee) acknowledge(entry, message.cumulativeAmount)
        this.takeWindow(tab, message.windowBytes)
        break
      }
      case 'refuse':
        tab.helloAtMs = Math.min(tab.helloAtMs, nowMs + resendMs(++tab.hellos))
        this.ending.doubt(message.lane, tab, tab.helloAtMs)
        break
      default:
        unreachable(message)
    }
    return tab
  }

  private takeWindow(tab: PayerTab, windowBytes: number): void {
    if (Number.isSafeInteger(windowBytes) && windowBytes >= 0) tab.windowBytes = windowBytes
    this.hasten(tab)
  }

  /** The tick may be smaller than when it was last counted from. */
  private hasten(tab: PayerTab): void {
    tab.dueAtBytes = Math.min(tab.dueAtBytes, tab.meter.bytes + tickOf(tab))
  }

  /** What the payee has of a lane: no less than it says. */
  private takeMark(tab: PayerTab, { lane, voucher }: PayeeMark): void {
    const entry = this.lanes.entries.get(lane)
    if (entry !== undefined && entry.record.payee !== tab.payee) return
    if (voucher !== undefined && !this.isOurs(voucher, lane)) {
      this.lanes.notice({ type: 'forged-voucher', payee: tab.payee, lane })
      return
    }
    if (entry === undefined) {
      if (++tab.strangeLanes <= maxStrangeLanes) this.errands.lookUp(lane, { type: 'lane', lane, payee: tab.payee })
      return
    }
    if (voucher !== undefined && voucher.cumulativeAmount > entry.record.signed) {
      this.ending.freeze(entry, 'restored', voucher.cumulativeAmount)
    }
    acknowledge(entry, voucher?.cumulativeAmount ?? (0n as TokenAmount))
    entry.isConfirmed = true
  }

  private isOurs(voucher: SignedVoucher, lane: string): boolean {
    const { scheme, terms, account } = this.lanes.options
    if (voucher.lane !== lane) return false
    const signer = scheme.recover(voucherDigest(voucher, terms.domain), voucher.signature)
    return signer.ok && equalBytes(signer.value, accountAddress(account))
  }

  private answered(answer: PaymentAnswer, nowMs: number): Touched {
    const { lanes } = this
    if (answer.type === 'lane-seen') {
      this.ending.seen(answer.lane, nowMs)
      return 'all'
    }
    const step = this.errands.take(answer.ticket)
    if (step === undefined) return 'none'
    const isOfRail = answer.type === 'submitted' || answer.type === 'looked-up' || answer.type === 'time-told'
    if (isOfRail && lanes.contact.hear(answer.result, nowMs)) {
      lanes.notice({ type: 'unreachable', sinceMs: lanes.contact.unreachableSinceMs })
    }
    switch (answer.type) {
      case 'committed':
        return this.committed(step, answer.result)
      case 'signed':
      case 'submitted': {
        if (step.type === 'voucher' && answer.type === 'signed') return this.vouchers.signed(step, answer.result, nowMs)
        const settled = step.type === 'operation' ? lanes.operations.answered(step, answer, nowMs) : undefined
        if (settled !== undefined) this.ending.settle(settled, nowMs)
        break
      }
      case 'looked-up':
        if (step.type !== 'lane') break
        if (answer.result.ok) this.ending.lookedUp(step.lane, step.payee, answer.result.value, nowMs)
        else this.ending.lookFailed(step.lane, nowMs)
        break
      case 'time-told':
        lanes.contact.timeTold(answer.result, nowMs)
        break
      default:
        unreachable(answer)
    }
    return 'all'
  }

  private committed(step: PayerStep, result: Result<void>): Touched {
    if (!result.ok) {
      this.isHalted = true
      this.lanes.notice({ type: 'halted', failure: result })
    } else if (step.type === 'operation') this.lanes.operations.kept(step)
    else if (step.type === 'sign-voucher') this.vouchers.sign(step.lane)
    return 'none'
  }

  private advance(touched: Touched, nowMs: number): void {
    const { contact, operations, tabs, handTab } = this.lanes
    if (contact.askAtMs <= nowMs) {
      contact.asking()
      this.errands.askTime({ type: 'time' })
    }
    if (touched === 'all' || touched === 'due') {
      for (const tab of [...tabs.values(), handTab]) {
        if (touched === 'all' || tab.wakeMs <= nowMs) this.advanceTab(tab, nowMs)
      }
    } else if (touched !== 'none') this.advanceTab(touched, nowMs)
    this.wakeMs = Math.min(operations.advance(nowMs), contact.askAtMs, handTab.wakeMs)
    for (const tab of tabs.values()) this.wakeMs = Math.min(this.wakeMs, tab.wakeMs)
  }

  private advanceTab(tab: PayerTab, nowMs: number): void {
    const ledgerMs = this.lanes.contact.timeAt(nowMs)
    let wakeMs = Number.POSITIVE_INFINITY
    if (ledgerMs !== undefined) wakeMs = Math.min(wakeMs, this.vouchers.pay(tab, ledgerMs, nowMs))
    wakeMs = Math.min(wakeMs, this.speak(tab, nowMs))
    if (ledgerMs !== undefined && tab.isAttached && tab.isConfirmed && !isFinished(tab)) {
      wakeMs = Math.min(wakeMs, this.opening.provide(tab, ledgerMs, nowMs))
    }
    this.endIdle(tab, ledgerMs, nowMs)
    for (const entry of [...tab.lanes]) {
      wakeMs = Math.min(wakeMs, this.ending.conclude(tab, entry, ledgerMs, nowMs))
      wakeMs = Math.min(wakeMs, this.vouchers.resend(tab, entry, nowMs))
    }
    this.vouchers.limit(tab, ledgerMs)
    tab.wakeMs = Math.min(wakeMs, this.nextTurnMs(tab, nowMs))
  }

  /** When time alone changes what may be done. */
  private nextTurnMs(tab: PayerTab, nowMs: number): number {
    const { contact, options } = this.lanes
    let turnMs = Number.POSITIVE_INFINITY
    const consider = (atMs: number) => {
      if (atMs > nowMs) turnMs = Math.min(turnMs, atMs)
    }
    if (tab.lanes.length > 0 && !tab.isAttached) consider(tab.idleSinceMs + idleMs)
    if (tab.lanes.length > 0) consider(tab.finishedAtMs + finishesWithinMs)
    for (const { record, isEnding } of tab.lanes) {
      if (record.state.type !== 'open' || isEnding) continue
      consider(contact.steadyAt(rollsOverAtMs(record.expiresAtMs, options.terms)))
      consider(contact.steadyAt(servesUntilMs(record.expiresAtMs, options.terms)))
    }
    return turnMs
  }

  private speak(tab: PayerTab, nowMs: number): number {
    if (!tab.isAttached || tab.helloAtMs > nowMs) return tab.isAttached ? tab.helloAtMs : Number.POSITIVE_INFINITY
    const marks = tab.lanes
      .filter(({ record }) => record.state.type !== 'opening')
      .map(({ record }) => ({ lane: record.lane, signed: record.signed }))
    const unpaid = unpaidOf(tab)
    this.errands.push({
      type: 'tell',
      to: tab.payee,
      message: { type: 'hello', lanes: marks.slice(-maxMarks), unpaid },
    })
    tab.helloAtMs = nowMs + resendMs(++tab.hellos)
    return tab.helloAtMs
  }

  /** Marks the lanes that are no longer wanted. */
  private endIdle(tab: PayerTab, ledgerMs: number | undefined, nowMs: number): void {
    const { terms } = this.lanes.options
    const isIdle = !tab.isAttached && nowMs - tab.idleSinceMs >= idleMs
    const isPaid = tab.meter.owed() <= tab.paid && tab.lanes.every(isDelivered)
    const isGivenUp = !tab.isAttached || nowMs >= tab.finishedAtMs + finishesWithinMs
    const isOver = isIdle || (isFinished(tab) && (isPaid || isGivenUp))
    const successor = tab.lanes.find(
      (entry) =>
        ledgerMs !== undefined && isLasting(entry, tab, ledgerMs, terms) && isPayable(entry, tab, ledgerMs, terms),
    )
    for (const entry of tab.lanes) {
      if (isOver) entry.isEnding = true
      if (successor === undefined || entry === successor || ledgerMs === undefined || !isDelivered(entry)) continue
      if (entry.record.state.type === 'open' && !isLasting(entry, tab, ledgerMs, terms)) entry.isEnding = true
    }
  }
}

/** Something changed that may let a lane be opened which was refused before. */
function mayOpenAgain(tab: PayerTab): void {
  tab.saidSpent = false
  tab.openAtMs = Number.NEGATIVE_INFINITY
}

function acknowledge(entry: PayerEntry, amount: TokenAmount): void {
  if (amount > entry.acknowledged && amount <= entry.record.signed) entry.acknowledged = amount
}

function isDelivered({ record, acknowledged, voucher }: PayerEntry): boolean {
  return voucher === 'idle' && acknowledged >= record.signed
}

function wantsHello({ record, isConfirmed, isEnding }: PayerEntry): boolean {
  return record.state.type === 'open' && record.frozen === undefined && !isConfirmed && !isEnding
}
