// What peers tell each other to bid, award, deliver and pay (docs/protocol/speed.md), as values, and the bounds of each.
// Those of the markets are src/market/market-messages.ts with what the wire adds, those of lanes are
// src/payment/lane-messages.ts: same names, same fields. Accounts are of the one ledger the connection agreed on.
// Types and numbers only.
import type { TokenAmount } from '../../base/token-amount.ts'
import type { AccountId, Hash256, LaneId, Signature, SignedVoucher } from '../../ports/ledger.ts'
import type { SignedReceipt } from '../money/receipt.ts'

/** The name in the extension handshake (BEP 10). */
export const speedExtension = 'sb_speed'
/** Of this protocol, in every message; messages of another one are ignored. */
export const speedVersion = 1
/** As much as a block. The largest message, an award with 64 openings of 2^256 - 1 each, has 12 KiB. */
export const maxSpeedMessageBytes = 16_384
/** Ledgers in terms; lanes in one message; seats of one round. */
export const maxSpeedLedgers = 8
export const maxSpeedLanes = 16
export const maxSpeedSeats = 64
/** How long a step of a round may be open, and a job may last: a minute, and 30 days. */
export const maxStepMs = 60_000
export const maxJobMs: number = 30 * 24 * 3_600_000
/** A stay is offered for a year at most, and proved between every ten seconds and once a day. */
export const maxStayMs: number = 365 * 24 * 3_600_000
export const leastStayIntervalMs = 10_000
export const mostStayIntervalMs: number = 24 * 3_600_000
/** Of one challenge, each a block of a piece or less. */
export const maxStayBlocks = 16
export const maxStayBlockBytes = 16_384
/** 2^33 units of 1 MiB are 2^53 bytes. */
export const maxUnits: number = 2 ** 33
/** Letters and hyphens: the kind of a message and the reason of a refusal. */
export const maxWordLength = 32

/** An account whose ledger its owner trusts, and what a MiB costs there to begin with. */
export interface SpeedLedger {
  readonly account: AccountId
  readonly postedPrice: TokenAmount
}

/** What one side brings into the connection. */
export interface SpeedTerms {
  /** 32 bytes, drawn for this connection alone. */
  readonly nonce: Hash256
  /** The most trusted first; nothing is owed or paid on any other. */
  readonly ledgers: readonly SpeedLedger[]
  readonly pays: boolean
  readonly earns: boolean
  /** A voucher comes at no fewer bytes than the one, unless nothing is outstanding or a second is over, and at no more
   * than the other. */
  readonly leastTickBytes: number
  readonly mostTickBytes: number
}

interface PayerMark {
  readonly lane: LaneId
  readonly signed: TokenAmount
}

interface PayeeMark {
  readonly lane: LaneId
  readonly voucher?: SignedVoucher
}

/** Milliseconds, and base units for an hour; `blocks`: the most of one challenge. */
interface StayOfferTerms {
  readonly stay: Hash256
  readonly lastsMs: number
  readonly perHour: TokenAmount
  readonly intervalMs: number
  readonly blocks: number
}

export const stayRefusalReasons = ['not-seeding', 'too-cheap', 'too-long', 'too-often', 'one-already'] as const
type StayRefusalReason = (typeof stayRefusalReasons)[number]

interface SealedMember {
  readonly account: AccountId
  readonly commitment: Hash256
}

/** Not signed as such: they carry what is signed, or bind nobody. */
export type SpeedPlain =
  | ({ readonly type: 'terms' } & SpeedTerms)
  /** Over both sides' terms and peer ids (`bindBody`), by the sender's account on the ledger both choose. */
  | { readonly type: 'bind'; readonly signature: Signature }
  | { readonly type: 'want-share'; readonly isWanting: boolean }
  | { readonly type: 'job-end'; readonly job: Hash256 }
  /** The root of the list that a provider, which is neither of both, showed the sender. */
  | { readonly type: 'shown-root'; readonly provider: AccountId; readonly epoch: number; readonly listRoot: Hash256 }
  /** The same of a requester, from one it asked to another. */
  | {
      readonly type: 'shown-job-root'
      readonly requester: AccountId
      readonly job: Hash256
      readonly listRoot: Hash256
    }
  /** A statement of somebody else, for all it was made to: its body as it was signed. */
  | {
      readonly type: 'evidence'
      readonly author: AccountId
      readonly of: 'auction-call' | 'auction-list' | 'job-request' | 'job-list'
      readonly body: Uint8Array
      readonly signature: Signature
    }
  /** What a ledger's operator signed of a lane. */
  | { readonly type: 'lane'; readonly event: 'open' | 'topped-up' | 'closing'; readonly receipt: SignedReceipt }
  | { readonly type: 'hello'; readonly lanes: readonly PayerMark[]; readonly unpaid: TokenAmount }
  | { readonly type: 'present'; readonly lanes: readonly PayeeMark[]; readonly windowBytes: number }
  | { readonly type: 'voucher'; readonly voucher: SignedVoucher }
  | {
      readonly type: 'acknowledge'
      readonly lane: LaneId
      readonly cumulativeAmount: TokenAmount
      readonly windowBytes: number
    }
  | { readonly type: 'finish'; readonly lanes: readonly LaneId[] }
  /** Paid staying (src/market/stay-messages.ts): what it comes to is paid on the same lanes. */
  | ({ readonly type: 'stay-offer' } & StayOfferTerms)
  | { readonly type: 'stay-accept'; readonly stay: Hash256 }
  | {
      readonly type: 'stay-refuse'
      readonly stay: Hash256
      readonly reason: StayRefusalReason
      readonly leastPerHour: TokenAmount
    }
  | {
      readonly type: 'stay-challenge'
      readonly stay: Hash256
      readonly tick: number
      readonly nonce: Hash256
      readonly blocks: readonly { readonly piece: number; readonly offset: number; readonly length: number }[]
    }
  | { readonly type: 'stay-proof'; readonly stay: Hash256; readonly tick: number; readonly answer: Hash256 }
  | { readonly type: 'stay-end'; readonly stay: Hash256 }
  /** `of` is the kind of the message refused, `reason` one of `speedRefusals` or a later one. */
  | { readonly type: 'refuse'; readonly of: string; readonly reason: string; readonly lane?: LaneId }

