// Where the content of a torrent is, when a person names it or the folder around it: under its safe names, or under those
// that the torrent has for it where the disk allows them.
// Guarantees: only looks, changes nothing. Keeps no state.
import { realpathSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { SwarmbidError } from '../base/errors.ts'
import type { TorrentFile, TorrentInfo } from '../formats/metainfo/metainfo.ts'
import { filesUnderRawNames } from '../storage/raw-names.ts'

const probedFiles = 64

function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** Where on disk a file of the torrent lies, when `contentPath` is what stands for the torrent's name. */
function diskPath(contentPath: string, path: readonly string[]): string {
  return join(contentPath, ...path.slice(1))
}

function isFileAt(contentPath: string, path: readonly string[] | undefined): boolean {
  return path !== undefined && statusOf(diskPath(contentPath, path))?.isFile() === true
}

/** Where each file of the torrent lies, or should, when `contentPath` is what stands for the torrent's name. */
export function diskPaths(contentPath: string, files: readonly TorrentFile[]): string[] {
  // Whatever stands for the torrent's name, it is the same for all of them.
  const below = files.map(({ path, rawPath }) => ({
    path: path.slice(1),
    ...(rawPath === undefined ? {} : { rawPath: rawPath.slice(1) }),
  }))
  const underRawNames = filesUnderRawNames(below, (file) => ({
    hasOwn: isFileAt(contentPath, files[file]?.path),
    hasRaw: isFileAt(contentPath, files[file]?.rawPath),
  }))
  return files.map(({ path, rawPath }, file) =>
    diskPath(contentPath, underRawNames.has(file) && rawPath !== undefined ? rawPath : path),
  )
}

/** What the content may be called: safely, and as the torrent has it. */
function namesOf({ name, files }: TorrentInfo): readonly string[] {
  const rawName = files.find((file) => file.rawPath !== undefined)?.rawPath?.[0]
  return rawName === undefined || rawName === name ? [name] : [name, rawName]
}

/**
 * The path given may be the content or the folder around it: whichever has more of the torrent's files.
 * Throws SwarmbidError: file-not-found.
 */
export function locateContent(info: TorrentInfo, path: string): string {
  if (path === '') throw new SwarmbidError('file-not-found', 'the path of the content is empty')
  const given = resolve(path)
  const status = statusOf(given)
  if (status === undefined) throw new SwarmbidError('file-not-found', `${path}: there is no such file or folder`)
  const inside = namesOf(info).map((name) => join(given, name))
  const [usual = given] = inside
  if (!info.isFolder) {
    return status.isDirectory() ? (inside.find((place) => statusOf(place) !== undefined) ?? usual) : given
  }
  const probed = info.files.filter((file) => file.symlinkTarget === undefined).slice(0, probedFiles)
  let best = usual
  let mostFiles = 0
  for (const place of [...inside, given]) {
    const found = probed.filter((file) => isFileAt(place, file.path) || isFileAt(place, file.rawPath)).length
    if (found <= mostFiles) continue
    best = place
    mostFiles = found
  }
  return best
}

/**
 * The folder that holds the content under the torrent's own name, as seeding needs it.
 * Throws SwarmbidError: file-not-found, also when the content has another name.
 */
export function folderOfContent(info: TorrentInfo, path: string): string {
  const contentPath = locateContent(info, path)
  if (statusOf(contentPath) === undefined) {
    throw new SwarmbidError('file-not-found', `${path}: there is no ${info.name} in it`)
  }
  const names = namesOf(info)
  // Links below the folder are not followed, but the content itself may be reached through one.
  const found = names.includes(basename(contentPath)) ? contentPath : realpathSync(contentPath)
  if (names.includes(basename(found))) return dirname(found)
  throw new SwarmbidError('file-not-found', `${path}: the content must have the name ${info.name} to be seeded`)
}
