// One lane and one tab of a payee, as they are in memory, and whether a voucher is accepted (P3). Pure but for its tabs.
// Guarantees: a voucher counts only if it is strictly larger than all before, within the deposit, signed by the payer and
// early enough to be cashed; the same again is fine; same amount and other signature, or less, is an alarm.
import { equalBytes } from '../base/bytes.ts'
import { type Failure, failure } from '../base/errors.ts'
import { addAmounts, subtractAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import { accountAddress } from '../formats/money/account-id.ts'
import { voucherDigest } from '../formats/money/voucher-digest.ts'
import type { AccountId, LaneId, OperationId, SignedVoucher } from '../ports/ledger.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import type { ExposureWindow } from './exposure-window.ts'
import type { PayerMessage } from './lane-messages.ts'
import type { PayeeLane } from './lane-records.ts'
import type { AlarmReason } from './payment-events.ts'
import type { PriceMeter } from './price-meter.ts'
import { paysUntilMs, type RailTerms } from './rail-terms.ts'

export interface PayeeEntry {
  record: PayeeLane
  /** Of `record.newest`, what is on the disk and counts as paid. */
  counted: TokenAmount
  isDirty: boolean
  /** The payer said that nothing more comes, or was away for long: it is closed, and the rest is the payer's. */
  isFinished: boolean
  operation: OperationId | undefined
  /** The operation closes it, with the newest voucher of that moment. */
  isClosing: boolean
  /** Claimed by itself, as a batch with it was refused. */
  isAlone: boolean
  claimAtMs: number
  attempts: number
  lookAtMs: number
  isLooking: boolean
  saidOverdue: boolean
}

export interface PayeeTab {
  readonly number: number
  readonly payer: AccountId
  network: string
  /** Bytes sent; counts from 0 with each connection. */
  meter: PriceMeter
  /** Of what the meter counts, by vouchers on the disk. */
  paid: TokenAmount
  readonly window: ExposureWindow
  /** What it has out of the pool for newcomers. */
  pooledBytes: number
  isAttached: boolean
  /** Connected, but not agreed yet on what was owed before: nothing is served. */
  isResuming: boolean
  hello: Extract<PayerMessage, { readonly type: 'hello' }> | undefined
  /** Lanes it spoke of that the rail is being asked about. */
  readonly looking: Set<LaneId>
  strangeLanes: number
  /** Since when it can be served no block more without a payment; Infinity: it can. */
  exhaustedSinceMs: number
  /** Owed when this connection began, until both agree on it; no longer part of the meter. */
  before: TokenAmount
  /** Of what is unpaid, what is remembered as a default already. */
  writtenOff: TokenAmount
  detachedAtMs: number
  /** How far it may be served, as a count of the meter. */
  limitBytes: number
  /** Of the meter's count, what is paid for. */
  paidBytes: number
  /** The count of the meter at `sampleAtMs`, of which is watched when it is paid for; Infinity: of none. */
  sampleBytes: number
  sampleAtMs: number
  /** The last one that was not nothing. */
  pricePerMiB: TokenAmount
  poolAtMs: number
  wakeMs: number
}

export type VoucherVerdict =
  | { readonly type: 'accepted' }
  | { readonly type: 'same' }
  | { readonly type: 'alarm'; readonly reason: AlarmReason }
  | { readonly type: 'refused'; readonly failure: Failure }

export function newPayeeEntry(record: PayeeLane, nowMs: number): PayeeEntry {
  return {
    record,
    counted: heldOf(record),
    isDirty: false,
    isFinished: false,
    operation: undefined,
    isClosing: false,
    isAlone: false,
    claimAtMs: Number.NEGATIVE_INFINITY,
    attempts: 0,
    lookAtMs: nowMs,
    isLooking: false,
    saidOverdue: false,
  }
}

/** What the payee has of a lane, in hand or cashed. */
export function heldOf({ newest, claimed }: PayeeLane): TokenAmount {
  const inHand = newest?.cumulativeAmount ?? zeroAmount
  return inHand > claimed ? inHand : claimed
}

export function unclaimedOf(record: PayeeLane): TokenAmount {
  return (heldOf(record) - record.claimed) as TokenAmount
}

export function unpaidOf({ meter, paid, before }: PayeeTab): TokenAmount {
  const owed = addAmounts(meter.owed(), before)
  return owed > paid ? subtractAmounts(owed, paid) : zeroAmount
}

/** `ledgerMs`: the rail's time. */
export function judgeVoucher(
  record: PayeeLane,
  voucher: SignedVoucher,
  ledgerMs: number,
  terms: RailTerms,
  scheme: SignatureScheme,
): VoucherVerdict {
  const { newest, deposit, payer, lane, expiresAtMs, state } = record
  const { cumulativeAmount, signature } = voucher
  const isRepeated = newest?.cumulativeAmount === cumulativeAmount && equalBytes(newest.signature, signature)
  if (isRepeated && voucher.lane === lane) return { type: 'same' }
  const refuse = (detail: string): VoucherVerdict => ({ type: 'refused', failure: failure('voucher-invalid', detail) })
  if (voucher.lane !== lane) return refuse('the voucher is of another lane')
  if (cumulativeAmount > deposit) return refuse('the voucher is over the deposit of its lane')
  const signer = scheme.recover(voucherDigest(voucher, terms.domain), signature)
  if (!signer.ok) return refuse(signer.detail)
  if (!equalBytes(signer.value, accountAddress(payer))) return refuse('the payer of the lane did not sign the voucher')
  if (newest !== undefined && cumulativeAmount === newest.cumulativeAmount) {
    return { type: 'alarm', reason: 'equal-different' }
  }
  if (cumulativeAmount <= heldOf(record)) return { type: 'alarm', reason: 'lower' }
  if (state.type !== 'open') return { type: 'refused', failure: failure('lane-closed', 'the lane is closing') }
  if (ledgerMs >= paysUntilMs(expiresAtMs, terms)) return refuse('the voucher comes too late to be cashed')
  return { type: 'accepted' }
}
