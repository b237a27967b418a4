// What a session remembers, whatever ended it: in order, killed, without power, and when its files were tampered with.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Content, makeContent } from '../../sim/world/content.ts'
import { contentFolder, listenPort, type Machine } from '../../sim/world/machine.ts'
import { SimpleSeed } from '../../sim/world/simple-seed.ts'
import { SimulatedTracker } from '../../sim/world/simulated-tracker.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import type { World } from '../../sim/world/world.ts'
import { failure, unwrap } from '../../src/base/errors.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import { decodeResumeRecord } from '../../src/storage/resume-record.ts'
import { newWorld, seedOf } from './session-world.ts'

const incompleteFolder = '/incomplete'

test('after a restart every torrent is as it was, without hashing anything', async () => {
  const world = newWorld()
  const tracker = new SimulatedTracker(world, '10.0.0.9')
  const content = makeContent({ trackers: [[tracker.url]], lengths: [150_000, 150_000] })
  const source = await seedOf(world, content)
  const machine = world.machine('10.0.0.2')
  await machine.start()
  const id = await machine.add(content.metainfo, { sequential: true, limits: { maxSlots: 3 }, seedGoals: { ratio: 7 } })
  const other = await machine.add(makeContent({ seed: 5, name: 'other' }).metainfo, { stopped: true })
  const waiting = await machine.addMagnet(makeContent({ seed: 6, name: 'third' }).magnet)
  await world.until('finished', () => machine.torrent(id).isFinished)
  await machine.run({ type: 'rename-file', id, file: 1, path: ['torrent', 'renamed'] })
  await machine.run({ type: 'set-queue-position', id: waiting, position: 0 })
  await world.clock.run(3_000)
  const before = machine.torrent(id)
  await machine.stop()
  const reads: string[] = []
  machine.disk.failing = (operation, path) => {
    if (operation === 'read' && path.startsWith(contentFolder)) reads.push(path)
    return undefined
  }
  await machine.start()
  await world.until('seeding again', () => machine.stateOf(id) === 'seeding' && machine.stateOf(other) === 'stopped')
  const after = machine.torrent(id)
  assert.deepEqual(reads, [])
  assert.equal(machine.stateOf(other), 'stopped')
  assert.equal(machine.stateOf(waiting), 'awaiting-metadata')
  assert.deepEqual(
    machine.session.snapshot().torrents.map((torrent) => torrent.id),
    [waiting, id, other],
  )
  for (const field of ['downloadedBytes', 'uploadedBytes', 'addedMs', 'completedMs', 'sequential'] as const) {
    assert.equal(after[field], before[field], field)
  }
  assert.ok(after.activeSeconds >= Math.floor(before.activeSeconds))
  assert.deepEqual(after.limits, before.limits)
  assert.equal(after.seedGoals.ratio, 7)
  assert.deepEqual(after.files[1]?.path, ['torrent', 'renamed'])
  await world.until(
    'an announce',
    () => tracker.eventsOf(machine.address).filter((event) => event === 'started').length === 2,
  )
  const keys = tracker.seen.filter(({ from }) => from === machine.address).map(({ key }) => key)
  assert.equal(new Set(keys).size, 1)
  await source.stop()
})

for (const isPowerLoss of [false, true]) {
  test(`${isPowerLoss ? 'a power loss' : 'kill -9'} at any moment loses 5 s at most, and never claims a bad piece`, async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const world = newWorld(seed)
      const content = makeContent({ lengths: [1_500_000, 700_000] })
      const source = await seedOf(world, content)
      const machine = world.machine('10.0.0.2')
      // Or the limit would not hold for the local network.
      await machine.start({ exemptLocalNetwork: false })
      const rate = 100_000
      const id = await machine.add(content.metainfo, {
        peers: [source.endpoint],
        limits: { downloadBytesPerSecond: rate },
      })
      await world.clock.run(1_000 + seed * 1_300)
      const before = machine.torrent(id).doneBytes
      machine.kill(isPowerLoss)
      await machine.start({ dialPeers: false })
      await world.until('looked at', () => machine.stateOf(id) === 'downloading' || machine.stateOf(id) === 'seeding')
      const after = machine.torrent(id)
      const slack = 5 * rate + 4 * 32_768
      assert.ok(after.doneBytes >= before - slack, `seed ${seed}: ${before} then ${after.doneBytes}`)
      assertTrue(machine, content, id)
    }
  })
}

