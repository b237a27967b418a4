// Entries of one folder below a root: opened, moved, replaced and removed as ordinary files, or refused.
// Guarantees: no call here follows a link, waits for a pipe or writes over what it was not asked to; where the system
// cannot hold a folder fast, what was reached is compared with what was meant. Keeps no state.
import { randomUUID } from 'node:crypto'
import { close, constants, fstat, fsync, link, lstat, open, rename, rmdir, type Stats, unlink, write } from 'node:fs'
import { promisify } from 'node:util'
import { SwarmbidError } from '../base/errors.ts'
import type { OpenMode } from '../ports/files.ts'
import { isSystemError } from './file-error.ts'
import type { RootedFolder } from './rooted-folder.ts'

const closeFile = promisify(close)
const statFile = promisify(fstat)
const syncFile = promisify(fsync)
const addLink = promisify(link)
const look = promisify(lstat)
const openFile = promisify(open)
const renameEntry = promisify(rename)
const removeFolder = promisify(rmdir)
const removeFile = promisify(unlink)
const writeFile = promisify(write)

const newFileMode = 0o666
/** Never through a link, never waiting for the other end of a pipe, never taking a terminal. Windows has none. */
const guardFlags = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)
const freshFlags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | guardFlags
/** Of opening a file that others replace at the same moment. */
const maxAttempts = 10
/** Of file systems without hard links, or that do not give them to this user. */
const noLinkCodes = /^(?:EPERM|EACCES|EMLINK|ENOSYS|ENOTSUP|EOPNOTSUPP|EXDEV|EINVAL)$/

export function isAbsent(error: unknown): boolean {
  return isSystemError(error) && error.code === 'ENOENT'
}

function notPlain(name: string): SwarmbidError {
  return new SwarmbidError('file-not-plain', `${name}: not an ordinary file`)
}

async function statusOrAbsent(path: string): Promise<Stats | undefined> {
  try {
    return await look(path)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Whether `descriptor` is what the name means now, an ordinary file; if not, it is closed. Errors: file-not-plain. */
async function isRightlyOpened(
  folder: RootedFolder,
  name: string,
  { descriptor, isNew }: OpenedEntry,
): Promise<boolean> {
  try {
    if (!isNew && !(await statFile(descriptor)).isFile()) throw notPlain(name)
    if (await folder.verifyOpened(descriptor, name)) return true
  } catch (error) {
    await closeFile(descriptor)
    throw error
  }
  await closeFile(descriptor)
  return false
}

export interface OpenedEntry {
  readonly descriptor: number
  readonly isNew: boolean
}

/** Undefined when something is there. */
async function makeEntry(folder: RootedFolder, path: string): Promise<OpenedEntry | undefined> {
  await folder.verify()
  try {
    return { descriptor: await openFile(path, freshFlags, newFileMode), isNew: true }
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') return undefined
    throw error
  }
}

/** An ordinary file, made if `mode` says so. Errors: of the system, file-not-plain. */
export async function openEntry(folder: RootedFolder, name: string, mode: OpenMode): Promise<OpenedEntry> {
  const path = folder.entry(name)
  const flags = (mode === 'read' ? constants.O_RDONLY : constants.O_RDWR) | guardFlags
  for (let attempt = 1; ; attempt++) {
    try {
      const made = mode === 'create' ? await makeEntry(folder, path) : undefined
      const opened = made ?? { descriptor: await openFile(path, flags), isNew: false }
      if (await isRightlyOpened(folder, name, opened)) return opened
      if (attempt === maxAttempts) {
        throw new SwarmbidError('file-not-plain', `${name}: something takes its place again and again`)
      }
    } catch (error) {
      // What is to be made and yet absent was removed by someone else between two calls, or its folder is gone.
      if (mode !== 'create' || !isAbsent(error) || attempt === maxAttempts) throw error
    }
  }
}

/**
 * Gives a file or folder another name, never one that is taken. A link fails when the name is taken, a rename does
 * not: only where a link cannot be made, someone who takes the name at the same moment may lose.
 */
export async function moveEntry(from: string, to: string, name: string): Promise<void> {
  const status = await look(from)
  if (!status.isFile() && !status.isDirectory()) throw notPlain(name)
  if ((await statusOrAbsent(to)) !== undefined) {
    throw new SwarmbidError('file-exists', `${name}: the new name is taken`)
  }
  if (status.isFile()) {
    try {
      await addLink(from, to)
    } catch (error) {
      if (!isSystemError(error) || !noLinkCodes.test(error.code)) throw error
      return renameEntry(from, to)
    }
    try {
      return await removeFile(from)
    } catch (error) {
      await removeFile(to)
      throw error
    }
  }
  return renameEntry(from, to)
}

async function writeWhole(descriptor: number, content: Uint8Array): Promise<void> {
  for (let done = 0; done < content.length; ) {
    const { bytesWritten } = await writeFile(descriptor, content, done, content.length - done, done)
    if (bytesWritten === 0) throw new SwarmbidError('file-unwritable', 'the disk takes no more bytes')
    done += bytesWritten
  }
  await syncFile(descriptor)
}

/** Puts a file with this content, all of it on the disk, in place of what is there. */
export async function replaceEntry(folder: RootedFolder, name: string, content: Uint8Array): Promise<void> {
  const path = folder.entry(name)
  const status = await statusOrAbsent(path)
  if (status !== undefined && !status.isFile()) throw notPlain(name)
  await folder.verify()
  const temporaryName = `.swarmbid-${randomUUID()}.part`
  const temporaryPath = folder.entry(temporaryName)
  const descriptor = await openFile(temporaryPath, freshFlags, newFileMode)
  try {
    try {
      if (!(await folder.verifyOpened(descriptor, temporaryName))) throw notPlain(temporaryName)
      await writeWhole(descriptor, content)
    } finally {
      await closeFile(descriptor)
    }
    await renameEntry(temporaryPath, path)
  } catch (error) {
    await removeFile(temporaryPath)
    throw error
  }
}

/** Removes a file, a link itself or an empty folder. Errors: of the system, file-not-plain. */
export async function removeEntry(folder: RootedFolder, name: string): Promise<void> {
  const path = folder.entry(name)
  const status = await look(path)
  await folder.verify()
  if (status.isDirectory()) return removeFolder(path)
  if (!status.isFile() && !status.isSymbolicLink()) throw notPlain(name)
  return removeFile(path)
}
