// Where others see us: learnt from trackers and peers, and what it is good for, which is choosing peers (BEP 40).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { listenPort } from '../../sim/world/machine.ts'
import { SimulatedUdpTracker } from '../../sim/world/simulated-udp-tracker.ts'
import { encode } from '../../src/formats/bencode/encode.ts'
import { peerPriority } from '../../src/swarm/peer-priority.ts'
import { newWorld } from './session-world.ts'

test('the address a tracker sees us under (BEP 24) is shown', async () => {
  const world = newWorld()
  world.web.serve('93.184.216.200', 80, () => {
    const body = encode({ 'interval': 1_800, 'peers': '', 'external ip': Uint8Array.of(93, 184, 216, 34) })
    return { status: 200, headers: {}, body }
  })
  const machine = world.machine('10.0.0.1')
  await machine.start()
  await machine.add(makeContent({ trackers: [['http://93.184.216.200/announce']] }).metainfo)
  await world.clock.run(1_000)
  assert.deepEqual(machine.session.snapshot().externalAddresses, ['93.184.216.34'])
})

test('peers tell us our address (BEP 10), and with it those of highest priority are kept when there are too many', async () => {
  const world = newWorld()
  // One that does not tell it.
  const tracker = new SimulatedUdpTracker('93.184.216.200')
  await tracker.open(world)
  const content = makeContent({ lengths: [2_000_000], trackers: [[tracker.url]] })
  const addresses = [7, 30, 31, 77, 120, 250].map((last) => `93.184.${last}.${last}`)
  const machines = [...addresses, '93.184.5.5'].map((address) => world.machine(address))
  for (const machine of machines) {
    await machine.start()
    await machine.add(content.metainfo)
    await world.clock.run(100)
  }
  const us = machines.at(-1)
  assert.ok(us !== undefined)
  const [{ id } = { id: undefined }] = us.session.snapshot().torrents
  assert.ok(id !== undefined)
  await world.until('all are connected', () => us.torrent(id).connectedPeers === addresses.length)
  assert.deepEqual(us.session.snapshot().externalAddresses, [us.address])
  const connected = () => us.torrent(id).peers.map(({ endpoint }) => endpoint.address)
  const inOrder = connected()
  const priorityOf = (address: string) =>
    peerPriority({ family: 4, address: us.address, port: listenPort }, { family: 4, address, port: listenPort })
  const best = [...addresses].sort((a, b) => priorityOf(b) - priorityOf(a)).slice(0, 2)
  await us.run({ type: 'set-limits', id, limits: { maxConnections: 2 } })
  assert.deepEqual(new Set(connected()), new Set(best))
  // Neither the first to come nor the last, or this would show nothing.
  for (const others of [inOrder.slice(0, 2), inOrder.slice(-2)]) assert.notDeepEqual(new Set(others), new Set(best))
})
