// ut_metadata (BEP 9): pieces of the info dictionary, 16 KiB each, asked for and sent between peers.
// Guarantees: a data message holds exactly the bytes its piece has by its own total length, and that is capped;
// whether the length is the one awaited, and the bytes right, is for the caller to check.
import { assert } from '../../base/assert.ts'
import { concatBytes } from '../../base/bytes.ts'
import { type Result, success } from '../../base/errors.ts'
import { encode } from '../bencode/encode.ts'
import { extensionFailure, integerWithin, readExtensionDictionary } from './extension-dictionary.ts'
import { maxMetadataLengthBytes } from './extension-handshake.ts'

export const metadataExtension = 'ut_metadata'
export const metadataPieceLengthBytes = 16_384

export type MetadataMessage =
  | { readonly type: 'request' | 'reject'; readonly piece: number }
  | {
      readonly type: 'data'
      readonly piece: number
      /** Length of the whole info dictionary, as the sender says. */
      readonly totalLengthBytes: number
      /** A view into the message. */
      readonly data: Uint8Array
    }
  /** Of a kind that does not exist yet; to be ignored. */
  | { readonly type: 'unknown'; readonly messageType: number }

const typeRequest = 0
const typeData = 1
const typeReject = 2
const maxPiece = maxMetadataLengthBytes / metadataPieceLengthBytes - 1

/** How many bytes piece `piece` has when all pieces have `totalLengthBytes`; 0 when there is no such piece. */
function pieceLength(piece: number, totalLengthBytes: number): number {
  return Math.max(0, Math.min(metadataPieceLengthBytes, totalLengthBytes - piece * metadataPieceLengthBytes))
}

/** The payload of a ut_metadata message. Errors: peer-extension. */
export function decodeMetadataMessage(payload: Uint8Array): Result<MetadataMessage> {
  const dictionary = readExtensionDictionary(payload)
  if (!dictionary.ok) return dictionary
  const root = dictionary.value
  const messageType = root.get('msg_type')?.integer()
  if (messageType === undefined) return extensionFailure('a metadata message without a type')
  if (messageType < typeRequest || messageType > typeReject) return success({ type: 'unknown', messageType })
  const piece = integerWithin(root.get('piece'), 0, maxPiece)
  if (piece === undefined) return extensionFailure('a metadata message without a valid piece')
  if (messageType === typeRequest) return success({ type: 'request', piece })
  if (messageType === typeReject) return success({ type: 'reject', piece })
  const totalLengthBytes = integerWithin(root.get('total_size'), 1, maxMetadataLengthBytes)
  if (totalLengthBytes === undefined) return extensionFailure('metadata without a valid total size')
  const data = payload.subarray(root.end)
  if (data.length === 0 || data.length !== pieceLength(piece, totalLengthBytes)) {
    return extensionFailure(`${data.length} bytes as piece ${piece} of ${totalLengthBytes} bytes of metadata`)
  }
  return success({ type: 'data', piece, totalLengthBytes, data })
}

/** The payload of a request, data or reject message. */
export function encodeMetadataMessage(message: Exclude<MetadataMessage, { type: 'unknown' }>): Uint8Array {
  const { piece } = message
  assert(piece >= 0 && piece <= maxPiece, 'a piece of the metadata')
  if (message.type !== 'data') {
    return encode({ msg_type: message.type === 'request' ? typeRequest : typeReject, piece })
  }
  const { totalLengthBytes, data } = message
  assert(totalLengthBytes <= maxMetadataLengthBytes, 'metadata of at most 30 MiB')
  assert(data.length > 0 && data.length === pieceLength(piece, totalLengthBytes), 'all bytes of the piece')
  return concatBytes([encode({ msg_type: typeData, piece, total_size: totalLengthBytes }), data])
}
