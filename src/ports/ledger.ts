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

/** 32 bytes of a hash, or drawn at random, in lower-case hexadecimal. */
export type Hash256 = Brand<string, 'Hash256'>

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
  /** From then on nothing can be claimed. */
  readonly expiresAtMs: number
  readonly state: LaneState
  /** Of an open-and-award. */
  readonly award?: Hash256
}

/** What ended a lane: an operation, and the entry that it made, by the ledger's own time. */
interface LaneEnding {
  readonly by: LedgerOperation['type']
  readonly id: OperationId
  readonly height: number
  readonly atMs: number
}

/** A lane that has ended is as it was then. */
export interface KnownLane extends Lane {
  readonly ending?: LaneEnding
}

export type TransferOperation =
  | { readonly type: 'transfer'; readonly id: OperationId; readonly to: AccountId; readonly amount: TokenAmount }
  /** Destroys tokens of one's own. */
  | { readonly type: 'burn'; readonly id: OperationId; readonly amount: TokenAmount }
  /** By the operator, where the genesis mints by invites: once an invite, once an account. */
  | { readonly type: 'grant'; readonly id: OperationId; readonly to: AccountId; readonly invite: Hash256 }

/** On a ledger the id of what opens a lane is the lane's. */
export type LaneOperation =
  | {
      readonly type: 'open-lane'
      readonly id: OperationId
      readonly payee: AccountId
      readonly deposit: TokenAmount
      readonly expiresAtMs: number
    }
  /** Opens a lane for one award alone; `award` is the SHA-256 of what was agreed, so that the payee finds it again. */
  | {
      readonly type: 'open-and-award'
      readonly id: OperationId
      readonly payee: AccountId
      readonly deposit: TokenAmount
      readonly expiresAtMs: number
      readonly award: Hash256
    }
  | { readonly type: 'top-up-lane'; readonly id: OperationId; readonly lane: LaneId; readonly amount: TokenAmount }
  /** By anyone: the vouchers say who pays whom. */
  | { readonly type: 'claim'; readonly id: OperationId; readonly vouchers: readonly SignedVoucher[] }
  /** The payee's last claim, if any, and its waiver of the rest, which returns to the payer at once. */
  | { readonly type: 'payee-close'; readonly id: OperationId; readonly lane: LaneId; readonly last?: SignedVoucher }
  | { readonly type: 'request-close'; readonly id: OperationId; readonly lane: LaneId }
  /** After the challenge window or expiry, by anyone. */
  | { readonly type: 'close'; readonly id: OperationId; readonly lane: LaneId }

/** For services. The id of the fund operation is the escrow's. */
export type EscrowOperation =
  | {
      readonly type: 'escrow-fund'
      readonly id: OperationId
      readonly payee: AccountId
      readonly amount: TokenAmount
      /** From then on the rest may go back to the payer, unless disputed. */
      readonly timeoutAtMs: number
      /** Absent: nobody can be asked, and the timeout decides. */
      readonly arbiter?: AccountId
      /** SHA-256 of what was agreed. */
      readonly terms: Hash256
    }
  /** By the payer: this much, or all that is left, to the payee. */
  | {
      readonly type: 'escrow-release'
      readonly id: OperationId
      readonly escrow: OperationId
      readonly amount: TokenAmount
    }
  /** The rest to the payer: by the payee at any time, by anyone after the timeout. */
  | { readonly type: 'escrow-refund'; readonly id: OperationId; readonly escrow: OperationId }
  /** By payer or payee, before the timeout. `evidence` is the SHA-256 of the bundle the arbiter gets. */
  | {
      readonly type: 'escrow-dispute'
      readonly id: OperationId
      readonly escrow: OperationId
      readonly evidence: Hash256
    }
  /** By the arbiter: so much of the rest to the payee, the remainder to the payer. */
  | {
      readonly type: 'escrow-rule'
      readonly id: OperationId
      readonly escrow: OperationId
      readonly toPayee: TokenAmount
      readonly ruling: Hash256
    }

/** Only where the genesis mints by deposits. All but withdraw and withdraw-cancel are the operator's. */
export type DepositOperation =
  /** Seen on the chain but not final yet. `source` is the SHA-256 of chain, transaction and log index. */
  | {
      readonly type: 'deposit-see'
      readonly id: OperationId
      readonly source: Hash256
      readonly to: AccountId
      readonly amount: TokenAmount
    }
  | {
      readonly type: 'deposit-settle'
      readonly id: OperationId
      readonly source: Hash256
      readonly result: 'credited' | 'dropped'
    }
  /** Agrees to both ends: gone to `to` when the chain says so, back to the account when not. */
  | {
      readonly type: 'withdraw'
      readonly id: OperationId
      /** An account on the chain that the genesis names. */
      readonly to: AccountId
      readonly amount: TokenAmount
    }
  /** By the account or the operator, as long as nothing was sent. */
  | { readonly type: 'withdraw-cancel'; readonly id: OperationId; readonly withdrawal: OperationId }
  /** Recorded before the transaction is broadcast: from now on the chain decides. */
  | {
      readonly type: 'withdraw-send'
      readonly id: OperationId
      readonly withdrawal: OperationId
      readonly transaction: Hash256
    }
  | {
      readonly type: 'withdraw-settle'
      readonly id: OperationId
      readonly withdrawal: OperationId
      readonly result: 'sent' | 'failed'
    }

