// Which hashes of a torrent's Merkle trees there are to ask for and to send (BEP 52): the layer of pieces of each file
// longer than a piece, in runs of at most 512, each with the uncles that prove it against the file's root.
// Pure functions over the info dictionary.
import { toHex } from '../base/bytes.ts'
import { sha256Length } from '../base/hash.ts'
import { pieceLevel, roundedToPowerOfTwo, verifyProof } from '../formats/metainfo/merkle.ts'
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'
import type { HashRange } from '../formats/peer/wire-messages.ts'

/** What BEP 52 says a request should not exceed. */
const hashesPerRequest = 512

/** A file that has a layer of pieces; files of the same content are one. */
export interface LayeredFile {
  readonly piecesRoot: Uint8Array
  /** The root in hexadecimal: the key in `pieceLayers`. */
  readonly key: string
  readonly pieceCount: number
}

/** In the order of the files; none in version 1. */
export function layeredFiles(info: TorrentInfo): readonly LayeredFile[] {
  const files = new Map<string, LayeredFile>()
  for (const { lengthBytes, piecesRoot } of info.files) {
    if (piecesRoot === undefined || lengthBytes <= info.pieceLengthBytes) continue
    const key = toHex(piecesRoot)
    if (files.has(key)) continue
    files.set(key, { piecesRoot, key, pieceCount: Math.ceil(lengthBytes / info.pieceLengthBytes) })
  }
  return [...files.values()]
}

/** How many uncles follow the hashes of an answer. */
export function uncleCount({ length, proofLayers }: HashRange): number {
  return Math.max(0, proofLayers + 1 - Math.log2(roundedToPowerOfTwo(length)))
}

/** Requests for the whole layer of a file, padding of its last run included, as other clients ask for it. */
export function pieceLayerRanges(file: LayeredFile, pieceLengthBytes: number): readonly HashRange[] {
  const paddedCount = roundedToPowerOfTwo(file.pieceCount)
  const length = Math.min(hashesPerRequest, paddedCount)
  // Ancestors are counted without the root, which is known.
  const proofLayers = length === paddedCount ? 0 : Math.log2(paddedCount) - 1
  const ranges: HashRange[] = []
  for (let index = 0; index < file.pieceCount; index += length) {
    const baseLayer = pieceLevel(pieceLengthBytes)
    ranges.push({ piecesRoot: file.piecesRoot, baseLayer, index, length, proofLayers })
  }
  return ranges
}

/** Whether an answer has as many hashes as the request asked for, uncles included. */
export function isAnswerLength(range: HashRange, lengthBytes: number): boolean {
  return lengthBytes === (range.length + uncleCount(range)) * sha256Length
}

/** The base hashes of an answer of the right length to `pieceLayerRanges`; undefined when they are not the file's. */
export function provenHashes(range: HashRange, answer: Uint8Array): Uint8Array | undefined {
  const baseBytes = range.length * sha256Length
  const hashes = answer.subarray(0, baseBytes)
  return verifyProof(hashes, range.index, answer.subarray(baseBytes), range.piecesRoot) ? hashes : undefined
}
