// Answers to hash requests (BEP 52): runs of a file's piece layer from memory, runs of a piece's leaves given the leaves,
// both with the uncles that prove them. Whatever else is asked is to be rejected.
// Guarantees: any request is answered or refused in bounded time; padding is filled in as the tree has it.
// The instance caches upper levels of trees, bounded; piece layers are views of the caller's.
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { sha256Length } from '../base/hash.ts'
import {
  layerAbove,
  type MerkleTree,
  merkleTree,
  paddingHash,
  pieceLevel,
  roundedToPowerOfTwo,
} from '../formats/metainfo/merkle.ts'
import { blockLengthBytes, type TorrentInfo } from '../formats/metainfo/metainfo.ts'
import type { HashRange } from '../formats/peer/wire-messages.ts'
import { uncleCount } from './hash-ranges.ts'

export type HashAnswer =
  /** What follows the range in a hashes message. */
  | { readonly type: 'hashes'; readonly hashes: Uint8Array }
  /** Whoever has this piece on disk and its leaves at hand calls `answerWithLeaves`; else it is a reject. */
  | { readonly type: 'leaves-needed'; readonly piece: number }
  | { readonly type: 'reject' }

interface HashedFile {
  readonly key: string
  readonly firstPiece: number
  readonly pieceCount: number
  readonly blockCount: number
}

interface LayerBuild {
  readonly key: string
  readonly layer: Uint8Array
  readonly groups: Uint8Array
  count: number
}

/** Levels of a large layer that are hashed anew for each request, instead of being kept. */
const groupLevels = 9
const groupLength = 2 ** groupLevels
/** Of upper levels kept, 32 bytes each, twice for the tree. */
const maxCachedHashes = 16_384
const reject: HashAnswer = { type: 'reject' }

export class HashTrees {
  private readonly level: number
  private readonly blocksPerPiece: number
  private readonly pieceLayers: ReadonlyMap<string, Uint8Array>
  private readonly files = new Map<string, HashedFile>()
  /** Upper levels by file, least recently used first. */
  private readonly uppers = new Map<string, MerkleTree>()
  private cachedHashes = 0
  /** The large layer of which the upper levels are being made: their lowest, as far as it has come. */
  private building: LayerBuild | undefined
  /** Since the beginning: what answers cost. */
  hashedCount = 0

  /** A torrent of version 2 or both; layers by root in hexadecimal, proven. */
  constructor(info: TorrentInfo, pieceLayers: ReadonlyMap<string, Uint8Array>) {
    const { pieceLengthBytes } = info
    this.level = info.version === 'v1' ? 0 : pieceLevel(pieceLengthBytes)
    this.blocksPerPiece = 2 ** this.level
    this.pieceLayers = pieceLayers
    for (const { piecesRoot, lengthBytes, offset } of info.files) {
      if (piecesRoot === undefined) continue
      const key = toHex(piecesRoot)
      if (this.files.has(key)) continue
      const pieceCount = Math.ceil(lengthBytes / pieceLengthBytes)
      const blockCount = Math.ceil(lengthBytes / blockLengthBytes)
      this.files.set(key, { key, firstPiece: offset / pieceLengthBytes, pieceCount, blockCount })
    }
  }

  /** Whether a request is of a piece layer that is there, and thus answered from memory. */
  isOfPieceLayer(range: HashRange): boolean {
    return range.baseLayer === this.level && this.pieceLayers.has(toHex(range.piecesRoot))
  }

  /** Does up to so many hashes of what an answer takes beforehand; true: the answer itself costs little now. */
  prepare(range: HashRange, maxHashes: number): boolean {
    const file = this.files.get(toHex(range.piecesRoot))
    if (file === undefined || file.pieceCount <= groupLength || this.uppers.has(file.key)) return true
    const levels = Math.log2(roundedToPowerOfTwo(range.length)) + uncleCount(range)
    if (range.baseLayer === this.level && levels <= groupLevels) return true
    const layer = this.pieceLayers.get(file.key)
    if (layer === undefined) return true
    // One at a time, to its end, or requests for two would undo each other's work.
    this.building ??= { key: file.key, layer, groups: new Uint8Array(groupCount(file) * sha256Length), count: 0 }
    const { building } = this
    const wanted = Math.max(1, Math.floor(maxHashes / groupLength))
    const end = Math.min(building.count + wanted, building.groups.length / sha256Length)
    for (; building.count < end; building.count++) {
      const node = this.nodeAbove(building.layer, building.count * groupLength, groupLevels, this.level)
      building.groups.set(node, building.count * sha256Length)
    }
    if (end * sha256Length < building.groups.length) return false
    this.keepUpper(building.key, building.groups, groupLevels)
    this.building = undefined
    return building.key === file.key
  }

  answer(range: HashRange): HashAnswer {
    const file = this.files.get(toHex(range.piecesRoot))
    if (file === undefined) return reject
    const layer = this.pieceLayers.get(file.key)
    if (range.baseLayer === this.level && layer !== undefined) {
      if (!isWithin(range, file.pieceCount)) return reject
      return { type: 'hashes', hashes: this.pieceRun(file, layer, range) }
    }
    if (range.baseLayer !== 0 || !isWithin(range, file.blockCount)) return reject
    const pieceOfFile = Math.floor(range.index / this.blocksPerPiece)
    const lastPiece = Math.floor((range.index + range.length - 1) / this.blocksPerPiece)
    if (pieceOfFile !== lastPiece || pieceOfFile >= file.pieceCount) return reject
    if (file.pieceCount > 1 && layer === undefined) return reject
    return { type: 'leaves-needed', piece: file.firstPiece + pieceOfFile }
  }

