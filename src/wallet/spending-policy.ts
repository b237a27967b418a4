// What the owner allows without being asked: two switches, and limits for each token. As JSON in a file of the wallet.
// Guarantees: until the owner says otherwise nothing is spent; what is read is whole and in range, or refused.
import { assert } from '../base/assert.ts'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { mulDiv, type TokenAmount, type TokenSymbol, zeroAmount } from '../base/token-amount.ts'
import { codec, optional, record } from '../formats/money/form.ts'
import { words } from '../formats/money/operation-forms.ts'
import { amount, whole } from '../formats/money/typed-forms.ts'
import type { RailId } from '../ports/ledger.ts'

/** Absent: no limit of that kind. */
export interface TokenLimits {
  /** Of one operation, fees included. */
  readonly transfer?: TokenAmount
  /** From midnight to midnight, UTC. */
  readonly day?: TokenAmount
  /** Over its whole life. */
  readonly torrent?: TokenAmount
  /** Of one app, a day. */
  readonly app?: TokenAmount
  /** What may be locked for one payee, in thousandths of the limit of a day. */
  readonly peerPermille: number
  /** Lanes open at a time. */
  readonly lanes: number
}

export interface SpendingPolicy {
  readonly spending: 'on' | 'off'
  readonly earning: 'on' | 'off'
  readonly limits: Readonly<Record<TokenSymbol, TokenLimits>>
}

/** Every payment is asked about, however small; apps get nothing. */
const firstLimits: TokenLimits = {
  transfer: zeroAmount,
  day: zeroAmount,
  app: zeroAmount,
  peerPermille: 250,
  lanes: 64,
}

export const firstPolicy: SpendingPolicy = {
  spending: 'off',
  earning: 'on',
  limits: { BTT: firstLimits, TEST: firstLimits },
}

export const maxPolicyBytes = 16_384
const maxPermille = 1_000
const maxLanes = 10_000

const limitsForm = record<TokenLimits>({
  transfer: optional(amount),
  day: optional(amount),
  torrent: optional(amount),
  app: optional(amount),
  peerPermille: whole,
  lanes: whole,
})
const onOff = words<'on' | 'off'>(['on', 'off'])
const policyCodec = codec(
  record<SpendingPolicy>({
    spending: onOff,
    earning: onOff,
    limits: record<SpendingPolicy['limits']>({ BTT: limitsForm, TEST: limitsForm }),
  }),
)
/** Nothing of a policy is of a rail. */
const noRail = '' as RailId

/** What may be locked for one payee; undefined: as much as one likes. */
export function peerLimit({ day, peerPermille }: TokenLimits): TokenAmount | undefined {
  return day === undefined ? undefined : mulDiv(day, BigInt(peerPermille), BigInt(maxPermille), 'down')
}

export function isPolicyInRange({ limits }: SpendingPolicy): boolean {
  return Object.values(limits).every(({ peerPermille, lanes }) => peerPermille <= maxPermille && lanes <= maxLanes)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Errors: wallet-damaged. */
export function parsePolicy(bytes: Uint8Array): Result<SpendingPolicy> {
  const text = bytes.length <= maxPolicyBytes ? toUtf8(bytes) : undefined
  const policy = policyCodec.fromJson(text === undefined ? undefined : parseJson(text), noRail)
  if (!policy.ok) return failure('wallet-damaged', `the limits: ${policy.detail}`)
  return isPolicyInRange(policy.value) ? success(policy.value) : failure('wallet-damaged', 'limits out of range')
}

/** A policy out of range is a bug: whoever reads one from people checks it. */
export function formatPolicy(policy: SpendingPolicy): Uint8Array {
  assert(isPolicyInRange(policy), 'limits in range')
  return fromUtf8(`${JSON.stringify(policyCodec.toJson(policy), undefined, 2)}\n`)
}
