// The work of one thread of the Hasher: jobs in the order they came, answered in that order.
// Guarantees: pieces of one length that stand next to each other in the queue are hashed together, up to four at once,
// whichever slots they are in; a stream's state lives from its first part to its last. Owns that state, not the memory.
import { assert, present } from '../base/assert.ts'
import { type RunningHash, runningHash, sha1Length, sha256Length } from '../base/hash.ts'
import { paddingHash } from '../formats/metainfo/merkle.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import type { HashKind } from '../ports/hasher.ts'
import { hashGather, hashRun } from './bulk-hash.ts'

/** One job, as it is sent to the thread. Bytes are named by their place in the memory all threads see. */
export interface PieceHashJob {
  readonly kind: HashKind | 'part'
  readonly start: number
  readonly lengthBytes: number
  /** Of merkle-root; else 0. */
  readonly paddedLeafCount: number
  /** Of a part; else 0. A number may be used again once the stream's last part has been sent, or none will be. */
  readonly stream: number
  readonly isFirst: boolean
  readonly isLast: boolean
}

/** The jobs of the thread that have come first and were not answered yet: so many of them, their digests end to end. */
export interface PieceHashAnswer {
  readonly count: number
  readonly digests: Uint8Array
}

/** As many messages as are hashed in the time of one. */
const maxTogether = 4

/** Bytes of a job's digest: none for a part that is not the last. */
export function digestLength(job: Pick<PieceHashJob, 'kind' | 'lengthBytes' | 'isLast'>): number {
  switch (job.kind) {
    case 'sha1':
      return sha1Length
    case 'part':
      return job.isLast ? sha1Length : 0
    case 'merkle-root':
      return sha256Length
    case 'leaves':
      return Math.ceil(job.lengthBytes / blockLengthBytes) * sha256Length
  }
}

/** The leaves of `bytes`, 32 bytes a block (BEP 52), at the start of `target`; their number. */
function hashLeaves(bytes: Uint8Array, target: Uint8Array): number {
  const whole = Math.floor(bytes.length / blockLengthBytes)
  hashRun('sha256', bytes, blockLengthBytes, whole, target, 0)
  const rest = bytes.subarray(whole * blockLengthBytes)
  if (rest.length === 0) return whole
  hashRun('sha256', rest, rest.length, 1, target, whole * sha256Length)
  return whole + 1
}

/** Whether all these jobs would be hashed together, and one more like them in the same time. */
export function isWorthMore(jobs: readonly PieceHashJob[]): boolean {
  const [first] = jobs
  if (first === undefined || jobs.length >= maxTogether) return false
  return jobs.every((job) => job.kind === 'sha1' && job.lengthBytes === first.lengthBytes)
}

export class PieceHashQueue {
  private readonly memory: Uint8Array
  private readonly jobs: PieceHashJob[] = []
  private readonly streams = new Map<number, RunningHash>()
  private readonly starts = new Float64Array(maxTogether)
  /** Room for the nodes of one tree; grows with the largest piece. */
  private nodes = new Uint8Array(0)

  constructor(memory: Uint8Array) {
    this.memory = memory
  }

  push(job: PieceHashJob): void {
    this.jobs.push(job)
  }

  /** Does the first job, and with it those that cost nothing more; undefined when there is none. */
  next(): PieceHashAnswer | undefined {
    const job = this.jobs.shift()
    if (job === undefined) return undefined
    if (job.kind === 'sha1') return this.hashTogether(job)
    const digests = new Uint8Array(digestLength(job))
    const bytes = this.memory.subarray(job.start, job.start + job.lengthBytes)
    if (job.kind === 'part') this.hashPart(job, bytes, digests)
    else if (job.kind === 'leaves') hashLeaves(bytes, digests)
    else digests.set(this.merkleRoot(bytes, job.paddedLeafCount))
    return { count: 1, digests }
  }

  private hashTogether(first: PieceHashJob): PieceHashAnswer {
    const { jobs, starts } = this
    const { lengthBytes } = first
    starts[0] = first.start
    let count = 1
    while (count < maxTogether && jobs[0]?.kind === 'sha1' && jobs[0].lengthBytes === lengthBytes) {
      starts[count++] = (jobs.shift() as PieceHashJob).start
    }
    const digests = new Uint8Array(count * sha1Length)
    hashGather('sha1', this.memory, lengthBytes, count, digests, 0, starts)
    return { count, digests }
  }

  private hashPart(job: PieceHashJob, bytes: Uint8Array, digest: Uint8Array): void {
    if (job.isFirst) this.streams.set(job.stream, runningHash('sha1'))
    const state = present(this.streams.get(job.stream), 'a stream that has begun')
    state.update(bytes)
    if (!job.isLast) return
    digest.set(state.digest())
    this.streams.delete(job.stream)
  }

  private merkleRoot(bytes: Uint8Array, paddedLeafCount: number): Uint8Array {
    const needed = (Math.ceil(bytes.length / blockLengthBytes) + 1) * sha256Length
    if (this.nodes.length < needed) this.nodes = new Uint8Array(needed)
    const { nodes } = this
    let count = hashLeaves(bytes, nodes)
    assert(count <= paddedLeafCount, 'no more leaves than the tree has')
    for (let level = 0; 2 ** level < paddedLeafCount; level++) {
      if (count % 2 === 1) nodes.set(paddingHash(level), count++ * sha256Length)
      count /= 2
      hashRun('sha256', nodes, 2 * sha256Length, count, nodes, 0)
    }
    return nodes.subarray(0, sha256Length)
  }
}
