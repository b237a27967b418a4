// Slots that are sold beside plain ones: who holds a share is served at once, and nobody else loses what they had a right to.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { plainUploadPolicy } from '../../src/swarm/choker.ts'
import type { EpochSnapshot, PeerSnapshot } from '../../src/swarm/policies.ts'
import { soldSlotsPolicy } from '../../src/swarm/sold-slots.ts'
import { type TestNode, World } from './swarm-harness.ts'

const peerArbitrary = fc.record({
  isInterested: fc.boolean(),
  isUnchoked: fc.boolean(),
  isSeed: fc.boolean(),
  isSnubbing: fc.boolean(),
  downloadRate: fc.nat(5),
  uploadRate: fc.nat(5),
  downloadedBytes: fc.nat(9),
  uploadedBytes: fc.nat(1),
  roundUploadedBytes: fc.nat(9_000_000),
  unchokedAtMs: fc.constantFrom(Number.NEGATIVE_INFINITY, 0, 5_000),
  connectedAtMs: fc.nat(10_000),
})

const situation = fc.record({
  peers: fc
    .array(peerArbitrary, { maxLength: 14 })
    .map((peers): PeerSnapshot[] => peers.map((peer, index) => ({ ...peer, peer: index + 1 }))),
  holders: fc.uniqueArray(fc.integer({ min: 1, max: 16 }), { maxLength: 10 }),
  mostSold: fc.nat(8),
  maxSlots: fc.integer({ min: 1, max: 10 }),
  isSeeding: fc.boolean(),
  epochs: fc.integer({ min: 1, max: 7 }),
  seed: fc.nat(),
})

function wants({ isInterested, isSeed }: PeerSnapshot): boolean {
  return isInterested && !isSeed
}

function snapshotsOf(options: {
  readonly peers: readonly PeerSnapshot[]
  readonly maxSlots: number
  readonly isSeeding: boolean
  readonly epochs: number
}): EpochSnapshot[] {
  const { peers, maxSlots, isSeeding, epochs } = options
  return Array.from({ length: epochs }, (_, epoch) => ({ nowMs: epoch * 10_000, epoch, isSeeding, maxSlots, peers }))
}

test('holders who want something have a slot each, all others those that are left, and two of them at least', () => {
  fc.assert(
    fc.property(situation, (given) => {
      const { peers, holders, mostSold, maxSlots, seed } = given
      const plain = plainUploadPolicy({ random: simulatedRandom(seed) })
      const policy = soldSlotsPolicy({ plain, holders: () => holders, mostSold })
      const sellable = Math.max(0, Math.min(mostSold, maxSlots - 2))
      const wanting = holders.filter((holder) => peers.some((peer) => peer.peer === holder && wants(peer)))
      for (const snapshot of snapshotsOf(given)) {
        const slots = policy.allocate(snapshot)
        const served = slots.map(({ peer }) => peer)
        equal(new Set(served).size, served.length)
        ok(slots.every(({ allowanceBytes }) => allowanceBytes === Number.POSITIVE_INFINITY))
        ok(served.every((number) => peers.some((peer) => peer.peer === number && wants(peer))))
        deepEqual(served.slice(0, Math.min(sellable, wanting.length)), wanting.slice(0, sellable))
        equal(served.length, Math.min(maxSlots, peers.filter(wants).length))
        const unsold = served.length - Math.min(sellable, wanting.length)
        const others = peers.filter(wants).length - Math.min(sellable, wanting.length)
        ok(unsold >= Math.min(others, 2, maxSlots), 'two are never sold')
      }
    }),
    { numRuns: 300 },
  )
})

test('without holders who want something it is as the plain policy says, to the last draw', () => {
  fc.assert(
    fc.property(situation, (given) => {
      const { mostSold, peers, seed } = given
      const idle = peers.filter((peer) => !wants(peer)).map(({ peer }) => peer)
      const plain = plainUploadPolicy({ random: simulatedRandom(seed) })
      const selling = soldSlotsPolicy({
        plain: plainUploadPolicy({ random: simulatedRandom(seed) }),
        holders: () => idle,
        mostSold,
      })
      for (const snapshot of snapshotsOf(given)) deepEqual(selling.allocate(snapshot), plain.allocate(snapshot))
    }),
    { numRuns: 200 },
  )
})

/** A seed with three slots and five leeches; `sell` makes peers holders. */
function market(mostSold: number) {
  const world = new World(5, { pieces: 600, blocksPerPiece: 2 })
  const holders: number[] = []
  const plain = plainUploadPolicy({ random: world.random })
  const seed = world.node('seed', {
    has: 'all',
    upBytesPerSecond: 60_000,
    maxSlots: 3,
    behaviour: { allowedFast: false },
    uploadPolicy: soldSlotsPolicy({ plain, holders: () => holders, mostSold }),
  })
  const leeches = Array.from({ length: 5 }, (_, index) =>
    world.node(`l${index}`, { behaviour: { allowedFast: false } }),
  )
  for (const leech of leeches) world.connect(seed, leech)
  const numberOf = (leech: TestNode) => seed.link(leech).peer.number
  const isServed = (leech: TestNode) => !seed.link(leech).connection.amChoking
  const sell = (...to: readonly TestNode[]) => {
    holders.splice(0, holders.length, ...to.map(numberOf))
    seed.turn(() => seed.swarm.slotsChanged(world.time.nowMs()))
  }
  return { world, seed, leeches, isServed, sell }
}

test('a share sold or taken back shows within a quarter of a second, not at the next epoch', () => {
  const { world, leeches, isServed, sell } = market(1)
  world.run(11_000)
  const unserved = leeches.find((leech) => !isServed(leech))
  ok(unserved !== undefined)
  sell(unserved)
  world.run(251)
  ok(isServed(unserved))
  equal(leeches.filter(isServed).length, 3)
  const next = leeches.find((leech) => !isServed(leech))
  ok(next !== undefined)
  sell(next)
  world.run(251)
  ok(isServed(next))
})

test('a holder that wants something again is served at once, though all slots are taken', () => {
  const { world, seed, leeches, isServed, sell } = market(1)
  const [holder] = leeches
  ok(holder !== undefined)
  world.run(500)
  sell(holder)
  world.run(1_000)
  ok(isServed(holder))
  holder.setPaused({ download: true, upload: false })
  world.run(1_000)
  equal(isServed(holder), false)
  equal(leeches.filter(isServed).length, 3)
  holder.setPaused({ download: false, upload: false })
  world.run(1_000)
  ok(isServed(holder) && seed.link(holder).connection.isInterested)
})

test('holders and those who pay nothing share the bandwidth evenly: a share is one slot of it', () => {
  const { world, seed, leeches, sell } = market(1)
  const [holder, ...others] = leeches
  ok(holder !== undefined)
  world.run(500)
  sell(holder)
  const sentTo = (leech: TestNode) => seed.link(leech).peer.uploadMeter.totalBytes
  const before = leeches.map(sentTo)
  world.run(60_000)
  const gained = leeches.map((leech, index) => sentTo(leech) - (before[index] as number))
  const sum = gained.reduce((total, bytes) => total + bytes, 0)
  const share = (gained[0] as number) / sum
  ok(share > 0.28 && share < 0.4, `${share}`)
  ok(others.filter((_, index) => (gained[index + 1] as number) > 0).length >= 2)
})
