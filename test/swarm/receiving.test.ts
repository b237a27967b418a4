// Blocks in: what reaches storage when several peers send the same block, stop in the middle, or send what nobody asked.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePieceHeader } from '../../src/formats/peer/wire-encoder.ts'
import { pieceHeaderLength } from '../../src/formats/peer/wire-messages.ts'
import { type TestNode, World } from './swarm-harness.ts'

/** A piece message, or its first bytes. */
function pieceMessage(piece: number, begin: number, block: Uint8Array): Uint8Array {
  const message = new Uint8Array(pieceHeaderLength + block.length)
  encodePieceHeader(message, 0, piece, begin, block.length)
  message.set(block, pieceHeaderLength)
  return message
}

/** One piece of one block, asked of two seeds that send only what the test says. */
function scene(fast = true) {
  const world = new World(1, { pieces: 1, blocksPerPiece: 1 })
  const a = world.node('a', { has: 'all', fast })
  const b = world.node('b', { has: 'all', fast })
  const leech = world.node('leech', { fast })
  world.connect(leech, a)
  world.connect(leech, b)
  for (const seed of [a, b]) seed.storage.view = () => undefined
  assert.ok(world.runUntil(() => [a, b].every((seed) => leech.link(seed).peer.outstanding.heldCount === 1), 5_000))
  world.run(300)
  const block = world.torrent.truth
  const bad = block.map((byte) => byte ^ 1)
  const hear = (from: TestNode, bytes: Uint8Array) => leech.link(from).in.receive(bytes)
  const wasted = () => leech.swarm.snapshot(world.time.nowMs()).wastedBytes
  return { world, a, b, leech, block, bad, hear, wasted }
}

test('a block that one peer is sending is not taken from another as well', () => {
  const { world, a, b, leech, block, bad, hear, wasted } = scene()
  const message = pieceMessage(0, 0, block)
  hear(a, message.subarray(0, 5_000))
  hear(b, pieceMessage(0, 0, bad))
  hear(a, message.subarray(5_000))
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 1_000))
  assert.equal(wasted(), block.length)
  assert.deepEqual(leech.bans, [])
})

test('a peer that stops in the middle of a block loses it to one that sends it, and mixes nothing in', () => {
  const { world, a, b, leech, block, bad, hear, wasted } = scene()
  const message = pieceMessage(0, 0, bad)
  hear(a, message.subarray(0, 5_000))
  world.run(1_500)
  const good = pieceMessage(0, 0, block)
  hear(b, good.subarray(0, 7_000))
  hear(a, message.subarray(5_000))
  hear(b, good.subarray(7_000))
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 1_000))
  assert.equal(wasted(), block.length)
  assert.deepEqual(leech.bans, [])
})

/** A peer sends the first bytes of a block it was asked for, and then a byte each 300 ms. */
function dribble(world: World, leech: TestNode, from: TestNode): void {
  const { outstanding } = leech.link(from).peer
  const blocksPerPiece = world.torrent.info.pieceLengthBytes / 16_384
  const block = outstanding.blockAt(outstanding.first)
  const begin = (block % blocksPerPiece) * 16_384
  const start = Math.floor(block / blocksPerPiece) * world.torrent.info.pieceLengthBytes + begin
  const bytes = world.torrent.truth.slice(start, start + 16_384)
  const message = pieceMessage(Math.floor(block / blocksPerPiece), begin, bytes)
  const link = leech.link(from)
  let at = 100
  link.in.receive(message.subarray(0, at))
  const next = () => {
    if (link.in.isClosed || at >= message.length) return
    link.in.receive(message.subarray(at, at + 1))
    at++
    world.time.at(world.time.nowMs() + 300, next)
  }
  world.time.at(world.time.nowMs() + 300, next)
}

