// The version 1 half of an info dictionary (BEP 3): `files`, or `length` for a lone file, with the attributes
// of BEP 47. Guarantees: entries in the order listed, every path sanitised, every number in range.
import { fail } from '../../base/errors.ts'
import type { BencodeCursor } from '../bencode/cursor.ts'
import { cellsPerNode, kindDictionary, type Tape } from '../bencode/scan.ts'
import {
  type ContentEntry,
  type ContentRoot,
  checkPathLength,
  readAttributes,
  readLength,
  readLinkTarget,
  readPath,
  readRawPath,
} from './content-entry.ts'
import { fieldAt, fileFields, kindAt, listAt, nodeAfter } from './file-fields.ts'

// BitComet's way to say what BEP 47 later said with an attribute.
const padFileMark = '_____padding_file_'

function readEntry(tape: Tape, node: number, root: ContentRoot, lonePath?: readonly string[]): ContentEntry {
  if (kindAt(tape, node) !== kindDictionary) fail('metainfo-files', 'an entry of the file list is not a dictionary')
  const fields = fileFields(tape, node)
  const { isLink, isPad, isExecutable, isHidden } = readAttributes(fieldAt(tape, fields.attr))
  if (isPad && isLink) fail('metainfo-pad-file', 'a pad file that is a link')
  const lengthBytes = readLength(fieldAt(tape, fields.length), isLink)
  const list = listAt(tape, fields.pathUtf8) ?? listAt(tape, fields.path)
  let path = lonePath
  if (path === undefined && list !== undefined)
    path = belowRoot(readPath(tape, list, root.path, 'metainfo-path'), root.path)
  // Pad files are never created, so they need no path; others do.
  if (path === undefined && !isPad) fail('metainfo-path', 'a file without a path')
  let { rawPath } = root
  if (lonePath === undefined && rawPath !== undefined) {
    rawPath = list === undefined || path === undefined ? undefined : readRawPath(tape, list, rawPath, path)
  }
  return {
    path: path ?? root.path,
    rawPath,
    lengthBytes,
    isPad: isPad || path?.at(-1)?.includes(padFileMark) === true,
    isExecutable,
    isHidden,
    linkTarget: isLink ? readLinkTarget(tape, fields.symlinkPath) : undefined,
    piecesRoot: undefined,
  }
}

function belowRoot(path: string[], root: readonly string[]): readonly string[] {
  if (path.length === root.length) path.push('_')
  checkPathLength(path)
  return path
}

/**
 * Entries of the list `files`, below `root`.
 * Fails with metainfo-files, -path, -file-length, -pad-file, -symlink.
 */
export function readFileList({ tape, node }: BencodeCursor, root: ContentRoot): ContentEntry[] {
  const entries: ContentEntry[] = []
  const last = tape.cells[node + 2] as number
  for (let entry = node + cellsPerNode; entry < last; entry = nodeAfter(tape, entry)) {
    entries.push(readEntry(tape, entry, root))
  }
  return entries
}

/** The lone file an info dictionary with `length` is itself; `name` is its sanitised name, perhaps ''. */
export function readLoneFile({ tape, node }: BencodeCursor, name: string, rawName: string | undefined): ContentEntry {
  const path = [name]
  const rawPath = rawName === name ? path : rawName === undefined ? undefined : [rawName]
  const entry = readEntry(tape, node, { path: [], rawPath }, path)
  if (name === '') fail('metainfo-name', 'a single file whose name has no usable character')
  return entry
}
