// Two processes at work on one torrent would spoil it: the lock of a torrent in a state folder.
// Guarantees: those of process-lock.ts.
import { failure, type Result } from '../base/errors.ts'
import { lockNames, type ProcessLock } from './process-lock.ts'

/**
 * Locks a torrent by all its names, info hashes in hexadecimal. Errors: torrent-locked (by another process, or by this
 * one already), and those of makeFolders.
 */
export function lockTorrent(stateFolder: string, names: readonly string[]): Result<ProcessLock> {
  return lockNames(stateFolder, names, (holder) =>
    failure('torrent-locked', `process ${holder} works on this torrent already`),
  )
}
