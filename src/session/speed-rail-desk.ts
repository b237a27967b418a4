// One ledger of the session, with both sides of its lanes at work: what their machines say goes to the one connection that
// counts for the account they say it to, and what happens goes to the change log.
// Guarantees: one connection a pair of accounts and a direction counts at a time, the payer choosing which; everything
// enters a turn. Owns both drivers; the ports stay their owner's.
import { present } from '../base/assert.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { SpeedPlain } from '../formats/peer/speed-messages.ts'
import { BidBudgets } from '../market/auto-bid.ts'
import { RecentPrices } from '../market/unit-ceiling.ts'
import type { PayeeMessage, PayerMessage } from '../payment/lane-messages.ts'
import type { PayeeNotice, PayerNotice } from '../payment/payment-events.ts'
import type { AccountId, LaneId, RailId } from '../ports/ledger.ts'
import type { Signer, SpendingPurpose } from '../ports/signer.ts'
import type { AwardBook } from './award-records.ts'
import type { BuyingSide } from './buying-side.ts'
import { type PayeeDriver, type PayerDriver, startPayee, startPayer } from './lane-driver.ts'
import type { ReceiptBook } from './payee-receipts.ts'
import type { ProviderRecords } from './provider-records.ts'
import type { ProviderTrust } from './provider-trust.ts'
import { type RailMemory, readRailMemory } from './rail-memory.ts'
import { RailPurses } from './rail-purses.ts'
import { SellerEpochs } from './seller-epochs.ts'
import type { SellerMemory } from './seller-memory.ts'
import type { SellingSide } from './selling-side.ts'
import { settlementOf } from './settlement-rule.ts'
import type { SideDesk } from './side-desk.ts'
import type { AccountEvent } from './snapshots.ts'
import type { RailReceipts, SpeedPorts, SpeedRail } from './speed-ports.ts'
import type { SpeedRoom } from './speed-room.ts'
import { UndrawnClaims } from './undrawn-claims.ts'

/** What the desk tells of a connection that counts. Called within a turn. */
interface CountedSide<Side> {
  readonly side: Side
  readonly purpose: SpendingPurpose
  tell(message: SpeedPlain): void
  /** It is the one that counts from now on. */
  entered(nowMs: number): void
  /** The side may go on. */
  relieved(): void
  refused(why: Failure): void
  budgetSpent(): void
  closeSpeed(why: Failure, nowMs: number): void
}

export type PayingSide = CountedSide<BuyingSide>
export type EarningSide = CountedSide<SellingSide>

/** Vouchers are cashed when fees are no more than a fiftieth of them. */
const feesPerValue = 50n
/** Half of what a peer takes of all messages together (docs/protocol/speed.md): who says more is closed as a flood. */
const voucherLimit = { burst: 32, perSecond: 16 }

export class SpeedRailDesk implements SideDesk {
  readonly port: SpeedRail
  readonly receipts: RailReceipts
  /** Bidders at our shares, and why shares were bought and sold. */
  readonly bidders: SellerMemory
  readonly awards: AwardBook
  /** What became of jobs. */
  readonly providers: ProviderRecords
  readonly receiptBook: ReceiptBook
  /** What was paid lately, and is reserved for bids, by all torrents. */
  readonly prices = new RecentPrices()
  readonly bids = new BidBudgets(zeroAmount)
  readonly undrawn: UndrawnClaims
  private readonly room: SpeedRoom
  private readonly abort = new AbortController()
  private readonly paying = new Map<AccountId, PayingSide[]>()
  private readonly earning = new Map<AccountId, EarningSide>()
  private payerDriver: PayerDriver | undefined
  private payeeDriver: PayeeDriver | undefined
  private unreachableSince = Number.POSITIVE_INFINITY
  private isPayerTouched = false
  /** Of torrents, and what the day leaves them. */
  readonly purses: RailPurses
  private readonly trust: ProviderTrust
  private readonly late: { readonly account: AccountId; readonly amount: TokenAmount }[] = []
  readonly epochs: SellerEpochs
  /** Called when something of the machines is otherwise than before. */
  onAdvanced: (() => void) | undefined
  /** Since the session was opened. */
  spent: TokenAmount = zeroAmount
  cashed: TokenAmount = zeroAmount

  private constructor(room: SpeedRoom, port: SpeedRail, kept: RailMemory) {
    this.room = room
    this.port = port
    this.purses = new RailPurses({
      payer: () => this.payer,
      dayLeft: (dayBudget, sums) => kept.day.left(dayBudget, sums, room.ports.clock.wallMs()),
    })
    this.bidders = kept.bidders
    this.awards = kept.awards
    this.providers = kept.providers
    this.receiptBook = kept.receiptBook
    this.trust = kept.trust
    this.undrawn = new UndrawnClaims(kept.trust)
    this.receipts = port.receipts
    this.epochs = new SellerEpochs(port.store, port.terms.rail, port.signer.account)
  }

