// A provider's side of market A: shares sold on the spot while they are free, and a sealed round when more want them.
// Guarantees: never more holders than shares; a list is signed before any bid is open, one for each epoch; who does not
// reveal is out of contested rounds for an hour; an unused share goes to the next score. A machine without I/O; owns the
// holders, the round and what it remembers of bidders for an hour.
import { assert } from '../base/assert.ts'
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import { chooseSeats } from './auction-seats.ts'
import type {
  AuctionBidderMessage,
  AuctionCall,
  AuctionList,
  AuctionProviderMessage,
  BidOpening,
} from './market-messages.ts'
import { leastWeight, mostWeight, type OpenedBid, type RoundTerms, settleRound } from './sealed-round.ts'
import { auctionListRoot, byAccount, sealBid } from './sealing.ts'

export interface AuctionProviderOptions {
  readonly account: AccountId
  /** Above all that this account ever used: an epoch with two lists looks like fraud. */
  readonly firstEpoch: number
  readonly shares: number
  readonly postedPrice: TokenAmount
  /** So many MiB of a bid have to be covered by a receipt: what a share brings in an epoch. */
  readonly backedMiB: number
  readonly epochMs?: number
  readonly commitMs?: number
  readonly revealMs?: number
}

export type AuctionProviderInput =
  | { readonly type: 'wake' }
  /** Kept in mind until it leaves. `weight` by what it gave and paid before. Again: another weight from now on. */
  | { readonly type: 'arrive'; readonly account: AccountId; readonly weight: number; readonly isNewcomer: boolean }
  | { readonly type: 'leave'; readonly account: AccountId }
  /** From before, or from another torrent: until when it is out of contested rounds, or weighs one. */
  | {
      readonly type: 'remember'
      readonly account: AccountId
      readonly what: 'excluded' | 'demoted'
      readonly untilMs: number
    }
  /** `backing`: free balance by the receipt that came with a commitment, verified; absent: none. */
  | {
      readonly type: 'told'
      readonly from: AccountId
      readonly message: AuctionBidderMessage
      readonly backing?: TokenAmount
    }
  /** From the next epoch on, but fewer shares are so many fewer to sell at once; those of jobs are not among them. */
  | {
      readonly type: 'terms'
      readonly shares: number
      readonly postedPrice: TokenAmount
      readonly backedMiB?: number
    }
  /** Since the last time it was said of this holder: what it drew, and what its share had for it meanwhile. */
  | {
      readonly type: 'drawn'
      readonly account: AccountId
      readonly bytes: number
      readonly shareBytes: number
      /** It has left us without requests, so that what is not drawn is its own doing. */
      readonly isWithoutRequests: boolean
    }

export type AuctionProviderOutput =
  | { readonly type: 'tell'; readonly to: AccountId; readonly message: AuctionProviderMessage }
  /** Holds a share from now on, or goes on at another price. Comes before it is told. */
  | { readonly type: 'share'; readonly account: AccountId; readonly price: TokenAmount }
  | {
      readonly type: 'share-ended'
      readonly account: AccountId
      readonly reason: 'outbid' | 'given-back' | 'idle'
      /** It is told, by an award or a `share-lost`, once; owed besides what was drawn. */
      readonly owedBytes: number
    }
  /** To be remembered: out of contested rounds until then, or of weight one in them. */
  | { readonly type: 'excluded' | 'demoted'; readonly account: AccountId; readonly untilMs: number }

interface Bidder {
  weight: number
  isNewcomer: boolean
  isWanting: boolean
}

interface Holder {
  price: TokenAmount
  /** Since when it draws too little, and both counts since then. */
  idleSinceMs: number
  drawnBytes: number
  shareBytes: number
}

interface Sealed {
  readonly commitment: Hash256
  readonly backing: TokenAmount
}

type Round =
  | { readonly type: 'none' }
  | {
      readonly type: 'sealing'
      readonly call: AuctionCall
      readonly sealed: Map<AccountId, Sealed>
      readonly untilMs: number
    }
  | {
      readonly type: 'opening'
      readonly call: AuctionCall
      readonly list: AuctionList
      readonly sealed: ReadonlyMap<AccountId, Sealed>
      readonly opened: Map<AccountId, BidOpening>
      readonly untilMs: number
    }

/** The last one, from which a share that becomes free goes to the next score. */
interface Settled {
  readonly terms: RoundTerms
  readonly bids: readonly OpenedBid[]
  readonly openings: readonly BidOpening[]
  readonly dropped: Set<AccountId>
}

const hourMs = 3_600_000
const idleMs = 2_000
/** Of a share, less is not drawing it. */
const leastDrawn = 4

