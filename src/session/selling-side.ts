// The side of a connection that is paid: what it serves in stretches is counted, and is no more than the payee allows.
// Guarantees: nothing is served between asking for the signature of what begins or ends a stretch and its being sent, so
// that the count in it is right; a byte is counted when it is handed to the stream. Owns the count and whether a stretch
// is on; the tab is the payee machine's.

import type { TokenAmount } from '../base/token-amount.ts'
import { zeroAmount } from '../base/token-amount.ts'
import type { SpeedPlain } from '../formats/peer/speed-messages.ts'
import { tickBytes } from '../payment/exposure-window.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import { SellingReceipts } from './selling-receipts.ts'
import type { SideConnection, SideDesk } from './side-desk.ts'
import type { OtherStatement, SellingLine, StretchStatement, UncountedStretch } from './speed-line.ts'
import { mostUndrawn } from './undrawn-claims.ts'

/** As long as less may be sent, the peer waits. */
const blockBytes = 16_384

export class SellingSide implements SellingLine {
  readonly account: AccountId
  readonly own: AccountId
  readonly rail: RailId
  readonly network: string
  /** Served in stretches on this connection; what `fromByte` counts. */
  servedBytes = 0
  /** What is paid for a MiB; undefined: no stretch is on. */
  price: TokenAmount | undefined
  /** The payer said hello here, and its tab counts this connection. */
  isAttached = false
  /** It asked for a share, as it was last heard. */
  isWanting = false
  private readonly connection: SideConnection
  private readonly desk: SideDesk
  private readonly firstPrice: TokenAmount
  private tab: number | undefined
  /** Paid for besides, where a share was not drawn. */
  private owedBesides = 0
  private pendingStretches = 0
  private isStarved = false
  private hasFinished = false
  private readonly receipts: SellingReceipts

  constructor(connection: SideConnection, desk: SideDesk, account: AccountId, network: string, price: TokenAmount) {
    this.connection = connection
    this.desk = desk
    this.account = account
    this.own = desk.account
    this.rail = desk.rail
    this.network = network
    this.firstPrice = price
    this.receipts = new SellingReceipts(desk.nowMs())
  }

  get dealtBytes(): number {
    return this.servedBytes
  }

  get isInStretch(): boolean {
    return this.price !== undefined
  }

  /** It has a share, or one is about to begin. */
  get isHolding(): boolean {
    return this.price !== undefined
  }

  get receivedBytes(): number {
    return this.connection.link.peer.receivedPayloadBytes
  }

  get isInterested(): boolean {
    return this.connection.link.swarmPeer?.connection.isInterested === true
  }

  get isWithoutRequests(): boolean {
    const { swarmPeer } = this.connection.link
    // What is still to go into the line was asked for, too.
    return this.isInterested && swarmPeer?.uploads.size === 0 && this.connection.link.connection.queuedBytes === 0
  }

  get paidBytes(): number {
    return this.desk.payee.machine.standingOf(this.account)?.paidBytes ?? 0
  }

  get isCovered(): boolean {
    return this.isAttached && this.payableBytes >= blockBytes
  }

  /** What may be served now. Hot. */
  get allowanceBytes(): number {
    if (this.pendingStretches === 0 && this.price === undefined) return Number.POSITIVE_INFINITY
    const bytes = this.pendingStretches > 0 ? 0 : this.payableBytes
    if (bytes < blockBytes) this.isStarved = true
    return bytes
  }

  /** The payer said hello: what it is served counts for its account from here on. */
  attach(): void {
    const { desk, account, network, connection } = this
    const { payee } = desk
    payee.handle({ type: 'attach', payer: account, network, conditions: connection.conditions })
    payee.handle({ type: 'price', payer: account, fromByte: 0, pricePerMiB: this.firstPrice })
    this.tab = payee.machine.tabOf(account)
    this.isAttached = true
    this.hasFinished = false
  }

  /** Another connection of the account took its place, or this one is over. */
  detach(): void {
    this.isAttached = false
    this.isWanting = false
    this.price = undefined
    this.pendingStretches = 0
  }

