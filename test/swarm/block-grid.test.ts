// Lengths of blocks where gaps lie between files: what is asked for, and what counts, against a map of all bytes.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { planPieces } from '../../src/storage/piece-plan.ts'
import { blockGrid, contentLength, lengthOf, wholeLengthOf } from '../../src/swarm/block-grid.ts'
import { World } from './swarm-harness.ts'

const pieceLengthBytes = 65_536

/** Files with gaps before them; the span ends with the last file or with a gap. */
const layouts = fc
  .tuple(
    fc.array(fc.tuple(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 0, max: 40_000 })), { minLength: 1 }),
    fc.integer({ min: 0, max: 40_000 }),
  )
  .map(([pairs, lastGap]) => {
    let position = 0
    const files = pairs.map(([gapBytes, lengthBytes]) => {
      const offset = position + gapBytes
      position = offset + lengthBytes
      return { offset, lengthBytes }
    })
    return { files, spanBytes: position + lastGap }
  })
  .filter(({ spanBytes }) => spanBytes > 0)

describe('block grid', () => {
  test('a block is asked for up to its last byte of a file, and bytes of files alone count', () => {
    fc.assert(
      fc.property(layouts, fc.nat(), fc.nat(), ({ files, spanBytes }, at, size) => {
        const isContent = new Uint8Array(spanBytes)
        for (const { offset, lengthBytes } of files) isContent.fill(1, offset, offset + lengthBytes)
        const grid = blockGrid(planPieces(files, pieceLengthBytes, spanBytes), 'v1')
        for (let start = 0, block = 0; start < spanBytes; start += 16_384, block++) {
          const bytes = isContent.subarray(start, start + 16_384)
          assert.equal(wholeLengthOf(grid, block), bytes.length)
          assert.equal(lengthOf(grid, block), bytes.lastIndexOf(1) + 1)
        }
        const start = at % spanBytes
        const piece = Math.floor(start / pieceLengthBytes)
        const begin = start % pieceLengthBytes
        const end = Math.min(start + (size % 16_384) + 1, (piece + 1) * pieceLengthBytes, spanBytes)
        const count = isContent.subarray(start, end).reduce((sum, one) => sum + one, 0)
        assert.equal(contentLength(grid, piece, begin, end - start), count)
      }),
    )
  })

  test('in version 2 there are no gaps to ask for: a piece ends with its file', () => {
    const files = [
      { offset: 0, lengthBytes: 20_000 },
      { offset: pieceLengthBytes, lengthBytes: 1 },
    ]
    const grid = blockGrid(planPieces(files, pieceLengthBytes, pieceLengthBytes + 1), 'v2')
    assert.deepEqual(
      [lengthOf(grid, 1), wholeLengthOf(grid, 1), contentLength(grid, 0, 16_384, 16_384)],
      [3_616, 3_616, 3_616],
    )
  })
})

describe('gaps on the wire', () => {
  /** A hybrid of two files, the first of which ends 20,000 bytes before its last piece does. */
  const newWorld = () => new World(2, { pieces: 9, blocksPerPiece: 4, version: 'hybrid', firstFilePieces: 4 })
  /** The block with the end of the first file. */
  const [edgePiece, edgeBegin, edgeLength] = [3, 2 * 16_384, 4 * 16_384 - 20_000 - 2 * 16_384] as const

  test('a block that ends with a gap is asked for without it, and one of nothing else not at all', () => {
    const world = newWorld()
    const [seed, leech] = [world.node('seed', { has: 'all' }), world.node('leech')]
    world.connect(seed, leech)
    const { messages } = seed.link(leech)
    const asked: number[][] = []
    const onRequest = messages.onRequest.bind(messages)
    messages.onRequest = (piece, begin, length) => {
      if (piece === edgePiece && begin >= edgeBegin) asked.push([begin, length])
      onRequest(piece, begin, length)
    }
    assert.ok(world.runUntil(() => leech.swarm.isFinished, 60_000))
    assert.deepEqual(asked, [[edgeBegin, edgeLength]])
  })

  for (const answer of ['rejects', 'ignores'] as const) {
    test(`a peer that ${answer} such requests is asked for whole blocks, and content alone counts`, () => {
      const world = newWorld()
      const [seed, leech] = [world.node('seed', { has: 'all' }), world.node('leech')]
      world.connect(seed, leech)
      const { messages, connection } = seed.link(leech)
      const onRequest = messages.onRequest.bind(messages)
      messages.onRequest = (piece, begin, length) => {
        const isOdd = piece === edgePiece && length === edgeLength
        if (!isOdd) onRequest(piece, begin, length)
        else if (answer === 'rejects') connection.reject(piece, begin, length)
      }
      assert.ok(world.runUntil(() => leech.swarm.isFinished, 300_000))
      const nowMs = world.time.nowMs()
      const { totalBytes } = world.torrent.info
      const [got, given] = [leech.swarm.snapshot(nowMs), seed.swarm.snapshot(nowMs)]
      assert.deepEqual([got.downloadedBytes, got.wastedBytes, given.uploadedBytes], [totalBytes, 0, totalBytes])
      assert.equal(got.peers[0]?.downloadedBytes, totalBytes)
      assert.ok(seed.storage.served.some(({ piece, begin }) => piece === edgePiece && begin === edgeBegin))
    })
  }

  test('who asks for nothing but gap gets zeros, and nothing is counted', () => {
    const world = newWorld()
    const seed = world.node('seed', { has: 'all' })
    const asksNothing = { piecesFor: () => undefined, requestAllowanceBytes: () => 0, onVerified: () => {} }
    const leech = world.node('leech', { downloadPolicy: asksNothing })
    world.connect(seed, leech)
    const { messages, connection } = leech.link(seed)
    const lengths: number[] = []
    messages.onBlock = (_piece, _begin, length) => lengths.push(length) < 0
    world.run(1_000)
    leech.turn(() => connection.request(edgePiece, 3 * 16_384, 16_384))
    world.run(1_000)
    assert.deepEqual([lengths, seed.swarm.snapshot(world.time.nowMs()).uploadedBytes], [[16_384], 0])
  })
})