export class AuctionProvider {
  private readonly options: AuctionProviderOptions
  private readonly epochMs: number
  private readonly bidders = new Map<AccountId, Bidder>()
  private readonly holders = new Map<AccountId, Holder>()
  private readonly excludedUntilMs = new Map<AccountId, number>()
  private readonly demotedUntilMs = new Map<AccountId, number>()
  private readonly outputs: AuctionProviderOutput[] = []
  private shares: number
  private postedPrice: TokenAmount
  private nextTerms: { readonly shares: number; readonly postedPrice: TokenAmount }
  private backedMiB: number
  private round: Round = { type: 'none' }
  private settled: Settled | undefined
  private epoch: number
  private epochEndsAtMs: number

  constructor(options: AuctionProviderOptions, nowMs: number) {
    assert(options.shares >= 0 && options.postedPrice > 0n && options.backedMiB > 0, 'something to sell at a price')
    this.options = options
    this.epochMs = options.epochMs ?? 10_000
    this.shares = options.shares
    this.postedPrice = options.postedPrice
    this.backedMiB = options.backedMiB
    this.nextTerms = { shares: options.shares, postedPrice: options.postedPrice }
    this.epoch = options.firstEpoch
    this.epochEndsAtMs = nowMs + this.epochMs
  }

  /** What holds a share, and at what price. */
  get held(): ReadonlyMap<AccountId, { readonly price: TokenAmount }> {
    return this.holders
  }

  /** As it said last, unless it lost its share since. */
  isWanting(account: AccountId): boolean {
    return this.bidders.get(account)?.isWanting === true
  }

  get freeShares(): number {
    return Math.max(0, Math.min(this.shares, this.nextTerms.shares) - this.holders.size)
  }

  handle(input: AuctionProviderInput, nowMs: number): void {
    switch (input.type) {
      case 'wake':
        break
      case 'arrive':
        this.arrive(input.account, input.weight, input.isNewcomer)
        break
      case 'leave':
        this.bidders.delete(input.account)
        this.giveBack(input.account, nowMs)
        break
      case 'remember':
        this.memoryOf(input.what).set(input.account, input.untilMs)
        break
      case 'told':
        this.told(input.from, input.message, input.backing, nowMs)
        break
      case 'terms':
        this.nextTerms = input
        this.backedMiB = input.backedMiB ?? this.backedMiB
        break
      case 'drawn':
        this.drawn(input, nowMs)
        break
    }
    this.advance(nowMs)
  }

  poll(): AuctionProviderOutput | undefined {
    return this.outputs.shift()
  }

  nextWakeMs(): number {
    return this.round.type === 'none' ? this.epochEndsAtMs : this.round.untilMs
  }

  private arrive(account: AccountId, weight: number, isNewcomer: boolean): void {
    assert(weight >= leastWeight && weight <= mostWeight, 'a weight of one to two')
    const bidder = this.bidders.get(account)
    if (bidder === undefined) this.bidders.set(account, { weight, isNewcomer, isWanting: false })
    else Object.assign(bidder, { weight, isNewcomer })
  }

  private told(from: AccountId, message: AuctionBidderMessage, backing: TokenAmount | undefined, nowMs: number): void {
    const bidder = this.bidders.get(from)
    if (bidder === undefined) return
    switch (message.type) {
      case 'want-share':
        bidder.isWanting = message.isWanting
        if (!message.isWanting) this.giveBack(from, nowMs)
        else if (this.round.type === 'none' && this.freeShares > 0) this.sell(from, nowMs)
        break
      case 'auction-commit': {
        const { round } = this
        if (round.type !== 'sealing' || message.epoch !== round.call.epoch || round.sealed.has(from)) return
        if (backing === undefined || !round.call.seats.some(({ account }) => account === from)) return
        round.sealed.set(from, { commitment: message.commitment, backing })
        break
      }
      case 'auction-reveal':
        this.reveal(from, message)
        break
    }
  }

  private reveal(from: AccountId, message: Extract<AuctionBidderMessage, { readonly type: 'auction-reveal' }>): void {
    const { round } = this
    if (round.type !== 'opening' || message.epoch !== round.call.epoch || round.opened.has(from)) return
    const sealed = round.sealed.get(from)
    const { bid, nonce } = message
    if (sealed === undefined || bid * BigInt(round.call.backedMiB) > sealed.backing) return
    if (sealBid(this.options.account, from, message.epoch, bid, nonce) !== sealed.commitment) return
    round.opened.set(from, { account: from, bid, nonce })
  }

