// What peers are told of what we have and want: haves, super-seeding, upload-only.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SwarmBehaviour } from '../../src/swarm/swarm-behaviour.ts'
import { habit, type NodeOptions, type TestNode, World } from './swarm-harness.ts'

function isDone(node: TestNode): boolean {
  return node.swarm.isFinished
}

/** Wraps methods of one side of a link, so that calls are counted. */
function countHaves(node: TestNode, other: TestNode): () => number {
  const { connection } = node.link(other)
  let count = 0
  for (const name of ['have', 'haveLater'] as const) {
    const say = connection[name].bind(connection)
    connection[name] = (piece) => {
      count++
      say(piece)
    }
  }
  return () => count
}

test('haves: peers hear of each new piece once, those that have it too, so that seeds see how far others are', () => {
  const world = new World(1, { pieces: 20 })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 100_000 })
  const leech = world.node('leech')
  const idle = world.node('idle')
  world.connect(seed, leech)
  world.connect(leech, idle)
  idle.setPaused({ download: true, upload: true })
  const toSeed = countHaves(leech, seed)
  const toIdle = countHaves(leech, idle)
  assert.ok(world.runUntil(() => leech.storage.have.count === 10))
  const progress = leech.storage.have.count / 20
  world.run(1_200)
  const row = seed.swarm.snapshot(world.time.nowMs()).peers[0]
  assert.ok(row !== undefined && row.progress >= progress)
  assert.ok(world.runUntil(() => isDone(leech)))
  world.run(1_000)
  assert.equal(idle.link(leech).peer.bits.isComplete, true)
  assert.deepEqual([toSeed(), toIdle()], [20, 20])
})

test('haves: who lacks a piece hears of it at once; who has it, all of a second in one write', () => {
  const world = new World(1, { pieces: 40 })
  world.node('seed', { has: 'all', upBytesPerSecond: 400_000 })
  const full = world.node('full', { has: 'all', maxSlots: 0, behaviour: { allowedFast: false } })
  const leech = world.node('leech')
  const idle = world.node('idle')
  world.connectAll()
  idle.setPaused({ download: true, upload: true })
  assert.ok(world.runUntil(() => leech.storage.have.count === 5))
  const wereSent = leech.link(full).connection.sentBytes
  let writes = 0
  const { out } = leech.link(full)
  const write = out.write.bind(out)
  out.write = (header, payload) => {
    writes++
    return write(header, payload)
  }
  assert.ok(world.runUntil(() => leech.storage.have.count === 20))
  world.run(100)
  assert.ok(idle.link(leech).peer.bits.count >= 20)
  world.run(1_100)
  assert.ok(full.link(leech).peer.bits.count >= 20)
  const sentBytes = leech.link(full).connection.sentBytes - wereSent
  assert.ok(sentBytes >= 15 * 9 && writes <= sentBytes / 9 / 4, `${sentBytes} bytes in ${writes} writes`)
})

test('greeting: the first message says what we have, to peers with and without the fast extension', () => {
  for (const fast of [true, false]) {
    const world = new World(2, { pieces: 20 })
    const us = world.node('us', { has: [3, 7], fast, behaviour: { allowedFast: false } })
    const seed = world.node('seed', { has: 'all', fast, maxSlots: 0, behaviour: { allowedFast: false } })
    const empty = world.node('empty', { fast, maxSlots: 0 })
    us.setPaused({ download: true, upload: true })
    world.connectAll()
    let haveAlls = 0
    const { messages } = us.link(seed)
    const onHaveAll = messages.onHaveAll.bind(messages)
    messages.onHaveAll = () => {
      haveAlls++
      onHaveAll()
    }
    world.run(100)
    assert.equal(haveAlls, fast ? 1 : 0)
    assert.equal(us.link(seed).peer.isSeed, true)
    assert.equal(us.link(empty).peer.bits.hasAny, false)
    assert.deepEqual([seed.link(us).peer.bits.count, seed.link(us).peer.bits.get(7)], [2, true])
  }
})