  /** The payer said that nothing more comes. */
  finished(nowMs: number): void {
    this.hasFinished = true
    this.stateReceipts(nowMs, true)
  }

  /** It may ask for something else than bytes. */
  get mayPayMore(): boolean {
    return this.isAttached && !this.hasFinished
  }

  /** Says, signed, what is paid; nothing where it was said already, or not long ago. */
  stateReceipts(nowMs: number, isEnding: boolean): void {
    const { payee } = this.desk
    const paidBytes = this.isAttached ? payee.machine.accountOf(this.account)?.paidBytes : undefined
    if (paidBytes === undefined) return
    const occasion = isEnding ? 'ending' : this.isInStretch ? 'selling' : 'pausing'
    const paid = payee.machine.paidOnLanes(this.account)
    for (const receipt of this.receipts.due(paid, paidBytes, occasion, nowMs)) this.state(receipt)
  }

  /** Besides bytes, for what was done already. What the payer is to have paid in all, then. */
  charge(amount: TokenAmount): TokenAmount {
    this.desk.payee.handle({ type: 'charge', payer: this.account, amount })
    return this.sums.owed
  }

  conditionsChanged(): void {
    if (!this.isAttached) return
    this.desk.payee.handle({ type: 'conditions', payer: this.account, conditions: this.connection.conditions })
  }

  /** A block was handed to the stream. Hot. True: it is paid for. */
  served(bytes: number, nowMs: number): boolean {
    if (this.price === undefined || this.tab === undefined) return false
    this.servedBytes += bytes
    this.desk.payee.machine.countServed(this.tab, bytes, nowMs)
    return true
  }

  /** What was served is paid for. */
  get isSettled(): boolean {
    return !this.isAttached || this.tab === undefined || this.desk.payee.machine.unpaid(this.tab) === 0n
  }

  /** Nothing is left to be settled over this connection. */
  get isOver(): boolean {
    return !this.isAttached || this.desk.payee.machine.accountOf(this.account)?.laneCount === 0
  }

  /** Whether it waited, and may go on now. */
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

  ban(detail: string): void {
    this.connection.banPeer(detail)
  }

  stretch(statement: UncountedStretch): void {
    this.pendingStretches++
    this.connection.state(statement.type === 'share-lost' ? this.claimable(statement) : statement)
  }

  /** It is sent, or will never be. */
  stretchSent(statement: StretchStatement | undefined): void {
    this.pendingStretches--
    this.isStarved = true
    if (statement === undefined || this.tab === undefined) return
    const price = priceOfStretch(statement)
    this.price = price
    const { payee } = this.desk
    if (price !== undefined) {
      const fromByte = statement.fromByte + this.owedBesides
      payee.handle({ type: 'price', payer: this.account, fromByte, pricePerMiB: price })
    } else if (statement.type === 'share-lost' && statement.owedBytes > 0) {
      this.owedBesides += statement.owedBytes
      payee.machine.countServed(this.tab, statement.owedBytes, this.desk.nowMs())
    }
  }

  /** Of this connection, as far as its account counts here. */
  get sums(): { readonly owed: TokenAmount; readonly paid: TokenAmount } {
    const account = this.isAttached ? this.desk.payee.machine.accountOf(this.account) : undefined
    return account ?? { owed: zeroAmount, paid: zeroAmount }
  }

  /** More would not be paid, and a payer is not to be blamed for that. */
  private claimable<Lost extends { readonly owedBytes: number }>(lost: Lost): Lost {
    const tick = tickBytes(0, 0)
    const most = mostUndrawn(this.servedBytes, tick) - this.owedBesides
    return { ...lost, owedBytes: Math.max(0, Math.min(lost.owedBytes, tick, most)) }
  }

  private get payableBytes(): number {
    return this.tab === undefined || !this.isAttached ? 0 : this.desk.payee.machine.allowanceBytes(this.tab)
  }
}

/** For a MiB from there on; undefined: the stretch is over. */
export function priceOfStretch(statement: StretchStatement): TokenAmount | undefined {
  switch (statement.type) {
    case 'walk-in-award':
      return statement.price
    case 'auction-award':
      return statement.share > 0 ? statement.price : undefined
    default:
      return undefined
  }
}