  /** Goes on with the lanes that the store has. Errors: store-damaged, those of the store. */
  static async open(
    room: SpeedRoom,
    port: SpeedRail,
    ports: SpeedPorts,
    claimAt: TokenAmount,
  ): Promise<Result<SpeedRailDesk>> {
    const { clock, random } = room.ports
    const { store, signer, ledger, spending, terms } = port
    const kept = await readRailMemory(store, terms.rail, () => clock.wallMs())
    if (!kept.ok) return kept
    const desk = new SpeedRailDesk(room, port, kept.value)
    const purposeOf = (payee: AccountId) => desk.payingOf(payee)?.purpose
    const lanePorts = { store, signer, ledger, clock, purposeOf, ...(spending === undefined ? {} : { spending }) }
    const options = { terms, account: signer.account, scheme: ports.scheme, random }
    const payer = await startPayer({ ...options, voucherLimit }, lanePorts, {
      tell: (to, message) => desk.tellPayee(to, message),
      notice: (notice) => room.turns.run((nowMs) => desk.payerNoted(notice, nowMs)),
      advanced: () => desk.advancedPayer(),
    })
    if (!payer.ok) return payer
    desk.payerDriver = payer.value
    const least = terms.openFee * feesPerValue
    const settling = { claimAt: least > claimAt ? tokenAmount(least) : claimAt, ...settlementOf(terms) }
    const payee = await startPayee({ ...options, ...settling }, lanePorts, {
      tell: (to, message) => desk.tellPayer(to, message),
      notice: (notice) => room.turns.run((nowMs) => desk.payeeNoted(notice, nowMs)),
      advanced: () => desk.advancedPayee(),
    })
    if (payee.ok) {
      desk.payeeDriver = payee.value
      return success(desk)
    }
    await payer.value.close()
    return payee
  }

  get rail(): RailId {
    return this.port.terms.rail
  }

  get account(): AccountId {
    return this.port.signer.account
  }

  get signer(): Signer {
    return this.port.signer
  }

  get payer(): PayerDriver {
    return present(this.payerDriver, 'a desk that is open')
  }

  get payee(): PayeeDriver {
    return present(this.payeeDriver, 'a desk that is open')
  }

  /** Of everything that is asked for here. */
  get signal(): AbortSignal {
    return this.abort.signal
  }

  /** Infinity: the ledger answers. */
  get unreachableSinceMs(): number {
    return this.unreachableSince
  }

  nowMs(): number {
    return this.room.turns.nowMs()
  }

  wallMs(): number {
    return Math.floor(this.room.ports.clock.wallMs())
  }

  /** Wants to pay over this connection; the first of an account does. */
  enterPaying(paying: PayingSide, nowMs: number): void {
    const { account } = paying.side
    const sides = this.paying.get(account) ?? []
    this.paying.set(account, [...sides, paying])
    if (sides.length === 0) this.beginPaying(paying, nowMs)
  }

  leavePaying(paying: PayingSide, nowMs: number): void {
    const { account, isAttached } = paying.side
    const sides = (this.paying.get(account) ?? []).filter((other) => other !== paying)
    if (sides.length === 0) this.paying.delete(account)
    else this.paying.set(account, sides)
    if (!isAttached) return
    paying.side.detach()
    this.payer.handle({ type: 'detach', payee: account })
    const [next] = sides
    if (next !== undefined) this.beginPaying(next, nowMs)
  }

  /** The payer said hello over this connection: it is the one it will pay on. */
  helloed(earning: EarningSide, message: Extract<PayerMessage, { readonly type: 'hello' }>, nowMs: number): void {
    const { account } = earning.side
    const before = this.earning.get(account)
    if (before !== earning) {
      if (before !== undefined) {
        before.closeSpeed(failure('speed-state', 'the account pays over another connection'), nowMs)
      }
      this.earning.set(account, earning)
      earning.side.attach()
      earning.entered(nowMs)
    }
    this.payee.handle({ type: 'told', from: account, message })
  }

  leaveEarning(earning: EarningSide): void {
    const { account } = earning.side
    if (this.earning.get(account) !== earning) return
    this.earning.delete(account)
    earning.side.detach()
    this.payee.handle({ type: 'detach', payer: account })
  }

  /** Bytes were counted: looked at before the turn ends. */
  touchPayer(): void {
    this.isPayerTouched = true
    this.room.touch(this)
  }

  /** It kept what it was paid ahead, more often than connections break, or claimed what is not so. */
  isAvoided(account: AccountId): boolean {
    return this.trust.isAvoided(account)
  }

  /** For what came over a connection that is gone, and proved right only now. */
  oweLater(account: AccountId, amount: TokenAmount): void {
    this.late.push({ account, amount })
    this.touchPayer()
  }

  /** Before a turn ends: what was counted may be due, or change when the machines want to be woken. */
  settle(): void {
    if (this.isPayerTouched) {
      this.isPayerTouched = false
      for (const { account, amount } of this.late) this.payer.handle({ type: 'owe', payee: account, amount })
      this.late.length = 0
      let isDue = false
      for (const { side } of this.firsts()) {
        isDue ||= side.isDue
        side.isDue = false
      }
      if (isDue) this.payer.handle({ type: 'wake' })
      else this.payer.plan()
    }
    this.payee.plan()
  }

  flush(): void {}

