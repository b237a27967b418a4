// Budgets of a payer: what may still be locked in lanes. Guarantees (P4): what is in lanes or asked for, with fees, and
// what was spent before is never over a budget's total, however many lanes are opened at once; what an ended lane did not
// spend is free again. Owns totals and what was spent; lanes are counted as they are.
import { addAmounts, type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import { assertBudgetName, type Budget, type PayerLane } from './lane-records.ts'
import { priceOf } from './price-meter.ts'
import type { RailTerms } from './rail-terms.ts'

/** A lane's first deposit lasts for so long at the rate of the moment. */
const depositSeconds = 30
/**
 * Nobody's first guess of a rate locks less than this is worth: two MiB or so. Before anything came of a payee more would
 * lie idle there, out of what may be had elsewhere; it is topped up as it is used.
 */
const leastBytesPerSecond = 65_536

/** What a lane takes out of its budget, or may take. */
function heldBy({ deposit, toppingUp, fee }: PayerLane): bigint {
  return deposit + toppingUp + fee
}

export class Purses {
  private readonly byName = new Map<string, Budget>()

  constructor(budgets: readonly Budget[]) {
    for (const budget of budgets) this.byName.set(budget.name, budget)
  }

  budget(name: string): Budget {
    return this.byName.get(name) ?? { name, total: zeroAmount, spent: zeroAmount }
  }

  /** Out of all budgets but those of this name. */
  spentBut(name: string): TokenAmount {
    let sum = 0n
    for (const budget of this.byName.values()) if (budget.name !== name) sum += budget.spent
    return tokenAmount(sum)
  }

  /** The record as it is to be kept. Lowering a total takes nothing out of lanes: no more goes in. */
  setTotal(name: string, total: TokenAmount): Budget {
    assertBudgetName(name)
    return this.set({ ...this.budget(name), total })
  }

  spend(name: string, amount: TokenAmount): Budget {
    const budget = this.budget(name)
    return this.set({ ...budget, spent: addAmounts(budget.spent, amount) })
  }

  remaining(name: string, lanes: Iterable<PayerLane>): TokenAmount {
    const { total, spent } = this.budget(name)
    let left = total - spent
    for (const lane of lanes) if (lane.budget === name) left -= heldBy(lane)
    return left > 0n ? tokenAmount(left) : zeroAmount
  }

  private set(budget: Budget): Budget {
    this.byName.set(budget.name, budget)
    return budget
  }
}

/** What a lane should hold beyond what is signed of it. */
export function targetDeposit(bytesPerSecond: number, pricePerMiB: TokenAmount): TokenAmount {
  const bytes = Math.floor(Math.max(bytesPerSecond, leastBytesPerSecond)) * depositSeconds
  return priceOf(bytes, pricePerMiB)
}

/** The deposit of a new lane; undefined: the budget has not enough left for one. */
export function openingDeposit(remaining: TokenAmount, target: TokenAmount, terms: RailTerms): TokenAmount | undefined {
  const affordable = remaining - terms.openFee
  const wanted = target > terms.minDeposit ? target : terms.minDeposit
  const deposit = affordable < wanted ? affordable : wanted
  return deposit >= terms.minDeposit && deposit > 0n ? tokenAmount(deposit) : undefined
}

/** What a lane is topped up by once half of its target is used; undefined: not yet, or nothing worth it is left. */
export function topUpOf(
  headroom: TokenAmount,
  target: TokenAmount,
  remaining: TokenAmount,
  terms: RailTerms,
): TokenAmount | undefined {
  if (2n * headroom > target) return undefined
  const wanted = target - headroom
  const amount = remaining < wanted ? remaining : wanted
  return amount >= terms.minDeposit && amount > 0n ? tokenAmount(amount) : undefined
}
