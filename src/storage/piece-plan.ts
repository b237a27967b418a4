// Which bytes of which files make up which piece: the piece space (BEP 3, 47, 52) and its files, as flat arrays.
// Guarantees: every byte of the space belongs to exactly one file or one gap, found by binary search.
// Immutable after planPieces, structured-cloneable, and shared freely between threads.
import { assert } from '../base/assert.ts'

export interface PlacedFile {
  /** First byte in the piece space. */
  readonly offset: number
  readonly lengthBytes: number
}

export interface PiecePlan {
  readonly pieceLengthBytes: number
  readonly pieceCount: number
  /** End of the last piece in the piece space. */
  readonly spanBytes: number
  /** First byte of each file, in ascending order. */
  readonly starts: Float64Array
  /** End of each file, exclusive. Empty files have a start and no bytes. */
  readonly ends: Float64Array
}

/** What stands at some bytes of the piece space instead of a file: zeros in version 1, nothing in version 2. */
export const gap = -1

/** Files in order of their offsets, not overlapping, all within the span; empty ones anywhere. */
export function planPieces(files: readonly PlacedFile[], pieceLengthBytes: number, spanBytes: number): PiecePlan {
  assert(Number.isSafeInteger(pieceLengthBytes) && pieceLengthBytes > 0, 'a piece length above 0')
  assert(Number.isSafeInteger(spanBytes) && spanBytes >= 0, 'a span of bytes')
  const starts = new Float64Array(files.length)
  const ends = new Float64Array(files.length)
  let position = 0
  for (const [index, { offset, lengthBytes }] of files.entries()) {
    // Where an empty file is said to begin means nothing, and may lie past the span.
    const start = lengthBytes === 0 ? position : offset
    assert(start >= position && lengthBytes >= 0, 'files in order that do not overlap')
    position = start + lengthBytes
    starts[index] = start
    ends[index] = position
  }
  assert(position <= spanBytes, 'files within the span')
  return { pieceLengthBytes, pieceCount: Math.ceil(spanBytes / pieceLengthBytes), spanBytes, starts, ends }
}

/** First byte of a piece in the piece space. */
export function pieceStart(plan: PiecePlan, piece: number): number {
  return piece * plan.pieceLengthBytes
}

/** End of a piece, exclusive, gaps included. */
export function pieceEnd(plan: PiecePlan, piece: number): number {
  return Math.min((piece + 1) * plan.pieceLengthBytes, plan.spanBytes)
}

/** The first file that has bytes at or after a position; the number of files when there is none. */
export function fileAt(plan: PiecePlan, position: number): number {
  let low = 0
  let high = plan.ends.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((plan.ends[middle] as number) > position) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * Calls `visit` for each stretch of [start, end) in order: a file's index (or `gap`), where the stretch begins in
 * that file, where in the piece space, and how many bytes it has (never 0).
 */
export function visitStretches(
  plan: PiecePlan,
  start: number,
  end: number,
  visit: (file: number, fileOffset: number, position: number, lengthBytes: number) => void,
): void {
  let file = fileAt(plan, start)
  let position = start
  while (position < end) {
    const fileStart = plan.starts[file] ?? Number.POSITIVE_INFINITY
    if (fileStart > position) {
      const until = Math.min(fileStart, end)
      visit(gap, 0, position, until - position)
      position = until
      continue
    }
    const until = Math.min(plan.ends[file] as number, end)
    if (until > position) visit(file, position - fileStart, position, until - position)
    position = Math.max(position, until)
    file++
  }
}

/** Indices of the files with bytes in a piece, in order. */
export function filesOfPiece(plan: PiecePlan, piece: number): number[] {
  const files: number[] = []
  visitStretches(plan, pieceStart(plan, piece), pieceEnd(plan, piece), (file) => {
    if (file !== gap) files.push(file)
  })
  return files
}

/** First and last piece (inclusive) with bytes of a file; undefined for an empty one. */
export function piecesOfFile(plan: PiecePlan, file: number): { first: number; last: number } | undefined {
  const start = plan.starts[file] as number
  const end = plan.ends[file] as number
  if (end === start) return undefined
  return { first: Math.floor(start / plan.pieceLengthBytes), last: Math.floor((end - 1) / plan.pieceLengthBytes) }
}
