// What the tracker keeps its swarms in, each against a plain model: hashes, the index, runs of records, peers.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { toHex } from '../../src/base/bytes.ts'
import { HashIndex } from '../../src/tracker/hash-index.ts'
import { newHashKey, tableHash } from '../../src/tracker/keyed-hash.ts'
import { PeerPool } from '../../src/tracker/peer-pool.ts'
import { RecordBlocks } from '../../src/tracker/record-blocks.ts'
import { seededRandom } from './seeded-random.ts'

describe('the hash of tables', () => {
  test('spreads what differs in one bit, and differs with the key', () => {
    const [key, other] = [newHashKey(seededRandom(1)), newHashKey(seededRandom(2))]
    const seen = new Set<number>()
    for (let bit = 0; bit < 8 * 18; bit++) {
      const bytes = new Uint8Array(18)
      bytes[bit >> 3] = 1 << (bit & 7)
      seen.add(tableHash(key, 0, bytes, 0, 18))
      seen.add(tableHash(key, 1 << (bit & 31), bytes, 0, 6))
      seen.add(tableHash(other, 0, bytes, 0, 18))
    }
    assert.ok(seen.size > 3 * 140 - 110, `${seen.size} different hashes`)
    const lowBits = new Set([...seen].map((hash) => hash & 0xff))
    assert.ok(lowBits.size > 150)
  })
})

