// Plain values to canonical bencode (BEP 3): keys sorted as bytes, one form for every value.
// Guarantees: no recursion; one pass into blocks, of which one is kept between calls, and one copy out of them;
// only bytes written by this call are handed out. Asserts what is no value: fractions, integers over 64 bits,
// keys that are not bytes, nesting a scanner would refuse (cycles too).
import { assert } from '../../base/assert.ts'
import { concatBytes, emptyBytes, utf8Length, writeUtf8 } from '../../base/bytes.ts'
import { maxNesting } from './scan.ts'
import { byteColon, byteD, byteE, byteI, byteL, byteMinus, byteZero } from './token.ts'

/** Bencoded bytes to be placed as they are, an info dictionary for one. */
export class RawBencode {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/**
 * A value to encode. Text becomes UTF-8, lone surrogates U+FFFD; -0 is 0. Dictionaries: a Map keyed by
 * latin1 text (one character a byte, for binary keys) or an object with ASCII keys; entries that are
 * undefined are left out.
 */
export type BencodeInput =
  | number
  | bigint
  | string
  | Uint8Array
  | RawBencode
  | readonly BencodeInput[]
  | ReadonlyMap<string, BencodeInput>
  | { readonly [key: string]: BencodeInput | undefined }

/** A list or dictionary that is being written. There is one frame a level, used again for the next at its level. */
interface Frame {
  readonly parent: Frame | undefined
  readonly depth: number
  child: Frame | undefined
  list: readonly BencodeInput[] | undefined
  map: ReadonlyMap<string, BencodeInput> | undefined
  object: Readonly<Record<string, BencodeInput | undefined>> | undefined
  /** Keys in order; empty for a list. */
  keys: readonly string[]
  /** Entries begun. */
  next: number
}

const noKeys: readonly string[] = []
const maxInsertionSorted = 16

/** Sorts by code units, which for latin1 text is the order of its bytes. Most dictionaries are small. */
function sortKeys(keys: string[]): string[] {
  if (keys.length > maxInsertionSorted) return keys.sort()
  for (let index = 1; index < keys.length; index++) {
    const key = keys[index] as string
    let place = index
    while (place > 0 && (keys[place - 1] as string) > key) {
      keys[place] = keys[place - 1] as string
      place--
    }
    keys[place] = key
  }
  return keys
}

function decimalLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) length++
  return length
}

const initialBytes = 16_384
const maxBlockBytes = 1_048_576

class Writer {
  /** The block that is being filled. */
  bytes: Uint8Array
  position: number
  private readonly mayGrow: boolean
  /** Blocks filled before, in order, and their length in all. */
  private readonly filled: Uint8Array[] = []
  private filledBytes = 0

  constructor(bytes: Uint8Array, position: number, mayGrow: boolean) {
    this.bytes = bytes
    this.position = position
    this.mayGrow = mayGrow
  }

  /** Makes room for `count` more bytes in one block. What was written before may then be out of reach. */
  reserve(count: number): void {
    if (this.position + count <= this.bytes.length) return
    assert(this.mayGrow, 'a target with room for the value')
    this.filled.push(this.bytes.subarray(0, this.position))
    this.filledBytes += this.position
    this.bytes = new Uint8Array(Math.max(count, Math.min(this.bytes.length * 4, maxBlockBytes)))
    this.position = 0
  }

  /** All that was written, as one fresh array. */
  joined(): Uint8Array {
    if (this.filledBytes === 0) return this.bytes.slice(0, this.position)
    return concatBytes([...this.filled, this.bytes.subarray(0, this.position)])
  }

  byte(value: number): void {
    if (this.position === this.bytes.length) this.reserve(1)
    this.bytes[this.position++] = value
  }

  /** Writes a whole number of at most 2^53 in decimal. */
  decimal(value: number): void {
    if (value < 10) {
      this.byte(byteZero + value)
      return
    }
    const length = decimalLength(value)
    this.reserve(length)
    const { bytes } = this
    let rest = value
    for (let at = this.position + length - 1; at >= this.position; at--) {
      const quotient = Math.floor(rest / 10)
      bytes[at] = byteZero + (rest - quotient * 10)
      rest = quotient
    }
    this.position += length
  }

  integer(value: number): void {
    assert(Number.isSafeInteger(value), 'an integer that a number holds exactly')
    this.byte(byteI)
    if (value < 0) this.byte(byteMinus)
    this.decimal(value < 0 ? -value : value)
    this.byte(byteE)
  }

  bigint(value: bigint): void {
    assert(value >= -(2n ** 63n) && value < 2n ** 64n, 'an integer of 64 bits')
    const digits = value.toString()
    this.reserve(digits.length + 2)
    this.byte(byteI)
    for (let index = 0; index < digits.length; index++) this.bytes[this.position++] = digits.charCodeAt(index)
    this.byte(byteE)
  }

