// The life of torrents in one run of the program: queue, goals, selection, place, removal, trackers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Content, makeContent } from '../../sim/world/content.ts'
import { contentFolder, type Machine } from '../../sim/world/machine.ts'
import { SimulatedTracker } from '../../sim/world/simulated-tracker.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import type { World } from '../../sim/world/world.ts'
import { failure, unwrap } from '../../src/base/errors.ts'
import { parseMetainfo } from '../../src/formats/metainfo/parse-metainfo.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import { newWorld, seedOf } from './session-world.ts'

interface Pair {
  readonly world: World
  readonly seeder: Machine
  readonly leecher: Machine
  readonly seeded: TorrentId
}

async function pair(content: Content, world = newWorld()): Promise<Pair> {
  const seeder = await seedOf(world, content)
  const leecher = world.machine('10.0.0.2')
  // Or limits would not hold for the local network.
  await leecher.start({ exemptLocalNetwork: false })
  return { world, seeder, leecher, seeded: torrentIdOf(content) }
}

test('only as many downloads run as may; the next one starts when one is done, and a forced one at once', async () => {
  const contents = [1, 2, 3, 4].map((seed) => makeContent({ seed, name: `torrent-${seed}` }))
  const { world, seeder, leecher } = await pair(contents[0] as Content)
  await leecher.run({ type: 'set-queue', limits: { maxActiveDownloads: 1 } })
  const ids: TorrentId[] = []
  for (const content of contents) ids.push(await leecher.add(content.metainfo))
  await world.clock.run(500)
  assert.deepEqual(
    ids.map((id) => leecher.stateOf(id)),
    ['downloading', 'queued', 'queued', 'queued'],
  )
  await leecher.run({ type: 'start-now', id: ids[3] as TorrentId })
  assert.equal(leecher.stateOf(ids[3] as TorrentId), 'downloading')
  await leecher.run({ type: 'set-queue-position', id: ids[2] as TorrentId, position: 1 })
  await leecher.run({ type: 'add-peers', id: ids[0] as TorrentId, peers: [seeder.endpoint] })
  await world.until('the first', () => leecher.stateOf(ids[0] as TorrentId) === 'seeding')
  assert.deepEqual(
    ids.map((id) => leecher.stateOf(id)),
    ['seeding', 'queued', 'downloading', 'downloading'],
  )
})

test('a torrent that has given what it was to give stops by itself', async () => {
  const content = makeContent()
  const { world, seeder, leecher, seeded } = await pair(content)
  await seeder.run({ type: 'set-seed-goals', id: seeded, seedGoals: { ratio: 1 } })
  const id = await leecher.add(content.metainfo, { peers: [seeder.endpoint], seedGoals: { seedingSeconds: 60 } })
  await world.until('finished', () => leecher.torrent(id).isFinished)
  await world.until('the ratio', () => seeder.stateOf(seeded) === 'stopped', 5_000)
  assert.equal(leecher.stateOf(id), 'seeding')
  await world.until('the time', () => leecher.stateOf(id) === 'stopped', 65_000)
})

test('the goals of the session hold for torrents without their own', async () => {
  const content = makeContent()
  const { world, seeder, leecher, seeded } = await pair(content)
  const id = await leecher.add(content.metainfo, { peers: [seeder.endpoint] })
  await world.until('finished', () => leecher.torrent(id).isFinished)
  await world.clock.run(5_000)
  assert.equal(seeder.stateOf(seeded), 'seeding')
  await seeder.run({ type: 'set-default-seed-goals', seedGoals: { ratio: 0.5 } })
  await world.until('the ratio', () => seeder.stateOf(seeded) === 'stopped', 2_000)
})

