// What both sides of a lane ask of the world outside, and what comes back. Each request has a ticket, with which its
// answer comes; a crash in between loses requests and answers alike, and the store has what is needed to begin again.
// Types only.
import type { Failure, Result } from '../base/errors.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import type {
  AccountId,
  Lane,
  LaneId,
  OperationId,
  OperationOutcome,
  Signature,
  SignedOperation,
  SignedVoucher,
} from '../ports/ledger.ts'
import type { SigningRequest } from '../ports/signer.ts'
import type { StoreChange } from '../ports/store.ts'
import type { PayeeMessage, PayerMessage } from './lane-messages.ts'
import type { FreezeReason, Loss } from './lane-records.ts'

export type PaymentRequest =
  /** Durable, in the order of these requests. */
  | { readonly type: 'commit'; readonly ticket: number; readonly changes: readonly StoreChange[] }
  | { readonly type: 'sign'; readonly ticket: number; readonly request: SigningRequest }
  | { readonly type: 'submit'; readonly ticket: number; readonly operation: SignedOperation }
  | { readonly type: 'look-up'; readonly ticket: number; readonly lane: LaneId }
  | { readonly type: 'ask-time'; readonly ticket: number }

export type PaymentAnswer =
  | { readonly type: 'committed'; readonly ticket: number; readonly result: Result<void> }
  | { readonly type: 'signed'; readonly ticket: number; readonly result: Result<Signature> }
  | { readonly type: 'submitted'; readonly ticket: number; readonly result: Result<OperationOutcome> }
  /** Undefined: the rail has no such lane, or it has ended. */
  | { readonly type: 'looked-up'; readonly ticket: number; readonly result: Result<Lane | undefined> }
  | { readonly type: 'time-told'; readonly ticket: number; readonly result: Result<number> }
  /** From watching the rail, unasked; may repeat. */
  | { readonly type: 'lane-seen'; readonly lane: Lane }

interface Tell<Message> {
  readonly type: 'tell'
  readonly to: AccountId
  readonly message: Message
}

/** For the owner and for who decides whom to serve; nothing has to be answered. */
type PaymentNotice =
  /** Nothing was asked or promised since: the store refused, so begin again from what it has. The machine is still. */
  | { readonly type: 'halted'; readonly failure: Failure }
  /** The rail does not answer, since this steady time; Infinity: it does again. */
  | { readonly type: 'unreachable'; readonly sinceMs: number }
  /** What became of an operation, for good. */
  | { readonly type: 'done'; readonly id: OperationId; readonly result: Result<OperationOutcome> }
  | { readonly type: 'refused'; readonly account: AccountId; readonly failure: Failure }

export type PayerNotice =
  | PaymentNotice
  | { readonly type: 'lane-open'; readonly payee: AccountId; readonly lane: LaneId }
  /** What was paid ahead, a tick at most, when the connection went: whom that happens with often is not bought from. */
  | { readonly type: 'ahead-lost'; readonly payee: AccountId; readonly amount: TokenAmount }
  /** It would have changed what is agreed already. */
  | { readonly type: 'price-refused'; readonly payee: AccountId; readonly fromByte: number }
  | { readonly type: 'budget-spent'; readonly payee: AccountId; readonly budget: string }
  | {
      readonly type: 'lane-frozen'
      readonly payee: AccountId
      readonly lane: LaneId
      readonly reason: FreezeReason
      readonly signed: TokenAmount
    }
  /** `isCertain` false: the rail no longer says what was claimed, and this is the most it can be. */
  | {
      readonly type: 'lane-ended'
      readonly payee: AccountId
      readonly lane: LaneId
      readonly spent: TokenAmount
      readonly isCertain: boolean
    }
  /** Of a lane that is paid on by hand: to be handed over. */
  | { readonly type: 'voucher-signed'; readonly payee: AccountId; readonly voucher: SignedVoucher }
  /** The payee shows a voucher that this account never signed. */
  | { readonly type: 'forged-voucher'; readonly payee: AccountId; readonly lane: LaneId }

export type AlarmReason =
  /** Same amount, other signature: two signers are at work on one key. */
  | 'equal-different'
  /** Less than before: a restored payer, or an old message. */
  | 'lower'

export type PayeeNotice =
  | PaymentNotice
  | { readonly type: 'voucher-alarm'; readonly payer: AccountId; readonly lane: LaneId; readonly reason: AlarmReason }
  | { readonly type: 'default'; readonly payer: AccountId; readonly unpaid: TokenAmount }
  | { readonly type: 'cashed'; readonly payer: AccountId; readonly lane: LaneId; readonly amount: TokenAmount }
  | { readonly type: 'lost'; readonly loss: Loss }
  /** By our count of its time the lane has expired, and the rail cannot be asked: it is tried on. */
  | { readonly type: 'overdue'; readonly payer: AccountId; readonly lane: LaneId; readonly amount: TokenAmount }

/**
 * What counts as spending no more, by the id of its operation or lane: told before the commit that forgets it, so that it
 * does not count for ever if the program dies in between. The same may be told again.
 */
export interface Settlement {
  readonly type: 'settle'
  readonly id: OperationId | LaneId
  readonly outcome:
    | { readonly type: 'refused' }
    /** Of a lane: so much of it is gone, at most. */
    | { readonly type: 'ended'; readonly kept: TokenAmount }
}

export type PayerOutput =
  | PaymentRequest
  | Settlement
  | Tell<PayerMessage>
  | { readonly type: 'notice'; readonly notice: PayerNotice }
export type PayeeOutput =
  | PaymentRequest
  | Tell<PayeeMessage>
  | { readonly type: 'notice'; readonly notice: PayeeNotice }
