// The money of one job: what each provider's share holds, what was paid of it and what returned, and what is left to buy
// the rest with elsewhere. Guarantees: paid and promised together are never over the most that may be paid; of each share
// paid + returned + held is what was put in, to the unit. Owns these sums; knows no time and no messages.
import { assert, present } from '../base/assert.ts'
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId } from '../ports/ledger.ts'
import { type JobShare, payFor } from './procurement.ts'

interface HeldShare {
  readonly share: JobShare
  delivered: number
  hasEnded: boolean
}

export interface JobSums {
  /** Put into lanes for shares. */
  readonly locked: TokenAmount
  readonly paidToShares: TokenAmount
  readonly returned: TokenAmount
  readonly held: TokenAmount
  readonly paidElsewhere: TokenAmount
}

export class JobAccount {
  private readonly maxPay: TokenAmount
  private readonly ceiling: TokenAmount
  private readonly shares = new Map<AccountId, HeldShare>()
  private elsewhereUnits: number
  private paidElsewhere = 0n

  /** What nobody took is bought elsewhere from the beginning. */
  constructor(maxPay: TokenAmount, ceiling: TokenAmount, units: number, shares: readonly JobShare[]) {
    assert(ceiling * BigInt(units) <= maxPay, 'a ceiling that can be paid')
    this.maxPay = maxPay
    this.ceiling = ceiling
    for (const share of shares) this.shares.set(share.account, { share, delivered: 0, hasEnded: false })
    this.elsewhereUnits = units - shares.reduce((sum, share) => sum + share.units, 0)
    assert(this.elsewhereUnits >= 0 && this.sums().held <= maxPay, 'shares within the job')
  }

  /** Verified units of a share that goes on; what is over it counts for nothing. Paid for it now, in addition. */
  deliver(account: AccountId, units: number): TokenAmount {
    const held = this.shares.get(account)
    if (held === undefined || held.hasEnded) return zeroAmount
    const before = payFor(held.share, held.delivered)
    held.delivered = Math.min(held.share.units, held.delivered + units)
    return tokenAmount(payFor(held.share, held.delivered) - before)
  }

  /** Units that a share still lacks; 0 of one that ended. */
  remaining(account: AccountId): number {
    const held = this.shares.get(account)
    return held === undefined || held.hasEnded ? 0 : held.share.units - held.delivered
  }

  /** Ends a share; its rest is bought elsewhere. What returns of its deposit. */
  end(account: AccountId): TokenAmount {
    const held = present(this.shares.get(account), 'a share of the job')
    if (held.hasEnded) return zeroAmount
    this.elsewhereUnits += this.remaining(account)
    held.hasEnded = true
    return tokenAmount(held.share.pay - payFor(held.share, held.delivered))
  }

  get unitsElsewhere(): number {
    return this.elsewhereUnits
  }

  /** The most for a unit elsewhere: the ceiling, and what is neither paid nor held for shares, over all such units. */
  mostElsewhere(): TokenAmount {
    if (this.elsewhereUnits === 0) return zeroAmount
    const { paidToShares, held } = this.sums()
    const free = (this.maxPay - paidToShares - held - this.paidElsewhere) / BigInt(this.elsewhereUnits)
    return free < this.ceiling ? tokenAmount(free) : this.ceiling
  }

  /** False: more than may be paid for so many units, or more than are wanted; nothing has changed. */
  buyElsewhere(units: number, pay: TokenAmount): boolean {
    if (units < 0 || units > this.elsewhereUnits || pay > this.mostElsewhere() * BigInt(units)) return false
    this.elsewhereUnits -= units
    this.paidElsewhere += pay
    return true
  }

  get isComplete(): boolean {
    return this.elsewhereUnits === 0 && [...this.shares.keys()].every((account) => this.remaining(account) === 0)
  }

  sums(): JobSums {
    let [locked, paid, returned] = [0n, 0n, 0n]
    for (const { share, delivered, hasEnded } of this.shares.values()) {
      const due = payFor(share, delivered)
      locked += share.pay
      paid += due
      if (hasEnded) returned += share.pay - due
    }
    return {
      locked: tokenAmount(locked),
      paidToShares: tokenAmount(paid),
      returned: tokenAmount(returned),
      held: tokenAmount(locked - paid - returned),
      paidElsewhere: tokenAmount(this.paidElsewhere),
    }
  }
}
