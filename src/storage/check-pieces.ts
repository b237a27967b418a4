// Compares digests of what is on disk with what a torrent promises (BEP 3, 52), piece by piece.
// Guarantees: a piece is good only if there is a hash to prove it and every hash the torrent has for it agrees;
// a hybrid torrent whose halves contradict each other is told apart from damage. Pure.
import { equalBytes, toHex } from '../base/bytes.ts'
import { sha1Length, sha256Length } from '../base/hash.ts'
import { merkleRoot, pieceLevel } from '../formats/metainfo/merkle.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'
import { pieceHashed } from './hash-pieces.ts'
import { fileAt, type PiecePlan, pieceStart, piecesOfFile } from './piece-plan.ts'

/**
 * `contradictory`: one half of a hybrid torrent accepts the bytes, the other does not. `unproven`: the torrent lacks
 * the piece layer of a file that is not right as a whole, so nothing tells its good pieces from its bad ones.
 */
export type PieceVerdict = 'good' | 'damaged' | 'unavailable' | 'contradictory' | 'unproven'

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

/** For each file its piece roots, end to end; undefined where the torrent has none and the content proves none. */
function promisedLayers(metainfo: Metainfo, plan: PiecePlan, found: FoundDigests): (Uint8Array | undefined)[] {
  const { files, pieceLengthBytes } = metainfo.info
  return files.map(({ piecesRoot, lengthBytes }, file) => {
    if (piecesRoot === undefined) return undefined
    if (lengthBytes <= pieceLengthBytes) return piecesRoot
    const layer = metainfo.pieceLayers.get(toHex(piecesRoot))
    if (layer !== undefined) return layer
    const pieces = piecesOfFile(plan, file)
    if (pieces === undefined) return undefined
    const onDisk = found.merkleRoots.subarray(pieces.first * sha256Length, (pieces.last + 1) * sha256Length)
    return equalBytes(merkleRoot(onDisk, pieceLevel(pieceLengthBytes)), piecesRoot) ? onDisk : undefined
  })
}

/** Returns the function that judges one piece. */
export function pieceChecker(
  metainfo: Metainfo,
  plan: PiecePlan,
  found: FoundDigests,
): (piece: number) => PieceVerdict {
  const { pieces } = metainfo.info
  const layers = found.merkleRoots.length === 0 ? [] : promisedLayers(metainfo, plan, found)

  /** The Merkle root promised for a piece, which lies within one file where there are roots at all. */
  function promisedRoot(piece: number): Uint8Array | undefined {
    const start = pieceStart(plan, piece)
    const file = fileAt(plan, start)
    const layer = layers[file]
    const fileStart = plan.starts[file] as number
    if (layer === undefined || fileStart > start) return undefined
    return digestAt(layer, (start - fileStart) / plan.pieceLengthBytes, sha256Length)
  }

  return (piece) => {
    if (found.states[piece] !== pieceHashed) return 'unavailable'
    const root = promisedRoot(piece)
    const verdicts: boolean[] = []
    if (pieces !== undefined) {
      verdicts.push(equalBytes(digestAt(pieces, piece, sha1Length), digestAt(found.pieces, piece, sha1Length)))
    }
    if (root !== undefined) verdicts.push(equalBytes(root, digestAt(found.merkleRoots, piece, sha256Length)))
    if (verdicts.length === 0) return 'unproven'
    if (verdicts.every((isGood) => isGood)) return 'good'
    return verdicts.some((isGood) => isGood) ? 'contradictory' : 'damaged'
  }
}
