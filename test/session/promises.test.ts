// What whole sessions promise of single features, each in the scenario that shows it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Content, makeContent } from '../../sim/world/content.ts'
import { listenPort, type Machine } from '../../sim/world/machine.ts'
import { SimpleSeed } from '../../sim/world/simple-seed.ts'
import { SimulatedTracker } from '../../sim/world/simulated-tracker.ts'
import { SimulatedUdpTracker } from '../../sim/world/simulated-udp-tracker.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import type { World } from '../../sim/world/world.ts'
import { peerId } from '../../src/base/ids.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import { newWorld, seedOf } from './session-world.ts'

/** Rates hold for those that it gives to, near as they are. */
function seeding(world: World, content: Content): Promise<Machine> {
  return seedOf(world, content, '10.0.0.1', { exemptLocalNetwork: false })
}

function badBytes(_piece: number, _begin: number, lengthBytes: number): Uint8Array {
  return new Uint8Array(lengthBytes)
}

/** Pieces in the order they were written. */
function piecesOf(machine: Machine): number[] {
  const changes = machine.session.changesSince(0)
  assert.ok(changes.type === 'changes')
  return changes.changes.flatMap((change) => (change.type === 'piece' ? [change.piece] : []))
}

test('a .torrent file on the web is added by its address, wherever it is redirected to within the rules', async () => {
  const world = newWorld()
  const content = makeContent()
  const seeder = await seeding(world, content)
  const torrentFile = { status: 200, headers: {}, body: content.metainfo }
  const redirect = (location: string) => ({ status: 302, headers: { location }, body: new Uint8Array() })
  world.web.name('torrents.example', ['93.184.216.34'])
  world.web.serve('93.184.216.34', 80, (_request, url) => {
    if (url.pathname === '/a.torrent') return redirect('/b.torrent')
    if (url.pathname === '/local') return redirect('http://10.0.0.8/c.torrent')
    if (url.pathname === '/round') return redirect('/round')
    return url.pathname === '/b.torrent' ? torrentFile : { status: 404, headers: {}, body: new Uint8Array() }
  })
  world.web.serve('10.0.0.8', 80, () => torrentFile)
  const leecher = world.machine('10.0.0.2')
  await leecher.start()
  const codeOf = async (url: string) => {
    const added = await world.clock.settle(leecher.session.run({ type: 'add', source: { type: 'url', url } }))
    return added.ok ? 'ok' : added.code
  }
  // A local address by redirect is not what was asked for (S15).
  assert.equal(await codeOf('http://torrents.example/local'), 'connection-failed')
  assert.equal(await codeOf('http://torrents.example/round'), 'http-malformed')
  assert.equal(await codeOf('http://torrents.example/none'), 'http-malformed')
  assert.equal(await codeOf('ftp://torrents.example/a.torrent'), 'usage')
  assert.equal(leecher.session.snapshot().torrents.length, 0)
  const outcome = await leecher.run({
    type: 'add',
    source: { type: 'url', url: 'http://torrents.example/a.torrent' },
    options: { peers: [seeder.endpoint] },
  })
  assert.ok(outcome.type === 'added' && outcome.isNew)
  await world.until('finished', () => leecher.torrent(outcome.id).isFinished)
  // A person may name a local server.
  assert.equal(await codeOf('http://10.0.0.8/c.torrent'), 'ok')
})

test('a super-seeder shows each peer a little at a time, also after a restart, until it is told not to', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [2_000_000] })
  const seeder = world.machine('10.0.0.1')
  seeder.put(content)
  await seeder.start()
  const id = await seeder.add(content.metainfo, { superSeeding: true })
  const shownTo = async (address: string) => {
    const peer = world.machine(address)
    await peer.start({ exemptLocalNetwork: false })
    await peer.add(content.metainfo, { peers: [seeder.endpoint], limits: { downloadBytesPerSecond: 20_000 } })
    await world.until('a connection', () => peer.torrent(id).connectedPeers === 1)
    await world.clock.run(1_000)
    const [row] = peer.torrent(id).peers
    await peer.stop()
    return row?.progress ?? 0
  }
  assert.ok((await shownTo('10.0.0.2')) < 0.1)
  await world.clock.run(5_000)
  await seeder.stop()
  await seeder.start()
  assert.ok((await shownTo('10.0.0.3')) < 0.1)
  await seeder.run({ type: 'set-super-seeding', id, superSeeding: false })
  assert.equal(await shownTo('10.0.0.4'), 1)
})

