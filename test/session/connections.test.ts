// Who is connected to whom: never twice, never oneself, never more than the limits say.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { listenPort, type Machine } from '../../sim/world/machine.ts'
import type { World } from '../../sim/world/world.ts'
import { present } from '../../src/base/assert.ts'
import { unwrap } from '../../src/base/errors.ts'
import { type PeerId, peerId } from '../../src/base/ids.ts'
import { encodeHandshake, HandshakeDecoder } from '../../src/formats/peer/handshake.ts'
import { noRateLimits } from '../../src/session/session-config.ts'
import { quietSink } from '../quiet-sink.ts'
import { IdlePeer } from './idle-peer.ts'
import { newWorld } from './session-world.ts'

test('two that dial each other at once keep one connection, the same on both sides', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [3_000_000] })
  const [a, b] = [world.machine('10.0.0.1', { latencyMs: 50 }), world.machine('10.0.0.2', { latencyMs: 50 })]
  await a.start()
  await b.start()
  const id = await a.add(content.metainfo, { stopped: true, peers: [b.endpoint] })
  await b.add(content.metainfo, { stopped: true, peers: [a.endpoint] })
  await world.clock.run(1_000)
  const starting = [a.session.run({ type: 'start', id }), b.session.run({ type: 'start', id })]
  await world.clock.settle(Promise.all(starting))
  await world.clock.run(2_000)
  assert.equal(a.torrent(id).connectedPeers, 1)
  assert.equal(b.torrent(id).connectedPeers, 1)
  assert.notEqual(a.torrent(id).peers[0]?.direction, b.torrent(id).peers[0]?.direction)
})

/** The id that a session says to whoever comes. */
async function idOf(world: World, address: string, infoHash: string): Promise<PeerId> {
  const streams = world.network.streams({ address: '10.0.9.99' })
  const handshake = new Uint8Array(68)
  const flags = { extensionProtocol: false, fast: false, dht: false, v2Upgrade: false }
  encodeHandshake(handshake, 0, { flags, infoHash, peerId: peerId(new Uint8Array(20).fill(9)) })
  const decoder = new HandshakeDecoder()
  const stream = streams.dial(
    { family: 4, address, port: listenPort },
    { timeoutMs: 1_000 },
    quietSink({
      onOpen: () => void stream.write(handshake),
      onData: (bytes) => void (decoder.handshake() === undefined && decoder.push(bytes)),
    }),
  )
  await world.until('an answer', () => decoder.handshake() !== undefined)
  stream.abort()
  return present(decoder.handshake(), 'a handshake').peerId
}

for (const seed of [1, 2, 3, 4]) {
  test(`who says the id of another neither ends a connection on which something came nor keeps him out, seed ${seed}`, async () => {
    const world = newWorld(seed)
    const content = makeContent({ lengths: [6_000_000] })
    const a = world.machine('10.0.0.1', { uploadBytesPerSecond: 100_000 })
    const b = world.machine('10.0.0.2')
    a.put(content)
    await a.start()
    await b.start()
    const id = await a.add(content.metainfo)
    await b.add(content.metainfo, { stopped: false })
    await world.until('b', () => b.stateOf(id) === 'downloading')
    const stolen = await idOf(world, b.address, id)
    const thief = new IdlePeer(
      world,
      { address: a.address, port: listenPort },
      { address: '10.0.3.1', id: stolen, infoHash: id },
    )
    await world.until('the thief is there', () => a.torrent(id).connectedPeers === 1)
    // Kept out at first; when nothing came of the other one he has his place, and nobody gets it any more.
    await b.run({ type: 'add-peers', id, peers: [a.endpoint] })
    await world.until('something is sent', () => b.torrent(id).downloadedBytes > 0)
    assert.ok(thief.endCount > 0)
    const [row] = a.torrent(id).peers
    assert.equal(row?.endpoint.address, b.address)
    await world.clock.run(30_000)
    assert.ok(thief.endCount > 3)
    assert.equal(a.torrent(id).peers.length, 1)
    assert.equal(a.torrent(id).peers[0]?.endpoint.port, row?.endpoint.port)
  })
}

