// The peer wire after the handshake (BEP 3, 5, 6, 10, 52), decoded as bytes arrive in chunks of any size.
// Guarantees: never throws on any bytes; no frame over the cap of its kind is buffered, and buffers grow only as
// bytes arrive; blocks are passed on in place, without copies or objects per block. Checked is structure: lengths,
// indexes against the torrent, bounds. Whether a message may come now is for the peer machine to say.
// The instance owns one connection's state; after a failure or `stop` it delivers nothing more.
import { assert } from '../../base/assert.ts'
import { readUint16, readUint32 } from '../../base/bytes.ts'
import { type ErrorCode, type Failure, failure } from '../../base/errors.ts'
import { blockLengthBytes, maxPieceCount, maxPieceLengthBytes } from '../metainfo/metainfo.ts'
import * as wire from './wire-messages.ts'

export interface WireDecoderOptions {
  /** Absent while the metadata of a magnet is still to come; see `setPieceCount`. */
  readonly pieceCount?: number
  /** The largest block taken; at most 128 KiB. */
  readonly maxBlockLength?: number
  /** The largest payload of an extended message. */
  readonly maxExtendedLength?: number
  /** The most hashes of one message, proofs included. */
  readonly maxHashes?: number
  /** The largest message of an unknown kind that is skipped. */
  readonly maxUnknownLength?: number
}

const prefixLength = 4
const idEnd = prefixLength + 1
const rootLength = 32
const hashHeaderLength = wire.hashMessageLength - prefixLength
const defaultMaxExtendedLength = 1024 * 1024
const defaultMaxUnknownLength = 64 * 1024

/** By message id: the one length that kind has, id included; 0 for kinds of variable length and unknown ones. */
const fixedLengths = new Uint8Array(256)
for (const id of [wire.chokeId, wire.unchokeId, wire.interestedId, wire.notInterestedId]) fixedLengths[id] = 1
for (const id of [wire.haveAllId, wire.haveNoneId]) fixedLengths[id] = 1
for (const id of [wire.haveId, wire.suggestId, wire.allowedFastId]) fixedLengths[id] = 5
for (const id of [wire.requestId, wire.cancelId, wire.rejectId]) fixedLengths[id] = 13
for (const id of [wire.hashRequestId, wire.hashRejectId]) fixedLengths[id] = hashHeaderLength
fixedLengths[wire.portId] = 3

/** Of the right size for the torrent; else the failure. */
export function checkBitfield(bits: Uint8Array, pieceCount: number): Failure | undefined {
  if (bits.length === Math.ceil(pieceCount / 8)) return undefined
  return failure('peer-frame-length', `a bitfield of ${bits.length} bytes for ${pieceCount} pieces`)
}

/**
 * A bitfield of the right size, its spare bits 0: the same bytes where they were, else a copy. BEP 3 wants them
 * zero, but the clients most used clear them instead of complaining, so senders that set them live on.
 */
export function withoutSpareBits(bits: Uint8Array, pieceCount: number): Uint8Array {
  const last = bits.length - 1
  const spareMask = (1 << (bits.length * 8 - pieceCount)) - 1
  if (((bits[last] as number) & spareMask) === 0) return bits
  const cleared = bits.slice()
  cleared[last] = (cleared[last] as number) & ~spareMask
  return cleared
}

export class WireDecoder {
  private readonly sink: wire.WireSink
  private readonly maxBlockLength: number
  private readonly maxExtendedLength: number
  private readonly maxHashes: number
  private readonly maxUnknownLength: number
  private readonly maxFrameLength: number
  private pieceCount: number | undefined
  private isEnded = false
  private failed: Failure | undefined
  /** Bytes of the current block, or of a frame being skipped, that are still to come. */
  private blockRemaining = 0
  private blockOffset = 0
  private skipRemaining = 0
  /** Holds frames that straddle chunks. Any frame of fixed length fits; larger ones get memory as they arrive. */
  private readonly scratch = new Uint8Array(64)
  private held: Uint8Array = this.scratch
  private heldLength = 0
  /** With how many held bytes the frame can be looked at again. */
  private neededLength = prefixLength

  constructor(sink: wire.WireSink, options: WireDecoderOptions = {}) {
    this.sink = sink
    this.maxBlockLength = options.maxBlockLength ?? blockLengthBytes
    this.maxExtendedLength = options.maxExtendedLength ?? defaultMaxExtendedLength
    this.maxHashes = options.maxHashes ?? wire.maxHashCount
    this.maxUnknownLength = options.maxUnknownLength ?? defaultMaxUnknownLength
    assert(this.maxBlockLength > 0 && this.maxBlockLength <= wire.maxRequestLength, 'a block length of 1 to 128 KiB')
    this.maxFrameLength = Math.max(
      9 + this.maxBlockLength,
      2 + this.maxExtendedLength,
      hashHeaderLength + this.maxHashes * rootLength,
      1 + this.maxUnknownLength,
      1 + maxPieceCount / 8,
    )
    if (options.pieceCount !== undefined) this.setPieceCount(options.pieceCount)
  }

