// Where the content of a torrent is, when a person names it or the folder around it.
// Guarantees: only looks, changes nothing. Keeps no state.
import { realpathSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { SwarmbidError } from '../base/errors.ts'
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'

const probedFiles = 64

function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** Where on disk a file of the torrent lies, when `contentPath` is what stands for the torrent's name. */
export function diskPath(contentPath: string, path: readonly string[]): string {
  return join(contentPath, ...path.slice(1))
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
  const inside = join(given, info.name)
  if (!info.isFolder) return status.isDirectory() ? inside : given
  const probed = info.files.filter((file) => file.symlinkTarget === undefined).slice(0, probedFiles)
  const countBelow = (root: string) => probed.filter((file) => statusOf(diskPath(root, file.path))?.isFile()).length
  return countBelow(given) > countBelow(inside) ? given : inside
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
  // Links below the folder are not followed, but the content itself may be reached through one.
  const found = basename(contentPath) === info.name ? contentPath : realpathSync(contentPath)
  if (basename(found) === info.name) return dirname(found)
  throw new SwarmbidError('file-not-found', `${path}: the content must have the name ${info.name} to be seeded`)
}
