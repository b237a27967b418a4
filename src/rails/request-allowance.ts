// How much each address and each account may ask of a ledger that is served: a bucket each, which fills with time; and
// how much all may have under way at once.
// Guarantees: bounded memory; whoever was forgotten begins with a full bucket, and only full ones are forgotten.
interface Bucket {
  left: number
  atMs: number
}

export interface AllowanceOptions {
  readonly perSecond: number
  readonly burst: number
}

/** Bytes that are worked on at once, by all together. */
export class ByteRoom {
  private free: number

  constructor(bytes: number) {
    this.free = bytes
  }

  /** False: there is not so much, and none is taken. */
  take(bytes: number): boolean {
    if (bytes > this.free) return false
    this.free -= bytes
    return true
  }

  give(bytes: number): void {
    this.free += bytes
  }
}

const maxBuckets = 65_536
const forgetEveryMs = 1_000

export class RequestAllowance {
  private readonly perSecond: number
  private readonly burst: number
  private forgetsAtMs = Number.NEGATIVE_INFINITY
  private readonly buckets = new Map<string, Bucket>()

  constructor({ perSecond, burst }: AllowanceOptions) {
    this.perSecond = perSecond
    this.burst = burst
  }

  /** Takes `count` from who has them; false: too few are left, and none is taken. */
  take(who: string, count: number, nowMs: number): boolean {
    const bucket = this.buckets.get(who) ?? { left: this.burst, atMs: nowMs }
    const left = this.leftOf(bucket, nowMs)
    if (left < count) return false
    if (!this.buckets.has(who)) {
      if (this.buckets.size >= maxBuckets && nowMs >= this.forgetsAtMs) this.forget(nowMs)
      if (this.buckets.size >= maxBuckets) return false
      this.buckets.set(who, bucket)
    }
    bucket.left = left - count
    bucket.atMs = nowMs
    return true
  }

  private leftOf({ left, atMs }: Bucket, nowMs: number): number {
    return Math.min(this.burst, left + ((nowMs - atMs) / 1000) * this.perSecond)
  }

  /** Now and then: looking at all of them costs more than a request may. */
  private forget(nowMs: number): void {
    this.forgetsAtMs = nowMs + forgetEveryMs
    for (const [who, bucket] of this.buckets) {
      if (this.leftOf(bucket, nowMs) >= this.burst) this.buckets.delete(who)
    }
  }
}
