// Merkle trees of BEP 52: SHA-256, two children a node, leaves are hashes of 16 KiB blocks; leaves past the end
// of a file are zeros. A layer is the hashes of one level end to end, 32 bytes each; level 0 are the leaves.
// Guarantees: iterative, works in one buffer, never looks outside the layer it is given.
import { assert, present } from '../../base/assert.ts'
import { emptyBytes, equalBytes } from '../../base/bytes.ts'
import { sha256, sha256Into, sha256Length } from '../../base/hash.ts'
import { blockLengthBytes } from './metainfo.ts'

const paddings: Uint8Array[] = [new Uint8Array(sha256Length)]

/** Root of a subtree of 2^level zero leaves: what fills a layer up to a power of two. */
export function paddingHash(level: number): Uint8Array {
  const pair = new Uint8Array(2 * sha256Length)
  while (paddings.length <= level) {
    const below = present(paddings.at(-1), 'level 0')
    pair.set(below)
    pair.set(below, sha256Length)
    paddings.push(sha256(pair))
  }
  return present(paddings[level], 'filled above')
}

/** The least power of two that is not less than a positive count. */
export function roundedToPowerOfTwo(count: number): number {
  let rounded = 1
  while (rounded < count) rounded *= 2
  return rounded
}

/** Levels between blocks and pieces: 0 for pieces of 16 KiB. */
export function pieceLevel(pieceLengthBytes: number): number {
  return Math.round(Math.log2(pieceLengthBytes / blockLengthBytes))
}

/** Hashes a layer of at least one hash once, in place; an odd one out is paired with padding. Returns the new count. */
function ascend(buffer: Uint8Array, count: number, level: number): number {
  const above = (count + 1) >>> 1
  for (let index = 0; index < count >>> 1; index++) {
    const pair = buffer.subarray(2 * index * sha256Length, (2 * index + 2) * sha256Length)
    sha256Into(pair, buffer, index * sha256Length)
  }
  if (count % 2 === 1) {
    const pair = new Uint8Array(2 * sha256Length)
    pair.set(buffer.subarray((count - 1) * sha256Length, count * sha256Length))
    pair.set(paddingHash(level), sha256Length)
    sha256Into(pair, buffer, (above - 1) * sha256Length)
  }
  return above
}

function hashCount(layer: Uint8Array): number {
  assert(layer.length > 0 && layer.length % sha256Length === 0, 'a layer of whole hashes')
  return layer.length / sha256Length
}

/** Root above a layer of any positive number of hashes; `level` is the layer's own. */
export function merkleRoot(layer: Uint8Array, level = 0): Uint8Array {
  const buffer = new Uint8Array(layer)
  let count = hashCount(layer)
  for (let height = level; count > 1; height++) count = ascend(buffer, count, height)
  return buffer.slice(0, sha256Length)
}

/** The layer `levels` further up. The last hash may cover padding; hashes of padding alone are left out. */
export function layerAbove(layer: Uint8Array, levels: number, level = 0): Uint8Array {
  const buffer = new Uint8Array(layer)
  let count = hashCount(layer)
  for (let height = level; height < level + levels; height++) count = ascend(buffer, count, height)
  return buffer.slice(0, count * sha256Length)
}

/** What BEP 52 stores of a file: the root, and the piece layer if the file is longer than a piece, else nothing. */
export function fileHashes(
  leaves: Uint8Array,
  pieceLengthBytes: number,
): { readonly piecesRoot: Uint8Array; readonly pieceLayer: Uint8Array } {
  const level = pieceLevel(pieceLengthBytes)
  if (hashCount(leaves) <= 2 ** level) return { piecesRoot: merkleRoot(leaves), pieceLayer: emptyBytes }
  const pieceLayer = layerAbove(leaves, level)
  return { piecesRoot: merkleRoot(pieceLayer, level), pieceLayer }
}

/** Root of the up to 2^levels leaves of one piece, padded to its full height: what a piece layer holds. */
export function pieceHash(leaves: Uint8Array, levels: number): Uint8Array {
  const hash = layerAbove(leaves, levels)
  assert(hash.length === sha256Length, 'no more leaves than a piece has')
  return hash
}

/** Every level of the tree above a layer, the layer first, each without the hashes of padding alone. */
export interface MerkleTree {
  readonly level: number
  readonly layers: readonly Uint8Array[]
}

export function merkleTree(layer: Uint8Array, level = 0): MerkleTree {
  const layers = [layer]
  let top = layer
  for (let height = level; top.length > sha256Length; height++) {
    top = layerAbove(top, 1, height)
    layers.push(top)
  }
  return { level, layers }
}

function nodeOf(tree: MerkleTree, height: number, index: number): Uint8Array {
  const layer = tree.layers[height] as Uint8Array
  const start = index * sha256Length
  return start < layer.length ? layer.subarray(start, start + sha256Length) : paddingHash(tree.level + height)
}

/**
 * Answer to a hash request (BEP 52): `length` hashes of the tree's lowest layer from `index` on, padding
 * included, and the `uncleCount` siblings on the way up from the node that spans them, lowest first.
 * `length` is a power of two, `index` a multiple of it; uncles past the root do not exist and are left out.
 */
export function hashesWithProof(
  tree: MerkleTree,
  index: number,
  length: number,
  uncleCount: number,
): { readonly hashes: Uint8Array; readonly uncles: Uint8Array } {
  const span = roundedToPowerOfTwo(length)
  assert(span === length && index % length === 0, 'an aligned run of hashes')
  const hashes = new Uint8Array(length * sha256Length)
  for (let offset = 0; offset < length; offset++) {
    hashes.set(nodeOf(tree, 0, index + offset), offset * sha256Length)
  }
  const height = Math.log2(length)
  const count = Math.max(0, Math.min(uncleCount, tree.layers.length - 1 - height))
  const uncles = new Uint8Array(count * sha256Length)
  for (let step = 0; step < count; step++) {
    const sibling = Math.floor(index / 2 ** (height + step)) ^ 1
    uncles.set(nodeOf(tree, height + step, sibling), step * sha256Length)
  }
  return { hashes, uncles }
}

/**
 * Whether hashes got from a peer belong under `root`: `hashes` is an aligned run of 2^n hashes of one layer
 * beginning at `index`, `uncles` the siblings up to the root, lowest first. False for any other shape.
 */
export function verifyProof(hashes: Uint8Array, index: number, uncles: Uint8Array, root: Uint8Array): boolean {
  const count = hashes.length / sha256Length
  if (!Number.isInteger(count) || count === 0 || roundedToPowerOfTwo(count) !== count) return false
  if (index % count !== 0 || uncles.length % sha256Length !== 0) return false
  let node = merkleRoot(hashes)
  let position = index / count
  const pair = new Uint8Array(2 * sha256Length)
  for (let start = 0; start < uncles.length; start += sha256Length) {
    const uncle = uncles.subarray(start, start + sha256Length)
    pair.set(node, position % 2 === 0 ? 0 : sha256Length)
    pair.set(uncle, position % 2 === 0 ? sha256Length : 0)
    node = sha256(pair)
    position = Math.floor(position / 2)
  }
  return position === 0 && equalBytes(node, root)
}
