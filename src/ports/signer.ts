// Port: the wallet's key, as what may be signed with it. Each kind of statement is typed, so that limits can be
// applied and the owner shown what it is; there is no way to have arbitrary bytes signed, and none to read a key.
// Cold: promises, as a wallet may be locked, elsewhere, or ask its owner. Types only.
import type { Result } from '../base/errors.ts'
import type { InfoHashV1, InfoHashV2 } from '../base/ids.ts'
import type { TokenAmount, TokenSymbol } from '../base/token-amount.ts'
import type { AccountId, LaneWaiver, LedgerOperation, RailId, Signature, SigningDomain, Voucher } from './ledger.ts'

/** What peers tell each other about bids, asks and awards. */
export interface SpeedMessage {
  readonly rail: RailId
  readonly kind: string
  readonly infoHash: InfoHashV1 | InfoHashV2 | undefined
  /** Canonical bencode. */
  readonly body: Uint8Array
}

/** What a payment is for; limits go by it. Stated by this program's own rooms, never by peers. */
export interface SpendingPurpose {
  readonly torrent?: InfoHashV1 | InfoHashV2
  /** An app with a token of its own: 1 to 64 letters, digits, `.`, `_`, `-`. */
  readonly app?: string
}

export type SigningRequest =
  /** The caller has the new amount on disk before it asks: never two amounts signed for one state of a lane. */
  | {
      readonly type: 'voucher'
      readonly domain: SigningDomain
      readonly voucher: Voucher
      readonly purpose?: SpendingPurpose
    }
  /** The payee gives up the rest of a lane: it may close at once. */
  | { readonly type: 'lane-waiver'; readonly domain: SigningDomain; readonly waiver: LaneWaiver }
  | {
      readonly type: 'ledger-operation'
      readonly domain: SigningDomain
      readonly operation: LedgerOperation
      readonly purpose?: SpendingPurpose
    }
  /** A canonical Speed message, by its kind; the kind is part of what is signed, so none passes for another. */
  | {
      readonly type: 'speed-message'
      readonly domain: SigningDomain
      readonly message: SpeedMessage
      /** As whom the signer speaks: what earns is not said while earning is off, nor what spends while spending is. */
      readonly side: 'payer' | 'payee'
    }

export interface Signer {
  readonly account: AccountId
  /**
   * Errors: wallet-locked; rail-unknown; spending-off, earning-off; spending-limit (over a limit, and nobody to ask),
   * spending-refused (the owner said no); voucher-invalid (lower than one signed before); ledger-conflict (the id of
   * another operation); amount-out-of-range; those of the Store; interrupted (signal). Nothing was signed then.
   */
  sign(request: SigningRequest, signal: AbortSignal): Promise<Result<Signature>>
}

/** `transfer` bounds one payment, `peer` what is locked for one payee, `lanes` how many lanes are open. */
type SpendingLimitName = 'transfer' | 'day' | 'torrent' | 'app' | 'peer' | 'lanes'

export interface ExceededLimit {
  readonly limit: SpendingLimitName
  /** Base units; of `lanes` a number of them. */
  readonly allowed: bigint
  readonly wanted: bigint
}

/** What the owner is asked before a payment over a limit is signed. */
export interface SpendingQuestion {
  readonly account: AccountId
  readonly request: Extract<SigningRequest, { readonly type: 'voucher' | 'ledger-operation' }>
  readonly symbol: TokenSymbol
  /** Fees included. */
  readonly amount: TokenAmount
  readonly payee: AccountId | undefined
  readonly exceeded: readonly ExceededLimit[]
}

/** The person whose wallet it is. */
export interface Owner {
  /** False when they say no, or do not answer before the signal. */
  confirm(question: SpendingQuestion, signal: AbortSignal): Promise<boolean>
}