test('who passes for another keeps him for a moment from those who dial him', async () => {
  const world = newWorld()
  const content = makeContent()
  const [a, b] = [world.machine('10.0.0.1'), world.machine('10.0.0.2')]
  b.put(content)
  await a.start()
  await b.start({ dialPeers: false })
  const id = await b.add(content.metainfo)
  await world.until('b', () => b.stateOf(id) === 'seeding')
  const stolen = await idOf(world, b.address, id)
  await a.add(content.metainfo)
  await world.until('a', () => a.stateOf(id) === 'downloading')
  const target = { address: a.address, port: listenPort }
  const thief = new IdlePeer(world, target, { address: '10.0.3.1', id: stolen, infoHash: id })
  await world.until('the thief is there', () => a.torrent(id).connectedPeers === 1)
  await a.run({ type: 'add-peers', id, peers: [b.endpoint] })
  await world.clock.run(5_000)
  assert.equal(a.torrent(id).peers[0]?.endpoint.address, '10.0.3.1')
  await world.until('whole', () => a.torrent(id).isFinished, 10_000)
  assert.ok(thief.endCount > 0)
})

test('a session that dials itself notices, and does not do it again', async () => {
  const world = newWorld()
  const content = makeContent()
  const machine = world.machine('10.0.0.1')
  // Or it would not even try.
  machine.isTranslated = true
  await machine.start()
  const id = await machine.add(content.metainfo, { peers: [machine.endpoint] })
  let most = 0
  const watch = () => {
    most = Math.max(most, machine.session.snapshot().connections)
    return false
  }
  await world.clock.runUntil(watch, 1_000)
  assert.equal(most, 2)
  assert.equal(machine.session.snapshot().connections, 0)
  most = 0
  await world.clock.runUntil(watch, 1_000_000)
  assert.equal(most, 0)
  assert.equal(machine.torrent(id).downloadedBytes, 0)
})

test('who does not send a handshake within 10 s is cut off', async () => {
  const world = newWorld()
  const machine = world.machine('10.0.0.1')
  await machine.start()
  let closed = false
  const streams = world.network.streams({ address: '10.0.0.66' })
  const silent = quietSink({
    onClose: () => {
      closed = true
    },
  })
  const stream = streams.dial({ family: 4, address: '10.0.0.1', port: listenPort }, { timeoutMs: 1_000 }, silent)
  await world.clock.run(9_000)
  stream.write(Uint8Array.of(19))
  assert.equal(closed, false)
  assert.equal(machine.session.snapshot().connections, 1)
  await world.clock.run(2_000)
  assert.equal(closed, true)
  assert.equal(machine.session.snapshot().connections, 0)
})

test('each side hears how many requests the other keeps, and whether it wants anything itself', async () => {
  const world = newWorld()
  const content = makeContent()
  const [a, b] = [world.machine('10.0.0.1'), world.machine('10.0.0.2')]
  a.put(content)
  await a.start({ requestQueueLength: 77 })
  await b.start({ exemptLocalNetwork: false, rates: { ...noRateLimits, downloadBytesPerSecond: 20_000 } })
  const id = await a.add(content.metainfo)
  await world.until('seeding', () => a.stateOf(id) === 'seeding')
  await b.add(content.metainfo, { peers: [a.endpoint] })
  await world.until('a connection', () => a.torrent(id).connectedPeers === 1)
  await world.clock.run(100)
  const linkOf = ({ session }: Machine) =>
    [...(session.registry.find(id)?.contacts.links.linked.values() ?? [])][0]?.peer
  assert.equal(linkOf(b)?.requestQueueLength, 77)
  assert.deepEqual([linkOf(b)?.isUploadOnly, linkOf(a)?.isUploadOnly], [true, false])
})

test('those who come and say nothing take half of the places at most: the others are for peers', async () => {
  const world = newWorld()
  const machine = world.machine('10.0.0.1')
  await machine.start({
    connections: { maxConnections: 6, maxConnectionsPerTorrent: 6, maxHalfOpen: 6, maxSlotsPerTorrent: 4 },
  })
  const content = makeContent()
  const id = await machine.add(content.metainfo)
  const streams = world.network.streams({ address: '10.0.0.66' })
  const silent = quietSink()
  for (let count = 0; count < 6; count++) {
    streams.dial({ family: 4, address: '10.0.0.1', port: listenPort }, { timeoutMs: 1_000 }, silent)
  }
  await world.clock.run(1_000)
  assert.equal(machine.session.snapshot().connections, 3)
  const peer = world.machine('10.0.0.2')
  await peer.start()
  await machine.run({ type: 'add-peers', id, peers: [peer.endpoint] })
  await peer.add(content.metainfo)
  await world.until('a peer', () => machine.torrent(id).connectedPeers === 1, 5_000)
})

