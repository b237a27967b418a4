// What an operation counts as spending: what leaves the account's own hands, or is locked so that it may.
// Guarantees: nothing counts twice. A deposit counts when it is locked, so vouchers within it do not; what an escrow
// releases counted when it was funded; what comes back is given back (spending-book.ts). Pure.
import { equalBytes } from '../base/bytes.ts'
import { type TokenAmount, type TokenSymbol, zeroAmount } from '../base/token-amount.ts'
import { accountAddress } from '../formats/money/account-id.ts'
import type { AccountId, LaneId, LedgerOperation } from '../ports/ledger.ts'

/** What the owner's choice of a rail brings with it; of a ledger its genesis says so. */
export interface RailTerms {
  readonly symbol: TokenSymbol
  readonly fees: { readonly transfer: TokenAmount; readonly open: TokenAmount; readonly withdrawal: TokenAmount }
}

export interface Charge {
  /** May come back: the rest of a lane, a failed withdrawal. */
  readonly amount: TokenAmount
  /** Comes back only if the operation is refused. */
  readonly fee: TokenAmount
  /** For whom it is paid or locked. */
  readonly payee?: AccountId
  /** Locked until it ends, or gone at once. */
  readonly kind: 'gone' | 'locked' | 'lane'
  /** The lane it is added to. */
  readonly lane?: LaneId
}

/** Undefined: no spending. */
export function chargeOf(operation: LedgerOperation, account: AccountId, terms: RailTerms): Charge | undefined {
  const { fees } = terms
  switch (operation.type) {
    case 'transfer':
      if (operation.to === account) return undefined
      return { kind: 'gone', amount: operation.amount, fee: fees.transfer, payee: operation.to }
    case 'burn':
      return { kind: 'gone', amount: operation.amount, fee: zeroAmount }
    case 'open-lane':
    case 'open-and-award':
      return { kind: 'lane', amount: operation.deposit, fee: fees.open, payee: operation.payee }
    case 'top-up-lane':
      return { kind: 'locked', amount: operation.amount, fee: zeroAmount, lane: operation.lane }
    case 'escrow-fund':
      return { kind: 'locked', amount: operation.amount, fee: fees.open, payee: operation.payee }
    case 'withdraw': {
      const isOwn = equalBytes(accountAddress(operation.to), accountAddress(account))
      const amount = isOwn ? zeroAmount : operation.amount
      return { kind: 'locked', amount, fee: fees.withdrawal, ...(isOwn ? {} : { payee: operation.to }) }
    }
    case 'campaign-propose':
      return { kind: 'locked', amount: operation.pool, fee: fees.open }
    default:
      // Collecting, closing, releasing what counted before, deciding on what is others', and the operator's duties.
      return undefined
  }
}
