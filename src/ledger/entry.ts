// An entry of the books: who has how much more or less after one operation (postings), and what became of lanes,
// escrows, deposits, withdrawals and air-drops (changes). Types, and what a record holds of the tokens.
// Guarantees: a decided entry names each book once; its postings sum to zero.
import { unreachable } from '../base/assert.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import type { AccountId, CampaignGate, Hash256, Lane, LaneId, OperationId } from '../ports/ledger.ts'

export interface Account {
  readonly available: TokenAmount
  readonly locked: TokenAmount
  readonly leaving: TokenAmount
  readonly arriving: TokenAmount
  /** Open lanes it pays for. */
  readonly lanes: number
  readonly isInvited: boolean
}

export type EscrowState =
  | { readonly type: 'funded' }
  | {
      readonly type: 'disputed'
      readonly by: 'payer' | 'payee'
      readonly evidence: Hash256
      /** From then on the rest goes back to the payer. */
      readonly rulesUntilMs: number
    }
  | { readonly type: 'ended' }

export interface Escrow {
  readonly id: OperationId
  readonly payer: AccountId
  readonly payee: AccountId
  readonly arbiter?: AccountId
  /** Neither released nor returned yet. */
  readonly held: TokenAmount
  readonly timeoutAtMs: number
  readonly terms: Hash256
  readonly state: EscrowState
}

/** A credited one is kept for ever, so that it is credited once; a dropped one may be seen again. */
export interface Deposit {
  readonly source: Hash256
  readonly to: AccountId
  readonly amount: TokenAmount
  readonly state: 'seen' | 'credited' | 'dropped'
}

export type WithdrawalState =
  | { readonly type: 'requested' }
  /** Recorded before it is broadcast: the chain alone decides now. */
  | { readonly type: 'sending'; readonly transaction: Hash256 }
  | { readonly type: 'ended' }

export interface Withdrawal {
  readonly id: OperationId
  readonly from: AccountId
  readonly to: AccountId
  readonly amount: TokenAmount
  readonly state: WithdrawalState
}

export interface Campaign {
  readonly id: OperationId
  readonly purpose: 'gift' | 'seeding'
  readonly proposer: AccountId
  readonly approver: AccountId
  readonly root: Hash256
  readonly grantCount: number
  /** Not claimed yet. */
  readonly held: TokenAmount
  readonly endsAtMs: number
  readonly gates: readonly CampaignGate[]
  readonly state: 'proposed' | 'approved' | 'ended'
}

/**
 * Where tokens are. 'issued' is the other side of minting and burning, 'arriving' of deposits seen but not credited:
 * both are of the ledger, have no id and may be negative.
 */
export type Book = 'account' | 'lane' | 'escrow' | 'withdrawal' | 'deposit' | 'campaign' | 'issued' | 'arriving'

export interface Posting {
  readonly book: Book
  /** AccountId, LaneId and so on; empty for the ledger's own books. */
  readonly id: string
  /** Base units; positive: that book has more. Never 0. */
  readonly amount: bigint
}

/** A record as it is after the entry. What ended leaves the state, but for deposits. */
export type Change =
  | { readonly type: 'lane'; readonly value: Lane }
  | { readonly type: 'escrow'; readonly value: Escrow }
  | { readonly type: 'withdrawal'; readonly value: Withdrawal }
  | { readonly type: 'deposit'; readonly value: Deposit }
  | { readonly type: 'campaign'; readonly value: Campaign }
  /** 256 grants of an air-drop, by their index: a bit that is set was claimed. */
  | { readonly type: 'grants'; readonly campaign: OperationId; readonly word: number; readonly bits: Hash256 }
  | { readonly type: 'invite'; readonly invite: Hash256; readonly account: AccountId }
  /** Of what is burned, so much as fees. */
  | { readonly type: 'fees-burned'; readonly amount: TokenAmount }
  /** So much was put into air-drops that reward seeding and have no gate. */
  | { readonly type: 'seeding-pool'; readonly amount: TokenAmount }

export interface Entry {
  readonly postings: readonly Posting[]
  readonly changes: readonly Change[]
  /** What the operation cost besides the amount moved; part of the postings. */
  readonly fee: TokenAmount
}

/** A record that holds tokens: which book, of whom, in which share of that account, how much. */
export type Holding = Extract<Change, { readonly type: 'lane' | 'escrow' | 'withdrawal' | 'deposit' | 'campaign' }>

export function isHolding(change: Change): change is Holding {
  switch (change.type) {
    case 'lane':
    case 'escrow':
    case 'withdrawal':
    case 'deposit':
    case 'campaign':
      return true
    default:
      return false
  }
}

export function holdingId({ type, value }: Holding): LaneId | OperationId | Hash256 {
  return type === 'deposit' ? value.source : value.id
}

export function heldAmount({ type, value }: Holding): bigint {
  switch (type) {
    case 'lane':
      return value.state.type === 'closed' ? 0n : value.deposit - value.claimed
    case 'escrow':
    case 'campaign':
      return value.held
    case 'withdrawal':
      return value.state.type === 'ended' ? 0n : value.amount
    case 'deposit':
      return value.state === 'seen' ? value.amount : 0n
    default:
      return unreachable(type)
  }
}

/** Whether the record leaves the state with this change. */
export function hasEnded({ type, value }: Holding): boolean {
  switch (type) {
    case 'lane':
      return value.state.type === 'closed'
    case 'escrow':
    case 'withdrawal':
      return value.state.type === 'ended'
    case 'campaign':
      return value.state === 'ended'
    case 'deposit':
      return false
    default:
      return unreachable(type)
  }
}

export function ownerOf({ type, value }: Holding): AccountId {
  switch (type) {
    case 'lane':
    case 'escrow':
      return value.payer
    case 'withdrawal':
      return value.from
    case 'deposit':
      return value.to
    case 'campaign':
      return value.proposer
    default:
      return unreachable(type)
  }
}

/** When anyone may end it without being asked; Infinity: never by time alone. */
export function dueAtMs({ type, value }: Holding): number {
  switch (type) {
    case 'lane':
      return value.state.type === 'closing' ? Math.min(value.state.closesAtMs, value.expiresAtMs) : value.expiresAtMs
    case 'escrow':
      return value.state.type === 'disputed' ? value.state.rulesUntilMs : value.timeoutAtMs
    case 'campaign':
      return value.endsAtMs
    default:
      return Number.POSITIVE_INFINITY
  }
}
