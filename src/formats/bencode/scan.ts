// Bencode (BEP 3) turned into a tape of tokens in one pass, without recursion and without copying:
// four numbers a value, in document order. Everything else that reads whole documents works on the tape.
// Guarantees: never throws on any bytes; work and memory are bounded by the limits; whatever is readable
// but not canonical is remembered, so that strict callers refuse and tolerant ones (v1 torrents) go on.
import { assert } from '../../base/assert.ts'
import { emptyBytes } from '../../base/bytes.ts'
import { type ErrorCode, type Failure, failure, type Result, success } from '../../base/errors.ts'
import {
  byteColon,
  byteD,
  byteE,
  byteI,
  byteL,
  byteMinus,
  byteNine,
  byteZero,
  decimalValue,
  endOfDigits,
  hasNeedlessZero,
  isOutOfRange,
  maxDigits,
} from './token.ts'

export interface BencodeLimits {
  /** At most 2^31 - 1. */
  readonly maxBytes: number
  /** Nesting of lists and dictionaries; the outermost is 1. At most 512. */
  readonly maxDepth: number
  /** Values, dictionary keys included. At most 2^28. */
  readonly maxTokens: number
}

export const defaultLimits: BencodeLimits = { maxBytes: 10_000_000, maxDepth: 100, maxTokens: 3_000_000 }

export interface ScanOptions {
  readonly limits?: Partial<BencodeLimits>
  /** Refuse what is not canonical: leading zeros, `-0`, keys out of order or repeated. */
  readonly strict?: boolean
  /** Accept bytes after the value (BEP 9 payloads); `Tape.end` says where they begin. */
  readonly allowTrailing?: boolean
}

export const kindInteger = 0
export const kindString = 1
export const kindList = 2
export const kindDictionary = 3
export type BencodeKind = 0 | 1 | 2 | 3

/** What is readable but not canonical. */
export interface Violation {
  readonly offset: number
  readonly reason: string
}

/**
 * The tape: `cells[n]` to `cells[n + 3]` describe the value at node n.
 *   0  first byte of its raw span
 *   1  end of its raw span, exclusive
 *   2  a string: first byte of its content; a container: node after its last descendant; an integer: 0
 *   3  kind + 4 * number of children (a dictionary counts keys and values)
 * The root is node 0; the first child of a container is the next node. Cells after the root's last
 * descendant mean nothing.
 */
export interface Tape {
  readonly bytes: Uint8Array
  readonly cells: Int32Array
  /** Where the root ends in `bytes`. */
  readonly end: number
  /** The first deviation from canonical form, if any. */
  readonly violation: Violation | undefined
}

export const cellsPerNode = 4

/** Deepest nesting any limit may allow. */
export const maxNesting = 512
const initialCells = 256 * cellsPerNode
/** Larger tapes are given away with the result instead of being kept for the next scan. */
const maxKeptCells = 65_536
/** In large documents, at least; a tape grows when there are fewer. Memory that is not written to costs nothing. */
const likelyBytesPerNode = 8

/** Order of the keys at nodes `a` and `b` as bytes: negative, 0 or positive. */
function compareKeys(bytes: Uint8Array, cells: Int32Array, a: number, b: number): number {
  const startA = cells[a + 2] as number
  const startB = cells[b + 2] as number
  const lengthA = (cells[a + 1] as number) - startA
  const lengthB = (cells[b + 1] as number) - startB
  const shorter = lengthA < lengthB ? lengthA : lengthB
  for (let index = 0; index < shorter; index++) {
    const difference = (bytes[startA + index] as number) - (bytes[startB + index] as number)
    if (difference !== 0) return difference
  }
  return lengthA - lengthB
}

/**
 * Scans one document after another into the same cells: for who reads many small ones (KRPC) and is done
 * with a tape before the next. The tape of a scan is valid until the next scan of the same scanner.
 */
export class TapeScanner {
  private cells: Int32Array<ArrayBuffer> = new Int32Array(initialCells)
  private readonly parents = new Int32Array(maxNesting)
  private readonly parentKeys = new Int32Array(maxNesting)
  private bytes: Uint8Array = emptyBytes
  private maxBytes = 0
  /** Where reading stops: the end of the bytes, or the size limit if that comes first. */
  private end = 0
  private isStrict = false
  private violation: Violation | undefined
  private failure: Failure | undefined

