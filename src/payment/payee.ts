// The payee's side of all lanes of one account on one rail: which vouchers count, and how far to serve ahead of them.
// Guarantees: a voucher counts once it is on the disk (P3); what is sent and unpaid is never over the window, at the price
// of the moment, nor over what the lanes can pay (P7); strangers together never have more than the pool; who did not pay
// is remembered across restarts. Owns tabs, standings and pool; lanes on the rail are the watcher's (payee-lanes.ts).
import { unreachable } from '../base/assert.ts'
import type { Result } from '../base/errors.ts'
import { addAmounts, subtractAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, Lane, LaneId, SignedVoucher } from '../ports/ledger.ts'
import type { StoreChange } from '../ports/store.ts'
import { Errands } from './errands.ts'
import type { LinkConditions } from './exposure-window.ts'
import { maxMarks, type PayeeMark, type PayeeMessage, type PayerMessage } from './lane-messages.ts'
import { type PayeeLane, payeeLanes, putRecord } from './lane-records.ts'
import { judgeVoucher, type PayeeEntry, type PayeeTab, unpaidOf } from './payee-lane.ts'
import { type KeptVoucher, PayeeLanes, type PayeeOptions, type PayeeRecords, type PayeeStep } from './payee-lanes.ts'
import { type Missed, PayeeTabs, paysWithinMs, returnsWithinMs } from './payee-tabs.ts'
import type { AlarmReason, PayeeOutput, PaymentAnswer } from './payment-events.ts'
import { servesUntilMs } from './rail-terms.ts'
import type { Standing } from './standing.ts'

export type PayeeInput =
  | { readonly type: 'wake' }
  | PaymentAnswer
  /** Connected to who pays. `network` names its /24 of IPv4 or /56 of IPv6. */
  | {
      readonly type: 'attach'
      readonly payer: AccountId
      readonly network: string
      readonly conditions: LinkConditions
    }
  /** From a count of bytes on, base units for 2^20 bytes. */
  | { readonly type: 'price'; readonly payer: AccountId; readonly fromByte: number; readonly pricePerMiB: TokenAmount }
  | { readonly type: 'conditions'; readonly payer: AccountId; readonly conditions: LinkConditions }
  | { readonly type: 'detach'; readonly payer: AccountId }
  /** Owed besides bytes, such as for staying: for what was done already. */
  | { readonly type: 'charge'; readonly payer: AccountId; readonly amount: TokenAmount }
  | { readonly type: 'told'; readonly from: AccountId; readonly message: PayerMessage }
  /** The payer showed what the rail's operator signed of a lane, and it was checked: the rail need not be asked. */
  | { readonly type: 'lane-shown'; readonly from: AccountId; readonly lane: Lane }
  /** Cash what is in hand now. */
  | { readonly type: 'claim' }
  /** The owner closes a lane, or gives it up where the rail will never answer again. */
  | { readonly type: 'close-lane'; readonly lane: LaneId }
  | { readonly type: 'give-up'; readonly lane: LaneId }

export interface PayeeAccount {
  /** Sent. */
  readonly bytes: number
  readonly owed: TokenAmount
  /** By vouchers on the disk; and how many of the bytes those pay for. */
  readonly paid: TokenAmount
  readonly paidBytes: number
  /** Lanes that were not ended. */
  readonly laneCount: number
}

type Hello = Extract<PayerMessage, { readonly type: 'hello' }>

/** Vouchers that come within so long go to the disk together, unless somebody would wait for it. */
const groupMs = 50
const maxStrangeLanes = 64
const kept: PayeeStep = { type: 'kept' }

export class Payee {
  private readonly options: PayeeOptions
  private readonly errands = new Errands<PayeeStep, PayeeOutput>()
  private readonly lanes: PayeeLanes
  private readonly tabs: PayeeTabs
  private isHalted = false
  /** Accepted, and not on the disk yet. */
  private readonly dirty = new Set<PayeeEntry>()
  private isKeeping = false
  private keptAtMs = Number.NEGATIVE_INFINITY
  private wakeMs = Number.NEGATIVE_INFINITY
  private lanesWakeMs = Number.NEGATIVE_INFINITY

