// Entries of one folder below a root: opened, moved, replaced and removed as ordinary files, or refused.
// Guarantees: no call here follows a link, waits for a pipe or writes over what it was not asked to; where the system
// cannot hold a folder fast, what was reached is compared with what was meant. Keeps no state.
import { randomUUID } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { SwarmbidError } from '../base/errors.ts'
import type { OpenMode } from '../ports/files.ts'
import { isSystemError } from './file-error.ts'
import type { RootedFolder } from './rooted-folder.ts'
import { ask, type Steps } from './system-steps.ts'

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

function look(path: string): Steps<Stats> {
  return ask((calls) => calls.look(path))
}

function statusOrAbsent(path: string): Steps<Stats | undefined> {
  return ask((calls) => calls.lookIfThere(path))
}

/** Whether `descriptor` is what the name means now, an ordinary file; if not, it is closed. Errors: file-not-plain. */
function* isRightlyOpened(folder: RootedFolder, name: string, { descriptor, isNew }: OpenedEntry): Steps<boolean> {
  try {
    if (!isNew && !(yield* ask((calls) => calls.statusOpened(descriptor))).isFile()) throw notPlain(name)
    if (yield* folder.verifyOpened(descriptor, name)) return true
  } catch (error) {
    yield* ask((calls) => calls.close(descriptor))
    throw error
  }
  yield* ask((calls) => calls.close(descriptor))
  return false
}

export interface OpenedEntry {
  readonly descriptor: number
  readonly isNew: boolean
}

/** Undefined when something is there. */
function* makeEntry(folder: RootedFolder, path: string): Steps<OpenedEntry | undefined> {
  yield* folder.verify()
  try {
    return { descriptor: yield* ask((calls) => calls.open(path, freshFlags, newFileMode)), isNew: true }
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') return undefined
    throw error
  }
}

/** An ordinary file, made if `mode` says so. Errors: of the system, file-not-plain. */
export function* openEntry(folder: RootedFolder, name: string, mode: OpenMode): Steps<OpenedEntry> {
  const path = folder.entry(name)
  const flags = (mode === 'read' ? constants.O_RDONLY : constants.O_RDWR) | guardFlags
  for (let attempt = 1; ; attempt++) {
    try {
      const made = mode === 'create' ? yield* makeEntry(folder, path) : undefined
      const opened = made ?? { descriptor: yield* ask((calls) => calls.open(path, flags)), isNew: false }
      if (yield* isRightlyOpened(folder, name, opened)) return opened
      if (attempt === maxAttempts) {
        throw new SwarmbidError('file-not-plain', `${name}: something takes its place again and again`)
      }
    } catch (error) {
      // What is to be made and yet absent was removed by someone else between two calls, or its folder is gone.
      if (mode !== 'create' || !isAbsent(error) || attempt === maxAttempts) throw error
    }
  }
}

function taken(name: string): SwarmbidError {
  return new SwarmbidError('file-exists', `${name}: the new name is taken`)
}

/** Whether a second name could be made; else this is a place without hard links. Errors: file-exists. */
function* isLinked(from: string, to: string, name: string): Steps<boolean> {
  try {
    yield* ask((calls) => calls.link(from, to))
    return true
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (error.code === 'EEXIST') throw taken(name)
    if (!noLinkCodes.test(error.code)) throw error
    return false
  }
}

/**
 * Gives a file or folder another name, never one that is taken. A link fails when the name is taken, a rename does
 * not: only where a link cannot be made, someone who takes the name at the same moment may lose.
 */
export function* moveEntry(from: string, to: string, name: string): Steps<void> {
  const status = yield* look(from)
  if (!status.isFile() && !status.isDirectory()) throw notPlain(name)
  if (!status.isFile() || !(yield* isLinked(from, to, name))) {
    if ((yield* statusOrAbsent(to)) !== undefined) throw taken(name)
    return yield* ask((calls) => calls.rename(from, to))
  }
  try {
    yield* ask((calls) => calls.removeFile(from))
  } catch (error) {
    yield* ask((calls) => calls.removeFile(to))
    throw error
  }
}

function* writeWhole(descriptor: number, content: Uint8Array): Steps<void> {
  for (let done = 0; done < content.length; ) {
    const at = done
    const bytesWritten = yield* ask((calls) => calls.write(descriptor, content, at, at))
    if (bytesWritten === 0) throw new SwarmbidError('file-unwritable', 'the disk takes no more bytes')
    done += bytesWritten
  }
  yield* ask((calls) => calls.sync(descriptor))
}

/** Puts a file with this content, all of it on the disk, in place of what is there. */
export function* replaceEntry(folder: RootedFolder, name: string, content: Uint8Array): Steps<void> {
  const path = folder.entry(name)
  const status = yield* statusOrAbsent(path)
  if (status !== undefined && !status.isFile()) throw notPlain(name)
  yield* folder.verify()
  const temporaryName = `.swarmbid-${randomUUID()}.part`
  const temporaryPath = folder.entry(temporaryName)
  const descriptor = yield* ask((calls) => calls.open(temporaryPath, freshFlags, newFileMode))
  try {
    try {
      if (!(yield* folder.verifyOpened(descriptor, temporaryName))) throw notPlain(temporaryName)
      yield* writeWhole(descriptor, content)
    } finally {
      yield* ask((calls) => calls.close(descriptor))
    }
    yield* ask((calls) => calls.rename(temporaryPath, path))
  } catch (error) {
    yield* ask((calls) => calls.removeFile(temporaryPath))
    throw error
  }
}

/** Removes a file, a link itself or an empty folder. Errors: of the system, file-not-plain. */
export function* removeEntry(folder: RootedFolder, name: string): Steps<void> {
  const path = folder.entry(name)
  const status = yield* look(path)
  yield* folder.verify()
  if (status.isDirectory()) return yield* ask((calls) => calls.removeFolder(path))
  if (!status.isFile() && !status.isSymbolicLink()) throw notPlain(name)
  return yield* ask((calls) => calls.removeFile(path))
}
