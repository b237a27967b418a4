// The two places where something else than plain BitTorrent decides: what a DownloadPolicy says is kept to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DownloadPolicy, PieceRange } from '../../src/swarm/policies.ts'
import { type TestNode, World } from './swarm-harness.ts'

const anything: DownloadPolicy = {
  piecesFor: () => undefined,
  requestAllowanceBytes: () => Number.POSITIVE_INFINITY,
  onVerified: () => {},
}

/** Pieces that a node served, in order of the first block. */
function servedBy(node: TestNode): number[] {
  return [...new Set(node.storage.served.map(({ piece }) => piece))]
}

function within(ranges: readonly PieceRange[], piece: number): boolean {
  return ranges.some(({ first, last }) => first <= piece && piece <= last)
}

test('ranges: each peer is asked for its ranges only, also when it chokes us or suggests others', () => {
  const outside = (isBound: boolean) => {
    const world = new World(1, { pieces: 40 })
    const ranges: Readonly<Record<number, readonly PieceRange[]>> = {
      1: [
        { first: 0, last: 9 },
        { first: 30, last: 39 },
      ],
      2: [{ first: 10, last: 29 }],
    }
    const downloadPolicy = isBound ? { ...anything, piecesFor: (peer: number) => ranges[peer] } : anything
    const a = world.node('a', { has: 'all', upBytesPerSecond: 100_000 })
    const b = world.node('b', { has: 'all', upBytesPerSecond: 100_000 })
    const leech = world.node('leech', { downloadPolicy })
    world.connect(leech, a)
    world.connect(leech, b)
    a.link(leech).connection.suggest(15)
    assert.ok(world.runUntil(() => leech.swarm.isFinished))
    const wrongA = servedBy(a).filter((piece) => !within(ranges[1] ?? [], piece))
    const wrongB = servedBy(b).filter((piece) => !within(ranges[2] ?? [], piece))
    return wrongA.length + wrongB.length
  }
  assert.equal(outside(true), 0)
  assert.ok(outside(false) > 10)
})

test('allowance: never more is asked of a peer than allowed, and more as soon as it is', () => {
  const world = new World(2, { pieces: 40 })
  let allowance = 5 * 16_384 + 100
  const downloadPolicy: DownloadPolicy = {
    ...anything,
    requestAllowanceBytes: () => Math.max(0, allowance - requestedBytes()),
  }
  const seed = world.node('seed', { has: 'all', behaviour: { allowedFast: false } })
  const leech = world.node('leech', { downloadPolicy })
  let requests = 0
  const requestedBytes = () => requests * 16_384
  world.connect(leech, seed)
  const { connection } = leech.link(seed)
  const request = connection.request.bind(connection)
  connection.request = (piece, begin, length) => {
    requests++
    request(piece, begin, length)
  }
  world.run(30_000)
  assert.equal(requests, 5)
  allowance += 3 * 16_384
  leech.turn(() => leech.swarm.allowanceChanged(world.time.nowMs()))
  assert.equal(requests, 8, 'at once')
  world.run(30_000)
  assert.equal(requests, 8)
  allowance = Number.POSITIVE_INFINITY
  leech.turn(() => leech.swarm.allowanceChanged(world.time.nowMs()))
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 60_000))
})

test('verified: each piece is reported once, with who sent how many of its bytes', () => {
  const world = new World(3, { pieces: 20, blocksPerPiece: 8 })
  const reports: { piece: number; sources: readonly { readonly peer: number; readonly bytes: number }[] }[] = []
  const downloadPolicy: DownloadPolicy = {
    ...anything,
    onVerified: (piece, sources) => void reports.push({ piece, sources }),
  }
  const seeds = ['a', 'b', 'c'].map((name) => world.node(name, { has: 'all', upBytesPerSecond: 20_000 }))
  const leech = world.node('leech', { downloadPolicy })
  for (const seed of seeds) world.connect(leech, seed)
  assert.ok(world.runUntil(() => leech.swarm.isFinished))
  assert.equal(new Set(reports.map(({ piece }) => piece)).size, 20)
  assert.equal(reports.length, 20)
  let sum = 0
  for (const { sources } of reports) for (const { bytes } of sources) sum += bytes
  assert.equal(sum, world.torrent.truth.length)
  assert.ok(reports.some(({ sources }) => sources.length > 1))
})

test('policies can be bound and unbound while it runs', () => {
  const world = new World(4, { pieces: 40 })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 100_000, behaviour: { allowedFast: false } })
  const leech = world.node('leech')
  world.connect(leech, seed)
  const set = (download: DownloadPolicy | undefined) =>
    leech.turn(() => leech.swarm.setPolicies(undefined, download, world.time.nowMs()))
  set({ ...anything, requestAllowanceBytes: () => 0 })
  world.run(5_000)
  assert.equal(leech.storage.have.count, 0)
  set(undefined)
  assert.ok(world.runUntil(() => leech.swarm.isFinished, 60_000))
  const serveNobody = { allocate: () => [] }
  const late = world.node('late', { behaviour: { allowedFast: false } })
  world.connect(late, seed)
  // In the middle of an epoch, the next of which is not waited for.
  world.run(14_000 - (world.time.nowMs() % 10_000))
  const { connection } = late.link(seed).peer
  assert.equal(connection.isChoking, false)
  seed.turn(() => seed.swarm.setPolicies(serveNobody, undefined, world.time.nowMs()))
  world.run(500)
  assert.equal(connection.isChoking, true)
  seed.turn(() => seed.swarm.setPolicies(undefined, undefined, world.time.nowMs()))
  world.run(500)
  assert.equal(connection.isChoking, false)
  assert.ok(world.runUntil(() => late.swarm.isFinished, 60_000))
})
