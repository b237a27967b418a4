// Sessions that are bound to an interface: what leaves them, and what happens when its addresses come and go.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { listenPort, type Machine } from '../../sim/world/machine.ts'
import { SimulatedTracker } from '../../sim/world/simulated-tracker.ts'
import { SimulatedUdpTracker } from '../../sim/world/simulated-udp-tracker.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import type { World } from '../../sim/world/world.ts'
import { newWorld, seedOf } from './session-world.ts'

const home = ['eth0', '10.0.0.2'] as const

async function bound(world: World): Promise<Machine> {
  const machine = world.machine('10.0.0.2', { otherAddresses: ['10.9.0.2'] })
  await machine.start({ bindTo: 'wg0', exemptLocalNetwork: false })
  return machine
}

function listeningOf(machine: Machine): string[] {
  return machine.session.snapshot().listening.map(({ address, port }) => `${address}:${port}`)
}

test('bound to an interface, everything goes through it: peers, and trackers over HTTP and UDP', async () => {
  const world = newWorld()
  const web = new SimulatedTracker(world, '10.0.0.8')
  const udp = new SimulatedUdpTracker('10.0.0.9')
  await udp.open(world)
  const content = makeContent({ trackers: [[web.url], [udp.url]], lengths: [600_000] })
  const seeder = await seedOf(world, content)
  const seeded = torrentIdOf(content)
  const machine = await bound(world)
  assert.deepEqual(listeningOf(machine), [`10.9.0.2:${listenPort}`])
  const id = await machine.add(content.metainfo, { limits: { downloadBytesPerSecond: 200_000 } })
  await world.until('a connection', () => seeder.torrent(seeded).connectedPeers === 1)
  assert.equal(seeder.torrent(seeded).peers[0]?.endpoint.address, '10.9.0.2')
  await machine.run({ type: 'set-trackers', id, trackers: [[udp.url]] })
  await world.until('finished', () => machine.torrent(id).isFinished)
  await world.until('an announce by UDP', () => udp.announcedFrom.length > 0)
  const seen = [...web.seen.map(({ from }) => from), ...udp.announcedFrom].filter((from) => from !== seeder.address)
  assert.deepEqual(new Set(seen), new Set(['10.9.0.2']))
})

test('an interface that gets another address is followed, on the same port; while it has none nobody is dialled', async () => {
  const world = newWorld()
  const udp = new SimulatedUdpTracker('10.0.0.9')
  await udp.open(world)
  const content = makeContent({ lengths: [1_500_000], trackers: [[udp.url]] })
  const seeder = world.machine('10.0.0.1')
  seeder.put(content)
  await seeder.start({ exemptLocalNetwork: false, dialPeers: false })
  await seeder.add(content.metainfo, { limits: { uploadBytesPerSecond: 100_000 } })
  const machine = await bound(world)
  const id = await machine.add(content.metainfo, { peers: [seeder.endpoint] })
  await world.until('some of it', () => machine.torrent(id).doneBytes > 100_000)
  machine.setInterfaces([home])
  await world.clock.run(3_000)
  assert.deepEqual(listeningOf(machine), [])
  assert.equal(machine.torrent(id).connectedPeers, 0)
  const dials = world.network.dialCount({ address: seeder.address, port: listenPort })
  await world.clock.run(600_000)
  assert.equal(world.network.dialCount({ address: seeder.address, port: listenPort }), dials)
  machine.setInterfaces([home, ['wg0', '10.9.0.77']])
  await world.clock.run(3_000)
  assert.deepEqual(listeningOf(machine), [`10.9.0.77:${listenPort}`])
  await world.until('a connection again', () => machine.torrent(id).connectedPeers === 1)
  await machine.run({ type: 'reannounce', id })
  await world.until('an announce from there', () => udp.announcedFrom.at(-1) === '10.9.0.77')

  const third = world.machine('10.0.0.3')
  await third.start()
  const joined = await third.add(content.metainfo, { peers: [`10.9.0.77:${listenPort}`] })
  await world.until('a peer that comes there', () => third.torrent(joined).connectedPeers > 0)
})

test('a restless interface makes no storm, and no difference to others', async () => {
  const world = newWorld()
  const machine = await bound(world)
  const { cursor } = machine.session.snapshot()
  for (let change = 0; change < 50; change++) {
    machine.setInterfaces(change % 2 === 0 ? [home] : [home, ['wg0', '10.9.0.2']])
    await world.clock.run(10)
  }
  await world.clock.run(5_000)
  assert.deepEqual(listeningOf(machine), [`10.9.0.2:${listenPort}`])
  const changes = machine.session.changesSince(cursor)
  assert.ok(changes.type === 'changes' && changes.changes.length > 0 && changes.changes.length <= 2)
  await machine.stop()
})
