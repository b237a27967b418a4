// What the system says of a file, in the words of the Files port.
// Keeps no state.
import type { Stats } from 'node:fs'
import type { FileStatus } from '../ports/files.ts'

const allocationUnitBytes = 512

export function fileStatus(stats: Stats): FileStatus {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : 'other'
  return {
    kind,
    lengthBytes: stats.size,
    allocatedBytes: stats.blocks * allocationUnitBytes,
    modifiedMs: stats.mtimeMs,
  }
}
