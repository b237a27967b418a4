// What of a statement concerns stretches: whether it begins, prices or ends one, and what its sender asks for a MiB. Pure.
// Guarantees: an award that answers a job is never taken for a posted price.
import type { TokenAmount } from '../base/token-amount.ts'
import type { SpeedStatement } from '../formats/peer/speed-messages.ts'
import type { StretchKind, StretchStatement, UncountedStretch } from './speed-line.ts'
import { epochOfJobs } from './speed-market.ts'

const stretchKinds: ReadonlySet<string> = new Set<StretchKind>(['walk-in-award', 'auction-award', 'share-lost'])

export function isStretch<T extends SpeedStatement | UncountedStretch>(
  statement: T,
): statement is Extract<T, { readonly type: StretchKind }> {
  return stretchKinds.has(statement.type)
}

/** What its sender asks for a MiB now; undefined: it does not say. */
export function postedPriceOf(statement: SpeedStatement): TokenAmount | undefined {
  if (statement.type === 'walk-in-award') return statement.epoch === epochOfJobs ? undefined : statement.price
  return statement.type === 'auction-call' ? statement.postedPrice : undefined
}

export function epochOf(statement: StretchStatement): number {
  return 'epoch' in statement ? statement.epoch : 0
}
