// What one torrent buys on one ledger (market A): shares of the providers whose price its own bid covers, the bid following
// what is left of budget and download (docs/speed-markets.md).
// Guarantees: no share is taken at more than the bid; bids that are sealed together never pass the budget; what a provider
// signed and does not fit is kept, shown to whoever bids there too, and ends the dealing with it.
// A machine over lines; owns a bidder for each.
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { SpeedPlain, SpeedStatement } from '../formats/peer/speed-messages.ts'
import type { ShownStatement } from '../formats/peer/speed-signing.ts'
import { AuctionBidder, type AuctionBidderOutput } from '../market/auction-bidder.ts'
import { autoBid, evenSpending, isWorthRebidding } from '../market/auto-bid.ts'
import type { AccountId } from '../ports/ledger.ts'
import { AwardNotes } from './award-notes.ts'
import { DownlinkUse } from './downlink-use.ts'
import { ProofBytes } from './proof-bytes.ts'
import { expectedPay, isWorthALane } from './settlement-rule.ts'
import type { BuyingLine } from './speed-line.ts'
import type { BuyingMarket, StatementProof } from './speed-market.ts'
import type { MarketPlace } from './torrent-markets.ts'

interface Standing {
  readonly line: BuyingLine
  bidder: AuctionBidder
  /** Nothing is bid there before. */
  restsUntilMs: number
  /** What the bidder was told last; 0: nothing is wanted of this provider. */
  bid: TokenAmount
  /** Reserved for the round that is open there, and until when. */
  reserved: TokenAmount
  reservedUntilMs: number
  /** Since when it cannot be paid for; Infinity: it can. */
  unreadySinceMs: number
  /** Since when something is bid there in vain; Infinity: nothing is, or a share is held. */
  waitsSinceMs: number
  /** By which equals are ordered. */
  readonly lot: number
}

type SignedKind = 'auction-call' | 'auction-list' | 'auction-award'

const tickMs = 1_000
/** A share that cannot be paid for for so long is given back. */
const patienceMs = 5_000
/** A round takes two steps of a second. */
const roundMs = 20_000
/** A reveal that came too late, or was passed over: nobody can tell, and so long others are bid at. */
const restMs = 120_000
/** A bid that waits for so long is at one who has no share to give: others are bid at besides. */
const crowdedMs = 2_000

export class SpeedBuying implements BuyingMarket {
  private readonly place: MarketPlace
  private readonly notes: AwardNotes
  private readonly downlink: DownlinkUse
  private readonly standings = new Map<AccountId, Standing>()
  private readonly proofs = new ProofBytes()
  private readonly lists = new Map<
    AccountId,
    { readonly epoch: number; readonly listRoot: string; readonly proof: StatementProof }
  >()
  private budget: TokenAmount | undefined
  private tickAtMs: number
  private isClosed = false

  constructor(place: MarketPlace, nowMs: number) {
    this.place = place
    this.notes = new AwardNotes(place, 'paying')
    this.downlink = new DownlinkUse(nowMs)
    this.tickAtMs = nowMs
  }

  join(line: BuyingLine, nowMs: number): void {
    this.standings.set(line.account, {
      line,
      bidder: this.bidderAt(line, nowMs),
      restsUntilMs: Number.NEGATIVE_INFINITY,
      bid: zeroAmount,
      reserved: zeroAmount,
      reservedUntilMs: Number.POSITIVE_INFINITY,
      unreadySinceMs: Number.POSITIVE_INFINITY,
      waitsSinceMs: Number.POSITIVE_INFINITY,
      lot: this.place.room.ports.random.below(2 ** 31),
    })
    this.tickAtMs = nowMs
  }

  leave(line: BuyingLine): void {
    const standing = this.standings.get(line.account)
    if (standing?.line !== line) return
    this.release(standing)
    this.notes.ended(line.account)
    this.standings.delete(line.account)
  }

