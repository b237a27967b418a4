// Hashes for peers (BEP 52): what they cost in bandwidth, memory and processor time is bounded, and every request is
// answered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { present } from '../../src/base/assert.ts'
import type { HashRange } from '../../src/formats/peer/wire-messages.ts'
import { World } from './swarm-harness.ts'

/** A seed of a file of 600 pieces of 16 KiB, and a peer through which the test asks. */
function scene(pieces = 600, blocksPerPiece = 1) {
  const world = new World(1, { pieces, blocksPerPiece, version: 'v2' })
  const seed = world.node('seed', { has: 'all', maxSlots: 0, behaviour: { allowedFast: false } })
  const other = world.node('other')
  world.connect(seed, other)
  world.run(500)
  const { connection, messages } = other.link(seed)
  const answers: number[] = []
  let rejects = 0
  messages.onHashes = (_range, hashes) => void answers.push(hashes.length / 32)
  messages.onHashReject = () => void rejects++
  const piecesRoot = present(world.torrent.info.files[0]?.piecesRoot, 'a root')
  const baseLayer = Math.log2(blocksPerPiece)
  const ask = (changes: Partial<HashRange> = {}) =>
    connection.hashRequest({ piecesRoot, baseLayer, index: 0, length: 512, proofLayers: 0, ...changes })
  const { peer } = seed.link(other)
  return { world, seed, other, connection, messages, peer, ask, answers, rejects: () => rejects }
}

test('hashes are handed over as blocks are: as much as is allowed, the rest later, to choked peers too', () => {
  const { world, seed, connection, peer, ask, answers } = scene()
  seed.pump = () => undefined
  for (let count = 0; count < 3; count++) ask()
  connection.flush()
  world.run(500)
  assert.deepEqual(answers, [])
  const pump = (allowedBytes: number) => {
    let sentBytes = 0
    seed.turn(() => {
      sentBytes = seed.swarm.pumpUpload(peer, allowedBytes, world.time.nowMs())
    })
    return sentBytes
  }
  assert.equal(peer.isUploadReady, true)
  assert.equal(pump(0), 0)
  assert.equal(pump(1), 53 + 512 * 32)
  assert.equal(peer.isUploadReady, true)
  assert.equal(pump(100_000), 2 * (53 + 512 * 32))
  assert.equal(peer.isUploadReady, false)
  world.run(500)
  assert.deepEqual(answers, [512, 512, 512])
})

test('of a thousand requests at once few are kept, and all are answered', () => {
  const { world, seed, connection, peer, ask, answers, rejects } = scene()
  let largestBytes = 0
  const { out } = seed.link(present(world.nodes[1], 'the other'))
  const write = out.write.bind(out)
  out.write = (header, payload) => {
    const isRoomy = write(header, payload)
    largestBytes = Math.max(largestBytes, out.queuedBytes)
    return isRoomy
  }
  for (let count = 0; count < 1_000; count++) ask()
  connection.flush()
  world.run(60_000)
  assert.equal(answers.length + rejects(), 1_000)
  assert.ok(answers.length >= 16)
  assert.equal(peer.hashRequests.length, 0)
  assert.ok(largestBytes < 1_048_576, `${largestBytes} bytes waiting`)
})

test('requests that take much hashing are answered at a bounded rate', () => {
  const { world, connection, ask, answers, rejects } = scene()
  const before = world.time.nowMs()
  let asked = 0
  while (world.time.nowMs() < before + 2_000) {
    // Two hashes with all their uncles: those below the levels that are kept are computed for each.
    for (let count = 0; count < 10; count++, asked++) ask({ index: 2, length: 2, proofLayers: 9 })
    connection.flush()
    world.run(10)
  }
  world.run(1_000)
  assert.equal(answers.length + rejects(), asked)
  // 250 nodes a millisecond, about 510 a request.
  assert.ok(answers.length > 500 && answers.length < 1_500, `${answers.length} of ${asked} answered`)
  assert.ok(answers.every((count) => count === 2 + 9))
})

test('leaves of a piece are computed as it is read, each block once, even if it is never in memory as a whole', () => {
  const { world, seed, connection, ask, answers, rejects } = scene(4, 256)
  const { storage } = seed
  const view = storage.view.bind(storage)
  let here = 0
  let viewed = 0
  storage.view = (piece, begin, length) => {
    const part = Math.floor(begin / 1_048_576)
    if (part === here) {
      viewed++
      return view(piece, begin, length)
    }
    world.time.at(world.time.nowMs() + 5, () => {
      here = part
      seed.turn(() => seed.swarm.readable(piece, undefined, world.time.nowMs()))
    })
    return undefined
  }
  ask({ baseLayer: 0, length: 256 })
  connection.flush()
  world.run(2_000)
  assert.deepEqual([answers, rejects(), viewed], [[256], 0, 256])
  assert.equal(storage.pins, 0)
})

test('leaves of very large pieces are refused', () => {
  const { world, connection, ask, rejects, seed } = scene(2, 2_048)
  seed.storage.view = () => assert.fail('nothing is read')
  ask({ baseLayer: 0, length: 2_048 })
  connection.flush()
  world.run(2_000)
  assert.equal(rejects(), 1)
})