test('pieces come in order when that is wanted, and one with a deadline before all others', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [64 * 32_768] })
  const seeder = await seeding(world, content)
  const leecher = world.machine('10.0.0.2')
  await leecher.start({ exemptLocalNetwork: false })
  const id = await leecher.add(content.metainfo, {
    peers: [seeder.endpoint],
    sequential: true,
    limits: { downloadBytesPerSecond: 100_000 },
  })
  await world.until('a part', () => piecesOf(leecher).length >= 20)
  const before = piecesOf(leecher)
  // What it was allowed to have before it was unchoked (BEP 6) may be anything.
  assert.ok(Array.from({ length: 15 }, (_, piece) => piece).every((piece) => before.includes(piece)))
  assert.equal(before.includes(63), false)
  await leecher.run({ type: 'set-deadline', id, piece: 63, inMs: 1_000 })
  await world.until('the piece', () => piecesOf(leecher).includes(63))
  // What was asked for before comes before.
  assert.ok(piecesOf(leecher).length < 45, `${piecesOf(leecher).length} pieces`)
  await leecher.run({ type: 'set-sequential', id, sequential: false })
  await world.until('finished', () => leecher.torrent(id).isFinished)
  const last = piecesOf(leecher).slice(-15)
  assert.notDeepEqual(
    last,
    [...last].sort((a, b) => a - b),
  )
})

test('a hybrid torrent whose two versions disagree stops with that reason, on disk and on its way', async () => {
  const world = newWorld()
  const shape = { version: 'hybrid', contradictoryPiece: 3 } as const
  const content = makeContent(shape)
  const holder = world.machine('10.0.0.1')
  holder.put(content)
  await holder.start()
  const leecher = world.machine('10.0.0.2')
  await leecher.start()
  const peer = new SimpleSeed(world, { address: '10.0.0.3', content })
  const held = await holder.add(content.metainfo)
  const id = await leecher.add(content.metainfo, { peers: [peer.endpoint] })
  for (const [machine, torrent] of [
    [holder, held],
    [leecher, id],
  ] as const) {
    await world.until('an error', () => machine.stateOf(torrent) === 'error')
    const { state } = machine.torrent(torrent)
    assert.equal(state.type === 'error' && state.problem.code, 'metainfo-hybrid-mismatch')
    assert.equal(state.type === 'error' && state.resumesByItself, false)
    assert.equal(machine.session.snapshot().connections, 0)
  }
})

test('who sends bad bytes is banned for a while, and nobody else', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [700_000] })
  const liar = new SimpleSeed(world, { address: '10.0.0.3', content, serve: badBytes })
  const honest = new SimpleSeed(world, { address: '10.0.0.4', content })
  const leecher = world.machine('10.0.0.2')
  await leecher.start({ exemptLocalNetwork: false })
  const limits = { downloadBytesPerSecond: 60_000 }
  const id = await leecher.add(content.metainfo, { peers: [liar.endpoint], limits })
  await world.until('a bad piece', () => leecher.torrent(id).damagedPieces > 0)
  await leecher.run({ type: 'add-peers', id, peers: [honest.endpoint] })
  await world.until('finished', () => leecher.torrent(id).isFinished)
  await world.until('whole', () => leecher.has(content), 5_000)
  assert.equal(liar.connectionCount, 1)
  await leecher.run({ type: 'add-peers', id, peers: [liar.endpoint] })
  await leecher.run({ type: 'recheck', id })
  await world.clock.run(600_000)
  assert.equal(liar.connectionCount, 1)
  assert.equal(honest.connectionCount, 1)
})

test('who sent bad bytes and left in time is banned all the same, and is not let in again either', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [700_000] })
  const leaver = new SimpleSeed(world, {
    address: '10.0.0.3',
    content,
    serve: (...block) => {
      if (leaver.servedCount === 2) return undefined
      // Before anybody can judge what was sent.
      if (leaver.servedCount === 1) world.clock.after(0, () => leaver.leave())
      return badBytes(...block)
    },
  })
  const leecher = world.machine('10.0.0.2')
  await leecher.start({ exemptLocalNetwork: false })
  // So that its two blocks are of one piece.
  const id = await leecher.add(content.metainfo, { peers: [leaver.endpoint], sequential: true })
  await world.until('a bad piece', () => leecher.torrent(id).damagedPieces > 0)
  await world.clock.run(1_000_000)
  assert.equal(leaver.connectionCount, 1)
  const askedFor = leaver.requestCount
  leaver.dial(leecher.address)
  await world.clock.run(1_000)
  assert.equal(leecher.session.snapshot().connections, 0)
  assert.equal(leaver.requestCount, askedFor)
  const stranger = new SimpleSeed(world, { address: '10.0.0.4', content, serve: badBytes })
  stranger.dial(leecher.address)
  await world.until('another one', () => stranger.requestCount > 0)
})

