// What one torrent sells on one ledger (market A): shares of its upload slots to those who pay, at a price that follows
// demand by itself, in sealed rounds where more want them (docs/speed-markets.md).
// Guarantees: a share is held only by a line that can be served; every end of one is told once; who is out of rounds stays
// so across restarts. A machine over lines, without I/O but the callbacks it is given. Owns the auction and the price.
import type { TokenAmount } from '../base/token-amount.ts'
import type { SpeedPlain, SpeedStatement } from '../formats/peer/speed-messages.ts'
import { AuctionProvider, type AuctionProviderOutput } from '../market/auction-provider.ts'
import { type EpochUse, PostedPrice } from '../market/posted-price.ts'
import { leastWeight } from '../market/sealed-round.ts'
import type { AccountId } from '../ports/ledger.ts'
import { AwardNotes } from './award-notes.ts'
import { backingOf } from './bid-backing.ts'
import type { SellingLine } from './speed-line.ts'
import type { SellingMarket } from './speed-market.ts'
import type { MarketPlace } from './torrent-markets.ts'

interface Seat {
  readonly line: SellingLine
  /** As it said last; told to the auction only while it can be served. */
  isWanting: boolean
  isTold: boolean
  /** Since when it holds a share and cannot be served; Infinity: it can. */
  uncoveredSinceMs: number
  /** Of the line, when it was looked at last, and when the epoch began. */
  countedBytes: number
  epochBytes: number
}

const mebibyte = 1_048_576
const tickMs = 1_000
const epochMs = 10_000
/** Of a round: over a slow line a call waits for a second or two behind blocks, and so does the answer. */
const stepMs = 4_000
/** A holder that cannot be served for so long loses its share. */
const patienceMs = 5_000
/** One by rate or turn and one by luck are never sold. */
const neverSold = 2
/** Of the weight's upper half: half for what was given back here, half for what was paid ever. */
const halfWeight = 512
const muchPaidBytes = 1_073_741_824

export class SpeedSelling implements Omit<SellingMarket, 'shown' | 'jobRootShown'> {
  private readonly place: MarketPlace
  private readonly auction: AuctionProvider
  private readonly price: PostedPrice
  private readonly notes: AwardNotes
  private readonly seats = new Map<AccountId, Seat>()
  private tickAtMs: number
  private tickedAtMs: number
  private epochEndsAtMs: number
  private paidBytes = 0
  private offeredBytes = 0
  private jobShares = 0
  private isClosed = false

  constructor(place: MarketPlace, nowMs: number) {
    const { config, firstEpoch, rail } = place
    this.place = place
    const { startPrice: start, floorPrice: floor, capPrice: cap } = config
    this.price = new PostedPrice({ start, floor, cap, shares: Math.max(1, this.shares), epochMs })
    this.auction = new AuctionProvider(
      {
        account: rail.account,
        firstEpoch,
        shares: this.shares,
        postedPrice: this.price.price,
        backedMiB: this.backedMiB,
        epochMs,
        commitMs: stepMs,
        revealMs: stepMs,
      },
      nowMs,
    )
    this.notes = new AwardNotes(place, 'earning')
    this.tickAtMs = nowMs + tickMs
    this.tickedAtMs = nowMs
    this.epochEndsAtMs = nowMs + epochMs
  }

  get postedPrice(): TokenAmount {
    return this.price.price
  }

  get sharesSold(): number {
    return this.auction.held.size
  }

  /** kA. */
  get shares(): number {
    return Math.max(0, Math.min(this.place.config.shares, this.place.maxSlots() - neverSold))
  }

  join(line: SellingLine, nowMs: number): void {
    const { servedBytes } = line
    const seat = {
      line,
      isWanting: false,
      isTold: false,
      uncoveredSinceMs: Number.POSITIVE_INFINITY,
      countedBytes: servedBytes,
      epochBytes: 0,
    }
    this.seats.set(line.account, seat)
    this.arrive(seat, nowMs)
    const wallMs = this.place.room.ports.clock.wallMs()
    for (const { what, untilMs } of this.place.rail.bidders.of(line.account)) {
      const { account } = line
      this.auction.handle({ type: 'remember', account, what, untilMs: nowMs + untilMs - wallMs }, nowMs)
    }
    this.drain(nowMs)
  }

  leave(line: SellingLine, nowMs: number): void {
    if (this.seats.get(line.account)?.line !== line) return
    this.seats.delete(line.account)
    this.auction.handle({ type: 'leave', account: line.account }, nowMs)
    this.drain(nowMs)
  }

  told(line: SellingLine, message: SpeedPlain | SpeedStatement, _proof: unknown, nowMs: number): void {
    const seat = this.seats.get(line.account)
    if (seat?.line !== line || this.isClosed) return
    const from = line.account
    switch (message.type) {
      case 'want-share':
        seat.isWanting = message.isWanting
        this.review(seat, nowMs)
        break
      case 'auction-commit': {
        const backing = backingOf(message.backing, from, this.place.rail)
        const committed = { type: 'told', from, message } as const
        this.auction.handle(backing === undefined ? committed : { ...committed, backing }, nowMs)
        break
      }
      case 'auction-reveal':
        this.auction.handle({ type: 'told', from, message }, nowMs)
        break
      default:
        break
    }
    this.drain(nowMs)
  }

  wake(nowMs: number): void {
    if (nowMs >= this.tickAtMs) this.tick(nowMs)
    this.auction.handle({ type: 'wake' }, nowMs)
    this.drain(nowMs)
  }

  nextWakeMs(): number {
    return this.isClosed ? Number.POSITIVE_INFINITY : Math.min(this.tickAtMs, this.auction.nextWakeMs())
  }

