// The Hasher port on worker threads: pieces in shared memory, hashed away from the main thread.
// Guarantees: each ticket comes back once, and never from inside the call; a thread that dies fails what it had and is
// replaced; the queue is bounded. Threads start when there is work for them. One thread gets work until it has two
// batches of it, and a lone piece waits a moment for others: four pieces together take the time of one and need one
// message, so spreading them thin would cost more processor time.
// Owns its threads, not the memory.
import { Worker } from 'node:worker_threads'
import { assert, present } from '../base/assert.ts'
import { type Failure, failure } from '../base/errors.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import type { Hasher, HasherSink, HashKind } from '../ports/hasher.ts'
import type { SlotIndex } from '../ports/piece-memory.ts'
import { isHashingAccelerated } from './bulk-hash.ts'
import { digestLength, isWorthMore, type PieceHashAnswer, type PieceHashJob } from './piece-hash-queue.ts'
import type { SharedPieceMemory } from './shared-piece-memory.ts'

export interface HashWorkersOptions {
  readonly maxThreads: number
  /** Jobs of one thread that may be out at once. */
  readonly queueLength: number
}

const defaults: HashWorkersOptions = { maxThreads: 2, queueLength: 128 }

/** A whole unit of work, and what a piece weighs that is hashed together with others. */
const fullWeight = 4
const sharedWeight = isHashingAccelerated ? 1 : fullWeight
/** What one thread is given before the next one is. */
const batchWeight = 2 * fullWeight
/** What waits for the others before another thread starts: that takes memory, and as long as hashing some hundred MiB. */
const startingBytes = 24 * 1_048_576

const patienceMs = 10
/** After a wait in which nothing came, so many jobs are sent without one. */
const hurriedJobs = 16

/** Jobs are small and soon forgotten; the usual sizes would only take memory. */
const resourceLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 64 }

// Run from source the worker is TypeScript beside this file, in a build JavaScript.
const workerUrl = new URL(`./piece-hash-worker${/\.[a-z]+$/.exec(import.meta.url)?.[0] ?? '.js'}`, import.meta.url)

interface JobOut {
  readonly ticket: number
  readonly digestBytes: number
  readonly lengthBytes: number
  readonly weight: number
}

/** One thread and those that take its place when it dies. */
interface Lane {
  worker: Worker | undefined
  /** In the order they were sent, which is the order of answers. */
  jobs: JobOut[]
  weight: number
  /** To be hashed. */
  bytes: number
  /** The last of the jobs, not sent yet: others may come that are hashed together with them. */
  held: PieceHashJob[]
  patience: NodeJS.Timeout | undefined
  leftHurried: number
  /** Numbers streams have had on the thread, and those no stream has now. */
  streamCount: number
  readonly freeStreams: number[]
}

interface Stream {
  readonly lane: Lane
  /** The thread that has its state; another one means that the state is lost. */
  readonly worker: Worker
  /** Its number there. */
  readonly number: number
}

function openStreams(lane: Lane): number {
  return lane.streamCount - lane.freeStreams.length
}

class HashWorkers implements Hasher {
  private readonly memory: SharedPieceMemory
  private readonly sink: HasherSink
  private readonly queueLength: number
  private readonly lanes: readonly Lane[]
  private readonly streams = new Map<number, Stream>()
  /** Parts of streams whose state is lost, to be failed in the next turn. */
  private lostTickets: number[] = []
  private wasFull = false
  private isClosed = false

  constructor(memory: SharedPieceMemory, sink: HasherSink, { maxThreads, queueLength }: HashWorkersOptions) {
    assert(maxThreads > 0 && queueLength > 0, 'a thread, and room for its work')
    this.memory = memory
    this.sink = sink
    this.queueLength = queueLength
    this.lanes = Array.from({ length: maxThreads }, () => ({
      worker: undefined,
      jobs: [],
      weight: 0,
      bytes: 0,
      held: [],
      patience: undefined,
      leftHurried: isHashingAccelerated ? 0 : Number.POSITIVE_INFINITY,
      freeStreams: [],
      streamCount: 0,
    }))
  }

  hash(ticket: number, kind: HashKind, slot: SlotIndex, lengthBytes: number, paddedLeafCount: number): boolean {
    const lane = this.laneForMore()
    if (lane === undefined) return false
    const start = this.startOf(slot, lengthBytes)
    if (kind === 'merkle-root') {
      assert(Number.isInteger(Math.log2(paddedLeafCount)), 'a tree as wide as a power of two')
      assert(paddedLeafCount * blockLengthBytes >= lengthBytes, 'a leaf for every block')
    }
    const padded = kind === 'merkle-root' ? paddedLeafCount : 0
    this.send(lane, ticket, {
      kind,
      start,
      lengthBytes,
      paddedLeafCount: padded,
      stream: 0,
      isFirst: true,
      isLast: true,
    })
    return true
  }

  hashPart(ticket: number, stream: number, slot: SlotIndex, lengthBytes: number, isLast: boolean): boolean {
    const start = this.startOf(slot, lengthBytes)
    const known = this.streams.get(stream)
    if (known !== undefined && known.lane.worker !== known.worker) {
      if (isLast) this.endStream(stream)
      this.failSoon(ticket)
      return true
    }
    const lane = this.unlessFull(known?.lane ?? this.laneForStream())
    if (lane === undefined) return false
    const { number } = known ?? this.beginStream(stream, lane)
    const isFirst = known === undefined
    this.send(lane, ticket, { kind: 'part', start, lengthBytes, paddedLeafCount: 0, stream: number, isFirst, isLast })
    if (isLast) this.endStream(stream)
    return true
  }

