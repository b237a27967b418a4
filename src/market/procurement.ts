// A job bought from several providers at once, from opened asks to payments (VCG with handicaps and a ceiling).
// Guarantees: the cheapest asks win; nobody is paid less than it asked; all payments together are at most the ceiling
// times the units; true costs and capacities pay best. Pure; docs/speed-markets.md has the rules and reasons.
import { assert } from '../base/assert.ts'
import { type TokenAmount, tokenAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import { tieOrder } from './sealing.ts'

/** Handicaps are parts of the ceiling, in 1/65536. */
const handicapBits = 16n
export const wholeHandicap = 65_536

export interface OpenedAsk {
  readonly account: AccountId
  /** c, base units a unit. */
  readonly cost: TokenAmount
  /** q. */
  readonly units: number
  readonly handicap: number
  readonly nonce: Hash256
}

export interface JobTerms {
  readonly listRoot: Hash256
  /** Q. */
  readonly units: number
  /** rho, base units a unit. */
  readonly ceiling: TokenAmount
  /** Asks that were sealed and not opened. */
  readonly missing: number
}

export interface JobShare {
  readonly account: AccountId
  /** x_j, 1 or more. */
  readonly units: number
  /** pay_j, for all of them. */
  readonly pay: TokenAmount
}

interface Ranked {
  readonly ask: OpenedAsk
  /** phi, and c + phi. */
  readonly handicap: bigint
  readonly cost: bigint
}

interface Supply {
  readonly owner: AccountId
  readonly cost: bigint
  readonly units: bigint
}

/**
 * The cheapest first; together at most Q units, and fewer where too few are offered within the ceiling. Each missing
 * reveal removes the cheapest supply that was not taken before anybody is paid, what the last winner has left included:
 * so a requester gains nothing by choosing which of its own asks to open.
 */
export function procure(job: JobTerms, asks: readonly OpenedAsk[]): readonly JobShare[] {
  assert(Number.isSafeInteger(job.units) && job.units >= 0 && job.missing >= 0, 'a job of whole units')
  const ranked = rank(job, asks)
  const won: { readonly ranked: Ranked; readonly units: number }[] = []
  const spare: Supply[] = []
  let left = job.units
  for (const one of ranked) {
    const units = Math.min(one.ask.units, left)
    left -= units
    if (units > 0) won.push({ ranked: one, units })
    if (one.ask.units > units)
      spare.push({ owner: one.ask.account, cost: one.cost, units: BigInt(one.ask.units - units) })
  }
  const kept = spare.slice(job.missing)
  return won.map(({ ranked: { ask, handicap }, units }) => {
    const wanted = BigInt(units)
    const pay = replacementCost(kept, ask.account, wanted, job.ceiling) - handicap * wanted
    return { account: ask.account, units, pay: tokenAmount(pay) }
  })
}

/** phi: so much a unit is added to what a provider asks. */
export function handicapOf(ceiling: TokenAmount, handicap: number): bigint {
  assert(Number.isInteger(handicap) && handicap >= 0, 'a handicap')
  return (ceiling * BigInt(handicap)) >> handicapBits
}

/** What is due for the first `delivered` units of a share: the whole at the end, whatever the parts. */
export function payFor({ pay, units }: JobShare, delivered: number): TokenAmount {
  assert(delivered >= 0 && delivered <= units, 'units of the share')
  return tokenAmount((pay * BigInt(delivered)) / BigInt(units))
}

/** In 1/65536 of the ceiling, from what became of a provider's jobs: (defaults + 1) / (jobs + 10), at most one. */
export function handicapAfter(jobs: number, defaults: number): number {
  assert(jobs >= 0 && defaults >= 0, 'a record of jobs')
  return Math.min(wholeHandicap, Math.floor((wholeHandicap * (defaults + 1)) / (jobs + 10)))
}

/** Of who is not known yet: nine in ten of those that are known have no higher one. */
export function newcomerHandicap(known: readonly number[]): number {
  const sorted = [...known].sort((a, b) => a - b)
  return sorted[Math.ceil((9 * sorted.length) / 10) - 1] ?? handicapAfter(0, 0)
}

/** Asks within the ceiling, the cheapest first. */
function rank(job: JobTerms, asks: readonly OpenedAsk[]): Ranked[] {
  const ranked: Ranked[] = []
  for (const ask of asks) {
    assert(Number.isSafeInteger(ask.units) && ask.units >= 0, 'an ask of whole units')
    const handicap = handicapOf(job.ceiling, ask.handicap)
    const cost = ask.cost + handicap
    if (cost <= job.ceiling) ranked.push({ ask, handicap, cost })
  }
  let ties: ((a: AccountId, b: AccountId) => number) | undefined
  const orderOfEquals = (a: AccountId, b: AccountId) => {
    ties ??= tieOrder(
      job.listRoot,
      job.units,
      asks.map(({ nonce }) => nonce),
    )
    return ties(a, b)
  }
  return ranked.sort((a, b) =>
    a.cost < b.cost ? -1 : a.cost > b.cost ? 1 : orderOfEquals(a.ask.account, b.ask.account),
  )
}

/**
 * What the units would cost without their owner: the units Q - x + 1 to Q of the others' merged supply. As those before
 * are what the others won, it is the cheapest of what they have left, and the ceiling for what they have not.
 */
function replacementCost(spare: readonly Supply[], owner: AccountId, units: bigint, ceiling: TokenAmount): bigint {
  let left = units
  let cost = 0n
  for (const supply of spare) {
    if (left === 0n) break
    if (supply.owner === owner) continue
    const taken = supply.units < left ? supply.units : left
    cost += taken * supply.cost
    left -= taken
  }
  return cost + left * ceiling
}
