// What one connection has to send, in order, on its way to the system: everything written between two turns of the
// event loop leaves in one call. Guarantees: payload is sent from where it is, headers are copied at once, one batch
// is under way at a time, nothing is called from inside `write`. Batches, and with them what may queue, shrink on a
// slow connection, so that it holds little payload for long, and grow on a fast one. Owns headers until they are sent.
import type { WriteCallback } from './accepted-socket.ts'

export interface WriteTarget {
  /** See SocketAccess; the callback may come from inside. */
  gather(chunks: readonly Uint8Array[], callback: WriteCallback): void
  /** After each batch; from the event loop. */
  onWritten(totalBytes: number): void
  onWriteFailed(error: Error): void
}

const smallestBatchBytes = 16_384
const firstBatchBytes = 131_072
const largestBatchBytes = 1_048_576
/** Batches aim to take about this long on a connection that is slower than we are. */
const shortBatchMs = 50
const longBatchMs = 200

const arenaBytes = 65_536
/** Larger ones get memory of their own. */
const largestArenaHeader = 4_096
let arena = new Uint8Array(0)
let arenaUsed = 0

function allocateHeader(lengthBytes: number): Uint8Array {
  if (lengthBytes > largestArenaHeader) return new Uint8Array(lengthBytes)
  if (arenaUsed + lengthBytes > arena.length) {
    arena = new Uint8Array(arenaBytes)
    arenaUsed = 0
  }
  arenaUsed += lengthBytes
  return arena.subarray(arenaUsed - lengthBytes, arenaUsed)
}

const waiting: WriteQueue[] = []
let isScheduled = false
let isFlushing = false

/** What is written while others are flushed waits for the next turn, else a fast reader would keep us here. */
function flushWaiting(): void {
  isFlushing = true
  isScheduled = false
  const count = waiting.length
  try {
    for (let index = 0; index < count; index++) waiting[index]?.flush()
  } finally {
    isFlushing = false
    waiting.splice(0, count)
  }
}

function schedule(): void {
  isScheduled = true
  if (isFlushing) setImmediate(flushWaiting)
  else process.nextTick(flushWaiting)
}

export class WriteQueue {
  /** Of all that was ever written. */
  queuedBytes = 0
  private readonly target: WriteTarget
  private chunks: Uint8Array[] = []
  private writtenBytes = 0
  private batchLimitBytes = firstBatchBytes
  private underWayBytes = 0
  private startedMs = 0
  /** Whether `gather` has not returned yet. */
  private isInside = false
  private isWaiting = false
  private isOpen = false
  private isStopped = false

  constructor(target: WriteTarget) {
    this.target = target
  }

  write(header: Uint8Array, payload: Uint8Array | undefined): void {
    if (this.isStopped) return
    if (header.length > 0) {
      const copy = allocateHeader(header.length)
      copy.set(header)
      this.chunks.push(copy)
    }
    if (payload !== undefined && payload.length > 0) this.chunks.push(payload)
    this.queuedBytes += header.length + (payload?.length ?? 0)
    if (this.isOpen && this.underWayBytes === 0 && this.chunks.length > 0) this.wait()
  }

  /** The connection stands: what was written so far goes out in this turn of the event loop. */
  open(): void {
    this.isOpen = true
    if (this.chunks.length > 0) this.wait()
  }

  /** A batch is waiting: more would only take memory. */
  get isFull(): boolean {
    return this.queuedBytes >= this.batchLimitBytes
  }

  /** Nothing more is sent or told. What is under way stays the system's until the socket is closed. */
  stop(): void {
    this.isStopped = true
    this.chunks = []
  }

  private wait(): void {
    if (this.isWaiting) return
    this.isWaiting = true
    waiting.push(this)
    if (!isScheduled) schedule()
  }

  /** Called by the loop over all that wait. */
  flush(): void {
    this.isWaiting = false
    const before = this.writtenBytes
    while (!this.isStopped && this.underWayBytes === 0 && this.chunks.length > 0) this.sendBatch()
    if (!this.isStopped && this.writtenBytes > before) this.target.onWritten(this.writtenBytes)
  }

  private sendBatch(): void {
    let count = 0
    let lengthBytes = 0
    for (; count < this.chunks.length; count++) {
      const chunk = this.chunks[count] as Uint8Array
      if (count > 0 && lengthBytes + chunk.length > this.batchLimitBytes) break
      lengthBytes += chunk.length
    }
    const batch = count === this.chunks.length ? this.chunks : this.chunks.splice(0, count)
    if (batch === this.chunks) this.chunks = []
    this.underWayBytes = lengthBytes
    this.isInside = true
    this.target.gather(batch, this.onBatchEnd)
    this.isInside = false
    if (this.underWayBytes > 0) this.startedMs = performance.now()
    else this.grow(lengthBytes)
  }

  /** After a batch that was quick, if it was about as long as batches may be. */
  private grow(lengthBytes: number): void {
    if (2 * lengthBytes < this.batchLimitBytes) return
    this.batchLimitBytes = Math.min(2 * this.batchLimitBytes, largestBatchBytes)
  }

  private readonly onBatchEnd: WriteCallback = (error) => {
    if (this.isStopped) return
    if (error) return this.target.onWriteFailed(error)
    const lengthBytes = this.underWayBytes
    this.writtenBytes += lengthBytes
    this.queuedBytes -= lengthBytes
    this.underWayBytes = 0
    if (this.isInside) return
    const tookMs = performance.now() - this.startedMs
    if (tookMs < shortBatchMs) this.grow(lengthBytes)
    else if (tookMs > longBatchMs) this.batchLimitBytes = Math.max(this.batchLimitBytes / 2, smallestBatchBytes)
    this.target.onWritten(this.writtenBytes)
    if (!this.isStopped && this.chunks.length > 0) this.wait()
  }
}