  /** Tells the torrent's size when it becomes known. What came before was bounded by the most pieces of any torrent. */
  setPieceCount(pieceCount: number): void {
    assert(pieceCount > 0 && pieceCount <= maxPieceCount, 'a piece count of 1 to 2^21')
    this.pieceCount = pieceCount
  }

  /** Ends decoding, also from within the sink: nothing more is delivered, the rest of the chunk is dropped. */
  stop(): void {
    this.isEnded = true
    this.held = this.scratch
  }

  /**
   * Decodes the next bytes of the stream; what they complete goes to the sink before this returns.
   * Errors, kept and returned again by every later call: peer-frame-too-large, -length, -value.
   */
  push(chunk: Uint8Array): Failure | undefined {
    const { length } = chunk
    let position = 0
    while (position < length && !this.isEnded) {
      if (this.blockRemaining > 0) position = this.passBlock(chunk, position)
      else if (this.skipRemaining > 0) position = this.skip(length, position)
      else if (this.heldLength > 0) position = this.completeHeld(chunk, position)
      else {
        const consumed = this.readFrame(chunk, position, length - position)
        if (consumed === 0) this.hold(chunk, position, length)
        position = consumed === 0 ? length : position + consumed
      }
    }
    return this.failed
  }

  private passBlock(chunk: Uint8Array, position: number): number {
    const end = Math.min(chunk.length, position + this.blockRemaining)
    const offset = this.blockOffset
    this.blockRemaining -= end - position
    this.blockOffset = offset + end - position
    this.sink.blockFragment(offset, chunk, position, end)
    return end
  }

  private skip(length: number, position: number): number {
    const end = Math.min(length, position + this.skipRemaining)
    this.skipRemaining -= end - position
    return end
  }

  private hold(chunk: Uint8Array, start: number, end: number): void {
    const heldLength = this.heldLength + end - start
    if (heldLength > this.held.length) {
      const grown = new Uint8Array(Math.max(heldLength, Math.min(this.neededLength, 2 * this.held.length)))
      grown.set(this.held.subarray(0, this.heldLength))
      this.held = grown
    }
    this.held.set(chunk.subarray(start, end), this.heldLength)
    this.heldLength = heldLength
  }

  private completeHeld(chunk: Uint8Array, position: number): number {
    const end = Math.min(chunk.length, position + this.neededLength - this.heldLength)
    this.hold(chunk, position, end)
    if (this.heldLength === this.neededLength && this.readFrame(this.held, 0, this.heldLength) !== 0) {
      this.held = this.scratch
      this.heldLength = 0
    }
    return end
  }

  /** Reads the frame, or block header, at `offset`; how many bytes it took, 0 when `neededLength` are not there. */
  private readFrame(bytes: Uint8Array, offset: number, available: number): number {
    if (available < prefixLength) return this.need(prefixLength)
    const length = readUint32(bytes, offset)
    if (length === 0) {
      this.sink.keepAlive()
      return prefixLength
    }
    if (length > this.maxFrameLength) return this.refuseLarge(length)
    if (available < idEnd) return this.need(idEnd)
    const id = bytes[offset + prefixLength] as number
    if (id === wire.pieceId) return this.readPieceHeader(bytes, offset, length, available)
    const fixedLength = fixedLengths[id] as number
    if (fixedLength !== 0) {
      if (length !== fixedLength) return this.refuse('peer-frame-length', `message ${id} of ${length} bytes`)
    } else if (id === wire.bitfieldId || id === wire.extendedId || id === wire.hashesId) {
      if (!this.isVariableLengthRight(id, length)) return idEnd
    } else {
      if (length > 1 + this.maxUnknownLength) return this.refuseLarge(length)
      this.skipRemaining = length - 1
      this.sink.unknown(id, length - 1)
      return idEnd
    }
    if (available < prefixLength + length) return this.need(prefixLength + length)
    this.deliver(id, bytes, offset + idEnd, offset + prefixLength + length)
    return prefixLength + length
  }

  private readPieceHeader(bytes: Uint8Array, offset: number, length: number, available: number): number {
    const blockLength = length - 9
    if (blockLength > this.maxBlockLength) return this.refuseLarge(length)
    if (blockLength < 0) return this.refuse('peer-frame-length', 'a piece message without its position')
    if (available < wire.pieceHeaderLength) return this.need(wire.pieceHeaderLength)
    const piece = readUint32(bytes, offset + 5)
    const begin = readUint32(bytes, offset + 9)
    // Of an empty block the position is checked as if it were of one byte.
    if (this.isPieceRight(piece) && this.isRangeRight(begin, Math.max(1, blockLength))) {
      this.blockRemaining = blockLength
      this.blockOffset = 0
      this.sink.piece(piece, begin, blockLength)
    }
    return wire.pieceHeaderLength
  }