test('what a recheck found is found again when the program is killed before it was saved', async () => {
  let foundMore = 0
  for (let seed = 1; seed <= 6; seed++) {
    const world = newWorld(seed)
    const content = makeContent({ lengths: [1_500_000, 700_000] })
    const source = await seedOf(world, content)
    const machine = world.machine('10.0.0.2')
    await machine.start({ exemptLocalNetwork: false })
    const limits = { downloadBytesPerSecond: 100_000 }
    const id = await machine.add(content.metainfo, { peers: [source.endpoint], limits })
    await world.clock.run(6_000 + seed * 700)
    machine.kill()
    await machine.start({ dialPeers: false })
    const recalled = machine.session.run({ type: 'recheck', id })
    await world.until('rechecked', () => machine.stateOf(id) === 'downloading')
    await world.clock.settle(recalled)
    const found = machine.torrent(id)
    machine.kill()
    await machine.start({ dialPeers: false })
    await world.until('looked at', () => machine.stateOf(id) === 'downloading')
    assert.deepEqual(machine.torrent(id).pieces, found.pieces, `seed ${seed}`)
    const saved = unwrap(decodeResumeRecord(machine.disk.content(`/state/${id}.resume`) as Uint8Array)).storage
    if (saved === undefined) foundMore++
  }
  assert.equal(foundMore, 6)
})

/** After a start that nothing was left to do for: it is whole without being hashed, and can be moved. */
async function assertAtHome(
  world: World,
  machine: Machine,
  content: Content,
  id: TorrentId,
  how: string,
): Promise<string> {
  const reads: string[] = []
  machine.disk.failing = (operation, path) => {
    if (operation === 'read' && !path.startsWith('/state')) reads.push(path)
    return undefined
  }
  await machine.start({ dialPeers: false, incompleteFolder })
  await world.until(`seeding, ${how}`, () => machine.stateOf(id) === 'seeding')
  assert.deepEqual(reads, [], how)
  const { folder } = machine.torrent(id)
  await world.clock.run(1_000)
  const originals = machine.disk.paths().filter((path) => path.startsWith(`${contentFolder}/torrent/`))
  assert.equal(originals.length, folder === contentFolder ? 2 : 0, how)
  await machine.run({ type: 'move', id, folder: '/third' })
  for (const { path, bytes } of content.files) {
    assert.ok(machine.disk.matches(`/third/${path.join('/')}`, bytes), how)
  }
  return folder
}

