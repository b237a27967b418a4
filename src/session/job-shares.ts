// What providers hold of a job that is being delivered, and what of it has come.
// Guarantees: units count once, by what was owed for on the line since the share was won. Owns the shares.
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { JobAward } from '../market/market-messages.ts'
import type { JobShare } from '../market/procurement.ts'
import type { AccountId } from '../ports/ledger.ts'
import type { BuyingLine } from './speed-line.ts'

interface Share {
  readonly units: number
  readonly price: TokenAmount
  /** Of the line, when it was won: what was owed for, and what had come. */
  readonly startBytes: number
  readonly startReceivedBytes: number
  verified: number
  /** Since when it could not bring anything, for reasons of ours; Infinity: it could. */
  heldUpSinceMs: number
}

const mebibyte = 1_048_576
/** What we cannot ask for, or pay for, for so long is bought elsewhere. */
const patienceMs = 5_000

export class JobShares {
  private readonly shares = new Map<AccountId, Share>()

  get holders(): AccountId[] {
    return [...this.shares.keys()]
  }

  /** Won, and not here yet. */
  get heldUnits(): number {
    let units = 0
    for (const share of this.shares.values()) units += share.units - share.verified
    return units
  }

  has(account: AccountId): boolean {
    return this.shares.has(account)
  }

  won(share: JobShare, { dealtBytes, receivedBytes }: BuyingLine): void {
    this.shares.set(share.account, {
      units: share.units,
      price: unitPrice(share) ?? zeroAmount,
      startBytes: dealtBytes,
      startReceivedBytes: receivedBytes,
      verified: 0,
      heldUpSinceMs: Number.POSITIVE_INFINITY,
    })
  }

  /** False: it has none. */
  end(account: AccountId): boolean {
    return this.shares.delete(account)
  }

  /** Of a budget, what is not promised to them. */
  leftOf(budgetLeft: TokenAmount): TokenAmount {
    let left: bigint = budgetLeft
    for (const { units, verified, price } of this.shares.values()) left -= BigInt(units - verified) * price
    return left > 0n ? tokenAmount(left) : zeroAmount
  }

  /** Units that came since it was asked last. */
  takeVerified({ account, dealtBytes }: BuyingLine): number {
    const share = this.shares.get(account)
    if (share === undefined) return 0
    const units = Math.min(share.units, Math.floor((dealtBytes - share.startBytes) / mebibyte)) - share.verified
    if (units <= 0) return 0
    share.verified += units
    return units
  }

  /** For too long, and by nobody's fault: it is not asked for anything, or not paid. */
  isHeldUp({ account, isUseful, isReady }: BuyingLine, nowMs: number): boolean {
    const share = this.shares.get(account)
    if (share === undefined) return false
    if (isUseful && isReady) share.heldUpSinceMs = Number.POSITIVE_INFINITY
    else if (share.heldUpSinceMs === Number.POSITIVE_INFINITY) share.heldUpSinceMs = nowMs
    return nowMs >= share.heldUpSinceMs + patienceMs
  }

  /** It has sent all that it won, right or not. */
  hasServed({ account, receivedBytes }: BuyingLine): boolean {
    const share = this.shares.get(account)
    return share !== undefined && receivedBytes - share.startReceivedBytes >= share.units * mebibyte
  }
}

/** For a MiB: a unit's part of the pay. */
export function unitPrice({ units, pay }: Pick<JobAward, 'units' | 'pay'>): TokenAmount | undefined {
  return units === 0 ? undefined : tokenAmount(pay / BigInt(units))
}
