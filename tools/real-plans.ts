// The swarms of real processes that Speed is held against plain tit-for-tat in: small enough for one machine, with as many
// downloaders for a slot as the simulator's have. Values only; whoever changes them runs tools/evidence-real.ts.
import type { RealPlan } from '../test/end-to-end/shaped-swarm.ts'

export const usualLimitShare = 0.92

const usual: Omit<RealPlan, 'name' | 'about' | 'leechers'> = {
  seeds: 2,
  selling: 'honest',
  contentBytes: 24_000_000,
  pieceLengthBytes: 262_144,
  seedBytesPerSecond: 1_000_000,
  uploadBytesPerSecond: 375_000,
  downloadBytesPerSecond: 2_500_000,
  slots: 4,
  shares: 2,
  arrivalSeconds: 20,
  staySeconds: Number.POSITIVE_INFINITY,
  seedingCostAnHour: 60,
  budgetTokens: 60,
  limitShare: usualLimitShare,
}

export const realPlans: readonly RealPlan[] = [
  {
    ...usual,
    name: 'a third pays',
    about: 'a third has a budget, a third no tokens, a third no Speed',
    leechers: { payer: 4, free: 4, legacy: 4 },
  },
  {
    ...usual,
    name: 'half pays',
    about: 'half has a budget, a fourth no tokens, a fourth no Speed',
    leechers: { payer: 6, free: 3, legacy: 3 },
  },
  {
    ...usual,
    name: 'free riders',
    about:
      'a fourth gives nothing, and all come over two minutes; who is done goes after one, or, if it earns, once that brings less than a token a minute',
    leechers: { payer: 4, free: 3, legacy: 2, rider: 3 },
    seeds: 1,
    contentBytes: 36_000_000,
    seedBytesPerSecond: 500_000,
    arrivalSeconds: 120,
    staySeconds: 60,
    budgetTokens: 90,
  },
  {
    ...usual,
    name: 'no limits set',
    about: 'a third pays; nobody says what the lines carry, so that it waits in systems, where it cannot be ordered',
    leechers: { payer: 4, free: 4, legacy: 4 },
    limitShare: undefined,
  },
  {
    ...usual,
    name: 'no tokens at all',
    about: 'most would earn, and nobody has anything to pay with',
    leechers: { free: 8, legacy: 4 },
  },
]

/** Of other content than the plan's, the budget is as many times its price. */
export function withContent(plan: RealPlan, bytes: number): RealPlan {
  return { ...plan, contentBytes: bytes, budgetTokens: Math.ceil((plan.budgetTokens * bytes) / plan.contentBytes) }
}
