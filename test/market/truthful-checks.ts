// How much one participant gains by saying what is not true, at most, over many things that it could say.
// The payment rule is an argument, so that rules which must fail can be shown to.
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import type { SharesBid } from '../../src/market/multi-share.ts'
import { type JobTerms, type OpenedAsk, payFor, procure } from '../../src/market/procurement.ts'
import { type OpenedBid, type RoundTerms, settleRound } from '../../src/market/sealed-round.ts'
import type { Random } from '../../src/ports/random.ts'
import { amountBelow, between, falling } from './market-cases.ts'

export type SettleShares = (
  shares: number,
  postedPrice: TokenAmount,
  bids: readonly SharesBid[],
) => readonly { readonly shares: number; readonly pay: TokenAmount }[]

function replaced<T>(values: readonly T[], index: number, value: T): T[] {
  return values.map((old, at) => (at === index ? value : old))
}

function best(values: readonly bigint[]): bigint {
  return values.reduce((most, value) => (value > most ? value : most))
}

/** Of bidder `index`, whose bid in `bids` is its true value. */
export function gainInRound(
  terms: RoundTerms,
  bids: readonly OpenedBid[],
  index: number,
  deviations: readonly TokenAmount[],
): bigint {
  const own = bids[index] as OpenedBid
  const utility = (bid: TokenAmount): bigint => {
    const award = settleRound(terms, replaced(bids, index, { ...own, bid })).find((one) => one.account === own.account)
    return award === undefined ? 0n : own.bid - award.price
  }
  const honest = utility(own.bid)
  return best(deviations.map((bid) => utility(bid) - honest))
}

/** For a share, of bidder `index`, whose bids are its true values. */
export function gainInShares(
  settle: SettleShares,
  shares: number,
  postedPrice: TokenAmount,
  bids: readonly SharesBid[],
  index: number,
  deviations: readonly (readonly TokenAmount[])[],
): bigint {
  const own = bids[index] as SharesBid
  const utility = (unitBids: readonly TokenAmount[]): bigint => {
    const award = settle(shares, postedPrice, replaced(bids, index, { ...own, unitBids }))[index]
    if (award === undefined) return 0n
    let value = 0n
    for (let unit = 0; unit < award.shares; unit++) value += own.unitBids[unit] ?? 0n
    return value - award.pay
  }
  const honest = utility(own.unitBids)
  return best(deviations.map((unitBids) => utility(unitBids) - honest))
}

/** Other values, fewer units, more units, and single bids shaded, as who wants to lower a price would. */
export function sharesDeviations(random: Random, own: SharesBid, limit: number, count: number): TokenAmount[][] {
  return Array.from({ length: count }, (_, turn) => {
    if (turn === 0) return own.unitBids.slice(0, 1)
    if (turn === 1) return own.unitBids.map((bid, unit) => (unit === 0 ? bid : tokenAmount(bid / 2n)))
    if (turn === 2) return own.unitBids.map((bid, unit) => (unit === own.unitBids.length - 1 ? tokenAmount(0n) : bid))
    return falling(
      Array.from({ length: between(random, 1, own.unitBids.length + 1) }, () => amountBelow(random, limit)),
    )
  })
}

export interface AskDeviation {
  readonly cost: TokenAmount
  readonly units: number
}

/** Of provider `index`, whose ask is its true cost and capacity: what it promises above that it cannot bring. */
export function gainInJob(
  job: JobTerms,
  asks: readonly OpenedAsk[],
  index: number,
  deviations: readonly AskDeviation[],
): bigint {
  const own = asks[index] as OpenedAsk
  const utility = ({ cost, units }: AskDeviation): bigint => {
    const said = replaced(asks, index, { ...own, cost, units })
    const share = procure(job, said).find((one) => one.account === own.account)
    if (share === undefined) return 0n
    const delivered = Math.min(share.units, own.units)
    return payFor(share, delivered) - own.cost * BigInt(delivered)
  }
  const honest = utility(own)
  return best(deviations.map((deviation) => utility(deviation) - honest))
}
