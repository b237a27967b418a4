// Bencode (BEP 3) that arrives in chunks: events as soon as their bytes are there, long strings in fragments
// instead of whole. For documents too large to hold, and for replies cut off at the first wrong byte.
// Guarantees: the same document, the same verdict and the same error code as `scan`, however it is cut up;
// never throws on any bytes; memory is bounded by the limits, not by the document. State: one object each.
import { assert } from '../../base/assert.ts'
import { compareBytes, emptyBytes } from '../../base/bytes.ts'
import { type ErrorCode, type Failure, failure, type Result, success } from '../../base/errors.ts'
import { type BencodeLimits, defaultLimits, maxNesting, type Violation } from './scan.ts'
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
  hasNeedlessZero,
  integerValue,
  isOutOfRange,
  maxDigits,
} from './token.ts'

export interface StreamLimits extends BencodeLimits {
  readonly maxKeyBytes: number
  /** Longer strings come in fragments. */
  readonly maxWholeStringBytes: number
}

const defaultStreamLimits: StreamLimits = { ...defaultLimits, maxKeyBytes: 4_096, maxWholeStringBytes: 16_384 }

export interface StreamOptions {
  readonly limits?: Partial<StreamLimits>
  /** Refuse what is not canonical, as `scan` does. */
  readonly strict?: boolean
  /** Bytes after the value are left alone instead of refused. */
  readonly allowTrailing?: boolean
}

/** Receives a document in order. Views are valid until the method returns: copy what is to be kept. */
export interface BencodeSink {
  beginDictionary(): void
  beginList(): void
  /** The innermost open list or dictionary is complete. */
  end(): void
  key(content: Uint8Array): void
  integer(value: number | bigint): void
  /** A whole string of at most `maxWholeStringBytes`. */
  string(content: Uint8Array): void
  /** A longer string: its fragments follow, `lengthBytes` in all. */
  beginString(lengthBytes: number): void
  fragment(content: Uint8Array): void
  endString(): void
}

/** What the next byte belongs to. */
type Place = 'value' | 'integer' | 'length' | 'string' | 'fragments' | 'done'

const inList = 0
const inDictionaryBeforeKey = 1
const inDictionaryBeforeValue = 2

export class BencodeStream {
  private readonly sink: BencodeSink
  private readonly limits: StreamLimits
  private readonly isStrict: boolean
  private readonly mayTrail: boolean
  private place: Place = 'value'
  private failure: Failure | undefined
  private firstViolation: Violation | undefined
  /** Bytes of earlier chunks. */
  private consumedBytes = 0
  private tokens = 0
  private depth = 0
  private readonly containers = new Uint8Array(maxNesting)
  private readonly previousKeys: (Uint8Array | undefined)[] = []
  /** Where the value that is being read begins in the document. */
  private valueOffset = 0
  /** Digits and sign of an integer or a string's length so far. */
  private readonly digits = new Uint8Array(maxDigits + 1)
  private digitsLength = 0
  /** A whole string that straddles chunks, as far as it has arrived. */
  private partial: Uint8Array = emptyBytes
  private partialLength = 0
  private remainingBytes = 0

  constructor(sink: BencodeSink, options: StreamOptions = {}) {
    this.sink = sink
    this.limits = { ...defaultStreamLimits, ...options.limits }
    this.isStrict = options.strict === true
    this.mayTrail = options.allowTrailing === true
    assert(this.limits.maxDepth <= maxNesting, 'a depth within the deepest nesting')
  }

  /** Whether the value has ended. */
  get isComplete(): boolean {
    return this.place === 'done'
  }

  /** The first deviation from canonical form so far. */
  get violation(): Violation | undefined {
    return this.firstViolation
  }

  /**
   * Takes the next bytes of the document; how many of them belong to it: all, until it ends.
   * A failure is final. Errors: those of `scan`; bencode-too-large for long keys too.
   */
  push(chunk: Uint8Array): Result<number> {
    if (this.failure !== undefined) return this.failure
    const end = Math.min(chunk.length, this.limits.maxBytes - this.consumedBytes)
    let position = 0
    while (position < end && this.place !== 'done') {
      position = this.take(chunk, position, end)
      if (this.failure !== undefined) return this.failure
    }
    if (position < chunk.length && this.place !== 'done') {
      return this.refuse('bencode-too-large', `over the limit of ${this.limits.maxBytes} bytes`, position)
    }
    if (position < chunk.length && !this.mayTrail) {
      return this.refuse('bencode-trailing-data', 'bytes after the value', position)
    }
    this.consumedBytes += position
    return success(position)
  }

