// When vouchers are cashed on a rail where that costs something, and lanes opened: the market's rules for both sides of lanes.
// Guarantees: on a rail without such fees nothing of it is there. Pure.
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import { isLaneWorthOpening, lanesToCash, settlementThreshold } from '../market/settlement-threshold.ts'
import type { PayeeOptions } from '../payment/payee-lanes.ts'
import type { RailTerms } from '../payment/rail-terms.ts'

/** Cashed when a batch is worth its fees, at the limit of what may be in hand, or before a lane is too old. */
export function settlementOf({ claimFees: fees }: RailTerms): Pick<PayeeOptions, 'settles'> {
  return fees === undefined ? {} : { settles: (batch) => lanesToCash({ fees, ...batch }) }
}

/** Whether so much of so many lanes is worth cashing early, fees being 2 % of it at most. */
export function isWorthCashing(inHand: TokenAmount, lanes: number, { claimFees: fees }: RailTerms): boolean {
  return fees === undefined || inHand >= settlementThreshold(fees, lanes, tokenAmount(0n))
}

/** Whether a lane that is to pay so much is worth its fees, those of cashing it included: 2 % of it at most. */
export function isWorthALane(expected: TokenAmount, { openFee, claimFees }: RailTerms): boolean {
  return isLaneWorthOpening(expected, claimFees ?? noFees, openFee)
}

/** By one of so many lanes, for what is left at about this price, or as much of it as there is money for. */
export function expectedPay(
  pricePerMiB: TokenAmount,
  mebibytes: number,
  left: TokenAmount,
  lanes: number,
): TokenAmount {
  const price = pricePerMiB * BigInt(mebibytes)
  return tokenAmount((price < left ? price : left) / BigInt(lanes))
}

const noFees = { transaction: zeroAmount, lane: zeroAmount }
