// Speed on one connection to a peer: its link, the sides that pay and are paid over it, and whom each message is for.
// Guarantees: statements are signed and sent in the order in which they were made; whatever goes wrong ends Speed on this
// connection alone, once, and the connection goes on as any other. Owns the link and both sides.
import { unreachable } from '../base/assert.ts'
import type { Failure, Result } from '../base/errors.ts'
import { failure } from '../base/errors.ts'
import {
  type SpeedPlain,
  type SpeedStatement,
  type SpeedTerms,
  speedExtension,
} from '../formats/peer/speed-messages.ts'
import type { SpeedInfoHash } from '../formats/peer/speed-signing.ts'
import type { LinkConditions } from '../payment/exposure-window.ts'
import type { SpeedAgreement } from '../peer/speed-agreement.ts'
import type { SpeedLink, SpeedOutput } from '../peer/speed-link.ts'
import type { AccountId, Signature } from '../ports/ledger.ts'
import type { SpendingPurpose } from '../ports/signer.ts'
import { BuyingSide, type PayingConnection } from './buying-side.ts'
import { networkOf } from './network-of.ts'
import { priceOfStretch, SellingSide } from './selling-side.ts'
import type { SpeedEvent } from './snapshots.ts'
import type { SpeedDesk } from './speed-desk.ts'
import type { StretchStatement } from './speed-line.ts'
import type { BuyingMarket, SellingMarket, StatementProof } from './speed-market.ts'
import type { EarningSide, PayingSide, SpeedRailDesk } from './speed-rail-desk.ts'
import { type ReceivingConnection, takeMessage, takeShown } from './speed-reception.ts'
import type { SpeedRoom } from './speed-room.ts'
import { type Pending, StatementQueue } from './statement-queue.ts'
import type { Usefulness } from './staying.ts'
import { epochOf, isStretch, postedPriceOf } from './stretch-statements.ts'
import type { LinkedPeer } from './torrent-exchange.ts'
import type { TorrentStays } from './torrent-stays.ts'

/** What a connection asks of its torrent. Called within a turn. */
export interface SpeedTorrent {
  readonly room: SpeedRoom
  readonly desk: SpeedDesk
  readonly budgetName: string
  readonly purpose: SpendingPurpose
  /** Something is to be bought here, and there is a budget for it. */
  readonly isBuying: boolean
  readonly stays: TorrentStays
  /** Under which the connection was opened, in full. */
  infoHashOf(link: LinkedPeer): SpeedInfoHash | undefined
  /** Of what is wanted, near its end; before that more than any window is. */
  readonly remainingBytes: number
  conditionsOf(link: LinkedPeer, roundTripMs: number): LinkConditions
  /** Undefined: nothing is sold, or bought, here now. */
  selling(rail: SpeedRailDesk): SellingMarket | undefined
  buying(rail: SpeedRailDesk): BuyingMarket | undefined
  /** Who is served, how far, or who may be asked for how much is otherwise than before. */
  stretchChanged(link: LinkedPeer): void
  uploadRelieved(link: LinkedPeer): void
  downloadRelieved(): void
  /** A side is there, and its machine counts. */
  opened(nowMs: number): void
  told(event: SpeedEvent): void
  /** No lane could be opened, or filled, for want of it. */
  budgetSpent(): void
  /** Speed is over on a connection, whose sides count for the last time. */
  ended(connection: SpeedConnection): void
  boughtLate(side: BuyingSide, bytes: number): void
  ban(link: LinkedPeer, why: Failure, nowMs: number): void
}

const usualRoundTripMs = 100
const mostRoundTripMs = 2_000

