// When vouchers in hand are worth a transaction: neither so early that fees eat them, nor so late that too much is at
// stake meanwhile. Guarantees: but for what would expire, fees are under 2 % of what is cashed. Pure, integers only.
import { assert } from '../base/assert.ts'
import { type TokenAmount, tokenAmount } from '../base/token-amount.ts'

/** What cashing costs: the transaction, and each lane in it. */
export interface SettlementFees {
  readonly transaction: TokenAmount
  readonly lane: TokenAmount
}

/** A lane with vouchers that were not cashed. */
interface UnsettledLane {
  readonly unpaid: TokenAmount
  /** Of two challenge windows before expiry: afterwards cashing may come too late. */
  readonly cashBeforeMs: number
}

export interface SettlementInputs {
  readonly fees: SettlementFees
  readonly lanes: readonly UnsettledLane[]
  /** a: earned lately, base units a day. */
  readonly earnedPerDay: TokenAmount
  /** The most that may be at stake; absent: as it comes. */
  readonly exposureLimit?: TokenAmount
  readonly nowMs: number
}

/** h = 5 % a day: what it costs to have a token in hand as a voucher only. */
const holdingPerDay = 20n
/** Fees are 2 %. */
const feesPerValue = 50n
/** Is less than so many fees to come until something must be cashed anyway, all is cashed then. */
const feesToCome = 64n
const dayMs = 86_400_000n

/** The largest whole number whose square is not over `value`. */
export function integerSquareRoot(value: bigint): bigint {
  assert(value >= 0n, 'a square')
  if (value < 2n) return value
  let root = 1n << (BigInt(value.toString(2).length + 1) / 2n)
  for (;;) {
    const next = (root + value / root) / 2n
    if (next >= root) return root
    root = next
  }
}

/** max(sqrt(2 g a / h), g / 2 %), g being the fees of a batch of so many lanes. */
export function settlementThreshold(fees: SettlementFees, lanes: number, earnedPerDay: TokenAmount): TokenAmount {
  const fee = feeOf(fees, lanes)
  const optimum = integerSquareRoot(2n * fee * earnedPerDay * holdingPerDay)
  const least = fee * feesPerValue
  return tokenAmount(optimum > least ? optimum : least)
}

/**
 * Which lanes to cash now, as indexes, in order; none is usual. A lane that must be cashed goes if it is worth what it
 * costs, and then takes with it those that are worth theirs fifty times over; all go when together they reach the
 * threshold or the limit of what may be at stake.
 */
export function lanesToCash({ fees, lanes, earnedPerDay, exposureLimit, nowMs }: SettlementInputs): readonly number[] {
  const indexes = [...lanes.keys()]
  const unpaidOf = (index: number): bigint => lanes[index]?.unpaid ?? 0n
  const worthwhile = indexes.filter((index) => unpaidOf(index) > 0n && unpaidOf(index) >= fees.lane * feesPerValue)
  const isDue = (index: number) => (lanes[index]?.cashBeforeMs ?? 0) <= nowMs
  const due = indexes.filter((index) => isDue(index) && unpaidOf(index) > fees.lane)
  const sum = (chosen: readonly number[]) => chosen.reduce((total, index) => total + unpaidOf(index), 0n)
  const isOverLimit = exposureLimit !== undefined && sum(indexes) >= exposureLimit
  const fee = feeOf(fees, worthwhile.length)
  if (worthwhile.length > 0 && (due.length > 0 || toComeUntilDue(lanes, earnedPerDay, nowMs) >= fee * feesToCome)) {
    if (sum(worthwhile) >= settlementThreshold(fees, worthwhile.length, earnedPerDay)) {
      return indexes.filter((index) => worthwhile.includes(index) || due.includes(index))
    }
  }
  const chosen = indexes.filter(
    (index) => due.includes(index) || ((due.length > 0 || isOverLimit) && worthwhile.includes(index)),
  )
  return sum(chosen) > feeOf(fees, chosen.length) ? chosen : []
}

/** Whether a lane that is expected to bring so much is worth being opened: its own fee is at most 2 % of that. */
export function isLaneWorthOpening(expected: TokenAmount, fees: SettlementFees, openingFee: TokenAmount): boolean {
  return (fees.lane + openingFee) * feesPerValue <= expected
}

/** What is earned until the next lane must be cashed. */
function toComeUntilDue(lanes: readonly UnsettledLane[], earnedPerDay: TokenAmount, nowMs: number): bigint {
  const dueMs = lanes.reduce(
    (least, { unpaid, cashBeforeMs }) => (unpaid > 0n ? Math.min(least, cashBeforeMs) : least),
    Number.MAX_SAFE_INTEGER,
  )
  return (earnedPerDay * BigInt(Math.max(0, Math.floor(dueMs - nowMs)))) / dayMs
}

function feeOf(fees: SettlementFees, lanes: number): bigint {
  return fees.transaction + BigInt(lanes) * fees.lane
}