  told(line: BuyingLine, message: SpeedPlain | SpeedStatement, proof: StatementProof | undefined, nowMs: number): void {
    const standing = this.standings.get(line.account)
    if (standing?.line !== line || proof === undefined) return
    switch (message.type) {
      case 'auction-call':
        if (this.reserve(standing, message, nowMs)) this.hand(standing, message, proof, nowMs)
        break
      case 'auction-list': {
        const { epoch, listRoot } = message
        this.notes.listed(line.account, epoch, message.commitments.length)
        if (epoch > (this.lists.get(line.account)?.epoch ?? -1))
          this.lists.set(line.account, { epoch, listRoot, proof })
        this.hand(standing, message, proof, nowMs)
        break
      }
      case 'auction-award':
        this.release(standing)
        if (message.share > 0 ? line.pay(message.price, message.fromByte) : line.stop(message.fromByte, 0)) {
          this.hand(standing, message, proof, nowMs)
          if (message.share > 0) this.notes.awarded(line.account, line.own, message, line.postedPrice)
          else this.notes.ended(line.account)
        }
        break
      case 'walk-in-award':
        if (line.pay(message.price, message.fromByte)) {
          this.hand(standing, message, proof, nowMs)
          this.notes.awarded(line.account, line.own, message, line.postedPrice)
        }
        break
      case 'share-lost':
        if (line.stop(message.fromByte, message.owedBytes)) {
          this.notes.ended(line.account)
          this.hand(standing, message, proof, nowMs)
          standing.bid = zeroAmount
          // Whether it is true or not, others are of more use.
          if (message.owedBytes > 0) standing.restsUntilMs = nowMs + restMs
        }
        break
      default:
        break
    }
  }

  rootShown(shown: Extract<SpeedPlain, { readonly type: 'shown-root' }>, answer: (message: SpeedPlain) => void): void {
    const list = this.lists.get(shown.provider)
    if (list === undefined || list.epoch !== shown.epoch || list.listRoot === shown.listRoot) return
    const { body, signature } = list.proof
    answer({ type: 'evidence', author: shown.provider, of: 'auction-list', body, signature: signature as never })
  }

  shown({ statement, from }: ShownStatement, proof: StatementProof, nowMs: number): void {
    const standing = this.standings.get(from)
    if (standing === undefined || statement.type !== 'auction-list') return
    const { epoch, listRoot } = statement
    const bytes = this.proofs.join(statement.type, proof)
    standing.bidder.handle({ type: 'root-shown', root: { epoch, listRoot }, proof: bytes }, nowMs)
    this.drain(standing)
  }

  wake(nowMs: number): void {
    if (nowMs >= this.tickAtMs) this.tick(nowMs)
    for (const standing of [...this.standings.values()]) {
      if (standing.reservedUntilMs <= nowMs) this.release(standing)
      if (standing.bidder.nextWakeMs() > nowMs) continue
      standing.bidder.handle({ type: 'wake' }, nowMs)
      this.drain(standing)
    }
  }

  nextWakeMs(): number {
    if (this.isClosed || this.standings.size === 0) return Number.POSITIVE_INFINITY
    let wakeMs = this.tickAtMs
    for (const { bidder, reservedUntilMs } of this.standings.values()) {
      wakeMs = Math.min(wakeMs, bidder.nextWakeMs(), reservedUntilMs)
    }
    return wakeMs
  }

  setBudget(budget: { readonly most: TokenAmount } | undefined, nowMs: number): void {
    this.budget = budget?.most
    this.tick(nowMs)
  }

  close(nowMs: number): void {
    this.budget = undefined
    this.tick(nowMs)
    this.isClosed = true
  }

