// How many requests to keep at one peer: as many blocks as it sends while an answer travels, and some on top so that it
// never runs dry: a second's worth, or if that is less 8 MiB or what comes in the time of its longest pause, as a long
// queue costs the peer time. Opened by slow start, one more for each block that comes. Also when a peer has been silent
// for too long.
// Guarantees: numbers only, nothing allocated after the start. Each peer's pipeline is its own.
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'

/** What a peer takes that says nothing (BEP 10, reqq). */
const usualRequestQueueLength = 250
/** S11: we never ask more of one peer, and never accept more from one. */
export const maxRequestQueueLength = 2000

export const firstDepth = 8
const leastDepth = 2
const silentDepth = 1
/** What is asked twice comes twice where both answer at once: of a peer that sends as much soon, and at most of so much. */
const endGamePart = 8
const leastEndGameDepth = 2
const mostEndGameDepth = 8
/**
 * What stands at the peer beyond the way there and back: so many milliseconds' worth, or so many blocks where that is
 * less, unless it pauses for longer than these take. It outlasts our pauses and its own.
 */
const reserveMs = 1000
const reserveBlocks = 512
/** Slow start goes up to the reserve, and beyond to so many times what the speed found so far asks for. */
const openingFactor = 2
const evaluationMs = 1000
/** Slow start goes on while the rate grows by this factor from one evaluation to the next. */
const growth = 1.2
/** What is asked at a time while the peer's speed is not known, as a part of all that is. */
const openingBatches = 8
/** BEP 3: a peer that sends nothing for a minute is snubbing us. */
const snubMs = 60_000
const shortestTimeoutMs = 10_000
/** While nothing is known about the peer's speed. */
const usualTimeoutMs = 20_000
/** An answer may take this many times as long as it should before its requests are given to others. */
const patience = 4
/** A peer that lets us wait this many times as long as it lately did is late: in the end game others are asked then. */
const latePatience = 4
const shortestLateMs = 1_000
/** While nothing has come of it. */
const usualLateMs = 3_000
/** What is left whole to a peer is anybody's after this without a block, or as many times as long as one should take. */
const shortestStallMs = 10_000
const stallPatience = 2
/** Peers below this share pieces among themselves, not with fast ones. */
export const slowBytesPerSecond = 24_576

export class RequestPipeline {
  /** Requests to keep outstanding, in blocks of 16 KiB: 1 to the peer's queue length. */
  depth = firstDepth
  /** Nothing came for a minute although it was asked: it is unchoked only optimistically (BEP 3). */
  isSnubbing = false
  private maxDepth = firstDepth
  private isSlowStart = true
  private openingDepth = reserveBlocks
  private minLatencyMs = Number.POSITIVE_INFINITY
  private bytesPerSecond = 0
  private intervalBytes = 0
  private intervalStartMs = Number.NEGATIVE_INFINITY
  /** How long it let us wait for a block at most: since the last evaluation, and before, which counts half each time. */
  private intervalPauseMs = 0
  private longestPauseMs = 0
  /** Since when an answer is owed: the last block, or the first request after none was out. Infinity: nothing is out. */
  private waitingSinceMs = Number.POSITIVE_INFINITY
  /** The requests of before were given up; there is one out to see whether the peer lives. */
  private isSilent = false
  private silentSinceMs = Number.POSITIVE_INFINITY

  /** `requestQueueLength`: the peer's reqq, or usualRequestQueueLength while it did not say. */
  constructor(requestQueueLength = usualRequestQueueLength) {
    this.setQueueLength(requestQueueLength)
  }

  /** The peer said how many requests it keeps (BEP 10, reqq). Nonsense is brought into range. */
  setQueueLength(requestQueueLength: number): void {
    this.maxDepth = Math.max(1, Math.min(Math.floor(requestQueueLength) || 1, maxRequestQueueLength))
    this.depth = Math.min(this.depth, this.maxDepth)
  }

  /** The peer serves us from now on: its speed is found out anew. */
  unchoked(nowMs: number): void {
    this.isSlowStart = true
    this.openingDepth = reserveBlocks
    this.minLatencyMs = Number.POSITIVE_INFINITY
    this.bytesPerSecond = 0
    this.intervalBytes = 0
    this.intervalStartMs = nowMs
    this.intervalPauseMs = 0
    this.longestPauseMs = 0
    this.silentSinceMs = Number.POSITIVE_INFINITY
    this.depth = this.isSilent ? silentDepth : Math.min(firstDepth, this.maxDepth)
  }

  /** A request was sent. Cheap: call it for each, or once for several sent together. */
  asked(nowMs: number): void {
    if (this.waitingSinceMs !== Number.POSITIVE_INFINITY) return
    this.waitingSinceMs = nowMs
    if (this.silentSinceMs === Number.POSITIVE_INFINITY) this.silentSinceMs = nowMs
    if (this.intervalStartMs === Number.NEGATIVE_INFINITY) this.intervalStartMs = nowMs
  }

  /** A block we had asked for `latencyMs` ago is here; `outstanding`: requests still out after it. */
  received(bytes: number, latencyMs: number, outstanding: number, nowMs: number): void {
    this.isSnubbing = false
    this.isSilent = false
    const pauseMs = nowMs - this.waitingSinceMs
    if (pauseMs > this.intervalPauseMs) this.intervalPauseMs = pauseMs
    this.waitingSinceMs = outstanding === 0 ? Number.POSITIVE_INFINITY : nowMs
    this.silentSinceMs = this.waitingSinceMs
    if (latencyMs < this.minLatencyMs) this.minLatencyMs = latencyMs
    this.intervalBytes += bytes
    if (nowMs - this.intervalStartMs >= evaluationMs) this.evaluate(nowMs)
    if (this.isSlowStart && this.depth < this.openingDepth) this.depth = Math.min(this.depth + 1, this.maxDepth)
  }

