// Digests of pieces read from files: SHA-1 across file boundaries with zeros in the gaps (BEP 3, 47) and
// SHA-256 Merkle roots within each file (BEP 52), both from one pass over the bytes.
// Pieces that fit several times into the read buffer are hashed together, which a HashRun does in less time than
// one by one; a piece larger than the buffer is hashed as it is read and never sits in memory whole.
import { assert } from '../base/assert.ts'
import { type RunningHash, runningHash, sha1Length, sha256Length } from '../base/hash.ts'
import { merkleRoot, pieceHash, pieceLevel } from '../formats/metainfo/merkle.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import type { HashRun } from '../ports/hasher.ts'
import { fileAt, gap, type PiecePlan, pieceEnd, pieceStart, visitStretches } from './piece-plan.ts'

/** What became of a piece: not looked at yet, hashed, or not hashed for want of its bytes. */
export const pieceUnknown = 0
export const pieceHashed = 1
export const pieceUnavailable = 2

export interface PieceHashing {
  readonly plan: PiecePlan
  /** 20 bytes a piece, filled in; absent when SHA-1 is not wanted. */
  readonly sha1Digests: Uint8Array | undefined
  /** 32 bytes a piece, filled in; absent when Merkle roots are not wanted. Files must start at pieces then. */
  readonly merkleRoots: Uint8Array | undefined
  /** One byte a piece, one of the three above. */
  readonly states: Uint8Array
  /** Fills `target` from a file and returns how many bytes there were; fewer make their pieces unavailable. */
  readonly read: (file: number, fileOffset: number, target: Uint8Array) => number
  readonly hashRun: HashRun
  /** Memory for what is read; a multiple of 16 KiB. */
  readonly maxBufferBytes: number
  /** Told after each read of up to a buffer; false ends the work early. */
  readonly proceed: (readBytes: number) => boolean
}

/** Of a size that the processor's cache holds, where there is no reason for a larger one. */
const usualBufferBytes = 1_048_576
/** As many pieces are read before they are hashed, if the buffer may be so large. */
export const piecesTogether = 4

export class PieceHasher {
  private readonly hashing: PieceHashing
  private readonly buffer: Uint8Array
  /** Levels of the Merkle tree within a piece, and room for the leaves of one. */
  private readonly levels: number
  private readonly nodes: Uint8Array

  constructor(hashing: PieceHashing) {
    const { pieceLengthBytes } = hashing.plan
    const { maxBufferBytes } = hashing
    assert(maxBufferBytes > 0 && maxBufferBytes % blockLengthBytes === 0, 'a buffer of whole blocks')
    const togetherBytes = Math.max(usualBufferBytes, piecesTogether * pieceLengthBytes)
    this.hashing = hashing
    this.buffer = new Uint8Array(
      Math.min(maxBufferBytes, togetherBytes <= maxBufferBytes ? togetherBytes : usualBufferBytes),
    )
    this.levels = hashing.merkleRoots === undefined ? 0 : pieceLevel(pieceLengthBytes)
    this.nodes = new Uint8Array(hashing.merkleRoots === undefined ? 0 : 2 ** this.levels * sha256Length)
  }

  /** Hashes the pieces [first, end); false when told to stop. */
  hash(first: number, end: number): boolean {
    const { plan } = this.hashing
    const piecesPerBuffer = Math.floor(this.buffer.length / plan.pieceLengthBytes)
    if (piecesPerBuffer === 0) {
      for (let piece = first; piece < end; piece++) if (!this.hashStreamed(piece)) return false
      return true
    }
    for (let piece = first; piece < end; piece += piecesPerBuffer) {
      const until = Math.min(piece + piecesPerBuffer, end)
      if (!this.fill(pieceStart(plan, piece), pieceEnd(plan, until - 1))) return false
      this.hashBuffered(piece, until)
    }
    return true
  }

  /** Brings [start, end) of the piece space into the buffer; pieces with missing bytes become unavailable. */
  private fill(start: number, end: number): boolean {
    const { plan, sha1Digests, states, read, proceed } = this.hashing
    const { pieceLengthBytes } = plan
    let readBytes = 0
    visitStretches(plan, start, end, (file, fileOffset, position, lengthBytes) => {
      const target = this.buffer.subarray(position - start, position - start + lengthBytes)
      if (file === gap) {
        if (sha1Digests !== undefined) target.fill(0)
        return
      }
      readBytes += lengthBytes
      const presentBytes = read(file, fileOffset, target)
      if (presentBytes === lengthBytes) return
      const last = Math.floor((position + lengthBytes - 1) / pieceLengthBytes)
      for (let piece = Math.floor((position + presentBytes) / pieceLengthBytes); piece <= last; piece++)
        states[piece] = pieceUnavailable
    })
    return proceed(readBytes)
  }

