// What a client knows of its rail: the time there, as it was attested last and the steady clock since then, whether it
// answers, and when to ask again. Guarantees: never before what was attested, and no wall clock has a way in (P16). While
// a ledger is down its own time stands still and this one runs ahead, until it is told: what it says is when to try, and
// the ledger's answer alone says what is too late.
import type { Result } from '../base/errors.ts'

const asksEveryMs = 600_000
const firstRetryMs = 1000
const mostRetryMs = 60_000

/** How long to wait after so many failures in a row: doubling, up to `mostMs`. */
export function retryDelayMs(failures: number, mostMs: number): number {
  return Math.min(firstRetryMs * 2 ** Math.min(Math.max(failures - 1, 0), 20), mostMs)
}

export class RailContact {
  private attestedMs = 0
  private attestedAtMs = Number.NaN
  private silentSinceMs = Number.POSITIVE_INFINITY
  private failures = 0
  private nextAskMs = Number.NEGATIVE_INFINITY

  /** The rail's time. Undefined: it was not heard of since the program began. */
  timeAt(nowMs: number): number | undefined {
    if (Number.isNaN(this.attestedAtMs)) return undefined
    return this.attestedMs + Math.max(0, Math.floor(nowMs - this.attestedAtMs))
  }

  /**
   * A steady time at which the rail's has reached `timeMs`, whole where that is; Infinity: not known. Were it a fraction, the
   * sum could be rounded to just before, and who is woken then would find nothing to do and ask for the same moment again.
   */
  steadyAt(timeMs: number): number {
    if (Number.isNaN(this.attestedAtMs)) return Number.POSITIVE_INFINITY
    return Math.ceil(this.attestedAtMs) + (timeMs - this.attestedMs)
  }

  /** Infinity: it answers, as far as known. */
  get unreachableSinceMs(): number {
    return this.silentSinceMs
  }

  /** When its time is to be asked; Infinity: it is being asked. */
  get askAtMs(): number {
    return this.nextAskMs
  }

  /** Whether the rail itself has said that it is so late. If only the count from here on says so, it is asked. */
  hasReached(timeMs: number, nowMs: number): boolean {
    if (this.attestedMs >= timeMs) return true
    const isDoubtful = (this.timeAt(nowMs) ?? 0) >= timeMs
    if (isDoubtful && this.nextAskMs > nowMs && this.nextAskMs !== Number.POSITIVE_INFINITY) this.nextAskMs = nowMs
    return false
  }

  asking(): void {
    this.nextAskMs = Number.POSITIVE_INFINITY
  }

  /** Any answer of the rail, or none of it. True: it fell silent, or speaks again. */
  hear(result: Result<unknown>, nowMs: number): boolean {
    const isSilent = !result.ok && result.code === 'ledger-unreachable'
    return isSilent ? this.failed(nowMs) : this.answered()
  }

  /** After `hear`: the time it was asked for. */
  timeTold(result: Result<number>, nowMs: number): void {
    if (result.ok) this.attest(result.value, nowMs)
    else this.askLater(nowMs)
  }

  private attest(timeMs: number, nowMs: number): void {
    this.nextAskMs = nowMs + asksEveryMs
    if (!Number.isSafeInteger(timeMs)) return
    this.attestedMs = Math.max(timeMs, this.attestedMs)
    this.attestedAtMs = nowMs
  }

  private answered(): boolean {
    const wasSilent = this.silentSinceMs !== Number.POSITIVE_INFINITY
    this.silentSinceMs = Number.POSITIVE_INFINITY
    this.failures = 0
    return wasSilent
  }

  private failed(nowMs: number): boolean {
    const isFirst = this.silentSinceMs === Number.POSITIVE_INFINITY
    if (isFirst) this.silentSinceMs = nowMs
    this.failures++
    this.askLater(nowMs)
    return isFirst
  }

  private askLater(nowMs: number): void {
    this.nextAskMs = nowMs + retryDelayMs(this.failures, mostRetryMs)
  }
}