test('a move that is broken off at any moment leaves the torrent whole, in one folder or the other', async () => {
  const folders = new Set<string>()
  const moments = { before: 0, copied: 0, remembered: 0, moved: 0 }
  for (let atMs = 0; moments.moved < 5; atMs += 2) {
    const world = newWorld()
    const content = makeContent({ lengths: [40_000, 50_000] })
    const machine = await seedOf(world, content, '10.0.0.1', { incompleteFolder })
    const { id } = machine.session.snapshot().torrents[0] as { id: TorrentId }
    await world.clock.run(6_000)
    let isMoved = false
    void machine.tell({ type: 'move', id, folder: '/other' }).then(() => {
      isMoved = true
    })
    await world.clock.run(atMs)
    const paths = machine.disk.paths()
    const copies = paths.filter((path) => /^\/other\/torrent\//.test(path)).length
    const originals = paths.filter((path) => path.startsWith(`${contentFolder}/torrent/`)).length
    if (isMoved) moments.moved++
    else if (originals < 2) moments.remembered++
    else if (copies === 2) moments.copied++
    else moments.before++
    machine.kill(atMs % 4 === 0)
    folders.add(await assertAtHome(world, machine, content, id, `broken off after ${atMs} ms`))
  }
  assert.deepEqual([...folders], [contentFolder, '/other'])
  assert.ok(
    Object.values(moments).every((count) => count > 0),
    JSON.stringify(moments),
  )
})

test('leaving the folder of incomplete content, broken off at any moment, leaves it whole in the one or the other', async () => {
  const moments = { before: 0, copied: 0, remembered: 0, moved: 0 }
  for (let atMs = 0; moments.moved < 5; atMs += 2) {
    const world = newWorld()
    const content = makeContent({ lengths: [40_000, 50_000] })
    const source = await seedOf(world, content)
    const machine = world.machine('10.0.0.2')
    await machine.start({ incompleteFolder })
    const id = await machine.add(content.metainfo, { peers: [source.endpoint] })
    await world.until('all pieces', () => machine.torrent(id).doneBytes === 90_000)
    await world.clock.run(atMs)
    const found = machine.disk.paths().filter((path) => path.includes('/torrent/'))
    const copies = found.filter((path) => path.startsWith(contentFolder)).length
    if (found.length === copies) moments.moved++
    else if (machine.stateOf(id) === 'seeding') moments.remembered++
    else if (copies === 2) moments.copied++
    else moments.before++
    machine.kill()
    const how = `broken off after ${atMs} ms`
    await machine.start({ dialPeers: false, incompleteFolder })
    await world.until(`looked at, ${how}`, () => machine.stateOf(id) !== 'checking')
    assert.notEqual(machine.stateOf(id), 'error', how)
    // Nothing is to be fetched again but what may be lost with the last seconds.
    if (moments.moved + moments.remembered + moments.copied > 0)
      assert.equal(machine.torrent(id).doneBytes, 90_000, how)
    await machine.run({ type: 'add-peers', id, peers: [source.endpoint] })
    await machine.stop()
    await machine.start({ incompleteFolder })
    await machine.run({ type: 'add-peers', id, peers: [source.endpoint] })
    await world.until(`in its place, ${how}`, () => machine.stateOf(id) === 'seeding' && machine.has(content))
    await world.clock.run(1_000)
    assert.ok(!machine.disk.paths().some((path) => path.startsWith(incompleteFolder)), how)
  }
  assert.ok(
    Object.values(moments).every((count) => count > 0),
    JSON.stringify(moments),
  )
})

test('a new name is remembered when the command is done', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [40_000, 50_000] })
  const machine = await seedOf(world, content)
  const { id } = machine.session.snapshot().torrents[0] as { id: TorrentId }
  await world.clock.run(6_000)
  await machine.run({ type: 'rename-file', id, file: 1, path: ['torrent', 'renamed'] })
  machine.kill()
  await machine.start()
  await world.until('seeding', () => machine.stateOf(id) === 'seeding')
  assert.deepEqual(machine.torrent(id).files[1]?.path, ['torrent', 'renamed'])
})

test('content that is moved while it leaves the folder of incomplete content comes to where it was moved last', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [40_000, 50_000] })
  const source = await seedOf(world, content)
  const machine = world.machine('10.0.0.2')
  await machine.start({ incompleteFolder })
  const id = await machine.add(content.metainfo, { peers: [source.endpoint] })
  const isCopying = () => machine.disk.paths().some((path) => path.includes('.copies/'))
  await world.until('it is on its way', isCopying)
  await machine.run({ type: 'move', id, folder: '/third' })
  const inThird = () => machine.disk.paths().filter((path) => path.startsWith('/third/torrent/')).length
  assert.equal(inThird(), 2)
  machine.kill()
  await machine.start({ incompleteFolder })
  await world.until('seeding', () => machine.stateOf(id) === 'seeding')
  assert.equal(machine.torrent(id).folder, '/third')
  assert.equal(machine.disk.paths().filter((path) => path.includes('/torrent/')).length, 2)
})

/** Every piece that is claimed is right on the disk. */
function assertTrue(machine: Machine, content: Content, id: TorrentId): void {
  const { pieces, pieceCount } = machine.torrent(id)
  for (let piece = 0; piece < pieceCount; piece++) {
    const isClaimed = ((pieces[piece >> 3] as number) & (0x80 >> (piece & 7))) !== 0
    assert.ok(!isClaimed || machine.holds(content, piece), `piece ${piece}`)
  }
}

