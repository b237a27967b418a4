// The session's one hasher, shared by all torrents: every job's answer goes back to whoever asked.
// Guarantees: jobs are taken in order, whatever room the hasher has; each is answered exactly once, never from inside
// the call; a job lost with its worker is tried again, but for parts of a stream, whose state is lost too.
import { present } from '../base/assert.ts'
import type { Failure } from '../base/errors.ts'
import type { Hasher, HasherSink, HashKind } from '../ports/hasher.ts'
import type { SlotIndex } from '../ports/piece-memory.ts'

/** `digest` as in HasherSink, a view valid until the call returns; undefined: it cannot be computed. */
export type HashDone = (digest: Uint8Array | undefined) => void

interface HashJob {
  readonly kind: HashKind | 'part'
  readonly slot: SlotIndex
  readonly lengthBytes: number
  readonly paddedLeafCount: number
  readonly stream: number
  readonly isLast: boolean
  readonly done: HashDone
  attempts: number
}

const maxAttempts = 3

export class HashQueue implements HasherSink {
  private readonly hasher: Hasher
  private readonly jobs: (HashJob | undefined)[] = []
  private readonly freeTickets: number[] = []
  /** Tickets the hasher had no room for, in order from `nextPending` on. */
  private pending: number[] = []
  private nextPending = 0
  private nextStream = 0

  constructor(openHasher: (sink: HasherSink) => Hasher) {
    this.hasher = openHasher(this)
  }

  /** See Hasher.hash. The caller keeps the slot unchanged until `done`. */
  hash(kind: HashKind, slot: SlotIndex, lengthBytes: number, paddedLeafCount: number, done: HashDone): void {
    this.add({ kind, slot, lengthBytes, paddedLeafCount, stream: 0, isLast: true, done, attempts: 1 })
  }

  /** A number for `hashPart`, never used before. */
  newStream(): number {
    return this.nextStream++
  }

  /** See Hasher.hashPart. After an undefined digest the stream is to be ended and begun again. */
  hashPart(stream: number, slot: SlotIndex, lengthBytes: number, isLast: boolean, done: HashDone): void {
    this.add({ kind: 'part', slot, lengthBytes, paddedLeafCount: 0, stream, isLast, done, attempts: maxAttempts })
  }

  endStream(stream: number): void {
    this.hasher.endStream(stream)
  }

  close(): Promise<void> {
    return this.hasher.close()
  }

  onDigest(ticket: number, digest: Uint8Array): void {
    this.takeJob(ticket).done(digest)
  }

  onHashFailed(ticket: number, _failure: Failure): void {
    const job = present(this.jobs[ticket], 'a ticket that is out')
    if (job.attempts >= maxAttempts) {
      this.takeJob(ticket).done(undefined)
      return
    }
    job.attempts++
    this.pending.push(ticket)
    this.drain()
  }

  onRoom(): void {
    this.drain()
  }

  private takeJob(ticket: number): HashJob {
    const job = present(this.jobs[ticket], 'a ticket that is out')
    this.jobs[ticket] = undefined
    this.freeTickets.push(ticket)
    return job
  }

  private add(job: HashJob): void {
    const ticket = this.freeTickets.pop() ?? this.jobs.length
    this.jobs[ticket] = job
    this.pending.push(ticket)
    this.drain()
  }

  private drain(): void {
    while (this.nextPending < this.pending.length) {
      const ticket = this.pending[this.nextPending] as number
      const job = present(this.jobs[ticket], 'a job that waits')
      const isTaken =
        job.kind === 'part'
          ? this.hasher.hashPart(ticket, job.stream, job.slot, job.lengthBytes, job.isLast)
          : this.hasher.hash(ticket, job.kind, job.slot, job.lengthBytes, job.paddedLeafCount)
      if (!isTaken) return
      this.nextPending++
    }
    this.pending = []
    this.nextPending = 0
  }
}