  private isVariableLengthRight(id: number, length: number): boolean {
    if (id === wire.extendedId) {
      if (length > 2 + this.maxExtendedLength) this.refuseLarge(length)
      else if (length < 2) this.refuse('peer-frame-length', 'an extended message without its id')
    } else if (id === wire.hashesId) {
      const hashesLength = length - hashHeaderLength
      if (hashesLength > this.maxHashes * rootLength) this.refuseLarge(length)
      else if (hashesLength < rootLength || hashesLength % rootLength !== 0) {
        this.refuse('peer-frame-length', `a hashes message of ${length} bytes`)
      }
    } else {
      const expectedLength = 1 + Math.ceil((this.pieceCount ?? maxPieceCount) / 8)
      if (length > expectedLength) this.refuseLarge(length)
      else if (length < 2 || (this.pieceCount !== undefined && length !== expectedLength)) {
        this.refuse('peer-frame-length', `a bitfield of ${length - 1} bytes, not ${expectedLength - 1}`)
      }
    }
    return !this.isEnded
  }

  /** Delivers a complete frame whose length is right; its payload is `bytes[start, end)`. */
  private deliver(id: number, bytes: Uint8Array, start: number, end: number): void {
    const { sink } = this
    switch (id) {
      case wire.chokeId:
        sink.choke()
        break
      case wire.unchokeId:
        sink.unchoke()
        break
      case wire.interestedId:
        sink.interested()
        break
      case wire.notInterestedId:
        sink.notInterested()
        break
      case wire.haveAllId:
        sink.haveAll()
        break
      case wire.haveNoneId:
        sink.haveNone()
        break
      case wire.portId:
        sink.port(readUint16(bytes, start))
        break
      case wire.extendedId:
        sink.extended(bytes[start] as number, bytes.subarray(start + 1, end))
        break
      case wire.bitfieldId:
        this.deliverBitfield(bytes.subarray(start, end))
        break
      case wire.haveId:
      case wire.suggestId:
      case wire.allowedFastId:
        this.deliverPieceMessage(id, readUint32(bytes, start))
        break
      case wire.requestId:
      case wire.cancelId:
      case wire.rejectId:
        this.deliverBlockMessage(id, bytes, start)
        break
      default:
        this.deliverHashMessage(id, bytes, start, end)
    }
  }

  private deliverBitfield(bits: Uint8Array): void {
    const { pieceCount } = this
    const wrong = pieceCount === undefined ? undefined : checkBitfield(bits, pieceCount)
    if (wrong !== undefined) this.refuse(wrong.code, wrong.detail)
    else this.sink.bitfield(pieceCount === undefined ? bits : withoutSpareBits(bits, pieceCount))
  }

  private deliverPieceMessage(id: number, piece: number): void {
    if (!this.isPieceRight(piece)) return
    if (id === wire.haveId) this.sink.have(piece)
    else if (id === wire.suggestId) this.sink.suggest(piece)
    else this.sink.allowedFast(piece)
  }

  private deliverBlockMessage(id: number, bytes: Uint8Array, start: number): void {
    const piece = readUint32(bytes, start)
    const begin = readUint32(bytes, start + 4)
    const length = readUint32(bytes, start + 8)
    if (!this.isPieceRight(piece) || !this.isRangeRight(begin, length)) return
    if (id === wire.requestId) this.sink.request(piece, begin, length)
    else if (id === wire.cancelId) this.sink.cancel(piece, begin, length)
    else this.sink.reject(piece, begin, length)
  }

  private deliverHashMessage(id: number, bytes: Uint8Array, start: number, end: number): void {
    const fields = start + rootLength
    const range: wire.HashRange = {
      piecesRoot: bytes.subarray(start, fields),
      baseLayer: readUint32(bytes, fields),
      index: readUint32(bytes, fields + 4),
      length: readUint32(bytes, fields + 8),
      proofLayers: readUint32(bytes, fields + 12),
    }
    const { baseLayer, index, length, proofLayers } = range
    const isRight =
      length > 0 &&
      length <= wire.maxHashCount &&
      index + length <= 2 ** 32 &&
      baseLayer + proofLayers <= wire.maxHashLayers
    if (!isRight) {
      this.refuse('peer-frame-value', `${length} hashes from ${index}, layers ${baseLayer} and ${proofLayers}`)
    } else if (id === wire.hashRequestId) this.sink.hashRequest(range)
    else if (id === wire.hashRejectId) this.sink.hashReject(range)
    else if (end - fields - 16 > (length + proofLayers) * rootLength) {
      this.refuse('peer-frame-value', 'more hashes than the message says')
    } else this.sink.hashes(range, bytes.subarray(fields + 16, end))
  }

  private isPieceRight(piece: number): boolean {
    if (piece < (this.pieceCount ?? maxPieceCount)) return true
    this.refuse('peer-frame-value', `piece ${piece}, beyond the last one`)
    return false
  }

  private isRangeRight(begin: number, length: number): boolean {
    if (length > 0 && length <= wire.maxRequestLength && begin + length <= maxPieceLengthBytes) return true
    this.refuse('peer-frame-value', `${length} bytes from ${begin} of a piece`)
    return false
  }

  private need(length: number): 0 {
    this.neededLength = length
    return 0
  }

  private refuseLarge(length: number): number {
    return this.refuse('peer-frame-too-large', `a message of ${length} bytes, over the cap of its kind`)
  }

  private refuse(code: ErrorCode, detail: string): number {
    this.failed = failure(code, detail)
    this.stop()
    return prefixLength
  }
}