test('totals and times count for life: through checks, stops and starts, and only while it runs', async () => {
  const world = newWorld()
  const tracker = new SimulatedTracker(world, '10.0.0.9')
  const content = makeContent({ trackers: [[tracker.url]] })
  const { seeder, leecher, seeded } = await pair(content, world)
  const id = await leecher.add(content.metainfo, { peers: [seeder.endpoint] })
  await world.until('finished', () => leecher.torrent(id).isFinished)
  await world.clock.run(20_000)
  await leecher.run({ type: 'stop', id })
  const { activeSeconds, seedingSeconds } = leecher.torrent(id)
  assert.ok(activeSeconds > 20 && activeSeconds < 30 && seedingSeconds >= 20 && seedingSeconds <= activeSeconds)
  await world.clock.run(60_000)
  assert.equal(leecher.torrent(id).activeSeconds, activeSeconds)
  await leecher.run({ type: 'recheck', id })
  await leecher.run({ type: 'start', id })
  await seeder.run({ type: 'recheck', id: seeded })
  await world.clock.run(10_000)
  assert.equal(leecher.torrent(id).downloadedBytes, 300_000)
  assert.equal(seeder.torrent(seeded).uploadedBytes, 300_000)
  assert.ok(leecher.torrent(id).activeSeconds > activeSeconds + 5)
  // Trackers add up what each start has moved.
  const starts = tracker.seen.filter(({ from, event }) => from === leecher.address && event === 'started')
  assert.deepEqual(
    starts.map(({ downloadedBytes }) => downloadedBytes),
    [0, 0],
  )
})

test('unwanted files are neither downloaded nor made, until they are wanted', async () => {
  const content = makeContent({ lengths: [100_000, 100_000, 100_000] })
  const { world, seeder, leecher } = await pair(content)
  const id = await leecher.add(content.metainfo, { peers: [seeder.endpoint], priorities: [4, 0, 7] })
  await world.until('finished', () => leecher.torrent(id).isFinished)
  await world.until('its files', () => leecher.disk.content(`${contentFolder}/torrent/file-2.bin`) !== undefined, 5_000)
  assert.equal(
    leecher.disk.paths().some((path) => path.includes('file-1')),
    false,
  )
  assert.equal(leecher.torrent(id).wantedBytes, 200_000)
  await leecher.run({ type: 'set-priorities', id, priorities: [4, 4, 4] })
  assert.equal(leecher.torrent(id).isFinished, false)
  await leecher.run({ type: 'add-peers', id, peers: [seeder.endpoint] })
  await world.until('finished again', () => leecher.torrent(id).isFinished)
  await world.until('whole files', () => leecher.has(content), 5_000)
})

test('a stopped torrent has no peers and goes on where it was', async () => {
  const content = makeContent({ lengths: [2_000_000] })
  const { world, seeder, leecher } = await pair(content)
  const id = await leecher.add(content.metainfo, {
    peers: [seeder.endpoint],
    limits: { downloadBytesPerSecond: 200_000 },
  })
  await world.until('downloading', () => leecher.stateOf(id) === 'downloading')
  await leecher.run({ type: 'stop', id })
  assert.equal(leecher.stateOf(id), 'stopped')
  await leecher.run({ type: 'start', id })
  await world.until('some', () => leecher.torrent(id).doneBytes > 500_000 || leecher.torrent(id).isFinished)
  await leecher.run({ type: 'stop', id })
  assert.equal(leecher.torrent(id).connectedPeers, 0)
  await world.clock.run(2_000)
  const { doneBytes } = leecher.torrent(id)
  await world.clock.run(30_000)
  assert.equal(leecher.torrent(id).doneBytes, doneBytes)
  await leecher.run({ type: 'start', id })
  await leecher.run({ type: 'add-peers', id, peers: [seeder.endpoint] })
  await world.until('finished', () => leecher.torrent(id).isFinished)
  assert.ok(leecher.torrent(id).downloadedBytes < 2_200_000)
})

test('removing keeps the data or takes it away, and leaves nothing else behind', async () => {
  for (const withData of [false, true]) {
    const content = makeContent()
    const { world, seeder, leecher } = await pair(content)
    const id = await leecher.add(content.metainfo, { peers: [seeder.endpoint] })
    await world.until('finished', () => leecher.torrent(id).isFinished)
    await world.clock.run(10_000)
    await leecher.run({ type: 'remove', id, withData })
    await world.clock.run(10_000)
    assert.deepEqual(leecher.disk.paths(), withData ? [] : [`${contentFolder}/torrent`])
    assert.equal(leecher.session.torrentSnapshot(id).ok, false)
    assert.equal(leecher.session.snapshot().torrents.length, 0)
  }
})