  /** Bids again where something has changed; the cheapest providers first, as many as the downlink may take. */
  private tick(nowMs: number): void {
    this.tickAtMs = nowMs + tickMs
    const holding = [...this.standings.values()].filter(({ bidder }) => bidder.heldPrice !== undefined).length
    const { place } = this
    const mostShares = this.downlink.shares(holding, place.downloadRate(nowMs), place.downloadBytesPerSecond(), nowMs)
    const wanted = this.bid()
    const cheapest = [...this.standings.values()].sort(byPrice)
    let count = 0
    let lanes = Math.max(
      cheapest.filter(({ line }) => line.hasLane).length,
      place.rail.purses.lanesOf(place.facts.id).length,
    )
    for (const standing of cheapest) {
      const { line, bidder, bid } = standing
      if (bid === 0n || bidder.heldPrice !== undefined) standing.waitsSinceMs = Number.POSITIVE_INFINITY
      else if (standing.waitsSinceMs === Number.POSITIVE_INFINITY) standing.waitsSinceMs = nowMs
      const mayBid = this.budget !== undefined && wanted > 0n && nowMs >= standing.restsUntilMs
      const isCandidate = mayBid && line.isUseful && line.postedPrice <= wanted
      const isWanted = isCandidate && count < mostShares && (line.hasLane || this.isWorthALane(line, lanes + 1))
      if (isWanted && !line.hasLane) lanes++
      if (isWanted && nowMs < standing.waitsSinceMs + crowdedMs) count++
      this.standFor(standing, isWanted ? wanted : zeroAmount, nowMs)
    }
  }

  /** One of so many that what is left is paid over. */
  private isWorthALane({ postedPrice }: BuyingLine, lanes: number): boolean {
    const { place } = this
    const expected = expectedPay(postedPrice, place.remainingMiB(), place.budgetLeft(), lanes)
    return isWorthALane(expected, place.rail.port.terms)
  }

  /** The most that is bid for a MiB anywhere; 0: nothing. */
  private bid(): TokenAmount {
    const most = this.mostPerMiB
    return this.bidAt(most, most)
  }

  /** What is bid by itself where the posted price is so much. */
  private bidAt(postedPrice: TokenAmount, mostPerMiB: TokenAmount): TokenAmount {
    const { place } = this
    return autoBid({
      spendingRate: evenSpending,
      remainingBudget: place.budgetLeft(),
      remainingMiB: place.remainingMiB(),
      mostPerMiB,
      postedPrice,
    })
  }

  private get mostPerMiB(): TokenAmount {
    const { place } = this
    const useful = [...this.standings.values()].filter(({ line }) => line.isUseful)
    const asked = useful.map(({ line }) => line.postedPrice)
    const lately = place.rail.prices.most(place.config.startPrice, asked)
    const most = place.mostPerMiB() ?? lately
    return most < lately ? most : lately
  }

  /** A share is wanted once it could be paid for at once; who is served for nothing meanwhile loses nothing. */
  private standFor(standing: Standing, most: TokenAmount, nowMs: number): void {
    const { line, bidder } = standing
    const wanted = most > 0n ? this.bidAt(line.postedPrice, most) : zeroAmount
    if (wanted > 0n) line.prepare(line.postedPrice)
    const { isReady } = line
    if (isReady) standing.unreadySinceMs = Number.POSITIVE_INFINITY
    else if (standing.unreadySinceMs === Number.POSITIVE_INFINITY) standing.unreadySinceMs = nowMs
    const isPatient = bidder.heldPrice !== undefined && nowMs < standing.unreadySinceMs + patienceMs
    const bid = wanted > 0n && (isReady || isPatient) ? wanted : zeroAmount
    const isSame = bid === standing.bid || (bid > 0n && standing.bid > 0n && !isWorthRebidding(standing.bid, bid))
    if (isSame) return
    standing.bid = bid
    if (bid === 0n) standing.waitsSinceMs = Number.POSITIVE_INFINITY
    bidder.handle({ type: 'posted-price', price: line.postedPrice }, nowMs)
    bidder.handle({ type: 'bid', bid }, nowMs)
    this.drain(standing)
  }