export class SpeedConnection implements PayingConnection, ReceivingConnection {
  readonly link: LinkedPeer
  readonly agreed: SpeedLink
  /** By our terms, which are said once. */
  readonly said: Pick<SpeedTerms, 'pays' | 'earns'>
  buying: BuyingSide | undefined
  selling: SellingSide | undefined
  /** Why it came to nothing, or what its wallet refused last. */
  problem: Failure | undefined
  isClosed = false
  /** A bid of ours is sealed, and the award is awaited. */
  isBidding = false
  readonly torrent: SpeedTorrent
  private readonly sinceMs: number
  /** That both agreed on. */
  rail: SpeedRailDesk | undefined
  private roundTripMs = usualRoundTripMs
  private paying: PayingSide | undefined
  earning: EarningSide | undefined
  private readonly statements: StatementQueue
  /** Its side that pays may count, or waits until it may. */
  private isEntered = false
  private wasPaying = false
  private readonly abort = new AbortController()

  /** `said`: by our terms. */
  constructor(
    torrent: SpeedTorrent,
    link: LinkedPeer,
    agreed: SpeedLink,
    said: SpeedConnection['said'],
    nowMs: number,
  ) {
    this.torrent = torrent
    this.said = said
    this.link = link
    this.agreed = agreed
    this.sinceMs = nowMs
    this.statements = new StatementQueue({
      turns: torrent.room.turns,
      signal: this.abort.signal,
      signer: () => this.rail?.signer,
      toSign: (statement) => agreed.toSign(statement),
      servedBytes: () => this.selling?.servedBytes ?? 0,
      answered: (statement, signature, atMs) => this.signed(statement, signature, atMs),
    })
    this.drain(nowMs)
  }

  get budget(): string {
    return this.torrent.budgetName
  }

  get conditions(): LinkConditions {
    return this.torrent.conditionsOf(this.link, this.roundTripMs)
  }

  get remainingBytes(): number {
    return this.torrent.remainingBytes
  }

  /** The payload of a message of the extension. */
  receive(payload: Uint8Array, nowMs: number): void {
    this.agreed.receive(payload, nowMs)
    this.drain(nowMs)
  }

  /** Nothing is left to be settled with the peer. */
  get isOver(): boolean {
    return this.isClosed || (this.buying?.isOver !== false && this.selling?.isOver !== false)
  }

  /** Where nothing is transferred any more. Who pays may want a seeder to stay. */
  get usefulness(): Usefulness {
    if (this.torrent.stays.isHeld(this)) return 'held'
    const mayBeAsked = !this.isClosed && (this.rail === undefined || this.selling?.mayPayMore === true)
    return this.isOver && !mayBeAsked ? 'over' : 'settling'
  }

  /** Something is paid for over it. */
  private get isPaying(): boolean {
    return this.torrent.isBuying || this.torrent.stays.isPaying(this)
  }

  nextWakeMs(): number {
    return this.agreed.nextWakeMs()
  }

  wake(nowMs: number): void {
    this.agreed.wake(nowMs)
    this.drain(nowMs)
  }

  /** Measured anew. */
  measured(nowMs: number): void {
    const { buying, selling, torrent } = this
    selling?.conditionsChanged()
    selling?.stateReceipts(nowMs, false)
    buying?.rateChanged()
    torrent.stays.look(this, nowMs)
    this.reviewPaying(nowMs)
    const isIdle = buying?.isInStretch === false && !this.isPaying
    if (isIdle && buying.isOver && !buying.isPaidAhead) this.leavePaying(nowMs)
  }

  /** Of two connections between the same accounts, only one on which something is to be paid may count. */
  reviewPaying(nowMs: number): void {
    const { rail, paying, buying, isPaying, wasPaying } = this
    this.wasPaying = isPaying
    if (isPaying && !wasPaying) buying?.goOn()
    if (!isPaying && wasPaying) buying?.finish()
    if (this.isClosed || rail === undefined || paying === undefined || this.isEntered || !isPaying) return
    this.isEntered = true
    rail.enterPaying(paying, nowMs)
  }

  /** Something is bought, or sold, that was not for a while. */
  dealAnew(paysAnew: boolean, nowMs: number): void {
    const { rail, buying, torrent } = this
    if (rail === undefined) return
    if (this.selling !== undefined) torrent.selling(rail)
    if (!paysAnew || buying === undefined) return
    if (buying.isAttached) {
      torrent.buying(rail)?.join(buying, nowMs)
      if (this.isPaying) buying.goOn()
    }
    this.reviewPaying(nowMs)
  }