test('no more connections than the limits of session and torrent, and no more half-open ones', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [2_000_000] })
  const leecher = world.machine('10.0.0.100')
  await leecher.start({
    connections: { maxConnections: 6, maxConnectionsPerTorrent: 4, maxHalfOpen: 2, maxSlotsPerTorrent: 4 },
  })
  const peers: string[] = []
  for (let index = 1; index <= 8; index++) {
    const peer = world.machine(`10.0.0.${index}`, { latencyMs: 100 })
    await peer.start()
    await peer.add(content.metainfo)
    peers.push(peer.endpoint)
  }
  const id = await leecher.add(content.metainfo, { peers })
  let mostHalfOpen = 0
  let mostPeers = 0
  await world.clock.runUntil(() => {
    const snapshot = leecher.session.snapshot()
    mostHalfOpen = Math.max(mostHalfOpen, snapshot.halfOpen)
    mostPeers = Math.max(mostPeers, leecher.torrent(id).connectedPeers)
    return false
  }, world.clock.nowMs() + 10_000)
  assert.equal(mostHalfOpen, 2)
  assert.equal(mostPeers, 4)
  await leecher.run({ type: 'set-connection-limits', limits: { maxConnections: 2 } })
  assert.equal(leecher.session.snapshot().connections, 2)
  await leecher.run({ type: 'set-limits', id, limits: { maxConnections: 1 } })
  assert.equal(leecher.torrent(id).connectedPeers, 1)
})

test('who comes finds no more room than there is, in the torrent and in the session, and nobody is dialled in vain', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [2_000_000] })
  const seeder = world.machine('10.0.0.100')
  seeder.put(content)
  const few = { maxConnections: 9, maxConnectionsPerTorrent: 3, maxHalfOpen: 50, maxSlotsPerTorrent: 4 }
  await seeder.start({ connections: few, exemptLocalNetwork: false })
  const id = await seeder.add(content.metainfo, { limits: { uploadBytesPerSecond: 10_000 } })
  await world.until('seeding', () => seeder.stateOf(id) === 'seeding')
  const peers: string[] = []
  for (let index = 1; index <= 6; index++) {
    const peer = world.machine(`10.0.0.${index}`)
    await peer.start({ exemptLocalNetwork: false })
    await peer.add(content.metainfo, { peers: [seeder.endpoint] })
    peers.push(peer.endpoint)
  }
  let most = 0
  const watch = () => {
    most = Math.max(most, seeder.session.snapshot().connections)
    return false
  }
  await world.clock.run(5_000)
  assert.equal(seeder.torrent(id).connectedPeers, 3)
  await seeder.run({ type: 'set-connection-limits', limits: { maxConnections: 2 } })
  await world.clock.runUntil(watch, world.clock.nowMs() + 40_000)
  assert.equal(most, 2)

  const dialler = world.machine('10.0.0.50')
  await dialler.start({ connections: { ...few, maxConnectionsPerTorrent: 2 } })
  await dialler.add(content.metainfo, { peers })
  await world.clock.run(5_000)
  assert.equal(dialler.torrent(id).connectedPeers, 2)
  const dialled = () =>
    peers.filter((peer) => {
      const [address = '', port] = peer.split(':')
      return world.network.dialCount({ address, port: Number(port) }) > 0
    })
  // Of the seeder they come to none is dialled by it.
  assert.equal(dialled().length, 2)
  await dialler.run({ type: 'set-connection-limits', limits: { maxConnections: 3, maxConnectionsPerTorrent: 6 } })
  await world.clock.run(5_000)
  assert.equal(dialled().length, 3)
})

test('its own endpoint is not dialled', async () => {
  const world = newWorld()
  const machine = world.machine('10.0.0.1')
  await machine.start()
  const id = await machine.add(makeContent().metainfo, { peers: [machine.endpoint] })
  await world.clock.run(60_000)
  assert.equal(machine.stateOf(id), 'downloading')
  assert.equal(world.network.dialCount({ address: machine.address, port: listenPort }), 0)
})

test('a banned address is cut off, and neither accepted nor dialled until it is forgiven', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [2_000_000] })
  const [a, b] = [world.machine('10.0.0.1'), world.machine('10.0.0.2')]
  await a.start()
  await b.start()
  const id = await a.add(content.metainfo)
  await b.add(content.metainfo, { peers: [a.endpoint] })
  await world.until('a connection', () => a.torrent(id).connectedPeers === 1)
  await a.run({ type: 'ban', address: b.address })
  assert.deepEqual(a.session.snapshot().bannedAddresses, [b.address])
  assert.equal(a.torrent(id).connectedPeers, 0)
  await a.run({ type: 'add-peers', id, peers: [b.endpoint] })
  await world.clock.run(120_000)
  assert.equal(a.torrent(id).connectedPeers, 0)
  await a.run({ type: 'unban', address: b.address })
  assert.deepEqual(a.session.snapshot().bannedAddresses, [])
  await a.run({ type: 'add-peers', id, peers: [b.endpoint] })
  await world.until('a connection again', () => a.torrent(id).connectedPeers === 1, 600_000)
})