  /** `records`: all that the store has; lanes found there are watched from the first wake on. */
  constructor(options: PayeeOptions, records: PayeeRecords, nowMs: number) {
    this.options = options
    this.lanes = new PayeeLanes(options, records, this.errands, nowMs)
    this.tabs = new PayeeTabs(options.terms.rail, options.pool, records.tabs, records.standings, nowMs)
    for (const { payer } of records.lanes) this.tabs.of(payer, nowMs)
  }

  handle(input: PayeeInput, nowMs: number): void {
    if (this.isHalted) return
    const touched = this.take(input, nowMs)
    if (!this.isHalted) this.advance(touched, nowMs)
  }

  poll(): PayeeOutput | undefined {
    return this.errands.poll()
  }

  nextWakeMs(): number {
    return this.isHalted ? Number.POSITIVE_INFINITY : this.wakeMs
  }

  get records(): readonly PayeeLane[] {
    return Array.from(this.lanes.entries.values(), ({ record }) => record)
  }

  /** How many operations the rail has not answered. */
  get pendingCount(): number {
    return this.lanes.operations.operations.length
  }

  standingOf(payer: AccountId): Standing | undefined {
    return this.tabs.standingOf(payer)
  }

  tabOf(payer: AccountId): number | undefined {
    return this.tabs.byPayer.get(payer)?.number
  }

  /** Payload handed to the connection. Hot: numbers only. */
  countServed(tabNumber: number, bytes: number, nowMs: number): void {
    const tab = this.tabs.numbered(tabNumber)
    if (tab === undefined) return
    this.tabs.count(tab, bytes, nowMs)
    tab.wakeMs = Math.min(tab.wakeMs, tab.exhaustedSinceMs + paysWithinMs)
    this.wakeMs = Math.min(this.wakeMs, tab.wakeMs)
  }

  /** Bytes that may be sent there now. Hot. */
  allowanceBytes(tabNumber: number): number {
    const tab = this.tabs.numbered(tabNumber)
    return tab === undefined ? 0 : Math.max(0, tab.limitBytes - tab.meter.bytes)
  }

  /** What one payer owes and paid over the connection that is attached, or was last. Undefined: nothing is left of it. */
  accountOf(payer: AccountId): PayeeAccount | undefined {
    const tab = this.tabs.byPayer.get(payer)
    if (tab === undefined) return undefined
    const { meter, paid, paidBytes } = tab
    return { bytes: meter.bytes, owed: meter.owed(), paid, paidBytes, laneCount: this.lanesOf(tab).length }
  }

  /** Of each lane of a payer that is not gone, what it has paid in all by vouchers on the disk. */
  paidOnLanes(payer: AccountId): readonly { readonly lane: LaneId; readonly paid: TokenAmount }[] {
    const lanes = this.lanes.byPayer.get(payer) ?? []
    return lanes.map(({ record, counted }) => ({ lane: record.lane, paid: counted }))
  }

  /** What was sent and is not paid for. */
  unpaid(tabNumber: number): TokenAmount {
    const tab = this.tabs.numbered(tabNumber)
    return tab === undefined ? zeroAmount : unpaidOf(tab)
  }