test('bitfields and have all in place of later haves count each piece once', () => {
  const world = new World(4, { pieces: 20 })
  const behaviour = { allowedFast: false }
  const us = world.node('us', { behaviour })
  const other = world.node('other', { has: [3], behaviour })
  us.setPaused({ download: true, upload: true })
  world.connect(other, us)
  world.run(100)
  const { peer } = us.link(other)
  const { connection } = other.link(us)
  const says: readonly (readonly [() => unknown, number])[] = [
    [() => connection.bitfield(Uint8Array.of(0b1001_0000, 0, 0b1000_0000)), 3],
    [() => connection.bitfield(Uint8Array.of(0b1000_0000, 0, 0)), 3],
    // The picker's own check fails where a piece is taken away that was not counted.
    [() => connection.donthave(16), 2],
    [() => connection.haveAll(), 20],
    [() => connection.haveAll(), 20],
    [() => connection.donthave(7), 19],
  ]
  for (const [say, count] of says) {
    other.turn(say)
    world.run(100)
    assert.deepEqual([peer.bits.count, peer.interestingCount, peer.isSeed], [count, count, count === 20])
  }
})

test('super-seeding: a seed hardly sends a piece twice before all are in the swarm', () => {
  const outcome = (isOn: boolean) => {
    const world = new World(3, { pieces: 30 })
    const options: NodeOptions = { upBytesPerSecond: 100_000, behaviour: { allowedFast: false } }
    const seed = world.node('seed', { ...options, has: 'all' })
    seed.swarm.setSuperSeeding(isOn)
    const leeches = [0, 1, 2, 3].map((index) => world.node(`l${index}`, options))
    world.connectAll()
    world.run(1_000)
    const shown = Math.max(...leeches.map((leech) => leech.link(seed).peer.bits.count))
    const allAreOut = () => {
      const pieces = new Set(leeches.flatMap((leech) => piecesOf(leech)))
      return pieces.size === 30
    }
    assert.ok(world.runUntil(allAreOut))
    const sent = seed.swarm.snapshot(world.time.nowMs()).uploadedBytes
    assert.ok(
      world.runUntil(() => leeches.every(isDone)),
      'all of it arrives',
    )
    return { shown, copies: sent / world.torrent.truth.length }
  }
  const on = outcome(true)
  const off = outcome(false)
  assert.ok(on.shown <= 15 && off.shown === 30, `${on.shown} pieces shown, ${off.shown} without`)
  assert.ok(on.copies < 1.25, `${on.copies} copies sent`)
  assert.ok(on.copies < off.copies, `${on.copies} copies sent, ${off.copies} without`)
})

test('super-seeding: a seed that comes and goes does not make us show more to anybody', () => {
  const world = new World(3, { pieces: 30 })
  const behaviour = { allowedFast: false }
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 1_000, behaviour })
  seed.swarm.setSuperSeeding(true)
  const leeches = [0, 1].map((index) => world.node(`l${index}`, { behaviour }))
  for (const leech of leeches) world.connect(seed, leech)
  world.run(2_000)
  assert.deepEqual(
    leeches.map((leech) => leech.link(seed).peer.bits.count),
    [2, 2],
  )
  const shownMore = leeches.map((leech) => countHaves(seed, leech))
  for (let round = 0; round < 5; round++) {
    world.connect(seed, world.node(`other ${round}`, { has: 'all' }))
    world.run(500)
  }
  assert.deepEqual(
    shownMore.map((count) => count()),
    [0, 0],
  )
})

function piecesOf(node: TestNode): number[] {
  return Array.from({ length: node.storage.have.length }, (_, piece) => piece).filter((piece) =>
    node.storage.have.get(piece),
  )
}