test('a peer that dribbles a block loses it to a fast one within seconds', () => {
  const world = new World(1, { pieces: 12 })
  const a = world.node('a', { has: 'all' })
  a.storage.view = () => undefined
  const leech = world.node('leech')
  world.connect(leech, a)
  assert.ok(world.runUntil(() => leech.link(a).peer.outstanding.heldCount > 0, 5_000))
  world.run(300)
  dribble(world, leech, a)
  const honest = world.node('honest', { has: 'all', upBytesPerSecond: 200_000 })
  world.connect(leech, honest)
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 9_000))
  assert.deepEqual(leech.bans, [])
})

test('a peer that dribbles a block holds it for 20 s at most, whoever else has it', () => {
  const { world, a, b, leech, block, hear } = scene()
  dribble(world, leech, a)
  world.run(23_000)
  hear(b, pieceMessage(0, 0, block))
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 1_000))
})

test('an overdue block is asked of others, though the end game has not begun', () => {
  const world = new World(1, { pieces: 3, blocksPerPiece: 4 })
  const a = world.node('a', { has: [0, 1] })
  a.storage.view = () => undefined
  // Nobody gets its piece, which keeps the end game off.
  const hoarder = world.node('hoarder', { has: [2], maxSlots: 0, behaviour: { allowedFast: false } })
  const leech = world.node('leech')
  world.connect(leech, hoarder)
  world.connect(leech, a)
  assert.ok(world.runUntil(() => leech.link(a).peer.outstanding.heldCount > 0, 5_000))
  world.run(300)
  dribble(world, leech, a)
  world.connect(leech, world.node('honest', { has: [0, 1] }))
  assert.ok(world.runUntil(() => leech.storage.have.count === 2, 45_000))
})

test('a block that took too long is welcome still, if nobody else sends it', () => {
  const { world, a, leech, block, hear, wasted } = scene()
  hear(a, pieceMessage(0, 0, block).subarray(0, 5_000))
  world.run(40_000)
  hear(a, pieceMessage(0, 0, block).subarray(5_000))
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 1_000))
  assert.equal(wasted(), 0)
})

test('a block of a peer that leaves in the middle of it is asked of others', () => {
  const { world, a, b, leech, block, hear } = scene()
  hear(a, pieceMessage(0, 0, block).subarray(0, 5_000))
  hear(b, pieceMessage(0, 0, block).subarray(0, 13))
  world.disconnect(leech, b)
  world.disconnect(leech, a)
  world.run(100)
  const honest = world.node('honest', { has: 'all' })
  world.connect(leech, honest)
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 60_000))
})

test('blocks of another length or elsewhere are thrown away, and asked for again', () => {
  const { world, a, b, leech, block, hear, wasted } = scene()
  hear(a, pieceMessage(0, 1, block.subarray(1)))
  assert.equal(wasted(), block.length - 1)
  assert.equal(leech.link(a).peer.outstanding.heldCount, 1)
  const requestsToB = leech.link(b).connection.sentBytes
  hear(b, pieceMessage(0, 0, block.subarray(0, 100)))
  assert.equal(wasted(), block.length + 99)
  world.run(2_000)
  assert.ok(leech.link(b).connection.sentBytes > requestsToB)
  hear(b, pieceMessage(0, 0, block))
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 1_000))
})

test('a late block is welcome while it is needed', () => {
  const { world, a, leech, block, hear, wasted } = scene()
  world.run(30_000)
  assert.equal(leech.link(a).peer.isSilent, true)
  hear(a, pieceMessage(0, 0, block))
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 1_000))
  assert.equal(wasted(), 0)
})

test('a late block yields to one that is not late, and mixes nothing in', () => {
  const { world, a, b, leech, block, bad, hear, wasted } = scene(false)
  a.turn(() => a.swarm.setMaxSlots(0, world.time.nowMs()))
  world.run(100)
  const late = pieceMessage(0, 0, bad)
  const good = pieceMessage(0, 0, block)
  hear(a, late.subarray(0, 5_000))
  hear(b, good.subarray(0, 3_000))
  hear(a, late.subarray(5_000))
  hear(b, good.subarray(3_000))
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 1_000))
  assert.equal(wasted(), block.length)
  assert.deepEqual(leech.bans, [])
})

