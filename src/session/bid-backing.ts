// What backs a bid: a receipt of the ledger's operator for the bidder's balance, or for a lane of its to the provider.
// Pure but for the rail's check of signatures.
import { type TokenAmount, tokenAmount } from '../base/token-amount.ts'
import type { SignedReceipt } from '../formats/money/receipt.ts'
import type { AccountId } from '../ports/ledger.ts'
import type { SpeedRailDesk } from './speed-rail-desk.ts'

/** What is free of it; undefined: it backs nothing of this bidder's. */
export function backingOf(
  receipt: SignedReceipt,
  bidder: AccountId,
  { receipts, account }: Pick<SpeedRailDesk, 'receipts' | 'account'>,
): TokenAmount | undefined {
  const checked = receipts.check(receipt)
  if (!checked.ok) return undefined
  const said = checked.value
  if (said.type === 'balance') return said.account === bidder ? said.available : undefined
  if (said.type !== 'lane') return undefined
  const { payer, payee, deposit, claimed, state } = said.lane
  const isIts = payer === bidder && payee === account && state.type === 'open'
  return isIts ? tokenAmount(deposit - claimed) : undefined
}
