// Folders below a root, found component by component without following a link (S8, S9 of the path rules: whatever was
// planted there, by a torrent or another program, nothing outside the root is reached).
// Where the system names open descriptors as paths (Linux), each step starts from the descriptor of the last, and so
// there is no moment to exchange a folder for a link. Elsewhere every component is looked at before and after, which
// leaves one: a folder exchanged for a link and back again while an operation is under way. Keeps no state.
import { type BigIntStats, constants, existsSync } from 'node:fs'
import { join } from 'node:path'
import { SwarmbidError } from '../base/errors.ts'
import type { RelativePath } from '../ports/files.ts'
import { isSystemError } from './file-error.ts'
import { ask, type Steps } from './system-steps.ts'

/** A folder below a root; its paths are good for single system calls until it is released. */
export interface RootedFolder {
  /** The folder itself. */
  readonly path: string
  /** What is directly in it; never followed when the call itself follows no link in the last component. */
  entry(name: string): string
  /** Throws file-not-plain if it is no longer the folder that was found. */
  verify(): Steps<void>
  /**
   * As `verify`, and whether a file opened as an entry, with every guard the system has, is that entry; if not, another
   * file has taken its place since, and opening may be tried again. Throws file-not-plain for a link.
   */
  verifyOpened(descriptor: number, name: string): Steps<boolean>
  /** A descriptor of the folder, the caller's from then on, to sync it with; undefined where there are none of folders. */
  take(): Steps<number | undefined>
  release(): Steps<void>
}

export interface FolderSearch {
  /** Absolute; links in it are followed. */
  readonly root: string
  readonly path: RelativePath
  /** Missing folders are made, and `madeIn` is added the path of the folder each new one is in. */
  readonly make: boolean
  readonly madeIn: RelativePath[]
}

/** Absent on Windows, where files cannot be opened in these ways. */
const openFolderFlags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0)
const noFollow = constants.O_NOFOLLOW ?? 0
const descriptorFolder = '/proc/self/fd'

/** Whether folders can be held fast by their descriptors. */
export const canAnchor = process.platform === 'linux' && existsSync(descriptorFolder)

function notPlain(path: RelativePath): SwarmbidError {
  return new SwarmbidError('file-not-plain', `${path.join('/')}: something else stands where a folder should be`)
}

/** Some file systems cannot sync a folder, and Windows does not open one; they keep entries in their own way. */
export function* syncFolder(descriptor: number): Steps<void> {
  try {
    yield* ask((calls) => calls.sync(descriptor))
  } catch (error) {
    if (!isSystemError(error) || !/^(?:EINVAL|ENOTSUP|EOPNOTSUPP)$/.test(error.code)) throw error
  }
}

function isMissing(error: unknown): boolean {
  return isSystemError(error) && error.code === 'ENOENT'
}

function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev
}

function* makeUnlessThere(path: string): Steps<boolean> {
  try {
    yield* ask((calls) => calls.makeFolder(path))
    return true
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') return false
    throw error
  }
}

/** `find`, and where that finds nothing `make` and `find` again. */
function* foundOrMade<T>(search: FolderSearch, depth: number, path: string, find: () => Steps<T>): Steps<T> {
  try {
    return yield* find()
  } catch (error) {
    if (!search.make || !isMissing(error)) throw error
    if (yield* makeUnlessThere(path)) search.madeIn.push(search.path.slice(0, depth))
    return yield* find()
  }
}

function letGo(descriptor: number): Steps<void> {
  return ask((calls) => calls.letGo(descriptor))
}

function nothing(): Steps<void> {
  return ask(() => undefined)
}

function held(descriptor: number): RootedFolder {
  const path = `${descriptorFolder}/${descriptor}`
  let isTaken = false
  return {
    path,
    entry: (name) => `${path}/${name}`,
    verify: nothing,
    verifyOpened: () => ask(() => true),
    take() {
      isTaken = true
      return ask(() => descriptor)
    },
    release: () => (isTaken ? nothing() : letGo(descriptor)),
  }
}

function openFolder(path: string, flags: number): Steps<number> {
  return ask((calls) => calls.open(path, flags))
}

/** Step by step from descriptor to descriptor. Errors: of the system, file-not-plain. */
export function* anchoredFolder(search: FolderSearch): Steps<RootedFolder> {
  let descriptor = yield* openFolder(search.root, openFolderFlags)
  for (const [depth, name] of search.path.entries()) {
    const path = `${descriptorFolder}/${descriptor}/${name}`
    try {
      const next = yield* foundOrMade(search, depth, path, () => openFolder(path, openFolderFlags | noFollow))
      yield* letGo(descriptor)
      descriptor = next
    } catch (error) {
      yield* letGo(descriptor)
      if (isSystemError(error) && (error.code === 'ENOTDIR' || error.code === 'ELOOP')) {
        throw notPlain(search.path.slice(0, depth + 1))
      }
      throw error
    }
  }
  return held(descriptor)
}

function lookExactly(path: string): Steps<BigIntStats> {
  return ask((calls) => calls.lookExactly(path))
}

/** Step by step by path, with a second look in `verify`. Errors: of the system, file-not-plain. */
export function* checkedFolder(search: FolderSearch): Steps<RootedFolder> {
  const { root, path } = search
  const seen: BigIntStats[] = []
  let here = root
  for (const [depth, name] of path.entries()) {
    here = join(here, name)
    const folder = here
    const status = yield* foundOrMade(search, depth, folder, () => lookExactly(folder))
    if (!status.isDirectory()) throw notPlain(path.slice(0, depth + 1))
    seen.push(status)
  }
  function* verify(): Steps<void> {
    for (const [depth, before] of seen.entries()) {
      const now = yield* lookExactly(join(root, ...path.slice(0, depth + 1)))
      if (!now.isDirectory() || !isSame(now, before)) throw notPlain(path.slice(0, depth + 1))
    }
  }
  return {
    path: here,
    entry: (name) => join(here, name),
    verify,
    *verifyOpened(descriptor, name) {
      const named = yield* lookExactly(join(here, name))
      if (!named.isFile()) throw new SwarmbidError('file-not-plain', `${name}: not an ordinary file`)
      yield* verify()
      return isSame(named, yield* ask((calls) => calls.lookExactlyAtOpened(descriptor)))
    },
    *take() {
      if (process.platform === 'win32') return undefined
      return yield* openFolder(here, openFolderFlags | (path.length === 0 ? 0 : noFollow))
    },
    release: nothing,
  }
}
