// Who sent damaged blocks is found out and banned, and nobody else: in version 1 when the piece is good at last, in
// version 2 at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import type { TorrentVersion } from '../../src/formats/metainfo/metainfo.ts'
import type { SwarmBehaviour } from '../../src/swarm/swarm-behaviour.ts'
import { habit, type NodeOptions, World } from './swarm-harness.ts'

interface Scene {
  readonly version: TorrentVersion
  readonly seed: number
  readonly behaviour?: Partial<SwarmBehaviour>
  readonly liars?: number
  readonly honest?: number
  readonly seedOptions?: NodeOptions
}

/** A third of what liars send is bad. Everybody's connection is slow, so that pieces are shared. */
function liarScene({ version, seed, behaviour = {}, liars = 1, honest = 3, seedOptions = {} }: Scene) {
  const world = new World(seed, { pieces: 3, blocksPerPiece: 32, version })
  const random = simulatedRandom(seed)
  const peers = Array.from({ length: liars + honest }, (_, index) => {
    const upBytesPerSecond = 15_000 + random.below(5_000)
    return world.node(`p${index}`, { has: 'all', upBytesPerSecond, ...seedOptions })
  })
  for (const liar of peers.slice(0, liars)) {
    for (let piece = 0; piece < 3; piece++) {
      for (let block = random.below(3); block < 31; block += 3) liar.storage.falsify(piece, block * 16_384)
    }
  }
  const leech = world.node('leech', { behaviour })
  for (const peer of peers) world.connect(peer, leech)
  return { world, leech, liarAddresses: new Set(peers.slice(0, liars).map(({ endpoint }) => endpoint.address)) }
}

function withLiars(scene: Scene) {
  const { world, leech, liarAddresses } = liarScene(scene)
  const isComplete = world.runUntil(() => leech.storage.have.isComplete, 300_000)
  return { leech, isComplete, liarAddresses, bans: new Set(leech.bans) }
}

for (const version of ['v1', 'v2', 'hybrid'] as const) {
  test(`smart ban (${version}): exactly those are banned who sent bad blocks, and the download ends well`, () => {
    let caught = 0
    for (let seed = 1; seed <= 10; seed++) {
      const { isComplete, bans, liarAddresses } = withLiars({ version, seed, liars: 1 + (seed % 2) })
      assert.ok(isComplete)
      for (const address of bans) assert.ok(liarAddresses.has(address), `seed ${seed}: ${address} is honest`)
      caught += bans.size
    }
    assert.ok(caught >= 13, `${caught} of 15 liars caught`)
  })
}

test('smart ban: without it nobody is banned', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const { leech } = withLiars({ version: 'v1', seed, behaviour: { smartBan: false } })
    assert.deepEqual(leech.bans, [])
    assert.ok(leech.swarm.snapshot(0).damagedPieces > 0)
  }
})

test('blame in version 2: liars are banned by the hashes of single blocks, before the piece is fetched again', () => {
  const meanMs = (blockBlame: boolean) => {
    let sumMs = 0
    for (let seed = 1; seed <= 6; seed++) {
      const { world, leech } = liarScene({ version: 'v2', seed, behaviour: habit('blockBlame', blockBlame) })
      assert.ok(world.runUntil(() => leech.outputs.some(({ type }) => type === 'piece-damaged')))
      const damagedMs = world.time.nowMs()
      assert.ok(world.runUntil(() => leech.bans.length > 0))
      sumMs += world.time.nowMs() - damagedMs
    }
    return sumMs / 6
  }
  assert.ok(meanMs(true) < 3_000, `${meanMs(true)} ms`)
  assert.ok(meanMs(false) > 8_000, `${meanMs(false)} ms without asking for hashes`)
})

