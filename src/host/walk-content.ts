// Finds the files a torrent is made of, in the one order torrents have them: folder by folder, names as bytes.
// Guarantees: nothing found is left out without being asked for, names are UTF-8, links never lead in circles,
// and what was seen of each file is kept so that a change under way is noticed. Keeps no state.
import { lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { compareBytes, toUtf8, toUtf8Lossy } from '../base/bytes.ts'
import { SwarmbidError } from '../base/errors.ts'
import { fileError } from './file-error.ts'
import { isTemporaryOutput } from './write-output.ts'

/** What becomes of symbolic links: an error, left out, what they point to, or links in the torrent (BEP 47). */
export type SymlinkPolicy = 'refuse' | 'skip' | 'follow' | 'keep'

export interface WalkOptions {
  readonly symlinks: SymlinkPolicy
  /** Leave out files and folders whose names begin with a dot. */
  readonly skipHidden: boolean
  /** A file that is not content wherever it lies, by whatever way it is reached: the output. */
  readonly excludePath: string | undefined
}

export interface FoundFile {
  /** Components below the content's folder; none for a lone file. */
  readonly path: readonly string[]
  readonly absolutePath: string
  readonly lengthBytes: number
  readonly modifiedMs: number
  readonly isExecutable: boolean
  /** Components from the content's folder, for a link that is kept. */
  readonly symlinkTarget?: readonly string[]
}

export interface FoundContent {
  /** The last component of the path as named by the user; '' for a root folder. */
  readonly name: string
  readonly isFolder: boolean
  readonly files: readonly FoundFile[]
  /** Folders with nothing in them, which a torrent cannot describe. */
  readonly emptyFolderCount: number
  readonly skippedCount: number
}

const maxDepth = 99

interface Walk {
  readonly root: string
  /** The root without links on the way to it. */
  readonly realRoot: string
  /** `excludePath`, likewise. */
  readonly realExcluded: string | undefined
  readonly options: WalkOptions
  readonly signal: AbortSignal
  readonly files: FoundFile[]
  emptyFolderCount: number
  skippedCount: number
}

function found(path: readonly string[], absolutePath: string, status: Stats): FoundFile {
  return {
    path,
    absolutePath,
    lengthBytes: status.size,
    modifiedMs: status.mtimeMs,
    isExecutable: process.platform !== 'win32' && (status.mode & 0o111) !== 0,
  }
}

/** A file's path without links on the way to it; the file itself need not be there. */
function realPathOf(path: string): string {
  try {
    return join(realpathSync(dirname(path)), basename(path))
  } catch {
    return resolve(path)
  }
}

/** Names in a folder, in the order of their bytes. */
function namesIn(folder: string): string[] {
  return readdirSync(folder, { encoding: 'buffer' })
    .map((raw) => {
      const name = toUtf8(raw)
      if (name === undefined) {
        throw new SwarmbidError('file-name-encoding', `${join(folder, toUtf8Lossy(raw))}: the name is not UTF-8`)
      }
      return { raw, name }
    })
    .sort((a, b) => compareBytes(a.raw, b.raw))
    .map(({ name }) => name)
}

/** Where a link points, from the content's folder; only inside it, and only to what is there. */
function keptTarget(root: string, absolutePath: string): readonly string[] {
  const target = readlinkSync(absolutePath)
  const destination = resolve(dirname(absolutePath), target)
  const path = relative(root, destination)
  const isInside = path !== '' && !isAbsolute(path) && path !== '..' && !path.startsWith(`..${sep}`)
  if (isAbsolute(target) || !isInside || lstatSync(destination, { throwIfNoEntry: false }) === undefined) {
    throw new SwarmbidError('create-symlink', `${absolutePath}: links to ${target}, which is not in the content`)
  }
  return path.split(sep)
}

/** Adds what a link stands for under the policy; returns whether that was anything. */
async function addLink(
  walk: Walk,
  path: readonly string[],
  absolutePath: string,
  trail: readonly string[],
): Promise<boolean> {
  switch (walk.options.symlinks) {
    case 'refuse':
      throw new SwarmbidError('create-symlink', `${absolutePath}: a symbolic link`)
    case 'skip':
      walk.skippedCount++
      return false
    case 'keep': {
      const symlinkTarget = keptTarget(walk.root, absolutePath)
      const status = lstatSync(absolutePath)
      const file = { ...found(path, absolutePath, status), lengthBytes: 0, isExecutable: false, symlinkTarget }
      walk.files.push(file)
      return true
    }
    case 'follow':
      return addEntry(walk, path, absolutePath, statSync(absolutePath), trail)
  }
}

async function addEntry(
  walk: Walk,
  path: readonly string[],
  absolutePath: string,
  status: Stats,
  trail: readonly string[],
): Promise<boolean> {
  if (status.isSymbolicLink()) return addLink(walk, path, absolutePath, trail)
  if (status.isDirectory()) return addFolder(walk, path, absolutePath, trail)
  if (!status.isFile()) throw new SwarmbidError('file-not-regular', `${absolutePath}: not a regular file`)
  walk.files.push(found(path, absolutePath, status))
  return true
}

/** `trail`: real paths of the folders above, which a followed link must not lead back to. */
async function addFolder(
  walk: Walk,
  path: readonly string[],
  absolutePath: string,
  trail: readonly string[],
): Promise<boolean> {
  await setImmediate()
  if (walk.signal.aborted) throw new SwarmbidError('interrupted', 'stopped while looking for files')
  if (path.length > maxDepth) throw new SwarmbidError('create-options', `${absolutePath}: folders nest too deep`)
  const realPath = walk.options.symlinks === 'follow' ? realpathSync(absolutePath) : join(walk.realRoot, ...path)
  if (trail.includes(realPath)) {
    throw new SwarmbidError('create-symlink', `${absolutePath}: a symbolic link that leads in a circle`)
  }
  const inside = [...trail, realPath]
  let count = 0
  for (const name of namesIn(absolutePath)) {
    const entryPath = join(absolutePath, name)
    if (isTemporaryOutput(name) || join(realPath, name) === walk.realExcluded) continue
    if (walk.options.skipHidden && name.startsWith('.')) {
      walk.skippedCount++
      continue
    }
    try {
      if (await addEntry(walk, [...path, name], entryPath, lstatSync(entryPath), inside)) count++
    } catch (error) {
      throw fileError(error, entryPath, 'read')
    }
  }
  if (count === 0) walk.emptyFolderCount++
  return true
}

/**
 * All files of a content. The path itself may be a link: the user named it.
 * Errors: file-not-found, file-unreadable, file-not-regular, file-name-encoding, create-symlink, create-options,
 * interrupted.
 */
export async function walkContent(
  contentPath: string,
  options: WalkOptions,
  signal: AbortSignal,
): Promise<FoundContent> {
  if (contentPath === '') throw new SwarmbidError('file-not-found', 'the path of the content is empty')
  const root = resolve(contentPath)
  const files: FoundFile[] = []
  let isFolder = false
  let emptyFolderCount = 0
  let skippedCount = 0
  try {
    const status = statSync(root)
    isFolder = status.isDirectory()
    const realRoot = realpathSync(root)
    const realExcluded = options.excludePath === undefined ? undefined : realPathOf(options.excludePath)
    if (!isFolder && realRoot === realExcluded) {
      throw new SwarmbidError('create-options', `${contentPath}: the output would replace the content`)
    }
    const walk: Walk = { root, realRoot, realExcluded, options, signal, files, emptyFolderCount, skippedCount }
    await addEntry(walk, [], root, status, [])
    emptyFolderCount = walk.emptyFolderCount
    skippedCount = walk.skippedCount
  } catch (error) {
    throw fileError(error, contentPath, 'read')
  }
  return { name: basename(root), isFolder, files, emptyFolderCount, skippedCount }
}

function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

/** The first file that is not any more as it was found, if any. */
export function findChanged(files: readonly FoundFile[]): FoundFile | undefined {
  return files.find((file) => {
    if (file.symlinkTarget !== undefined) return false
    const status = statusOf(file.absolutePath)
    return status === undefined || status.size !== file.lengthBytes || status.mtimeMs !== file.modifiedMs
  })
}