  /** For what a share may cost in the round that begins. False: there is not so much left, and it is let pass. */
  private reserve(
    standing: Standing,
    { backedMiB, seats }: Extract<SpeedStatement, { readonly type: 'auction-call' }>,
    nowMs: number,
  ): boolean {
    this.release(standing)
    if (standing.bid === 0n || !seats.some(({ account }) => account === standing.line.own)) return true
    const { place } = this
    const amount = tokenAmount(standing.bid * BigInt(backedMiB))
    place.rail.bids.setDay(place.dayLeft())
    place.rail.bids.setTorrent(place.facts.id, place.budgetLeft())
    if (!place.rail.bids.reserve(place.facts.id, amount)) return false
    standing.reserved = amount
    standing.reservedUntilMs = nowMs + roundMs
    return true
  }

  private release(standing: Standing): void {
    const { place } = this
    if (standing.reserved > 0n) place.rail.bids.settle(place.facts.id, standing.reserved, zeroAmount)
    standing.reserved = zeroAmount
    standing.reservedUntilMs = Number.POSITIVE_INFINITY
  }

  private hand(
    standing: Standing,
    message: Extract<SpeedStatement, { readonly type: SignedKind | 'walk-in-award' | 'share-lost' }>,
    proof: StatementProof,
    nowMs: number,
  ): void {
    const bytes = this.proofs.join(message.type, proof)
    standing.bidder.handle({ type: 'told', message, proof: bytes }, nowMs)
    this.drain(standing)
  }

  private drain(standing: Standing): void {
    const { bidder } = standing
    for (let output = bidder.poll(); output !== undefined; output = bidder.poll()) this.perform(standing, output)
  }

  private perform(standing: Standing, output: AuctionBidderOutput): void {
    const { line } = standing
    switch (output.type) {
      case 'tell':
        this.tell(standing, output.message)
        break
      case 'show-root':
        this.place.tellOthers(line.account, { type: 'shown-root', provider: line.account, ...output.root })
        break
      case 'share':
        this.place.rail.prices.add(output.price)
        break
      case 'fraud': {
        if (!output.isProvable) {
          this.rest(standing)
          break
        }
        const { kind, proofs } = output
        this.release(standing)
        this.place.keepProofs(
          line.account,
          kind,
          proofs.map((bytes) => this.proofs.split(bytes)),
        )
        line.ban(`its auction does not add up: ${kind}`)
        break
      }
      case 'share-ended':
      case 'left-out':
        break
    }
  }

  private bidderAt({ own, account, postedPrice }: BuyingLine, nowMs: number): AuctionBidder {
    const { random } = this.place.room.ports
    const bidder = new AuctionBidder({ account: own, provider: account, random })
    bidder.handle({ type: 'posted-price', price: postedPrice }, nowMs)
    return bidder
  }

  /** Gives back what it has there, and begins anew after a while. */
  private rest(standing: Standing): void {
    const nowMs = this.place.room.turns.nowMs()
    const { line } = standing
    this.release(standing)
    standing.bidder = this.bidderAt(line, nowMs)
    standing.bid = zeroAmount
    standing.restsUntilMs = nowMs + restMs
    line.tell({ type: 'want-share', isWanting: false })
  }

  private tell(standing: Standing, message: Extract<AuctionBidderOutput, { readonly type: 'tell' }>['message']): void {
    const { line } = standing
    if (message.type === 'want-share') {
      line.tell(message)
      return
    }
    if (message.type === 'auction-reveal') {
      line.state(message)
      return
    }
    this.place.room.turns.after(line.backing(), (backing) => {
      if (backing !== undefined && this.standings.get(line.account)?.line === line) line.state({ ...message, backing })
    })
  }
}

function byPrice(a: Standing, b: Standing): number {
  const isHeld = ({ bidder }: Standing) => (bidder.heldPrice === undefined ? 1 : 0)
  if (isHeld(a) !== isHeld(b)) return isHeld(a) - isHeld(b)
  if (a.line.postedPrice !== b.line.postedPrice) return a.line.postedPrice < b.line.postedPrice ? -1 : 1
  return a.lot - b.lot
}
