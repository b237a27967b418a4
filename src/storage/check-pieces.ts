// Compares digests of what is on disk with what a torrent promises (BEP 3, 52), piece by piece.
// Guarantees: a piece is good only if every hash the torrent has for it agrees; a hybrid torrent whose halves
// contradict each other is told apart from damage. Pure.
import { equalBytes, toHex } from '../base/bytes.ts'
import { sha1Length, sha256Length } from '../base/hash.ts'
import type { Metainfo, TorrentFile } from '../formats/metainfo/metainfo.ts'
import { pieceHashed } from './hash-pieces.ts'
import { fileAt, type PiecePlan, pieceStart } from './piece-plan.ts'

/** `contradictory`: one half of a hybrid torrent accepts the bytes, the other does not. */
export type PieceVerdict = 'good' | 'damaged' | 'unavailable' | 'contradictory'

export interface FoundDigests {
  /** 20 bytes a piece, or empty. */
  readonly pieces: Uint8Array
  /** 32 bytes a piece, or empty. */
  readonly merkleRoots: Uint8Array
  /** One byte a piece, see hash-pieces. */
  readonly states: Uint8Array
}

function digestAt(digests: Uint8Array, index: number, length: number): Uint8Array {
  return digests.subarray(index * length, (index + 1) * length)
}

/** The root a v2 torrent promises for a piece; undefined where it promises none: a gap, or layers still unknown. */
function promisedRoot(metainfo: Metainfo, plan: PiecePlan, piece: number): Uint8Array | undefined {
  const start = pieceStart(plan, piece)
  const index = fileAt(plan, start)
  const file: TorrentFile | undefined = metainfo.info.files[index]
  if (file?.piecesRoot === undefined || file.offset > start) return undefined
  if (file.lengthBytes <= plan.pieceLengthBytes) return file.piecesRoot
  const layer = metainfo.pieceLayers.get(toHex(file.piecesRoot))
  return layer === undefined ? undefined : digestAt(layer, (start - file.offset) / plan.pieceLengthBytes, sha256Length)
}

export function checkPiece(metainfo: Metainfo, plan: PiecePlan, found: FoundDigests, piece: number): PieceVerdict {
  if (found.states[piece] !== pieceHashed) return 'unavailable'
  const { pieces } = metainfo.info
  const root = found.merkleRoots.length === 0 ? undefined : promisedRoot(metainfo, plan, piece)
  const verdicts: boolean[] = []
  if (pieces !== undefined) {
    verdicts.push(equalBytes(digestAt(pieces, piece, sha1Length), digestAt(found.pieces, piece, sha1Length)))
  }
  if (root !== undefined) verdicts.push(equalBytes(root, digestAt(found.merkleRoots, piece, sha256Length)))
  if (verdicts.every((isGood) => isGood)) return 'good'
  return verdicts.some((isGood) => isGood) ? 'contradictory' : 'damaged'
}
