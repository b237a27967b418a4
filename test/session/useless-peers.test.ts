// Peers that take places and are of no use: others get these places in the end, and nobody useful loses one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { listenPort, type Machine } from '../../sim/world/machine.ts'
import type { World } from '../../sim/world/world.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import type { SessionConfig } from '../../src/session/session-config.ts'
import { IdlePeer } from './idle-peer.ts'
import { newWorld, seedOf } from './session-world.ts'

const content = makeContent({ lengths: [400_000] })
const interested = Uint8Array.of(0, 0, 0, 1, 2)
const usualLimits = { maxConnections: 500, maxConnectionsPerTorrent: 100, maxHalfOpen: 50, maxSlotsPerTorrent: 8 }

async function downloading(
  world: World,
  config: Partial<SessionConfig> = {},
): Promise<{ machine: Machine; id: TorrentId }> {
  const machine = world.machine('10.0.0.1')
  await machine.start(config)
  const id = await machine.add(content.metainfo)
  // Who comes before it has looked at its disk is sent away.
  await world.until('downloading', () => machine.stateOf(id) === 'downloading')
  return { machine, id }
}

async function occupied(
  world: World,
  machine: Machine,
  id: TorrentId,
  addressOf: (number: number) => string,
  says?: Uint8Array,
): Promise<IdlePeer[]> {
  const target = { address: machine.address, port: listenPort }
  const peers = Array.from({ length: 120 }, (_, number) => {
    const options = { address: addressOf(number), number, infoHash: id, ...(says === undefined ? {} : { says }) }
    return new IdlePeer(world, target, options)
  })
  await world.until('all places taken', () => machine.torrent(id).connectedPeers === 100, 10_000)
  return peers
}

const distinct = (number: number): string => `10.1.${number >> 6}.${(number & 63) + 1}`

for (const [what, says] of [
  ['that say nothing', undefined],
  ['that want something and take nothing', interested],
] as const) {
  test(`a download completes though a hundred peers came first ${what}, and come again and again`, async () => {
    const world = newWorld()
    const { machine, id } = await downloading(world)
    await occupied(world, machine, id, distinct, says)
    const seeder = await seedOf(world, content, '10.0.0.2')
    await machine.run({ type: 'add-peers', id, peers: [seeder.endpoint] })
    await world.until('finished', () => machine.torrent(id).isFinished, says === undefined ? 100_000 : 400_000)
  })
}

test('many idle connections of one address go sooner, also for one who comes by itself', async () => {
  const world = newWorld()
  const { machine, id } = await downloading(world, { dialPeers: false })
  await occupied(world, machine, id, () => '10.1.0.1')
  const seeder = await seedOf(world, content, '10.0.0.2')
  await seeder.run({ type: 'add-peers', id, peers: [machine.endpoint] })
  await world.until('finished', () => machine.torrent(id).isFinished, 40_000)
})

test('a magnet link gets its metadata though a hundred peers came first that have none', async () => {
  const world = newWorld()
  const machine = world.machine('10.0.0.1')
  await machine.start()
  const id = await machine.addMagnet(content.magnet)
  await occupied(world, machine, id, distinct)
  const seeder = await seedOf(world, content, '10.0.0.2')
  await machine.run({ type: 'add-peers', id, peers: [seeder.endpoint] })
  await world.until('finished', () => machine.torrent(id).isFinished, 100_000)
})

test('idle peers of one torrent do not keep another from the last places of the session', async () => {
  const world = newWorld()
  const connections = { ...usualLimits, maxConnections: 100 }
  const { machine, id } = await downloading(world, { connections })
  await occupied(world, machine, id, distinct)
  const other = makeContent({ lengths: [200_000], seed: 9, name: 'other' })
  const seeder = await seedOf(world, other, '10.0.0.2')
  const otherId = await machine.add(other.metainfo, { peers: [seeder.endpoint] })
  await world.until('finished', () => machine.torrent(otherId).isFinished, 100_000)
})

test('who gives or takes anything keeps its place, whoever waits for it', async () => {
  const world = newWorld()
  const large = makeContent({ lengths: [4_000_000] })
  const machine = world.machine('10.0.0.1')
  const connections = { ...usualLimits, maxConnectionsPerTorrent: 3 }
  await machine.start({ connections, exemptLocalNetwork: false })
  const seeders = [await seedOf(world, large, '10.0.0.2'), await seedOf(world, large, '10.0.0.3')]
  const limits = { downloadBytesPerSecond: 5_000, uploadBytesPerSecond: 1_000 }
  const id = await machine.add(large.metainfo, { limits })
  const taker = world.machine('10.0.0.4')
  await taker.start()
  await taker.add(large.metainfo, { peers: [machine.endpoint] })
  const peers = seeders.map(({ endpoint }) => endpoint)
  await world.until('a peer', () => machine.torrent(id).connectedPeers === 1)
  await machine.run({ type: 'add-peers', id, peers })
  await world.until('three peers', () => machine.torrent(id).connectedPeers === 3)
  const target = { address: machine.address, port: listenPort }
  const waiting = Array.from(
    { length: 5 },
    (_, number) => new IdlePeer(world, target, { address: distinct(number), number, infoHash: id }),
  )
  const connected = () => machine.torrent(id).peers.map(({ endpoint }) => endpoint.address)
  const before = connected()
  await world.clock.run(400_000)
  assert.deepEqual(connected(), before)
  assert.ok(waiting.every(({ endCount }) => endCount > 10))
})

test('idle peers stay while nobody waits for their places', async () => {
  const world = newWorld()
  const { machine, id } = await downloading(world)
  const target = { address: machine.address, port: listenPort }
  const peers = Array.from(
    { length: 20 },
    (_, number) => new IdlePeer(world, target, { address: distinct(number), number, infoHash: id }),
  )
  await world.clock.run(900_000)
  assert.equal(machine.torrent(id).connectedPeers, 20)
  assert.ok(peers.every(({ endCount }) => endCount === 0))
})