  /** What is owed is to be paid now. */
  payAll(): void {
    for (const { side } of this.firsts()) side.noneOutstanding()
  }

  /** Everything owed over the connections there are is paid, and the payees have it. */
  get hasPaid(): boolean {
    return this.firsts().every(({ side }) => side.isSettled)
  }

  /** The same of what others owe. */
  get isPaid(): boolean {
    return [...this.earning.values()].every(({ side }) => side.isSettled)
  }

  /** What was asked for is written. */
  async close(): Promise<void> {
    this.abort.abort()
    await this.payerDriver?.close()
    await this.payeeDriver?.close()
  }

  /** Of each account the connection that counts. */
  private firsts(): PayingSide[] {
    return [...this.paying.values()].flatMap((sides) => sides.slice(0, 1))
  }

  private payingOf(account: AccountId): PayingSide | undefined {
    return this.paying.get(account)?.[0]
  }

  private beginPaying(paying: PayingSide, nowMs: number): void {
    paying.side.attach()
    paying.entered(nowMs)
  }

  private tellPayee(to: AccountId, message: PayerMessage): void {
    this.room.turns.run(() => this.payingOf(to)?.tell(message))
  }

  private tellPayer(to: AccountId, message: PayeeMessage): void {
    this.room.turns.run(() => this.earning.get(to)?.tell(plainOf(message)))
  }

  private advancedPayer(): void {
    if (this.payerDriver === undefined) return
    this.room.turns.run(() => {
      for (const paying of this.firsts()) if (paying.side.takeRelief()) paying.relieved()
    })
    this.onAdvanced?.()
  }

  private advancedPayee(): void {
    if (this.payeeDriver === undefined) return
    this.room.turns.run(() => {
      for (const earning of this.earning.values()) if (earning.side.takeRelief()) earning.relieved()
    })
    this.onAdvanced?.()
  }

  private payerNoted(notice: PayerNotice, nowMs: number): void {
    switch (notice.type) {
      case 'lane-open': {
        const record = this.payer.machine.records.find(({ lane }) => lane === notice.lane)
        this.tellOf({ type: 'lane-open', account: notice.payee, amount: record?.deposit ?? zeroAmount })
        this.showLane(notice.payee, notice.lane)
        break
      }
      case 'lane-ended':
        this.spent = tokenAmount(this.spent + notice.spent)
        this.tellOf({ type: 'lane-ended', account: notice.payee, amount: notice.spent })
        break
      case 'budget-spent':
        this.payingOf(notice.payee)?.budgetSpent()
        break
      case 'ahead-lost':
        this.trust.broke(notice.payee)
        break
      case 'forged-voucher':
        this.payingOf(notice.payee)?.closeSpeed(failure('voucher-invalid', 'the peer showed a forged voucher'), nowMs)
        break
      case 'refused':
        this.payingOf(notice.account)?.refused(notice.failure)
        break
      case 'unreachable':
        this.reached(notice.sinceMs)
        break
      case 'halted':
        this.halted(notice.failure, nowMs)
        break
      default:
        break
    }
  }

  private payeeNoted(notice: PayeeNotice, nowMs: number): void {
    switch (notice.type) {
      case 'cashed':
        this.cashed = tokenAmount(this.cashed + notice.amount)
        this.tellOf({ type: 'cashed', account: notice.payer, amount: notice.amount })
        break
      case 'default':
        this.tellOf({ type: 'default', account: notice.payer, amount: notice.unpaid })
        break
      case 'refused':
        this.earning.get(notice.account)?.refused(notice.failure)
        break
      case 'unreachable':
        this.reached(notice.sinceMs)
        break
      case 'halted':
        this.halted(notice.failure, nowMs)
        break
      default:
        break
    }
  }

  private tellOf(event: AccountEvent): void {
    this.room.log.add({ type: 'account', event })
  }

  /** Both machines notice; it is told once. */
  private reached(sinceMs: number): void {
    const wasReachable = this.unreachableSince === Number.POSITIVE_INFINITY
    const isReachable = sinceMs === Number.POSITIVE_INFINITY
    this.unreachableSince = sinceMs
    if (wasReachable !== isReachable) this.tellOf({ type: 'ledger', rail: this.rail, isReachable })
  }

  /** Nothing can be kept any more, so nothing more is bought or sold until the program begins again. */
  private halted(why: Failure, nowMs: number): void {
    for (const sides of [...this.paying.values()]) for (const paying of sides) paying.closeSpeed(why, nowMs)
    for (const earning of [...this.earning.values()]) earning.closeSpeed(why, nowMs)
  }

  /** The payee need not ask the ledger then. */
  private showLane(payee: AccountId, lane: LaneId): void {
    this.room.turns.after(this.receipts.lane(lane, this.signal), (receipt) => {
      if (!receipt.ok || receipt.value === undefined) return
      this.payingOf(payee)?.tell({ type: 'lane', event: 'open', receipt: receipt.value })
    })
  }
}

function plainOf(message: PayeeMessage): SpeedPlain {
  return message.type === 'refuse'
    ? { type: 'refuse', of: 'voucher', reason: message.code, lane: message.lane }
    : message
}
