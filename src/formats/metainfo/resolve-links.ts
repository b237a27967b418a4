// Symbolic links of a torrent (BEP 47): where each one leads, looked up among the torrent's own files and
// folders alone. Guarantees: a target is always inside the torrent; one that is not there, or only after too
// many links, becomes the link itself, so that it leads nowhere; work is bounded however links are chained.
import type { ContentEntry } from './content-entry.ts'

/** Links followed as folders on the way to one target; real torrents need one (a framework's `Current`). */
const maxHops = 8

/** Whether some path lies below a folder. The paths are sorted; listing all folders would take far more memory. */
function hasFolder(sortedPaths: readonly string[], folder: string): boolean {
  const prefix = `${folder}/`
  let low = 0
  let high = sortedPaths.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sortedPaths[middle] as string) < prefix) low = middle + 1
    else high = middle
  }
  return sortedPaths[low]?.startsWith(prefix) === true
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
  const sortedPaths = [...indexes.keys()].sort()

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
      } else if (!hasFolder(sortedPaths, key)) {
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
