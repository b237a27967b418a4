// Messages of the peer wire as bytes of their own, for peers that send them one by one, many at once, or wrong.
// Fresh bytes at each call, but for those without fields.
import { concatBytes, writeUint32 } from '../../src/base/bytes.ts'
import { type ExtensionHandshake, encodeExtensionHandshake } from '../../src/formats/peer/extension-handshake.ts'
import * as encoder from '../../src/formats/peer/wire-encoder.ts'
import * as wire from '../../src/formats/peer/wire-messages.ts'

function made(lengthBytes: number, encode: (target: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(lengthBytes)
  encode(bytes)
  return bytes
}

/** With any id, any payload, and a length of one's own choosing. */
export function frame(id: number, payload: Uint8Array, saidLength = 1 + payload.length): Uint8Array {
  return made(5 + payload.length, (target) => {
    writeUint32(target, 0, saidLength)
    target[4] = id
    target.set(payload, 5)
  })
}

export const unchoke = made(wire.stateMessageLength, (target) => encoder.encodeUnchoke(target, 0))
export const choke = made(wire.stateMessageLength, (target) => encoder.encodeChoke(target, 0))
export const interested = made(wire.stateMessageLength, (target) => encoder.encodeInterested(target, 0))
export const haveAll = made(wire.stateMessageLength, (target) => encoder.encodeHaveAll(target, 0))
export const haveNone = made(wire.stateMessageLength, (target) => encoder.encodeHaveNone(target, 0))
export const keepAlive = new Uint8Array(wire.keepAliveLength)

export function have(piece: number): Uint8Array {
  return made(wire.pieceMessageLength, (target) => encoder.encodeHave(target, 0, piece))
}

export function request(piece: number, begin: number, length = 16_384): Uint8Array {
  return made(wire.blockMessageLength, (target) => encoder.encodeRequest(target, 0, piece, begin, length))
}

export function cancel(piece: number, begin: number, length = 16_384): Uint8Array {
  return made(wire.blockMessageLength, (target) => encoder.encodeCancel(target, 0, piece, begin, length))
}

export function reject(piece: number, begin: number, length: number): Uint8Array {
  return made(wire.blockMessageLength, (target) => encoder.encodeReject(target, 0, piece, begin, length))
}

/** What precedes a block. */
export function blockHeader(piece: number, begin: number, length: number): Uint8Array {
  return made(wire.pieceHeaderLength, (target) => encoder.encodePieceHeader(target, 0, piece, begin, length))
}

export function extended(id: number, payload: Uint8Array): Uint8Array {
  return made(wire.extendedHeaderLength + payload.length, (target) => encoder.encodeExtended(target, 0, id, payload))
}

export function extensionHandshake(fields: Omit<ExtensionHandshake, 'extensions'>, metadataId = 0): Uint8Array {
  const extensions = new Map(metadataId === 0 ? [] : [['ut_metadata', metadataId]])
  return extended(0, encodeExtensionHandshake({ ...fields, extensions }))
}

export function hashRequest(range: wire.HashRange): Uint8Array {
  return made(wire.hashMessageLength, (target) => encoder.encodeHashRequest(target, 0, range))
}

export function hashReject(range: wire.HashRange): Uint8Array {
  return made(wire.hashMessageLength, (target) => encoder.encodeHashReject(target, 0, range))
}

/** BEP 5. */
export function dhtPort(port: number): Uint8Array {
  return made(wire.portMessageLength, (target) => encoder.encodePort(target, 0, port))
}

export function hashes(range: wire.HashRange, bytes: Uint8Array): Uint8Array {
  return made(wire.hashMessageLength + bytes.length, (target) => encoder.encodeHashes(target, 0, range, bytes))
}

/** The same over and over. */
export function times(count: number, make: (index: number) => Uint8Array): Uint8Array {
  return concatBytes(Array.from({ length: count }, (_, index) => make(index)))
}
