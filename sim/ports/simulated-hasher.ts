// The hasher of a simulation: real digests after a delay that its seed decides, so answers come back in any order.
// Guarantees: the bytes are read when the answer is due, so a slot that was changed meanwhile shows; parts of a stream
// stay in order; a bounded queue answers false and then onRoom; jobs can be made to fail as when a worker dies; bytes
// found equal to known contents are not hashed again, by whichever machine.
import { assert } from '../../src/base/assert.ts'
import { concatBytes, emptyBytes } from '../../src/base/bytes.ts'
import { failure } from '../../src/base/errors.ts'
import { type RunningHash, runningHash, sha1, sha256 } from '../../src/base/hash.ts'
import { layerAbove } from '../../src/formats/metainfo/merkle.ts'
import { blockLengthBytes } from '../../src/formats/metainfo/metainfo.ts'
import type { Hasher, HasherSink, HashKind } from '../../src/ports/hasher.ts'
import type { PieceMemory, SlotIndex } from '../../src/ports/piece-memory.ts'
import type { Random } from '../../src/ports/random.ts'
import type { KnownContents, KnownPlace } from './known-contents.ts'
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
  /** Of all workers together; undefined: hashing takes only the delay. */
  readonly bytesPerSecond?: number
  /** What pieces will mostly be: the piece space of a torrent, which is the content if that is one file. */
  readonly known?: KnownContents
}

interface HashStream {
  readonly hash: StreamHash
  /** When its last part is due: parts stay in order. */
  dueMs: number
  /** The worker that had its state died. */
  isLost: boolean
}

export class SimulatedHasher implements Hasher {
  private readonly options: SimulatedHasherOptions
  private readonly streams = new Map<number, HashStream>()
  private jobCount = 0
  /** When the workers have done all they were given. */
  private busyUntilMs = 0
  private isFull = false
  private isClosed = false

  constructor(options: SimulatedHasherOptions) {
    this.options = options
  }

  hash(ticket: number, kind: HashKind, slot: SlotIndex, lengthBytes: number, paddedLeafCount: number): boolean {
    return this.start(ticket, lengthBytes, () => {
      const { known, memory } = this.options
      const bytes = memory.bytes(slot).subarray(0, lengthBytes)
      assert(bytes.length === lengthBytes && lengthBytes > 0, 'bytes within the slot')
      const place = known?.placeOf(bytes)
      const compute = () => digestOf(kind, bytes, paddedLeafCount)
      if (known === undefined || place === undefined) return compute()
      return known.digest(place, lengthBytes, `${kind} ${paddedLeafCount}`, compute).slice()
    })
  }

  hashPart(ticket: number, stream: number, slot: SlotIndex, lengthBytes: number, isLast: boolean): boolean {
    const state = this.streams.get(stream) ?? { hash: new StreamHash(this.options.known), dueMs: 0, isLost: false }
    const digestOf = () => {
      state.hash.update(this.options.memory.bytes(slot).subarray(0, lengthBytes))
      return isLast ? state.hash.digest() : emptyBytes
    }
    if (!this.start(ticket, lengthBytes, digestOf, state)) return false
    // What is asked of a stream after its end, or once it was given up, is a new one.
    if (isLast) this.streams.delete(stream)
    else this.streams.set(stream, state)
    return true
  }

  endStream(stream: number): void {
    this.streams.delete(stream)
  }

  close(): Promise<void> {
    this.isClosed = true
    return Promise.resolve()
  }

  private start(ticket: number, lengthBytes: number, digestOf: () => Uint8Array, stream?: HashStream): boolean {
    const { clock, random, sink, maxDelayMs = 5, maxJobs = 64, failingOneIn = 0, bytesPerSecond } = this.options
    if (this.jobCount >= maxJobs) {
      this.isFull = true
      return false
    }
    this.jobCount++
    const workMs = bytesPerSecond === undefined ? 0 : (lengthBytes / bytesPerSecond) * 1000
    this.busyUntilMs = Math.max(this.busyUntilMs, clock.nowMs()) + workMs
    const dueMs = Math.max(stream?.dueMs ?? 0, this.busyUntilMs + (random.below(1000) / 1000) * maxDelayMs)
    if (stream !== undefined) stream.dueMs = dueMs
    const isFailing = failingOneIn > 0 && random.below(failingOneIn) === 0
    clock.at(dueMs, () => {
      if (this.isClosed) return
      this.jobCount--
      if (isFailing && stream !== undefined) stream.isLost = true
      if (isFailing || stream?.isLost === true) {
        sink.onHashFailed(ticket, failure('internal', 'a simulated worker died'))
      } else sink.onDigest(ticket, digestOf())
      if (!this.isFull || this.jobCount > maxJobs / 2) return
      this.isFull = false
      sink.onRoom()
    })
    return true
  }
}

function digestOf(kind: HashKind, bytes: Uint8Array, paddedLeafCount: number): Uint8Array {
  if (kind === 'sha1') return sha1(bytes)
  const leaves: Uint8Array[] = []
  for (let start = 0; start < bytes.length; start += blockLengthBytes) {
    leaves.push(sha256(bytes.subarray(start, start + blockLengthBytes)))
  }
  if (kind === 'leaves') return concatBytes(leaves)
  assert(leaves.length <= paddedLeafCount, 'leaves for all blocks')
  return layerAbove(concatBytes(leaves), Math.log2(paddedLeafCount))
}

/** SHA-1 of bytes that come in parts; as long as they are known ones, only their place is kept. */
class StreamHash {
  private readonly known: KnownContents | undefined
  private place: KnownPlace | undefined
  private lengthBytes = 0
  /** Once the bytes are not known ones. */
  private hash: RunningHash | undefined

  constructor(known: KnownContents | undefined) {
    this.known = known
  }

  update(bytes: Uint8Array): void {
    const { known } = this
    if (known !== undefined && this.hash === undefined) {
      if (this.lengthBytes === 0) this.place = known.placeOf(bytes)
      if (this.place !== undefined && known.isAt(this.place, this.lengthBytes, bytes)) {
        this.lengthBytes += bytes.length
        return
      }
    }
    this.real().update(bytes)
  }

  digest(): Uint8Array {
    const { known, place, hash } = this
    if (known === undefined || place === undefined || hash !== undefined) return this.real().digest()
    return known.digest(place, this.lengthBytes, 'sha1 0', () => this.real().digest()).slice()
  }

  private real(): RunningHash {
    if (this.hash !== undefined) return this.hash
    const hash = runningHash('sha1')
    if (this.known !== undefined && this.place !== undefined) {
      hash.update(this.known.bytesAt(this.place, this.lengthBytes))
    }
    this.hash = hash
    return hash
  }
}
