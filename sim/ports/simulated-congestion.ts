// How much a TCP sender may have under way, in bytes: slow start, then a segment a round trip; half after a loss, once
// a round trip; one segment after a time-out; and a little less when packets wait long before the receiver's downlink,
// as senders do that heed congestion marks. So queues fill links but stay short. Owns the window and the round trip.
import { segmentBytes } from './simulated-hosts.ts'

const initialSegments = 10
const leastSegments = 2
const minRetryMs = 200
const maxRetryMs = 60_000
/** A queue that long is enough to keep the link busy; twice that is too long. */
const usualQueueMs = 50
/** And with long packets, so many of them. */
const enoughPackets = 2.5

export class CongestionWindow {
  windowBytes = initialSegments * segmentBytes
  roundTripMs: number
  private thresholdBytes = Number.POSITIVE_INFINITY
  private lastCutMs = Number.NEGATIVE_INFINITY
  private readonly maxBytes: number
  private readonly enoughQueueMs: number

  /** `packetMs`: how long a packet takes to pass the slower link. */
  constructor(roundTripMs: number, maxBytes: number, packetMs: number) {
    this.roundTripMs = roundTripMs
    this.maxBytes = maxBytes
    this.enoughQueueMs = Math.max(usualQueueMs, enoughPackets * packetMs)
  }

  /** `inFlightBytes` before it: a window that was not used does not grow. */
  acknowledged(bytes: number, sampleMs: number, queueMs: number, inFlightBytes: number, nowMs: number): void {
    this.roundTripMs += (sampleMs - this.roundTripMs) / 8
    if (queueMs > 2 * this.enoughQueueMs) this.cut(7 / 8, nowMs)
    if (queueMs > this.enoughQueueMs) {
      this.thresholdBytes = Math.min(this.thresholdBytes, this.windowBytes)
      return
    }
    if (2 * inFlightBytes < this.windowBytes) return
    const isSlowStart = this.windowBytes < this.thresholdBytes
    const growthBytes = isSlowStart ? bytes : (segmentBytes * bytes) / this.windowBytes
    this.windowBytes = Math.min(this.maxBytes, this.windowBytes + growthBytes)
  }

  lost(nowMs: number): void {
    this.cut(1 / 2, nowMs)
  }

  timedOut(): void {
    this.thresholdBytes = Math.max(leastSegments * segmentBytes, this.windowBytes / 2)
    this.windowBytes = leastSegments * segmentBytes
  }

  /** How long a sender waits for any answer before it tries again, after so many tries. */
  retryMs(tries: number): number {
    return Math.min(maxRetryMs, Math.max(minRetryMs, 2 * this.roundTripMs) * 2 ** Math.min(tries, 16))
  }

  private cut(share: number, nowMs: number): void {
    if (nowMs - this.lastCutMs < this.roundTripMs) return
    this.lastCutMs = nowMs
    this.windowBytes = Math.max(leastSegments * segmentBytes, this.windowBytes * share)
    this.thresholdBytes = this.windowBytes
  }
}

const fields = 4

/** Answers on their way back, in order. A sender looks at them when it wants to send, so they need no events. */
export class AnswerQueue {
  private values = new Float64Array(16 * fields)
  private first = 0
  private count = 0

  /** Comes no earlier than those before it. */
  push(atMs: number, bytes: number, roundTripMs: number, queueMs: number): void {
    const { length } = this.values
    if (this.count * fields === length) {
      const wider = new Float64Array(2 * length)
      wider.set(this.values.subarray(this.first))
      wider.set(this.values.subarray(0, this.first), length - this.first)
      this.values = wider
      this.first = 0
    }
    const at = (this.first + this.count * fields) % this.values.length
    const before = this.count === 0 ? atMs : this.at((at + this.values.length - fields) % this.values.length)
    this.values[at] = Math.max(atMs, before)
    this.values[at + 1] = bytes
    this.values[at + 2] = roundTripMs
    this.values[at + 3] = queueMs
    this.count++
  }

  /** When the next one comes; Infinity: none is under way. */
  nextMs(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : this.at(this.first)
  }

  /** Its numbers, to be read before `drop`. */
  get bytes(): number {
    return this.at(this.first + 1)
  }

  get roundTripMs(): number {
    return this.at(this.first + 2)
  }

  get queueMs(): number {
    return this.at(this.first + 3)
  }

  drop(): void {
    this.first = (this.first + fields) % this.values.length
    this.count--
  }

  private at(index: number): number {
    return this.values[index] as number
  }
}
