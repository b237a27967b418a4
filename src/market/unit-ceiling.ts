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
    return medianOf(this.prices)
  }

  /**
   * Twice the median, or four times what providers start with: more than that is no market price. Twice the median of what is
   * asked now where that is more, but not than who never bought would pay: or who once bought cheaply buys nothing any more
   * when prices have risen, and so never learns that they have.
   */
  most(defaultPrice: TokenAmount, asked: readonly TokenAmount[] = []): TokenAmount {
    const newcomers = defaultPricesPerCeiling * defaultPrice
    const median = this.median()
    if (median === undefined) return tokenAmount(newcomers)
    const now = pricesPerCeiling * (medianOf(asked) ?? 0n)
    const ofOthers = now < newcomers ? now : newcomers
    const own = pricesPerCeiling * median
    return tokenAmount(own > ofOthers ? own : ofOthers)
  }
}

function medianOf(prices: readonly TokenAmount[]): TokenAmount | undefined {
  const sorted = [...prices].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  return sorted[(sorted.length - 1) >>> 1]
}

/**
 * How many of so many units a job is for: as many as can be paid for at the least price that is asked, so that what does
 * not last for everything buys what it can.
 */
export function affordableUnits(maxPay: TokenAmount, units: number, leastPrice: TokenAmount): number {
  return leastPrice * BigInt(units) <= maxPay ? units : byteCount(maxPay / leastPrice)
}

/** rho, base units a unit of 1 MiB; `most` as `RecentPrices` has it. */
export function automaticCeiling(maxPay: TokenAmount, units: number, most: TokenAmount): TokenAmount {
  assert(units > 0, 'a job with units')
  const affordable = maxPay / BigInt(units)
  return affordable < most ? tokenAmount(affordable) : most
}
