// Blocks out: what is served, refused and pinned, whatever peers do.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { TorrentVersion } from '../../src/formats/metainfo/metainfo.ts'
import { type TestNode, World } from './swarm-harness.ts'

/** A seed, and a peer whose connection the test speaks through. */
function scene(fast = true, version: TorrentVersion = 'v1', maxPins = Number.POSITIVE_INFINITY) {
  const world = new World(1, { pieces: 20, blocksPerPiece: 4, version, firstFilePieces: version === 'v2' ? 2 : 0 })
  const has = [0, 1, 2, 3, 4]
  const seed = world.node('seed', { has, fast, maxSlots: 0, maxPins, behaviour: { allowedFast: false } })
  const asksNothing = { piecesFor: () => undefined, requestAllowanceBytes: () => 0, onVerified: () => {} }
  const other = world.node('other', { fast, downloadPolicy: asksNothing })
  seed.setPaused({ download: true, upload: false })
  world.connect(seed, other)
  world.run(500)
  const { connection } = other.link(seed)
  const rejects: number[] = []
  const blocks: number[] = []
  const events = other.link(seed).messages
  events.onReject = (piece) => void rejects.push(piece)
  events.onBlock = (piece) => {
    blocks.push(piece)
    return false
  }
  const ask = (piece: number, begin = 0, length = 16_384) => connection.request(piece, begin, length)
  const say = (speak: () => void) => {
    speak()
    connection.flush()
    world.run(1_000)
  }
  const unchoke = () => {
    seed.turn(() => seed.swarm.setMaxSlots(4, world.time.nowMs()))
    world.run(500)
  }
  return { world, seed, other, connection, rejects, blocks, ask, say, unchoke }
}

test('requests are rejected while choked, for pieces we lack and beyond the end of a piece', () => {
  const { rejects, blocks, ask, say, unchoke, seed } = scene()
  say(() => ask(0))
  assert.deepEqual([rejects, blocks], [[0], []])
  unchoke()
  say(() => {
    ask(1)
    ask(7)
    ask(2, 3 * 16_384, 16_385)
    ask(3, 3 * 16_384 + 5, 100)
  })
  assert.deepEqual(rejects, [0, 7, 2])
  assert.deepEqual(blocks, [1, 3])
  assert.equal(seed.storage.pins, 0)
})

test('in version 2 the last block of a file may be asked for with the gap after it, and no byte more', () => {
  const { rejects, ask, say, unchoke, seed, other } = scene(true, 'v2')
  const lengths: number[] = []
  const gap: number[] = []
  const { messages } = other.link(seed)
  messages.onBlock = (_piece, _begin, length) => {
    lengths.push(length)
    return true
  }
  messages.onFragment = (offset, chunk, start, end) => {
    gap.push(...chunk.subarray(Math.min(end, start + Math.max(0, 12_768 - offset)), end))
  }
  messages.onBlockEnd = () => undefined
  unchoke()
  // The first file ends 20,000 bytes before the second begins, within the third block of its last piece.
  say(() => {
    ask(1, 2 * 16_384, 12_768)
    ask(1, 2 * 16_384, 16_384)
    ask(1, 2 * 16_384, 16_385)
    ask(1, 3 * 16_384, 16_384)
  })
  assert.deepEqual([lengths, gap, rejects], [[12_768, 16_384], new Array(3_616).fill(0), [1, 1]])
  assert.equal(seed.storage.pins, 0)
})

test('more than a block at once is refused, to who asks alone', () => {
  const { rejects, blocks, ask, say, unchoke } = scene()
  unchoke()
  say(() => {
    ask(0)
    ask(0, 16_384, 16_385)
    ask(0, 0, 32_768)
    ask(0, 5, 16_384)
  })
  assert.deepEqual(
    [rejects, blocks],
    [
      [0, 0],
      [0, 0],
    ],
  )
})

test('no more is handed to a stream that is full until some of it has left', () => {
  const { ask, say, unchoke, seed, other } = scene()
  unchoke()
  const { peer, out } = seed.link(other)
  seed.occupyUplink(10_000_000 * 20)
  say(() => {
    for (let index = 0; index < 16; index++) ask(index >> 2, (index & 3) * 16_384)
  })
  const queuedBytes = out.queuedBytes
  assert.ok(peer.isUploadReady && peer.unwritten.pinCount > 0 && peer.unwritten.pinCount < 8)
  seed.turn(() => assert.equal(seed.swarm.pumpUpload(peer, 1_000_000, 0), 0))
  assert.equal(out.queuedBytes, queuedBytes)
  for (let second = 0; second < 30; second++) say(() => {})
  assert.equal(peer.uploads.size, 0)
})