describe('HashIndex', () => {
  test('finds what was added, whatever was removed', () => {
    const step = fc.tuple(fc.constantFrom('add', 'add', 'remove', 'replace'), fc.nat(200), fc.nat(5))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const index = new HashIndex()
        const model = new Map<number, number>()
        for (const [what, value, hash] of steps) {
          const known = model.get(value)
          // Six hashes whose homes are neighbours, at the end of the array too.
          if (what === 'add' && known === undefined) {
            index.add((hash + 13) >>> 0, value)
            model.set(value, hash + 13)
          } else if (what === 'remove' && known !== undefined) {
            index.remove(known, value)
            model.delete(value)
          } else if (what === 'replace' && known !== undefined && !model.has(value + 1_000)) {
            index.replace(known, value, value + 1_000)
            model.delete(value)
            model.set(value + 1_000, known)
          }
        }
        assert.equal(index.size, model.size)
        for (let hash = 13; hash < 19; hash++) {
          const found: number[] = []
          for (let slot = index.first(hash); slot !== -1; slot = index.next(slot)) found.push(index.valueAt(slot))
          const wanted = [...model].filter(([, of]) => of === hash).map(([value]) => value)
          assert.deepEqual(found.sort(), wanted.sort())
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('RecordBlocks', () => {
  test('runs never overlap, and all that is free becomes one again', () => {
    const step = fc.tuple(fc.boolean(), fc.nat(16), fc.nat(30))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const blocks = new RecordBlocks(36, 131_072)
        const runs: { start: number; power: number }[] = []
        const take = (power: number) => {
          const start = blocks.allocate(power)
          if (start === -1) return
          for (const run of runs) {
            assert.ok(start + 2 ** power <= run.start || run.start + 2 ** run.power <= start, 'no overlap')
          }
          blocks.setWord(start, 0, 5)
          runs.push({ start, power })
        }
        for (const [takes, power, which] of steps) {
          if (takes) take(power)
          else for (const run of runs.splice(which, 1)) blocks.free(run.start, run.power)
        }
        for (const run of runs.splice(0)) blocks.free(run.start, run.power)
        take(16)
        take(16)
        assert.equal(runs.length, 2)
        assert.equal(blocks.allocate(0), -1)
      }),
      { numRuns: 40 },
    )
  })
})

function packedOf(number: number): Uint8Array {
  return new Uint8Array([10, number >> 8, number & 0xff, 1, 0x1a, 0xe1])
}

function detailsOf(number: number, isSeeder: boolean, isPartial = false) {
  return { isSeeder, isPartial, isOurs: true, key: number, bytes: new Uint8Array(20).fill(number), peerIdAt: 0 }
}

function newPool(): PeerPool {
  const limits = { maxRecords: 65_536, maxListLength: 65_536, maxPeersPerAddress: 4 }
  return new PeerPool({ family: 4, random: seededRandom(), ...limits })
}

function chosen(pool: PeerPool, swarm: number, isSeeder: boolean, count: number, except = -1): string[] {
  const records = new Uint32Array(2_000)
  const end = pool.sample(swarm, isSeeder, count, except, records, 0)
  return Array.from(records.subarray(0, end), (record) => {
    const endpoint = new Uint8Array(6)
    pool.copyEndpoint(record, endpoint, 0)
    assert.equal(pool.peerIdOf(record)[0], endpoint[2], 'each endpoint with its own peer id')
    return toHex(endpoint)
  })
}

describe('PeerPool', () => {
  test('holds what was put in, whatever came and went', () => {
    const step = fc.tuple(
      fc.constantFrom('put', 'put', 'partial', 'seed', 'remove', 'expire' as const),
      fc.nat(60),
      fc.nat(2),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const pool = newPool()
        const model = new Map<string, { swarm: number; number: number; tick: number; kind: string }>()
        let tick = 250
        for (const [kind, number, swarm] of steps) {
          tick = (tick + 1) & 0xff
          const name = `${swarm} ${number}`
          const found = pool.find(swarm, packedOf(number))
          assert.equal(found >= 0, model.has(name))
          if (kind === 'expire') {
            pool.expire(swarm, tick, number)
            for (const [other, { swarm: of, tick: at }] of model) {
              if (of === swarm && ((tick - at) & 0xff) > number) model.delete(other)
            }
            continue
          }
          if (found >= 0) pool.remove(found)
          model.delete(name)
          if (kind === 'remove') continue
          pool.insert(swarm, packedOf(number), detailsOf(number, kind === 'seed', kind === 'partial'), tick)
          model.set(name, { swarm, number, tick, kind })
        }
        assert.equal(pool.size, model.size)
        for (const swarm of [0, 1, 2]) {
          const inSwarm = [...model.values()].filter((peer) => peer.swarm === swarm)
          for (const isSeeder of [true, false]) {
            const wanted = inSwarm.filter(({ kind }) => (kind === 'seed') === isSeeder)
            const names = wanted.map(({ number }) => toHex(packedOf(number)))
            assert.deepEqual(chosen(pool, swarm, isSeeder, 100).sort(), names.sort())
            assert.equal(isSeeder ? pool.seeders(swarm) : pool.leechers(swarm), wanted.length)
          }
          assert.equal(pool.partialSeeds(swarm), inSwarm.filter(({ kind }) => kind === 'partial').length)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('a sample has as many different peers as asked for, and not the one left out', () => {
    const pool = newPool()
    for (let number = 0; number < 100; number++) pool.insert(0, packedOf(number), detailsOf(number, false), 0)
    const except = pool.find(0, packedOf(7))
    for (const count of [0, 1, 7, 50, 98, 99, 100, 1_000]) {
      for (let round = 0; round < 20; round++) {
        const seen = chosen(pool, 0, false, count, except)
        assert.equal(new Set(seen).size, Math.min(count, 99))
        assert.ok(!seen.includes(toHex(packedOf(7))))
      }
    }
  })

  test('gives each peer the same chance', () => {
    const pool = newPool()
    const size = 103
    for (let number = 0; number < size; number++) pool.insert(0, packedOf(number), detailsOf(number, false), 0)
    const counts = new Map<string, number>()
    const rounds = 4_000
    for (let round = 0; round < rounds; round++) {
      for (const name of chosen(pool, 0, false, 10)) counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    const expected = (rounds * 10) / size
    assert.equal(counts.size, size)
    for (const count of counts.values()) assert.ok(Math.abs(count - expected) < 6 * Math.sqrt(expected), `${count}`)
  })

  test('peers beyond the share of their address are told from those that are new', () => {
    const pool = newPool()
    const endpoint = (port: number) => new Uint8Array([10, 0, 0, 1, port >> 8, port])
    for (let port = 1; port <= 4; port++) {
      assert.equal(pool.find(0, endpoint(port)), -1)
      pool.insert(0, endpoint(port), detailsOf(0, false), 0)
    }
    assert.equal(pool.find(0, endpoint(5)), -2)
    assert.ok(pool.find(0, endpoint(4)) >= 0)
    assert.equal(pool.find(1, endpoint(5)), -1, 'another swarm')
  })

  test('keeps no more than there is memory for, and takes it again', () => {
    const pool = newPool()
    let kept = 0
    const number = (swarm: number) => new Uint8Array([10, swarm >> 16, swarm >> 8, swarm, 1, 1])
    for (let swarm = 0; swarm < 70_000; swarm++) {
      if (pool.insert(swarm, number(swarm), detailsOf(1, true), 0) !== -1) kept++
    }
    assert.equal(kept, 65_536)
    for (let swarm = 0; swarm < 65_536; swarm++) pool.clear(swarm)
    assert.equal(pool.size, 0)
    for (let peer = 0; peer < 1_000; peer++) assert.ok(pool.insert(1, number(peer), detailsOf(1, true), 0) !== -1)
  })
})
