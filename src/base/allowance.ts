// A token bucket: so many at once, so many a second. Guarantees: time that goes backwards gives nothing.
// The instance owns its tokens; the time comes in.

export interface AllowanceLimit {
  readonly burst: number
  readonly perSecond: number
}

export class Allowance {
  private readonly limit: AllowanceLimit
  private tokens: number
  private filledMs: number

  constructor(limit: AllowanceLimit, nowMs: number) {
    this.limit = limit
    this.tokens = limit.burst
    this.filledMs = nowMs
  }

  /** Takes one; false: there is none. */
  spend(nowMs: number): boolean {
    this.fill(nowMs)
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }

  /** When there is one, not before `nowMs`. */
  nextMs(nowMs: number): number {
    this.fill(nowMs)
    return this.tokens >= 1 ? nowMs : nowMs + Math.ceil(((1 - this.tokens) * 1000) / this.limit.perSecond)
  }

  private fill(nowMs: number): void {
    const { burst, perSecond } = this.limit
    const elapsedMs = Math.max(0, nowMs - this.filledMs)
    this.filledMs += elapsedMs
    this.tokens = Math.min(burst, this.tokens + (elapsedMs / 1000) * perSecond)
  }
}