test('where no more may be pinned, blocks are copied: they arrive as they are, and a peer that takes none is left as well', () => {
  const world = new World(6, { pieces: 20, blocksPerPiece: 4, version: 'hybrid', firstFilePieces: 7 })
  const seed = world.node('seed', { has: 'all', maxPins: 1, upBytesPerSecond: 200_000 })
  const leeches = ['a', 'b'].map((name) => world.node(name))
  for (const leech of leeches) world.connect(seed, leech)
  let most = 0
  const isDone = () => {
    most = Math.max(most, seed.storage.pins)
    return leeches.every((leech) => leech.swarm.isFinished)
  }
  assert.ok(world.runUntil(isDone, 120_000))
  assert.equal(most, 1)
  const { ask, say, unchoke, ...rest } = scene(true, 'v1', 0)
  unchoke()
  rest.seed.occupyUplink(10_000_000 * 1_000)
  say(() => ask(0))
  assert.equal(rest.seed.storage.pins, 0)
  rest.world.run(100_000)
  assert.ok(rest.seed.isLinked(rest.other))
  assert.ok(rest.world.runUntil(() => !rest.seed.isLinked(rest.other), 40_000))
})

test('a paused upload serves nobody: what waits and what is asked for is refused, allowed fast or not', () => {
  const world = new World(9, { pieces: 40, blocksPerPiece: 4 })
  const seed = world.node('seed', { has: 'all', maxSlots: 0, upBytesPerSecond: 100_000 })
  const leech = world.node('leech')
  world.connect(seed, leech)
  const uploaded = () => seed.swarm.snapshot(world.time.nowMs()).uploadedBytes
  assert.ok(
    world.runUntil(() => uploaded() > 100_000, 20_000),
    'choked, it is served what it was allowed',
  )
  const { peer } = seed.link(leech)
  assert.ok(peer.uploads.size > 0)
  seed.setPaused({ download: false, upload: true })
  assert.equal(peer.uploads.size, 0)
  const before = uploaded()
  world.run(30_000)
  assert.equal(uploaded(), before)
  assert.ok(seed.isLinked(leech))
  seed.turn(() => seed.swarm.setMaxSlots(4, world.time.nowMs()))
  world.run(30_000)
  assert.equal(uploaded(), before)
  seed.setPaused({ download: false, upload: false })
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 120_000))
})

test('a peer that takes nothing of what it asked for is left after two minutes, and its memory is free', () => {
  const { ask, say, unchoke, seed, other, world } = scene()
  unchoke()
  seed.occupyUplink(10_000_000 * 1_000)
  say(() => ask(0))
  world.run(100_000)
  assert.ok(seed.isLinked(other) && seed.storage.pins === 1)
  assert.ok(world.runUntil(() => !seed.isLinked(other), 40_000))
  world.run(10)
  assert.equal(seed.storage.pins, 0)
  const last = seed.outputs.findLast(({ type }) => type === 'disconnect')
  assert.equal(last?.type === 'disconnect' && last.failure.code, 'timed-out')
})

test('without the fast extension refused requests are not answered', () => {
  const { rejects, blocks, ask, say } = scene(false)
  say(() => ask(0))
  assert.deepEqual([rejects, blocks], [[], []])
})

test('a cancelled request is answered with a reject, and not sent', () => {
  const { rejects, blocks, ask, say, unchoke, connection, seed } = scene()
  unchoke()
  seed.occupyUplink(10_000_000 * 2)
  say(() => {
    for (let index = 0; index < 4; index++) ask(0, index * 16_384)
    ask(1)
    connection.cancel(1, 0, 16_384)
    connection.cancel(4, 0, 16_384)
  })
  say(() => {})
  say(() => {})
  assert.deepEqual(rejects, [1])
  assert.deepEqual(blocks, [0, 0, 0, 0])
  assert.equal(seed.storage.pins, 0)
})

test('more requests than we said are refused, and a flood of such ends the connection', () => {
  const { rejects, ask, say, seed, other, world } = scene()
  say(() => {
    for (let index = 0; index < 3_000; index++) ask(0)
  })
  assert.equal(rejects.length, 3_000)
  assert.ok(seed.isLinked(other))
  for (let index = 0; index < 2_000; index++) ask(0)
  other.link(seed).connection.flush()
  assert.ok(world.runUntil(() => !seed.isLinked(other), 1_000))
  const last = seed.outputs.findLast(({ type }) => type === 'disconnect')
  assert.equal(last?.type === 'disconnect' && last.failure.code, 'peer-flood')
})

test('pieces that must be read first are sent when they are there', () => {
  const world = new World(2, { pieces: 20 })
  const seed = world.node('seed', { has: 'all', readMs: 30 })
  const leech = world.node('leech')
  world.connect(seed, leech)
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 60_000))
  assert.equal(seed.storage.pins, 0)
})

test('a piece that turns out to be bad on disk is refused to all who wait for it', () => {
  const { world, rejects, blocks, ask, say, unchoke, seed } = scene()
  unchoke()
  const { storage } = seed
  const view = storage.view.bind(storage)
  storage.view = (piece, begin, length) => (piece === 2 ? undefined : view(piece, begin, length))
  say(() => {
    ask(2)
    ask(3)
  })
  assert.deepEqual(blocks, [])
  storage.have.clear(2)
  seed.turn(() => {
    seed.swarm.pieceLost(2, world.time.nowMs())
    seed.swarm.readable(2, { ok: false, code: 'content-mismatch', detail: '' }, world.time.nowMs())
  })
  world.run(1_000)
  assert.deepEqual(rejects, [2])
  assert.deepEqual(blocks, [3])
})

