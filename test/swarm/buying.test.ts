// What a swarm asks of peers that are paid, and what it tells whoever pays: for every byte that came it is known who is owed
// for it, and nothing that is paid for is fetched twice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { Buyer, type BuyingOptions } from './buying-harness.ts'
import { FakeWeb } from './fake-web.ts'
import { type NodeOptions, type TestNode, World } from './swarm-harness.ts'

const behaviour = { allowedFast: false }

function contentBytes(world: World): number {
  return world.torrent.info.totalBytes
}

function seedNode(world: World, name: string, options: NodeOptions = {}): TestNode {
  return world.node(name, { has: 'all', behaviour, ...options })
}

/** Peers of any speed, paid or not, that stall, leave and refuse; the leech pauses and wants less for a while. */
function eventful(seed: number) {
  const random = simulatedRandom(seed)
  const version = random.below(3) === 0 ? 'v2' : 'v1'
  const world = new World(seed, { pieces: 24, blocksPerPiece: 1 + random.below(8), version })
  const count = 3 + random.below(3)
  const fast = random.below(4) > 0
  const seeds = Array.from({ length: count }, (_, index) =>
    seedNode(world, `s${index}`, { upBytesPerSecond: 15_000 + random.below(120_000), fast }),
  )
  const paid = new Set(Array.from({ length: 1 + random.below(count) }, () => 1 + random.below(count)))
  const limitBytes = random.below(2) === 0 ? Number.POSITIVE_INFINITY : (8 + random.below(16)) * 16_384
  const options: BuyingOptions = { fast, limitBytes, isPaid: (peer) => paid.has(peer) }
  const buyer = new Buyer(world, 'buyer', random.below(3) === 0 ? { ...options, maxFilling: 5 } : options)
  for (const [index, other] of seeds.entries()) buyer.connect(other, 5 + index * 20)
  const { node } = buyer
  const at = (atMs: number, act: () => void) => world.time.at(atMs, act)
  const stalled = seeds[random.below(count)] as TestNode
  if (random.below(2) === 0) at(1_000 + random.below(5_000), () => stalled.occupyUplink(stalledSeconds * 130_000))
  if (random.below(2) === 0) {
    const leaving = seeds[random.below(count)] as TestNode
    const again = seedNode(world, 'again', { upBytesPerSecond: 60_000, fast })
    at(1_000 + random.below(5_000), () => {
      if (node.isLinked(leaving)) world.disconnect(node, leaving)
      buyer.connect(again)
    })
  }
  if (random.below(2) === 0) {
    const pauseMs = 1_000 + random.below(3_000)
    const setPaused = (download: boolean) => {
      for (let peer = 1; peer <= count; peer++) buyer.disown(peer)
      node.setPaused({ download, upload: false })
    }
    at(pauseMs, () => setPaused(true))
    at(pauseMs + 1 + random.below(500), () => setPaused(false))
  }
  const unpaid = 1 + random.below(count)
  at(2_000 + random.below(4_000), () => {
    if (!paid.delete(unpaid)) return
    buyer.disown(unpaid)
    node.turn(() => node.swarm.allowanceChanged(world.time.nowMs()))
  })
  return { world, buyer, limitBytes }
}

const stalledSeconds = 30

test('whatever happens, all of the content is owed for once, what came in vain is told apart, two pieces at most are partly here', () => {
  let most = 0
  let vainSum = 0
  for (let seed = 1; seed <= 24; seed++) {
    const { world, buyer } = eventful(seed)
    const { node, books } = buyer
    assert.ok(
      world.runUntil(() => node.swarm.isFinished, 400_000),
      `seed ${seed}`,
    )
    assert.equal(books.sum, contentBytes(world), `seed ${seed}`)
    assert.equal(books.verified.size, 24)
    assert.deepEqual([books.kept, books.damaged, books.abandoned], [[], [], []])
    // What was cancelled on the way still comes, and is told.
    world.run(60_000)
    const vain = [...books.vain.values()].reduce((sum, bytes) => sum + bytes, 0)
    assert.equal(vain, node.swarm.snapshot(world.time.nowMs()).wastedBytes, `seed ${seed}`)
    assert.equal(books.sum, contentBytes(world))
    assert.ok(buyer.mostPartlyHere <= 2, `seed ${seed}: ${buyer.mostPartlyHere}`)
    most = Math.max(most, buyer.mostPartlyHere)
    vainSum += vain
  }
  assert.ok(most >= 1 && vainSum > 0)
})