  /** The peer is gone, or this side deals no more. */
  close(nowMs: number): void {
    this.agreed.withdraw()
    this.drain(nowMs)
  }

  closeSpeed(_why: 'count', detail: string): void {
    this.end(failure('speed-state', detail), this.torrent.room.turns.nowMs())
  }

  boughtLate(side: BuyingSide, bytes: number): void {
    this.torrent.boughtLate(side, bytes)
  }

  banPeer(detail: string): void {
    this.torrent.ban(this.link, failure('speed-message', detail), this.torrent.room.turns.nowMs())
  }

  tell(message: SpeedPlain): void {
    this.agreed.tell(message)
    this.drain(this.torrent.room.turns.nowMs())
  }

  state(statement: Pending): void {
    if (statement.type === 'auction-commit') this.isBidding = true
    this.statements.add(statement)
  }

  /** What the wallet or the ledger says no to; it may be another word next time. */
  private refusedBy(why: Failure): void {
    this.problem = why
  }

  private leavePaying(nowMs: number): void {
    const { rail, paying, buying, torrent } = this
    if (!this.isEntered || rail === undefined || paying === undefined || buying === undefined) return
    this.isEntered = false
    if (buying.isAttached) torrent.buying(rail)?.leave(buying, nowMs)
    rail.leavePaying(paying, nowMs)
  }

  private end(why: Failure, nowMs: number): void {
    this.problem ??= why
    this.close(nowMs)
  }

  private drain(nowMs: number): void {
    for (let output = this.agreed.poll(); output !== undefined; output = this.agreed.poll()) this.perform(output, nowMs)
  }

  private perform(output: SpeedOutput, nowMs: number): void {
    switch (output.type) {
      case 'send':
        this.link.peer.extended(speedExtension, output.payload)
        return
      case 'sign':
        this.signBinding(output, nowMs)
        return
      case 'opened':
        this.opened(output.agreement, nowMs)
        return
      case 'closed':
        this.closed(output.failure, nowMs)
        return
      case 'message':
        takeMessage(this, output.message, undefined, nowMs)
        return
      case 'statement':
        this.takeStatement(output.statement, output.proof, nowMs)
        return
      case 'shown':
        takeShown(this, output.shown, output.proof, nowMs)
        return
      default:
        unreachable(output)
    }
  }

  private signBinding({ request }: Extract<SpeedOutput, { readonly type: 'sign' }>, nowMs: number): void {
    const { state } = this.agreed
    if (state.phase !== 'signing') return
    const rail = this.torrent.desk.railOf(state.agreement.rail)
    if (rail === undefined) {
      this.close(nowMs)
      return
    }
    this.torrent.room.turns.after(rail.signer.sign(request, this.abort.signal), (result, atMs) => {
      if (this.isClosed) return
      if (!result.ok) this.problem = result
      this.agreed.signed(result, atMs)
      this.drain(atMs)
    })
  }

  private opened({ rail: id, peer, payingPrice, earningPrice }: SpeedAgreement, nowMs: number): void {
    const rail = this.torrent.desk.railOf(id)
    if (rail === undefined) return
    this.rail = rail
    this.roundTripMs = Math.min(Math.max(1, nowMs - this.sinceMs), mostRoundTripMs)
    if (earningPrice !== undefined) this.beginEarning(rail, peer.account, earningPrice)
    if (payingPrice !== undefined) this.beginPaying(rail, peer.account, payingPrice, nowMs)
    this.torrent.opened(nowMs)
  }

