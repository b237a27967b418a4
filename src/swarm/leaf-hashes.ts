// Where the hashes of a piece's blocks stand in version 2 (BEP 52): which run of leaves of which file's tree, and what
// that run must hash to. Guarantees: what `areLeavesOf` accepts are the torrent's own hashes. Pure lookups.
import { equalBytes, toHex } from '../base/bytes.ts'
import { sha256Length } from '../base/hash.ts'
import { merkleRoot, roundedToPowerOfTwo } from '../formats/metainfo/merkle.ts'
import { blockLengthBytes, type TorrentInfo } from '../formats/metainfo/metainfo.ts'
import { type HashRange, maxHashCount } from '../formats/peer/wire-messages.ts'

/** By file's pieces root in hexadecimal, the hashes of its pieces: as in Metainfo. */
export type PieceLayers = ReadonlyMap<string, Uint8Array>

/** The leaves of one piece. */
export interface PieceLeaves {
  readonly range: HashRange
  /** Blocks with bytes of the file; leaves after them are zeros. */
  readonly count: number
  readonly lengthBytes: number
  /** Root above the run: of a file longer than a piece the hash in its piece layer, else the file's root. */
  readonly expected: Uint8Array
}

/** Undefined: the piece has no leaves (version 1), only one, too many to ask for, or its layer is not known. */
export function leavesOfPiece(info: TorrentInfo, pieceLayers: PieceLayers, piece: number): PieceLeaves | undefined {
  const start = piece * info.pieceLengthBytes
  const file = info.files.find(({ offset, lengthBytes }) => offset <= start && start < offset + lengthBytes)
  if (file?.piecesRoot === undefined) return undefined
  const isWholeFile = file.lengthBytes <= info.pieceLengthBytes
  const lengthBytes = Math.min(info.pieceLengthBytes, file.offset + file.lengthBytes - start)
  const count = Math.ceil(lengthBytes / blockLengthBytes)
  const length = isWholeFile ? roundedToPowerOfTwo(count) : info.pieceLengthBytes / blockLengthBytes
  const pieceOfFile = (start - file.offset) / info.pieceLengthBytes
  const expected = isWholeFile
    ? file.piecesRoot
    : pieceLayers.get(toHex(file.piecesRoot))?.subarray(pieceOfFile * sha256Length, (pieceOfFile + 1) * sha256Length)
  if (expected?.length !== sha256Length || length < 2 || length > maxHashCount) return undefined
  const range = { piecesRoot: file.piecesRoot, baseLayer: 0, index: pieceOfFile * length, length, proofLayers: 0 }
  return { range, count, lengthBytes, expected }
}

export function isSameRange(a: HashRange, b: HashRange): boolean {
  const isSameRun = a.baseLayer === b.baseLayer && a.index === b.index && a.length === b.length
  return isSameRun && equalBytes(a.piecesRoot, b.piecesRoot)
}

/** Whether these are all leaves of the piece, padding included. */
export function areLeavesOf(piece: PieceLeaves, leaves: Uint8Array): boolean {
  return leaves.length === piece.range.length * sha256Length && equalBytes(merkleRoot(leaves), piece.expected)
}