/** A machine that downloaded all of it, and ended in order. */
async function finishedOnce(world: World, content: Content, source: Machine): Promise<Machine> {
  const machine = world.machine('10.0.0.2')
  await machine.start()
  const id = await machine.add(content.metainfo, { peers: [source.endpoint] })
  await world.until('finished', () => machine.torrent(id).isFinished)
  await machine.stop()
  return machine
}

test('files that changed while nobody looked are hashed again, and only the bad pieces fetched', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [320_000] })
  const source = await seedOf(world, content)
  const machine = await finishedOnce(world, content, source)
  const id = torrentIdOf(content)
  const path = `${contentFolder}/torrent`
  const bytes = (machine.disk.content(path) as Uint8Array).slice()
  bytes[100_000] = (bytes[100_000] as number) ^ 1
  await world.clock.run(5_000)
  machine.disk.put(path, bytes)
  await machine.start()
  const before = () => machine.torrent(id).downloadedBytes - 320_000
  await machine.run({ type: 'add-peers', id, peers: [source.endpoint] })
  await world.until('finished again', () => machine.torrent(id).isFinished)
  await world.until('whole', () => machine.has(content))
  assert.equal(before(), 32_768)
})

test('files that are gone are reported, and downloaded again only when that is asked for', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [100_000, 100_000] })
  const source = await seedOf(world, content)
  const machine = await finishedOnce(world, content, source)
  const id = torrentIdOf(content)
  const path = `${contentFolder}/torrent/file-1.bin`
  const kept = (machine.disk.content(path) as Uint8Array).slice()
  machine.disk.delete(path)
  await machine.start()
  await world.until('an error', () => machine.stateOf(id) === 'error')
  const { state } = machine.torrent(id)
  assert.equal(state.type === 'error' && state.problem.code, 'files-missing')
  assert.equal(state.type === 'error' && state.resumesByItself, false)
  await world.clock.run(60_000)
  assert.equal(machine.disk.content(path), undefined)

  // Put back, a recheck makes it good again.
  machine.disk.put(path, kept)
  await machine.run({ type: 'recheck', id })
  await world.until('seeding', () => machine.stateOf(id) === 'seeding')
  await machine.stop()
  machine.disk.delete(path)
  await machine.start()
  await world.until('an error again', () => machine.stateOf(id) === 'error')
  await machine.run({ type: 'download-again', id })
  await machine.run({ type: 'add-peers', id, peers: [source.endpoint] })
  await world.until('whole', () => machine.has(content))
})

test('files that go while they are seeded stop the torrent with the reason when somebody asks for them', async () => {
  const world = newWorld()
  const content = makeContent()
  const machine = await seedOf(world, content)
  await machine.stop()
  await machine.start()
  await world.until('seeding', () => machine.session.snapshot().torrents[0]?.state.type === 'seeding')
  const path = `${contentFolder}/torrent`
  machine.disk.delete(path)
  const leecher = world.machine('10.0.0.2')
  await leecher.start()
  const id = await leecher.add(content.metainfo, { peers: [machine.endpoint] })
  await world.until('an error', () => machine.stateOf(id) === 'error')
  const { state } = machine.torrent(id)
  assert.ok(state.type === 'error' && state.problem.code === 'files-missing' && !state.resumesByItself)
  await world.clock.run(60_000)
  assert.equal(machine.disk.content(path), undefined)
  assert.equal(leecher.torrent(id).doneBytes, 0)
})