  /** No answer is owed any more: all came, were rejected, cancelled or taken back; or the peer choked us. */
  settled(): void {
    this.waitingSinceMs = Number.POSITIVE_INFINITY
    if (!this.isSilent) this.silentSinceMs = Number.POSITIVE_INFINITY
  }

  /**
   * With room for less than this nothing is asked yet: a quarter of what does not have to be on its way. Each batch is a
   * message to send, to receive and to act on, so that few large ones cost both sides less than many small ones.
   */
  get leastBatch(): number {
    if (this.bytesPerSecond === 0) return Math.max(1, Math.floor(this.depth / openingBatches))
    // What comes within two round trips: rate and way may both get worse.
    const neededBlocks = (2 * this.bytesPerSecond * this.minLatencyMs) / (1000 * blockLengthBytes)
    return Math.max(1, Math.floor((this.depth - neededBlocks) / 4))
  }

  /** Requests to keep outstanding in the end game, when all there is to ask for is asked of others already. */
  get endGameDepth(): number {
    return Math.min(Math.max(leastEndGameDepth, Math.floor(this.depth / endGamePart)), mostEndGameDepth)
  }

  /** Too slow to share a piece with fast peers. A peer counts as slow until its first blocks show otherwise. */
  get isSlow(): boolean {
    return this.bytesPerSecond < slowBytesPerSecond && this.intervalBytes < slowBytesPerSecond
  }

  /** When `expire` should be called if nothing comes before; Infinity: nothing is owed. */
  nextWakeMs(): number {
    if (this.waitingSinceMs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
    const timeoutAtMs = this.waitingSinceMs + this.timeoutMs()
    return this.isSnubbing ? timeoutAtMs : Math.min(timeoutAtMs, this.silentSinceMs + snubMs)
  }

  /**
   * True when the answers owed are overdue: the caller takes the blocks back and asks others, and asks this peer for
   * `depth` (now one) again; blocks that still come are welcome. Also notices snubbing.
   */
  expire(nowMs: number): boolean {
    if (nowMs < this.nextWakeMs()) return false
    this.isSilent = true
    this.isSlowStart = false
    this.depth = silentDepth
    this.bytesPerSecond = 0
    this.intervalBytes = 0
    this.intervalStartMs = nowMs
    if (nowMs - this.silentSinceMs >= snubMs) this.isSnubbing = true
    this.waitingSinceMs = Number.POSITIVE_INFINITY
    return true
  }

  /** The block owed takes much longer than its blocks lately did, its way included. */
  isLate(nowMs: number): boolean {
    const pauseMs = Math.max(this.intervalPauseMs, this.longestPauseMs)
    const lateMs = pauseMs === 0 ? usualLateMs : Math.max(latePatience * pauseMs, shortestLateMs)
    return nowMs - this.waitingSinceMs >= lateMs
  }

  /** What came a second lately; 0 while that is not known. */
  get rate(): number {
    return this.bytesPerSecond
  }

  /**
   * How long so many blocks should take to come, those it is asked for already among them; at least as long as it has kept
   * us waiting. `presumedRate`: bytes a second while nothing is known about its speed.
   */
  expectedMsOf(blockCount: number, presumedRate: number, nowMs: number): number {
    const rate = this.bytesPerSecond === 0 ? presumedRate : this.bytesPerSecond
    const wayMs = this.minLatencyMs === Number.POSITIVE_INFINITY ? 0 : this.minLatencyMs
    return Math.max(wayMs + (blockCount * blockLengthBytes * 1000) / rate, nowMs - this.waitingSinceMs)
  }

  /** Without a block for so long it has stalled, for whoever waits for what is left whole to it. */
  get stallMs(): number {
    if (this.bytesPerSecond === 0) return shortestStallMs
    return Math.min(Math.max(stallPatience * this.expectedMs(), shortestStallMs), snubMs)
  }

  private timeoutMs(): number {
    if (this.isSilent) return snubMs
    if (this.bytesPerSecond === 0) return usualTimeoutMs
    return Math.min(Math.max(patience * this.expectedMs(), shortestTimeoutMs), snubMs)
  }

  /** For what stands at it at most to come. */
  private expectedMs(): number {
    return this.minLatencyMs + (this.depth * blockLengthBytes * 1000) / this.bytesPerSecond
  }

  private evaluate(nowMs: number): void {
    const rate = (this.intervalBytes * 1000) / (nowMs - this.intervalStartMs)
    if (rate < this.bytesPerSecond * growth) this.isSlowStart = false
    this.bytesPerSecond = rate
    this.longestPauseMs = Math.max(this.intervalPauseMs, this.longestPauseMs / 2)
    this.intervalPauseMs = 0
    this.intervalBytes = 0
    this.intervalStartMs = nowMs
    const blocksPerMs = rate / (1000 * blockLengthBytes)
    const reserve = Math.min(blocksPerMs * reserveMs, Math.max(reserveBlocks, blocksPerMs * this.longestPauseMs))
    const wanted = Math.ceil(blocksPerMs * this.minLatencyMs + reserve)
    this.openingDepth = Math.max(reserveBlocks, openingFactor * wanted)
    if (this.isSlowStart) return
    this.depth = Math.max(Math.min(wanted, this.maxDepth), Math.min(leastDepth, this.maxDepth))
  }
}
