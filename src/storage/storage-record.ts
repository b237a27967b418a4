// What a torrent's storage leaves behind for the next start: which pieces and blocks were on the disk, and how the
// files looked then, so that changes from outside are noticed. Types and pure comparisons.
import type { FileStatus, RelativePath } from '../ports/files.ts'
import type { Whereabouts } from './content-files.ts'
import type { PartialPiece } from './piece-filling.ts'

export interface FileRecord {
  readonly where: Whereabouts
  /** 0 when it was not there. */
  readonly lengthBytes: number
  /** Whole milliseconds since 1970; 0 when it was not there. */
  readonly modifiedMs: number
  /** 0 is unwanted. */
  readonly priority: number
  /** Set by a rename. */
  readonly path?: RelativePath
}

export interface StorageRecord {
  /** In wire form. */
  readonly have: Uint8Array
  readonly partials: readonly PartialPiece[]
  readonly files: readonly FileRecord[]
}

/** Whether a file is as it was noted. */
export function isUnchanged(record: FileRecord, status: FileStatus | undefined): boolean {
  return (
    status !== undefined &&
    status.lengthBytes === record.lengthBytes &&
    Math.floor(status.modifiedMs) === record.modifiedMs
  )
}
