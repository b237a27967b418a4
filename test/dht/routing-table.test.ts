// The routing table: what holds after any history, what is closest, who gives way to whom.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { equalBytes, toHex } from '../../src/base/bytes.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import { placementOf } from '../../src/dht/address-limits.ts'
import { commonPrefixLength, compareDistances, idAtPrefix } from '../../src/dht/node-distance.ts'
import { bucketSize, type KnownNode, RoutingTable } from '../../src/dht/routing-table.ts'
import { encodeTables, savedPlaces } from '../../src/dht/saved-tables.ts'
import { addressBytes } from '../../src/formats/compact-endpoint.ts'
import { nodeIdFits, nodeIdFor } from '../../src/formats/krpc/node-id.ts'

const minute = 60_000
const arbitraryId = fc.uint8Array({ minLength: 20, maxLength: 20 })

function bytesOf(address: string): Uint8Array {
  return addressBytes(address) ?? assert.fail()
}

/** Few addresses and ports, so that they meet. */
const arbitraryEndpoint: fc.Arbitrary<Endpoint> = fc.record({
  family: fc.constant(4 as const),
  address: fc.oneof(
    fc
      .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 3 }))
      .map(([block, host]) => `8.8.${block}.${host}`),
    fc.integer({ min: 1, max: 60 }).map((host) => `127.0.0.${host}`),
  ),
  port: fc.constantFrom(6_881, 6_882),
})

const arbitraryStep = fc.record({
  act: fc.constantFrom('answered', 'answered', 'answered', 'failed', 'asked', 'restore'),
  id: arbitraryId,
  /** Bits in common with the own id at least, so that the table becomes deep. */
  near: fc.nat(12),
  fits: fc.boolean(),
  endpoint: arbitraryEndpoint,
  waitMs: fc.constantFrom(0, 1_000, 20 * minute),
})

function idOf(
  step: { id: Uint8Array; near: number; fits: boolean; endpoint: Endpoint },
  ownId: Uint8Array,
): Uint8Array {
  const near = idAtPrefix(ownId, step.near, step.id)
  return step.fits ? nodeIdFor(bytesOf(step.endpoint.address), near) : near
}

function checkInvariants(table: RoutingTable): void {
  const nodes = [...table.nodes()]
  assert.equal(nodes.length, table.size)
  const buckets = new Map<number, KnownNode[]>()
  for (const node of nodes) {
    const index = Math.min(commonPrefixLength(table.ownId, node.id), table.bucketCount - 1)
    buckets.set(index, [...(buckets.get(index) ?? []), node])
    assert.equal(table.find(node.endpoint), node)
    assert.ok(!equalBytes(node.id, table.ownId))
  }
  for (const bucket of buckets.values()) {
    assert.ok(bucket.length <= bucketSize)
    const blocks = bucket.map(({ placement }) => placement.block).filter((block) => block !== undefined)
    assert.equal(new Set(blocks).size, blocks.length, 'one node of a /24 a bucket')
  }
  const places = nodes.map(({ endpoint }) => placementOf(endpoint).key)
  assert.equal(new Set(places).size, places.length, 'one node an address')
  assert.equal(new Set(nodes.map(({ id }) => toHex(id))).size, nodes.length, 'one node an id')
}