  /** There are no more bytes: the length of the document, or bencode-truncated if it has not ended. */
  finish(): Result<number> {
    if (this.failure !== undefined) return this.failure
    if (this.place === 'done') return success(this.consumedBytes)
    return this.refuse('bencode-truncated', 'the data ends inside a value', 0)
  }

  /** Takes at least one byte at `position`; where it stopped. */
  private take(chunk: Uint8Array, position: number, end: number): number {
    switch (this.place) {
      case 'integer':
        return this.takeInteger(chunk, position)
      case 'length':
        return this.takeLength(chunk, position)
      case 'string':
        return this.takeString(chunk, position, end)
      case 'fragments':
        return this.takeFragment(chunk, position, end)
      default:
        return this.takeValue(chunk[position] as number, position)
    }
  }

  /** The first byte of a value, or the end of a list or dictionary. */
  private takeValue(byte: number, position: number): number {
    if (byte === byteE) return this.closeContainer(position)
    if (this.tokens++ >= this.limits.maxTokens) {
      this.refuse('bencode-too-many-tokens', 'more values than allowed', position)
      return position
    }
    this.valueOffset = this.consumedBytes + position
    this.digitsLength = 0
    if (byte >= byteZero && byte <= byteNine) {
      this.digits[this.digitsLength++] = byte
      this.place = 'length'
    } else if (this.isAtKey()) {
      this.refuse('bencode-syntax', 'a dictionary key that is not a string', position)
    } else if (byte === byteI) {
      this.place = 'integer'
    } else if (byte === byteL || byte === byteD) {
      this.openContainer(byte, position)
    } else {
      this.refuse('bencode-syntax', 'a byte that begins no value', position)
    }
    return position + 1
  }

  private openContainer(byte: number, position: number): void {
    if (this.depth >= this.limits.maxDepth) {
      this.refuse('bencode-too-deep', `nested deeper than ${this.limits.maxDepth}`, position)
      return
    }
    this.containers[this.depth] = byte === byteL ? inList : inDictionaryBeforeKey
    this.previousKeys[this.depth] = undefined
    this.depth++
    if (byte === byteL) this.sink.beginList()
    else this.sink.beginDictionary()
  }

  private closeContainer(position: number): number {
    if (this.depth === 0) {
      this.refuse('bencode-syntax', 'an end without a beginning', position)
    } else if (this.containers[this.depth - 1] === inDictionaryBeforeValue) {
      this.refuse('bencode-syntax', 'a dictionary key without a value', position)
    } else {
      this.depth--
      this.sink.end()
      this.valueEnded()
    }
    return position + 1
  }

  private isAtKey(): boolean {
    return this.depth > 0 && this.containers[this.depth - 1] === inDictionaryBeforeKey
  }

  /** What follows a value: the next key, element or end; or nothing, after the root. */
  private valueEnded(): void {
    this.place = this.depth === 0 ? 'done' : 'value'
    const innermost = this.depth - 1
    if (this.containers[innermost] === inDictionaryBeforeValue) this.containers[innermost] = inDictionaryBeforeKey
  }

  private takeInteger(chunk: Uint8Array, position: number): number {
    const { digits } = this
    const byte = chunk[position] as number
    if (byte === byteMinus && this.digitsLength === 0) {
      digits[this.digitsLength++] = byte
      return position + 1
    }
    const isNegative = this.digitsLength > 0 && digits[0] === byteMinus
    const first = isNegative ? 1 : 0
    const length = this.digitsLength
    if (length === first + maxDigits) {
      this.refuseValue('bencode-integer-range', 'an integer of too many digits')
    } else if (byte >= byteZero && byte <= byteNine) {
      digits[this.digitsLength++] = byte
    } else if (length === first) {
      this.refuse('bencode-syntax', 'an integer without digits', position)
    } else if (byte !== byteE) {
      this.refuse('bencode-syntax', 'an integer with a foreign character', position)
    } else if (isOutOfRange(digits, first, length, isNegative)) {
      this.refuseValue('bencode-integer-range', 'an integer that does not fit in 64 bits')
    } else if (
      !hasNeedlessZero(digits, first, length, isNegative) ||
      this.tolerates('an integer with leading zeros', this.valueOffset)
    ) {
      this.sink.integer(integerValue(digits, 0, length))
      this.valueEnded()
    }
    return position + 1
  }

