// Makes the paths of one torrent differ everywhere, even where case and Unicode form do not count, and keeps a
// file from being where a folder is. Guarantees: folders keep their names; of files that collide the first
// keeps its name and the others become `bar.1.txt`, `bar.2.txt` ..., the same on each system; linear.
import { failure, type Result, success } from '../base/errors.ts'
import { withInfix } from './path-sanitiser.ts'

/** Names that may be taken already before the torrent is refused; an honest one needs a handful. */
export const maxNameCollisions = 500

const asciiOnly = /^[\x20-\x7e]*$/

/** What a file system that ignores case and Unicode form compares. */
export function foldedName(name: string): string {
  return asciiOnly.test(name) ? name.toLowerCase() : name.toUpperCase().toLowerCase().normalize('NFC')
}

/** Entries by folded name. The first is kept aside: a hostile torrent can have a million folders of one entry. */
class Folder {
  private firstName = ''
  private first: Folder | 'file' | undefined
  private others: Map<string, Folder | 'file'> | undefined

  get(name: string): Folder | 'file' | undefined {
    return this.firstName === name ? this.first : this.others?.get(name)
  }

  add(name: string, entry: Folder | 'file'): void {
    if (this.first === undefined) {
      this.firstName = name
      this.first = entry
    } else {
      this.others ??= new Map()
      this.others.set(name, entry)
    }
  }
}

/** The folder that holds each path. Paths come mostly sorted, so the last one's folders are tried first. */
function enterFolders(paths: readonly (readonly string[])[]): Folder[] {
  const holders: Folder[] = []
  let lastPath: readonly string[] = []
  const chain = [new Folder()]
  for (const path of paths) {
    const depth = path.length - 1
    const shared = Math.min(depth, lastPath.length - 1)
    let level = 0
    while (level < shared && path[level] === lastPath[level]) level++
    chain.length = level + 1
    let holder = chain[level] as Folder
    for (; level < depth; level++) {
      const name = foldedName(path[level] as string)
      // Files are entered later, so that folders come first wherever they are listed.
      let folder = holder.get(name) as Folder | undefined
      if (folder === undefined) {
        folder = new Folder()
        holder.add(name, folder)
      }
      chain.push(folder)
      holder = folder
    }
    holders.push(holder)
    lastPath = path
  }
  return holders
}

/**
 * The same paths, sanitised ones of at least one component each, with colliding files renamed.
 * Errors: metainfo-duplicate-path when too many collide.
 */
export function distinctPaths(paths: readonly (readonly string[])[]): Result<readonly (readonly string[])[]> {
  const holders = enterFolders(paths)
  const distinct: (readonly string[])[] = []
  let collisions = 0
  for (const [index, path] of paths.entries()) {
    const holder = holders[index] as Folder
    const name = path[path.length - 1] as string
    let candidate = name
    let folded = foldedName(name)
    for (let count = 1; holder.get(folded) !== undefined; count++) {
      if (++collisions > maxNameCollisions) {
        return failure('metainfo-duplicate-path', 'too many files have the same name')
      }
      candidate = withInfix(name, `.${count}`)
      folded = foldedName(candidate)
    }
    holder.add(folded, 'file')
    distinct.push(candidate === name ? path : [...path.slice(0, -1), candidate])
  }
  return success(distinct)
}