describe('routing table', () => {
  test('keeps its limits and finds the closest, after any history', () => {
    fc.assert(
      fc.property(arbitraryId, fc.array(arbitraryStep, { maxLength: 150 }), arbitraryId, (ownId, steps, target) => {
        const table = new RoutingTable(4, ownId, 0)
        let nowMs = 0
        for (const step of steps) {
          nowMs += step.waitMs
          const id = idOf(step, ownId)
          if (step.act === 'failed') table.failed(step.endpoint, nowMs)
          else if (step.act === 'asked') table.asked(id, step.endpoint, nowMs)
          else if (step.act === 'restore') table.restore(id, step.endpoint, nowMs)
          else table.answered(id, step.endpoint, nowMs)
        }
        checkInvariants(table)
        const found: KnownNode[] = []
        const count = table.closest(target, true, found, bucketSize)
        const good = [...table.nodes()].filter((node) => node.failures === 0 && node.answeredMs >= 0)
        const expected = good.sort((a, b) => compareDistances(target, a.id, b.id)).slice(0, bucketSize)
        assert.deepEqual(found.slice(0, count), expected)
      }),
      { numRuns: 100 },
    )
  })

  function filled(): { table: RoutingTable; far: (host: number) => Uint8Array } {
    const ownId = new Uint8Array(20)
    const table = new RoutingTable(4, ownId, 0)
    // Neighbours, so that the bucket of those far away cannot split any more.
    for (let host = 1; host <= 9; host++) {
      const id = new Uint8Array(20)
      id[19] = host
      table.answered(id, { family: 4, address: `127.0.1.${host}`, port: 1 }, 0)
    }
    const far = (host: number) => Uint8Array.from({ length: 20 }, (_, index) => (index === 0 ? 0x80 : host))
    for (let host = 1; host <= 8; host++)
      table.answered(far(host), { family: 4, address: `127.0.0.${host}`, port: 1 }, 0)
    return { table, far }
  }
  const at = (host: number, port = 1): Endpoint => ({ family: 4, address: `127.0.0.${host}`, port })

  test('a newcomer waits while all eight answer, and comes in when one goes silent', () => {
    const { table, far } = filled()
    assert.equal(table.answered(far(20), at(20), 1), false)
    assert.equal(table.size, 17)
    table.failed(at(3), 2)
    assert.ok(table.find(at(3)) !== undefined, 'one lost datagram is nothing')
    table.failed(at(3), 3)
    assert.equal(table.find(at(3)), undefined)
    assert.ok([...table.nodes()].some(({ endpoint }) => endpoint.address === '127.0.0.20'))
    assert.equal(table.size, 17)
  })

  test('without a replacement a silent node is kept for some time, and told to nobody', () => {
    const { table, far } = filled()
    const isTold = () => {
      const found: KnownNode[] = []
      const count = table.closest(far(3), true, found, bucketSize)
      return found.slice(0, count).some(({ endpoint }) => endpoint.address === '127.0.0.3')
    }
    assert.ok(isTold())
    for (let failure = 1; failure < 5; failure++) {
      table.failed(at(3), failure)
      assert.ok(table.find(at(3)) !== undefined && !isTold())
    }
    table.failed(at(3), 9)
    assert.equal(table.find(at(3)), undefined)
  })

  test('a node that shows another id than before is out, and is there under the new one', () => {
    const { table, far } = filled()
    table.answered(far(99), at(3), 5)
    assert.deepEqual(table.find(at(3))?.id, far(99))
    assert.equal(table.size, 17)
  })

  test('nobody takes the id or the address of one that answers', () => {
    const { table } = filled()
    const owned = new RoutingTable(4, new Uint8Array(20), 0)
    const id = nodeIdFor(bytesOf('8.8.8.8'), new Uint8Array(20).fill(0x99))
    assert.ok(owned.answered(id, { family: 4, address: '8.8.8.8', port: 1 }, 0))
    assert.equal(owned.answered(id, { family: 4, address: '9.9.9.9', port: 1 }, 1), false)
    assert.equal(owned.answered(id, { family: 4, address: '8.8.8.8', port: 2 }, 1), false)
    assert.equal(owned.size, 1)
    assert.equal(table.answered(new Uint8Array(20), at(77), 1), false, 'nor our own id')
  })

  test('ids that fit their address take the places of those that do not (BEP 42)', () => {
    const table = new RoutingTable(4, nodeIdFor(bytesOf('8.8.8.8'), new Uint8Array(20)), 0)
    const random = simulatedRandom(1)
    const bytes = new Uint8Array(20)
    let count = 0
    const meet = (fits: boolean) => {
      const address = `9.${count >> 8}.${count++ & 255}.1`
      random.fill(bytes)
      const id = fits ? nodeIdFor(bytesOf(address), bytes) : bytes.slice()
      table.answered(id, { family: 4, address, port: 1 }, 0)
    }
    for (let index = 0; index < 1_000; index++) meet(false)
    const before = table.size
    for (let index = 0; index < 1_000; index++) meet(true)
    checkInvariants(table)
    const strangers = [...table.nodes()].filter(({ id, endpoint }) => !nodeIdFits(id, bytesOf(endpoint.address)))
    assert.ok(before > 30 && strangers.length <= table.size / 4, `${strangers.length} of ${table.size}`)
  })

  test('the silent are asked, the longest silent first, each once in a while; buckets are refreshed', () => {
    const { table, far } = filled()
    assert.equal(table.questionable(10 * minute), undefined)
    table.answered(far(2), at(2), 10 * minute)
    const asked = new Set<string>()
    for (let node = table.questionable(16 * minute); node !== undefined; node = table.questionable(16 * minute)) {
      asked.add(node.endpoint.address)
    }
    assert.equal(asked.size, 16)
    assert.ok(!asked.has('127.0.0.2'))
    const fresh = new RoutingTable(4, new Uint8Array(20), 0)
    assert.equal(fresh.refreshTarget(new Uint8Array(20), 14 * minute), undefined)
    assert.ok(fresh.refreshTarget(new Uint8Array(20), 15 * minute) !== undefined)
    assert.equal(fresh.refreshTarget(new Uint8Array(20), 15 * minute), undefined)
  })

  test('is the same after being saved; what is restored is asked before it is told', () => {
    const { table, far } = filled()
    const [saved] = savedPlaces(encodeTables([table]))
    assert.ok(saved !== undefined)
    assert.deepEqual(saved.id, table.ownId)
    const again = new RoutingTable(4, saved.id, 0)
    for (const { id, endpoint } of saved.nodes) again.restore(id, endpoint, 0)
    assert.equal(again.size, table.size)
    const found: KnownNode[] = []
    assert.equal(again.closest(far(1), true, found, 8), 0)
    assert.equal(again.closest(far(1), false, found, 8), 8)
    const unasked = again.questionable(0)?.endpoint ?? assert.fail()
    again.failed(unasked, 1)
    assert.equal(again.size, table.size - 1)
  })

  test('any bytes at all are read as tables of some nodes or none', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void savedPlaces(bytes)))
    assert.deepEqual(savedPlaces(undefined), [])
    const whole = encodeTables([filled().table])
    fc.assert(fc.property(fc.nat(whole.length - 1), (length) => savedPlaces(whole.subarray(0, length)).length === 0))
  })
})

describe('distances', () => {
  test('an id made at a prefix has exactly those bits in common', () => {
    fc.assert(
      fc.property(arbitraryId, fc.nat(159), arbitraryId, (id, prefixLength, random) => {
        assert.equal(commonPrefixLength(id, idAtPrefix(id, prefixLength, random)), prefixLength)
      }),
    )
  })

  test('compare as the exclusive or does', () => {
    const distance = (a: Uint8Array, b: Uint8Array) =>
      BigInt(`0x${toHex(a.map((byte, index) => byte ^ (b[index] ?? 0)))}`)
    fc.assert(
      fc.property(arbitraryId, arbitraryId, arbitraryId, (target, a, b) => {
        const difference = distance(target, a) - distance(target, b)
        assert.equal(Math.sign(compareDistances(target, a, b)), difference === 0n ? 0 : difference < 0n ? -1 : 1)
      }),
    )
  })
})
