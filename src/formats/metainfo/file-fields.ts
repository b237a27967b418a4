// The fields that describe one file, in either half of an info dictionary, found in one walk over the tape.
// Guarantees: the first one counts where keys repeat; nothing is decoded or copied. A torrent can list half a
// million files, so this works on node numbers where a cursor for each key and value would be too slow.
import { assert } from '../../base/assert.ts'
import { BencodeCursor } from '../bencode/cursor.ts'
import { cellsPerNode, kindDictionary, kindList, type Tape } from '../bencode/scan.ts'

/** Nodes of the tape; 0, which is the root and never a field, stands for absent. */
export interface FileFields {
  attr: number
  length: number
  path: number
  pathUtf8: number
  piecesRoot: number
  symlinkPath: number
}

export function kindAt(tape: Tape, node: number): number {
  return (tape.cells[node + 3] as number) & 3
}

/** The node after a value and all that is in it. */
export function nodeAfter(tape: Tape, node: number): number {
  return kindAt(tape, node) >= kindList ? (tape.cells[node + 2] as number) : node + cellsPerNode
}

function isKey(tape: Tape, node: number, key: string): boolean {
  const start = tape.cells[node + 2] as number
  if ((tape.cells[node + 1] as number) - start !== key.length) return false
  for (let index = 0; index < key.length; index++) {
    if (tape.bytes[start + index] !== key.charCodeAt(index)) return false
  }
  return true
}

export function fileFields(tape: Tape, dictionary: number): FileFields {
  assert(kindAt(tape, dictionary) === kindDictionary, 'a dictionary')
  const fields: FileFields = { attr: 0, length: 0, path: 0, pathUtf8: 0, piecesRoot: 0, symlinkPath: 0 }
  const last = tape.cells[dictionary + 2] as number
  let key = dictionary + cellsPerNode
  while (key < last) {
    const value = key + cellsPerNode
    if (isKey(tape, key, 'path')) fields.path ||= value
    else if (isKey(tape, key, 'length')) fields.length ||= value
    else if (isKey(tape, key, 'attr')) fields.attr ||= value
    else if (isKey(tape, key, 'pieces root')) fields.piecesRoot ||= value
    else if (isKey(tape, key, 'path.utf-8')) fields.pathUtf8 ||= value
    else if (isKey(tape, key, 'symlink path')) fields.symlinkPath ||= value
    key = nodeAfter(tape, value)
  }
  return fields
}

export function fieldAt(tape: Tape, node: number): BencodeCursor | undefined {
  return node === 0 ? undefined : new BencodeCursor(tape, node)
}

/** The list at a node, if it is one and holds anything. */
export function listAt(tape: Tape, node: number): number | undefined {
  return node !== 0 && kindAt(tape, node) === kindList && (tape.cells[node + 3] as number) >>> 2 > 0 ? node : undefined
}
