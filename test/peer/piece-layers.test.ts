// Piece layers between peers (BEP 52), over real trees: what one side serves the other proves; liars are named, honest
// peers never; and what is served agrees with hashes and proofs made the plain way.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromLatin1, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import { buildInfo, type FileSpec } from '../../src/formats/metainfo/build-metainfo.ts'
import {
  fileHashes,
  hashesWithProof,
  merkleTree,
  roundedToPowerOfTwo,
  verifyProof,
} from '../../src/formats/metainfo/merkle.ts'
import type { TorrentInfo } from '../../src/formats/metainfo/metainfo.ts'
import { parseInfo } from '../../src/formats/metainfo/parse-info.ts'
import type { HashRange } from '../../src/formats/peer/wire-messages.ts'
import { PieceLayersFetch } from '../../src/peer/piece-layers-fetch.ts'
import { HashTrees } from '../../src/peer/serve-hashes.ts'

const kib16 = 16_384

function leavesOf(blocks: number, seed: number): Uint8Array {
  return concatBytes(Array.from({ length: blocks }, (_, block) => sha256(fromLatin1(`${seed} ${block}`))))
}

interface Torrent {
  readonly info: TorrentInfo
  readonly pieceLayers: ReadonlyMap<string, Uint8Array>
  readonly leaves: readonly Uint8Array[]
}

/** A version 2 torrent of files with so many blocks each, the last block of each a short one. */
function torrentOf(blockCounts: readonly number[], pieceLengthBytes: number): Torrent {
  const leaves = blockCounts.map((blocks, seed) => leavesOf(blocks, seed))
  const pieceLayers = new Map<string, Uint8Array>()
  const files = leaves.map((layer, index): FileSpec => {
    const path = [`file ${String(index).padStart(3, '0')}`]
    if (layer.length === 0) return { path, lengthBytes: 0 }
    const { piecesRoot, pieceLayer } = fileHashes(layer, pieceLengthBytes)
    if (pieceLayer.length > 0) pieceLayers.set(toHex(piecesRoot), pieceLayer)
    return { path, lengthBytes: (layer.length / 32) * kib16 - 100, piecesRoot, pieceLayer }
  })
  const raw = buildInfo({ version: 'v2', name: 'layers', isFolder: true, pieceLengthBytes, files })
  return { info: unwrap(parseInfo(raw)), pieceLayers, leaves }
}

type Manner = 'honest' | 'corrupts' | 'corrupts-uncles' | 'short' | 'stalls' | 'rejects' | 'slow'
const manners: readonly Manner[] = ['honest', 'corrupts', 'corrupts-uncles', 'short', 'stalls', 'rejects', 'slow']

/** What a peer of that manner answers; undefined: nothing. */
function answerOf(manner: Manner, trees: HashTrees, range: HashRange): Uint8Array | 'reject' | undefined {
  if (manner === 'stalls') return undefined
  const answer = trees.answer(range)
  assert.equal(answer.type, 'hashes', JSON.stringify(range))
  if (manner === 'rejects' || answer.type !== 'hashes') return 'reject'
  const hashes = answer.hashes.slice()
  if (manner === 'corrupts') hashes[0] = (hashes[0] as number) ^ 1
  if (manner === 'corrupts-uncles') hashes[hashes.length - 1] = (hashes.at(-1) as number) ^ 1
  return manner === 'short' ? hashes.subarray(32) : hashes
}

