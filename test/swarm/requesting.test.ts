// What is asked of whom: each habit is shown by a transfer with it and one without.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SwarmBehaviour } from '../../src/swarm/swarm-behaviour.ts'
import { habit, type TestNode, World } from './swarm-harness.ts'

function isDone(node: TestNode): boolean {
  return node.swarm.isFinished
}

/** Pieces in the order they were verified. */
function orderOf(node: TestNode): number[] {
  return node.outputs.flatMap((output) => (output.type === 'piece' ? [output.piece] : []))
}

function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index)
}

test('rarest first: pieces that only one peer has are here before it leaves', () => {
  const piecesHeldBy = (mode: 'rarest' | 'sequential') => {
    const world = new World(5, { pieces: 48, blocksPerPiece: 4 })
    const whole = world.node('whole', { has: 'all', upBytesPerSecond: 200_000 })
    for (const name of ['b', 'c']) world.node(name, { has: range(0, 40), upBytesPerSecond: 100_000 })
    const leech = world.node('leech')
    leech.swarm.setMode(mode)
    for (const node of world.nodes) if (node !== leech) world.connect(node, leech)
    world.runUntil(() => leech.storage.have.count >= 30)
    world.disconnect(leech, whole)
    return range(40, 48).filter((piece) => leech.storage.have.get(piece)).length
  }
  assert.equal(piecesHeldBy('rarest'), 8)
  assert.ok(piecesHeldBy('sequential') <= 2)
})

test('sequential: pieces come in order', () => {
  const disorder = (mode: 'rarest' | 'sequential') => {
    const world = new World(2, { pieces: 40, blocksPerPiece: 8 })
    for (const name of ['a', 'b']) world.node(name, { has: 'all', upBytesPerSecond: 300_000 })
    const leech = world.node('leech')
    leech.swarm.setMode(mode)
    world.connectAll()
    assert.ok(world.runUntil(() => isDone(leech)))
    return orderOf(leech).reduce((sum, piece, index) => sum + Math.abs(piece - index), 0) / 40
  }
  assert.ok(disorder('sequential') < 1.5)
  assert.ok(disorder('rarest') > 5)
})

test('deadline: a piece that is due comes before the others', () => {
  const placeOf = (hasDeadline: boolean) => {
    const world = new World(3, { pieces: 60 })
    for (const name of ['a', 'b']) world.node(name, { has: 'all', upBytesPerSecond: 200_000 })
    const leech = world.node('leech')
    leech.swarm.setMode('sequential')
    world.connectAll()
    world.run(500)
    if (hasDeadline) leech.swarm.setDeadline(55, world.time.nowMs() + 2_000, world.time.nowMs())
    assert.ok(world.runUntil(() => isDone(leech)))
    return orderOf(leech).indexOf(55)
  }
  assert.ok(placeOf(true) < 30)
  assert.ok(placeOf(false) >= 50)
})

/** A leech of a quick seed and one that falls silent in the middle; how long it took, and what was wasted. */
function withSilentPeer(behaviour: Partial<SwarmBehaviour>, maxMs: number) {
  const world = new World(7, { pieces: 24 })
  const quick = world.node('quick', { has: 'all', upBytesPerSecond: 300_000 })
  const silent = world.node('silent', { has: 'all', upBytesPerSecond: 300_000 })
  const leech = world.node('leech', { behaviour })
  world.connect(quick, leech)
  world.connect(silent, leech)
  world.runUntil(() => leech.storage.have.count >= 6)
  silent.occupyUplink(300_000 * 100_000)
  const startMs = world.time.nowMs()
  const isHere = world.runUntil(() => isDone(leech), maxMs)
  return { isHere, tookMs: world.time.nowMs() - startMs, wasted: leech.swarm.snapshot(world.time.nowMs()).wastedBytes }
}

test('end game: the last blocks are asked of others before their peer counts as silent', () => {
  const with_ = withSilentPeer({}, 60_000)
  const without = withSilentPeer({ endGame: false }, 60_000)
  assert.ok(with_.isHere && without.isHere)
  assert.ok(with_.tookMs < 6_000, `${with_.tookMs} ms with the end game`)
  assert.ok(without.tookMs > 9_000, `${without.tookMs} ms without`)
})

test('silence: what a peer does not send is asked of others', () => {
  assert.ok(withSilentPeer({ endGame: false }, 120_000).isHere)
  assert.ok(!withSilentPeer({ endGame: false, antiSnubbing: false }, 120_000).isHere)
})