test('what came since the last save is remembered when a torrent fails', async () => {
  for (const how of ['stop', 'kill'] as const) {
    const world = newWorld()
    const content = makeContent({ version: 'hybrid', contradictoryPiece: 8, lengths: [400_000] })
    const peer = new SimpleSeed(world, { address: '10.0.0.3', content, uploadBytesPerSecond: 40_000 })
    const leecher = world.machine('10.0.0.2')
    await leecher.start()
    const id = await leecher.add(content.metainfo, { peers: [peer.endpoint], sequential: true })
    await world.until('an error', () => leecher.stateOf(id) === 'error')
    if (how === 'kill') {
      await world.clock.run(5_000)
      leecher.kill()
    } else await leecher.stop()
    const { servedCount } = peer
    await leecher.start()
    await world.until('it is looked at', () => leecher.stateOf(id) === 'downloading')
    assert.ok(leecher.torrent(id).doneBytes >= 7 * content.info.pieceLengthBytes, how)
    assert.equal(peer.servedCount, servedCount)
  }
})

test('a file that goes in the middle of a download takes only what it held, and nothing where it comes back', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [327_680, 327_680] })
  const source = await seedOf(world, content, '10.0.0.1', { exemptLocalNetwork: false })
  const leecher = world.machine('10.0.0.2')
  await leecher.start({ exemptLocalNetwork: false })
  const limits = { downloadBytesPerSecond: 50_000 }
  const id = await leecher.add(content.metainfo, { peers: [source.endpoint], limits })
  const path = `${contentFolder}/torrent/file-0.bin.part`
  await world.until('some of it', () => leecher.torrent(id).doneBytes > 250_000)
  const kept = (leecher.disk.content(path) as Uint8Array).slice()
  const keptBytes = leecher.torrent(id).doneBytes
  leecher.disk.delete(path)
  await world.until('an error', () => leecher.stateOf(id) === 'error')
  const { state } = leecher.torrent(id)
  assert.equal(state.type === 'error' && state.problem.code, 'files-missing')
  await leecher.stop()

  await leecher.start()
  await world.until('an error again', () => leecher.stateOf(id) === 'error')
  await leecher.stop()
  leecher.disk.put(path, kept)
  await leecher.start()
  await world.until('it is looked at', () => leecher.stateOf(id) === 'downloading')
  assert.ok(leecher.torrent(id).doneBytes >= keptBytes, `${leecher.torrent(id).doneBytes} of ${keptBytes}`)
  await leecher.run({ type: 'add-peers', id, peers: [source.endpoint] })
  await world.until('whole', () => leecher.has(content))
})

test('a damaged record costs one torrent a check, and no other anything', async () => {
  const world = newWorld()
  const content = makeContent()
  const machine = await seedOf(world, content)
  const { id } = machine.session.snapshot().torrents[0] as { id: TorrentId }
  const other = await machine.add(makeContent({ seed: 3, name: 'other' }).metainfo, { stopped: true })
  await machine.stop()
  machine.disk.put(`/state/${id}.resume`, Uint8Array.of(1, 2, 3))
  machine.disk.put('/state/readme.txt', Uint8Array.of(1, 2, 3))
  await machine.start()
  await world.until('looked at', () => machine.stateOf(id) === 'stopped')
  assert.equal(machine.torrent(id).doneBytes, 300_000)
  assert.equal(machine.stateOf(other), 'stopped')
  assert.equal(machine.session.snapshot().torrents.length, 2)
})

test('a full disk pauses the download with the reason, seeding goes on, and it resumes by itself', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [2_000_000] })
  const source = await seedOf(world, content)
  const machine = world.machine('10.0.0.2')
  await machine.start({ exemptLocalNetwork: false })
  const limits = { downloadBytesPerSecond: 500_000 }
  const id = await machine.add(content.metainfo, { peers: [source.endpoint], limits })
  await world.until('some of it', () => machine.torrent(id).doneBytes > 500_000)
  // Something else takes the room that there was.
  machine.disk.capacityBytes = 900_000
  await world.until('the error', () => machine.stateOf(id) === 'error')
  const { state, doneBytes } = machine.torrent(id)
  assert.equal(state.type === 'error' && state.problem.code, 'disk-full')
  assert.equal(state.type === 'error' && state.resumesByItself, true)
  assert.ok(doneBytes > 0)
  assert.deepEqual(
    machine.torrent(id).peers.map(({ amInterested, requestsOut }) => [amInterested, requestsOut]),
    [[false, 0]],
  )
  const third = world.machine('10.0.0.3')
  await third.start()
  await third.add(content.metainfo, { peers: [machine.endpoint] })
  await world.until('some of it is sent on', () => third.torrent(id).doneBytes > 300_000)
  machine.disk.capacityBytes = Number.POSITIVE_INFINITY
  await world.until('finished', () => machine.torrent(id).isFinished, 60_000)
  await world.until('whole', () => machine.has(content))
})

