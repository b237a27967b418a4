// Merkle trees (BEP 52): roots published for known content, and that layers, proofs and trees agree.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, equalBytes, toHex } from '../../../src/base/bytes.ts'
import { sha256 } from '../../../src/base/hash.ts'
import {
  fileHashes,
  hashesWithProof,
  layerAbove,
  merkleRoot,
  merkleTree,
  paddingHash,
  pieceHash,
  pieceLevel,
  roundedToPowerOfTwo,
  verifyProof,
} from '../../../src/formats/metainfo/merkle.ts'

const options = { numRuns: 200 }
const kib16 = 16_384

function leavesOfZeros(lengthBytes: number): Uint8Array {
  return concatBytes(Array.from({ length: lengthBytes / kib16 }, () => sha256(new Uint8Array(kib16))))
}

function madeUpLeaves(count: number): Uint8Array {
  return concatBytes(Array.from({ length: count }, (_, index) => sha256(new Uint8Array([index, index >>> 8]))))
}

/** The definition, word by word: zeros up to a power of two, then pairs of pairs. */
function rootByDefinition(leaves: Uint8Array): Uint8Array {
  const width = roundedToPowerOfTwo(leaves.length / 32)
  let row: Uint8Array[] = Array.from({ length: width }, (_, index) => {
    const leaf = new Uint8Array(32)
    leaf.set(leaves.subarray(index * 32, index * 32 + 32))
    return leaf
  })
  while (row.length > 1) {
    row = Array.from({ length: row.length / 2 }, (_, index) =>
      sha256(concatBytes([row[2 * index] as Uint8Array, row[2 * index + 1] as Uint8Array])),
    )
  }
  return new Uint8Array(row[0] as Uint8Array)
}

const leafCount = fc.integer({ min: 1, max: 70 })

describe('merkle', () => {
  test('roots of 64 KiB and 1 MiB of zeros are those that libtorrent publishes', () => {
    const root64k = '60aae9c7b428f87e0713e88229e18f0adf12cd7b22a0dd8a92bb2485eb7af242'
    const root1m = '515ea9181744b817744ded9d2e8e9dc6a8450c0b0c52e24b5077f302ffbd9008'
    assert.equal(toHex(merkleRoot(leavesOfZeros(65_536))), root64k)
    const { piecesRoot, pieceLayer } = fileHashes(leavesOfZeros(1_048_576), 65_536)
    assert.equal(toHex(piecesRoot), root1m)
    assert.equal(toHex(pieceLayer), root64k.repeat(16))
  })

  test('the root of one leaf is the leaf', () => {
    const leaf = new Uint8Array(32).fill(7)
    assert.deepEqual(merkleRoot(leaf), leaf)
  })

  test('padding is the root of as many zero leaves', () => {
    for (const level of [0, 1, 2, 5]) {
      assert.deepEqual(new Uint8Array(paddingHash(level)), rootByDefinition(new Uint8Array(32 << level)))
    }
  })

  test('pieces of 16 KiB are blocks, of 128 KiB the third layer above them', () => {
    assert.equal(pieceLevel(kib16), 0)
    assert.equal(pieceLevel(131_072), 3)
    assert.equal(pieceLevel(512 * 1024 * 1024), 15)
  })

  test('the root is the one of the definition, for any number of leaves', () => {
    fc.assert(
      fc.property(leafCount, (count) => {
        const leaves = madeUpLeaves(count)
        assert.deepEqual(merkleRoot(leaves), rootByDefinition(leaves))
      }),
      options,
    )
  })

  test('the root over a piece layer is the root over the leaves', () => {
    fc.assert(
      fc.property(leafCount, fc.integer({ min: 0, max: 4 }), (count, level) => {
        const leaves = madeUpLeaves(count)
        const { piecesRoot, pieceLayer } = fileHashes(leaves, kib16 * 2 ** level)
        assert.deepEqual(piecesRoot, rootByDefinition(leaves))
        if (count <= 2 ** level) assert.equal(pieceLayer.length, 0)
        else assert.equal(pieceLayer.length / 32, Math.ceil(count / 2 ** level))
      }),
      options,
    )
  })

  test('a layer is made of its pieces, each hashed alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 70 }), (count) => {
        const leaves = madeUpLeaves(count)
        const pieces: Uint8Array[] = []
        for (let start = 0; start < leaves.length; start += 128)
          pieces.push(pieceHash(leaves.subarray(start, start + 128), 2))
        assert.deepEqual(concatBytes(pieces), layerAbove(leaves, 2))
      }),
      options,
    )
  })

  test('no function changes the layer it is given', () => {
    const leaves = Buffer.from(madeUpLeaves(7))
    merkleRoot(leaves)
    layerAbove(leaves, 2)
    merkleTree(leaves)
    assert.deepEqual(new Uint8Array(leaves), madeUpLeaves(7))
  })

  test('a proof taken from a tree verifies, and not with a byte changed, another place or another root', () => {
    const run = fc.record({
      count: fc.integer({ min: 2, max: 70 }),
      level: fc.integer({ min: 0, max: 3 }),
      place: fc.nat(),
      size: fc.integer({ min: 0, max: 3 }),
      changed: fc.nat(),
    })
    fc.assert(
      fc.property(run, ({ count, level, place, size, changed }) => {
        const layer = madeUpLeaves(count)
        const root = merkleRoot(layer, level)
        const width = roundedToPowerOfTwo(count)
        const length = Math.min(2 ** size, width)
        const index = (place % (width / length)) * length
        const { hashes, uncles } = hashesWithProof(merkleTree(layer, level), index, length, 64)
        const isPaddingAlone = index >= count
        assert.ok(verifyProof(hashes, index, uncles, root))
        const all = concatBytes([hashes, uncles])
        const position = changed % all.length
        all[position] = (all[position] as number) ^ 1
        assert.ok(!verifyProof(all.subarray(0, hashes.length), index, all.subarray(hashes.length), root))
        const sibling = index + length < width ? index + length : index - length
        const elsewhere = hashesWithProof(merkleTree(layer, level), Math.max(0, sibling), length, 64)
        if (sibling >= 0 && !isPaddingAlone && !equalBytes(elsewhere.hashes, hashes)) {
          assert.ok(!verifyProof(hashes, sibling, uncles, root))
        }
        assert.ok(!verifyProof(hashes, index, uncles, sha256(root)))
      }),
      options,
    )
  })

  test('a proof of a wrong shape is refused, not thrown at', () => {
    const root = merkleRoot(madeUpLeaves(4))
    const leaves = madeUpLeaves(4)
    assert.ok(verifyProof(leaves, 0, new Uint8Array(0), root))
    assert.ok(!verifyProof(new Uint8Array(0), 0, new Uint8Array(0), root))
    assert.ok(!verifyProof(leaves.subarray(0, 96), 0, new Uint8Array(0), root))
    assert.ok(!verifyProof(leaves.subarray(1), 0, new Uint8Array(0), root))
    assert.ok(!verifyProof(leaves, 1, new Uint8Array(0), root))
    assert.ok(!verifyProof(leaves, 4, new Uint8Array(0), root))
    assert.ok(!verifyProof(leaves, 0, new Uint8Array(31), root))
    assert.ok(!verifyProof(leaves.subarray(0, 64), 0, new Uint8Array(0), root))
  })

  test('fewer uncles are given when fewer are asked for', () => {
    const { uncles } = hashesWithProof(merkleTree(madeUpLeaves(16)), 4, 4, 1)
    assert.equal(uncles.length, 32)
  })
})