  private hashBuffered(first: number, end: number): void {
    const { plan, sha1Digests, merkleRoots, states } = this.hashing
    if (sha1Digests !== undefined) this.hashRuns(sha1Digests, first, end)
    const bufferStart = pieceStart(plan, first)
    for (let piece = first; piece < end; piece++) {
      if (states[piece] === pieceUnavailable) continue
      if (merkleRoots !== undefined) {
        const start = pieceStart(plan, piece)
        const dataEnd = this.fileEnd(start, pieceEnd(plan, piece))
        const leafCount = this.addLeaves(this.buffer.subarray(start - bufferStart, dataEnd - bufferStart), 0)
        this.putRoot(merkleRoots, piece, leafCount)
      }
      states[piece] = pieceHashed
    }
  }

  /** SHA-1 of the pieces [first, end) in the buffer, in runs of neighbours that are available and equally long. */
  private hashRuns(digests: Uint8Array, first: number, end: number): void {
    const { plan, states, hashRun } = this.hashing
    const bufferStart = pieceStart(plan, first)
    for (let piece = first; piece < end; ) {
      const start = pieceStart(plan, piece)
      const lengthBytes = pieceEnd(plan, piece) - start
      let count = 0
      while (piece + count < end && states[piece + count] !== pieceUnavailable) {
        if (pieceEnd(plan, piece + count) !== start + (count + 1) * lengthBytes) break
        count++
      }
      hashRun('sha1', this.buffer.subarray(start - bufferStart), lengthBytes, count, digests, piece * sha1Length)
      piece += Math.max(count, 1)
    }
  }

  private hashStreamed(piece: number): boolean {
    const { plan, sha1Digests, merkleRoots, states } = this.hashing
    const start = pieceStart(plan, piece)
    const end = pieceEnd(plan, piece)
    const dataEnd = merkleRoots === undefined ? start : this.fileEnd(start, end)
    const running: RunningHash | undefined = sha1Digests === undefined ? undefined : runningHash('sha1')
    let leafCount = 0
    for (let position = start; position < end; position += this.buffer.length) {
      const until = Math.min(position + this.buffer.length, end)
      if (!this.fill(position, until)) return false
      if (states[piece] === pieceUnavailable) return true
      running?.update(this.buffer.subarray(0, until - position))
      if (position < dataEnd) {
        leafCount = this.addLeaves(this.buffer.subarray(0, Math.min(dataEnd, until) - position), leafCount)
      }
    }
    if (running !== undefined) sha1Digests?.set(running.digest(), piece * sha1Length)
    if (merkleRoots !== undefined) this.putRoot(merkleRoots, piece, leafCount)
    states[piece] = pieceHashed
    return true
  }

  /** Hashes the blocks of a file's bytes in a piece; returns how many leaves there are after them. */
  private addLeaves(bytes: Uint8Array, leafCount: number): number {
    const { hashRun } = this.hashing
    const whole = Math.floor(bytes.length / blockLengthBytes)
    const rest = bytes.subarray(whole * blockLengthBytes)
    hashRun('sha256', bytes, blockLengthBytes, whole, this.nodes, leafCount * sha256Length)
    if (rest.length === 0) return leafCount + whole
    hashRun('sha256', rest, rest.length, 1, this.nodes, (leafCount + whole) * sha256Length)
    return leafCount + whole + 1
  }

  /** End of the file's bytes in a piece that begins at `start`; `start` itself where there is only a gap. */
  private fileEnd(start: number, end: number): number {
    const { plan } = this.hashing
    const file = fileAt(plan, start)
    return (plan.starts[file] ?? end) > start ? start : Math.min(plan.ends[file] as number, end)
  }

  private putRoot(roots: Uint8Array, piece: number, leafCount: number): void {
    if (leafCount === 0) return
    const { plan } = this.hashing
    const file = fileAt(plan, pieceStart(plan, piece))
    const isWholeFile = (plan.ends[file] as number) - (plan.starts[file] as number) <= plan.pieceLengthBytes
    const leaves = this.nodes.subarray(0, leafCount * sha256Length)
    roots.set(isWholeFile ? merkleRoot(leaves) : pieceHash(leaves, this.levels), piece * sha256Length)
  }
}
