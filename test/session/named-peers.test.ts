// What a person hears of the peers they named: each reason once, while they are tried on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import type { World } from '../../sim/world/world.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import type { Change } from '../../src/session/snapshots.ts'
import { newWorld, seedOf } from './session-world.ts'

function told(machine: Machine): [peer: string, code: string][] {
  const changes = machine.session.changesSince(0)
  assert.equal(changes.type, 'changes')
  const of = (change: Change) => change.type === 'named-peer'
  const news = changes.type === 'changes' ? changes.changes.filter(of) : []
  assert.deepEqual(structuredClone(news), news)
  return news.map(({ peer, problem }) => [peer, problem.code])
}

const wanted = makeContent({ lengths: [2_000_000] })

async function withPeers(world: World, peers: readonly string[]): Promise<{ machine: Machine; id: TorrentId }> {
  const machine = world.machine('10.0.0.1')
  await machine.start()
  return { machine, id: await machine.add(wanted.metainfo, { peers }) }
}

test('a named peer that is not there is told once, and is tried until it is there', async () => {
  const world = newWorld()
  const { machine, id } = await withPeers(world, ['10.0.0.2:6881'])
  world.machine('10.0.0.2')
  await world.until('a problem', () => told(machine).length > 0, 30_000)
  await world.clock.run(200_000)
  assert.deepEqual(told(machine), [['10.0.0.2:6881', 'timed-out']])
  const [row] = machine.torrent(id).namedPeers
  assert.equal(row?.peer, '10.0.0.2:6881')
  assert.equal(row?.problems.length, 1)
  assert.doesNotMatch(row?.problems[0]?.detail ?? '', /10\.0\.0\.2/)
  await seedOf(world, wanted, '10.0.0.2')
  await world.until('finished', () => machine.torrent(id).isFinished)
})

test('a name that does not resolve is told once, and asked for again until it does', async () => {
  const world = newWorld()
  const seeder = await seedOf(world, wanted, '10.0.0.2')
  const { machine, id } = await withPeers(world, ['seed.example:6881'])
  await world.clock.run(100_000)
  assert.deepEqual(told(machine), [['seed.example:6881', 'name-unknown']])
  world.web.name('seed.example', [seeder.address])
  await world.until('finished', () => machine.torrent(id).isFinished)
  assert.equal(told(machine).length, 1)
})

test('of a name with several addresses nothing is told while one of them is good', async () => {
  const world = newWorld()
  const seeder = await seedOf(world, wanted, '10.0.0.2')
  world.web.name('two.example', ['10.0.0.99', seeder.address])
  const { machine, id } = await withPeers(world, ['two.example:6881'])
  await world.until('finished', () => machine.torrent(id).isFinished)
  assert.deepEqual(told(machine), [])
})

test('oneself, addresses that nobody can have, and other torrents are told as what they are', async () => {
  const world = newWorld()
  const other = world.machine('10.0.0.3')
  await other.start()
  const { machine } = await withPeers(world, ['10.0.0.1:6881', '224.0.0.1:6881', '10.0.0.3:6881'])
  await world.clock.run(60_000)
  assert.deepEqual(
    told(machine).sort(),
    [
      ['10.0.0.1:6881', 'peer-duplicate'],
      ['10.0.0.3:6881', 'connection-failed'],
      ['224.0.0.1:6881', 'connection-failed'],
    ].sort(),
  )
})

test('a peer named for a private torrent is told to be of no use, also when that is found out later', async () => {
  const world = newWorld()
  const content = makeContent({ isPrivate: true, lengths: [300_000] })
  const seeder = await seedOf(world, content, '10.0.0.2')
  const id = torrentIdOf(content)
  const [byFile, byLink] = [world.machine('10.0.0.3'), world.machine('10.0.0.4')]
  await byFile.start()
  await byLink.start()
  await byFile.add(content.metainfo, { peers: [seeder.endpoint] })
  await byLink.addMagnet(content.magnet, { peers: [seeder.endpoint] })
  await world.until('a connection', () => byLink.torrent(id).connectedPeers === 1)
  assert.deepEqual(told(byLink), [])
  await byLink.add(content.metainfo)
  await world.clock.run(10_000)
  for (const machine of [byFile, byLink]) assert.deepEqual(told(machine), [[seeder.endpoint, 'torrent-value']])
})

test('a torrent that is removed asks for names no more', async () => {
  const world = newWorld()
  const { machine, id } = await withPeers(world, ['seed.example:6881'])
  await world.clock.run(3_000)
  await machine.run({ type: 'remove', id, withData: false })
  world.web.name('seed.example', ['10.0.0.2'])
  await world.clock.run(200_000)
  assert.equal(world.network.dialCount({ address: '10.0.0.2', port: 6881 }), 0)
})
