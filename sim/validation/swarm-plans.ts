// The swarms that are held against the fluid model, in words of the model: one for each of its cases.
// Values only; whoever changes them runs tools/validate.ts, which writes docs/validation.md anew.
import type { SwarmPlan } from './swarm-run.ts'

/**
 * Chosen so that choke rounds of 10 s, the wait for a first piece and the last blocks, which are asked of several, are
 * short against a download: contents of 24 and 32 MiB over links of 30 to 60 KB/s.
 */
const usual = {
  pieceCount: 256,
  pieceLengthBytes: 131_072,
  slots: 4,
  maxConnections: 16,
  packetMs: 400,
} as const

const plainPlans: readonly SwarmPlan[] = [
  {
    ...usual,
    name: 'bound by download',
    swarm: {
      arrivals: 1 / 45,
      abandons: 0,
      download: 1 / 900,
      upload: 1 / 600,
      departures: 1 / 900,
      effectiveness: 1,
    },
    firstSeedsSeconds: 910,
    warmUpSeconds: 2_000,
    windowSeconds: 3_150,
  },
  {
    ...usual,
    // Smaller pieces: here it counts how soon a newcomer has something to give.
    pieceCount: 384,
    pieceLengthBytes: 65_536,
    name: 'bound by upload',
    swarm: {
      arrivals: 1 / 37.5,
      abandons: 0,
      download: 1 / 360,
      upload: 1 / 1_410,
      departures: 1 / 450,
      effectiveness: 1,
    },
    firstSeedsSeconds: 1_200,
    warmUpSeconds: 3_400,
    windowSeconds: 2_850,
  },
  {
    ...usual,
    name: 'some give up',
    swarm: {
      arrivals: 1 / 50,
      abandons: 1 / 25_000,
      download: 1 / 1_000,
      upload: 1 / 600,
      departures: 1 / 600,
      effectiveness: 1,
    },
    firstSeedsSeconds: 1_010,
    warmUpSeconds: 2_000,
    windowSeconds: 3_500,
  },
]

/** The same swarms with Speed: a third of those who come can pay what the content costs at first, all sell. */
const paidPlans = plainPlans.map((plan): SwarmPlan => {
  const { name, pieceCount, pieceLengthBytes } = plan
  const budgetTokens = (pieceCount * pieceLengthBytes) / 1_048_576
  return { ...plan, name: `${name}, a third pays`, paying: { every: 3, budgetTokens, shares: 2 } }
})

export const swarmPlans: readonly SwarmPlan[] = [...plainPlans, ...paidPlans]
