// The most a requester pays for a unit of a job, and medians of what it paid lately.
// Guarantees: ceiling times units is never over what the owner allows. Owns the last prices of one account.
import { assert } from '../base/assert.ts'
import { byteCount } from '../base/byte-count.ts'
import { type TokenAmount, tokenAmount } from '../base/token-amount.ts'

const maxPrices = 100
const pricesPerCeiling = 2n
/** Where nothing was bought yet, so many times the price that providers start with. */
const defaultPricesPerCeiling = 4n

/** Prices of what was settled, base units for a MiB, the latest hundred. */
export class RecentPrices {
  private readonly prices: TokenAmount[]

  constructor(prices: readonly TokenAmount[] = []) {
    this.prices = prices.slice(-maxPrices)
  }

  add(price: TokenAmount): void {
    this.prices.push(price)
    if (this.prices.length > maxPrices) this.prices.shift()
  }

  get all(): readonly TokenAmount[] {
    return this.prices
  }

  /** Of an even number the lower of the two in the middle; undefined: none yet. */
  median(): TokenAmount | undefined {
    const sorted = [...this.prices].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    return sorted[(sorted.length - 1) >>> 1]
  }

  /** Twice the median, or four times what providers start with: more than that is no market price. */
  most(defaultPrice: TokenAmount): TokenAmount {
    const median = this.median()
    return tokenAmount(median === undefined ? defaultPricesPerCeiling * defaultPrice : pricesPerCeiling * median)
  }
}

/**
 * How many of so many units a job is for: as many as can be paid for at the least price that is asked, so that what does
 * not last for everything buys what it can.
 */
export function affordableUnits(maxPay: TokenAmount, units: number, leastPrice: TokenAmount): number {
  return leastPrice * BigInt(units) <= maxPay ? units : byteCount(maxPay / leastPrice)
}

/** rho, base units a unit of 1 MiB. */
export function automaticCeiling(
  maxPay: TokenAmount,
  units: number,
  recent: RecentPrices,
  defaultPrice: TokenAmount,
): TokenAmount {
  assert(units > 0, 'a job with units')
  const affordable = maxPay / BigInt(units)
  const most = recent.most(defaultPrice)
  return affordable < most ? tokenAmount(affordable) : most
}
