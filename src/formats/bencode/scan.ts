// Bencode (BEP 3) turned into a tape of tokens in one pass, without recursion and without copying:
// four numbers a value, in document order. Everything else that reads bencode works on the tape.
// Guarantees: never throws on any bytes; work and memory are bounded by the limits; whatever is readable
// but not canonical is remembered, so that strict callers refuse and tolerant ones (v1 torrents) go on.
import { type ErrorCode, type Failure, failure, type Result, success } from '../../base/errors.ts'

export interface BencodeLimits {
  readonly maxBytes: number
  /** Nesting of lists and dictionaries; the outermost is 1. */
  readonly maxDepth: number
  /** Values, dictionary keys included. */
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

/**
 * The tape: `cells[n]` to `cells[n + 3]` describe the value at node n.
 *   0  first byte of its raw span
 *   1  end of its raw span, exclusive
 *   2  a string: first byte of its content; a container: node after its last descendant; an integer: 0
 *   3  kind + 4 * number of children (a dictionary counts keys and values)
 * The root is node 0; the first child of a container is the next node.
 */
export interface Tape {
  readonly bytes: Uint8Array
  readonly cells: Int32Array
  /** Where the root ends in `bytes`. */
  readonly end: number
  /** The first deviation from canonical form, if any. */
  readonly violation: { readonly offset: number; readonly reason: string } | undefined
}

export const cellsPerNode = 4

const maxStackDepth = 512
// One scan runs at a time per thread, so the stacks are shared by all.
const containerStack = new Int32Array(maxStackDepth)
const previousKeyStack = new Int32Array(maxStackDepth)
let spareCells = new Int32Array(256 * cellsPerNode)
const maxSpareCells = 65_536

function grown(cells: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(cells.length * 2)
  larger.set(cells)
  return larger
}

/** Whether the key at node `a` sorts before the key at node `b`: -1, 0 or 1. */
function compareKeys(bytes: Uint8Array, cells: Int32Array, a: number, b: number): number {
  let left = cells[a + 2] as number
  let right = cells[b + 2] as number
  const leftEnd = cells[a + 1] as number
  const rightEnd = cells[b + 1] as number
  while (left < leftEnd && right < rightEnd) {
    const difference = (bytes[left++] as number) - (bytes[right++] as number)
    if (difference !== 0) return difference < 0 ? -1 : 1
  }
  return left < leftEnd ? 1 : right < rightEnd ? -1 : 0
}

const maxInt64Digits = '9223372036854775808'
const maxUint64Digits = '18446744073709551615'

/** Whether an integer of at least 19 digits is outside -2^63 .. 2^64-1. */
function isOutOfRange(bytes: Uint8Array, start: number, end: number, isNegative: boolean): boolean {
  const limit = isNegative ? maxInt64Digits : maxUint64Digits
  const length = end - start
  if (length !== limit.length) return length > limit.length
  for (let index = 0; index < length; index++) {
    const difference = (bytes[start + index] as number) - limit.charCodeAt(index)
    if (difference !== 0) return difference > 0
  }
  return false
}

function refused(code: ErrorCode, reason: string, offset: number): Failure {
  return failure(code, `${reason} at byte ${offset}`)
}

const byteZero = 0x30
const byteNine = 0x39
const byteColon = 0x3a
const byteMinus = 0x2d
const byteD = 0x64
const byteE = 0x65
const byteI = 0x69
const byteL = 0x6c
/** Longest run of digits looked at; more than any 64-bit value needs, zeros in front included. */
const maxDigits = 40

/**
 * Scans one bencoded value from the start of `bytes`.
 * Errors: bencode-truncated, -syntax, -not-canonical (strict only), -integer-range, -trailing-data,
 * -too-large, -too-deep, -too-many-tokens.
 */
export function scan(bytes: Uint8Array, options: ScanOptions = {}): Result<Tape> {
  const maxBytes = options.limits?.maxBytes ?? defaultLimits.maxBytes
  const maxDepth = Math.min(options.limits?.maxDepth ?? defaultLimits.maxDepth, maxStackDepth)
  const maxCells = (options.limits?.maxTokens ?? defaultLimits.maxTokens) * cellsPerNode
  const { length } = bytes
  if (length > maxBytes && options.allowTrailing !== true) {
    return failure('bencode-too-large', `${length} bytes, over the limit of ${maxBytes}`)
  }
  const end = Math.min(length, maxBytes)
  let cells = spareCells
  let violation: Tape['violation']
  let position = 0
  let node = 0
  let depth = 0

  do {
    if (position >= end) return refused('bencode-truncated', 'the data ends inside a value', position)
    const start = position
    const byte = bytes[position] as number

    if (byte === byteE) {
      if (depth === 0) return refused('bencode-syntax', 'an end without a beginning', position)
      const container = containerStack[--depth] as number
      if (((cells[container + 3] as number) & 7) === (kindDictionary | 4)) {
        return refused('bencode-syntax', 'a dictionary key without a value', position)
      }
      position++
      cells[container + 1] = position
      cells[container + 2] = node
      continue
    }

    let isKey = false
    if (depth > 0) {
      const container = containerStack[depth - 1] as number
      const state = cells[container + 3] as number
      isKey = (state & 7) === kindDictionary
      cells[container + 3] = state + 4
    }
    if (node >= maxCells) return refused('bencode-too-many-tokens', 'more values than allowed', position)
    if (node + cellsPerNode > cells.length) cells = grown(cells)

    if (byte >= byteZero && byte <= byteNine) {
      let contentLength = byte - byteZero
      position++
      const limit = Math.min(end, start + maxDigits)
      while (position < limit) {
        const digit = (bytes[position] as number) - byteZero
        if (digit < 0 || digit > 9) break
        contentLength = contentLength * 10 + digit
        position++
      }
      if (position >= end) return refused('bencode-truncated', 'the data ends inside a string length', position)
      if (bytes[position] !== byteColon) return refused('bencode-syntax', 'a string length without a colon', position)
      if (byte === byteZero && position > start + 1)
        violation ??= { offset: start, reason: 'a string length with leading zeros' }
      position++
      if (contentLength > end - position) return refused('bencode-truncated', 'a string longer than the data', start)
      cells[node] = start
      cells[node + 2] = position
      position += contentLength
      cells[node + 1] = position
      cells[node + 3] = kindString
      if (isKey) {
        const previous = previousKeyStack[depth - 1] as number
        if (violation === undefined && previous !== -1) {
          const order = compareKeys(bytes, cells, previous, node)
          if (order >= 0) violation = { offset: start, reason: order === 0 ? 'a repeated key' : 'keys out of order' }
        }
        previousKeyStack[depth - 1] = node
      }
      node += cellsPerNode
      continue
    }

    if (isKey) return refused('bencode-syntax', 'a dictionary key that is not a string', position)

    if (byte === byteI) {
      position++
      const isNegative = bytes[position] === byteMinus
      if (isNegative) position++
      const digits = position
      const limit = Math.min(end, digits + maxDigits)
      let firstSignificant = -1
      while (position < limit) {
        const digit = bytes[position] as number
        if (digit < byteZero || digit > byteNine) break
        if (digit !== byteZero && firstSignificant === -1) firstSignificant = position
        position++
      }
      if (position >= end) return refused('bencode-truncated', 'the data ends inside an integer', position)
      if (position === digits) return refused('bencode-syntax', 'an integer without digits', position)
      if (bytes[position] !== byteE) {
        return position === limit
          ? refused('bencode-integer-range', 'an integer of too many digits', start)
          : refused('bencode-syntax', 'an integer with a foreign character', position)
      }
      if (firstSignificant === -1 ? isNegative || position > digits + 1 : firstSignificant > digits) {
        violation ??= { offset: start, reason: 'an integer with leading zeros' }
      }
      if (
        firstSignificant !== -1 &&
        position - firstSignificant >= 19 &&
        isOutOfRange(bytes, firstSignificant, position, isNegative)
      ) {
        return refused('bencode-integer-range', 'an integer that does not fit in 64 bits', start)
      }
      position++
      cells[node] = start
      cells[node + 1] = position
      cells[node + 2] = 0
      cells[node + 3] = kindInteger
      node += cellsPerNode
      continue
    }

    if (byte !== byteL && byte !== byteD) return refused('bencode-syntax', 'a byte that begins no value', position)
    if (depth >= maxDepth) return refused('bencode-too-deep', `nested deeper than ${maxDepth}`, position)
    cells[node] = start
    cells[node + 3] = byte === byteL ? kindList : kindDictionary
    containerStack[depth] = node
    previousKeyStack[depth] = -1
    depth++
    node += cellsPerNode
    position++
  } while (depth > 0)

  if (position < length && options.allowTrailing !== true) {
    return refused('bencode-trailing-data', 'bytes after the value', position)
  }
  if (violation !== undefined && options.strict === true) {
    return refused('bencode-not-canonical', violation.reason, violation.offset)
  }
  if (cells.length <= maxSpareCells) spareCells = cells
  return success({ bytes, cells: cells.slice(0, node), end: position, violation })
}