test('two peers of one id are one peer', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [2_000_000] })
  const id9 = peerId(new Uint8Array(20).fill(9))
  const peers = ['10.0.0.3', '10.0.0.4'].map((address) => new SimpleSeed(world, { address, content, peerId: id9 }))
  const leecher = world.machine('10.0.0.2')
  await leecher.start({ exemptLocalNetwork: false })
  const id = await leecher.add(content.metainfo, {
    peers: peers.map(({ endpoint }) => endpoint),
    limits: { downloadBytesPerSecond: 50_000 },
  })
  await world.clock.run(10_000)
  assert.equal(leecher.torrent(id).connectedPeers, 1)
  assert.equal(peers.filter(({ requestCount }) => requestCount > 0).length, 1)
})

test('UDP trackers bring peers together', async () => {
  const world = newWorld()
  const udp = new SimulatedUdpTracker('10.0.0.9')
  await udp.open(world)
  const content = makeContent({ trackers: [[udp.url]] })
  const seeder = await seeding(world, content)
  await world.until('the seeder is known', () => udp.announcedFrom.includes(seeder.address))
  const leecher = world.machine('10.0.0.2')
  await leecher.start()
  const id = await leecher.add(content.metainfo)
  await world.until('finished', () => leecher.torrent(id).isFinished)
  await world.until('the answer to its last word', () => leecher.torrent(id).trackers[0]?.state === 'working')
  assert.equal(leecher.torrent(id).trackers[0]?.seeders, 2)
})

test('a torrent that does not run can be asked for its swarm, a quarter of an hour apart, and is not announced', async () => {
  const world = newWorld()
  const [web, udp] = [new SimulatedTracker(world, '10.0.0.8'), new SimulatedUdpTracker('10.0.0.9')]
  await udp.open(world)
  for (const tracker of [web, udp]) {
    const content = makeContent({ trackers: [[tracker.url]], name: tracker.url.slice(0, 4) })
    const [seeder, asking] = [
      world.machine(`10.0.1.${tracker.url.length}`),
      world.machine(`10.0.2.${tracker.url.length}`),
    ]
    seeder.put(content)
    await seeder.start()
    const id = await seeder.add(content.metainfo)
    await world.until('the seeder is known', () => seeder.torrent(id).trackers[0]?.state === 'working')
    await asking.start()
    await asking.add(content.metainfo, { stopped: true })
    const countsNow = () => {
      const [row] = asking.torrent(id).trackers
      return [row?.seeders, row?.leechers]
    }
    assert.deepEqual(countsNow(), [undefined, undefined])
    for (let times = 0; times < 5; times++) await asking.run({ type: 'reannounce', id })
    await world.until('an answer', () => countsNow()[0] === 1)
    assert.deepEqual(countsNow(), [1, 0])
    await asking.run({ type: 'reannounce', id })
    await world.clock.run(800_000)
    assert.equal(tracker.scrapeCount, 1)
    await world.clock.run(200_000)
    assert.equal(tracker.scrapeCount, 2)
    const announcers = tracker === web ? web.seen.map(({ from }) => from) : udp.announcedFrom
    assert.ok(!announcers.includes(asking.address))
  }
})

test('peers that cannot be reached hold no more than the half-open places, and are tried once a minute at most', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [100_000] })
  const leecher = world.machine('10.0.0.2')
  await leecher.start({
    connections: { maxConnections: 50, maxConnectionsPerTorrent: 50, maxHalfOpen: 3, maxSlotsPerTorrent: 4 },
  })
  const absent = Array.from({ length: 12 }, (_, index) => ({ address: `10.1.0.${index + 1}`, port: 7_000 }))
  const id = await leecher.add(content.metainfo, { peers: absent.map(({ address, port }) => `${address}:${port}`) })
  let most = 0
  const watch = () => {
    most = Math.max(most, leecher.session.snapshot().halfOpen)
    return false
  }
  await world.clock.runUntil(watch, 20_000)
  assert.equal(most, 3)
  assert.ok(absent.some((endpoint) => world.network.dialCount(endpoint) === 0))
  await world.clock.runUntil(watch, 100_000)
  assert.ok(absent.every((endpoint) => world.network.dialCount(endpoint) >= 1))
  await world.clock.runUntil(watch, 600_000)
  assert.equal(most, 3)
  const counts = absent.map((endpoint) => world.network.dialCount(endpoint))
  assert.ok(Math.max(...counts) <= 16 && Math.min(...counts) >= 6, counts.join(' '))
  const seeder = await seeding(world, content)
  await leecher.run({ type: 'add-peers', id, peers: [seeder.endpoint] })
  await world.until('finished', () => leecher.torrent(id).isFinished)
})