test('super-seeding: what was not shown is not served, and switched off all is told', () => {
  const world = new World(4, { pieces: 30 })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 20_000, behaviour: { allowedFast: false } })
  seed.swarm.setSuperSeeding(true)
  const leech = world.node('leech')
  // As long as somebody lacks what the leech got, it is to be passed on before there is more.
  const other = world.node('other')
  for (const node of [leech, other]) world.connect(seed, node)
  other.setPaused({ download: true, upload: true })
  world.run(1_000)
  const shown = leech.link(seed).peer.bits
  assert.ok(shown.count < 30)
  const hidden = shown.nextClear(0)
  assert.equal(leech.link(seed).connection.isChoking, false)
  leech.turn(() => leech.link(seed).connection.request(hidden, 0, 16_384))
  world.run(3_000)
  assert.ok(seed.storage.served.length > 0)
  assert.ok(!seed.storage.served.some(({ piece }) => piece === hidden))
  seed.turn(() => seed.swarm.setSuperSeeding(false))
  assert.ok(world.runUntil(() => isDone(leech)))
})

function partialSeeds(behaviour: Partial<SwarmBehaviour>) {
  const world = new World(5, { pieces: 20 })
  const options = { has: [0, 1, 2, 3, 4], behaviour }
  const a = world.node('a', options)
  const b = world.node('b', { ...options, has: [10, 11] })
  const wanting = (node: TestNode, wanted: readonly number[]) => {
    const priorities = Uint8Array.from({ length: 20 }, (_, piece) => (wanted.includes(piece) ? 4 : 0))
    node.turn(() => node.swarm.setPriorities(priorities, world.time.nowMs()))
  }
  return { world, a, b, wanting }
}

test('partial seeds: two that want nothing of each other part, though neither has all', () => {
  for (const leavesUseless of [true, false]) {
    const { world, a, b, wanting } = partialSeeds(habit('leavesUseless', leavesUseless))
    wanting(a, [0, 1])
    wanting(b, [10, 11])
    world.connect(a, b)
    world.run(2_000)
    assert.equal(a.isLinked(b), !leavesUseless)
    if (!leavesUseless) assert.equal(b.link(a).peer.isUploadOnly, true)
  }
})

test('partial seeds: one that becomes complete in its wishes says so, and is told when we want more again', () => {
  const { world, a, b, wanting } = partialSeeds({ leavesUseless: false })
  wanting(a, [0, 1, 10])
  wanting(b, [10, 11, 0])
  world.connect(a, b)
  assert.ok(world.runUntil(() => isDone(a) && isDone(b)))
  world.run(1_000)
  assert.equal(b.link(a).peer.isUploadOnly, true)
  wanting(a, [0, 1, 10, 11])
  assert.ok(world.runUntil(() => b.link(a).peer.isUploadOnly === false, 1_000))
  assert.ok(world.runUntil(() => isDone(a)))
})

test('super-seeding: a seed, which was told next to nothing, is told what we have of what it loses', () => {
  const world = new World(1, { pieces: 20 })
  const behaviour = { leavesUseless: false }
  const us = world.node('us', { has: 'all', behaviour })
  us.swarm.setSuperSeeding(true)
  const seed = world.node('seed', { has: 'all', behaviour })
  world.connect(us, seed)
  world.run(1_000)
  const untold = seed.link(us).peer.bits.nextClear(0)
  assert.notEqual(untold, -1)
  seed.turn(() => seed.link(us).connection.donthave(untold))
  world.run(1_000)
  assert.equal(us.link(seed).peer.bits.get(untold), false)
  assert.equal(seed.link(us).peer.bits.get(untold), true)
})

test('a piece that was lost is fetched again, and peers are told meanwhile', () => {
  const world = new World(6, { pieces: 10 })
  const behaviour = { leavesUseless: false }
  const seed = world.node('seed', { has: 'all', behaviour })
  const us = world.node('us', { has: 'all', behaviour })
  world.connect(seed, us)
  world.run(1_000)
  us.storage.have.clear(4)
  us.turn(() => us.swarm.pieceLost(4, world.time.nowMs()))
  assert.equal(us.swarm.isFinished, false)
  assert.ok(world.runUntil(() => !seed.link(us).peer.bits.get(4), 1_000))
  assert.ok(world.runUntil(() => isDone(us), 60_000))
  world.run(1_000)
  assert.equal(seed.link(us).peer.isSeed, true)
})
