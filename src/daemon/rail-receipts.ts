// What the operator of a ledger signs for an account when it is asked, and whether a receipt is its own: of a ledger that
// is open here, or of one that is reached. Guarantees: a receipt that others show is checked without asking anybody.
import { type Result, success } from '../base/errors.ts'
import type { SignedReceipt } from '../formats/money/receipt.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import { checkReceipt } from '../ledger/receipts.ts'
import type { AccountId, LaneId } from '../ports/ledger.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import type { EmbeddedLedger } from '../rails/embedded-ledger.ts'
import { unlessAborted } from '../rails/unless-aborted.ts'
import type { RailReceipts } from '../session/speed-ports.ts'

/** What it attests, signed. One that is reached is such a one itself. */
export interface AttestingLedger {
  attestAccount(account: AccountId, signal: AbortSignal): Promise<Result<SignedReceipt>>
  /** Undefined: there is no such lane. */
  attestLane(lane: LaneId, signal: AbortSignal): Promise<Result<SignedReceipt | undefined>>
}

/** One that is open here. */
export function attestsHere(ledger: EmbeddedLedger): AttestingLedger {
  return {
    async attestAccount(account, signal) {
      const attested = await unlessAborted(ledger.attestAccount(account), signal)
      return attested.ok ? success(attested.value.receipt) : attested
    },
    async attestLane(lane, signal) {
      const attested = await unlessAborted(ledger.attestLane(lane), signal)
      if (!attested.ok) return attested
      return success(attested.value.lane === undefined ? undefined : attested.value.receipt)
    },
  }
}

/** `account` is the one whose balance is asked for. */
export function railReceipts(
  ledger: AttestingLedger,
  facts: LedgerFacts,
  account: AccountId,
  scheme: SignatureScheme,
): RailReceipts {
  return {
    balance: (signal) => ledger.attestAccount(account, signal),
    lane: (lane, signal) => ledger.attestLane(lane, signal),
    check: (receipt) => checkReceipt(receipt, facts, scheme),
  }
}
