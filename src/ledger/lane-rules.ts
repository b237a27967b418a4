// Rules of lanes, one-way payment channels: opening, topping up, claiming vouchers, closing. Pure.
// Guarantees: a lane's deposit is locked before the lane exists, so no voucher within it ever bounces (P4); only larger
// vouchers by the payer count, up to the deposit (P3); in the challenge window the later one wins (P5); time is the
// ledger's own (P16); how many lanes a payer has, and how much with one payee, is bounded (P9).
import { unreachable } from '../base/assert.ts'
import { type Failure, failure } from '../base/errors.ts'
import { addAmounts, subtractAmounts, type TokenAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256, Lane, LaneId, LaneOperation, OperationId, SignedVoucher } from '../ports/ledger.ts'
import { type Draft, refuse } from './draft.ts'
import { dueAtMs } from './entry.ts'

type Of<Type> = Extract<LaneOperation, { readonly type: Type }>

const maxVouchers = 256

export function decideLane(draft: Draft, operation: LaneOperation): Failure | undefined {
  switch (operation.type) {
    case 'open-lane':
      return open(draft, operation, undefined)
    case 'open-and-award':
      return open(draft, operation, operation.award)
    case 'top-up-lane':
      return topUp(draft, operation)
    case 'claim':
      return claim(draft, operation)
    case 'payee-close':
      return payeeClose(draft, operation)
    case 'request-close':
      return requestClose(draft, operation)
    case 'close':
      return close(draft, operation)
    default:
      return unreachable(operation)
  }
}

function unknownLane(): Failure {
  return failure('lane-closed', 'no such lane, or it is closed')
}

function open(
  draft: Draft,
  { id, payee, deposit, expiresAtMs }: Of<'open-lane' | 'open-and-award'>,
  award: Hash256 | undefined,
): Failure | undefined {
  const { account: payer, state, timeMs } = draft
  const { limits, challengeMs, fees } = draft.facts.genesis
  if (!draft.isAccount(payee)) return refuse('the payee is not an account of this ledger')
  if (payee === payer) return refuse('a lane to oneself')
  if (deposit === 0n || deposit < limits.minDeposit) return refuse(`a deposit under ${limits.minDeposit} base units`)
  if (expiresAtMs < timeMs + challengeMs) return refuse('a lane that expires within its challenge window')
  if (expiresAtMs > timeMs + limits.maxLaneMs) return refuse(`a lane of over ${limits.maxLaneMs} ms`)
  if (state.account(payer).lanes >= limits.maxLanesPerPayer) return refuse('too many lanes of this payer')
  if (state.pair(payer, payee).lanes >= limits.maxLanesPerPair) return refuse('too many lanes to this payee')
  const conflict = draft.idConflict('lane')
  if (conflict !== undefined) return conflict
  const excess = excessWith(draft, payer, payee, deposit)
  if (excess !== undefined) return excess
  draft.hold({
    type: 'lane',
    value: {
      id: laneIdOf(id),
      payer,
      payee,
      deposit,
      claimed: 0n as TokenAmount,
      expiresAtMs,
      state: { type: 'open' },
      ...(award === undefined ? {} : { award }),
    },
  })
  draft.credit(payer, -deposit)
  draft.charge(fees.open)
  return undefined
}

/** Of the operation that opens it. */
function laneIdOf(id: OperationId): LaneId {
  return id as string as LaneId
}

/** What one payee could keep locked is a share of all that the payer has (P9). */
function excessWith(draft: Draft, payer: AccountId, payee: AccountId, deposit: TokenAmount): Failure | undefined {
  const { available, locked } = draft.state.account(payer)
  const withPayee = draft.state.pair(payer, payee).locked + deposit
  const permille = BigInt(draft.facts.genesis.limits.maxPeerPermille)
  if (withPayee * 1000n <= permille * (available + locked)) return undefined
  if (deposit > available) return undefined
  return refuse(`over ${permille} thousandths of what the payer has would be locked for one payee`)
}

function topUp(draft: Draft, { lane: id, amount }: Of<'top-up-lane'>): Failure | undefined {
  const lane = draft.lane(id)
  if (lane === undefined) return unknownLane()
  if (lane.payer !== draft.account) return refuse('only the payer tops up a lane')
  if (amount === 0n) return refuse('a top-up of nothing')
  if (lane.state.type !== 'open' || draft.timeMs >= lane.expiresAtMs) {
    return failure('lane-closed', 'the lane is closing or has expired')
  }
  const excess = excessWith(draft, lane.payer, lane.payee, amount)
  if (excess !== undefined) return excess
  draft.credit(lane.payer, -amount)
  // Over 256 bits only when it is over what anyone has.
  const deposit = lane.deposit + amount <= draft.facts.genesis.supplyCap ? addAmounts(lane.deposit, amount) : undefined
  if (deposit === undefined) return failure('funds-insufficient', 'a top-up of more than there is')
  draft.hold({ type: 'lane', value: { ...lane, deposit } })
  return undefined
}