test('blame in version 2: who sends wrong hashes is banned as well, and the next is asked', () => {
  const world = new World(3, { pieces: 2, blocksPerPiece: 32, version: 'v2' })
  const hashLiar = world.node('hash-liar', { has: 'all', upBytesPerSecond: 15_000 })
  const liar = world.node('liar', { has: 'all', upBytesPerSecond: 15_000 })
  const honest = world.node('honest', { has: 'all', upBytesPerSecond: 15_000 })
  for (let piece = 0; piece < 2; piece++) {
    for (let block = 0; block < 31; block++) liar.storage.falsify(piece, block * 16_384)
  }
  const leech = world.node('leech')
  for (const peer of [hashLiar, liar, honest]) world.connect(peer, leech)
  const { connection } = hashLiar.link(leech)
  const honestly = connection.hashes.bind(connection)
  connection.hashes = (range, hashes) =>
    honestly(
      range,
      hashes.map((byte) => byte ^ 1),
    )
  assert.ok(world.runUntil(() => leech.storage.have.isComplete, 3_000_000))
  assert.ok(leech.bans.includes(hashLiar.endpoint.address))
  assert.ok(leech.bans.includes(liar.endpoint.address))
  assert.ok(!leech.bans.includes(honest.endpoint.address))
})

test('blame in version 2: when the peer that was asked for hashes leaves, the next is asked', () => {
  const { world, leech } = liarScene({ version: 'v2', seed: 4 })
  const asked: string[] = []
  const ears = leech.links.map(({ connection, other }) => {
    const hashRequest = connection.hashRequest.bind(connection)
    connection.hashRequest = (range) => {
      asked.push(other.name)
      return hashRequest(range)
    }
    // Nobody answers.
    other.link(leech).messages.onHashRequest = () => {}
    return other
  })
  assert.ok(world.runUntil(() => asked.length === 1))
  const first = ears.find(({ name }) => name === asked[0])
  assert.ok(first !== undefined)
  world.disconnect(leech, first)
  world.run(100)
  assert.equal(new Set(asked).size, 2)
})

test('hashes of leaves are not computed as fast as anybody asks', () => {
  const world = new World(6, { pieces: 8, blocksPerPiece: 32, version: 'v2' })
  const seed = world.node('seed', { has: 'all' })
  const other = world.node('other')
  world.connect(seed, other)
  other.setPaused({ download: true, upload: true })
  world.run(1_000)
  const piecesRoot = world.torrent.info.files[0]?.piecesRoot ?? new Uint8Array(32)
  let answers = 0
  let rejects = 0
  const { connection, messages } = other.link(seed)
  messages.onHashes = () => void answers++
  messages.onHashReject = () => void rejects++
  for (let index = 0; index < 100; index++) {
    connection.hashRequest({ piecesRoot, baseLayer: 0, index: 0, length: 32, proofLayers: 0 })
  }
  connection.flush()
  world.run(1_000)
  assert.equal(answers + rejects, 100)
  assert.ok(answers >= 1 && answers < 5, `${answers} answers`)
})

test('leaves are served also when the piece has to be read first', () => {
  const { bans, liarAddresses, leech } = withLiars({ version: 'v2', seed: 2, seedOptions: { readMs: 50 } })
  assert.ok(leech.storage.have.isComplete)
  assert.deepEqual(bans, liarAddresses)
})

test('who sent all of a damaged piece is banned also where its blocks could not be hashed, but none of several', () => {
  for (const honest of [0, 3]) {
    const { world, leech, liarAddresses } = liarScene({ version: 'v1', seed: 3, honest })
    const { swarm } = leech
    const pieceDamaged = swarm.pieceDamaged.bind(swarm)
    swarm.pieceDamaged = (piece, _leaves, nowMs) => pieceDamaged(piece, new Uint8Array(0), nowMs)
    assert.ok(world.runUntil(() => leech.outputs.some(({ type }) => type === 'piece-damaged')))
    world.run(100)
    assert.deepEqual(new Set(leech.bans), honest === 0 ? liarAddresses : new Set())
  }
})

test('a liar that left before it was found out is banned all the same', () => {
  const world = new World(9, { pieces: 4, blocksPerPiece: 16 })
  const liar = world.node('liar', { has: 'all', upBytesPerSecond: 60_000 })
  const honest = world.node('honest', { has: 'all', upBytesPerSecond: 60_000 })
  for (let piece = 0; piece < 4; piece++) {
    for (let block = 0; block < 16; block++) liar.storage.falsify(piece, block * 16_384)
  }
  const leech = world.node('leech')
  world.connect(liar, leech)
  world.connect(honest, leech)
  world.runUntil(() => leech.outputs.some(({ type }) => type === 'piece-damaged'))
  if (leech.isLinked(liar)) world.disconnect(leech, liar)
  assert.ok(world.runUntil(() => leech.storage.have.isComplete))
  assert.deepEqual([...new Set(leech.bans)], [liar.endpoint.address])
})
