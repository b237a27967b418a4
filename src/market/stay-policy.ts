// Whether a torrent is worth seeding on: what it earned lately against what an hour of seeding costs the owner.
// Guarantees: staying never costs more than what was earned meanwhile and a few minutes more; what was earned long ago keeps
// nobody; how often it is asked changes nothing. Pure: time comes in.
import { assert } from '../base/assert.ts'
import { byteCount as wholeCount } from '../base/byte-count.ts'
import { mulDiv, subtractAmounts, type TokenAmount } from '../base/token-amount.ts'

/** What was earned beyond the cost is worth half after so long: who earns nothing for hours expects nothing. */
const halfLifeMs = 600_000
const decayPerMs = Math.LN2 / halfLifeMs
/** So long nobody leaves for want of earnings, if nobody is there who pays; and if somebody is. */
const aloneMs = 60_000
const withPayersMs = 300_000
const hourMs = 3_600_000n

/**
 * The balance of one torrent, in milliseconds of seeding that are paid for: earnings are added, and time goes by. A surplus
 * above nothing is the same as earnings an hour, weighted by how lately they came, above the cost.
 */
export class StayPolicy {
  private readonly costPerHour: TokenAmount
  private atMs: number
  private readonly before: TokenAmount
  private earned: TokenAmount
  /** What was paid for in all. */
  private paidMs = 0n
  private balanceMs = 0
  private patienceMs = aloneMs

  /** `earned`: in all, before the time that is weighed. No cost: it stays for ever. */
  constructor(costPerHour: TokenAmount, earned: TokenAmount, nowMs: number) {
    this.costPerHour = costPerHour
    this.before = earned
    this.earned = earned
    this.atMs = nowMs
  }

  /** What was earned in all by now, and how many are connected who pay or are about to. */
  note(earned: TokenAmount, payers: number, nowMs: number): void {
    assert(nowMs >= this.atMs, 'time goes on')
    this.balanceMs = balanceAfter(this.balanceMs, nowMs - this.atMs)
    this.atMs = nowMs
    this.patienceMs = payers > 0 ? withPayersMs : aloneMs
    // A sum that was corrected downwards brings nothing, and is not earned twice.
    if (earned > this.earned) this.earned = earned
    if (this.costPerHour === 0n) return
    const paidMs = mulDiv(subtractAmounts(this.earned, this.before), hourMs, this.costPerHour, 'down')
    this.balanceMs += wholeCount(paidMs - this.paidMs)
    this.paidMs = paidMs
  }

  /** When it is no longer worth it, if nothing more is earned; Infinity: never. */
  leavesAtMs(): number {
    if (this.costPerHour === 0n) return Number.POSITIVE_INFINITY
    return this.atMs + lastsMs(this.balanceMs) + this.patienceMs
  }

  stays(nowMs: number): boolean {
    return nowMs < this.leavesAtMs()
  }
}

/** When a surplus is gone; a time that has passed where something is missing. */
function lastsMs(balanceMs: number): number {
  return balanceMs > 0 ? Math.log1p(balanceMs * decayPerMs) / decayPerMs : balanceMs
}

/** A surplus fades while time goes by; what is missing does not. */
function balanceAfter(balanceMs: number, gapMs: number): number {
  const surplusMs = Math.max(0, lastsMs(balanceMs))
  if (gapMs >= surplusMs) return Math.min(0, balanceMs) - (gapMs - surplusMs)
  return (balanceMs + 1 / decayPerMs) * Math.exp(-decayPerMs * gapMs) - 1 / decayPerMs
}
