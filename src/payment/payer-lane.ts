// One lane and one tab of a payer, as they are in memory: the record, what is under way with it, and what may be done
// with it now. A tab is the running account between two accounts; its lanes are what it is paid out of, one after another.
import type { Allowance } from '../base/allowance.ts'
import { subtractAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256, Lane, OperationId, Signature } from '../ports/ledger.ts'
import { endingWindowBytes, tickBytes } from './exposure-window.ts'
import type { PayerLane } from './lane-records.ts'
import { PriceMeter } from './price-meter.ts'
import { claimableUntilMs, paysUntilMs, type RailTerms, rollsOverAtMs, servesUntilMs } from './rail-terms.ts'

export interface PayerEntry {
  record: PayerLane
  /** Of `record.signed`; undefined: not made yet, in this run of the program. */
  signature: Signature | undefined
  /** One voucher at a time: its amount goes to the disk, then to the key. */
  voucher: 'idle' | 'persisting' | 'signing'
  signFailures: number
  signAtMs: number
  /** What the payee has on its disk. */
  acknowledged: TokenAmount
  resendAtMs: number
  resends: number
  /** The payee knows the lane and showed what it has of it: before that nothing is signed on it. */
  isConfirmed: boolean
  isEnding: boolean
  /** When the payee's time to close by itself is over; Infinity: it was not asked. */
  endByMs: number
  lookAtMs: number
  isLooking: boolean
  /** One operation on the rail at a time. */
  operation: OperationId | undefined
  closeAtMs: number
}

export interface PayerTab {
  readonly number: number
  readonly payee: AccountId
  budget: string
  award: Hash256 | undefined
  /** Counts from 0 with each connection. */
  meter: PriceMeter
  /** Of what the meter counts: by vouchers whose amount is on the disk, or on its way there. */
  paid: TokenAmount
  bytesPerSecond: number
  pieceBytes: number
  /** How far the payee goes ahead of payment; 0: it wants to be paid ahead. */
  windowBytes: number
  /** Of what is bought; near its end the payee goes less far ahead. */
  remainingBytes: number
  isAttached: boolean
  /** Nothing more will be bought; Infinity: that was not said. */
  finishedAtMs: number
  /** The payee answered since it was attached. */
  isConfirmed: boolean
  helloAtMs: number
  hellos: number
  /** A voucher is due now. */
  isDue: boolean
  /** How many may be said, anew with each connection; undefined: any number. */
  vouchers: Allowance | undefined
  /** Lanes the payee showed that no record tells of. */
  strangeLanes: number
  dueAtBytes: number
  unpaidSinceMs: number
  idleSinceMs: number
  openAtMs: number
  openFailures: number
  saidSpent: boolean
  /** How far requests may go, as a count of the meter. */
  limitBytes: number
  /** There is a lane that can pay for more than is owed, or it is paid already. */
  isFunded: boolean
  /** What lanes are to hold for something else than bytes, that will be owed; and whether they do. */
  reserved: TokenAmount
  isReserved: boolean
  readonly lanes: PayerEntry[]
  wakeMs: number
}

export function newPayerEntry(record: PayerLane, nowMs: number): PayerEntry {
  return {
    record,
    signature: undefined,
    voucher: 'idle',
    signFailures: 0,
    signAtMs: Number.NEGATIVE_INFINITY,
    acknowledged: zeroAmount,
    resendAtMs: Number.POSITIVE_INFINITY,
    resends: 0,
    isConfirmed: false,
    isEnding: record.frozen !== undefined,
    endByMs: Number.POSITIVE_INFINITY,
    lookAtMs: nowMs,
    isLooking: false,
    operation: undefined,
    closeAtMs: Number.NEGATIVE_INFINITY,
  }
}

const mebibyte = 1_048_576

