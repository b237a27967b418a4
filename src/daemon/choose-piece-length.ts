// Piece lengths for new torrents: a sensible one when none is asked for, and whether one asked for may be used.
// Pure. Large pieces keep torrent files small, small pieces let peers share sooner and waste less when damaged.
import { fromUtf8 } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { sha1Length, sha256Length } from '../base/hash.ts'
import { defaultLimits } from '../formats/bencode/scan.ts'
import {
  blockLengthBytes,
  maxPieceCount,
  maxPieceLengthBytes,
  type TorrentVersion,
} from '../formats/metainfo/metainfo.ts'

const aimedPieceCount = 2048
const largestUsualBytes = 16_777_216

/** Bytes of hashes a torrent file has for each piece. */
function hashBytesPerPiece(version: TorrentVersion): number {
  return (version === 'v2' ? 0 : sha1Length) + (version === 'v1' ? 0 : sha256Length)
}

/** The least a file takes in a torrent file: its entries of both versions and of the padding after it. */
export function listedBytes(version: TorrentVersion, path: readonly string[], lengthBytes: number): number {
  const digits = String(lengthBytes).length
  const names = path.map((component) => fromUtf8(component).length + '1:'.length)
  const inList = 'd6:lengthie4:pathlee'.length + digits + names.reduce((sum, length) => sum + length, 0)
  const inTree = 'd0:d6:lengthieee'.length + digits + (names.at(-1) ?? 0)
  const inTreeWithRoot = inTree + (lengthBytes > 0 ? '11:pieces root32:'.length : 0)
  if (version === 'v1') return inList
  if (version === 'v2') return inTreeWithRoot
  const isPadded = lengthBytes % blockLengthBytes !== 0
  return inList + inTreeWithRoot + (isPadded ? 'd4:attr1:p6:lengthi1e4:pathl4:.pad1:1ee'.length : 0)
}

/** Whether hashes and files (their `listedBytes`) can fit in a torrent file that this and other programs read. */
export function fitsTorrentFile(version: TorrentVersion, pieceCount: number, filesBytes: number): boolean {
  return pieceCount <= maxPieceCount && pieceCount * hashBytesPerPiece(version) + filesBytes <= defaultLimits.maxBytes
}

/**
 * The least power of two from 16 KiB that makes at most 2048 pieces, but no more than 16 MiB, unless the
 * torrent file would become too large. `fits` tells that for a piece length.
 */
export function choosePieceLength(totalBytes: number, fits: (pieceLengthBytes: number) => boolean): number {
  let pieceLengthBytes = blockLengthBytes
  while (pieceLengthBytes < largestUsualBytes && totalBytes > pieceLengthBytes * aimedPieceCount) pieceLengthBytes *= 2
  while (pieceLengthBytes < maxPieceLengthBytes && !fits(pieceLengthBytes)) pieceLengthBytes *= 2
  return pieceLengthBytes
}

/** Powers of two from 16 KiB to 512 MiB, as BEP 52 has it and every client of BEP 3 expects. Error: create-options. */
export function checkPieceLength(pieceLengthBytes: number): Result<number> {
  const isPowerOfTwo = Number.isInteger(Math.log2(pieceLengthBytes))
  if (isPowerOfTwo && pieceLengthBytes >= blockLengthBytes && pieceLengthBytes <= maxPieceLengthBytes) {
    return success(pieceLengthBytes)
  }
  return failure('create-options', 'the piece length must be a power of two from 16 KiB to 512 MiB')
}
