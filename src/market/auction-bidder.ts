// A requester's side of market A at one provider: commit, look for itself in the list, reveal, and compute the outcome again.
// Guarantees: nothing is revealed unless the list that was signed holds the own commitment; no share is taken at more
// than the bid; what a provider signed and does not fit is kept as evidence. A machine without I/O; owns the round.
import { toHex } from '../base/bytes.ts'
import { type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import type { Random } from '../ports/random.ts'
import {
  type AuctionAward,
  type AuctionBidderMessage,
  type AuctionCall,
  type AuctionList,
  type AuctionProviderMessage,
  maxSeats,
  type ShownRoot,
} from './market-messages.ts'
import { leastWeight, mostWeight, settleRound } from './sealed-round.ts'
import { auctionListRoot, isInOrder, sealBid } from './sealing.ts'

export interface AuctionBidderOptions {
  readonly account: AccountId
  readonly provider: AccountId
  readonly random: Random
}

export type AuctionBidderInput =
  | { readonly type: 'wake' }
  /** The most it pays for a MiB; reserved already. 0: wants no share. */
  | { readonly type: 'bid'; readonly bid: TokenAmount }
  /** By the provider's terms. */
  | { readonly type: 'posted-price'; readonly price: TokenAmount }
  /** `proof`: the bytes and signature, verified. */
  | { readonly type: 'told'; readonly message: AuctionProviderMessage; readonly proof: Uint8Array }
  /** Another bidder says what list it was shown; `proof` is that list as the provider signed it, verified. */
  | { readonly type: 'root-shown'; readonly root: ShownRoot; readonly proof: Uint8Array }

export type FraudKind =
  /** Two calls, lists or awards of one epoch. */
  | 'two-calls'
  | 'two-lists'
  | 'two-awards'
  /** A root that is not that of its list, openings that do not fit their commitments, or another price or winner. */
  | 'wrong-root'
  | 'wrong-opening'
  | 'wrong-outcome'
  /** Our own bid was taken for missing; only we know that it was sent. */
  | 'reveal-ignored'

export type AuctionBidderOutput =
  | { readonly type: 'tell'; readonly message: AuctionBidderMessage }
  /** To peers that speak Speed and know the provider. */
  | { readonly type: 'show-root'; readonly root: ShownRoot; readonly proof: Uint8Array }
  | { readonly type: 'share'; readonly price: TokenAmount; readonly epoch: number }
  | { readonly type: 'share-ended'; readonly owedBytes: number }
  /** The list does not have our commitment, so nothing was revealed. */
  | { readonly type: 'left-out'; readonly epoch: number }
  /** Disconnect, ban, keep: what the provider signed, in the order in which it came. */
  | {
      readonly type: 'fraud'
      readonly kind: FraudKind
      readonly isProvable: boolean
      readonly proofs: readonly Uint8Array[]
    }

interface Called {
  readonly call: AuctionCall
  readonly callProof: Uint8Array
  readonly bid: TokenAmount
  readonly nonce: Hash256
}

interface Listed extends Called {
  readonly list: AuctionList
  readonly listProof: Uint8Array
}

type Round =
  | { readonly type: 'none' }
  | ({ readonly type: 'sealed'; readonly untilMs: number } & Called)
  | ({ readonly type: 'opened'; readonly untilMs: number } & Listed)
  /** Kept, as a share that becomes free goes to the next score. */
  | ({ readonly type: 'awarded'; readonly award: AuctionAward; readonly awardProof: Uint8Array } & Listed)

interface Shown {
  readonly listRoot: Hash256
  readonly proof: Uint8Array
}

/** A provider may be late by so much before the round counts as come to nothing. */
const patienceMs = 5_000
/** Whatever a provider says, a round is not waited for longer. */
const mostWaitMs = 10_000
/** Epochs of which roots are compared; others' may come before our own list does. */
const epochsRemembered = 16
const nonceLength = 32

export class AuctionBidder {
  private readonly options: AuctionBidderOptions
  private readonly outputs: AuctionBidderOutput[] = []
  private round: Round = { type: 'none' }
  private lastCall: { readonly call: AuctionCall; readonly proof: Uint8Array } | undefined
  private readonly ownRoots = new Map<number, Shown>()
  private readonly othersRoots = new Map<number, Shown>()
  private bid: TokenAmount = zeroAmount
  private postedPrice: TokenAmount = zeroAmount
  private isWanting = false
  private isBanned = false
  private share: TokenAmount | undefined

  constructor(options: AuctionBidderOptions) {
    this.options = options
  }

  /** What a MiB costs while a share is held. */
  get heldPrice(): TokenAmount | undefined {
    return this.share
  }

  handle(input: AuctionBidderInput, nowMs: number): void {
    if (this.isBanned) return
    switch (input.type) {
      case 'wake':
        break
      case 'bid':
        this.bid = input.bid
        this.want()
        break
      case 'posted-price':
        this.postedPrice = input.price
        this.want()
        break
      case 'told':
        this.told(input.message, input.proof, nowMs)
        break
      case 'root-shown':
        this.rootShown(input.root, input.proof)
        break
    }
    const { round } = this
    if ((round.type === 'sealed' || round.type === 'opened') && nowMs >= round.untilMs) this.round = { type: 'none' }
  }

  poll(): AuctionBidderOutput | undefined {
    return this.outputs.shift()
  }

  nextWakeMs(): number {
    const { round } = this
    return round.type === 'sealed' || round.type === 'opened' ? round.untilMs : Number.POSITIVE_INFINITY
  }

  private want(): void {
    const isWanting = this.bid > 0n && this.bid >= this.postedPrice
    if (this.share !== undefined && this.share > this.bid) this.endShare(0)
    if (isWanting === this.isWanting) return
    this.isWanting = isWanting
    if (!isWanting) this.endShare(0)
    this.tell({ type: 'want-share', isWanting })
  }

  private told(message: AuctionProviderMessage, proof: Uint8Array, nowMs: number): void {
    switch (message.type) {
      case 'auction-call':
        this.called(message, proof, nowMs)
        break
      case 'auction-list':
        this.listed(message, proof, nowMs)
        break
      case 'auction-award':
        this.awarded(message, proof)
        break
      case 'walk-in-award':
        this.postedPrice = message.price
        if (this.isWanting && message.price <= this.bid) this.takeShare(message.price, message.epoch)
        this.want()
        break
      case 'share-lost':
        this.isWanting = false
        this.endShare(message.owedBytes)
        break
    }
  }

  private called(call: AuctionCall, proof: Uint8Array, nowMs: number): void {
    const { account, provider, random } = this.options
    const last = this.lastCall
    if (last !== undefined && call.epoch <= last.call.epoch) {
      if (call.epoch === last.call.epoch && !isSameCall(provider, call, last.call))
        this.fraud('two-calls', true, [last.proof, proof])
      return
    }
    if (!isWellFormed(call)) return
    this.lastCall = { call, proof }
    this.round = { type: 'none' }
    this.postedPrice = call.postedPrice
    this.want()
    if (!this.isWanting || !call.seats.some((seat) => seat.account === account)) return
    const bytes = new Uint8Array(nonceLength)
    random.fill(bytes)
    const nonce = toHex(bytes) as Hash256
    const untilMs = nowMs + Math.min(call.commitWithinMs, mostWaitMs) + patienceMs
    this.round = { type: 'sealed', call, callProof: proof, bid: this.bid, nonce, untilMs }
    const commitment = sealBid(provider, account, call.epoch, this.bid, nonce)
    this.tell({ type: 'auction-commit', epoch: call.epoch, commitment })
  }

  private listed(list: AuctionList, proof: Uint8Array, nowMs: number): void {
    const { account, provider } = this.options
    const own = this.ownRoots.get(list.epoch)
    if (own !== undefined) {
      if (own.listRoot !== list.listRoot) this.fraud('two-lists', true, [own.proof, proof])
      return
    }
    const { round } = this
    if (round.type !== 'sealed' || list.epoch !== round.call.epoch) return
    remember(this.ownRoots, list.epoch, { listRoot: list.listRoot, proof })
    const { call, callProof, bid, nonce } = round
    const seats = new Set(call.seats.map((seat) => seat.account))
    const isOfSeats = isInOrder(list.commitments) && list.commitments.every((one) => seats.has(one.account))
    if (!isOfSeats || auctionListRoot(provider, call, list.commitments) !== list.listRoot) {
      this.fraud('wrong-root', true, [callProof, proof])
      return
    }
    const sealed = sealBid(provider, account, call.epoch, bid, nonce)
    this.outputs.push({ type: 'show-root', root: { epoch: list.epoch, listRoot: list.listRoot }, proof })
    const others = this.othersRoots.get(list.epoch)
    if (others !== undefined && others.listRoot !== list.listRoot) {
      this.fraud('two-lists', true, [proof, others.proof])
      return
    }
    if (!list.commitments.some((one) => one.account === account && one.commitment === sealed)) {
      this.round = { type: 'none' }
      this.outputs.push({ type: 'left-out', epoch: list.epoch })
      return
    }
    const untilMs = nowMs + Math.min(list.revealWithinMs, mostWaitMs) + patienceMs
    this.round = { type: 'opened', call, callProof, bid, nonce, list, listProof: proof, untilMs }
    this.tell({ type: 'auction-reveal', epoch: call.epoch, bid, nonce })
  }

  private rootShown(root: ShownRoot, proof: Uint8Array): void {
    const own = this.ownRoots.get(root.epoch)
    if (own !== undefined) {
      if (own.listRoot !== root.listRoot) this.fraud('two-lists', true, [own.proof, proof])
      return
    }
    const others = this.othersRoots.get(root.epoch)
    if (others === undefined) remember(this.othersRoots, root.epoch, { listRoot: root.listRoot, proof })
    else if (others.listRoot !== root.listRoot) this.fraud('two-lists', true, [others.proof, proof])
  }

  private awarded(award: AuctionAward, proof: Uint8Array): void {
    const { round } = this
    if (round.type !== 'opened' && round.type !== 'awarded') return
    if (award.epoch !== round.call.epoch) return
    const proofs = [round.callProof, round.listProof, proof]
    const kind = this.faultOf(award, round)
    if (kind !== undefined) {
      this.fraud(kind, kind !== 'reveal-ignored', proofs)
      return
    }
    if (round.type === 'awarded' && !isSameOpenings(award, round.award)) {
      this.fraud('two-awards', true, [round.awardProof, proof])
      return
    }
    const { call, callProof, bid, nonce, list, listProof } = round
    this.round = { type: 'awarded', call, callProof, bid, nonce, list, listProof, award, awardProof: proof }
    if (award.share === 0) this.endShare(0)
    else if (this.isWanting && award.price <= this.bid) this.takeShare(award.price, award.epoch)
    else if (this.isWanting) {
      // The bid was lowered after it was sealed: given back, and wanted again with the next one.
      this.isWanting = false
      this.tell({ type: 'want-share', isWanting: false })
    }
  }

  private faultOf(award: AuctionAward, { call, list, bid, nonce }: Listed): FraudKind | undefined {
    const { account, provider } = this.options
    if (award.listRoot !== list.listRoot) return 'wrong-root'
    const commitments = new Map(list.commitments.map((one) => [one.account, one.commitment]))
    const isFitting = award.openings.every((opening) => {
      const sealed = sealBid(provider, opening.account, award.epoch, opening.bid, opening.nonce)
      return commitments.get(opening.account) === sealed
    })
    if (!isFitting || !isInOrder(award.openings)) return 'wrong-opening'
    const own = award.openings.find((opening) => opening.account === account)
    if (own === undefined) return 'reveal-ignored'
    if (own.bid !== bid || own.nonce !== nonce) return 'wrong-opening'
    const weights = new Map(call.seats.map((seat) => [seat.account, seat.weight]))
    const bids = award.openings.map((one) => ({ ...one, weight: weights.get(one.account) ?? leastWeight }))
    const { epoch, shares, postedPrice } = call
    const missing = list.commitments.length - award.openings.length
    const terms = { listRoot: list.listRoot, epoch, shares, postedPrice, missing }
    const winner = settleRound(terms, bids, new Set(award.dropped)).find((one) => one.account === account)
    const isRight = award.share === (winner === undefined ? 0 : 1) && award.price === (winner?.price ?? zeroAmount)
    return isRight ? undefined : 'wrong-outcome'
  }

  private takeShare(price: TokenAmount, epoch: number): void {
    this.share = price
    this.outputs.push({ type: 'share', price, epoch })
  }

  private endShare(owedBytes: number): void {
    if (this.share === undefined) return
    this.share = undefined
    this.outputs.push({ type: 'share-ended', owedBytes })
  }

  private fraud(kind: FraudKind, isProvable: boolean, proofs: readonly Uint8Array[]): void {
    this.isBanned = true
    this.round = { type: 'none' }
    this.endShare(0)
    this.outputs.push({ type: 'fraud', kind, isProvable, proofs })
  }

  private tell(message: AuctionBidderMessage): void {
    this.outputs.push({ type: 'tell', message })
  }
}

function isWellFormed({ shares, seats }: AuctionCall): boolean {
  const hasWeights = seats.every(({ weight }) => weight >= leastWeight && weight <= mostWeight)
  return shares >= 0 && seats.length <= maxSeats && hasWeights && isInOrder(seats)
}

function isSameCall(provider: AccountId, a: AuctionCall, b: AuctionCall): boolean {
  return auctionListRoot(provider, a, []) === auctionListRoot(provider, b, [])
}

function isSameOpenings(a: AuctionAward, b: AuctionAward): boolean {
  return (
    a.openings.length === b.openings.length && a.openings.every((one, index) => one.nonce === b.openings[index]?.nonce)
  )
}

function remember(roots: Map<number, Shown>, epoch: number, shown: Shown): void {
  roots.set(epoch, shown)
  for (const oldest of roots.keys()) {
    if (roots.size <= epochsRemembered) break
    roots.delete(oldest)
  }
}