test('what a session says of itself can be sent to another thread', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [500_000] })
  const [a, b] = [world.machine('10.0.0.1'), world.machine('10.0.0.2')]
  a.put(content)
  await a.start()
  await b.start()
  await a.add(content.metainfo)
  const id = await b.add(content.metainfo, { peers: [a.endpoint] })
  await world.until('a connection', () => b.torrent(id).connectedPeers === 1)
  for (const value of [b.session.snapshot(), unwrap(b.session.torrentSnapshot(id)), b.session.changesSince(0)]) {
    assert.deepEqual(structuredClone(value), value)
  }
})

test('who answers for another torrent is not dialled again and again', async () => {
  const world = newWorld()
  const content = makeContent()
  const machine = world.machine('10.0.0.1')
  await machine.start()
  let dials = 0
  const answer = new Uint8Array(68)
  const flags = { extensionProtocol: true, fast: true, dht: false, v2Upgrade: false }
  encodeHandshake(answer, 0, { flags, infoHash: '42'.repeat(20), peerId: peerId(new Uint8Array(20)) })
  const streams = world.network.streams({ address: '10.0.0.66' })
  const listening = streams.listen('0.0.0.0', listenPort, (stream) => {
    dials++
    stream.write(answer)
    return quietSink({ onEnd: () => stream.close() })
  })
  unwrap(await world.clock.settle(listening))
  await machine.add(content.metainfo, { peers: [`10.0.0.66:${listenPort}`] })
  await world.clock.run(20_000)
  assert.ok(dials <= 3, `${dials} dials`)
  await world.clock.run(3_600_000)
  // Somebody insists on it, so that it is not left alone.
  assert.ok(dials > 10 && dials < 80, `${dials} dials`)
})

test('limits of the session that are raised hold for torrents that were added before', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [2_000_000] })
  const machine = world.machine('10.0.0.100')
  const few = { maxConnections: 100, maxConnectionsPerTorrent: 2, maxHalfOpen: 50, maxSlotsPerTorrent: 1 }
  await machine.start({ connections: few })
  const peers: string[] = []
  for (let index = 1; index <= 6; index++) {
    const peer = world.machine(`10.0.0.${index}`)
    await peer.start()
    await peer.add(content.metainfo)
    peers.push(peer.endpoint)
  }
  const id = await machine.add(content.metainfo, { peers })
  await world.clock.run(5_000)
  assert.equal(machine.torrent(id).connectedPeers, 2)
  await machine.run({ type: 'set-connection-limits', limits: { maxConnectionsPerTorrent: 4 } })
  await world.clock.run(5_000)
  assert.equal(machine.torrent(id).connectedPeers, 4)
  // A restart keeps it as it is: the torrent has no limits of its own.
  await machine.stop()
  await machine.start({ connections: { ...few, maxConnectionsPerTorrent: 5 } })
  await machine.run({ type: 'add-peers', id, peers })
  await world.clock.run(5_000)
  assert.equal(machine.torrent(id).connectedPeers, 5)
  await machine.run({ type: 'set-limits', id, limits: { maxConnections: 3 } })
  assert.equal(machine.torrent(id).connectedPeers, 3)
})

test('a seed that is known as one is not dialled by a seed', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [1_500_000] })
  const [seeder, other, leecher] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => world.machine(address))
  assert.ok(seeder !== undefined && other !== undefined && leecher !== undefined)
  for (const machine of [seeder, other]) {
    machine.put(content)
    await machine.start()
    await machine.add(content.metainfo, { limits: { uploadBytesPerSecond: 50_000 } })
  }
  await leecher.start({ exemptLocalNetwork: false })
  const limits = { downloadBytesPerSecond: 100_000 }
  const id = await leecher.add(content.metainfo, { peers: [seeder.endpoint, other.endpoint], limits })
  await world.until('both', () => leecher.torrent(id).connectedSeeds === 2)
  // It goes before the leecher has all, and comes back after.
  await seeder.stop()
  const dials = () => world.network.dialCount({ address: seeder.address, port: listenPort })
  await leecher.run({ type: 'set-limits', id, limits: { downloadBytesPerSecond: Number.POSITIVE_INFINITY } })
  await world.until('finished', () => leecher.torrent(id).isFinished)
  const before = dials()
  await seeder.start()
  await world.clock.run(600_000)
  assert.equal(dials(), before)
})
