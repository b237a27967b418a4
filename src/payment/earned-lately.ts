// What a payee earned a day, lately: sums of the last hours, from vouchers that count.
// Guarantees: whole numbers; a fixed size; says nothing of the time before it was made. Owns its sums.
import { addAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'

const hourMs = 3_600_000
const hours = 24

export class EarnedLately {
  private readonly sinceMs: number
  private readonly sums: TokenAmount[] = Array.from({ length: hours }, () => zeroAmount)
  /** The one that is added to, counted from the first. */
  private hour = 0

  constructor(nowMs: number) {
    this.sinceMs = nowMs
  }

  add(amount: TokenAmount, nowMs: number): void {
    const at = this.advance(nowMs)
    this.sums[at] = addAmounts(this.sums[at] ?? zeroAmount, amount)
  }

  /** Of less than a day it makes as many parts as hours have begun. */
  perDay(nowMs: number): TokenAmount {
    this.advance(nowMs)
    const sum = this.sums.reduce((total, each) => addAmounts(total, each), zeroAmount)
    return ((sum * BigInt(hours)) / BigInt(Math.min(hours, this.hour + 1))) as TokenAmount
  }

  /** Hours that went by are empty. */
  private advance(nowMs: number): number {
    const hour = Math.max(this.hour, Math.floor((nowMs - this.sinceMs) / hourMs))
    for (let next = Math.max(this.hour + 1, hour - hours + 1); next <= hour; next++)
      this.sums[next % hours] = zeroAmount
    this.hour = hour
    return hour % hours
  }
}
