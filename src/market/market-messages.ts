// What the two sides of both markets tell each other, as values; how they look on the wire, and who signs them, is the
// Speed extension's. What is signed here is marked so: it comes in with its bytes and signature as `proof`, verified
// already, and is evidence against its author. Times are durations, counted from when a message comes. Types only.
import type { TokenAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'

/** Who may bid in a round, and what its bid counts for: 1024 to 2048, in 1/1024. */
export interface AuctionSeat {
  readonly account: AccountId
  readonly weight: number
}

/** A sealed bid or ask: a hash that will be opened. */
export interface Commitment {
  readonly account: AccountId
  readonly commitment: Hash256
}

export interface BidOpening {
  readonly account: AccountId
  /** Base units for a MiB. */
  readonly bid: TokenAmount
  readonly nonce: Hash256
}

/** Signed by the provider before there are bids. `epoch` is never used again by this provider, restarts included. */
export interface AuctionCall {
  readonly type: 'auction-call'
  readonly epoch: number
  /** kA: shares that are sold. */
  readonly shares: number
  /** r, base units for a MiB. */
  readonly postedPrice: TokenAmount
  /** At most 64, in the order of accounts. */
  readonly seats: readonly AuctionSeat[]
  /** A bid counts if the receipt that came with its commitment covers so many MiB of it. */
  readonly backedMiB: number
  readonly commitWithinMs: number
}

/** Signed by the provider: all there are, in the order of accounts; a bidder that finds itself in it opens its own. */
export interface AuctionList {
  readonly type: 'auction-list'
  readonly epoch: number
  /** Of the call and the commitments (`auctionListRoot`); another one signed for the same epoch is evidence. */
  readonly listRoot: Hash256
  readonly commitments: readonly Commitment[]
  readonly revealWithinMs: number
}

/** Signed by the provider. Who is listed and not opened did not reveal; from this everybody computes the whole outcome. */
export interface AuctionAward {
  readonly type: 'auction-award'
  readonly epoch: number
  readonly listRoot: Hash256
  readonly openings: readonly BidOpening[]
  /** Who lost its share since, in the order of accounts. */
  readonly dropped: readonly AccountId[]
  /** Of whom it is told to: 0 or 1, and what it pays for a MiB. From which byte is said by who sends it. */
  readonly share: number
  readonly price: TokenAmount
}

/** Signed by the provider: a share, free, at the posted price, until somebody outbids it. */
interface WalkInAward {
  readonly type: 'walk-in-award'
  readonly epoch: number
  readonly price: TokenAmount
}

/** Not drawn. `owedBytes`: what is missing from a quarter of a share, for the time it was left idle. */
interface ShareLost {
  readonly type: 'share-lost'
  readonly epoch: number
  readonly owedBytes: number
}

export type AuctionProviderMessage = AuctionCall | AuctionList | AuctionAward | WalkInAward | ShareLost

export type AuctionBidderMessage =
  /** Wants a share; `isWanting` false: no more, or gives its share back. */
  | { readonly type: 'want-share'; readonly isWanting: boolean }
  /** Signed by the bidder. */
  | { readonly type: 'auction-commit'; readonly epoch: number; readonly commitment: Hash256 }
  /** Signed by the bidder. */
  | {
      readonly type: 'auction-reveal'
      readonly epoch: number
      readonly bid: TokenAmount
      readonly nonce: Hash256
    }

/** What providers tell each other about a requester's job. */
export interface ShownJobRoot {
  readonly job: Hash256
  readonly listRoot: Hash256
}

/** What bidders tell each other about a provider: the root of the list that it showed them, which it signed. */
export interface ShownRoot {
  readonly epoch: number
  readonly listRoot: Hash256
}

/**
 * Who is asked. By how much of the ceiling its asks are made worse, in 1/65536, and how many units of an ask count (what
 * its rate brings in time): both fixed before there are asks.
 */
export interface JobSeat {
  readonly account: AccountId
  readonly handicap: number
  readonly mostUnits: number
}

export interface AskOpening {
  readonly account: AccountId
  /** c, base units a unit of 1 MiB. */
  readonly cost: TokenAmount
  /** q, units it can deliver in time. */
  readonly units: number
  readonly nonce: Hash256
}

/** Signed by the requester. `job` is 32 bytes drawn once. The info hash is the message's. */
export interface JobRequest {
  readonly type: 'job-request'
  readonly job: Hash256
  /** Q, of 1 MiB. */
  readonly units: number
  /** T. */
  readonly deadlineMs: number
  /** H(rho, salt): sealed, so that no ask can follow the ceiling. */
  readonly ceilingCommitment: Hash256
  /** At most 64, in the order of accounts. */
  readonly seats: readonly JobSeat[]
  readonly askWithinMs: number
}

/** Signed by the requester: all asks that came in time, in the order of accounts. */
export interface JobList {
  readonly type: 'job-list'
  readonly job: Hash256
  /** Of the request and the commitments (`jobListRoot`). */
  readonly listRoot: Hash256
  readonly commitments: readonly Commitment[]
  readonly revealWithinMs: number
}

/** Signed by the requester, who opens the ceiling. */
export interface JobAward {
  readonly type: 'job-award'
  readonly job: Hash256
  readonly listRoot: Hash256
  readonly ceiling: TokenAmount
  readonly salt: Hash256
  readonly openings: readonly AskOpening[]
  /** x_j and pay_j of whom it is told to. */
  readonly units: number
  readonly pay: TokenAmount
}

/** The rest of a share of a job is taken away: it stalled, or the job is over. */
interface JobEnd {
  readonly type: 'job-end'
  readonly job: Hash256
}

export type JobRequesterMessage = JobRequest | JobList | JobAward | JobEnd

export type JobProviderMessage =
  /** Signed by the provider. */
  | { readonly type: 'job-ask'; readonly job: Hash256; readonly commitment: Hash256 }
  /** Signed by the provider. */
  | {
      readonly type: 'job-reveal'
      readonly job: Hash256
      readonly cost: TokenAmount
      readonly units: number
      readonly nonce: Hash256
    }

/** Seats of one round, as many as one message holds. */
export const maxSeats = 64