test('snubbing: a peer that sends nothing for a minute is known for it', () => {
  const isSnubbing = (antiSnubbing: boolean) => {
    const world = new World(8, { pieces: 24 })
    const silent = world.node('silent', { has: 'all', upBytesPerSecond: 300_000 })
    const leech = world.node('leech', { behaviour: habit('antiSnubbing', antiSnubbing) })
    world.connect(silent, leech)
    world.runUntil(() => leech.storage.have.count >= 2)
    silent.occupyUplink(300_000 * 100_000)
    world.run(90_000)
    return leech.swarm.snapshot(world.time.nowMs()).peers[0]?.isSnubbing
  }
  assert.equal(isSnubbing(true), true)
  assert.equal(isSnubbing(false), false)
})

test('end game: what came from one peer is cancelled at the others', () => {
  const wasted = (cancelsDuplicates: boolean) => {
    const world = new World(4, { pieces: 20, blocksPerPiece: 4 })
    const behaviour = { ...habit('cancelsDuplicates', cancelsDuplicates), leavesUseless: false }
    world.node('slow', { has: 'all', upBytesPerSecond: 30_000, behaviour })
    for (const name of ['a', 'b']) world.node(name, { has: 'all', upBytesPerSecond: 200_000, behaviour })
    const leech = world.node('leech', { behaviour })
    world.connectAll(40)
    assert.ok(world.runUntil(() => isDone(leech)))
    world.run(20_000)
    return leech.swarm.snapshot(world.time.nowMs()).wastedBytes
  }
  assert.ok(wasted(true) < 0.6 * wasted(false), `${wasted(true)} bytes wasted, ${wasted(false)} without`)
})

test('suggest: pieces that a peer suggests are asked of it first', () => {
  const placeOf = (suggestions: boolean) => {
    const world = new World(6, { pieces: 60 })
    const seed = world.node('seed', { has: 'all', upBytesPerSecond: 200_000, maxSlots: 0 })
    const leech = world.node('leech', { behaviour: habit('suggestions', suggestions) })
    world.connect(seed, leech)
    world.run(1_000)
    seed.turn(() => seed.link(leech).connection.suggest(41))
    world.run(1_000)
    seed.turn(() => seed.swarm.setMaxSlots(4, world.time.nowMs()))
    const { allowedFast } = leech.link(seed).peer
    assert.ok(world.runUntil(() => isDone(leech)))
    return orderOf(leech)
      .filter((piece) => !allowedFast.includes(piece))
      .indexOf(41)
  }
  assert.ok(placeOf(true) <= 3, `place ${placeOf(true)}`)
  assert.ok(placeOf(false) > 6, `place ${placeOf(false)}`)
})

test('a choke gives all requests back, with and without the fast extension, and the rest comes from others', () => {
  for (const fast of [true, false]) {
    const world = new World(9, { pieces: 40 })
    const a = world.node('a', { has: 'all', upBytesPerSecond: 300_000, fast, behaviour: { allowedFast: false } })
    const b = world.node('b', { has: 'all', upBytesPerSecond: 300_000, fast })
    const leech = world.node('leech', { fast, behaviour: { endGame: false, antiSnubbing: false, allowedFast: false } })
    world.connect(a, leech)
    world.connect(b, leech)
    world.runUntil(() => leech.storage.have.count >= 8)
    assert.ok(leech.link(a).peer.outstanding.heldCount > 0)
    assert.ok(a.link(leech).peer.uploads.size > 0)
    a.turn(() => a.swarm.setMaxSlots(0, world.time.nowMs()))
    assert.equal(a.link(leech).peer.uploads.size, 0)
    world.run(2_000)
    assert.equal(leech.link(a).peer.outstanding.heldCount, 0)
    assert.equal(a.link(leech).peer.uploads.size, 0)
    assert.ok(world.runUntil(() => isDone(leech)))
  }
})

