// Peer wire messages (BEP 3, 5, 6, 10, 52) written into a buffer the caller provides; nothing is allocated.
// Each function writes at `offset` and returns the offset after it; how much room a message takes stands in
// wire-messages.ts. Values out of range, or a buffer too small, are bugs of the caller.
import { assert } from '../../base/assert.ts'
import { writeUint16, writeUint32 } from '../../base/bytes.ts'
import * as wire from './wire-messages.ts'

function encodeHeader(target: Uint8Array, offset: number, messageLength: number, id: number): void {
  writeUint32(target, offset, messageLength - 4)
  target[offset + 4] = id
}

function assertRoom(target: Uint8Array, offset: number, length: number): void {
  assert(offset >= 0 && offset + length <= target.length, 'room for the message')
}

function isUint32(value: number): boolean {
  return value >>> 0 === value
}

export function encodeKeepAlive(target: Uint8Array, offset: number): number {
  assertRoom(target, offset, wire.keepAliveLength)
  writeUint32(target, offset, 0)
  return offset + wire.keepAliveLength
}

function encodeState(target: Uint8Array, offset: number, id: number): number {
  assertRoom(target, offset, wire.stateMessageLength)
  encodeHeader(target, offset, wire.stateMessageLength, id)
  return offset + wire.stateMessageLength
}

export function encodeChoke(target: Uint8Array, offset: number): number {
  return encodeState(target, offset, wire.chokeId)
}

export function encodeUnchoke(target: Uint8Array, offset: number): number {
  return encodeState(target, offset, wire.unchokeId)
}

export function encodeInterested(target: Uint8Array, offset: number): number {
  return encodeState(target, offset, wire.interestedId)
}

export function encodeNotInterested(target: Uint8Array, offset: number): number {
  return encodeState(target, offset, wire.notInterestedId)
}

export function encodeHaveAll(target: Uint8Array, offset: number): number {
  return encodeState(target, offset, wire.haveAllId)
}

export function encodeHaveNone(target: Uint8Array, offset: number): number {
  return encodeState(target, offset, wire.haveNoneId)
}

function encodePieceMessage(target: Uint8Array, offset: number, id: number, piece: number): number {
  assertRoom(target, offset, wire.pieceMessageLength)
  assert(isUint32(piece), 'a piece index of 32 bits')
  encodeHeader(target, offset, wire.pieceMessageLength, id)
  writeUint32(target, offset + 5, piece)
  return offset + wire.pieceMessageLength
}

export function encodeHave(target: Uint8Array, offset: number, piece: number): number {
  return encodePieceMessage(target, offset, wire.haveId, piece)
}

export function encodeSuggest(target: Uint8Array, offset: number, piece: number): number {
  return encodePieceMessage(target, offset, wire.suggestId, piece)
}

export function encodeAllowedFast(target: Uint8Array, offset: number, piece: number): number {
  return encodePieceMessage(target, offset, wire.allowedFastId, piece)
}

/** The fields of a request, cancel or reject, in bytes but for the piece index. */
function encodeBlockMessage(
  target: Uint8Array,
  offset: number,
  id: number,
  piece: number,
  begin: number,
  length: number,
): number {
  assertRoom(target, offset, wire.blockMessageLength)
  assert(isUint32(piece) && isUint32(begin), 'a block position of 32 bits')
  assert(length > 0 && length <= wire.maxRequestLength, 'a block length of 1 to 128 KiB')
  encodeHeader(target, offset, wire.blockMessageLength, id)
  writeUint32(target, offset + 5, piece)
  writeUint32(target, offset + 9, begin)
  writeUint32(target, offset + 13, length)
  return offset + wire.blockMessageLength
}

export function encodeRequest(
  target: Uint8Array,
  offset: number,
  piece: number,
  begin: number,
  length: number,
): number {
  return encodeBlockMessage(target, offset, wire.requestId, piece, begin, length)
}

export function encodeCancel(target: Uint8Array, offset: number, piece: number, begin: number, length: number): number {
  return encodeBlockMessage(target, offset, wire.cancelId, piece, begin, length)
}

export function encodeReject(target: Uint8Array, offset: number, piece: number, begin: number, length: number): number {
  return encodeBlockMessage(target, offset, wire.rejectId, piece, begin, length)
}

