// How a file of a torrent was when it was last noted, so that changes from outside are noticed. Types and a pure
// comparison.
import type { FileStatus, RelativePath } from '../ports/files.ts'

/** Not made yet; at its place; or only as parts of pieces, in the parts file. */
export type Whereabouts = 'absent' | 'present' | 'parts'

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

/** Whether a file is as it was noted. */
export function isUnchanged(record: FileRecord, status: FileStatus | undefined): boolean {
  return (
    status !== undefined &&
    status.lengthBytes === record.lengthBytes &&
    Math.floor(status.modifiedMs) === record.modifiedMs
  )
}