test('a download that the disk has no room for does not begin, says what is needed and free, and begins when there is room', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [2_000_000, 400_000] })
  const source = await seedOf(world, content)
  const machine = world.machine('10.0.0.2')
  machine.disk.capacityBytes = 900_000
  await machine.start()
  const id = await machine.add(content.metainfo, { peers: [source.endpoint] })
  await world.until('the error', () => machine.stateOf(id) === 'error')
  await world.clock.run(60_000)
  const { state } = machine.torrent(id)
  assert.ok(state.type === 'error' && state.problem.code === 'disk-full' && state.resumesByItself)
  const [, needed, free] = /^(\d+) bytes are to be written, and only (\d+) are free/.exec(state.problem.detail) ?? []
  assert.equal(Number(needed), 2_400_000, state.problem.detail)
  assert.ok(Number(free) > 800_000 && Number(free) <= 900_000, state.problem.detail)
  assert.equal(
    machine.disk.paths().some((path) => path.startsWith(contentFolder)),
    false,
  )
  // What is wanted less takes less.
  await machine.run({ type: 'set-priorities', id, priorities: [0, 4] })
  await world.until('the small file', () => machine.torrent(id).isFinished)
  await machine.run({ type: 'set-priorities', id, priorities: [4, 4] })
  await world.until('the error again', () => machine.stateOf(id) === 'error')
  assert.ok(machine.disk.usedBytes() < 500_000)
  machine.disk.capacityBytes = 4_000_000
  await world.until('finished', () => machine.torrent(id).isFinished)
  await world.until('whole', () => machine.has(content))
  // Content that is whole needs no room.
  machine.disk.capacityBytes = machine.disk.usedBytes()
  await machine.run({ type: 'stop', id })
  await machine.run({ type: 'start', id })
  await world.clock.run(1_000)
  assert.equal(machine.stateOf(id), 'seeding')
})

test('what others have yet to write is not free: one download begins, and the other when that one was given up', async () => {
  const world = newWorld()
  const contents = [1, 2].map((seed) => makeContent({ seed, name: `t${seed}`, lengths: [1_000_000] }))
  const source = world.machine('10.0.0.1')
  for (const content of contents) source.put(content)
  await source.start()
  for (const content of contents) await source.add(content.metainfo)
  const machine = world.machine('10.0.0.2')
  machine.disk.capacityBytes = 1_900_000
  await machine.start({ exemptLocalNetwork: false })
  const options = { peers: [source.endpoint], limits: { downloadBytesPerSecond: 50_000 } }
  const [first, second] = contents.map(torrentIdOf) as [TorrentId, TorrentId]
  for (const { metainfo } of contents) await machine.add(metainfo, options)
  await world.until('the error', () => machine.stateOf(second) === 'error')
  await world.clock.run(10_000)
  assert.equal(machine.stateOf(first), 'downloading')
  const { state } = machine.torrent(second)
  assert.ok(state.type === 'error' && state.problem.code === 'disk-full' && state.resumesByItself)
  assert.match(
    state.problem.detail,
    /^1000000 bytes are to be written, and only \d+ are free, \d+ of them for other torrents$/,
  )
  await machine.run({ type: 'stop', id: first })
  await world.until('the other', () => machine.stateOf(second) === 'downloading', 10_000)
  await machine.run({ type: 'start', id: first })
  await world.until('no room now', () => machine.stateOf(first) === 'error', 10_000)
  assert.equal(machine.stateOf(second), 'downloading')
  machine.disk.capacityBytes = 4_000_000
  await world.until('both', () => [first, second].every((id) => machine.torrent(id).isFinished))
})

