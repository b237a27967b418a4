// Folders below a root, found component by component without following a link (S8, S9 of the path rules: whatever was
// planted there, by a torrent or another program, nothing outside the root is reached).
// Where the system names open descriptors as paths (Linux), each step starts from the descriptor of the last, and so
// there is no moment to exchange a folder for a link. Elsewhere every component is looked at before and after, which
// leaves one: a folder exchanged for a link and back again while an operation is under way. Keeps no state.
import { type BigIntStats, close, constants, existsSync, fstat, fsync, lstat, mkdir, open } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SwarmbidError } from '../base/errors.ts'
import type { RelativePath } from '../ports/files.ts'
import { isSystemError } from './file-error.ts'

const openFile = promisify(open)
const syncFile = promisify(fsync)
const makeFolder = promisify(mkdir)
const look = promisify(lstat)
const statOpened = promisify(fstat)

/** A folder below a root; its paths are good for single system calls until it is released. */
export interface RootedFolder {
  /** The folder itself. */
  readonly path: string
  /** What is directly in it; never followed when the call itself follows no link in the last component. */
  entry(name: string): string
  /** Throws file-not-plain if it is no longer the folder that was found. */
  verify(): Promise<void>
  /**
   * As `verify`, and whether a file opened as an entry, with every guard the system has, is that entry; if not, another
   * file has taken its place since, and opening may be tried again. Throws file-not-plain for a link.
   */
  verifyOpened(descriptor: number, name: string): Promise<boolean>
  sync(): Promise<void>
  /** Does not wait for the system: that a descriptor is closed a moment later is nobody's concern. */
  release(): void
}

export interface FolderSearch {
  /** Absolute; links in it are followed. */
  readonly root: string
  readonly path: RelativePath
  /** Missing folders are made, and `onMade` is told the path of the folder each new one is in. */
  readonly make: boolean
  readonly onMade: (parent: RelativePath) => void
}

/** Absent on Windows, where files cannot be opened in these ways. */
const openFolderFlags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0)
const noFollow = constants.O_NOFOLLOW ?? 0
const descriptorFolder = '/proc/self/fd'

/** Whether folders can be held fast by their descriptors. */
export const canAnchor = process.platform === 'linux' && existsSync(descriptorFolder)

function letGo(descriptor: number): void {
  close(descriptor, () => undefined)
}

function notPlain(path: RelativePath): SwarmbidError {
  return new SwarmbidError('file-not-plain', `${path.join('/')}: something else stands where a folder should be`)
}

/** Some file systems cannot sync a folder, and Windows does not open one; they keep entries in their own way. */
async function syncFolder(descriptor: number): Promise<void> {
  try {
    await syncFile(descriptor)
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

async function makeUnlessThere(path: string): Promise<boolean> {
  try {
    await makeFolder(path)
    return true
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') return false
    throw error
  }
}

/** `find`, and where that finds nothing `make` and `find` again. */
async function foundOrMade<T>(search: FolderSearch, depth: number, path: string, find: () => Promise<T>): Promise<T> {
  try {
    return await find()
  } catch (error) {
    if (!search.make || !isMissing(error)) throw error
    if (await makeUnlessThere(path)) search.onMade(search.path.slice(0, depth))
    return await find()
  }
}

function held(descriptor: number): RootedFolder {
  const path = `${descriptorFolder}/${descriptor}`
  return {
    path,
    entry: (name) => `${path}/${name}`,
    verify: () => Promise.resolve(),
    verifyOpened: () => Promise.resolve(true),
    sync: () => syncFolder(descriptor),
    release: () => letGo(descriptor),
  }
}

/** Step by step from descriptor to descriptor. Errors: of the system, file-not-plain. */
export async function anchoredFolder(search: FolderSearch): Promise<RootedFolder> {
  let descriptor = await openFile(search.root, openFolderFlags)
  for (const [depth, name] of search.path.entries()) {
    const path = `${descriptorFolder}/${descriptor}/${name}`
    try {
      const next = await foundOrMade(search, depth, path, () => openFile(path, openFolderFlags | noFollow))
      letGo(descriptor)
      descriptor = next
    } catch (error) {
      letGo(descriptor)
      if (isSystemError(error) && (error.code === 'ENOTDIR' || error.code === 'ELOOP')) {
        throw notPlain(search.path.slice(0, depth + 1))
      }
      throw error
    }
  }
  return held(descriptor)
}

/** Step by step by path, with a second look in `verify`. Errors: of the system, file-not-plain. */
export async function checkedFolder(search: FolderSearch): Promise<RootedFolder> {
  const { root, path } = search
  const seen: BigIntStats[] = []
  let here = root
  for (const [depth, name] of path.entries()) {
    here = join(here, name)
    const status = await foundOrMade(search, depth, here, () => look(here, { bigint: true }))
    if (!status.isDirectory()) throw notPlain(path.slice(0, depth + 1))
    seen.push(status)
  }
  async function verify(): Promise<void> {
    for (const [depth, before] of seen.entries()) {
      const now = await look(join(root, ...path.slice(0, depth + 1)), { bigint: true })
      if (!now.isDirectory() || !isSame(now, before)) throw notPlain(path.slice(0, depth + 1))
    }
  }
  return {
    path: here,
    entry: (name) => join(here, name),
    verify,
    async verifyOpened(descriptor, name) {
      const named = await look(join(here, name), { bigint: true })
      if (!named.isFile()) throw new SwarmbidError('file-not-plain', `${name}: not an ordinary file`)
      await verify()
      return isSame(named, await statOpened(descriptor, { bigint: true }))
    },
    async sync() {
      if (process.platform === 'win32') return
      const descriptor = await openFile(here, openFolderFlags | (path.length === 0 ? 0 : noFollow))
      try {
        await syncFolder(descriptor)
      } finally {
        letGo(descriptor)
      }
    },
    release: () => undefined,
  }
}