test('content moves to another folder and files get other names while it is seeded', async () => {
  const content = makeContent({ lengths: [90_000, 80_000] })
  const { world, seeder, leecher, seeded } = await pair(content)
  await seeder.run({ type: 'move', id: seeded, folder: '/elsewhere' })
  await seeder.run({ type: 'rename-file', id: seeded, file: 1, path: ['torrent', 'renamed.bin'] })
  assert.deepEqual(
    seeder.disk.paths().filter((path) => path.startsWith('/elsewhere') || path.startsWith(contentFolder)),
    ['/elsewhere/torrent/file-0.bin', '/elsewhere/torrent/renamed.bin'],
  )
  const id = await leecher.add(content.metainfo, { peers: [seeder.endpoint] })
  await world.until('finished', () => leecher.torrent(id).isFinished)
  assert.equal(seeder.torrent(seeded).folder, '/elsewhere')
})

test('what is incomplete lies in its own folder, with its own names, and moves when it is whole', async () => {
  const content = makeContent({ lengths: [900_000, 80_000] })
  const world = newWorld()
  const { seeder } = await pair(content, world)
  const leecher = world.machine('10.0.0.5')
  await leecher.start({ incompleteFolder: '/incomplete', exemptLocalNetwork: false })
  const limits = { downloadBytesPerSecond: 100_000 }
  const id = await leecher.add(content.metainfo, { peers: [seeder.endpoint], limits })
  await world.until('some of it', () => leecher.torrent(id).doneBytes > 300_000)
  const paths = () => leecher.disk.paths().filter((path) => !path.startsWith('/state'))
  assert.ok(paths().length > 0 && paths().every((path) => path.startsWith('/incomplete/') && path.endsWith('.part')))
  leecher.kill()
  await leecher.start({ incompleteFolder: '/incomplete', exemptLocalNetwork: false })
  await leecher.run({ type: 'add-peers', id, peers: [seeder.endpoint] })
  await world.until('whole files', () => leecher.has(content))
  await world.clock.run(1_000)
  assert.equal(
    paths().some((path) => path.startsWith('/incomplete')),
    false,
  )
  await leecher.stop()
  await leecher.start({ incompleteFolder: '/incomplete' })
  await world.until('seeding', () => leecher.stateOf(id) === 'seeding')
})

test('files take their space as they come, or all of it at once', async () => {
  for (const allocation of ['sparse', 'full'] as const) {
    const world = newWorld()
    const content = makeContent({ lengths: [2_000_000] })
    const [seeder, leecher] = [world.machine('10.0.0.1'), world.machine('10.0.0.2')]
    seeder.put(content)
    await seeder.start()
    await leecher.start({ allocation, exemptLocalNetwork: false })
    await seeder.add(content.metainfo)
    const limits = { downloadBytesPerSecond: 200_000 }
    const id = await leecher.add(content.metainfo, { peers: [seeder.endpoint], limits })
    await world.until('some of it', () => leecher.torrent(id).doneBytes > 200_000)
    const used = leecher.disk.usedBytes()
    assert.ok(allocation === 'full' ? used >= 2_000_000 : used < 1_000_000, `${used} bytes, ${allocation}`)
  }
})

test('content that is in its place already is seeded from there', async () => {
  const content = makeContent()
  const world = newWorld()
  const machine = world.machine('10.0.0.5')
  machine.put(content)
  await machine.start({ incompleteFolder: '/incomplete' })
  const id = await machine.add(content.metainfo)
  await world.until('seeding', () => machine.stateOf(id) === 'seeding')
})

test('the exported .torrent is the one that was added, with the trackers of now', async () => {
  const content = makeContent({ version: 'hybrid', lengths: [90_000, 80_000] })
  const { seeder, seeded } = await pair(content)
  await seeder.run({ type: 'set-trackers', id: seeded, trackers: [['http://10.0.0.9/announce']] })
  const outcome = await seeder.run({ type: 'export', id: seeded })
  assert.ok(outcome.type === 'exported')
  const exported = unwrap(parseMetainfo(outcome.bytes))
  const original = unwrap(parseMetainfo(content.metainfo))
  assert.deepEqual(exported.info.raw, original.info.raw)
  assert.deepEqual(exported.pieceLayers, original.pieceLayers)
  assert.deepEqual(exported.trackers, [['http://10.0.0.9/announce']])
  assert.equal(outcome.name, 'torrent.torrent')
})

