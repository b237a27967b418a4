// When vouchers are cashed on a rail where that costs something: the market's rule, given to the payee's watcher.
// Guarantees: on a rail without such fees nothing of it is there. Pure.
import { type TokenAmount, tokenAmount } from '../base/token-amount.ts'
import { lanesToCash, settlementThreshold } from '../market/settlement-threshold.ts'
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
