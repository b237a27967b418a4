// Blocks of 16 KiB as numbers (BEP 3): block = piece * blocksPerPiece + index within the piece, so that one double
// names any block of a torrent; and how long blocks and pieces are: in version 2 a piece ends with its file (BEP 52).
// Gaps between files are bytes on the wire, but not content: they are neither asked for where that can be, nor counted
// (BEP 47). Pure arithmetic; immutable after blockGrid.
import { blockLengthBytes, type TorrentVersion } from '../formats/metainfo/metainfo.ts'
import { fileAt, type PiecePlan, pieceEnd, pieceStart } from '../storage/piece-plan.ts'

export interface BlockGrid {
  readonly plan: PiecePlan
  readonly pieceCount: number
  readonly blocksPerPiece: number
  /** Gaps between files belong to pieces, as zeros (BEP 47): peers may ask for them, and get them. */
  readonly hasGaps: boolean
  /** There are such gaps in fact. */
  readonly hasPadding: boolean
}

export function blockGrid(plan: PiecePlan, version: TorrentVersion): BlockGrid {
  const blocksPerPiece = Math.ceil(plan.pieceLengthBytes / blockLengthBytes)
  const hasGaps = version !== 'v2'
  const fileBytes = plan.ends.reduce((sum, end, file) => sum + end - (plan.starts[file] as number), 0)
  const hasPadding = hasGaps && fileBytes < plan.spanBytes
  return { plan, pieceCount: plan.pieceCount, blocksPerPiece, hasGaps, hasPadding }
}

/** Bytes of a piece that peers send. */
export function pieceLength(grid: BlockGrid, piece: number): number {
  const { plan } = grid
  const start = pieceStart(plan, piece)
  const end = pieceEnd(plan, piece)
  if (grid.hasGaps) return end - start
  return Math.min(end, plan.ends[fileAt(plan, start)] ?? end) - start
}

export function pieceOf(grid: BlockGrid, block: number): number {
  return Math.floor(block / grid.blocksPerPiece)
}

/** First byte of a block within its piece. */
export function beginOf(grid: BlockGrid, block: number): number {
  return (block % grid.blocksPerPiece) * blockLengthBytes
}

/** With the gap it may end with. */
export function wholeLengthOf(grid: BlockGrid, block: number): number {
  return Math.min(blockLengthBytes, pieceLength(grid, pieceOf(grid, block)) - beginOf(grid, block))
}

/** Bytes of a block up to its last byte of a file: what is asked for. 0: it is all gap, zeros that nobody needs to send. */
export function lengthOf(grid: BlockGrid, block: number): number {
  const wholeLength = wholeLengthOf(grid, block)
  if (!grid.hasPadding) return wholeLength
  const { starts, ends } = grid.plan
  const start = pieceStart(grid.plan, pieceOf(grid, block)) + beginOf(grid, block)
  const end = start + wholeLength
  const file = fileAt(grid.plan, end - 1)
  if ((starts[file] ?? end) < end) return wholeLength
  return Math.max(0, (ends[file - 1] ?? 0) - start)
}

/** How many of `length` bytes at `begin` of a piece belong to files: what is counted as downloaded or uploaded. */
export function contentLength(grid: BlockGrid, piece: number, begin: number, length: number): number {
  const { plan } = grid
  const inPiece = Math.min(length, pieceLength(grid, piece) - begin)
  if (!grid.hasPadding) return inPiece
  const start = pieceStart(plan, piece) + begin
  const end = start + inPiece
  let sum = 0
  for (let file = fileAt(plan, start); file < plan.ends.length; file++) {
    const fileStart = plan.starts[file] as number
    if (fileStart >= end) break
    sum += Math.min(plan.ends[file] as number, end) - Math.max(fileStart, start)
  }
  return sum
}

/** The block at `begin` of a piece, or -1 where none begins. */
export function blockAt(grid: BlockGrid, piece: number, begin: number): number {
  return begin % blockLengthBytes === 0 ? piece * grid.blocksPerPiece + begin / blockLengthBytes : -1
}