test('a seed that chokes and unchokes us again and again costs no more than the time it chokes', () => {
  for (const fast of [true, false]) {
    const world = new World(17, { pieces: 40, blocksPerPiece: 4 })
    const seed = world.node('seed', { has: 'all', upBytesPerSecond: 200_000, fast, behaviour: { allowedFast: false } })
    const leech = world.node('leech', { fast })
    world.connect(seed, leech)
    const startMs = world.time.nowMs()
    for (let turn = 0; turn < 60 && !isDone(leech); turn++) {
      seed.turn(() => seed.swarm.setMaxSlots(turn % 2 === 0 ? 4 : 0, world.time.nowMs()))
      world.runUntil(() => isDone(leech), 1_000)
      const { peer } = leech.links[0] ?? {}
      assert.ok(fast || (peer?.outstanding.size ?? 0) < 60, 'what was dropped is not remembered')
    }
    const leastMs = 2 * (world.torrent.truth.length / 200)
    assert.ok(isDone(leech))
    assert.ok(world.time.nowMs() - startMs < 1.4 * leastMs, `${world.time.nowMs() - startMs} ms, at least ${leastMs}`)
  }
})

test('allowed fast: a choked newcomer gets its set, and no more', () => {
  const piecesOf = (allowedFast: boolean) => {
    const world = new World(10, { pieces: 60 })
    const seed = world.node('seed', { has: 'all', maxSlots: 0, behaviour: habit('allowedFast', allowedFast) })
    const leech = world.node('leech')
    world.connect(seed, leech)
    world.run(60_000)
    assert.equal(leech.link(seed).peer.connection.isChoking, true)
    return leech.storage.have.count
  }
  assert.equal(piecesOf(true), 10)
  assert.equal(piecesOf(false), 0)
})

/** Counts what is asked over a connection from now on, and at how many moments. */
function countRequests(node: TestNode, other: TestNode, world: World) {
  const { connection } = node.link(other)
  const request = connection.request.bind(connection)
  const counted = { requests: 0, moments: new Set<number>() }
  connection.request = (piece, begin, length) => {
    counted.requests++
    counted.moments.add(world.time.nowMs())
    request(piece, begin, length)
  }
  return counted
}

test('allowed fast: a choke leaves requests for such pieces as they are, and they are answered', () => {
  const world = new World(22, { pieces: 10, blocksPerPiece: 4 })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 60_000 })
  const leech = world.node('leech', { behaviour: { endGame: false } })
  world.connect(seed, leech)
  const counted = countRequests(leech, seed, world)
  world.runUntil(() => leech.storage.have.count >= 2)
  const { connection, peer } = leech.link(seed)
  assert.equal(peer.allowedFast.length, 10)
  assert.ok(peer.outstanding.heldCount > 4)
  seed.turn(() => seed.swarm.setMaxSlots(0, world.time.nowMs()))
  assert.ok(world.runUntil(() => connection.isChoking))
  assert.ok(peer.outstanding.heldCount > 4)
  assert.equal(peer.outstanding.size, peer.outstanding.heldCount, 'nothing is given up')
  assert.ok(world.runUntil(() => isDone(leech), 20_000))
  assert.equal(leech.swarm.snapshot(world.time.nowMs()).wastedBytes, 0)
  assert.equal(counted.requests, 40, 'each block is asked for once')
})

test('requests leave in batches, not one for each block that comes', () => {
  const world = new World(25, { pieces: 50, blocksPerPiece: 8 })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 1_000_000 })
  const leech = world.node('leech')
  world.connect(seed, leech)
  const counted = countRequests(leech, seed, world)
  assert.ok(world.runUntil(() => isDone(leech)))
  assert.equal(counted.requests, 400)
  assert.ok(counted.moments.size < 100, `${counted.moments.size} moments`)
})

test('donthave: a piece that a peer lost is not asked of it any more', () => {
  const world = new World(11, { pieces: 20 })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 100_000 })
  const leech = world.node('leech')
  world.connect(seed, leech)
  world.runUntil(() => leech.storage.have.count >= 3)
  const lost = range(0, 20).find((piece) => !leech.storage.have.get(piece)) ?? -1
  seed.storage.have.clear(lost)
  seed.turn(() => seed.swarm.pieceLost(lost, world.time.nowMs()))
  world.runUntil(() => leech.storage.have.count >= 19)
  world.run(5_000)
  assert.equal(leech.link(seed).peer.bits.get(lost), false)
  assert.deepEqual(
    range(0, 20).filter((piece) => !leech.storage.have.get(piece)),
    [lost],
  )
  assert.equal(leech.link(seed).peer.connection.amInterested, false)
  assert.equal(leech.link(seed).peer.outstanding.heldCount, 0)
})

