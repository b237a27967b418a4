// Peers as a tracker keeps them, against a plain map.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { toHex } from '../../src/base/bytes.ts'
import { PeerTable, tableKey } from '../../src/tracker/peer-table.ts'
import { seededRandom } from './seeded-random.ts'

function packedOf(number: number): Uint8Array {
  return new Uint8Array([10, 0, number >> 8, number & 0xff, 0x1a, 0xe1])
}

function put(table: PeerTable, number: number, nowMs: number, isPartial = false): void {
  const packed = packedOf(number)
  table.put(tableKey(packed), packed, new Uint8Array(20).fill(number), isPartial, nowMs)
}

function chosen(table: PeerTable, count: number, seed = 1): string[] {
  const seen: string[] = []
  table.sample(count, seededRandom(seed), (endpoint, peerId) => {
    assert.equal(peerId[0], endpoint[3], 'each endpoint with its own peer id')
    seen.push(toHex(endpoint))
  })
  return seen
}

describe('PeerTable', () => {
  test('holds what was put in, whatever came and went', () => {
    const step = fc.tuple(fc.constantFrom('put', 'partial', 'remove', 'expire' as const), fc.nat(40), fc.nat(5))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const table = new PeerTable(4)
        const model = new Map<number, { ms: number; isPartial: boolean }>()
        let nowMs = 0
        for (const [what, number, passedMs] of steps) {
          nowMs += passedMs
          if (what === 'remove') {
            assert.equal(table.remove(tableKey(packedOf(number))), model.delete(number))
          } else if (what === 'expire') {
            table.expire(nowMs - number)
            for (const [other, { ms }] of model) if (ms <= nowMs - number) model.delete(other)
          } else {
            put(table, number, nowMs, what === 'partial')
            model.set(number, { ms: nowMs, isPartial: what === 'partial' })
          }
          assert.equal(table.size, model.size)
          assert.equal(table.partialSize, [...model.values()].filter(({ isPartial }) => isPartial).length)
        }
        assert.deepEqual(chosen(table, 100).sort(), [...model.keys()].map((number) => toHex(packedOf(number))).sort())
      }),
      { numRuns: 200 },
    )
  })

  test('a sample has as many different peers as asked for', () => {
    const table = new PeerTable(4)
    for (let number = 0; number < 100; number++) put(table, number, 0)
    for (const count of [0, 1, 7, 50, 99, 100, 1_000]) {
      const seen = chosen(table, count, count + 1)
      assert.equal(seen.length, Math.min(count, 100))
      assert.equal(new Set(seen).size, seen.length)
    }
  })

  test('every peer is as likely as any other', () => {
    const table = new PeerTable(4)
    for (let number = 0; number < 30; number++) put(table, number, 0)
    const counts = new Map<string, number>()
    const random = seededRandom(42)
    const rounds = 6_000
    for (let round = 0; round < rounds; round++) {
      table.sample(7, random, (endpoint) => {
        const key = toHex(endpoint)
        counts.set(key, (counts.get(key) ?? 0) + 1)
      })
    }
    const expected = (rounds * 7) / 30
    assert.equal(counts.size, 30)
    for (const count of counts.values()) assert.ok(Math.abs(count - expected) < 0.12 * expected, `${count}`)
  })
})
