// Swarms on their way elsewhere: into a snapshot and out of it, and to other instances.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes } from '../../src/base/bytes.ts'
import type { IpAddress } from '../../src/base/endpoint.ts'
import { unwrap } from '../../src/base/errors.ts'
import { type SwarmExchange, SwarmSharing } from '../../src/tracker/swarm-sharing.ts'
import { applyChanges, changesOf, decodeSnapshot, encodeSnapshot } from '../../src/tracker/swarm-snapshot.ts'
import { TrackerServer } from '../../src/tracker/tracker-server.ts'
import { seededRandom } from './seeded-random.ts'

const hashOf = (number: number) => new Uint8Array(20).fill(number)
const ipv4 = (number: number): IpAddress => ({ family: 4, address: `203.0.1.${number}` })
const ipv6 = (number: number): IpAddress => ({ family: 6, address: `2001:db8:${number}::1` })
const intervalSeconds = 600
const quarterMs = 150_000

function newServer(seed = 1): TrackerServer {
  const limits = { maxTorrents: 2, torrentBurst: 2 }
  return new TrackerServer({ random: seededRandom(seed), intervalSeconds, limits })
}

interface Fields {
  readonly leftBytes?: number
  readonly event?: 'none' | 'completed' | 'stopped' | 'paused'
  readonly key?: number
}

function announce(server: TrackerServer, torrent: number, from: IpAddress, nowMs: number, fields: Fields = {}): void {
  const peerId = new Uint8Array(20).fill(7)
  const about = { port: 6_881, uploadedBytes: 1, downloadedBytes: 0, leftBytes: 9, event: 'none', key: 5 } as const
  const form = { isCompact: true, omitsPeerIds: false, claimedEndpoints: [], supportsEncryption: false }
  const reply = server.announce({ infoHash: hashOf(torrent), peerId, ...about, ...form, ...fields }, from, nowMs)
  assert.ok(!('kind' in reply))
}

function countsOf(server: TrackerServer, torrent: number): string {
  const [entry] = server.scrape([hashOf(torrent)])
  return `${entry?.complete} ${entry?.incomplete} ${entry?.downloaded} ${entry?.downloaders}`
}

function filled(nowMs: number): TrackerServer {
  const server = newServer()
  announce(server, 1, ipv4(1), nowMs)
  announce(server, 1, ipv4(1), nowMs, { leftBytes: 0, event: 'completed' })
  announce(server, 1, ipv4(2), nowMs, { event: 'paused' })
  announce(server, 1, ipv6(3), nowMs)
  announce(server, 2, ipv6(3), nowMs + 7 * quarterMs)
  return server
}

function snapshotOf(server: TrackerServer, wallMs: number, nowMs: number): Uint8Array {
  return concatBytes([...encodeSnapshot(server, wallMs, () => nowMs)])
}

describe('a snapshot', () => {
  test('has all swarms, with what is known of their peers', () => {
    const server = filled(0)
    const copy = newServer(2)
    assert.equal(unwrap(decodeSnapshot(copy, snapshotOf(server, 1e12, 7 * quarterMs), 1e12, 5e9)), 4)
    assert.equal(countsOf(copy, 1), '1 2 1 1')
    assert.equal(countsOf(copy, 2), '0 1 0 1')
    announce(copy, 1, ipv4(1), 5e9, { event: 'stopped', leftBytes: 0, key: 6 })
    assert.equal(countsOf(copy, 1), '1 2 1 1', 'keys are kept')
  })

  test('leaves out who would be gone by now', () => {
    const savedMs = 7 * quarterMs
    const snapshot = snapshotOf(filled(0), 1e12, savedMs)
    const copy = newServer()
    assert.equal(unwrap(decodeSnapshot(copy, snapshot, 1e12 + 2 * quarterMs, 0)), 1)
    assert.equal(copy.swarmCount, 1)
    copy.sweep(0)
    for (let quarter = 0; quarter <= 10; quarter++) copy.sweep(quarter * quarterMs + 1)
    assert.equal(copy.swarmCount, 0, 'and the rest when its time has come')
    assert.equal(unwrap(decodeSnapshot(newServer(), snapshot, 0, 0)), 4, 'a clock that went back harms nobody')
  })

  test('that is damaged anywhere, cut, or something else is refused, and nothing taken', () => {
    const snapshot = snapshotOf(filled(0), 1e12, 0)
    fc.assert(
      fc.property(fc.nat(snapshot.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, cuts) => {
        const damaged = cuts ? snapshot.slice(0, at) : snapshot.slice()
        if (!cuts) damaged[at] = (damaged[at] as number) ^ flip
        const server = newServer()
        const decoded = decodeSnapshot(server, damaged, 1e12, 0)
        assert.equal(!decoded.ok && decoded.code, 'tracker-state')
        assert.equal(server.swarmCount, 0)
      }),
      { numRuns: 200 },
    )
  })

  test('is made a part at a time, while the swarms change', () => {
    const server = new TrackerServer({ random: seededRandom(), intervalSeconds })
    for (let number = 0; number < 12_000; number++) {
      announce(server, number % 7, { family: 4, address: `203.${number >> 8}.${number & 255}.1` }, 0)
    }
    const parts: Uint8Array[] = []
    for (const part of encodeSnapshot(server, 0, () => 0)) {
      parts.push(part)
      for (let number = 0; number < 6_000; number++) {
        const address = `203.${number >> 8}.${number & 255}.1`
        announce(server, number % 7, { family: 4, address }, 0, { event: 'stopped' })
      }
    }
    assert.ok(parts.length > 3)
    const copy = new TrackerServer({ random: seededRandom(), intervalSeconds })
    assert.ok(unwrap(decodeSnapshot(copy, concatBytes(parts), 0, 0)) >= 6_000)
  })
})