test('what is left whole to a peer is asked of nobody else while it delivers, and of others once it has stalled', () => {
  const takeovers = (seed: number, isStalling: boolean) => {
    const world = new World(seed, { pieces: 12, blocksPerPiece: 32 })
    const paid = seedNode(world, 'paid', { upBytesPerSecond: 300_000 })
    const free = seedNode(world, 'free', { upBytesPerSecond: 300_000 })
    const buyer = new Buyer(world, 'buyer', { isPaid: (peer) => peer === 1 })
    buyer.connect(paid)
    buyer.connect(free)
    world.runUntil(() => buyer.node.storage.have.count >= 3)
    if (isStalling) paid.occupyUplink(300_000 * 1_000)
    const startMs = world.time.nowMs()
    assert.ok(world.runUntil(() => buyer.node.swarm.isFinished))
    return { count: buyer.takeovers, tookMs: world.time.nowMs() - startMs }
  }
  for (let seed = 1; seed <= 2; seed++) {
    const delivered = takeovers(seed, false)
    assert.equal(delivered.count, 0)
    const stalled = takeovers(seed, true)
    assert.ok(stalled.count > 0)
    assert.ok(stalled.tookMs >= 10_000 && stalled.tookMs < 70_000, `${stalled.tookMs}`)
  }
})

test('a paid peer slower than all others keeps what it is at in the end: nothing is asked for twice', () => {
  const repeated = (isPaid: boolean) => {
    const world = new World(9, { pieces: 30, blocksPerPiece: 16 })
    const slow = seedNode(world, 'slow', { upBytesPerSecond: 60_000 })
    const quick = seedNode(world, 'quick', { upBytesPerSecond: 400_000 })
    const buyer = new Buyer(world, 'buyer', { isPaid: (peer) => isPaid && peer === 1 })
    buyer.connect(slow)
    buyer.connect(quick)
    assert.ok(world.runUntil(() => buyer.node.swarm.isFinished))
    return buyer.requestCount - 30 * 16
  }
  assert.equal(repeated(true), 0)
  assert.ok(repeated(false) > 0)
})

test('whole pieces cost no speed, however small they are and however far the peer', () => {
  const tookMs = (isPaid: boolean, blocksPerPiece: number) => {
    const world = new World(4, { pieces: 256 / blocksPerPiece, blocksPerPiece })
    const seed = seedNode(world, 'seed', { upBytesPerSecond: 2_000_000 })
    const buyer = new Buyer(world, 'buyer', { isPaid: () => isPaid })
    buyer.connect(seed, 150)
    assert.ok(world.runUntil(() => buyer.node.swarm.isFinished))
    return world.time.nowMs()
  }
  for (const blocksPerPiece of [1, 8, 128]) {
    const ratio = tookMs(true, blocksPerPiece) / tookMs(false, blocksPerPiece)
    assert.ok(ratio < 1.03, `${ratio}`)
  }
})

test('a piece larger than what may be outstanding comes block by block, and stays with its peer', () => {
  const world = new World(6, { pieces: 4, blocksPerPiece: 32 })
  const seeds = ['a', 'b', 'c'].map((name) => seedNode(world, name, { upBytesPerSecond: 100_000 }))
  const buyer: Buyer = new Buyer(world, 'buyer', { isPaid: () => true })
  const outstandingLimit = 2 * 16_384
  const allowed = (peer: number) => outstandingLimit - (buyer.unanswered.get(peer) ?? 0)
  buyer.setAllowance(allowed)
  for (const seed of seeds) buyer.connect(seed)
  let most = 0
  const isDone = () => {
    for (const bytes of buyer.unanswered.values()) most = Math.max(most, bytes)
    return buyer.node.swarm.isFinished
  }
  assert.ok(world.runUntil(isDone))
  assert.equal(most, outstandingLimit)
  assert.equal(buyer.takeovers, 0)
  assert.equal(buyer.books.sum, contentBytes(world))
})

