// Rate limits of whole sessions: kept within 5 % over 10 s, both ways, for few peers and many; and the same history
// from the same seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import { SimpleSeed } from '../../sim/world/simple-seed.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import type { World } from '../../sim/world/world.ts'
import type { TorrentLimits } from '../../src/session/commands.ts'
import type { SessionConfig } from '../../src/session/session-config.ts'
import { noRateLimits } from '../../src/session/session-config.ts'
import type { UploadPolicy } from '../../src/swarm/policies.ts'
import { newWorld, seedOf } from './session-world.ts'

const rate = 200_000
const limited = { downloadBytesPerSecond: rate, uploadBytesPerSecond: rate }

async function swarm(
  world: World,
  leecherCount: number,
  lengthBytes: number,
  config: Partial<SessionConfig>,
  limits: Partial<TorrentLimits> = {},
) {
  const content = makeContent({ lengths: [lengthBytes] })
  const seeder = await seedOf(world, content, '10.0.1.1', { exemptLocalNetwork: false, ...config })
  const id = torrentIdOf(content)
  const leechers: Machine[] = []
  for (let index = 0; index < leecherCount; index++) {
    const leecher = world.machine(`10.0.0.${index + 1}`)
    await leecher.start({ exemptLocalNetwork: false })
    await leecher.add(content.metainfo, { peers: [seeder.endpoint], limits })
    leechers.push(leecher)
  }
  return { seeder, leechers, id, content }
}

function assertRate(bytes: number, seconds: number): void {
  const share = bytes / (rate * seconds)
  assert.ok(share > 0.95 && share < 1.05, `${Math.round(share * 100)} % of the limit`)
}

for (const count of [1, 50]) {
  test(`an upload limit of the session holds for ${count} peers, protocol included`, async () => {
    const world = newWorld()
    const { seeder } = await swarm(world, count, count === 1 ? 3_000_000 : 600_000, {
      rates: { ...noRateLimits, uploadBytesPerSecond: rate },
    })
    await world.clock.run(3_000)
    const before = world.network.trafficOf(seeder.address).sentBytes
    await world.clock.run(10_000)
    assertRate(world.network.trafficOf(seeder.address).sentBytes - before, 10)
  })
}

test('a download limit of the session holds for 50 peers, protocol included', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [8_000_000] })
  const peers = Array.from(
    { length: 50 },
    (_, index) => new SimpleSeed(world, { address: `10.0.1.${index + 1}`, content }),
  )
  const leecher = world.machine('10.0.0.1')
  await leecher.start({ exemptLocalNetwork: false, rates: { ...noRateLimits, downloadBytesPerSecond: rate } })
  const id = await leecher.add(content.metainfo, { peers: peers.map(({ endpoint }) => endpoint) })
  await world.clock.run(3_000)
  assert.equal(leecher.torrent(id).connectedPeers, 50)
  const before = world.network.trafficOf(leecher.address).readBytes
  await world.clock.run(10_000)
  assertRate(world.network.trafficOf(leecher.address).readBytes - before, 10)
})

test('a download limit of a torrent holds, changes at once, and alternative limits can be switched on and off', async () => {
  const world = newWorld()
  const { leechers, id } = await swarm(world, 1, 6_000_000, {}, limited)
  const leecher = leechers[0] as Machine
  await world.clock.run(3_000)
  const measured = async () => {
    const before = leecher.torrent(id).downloadedBytes
    await world.clock.run(10_000)
    return leecher.torrent(id).downloadedBytes - before
  }
  assertRate(await measured(), 10)
  await leecher.run({ type: 'set-alternative-rates', rates: limited })
  await leecher.run({ type: 'use-alternative-rates', enabled: true })
  await leecher.run({ type: 'set-limits', id, limits: { downloadBytesPerSecond: Number.POSITIVE_INFINITY } })
  await world.clock.run(3_000)
  assertRate(await measured(), 10)
  await leecher.run({ type: 'use-alternative-rates', enabled: false })
  await world.until('the rest at full speed', () => leecher.torrent(id).isFinished, 2_000)
})

test('the local network is exempt when it is said to be', async () => {
  const world = newWorld()
  const { leechers, id } = await swarm(world, 1, 3_000_000, { exemptLocalNetwork: true, rates: limited })
  await world.until('all at once', () => leechers[0]?.torrent(id).isFinished === true, 5_000)
})

test('the wide world is not', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [1_000_000] })
  const [seeder, leecher] = [world.machine('93.184.216.1'), world.machine('93.184.216.2')]
  seeder.put(content)
  await seeder.start({ rates: limited })
  await leecher.start()
  await seeder.add(content.metainfo)
  const id = await leecher.add(content.metainfo, { peers: [seeder.endpoint] })
  await world.clock.run(3_000)
  assert.ok(leecher.torrent(id).doneBytes < 4 * rate)
})

