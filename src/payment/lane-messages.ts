// What payer and payee of lanes tell each other, as values; how they look on the wire is the Speed extension's. All may be
// lost, come twice or late: what matters is said again until it is answered. Types only.
import type { ErrorCode } from '../base/errors.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import type { LaneId, SignedVoucher } from '../ports/ledger.ts'

export type PayerMessage =
  /** The lanes it would pay on, what it has signed of each, and what it owes beyond that by its own count. */
  | { readonly type: 'hello'; readonly lanes: readonly PayerMark[]; readonly unpaid: TokenAmount }
  | { readonly type: 'voucher'; readonly voucher: SignedVoucher }
  /** Nothing more comes on these lanes: the payee may close them. */
  | { readonly type: 'finish'; readonly lanes: readonly LaneId[] }

export type PayeeMessage =
  /** What it holds of each lane it knows. `windowBytes`: how much it sends ahead of payment; 0: nothing. */
  | { readonly type: 'present'; readonly lanes: readonly PayeeMark[]; readonly windowBytes: number }
  /** A voucher is on its disk. */
  | {
      readonly type: 'acknowledge'
      readonly lane: LaneId
      readonly cumulativeAmount: TokenAmount
      readonly windowBytes: number
    }
  | { readonly type: 'refuse'; readonly lane: LaneId; readonly code: ErrorCode }

interface PayerMark {
  readonly lane: LaneId
  readonly signed: TokenAmount
}

export interface PayeeMark {
  readonly lane: LaneId
  readonly voucher?: SignedVoucher
}

/** Lanes in one message; who lists more is not listened to. */
export const maxMarks = 16
