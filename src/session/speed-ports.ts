// What Speed needs of the outside world: for each ledger its owner trusts an account, whose key signs and whose lanes are
// kept. Types only. The daemon fills it with wallet, rails and database, tests and the simulator with theirs.
import type { Result } from '../base/errors.ts'
import type { TokenSymbol } from '../base/token-amount.ts'
import type { LedgerReceipt, SignedReceipt } from '../formats/money/receipt.ts'
import type { RailTerms } from '../payment/rail-terms.ts'
import type { LaneId, Ledger } from '../ports/ledger.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import type { Signer } from '../ports/signer.ts'
import type { Store } from '../ports/store.ts'
import type { SpendingCounter } from './lane-driver.ts'

/** What an operator signs when asked, and how to tell that it did. Errors: those of the Ledger. */
export interface RailReceipts {
  /** Of the signer's own account: what is free of it covers a bid. */
  balance(signal: AbortSignal): Promise<Result<SignedReceipt>>
  /** Undefined: the ledger has no such lane. */
  lane(lane: LaneId, signal: AbortSignal): Promise<Result<SignedReceipt | undefined>>
  /** Errors: signature-invalid, or whatever says that it is not of this ledger. Asks nobody. */
  check(receipt: SignedReceipt): Result<LedgerReceipt>
}

export interface SpeedRail {
  readonly terms: RailTerms
  readonly symbol: TokenSymbol
  readonly ledger: Ledger
  readonly receipts: RailReceipts
  /** Of the account that pays and is paid there. */
  readonly signer: Signer
  /** Of lanes, awards and what is remembered of others. */
  readonly store: Store
  readonly spending?: SpendingCounter
}

export interface SpeedPorts {
  /** The most trusted first. The session owns none of them: they outlive it. */
  readonly rails: readonly SpeedRail[]
  readonly scheme: SignatureScheme
}
