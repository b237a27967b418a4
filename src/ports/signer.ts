// Port: the wallet's key, as what may be signed with it. Each kind of statement is typed, so that limits can be
// applied and the owner shown what it is; there is no way to have arbitrary bytes signed, and none to read a key.
// Cold: promises, as a wallet may be locked, elsewhere, or ask its owner. Types only.
import type { Result } from '../base/errors.ts'
import type { InfoHashV1, InfoHashV2 } from '../base/ids.ts'
import type { AccountId, LaneWaiver, LedgerOperation, RailId, Signature, SigningDomain, Voucher } from './ledger.ts'

/** What peers tell each other about bids, asks and awards. */
export interface SpeedMessage {
  readonly rail: RailId
  readonly kind: string
  readonly infoHash: InfoHashV1 | InfoHashV2 | undefined
  /** Canonical bencode. */
  readonly body: Uint8Array
}

export type SigningRequest =
  /** The caller has the new amount on disk before it asks: never two amounts signed for one state of a lane. */
  | { readonly type: 'voucher'; readonly domain: SigningDomain; readonly voucher: Voucher }
  /** The payee gives up the rest of a lane: it may close at once. */
  | { readonly type: 'lane-waiver'; readonly domain: SigningDomain; readonly waiver: LaneWaiver }
  | { readonly type: 'ledger-operation'; readonly domain: SigningDomain; readonly operation: LedgerOperation }
  /** A canonical Speed message, by its kind; the kind is part of what is signed, so none passes for another. */
  | { readonly type: 'speed-message'; readonly domain: SigningDomain; readonly message: SpeedMessage }

export interface Signer {
  readonly account: AccountId
  /** Errors: wallet-locked, spending-limit, spending-refused (the owner said no), interrupted (signal). */
  sign(request: SigningRequest, signal: AbortSignal): Promise<Result<Signature>>
}
