// What a session remembers, whatever ended it: in order, killed, without power, and when its files were tampered with.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TorrentId } from '../../src/session/commands.ts'
import { FakeTracker } from './fake-tracker.ts'
import { contentFolder, type Machine, makeContent, World } from './session-harness.ts'

async function seeder(world: World, content: ReturnType<typeof makeContent>): Promise<Machine> {
  const machine = world.machine('10.0.0.1')
  machine.put(content)
  await machine.start()
  const id = await machine.add(content.metainfo)
  await world.until('seeding', () => machine.stateOf(id) === 'seeding')
  return machine
}

test('after a restart every torrent is as it was, without hashing anything', async () => {
  const world = new World()
  const tracker = new FakeTracker(world, '10.0.0.9')
  const content = makeContent({ trackers: [[tracker.url]], lengths: [150_000, 150_000] })
  const source = await seeder(world, content)
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
    () => tracker.events(machine.address).filter((event) => event === 'started').length === 2,
  )
  const keys = tracker.seen.filter(({ from }) => from === machine.address).map(({ key }) => key)
  assert.equal(new Set(keys).size, 1)
  await source.stop()
})

for (const isPowerLoss of [false, true]) {
  test(`${isPowerLoss ? 'a power loss' : 'kill -9'} at any moment loses 5 s at most, and never claims a bad piece`, async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const world = new World(seed)
      const content = makeContent({ lengths: [1_500_000, 700_000], seed })
      const source = await seeder(world, content)
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
      if (!isPowerLoss) assert.ok(after.doneBytes >= before - slack, `seed ${seed}: ${before} then ${after.doneBytes}`)
      assertTrue(machine, content, id)
    }
  })
}

/** Every piece that is claimed is right on the disk. */
function assertTrue(machine: Machine, content: ReturnType<typeof makeContent>, id: TorrentId): void {
  const { pieces, pieceLengthBytes, files } = machine.torrent(id)
  const space = Buffer.concat(content.files.map(({ bytes }) => bytes))
  const found = Buffer.concat(
    files.map(({ path, lengthBytes }) => {
      const bytes = new Uint8Array(lengthBytes)
      const name = `${contentFolder}/${path.join('/')}`
      bytes.set(machine.disk.content(name) ?? machine.disk.content(`${name}.part`) ?? [])
      return bytes
    }),
  )
  for (let piece = 0; piece * pieceLengthBytes < space.length; piece++) {
    if (((pieces[piece >> 3] as number) & (0x80 >> (piece & 7))) === 0) continue
    const range = [piece * pieceLengthBytes, (piece + 1) * pieceLengthBytes] as const
    assert.ok(space.subarray(...range).equals(found.subarray(...range)), `piece ${piece}`)
  }
}

test('files that changed while nobody looked are hashed again, and only the bad pieces fetched', async () => {
  const world = new World()
  const content = makeContent({ lengths: [320_000] })
  const source = await seeder(world, content)
  const machine = world.machine('10.0.0.2')
  await machine.start()
  const id = await machine.add(content.metainfo, { peers: [source.endpoint] })
  await world.until('finished', () => machine.torrent(id).isFinished)
  await machine.stop()
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
  const world = new World()
  const content = makeContent({ lengths: [100_000, 100_000] })
  const source = await seeder(world, content)
  const machine = world.machine('10.0.0.2')
  await machine.start()
  const id = await machine.add(content.metainfo, { peers: [source.endpoint] })
  await world.until('finished', () => machine.torrent(id).isFinished)
  await machine.stop()
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

test('a damaged record costs one torrent a check, and no other anything', async () => {
  const world = new World()
  const content = makeContent()
  const machine = await seeder(world, content)
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
  const world = new World()
  const content = makeContent({ lengths: [2_000_000] })
  const source = await seeder(world, content)
  const machine = world.machine('10.0.0.2')
  machine.disk.capacityBytes = 900_000
  await machine.start()
  const id = await machine.add(content.metainfo, { peers: [source.endpoint] })
  await world.until('the error', () => machine.stateOf(id) === 'error')
  const { state, doneBytes } = machine.torrent(id)
  assert.equal(state.type === 'error' && state.problem.code, 'disk-full')
  assert.equal(state.type === 'error' && state.resumesByItself, true)
  assert.ok(doneBytes > 0)
  const third = world.machine('10.0.0.3')
  await third.start()
  await third.add(content.metainfo, { peers: [machine.endpoint] })
  await world.until('some of it is sent on', () => third.torrent(id).doneBytes > 300_000)
  machine.disk.capacityBytes = Number.POSITIVE_INFINITY
  await world.until('finished', () => machine.torrent(id).isFinished, 60_000)
  await world.until('whole', () => machine.has(content))
})
