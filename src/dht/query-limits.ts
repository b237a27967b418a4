// How much is answered: queries a second of one address, bytes a second in all (S17). A node that others can make talk
// is a weapon against third parties; this is what bounds it.
// Guarantees: bounded memory; strangers at made-up addresses cannot lift the limits of anyone. Local addresses are not
// counted by address. Owns the buckets.
import { askerKey } from './address-limits.ts'

export interface QueryLimitOptions {
  /** Queries of one address; as many at once as in two seconds. */
  readonly queriesPerSecond: number
  /** Of answers to all. */
  readonly answerBytesPerSecond: number
}

interface AskerBucket {
  tokens: number
  lastMs: number
}

const burstSeconds = 2
/** For answers to all: they come in waves. */
const answerBurstSeconds = 5
const maxAskers = 4_096

export class QueryLimits {
  private readonly options: QueryLimitOptions
  /** By address and, in IPv6, by /64 as well; the oldest first. Undefined: not limited. */
  private readonly askers = new Map<string, AskerBucket | undefined>()
  private answerBytes: number
  private lastMs: number

  constructor(options: QueryLimitOptions, nowMs: number) {
    this.options = options
    this.answerBytes = options.answerBytesPerSecond * answerBurstSeconds
    this.lastMs = nowMs
  }

  /** Whether a query of this address may be answered; counts it. */
  admits(address: string, nowMs: number): boolean {
    this.refill(nowMs)
    if (this.answerBytes <= 0) return false
    const known = this.askers.get(address)
    const bucket = known !== undefined || this.askers.has(address) ? known : this.meet(address, nowMs)
    if (bucket === undefined) return true
    const { queriesPerSecond } = this.options
    const earned = ((nowMs - bucket.lastMs) / 1_000) * queriesPerSecond
    bucket.tokens = Math.min(queriesPerSecond * burstSeconds, bucket.tokens + earned)
    bucket.lastMs = nowMs
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  /** An answer was sent. The last of a burst may be longer than what was left. */
  spend(bytes: number): void {
    this.answerBytes -= bytes
  }

  private refill(nowMs: number): void {
    const { answerBytesPerSecond } = this.options
    const earned = ((nowMs - this.lastMs) / 1_000) * answerBytesPerSecond
    this.answerBytes = Math.min(answerBytesPerSecond * answerBurstSeconds, this.answerBytes + earned)
    this.lastMs = nowMs
  }

  private meet(address: string, nowMs: number): AskerBucket | undefined {
    const key = askerKey(address)
    let bucket: AskerBucket | undefined
    if (key !== undefined) {
      bucket = this.askers.get(key) ?? { tokens: this.options.queriesPerSecond * burstSeconds, lastMs: nowMs }
      this.keep(key, bucket)
    }
    if (key !== address) this.keep(address, bucket)
    return bucket
  }

  private keep(key: string, bucket: AskerBucket | undefined): void {
    if (this.askers.size >= maxAskers && !this.askers.has(key)) {
      for (const oldest of this.askers.keys()) {
        this.askers.delete(oldest)
        break
      }
    }
    this.askers.set(key, bucket)
  }
}
