// The sealed round of a provider, from opened bids to prices: who wins a share, and what it pays.
// Guarantees: the same bids in any order give the same outcome; no winner pays more than its bid or less than the posted
// price; where all reveal, no bid pays better than the true one. Pure; docs/speed-markets.md has the rules and reasons.
import { assert } from '../base/assert.ts'
import { type TokenAmount, tokenAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import { tieOrder } from './sealing.ts'

/** Weights count in 1/1024: one, and the two that is the most. */
export const leastWeight = 1024
export const mostWeight = 2048

export interface OpenedBid {
  readonly account: AccountId
  /** Base units for a MiB. */
  readonly bid: TokenAmount
  readonly weight: number
  readonly nonce: Hash256
}

export interface RoundTerms {
  readonly listRoot: Hash256
  readonly epoch: number
  /** kA. */
  readonly shares: number
  /** r. */
  readonly postedPrice: TokenAmount
  /** Bids that were sealed and not opened. */
  readonly missing: number
}

export interface ShareAward {
  readonly account: AccountId
  /** Base units for a MiB. */
  readonly price: TokenAmount
}

interface Scored extends OpenedBid {
  readonly score: bigint
}

/** What a bid counts for. */
export function scoreOf(bid: TokenAmount, weight: number): bigint {
  return bid * BigInt(weight)
}

/** The least bid of this weight that reaches a score, at least the posted price. */
export function priceAtScore(score: bigint, weight: number, postedPrice: TokenAmount): TokenAmount {
  const divisor = BigInt(weight)
  const price = (score + divisor - 1n) / divisor
  return price > postedPrice ? tokenAmount(price) : postedPrice
}

/**
 * The winners, highest score first. Bids below the posted price are out before anything is ranked; winners pay for the
 * highest score that won nothing. Is a single reveal missing, they pay the posted price: so a provider gains nothing by
 * choosing which of its own bids to open. `dropped`: who lost its share since and is ranked no more; the others' prices of
 * before stay what they were, so only who moved up is priced by this.
 */
export function settleRound(
  terms: RoundTerms,
  bids: readonly OpenedBid[],
  dropped?: ReadonlySet<AccountId>,
): readonly ShareAward[] {
  assert(terms.shares >= 0 && terms.missing >= 0, 'a round with shares')
  const scored: Scored[] = []
  for (const { account, bid, weight, nonce } of bids) {
    assert(weight >= leastWeight && weight <= mostWeight, 'a weight of one to two')
    if (bid >= terms.postedPrice && dropped?.has(account) !== true)
      scored.push({ account, bid, weight, nonce, score: scoreOf(bid, weight) })
  }
  let ties: ((a: AccountId, b: AccountId) => number) | undefined
  const orderOfEquals = (a: AccountId, b: AccountId) => {
    ties ??= tieOrder(
      terms.listRoot,
      terms.epoch,
      bids.map(({ nonce }) => nonce),
    )
    return ties(a, b)
  }
  scored.sort((a, b) => (a.score > b.score ? -1 : a.score < b.score ? 1 : orderOfEquals(a.account, b.account)))
  const cut = terms.missing === 0 ? (scored[terms.shares]?.score ?? 0n) : 0n
  return scored
    .slice(0, terms.shares)
    .map(({ account, weight }) => ({ account, price: priceAtScore(cut, weight, terms.postedPrice) }))
}