test('an allowance is used to the last byte: the short block at the end needs no room for a whole one', () => {
  const world = new World(7, { pieces: 5 })
  const seed = seedNode(world, 'seed')
  const buyer: Buyer = new Buyer(world, 'buyer', { isPaid: () => true })
  let allowed = contentBytes(world) - 1
  let requested = 0
  buyer.setAllowance(() => allowed - requested)
  buyer.connect(seed)
  const { connection } = buyer.node.link(seed)
  const request = connection.request.bind(connection)
  connection.request = (piece, begin, length) => {
    requested += length
    assert.ok(requested <= allowed)
    request(piece, begin, length)
  }
  world.run(30_000)
  assert.ok(contentBytes(world) - requested > 0 && contentBytes(world) - requested <= 16_384)
  assert.equal(buyer.node.swarm.isFinished, false)
  allowed++
  buyer.node.turn(() => buyer.node.swarm.allowanceChanged(world.time.nowMs()))
  assert.ok(world.runUntil(() => buyer.node.swarm.isFinished, 5_000))
  assert.equal(requested, contentBytes(world))
})

for (const version of ['v1', 'v2'] as const) {
  test(`blame (${version}): of damaged pieces liars are owed nothing, and the honest all they sent`, () => {
    let liarsFound = 0
    let shared = 0
    for (let seed = 1; seed <= 8; seed++) {
      const world = new World(seed, { pieces: 3, blocksPerPiece: 32, version })
      const random = simulatedRandom(seed)
      const peers = [0, 1, 2, 3].map((index) =>
        seedNode(world, `p${index}`, { upBytesPerSecond: 15_000 + random.below(5_000) }),
      )
      for (let piece = 0; piece < 3; piece++) {
        for (let block = random.below(3); block < 31; block += 3) peers[0]?.storage.falsify(piece, block * 16_384)
      }
      const buyer = new Buyer(world, 'buyer', { isPaid: () => false })
      const { books } = buyer
      for (const peer of peers) buyer.connect(peer)
      const sentInDamaged = new Map<number, number>()
      const { onDamaged } = books
      books.onDamaged = (piece) => {
        const lots = books.kept.filter((lot) => lot.piece === piece)
        shared += new Set(lots.map(({ peer }) => peer)).size > 1 ? 1 : 0
        for (const { peer, bytes } of lots) sentInDamaged.set(peer, (sentInDamaged.get(peer) ?? 0) + bytes)
        onDamaged.call(books, piece)
      }
      assert.ok(world.runUntil(() => buyer.node.storage.have.isComplete, 300_000))
      for (const number of books.guilty) assert.equal(number, 1)
      liarsFound += books.guilty.size
      const honestInDamaged = [...sentInDamaged].reduce((sum, [peer, bytes]) => sum + (peer === 1 ? 0 : bytes), 0)
      if (!books.guilty.has(1)) continue
      assert.equal(books.sum, contentBytes(world) + honestInDamaged, `seed ${seed}`)
      assert.deepEqual(books.damaged, [])
    }
    assert.ok(liarsFound >= 6 && shared >= 6, `${liarsFound} ${shared}`)
  })
}

test('what was received of a piece that the disk lost is given up, and told before it is asked for again', () => {
  const world = new World(3, { pieces: 6, blocksPerPiece: 16 })
  const seed = seedNode(world, 'seed', { upBytesPerSecond: 60_000 })
  const buyer = new Buyer(world, 'buyer', { isPaid: () => true })
  const { node, books } = buyer
  buyer.connect(seed)
  world.runUntil(() => books.kept.length >= 5)
  const piece = books.kept[0]?.piece ?? -1
  const lost = books.kept.filter((lot) => lot.piece === piece)
  node.turn(() => {
    node.storage.discard(piece)
    node.swarm.pieceLost(piece, world.time.nowMs())
  })
  assert.ok(lost.length >= 2)
  assert.deepEqual(books.abandoned, lost)
  assert.ok(world.runUntil(() => node.swarm.isFinished))
  assert.equal(books.sum, contentBytes(world))
})

