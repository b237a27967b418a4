// Which files of a torrent lie on the disk under the names that the torrent has for them, where those are not safe on
// every system and downloads get others: content that a person has already is used where it is. Pure.
// Guarantees: no two files of the torrent are taken for the same file on the disk; a file that is there under its safe
// name keeps that, unless it is rather another one's.

import { foldedName } from '../formats/distinct-paths.ts'
import type { TorrentFile } from '../formats/metainfo/metainfo.ts'

export interface NamesOnDisk {
  /** An ordinary file is there under its safe name. */
  readonly hasOwn: boolean
  /** An ordinary file is there under the name that the torrent has for it. */
  readonly hasRaw: boolean
}

export type NamedFile = Pick<TorrentFile, 'path' | 'rawPath'>

function keyOf(path: readonly string[]): string {
  return path.map(foldedName).join('/')
}

/** Indexes of the files that lie under their raw names. */
export function filesUnderRawNames(
  files: readonly NamedFile[],
  onDisk: (file: number) => NamesOnDisk,
): ReadonlySet<number> {
  const raw = new Set<number>()
  const byRawPath = new Map<string, number>()
  for (const [file, { rawPath }] of files.entries()) if (rawPath !== undefined) byRawPath.set(keyOf(rawPath), file)
  if (byRawPath.size === 0) return raw
  const byPath = new Map<string, number>()
  for (const [file, { path }] of files.entries()) byPath.set(keyOf(path), file)
  const candidates = [...byRawPath.values()].filter((file) => onDisk(file).hasRaw)
  for (const file of candidates) {
    if (!onDisk(file).hasOwn) continue
    const claimant = byRawPath.get(keyOf((files[file] as NamedFile).path))
    if (claimant !== undefined && claimant !== file && !onDisk(claimant).hasOwn) raw.add(file)
  }
  for (const file of candidates) {
    if (onDisk(file).hasOwn) continue
    const occupant = byPath.get(keyOf((files[file] as NamedFile).rawPath ?? []))
    const isFree = occupant === undefined || occupant === file || raw.has(occupant) || !onDisk(occupant).hasOwn
    if (isFree) raw.add(file)
  }
  return raw
}