  private advance(nowMs: number): void {
    const { round } = this
    if (round.type === 'sealing' && (nowMs >= round.untilMs || round.sealed.size === round.call.seats.length)) {
      this.closeList(round, nowMs)
    }
    const opening = this.round
    if (opening.type === 'opening' && (nowMs >= opening.untilMs || opening.opened.size === opening.sealed.size)) {
      this.settle(opening, nowMs)
    }
    if (nowMs >= this.epochEndsAtMs && this.round.type === 'none') this.beginEpoch(nowMs)
  }

  private beginEpoch(nowMs: number): void {
    this.epoch++
    this.epochEndsAtMs = nowMs + this.epochMs
    this.shares = this.nextTerms.shares
    this.postedPrice = this.nextTerms.postedPrice
    this.settled = undefined
    for (const memory of [this.excludedUntilMs, this.demotedUntilMs]) {
      for (const [account, untilMs] of memory) if (nowMs >= untilMs) memory.delete(account)
    }
    const wanting = [...this.bidders].filter(([, bidder]) => bidder.isWanting).map(([account]) => account)
    const admitted = wanting.filter((account) => !this.excludedUntilMs.has(account))
    if (this.shares > 0 && admitted.length > this.shares) this.callRound(admitted, nowMs)
    else this.sellAtPostedPrice(admitted, wanting, nowMs)
  }

  /** Nobody has to be outbid: who holds a share goes on, those who were excluded come last. */
  private sellAtPostedPrice(admitted: readonly AccountId[], wanting: readonly AccountId[], nowMs: number): void {
    const excluded = wanting.filter((account) => this.excludedUntilMs.has(account))
    const buyers = [...admitted, ...excluded].slice(0, this.shares)
    const staying = new Set(buyers)
    for (const account of [...this.holders.keys()]) if (!staying.has(account)) this.takeBack(account, 'outbid')
    for (const account of buyers) {
      if (this.holders.get(account)?.price !== this.postedPrice) this.sell(account, nowMs)
    }
  }

  private sell(account: AccountId, nowMs: number): void {
    if (this.holders.get(account)?.price === this.postedPrice) return
    this.hold(account, this.postedPrice, nowMs)
    this.tell(account, { type: 'walk-in-award', epoch: this.epoch, price: this.postedPrice })
  }

  private callRound(admitted: readonly AccountId[], nowMs: number): void {
    const contenders = admitted.map((account) => {
      const { weight = leastWeight, isNewcomer = true } = this.bidders.get(account) ?? {}
      return { account, weight: this.demotedUntilMs.has(account) ? leastWeight : weight, isNewcomer }
    })
    const { commitMs = 1_000 } = this.options
    const { backedMiB } = this
    const call: AuctionCall = {
      type: 'auction-call',
      epoch: this.epoch,
      shares: this.shares,
      postedPrice: this.postedPrice,
      seats: chooseSeats(contenders, this.epoch),
      backedMiB,
      commitWithinMs: commitMs,
    }
    this.round = { type: 'sealing', call, sealed: new Map(), untilMs: nowMs + commitMs }
    for (const { account } of call.seats) this.tell(account, call)
  }

  private closeList({ call, sealed }: Extract<Round, { readonly type: 'sealing' }>, nowMs: number): void {
    const commitments = [...sealed].map(([account, { commitment }]) => ({ account, commitment })).sort(byAccount)
    const { revealMs = 1_000, account } = this.options
    const listRoot = auctionListRoot(account, call, commitments)
    const list: AuctionList = {
      type: 'auction-list',
      epoch: call.epoch,
      listRoot,
      commitments,
      revealWithinMs: revealMs,
    }
    this.round = { type: 'opening', call, list, sealed, opened: new Map(), untilMs: nowMs + revealMs }
    for (const commitment of commitments) this.tell(commitment.account, list)
  }

  private settle({ call, list, opened }: Extract<Round, { readonly type: 'opening' }>, nowMs: number): void {
    this.round = { type: 'none' }
    const openings = [...opened.values()].sort(byAccount)
    const weights = new Map(call.seats.map(({ account, weight }) => [account, weight]))
    const bids = openings.map((opening) => ({ ...opening, weight: weights.get(opening.account) ?? leastWeight }))
    const missing = list.commitments.length - openings.length
    const { epoch, shares, postedPrice } = call
    const terms = { listRoot: list.listRoot, epoch, shares, postedPrice, missing }
    const awards = new Map(settleRound(terms, bids).map(({ account, price }) => [account, price]))
    this.settled = { terms, bids, openings, dropped: new Set() }
    for (const { account } of list.commitments) if (!opened.has(account)) this.exclude(account, nowMs)
    const listed = new Set(list.commitments.map(({ account }) => account))
    for (const account of [...this.holders.keys()]) {
      if (awards.has(account)) continue
      if (listed.has(account)) this.end(account, 'outbid', 0)
      else this.takeBack(account, 'outbid')
    }
    for (const { account } of list.commitments) {
      const price = awards.get(account)
      if (price !== undefined && this.bidders.get(account)?.isWanting === true) this.hold(account, price, nowMs)
      this.tellAward(account, price)
    }
    for (const account of awards.keys()) {
      if (this.holders.has(account)) continue
      this.settled.dropped.add(account)
      // It was told that it won, as the openings say, and wants nothing since it committed itself.
      this.tell(account, { type: 'share-lost', epoch: call.epoch, owedBytes: 0 })
    }
    this.promote(nowMs)
  }

