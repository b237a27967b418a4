// Whole networks of DHT nodes: what is stored is found again while nodes come and go, and with Sybils at every target
// (F9, S18); and the same seed gives the same run.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addSybils, type SybilIds } from '../../sim/hostile/dht-sybils.ts'
import { fromHex, fromLatin1 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { DhtNode } from '../../src/dht/dht-node.ts'
import { addressBytes } from '../../src/formats/compact-endpoint.ts'
import type { StoredItem } from '../../src/formats/krpc/message.ts'
import { nodeIdFits } from '../../src/formats/krpc/node-id.ts'
import { itemTarget } from '../../src/formats/krpc/stored-item.ts'
import { DhtWorld, joinNodes, type WorldHost } from './dht-world.ts'

const { SWARMBID_TEST_LONG } = process.env
const isLong = SWARMBID_TEST_LONG !== undefined
const nodeCount = isLong ? 1_000 : 100
const lookupCount = isLong ? 300 : 40
const settleMs = 30_000

type NodeHost = WorldHost & { node: DhtNode }

function randomHash(world: DhtWorld): Uint8Array {
  const hash = new Uint8Array(20)
  world.random.fill(hash)
  return hash
}

function anyUp(world: DhtWorld, hosts: readonly NodeHost[]): NodeHost {
  const up = hosts.filter(({ isUp }) => isUp)
  return up[world.random.below(up.length)] as NodeHost
}

function announced(world: DhtWorld, host: NodeHost): Uint8Array {
  const infoHash = randomHash(world)
  world.lookUp(host.endpoint, { type: 'announce', infoHash, port: 7_777, isSeed: false })
  return infoHash
}

interface Tally {
  found: number
  mostHops: number
}

function find(world: DhtWorld, seeker: NodeHost, infoHash: Uint8Array, announcer: NodeHost, tally: Tally): void {
  const task = { type: 'get-peers', infoHash, noSeeds: false, isScrape: false } as const
  const { outcome, peers } = world.lookUp(seeker.endpoint, task)
  if (!peers.some(({ address, port }) => address === announcer.endpoint.address && port === 7_777)) return
  tally.found++
  tally.mostHops = Math.max(tally.mostHops, outcome.foundAfterHops ?? Number.POSITIVE_INFINITY)
}

/** Part of the nodes leave without a word, and as many new ones come. */
function churn(world: DhtWorld, hosts: NodeHost[], part: number): void {
  let gone = 0
  for (const host of hosts) {
    if (world.random.below(100) >= 100 * part) continue
    host.isUp = false
    gone++
  }
  const known = hosts.filter(({ isUp }) => isUp)
  for (let index = 0; index < gone; index++) {
    const host = world.addNode()
    const endpoints = [0, 1, 2].map(() => (known[world.random.below(known.length)] as NodeHost).endpoint)
    world.handle(host.endpoint, { type: 'start' })
    world.handle(host.endpoint, { type: 'set-bootstrap', endpoints })
    hosts.push(host)
  }
}

const honestCount = Math.round(0.7 * nodeCount)
const sybilCount = nodeCount - honestCount

/** How much of what is announced is found by others in spite of Sybils. */
function foundAmongSybils(seed: number, ids: SybilIds, count = sybilCount, isLocal = false): Tally {
  const world = new DhtWorld({ seed, loss: 0.01, isLocal })
  const hosts = joinNodes(world, honestCount, 100)
  addSybils(
    world,
    count,
    ids,
    hosts.map(({ endpoint }) => endpoint),
  )
  world.runFor(settleMs)
  const tally = { found: 0, mostHops: 0 }
  for (let index = 0; index < lookupCount; index++) {
    const announcer = anyUp(world, hosts)
    find(world, anyUp(world, hosts), announced(world, announcer), announcer, tally)
  }
  return tally
}

describe(`a DHT of ${nodeCount} nodes`, () => {
  test('F9: three in ten nodes gone unnoticed, at least 99 % of lookups find what was announced, within log2 N hops', () => {
    const world = new DhtWorld({ seed: 20_261_122, loss: 0.01 })
    const hosts = joinNodes(world, nodeCount, 100)
    world.runFor(settleMs)
    const wanted = Array.from({ length: lookupCount }, () => {
      const announcer = anyUp(world, hosts)
      return { announcer, infoHash: announced(world, announcer) }
    })
    churn(world, hosts, 0.3)
    // Tables are as they were: nobody has noticed yet.
    const tally = { found: 0, mostHops: 0 }
    for (const { infoHash, announcer } of wanted) find(world, anyUp(world, hosts), infoHash, announcer, tally)
    assert.ok(tally.found >= 0.99 * lookupCount, `${tally.found} of ${lookupCount}`)
    assert.ok(tally.mostHops <= Math.log2(nodeCount), `${tally.mostHops} hops`)
  })

  test('S18: with 30 % Sybils of chosen ids at every target, at least 95 % of lookups find what was announced', () => {
    const tally = foundAmongSybils(7, 'chosen')
    assert.ok(tally.found >= 0.95 * lookupCount, `${tally.found} of ${lookupCount}`)
  })

  // Each has eight ids to choose from, and honest nodes one: of the closest a quarter at best is honest.
  test('S18: with 30 % Sybils of the best ids that fit their addresses, at least 95 % of lookups find it still', () => {
    const tally = foundAmongSybils(8, 'fitting')
    assert.ok(tally.found >= 0.95 * lookupCount, `${tally.found} of ${lookupCount}`)
  })

  test('more Sybils than a lookup asks win only where ids are not tied to addresses: it is this that holds them off', () => {
    const count = Math.max(sybilCount, 60)
    const [tied, free] = [foundAmongSybils(7, 'chosen', count), foundAmongSybils(7, 'chosen', count, true)]
    assert.ok(tied.found >= 0.95 * lookupCount, `${tied.found} of ${lookupCount}`)
    assert.ok(free.found < 0.7 * lookupCount, `${free.found} of ${lookupCount}`)
  })

  test('where nodes are as dense as everywhere a lookup asks few more than it must', () => {
    const world = new DhtWorld({ seed: 9 })
    const hosts = joinNodes(world, nodeCount, 100)
    world.runFor(settleMs)
    let stored = 0
    for (let index = 0; index < lookupCount; index++) {
      const task = { type: 'announce', infoHash: randomHash(world), port: 7_777, isSeed: false } as const
      stored += world.lookUp(anyUp(world, hosts).endpoint, task).outcome.storedNodes
    }
    assert.ok(stored <= 12 * lookupCount, `${stored} nodes for ${lookupCount}`)
  })

  test('items are found again, the latest of mutable ones', () => {
    const world = new DhtWorld({ seed: 3 })
    const hosts = joinNodes(world, 60, 100)
    world.runFor(settleMs)
    const publicKey = new Uint8Array(32).fill(9)
    const salt = fromLatin1('news')
    const mutable = (sequence: bigint, text: string): StoredItem => {
      const value = fromLatin1(`${text.length}:${text}`)
      return { kind: 'mutable', value, publicKey, signature: new Uint8Array(64).fill(9), sequence, salt }
    }
    const put = (item: StoredItem, expectedSequence?: bigint) =>
      world.lookUp(anyUp(world, hosts).endpoint, { type: 'put', item, expectedSequence }).outcome
    const get = (target: Uint8Array) => world.lookUp(anyUp(world, hosts).endpoint, { type: 'get', target, salt }).items
    const immutable: StoredItem = { kind: 'immutable', value: fromLatin1('5:plain') }
    assert.ok(put(immutable).storedNodes >= 8)
    assert.deepEqual(get(itemTarget(immutable)), [immutable])
    const first = mutable(1n, 'one')
    assert.ok(put(first).storedNodes >= 8)
    assert.ok(put(mutable(5n, 'five'), 1n).storedNodes >= 8)
    assert.deepEqual(get(itemTarget(first)).at(-1), mutable(5n, 'five'))
    assert.deepEqual(new Set(put(mutable(6n, 'six'), 1n).refusals), new Set([301]))
    assert.deepEqual(new Set(put(mutable(4n, 'four')).refusals), new Set([302]))
    assert.deepEqual(get(itemTarget(first)).at(-1), mutable(5n, 'five'))
    assert.deepEqual(get(randomHash(world)), [])
  })

  test('a scrape counts seeds and peers of all nodes asked', () => {
    const world = new DhtWorld({ seed: 4 })
    const hosts = joinNodes(world, 60, 100)
    world.runFor(settleMs)
    const infoHash = randomHash(world)
    for (const [index, { endpoint }] of hosts.slice(0, 30).entries()) {
      world.lookUp(endpoint, { type: 'announce', infoHash, port: undefined, isSeed: index % 3 === 0 })
    }
    const task = { type: 'get-peers', infoHash, noSeeds: true, isScrape: true } as const
    const { outcome, peers } = world.lookUp((hosts[40] as NodeHost).endpoint, task)
    assert.ok(Math.abs((outcome.seeds ?? 0) - 10) <= 1, `${outcome.seeds} seeds`)
    assert.ok(Math.abs((outcome.peers ?? 0) - 20) <= 1, `${outcome.peers} peers`)
    const ports = hosts.slice(0, 30).filter((_, index) => index % 3 !== 0)
    assert.deepEqual(
      new Set(peers.map(({ address, port }) => `${address}|${port}`)),
      new Set(ports.map(({ endpoint: { address, port } }) => `${address}|${port}`)),
    )
  })

  test('all nodes know their own address and have ids that fit it; the same seed gives the same run', () => {
    const play = () => {
      const world = new DhtWorld({ seed: 5, loss: 0.05 })
      const hosts = joinNodes(world, 40, 200)
      world.runFor(settleMs)
      for (const { node, endpoint } of hosts.slice(0, 30)) {
        const [place] = node.snapshot().places
        assert.equal(place?.externalAddress, endpoint.address)
        const id = unwrap(fromHex(place?.nodeId ?? ''))
        assert.ok(nodeIdFits(id, addressBytes(endpoint.address) ?? new Uint8Array(0)))
      }
      return hosts.map(({ node, sentDatagrams, receivedDatagrams }) => ({
        ...node.snapshot(),
        sentDatagrams,
        receivedDatagrams,
      }))
    }
    assert.deepEqual(play(), play())
  })

  test('a node that starts again from its saved table needs nobody to begin with', () => {
    const world = new DhtWorld({ seed: 6 })
    const hosts = joinNodes(world, 40, 200)
    world.runFor(settleMs)
    const [old] = hosts
    assert.ok(old !== undefined)
    old.isUp = false
    const savedTables = old.node.saveTables()
    const again = world.addNode({ savedTables })
    world.handle(again.endpoint, { type: 'start' })
    world.runFor(settleMs)
    assert.ok((again.node.snapshot().places[0]?.nodes ?? 0) >= 20)
    assert.ok(again.outputs.some(({ type }) => type === 'ready'))
  })

  test('a read-only node finds, but is in no table and answers nothing', () => {
    const world = new DhtWorld({ seed: 6 })
    const hosts = joinNodes(world, 30, 200)
    const reader = world.addNode({ isReadOnly: true })
    world.handle(reader.endpoint, { type: 'start' })
    world.handle(reader.endpoint, { type: 'set-bootstrap', endpoints: [(hosts[0] as NodeHost).endpoint] })
    world.runFor(settleMs)
    const announcer = hosts[7] as NodeHost
    const tally = { found: 0, mostHops: 0 }
    find(world, reader, announced(world, announcer), announcer, tally)
    assert.equal(tally.found, 1)
    const target = unwrap(fromHex(reader.node.snapshot().places[0]?.nodeId ?? ''))
    const { nodes } = world.lookUp(announcer.endpoint, { type: 'find-nodes', target })
    assert.ok(nodes.length >= 8 && nodes.every(({ address }) => address !== reader.endpoint.address))
    assert.equal(reader.node.snapshot().counters.queriesAnswered, 0)
  })
})