/** `unpaid`: carried over from before. */
export function newPayerTab(number: number, payee: AccountId, unpaid: TokenAmount, nowMs: number): PayerTab {
  return {
    number,
    payee,
    budget: '',
    award: undefined,
    meter: new PriceMeter(unpaid, zeroAmount),
    paid: zeroAmount,
    bytesPerSecond: 0,
    pieceBytes: 0,
    windowBytes: mebibyte,
    remainingBytes: Number.MAX_SAFE_INTEGER,
    isAttached: false,
    finishedAtMs: Number.POSITIVE_INFINITY,
    isConfirmed: false,
    helloAtMs: Number.POSITIVE_INFINITY,
    hellos: 0,
    isDue: false,
    vouchers: undefined,
    strangeLanes: 0,
    dueAtBytes: 0,
    unpaidSinceMs: Number.POSITIVE_INFINITY,
    idleSinceMs: nowMs,
    openAtMs: Number.NEGATIVE_INFINITY,
    openFailures: 0,
    saidSpent: false,
    limitBytes: 0,
    isFunded: false,
    reserved: zeroAmount,
    isReserved: false,
    lanes: [],
    wakeMs: nowMs,
  }
}

/** Vouchers may be signed on it for this tab. */
export function isPayable(
  { record, isConfirmed, isEnding }: PayerEntry,
  tab: PayerTab,
  ledgerMs: number,
  terms: RailTerms,
): boolean {
  if (record.state.type !== 'open' || record.frozen !== undefined || isEnding || !isConfirmed) return false
  return record.budget === tab.budget && ledgerMs < paysUntilMs(record.expiresAtMs, terms)
}

/** It will carry requests for a while: no other lane has to be opened for them. */
export function isLasting(
  { record, isEnding }: PayerEntry,
  tab: PayerTab,
  ledgerMs: number,
  terms: RailTerms,
): boolean {
  if (record.state.type === 'closing' || record.frozen !== undefined || isEnding) return false
  return record.budget === tab.budget && ledgerMs < rollsOverAtMs(record.expiresAtMs, terms)
}

export function servesRequests(entry: PayerEntry, tab: PayerTab, ledgerMs: number, terms: RailTerms): boolean {
  return isPayable(entry, tab, ledgerMs, terms) && ledgerMs < servesUntilMs(entry.record.expiresAtMs, terms)
}

export function unpaidOf({ meter, paid }: PayerTab): TokenAmount {
  const owed = meter.owed()
  return owed > paid ? subtractAmounts(owed, paid) : zeroAmount
}

export function headroomOf({ record: { deposit, signed } }: PayerEntry): TokenAmount {
  return (deposit - signed) as TokenAmount
}

/** When nothing can be claimed of it any more, and the rest may be taken back. */
export function endsAtMs({ state, expiresAtMs }: PayerLane): number {
  return state.type === 'closing' ? claimableUntilMs({ state, expiresAtMs }) : expiresAtMs
}

/** The record after what the rail says of the lane; undefined: it says nothing new. What is asked for stays. */
export function afterRail(record: PayerLane, lane: Lane): PayerLane | undefined {
  if (lane.state.type === 'closed') return undefined
  // The rail may be heard late: deposits and claims only grow, and closing is not taken back.
  const deposit = lane.deposit > record.deposit ? lane.deposit : record.deposit
  const claimed = lane.claimed > record.claimed ? lane.claimed : record.claimed
  const state = record.state.type === 'closing' && lane.state.type === 'open' ? record.state : lane.state
  const isSame = deposit === record.deposit && claimed === record.claimed && sameState(state, record.state)
  return isSame ? undefined : { ...record, deposit, claimed, state }
}

function sameState(a: PayerLane['state'], b: PayerLane['state']): boolean {
  return a.type === b.type && (a.type !== 'closing' || b.type !== 'closing' || a.closesAtMs === b.closesAtMs)
}

/** How many verified bytes it waits for before it pays; at the end as at the beginning. */
export function tickOf({ bytesPerSecond, windowBytes, remainingBytes }: PayerTab): number {
  return tickBytes(bytesPerSecond, Math.min(windowBytes, endingWindowBytes(remainingBytes)))
}