  close(nowMs: number): void {
    for (const seat of this.seats.values()) {
      seat.isWanting = false
      this.review(seat, nowMs)
    }
    this.drain(nowMs)
    this.isClosed = true
  }

  /** Not to be had here: promised to jobs. */
  setJobShares(count: number, nowMs: number): void {
    if (count === this.jobShares) return
    this.jobShares = count
    this.tellTerms(nowMs)
    this.drain(nowMs)
  }

  isHolding(account: AccountId): boolean {
    return this.auction.held.has(account)
  }

  get freeShares(): number {
    return this.auction.freeShares
  }

  /** What a share is expected to bring. */
  get shareBytesPerSecond(): number {
    return this.place.uploadBytesPerSecond() / Math.max(1, this.place.maxSlots())
  }

  /** What a share brings in an epoch, at least 1 MiB. */
  private get backedMiB(): number {
    return Math.max(1, Math.ceil((this.shareBytesPerSecond * epochMs) / 1_000 / mebibyte))
  }

  private arrive({ line }: Seat, nowMs: number): void {
    const { account, paidBytes } = line
    this.auction.handle({ type: 'arrive', account, weight: weightOf(line), isNewcomer: paidBytes === 0 }, nowMs)
  }

  /** Its wish counts while it can be served, or holds a share and may be again soon. */
  private review(seat: Seat, nowMs: number): void {
    const { line, isWanting, isTold } = seat
    const isHolding = this.auction.held.has(line.account)
    const isCovered = line.isCovered
    if (isCovered || !isHolding) seat.uncoveredSinceMs = Number.POSITIVE_INFINITY
    else if (seat.uncoveredSinceMs === Number.POSITIVE_INFINITY) seat.uncoveredSinceMs = nowMs
    const isServable = isHolding ? nowMs < seat.uncoveredSinceMs + patienceMs : isCovered
    const wants = isWanting && isServable
    if (wants === isTold && wants === this.auction.isWanting(line.account)) return
    seat.isTold = wants
    this.auction.handle({ type: 'told', from: line.account, message: { type: 'want-share', isWanting: wants } }, nowMs)
  }

  private tick(nowMs: number): void {
    this.tickAtMs = nowMs + tickMs
    const elapsedMs = nowMs - this.tickedAtMs
    this.tickedAtMs = nowMs
    const shareBytes = Math.floor((this.shareBytesPerSecond * elapsedMs) / 1_000)
    this.offeredBytes += shareBytes * Math.max(0, this.shares - this.jobShares)
    for (const seat of [...this.seats.values()]) {
      const { line } = seat
      const bytes = line.servedBytes - seat.countedBytes
      seat.countedBytes = line.servedBytes
      this.paidBytes += bytes
      this.review(seat, nowMs)
      if (!this.auction.held.has(line.account)) continue
      const { account, isWithoutRequests } = line
      this.auction.handle({ type: 'drawn', account, bytes, shareBytes, isWithoutRequests }, nowMs)
    }
    if (nowMs >= this.epochEndsAtMs) this.endEpoch(nowMs)
  }

  private endEpoch(nowMs: number): void {
    this.epochEndsAtMs = nowMs + epochMs
    const hasInterest = [...this.seats.values()].some(({ isWanting }) => isWanting)
    const use: EpochUse = { paidBytes: this.paidBytes, offeredBytes: this.offeredBytes, hasInterest }
    this.price.endEpoch(use)
    this.paidBytes = 0
    this.offeredBytes = 0
    for (const seat of this.seats.values()) this.arrive(seat, nowMs)
    this.tellTerms(nowMs)
  }

  private tellTerms(nowMs: number): void {
    const { backedMiB } = this
    const shares = Math.max(0, this.shares - this.jobShares)
    this.auction.handle({ type: 'terms', shares, postedPrice: this.price.price, backedMiB }, nowMs)
  }

  private drain(nowMs: number): void {
    for (let output = this.auction.poll(); output !== undefined; output = this.auction.poll()) {
      this.perform(output, nowMs)
    }
  }

  private perform(output: AuctionProviderOutput, nowMs: number): void {
    switch (output.type) {
      case 'tell':
        this.tell(output.to, output.message)
        break
      case 'share':
        break
      case 'share-ended':
        this.notes.ended(output.account)
        break
      case 'excluded':
      case 'demoted': {
        const { type: what, account, untilMs } = output
        const wallMs = this.place.room.ports.clock.wallMs()
        this.place.rail.bidders.remember({ account, what, untilMs: wallMs + untilMs - nowMs }, wallMs)
        break
      }
    }
  }

  private tell(to: AccountId, message: Extract<AuctionProviderOutput, { readonly type: 'tell' }>['message']): void {
    const line = this.seats.get(to)?.line
    if (line === undefined) return
    switch (message.type) {
      case 'auction-call':
        line.state(message)
        return
      case 'auction-list':
        this.notes.listed(this.place.rail.account, message.epoch, message.commitments.length)
        line.state(message)
        return
      case 'share-lost':
        // It wants none until it says so again.
        Object.assign(this.seats.get(to) ?? {}, { isWanting: false, isTold: false })
        break
      case 'auction-award':
        if (message.share > 0) this.notes.awarded(this.place.rail.account, to, message, this.price.price)
        break
      case 'walk-in-award':
        this.notes.awarded(this.place.rail.account, to, message, this.price.price)
        break
    }
    line.stretch(message)
  }
}

/** 1024 to 2048: more for who gave content here, and for who paid before. */
function weightOf({ receivedBytes, servedBytes, paidBytes }: SellingLine): number {
  const given = receivedBytes / (receivedBytes + servedBytes + mebibyte)
  const paid = Math.min(1, paidBytes / muchPaidBytes)
  return leastWeight + Math.floor(halfWeight * given) + Math.floor(halfWeight * paid)
}
