// One entry of a torrent's content as either half of the info dictionary lists it, read and sanitised but not
// yet laid out: what the two lists have in common, and the reading of attributes and links (BEP 47).
import { toUtf8, utf8Length } from '../../base/bytes.ts'
import { fail } from '../../base/errors.ts'
import type { BencodeCursor } from '../bencode/cursor.ts'
import { keyText } from '../bencode/key-text.ts'
import { cellsPerNode, kindString, type Tape } from '../bencode/scan.ts'
import { isPlainComponent, isPossibleName, maxPathBytes, maxPathDepth, sanitiseComponent } from '../path-sanitiser.ts'
import { kindAt, listAt, nodeAfter } from './file-fields.ts'

export interface ContentEntry {
  /** Sanitised components, the torrent's name first unless the torrent is a lone file. */
  readonly path: readonly string[]
  /** As listed: `path` itself where nothing differs, undefined if no disk could have it. */
  readonly rawPath: readonly string[] | undefined
  readonly lengthBytes: number
  readonly isPad: boolean
  readonly isExecutable: boolean
  readonly isHidden: boolean
  /** Sanitised components below the torrent's root; undefined when the entry is no link. */
  readonly linkTarget: readonly string[] | undefined
  readonly piecesRoot: Uint8Array | undefined
}

/** What the paths of all entries begin with; `rawPath` undefined: no possible name. */
export interface ContentRoot {
  readonly path: readonly string[]
  readonly rawPath: readonly string[] | undefined
}

export interface Attributes {
  readonly isPad: boolean
  readonly isExecutable: boolean
  readonly isHidden: boolean
  readonly isLink: boolean
}

const noAttributes: Attributes = { isPad: false, isExecutable: false, isHidden: false, isLink: false }

/** BEP 47 `attr`: unknown letters mean nothing. */
export function readAttributes(cursor: BencodeCursor | undefined): Attributes {
  const letters = cursor?.latin1()
  if (letters === undefined || letters === '') return noAttributes
  return {
    isPad: letters.includes('p'),
    isExecutable: letters.includes('x'),
    isHidden: letters.includes('h'),
    isLink: letters.includes('l'),
  }
}

/** A file's length; a link takes no room, whatever it says. Fails with metainfo-file-length. */
export function readLength(cursor: BencodeCursor | undefined, isLink: boolean): number {
  if (isLink) return 0
  const lengthBytes = cursor?.integer()
  if (lengthBytes === undefined || lengthBytes < 0) fail('metainfo-file-length', 'a file has no valid length')
  return lengthBytes
}

/** One sanitised component, '' if nothing is left of it. The node is a string. */
export function componentAt(tape: Tape, node: number): string {
  const start = tape.cells[node + 2] as number
  const end = tape.cells[node + 1] as number
  const text = keyText(tape.bytes, start, end)
  return isPlainComponent(text) ? text : sanitiseComponent(tape.bytes.subarray(start, end))
}

// Arrays that grow keep room to spare, which is much for paths of three components and half a million files.
const scratch: string[] = []

type PathCode = 'metainfo-path' | 'metainfo-symlink'

/** Components of the list at a node behind those of `base`. Fails with the code given. */
export function readPath(tape: Tape, list: number, base: readonly string[], code: PathCode): string[] {
  if ((tape.cells[list + 3] as number) >>> 2 > maxPathDepth) fail(code, `a path of over ${maxPathDepth} components`)
  const last = tape.cells[list + 2] as number
  let count = 0
  for (const component of base) scratch[count++] = component
  for (let node = list + cellsPerNode; node < last; node = nodeAfter(tape, node)) {
    if (kindAt(tape, node) !== kindString) fail(code, 'a path with a component that is not a string')
    const component = componentAt(tape, node)
    if (component !== '') scratch[count++] = component
  }
  return scratch.slice(0, count)
}

function isAscii(tape: Tape, node: number, text: string): boolean {
  const start = tape.cells[node + 2] as number
  if ((tape.cells[node + 1] as number) - start !== text.length) return false
  for (let index = 0; index < text.length; index++) {
    const byte = tape.bytes[start + index] as number
    if (byte > 0x7f || byte !== text.charCodeAt(index)) return false
  }
  return true
}

/** The string at a node as it stands, if it is a possible name; `component` is what it is sanitised to. */
export function rawComponentAt(tape: Tape, node: number, component: string): string | undefined {
  // Nearly all names: no string is made for them.
  if (component !== '' && isAscii(tape, node, component)) return component
  const text = toUtf8(tape.bytes.subarray(tape.cells[node + 2] as number, tape.cells[node + 1] as number))
  return text !== undefined && isPossibleName(text) ? text : undefined
}

/**
 * Components of the list at a node as they stand, behind `rawBase`: `path`, which is the list sanitised behind as many
 * others, if it is the same; undefined if it is no possible path.
 */
export function readRawPath(
  tape: Tape,
  list: number,
  rawBase: readonly string[],
  path: readonly string[],
): readonly string[] | undefined {
  const last = tape.cells[list + 2] as number
  let raw: string[] | undefined
  let count = rawBase.length
  for (let index = 0; index < rawBase.length && raw === undefined; index++) {
    if (rawBase[index] !== path[index]) raw = rawBase.slice()
  }
  for (let node = list + cellsPerNode; node < last; node = nodeAfter(tape, node)) {
    const component = path[count] ?? ''
    const own = rawComponentAt(tape, node, component)
    if (own === undefined) return undefined
    if (own !== component) raw ??= path.slice(0, count)
    raw?.push(own)
    count++
  }
  return raw ?? path
}

/**
 * BEP 47 `symlink path`, from the torrent's root; undefined if it is missing or nothing is left of it.
 * Fails with metainfo-symlink.
 */
export function readLinkTarget(tape: Tape, node: number): readonly string[] | undefined {
  const list = listAt(tape, node)
  if (list === undefined) return undefined
  const target = readPath(tape, list, [], 'metainfo-symlink')
  return target.length > 0 ? target : undefined
}

/** Fails with metainfo-path for a path no system could create. */
export function checkPathLength(path: readonly string[]): void {
  let units = 0
  for (const component of path) units += component.length + 1
  // A UTF-16 unit is at most three bytes, so that most paths need no closer look.
  if (units * 3 > maxPathBytes && utf8Length(path.join('/')) > maxPathBytes) {
    fail('metainfo-path', `a path of over ${maxPathBytes} bytes`)
  }
}
