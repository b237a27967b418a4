// Receipts that a peer shows instead of the ledger being asked: of the lane that it pays on, of what backs its bid.
// Guarantees: only what the operator of that ledger signed is believed, and only of the accounts that it is about; nobody is
// asked, and whatever is shown, nothing throws. A receipt says what was so at its time: the ledger may have gone on. Pure.
import { failure, type Result, success } from '../base/errors.ts'
import { type TokenAmount, tokenAmount } from '../base/token-amount.ts'
import { accountRail } from '../formats/money/account-id.ts'
import type { LedgerReceipt, SignedReceipt } from '../formats/money/receipt.ts'
import type { AccountId, Lane, RailId } from '../ports/ledger.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import { checkReceipt, type ReceiptLedger } from './receipts.ts'

/** The ledger that both sides agreed on. */
export interface AgreedLedger extends ReceiptLedger {
  readonly rail: RailId
}

/** Who pays whom on this connection. */
export interface LaneParties {
  readonly payer: AccountId
  readonly payee: AccountId
}

export interface ShownLane {
  /** Open or closing, as it was. */
  readonly lane: Lane
  readonly height: number
  /** The ledger's time then. An open lane ends no sooner than its challenge window later, but by its payee. */
  readonly ledgerMs: number
}

function accountsOf(receipt: LedgerReceipt): readonly AccountId[] {
  if (receipt.type === 'lane') return [receipt.lane.payer, receipt.lane.payee]
  return receipt.type === 'head' ? [] : [receipt.account]
}

/** Errors: account-invalid (of another ledger), signature-invalid. */
function checkShown(signed: SignedReceipt, ledger: AgreedLedger, scheme: SignatureScheme): Result<LedgerReceipt> {
  const isHere = accountsOf(signed.receipt).every((account) => accountRail(account) === ledger.rail)
  return isHere ? checkReceipt(signed, ledger, scheme) : failure('account-invalid', 'a receipt of another ledger')
}

/**
 * A lane of the payer to the payee. Errors: signature-invalid (not the operator of this ledger), account-invalid (others
 * pay, or are paid), lane-closed (it had ended or expired by then), statement-malformed (no receipt of a lane).
 */
export function checkShownLane(
  signed: SignedReceipt,
  ledger: AgreedLedger,
  { payer, payee }: LaneParties,
  scheme: SignatureScheme,
): Result<ShownLane> {
  const checked = checkShown(signed, ledger, scheme)
  if (!checked.ok) return checked
  const receipt = checked.value
  if (receipt.type !== 'lane') return failure('statement-malformed', 'not the receipt of a lane')
  const { lane, height, timeMs: ledgerMs } = receipt
  if (lane.payer !== payer || lane.payee !== payee) return failure('account-invalid', 'a lane between other accounts')
  if (lane.state.type === 'closed' || ledgerMs >= lane.expiresAtMs) {
    return failure('lane-closed', 'the lane had ended by the time of its receipt')
  }
  return success({ lane, height, ledgerMs })
}

/**
 * How much of a bid a receipt backs: the bidder's free balance, or what is left of its lane to the provider. Errors: as
 * checkShownLane; account-invalid also for the balance of another account.
 */
export function backingOf(
  signed: SignedReceipt,
  ledger: AgreedLedger,
  bidder: AccountId,
  provider: AccountId,
  scheme: SignatureScheme,
): Result<TokenAmount> {
  if (signed.receipt.type === 'lane') {
    const shown = checkShownLane(signed, ledger, { payer: bidder, payee: provider }, scheme)
    if (!shown.ok) return shown
    const { deposit, claimed } = shown.value.lane
    return success(tokenAmount(deposit - claimed))
  }
  const checked = checkShown(signed, ledger, scheme)
  if (!checked.ok) return checked
  const receipt = checked.value
  if (receipt.type !== 'balance')
    return failure('statement-malformed', 'neither the receipt of a balance nor of a lane')
  if (receipt.account !== bidder) return failure('account-invalid', 'the balance of another account')
  return success(receipt.available)
}