test('that nothing is outstanding is told once, when the last answer is here or the peer chokes us', () => {
  const world = new World(8, { pieces: 4, blocksPerPiece: 4 })
  const seed = seedNode(world, 'seed', { upBytesPerSecond: 50_000 })
  const buyer = new Buyer(world, 'buyer', { isPaid: () => true })
  buyer.connect(seed)
  world.run(1_500)
  assert.deepEqual(buyer.noneOutstanding, [])
  assert.equal(buyer.node.swarm.isFinished, false)
  seed.turn(() => seed.swarm.setPolicies({ allocate: () => [] }, undefined, world.time.nowMs()))
  world.run(2_000)
  assert.deepEqual(buyer.noneOutstanding, [1])
  seed.turn(() => seed.swarm.setPolicies(undefined, undefined, world.time.nowMs()))
  assert.ok(world.runUntil(() => buyer.node.swarm.isFinished))
  world.run(30_000)
  assert.deepEqual(buyer.noneOutstanding, [1, 1])
})

test('what was on disk from before and what web seeds bring is owed to nobody', () => {
  const world = new World(11, { pieces: 30, blocksPerPiece: 4 })
  const seed = seedNode(world, 'seed', { upBytesPerSecond: 60_000 })
  const buyer = new Buyer(world, 'buyer', { isPaid: () => true })
  const { node, books } = buyer
  node.storage.restore(7, [0, 1, 3])
  for (const block of [0, 1, 3]) node.swarm.blockOnDisk(7, block * 16_384)
  const web = new FakeWeb(world, node, { 'http://seed.example/': { bytesPerSecond: 60_000 } })
  buyer.connect(seed)
  assert.ok(world.runUntil(() => node.swarm.isFinished))
  const { wastedBytes } = node.swarm.snapshot(world.time.nowMs())
  assert.ok(web.sentBytes > 0 && books.sum > 0)
  assert.equal(books.sum + web.sentBytes - wastedBytes + 3 * 16_384, contentBytes(world))
})

test('a peer that is paid no more shares what was left to it at once', () => {
  const world = new World(12, { pieces: 2, blocksPerPiece: 64 })
  const slow = seedNode(world, 'slow', { upBytesPerSecond: 15_000 })
  const quick = seedNode(world, 'quick', { upBytesPerSecond: 400_000 })
  let isPaid = true
  const buyer = new Buyer(world, 'buyer', { isPaid: (peer) => isPaid && peer === 1 })
  buyer.connect(slow)
  world.run(3_000)
  buyer.connect(quick)
  world.run(15_000)
  const { node } = buyer
  assert.equal(node.storage.have.count, 1)
  const askedBefore = buyer.requestCount
  isPaid = false
  node.turn(() => node.swarm.allowanceChanged(world.time.nowMs()))
  assert.ok(buyer.requestCount > askedBefore)
  assert.ok(world.runUntil(() => node.swarm.isFinished, 5_000))
})

test('a paid peer never waits while something it has lacks: it takes over whole rests from peers that are slow', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const world = new World(seed, { pieces: 10, blocksPerPiece: 8 })
    const slow = Array.from({ length: 10 }, (_, index) => seedNode(world, `s${index}`, { upBytesPerSecond: 6_000 }))
    const paidSeed = seedNode(world, 'paid', { upBytesPerSecond: 120_000 })
    const buyer = new Buyer(world, 'buyer', { isPaid: (peer) => peer === slow.length + 1 })
    for (const other of slow) buyer.connect(other)
    world.run(2_000)
    buyer.connect(paidSeed)
    const { node, books } = buyer
    assert.ok(world.runUntil(() => node.swarm.isFinished, 400_000))
    // Alone it needs 11 s; each of the others would have been at its first piece for 22 s.
    assert.ok(world.time.nowMs() < 13_000, `seed ${seed}: ${world.time.nowMs()} ms`)
    world.run(60_000)
    assert.equal(books.vain.get(slow.length + 1) ?? 0, 0, 'nothing is asked of it that others send')
    assert.ok(
      node.swarm.snapshot(world.time.nowMs()).wastedBytes <= 12 * 16_384,
      'what is on the way comes in vain at most',
    )
  }
})
