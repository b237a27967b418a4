// Digests of pieces read from files: SHA-1 across file boundaries with zeros in the gaps (BEP 3, 47) and
// SHA-256 Merkle roots within each file (BEP 52), both from one pass over the bytes.
// Owns one read buffer; a piece larger than it is hashed as it is read and never sits in memory whole.
import { type RunningHash, runningHash, sha1Into, sha1Length, sha256Into, sha256Length } from '../base/hash.ts'
import { merkleRoot, pieceHash, pieceLevel } from '../formats/metainfo/merkle.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
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
  /** Told after each read of up to a buffer; false ends the work early. */
  readonly proceed: (readBytes: number) => boolean
}

const bufferLengthBytes = 1_048_576

/** Returns a function that hashes the pieces [first, end) and answers false when told to stop. */
export function pieceHasher(hashing: PieceHashing): (first: number, end: number) => boolean {
  const { plan, sha1Digests, merkleRoots, states } = hashing
  const { pieceLengthBytes } = plan
  const buffer = new Uint8Array(bufferLengthBytes)
  const piecesPerBuffer = Math.floor(bufferLengthBytes / pieceLengthBytes)
  const levels = merkleRoots === undefined ? 0 : pieceLevel(pieceLengthBytes)
  const nodes = new Uint8Array(merkleRoots === undefined ? 0 : 2 ** levels * sha256Length)

  /** Brings [start, end) of the piece space into the buffer; pieces with missing bytes become unavailable. */
  function fill(start: number, end: number): boolean {
    let readBytes = 0
    visitStretches(plan, start, end, (file, fileOffset, position, lengthBytes) => {
      const target = buffer.subarray(position - start, position - start + lengthBytes)
      if (file === gap) {
        if (sha1Digests !== undefined) target.fill(0)
        return
      }
      readBytes += lengthBytes
      const presentBytes = hashing.read(file, fileOffset, target)
      if (presentBytes === lengthBytes) return
      const last = Math.floor((position + lengthBytes - 1) / pieceLengthBytes)
      for (let piece = Math.floor((position + presentBytes) / pieceLengthBytes); piece <= last; piece++)
        states[piece] = pieceUnavailable
    })
    return hashing.proceed(readBytes)
  }

  /** Hashes the blocks of the file's bytes in the buffer; returns how many nodes there are after them. */
  function addLeaves(bytes: Uint8Array, nodeCount: number): number {
    let count = nodeCount
    for (let offset = 0; offset < bytes.length; offset += blockLengthBytes)
      sha256Into(bytes.subarray(offset, offset + blockLengthBytes), nodes, count++ * sha256Length)
    return count
  }

  /** End of the file's bytes in a piece that begins at `start`; `start` itself where there is only a gap. */
  function fileEnd(start: number, end: number): number {
    const file = fileAt(plan, start)
    return (plan.starts[file] ?? end) > start ? start : Math.min(plan.ends[file] as number, end)
  }

  function putRoot(roots: Uint8Array, piece: number, leafCount: number): void {
    if (leafCount === 0) return
    const file = fileAt(plan, pieceStart(plan, piece))
    const isWholeFile = (plan.ends[file] as number) - (plan.starts[file] as number) <= pieceLengthBytes
    const leaves = nodes.subarray(0, leafCount * sha256Length)
    roots.set(isWholeFile ? merkleRoot(leaves) : pieceHash(leaves, levels), piece * sha256Length)
  }

  function hashBuffered(piece: number, bufferStart: number): void {
    if (states[piece] === pieceUnavailable) return
    const start = pieceStart(plan, piece)
    const end = pieceEnd(plan, piece)
    const offset = start - bufferStart
    if (sha1Digests !== undefined) {
      sha1Into(buffer.subarray(offset, offset + end - start), sha1Digests, piece * sha1Length)
    }
    if (merkleRoots !== undefined) {
      putRoot(merkleRoots, piece, addLeaves(buffer.subarray(offset, offset + fileEnd(start, end) - start), 0))
    }
    states[piece] = pieceHashed
  }

  function hashStreamed(piece: number): boolean {
    const start = pieceStart(plan, piece)
    const end = pieceEnd(plan, piece)
    const dataEnd = merkleRoots === undefined ? start : fileEnd(start, end)
    const running: RunningHash | undefined = sha1Digests === undefined ? undefined : runningHash('sha1')
    let leafCount = 0
    for (let position = start; position < end; position += bufferLengthBytes) {
      const until = Math.min(position + bufferLengthBytes, end)
      if (!fill(position, until)) return false
      if (states[piece] === pieceUnavailable) return true
      running?.update(buffer.subarray(0, until - position))
      if (position < dataEnd) leafCount = addLeaves(buffer.subarray(0, Math.min(dataEnd, until) - position), leafCount)
    }
    if (running !== undefined) sha1Digests?.set(running.digest(), piece * sha1Length)
    if (merkleRoots !== undefined) putRoot(merkleRoots, piece, leafCount)
    states[piece] = pieceHashed
    return true
  }

  return (first, end) => {
    if (piecesPerBuffer === 0) {
      for (let piece = first; piece < end; piece++) if (!hashStreamed(piece)) return false
      return true
    }
    for (let piece = first; piece < end; piece += piecesPerBuffer) {
      const until = Math.min(piece + piecesPerBuffer, end)
      const bufferStart = pieceStart(plan, piece)
      if (!fill(bufferStart, pieceEnd(plan, until - 1))) return false
      for (let index = piece; index < until; index++) hashBuffered(index, bufferStart)
    }
    return true
  }
}
