// What paying would cost and save, before anything is paid. Guarantees: whole numbers, rounded against paying: price and
// fees up, time saved down; says so where it is not worth it. Pure.
import { byteCount } from '../base/byte-count.ts'
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import { isLaneWorthOpening } from './settlement-threshold.ts'

/** A provider that sells, as it is seen now. */
interface QuotedProvider {
  /** Base units for a MiB. */
  readonly postedPrice: TokenAmount
  /** What a share of it is expected to bring. */
  readonly shareBytesPerSecond: number
  /** More want its shares than there are: it takes a bid, and the price is the bid at most. */
  readonly isContested: boolean
}

export interface QuoteInputs {
  readonly remainingBytes: number
  /** Without paying. 0: it would not end. */
  readonly unpaidBytesPerSecond: number
  /** Own downlink; Infinity: not known. */
  readonly mostBytesPerSecond: number
  readonly providers: readonly QuotedProvider[]
  /** What is bid for a MiB where the posted price is so much; less than that is no bid. */
  readonly bidAt: (postedPrice: TokenAmount) => TokenAmount
  readonly budget: TokenAmount
  /** To open and close a lane. */
  readonly feePerLane: TokenAmount
  /** How long what is put in a lane stays there at most. */
  readonly laneMs: number
}

type QuoteVerdict = 'worth-it' | 'not-worth-it' | 'no-provider' | 'over-budget'

export interface Quote {
  readonly verdict: QuoteVerdict
  readonly expectedPay: TokenAmount
  readonly fees: TokenAmount
  /** Locked in lanes at first, what is expected to be paid included; what is not spent returns within `lockedMs`. */
  readonly locked: TokenAmount
  readonly lockedMs: number
  readonly lanes: number
  /** Infinity: it would not end. */
  readonly unpaidMs: number
  readonly paidMs: number
  readonly savedMs: number
}

const mebibyte = 1_048_576n
const noFees = { transaction: zeroAmount, lane: zeroAmount }
/** A gain of under a tenth is within what links vary. */
const leastGain = 10
const second = 1000

/**
 * Buys from the cheapest first, until the downlink is full; with a budget that does not last for everything, as fast as that
 * goes as long as it lasts, and the rest comes for nothing.
 */
export function quote(inputs: QuoteInputs): Quote {
  const { remainingBytes, unpaidBytesPerSecond, mostBytesPerSecond, bidAt, budget, feePerLane, laneMs } = inputs
  const offered = inputs.providers
    .map((provider) => ({ ...provider, bid: bidAt(provider.postedPrice) }))
    .filter(({ postedPrice, shareBytesPerSecond, bid }) => postedPrice <= bid && shareBytesPerSecond > 0)
    .map((provider) => ({ ...provider, price: provider.isContested ? provider.bid : provider.postedPrice }))
    .sort((a, b) => (a.price < b.price ? -1 : a.price > b.price ? 1 : b.shareBytesPerSecond - a.shareBytesPerSecond))
  const unpaidMs = timeMs(remainingBytes, Math.min(unpaidBytesPerSecond, mostBytesPerSecond))
  const free = { expectedPay: 0n, fees: 0n, lanes: 0, paidMs: unpaidMs }
  let best = free
  let isOverBudget = false
  let rate = unpaidBytesPerSecond
  let weightedPrice = 0n
  for (const [index, { price, shareBytesPerSecond }] of offered.entries()) {
    if (rate >= mostBytesPerSecond) break
    rate += shareBytesPerSecond
    weightedPrice += price * BigInt(Math.ceil(shareBytesPerSecond))
    const lanes = index + 1
    // Bytes come from each in proportion to its rate; what the downlink cuts off is cut from all.
    const divisor = mebibyte * BigInt(Math.max(1, Math.floor(rate)))
    const wholePay = (weightedPrice * BigInt(remainingBytes) + divisor - 1n) / divisor
    const fees = feePerLane * BigInt(lanes)
    isOverBudget = wholePay + fees > budget
    if (fees >= budget) break
    const expectedPay = isOverBudget ? budget - fees : wholePay
    // Nobody opens lanes whose fees are so much of what goes through them.
    if (!isLaneWorthOpening(tokenAmount(expectedPay / BigInt(lanes)), noFees, feePerLane)) break
    const paidForBytes = isOverBudget ? byteCount((BigInt(remainingBytes) * expectedPay) / wholePay) : remainingBytes
    const paidMs =
      timeMs(paidForBytes, Math.min(rate, mostBytesPerSecond)) +
      timeMs(remainingBytes - paidForBytes, Math.min(unpaidBytesPerSecond, mostBytesPerSecond))
    if (paidMs < best.paidMs) best = { expectedPay, fees, lanes, paidMs }
    // More of them would spend it sooner, and buy no more.
    if (isOverBudget) break
  }
  const savedMs = best.lanes === 0 ? 0 : unpaidMs - best.paidMs
  const isGain = best.lanes > 0 && (unpaidMs === Number.POSITIVE_INFINITY || savedMs * leastGain >= unpaidMs)
  const verdict = isGain
    ? 'worth-it'
    : offered.length === 0
      ? 'no-provider'
      : isOverBudget && best.lanes === 0
        ? 'over-budget'
        : 'not-worth-it'
  return {
    verdict,
    expectedPay: tokenAmount(best.expectedPay),
    fees: tokenAmount(best.fees),
    locked: tokenAmount(best.expectedPay + best.fees),
    lockedMs: best.lanes === 0 ? 0 : laneMs,
    lanes: best.lanes,
    unpaidMs,
    paidMs: best.paidMs,
    savedMs,
  }
}

function timeMs(bytes: number, bytesPerSecond: number): number {
  if (bytes === 0) return 0
  return bytesPerSecond > 0 ? Math.ceil((bytes * second) / bytesPerSecond) : Number.POSITIVE_INFINITY
}