  string(content: Uint8Array): void {
    const { length } = content
    this.decimal(length)
    this.reserve(length + 1)
    const { bytes } = this
    bytes[this.position++] = byteColon
    if (length > maxLoopedBytes) {
      bytes.set(content, this.position)
    } else {
      const { position } = this
      for (let index = 0; index < length; index++) bytes[position + index] = content[index] as number
    }
    this.position += length
  }

  raw(content: Uint8Array): void {
    this.reserve(content.length)
    this.bytes.set(content, this.position)
    this.position += content.length
  }

  /** Text below `limit` only (0x80: ASCII, 0x100: latin1), a byte a character; false, unwritten, for other text. */
  plainText(text: string, limit: number): boolean {
    const { length } = text
    // At once, so that the length can be taken back.
    this.reserve(decimalLength(length) + 1 + length)
    const { bytes, position } = this
    this.decimal(length)
    let at = this.position
    bytes[at++] = byteColon
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index)
      if (unit >= limit) {
        this.position = position
        return false
      }
      bytes[at++] = unit
    }
    this.position = at
    return true
  }

  text(text: string): void {
    if (text.length <= maxLoopedBytes && this.plainText(text, 0x80)) return
    const length = utf8Length(text)
    this.decimal(length)
    this.byte(byteColon)
    this.reserve(length)
    writeUtf8(this.bytes, this.position, text)
    this.position += length
  }
}

/** Longer content is copied by the runtime, shorter content is quicker in a loop. */
const maxLoopedBytes = 48

function frameBelow(parent: Frame | undefined): Frame {
  if (parent?.child !== undefined) return parent.child
  const depth = parent === undefined ? 1 : parent.depth + 1
  assert(depth <= maxNesting, `nesting of at most ${maxNesting}`)
  const frame: Frame = {
    parent,
    depth,
    child: undefined,
    list: undefined,
    map: undefined,
    object: undefined,
    keys: noKeys,
    next: 0,
  }
  if (parent !== undefined) parent.child = frame
  return frame
}

function openFrame(value: object, parent: Frame | undefined): Frame {
  const frame = frameBelow(parent)
  frame.next = 0
  if (Array.isArray(value)) {
    frame.list = value
    frame.keys = noKeys
    return frame
  }
  frame.list = undefined
  if (value instanceof Map) {
    frame.map = value
    frame.object = undefined
    frame.keys = sortKeys([...value.keys()])
  } else {
    frame.object = value as Readonly<Record<string, BencodeInput | undefined>>
    frame.keys = sortKeys(Object.keys(value))
  }
  return frame
}

/** The next value to write in `frame`, its key written; undefined at the end. */
function nextValue(frame: Frame, writer: Writer): BencodeInput | undefined {
  const { list, map, object, keys } = frame
  if (list !== undefined) {
    if (frame.next === list.length) return undefined
    const element = list[frame.next++]
    assert(element !== undefined, 'a list without gaps')
    return element
  }
  while (frame.next < keys.length) {
    const key = keys[frame.next++] as string
    const value = object === undefined ? map?.get(key) : object[key]
    if (value === undefined) continue
    const isWritten = writer.plainText(key, object === undefined ? 0x100 : 0x80)
    assert(isWritten, 'a key of single bytes')
    return value
  }
  return undefined
}

/** Writes a value that has no parts; false for a list or dictionary. */
function writeScalar(value: BencodeInput, writer: Writer): boolean {
  if (typeof value === 'string') writer.text(value)
  else if (typeof value === 'number') writer.integer(value)
  else if (value instanceof Uint8Array) writer.string(value)
  else if (typeof value === 'bigint') writer.bigint(value)
  else if (value instanceof RawBencode) writer.raw(value.bytes)
  else {
    assert(typeof value === 'object' && value !== null, 'a value that bencode can express')
    return false
  }
  return true
}

function writeValue(root: BencodeInput, writer: Writer): void {
  assert(root !== undefined, 'a value that bencode can express')
  let frame: Frame | undefined
  let value: BencodeInput | undefined = root
  do {
    if (value === undefined) {
      writer.byte(byteE)
      frame = frame?.parent
    } else if (!writeScalar(value, writer)) {
      frame = openFrame(value as object, frame)
      writer.byte(frame.list === undefined ? byteD : byteL)
    }
    if (frame !== undefined) value = nextValue(frame, writer)
  } while (frame !== undefined)
}

let spareBytes = emptyBytes

/** Canonical bencode of the value, a fresh array. */
export function encode(value: BencodeInput): Uint8Array {
  // Taken for the time of the call, so that nothing that runs within it can write to the same bytes.
  const writer = new Writer(spareBytes.length > 0 ? spareBytes : new Uint8Array(initialBytes), 0, true)
  spareBytes = emptyBytes
  writeValue(value, writer)
  const encoded = writer.joined()
  if (writer.bytes.length <= maxBlockBytes) spareBytes = writer.bytes
  return encoded
}

/** Writes canonical bencode at `offset` of a target the caller knows to be large enough; the offset after it. */
export function encodeInto(target: Uint8Array, offset: number, value: BencodeInput): number {
  const writer = new Writer(target, offset, false)
  writeValue(value, writer)
  return writer.position
}