test('donthave: what was asked of a piece is asked of others, also when no reject follows', () => {
  const world = new World(24, { pieces: 20 })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 20_000 })
  const leech = world.node('leech')
  world.connect(seed, leech)
  world.runUntil(() => leech.storage.have.count >= 1)
  const { messages, peer } = leech.link(seed)
  const { outstanding } = peer
  const piece = Math.floor(outstanding.blockAt(outstanding.next(outstanding.first)) / 2)
  const heldOf = () => {
    let count = 0
    for (let position = outstanding.first; position < outstanding.end; position = outstanding.next(position)) {
      if (outstanding.isHeld(position) && Math.floor(outstanding.blockAt(position) / 2) === piece) count++
    }
    return count
  }
  assert.ok(heldOf() > 0)
  leech.turn(() => messages.onDonthave(piece))
  assert.equal(heldOf(), 0)
})

test('donthave: a piece that nobody has any more does not hold up the end game', () => {
  const world = new World(23, { pieces: 6 })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 20_000, behaviour: { allowedFast: false } })
  const leech = world.node('leech')
  world.connect(seed, leech)
  world.runUntil(() => leech.link(seed).peer.isSeed)
  leech.setPaused({ download: true, upload: false })
  seed.storage.have.clear(3)
  seed.turn(() => seed.swarm.pieceLost(3, world.time.nowMs()))
  world.run(1_000)
  assert.equal(leech.storage.have.count, 0)
  leech.setPaused({ download: false, upload: false })
  assert.ok(world.runUntil(() => leech.swarm.snapshot(world.time.nowMs()).isEndGame, 10_000))
})

test('selection: only wanted pieces come, what is deselected on the way is cancelled, and may come back', () => {
  const world = new World(12, { pieces: 40 })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 300_000 })
  const leech = world.node('leech')
  const select = (isWanted: (piece: number) => boolean) => {
    const priorities = Uint8Array.from({ length: 40 }, (_, piece) => (isWanted(piece) ? 4 : 0))
    leech.turn(() => leech.swarm.setPriorities(priorities, world.time.nowMs()))
  }
  select((piece) => piece < 30)
  world.connect(seed, leech)
  world.runUntil(() => leech.storage.have.count >= 10)
  const { outstanding } = leech.link(seed).peer
  const unwantedOut = () => {
    let count = 0
    for (let position = outstanding.first; position < outstanding.end; position = outstanding.next(position)) {
      if (outstanding.isHeld(position) && outstanding.blockAt(position) >= 2 * 15) count++
    }
    return count
  }
  assert.ok(unwantedOut() > 0)
  select((piece) => piece < 15)
  assert.equal(unwantedOut(), 0)
  assert.ok(world.runUntil(() => isDone(leech)))
  world.run(3_000)
  const early = leech.storage.have.count
  assert.ok(early < 26, `${early} pieces`)
  assert.ok(range(0, 15).every((piece) => leech.storage.have.get(piece)))
  assert.ok(range(30, 40).every((piece) => !leech.storage.have.get(piece)))
  select(() => true)
  world.connect(seed, leech)
  assert.ok(world.runUntil(() => isDone(leech)))
  assert.equal(leech.storage.have.count, 40)
  assert.equal(leech.outputs.filter(({ type }) => type === 'finished').length, 2)
})

test('priority: what matters more comes first', () => {
  const world = new World(13, { pieces: 40 })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 200_000 })
  const leech = world.node('leech')
  leech.swarm.setPriorities(
    Uint8Array.from({ length: 40 }, (_, piece) => (piece >= 30 ? 7 : 1)),
    world.time.nowMs(),
  )
  world.connect(seed, leech)
  assert.ok(world.runUntil(() => isDone(leech)))
  // The first pieces are any (BEP 3), whatever matters more.
  const early = orderOf(leech).slice(0, 20)
  assert.equal(early.filter((piece) => piece >= 30).length, 10)
})

test('memory: never more pieces under way than storage has room for, and all of them come', () => {
  const world = new World(14, { pieces: 40, blocksPerPiece: 4 })
  for (const name of ['a', 'b', 'c']) world.node(name, { has: 'all', upBytesPerSecond: 400_000 })
  const leech = world.node('leech', { maxFilling: 2, hashMs: 30 })
  world.connectAll()
  let most = 0
  assert.ok(
    world.runUntil(() => {
      most = Math.max(most, leech.storage.inMemory)
      return isDone(leech)
    }),
  )
  assert.equal(most, 2)
})

