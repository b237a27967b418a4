// Blocks of 16 KiB as numbers (BEP 3): block = piece * blocksPerPiece + index within the piece, so that one double
// names any block of a torrent; and how long blocks and pieces are: in version 2 a piece ends with its file (BEP 52).
// Pure arithmetic; immutable after blockGrid.
import { blockLengthBytes, type TorrentVersion } from '../formats/metainfo/metainfo.ts'
import { fileAt, type PiecePlan, pieceEnd, pieceStart } from '../storage/piece-plan.ts'

export interface BlockGrid {
  readonly plan: PiecePlan
  readonly pieceCount: number
  readonly blocksPerPiece: number
  /** Gaps between files belong to pieces, as zeros (BEP 47): peers send them, and are not asked for blocks of nothing else. */
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

export function lengthOf(grid: BlockGrid, block: number): number {
  return Math.min(blockLengthBytes, pieceLength(grid, pieceOf(grid, block)) - beginOf(grid, block))
}

/** Whether all of a block is gap: zeros that nobody needs to send. */
export function isPadding(grid: BlockGrid, block: number): boolean {
  if (!grid.hasPadding) return false
  const { plan } = grid
  const start = pieceStart(plan, pieceOf(grid, block)) + beginOf(grid, block)
  return (plan.starts[fileAt(plan, start)] ?? Number.POSITIVE_INFINITY) >= start + lengthOf(grid, block)
}

/** The block at `begin` of a piece, or -1 where none begins. */
export function blockAt(grid: BlockGrid, piece: number, begin: number): number {
  return begin % blockLengthBytes === 0 ? piece * grid.blocksPerPiece + begin / blockLengthBytes : -1
}
