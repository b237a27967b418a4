// Magnet links: metadata and piece layers from peers, and what a private torrent never does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { listenPort } from '../../sim/world/machine.ts'
import { SimulatedTracker } from '../../sim/world/simulated-tracker.ts'
import { encodeMessages, type WireMessage } from '../formats/peer/recorded-wire.ts'
import { IdlePeer } from './idle-peer.ts'
import { newWorld, seedOf } from './session-world.ts'

for (const version of ['v1', 'v2', 'hybrid'] as const) {
  test(`a magnet link to a ${version} torrent gets its metadata, and then its content, from peers`, async () => {
    const world = newWorld()
    const content = makeContent({ version, lengths: [200_000, 90_000] })
    const seeder = await seedOf(world, content)
    const leecher = world.machine('10.0.0.2')
    await leecher.start()
    const id = await leecher.addMagnet(`${content.magnet}&x.pe=${seeder.endpoint}`)
    assert.equal(leecher.stateOf(id), 'awaiting-metadata')
    await world.until('finished', () => leecher.torrent(id).isFinished)
    await world.until('whole files', () => leecher.has(content), 5_000)
    assert.equal(leecher.torrent(id).name, 'torrent')
    await leecher.stop()
    await seeder.stop()
  })
}

test('a .torrent of version 2 without piece layers gets them from peers before it downloads', async () => {
  const world = newWorld()
  const whole = makeContent({ version: 'v2', lengths: [500_000] })
  const seeder = await seedOf(world, whole)
  const leecher = world.machine('10.0.0.2')
  await leecher.start()
  const bare = makeContent({ version: 'v2', lengths: [500_000], withoutLayers: true })
  const id = await leecher.add(bare.metainfo, { peers: [seeder.endpoint] })
  assert.equal(leecher.stateOf(id), 'awaiting-piece-layers')
  await world.until('finished', () => leecher.torrent(id).isFinished)
  await world.until('whole files', () => leecher.has(whole), 5_000)
})

test('as soon as the metadata is here, peers are held to it, though piece layers are still missing', async () => {
  const world = newWorld()
  const bare = makeContent({ version: 'v2', lengths: [500_000], withoutLayers: true })
  const leecher = world.machine('10.0.0.2')
  await leecher.start({ dialPeers: false })
  const id = await leecher.addMagnet(bare.magnet)
  const target = { address: leecher.address, port: listenPort }
  const { pieceCount } = bare.info
  const sayings: readonly WireMessage[][] = [
    [{ type: 'have', piece: pieceCount - 1 }],
    [{ type: 'have', piece: pieceCount }],
    [{ type: 'bitfield', bits: '00'.repeat(pieceCount) }],
    Array.from({ length: 6_000 }, () => ({ type: 'request', piece: 0, begin: 0, length: 16_384 })),
  ]
  const infoHash = id.slice(0, 40)
  const [honest, ...others] = sayings.map((messages, number) => {
    const address = `10.0.3.${number + 1}`
    return new IdlePeer(world, target, { address, number: number + 1, infoHash, says: encodeMessages(messages) })
  })
  await world.clock.run(3_000)
  // Nobody can tell yet what is wrong, but for a flood.
  assert.deepEqual(
    others.map(({ endCount }) => endCount > 0),
    [false, false, true],
  )
  const knowing = world.machine('10.0.0.1')
  await knowing.start()
  await knowing.add(bare.metainfo, { peers: [leecher.endpoint] })
  await world.until('the metadata', () => leecher.stateOf(id) === 'awaiting-piece-layers')
  await world.clock.run(1_000)
  assert.deepEqual(
    others.map(({ endCount }) => endCount > 0),
    [true, true, true],
  )
  assert.equal(honest?.endCount, 0)
})

test('a magnet link selects files (BEP 53)', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [65_536, 65_536, 65_536] })
  const seeder = await seedOf(world, content)
  const leecher = world.machine('10.0.0.2')
  await leecher.start()
  const id = await leecher.addMagnet(`${content.magnet}&x.pe=${seeder.endpoint}&so=1`)
  await world.until('finished', () => leecher.torrent(id).isFinished)
  assert.deepEqual(
    leecher.torrent(id).files.map((file) => file.doneBytes),
    [0, 65_536, 0],
  )
})

test('adding the .torrent of a magnet link that waits gives it its metadata', async () => {
  const world = newWorld()
  const content = makeContent()
  const leecher = world.machine('10.0.0.2')
  await leecher.start()
  const id = await leecher.addMagnet(content.magnet)
  const again = await leecher.run({ type: 'add', source: { type: 'metainfo', bytes: content.metainfo } })
  assert.deepEqual(again, { type: 'added', id, isNew: false })
  await world.until('downloading', () => leecher.stateOf(id) === 'downloading')
})

test('a private torrent gives its metadata to nobody, and takes no peers but those of trackers', async () => {
  const world = newWorld()
  const tracker = new SimulatedTracker(world, '10.0.0.9')
  const content = makeContent({ isPrivate: true, trackers: [[tracker.url]] })
  const seeder = await seedOf(world, content)
  const curious = world.machine('10.0.0.2')
  await curious.start()
  const bareLink = content.magnet.replace(/&tr=[^&]*/, '')
  const waiting = await curious.addMagnet(`${bareLink}&x.pe=${seeder.endpoint}`)
  await world.until('a connection', () => curious.torrent(waiting).connectedPeers === 1)
  await world.clock.run(30_000)
  assert.equal(curious.stateOf(waiting), 'awaiting-metadata')

  const stranger = world.machine('10.0.0.3')
  await stranger.start()
  const withoutTracker = makeContent({ isPrivate: true })
  const id = await stranger.add(withoutTracker.metainfo, { peers: [seeder.endpoint] })
  const refused = await world.clock.settle(stranger.session.run({ type: 'add-peers', id, peers: [seeder.endpoint] }))
  assert.equal(!refused.ok && refused.code, 'torrent-value')
  await world.clock.run(30_000)
  assert.equal(stranger.torrent(id).knownPeers, 0)
  assert.equal(stranger.torrent(id).doneBytes, 0)

  const member = world.machine('10.0.0.4')
  await member.start()
  const joined = await member.add(content.metainfo)
  await world.until('finished by the tracker', () => member.torrent(joined).isFinished)
})

test('who asks for another torrent, or a stopped one, is sent away', async () => {
  const world = newWorld()
  const content = makeContent()
  const seeder = await seedOf(world, content)
  const leecher = world.machine('10.0.0.2')
  await leecher.start()
  const other = makeContent({ seed: 2 })
  const id = await leecher.add(other.metainfo, { peers: [seeder.endpoint] })
  await world.clock.run(5_000)
  assert.equal(leecher.torrent(id).connectedPeers, 0)
  assert.equal(seeder.session.snapshot().connections, 0)
})
