// A payer's vouchers: when one is due and for how much, signing it once its amount is on the disk, and saying it until the
// payee has it. Guarantees: one voucher of a tab is under way at a time, within the deposit; what is on the disk is signed
// again after a crash, never another amount. Changes the tabs and lanes that are handed in; owns nothing.
import { type Failure, failure, type Result } from '../base/errors.ts'
import { addAmounts, type TokenAmount, tokenAmount } from '../base/token-amount.ts'
import type { Signature, Voucher } from '../ports/ledger.ts'
import type { Errands } from './errands.ts'
import { aheadBytes } from './exposure-window.ts'
import type { PayerLane } from './lane-records.ts'
import { headroomOf, isPayable, type PayerEntry, type PayerTab, servesRequests, tickOf } from './payer-lane.ts'
import { handBudget, type PayerLanes, type PayerStep } from './payer-lanes.ts'
import type { PayerOutput } from './payment-events.ts'
import { retryDelayMs } from './rail-contact.ts'
import { paysUntilMs } from './rail-terms.ts'

const notOurs = failure('lane-closed', 'no lane that is paid on by hand')

type VoucherStep = Extract<PayerStep, { readonly type: 'voucher' }>

/** What is owed is paid no later than so long after it is. */
export const paysWithinMs = 1000
const firstResendMs = 2000
const mostResendMs = 30_000
const mostSignRetryMs = 60_000

export class PayerVouchers {
  private readonly lanes: PayerLanes
  private readonly errands: Errands<PayerStep, PayerOutput>

  constructor(lanes: PayerLanes, errands: Errands<PayerStep, PayerOutput>) {
    this.lanes = lanes
    this.errands = errands
  }

  /** Vouchers for what is owed, one at a time. */
  pay(tab: PayerTab, ledgerMs: number, nowMs: number): number {
    if (!tab.isAttached || tab.lanes.some(({ voucher }) => voucher !== 'idle')) return Number.POSITIVE_INFINITY
    const target = this.targetOf(tab)
    if (target <= tab.paid) {
      tab.isDue = false
      tab.unpaidSinceMs = Number.POSITIVE_INFINITY
      tab.dueAtBytes = tab.meter.bytes + tickOf(tab)
      return Number.POSITIVE_INFINITY
    }
    if (tab.unpaidSinceMs === Number.POSITIVE_INFINITY) tab.unpaidSinceMs = nowMs
    const dueAtMs = tab.unpaidSinceMs + paysWithinMs
    if (!tab.isDue && tab.windowBytes > 0 && nowMs < dueAtMs) return dueAtMs
    const { terms } = this.lanes.options
    const entry = tab.lanes.find((lane) => isPayable(lane, tab, ledgerMs, terms) && headroomOf(lane) > 0n)
    if (entry === undefined) return Number.POSITIVE_INFINITY
    if (tab.vouchers?.spend(nowMs) === false) return tab.vouchers.nextMs(nowMs)
    const headroom = headroomOf(entry)
    const rise = target - tab.paid < headroom ? tokenAmount(target - tab.paid) : headroom
    tab.paid = addAmounts(tab.paid, rise)
    tab.isDue = false
    tab.unpaidSinceMs = target > tab.paid ? nowMs : Number.POSITIVE_INFINITY
    tab.dueAtBytes = tab.meter.bytes + tickOf(tab)
    entry.voucher = 'persisting'
    entry.signature = undefined
    const { record } = entry
    const changes = [
      this.lanes.keep(entry, { ...record, signed: addAmounts(record.signed, rise) }),
      this.lanes.keptTab(tab),
    ]
    this.errands.commit(changes, { type: 'sign-voucher', lane: record.lane })
    return Number.POSITIVE_INFINITY
  }

  /** What is owed; where the payee goes nothing ahead, what goes ahead as well, once less than half of that is paid. */
  private targetOf(tab: PayerTab): TokenAmount {
    const { meter, paid, windowBytes, bytesPerSecond, pieceBytes } = tab
    if (windowBytes > 0 || isFinished(tab)) return meter.owed()
    const ahead = aheadBytes(bytesPerSecond, pieceBytes)
    const isAhead = paid >= meter.owedAt(meter.bytes + Math.ceil(ahead / 2))
    return isAhead ? paid : meter.owedAt(meter.bytes + ahead)
  }

  /** The amount is on the disk. */
  sign(lane: PayerLane['lane']): void {
    const entry = this.lanes.entries.get(lane)
    if (entry === undefined || entry.record.frozen !== undefined) {
      if (entry !== undefined) entry.voucher = 'idle'
      return
    }
    entry.voucher = 'signing'
    const { signed } = entry.record
    const voucher = { lane, cumulativeAmount: signed }
    this.errands.sign(
      { type: 'voucher', domain: this.lanes.options.terms.domain, voucher },
      { type: 'voucher', lane, amount: signed },
    )
  }