function fetchFrom(peers: readonly Manner[], { info, pieceLayers }: Torrent, known: ReadonlyMap<string, Uint8Array>) {
  const trees = new HashTrees(info, pieceLayers)
  const fetch = new PieceLayersFetch(info, known)
  const queue: { atMs: number; peer: number; range: HashRange }[] = []
  const banned: number[] = []
  let requests = 0
  let nowMs = 0
  let done: ReadonlyMap<string, Uint8Array> | undefined
  const drain = () => {
    for (let output = fetch.poll(); output !== undefined; output = fetch.poll()) {
      if (output.type === 'done') done = output.pieceLayers
      else if (output.type === 'ban') {
        assert.equal(output.failure.code, 'peer-hashes')
        banned.push(output.peer)
      } else {
        assert.equal(done, undefined, 'asked after it was done')
        requests++
        const delayMs = peers[output.peer] === 'slow' ? 15_000 : 20 + output.peer
        queue.push({ atMs: nowMs + delayMs, peer: output.peer, range: output.range })
      }
    }
  }
  drain()
  for (const peer of peers.keys()) fetch.addPeer(peer, nowMs)
  drain()
  while (done === undefined && nowMs < 60_000) {
    const arrivalMs = Math.min(...queue.map(({ atMs }) => atMs))
    nowMs = Math.min(arrivalMs, fetch.nextWakeMs())
    if (nowMs === Number.POSITIVE_INFINITY) break
    const index = queue.findIndex(({ atMs }) => atMs === nowMs)
    const [arrived] = index === -1 ? [] : queue.splice(index, 1)
    if (arrived === undefined) fetch.wake(nowMs)
    else {
      const answer = answerOf(peers[arrived.peer] as Manner, trees, arrived.range)
      if (answer === 'reject') fetch.rejected(arrived.peer, arrived.range, nowMs)
      else if (answer !== undefined) fetch.hashes(arrived.peer, arrived.range, answer, nowMs)
    }
    drain()
  }
  if (done !== undefined) assert.equal(fetch.nextWakeMs(), Number.POSITIVE_INFINITY)
  return { done, banned, atMs: nowMs, requests }
}

describe('piece layers fetch', () => {
  test('gets the layers of every file longer than a piece, each run once', () => {
    const torrent = torrentOf([1, 2, 3, 2_000, 0, 1_024, 1_025, 513, 512], kib16)
    const { done, requests } = fetchFrom(['honest', 'honest'], torrent, new Map())
    assert.deepEqual(done, torrent.pieceLayers)
    assert.equal(requests, 1 + 1 + 4 + 2 + 3 + 2 + 1)
  })

  test('asks only for what is missing, and is done at once when nothing is', () => {
    const torrent = torrentOf([5, 9, 4], 2 * kib16)
    const [first] = torrent.pieceLayers
    assert.ok(first !== undefined)
    const { done, requests } = fetchFrom(['honest'], torrent, new Map([first]))
    assert.deepEqual(done, torrent.pieceLayers)
    assert.equal(requests, 2 - 1 + 1)
    assert.deepEqual(fetchFrom([], torrent, torrent.pieceLayers), {
      done: torrent.pieceLayers,
      banned: [],
      atMs: 0,
      requests: 0,
    })
    assert.deepEqual(fetchFrom([], torrentOf([1, 4], 4 * kib16), new Map()).done, new Map())
  })

  test('whoever lies or stalls, one honest peer is enough, soon, and no honest peer is named', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...manners), { maxLength: 8 }),
        fc.nat(8),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(1, 2, 4, 8),
        (others, place, blockCounts, blocksPerPiece) => {
          const peers = [...others.slice(0, place), 'honest' as const, ...others.slice(place)]
          const torrent = torrentOf(blockCounts, blocksPerPiece * kib16)
          const { done, banned, atMs } = fetchFrom(peers, torrent, new Map())
          assert.deepEqual(done, torrent.pieceLayers)
          assert.ok(atMs <= 30_000, `${atMs} ms`)
          for (const peer of banned) assert.match(peers[peer] as string, /^corrupts/)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('names each peer that sends wrong hashes or wrong uncles', () => {
    const torrent = torrentOf([2_000], kib16)
    const { done, banned } = fetchFrom(['corrupts', 'corrupts-uncles', 'honest'], torrent, new Map())
    assert.deepEqual(done, torrent.pieceLayers)
    assert.deepEqual([...banned].sort(), [0, 1])
  })

  test('slow peers are not given up, and peers that only refuse are asked again later', () => {
    const torrent = torrentOf([700], kib16)
    assert.deepEqual(fetchFrom(['slow'], torrent, new Map()).done, torrent.pieceLayers)
    const { done, requests } = fetchFrom(['rejects'], torrent, new Map())
    assert.equal(done, undefined)
    assert.ok(requests > 2 && requests < 20, `${requests} requests`)
  })

  test('answers that nobody asked for change nothing', () => {
    const torrent = torrentOf([4], kib16)
    const fetch = new PieceLayersFetch(torrent.info, new Map())
    const [file] = torrent.info.files
    const range = { piecesRoot: file?.piecesRoot as Uint8Array, baseLayer: 0, index: 0, length: 4, proofLayers: 0 }
    fetch.hashes(1, range, torrent.leaves[0] as Uint8Array, 0)
    fetch.addPeer(1, 0)
    fetch.hashes(1, { ...range, length: 2 }, torrent.leaves[0] as Uint8Array, 0)
    fetch.rejected(1, { ...range, index: 4 }, 0)
    assert.equal(fetch.poll()?.type, 'request')
    assert.equal(fetch.poll(), undefined)
    fetch.hashes(1, range, torrent.leaves[0] as Uint8Array, 0)
    assert.equal(fetch.poll()?.type, 'done')
  })
})