/**
 * What a voucher still pays. Undefined: nothing new in it, or too late for it, which harms nobody.
 * Errors: voucher-invalid for one that was never good.
 */
function dueOf(draft: Draft, voucher: SignedVoucher, signer: AccountId | undefined): Failure | Lane | undefined {
  const lane = draft.lane(voucher.lane)
  if (lane === undefined || draft.timeMs >= dueAtMs({ type: 'lane', value: lane })) return undefined
  if (signer !== lane.payer) return failure('voucher-invalid', 'a voucher that the payer of the lane did not sign')
  const { cumulativeAmount } = voucher
  if (cumulativeAmount > lane.deposit) return failure('voucher-invalid', 'a voucher over the deposit of its lane')
  return cumulativeAmount > lane.claimed ? lane : undefined
}

function isFailure(value: Failure | Lane): value is Failure {
  return 'ok' in value
}

function payVoucher(draft: Draft, lane: Lane, voucher: SignedVoucher): void {
  draft.hold({ type: 'lane', value: { ...lane, claimed: voucher.cumulativeAmount } })
  draft.payOut(lane.payee, subtractAmounts(voucher.cumulativeAmount, lane.claimed))
}

/** What brings nothing new is passed over, so that nobody can spoil a batch by claiming one of it first. */
function claim(draft: Draft, { vouchers }: Of<'claim'>): Failure | undefined {
  if (vouchers.length === 0 || vouchers.length > maxVouchers) return refuse(`not 1 to ${maxVouchers} vouchers`)
  let paid = 0
  let open = 0
  for (const [index, voucher] of vouchers.entries()) {
    const lane = dueOf(draft, voucher, draft.statement.voucherSigners[index])
    if (draft.lane(voucher.lane) !== undefined) open++
    if (lane === undefined) continue
    if (isFailure(lane)) return lane
    payVoucher(draft, lane, voucher)
    paid++
  }
  if (paid > 0) return undefined
  return open === 0 ? unknownLane() : failure('voucher-invalid', 'no voucher is larger than the last, or all are late')
}

function payeeClose(draft: Draft, { lane: id, last }: Of<'payee-close'>): Failure | undefined {
  const lane = draft.lane(id)
  if (lane === undefined) return unknownLane()
  if (lane.payee !== draft.account) return refuse('only the payee gives up the rest of a lane')
  if (last !== undefined) {
    if (last.lane !== id) return failure('voucher-invalid', 'the voucher is of another lane')
    const due = dueOf(draft, last, draft.statement.voucherSigners[0])
    if (due !== undefined && isFailure(due)) return due
    if (due !== undefined) payVoucher(draft, due, last)
    else if (last.cumulativeAmount > lane.claimed) return failure('lane-closed', 'the voucher comes too late')
  }
  end(draft, draft.lane(id) ?? lane)
  return undefined
}

function requestClose(draft: Draft, { lane: id }: Of<'request-close'>): Failure | undefined {
  const lane = draft.lane(id)
  if (lane === undefined) return unknownLane()
  if (lane.payer !== draft.account) return refuse('only the payer asks to close a lane')
  if (lane.state.type !== 'open') return refuse('the lane is closing already')
  const closesAtMs = Math.min(draft.timeMs + draft.facts.genesis.challengeMs, lane.expiresAtMs)
  draft.hold({ type: 'lane', value: { ...lane, state: { type: 'closing', closesAtMs } } })
  return undefined
}

function close(draft: Draft, { lane: id }: Of<'close'>): Failure | undefined {
  const lane = draft.lane(id)
  if (lane === undefined) return unknownLane()
  const dueMs = dueAtMs({ type: 'lane', value: lane })
  if (draft.timeMs < dueMs) return refuse(`the lane may be closed from ${dueMs} on, in the ledger's time`)
  end(draft, lane)
  return undefined
}

/** The rest returns to the payer. */
function end(draft: Draft, lane: Lane): void {
  draft.hold({ type: 'lane', value: { ...lane, state: { type: 'closed' } } })
  draft.credit(lane.payer, lane.deposit - lane.claimed)
}
