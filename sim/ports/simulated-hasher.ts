// The hasher of a simulation: real digests after a delay that its seed decides, so answers come back in any order.
// Guarantees: the bytes are read when the answer is due, so a slot that was changed meanwhile shows; parts of a stream
// stay in order; a bounded queue answers false and then onRoom; jobs can be made to fail as when a worker dies.
import { assert } from '../../src/base/assert.ts'
import { concatBytes, emptyBytes } from '../../src/base/bytes.ts'
import { failure } from '../../src/base/errors.ts'
import { type RunningHash, runningHash, sha1, sha256 } from '../../src/base/hash.ts'
import { layerAbove } from '../../src/formats/metainfo/merkle.ts'
import { blockLengthBytes } from '../../src/formats/metainfo/metainfo.ts'
import type { Hasher, HasherSink, HashKind } from '../../src/ports/hasher.ts'
import type { PieceMemory, SlotIndex } from '../../src/ports/piece-memory.ts'
import type { Random } from '../../src/ports/random.ts'
import type { SimulatedClock } from './simulated-clock.ts'

export interface SimulatedHasherOptions {
  readonly clock: SimulatedClock
  readonly random: Random
  readonly memory: PieceMemory
  readonly sink: HasherSink
  readonly maxDelayMs?: number
  readonly maxJobs?: number
  /** One job in so many fails; 0: none. */
  readonly failingOneIn?: number
}

export class SimulatedHasher implements Hasher {
  private readonly options: SimulatedHasherOptions
  private readonly streams = new Map<number, RunningHash>()
  /** When the last part of a stream is due. */
  private readonly dueMs = new Map<number, number>()
  private jobCount = 0
  private isFull = false
  private isClosed = false

  constructor(options: SimulatedHasherOptions) {
    this.options = options
  }

  hash(ticket: number, kind: HashKind, slot: SlotIndex, lengthBytes: number, paddedLeafCount: number): boolean {
    return this.start(ticket, 0, () => {
      const bytes = this.options.memory.bytes(slot).subarray(0, lengthBytes)
      assert(bytes.length === lengthBytes && lengthBytes > 0, 'bytes within the slot')
      if (kind === 'sha1') return sha1(bytes)
      const leaves: Uint8Array[] = []
      for (let start = 0; start < bytes.length; start += blockLengthBytes) {
        leaves.push(sha256(bytes.subarray(start, start + blockLengthBytes)))
      }
      if (kind === 'leaves') return concatBytes(leaves)
      assert(leaves.length <= paddedLeafCount, 'leaves for all blocks')
      return layerAbove(concatBytes(leaves), Math.log2(paddedLeafCount))
    })
  }

  hashPart(ticket: number, stream: number, slot: SlotIndex, lengthBytes: number, isLast: boolean): boolean {
    const earliestMs = this.dueMs.get(stream) ?? 0
    return this.start(
      ticket,
      earliestMs,
      () => {
        const state = this.streams.get(stream) ?? runningHash('sha1')
        this.streams.set(stream, state)
        state.update(this.options.memory.bytes(slot).subarray(0, lengthBytes))
        if (!isLast) return emptyBytes
        this.endStream(stream)
        return state.digest()
      },
      stream,
    )
  }

  endStream(stream: number): void {
    this.streams.delete(stream)
    this.dueMs.delete(stream)
  }

  close(): Promise<void> {
    this.isClosed = true
    return Promise.resolve()
  }

  private start(ticket: number, earliestMs: number, digestOf: () => Uint8Array, stream?: number): boolean {
    const { clock, random, sink, maxDelayMs = 5, maxJobs = 64, failingOneIn = 0 } = this.options
    if (this.jobCount >= maxJobs) {
      this.isFull = true
      return false
    }
    this.jobCount++
    const dueMs = Math.max(earliestMs, clock.nowMs() + (random.below(1000) / 1000) * maxDelayMs)
    if (stream !== undefined) this.dueMs.set(stream, dueMs)
    const isFailing = failingOneIn > 0 && random.below(failingOneIn) === 0
    clock.at(dueMs, () => {
      if (this.isClosed) return
      this.jobCount--
      if (isFailing) sink.onHashFailed(ticket, failure('internal', 'a simulated worker died'))
      else sink.onDigest(ticket, digestOf())
      if (!this.isFull || this.jobCount > maxJobs / 2) return
      this.isFull = false
      sink.onRoom()
    })
    return true
  }
}