describe('hash trees', () => {
  const shape = fc.record({
    blocks: fc.integer({ min: 1, max: 1_500 }),
    blocksPerPiece: fc.constantFrom(1, 2, 8),
    spanLog: fc.integer({ min: 1, max: 9 }),
    place: fc.nat(2_000),
    proofLayers: fc.nat(11),
  })

  test('serve runs of the piece layer as the plain computation has them', () => {
    fc.assert(
      fc.property(shape, ({ blocks, blocksPerPiece, spanLog, place, proofLayers }) => {
        const { info, pieceLayers } = torrentOf([3, blocks], blocksPerPiece * kib16)
        const piecesRoot = info.files[1]?.piecesRoot as Uint8Array
        const layer = pieceLayers.get(toHex(piecesRoot))
        if (layer === undefined) return
        const level = Math.log2(blocksPerPiece)
        const count = layer.length / 32
        const height = Math.log2(roundedToPowerOfTwo(count))
        const length = 2 ** Math.min(spanLog, height)
        const index = (Math.floor(place / length) * length) % roundedToPowerOfTwo(count)
        const range = { piecesRoot, baseLayer: level, index, length, proofLayers }
        const answer = new HashTrees(info, pieceLayers).answer(range)
        if (index >= count || (proofLayers > 0 && proofLayers >= height)) {
          assert.deepEqual(answer, { type: 'reject' })
          return
        }
        assert.ok(answer.type === 'hashes')
        const uncleCount = Math.max(0, proofLayers + 1 - Math.log2(length))
        const { hashes, uncles } = hashesWithProof(merkleTree(layer, level), index, length, uncleCount)
        assert.deepEqual(answer.hashes, concatBytes([hashes, uncles]))
      }),
      { numRuns: 100 },
    )
  })

  test('serve runs of leaves with a proof up to the root, given the leaves of the piece', () => {
    fc.assert(
      fc.property(shape, ({ blocks, blocksPerPiece, spanLog, place }) => {
        const { info, pieceLayers, leaves } = torrentOf([3, blocks], blocksPerPiece * kib16)
        const file = info.files[1] as TorrentInfo['files'][number]
        const piecesRoot = file.piecesRoot as Uint8Array
        const treeHeight = Math.log2(roundedToPowerOfTwo(blocks))
        const length = 2 ** Math.min(spanLog, Math.log2(blocksPerPiece), treeHeight)
        const index = Math.floor((place % blocks) / length) * length
        // Blocks of a lone piece are the piece layer of a torrent with pieces of one block.
        if (length < 2) return
        const proofLayers = length === 2 ** treeHeight ? 0 : treeHeight - 1
        const range = { piecesRoot, baseLayer: 0, index, length, proofLayers }
        const trees = new HashTrees(info, pieceLayers)
        const answer = trees.answer(range)
        assert.ok(answer.type === 'leaves-needed', JSON.stringify({ index, length, proofLayers, blocks }))
        const firstPiece = file.offset / info.pieceLengthBytes
        assert.equal(answer.piece, firstPiece + Math.floor(index / blocksPerPiece))
        const firstBlock = (answer.piece - firstPiece) * blocksPerPiece
        const own = (leaves[1] as Uint8Array).subarray(firstBlock * 32, (firstBlock + blocksPerPiece) * 32)
        const served = trees.answerWithLeaves(range, own)
        const hashes = served.subarray(0, length * 32)
        assert.ok(verifyProof(hashes, index, served.subarray(length * 32), piecesRoot))
        const real = own.subarray((index - firstBlock) * 32, (index - firstBlock + length) * 32)
        assert.deepEqual(hashes.subarray(0, real.length), real)
        assert.ok(hashes.subarray(real.length).every((byte) => byte === 0))
      }),
      { numRuns: 100 },
    )
  })

  test('a run cut off by the end of the layer has its real hashes only', () => {
    const { info, pieceLayers } = torrentOf([6], kib16)
    const piecesRoot = info.files[0]?.piecesRoot as Uint8Array
    const layer = pieceLayers.get(toHex(piecesRoot)) as Uint8Array
    const trees = new HashTrees(info, pieceLayers)
    const whole = trees.answer({ piecesRoot, baseLayer: 0, index: 0, length: 6, proofLayers: 0 })
    assert.deepEqual(whole, { type: 'hashes', hashes: layer })
  })

  test('reject what BEP 52 does not allow, other layers, unknown roots and files without a layer', () => {
    const { info, pieceLayers } = torrentOf([64, 2, 33], 4 * kib16)
    const [large, small, other] = info.files.map(({ piecesRoot }) => piecesRoot as Uint8Array)
    assert.ok(large !== undefined && small !== undefined && other !== undefined)
    const right: HashRange = { piecesRoot: large, baseLayer: 2, index: 0, length: 16, proofLayers: 0 }
    const trees = new HashTrees(info, pieceLayers)
    assert.equal(trees.answer(right).type, 'hashes')
    const wrong: readonly Partial<HashRange>[] = [
      { piecesRoot: new Uint8Array(32) },
      { piecesRoot: small },
      { baseLayer: 1 },
      { baseLayer: 3, length: 8 },
      { length: 1 },
      { length: 3 },
      { length: 32 },
      { index: 16 },
      { index: 1, length: 2 },
      { index: 2, length: 4 },
      { length: 4, proofLayers: 4 },
      { baseLayer: 0, length: 8 },
      { baseLayer: 0, index: 64, length: 4 },
    ]
    for (const change of wrong) {
      assert.deepEqual(trees.answer({ ...right, ...change }), { type: 'reject' }, JSON.stringify(change))
    }
    const leaves = { ...right, piecesRoot: other, baseLayer: 0, length: 4 }
    assert.equal(trees.answer(leaves).type, 'leaves-needed')
    assert.deepEqual(new HashTrees(info, new Map()).answer(leaves), { type: 'reject' })
  })

  test('the upper levels of large layers are made in slices, one layer after the other, and come out the same', () => {
    const torrent = torrentOf([2_000, 1_025], kib16)
    const trees = new HashTrees(torrent.info, torrent.pieceLayers)
    const ranges = torrent.info.files.map(
      ({ piecesRoot }): HashRange => ({
        piecesRoot: piecesRoot as Uint8Array,
        baseLayer: 0,
        index: 512,
        length: 512,
        proofLayers: 10,
      }),
    )
    const [large, small] = ranges as [HashRange, HashRange]
    assert.equal(trees.prepare({ ...large, proofLayers: 0 }, 512), true, 'which takes no upper levels')
    const slices = [large, small, large, large, small, small, small].map((range) => {
      const before = trees.hashedCount
      const isReady = trees.prepare(range, 512)
      assert.ok(trees.hashedCount - before <= 512)
      return isReady
    })
    assert.deepEqual(slices, [false, false, false, true, false, false, true])
    const before = trees.hashedCount
    for (const range of ranges) {
      assert.deepEqual(trees.answer(range), new HashTrees(torrent.info, torrent.pieceLayers).answer(range))
    }
    assert.equal(trees.hashedCount, before)
  })

  test('upper levels of more files than are kept stay right', () => {
    const blockCounts = Array.from({ length: 40 }, (_, index) => (index === 7 ? 700 : 512 - index))
    const torrent = torrentOf(blockCounts, kib16)
    const trees = new HashTrees(torrent.info, torrent.pieceLayers)
    for (let round = 0; round < 2; round++) {
      for (const [index, { piecesRoot }] of torrent.info.files.entries()) {
        const height = Math.log2(roundedToPowerOfTwo(blockCounts[index] as number))
        const range = {
          piecesRoot: piecesRoot as Uint8Array,
          baseLayer: 0,
          index: 4,
          length: 2,
          proofLayers: height - 1,
        }
        const answer = trees.answer(range)
        assert.ok(answer.type === 'hashes')
        assert.ok(verifyProof(answer.hashes.subarray(0, 64), 4, answer.hashes.subarray(64), range.piecesRoot))
      }
    }
  })
})