  /** For a lane of the owner's hand: so much in all, no less than before. */
  signByHand({ lane, cumulativeAmount }: Voucher, ledgerMs: number): void {
    const entry = this.lanes.entries.get(lane)
    const refused = this.faultOf(entry, cumulativeAmount, ledgerMs)
    if (entry === undefined || refused !== undefined) {
      const account = entry?.record.payee ?? this.lanes.options.account
      this.lanes.notice({ type: 'refused', account, failure: refused ?? notOurs })
      return
    }
    entry.voucher = 'persisting'
    entry.signature = undefined
    const change = this.lanes.keep(entry, { ...entry.record, signed: cumulativeAmount })
    this.errands.commit([change], { type: 'sign-voucher', lane })
  }

  private faultOf(entry: PayerEntry | undefined, amount: TokenAmount, ledgerMs: number): Failure | undefined {
    const { terms } = this.lanes.options
    if (entry === undefined || entry.record.budget !== handBudget) return notOurs
    const { record, isEnding, voucher } = entry
    if (voucher !== 'idle') return failure('ledger-busy', 'another voucher is being signed')
    const isOpen = record.state.type === 'open' && record.frozen === undefined && !isEnding
    if (!isOpen || ledgerMs >= paysUntilMs(record.expiresAtMs, terms)) {
      return failure('lane-closed', 'the lane is not open any more, or about to expire')
    }
    if (amount > record.deposit) return failure('voucher-invalid', 'more than was put into the lane')
    return amount < record.signed ? failure('voucher-invalid', 'less than was signed before') : undefined
  }

  /** The tab it changed something of. */
  signed(step: VoucherStep, result: Result<Signature>, nowMs: number): PayerTab | 'none' {
    const entry = this.lanes.entries.get(step.lane)
    if (entry === undefined) return 'none'
    const isByHand = entry.record.budget === handBudget
    const touched = isByHand ? this.lanes.handTab : (this.lanes.tabs.get(entry.record.payee) ?? 'none')
    entry.voucher = 'idle'
    if (!result.ok) {
      entry.signFailures++
      entry.signAtMs = nowMs + retryDelayMs(entry.signFailures, mostSignRetryMs)
      this.lanes.notice({ type: 'refused', account: entry.record.payee, failure: result })
      return touched
    }
    entry.signFailures = 0
    if (entry.record.frozen !== undefined || entry.record.signed !== step.amount) return touched
    entry.signature = result.value
    if (isByHand) {
      const voucher = { lane: step.lane, cumulativeAmount: step.amount, signature: result.value }
      this.lanes.notice({ type: 'voucher-signed', payee: entry.record.payee, voucher })
    }
    entry.resends = 0
    entry.resendAtMs = nowMs
    return touched
  }

  /** Says again what was not answered. */
  resend(tab: PayerTab, entry: PayerEntry, nowMs: number): number {
    const { record, signature } = entry
    const isWanted = tab.isAttached && entry.isConfirmed && record.signed > entry.acknowledged
    if (!isWanted || record.frozen !== undefined || entry.voucher !== 'idle') return Number.POSITIVE_INFINITY
    if (signature === undefined) {
      if (entry.signAtMs > nowMs) return entry.signAtMs
      this.sign(record.lane)
      return Number.POSITIVE_INFINITY
    }
    if (entry.resendAtMs <= nowMs) {
      const voucher = { lane: record.lane, cumulativeAmount: record.signed, signature }
      this.errands.push({ type: 'tell', to: tab.payee, message: { type: 'voucher', voucher } })
      entry.resendAtMs = nowMs + resendMs(++entry.resends)
    }
    return entry.resendAtMs
  }

  /** How far requests may go. */
  limit(tab: PayerTab, ledgerMs: number | undefined): void {
    const { terms } = this.lanes.options
    let covered = tab.paid
    for (const entry of tab.lanes) {
      if (ledgerMs === undefined || !servesRequests(entry, tab, ledgerMs, terms)) continue
      covered = addAmounts(covered, headroomOf(entry))
    }
    tab.meter.settle(tab.paid)
    tab.limitBytes = covered > tab.paid || tab.meter.owed() <= tab.paid ? tab.meter.bytesFor(covered) : 0
    const owed = tab.meter.owed()
    tab.isFunded = covered > owed
    tab.isReserved = covered >= addAmounts(owed, tab.reserved)
  }
}

export function isFinished({ finishedAtMs }: PayerTab): boolean {
  return finishedAtMs !== Number.POSITIVE_INFINITY
}

export function resendMs(times: number): number {
  return Math.min(firstResendMs * 2 ** Math.min(times - 1, 10), mostResendMs)
}