test('trackers hear when it starts, is complete and stops, and name its peers', async () => {
  const world = newWorld()
  const tracker = new SimulatedTracker(world, '10.0.0.9')
  const content = makeContent({ trackers: [[tracker.url]] })
  const { seeder, leecher, seeded } = await pair(content, world)
  await world.until('the seeder is known', () => tracker.eventsOf(seeder.address).length > 0)
  const id = await leecher.add(content.metainfo)
  await world.until('finished', () => leecher.torrent(id).isFinished)
  await world.until('completed', () => tracker.eventsOf(leecher.address).includes('completed'), 10_000)
  await leecher.run({ type: 'stop', id })
  await world.until('stopped', () => tracker.eventsOf(leecher.address).at(-1) === 'stopped', 5_000)
  assert.deepEqual(tracker.eventsOf(leecher.address), ['started', 'completed', 'stopped'])
  const [first, completed, last] = tracker.seen.filter(({ from }) => from === leecher.address)
  assert.equal(first?.leftBytes, 300_000)
  assert.equal(completed?.leftBytes, 0)
  assert.equal(last?.leftBytes, 0)
  assert.equal(last?.downloadedBytes, 300_000)
  assert.equal(seeder.torrent(seeded).trackers[0]?.state, 'working')
})

test('a tracker hears once that a torrent is complete, though a piece is lost and comes again', async () => {
  const world = newWorld()
  const tracker = new SimulatedTracker(world, '10.0.0.9')
  const content = makeContent({ trackers: [[tracker.url]] })
  const { leecher } = await pair(content, world)
  const id = await leecher.add(content.metainfo)
  await world.until('completed', () => tracker.eventsOf(leecher.address).includes('completed'), 10_000)
  leecher.disk.failing = (operation) => (operation === 'sync' ? failure('file-unwritable', 'it fails') : undefined)
  await world.until('what was not kept is gone', () => !leecher.torrent(id).isFinished)
  leecher.disk.failing = () => undefined
  await world.until('it is here again', () => leecher.stateOf(id) === 'seeding')
  await world.clock.run(10_000)
  assert.equal(tracker.eventsOf(leecher.address).filter((event) => event === 'completed').length, 1)
})

test('a tracker does not hear that a torrent is complete of which a part is not wanted, until all of it is here', async () => {
  const world = newWorld()
  const tracker = new SimulatedTracker(world, '10.0.0.9')
  const content = makeContent({ lengths: [65_536, 65_536], trackers: [[tracker.url]] })
  const [seeder, leecher] = [world.machine('10.0.0.1'), world.machine('10.0.0.2')]
  seeder.put(content)
  await seeder.start()
  await leecher.start()
  await seeder.add(content.metainfo)
  const id = await leecher.add(content.metainfo, { priorities: [4, 0] })
  await world.until('what is wanted', () => leecher.torrent(id).isFinished)
  await world.clock.run(10_000)
  assert.ok(!tracker.eventsOf('10.0.0.2').includes('completed'))
  await leecher.run({ type: 'set-priorities', id, priorities: [4, 4] })
  await world.until('the rest', () => leecher.torrent(id).isFinished)
  await world.until('it is said', () => tracker.eventsOf('10.0.0.2').includes('completed'))
})

test('a tracker that keeps silent does not keep the session from ending', async () => {
  const world = newWorld()
  const tracker = new SimulatedTracker(world, '10.0.0.9')
  const content = makeContent({ trackers: [[tracker.url]] })
  const { seeder } = await pair(content, world)
  await world.until('the seeder is known', () => tracker.eventsOf(seeder.address).length > 0)
  tracker.isSilent = true
  const beforeMs = world.clock.nowMs()
  await seeder.stop()
  assert.ok(world.clock.nowMs() - beforeMs <= 3_500, `${world.clock.nowMs() - beforeMs} ms`)
  assert.deepEqual(tracker.eventsOf(seeder.address), ['started', 'stopped'])
})

