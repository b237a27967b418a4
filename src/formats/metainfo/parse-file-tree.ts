// The version 2 half of an info dictionary (BEP 52): `file tree`, folders as dictionaries, a file as a
// dictionary whose only key is empty. Guarantees: iterative, entries in the tree's order, paths sanitised,
// every file that is not empty has a root.
import { fail } from '../../base/errors.ts'
import { sha256Length } from '../../base/hash.ts'
import type { BencodeCursor } from '../bencode/cursor.ts'
import { kindDictionary } from '../bencode/scan.ts'
import {
  type ContentEntry,
  type ContentRoot,
  checkPathLength,
  componentAt,
  rawComponentAt,
  readAttributes,
  readLength,
  readLinkTarget,
} from './content-entry.ts'
import { fieldAt, fileFields } from './file-fields.ts'

function readRoot(cursor: BencodeCursor | undefined): Uint8Array {
  const root = cursor?.bytes()
  if (root === undefined || root.length !== sha256Length) fail('metainfo-pieces-root', 'a file without a Merkle root')
  if (root.every((byte) => byte === 0)) fail('metainfo-pieces-root', 'a file whose Merkle root is zero')
  return root
}

function readLeaf(
  properties: BencodeCursor,
  path: readonly string[],
  rawPath: readonly string[] | undefined,
): ContentEntry {
  if (properties.kind !== kindDictionary) fail('metainfo-file-tree', 'properties of a file that are no dictionary')
  const { tape } = properties
  const fields = fileFields(tape, properties.node)
  const { isLink, isPad, isExecutable, isHidden } = readAttributes(fieldAt(tape, fields.attr))
  if (isPad) fail('metainfo-pad-file', 'a pad file in a file tree')
  const lengthBytes = readLength(fieldAt(tape, fields.length), isLink)
  const linkTarget = isLink ? readLinkTarget(tape, fields.symlinkPath) : undefined
  // A link that names no target is an empty file, if a root vouches for it at all.
  const needsRoot = lengthBytes > 0 || (isLink && linkTarget === undefined)
  const root = needsRoot ? readRoot(fieldAt(tape, fields.piecesRoot)) : undefined
  checkPathLength(path)
  return {
    path,
    rawPath,
    lengthBytes,
    isPad,
    isExecutable,
    isHidden,
    linkTarget,
    piecesRoot: lengthBytes > 0 ? root : undefined,
  }
}

/** The properties of a file if the entry is one: a dictionary of nothing but an empty key. */
function leafOf(entry: BencodeCursor): BencodeCursor | undefined {
  return entry.size === 1 ? entry.get('') : undefined
}

// A tree names a folder once however many files are in it, so ten megabytes could stand for gigabytes of paths.
const maxComponents = 2 ** 23

interface Walk {
  readonly entries: Iterator<readonly [BencodeCursor, BencodeCursor], void>
  readonly path: readonly string[]
  /** The same as `path` as long as nothing differs. */
  readonly rawPath: readonly string[] | undefined
}

function behind(base: readonly string[], component: string): readonly string[] {
  return component === '' ? base : [...base, component]
}

/** Name of the file if the tree is nothing but one file at its top. */
export function loneFileName(tree: BencodeCursor): BencodeCursor | undefined {
  if (tree.size !== 1) return undefined
  const [only] = tree.entries()
  return only === undefined || leafOf(only[1]) === undefined ? undefined : only[0]
}

/**
 * Entries of a file tree, below `root`, or as a lone file if `root` is empty.
 * Fails with metainfo-file-tree, -path, -file-length, -pad-file, -pieces-root.
 */
export function readFileTree(tree: BencodeCursor, root: ContentRoot): ContentEntry[] {
  const files: ContentEntry[] = []
  let components = 0
  const walks: Walk[] = [{ entries: tree.entries(), ...root }]
  for (let walk = walks.at(-1); walk !== undefined; walk = walks.at(-1)) {
    const next = walk.entries.next()
    if (next.done === true) {
      walks.pop()
      continue
    }
    const [key, value] = next.value
    if (key.byteLength === 0) fail('metainfo-file-tree', 'a file tree with a name that is empty')
    if (value.kind !== kindDictionary) fail('metainfo-file-tree', 'a file tree with an entry that is no dictionary')
    const component = componentAt(key.tape, key.node)
    const rawComponent = rawComponentAt(key.tape, key.node, component)
    const isSame = rawComponent === component && walk.rawPath === walk.path
    const rawBase = rawComponent === undefined || isSame ? undefined : walk.rawPath
    const otherPath = rawBase === undefined ? undefined : behind(rawBase, rawComponent ?? '')
    const leaf = leafOf(value)
    if (leaf !== undefined) {
      components += walk.path.length + 1
      if (components > maxComponents) fail('metainfo-path', 'too many files too deep in folders')
      const path = behind(walk.path, component === '' ? '_' : component)
      files.push(readLeaf(leaf, path, isSame ? path : otherPath))
    } else {
      const path = behind(walk.path, component)
      walks.push({ entries: value.entries(), path, rawPath: isSame ? path : otherPath })
    }
  }
  return files
}
