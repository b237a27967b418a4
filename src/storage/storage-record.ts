// What a torrent's storage leaves behind for the next start: which pieces and blocks were on the disk, and how the
// files looked then. Types only.
import type { FileRecord } from './file-record.ts'
import type { PartialPiece } from './piece-filling.ts'

export interface StorageRecord {
  /** In wire form. */
  readonly have: Uint8Array
  readonly partials: readonly PartialPiece[]
  readonly files: readonly FileRecord[]
}