test('commands for torrents that are not there, or values that make no sense, change nothing', async () => {
  const content = makeContent()
  const { world, seeder, seeded } = await pair(content)
  const codeOf = async (command: Parameters<typeof seeder.session.run>[0]) => {
    const result = await world.clock.settle(seeder.session.run(command))
    return result.ok ? 'ok' : result.code
  }
  const cursor = seeder.session.snapshot().cursor
  assert.equal(await codeOf({ type: 'stop', id: 'f'.repeat(40) as TorrentId }), 'torrent-unknown')
  assert.equal(await codeOf({ type: 'set-priorities', id: seeded, priorities: [8] }), 'torrent-value')
  assert.equal(await codeOf({ type: 'set-priorities', id: seeded, priorities: [1, 1] }), 'torrent-value')
  assert.equal(await codeOf({ type: 'set-deadline', id: seeded, piece: 1_000, inMs: 5 }), 'torrent-value')
  assert.equal(await codeOf({ type: 'rename-file', id: seeded, file: 7, path: ['x'] }), 'torrent-value')
  assert.equal(await codeOf({ type: 'add-peers', id: seeded, peers: ['10.0.0.1'] }), 'torrent-value')
  assert.equal(await codeOf({ type: 'ban', address: 'example.org' }), 'torrent-value')
  assert.equal(await codeOf({ type: 'add', source: { type: 'magnet', link: 'magnet:?dn=x' } }), 'magnet-topic')
  assert.equal(seeder.session.snapshot().cursor, cursor)
})

test('a torrent of many files seeds, and is called finished, only when all of them have their own names', async () => {
  const content = makeContent({ lengths: Array.from({ length: 200 }, () => 100) })
  const { world, seeder, leecher } = await pair(content)
  const id = await leecher.add(content.metainfo)
  let { cursor } = leecher.session.snapshot()
  const suffixed = () => leecher.disk.paths().filter((path) => path.endsWith('.part')).length
  const left: number[] = []
  leecher.session.onChange(() => {
    const told = leecher.session.changesSince(cursor)
    cursor = told.cursor
    if (told.type !== 'changes') return
    const isEnd = told.changes.some(
      (change) => change.type === 'finished' || (change.type === 'state' && change.state.type === 'seeding'),
    )
    if (isEnd) left.push(suffixed())
  })
  await leecher.run({ type: 'add-peers', id, peers: [seeder.endpoint] })
  await world.until('all pieces', () => leecher.torrent(id).isFinished)
  const [lastPieceMs, waiting] = [world.clock.nowMs(), suffixed()]
  assert.ok(waiting > 100)
  assert.equal(leecher.stateOf(id), 'downloading')
  await world.until('seeding', () => leecher.stateOf(id) === 'seeding')
  await world.clock.run(100)
  assert.ok(left.length > 0)
  assert.deepEqual([...new Set(left)], [0])
  // One after the other they would take at least a millisecond each.
  assert.ok(world.clock.nowMs() - lastPieceMs - 100 < waiting)
})

test('the change log tells a download from its beginning to its end', async () => {
  const content = makeContent({ lengths: [100_000] })
  const { world, seeder, leecher } = await pair(content)
  const { cursor } = leecher.session.snapshot()
  await leecher.add(content.metainfo, { peers: [seeder.endpoint] })
  const isTold = () => {
    const told = leecher.session.changesSince(cursor)
    return told.type === 'changes' && told.changes.some(({ type }) => type === 'finished')
  }
  await world.until('finished, and its files under their own names', isTold)
  const changes = leecher.session.changesSince(cursor)
  assert.ok(changes.type === 'changes')
  const told = changes.changes.map((change) => (change.type === 'state' ? change.state.type : change.type))
  assert.deepEqual(
    told.filter((type) => type !== 'changed' && type !== 'piece'),
    ['added', 'checking', 'downloading', 'finished', 'seeding'],
  )
  const pieces = changes.changes.flatMap((change) => (change.type === 'piece' ? [change.piece] : []))
  assert.deepEqual(pieces.sort(), [0, 1, 2, 3])
})