  /** As the function `scan`, but for how long the tape is valid. */
  scan(bytes: Uint8Array, options: ScanOptions = {}): Result<Tape> {
    const { maxBytes, maxDepth, maxTokens } =
      options.limits === undefined ? defaultLimits : { ...defaultLimits, ...options.limits }
    assert(maxBytes < 2 ** 31 && maxDepth <= maxNesting && maxTokens <= 2 ** 28, 'limits within those of a tape')
    const { length } = bytes
    const mayTrail = options.allowTrailing === true
    if (length > maxBytes && !mayTrail) {
      return failure('bencode-too-large', `${length} bytes, over the limit of ${maxBytes}`)
    }
    const likelyCells = Math.min(Math.ceil(length / likelyBytesPerNode), maxTokens) * cellsPerNode
    if (likelyCells > maxKeptCells) this.cells = new Int32Array(likelyCells)
    this.bytes = bytes
    this.maxBytes = maxBytes
    this.end = length < maxBytes ? length : maxBytes
    this.isStrict = options.strict === true
    this.violation = undefined
    this.failure = undefined
    const end = this.scanValue(maxDepth, maxTokens * cellsPerNode)
    const { cells, failure: refusal } = this
    this.bytes = emptyBytes
    if (cells.length > maxKeptCells) this.cells = new Int32Array(initialCells)
    if (refusal !== undefined) return refusal
    if (end < length && !mayTrail) return failure('bencode-trailing-data', `bytes after the value at byte ${end}`)
    return success({ bytes, cells, end, violation: this.violation })
  }

  /** Where the first value ends; negative when it was refused. */
  private scanValue(maxDepth: number, maxCells: number): number {
    const { bytes, end, parents, parentKeys } = this
    let { cells } = this
    let position = 0
    let node = 0
    let depth = 0
    let container = 0
    // Fourth cell of the open container, kept here while it is open. None is open at first.
    let state: number = kindInteger
    let lastKey = -1
    do {
      if (position >= end) return this.refuseEnd('inside a value', position)
      const byte = bytes[position] as number
      if (byte === byteE) {
        if (depth === 0) return this.refuse('bencode-syntax', 'an end without a beginning', position)
        if ((state & 7) === (kindDictionary | 4)) {
          return this.refuse('bencode-syntax', 'a dictionary key without a value', position)
        }
        position++
        cells[container + 1] = position
        cells[container + 2] = node
        cells[container + 3] = state
        depth--
        container = parents[depth] as number
        lastKey = parentKeys[depth] as number
        state = cells[container + 3] as number
        continue
      }

      const isKey = (state & 7) === kindDictionary
      state += 4
      if (node >= maxCells) return this.refuse('bencode-too-many-tokens', 'more values than allowed', position)
      if (node === cells.length) cells = this.grow(maxCells)
      if (byte >= byteZero && byte <= byteNine) {
        position = this.scanString(cells, node, position)
        if (position < 0) return position
        if (isKey) {
          if (lastKey >= 0 && !this.isInOrder(cells, lastKey, node)) return -1
          lastKey = node
        }
      } else if (isKey) {
        return this.refuse('bencode-syntax', 'a dictionary key that is not a string', position)
      } else if (byte === byteI) {
        position = this.scanInteger(cells, node, position)
        if (position < 0) return position
      } else if (byte === byteL || byte === byteD) {
        if (depth >= maxDepth) return this.refuse('bencode-too-deep', `nested deeper than ${maxDepth}`, position)
        if (depth > 0) cells[container + 3] = state
        parents[depth] = container
        parentKeys[depth] = lastKey
        depth++
        container = node
        state = byte === byteL ? kindList : kindDictionary
        lastKey = -1
        cells[node] = position++
      } else {
        return this.refuse('bencode-syntax', 'a byte that begins no value', position)
      }
      node += cellsPerNode
    } while (depth > 0)
    return position
  }