describe('changes from elsewhere', () => {
  test('never harm, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const server = newServer()
        const applied = applyChanges(server, bytes, 0)
        assert.ok(applied === -1 || applied <= bytes.length / 52)
      }),
      { numRuns: 300 },
    )
  })
})

/** Hands batches on, as far as it is up. */
class Wire implements SwarmExchange {
  isUp = true
  readonly others: SwarmSharing[] = []
  readonly published: Uint8Array[] = []

  async publish(batch: Uint8Array): Promise<boolean> {
    if (!this.isUp) return false
    this.published.push(batch)
    for (const other of this.others) other.onBatch(batch, 0)
    return true
  }

  async close(): Promise<void> {}
}

function pair() {
  const [one, two] = [newServer(1), newServer(2)]
  const [first, second] = [new SwarmSharing(one, () => 0), new SwarmSharing(two, () => 0)]
  const [toSecond, toFirst] = [new Wire(), new Wire()]
  toSecond.others.push(second)
  toFirst.others.push(first)
  return { one, two, first, second, toSecond, toFirst }
}

describe('two instances', () => {
  test('have one swarm: who comes, completes and goes', async () => {
    const { one, two, first, second, toSecond, toFirst } = pair()
    announce(one, 1, ipv4(1), 0)
    announce(two, 1, ipv6(2), 0, { event: 'paused' })
    await first.flush(toSecond)
    await second.flush(toFirst)
    for (const server of [one, two]) assert.equal(countsOf(server, 1), '0 2 0 1')
    announce(two, 1, ipv4(1), 0, { leftBytes: 0, event: 'completed' })
    announce(two, 1, ipv6(2), 0, { event: 'stopped' })
    await second.flush(toFirst)
    for (const server of [one, two]) assert.equal(countsOf(server, 1), '1 0 1 0')
    await first.flush(toSecond)
    assert.equal(toSecond.published.length, 1, 'what came from elsewhere is not sent on')
  })

  test('make up for a time without each other, up to a limit', async () => {
    const { one, two, first, toSecond } = pair()
    toSecond.isUp = false
    announce(one, 1, ipv4(1), 0)
    await first.flush(toSecond)
    announce(one, 1, ipv4(2), 0)
    await first.flush(toSecond)
    assert.equal(countsOf(two, 1), 'undefined undefined undefined undefined')
    toSecond.isUp = true
    await first.flush(toSecond)
    assert.equal(countsOf(two, 1), '0 2 0 2')
    const limited = new SwarmSharing(one, () => 0, 2)
    toSecond.isUp = false
    for (let round = 0; round < 10_000; round++) {
      announce(one, 1, { family: 4, address: '127.0.0.1' }, 0)
      if (round % 10 === 0) await limited.flush(toSecond)
    }
    const figures = new Map(limited.metrics().map(({ name, values }) => [name, values['']]))
    assert.deepEqual([figures.get('shared_waiting'), figures.get('shared_lost_total')], [2, 6])
  })

  test('say everything again where it was forgotten', async () => {
    const { one, two, first, toSecond } = pair()
    announce(one, 1, ipv4(1), 0)
    announce(one, 2, ipv6(1), 0, { leftBytes: 0 })
    const others = new TrackerServer({ random: seededRandom(), intervalSeconds })
    announce(others, 3, ipv4(1), 0)
    applyChanges(one, concatBytes([...changesOf(others, 'all', () => 0)]), 0)
    await first.flush(new Wire())
    assert.equal(two.swarmCount, 0)
    first.onForgotten()
    await first.flush(toSecond)
    assert.deepEqual([countsOf(two, 1), countsOf(two, 2)], ['0 1 0 1', '1 0 0 0'])
    assert.deepEqual([one.swarmCount, two.swarmCount], [3, 2], 'not what others said')
  })
})