test('a check that is stopped stops, and is made anew when the torrent is started', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [6_000_000] })
  const machine = world.machine('10.0.0.1')
  machine.put(content)
  let reads = 0
  machine.disk.failing = (operation) => {
    if (operation === 'read') reads++
    return undefined
  }
  await machine.start()
  const id = await machine.add(content.metainfo)
  await world.until('checking', () => {
    const { state } = machine.torrent(id)
    return state.type === 'checking' && state.checkedPieces > 5
  })
  await machine.run({ type: 'stop', id })
  assert.equal(machine.stateOf(id), 'stopped')
  await world.clock.run(1_000)
  const readsThen = reads
  assert.ok(readsThen < 150, `${readsThen} reads`)
  await world.clock.run(60_000)
  assert.equal(reads, readsThen)
  await machine.run({ type: 'start', id })
  assert.equal(machine.stateOf(id), 'checking')
  await world.until('seeding', () => machine.stateOf(id) === 'seeding')
  assert.equal(machine.torrent(id).doneBytes, 6_000_000)

  await machine.run({ type: 'recheck', id })
  await machine.run({ type: 'stop', id })
  await machine.run({ type: 'start', id })
  await world.until('seeding after all', () => machine.stateOf(id) === 'seeding')
  await machine.run({ type: 'recheck', id })
  await machine.run({ type: 'remove', id, withData: true })
  await world.clock.run(5_000)
  assert.deepEqual(machine.disk.paths(), [])
})

test('a private torrent hears of peers from its trackers alone, whatever link it came by', async () => {
  const world = newWorld()
  const content = makeContent({ isPrivate: true, lengths: [2_000_000] })
  const seeder = await seeding(world, content)
  const machine = world.machine('10.0.0.2')
  await machine.start({ exemptLocalNetwork: false })
  // The link does not say that it is private, and names a peer; the file, which comes later, does.
  const id = await machine.addMagnet(`${content.magnet}&x.pe=${seeder.endpoint}`)
  await world.until('a connection', () => machine.torrent(id).connectedPeers === 1)
  await machine.run({ type: 'add', source: { type: 'metainfo', bytes: content.metainfo } })
  await world.clock.run(1_000)
  assert.equal(machine.torrent(id).isPrivate, true)
  assert.equal(machine.torrent(id).knownPeers, 0)
  assert.equal(machine.torrent(id).connectedPeers, 0)
})

test('a tracker out in the world names no peers of the local network', async () => {
  const world = newWorld()
  const tracker = new SimulatedTracker(world, '93.184.216.34')
  const content = makeContent({ trackers: [[tracker.url]] })
  for (const address of ['10.0.0.77', '93.184.216.77']) tracker.enlist(torrentIdOf(content), { address, port: 7_000 })
  const machine = world.machine('10.0.0.2')
  await machine.start()
  const id = await machine.add(content.metainfo)
  await world.until('a peer', () => machine.torrent(id).knownPeers > 0)
  await world.clock.run(5_000)
  assert.equal(world.network.dialCount({ address: '93.184.216.77', port: 7_000 }), 1)
  assert.equal(world.network.dialCount({ address: '10.0.0.77', port: 7_000 }), 0)
})