/** Whom an air-drop is for: what its list was made by. 'invite' is also checked at each claim. */
export type CampaignGate =
  | { readonly type: 'invite' }
  | { readonly type: 'passkey' }
  | { readonly type: 'balance'; readonly height: number; readonly minimum: TokenAmount }

/** An air-drop. The id of the proposal is the campaign's. */
export type CampaignOperation =
  /** Locks the pool. `root` is of OpenZeppelin's tree over (index, account, amount), `grantCount` leaves. */
  | {
      readonly type: 'campaign-propose'
      readonly id: OperationId
      readonly purpose: 'gift' | 'seeding'
      readonly approver: AccountId
      readonly root: Hash256
      readonly grantCount: number
      readonly pool: TokenAmount
      readonly endsAtMs: number
      readonly gates: readonly CampaignGate[]
    }
  /** By the approver, who names the root that was looked at. */
  | {
      readonly type: 'campaign-approve'
      readonly id: OperationId
      readonly campaign: OperationId
      readonly root: Hash256
    }
  /** By anyone: the leaf says who gets it. */
  | {
      readonly type: 'campaign-claim'
      readonly id: OperationId
      readonly campaign: OperationId
      readonly index: number
      readonly to: AccountId
      readonly amount: TokenAmount
      readonly proof: readonly Hash256[]
    }
  /** What is left of the pool to the proposer: by anyone after the end, by the proposer before the approval. */
  | { readonly type: 'campaign-end'; readonly id: OperationId; readonly campaign: OperationId }

export type LedgerOperation = TransferOperation | LaneOperation | EscrowOperation | DepositOperation | CampaignOperation

/** An operation as it is sent and kept: the account is part of what is signed, and its key is the one that signed. */
export interface SignedOperation {
  readonly account: AccountId
  readonly operation: LedgerOperation
  readonly signature: Signature
}

/** 'final' is beyond undoing; 'pending' is accepted and visible but may still come to nothing (chains). */
export interface OperationOutcome {
  readonly status: 'pending' | 'final'
  /** Of a lane operation: the lanes it changed, after it. A claim leaves out what brought nothing new. */
  readonly lanes?: readonly Lane[]
  /** What it cost besides the amount moved. */
  readonly fee: TokenAmount
}

export interface LedgerAccount {
  /** Free to spend; never negative. */
  readonly available: TokenAmount
  /** In lanes, escrows and air-drops of this payer, neither claimed nor returned yet. */
  readonly locked: TokenAmount
  /** Withdrawn, but neither gone nor back yet. */
  readonly leaving: TokenAmount
  /** Seen on the chain, but not credited: not this account's yet, and may come to nothing. */
  readonly arriving: TokenAmount
}

/** Errors of all: ledger-unreachable (may or may not have happened: ask again with the same id), interrupted. */
export interface Ledger {
  readonly rail: RailId
  readonly symbol: TokenSymbol
  readonly domain: SigningDomain
  /** The ledger's own time, the only one that expiry and challenge windows go by. */
  timeMs(signal: AbortSignal): Promise<Result<number>>
  account(account: AccountId, signal: AbortSignal): Promise<Result<LedgerAccount>>
  /** One that has ended, too, as long as it is remembered: a ledger does. Undefined: no such lane. */
  lane(lane: LaneId, signal: AbortSignal): Promise<Result<KnownLane | undefined>>
  /**
   * Carries out one operation signed by its account. The same id and body again answers as the first time; the same
   * id with another body is ledger-conflict. Errors besides: funds-insufficient, lane-closed, voucher-invalid,
   * signature-invalid, ledger-refused. After any of these nothing has changed.
   */
  submit(operation: SignedOperation, signal: AbortSignal): Promise<Result<OperationOutcome>>
  /** What became of an operation, also after a restart; undefined: never seen. */
  outcome(id: OperationId, signal: AbortSignal): Promise<Result<OperationOutcome | undefined>>
  /**
   * Called with each lane of the account that has not ended, soon and after each reconnection, and with each change of
   * one; may repeat one, never lose one while connected. Returns the way to leave.
   */
  watchLanes(account: AccountId, listener: (lane: Lane) => void): () => void
}