test('what was received of unfinished pieces is not downloaded again after the program ended in order', async () => {
  for (const pieceLengthBytes of [1_048_576, 4_194_304]) {
    const world = newWorld()
    const content = makeContent({ lengths: [4_194_304], pieceLengthBytes })
    const source = await seedOf(world, content)
    const machine = world.machine('10.0.0.2')
    await machine.start({ exemptLocalNetwork: false })
    const limits = { downloadBytesPerSecond: 1_000_000 }
    const id = await machine.add(content.metainfo, { peers: [source.endpoint], limits })
    for (let run = 0; run < 4; run++) {
      await world.clock.run(700)
      await machine.stop()
      await machine.start({ exemptLocalNetwork: false })
      await machine.run({ type: 'add-peers', id, peers: [source.endpoint] })
    }
    await world.until('finished', () => machine.torrent(id).isFinished)
    await world.until('whole', () => machine.has(content))
    // Blocks that were cut off on their way.
    const wasted = machine.torrent(id).downloadedBytes - 4_194_304
    assert.ok(wasted <= 8 * 16_384, `${wasted} bytes`)
  }
})

test('peers are remembered: a download goes on without anybody naming them, a private one not', async () => {
  for (const isPrivate of [false, true]) {
    const world = newWorld()
    const tracker = new SimulatedTracker(world, '10.0.0.9')
    const content = makeContent({ lengths: [1_000_000], isPrivate, trackers: isPrivate ? [[tracker.url]] : [] })
    const source = await seedOf(world, content)
    const machine = world.machine('10.0.0.2')
    await machine.start({ exemptLocalNetwork: false })
    const limits = { downloadBytesPerSecond: 100_000 }
    const peers = [source.endpoint, '10.0.0.77:7000', '203.0.113.9:7000', '8.8.4.4:7000']
    const id = await machine.add(content.metainfo, { peers, limits })
    await world.until('some of it', () => machine.torrent(id).doneBytes > 200_000)
    await machine.stop()
    tracker.isSilent = true
    await machine.start({ exemptLocalNetwork: false, dialPeers: false })
    // One that was connected, and one of the wide world; nobody knows who has the others' addresses now.
    assert.equal(machine.torrent(id).knownPeers, isPrivate ? 1 : 2)
    await machine.stop()
    await machine.start({ exemptLocalNetwork: false })
    await world.until('finished', () => machine.torrent(id).isFinished, 300_000)
  }
})

test('a private torrent forgets who came by themselves', async () => {
  const world = newWorld()
  const content = makeContent({ isPrivate: true, lengths: [1_000_000] })
  const tracker = new SimulatedTracker(world, '10.0.0.9')
  // It has nothing: one that has all asks trackers for nobody.
  const other = world.machine('10.0.0.1')
  await other.start()
  await other.add(content.metainfo)
  const machine = world.machine('10.0.0.2')
  await machine.start({ exemptLocalNetwork: false })
  const named = makeContent({ isPrivate: true, lengths: [1_000_000], trackers: [[tracker.url]] })
  const id = await machine.add(named.metainfo)
  await world.until('known by the tracker', () => tracker.eventsOf(machine.address).length > 0)
  const othersTracker = new SimulatedTracker(world, '10.0.0.8')
  othersTracker.enlist(id, { address: machine.address, port: listenPort })
  await other.run({ type: 'set-trackers', id, trackers: [[othersTracker.url]] })
  await world.until('a connection', () => machine.torrent(id).connectedPeers === 1)
  assert.equal(machine.torrent(id).peers[0]?.direction, 'accepted')
  await world.clock.run(1_000)
  assert.equal(machine.torrent(id).knownPeers, 0)
  await machine.stop()
  await machine.start({ dialPeers: false })
  assert.equal(machine.torrent(id).knownPeers, 0)
})

