// What may be believed of a resume record, given the files as they are now.
// Guarantees: a claimed piece is trusted only if every file with bytes of it is as it was noted; files that are gone
// are named, and their pieces neither trusted away nor downloaded again. Pure.
import { Bitfield } from '../base/bitfield.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import type { ContentFiles } from './content-files.ts'
import { type FileRecord, isUnchanged } from './file-record.ts'
import { countBlocks, type PartialPiece } from './piece-filling.ts'
import { filesOfPiece, type PiecePlan, piecesOfFile } from './piece-plan.ts'
import type { StorageRecord } from './storage-record.ts'

export interface RecalledPieces {
  readonly trusted: Bitfield
  /** Claimed, but a file of theirs has changed. */
  readonly unchecked: Bitfield
  readonly partials: readonly PartialPiece[]
  /** Of each file that is gone, ascending, what the record said. */
  readonly missing: Map<number, FileRecord>
  /** Of each changed file, what the record said. */
  readonly suspects: Map<number, FileRecord>
}

export function recallPieces(plan: PiecePlan, files: ContentFiles, record: StorageRecord | undefined): RecalledPieces {
  const unchecked = new Bitfield(plan.pieceCount)
  const suspects = new Map<number, FileRecord>()
  const missing = new Map<number, FileRecord>()
  const claimed = record === undefined ? undefined : Bitfield.fromBytes(record.have, plan.pieceCount)
  if (record === undefined || claimed === undefined || !claimed.ok || record.files.length !== files.fileCount) {
    return { trusted: new Bitfield(plan.pieceCount), unchecked, partials: [], missing, suspects }
  }
  const trusted = claimed.value
  for (const [file, noted] of record.files.entries()) {
    if (files.lengthOf(file) === 0) continue
    const where = files.where(file)
    if (noted.where === 'present' && where !== 'present') {
      missing.set(file, noted)
      continue
    }
    const isSame = noted.where === 'present' ? isUnchanged(noted, files.notedStatus(file)) : where === noted.where
    if (isSame) continue
    suspects.set(file, noted)
    const pieces = piecesOfFile(plan, file)
    if (pieces === undefined) continue
    for (let piece = trusted.nextSet(pieces.first); piece !== -1 && piece <= pieces.last; ) {
      unchecked.set(piece)
      piece = trusted.nextSet(piece + 1)
    }
  }
  trusted.andNot(unchecked)
  const partials = record.partials.filter((partial) => isUsable(partial, plan, files, trusted, unchecked))
  return { trusted, unchecked, partials, missing, suspects }
}

/** Blocks need no proof, for the piece is hashed when it is whole; but they must be somewhere. */
function isUsable(
  { piece, blocks }: PartialPiece,
  plan: PiecePlan,
  files: ContentFiles,
  trusted: Bitfield,
  unchecked: Bitfield,
): boolean {
  if (piece >= plan.pieceCount || trusted.get(piece) || unchecked.get(piece)) return false
  const maxBytes = Math.ceil(plan.pieceLengthBytes / blockLengthBytes / 8)
  if (blocks.length === 0 || blocks.length > maxBytes || countBlocks(blocks, 0, blocks.length * 8) === 0) return false
  return filesOfPiece(plan, piece).every((file) => files.where(file) !== 'absent')
}
