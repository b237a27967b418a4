// Reading a scanned document in place: a cursor is one value of it. Nothing is copied or decoded before it
// is asked for, so a parser touches only what it needs. Accessors answer undefined when the value has
// another type; what that means is for the caller to say.

import { assert } from '../../base/assert.ts'
import { toLatin1, toUtf8 } from '../../base/bytes.ts'
import { keyText } from './key-text.ts'
import { type BencodeKind, cellsPerNode, kindDictionary, kindInteger, kindList, kindString, type Tape } from './scan.ts'
import { safeInteger } from './token.ts'

function contentEquals(bytes: Uint8Array, start: number, end: number, key: string): boolean {
  if (end - start !== key.length) return false
  for (let index = 0; index < key.length; index++) {
    if (bytes[start + index] !== key.charCodeAt(index)) return false
  }
  return true
}

const maxShortText = 24

/** Whether text is short and the same in UTF-8 and latin1, so that it need not be decoded. */
function isShortAscii(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > maxShortText) return false
  let seen = 0
  for (let index = start; index < end; index++) seen |= bytes[index] as number
  return seen < 0x80
}

export class BencodeCursor {
  readonly tape: Tape
  /** Index into the tape's cells. */
  readonly node: number

  constructor(tape: Tape, node = 0) {
    assert(node >= 0 && node < tape.cells.length, 'a node of the tape')
    this.tape = tape
    this.node = node
  }

  get kind(): BencodeKind {
    return ((this.tape.cells[this.node + 3] as number) & 3) as BencodeKind
  }

  /** First byte of the raw span, in the scanned bytes. */
  get start(): number {
    return this.tape.cells[this.node] as number
  }

  /** End of the raw span, exclusive. */
  get end(): number {
    return this.tape.cells[this.node + 1] as number
  }

  /** The value as it stands in the source, a view: what info hashes and signatures are taken over. */
  raw(): Uint8Array {
    return this.tape.bytes.subarray(this.start, this.end)
  }

  /** The content of a string, a view. */
  bytes(): Uint8Array | undefined {
    if (this.kind !== kindString) return undefined
    return this.tape.bytes.subarray(this.tape.cells[this.node + 2] as number, this.end)
  }

  /** The content of a string that is well-formed UTF-8. */
  text(): string | undefined {
    if (this.kind !== kindString) return undefined
    const { bytes, cells } = this.tape
    const start = cells[this.node + 2] as number
    const end = cells[this.node + 1] as number
    if (isShortAscii(bytes, start, end)) return keyText(bytes, start, end)
    return toUtf8(bytes.subarray(start, end))
  }

  /** The content of a string, one character per byte. */
  latin1(): string | undefined {
    if (this.kind !== kindString) return undefined
    return keyText(this.tape.bytes, this.tape.cells[this.node + 2] as number, this.end)
  }

  /** The length of a string's content in bytes. */
  get byteLength(): number {
    return this.kind === kindString ? this.end - (this.tape.cells[this.node + 2] as number) : 0
  }

  /** An integer that a number holds exactly. */
  integer(): number | undefined {
    if (this.kind !== kindInteger) return undefined
    return safeInteger(this.tape.bytes, this.start + 1, this.end - 1)
  }

  /** Any integer; the scanner has bounded it to 64 bits. */
  bigint(): bigint | undefined {
    if (this.kind !== kindInteger) return undefined
    return BigInt(toLatin1(this.tape.bytes, this.start + 1, this.end - 1))
  }

  /** Number of children: elements of a list, entries of a dictionary, else 0. */
  get size(): number {
    const children = (this.tape.cells[this.node + 3] as number) >>> 2
    return this.kind === kindDictionary ? children / 2 : children
  }

  /** The value under an ASCII key; the first one where keys repeat. */
  get(key: string): BencodeCursor | undefined {
    if (this.kind !== kindDictionary) return undefined
    const { bytes, cells } = this.tape
    const last = cells[this.node + 2] as number
    let node = this.node + cellsPerNode
    while (node < last) {
      const value = node + cellsPerNode
      if (contentEquals(bytes, cells[node + 2] as number, cells[node + 1] as number, key)) {
        return new BencodeCursor(this.tape, value)
      }
      node = this.after(value)
    }
    return undefined
  }

  /** Elements of a list in order; nothing for any other kind. */
  *elements(): Generator<BencodeCursor, void> {
    if (this.kind !== kindList) return
    const last = this.tape.cells[this.node + 2] as number
    for (let node = this.node + cellsPerNode; node < last; node = this.after(node))
      yield new BencodeCursor(this.tape, node)
  }

  /** Keys and values of a dictionary in document order; nothing for any other kind. */
  *entries(): Generator<readonly [key: BencodeCursor, value: BencodeCursor], void> {
    if (this.kind !== kindDictionary) return
    const last = this.tape.cells[this.node + 2] as number
    let node = this.node + cellsPerNode
    while (node < last) {
      const value = node + cellsPerNode
      yield [new BencodeCursor(this.tape, node), new BencodeCursor(this.tape, value)]
      node = this.after(value)
    }
  }

  private after(node: number): number {
    const { cells } = this.tape
    const kind = (cells[node + 3] as number) & 3
    return kind >= kindList ? (cells[node + 2] as number) : node + cellsPerNode
  }
}