test('a start takes up the queue where it was: nobody is started to be stopped at once, and a long check holds up nobody', async () => {
  const world = newWorld()
  const tracker = new SimulatedTracker(world, '10.0.0.9')
  const queue = { maxActiveDownloads: 1, maxActiveSeeds: 1 }
  const machine = world.machine('10.0.0.1')
  await machine.start({ queue })
  // Who had to be checked would be ready before the first of the queue.
  const lengths = [400_000, 40_000, 40_000, 9_000_000, 40_000, 40_000]
  const contents = lengths.map((length, index) =>
    makeContent({ seed: index + 1, name: `t${index + 1}`, lengths: [length], trackers: [[tracker.url]] }),
  )
  const ids: TorrentId[] = []
  for (const [index, content] of contents.entries()) {
    if (index < 4) machine.put(content)
    ids.push(await machine.add(content.metainfo))
  }
  await world.until('all', () => !ids.some((id) => machine.stateOf(id) === 'checking'))
  await world.clock.run(10_000)
  const states = () => ids.map((id) => machine.stateOf(id))
  assert.deepEqual(states(), ['seeding', 'queued', 'queued', 'queued', 'downloading', 'queued'])
  await machine.stop()
  tracker.seen.length = 0
  await machine.start({ queue })
  await world.clock.run(10_000)
  assert.deepEqual(states(), ['seeding', 'queued', 'queued', 'queued', 'downloading', 'queued'])
  assert.deepEqual(tracker.eventsOf(machine.address), ['started', 'started'])

  await machine.run({ type: 'set-queue-position', id: ids[3] as TorrentId, position: 0 })
  await world.clock.run(10_000)
  assert.equal(machine.stateOf(ids[3] as TorrentId), 'seeding')
  await machine.stop()
  machine.put(contents[3] as Content)
  await machine.start({ queue })
  await world.until('the next one', () => machine.stateOf(ids[0] as TorrentId) === 'seeding')
  assert.equal(machine.stateOf(ids[3] as TorrentId), 'checking')
})

test('content that could not be looked at for want of room is looked at again by itself', async () => {
  const world = newWorld()
  const content = makeContent()
  const machine = world.machine('10.0.0.1')
  machine.put(content)
  machine.disk.failing = (operation, path) =>
    operation === 'status' && path.startsWith(contentFolder) ? failure('disk-full', 'no room at all') : undefined
  await machine.start()
  const id = await machine.add(content.metainfo)
  await world.until('the error', () => machine.stateOf(id) === 'error')
  const { state } = machine.torrent(id)
  assert.ok(state.type === 'error' && state.resumesByItself)
  machine.disk.failing = () => undefined
  await world.until('seeding', () => machine.stateOf(id) === 'seeding', 40_000)
})

test('a session that shares its folder takes up nothing by itself, and what is added as it was left', async () => {
  const world = newWorld()
  const content = makeContent()
  const machine = await seedOf(world, content)
  const { id } = machine.session.snapshot().torrents[0] as { id: TorrentId }
  await machine.stop()
  await machine.start({ restoresAll: false })
  await world.clock.run(1_000)
  assert.equal(machine.session.snapshot().torrents.length, 0)
  let reads = 0
  machine.disk.failing = (operation, path) => {
    if (operation === 'read' && path.startsWith(contentFolder)) reads++
    return undefined
  }
  assert.equal(await machine.add(content.metainfo), id)
  await world.until('seeding', () => machine.stateOf(id) === 'seeding')
  assert.equal(reads, 0)
})

test('a start that finds everything as it was writes nothing', async () => {
  const world = newWorld()
  const machine = world.machine('10.0.0.1')
  await machine.start()
  for (let seed = 1; seed <= 20; seed++) {
    const content = makeContent({ seed, name: `t${seed}`, lengths: [40_000] })
    if (seed % 2 === 0) machine.put(content)
    await machine.add(content.metainfo, { stopped: seed % 3 === 0 })
  }
  await world.clock.run(20_000)
  await machine.stop()
  const writes: string[] = []
  machine.disk.failing = (operation, path) => {
    if (operation === 'replace' || operation === 'write') writes.push(path)
    return undefined
  }
  await machine.start()
  await world.clock.run(20_000)
  assert.deepEqual(writes, [])
  assert.equal(machine.session.snapshot().torrents.filter(({ doneBytes }) => doneBytes === 40_000).length, 10)
})