  /**
   * The hashes that answer a request for which `answer` needed leaves. `leaves`: of all blocks of that piece with bytes
   * of the file, 32 bytes each, proven.
   */
  answerWithLeaves(range: HashRange, leaves: Uint8Array): Uint8Array {
    const file = this.files.get(toHex(range.piecesRoot))
    assert(file !== undefined && leaves.length > 0, 'a range that needed leaves, and the leaves')
    const pieceOfFile = Math.floor(range.index / this.blocksPerPiece)
    const firstBlock = pieceOfFile * this.blocksPerPiece
    const layer = this.pieceLayers.get(file.key)
    return run(range, leaves, firstBlock, 0, (height, index) => {
      if (layer !== undefined && height >= this.level) return this.pieceNode(file, layer, height - this.level, index)
      return this.nodeAbove(leaves, index * 2 ** height - firstBlock, height, 0)
    })
  }

  private pieceRun(file: HashedFile, layer: Uint8Array, range: HashRange): Uint8Array {
    return run(range, layer, 0, this.level, (height, index) => this.pieceNode(file, layer, height, index))
  }

  /** The node `height` levels above the piece layer. */
  private pieceNode(file: HashedFile, layer: Uint8Array, height: number, index: number): Uint8Array {
    const keptFrom = file.pieceCount > groupLength ? groupLevels : 0
    if (height === 0 || height < keptFrom) return this.nodeAbove(layer, index * 2 ** height, height, this.level)
    const { layers, level } = this.upperOf(file, layer, keptFrom)
    const nodes = layers[height - keptFrom]
    const start = index * sha256Length
    if (nodes === undefined || start >= nodes.length) return paddingHash(level + height - keptFrom)
    return nodes.subarray(start, start + sha256Length)
  }

  private upperOf(file: HashedFile, layer: Uint8Array, keptFrom: number): MerkleTree {
    const kept = this.uppers.get(file.key)
    if (kept !== undefined) {
      this.uppers.delete(file.key)
      this.uppers.set(file.key, kept)
      return kept
    }
    this.hashedCount += file.pieceCount
    return this.keepUpper(file.key, layerAbove(layer, keptFrom, this.level), keptFrom)
  }

  private keepUpper(fileKey: string, lowest: Uint8Array, keptFrom: number): MerkleTree {
    const tree = merkleTree(lowest, this.level + keptFrom)
    this.uppers.set(fileKey, tree)
    this.cachedHashes += hashCount(tree)
    for (const [key, oldest] of this.uppers) {
      if (this.cachedHashes <= maxCachedHashes || key === fileKey) break
      this.uppers.delete(key)
      this.cachedHashes -= hashCount(oldest)
    }
    return tree
  }

  /** The node over the hashes from `start` on, as many as it spans, of those there are; padding where there are none. */
  private nodeAbove(layer: Uint8Array, start: number, height: number, level: number): Uint8Array {
    const from = start * sha256Length
    if (from >= layer.length) return paddingHash(level + height)
    const span = layer.subarray(from, from + 2 ** height * sha256Length)
    this.hashedCount += span.length / sha256Length
    return layerAbove(span, height, level)
  }
}

function groupCount({ pieceCount }: HashedFile): number {
  return Math.ceil(pieceCount / groupLength)
}

function hashCount({ layers }: MerkleTree): number {
  return (layers[0] as Uint8Array).length / sha256Length
}

/**
 * Whether a request lies in a layer of so many hashes, padded to a power of two: an aligned run of a power of two, or
 * one cut off by the end of the layer, with no ancestors beyond those below the root.
 */
function isWithin({ index, length, proofLayers }: HashRange, count: number): boolean {
  const paddedCount = roundedToPowerOfTwo(count)
  const span = roundedToPowerOfTwo(length)
  if (length < 2 || index % span !== 0 || index >= count || index + span > paddedCount) return false
  if (span !== length && index + length !== count) return false
  return proofLayers === 0 || proofLayers < Math.log2(paddedCount)
}

/** The run, of `base` whose first hash has index `baseStart`, and its uncles, asked for by height and index there. */
function run(
  range: HashRange,
  base: Uint8Array,
  baseStart: number,
  level: number,
  nodeOf: (height: number, index: number) => Uint8Array,
): Uint8Array {
  const { index, length } = range
  const uncles = uncleCount(range)
  const hashes = new Uint8Array((length + uncles) * sha256Length)
  const start = (index - baseStart) * sha256Length
  const own = base.subarray(start, start + length * sha256Length)
  hashes.set(own)
  const padding = paddingHash(level)
  for (let offset = own.length; offset < length * sha256Length; offset += sha256Length) hashes.set(padding, offset)
  const height = Math.log2(roundedToPowerOfTwo(length))
  for (let step = 0; step < uncles; step++) {
    const sibling = Math.floor(index / 2 ** (height + step)) ^ 1
    hashes.set(nodeOf(height + step, sibling), (length + step) * sha256Length)
  }
  return hashes
}