  endStream(stream: number): void {
    const known = this.streams.get(stream)
    if (known === undefined) return
    this.streams.delete(stream)
    // What the thread still has under this number is forgotten there when the next stream begins under it.
    if (known.lane.worker === known.worker) known.lane.freeStreams.push(known.number)
  }

  async close(): Promise<void> {
    this.isClosed = true
    for (const { patience } of this.lanes) clearTimeout(patience)
    await Promise.all(this.lanes.map((lane) => lane.worker?.terminate()))
  }

  private startOf(slot: SlotIndex, lengthBytes: number): number {
    assert(!this.isClosed, 'a hasher that is not closed')
    const bytes = this.memory.bytes(slot)
    assert(lengthBytes > 0 && lengthBytes <= bytes.length, 'some bytes of the slot')
    return bytes.byteOffset
  }

  private unlessFull(lane: Lane): Lane | undefined {
    if (lane.jobs.length < this.queueLength) return lane
    this.wasFull = true
    return undefined
  }

  /** Where one more job is done soonest without starting on another thread what could be hashed together here. */
  private laneForMore(): Lane | undefined {
    let best = present(this.lanes[0], 'one lane at least')
    for (const lane of this.lanes) {
      if (lane.worker === undefined && best.bytes < startingBytes) continue
      if (Math.floor(lane.weight / batchWeight) < Math.floor(best.weight / batchWeight)) best = lane
    }
    return this.unlessFull(best)
  }

  /** Where the fewest streams are: one stays where it began, whatever comes later. */
  private laneForStream(): Lane {
    return this.lanes.reduce((best, lane) => (openStreams(lane) < openStreams(best) ? lane : best))
  }

  private beginStream(stream: number, lane: Lane): Stream {
    const number = lane.freeStreams.pop() ?? lane.streamCount++
    const begun = { lane, worker: this.workerOf(lane), number }
    this.streams.set(stream, begun)
    return begun
  }

  private send(lane: Lane, ticket: number, job: PieceHashJob): void {
    const weight = job.kind === 'sha1' ? sharedWeight : fullWeight
    const { lengthBytes } = job
    lane.jobs.push({ ticket, digestBytes: digestLength(job), lengthBytes, weight })
    lane.weight += weight
    lane.bytes += lengthBytes
    lane.held.push(job)
    this.workerOf(lane)
    const isWaiting = lane.leftHurried === 0 && lane.jobs.length < this.queueLength && isWorthMore(lane.held)
    if (!isWaiting) this.sendHeld(lane)
    else lane.patience ??= setTimeout(() => this.losePatience(lane), patienceMs)
  }

  private losePatience(lane: Lane): void {
    if (lane.held.length === 1) lane.leftHurried = hurriedJobs
    this.sendHeld(lane)
  }

  private sendHeld(lane: Lane): void {
    clearTimeout(lane.patience)
    lane.patience = undefined
    lane.leftHurried = Math.max(0, lane.leftHurried - lane.held.length)
    this.workerOf(lane).postMessage(lane.held)
    lane.held = []
  }

  private workerOf(lane: Lane): Worker {
    if (lane.worker !== undefined) return lane.worker
    const worker = new Worker(workerUrl, { workerData: this.memory.buffer, name: 'piece-hash', resourceLimits })
    let reason = 'ended'
    worker.on('message', (answer: PieceHashAnswer) => this.onAnswer(lane, worker, answer))
    worker.on('error', (error) => {
      reason = String(error)
    })
    worker.on('exit', () => this.onDeath(lane, worker, reason))
    lane.worker = worker
    return worker
  }

  private onAnswer(lane: Lane, worker: Worker, { count, digests }: PieceHashAnswer): void {
    if (this.isClosed || lane.worker !== worker) return
    const done = lane.jobs.splice(0, count)
    assert(done.length === count, 'no answer but to a job')
    for (const { weight, lengthBytes } of done) {
      lane.weight -= weight
      lane.bytes -= lengthBytes
    }
    let start = 0
    for (const { ticket, digestBytes } of done) {
      if (this.isClosed) return
      this.sink.onDigest(ticket, digests.subarray(start, start + digestBytes))
      start += digestBytes
    }
    this.offerRoom()
  }

  private onDeath(lane: Lane, worker: Worker, reason: string): void {
    if (this.isClosed || lane.worker !== worker) return
    const lost = lane.jobs
    lane.worker = undefined
    lane.jobs = []
    lane.weight = 0
    lane.bytes = 0
    lane.held = []
    clearTimeout(lane.patience)
    lane.patience = undefined
    lane.freeStreams.length = 0
    lane.streamCount = 0
    this.failAll(
      lost.map(({ ticket }) => ticket),
      failure('internal', `a hashing thread died: ${reason.slice(0, 200)}`),
    )
    this.offerRoom()
  }

  private failSoon(ticket: number): void {
    if (this.lostTickets.push(ticket) > 1) return
    setImmediate(() => {
      const lost = this.lostTickets
      this.lostTickets = []
      this.failAll(lost, failure('internal', 'the state of a stream was lost with its hashing thread'))
    })
  }

  private failAll(tickets: readonly number[], reason: Failure): void {
    for (const ticket of tickets) if (!this.isClosed) this.sink.onHashFailed(ticket, reason)
  }

  private offerRoom(): void {
    if (!this.wasFull || this.isClosed) return
    this.wasFull = false
    this.sink.onRoom()
  }
}

/** Hashes slots of `memory` for `sink`. */
export function hashWorkers(
  memory: SharedPieceMemory,
  sink: HasherSink,
  options: Partial<HashWorkersOptions> = {},
): Hasher {
  return new HashWorkers(memory, sink, { ...defaults, ...options })
}