  /** Writes the cells of the string at `start` and returns where it ends; negative when refused. */
  private scanString(cells: Int32Array, node: number, start: number): number {
    const { bytes, end } = this
    const colon = endOfDigits(bytes, start + 1, Math.min(end, start + maxDigits))
    if (colon >= end) return this.refuseEnd('inside a string length', colon)
    if (bytes[colon] !== byteColon) return this.refuse('bencode-syntax', 'a string length without a colon', colon)
    if (hasNeedlessZero(bytes, start, colon, false) && !this.tolerates('a string length with leading zeros', start)) {
      return -1
    }
    const content = colon + 1
    const contentLength = decimalValue(bytes, start, colon)
    if (contentLength > this.maxBytes - content) {
      return this.refuse('bencode-too-large', 'a string longer than allowed', start)
    }
    if (contentLength > end - content) return this.refuse('bencode-truncated', 'a string longer than the data', start)
    cells[node] = start
    cells[node + 1] = content + contentLength
    cells[node + 2] = content
    cells[node + 3] = kindString
    return content + contentLength
  }

  /** Writes the cells of the integer at `start` and returns where it ends; negative when refused. */
  private scanInteger(cells: Int32Array, node: number, start: number): number {
    const { bytes, end } = this
    const isNegative = bytes[start + 1] === byteMinus
    const digits = isNegative ? start + 2 : start + 1
    const position = endOfDigits(bytes, digits, Math.min(end, digits + maxDigits))
    if (position >= end) return this.refuseEnd('inside an integer', position)
    if (position === digits) return this.refuse('bencode-syntax', 'an integer without digits', position)
    if (position === digits + maxDigits) {
      return this.refuse('bencode-integer-range', 'an integer of too many digits', start)
    }
    if (bytes[position] !== byteE) {
      return this.refuse('bencode-syntax', 'an integer with a foreign character', position)
    }
    if (isOutOfRange(bytes, digits, position, isNegative)) {
      return this.refuse('bencode-integer-range', 'an integer that does not fit in 64 bits', start)
    }
    if (
      hasNeedlessZero(bytes, digits, position, isNegative) &&
      !this.tolerates('an integer with leading zeros', start)
    ) {
      return -1
    }
    cells[node] = start
    cells[node + 1] = position + 1
    cells[node + 2] = 0
    cells[node + 3] = kindInteger
    return position + 1
  }

  /** Whether the key at `node` may follow the one at `previous`. */
  private isInOrder(cells: Int32Array, previous: number, node: number): boolean {
    const order = compareKeys(this.bytes, cells, previous, node)
    if (order < 0) return true
    return this.tolerates(order === 0 ? 'a repeated key' : 'keys out of order', cells[node] as number)
  }

  /** Remembers the first violation; false, with the failure set, for strict callers. */
  private tolerates(reason: string, offset: number): boolean {
    this.violation ??= { offset, reason }
    if (this.isStrict) this.refuse('bencode-not-canonical', reason, offset)
    return !this.isStrict
  }

  private refuse(code: ErrorCode, reason: string, offset: number): -1 {
    this.failure = failure(code, `${reason} at byte ${offset}`)
    return -1
  }

  /** There is nothing left to read: the data was cut off, or reading it stopped at the size limit. */
  private refuseEnd(where: string, offset: number): -1 {
    if (this.end === this.bytes.length) return this.refuse('bencode-truncated', `the data ends ${where}`, offset)
    return this.refuse('bencode-too-large', `over the limit of ${this.maxBytes} bytes ${where}`, offset)
  }

  private grow(maxCells: number): Int32Array<ArrayBuffer> {
    const larger = new Int32Array(Math.min(this.cells.length * 2, maxCells))
    larger.set(this.cells)
    this.cells = larger
    return larger
  }
}

const sharedScanner = new TapeScanner()

/**
 * Scans one bencoded value from the start of `bytes`. The tape is the caller's and keeps `bytes` alive.
 * Errors: bencode-truncated, -syntax, -not-canonical (strict only), -integer-range, -trailing-data,
 * -too-large, -too-deep, -too-many-tokens.
 */
export function scan(bytes: Uint8Array, options: ScanOptions = {}): Result<Tape> {
  const scanned = sharedScanner.scan(bytes, options)
  if (!scanned.ok) return scanned
  const { cells, end, violation } = scanned.value
  const isKept = cells.length <= maxKeptCells
  return success({ bytes, cells: isKept ? cells.slice(0, nodesEnd(cells)) : cells, end, violation })
}

/** The node after the last of the tape. */
export function nodesEnd(cells: Int32Array): number {
  return ((cells[3] as number) & 3) >= kindList ? (cells[2] as number) : cellsPerNode
}
