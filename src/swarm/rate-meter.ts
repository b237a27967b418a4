// How many bytes a second went by lately: a ring of time slices, so that a rate is an exact sum over a window and a
// burst leaves it again all at once. Guarantees: nothing is allocated after the first bytes; time may stand still between
// calls but never goes back. Each meter owns its slices.
import { assert } from '../base/assert.ts'

const sliceCount = 10
/** Of all meters to which nothing was added. */
const noSlices = new Float64Array(sliceCount)
/** Younger meters divide by this much, or the first block of a transfer would look like a record. */
const shortestSpanMs = 1000

export class RateMeter {
  /** Bytes since the beginning. */
  totalBytes = 0
  private readonly sliceMs: number
  private slices = noSlices
  /** Number of the newest slice since time 0. */
  private newest: number
  private readonly startMs: number
  private windowBytes = 0

  constructor(nowMs: number, windowMs = 10_000) {
    assert(windowMs >= sliceCount, 'a window of at least a millisecond a slice')
    this.sliceMs = windowMs / sliceCount
    this.startMs = nowMs
    this.newest = Math.floor(nowMs / this.sliceMs)
  }

  add(bytes: number, nowMs: number): void {
    this.advance(nowMs)
    if (this.slices === noSlices) this.slices = new Float64Array(sliceCount)
    this.slices[this.newest % sliceCount] = (this.slices[this.newest % sliceCount] as number) + bytes
    this.windowBytes += bytes
    this.totalBytes += bytes
  }

  /** Bytes a second over the window, or since the meter began when that is less. */
  rate(nowMs: number): number {
    this.advance(nowMs)
    if (this.windowBytes === 0) return 0
    // The oldest slice is left from its beginning, the newest has only begun.
    const coveredMs = nowMs - (this.newest - sliceCount + 1) * this.sliceMs
    const spanMs = Math.max(Math.min(coveredMs, nowMs - this.startMs), shortestSpanMs)
    return (this.windowBytes * 1000) / spanMs
  }

  private advance(nowMs: number): void {
    const slice = Math.floor(nowMs / this.sliceMs)
    if (slice <= this.newest) return
    if (this.windowBytes > 0) this.forget(slice)
    this.newest = slice
  }

  /** What lies before the window that ends with `slice`. */
  private forget(slice: number): void {
    const { slices } = this
    if (slice - this.newest >= sliceCount) {
      slices.fill(0)
      this.windowBytes = 0
      return
    }
    for (let old = this.newest + 1; old <= slice; old++) {
      this.windowBytes -= slices[old % sliceCount] as number
      slices[old % sliceCount] = 0
    }
  }
}