  private exclude(account: AccountId, nowMs: number): void {
    const untilMs = nowMs + hourMs
    this.excludedUntilMs.set(account, untilMs)
    this.outputs.push({ type: 'excluded', account, untilMs })
  }

  /** Of the round that was settled last: a share that is free goes to the next score that still wants it. */
  private promote(nowMs: number): void {
    const { settled } = this
    if (settled === undefined || this.round.type !== 'none') return
    while (this.freeShares > 0) {
      const next = settleRound(settled.terms, settled.bids, settled.dropped).find(({ account }) => {
        return !this.holders.has(account)
      })
      if (next === undefined) return
      if (this.bidders.get(next.account)?.isWanting === true) {
        this.hold(next.account, next.price, nowMs)
        this.tellAward(next.account, next.price)
      } else settled.dropped.add(next.account)
    }
  }

  private tellAward(to: AccountId, price: TokenAmount | undefined): void {
    if (this.settled === undefined) return
    const { terms, openings, dropped } = this.settled
    this.tell(to, {
      type: 'auction-award',
      epoch: terms.epoch,
      listRoot: terms.listRoot,
      openings,
      dropped: [...dropped].sort(),
      share: price === undefined ? 0 : 1,
      price: price ?? zeroAmount,
    })
  }

  private drawn(input: Extract<AuctionProviderInput, { readonly type: 'drawn' }>, nowMs: number): void {
    const { account, bytes, shareBytes, isWithoutRequests } = input
    const holder = this.holders.get(account)
    if (holder === undefined) return
    if (!isWithoutRequests || bytes * leastDrawn >= shareBytes) {
      Object.assign(holder, { idleSinceMs: nowMs, drawnBytes: 0, shareBytes: 0 })
      return
    }
    holder.drawnBytes += bytes
    holder.shareBytes += shareBytes
    if (nowMs - holder.idleSinceMs < idleMs) return
    const owedBytes = Math.max(0, Math.floor(holder.shareBytes / leastDrawn) - holder.drawnBytes)
    const bidder = this.bidders.get(account)
    if (bidder !== undefined) bidder.isWanting = false
    this.demotedUntilMs.set(account, nowMs + hourMs)
    this.outputs.push({ type: 'demoted', account, untilMs: nowMs + hourMs })
    this.tell(account, { type: 'share-lost', epoch: this.epoch, owedBytes })
    this.end(account, 'idle', owedBytes)
    this.settled?.dropped.add(account)
    this.promote(nowMs)
  }

  private giveBack(account: AccountId, nowMs: number): void {
    if (!this.holders.has(account)) return
    this.takeBack(account, 'given-back')
    this.settled?.dropped.add(account)
    this.promote(nowMs)
  }

  private hold(account: AccountId, price: TokenAmount, nowMs: number): void {
    const holder = this.holders.get(account)
    if (holder === undefined) {
      assert(this.holders.size < this.shares, 'a share that is free')
      this.holders.set(account, { price: tokenAmount(price), idleSinceMs: nowMs, drawnBytes: 0, shareBytes: 0 })
    } else if (holder.price === price) return
    else holder.price = price
    this.outputs.push({ type: 'share', account, price })
  }

  /** Who is told that its share is lost wants none until it says so again. */
  private takeBack(account: AccountId, reason: 'outbid' | 'given-back'): void {
    const bidder = this.bidders.get(account)
    if (bidder !== undefined) bidder.isWanting = false
    this.tell(account, { type: 'share-lost', epoch: this.epoch, owedBytes: 0 })
    this.end(account, reason, 0)
  }

  private memoryOf(what: 'excluded' | 'demoted'): Map<AccountId, number> {
    return what === 'excluded' ? this.excludedUntilMs : this.demotedUntilMs
  }

  private end(account: AccountId, reason: 'outbid' | 'given-back' | 'idle', owedBytes: number): void {
    this.holders.delete(account)
    this.outputs.push({ type: 'share-ended', account, reason, owedBytes })
  }

  private tell(to: AccountId, message: AuctionProviderMessage): void {
    this.outputs.push({ type: 'tell', to, message })
  }
}
