// Symbolic links of a torrent (BEP 47): where each one leads, looked up among the torrent's own files and
// folders alone. Guarantees: a target is always inside the torrent; one that is not there, or only after too
// many links, becomes the link itself, so that it leads nowhere; work is bounded however links are chained.
import type { ContentEntry } from './content-entry.ts'

/** Links followed as folders on the way to one target; real torrents need one (a framework's `Current`). */
const maxHops = 8

function folderPrefixes(paths: readonly (readonly string[])[]): Set<string> {
  const folders = new Set<string>()
  for (const path of paths) {
    for (let depth = path.length - 1; depth > 0; depth--) {
      const folder = path.slice(0, depth).join('/')
      if (folders.has(folder)) break
      folders.add(folder)
    }
  }
  return folders
}

/**
 * Targets by index of entry, each a whole path as on disk; `paths` are the entries' final ones, `root` what
 * targets are relative to (the torrent's name, or nothing for a lone file).
 */
export function resolveLinks(
  entries: readonly ContentEntry[],
  paths: readonly (readonly string[])[],
  root: readonly string[],
): ReadonlyMap<number, readonly string[]> {
  const resolved = new Map<number, readonly string[]>()
  if (!entries.some((entry) => entry.linkTarget !== undefined)) return resolved
  const indexes = new Map<string, number>()
  for (const [index, entry] of entries.entries()) {
    const key = entry.path.join('/')
    if (!indexes.has(key)) indexes.set(key, index)
  }
  const folders = folderPrefixes(entries.map((entry) => entry.path))

  const follow = (target: readonly string[]): readonly string[] | undefined => {
    let rest = [...target]
    let place: readonly string[] = root
    for (let hops = 0; ; ) {
      const component = rest.shift()
      if (component === undefined) return place
      place = [...place, component]
      const key = place.join('/')
      const index = indexes.get(key)
      if (rest.length === 0 && index !== undefined) return paths[index]
      const link = index === undefined ? undefined : entries[index]?.linkTarget
      if (link !== undefined) {
        if (++hops > maxHops) return undefined
        rest = [...link, ...rest]
        place = root
      } else if (!folders.has(key)) {
        return undefined
      }
    }
  }

  for (const [index, { linkTarget }] of entries.entries()) {
    if (linkTarget === undefined) continue
    resolved.set(index, follow(linkTarget) ?? (paths[index] as readonly string[]))
  }
  return resolved
}