  private takeLength(chunk: Uint8Array, position: number): number {
    const { digits, digitsLength } = this
    const byte = chunk[position] as number
    if (byte >= byteZero && byte <= byteNine && digitsLength < maxDigits) {
      digits[this.digitsLength++] = byte
    } else if (byte !== byteColon) {
      this.refuse('bencode-syntax', 'a string length without a colon', position)
    } else if (
      !hasNeedlessZero(digits, 0, digitsLength, false) ||
      this.tolerates('a string length with leading zeros', this.valueOffset)
    ) {
      this.beginContent(decimalValue(digits, 0, digitsLength), this.consumedBytes + position + 1)
    }
    return position + 1
  }

  /** The string of `length` bytes that begins at `offset` of the document. */
  private beginContent(length: number, offset: number): void {
    const { maxBytes, maxKeyBytes, maxWholeStringBytes } = this.limits
    const isKey = this.isAtKey()
    if (length > maxBytes - offset || (isKey && length > maxKeyBytes)) {
      this.refuseValue('bencode-too-large', isKey ? 'a key longer than allowed' : 'a string longer than allowed')
    } else if (length === 0) {
      this.stringEnded(emptyBytes)
    } else {
      this.remainingBytes = length
      this.partialLength = 0
      const isWhole = isKey || length <= maxWholeStringBytes
      this.place = isWhole ? 'string' : 'fragments'
      if (!isWhole) this.sink.beginString(length)
    }
  }

  private takeString(chunk: Uint8Array, position: number, end: number): number {
    const { remainingBytes, partialLength } = this
    const stop = Math.min(end, position + remainingBytes)
    const piece = chunk.subarray(position, stop)
    if (piece.length === remainingBytes && partialLength === 0) {
      this.stringEnded(piece)
      return stop
    }
    const length = partialLength + remainingBytes
    // Large enough from the first piece of a string on.
    if (this.partial.length < length) this.partial = new Uint8Array(length)
    this.partial.set(piece, partialLength)
    this.partialLength += piece.length
    this.remainingBytes -= piece.length
    if (this.remainingBytes === 0) this.stringEnded(this.partial.subarray(0, length))
    return stop
  }

  private takeFragment(chunk: Uint8Array, position: number, end: number): number {
    const stop = Math.min(end, position + this.remainingBytes)
    this.remainingBytes -= stop - position
    this.sink.fragment(chunk.subarray(position, stop))
    if (this.remainingBytes === 0) {
      this.sink.endString()
      this.valueEnded()
    }
    return stop
  }

  private stringEnded(content: Uint8Array): void {
    if (!this.isAtKey()) {
      this.sink.string(content)
      this.valueEnded()
      return
    }
    const innermost = this.depth - 1
    const previous = this.previousKeys[innermost]
    const order = previous === undefined ? -1 : compareBytes(previous, content)
    if (order >= 0 && !this.tolerates(order === 0 ? 'a repeated key' : 'keys out of order', this.valueOffset)) return
    this.previousKeys[innermost] = content.slice()
    this.containers[innermost] = inDictionaryBeforeValue
    this.place = 'value'
    this.sink.key(content)
  }

  /** Remembers the first violation; false, with the failure set, for strict callers. */
  private tolerates(reason: string, offset: number): boolean {
    this.firstViolation ??= { offset, reason }
    if (this.isStrict) this.refuseValue('bencode-not-canonical', reason)
    return !this.isStrict
  }

  private refuseValue(code: ErrorCode, reason: string): Failure {
    return this.refuse(code, reason, this.valueOffset - this.consumedBytes)
  }

  /** Ends the stream; `position` is in the current chunk. */
  private refuse(code: ErrorCode, reason: string, position: number): Failure {
    this.failure = failure(code, `${reason} at byte ${this.consumedBytes + position}`)
    return this.failure
  }
}