  /** The only tab that it can have changed anything of; undefined: lanes, or several. */
  private take(input: PayeeInput, nowMs: number): PayeeTab | undefined {
    switch (input.type) {
      case 'wake':
        break
      case 'attach': {
        const tab = this.tabs.of(input.payer, nowMs)
        this.tabs.attach(tab, input.network, input.conditions)
        for (const entry of this.lanesOf(tab)) entry.isFinished = false
        break
      }
      case 'price':
        this.tabs.byPayer.get(input.payer)?.meter.setPrice(input.fromByte, input.pricePerMiB)
        break
      case 'conditions': {
        const tab = this.tabs.byPayer.get(input.payer)
        tab?.window.setConditions(input.conditions)
        return tab
      }
      case 'detach': {
        const tab = this.tabs.byPayer.get(input.payer)
        if (tab?.isAttached === true) this.tabs.detach(tab, nowMs)
        break
      }
      case 'charge': {
        const tab = this.tabs.byPayer.get(input.payer)
        if (tab?.isAttached === true) tab.meter.raiseTo(addAmounts(tab.meter.owed(), input.amount))
        return tab
      }
      case 'told': {
        const tab = this.tabs.byPayer.get(input.from)
        if (tab?.isAttached !== true) break
        this.told(tab, input.message, nowMs)
        return input.message.type === 'finish' ? undefined : tab
      }
      case 'lane-shown': {
        const tab = this.tabs.byPayer.get(input.from)
        if (tab?.isAttached === true) this.shown(tab, input.lane, nowMs)
        break
      }
      case 'claim':
        this.lanes.claimNow()
        break
      case 'close-lane': {
        const entry = this.lanes.entries.get(input.lane)
        if (entry !== undefined) entry.isFinished = true
        break
      }
      case 'give-up': {
        const entry = this.lanes.entries.get(input.lane)
        if (entry !== undefined) this.lanes.giveUp(entry, nowMs)
        break
      }
      default:
        this.answered(input, nowMs)
    }
    return undefined
  }

  private told(tab: PayeeTab, message: PayerMessage, nowMs: number): void {
    switch (message.type) {
      case 'hello':
        this.hello(tab, message)
        break
      case 'voucher':
        this.voucher(tab, message.voucher, nowMs)
        break
      case 'finish':
        for (const lane of message.lanes.slice(0, maxMarks)) {
          const entry = this.lanes.entries.get(lane)
          if (entry?.record.payer === tab.payer) entry.isFinished = true
        }
        break
      default:
        unreachable(message)
    }
  }

  /** Lanes not known yet are looked up first; the answer waits for that. */
  private hello(tab: PayeeTab, message: Hello): void {
    if (message.lanes.length > maxMarks) return
    tab.hello = message
    for (const { lane } of message.lanes) {
      if (this.lanes.entries.has(lane) || tab.looking.has(lane) || tab.strangeLanes >= maxStrangeLanes) continue
      tab.strangeLanes++
      tab.looking.add(lane)
      this.errands.lookUp(lane, { type: 'lane', lane, payer: tab.payer })
    }
  }

  private shown(tab: PayeeTab, lane: Lane, nowMs: number): void {
    const { entries } = this.lanes
    const entry = entries.get(lane.id)
    if (entry?.record.payer === tab.payer) this.lanes.seen(entry, lane, nowMs)
    else if (entry === undefined && tab.strangeLanes < maxStrangeLanes) {
      tab.strangeLanes++
      this.meet(lane, tab.payer, nowMs)
      if (entries.has(lane.id)) tab.looking.delete(lane.id)
    }
  }

  private answerHello(tab: PayeeTab, hello: Hello, ledgerMs: number, nowMs: number): void {
    tab.hello = undefined
    if (tab.isResuming) {
      const missed = this.tabs.resume(tab, this.agreedOf(tab, hello, ledgerMs), ledgerMs)
      this.remember(tab, missed)
    }
    const marks = this.lanesOf(tab).map(({ record }) => markOf(record))
    const windowBytes = this.tabs.windowBytes(tab, ledgerMs, nowMs)
    this.tell(tab, { type: 'present', lanes: marks.slice(-maxMarks), windowBytes })
  }

  /** What the payer says it still owes: signed but not here, and not signed. No more than its lanes can pay. */
  private agreedOf(tab: PayeeTab, { lanes, unpaid }: Hello, ledgerMs: number): TokenAmount {
    let agreed: bigint = unpaid
    for (const { lane, signed } of lanes) {
      const entry = this.lanes.entries.get(lane)
      if (entry !== undefined && entry.record.payer === tab.payer && signed > entry.counted)
        agreed += signed - entry.counted
    }
    const cover = this.coverOf(tab, ledgerMs)
    return agreed < cover ? (agreed as TokenAmount) : cover
  }

