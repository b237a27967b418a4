// What providers are paid for shares that they say we did not draw, on one ledger.
// Guarantees: nothing unless we had asked for nothing while we could; of each account, over all its connections and across
// restarts, no more than a tick and a quarter of what it served us on the one that it claims on; so selling shares only to
// take them back earns nothing worth having, and doing so for nothing ends the dealing. Owns nothing: sums are remembered by
// `ProviderTrust`.
import type { AccountId } from '../ports/ledger.ts'
import type { ProviderTrust } from './provider-trust.ts'

/** Of a share that is not drawn a quarter is owed: who draws less than that loses it. */
const partOfShare = 4

export interface UndrawnClaim {
  readonly claimedBytes: number
  /** What was owed for on the connection besides. */
  readonly servedBytes: number
  readonly tickBytes: number
  /** By our own count nothing was asked of it for a while, though it would have served. */
  readonly wasIdle: boolean
  /** Nothing at all came in the stretch. */
  readonly isEmpty: boolean
}

export class UndrawnClaims {
  private readonly trust: ProviderTrust

  constructor(trust: ProviderTrust) {
    this.trust = trust
  }

  /** How many bytes of a claim are owed for. */
  grant(account: AccountId, { claimedBytes, servedBytes, tickBytes, wasIdle, isEmpty }: UndrawnClaim): number {
    // Where something came, it may have seen no requests while its blocks waited in a queue.
    if (!wasIdle && isEmpty) this.trust.broke(account)
    const before = this.trust.undrawnBytes(account)
    const most = wasIdle ? mostUndrawn(servedBytes, tickBytes) - before : 0
    const bytes = Math.max(0, Math.min(claimedBytes, tickBytes, most))
    return bytes > 0 && this.trust.grantUndrawn(account, bytes) ? bytes : 0
  }
}

/** What may be claimed of one account, or paid to it, in all. */
export function mostUndrawn(servedBytes: number, tickBytes: number): number {
  return tickBytes + Math.floor(servedBytes / partOfShare)
}