/** The 13 bytes before a block of `length` bytes, so that header and block go out in one vectored write. */
export function encodePieceHeader(
  target: Uint8Array,
  offset: number,
  piece: number,
  begin: number,
  length: number,
): number {
  assertRoom(target, offset, wire.pieceHeaderLength)
  assert(isUint32(piece) && isUint32(begin), 'a block position of 32 bits')
  assert(length > 0 && length <= wire.maxRequestLength, 'a block length of 1 to 128 KiB')
  encodeHeader(target, offset, wire.pieceHeaderLength + length, wire.pieceId)
  writeUint32(target, offset + 5, piece)
  writeUint32(target, offset + 9, begin)
  return offset + wire.pieceHeaderLength
}

/** `bits` as on the wire: piece 0 is the highest bit of the first byte, spare bits are zero. */
export function encodeBitfield(target: Uint8Array, offset: number, bits: Uint8Array): number {
  const length = wire.bitfieldHeaderLength + bits.length
  assertRoom(target, offset, length)
  assert(bits.length > 0, 'a bitfield of at least one piece')
  encodeHeader(target, offset, length, wire.bitfieldId)
  target.set(bits, offset + wire.bitfieldHeaderLength)
  return offset + length
}

/** The DHT port (BEP 5). */
export function encodePort(target: Uint8Array, offset: number, port: number): number {
  assertRoom(target, offset, wire.portMessageLength)
  assert(port > 0 && port <= 65_535, 'a port of 1 to 65535')
  encodeHeader(target, offset, wire.portMessageLength, wire.portId)
  writeUint16(target, offset + 5, port)
  return offset + wire.portMessageLength
}

/** `id` is of the peer's numbering, as its extension handshake gave it; 0 is our own handshake (BEP 10). */
export function encodeExtended(target: Uint8Array, offset: number, id: number, payload: Uint8Array): number {
  const length = wire.extendedHeaderLength + payload.length
  assertRoom(target, offset, length)
  assert(id >= 0 && id <= 255, 'an extension id of one byte')
  encodeHeader(target, offset, length, wire.extendedId)
  target[offset + 5] = id
  target.set(payload, offset + wire.extendedHeaderLength)
  return offset + length
}

function encodeHashRange(
  target: Uint8Array,
  offset: number,
  id: number,
  range: wire.HashRange,
  hashesLength: number,
): number {
  const length = wire.hashMessageLength + hashesLength
  assertRoom(target, offset, length)
  assert(range.piecesRoot.length === 32, 'a root of 32 bytes')
  assert(isUint32(range.index) && range.length > 0 && range.length <= wire.maxHashCount, 'a range of hashes')
  assert(range.baseLayer >= 0 && range.proofLayers >= 0, 'layers that are not negative')
  assert(range.baseLayer + range.proofLayers <= wire.maxHashLayers, 'layers of a possible tree')
  encodeHeader(target, offset, length, id)
  target.set(range.piecesRoot, offset + 5)
  writeUint32(target, offset + 37, range.baseLayer)
  writeUint32(target, offset + 41, range.index)
  writeUint32(target, offset + 45, range.length)
  writeUint32(target, offset + 49, range.proofLayers)
  return offset + wire.hashMessageLength
}

/** BEP 52. */
export function encodeHashRequest(target: Uint8Array, offset: number, range: wire.HashRange): number {
  return encodeHashRange(target, offset, wire.hashRequestId, range, 0)
}

/** BEP 52. */
export function encodeHashReject(target: Uint8Array, offset: number, range: wire.HashRange): number {
  return encodeHashRange(target, offset, wire.hashRejectId, range, 0)
}

/** BEP 52; `hashes`: 32 bytes each, the base layer first, then uncles towards the root. */
export function encodeHashes(target: Uint8Array, offset: number, range: wire.HashRange, hashes: Uint8Array): number {
  assert(hashes.length > 0 && hashes.length % 32 === 0, 'hashes of 32 bytes')
  const end = encodeHashRange(target, offset, wire.hashesId, range, hashes.length)
  target.set(hashes, end)
  return end + hashes.length
}
