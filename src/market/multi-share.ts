// A round in which one bidder may win several shares: who gets how many, and the payment that makes true bids the best.
// Guarantees: shares go to the highest scores; each pays what its shares would have brought from the others, at least the
// posted price a share. Pure, and not on the wire yet: there a winner has one share.
import { assert } from '../base/assert.ts'
import { addAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import { priceAtScore, scoreOf } from './sealed-round.ts'

export interface SharesBid {
  /** For the first share, the second and so on: none above the one before. */
  readonly unitBids: readonly TokenAmount[]
  readonly weight: number
}

interface SharesAward {
  readonly shares: number
  /** For all of them, each over the same bytes. */
  readonly pay: TokenAmount
}

interface UnitScore {
  readonly bidder: number
  readonly score: bigint
}

/** In the order of `bids`, which also decides between equals. */
export function settleShares(
  shares: number,
  postedPrice: TokenAmount,
  bids: readonly SharesBid[],
): readonly SharesAward[] {
  const units = unitScores(postedPrice, bids)
  const won = bids.map(() => 0)
  for (const { bidder } of units.slice(0, shares)) won[bidder] = (won[bidder] ?? 0) + 1
  return bids.map(({ weight }, bidder) => {
    const count = won[bidder] ?? 0
    if (count === 0) return { shares: 0, pay: zeroAmount }
    let pay = zeroAmount
    const others = units.filter((unit) => unit.bidder !== bidder)
    for (let rank = shares - count; rank < shares; rank++)
      pay = addAmounts(pay, priceAtScore(others[rank]?.score ?? 0n, weight, postedPrice))
    return { shares: count, pay }
  })
}

function unitScores(postedPrice: TokenAmount, bids: readonly SharesBid[]): UnitScore[] {
  const units: UnitScore[] = []
  for (const [bidder, { unitBids, weight }] of bids.entries()) {
    for (const [index, bid] of unitBids.entries()) {
      assert(index === 0 || bid <= (unitBids[index - 1] ?? zeroAmount), 'bids that do not rise')
      if (bid >= postedPrice) units.push({ bidder, score: scoreOf(bid, weight) })
    }
  }
  // Stable: of equals the first bidder's come first.
  return units.sort((a, b) => (a.score > b.score ? -1 : a.score < b.score ? 1 : 0))
}
