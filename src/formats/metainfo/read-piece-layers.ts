// `piece layers` (BEP 52), beside the info dictionary: checked against the files they claim to belong to.
// Guarantees: what is returned hashes to the root of a file and has one hash for each of its pieces. Layers may
// be missing, as with a magnet link: peers send them then.
import { equalBytes, toHex } from '../../base/bytes.ts'
import { fail } from '../../base/errors.ts'
import { sha256Length } from '../../base/hash.ts'
import type { BencodeCursor } from '../bencode/cursor.ts'
import { kindDictionary } from '../bencode/scan.ts'
import { merkleRoot, pieceLevel } from './merkle.ts'
import type { TorrentInfo } from './metainfo.ts'

/** Pieces of each file that has a layer, by the root in hexadecimal. */
function layeredFiles(info: TorrentInfo): ReadonlyMap<string, number> {
  const pieceCounts = new Map<string, number>()
  for (const { lengthBytes, piecesRoot } of info.files) {
    if (piecesRoot === undefined || lengthBytes <= info.pieceLengthBytes) continue
    const root = toHex(piecesRoot)
    const pieces = Math.ceil(lengthBytes / info.pieceLengthBytes)
    const others = pieceCounts.get(root)
    if (others !== undefined && others !== pieces) {
      fail('metainfo-pieces-root', 'two files of different length have the same Merkle root')
    }
    pieceCounts.set(root, pieces)
  }
  return pieceCounts
}

/** Layers by root in hexadecimal, views. Fails with metainfo-piece-layers, -piece-layer-root, -pieces-root. */
export function readPieceLayers(layers: BencodeCursor | undefined, info: TorrentInfo): ReadonlyMap<string, Uint8Array> {
  const read = new Map<string, Uint8Array>()
  if (info.version === 'v1') return read
  const pieceCounts = layeredFiles(info)
  if (layers === undefined) return read
  if (layers.kind !== kindDictionary) fail('metainfo-piece-layers', 'the piece layers are not a dictionary')
  const level = pieceLevel(info.pieceLengthBytes)
  for (const [key, value] of layers.entries()) {
    const root = key.bytes()
    const layer = value.bytes()
    const pieceCount = root === undefined ? undefined : pieceCounts.get(toHex(root))
    if (root === undefined || pieceCount === undefined) {
      fail('metainfo-piece-layers', 'a piece layer that belongs to no file, or to one of a single piece')
    }
    if (layer?.length !== pieceCount * sha256Length) {
      fail('metainfo-piece-layers', `a piece layer that does not have ${pieceCount} hashes`)
    }
    if (!equalBytes(merkleRoot(layer, level), root)) {
      fail('metainfo-piece-layer-root', 'a piece layer that does not hash to the root of its file')
    }
    read.set(toHex(root), layer)
  }
  return read
}
