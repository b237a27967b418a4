// Memory for runs of records of one length, in large pieces: a buddy allocator with its lists inside the free blocks.
// Guarantees: a run lies within one piece, in a power of two of records; neighbours that are free become one again; never
// more than `maxRecords`, and memory is taken as it is needed. Owns the bytes; what records hold is for others to say.
import { assert } from '../base/assert.ts'

/** 2^16 records a piece, which is the longest run too. */
const pieceBits = 16
const pieceRecords = 2 ** pieceBits
const pieceMask = pieceRecords - 1
/** In word 0 of the first record of a free block, where others have the number of their swarm. */
const freeMark = 0xffff_ffff
export const longestRun = pieceRecords

export class RecordBlocks {
  /** Bytes of a record. */
  readonly recordLength: number
  private readonly recordWords: number
  private readonly maxRecords: number
  private readonly pieces: Uint8Array[] = []
  private readonly words: Uint32Array[] = []
  /** By power: the first free block plus one, 0: none. */
  private readonly heads = new Uint32Array(pieceBits + 1)
  private taken = 0

  /** `recordLength`: a multiple of 4, at least 16. */
  constructor(recordLength: number, maxRecords: number) {
    assert(recordLength % 4 === 0 && recordLength >= 16, 'whole words, room for the lists')
    this.recordLength = recordLength
    this.recordWords = recordLength / 4
    this.maxRecords = maxRecords
  }

  /** What the pieces take. */
  get byteLength(): number {
    return this.pieces.length * pieceRecords * this.recordLength
  }

  /** The bytes that have `record`, at `offsetOf(record)`. */
  bytesOf(record: number): Uint8Array {
    return this.pieces[record >>> pieceBits] as Uint8Array
  }

  offsetOf(record: number): number {
    return (record & pieceMask) * this.recordLength
  }

  wordOf(record: number, word: number): number {
    return (this.words[record >>> pieceBits] as Uint32Array)[(record & pieceMask) * this.recordWords + word] as number
  }

  /** Word 0 of a record in use must not be 2^32 - 1. */
  setWord(record: number, word: number, value: number): void {
    ;(this.words[record >>> pieceBits] as Uint32Array)[(record & pieceMask) * this.recordWords + word] = value
  }

  copy(from: number, to: number, count: number): void {
    const start = this.offsetOf(from)
    const end = start + count * this.recordLength
    if (from >>> pieceBits === to >>> pieceBits) this.bytesOf(from).copyWithin(this.offsetOf(to), start, end)
    else this.bytesOf(to).set(this.bytesOf(from).subarray(start, end), this.offsetOf(to))
  }

  /** The first of 2^power records, to be filled at once; -1: there is no room. */
  allocate(power: number): number {
    for (let found = power; found <= pieceBits; found++) {
      const head = this.heads[found] as number
      if (head === 0) continue
      this.unlink(head - 1, found)
      this.giveBack(head - 1, found, power)
      return head - 1
    }
    if (this.taken + pieceRecords > this.maxRecords) return -1
    const start = this.taken
    const piece = new Uint8Array(pieceRecords * this.recordLength)
    this.pieces.push(piece)
    this.words.push(new Uint32Array(piece.buffer))
    this.taken += pieceRecords
    this.giveBack(start, pieceBits, power)
    return start
  }

  /** `record` and `power` as they were allocated. */
  free(record: number, power: number): void {
    let start = record
    let size = power
    while (size < pieceBits) {
      const buddy = (start ^ (1 << size)) >>> 0
      // The first record of a block in use is in use itself, so the mark cannot be a leftover.
      if (this.wordOf(buddy, 0) !== freeMark || this.wordOf(buddy, 1) !== size) break
      this.unlink(buddy, size)
      start = Math.min(start, buddy)
      size++
    }
    this.link(start, size)
  }

  /** Halves a block until it has 2^to records, keeping the first half. */
  private giveBack(start: number, from: number, to: number): void {
    // No leftover mark until the caller fills it.
    this.setWord(start, 0, 0)
    for (let power = from - 1; power >= to; power--) this.link(start + 2 ** power, power)
  }

  private link(start: number, power: number): void {
    const head = this.heads[power] as number
    this.setWord(start, 0, freeMark)
    this.setWord(start, 1, power)
    this.setWord(start, 2, head)
    this.setWord(start, 3, 0)
    if (head !== 0) this.setWord(head - 1, 3, start + 1)
    this.heads[power] = start + 1
  }

  private unlink(start: number, power: number): void {
    const next = this.wordOf(start, 2)
    const previous = this.wordOf(start, 3)
    if (next !== 0) this.setWord(next - 1, 3, previous)
    if (previous === 0) this.heads[power] = next
    else this.setWord(previous - 1, 2, next)
    this.setWord(start, 0, 0)
  }
}