test('a late block is not taken while another peer sends the same, whether that one was in time or not', () => {
  for (const isInTime of [true, false]) {
    const { world, a, b, leech, block, bad, hear, wasted } = scene(false)
    for (const seed of isInTime ? [a] : [a, b]) seed.turn(() => seed.swarm.setMaxSlots(0, world.time.nowMs()))
    world.run(100)
    assert.equal(leech.link(a).peer.outstanding.heldCount, 0)
    const late = pieceMessage(0, 0, bad)
    const good = pieceMessage(0, 0, block)
    hear(b, good.subarray(0, 5_000))
    hear(a, late.subarray(0, 3_000))
    hear(b, good.subarray(5_000))
    hear(a, late.subarray(3_000))
    assert.ok(world.runUntil(() => leech.swarm.isFinished, 1_000))
    assert.equal(wasted(), block.length)
    assert.deepEqual(leech.bans, [])
  }
})

test('the memory of a late block that never ends is given back', () => {
  const { world, a, b, leech, block, hear } = scene(false)
  for (const seed of [a, b]) seed.turn(() => seed.swarm.setMaxSlots(0, world.time.nowMs()))
  world.run(100)
  assert.equal(leech.storage.inMemory, 0)
  hear(a, pieceMessage(0, 0, block).subarray(0, 5_000))
  assert.equal(leech.storage.inMemory, 1)
  world.disconnect(leech, a)
  world.run(100)
  assert.equal(leech.storage.inMemory, 0)
})

test('what was released is not remembered for ever', () => {
  const { world, a, leech } = scene(false)
  a.turn(() => a.swarm.setMaxSlots(0, world.time.nowMs()))
  world.run(60_000)
  assert.equal(leech.link(a).peer.outstanding.size, 1)
  world.run(120_000)
  assert.equal(leech.link(a).peer.outstanding.size, 0)
})

test('a late block whose piece is given up in the middle of it goes nowhere, and the piece is asked for again', () => {
  const { world, a, b, leech, block, hear } = scene(false)
  a.turn(() => a.swarm.setMaxSlots(0, world.time.nowMs()))
  world.run(100)
  assert.equal(leech.link(a).peer.outstanding.heldCount, 0)
  hear(a, pieceMessage(0, 0, block).subarray(0, 5_000))
  world.disconnect(leech, b)
  world.run(100)
  hear(a, pieceMessage(0, 0, block).subarray(5_000))
  const honest = world.node('honest', { has: 'all' })
  world.connect(leech, honest)
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 120_000))
})

for (const version of ['v1', 'v2', 'hybrid'] as const) {
  test(`pieces that end with their file (${version}): all of both files arrives, and nothing of the gap`, () => {
    const world = new World(2, { pieces: 9, blocksPerPiece: 4, version, firstFilePieces: 4 })
    const seed = world.node('seed', { has: 'all' })
    const leech = world.node('leech')
    world.connect(seed, leech)
    assert.ok(world.runUntil(() => leech.swarm.isFinished, 60_000))
    const { info } = world.torrent
    const sent = leech.swarm.snapshot(world.time.nowMs()).downloadedBytes
    assert.equal(sent, info.totalBytes)
    assert.equal(seed.swarm.snapshot(world.time.nowMs()).uploadedBytes, info.totalBytes)
  })
}

test('blocks on disk from before are not asked for, and nobody is blamed for them', () => {
  const world = new World(3, { pieces: 2, blocksPerPiece: 4 })
  const seed = world.node('seed', { has: 'all' })
  const leech = world.node('leech')
  leech.storage.restore(0, [0, 2])
  for (const block of [0, 2]) leech.swarm.blockOnDisk(0, block * 16_384)
  world.connect(seed, leech)
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 60_000))
  assert.deepEqual(
    seed.storage.served.filter(({ piece }) => piece === 0).map(({ begin }) => begin / 16_384),
    [1, 3],
  )
})