  private beginEarning(rail: SpeedRailDesk, account: AccountId, price: SellingSide['price'] & bigint): void {
    const side = new SellingSide(this, rail, account, networkOf(this.link.connection.remote), price)
    this.selling = side
    // Its epochs take a moment.
    this.torrent.selling(rail)
    this.earning = {
      side,
      purpose: this.torrent.purpose,
      tell: (message) => this.tell(message),
      entered: (nowMs) => this.torrent.selling(rail)?.join(side, nowMs),
      relieved: () => this.torrent.uploadRelieved(this.link),
      refused: (why) => this.refusedBy(why),
      budgetSpent: () => undefined,
      closeSpeed: (why, nowMs) => this.end(why, nowMs),
    }
  }

  private beginPaying(rail: SpeedRailDesk, account: AccountId, price: BuyingSide['postedPrice'], nowMs: number): void {
    const side = new BuyingSide(this, rail, account, price)
    this.buying = side
    this.paying = {
      side,
      purpose: this.torrent.purpose,
      tell: (message) => this.tell(message),
      entered: (atMs) => this.torrent.buying(rail)?.join(side, atMs),
      relieved: () => this.torrent.downloadRelieved(),
      refused: (why) => this.refusedBy(why),
      budgetSpent: () => this.torrent.budgetSpent(),
      closeSpeed: (why, atMs) => this.end(why, atMs),
    }
    this.reviewPaying(nowMs)
  }

  /** For good. */
  private closed(why: Failure, nowMs: number): void {
    if (this.isClosed) return
    this.isClosed = true
    this.problem ??= why
    this.abort.abort()
    this.statements.clear()
    const { rail, torrent, selling, earning } = this
    torrent.ended(this)
    if (rail !== undefined) {
      if (selling?.isAttached === true) torrent.selling(rail)?.leave(selling, nowMs)
      if (earning !== undefined) rail.leaveEarning(earning)
      this.leavePaying(nowMs)
    }
    selling?.detach()
    torrent.stretchChanged(this.link)
  }

  private takeStatement(statement: SpeedStatement, proof: StatementProof, nowMs: number): void {
    if (statement.type === 'receipt') {
      if (this.buying?.isAttached === true) this.buying.receipted(statement, proof, this.torrent.infoHashOf(this.link))
      return
    }
    const price = this.buying?.price
    const posted = postedPriceOf(statement)
    if (posted !== undefined && this.buying !== undefined) this.buying.postedPrice = posted
    takeMessage(this, statement, proof, nowMs)
    if (!isStretch(statement)) return
    this.follow(statement)
    this.isBidding = false
    this.noteStretch('paying', price, this.buying?.price, epochOf(statement))
    this.torrent.stretchChanged(this.link)
  }

  /** Whether or not anybody buys here now: what the provider counts, or counts no more, is counted, or not, on this side. */
  private follow(statement: StretchStatement): void {
    const { buying } = this
    if (this.isClosed || buying?.isAttached !== true) return
    const price = priceOfStretch(statement)
    if (price === buying.price) return
    if (price === undefined) buying.stop(statement.fromByte, 0)
    else buying.pay(price, statement.fromByte)
  }

  /** True: others may follow. */
  private signed(statement: SpeedStatement, signature: Result<Signature>, nowMs: number): boolean {
    if (!signature.ok) {
      // Nothing hangs on a receipt.
      if (statement.type === 'receipt') return true
      this.end(signature, nowMs)
      return false
    }
    this.agreed.tellSigned({ statement, signature: signature.value })
    this.drain(nowMs)
    const { selling } = this
    if (!isStretch(statement) || selling === undefined) return true
    const before = selling.price
    selling.stretchSent(statement)
    this.noteStretch('earning', before, selling.price, epochOf(statement))
    this.torrent.stretchChanged(this.link)
    return true
  }

  private noteStretch(
    side: 'paying' | 'earning',
    before: bigint | undefined,
    price: BuyingSide['price'],
    epoch: number,
  ): void {
    const account = (side === 'paying' ? this.buying : this.selling)?.account
    if (account === undefined || before === price) return
    if (price === undefined) this.torrent.told({ type: 'share-ended', account, side })
    else this.torrent.told({ type: side === 'paying' ? 'bought' : 'sold', account, price, epoch })
  }
}
