// What a rail's own rules mean for lanes on it: until when a lane serves, when a successor is opened, when it is cashed.
// Guarantees: whoever follows these points in time always has a whole challenge window left to be paid in, and reacts to
// a wish to close by half of it. All times are the rail's own (P16), in milliseconds.
import { assert } from '../base/assert.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import type { Lane, RailId, SigningDomain } from '../ports/ledger.ts'

/** Of a ledger, its genesis says them. */
export interface RailTerms {
  readonly rail: RailId
  readonly domain: SigningDomain
  readonly challengeMs: number
  readonly minDeposit: TokenAmount
  readonly maxLaneMs: number
  /** What opening a lane costs at most, besides the deposit. */
  readonly openFee: TokenAmount
  /** What cashing costs: each claim, and each lane in it. Absent: nothing, as on a ledger. */
  readonly claimFees?: ClaimFees
}

interface ClaimFees {
  readonly transaction: TokenAmount
  readonly lane: TokenAmount
}

/** Windows before expiry: a successor is opened, service and new debts end and cashing begins, vouchers end. */
const rollOverWindows = 4
const serviceWindows = 2
const voucherWindows = 1
/** A lane lives for a day of windows unless the rail allows less, and a little under that, as clocks are never equal. */
const lifeWindows = 24
const leastLifeWindows = 6

export function laneLifeMs({ challengeMs, maxLaneMs }: RailTerms): number {
  const lifeMs = Math.min(lifeWindows * challengeMs, maxLaneMs - challengeMs)
  assert(lifeMs >= leastLifeWindows * challengeMs, 'a rail whose lanes live for more than a few windows')
  return lifeMs
}

/** From then on the payer wants a successor, so that there is no gap. */
export function rollsOverAtMs(expiresAtMs: number, { challengeMs }: RailTerms): number {
  return expiresAtMs - rollOverWindows * challengeMs
}

/** From then on nothing is served on the lane, and the payee cashes what it has. */
export function servesUntilMs(expiresAtMs: number, { challengeMs }: RailTerms): number {
  return expiresAtMs - serviceWindows * challengeMs
}

/** From then on no voucher counts as payment. */
export function paysUntilMs(expiresAtMs: number, { challengeMs }: RailTerms): number {
  return expiresAtMs - voucherWindows * challengeMs
}

/** From then on nothing can be claimed of a lane as the rail tells of it. */
export function claimableUntilMs({ state, expiresAtMs }: Pick<Lane, 'state' | 'expiresAtMs'>): number {
  return state.type === 'closing' ? Math.min(state.closesAtMs, expiresAtMs) : expiresAtMs
}

/** How often a lane with money in it is looked at, so that a wish to close is seen by a quarter of the window. */
export function looksEveryMs({ challengeMs }: RailTerms): number {
  return Math.max(1, Math.floor(challengeMs / 4))
}
