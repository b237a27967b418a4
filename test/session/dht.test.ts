// Sessions as nodes of the DHT: peers found with nothing but a link, who never takes part, what is remembered, and what
// strangers may do to a list of peers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import type { World } from '../../sim/world/world.ts'
import type { DhtConfig, SessionConfig } from '../../src/session/session-config.ts'
import { newWorld, seedOf } from './session-world.ts'

const routerAddress = '21.0.1.1'
const fromRouter: DhtConfig = {
  bootstrap: [{ host: routerAddress, port: 6_881 }],
  mayBootstrapLocally: false,
}

/** A session without torrents that the others begin with. */
async function routerOf(world: World): Promise<Machine> {
  const router = world.machine(routerAddress)
  await router.start({ dht: { bootstrap: [], mayBootstrapLocally: false } })
  return router
}

function nodesOf(machine: Machine): number {
  return machine.session.snapshot().dht?.places.reduce((sum, { nodes }) => sum + nodes, 0) ?? -1
}

async function started(world: World, address: string, config: Partial<SessionConfig> = {}): Promise<Machine> {
  const machine = world.machine(address)
  await machine.start({ dht: fromRouter, ...config })
  return machine
}

for (const version of ['v1', 'v2', 'hybrid'] as const) {
  test(`a bare magnet link to a ${version} torrent gets everything through the DHT`, async () => {
    const world = newWorld()
    const content = makeContent({ version, lengths: [200_000, 90_000] })
    await routerOf(world)
    await seedOf(world, content, '21.0.2.1', { dht: fromRouter })
    const leecher = await started(world, '21.0.3.1')
    const id = await leecher.addMagnet(content.magnet)
    await world.until('finished', () => leecher.torrent(id).isFinished)
    await world.until('whole files', () => leecher.has(content), 5_000)
  })
}

test('a link that selects files (BEP 53) gets these alone', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [100_000, 90_000, 80_000] })
  await routerOf(world)
  await seedOf(world, content, '21.0.2.1', { dht: fromRouter })
  const leecher = await started(world, '21.0.3.1')
  const id = await leecher.addMagnet(`${content.magnet}&so=1`)
  await world.until('finished', () => leecher.torrent(id).isFinished)
  const { files } = leecher.torrent(id)
  assert.deepEqual(
    files.map(({ priority }) => priority > 0),
    [false, true, false],
  )
  await world.until('the file', () => leecher.has(content, (file) => file === 1), 5_000)
})

test('a peer says where its node is, and that is enough to begin with', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [50_000] })
  const nobody: DhtConfig = { bootstrap: [], mayBootstrapLocally: false }
  const seeder = await seedOf(world, content, '21.0.2.1', { dht: nobody })
  const leecher = await started(world, '21.0.3.1', { dht: nobody })
  assert.deepEqual([nodesOf(seeder), nodesOf(leecher)], [0, 0])
  await leecher.add(content.metainfo, { peers: [seeder.endpoint] })
  await world.until('nodes of each other', () => nodesOf(seeder) === 1 && nodesOf(leecher) === 1)
})

test('nodes that a torrent names are begun with', async () => {
  const world = newWorld()
  await routerOf(world)
  const content = makeContent({ lengths: [50_000], nodes: [{ host: routerAddress, port: 6_881 }] })
  const machine = await started(world, '21.0.3.1', { dht: { bootstrap: [], mayBootstrapLocally: false } })
  await machine.add(content.metainfo)
  await world.until('a node', () => nodesOf(machine) > 0)
})

test('a private torrent is never announced or looked up, and its peers hear of no node', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [50_000], isPrivate: true, nodes: [{ host: '21.0.9.1', port: 6_881 }] })
  const router = await routerOf(world)
  const seeder = await seedOf(world, content, '21.0.2.1', { dht: fromRouter })
  const leecher = await started(world, '21.0.3.1')
  const id = await leecher.add(content.metainfo)
  await world.clock.run(1_200_000)
  assert.equal(leecher.torrent(id).knownPeers, 0)
  assert.deepEqual(
    [router, seeder, leecher].map(({ session }) => session.snapshot().dht?.infoHashesStored),
    [0, 0, 0],
  )
})

test('a link that turns out to be private leaves the DHT, and forgets whom it named', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [50_000], isPrivate: true })
  const router = await routerOf(world)
  const leecher = await started(world, '21.0.3.1')
  const id = await leecher.addMagnet(content.magnet)
  const storedCount = () => router.session.snapshot().dht?.peersStored
  await world.until('announced', () => storedCount() === 1)
  // Its metadata comes from a file.
  await leecher.add(content.metainfo)
  assert.equal(leecher.torrent(id).isPrivate, true)
  await world.until('forgotten', () => storedCount() === 0, 7_200_000)
  await world.clock.run(3_600_000)
  assert.equal(storedCount(), 0)
})

test('who takes no part sends nothing to the DHT, and answers nobody', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [50_000] })
  await routerOf(world)
  const seeder = await seedOf(world, content, '21.0.2.1', { dht: fromRouter })
  const outsider = world.machine('21.0.3.1')
  await outsider.start()
  const id = await outsider.add(content.metainfo, { peers: [seeder.endpoint] })
  await world.until('finished', () => outsider.torrent(id).isFinished)
  await world.clock.run(60_000)
  assert.equal(outsider.session.snapshot().dht, undefined)
  assert.equal(world.network.trafficOf(outsider.address).sentDatagramBytes, 0)
  assert.equal(nodesOf(seeder), 1)
})

test('nodes are remembered, and the next start needs nobody else', async () => {
  const world = newWorld()
  const router = await routerOf(world)
  const machine = await started(world, '21.0.3.1')
  await started(world, '21.0.4.1')
  await world.until('nodes', () => nodesOf(machine) === 2)
  const [before] = machine.session.snapshot().dht?.places ?? []
  await machine.stop()
  await router.stop()
  await machine.start({ dht: { bootstrap: [], mayBootstrapLocally: false } })
  await world.until('a node', () => nodesOf(machine) > 0)
  const [now] = machine.session.snapshot().dht?.places ?? []
  assert.equal(now?.nodeId, before?.nodeId)
})

test('sessions that share a folder begin with the nodes kept there, but not with the same id', async () => {
  const world = newWorld()
  await routerOf(world)
  const machine = await started(world, '21.0.3.1')
  await world.until('nodes', () => nodesOf(machine) === 1)
  const [before] = machine.session.snapshot().dht?.places ?? []
  await machine.stop()
  await machine.start({ dht: { bootstrap: [], mayBootstrapLocally: false }, restoresAll: false })
  await world.until('a node', () => nodesOf(machine) > 0)
  const [now] = machine.session.snapshot().dht?.places ?? []
  assert.notEqual(now?.nodeId, before?.nodeId)
})
