// Hashes pieces off the main thread and judges them, whole in a slot or in chunks that never are in memory together.
// Guarantees: a verdict only from digests of the bytes as they are now; undefined when they could not be computed.
// Holds no slots of its own: whoever gives one keeps it unchanged until the answer.
import { assert } from '../base/assert.ts'
import { sha256Length } from '../base/hash.ts'
import { layerAbove } from '../formats/metainfo/merkle.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import type { SlotIndex } from '../ports/piece-memory.ts'
import type { HashQueue } from './hash-queue.ts'
import type { HashVerdict, PromisedHashes } from './promised-hashes.ts'

export type VerdictDone = (verdict: HashVerdict | undefined) => void

export class PieceVerifier {
  readonly promised: PromisedHashes
  private readonly queue: HashQueue

  constructor(promised: PromisedHashes, queue: HashQueue) {
    this.promised = promised
    this.queue = queue
  }

  /** Judges a piece that stands whole at the start of a slot. */
  verify(piece: number, slot: SlotIndex, done: VerdictDone): void {
    const { promised, queue } = this
    let sha1: Uint8Array | undefined
    let root: Uint8Array | undefined
    let outstanding = 0
    const onDigest = () => {
      if (--outstanding === 0) done(this.verdictOf(piece, sha1, root))
    }
    const wantsSha1 = promised.sha1(piece) !== undefined
    const wantsRoot = promised.root(piece) !== undefined
    assert(wantsSha1 || wantsRoot, 'a piece with a hash')
    outstanding = (wantsSha1 ? 1 : 0) + (wantsRoot ? 1 : 0)
    if (wantsSha1) {
      queue.hash('sha1', slot, promised.lengthBytes(piece), 0, (digest) => {
        sha1 = digest?.slice()
        onDigest()
      })
    }
    if (wantsRoot) {
      queue.hash('merkle-root', slot, promised.fileBytes(piece), promised.paddedLeafCount(piece), (digest) => {
        root = digest?.slice()
        onDigest()
      })
    }
  }

  /** SHA-256 of each 16 KiB block at the start of a slot: a copy, 32 bytes each; undefined: not computed. */
  leaves(slot: SlotIndex, lengthBytes: number, done: (leaves: Uint8Array | undefined) => void): void {
    this.queue.hash('leaves', slot, lengthBytes, 0, (digest) => done(digest?.slice()))
  }

  /** For a piece that comes in chunks of `chunkBytes`, a power of two of at least a block. */
  inChunks(piece: number, chunkBytes: number): ChunkVerifier {
    return new ChunkVerifier(this, this.queue, piece, chunkBytes)
  }

  verdictOf(piece: number, sha1: Uint8Array | undefined, root: Uint8Array | undefined): HashVerdict | undefined {
    const { promised } = this
    if (promised.sha1(piece) !== undefined && sha1 === undefined) return undefined
    if (promised.root(piece) !== undefined && root === undefined) return undefined
    return promised.judge(piece, sha1, root)
  }
}

/** One piece hashed chunk by chunk: SHA-1 takes them in order, the Merkle tree in any. Ended by `verdict` or `drop`. */
export class ChunkVerifier {
  private readonly owner: PieceVerifier
  private readonly queue: HashQueue
  private readonly piece: number
  private readonly chunkBytes: number
  private readonly lengthBytes: number
  private readonly fileBytes: number
  private readonly stream: number
  private readonly chunkRoots: Uint8Array
  private rootCount = 0
  private nextPart = 0
  private sha1: Uint8Array | undefined
  private hasFailed = false

  constructor(owner: PieceVerifier, queue: HashQueue, piece: number, chunkBytes: number) {
    const { promised } = owner
    this.owner = owner
    this.queue = queue
    this.piece = piece
    this.chunkBytes = chunkBytes
    this.lengthBytes = promised.lengthBytes(piece)
    this.fileBytes = promised.root(piece) === undefined ? 0 : promised.fileBytes(piece)
    this.stream = queue.newStream()
    this.chunkRoots = new Uint8Array(Math.ceil(this.fileBytes / chunkBytes) * sha256Length)
  }

  /** The chunk SHA-1 has to have next; Infinity when it needs none. */
  get nextInOrder(): number {
    const isOver = this.nextPart * this.chunkBytes >= this.lengthBytes
    return isOver || this.owner.promised.sha1(this.piece) === undefined ? Number.POSITIVE_INFINITY : this.nextPart
  }

  /** Hashes a chunk for the tree. Each chunk once; answers when the slot is the caller's again. */
  addToTree(chunk: number, slot: SlotIndex): Promise<void> {
    const start = chunk * this.chunkBytes
    const bytes = Math.min(this.chunkBytes, this.fileBytes - start)
    if (bytes <= 0) return Promise.resolve()
    const leafCount = Math.min(this.chunkBytes / blockLengthBytes, this.owner.promised.paddedLeafCount(this.piece))
    return new Promise((resolve) => {
      this.queue.hash('merkle-root', slot, bytes, leafCount, (digest) => {
        if (digest === undefined) this.hasFailed = true
        else {
          this.chunkRoots.set(digest, chunk * sha256Length)
          this.rootCount++
        }
        resolve()
      })
    })
  }

  /** Hashes the chunk that is next in order for SHA-1. */
  addInOrder(slot: SlotIndex): Promise<void> {
    const start = this.nextPart++ * this.chunkBytes
    const bytes = Math.min(this.chunkBytes, this.lengthBytes - start)
    const isLast = start + bytes === this.lengthBytes
    return new Promise((resolve) => {
      this.queue.hashPart(this.stream, slot, bytes, isLast, (digest) => {
        if (digest === undefined) this.hasFailed = true
        else if (isLast) this.sha1 = digest.slice()
        resolve()
      })
    })
  }

  /** After all chunks went both ways. Undefined: begin again. */
  verdict(): HashVerdict | undefined {
    if (this.hasFailed) {
      this.drop()
      return undefined
    }
    return this.owner.verdictOf(this.piece, this.sha1, this.root())
  }

  /** The piece is given up; no part is under way. */
  drop(): void {
    if (this.nextPart > 0 && this.sha1 === undefined) this.queue.endStream(this.stream)
  }

  private root(): Uint8Array | undefined {
    const { chunkRoots } = this
    if (chunkRoots.length === 0 || this.rootCount * sha256Length !== chunkRoots.length) return undefined
    const chunkLeaves = this.chunkBytes / blockLengthBytes
    const leafCount = this.owner.promised.paddedLeafCount(this.piece)
    if (leafCount <= chunkLeaves) return chunkRoots
    return layerAbove(chunkRoots, Math.log2(leafCount / chunkLeaves), Math.log2(chunkLeaves))
  }
}
