// Port: a place that keeps the record of who has what (a rail): the embedded ledger, a remote one, a chain. Accounts,
// transfers, lanes (one-way payment channels). Vouchers travel between peers; only claims come here.
// Cold: promises. Every change carries the client's own id, so that trying again never does it twice. Types only.
import type { Brand } from '../base/brand.ts'
import type { Result } from '../base/errors.ts'
import type { TokenAmount, TokenSymbol } from '../base/token-amount.ts'

/** CAIP-2: `eip155:199`, `tron:...`, or `swarmbid:` and 32 hexadecimal digits of the genesis. */
export type RailId = Brand<string, 'RailId'>
/** CAIP-10: the rail, a colon, the account on it. */
export type AccountId = Brand<string, 'AccountId'>
/** 32 bytes in lower-case hexadecimal; unique on its rail. */
export type LaneId = Brand<string, 'LaneId'>
/** 32 random bytes in lower-case hexadecimal, drawn once by whoever wants the operation, and kept to try again. */
export type OperationId = Brand<string, 'OperationId'>

/** secp256k1: r, s (low) and v (27 or 28), 65 bytes. Never the key of anything: the same statement may have several. */
export type Signature = Brand<Uint8Array, 'Signature'>

/** What a signature is bound to (EIP-712): a chain and contract, or a ledger's genesis. Its bytes never change. */
export type SigningDomain =
  /** Chain id as the contract sees it: of TRON the low 32 bits. The contract's address is 20 bytes. */
  | { readonly type: 'contract'; readonly chainId: bigint; readonly verifyingContract: Uint8Array }
  /** SHA-256 of the genesis, 32 bytes; the ledger's id is its first half. */
  | { readonly type: 'genesis'; readonly salt: Uint8Array }

/** The payer owes the payee this much of the lane in all; a larger one supersedes it. */
export interface Voucher {
  readonly lane: LaneId
  readonly cumulativeAmount: TokenAmount
}

export interface SignedVoucher extends Voucher {
  readonly signature: Signature
}

/** The payee is content with this much of the lane in all: it may close at once, and the rest is the payer's. */
export interface LaneWaiver {
  readonly lane: LaneId
  readonly finalAmount: TokenAmount
}

export type LaneState =
  | { readonly type: 'open' }
  /** The payer asked to close: a later voucher still wins until then, in the ledger's own time. */
  | { readonly type: 'closing'; readonly closesAtMs: number }
  | { readonly type: 'closed' }

/** Claimed <= deposit, always. What is left at the end is the payer's. */
export interface Lane {
  readonly id: LaneId
  readonly payer: AccountId
  readonly payee: AccountId
  readonly deposit: TokenAmount
  readonly claimed: TokenAmount
  readonly expiresAtMs: number
  readonly state: LaneState
}

export type LedgerOperation =
  | { readonly type: 'transfer'; readonly id: OperationId; readonly to: AccountId; readonly amount: TokenAmount }
  | {
      readonly type: 'open-lane'
      readonly id: OperationId
      readonly payee: AccountId
      readonly deposit: TokenAmount
      readonly expiresAtMs: number
    }
  | { readonly type: 'top-up-lane'; readonly id: OperationId; readonly lane: LaneId; readonly amount: TokenAmount }
  | { readonly type: 'claim'; readonly id: OperationId; readonly vouchers: readonly SignedVoucher[] }
  /** The payee's last claim, if any, and its waiver of the rest, which returns to the payer at once. */
  | { readonly type: 'payee-close'; readonly id: OperationId; readonly lane: LaneId; readonly last?: SignedVoucher }
  | { readonly type: 'request-close'; readonly id: OperationId; readonly lane: LaneId }
  /** After the challenge window or expiry, by anyone. */
  | { readonly type: 'close'; readonly id: OperationId; readonly lane: LaneId }

/** An operation as it is sent and kept: the account is part of what is signed, and its key is the one that signed. */
export interface SignedOperation {
  readonly account: AccountId
  readonly operation: LedgerOperation
  readonly signature: Signature
}

/** 'final' is beyond undoing; 'pending' is accepted and visible but may still come to nothing (chains). */
export interface OperationOutcome {
  readonly status: 'pending' | 'final'
  /** Of a lane operation: the lane after it. */
  readonly lane?: Lane
  /** What it cost besides the amount moved. */
  readonly fee: TokenAmount
}

export interface LedgerAccount {
  /** Free to spend; never negative. */
  readonly available: TokenAmount
  /** In lanes of this payer, not yet claimed. */
  readonly locked: TokenAmount
  /** On its way in or out. */
  readonly pending: TokenAmount
}

/** Errors of all: ledger-unreachable (may or may not have happened: ask again with the same id), interrupted. */
export interface Ledger {
  readonly rail: RailId
  readonly symbol: TokenSymbol
  readonly domain: SigningDomain
  /** The ledger's own time, the only one that expiry and challenge windows go by. */
  timeMs(signal: AbortSignal): Promise<Result<number>>
  account(account: AccountId, signal: AbortSignal): Promise<Result<LedgerAccount>>
  /** Undefined: no such lane. */
  lane(lane: LaneId, signal: AbortSignal): Promise<Result<Lane | undefined>>
  /**
   * Carries out one operation signed by its account. The same id and body again answers as the first time; the same
   * id with another body is ledger-conflict. Errors besides: funds-insufficient, lane-closed, voucher-invalid,
   * signature-invalid, ledger-refused. After any of these nothing has changed.
   */
  submit(operation: SignedOperation, signal: AbortSignal): Promise<Result<OperationOutcome>>
  /** What became of an operation, also after a restart; undefined: never seen. */
  outcome(id: OperationId, signal: AbortSignal): Promise<Result<OperationOutcome | undefined>>
  /** Called with each change of a lane that names the account; may repeat one, never lose one while connected. */
  watchLanes(account: AccountId, listener: (lane: Lane) => void): () => void
}