test('memory: a piece that stalls makes room for others, and goes on when its peer is back', () => {
  const outcome = (spillsStalled: boolean) => {
    const world = new World(15, { pieces: 12, blocksPerPiece: 8 })
    const lone = world.node('lone', { has: [0, 1, 2], upBytesPerSecond: 100_000 })
    const quick = world.node('quick', {
      has: range(3, 12),
      upBytesPerSecond: 400_000,
      maxSlots: 0,
      behaviour: { allowedFast: false },
    })
    const leech = world.node('leech', { maxFilling: 1, behaviour: { spillsStalled } })
    world.connect(lone, leech)
    world.connect(quick, leech)
    const received = () => leech.swarm.snapshot(world.time.nowMs()).downloadedBytes
    world.runUntil(() => received() >= 3 * 16_384 && leech.storage.inMemory === 1)
    world.disconnect(leech, lone)
    quick.turn(() => quick.swarm.setMaxSlots(4, world.time.nowMs()))
    world.run(60_000)
    const whileAway = leech.storage.have.count
    world.connect(lone, leech)
    const isAll = world.runUntil(() => isDone(leech), 60_000)
    return { whileAway, isAll, spilled: leech.storage.spilled.length }
  }
  const spilling = outcome(true)
  assert.ok(spilling.spilled >= 1)
  assert.ok(spilling.whileAway >= 9 && spilling.isAll)
  assert.equal(outcome(false).spilled, 0)
  assert.ok(outcome(false).whileAway < 9)
})

test('memory: peers that send a block of their own piece and no more do not hold it for ever', () => {
  const world = new World(25, { pieces: 12, blocksPerPiece: 8 })
  const silent = range(0, 4).map((piece) => world.node(`silent ${piece}`, { has: [piece] }))
  for (const node of silent) {
    const { storage } = node
    const view = storage.view.bind(storage)
    let left = 1
    storage.view = (piece, begin, length) => (left-- > 0 ? view(piece, begin, length) : undefined)
  }
  const leech = world.node('leech', { maxFilling: 2 })
  for (const node of silent) world.connect(node, leech)
  world.run(100_000)
  assert.equal(leech.storage.inMemory, 2)
  const honest = world.node('honest', { has: range(4, 12), upBytesPerSecond: 400_000 })
  world.connect(honest, leech)
  assert.ok(world.runUntil(() => leech.storage.have.count === 8, 40_000))
})

test('paused: nothing is asked for until it goes on', () => {
  const world = new World(16, { pieces: 40 })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 200_000 })
  const leech = world.node('leech')
  world.connect(seed, leech)
  world.runUntil(() => leech.storage.have.count >= 5)
  assert.ok(leech.link(seed).peer.outstanding.heldCount > 0)
  leech.setPaused({ download: true, upload: false })
  assert.equal(leech.link(seed).peer.outstanding.heldCount, 0)
  world.run(2_000)
  const atPause = leech.storage.have.count
  world.run(20_000)
  assert.equal(leech.storage.have.count, atPause)
  assert.equal(leech.link(seed).peer.connection.amInterested, false)
  leech.setPaused({ download: false, upload: false })
  assert.ok(world.runUntil(() => isDone(leech), 60_000))
})

test('a peer that unchokes while all is paused is asked as soon as it goes on', () => {
  const world = new World(17, { pieces: 40 })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 200_000 })
  const leech = world.node('leech')
  leech.setPaused({ download: true, upload: false })
  world.connect(seed, leech)
  world.run(500)
  seed.turn(() => seed.link(leech).peer.connection.unchoke())
  world.run(500)
  assert.equal(leech.link(seed).peer.connection.isChoking, false)
  leech.setPaused({ download: false, upload: false })
  assert.ok(world.runUntil(() => leech.storage.have.count > 0, 3_000))
})

test('no more is asked of a peer than it says it keeps, and as much as it says where the way is long', () => {
  for (const requestQueueLength of [3, 300]) {
    const world = new World(21, { pieces: 70, blocksPerPiece: 16 })
    const seed = world.node('seed', { has: 'all', requestQueueLength, behaviour: { allowedFast: false } })
    const leech = world.node('leech')
    world.connect(seed, leech, 1_000)
    const { outstanding } = leech.link(seed).peer
    let most = 0
    world.runUntil(() => {
      most = Math.max(most, outstanding.heldCount)
      return leech.swarm.isFinished
    }, 30_000)
    assert.equal(most, requestQueueLength)
  }
})