  private remember(tab: PayeeTab, missed: Missed | undefined): void {
    if (missed === undefined) return
    this.errands.commit(this.tabs.keptStanding(tab.payer), kept)
    if (missed.isDefault) this.lanes.notice({ type: 'default', payer: tab.payer, unpaid: missed.amount })
  }

  private voucher(tab: PayeeTab, voucher: SignedVoucher, nowMs: number): void {
    const entry = this.lanes.entries.get(voucher.lane)
    const ledgerMs = this.lanes.contact.timeAt(nowMs)
    const isOpen = entry !== undefined && entry.record.payer === tab.payer && !entry.isClosing
    if (!isOpen || ledgerMs === undefined) {
      const code = ledgerMs === undefined ? 'ledger-unreachable' : 'lane-closed'
      this.tell(tab, { type: 'refuse', lane: voucher.lane, code })
      return
    }
    const { terms, scheme } = this.options
    const verdict = judgeVoucher(entry.record, voucher, ledgerMs, terms, scheme)
    switch (verdict.type) {
      case 'accepted':
        entry.record = { ...entry.record, newest: voucher }
        entry.isDirty = true
        this.dirty.add(entry)
        break
      case 'same':
        if (!entry.isDirty) this.acknowledge(tab, voucher.lane, entry.counted, ledgerMs, nowMs)
        break
      case 'alarm':
        this.alarm(tab, entry, verdict.reason, ledgerMs, nowMs)
        break
      case 'refused':
        this.errands.push({ type: 'notice', notice: { type: 'refused', account: tab.payer, failure: verdict.failure } })
        this.tell(tab, { type: 'refuse', lane: voucher.lane, code: verdict.failure.code })
        // It may have been topped up.
        if (voucher.cumulativeAmount > entry.record.deposit) this.lanes.look(entry)
        break
      default:
        unreachable(verdict)
    }
  }

  private alarm(tab: PayeeTab, entry: PayeeEntry, reason: AlarmReason, ledgerMs: number, nowMs: number): void {
    const { record } = entry
    this.lanes.notice({ type: 'voucher-alarm', payer: tab.payer, lane: record.lane, reason })
    if (reason === 'equal-different' && record.isDoubtful === 'no') {
      this.errands.commit([this.lanes.keep(entry, { ...record, isDoubtful: 'yes' })], kept)
    }
    // Whoever was restored from a backup learns from it what it signed.
    const windowBytes = this.tabs.windowBytes(tab, ledgerMs, nowMs)
    this.tell(tab, { type: 'present', lanes: [markOf(record)], windowBytes })
  }

  private answered(answer: PaymentAnswer, nowMs: number): void {
    const { lanes } = this
    if (answer.type === 'lane-seen') {
      const entry = lanes.entries.get(answer.lane.id)
      if (entry !== undefined) lanes.seen(entry, answer.lane, nowMs)
      return
    }
    const step = this.errands.take(answer.ticket)
    if (step === undefined) return
    const isOfRail = answer.type === 'submitted' || answer.type === 'looked-up' || answer.type === 'time-told'
    if (isOfRail && lanes.contact.hear(answer.result, nowMs)) {
      lanes.notice({ type: 'unreachable', sinceMs: lanes.contact.unreachableSinceMs })
    }
    switch (answer.type) {
      case 'committed':
        if (!answer.result.ok) {
          this.isHalted = true
          lanes.notice({ type: 'halted', failure: answer.result })
        } else if (step.type === 'operation') lanes.operations.kept(step)
        else if (step.type === 'vouchers') this.count(step.vouchers, nowMs)
        break
      case 'signed':
      case 'submitted': {
        const settled = step.type === 'operation' ? lanes.operations.answered(step, answer, nowMs) : undefined
        if (settled !== undefined) lanes.settle(settled, nowMs)
        break
      }
      case 'looked-up':
        if (step.type === 'lane') this.lookedUp(step.lane, step.payer, answer.result, nowMs)
        break
      case 'time-told':
        lanes.contact.timeTold(answer.result, nowMs)
        break
      default:
        unreachable(answer)
    }
  }

