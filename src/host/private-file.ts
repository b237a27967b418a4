// Small files that only their owner may read, each replaced as a whole.
// Guarantees: whoever reads sees the old content or the new, wherever the process dies or the power fails; what was
// written is on the disk, name included, when it returns; at no moment may another user read it. Owns nothing.
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Result } from '../base/errors.ts'
import { isSystemError, rootedResult } from './file-error.ts'
import { makeFolders } from './make-folders.ts'

/** What is asked of the system, one after the other; tests end the process between any two. */
export interface PrivateFileCalls {
  /** Makes a new file with mode 0600. */
  create(path: string): number
  write(descriptor: number, bytes: Uint8Array, offset: number): number
  sync(descriptor: number): void
  close(descriptor: number): void
  /** Fails where the target is there. */
  link(from: string, to: string): void
  rename(from: string, to: string): void
  remove(path: string): void
  syncFolder(path: string): void
}

const privateMode = 0o600
const folderMode = 0o700

function syncFolder(path: string): void {
  // There a folder cannot be opened, and its entries are journalled.
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

export const systemPrivateFileCalls: PrivateFileCalls = {
  create: (path) => openSync(path, 'wx', privateMode),
  write: (descriptor, bytes, offset) => writeSync(descriptor, bytes, offset),
  sync: fsyncSync,
  close: closeSync,
  link: linkSync,
  rename: renameSync,
  remove: (path) => rmSync(path, { force: true }),
  syncFolder,
}

const unlinkable = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'])

function placeNew(temporary: string, path: string, calls: PrivateFileCalls): void {
  try {
    calls.link(temporary, path)
  } catch (error) {
    // Some file systems have no links; there nothing but a look says whether the name is free.
    if (!isSystemError(error) || !unlinkable.has(error.code)) throw error
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) throw Object.assign(error, { code: 'EEXIST' })
    calls.rename(temporary, path)
    return
  }
  calls.remove(temporary)
}

function write(path: string, bytes: Uint8Array, isNew: boolean, calls: PrivateFileCalls): void {
  const temporary = join(dirname(path), `.swarmbid-${randomUUID()}.part`)
  const descriptor = calls.create(temporary)
  try {
    try {
      for (let written = 0; written < bytes.length; ) written += calls.write(descriptor, bytes, written)
      calls.sync(descriptor)
    } finally {
      calls.close(descriptor)
    }
    if (isNew) placeNew(temporary, path, calls)
    else calls.rename(temporary, path)
  } catch (error) {
    calls.remove(temporary)
    throw error
  }
  calls.syncFolder(dirname(path))
}

/**
 * 'new' never takes the place of a file that is there. Its folder must be there.
 * Errors: file-exists, file-unwritable, file-not-found, file-not-plain, disk-full; after any of them the old content is there.
 */
export function writePrivateFile(
  path: string,
  bytes: Uint8Array,
  mode: 'new' | 'replace',
  calls: PrivateFileCalls = systemPrivateFileCalls,
): Promise<Result<void>> {
  return rootedResult(path, 'write', async () => write(path, bytes, mode === 'new', calls))
}

/** A folder only its owner may look into; those above it that are missing too. Errors: as makeFolders. */
export async function makePrivateFolder(path: string): Promise<Result<void>> {
  const made = makeFolders(path, (folder) => mkdirSync(folder, folderMode))
  if (!made.ok) return made
  return rootedResult(path, 'write', async () => {
    chmodSync(path, folderMode)
    if (made.value === undefined) return
    for (let folder = path; ; folder = dirname(folder)) {
      syncFolder(dirname(folder))
      if (folder === made.value || folder === dirname(folder)) return
    }
  })
}
