// The side of a connection that pays: what comes in stretches is counted, and what of it is right is owed for.
// Guarantees: counts as the provider does, and closes the line where the counts differ; asks for no more than its lanes
// can pay; owes for verified bytes alone, also for those that are verified when the connection is gone. Owns the count
// and whether a stretch is on; the tab is the payer machine's.
import { addAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { SignedReceipt } from '../formats/money/receipt.ts'
import type { SpeedPlain, SpeedStatement } from '../formats/peer/speed-messages.ts'
import { tickBytes } from '../payment/exposure-window.ts'
import { priceOf } from '../payment/price-meter.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { PaidSource } from './paid-blocks.ts'
import type { PayeeReceipt } from './payee-receipts.ts'
import type { SideConnection, SideDesk } from './side-desk.ts'
import type { BuyingLine, OtherStatement } from './speed-line.ts'
import type { StatementProof } from './speed-market.ts'
import type { PaidSums } from './speed-parties.ts'

export interface PayingConnection extends SideConnection {
  /** Of the torrent: the purse its lanes are paid out of. */
  readonly budget: string
  /** Of what is bought, near its end; before that more than any window is. */
  readonly remainingBytes: number
  closeSpeed(why: 'count', detail: string): void
  /** What came before it was closed proved right. */
  boughtLate(side: BuyingSide, bytes: number): void
}

type ReceiptStatement = Extract<SpeedStatement, { readonly type: 'receipt' }>

const blockBytes = 16_384
/** Less is a burst, and says nothing of a rate. */
const measurableBytes = 524_288
/** What came is waited for no longer before lanes are ended. */
const verifiesWithinMs = 1_000

export class BuyingSide implements BuyingLine, PaidSource {
  readonly account: AccountId
  readonly own: AccountId
  readonly rail: RailId
  postedPrice: TokenAmount
  undecidedBytes = 0
  isGuilty = false
  /** Came in stretches on this connection; what `fromByte` counts. */
  receivedBytes = 0
  /** What is paid for a MiB; undefined: no stretch is on. */
  price: TokenAmount | undefined
  /** The account's tab counts this connection. */
  isAttached = false
  /** Of the times it counted before. */
  private before: PaidSums = { owed: zeroAmount, paid: zeroAmount }
  bestBytesPerSecond = 0
  /** A voucher is due. */
  isDue = false
  /** Owed for, ever, on this connection. */
  dealtBytes = 0
  private readonly connection: PayingConnection
  private readonly desk: SideDesk
  private tab: number | undefined
  /** A lane was asked for, and is opened once the payee is there. */
  private isPrepared = false
  /** Where the tab began to count, which begins at 0 each time it is the one that counts. */
  private tabFromByte = 0
  /** Of the stretch that is on, or was last. */
  private lastPrice: TokenAmount
  private owedBesides = 0
  private isStarved = false
  /** It was idle when that was looked at last, in this stretch. */
  private wasIdle = false
  private stretchFromByte = 0
  /** Nothing more is to be bought; Infinity: that was not said, or is done. */
  private finishByMs = Number.POSITIVE_INFINITY

  constructor(connection: PayingConnection, desk: SideDesk, account: AccountId, price: TokenAmount) {
    this.connection = connection
    this.desk = desk
    this.account = account
    this.own = desk.account
    this.rail = desk.rail
    this.postedPrice = price
    this.lastPrice = price
  }

  get isInStretch(): boolean {
    return this.price !== undefined
  }

  get isReady(): boolean {
    if (!this.isAttached || this.tab === undefined || this.desk.isAvoided(this.account)) return false
    const { machine } = this.desk.payer
    const left = machine.requestAllowanceBytes(this.tab) - this.undecidedBytes
    // Once nothing more comes into the lane, what does not pay for a whole piece buys nothing.
    const isLast = machine.remaining(this.connection.budget) <= this.desk.port.terms.minDeposit
    const least = isLast ? this.connection.conditions.pieceBytes + blockBytes : blockBytes
    return left >= least && machine.accountOf(this.account)?.isReady === true
  }

  get hasLane(): boolean {
    const { purses } = this.desk
    return this.isPrepared || purses.lanesOf(this.connection.budget).some(({ payee }) => payee === this.account)
  }

  get isUseful(): boolean {
    return this.connection.link.swarmPeer !== undefined && this.connection.link.peer.amInterested
  }

  /** What may be asked for now. */
  get allowanceBytes(): number {
    if (this.price === undefined || this.tab === undefined || !this.isAttached) return Number.POSITIVE_INFINITY
    const { swarmPeer } = this.connection.link
    const underWay =
      swarmPeer === undefined ? 0 : (swarmPeer.outstanding.size + swarmPeer.outstanding.forgottenCount + 1) * blockBytes
    const payable = this.desk.payer.machine.requestAllowanceBytes(this.tab)
    const bytes = Math.max(0, payable - this.undecidedBytes - underWay)
    if (bytes < blockBytes) this.isStarved = true
    return bytes
  }

  /** It is the one of its account that counts. */
  attach(): void {
    this.attachTab()
    this.tab = this.desk.payer.machine.tabOf(this.account)
    this.tabFromByte = this.receivedBytes - this.undecidedBytes + this.owedBesides
    this.isAttached = true
  }

  private attachTab(): void {
    const { account, connection, rate } = this
    const { budget, conditions } = connection
    const { pieceBytes } = conditions
    this.desk.payer.handle({ type: 'attach', payee: account, budget, bytesPerSecond: rate, pieceBytes })
  }

  detach(): void {
    const { paid } = this.sums
    // What is not paid yet is owed in the next connection's count.
    this.before = { owed: paid, paid }
    this.isAttached = false
    this.isPrepared = false
    this.price = undefined
  }

  /** Each second. */
  rateChanged(): void {
    this.wasIdle = this.isIdle
    const { peer, swarmPeer } = this.connection.link
    if (swarmPeer !== undefined && peer.receivedPayloadBytes >= measurableBytes) {
      this.bestBytesPerSecond = Math.max(this.bestBytesPerSecond, swarmPeer.downloadMeter.rate(this.desk.nowMs()))
    }
    if (!this.isAttached) return
    this.tellRate()
    this.reviewFinish()
  }

  /** The payee has a voucher: near the end its window is a smaller one now. */
  acknowledged(): void {
    if (this.isAttached && this.connection.remainingBytes < Number.MAX_SAFE_INTEGER) this.tellRate()
  }

  private tellRate(): void {
    const { account, rate } = this
    const { remainingBytes, conditions } = this.connection
    const { pieceBytes } = conditions
    this.desk.payer.handle({ type: 'rate', payee: account, bytesPerSecond: rate, pieceBytes, remainingBytes })
  }

  /** More is bought here after all. */
  goOn(): void {
    this.finishByMs = Number.POSITIVE_INFINITY
    if (!this.isAttached) return
    this.attachTab()
  }

  /** Nothing more is bought here: what is owed is paid, and the lanes end, soon after all that came is verified. */
  finish(): void {
    const nowMs = this.desk.nowMs()
    this.finishByMs = Math.min(this.finishByMs, nowMs + verifiesWithinMs)
    this.reviewFinish()
  }

  private reviewFinish(): void {
    if (!this.isAttached || this.finishByMs === Number.POSITIVE_INFINITY) return
    if (this.undecidedBytes > 0 && this.desk.nowMs() < this.finishByMs) return
    this.finishByMs = Number.POSITIVE_INFINITY
    this.desk.payer.handle({ type: 'finish', payee: this.account })
  }

  owe(bytes: number): void {
    const { desk, account, tab } = this
    this.dealtBytes += bytes
    if (!this.isAttached || tab === undefined) {
      desk.oweLater(account, priceOf(bytes, this.lastPrice))
      this.connection.boughtLate(this, bytes)
      return
    }
    const nowMs = desk.nowMs()
    if (desk.payer.machine.countVerified(tab, bytes, nowMs)) this.isDue = true
    if (this.connection.link.swarmPeer?.outstanding.size === 0) this.noneOutstanding()
    desk.touchPayer()
    this.reviewFinish()
  }

  /** For something else than bytes: it is done, and held to be right. */
  oweBesides(amount: TokenAmount): void {
    if (this.isAttached) this.desk.payer.handle({ type: 'owe', payee: this.account, amount })
    else this.desk.oweLater(this.account, amount)
  }

  /** The lane is to hold so much for something else than bytes. */
  reserve(amount: TokenAmount): void {
    if (!this.isAttached || this.desk.isAvoided(this.account)) return
    this.prepare(this.postedPrice)
    this.desk.payer.handle({ type: 'reserve', payee: this.account, amount })
  }

  /** It does. */
  get isReserved(): boolean {
    return this.isAttached && this.desk.payer.machine.accountOf(this.account)?.isReserved === true
  }

  /** What a lane may cost, and leave over, at most. */
  get leastLane(): TokenAmount {
    const { openFee, minDeposit } = this.desk.port.terms
    return addAmounts(openFee, minDeposit)
  }

  noneOutstanding(): void {
    if (!this.isAttached || this.tab === undefined) return
    this.desk.payer.machine.noneOutstanding(this.tab, this.desk.nowMs())
    this.isDue = true
    this.desk.touchPayer()
  }

  /** What is owed is paid, and the payee has it. */
  get isSettled(): boolean {
    const account = this.isAttached ? this.desk.payer.machine.accountOf(this.account) : undefined
    return account === undefined || (account.paid >= account.owed && account.isDelivered)
  }

  /** It may serve something that was paid for already; the count ends with the connection, or when another one counts. */
  get isPaidAhead(): boolean {
    const account = this.isAttached ? this.desk.payer.machine.accountOf(this.account) : undefined
    return account !== undefined && account.paid > account.owed
  }

  /** Nothing is left to be settled over this connection. */
  get isOver(): boolean {
    return (
      this.isSettled &&
      this.undecidedBytes === 0 &&
      (!this.isAttached || this.desk.payer.machine.accountOf(this.account)?.laneCount === 0)
    )
  }

  takeRelief(): boolean {
    if (!this.isStarved || this.allowanceBytes < blockBytes) return false
    this.isStarved = false
    return true
  }

  tell(message: SpeedPlain): void {
    this.connection.tell(message)
  }

  state(statement: OtherStatement): void {
    this.connection.state(statement)
  }

  prepare(price: TokenAmount): void {
    const mayBuy = this.isAttached && !this.desk.isAvoided(this.account)
    if (!mayBuy) return
    this.isPrepared = true
    if (this.price === undefined) this.setPrice(price, this.receivedBytes)
  }

  pay(price: TokenAmount, fromByte: number): boolean {
    if (!this.agrees(fromByte)) return false
    if (!this.isAttached) return true
    this.setPrice(price, fromByte)
    if (this.price === undefined) {
      this.wasIdle = false
      this.stretchFromByte = fromByte
    }
    this.lastPrice = price
    this.price = price
    return true
  }

  stop(fromByte: number, owedBytes: number): boolean {
    if (!this.agrees(fromByte)) return false
    if (this.price === undefined) return true
    const wasIdle = this.isIdle && this.wasIdle
    this.price = undefined
    this.isStarved = true
    if (owedBytes === 0) return true
    const besides = this.desk.undrawn.grant(this.account, {
      claimedBytes: owedBytes,
      servedBytes: this.dealtBytes - this.owedBesides,
      tickBytes: tickBytes(this.rate, 0),
      wasIdle,
      isEmpty: this.receivedBytes === this.stretchFromByte,
    })
    if (besides > 0) {
      this.owedBesides += besides
      this.owe(besides)
    }
    return true
  }

  /** The provider says what it was paid: kept if it is no more than that, for bytes that were verified. */
  receipted({ lane, bytes, amount }: ReceiptStatement, proof: StatementProof, infoHash: string | undefined): void {
    const { desk, account } = this
    const record = desk.payer.machine.records.find((one) => one.lane === lane && one.payee === account)
    if (record === undefined || infoHash === undefined || amount > record.signed || bytes > this.dealtBytes) return
    const { body, signature } = proof
    const torrent = this.connection.budget
    const receipt = { lane, payee: account, torrent, infoHash, bytes, amount, atMs: desk.wallMs(), body, signature }
    desk.receiptBook.keep(receipt as PayeeReceipt)
  }

  async backing(): Promise<SignedReceipt | undefined> {
    const receipt = await this.desk.receipts.balance(this.desk.signal)
    return receipt.ok ? receipt.value : undefined
  }

  ban(detail: string): void {
    this.connection.banPeer(detail)
  }

  /** Of this connection, while its account counted here. */
  get sums(): PaidSums {
    const account = this.isAttached ? this.desk.payer.machine.accountOf(this.account) : undefined
    if (account === undefined) return this.before
    return { owed: addAmounts(this.before.owed, account.owed), paid: addAmounts(this.before.paid, account.paid) }
  }

  /** What deposits go by: a lane is to last for some whole pieces at least, as nothing less can be verified. */
  private get rate(): number {
    const { link, conditions } = this.connection
    const measured = link.swarmPeer?.downloadMeter.rate(this.desk.nowMs()) ?? 0
    return Math.max(measured, (4 * conditions.pieceBytes) / depositSeconds)
  }

  /** It would serve, and nothing is asked of it. */
  private get isIdle(): boolean {
    const { peer, swarmPeer } = this.connection.link
    return this.isInStretch && !peer.isChoking && swarmPeer?.outstanding.size === 0
  }

  private agrees(fromByte: number): boolean {
    if (fromByte === this.receivedBytes) return true
    this.connection.closeSpeed('count', `counted ${this.receivedBytes} bytes, not ${fromByte}`)
    return false
  }

  private setPrice(pricePerMiB: TokenAmount, fromByte: number): void {
    const ofTab = fromByte + this.owedBesides - this.tabFromByte
    this.desk.payer.handle({ type: 'price', payee: this.account, fromByte: ofTab, pricePerMiB })
  }
}

/** What a lane holds lasts for so long at the rate of the moment. */
const depositSeconds = 30