  private lookedUp(id: LaneId, payer: AccountId, result: Result<Lane | undefined>, nowMs: number): void {
    const entry = this.lanes.entries.get(id)
    const tab = this.tabs.byPayer.get(payer)
    tab?.looking.delete(id)
    if (entry !== undefined) {
      if (result.ok) this.lanes.seen(entry, result.value, nowMs)
      else this.lanes.lookFailed(entry, nowMs)
    } else if (result.ok && result.value !== undefined && tab !== undefined) this.meet(result.value, payer, nowMs)
  }

  /** A lane that the payer spoke of and the rail has. */
  private meet(lane: Lane, payer: AccountId, nowMs: number): void {
    const { account, terms } = this.options
    const ledgerMs = this.lanes.contact.timeAt(nowMs)
    if (lane.payee !== account || lane.payer !== payer || lane.state.type !== 'open' || ledgerMs === undefined) return
    if (ledgerMs < servesUntilMs(lane.expiresAtMs, terms)) this.lanes.add(lane, nowMs)
  }

  /** Vouchers that are on the disk now. */
  private count(vouchers: readonly KeptVoucher[], nowMs: number): void {
    this.isKeeping = false
    const ledgerMs = this.lanes.contact.timeAt(nowMs)
    for (const { entry, amount } of vouchers) {
      const tab = this.tabs.of(entry.record.payer, nowMs)
      if (amount > entry.counted) {
        const paid = subtractAmounts(amount, entry.counted)
        this.tabs.credit(tab, paid, ledgerMs, nowMs)
        this.lanes.earned(paid, nowMs)
        entry.counted = amount
      }
      if (ledgerMs !== undefined) this.acknowledge(tab, entry.record.lane, amount, ledgerMs, nowMs)
    }
  }

  private acknowledge(
    tab: PayeeTab,
    lane: LaneId,
    cumulativeAmount: TokenAmount,
    ledgerMs: number,
    nowMs: number,
  ): void {
    const windowBytes = this.tabs.windowBytes(tab, ledgerMs, nowMs)
    this.tell(tab, { type: 'acknowledge', lane, cumulativeAmount, windowBytes })
  }

  private tell(tab: PayeeTab, message: PayeeMessage): void {
    if (tab.isAttached) this.errands.push({ type: 'tell', to: tab.payer, message })
  }

  private advance(touched: PayeeTab | undefined, nowMs: number): void {
    const { contact, operations } = this.lanes
    if (contact.askAtMs <= nowMs) {
      contact.asking()
      this.errands.askTime({ type: 'time' })
    }
    const ledgerMs = contact.timeAt(nowMs)
    const flushMs = this.flush(nowMs)
    if (touched === undefined) {
      for (const tab of [...this.tabs.byPayer.values()]) tab.wakeMs = this.advanceTab(tab, ledgerMs, nowMs)
      this.lanesWakeMs = this.lanes.advance(nowMs)
    } else touched.wakeMs = this.advanceTab(touched, ledgerMs, nowMs)
    this.wakeMs = Math.min(flushMs, this.lanesWakeMs, operations.advance(nowMs), contact.askAtMs)
    for (const tab of this.tabs.byPayer.values()) this.wakeMs = Math.min(this.wakeMs, tab.wakeMs)
  }