test('a peer that rejects everything is left alone for a while, and asked again later', () => {
  const world = new World(4, { pieces: 40, blocksPerPiece: 4 })
  const seed = world.node('seed', { has: 'all' })
  const leech = world.node('leech')
  let requests = 0
  world.connect(seed, leech)
  const { messages, connection } = seed.link(leech)
  const onRequest = messages.onRequest.bind(messages)
  let isRefusing = true
  messages.onRequest = (piece, begin, length) => {
    requests++
    if (isRefusing) connection.reject(piece, begin, length)
    else onRequest(piece, begin, length)
  }
  world.run(9_000)
  assert.ok(requests >= 64 && requests < 200, `${requests} requests in 9 s`)
  isRefusing = false
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 60_000))
})

test('allowed fast pieces are given to a choked peer about once, not as often as it asks', () => {
  const world = new World(5, { pieces: 40 })
  const seed = world.node('seed', { has: 'all', maxSlots: 0 })
  const other = world.node('other')
  world.connect(seed, other)
  world.run(5_000)
  const [piece] = seed.link(other).peer.grantedFast
  const { connection } = other.link(seed)
  for (let index = 0; index < 100; index++) {
    connection.request(piece ?? 0, 0, 16_384)
    connection.flush()
    world.run(10)
  }
  world.run(1_000)
  assert.ok(other.link(seed).peer.connection.isChoking)
  assert.ok(seed.swarm.snapshot(0).uploadedBytes <= 10 * 2 * 16_384)
})

function isQuiet(node: TestNode): boolean {
  return node.swarm.peers.every(({ outstanding, uploads, unwritten }) => {
    return outstanding.heldCount === 0 && uploads.size === 0 && unwritten.isEmpty && unwritten.pinCount === 0
  })
}

test('whoever comes and goes, whatever is lost, paused and slow: nothing unverified is served, every request ends, all of it arrives', () => {
  const act = fc.record({
    type: fc.constantFrom('part', 'join', 'pause', 'resume', 'slots', 'mode', 'select', 'all', 'stall'),
    a: fc.nat(3),
    b: fc.nat(3),
    waitMs: fc.nat(1_500),
  })
  fc.assert(
    fc.property(fc.nat(), fc.boolean(), fc.array(act, { maxLength: 12 }), (seed, fast, acts) => {
      const world = new World(seed, { pieces: 24, version: fast ? 'hybrid' : 'v1' })
      const options = { upBytesPerSecond: 150_000, fast, maxSlots: 2, maxFilling: 6, readMs: 5, hashMs: 20 }
      const nodes = [
        world.node('seed', { ...options, has: 'all' }),
        world.node('half', { ...options, has: [0, 2, 4, 6, 8, 10, 12] }),
        world.node('c', options),
        world.node('d', options),
      ]
      const node = (index: number) => nodes[index] as TestNode
      const select = (of: TestNode, mask: number) => {
        const priorities = Uint8Array.from({ length: 24 }, (_, piece) => (piece % 4 === mask ? 0 : 4))
        of.turn(() => of.swarm.setPriorities(priorities, world.time.nowMs()))
      }
      world.connectAll()
      for (const { type, a, b, waitMs } of acts) {
        world.run(waitMs)
        const [one, two] = [node(a), node(b)]
        if (type === 'part' && one.isLinked(two)) world.disconnect(one, two)
        if (type === 'join' && a !== b && !one.isLinked(two)) world.connect(one, two)
        if (type === 'pause') one.setPaused({ download: true, upload: b === 0 })
        if (type === 'resume') one.setPaused({ download: false, upload: false })
        if (type === 'slots') one.turn(() => one.swarm.setMaxSlots(b, world.time.nowMs()))
        if (type === 'mode') one.swarm.setMode(b % 2 === 0 ? 'rarest' : 'sequential')
        if (type === 'select') select(one, b)
        if (type === 'all') select(one, 5)
        if (type === 'stall') one.occupyUplink(150_000 * 5)
      }
      for (const one of nodes) {
        one.setPaused({ download: false, upload: false })
        one.turn(() => one.swarm.setMaxSlots(3, world.time.nowMs()))
        select(one, 5)
      }
      for (const [index, one] of nodes.entries()) {
        for (const two of nodes.slice(index + 1)) if (!one.isLinked(two)) world.connect(one, two)
      }
      const isEverywhere = world.runUntil(() => nodes.every(({ storage }) => storage.have.isComplete), 400_000)
      assert.ok(isEverywhere, 'all of it arrives')
      assert.ok(
        world.runUntil(() => nodes.every(isQuiet), 60_000),
        'every request ends',
      )
      for (const { storage } of nodes) assert.equal(storage.pins, 0)
    }),
    { numRuns: 40 },
  )
})