test('no more peers are uploaded to at once than there are slots for', async () => {
  const world = newWorld()
  const config = { rates: { ...noRateLimits, uploadBytesPerSecond: 40_000 } }
  const { seeder, id, leechers } = await swarm(world, 5, 1_000_000, config)
  await seeder.run({ type: 'set-limits', id, limits: { maxSlots: 2 } })
  const served = () => seeder.torrent(id).peers.filter(({ amChoking }) => !amChoking).length
  await world.clock.run(25_000)
  assert.equal(served(), 2)
  await seeder.run({ type: 'set-limits', id, limits: { maxSlots: 4 } })
  await world.clock.run(15_000)
  assert.equal(served(), 4)
  // So it is from the start.
  await seeder.run({ type: 'set-limits', id, limits: { maxSlots: 1 } })
  await seeder.stop()
  await seeder.start({ exemptLocalNetwork: false, ...config })
  await seeder.run({ type: 'add-peers', id, peers: leechers.map(({ endpoint }) => endpoint) })
  await world.clock.run(25_000)
  assert.equal(served(), 1)
})

test('who loses a connection to a lower limit gives no slot away that is not to be had any more', async () => {
  const world = newWorld()
  const config = { rates: { ...noRateLimits, uploadBytesPerSecond: 40_000 } }
  const { seeder, id } = await swarm(world, 6, 1_000_000, config, { maxConnections: 1 })
  await seeder.run({ type: 'set-limits', id, limits: { maxSlots: 3 } })
  await world.clock.run(5_000)
  const choked = () => seeder.torrent(id).peers.flatMap((peer) => (peer.amChoking ? [peer.endpoint.address] : []))
  const before = choked()
  assert.equal(before.length, 3)
  await seeder.run({ type: 'set-limits', id, limits: { maxConnections: 3, maxSlots: 0 } })
  const there = seeder.torrent(id).peers.map(({ endpoint }) => endpoint.address)
  assert.ok(before.some((address) => there.includes(address)))
  assert.deepEqual(
    before.filter((address) => there.includes(address) && !choked().includes(address)),
    [],
  )
})

test('an upload policy decides within the limits: the first in its order has its allowance before the next gets anything', async () => {
  const world = newWorld()
  const { seeder, id, content } = await swarm(world, 0, 3_000_000, {
    rates: { ...noRateLimits, uploadBytesPerSecond: rate },
  })
  const torrent = seeder.session.registry.find(id)
  assert.ok(torrent?.phase.type === 'ready')
  const { swarm: seeding } = torrent.phase.transfer
  const lastFirst: UploadPolicy = {
    allocate: ({ peers }) => [...peers].reverse().map(({ peer }) => ({ peer, allowanceBytes: 5 * rate })),
  }
  seeder.session.room.turns.run((nowMs) => seeding.setPolicies(lastFirst, undefined, nowMs))
  const leechers = [world.machine('10.0.0.1'), world.machine('10.0.0.2'), world.machine('10.0.0.3')]
  for (const leecher of leechers) {
    await leecher.start({ exemptLocalNetwork: false })
    await leecher.add(content.metainfo, { peers: [seeder.endpoint] })
    await world.until('the next is connected', () => leecher.torrent(id).connectedPeers === 1)
  }
  await world.clock.run(4_000)
  const [third = 0, second = 0, first = 0] = leechers.map((leecher) => leecher.torrent(id).downloadedBytes)
  assert.ok(first > 3 * rate, `${first} bytes to the first`)
  assert.ok(second + third < 0.5 * rate, `${second} and ${third} bytes to the others`)
  await world.clock.run(4_500)
  const later = leechers[1]?.torrent(id).downloadedBytes ?? 0
  assert.ok(later > 2 * rate, `${later} bytes to the second, whose turn it is then`)
})

test('the same seed makes the same history, to the last byte and millisecond', async () => {
  const histories: unknown[] = []
  for (let run = 0; run < 2; run++) {
    const world = newWorld(7)
    const { leechers, id, seeder } = await swarm(world, 3, 700_000, {})
    await world.until('all', () => leechers.every((leecher) => leecher.torrent(id).isFinished))
    histories.push({
      nowMs: world.clock.nowMs(),
      torrents: [seeder, ...leechers].map((machine) => machine.torrent(id)),
      changes: leechers.map((leecher) => leecher.session.changesSince(0)),
    })
  }
  assert.deepEqual(histories[0], histories[1])
})