  /** Writes what was accepted, many at once, and only what the disk has counts. */
  private flush(nowMs: number): number {
    if (this.dirty.size === 0 || this.isKeeping) return Number.POSITIVE_INFINITY
    const dueAtMs = this.keptAtMs + groupMs
    if (nowMs < dueAtMs && !this.isWaitedFor()) return dueAtMs
    const changes: StoreChange[] = []
    const vouchers: KeptVoucher[] = []
    const paidBy = new Map<PayeeTab, TokenAmount>()
    for (const entry of this.dirty) {
      entry.isDirty = false
      const { record } = entry
      const amount = record.newest?.cumulativeAmount ?? zeroAmount
      if (amount <= entry.counted) continue
      vouchers.push({ entry, amount })
      // Of a lane that was closed meanwhile, the operation has it.
      const isThere = this.lanes.entries.get(record.lane) === entry
      if (isThere) changes.push(putRecord(payeeLanes, this.options.terms.rail, record))
      const tab = this.tabs.of(record.payer, nowMs)
      paidBy.set(tab, addAmounts(paidBy.get(tab) ?? zeroAmount, subtractAmounts(amount, entry.counted)))
    }
    this.dirty.clear()
    if (vouchers.length === 0) return Number.POSITIVE_INFINITY
    for (const [tab, paid] of paidBy) changes.push(...this.tabs.kept(tab, paid))
    this.isKeeping = true
    this.keptAtMs = nowMs
    this.errands.commit(changes, { type: 'vouchers', vouchers })
    return Number.POSITIVE_INFINITY
  }

  /** Somebody who paid would have to wait for others. */
  private isWaitedFor(): boolean {
    for (const { record } of this.dirty) {
      const tab = this.tabs.byPayer.get(record.payer)
      if (tab !== undefined && this.tabs.waitsWithin(tab, groupMs)) return true
    }
    return false
  }

  private advanceTab(tab: PayeeTab, ledgerMs: number | undefined, nowMs: number): number {
    if (ledgerMs === undefined) return Number.POSITIVE_INFINITY
    if (!tab.isAttached) return this.expire(tab, ledgerMs, nowMs)
    const { hello } = tab
    if (hello !== undefined && tab.looking.size === 0) this.answerHello(tab, hello, ledgerMs, nowMs)
    if (nowMs >= tab.exhaustedSinceMs + paysWithinMs) this.remember(tab, this.tabs.writeOff(tab, true, ledgerMs))
    this.tabs.limit(tab, this.coverOf(tab, ledgerMs), ledgerMs, nowMs)
    let wakeMs = Math.max(tab.exhaustedSinceMs + paysWithinMs, nowMs + paysWithinMs / 2)
    if (unpaidOf(tab) <= tab.writtenOff) wakeMs = Number.POSITIVE_INFINITY
    if (tab.poolAtMs > nowMs) wakeMs = Math.min(wakeMs, tab.poolAtMs)
    for (const { record } of this.lanesOf(tab)) {
      const turnMs = this.lanes.contact.steadyAt(servesUntilMs(record.expiresAtMs, this.options.terms))
      if (turnMs > nowMs) wakeMs = Math.min(wakeMs, turnMs)
    }
    return wakeMs
  }

  /** Who has been away for long is not waited for: what it owes is remembered, its lanes are closed. */
  private expire(tab: PayeeTab, ledgerMs: number, nowMs: number): number {
    const atMs = tab.detachedAtMs + (this.options.returnsWithinMs ?? returnsWithinMs)
    if (nowMs < atMs) return atMs
    const lanes = this.lanesOf(tab)
    this.remember(tab, this.tabs.writeOff(tab, false, ledgerMs))
    for (const entry of lanes) entry.isFinished = true
    this.errands.commit([this.tabs.forget(tab)], kept)
    return Number.POSITIVE_INFINITY
  }

  private lanesOf({ payer }: PayeeTab): readonly PayeeEntry[] {
    return this.lanes.byPayer.get(payer) ?? []
  }

  /** What its lanes can still pay beyond what is here. */
  private coverOf(tab: PayeeTab, ledgerMs: number): TokenAmount {
    let cover = zeroAmount
    for (const { record, counted, isFinished, isClosing } of this.lanesOf(tab)) {
      const isOpen = record.state.type === 'open' && record.isDoubtful === 'no' && !isFinished && !isClosing
      if (!isOpen || ledgerMs >= servesUntilMs(record.expiresAtMs, this.options.terms)) continue
      cover = addAmounts(cover, subtractAmounts(record.deposit, counted))
    }
    return cover
  }
}

function markOf({ lane, newest }: PayeeLane): PayeeMark {
  return newest === undefined ? { lane } : { lane, voucher: newest }
}
