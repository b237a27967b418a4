// Sessions that find each other in the local network (BEP 14).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { newWorld, seedOf } from './session-world.ts'

const local = { discoversLocally: true }

for (const version of ['v1', 'v2', 'hybrid'] as const) {
  test(`a bare magnet link to a ${version} torrent gets everything from the local network`, async () => {
    const world = newWorld()
    const content = makeContent({ version, lengths: [200_000] })
    await seedOf(world, content, '10.0.0.1', local)
    const leecher = world.machine('10.0.0.2')
    await leecher.start(local)
    const id = await leecher.addMagnet(content.magnet)
    await world.until('finished', () => leecher.torrent(id).isFinished)
  })
}

test('another network hears nothing, and who does not look for peers there is not found', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [100_000] })
  await seedOf(world, content, '10.0.0.1', local)
  const [elsewhere, silent] = [world.machine('10.0.1.2'), world.machine('10.0.0.3')]
  await elsewhere.start(local)
  await silent.start()
  const id = await elsewhere.addMagnet(content.magnet)
  await silent.addMagnet(content.magnet)
  await world.clock.run(1_200_000)
  assert.deepEqual([elsewhere.torrent(id).knownPeers, silent.torrent(id).knownPeers], [0, 0])
  assert.equal(world.network.trafficOf(silent.address).sentDatagramBytes, 0)
})

test('a private torrent is neither announced nor found', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [100_000], isPrivate: true })
  const seeder = await seedOf(world, content, '10.0.0.1', local)
  const leecher = world.machine('10.0.0.2')
  await leecher.start(local)
  const id = await leecher.add(content.metainfo)
  await world.clock.run(1_200_000)
  assert.equal(leecher.torrent(id).knownPeers, 0)
  assert.equal(world.network.trafficOf(seeder.address).sentDatagramBytes, 0)
})

test('a link that turns out to be private is announced no more', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [100_000], isPrivate: true })
  const machine = world.machine('10.0.0.2')
  await machine.start(local)
  await machine.addMagnet(content.magnet)
  await world.clock.run(10_000)
  const { sentDatagramBytes } = world.network.trafficOf(machine.address)
  assert.ok(sentDatagramBytes > 0)
  await machine.add(content.metainfo)
  await world.clock.run(1_200_000)
  assert.equal(world.network.trafficOf(machine.address).sentDatagramBytes, sentDatagramBytes)
})