/** Signed by their sender. `fromByte`: of the bytes this connection pays for, which a price begins with. */
export type SpeedStatement =
  | {
      readonly type: 'auction-call'
      readonly epoch: number
      readonly shares: number
      readonly postedPrice: TokenAmount
      /** `weight` is 1024 to 2048. */
      readonly seats: readonly { readonly account: AccountId; readonly weight: number }[]
      readonly backedMiB: number
      readonly commitWithinMs: number
    }
  | {
      readonly type: 'auction-list'
      readonly epoch: number
      readonly listRoot: Hash256
      readonly commitments: readonly SealedMember[]
      readonly revealWithinMs: number
    }
  | {
      readonly type: 'auction-award'
      readonly epoch: number
      readonly listRoot: Hash256
      readonly openings: readonly { readonly account: AccountId; readonly bid: TokenAmount; readonly nonce: Hash256 }[]
      readonly dropped: readonly AccountId[]
      readonly share: number
      readonly price: TokenAmount
      readonly fromByte: number
    }
  | { readonly type: 'walk-in-award'; readonly epoch: number; readonly price: TokenAmount; readonly fromByte: number }
  | { readonly type: 'share-lost'; readonly epoch: number; readonly owedBytes: number; readonly fromByte: number }
  /** `backing`: what a ledger signed of the bidder's balance, or of an open lane of its. */
  | {
      readonly type: 'auction-commit'
      readonly epoch: number
      readonly commitment: Hash256
      readonly backing: SignedReceipt
    }
  | { readonly type: 'auction-reveal'; readonly epoch: number; readonly bid: TokenAmount; readonly nonce: Hash256 }
  | {
      readonly type: 'job-request'
      readonly job: Hash256
      readonly units: number
      readonly deadlineMs: number
      readonly ceilingCommitment: Hash256
      /** `handicap` is in 1/65536 of the ceiling; of an ask, `mostUnits` count. */
      readonly seats: readonly {
        readonly account: AccountId
        readonly handicap: number
        readonly mostUnits: number
      }[]
      readonly askWithinMs: number
    }
  | { readonly type: 'job-ask'; readonly job: Hash256; readonly commitment: Hash256 }
  | {
      readonly type: 'job-list'
      readonly job: Hash256
      readonly listRoot: Hash256
      readonly commitments: readonly SealedMember[]
      readonly revealWithinMs: number
    }
  | {
      readonly type: 'job-reveal'
      readonly job: Hash256
      readonly cost: TokenAmount
      readonly units: number
      readonly nonce: Hash256
    }
  | {
      readonly type: 'job-award'
      readonly job: Hash256
      readonly listRoot: Hash256
      readonly ceiling: TokenAmount
      readonly salt: Hash256
      readonly openings: readonly {
        readonly account: AccountId
        readonly cost: TokenAmount
        readonly units: number
        readonly nonce: Hash256
      }[]
      readonly units: number
      readonly pay: TokenAmount
      readonly fromByte: number
    }
  /** By the payee: so many bytes of this connection are paid for, and this lane has paid so much in all. */
  | { readonly type: 'receipt'; readonly lane: LaneId; readonly bytes: number; readonly amount: TokenAmount }

export type SpeedKind = SpeedPlain['type'] | SpeedStatement['type']

export interface SignedStatement {
  readonly statement: SpeedStatement
  readonly signature: Signature
}

export type SpeedMessage =
  | { readonly type: 'plain'; readonly message: SpeedPlain }
  | ({ readonly type: 'signed' } & SignedStatement)