test('what is added again gets the peers and trackers it lacked', async () => {
  const world = newWorld()
  const tracker = new SimulatedTracker(world, '10.0.0.9')
  const content = makeContent()
  const seeder = await seeding(world, content)
  const machine = world.machine('10.0.0.2')
  await machine.start()
  const id = await machine.add(content.metainfo)
  await world.clock.run(5_000)
  const again = await machine.run({
    type: 'add',
    source: { type: 'magnet', link: `${content.magnet}&tr=${encodeURIComponent(tracker.url)}` },
    options: { peers: [seeder.endpoint] },
  })
  assert.deepEqual(again, { type: 'added', id, isNew: false })
  await world.until('finished', () => machine.torrent(id).isFinished)
  await world.until('an announce', () => tracker.seen.length > 0)
  // Peers of the link itself as well (BEP 9, x.pe).
  const other = world.machine('10.0.0.3')
  await other.start()
  await other.add(content.metainfo)
  await other.addMagnet(`${content.magnet}&x.pe=${seeder.endpoint}`)
  await world.until('finished', () => other.torrent(id).isFinished)
})

test('a private torrent takes no trackers but its own, and leaves the peers of one tracker when another takes over', async () => {
  const world = newWorld()
  const [first, second, stranger] = ['10.0.0.7', '10.0.0.8', '10.0.0.9'].map(
    (address) => new SimulatedTracker(world, address),
  )
  assert.ok(first !== undefined && second !== undefined && stranger !== undefined)
  const shape = { isPrivate: true, lengths: [4_000_000] }
  const content = makeContent({ ...shape, trackers: [[first.url]] })
  const seeder = await seeding(world, content)
  await world.until('the seeder is known', () => first.eventsOf(seeder.address).length > 0)
  const machine = world.machine('10.0.0.2')
  await machine.start({ exemptLocalNetwork: false })
  // As a link it is not known to be private.
  const id = await machine.addMagnet(makeContent(shape).magnet)
  const file = makeContent({ ...shape, trackers: [[first.url], [second.url]] }).metainfo
  await machine.run({ type: 'add', source: { type: 'metainfo', bytes: file } })
  await machine.run({ type: 'set-limits', id, limits: { downloadBytesPerSecond: 20_000 } })
  await world.until('a connection', () => machine.torrent(id).connectedPeers === 1)
  const other = makeContent({ ...shape, trackers: [[stranger.url]] }).metainfo
  await machine.run({ type: 'add', source: { type: 'metainfo', bytes: other } })
  await world.clock.run(10_000)
  assert.deepEqual(
    machine.torrent(id).trackers.map(({ url }) => url),
    [first.url, second.url],
  )
  assert.equal(machine.torrent(id).connectedPeers, 1)
  world.web.stop('10.0.0.7', 80)
  await machine.run({ type: 'reannounce', id })
  await world.until('the other tracker', () => second.eventsOf(machine.address).length > 0, 4_000_000)
  await world.clock.run(1_000)
  assert.equal(machine.torrent(id).connectedPeers, 0)
  assert.equal(machine.torrent(id).knownPeers, 0)
})

test('a rank in the queue outlives those before it', async () => {
  const world = newWorld()
  const machine = world.machine('10.0.0.1')
  await machine.start()
  const ids: TorrentId[] = []
  for (let seed = 1; seed <= 5; seed++) {
    ids.push(await machine.add(makeContent({ seed, name: `t${seed}`, lengths: [40_000] }).metainfo, { stopped: true }))
  }
  await world.clock.run(10_000)
  for (const id of ids.slice(0, 3)) await machine.run({ type: 'remove', id, withData: false })
  await machine.stop()
  await machine.start()
  const added = await machine.add(makeContent({ seed: 9, name: 't9', lengths: [40_000] }).metainfo, { stopped: true })
  await world.clock.run(10_000)
  // In order all records would be written anew.
  machine.kill()
  await machine.start()
  const order = machine.session.snapshot().torrents.map((torrent) => torrent.id)
  assert.deepEqual(order, [...ids.slice(3), added])
})

test('a peer that says nothing wrong is listed by where it listens', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [2_000_000] })
  const seeder = await seeding(world, content)
  const leecher = world.machine('10.0.0.2')
  await leecher.start({ exemptLocalNetwork: false })
  const id = await leecher.add(content.metainfo, {
    peers: [seeder.endpoint],
    limits: { downloadBytesPerSecond: 100_000 },
  })
  await world.until('a connection', () => seeder.torrent(id).connectedPeers === 1)
  await world.clock.run(1_000)
  assert.equal(seeder.torrent(id).knownPeers, 1)
  await leecher.stop()
  await leecher.start({ dialPeers: false, exemptLocalNetwork: false })
  await world.until('the seeder comes back', () => leecher.torrent(id).connectedPeers === 1, 400_000)
  assert.equal(world.network.dialCount({ address: leecher.address, port: listenPort }) > 0, true)
})
