// Two one-field extension messages about what a peer has and wants: lt_donthave (BEP 54), a piece it no longer
// has, and upload_only (BEP 21 as a message, for changes after the handshake).
import { assert } from '../../base/assert.ts'
import { readUint32, writeUint32 } from '../../base/bytes.ts'
import { type Result, success } from '../../base/errors.ts'
import { extensionFailure } from './extension-dictionary.ts'

export const donthaveExtension = 'lt_donthave'
export const uploadOnlyExtension = 'upload_only'

/** The piece, below `pieceCount`, that a peer no longer has. Errors: peer-extension. */
export function decodeDonthave(payload: Uint8Array, pieceCount: number): Result<number> {
  if (payload.length !== 4) return extensionFailure(`a donthave message of ${payload.length} bytes`)
  const piece = readUint32(payload, 0)
  return piece < pieceCount ? success(piece) : extensionFailure(`donthave of piece ${piece}, beyond the last one`)
}

export function encodeDonthave(piece: number): Uint8Array {
  assert(piece >>> 0 === piece, 'a piece index of 32 bits')
  const payload = new Uint8Array(4)
  writeUint32(payload, 0, piece)
  return payload
}

/** Whether the peer wants nothing any more. Errors: peer-extension. */
export function decodeUploadOnly(payload: Uint8Array): Result<boolean> {
  return payload.length === 1 ? success(payload[0] !== 0) : extensionFailure('an upload_only message of wrong length')
}

export function encodeUploadOnly(isUploadOnly: boolean): Uint8Array {
  return Uint8Array.of(isUploadOnly ? 1 : 0)
}
