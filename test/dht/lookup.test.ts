// Lookups against nodes that answer what they like: they end, ask nobody twice, and the honest answers count.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Endpoint } from '../../src/base/endpoint.ts'
import { type Candidate, Lookup, lookupWidth } from '../../src/dht/lookup.ts'
import { compareDistances } from '../../src/dht/node-distance.ts'
import { addressBytes } from '../../src/formats/compact-endpoint.ts'
import { nodeIdFor } from '../../src/formats/krpc/node-id.ts'

const target = new Uint8Array(20).fill(0x55)
const ownId = new Uint8Array(20)
const token = Uint8Array.of(1)

interface Told {
  readonly id: Uint8Array
  readonly endpoint: Endpoint
}

function fitting(block: number, host = 1, random = new Uint8Array(20).fill(block)): Told {
  const address = `8.${(block >> 8) & 255}.${block & 255}.${host}`
  return { id: nodeIdFor(addressBytes(address) ?? assert.fail(), random), endpoint: { family: 4, address, port: 9 } }
}

function local(host: number, id: Uint8Array): Told {
  return { id, endpoint: { family: 4, address: `10.0.${host >> 8}.${host & 255}`, port: 9 } }
}

const arbitraryId = fc.uint8Array({ minLength: 20, maxLength: 20 })

describe('lookup', () => {
  test('whatever is answered, it ends after a bounded number of queries, and asks no endpoint twice', () => {
    const arbitraryTold = fc.record({
      id: fc.oneof(arbitraryId, fc.constant(ownId), fc.constant(target)),
      endpoint: fc.record({
        family: fc.constant(4 as const),
        address: fc.oneof(
          fc.ipV4(),
          fc.nat(255).map((host) => `127.0.0.${host}`),
        ),
        port: fc.integer({ min: 1, max: 65_535 }),
      }),
    })
    const arbitraryAnswer = fc.record({
      kind: fc.constantFrom('answered', 'answered', 'answered', 'failed', 'slow', 'other-id'),
      told: fc.array(arbitraryTold, { maxLength: 20 }),
    })
    fc.assert(
      fc.property(
        fc.array(arbitraryTold, { maxLength: 8 }),
        fc.array(arbitraryAnswer, { minLength: 1 }),
        (known, answers) => {
          const lookup = new Lookup(target, ownId)
          for (const { id, endpoint } of known) lookup.know(id, endpoint)
          const asked = new Set<string>()
          for (let step = 0; !lookup.isDone; step++) {
            const candidate = lookup.next()
            assert.ok(candidate !== undefined, 'nothing is under way, and it is not done')
            const key = `${candidate.endpoint.address}|${candidate.endpoint.port}`
            assert.ok(!asked.has(key))
            asked.add(key)
            const { kind, told } = answers[step % answers.length] ?? assert.fail()
            if (kind === 'failed') lookup.failed(candidate)
            else if (kind === 'slow') lookup.slow(candidate)
            else {
              const id = kind === 'answered' ? (candidate.id ?? target) : new Uint8Array(20).fill(3)
              const answered = lookup.answered(candidate, id, token)
              if (answered !== undefined) lookup.learnAll(told, answered)
            }
          }
          assert.ok(lookup.counts.asked <= 120)
          assert.ok(lookup.closest(true).length <= 2 * lookupWidth)
        },
      ),
    )
  })

  /** Answers as `tell` has it until it is done; whom it asked. */
  function run(lookup: Lookup, tell: (candidate: Candidate) => readonly Told[] | undefined): Candidate[] {
    const asked: Candidate[] = []
    for (let next = lookup.next(); next !== undefined; next = lookup.next()) {
      asked.push(next)
      const told = tell(next)
      const answered = told === undefined ? undefined : lookup.answered(next, next.id ?? ownId, token)
      if (answered === undefined) lookup.failed(next)
      else lookup.learnAll(told ?? [], answered)
    }
    assert.ok(lookup.isDone)
    return asked
  }

  test('three are asked at a time, the closest first; a slow one makes room for another', () => {
    const lookup = new Lookup(target, ownId)
    const known = Array.from({ length: 20 }, (_, host) => local(host, new Uint8Array(20).fill(0x55 ^ (host + 1))))
    for (const { id, endpoint } of known) lookup.know(id, endpoint)
    const first = [lookup.next(), lookup.next(), lookup.next()]
    assert.equal(lookup.next(), undefined)
    const expected = [...known].sort((a, b) => compareDistances(target, a.id, b.id)).slice(0, 3)
    assert.deepEqual(
      first.map((candidate) => candidate?.endpoint),
      expected.map(({ endpoint }) => endpoint),
    )
    assert.ok(!lookup.isDone)
    lookup.slow(first[0] as Candidate)
    assert.ok(lookup.next() !== undefined)
    assert.equal(lookup.next(), undefined)
  })

  test('the eight closest that answered get what is stored, the closest first', () => {
    const lookup = new Lookup(target, ownId)
    for (let host = 0; host < 30; host++) {
      const { id, endpoint } = local(host, new Uint8Array(20).fill(0x55 ^ (host + 1)))
      lookup.know(id, endpoint)
    }
    run(lookup, ({ endpoint }) => (endpoint.address === '10.0.0.0' ? undefined : []))
    const stored = lookup.closest(true)
    assert.equal(stored.length, lookupWidth)
    assert.deepEqual(
      stored.map(({ endpoint }) => endpoint.address),
      [1, 2, 3, 4, 5, 6, 7, 8].map((host) => `10.0.0.${host}`),
    )
  })

  test('where nodes stand closer together than around ourselves, all are asked that are as close as our own eighth', () => {
    const idAt = (distance: number) => target.map((byte, index) => (index === 1 ? byte ^ distance : byte))
    const width = (nodes: number, neighbour: number | undefined) => {
      const lookup = new Lookup(
        target,
        ownId,
        neighbour === undefined ? undefined : ownId.map((_, at) => (at === 1 ? neighbour : 0)),
      )
      for (let host = 0; host < nodes; host++) lookup.know(idAt(host + 1), local(host, ownId).endpoint)
      const asked = run(lookup, () => [])
      assert.equal(asked.length, lookup.closest(true).length)
      return asked.length
    }
    assert.equal(width(60, undefined), 8)
    assert.equal(width(60, 5), 8)
    assert.equal(width(60, 13), 12)
    assert.equal(width(60, 200), 24)
    assert.equal(width(6, 200), 6)
  })

  test('where accomplices name each other alone, it sets out once more from the eight closest that we knew ourselves', () => {
    const lookup = new Lookup(target, ownId)
    const idAt = (distance: number) => target.map((byte, index) => (index === 0 ? byte ^ distance : byte))
    for (let host = 1; host <= 12; host++) lookup.know(idAt(0x80 + host), local(host, ownId).endpoint)
    let named = 0
    const accomplices = () => Array.from({ length: 8 }, () => local(1_000 + named, idAt((named++ % 100) + 1)))
    const ofOurs = (asked: readonly Candidate[]) => asked.filter(({ source }) => source === undefined).length
    assert.equal(ofOurs(run(lookup, accomplices)), 1)
    assert.ok(lookup.setOutAgain())
    assert.equal(ofOurs(run(lookup, () => [])), lookupWidth - 1)
    assert.ok(!lookup.setOutAgain())
    assert.ok(lookup.isDone)
  })

  test('nodes of one /24 are one, and so are those of one address', () => {
    const lookup = new Lookup(target, ownId)
    const first = fitting(1)
    lookup.know(first.id, first.endpoint)
    const told = [fitting(2, 1), fitting(2, 2), fitting(2, 3), fitting(3, 1)]
    const asked = run(lookup, ({ hops }) => (hops === 1 ? told : []))
    assert.deepEqual(new Set(asked.map(({ endpoint }) => endpoint.address)), new Set(['8.0.1.1', '8.0.2.1', '8.0.3.1']))
  })

  test('nodes whose ids do not fit neither end it nor get everything, however close they are', () => {
    const lookup = new Lookup(target, ownId)
    for (let block = 1; block <= 12; block++) {
      const { id, endpoint } = fitting(block)
      lookup.know(id, endpoint)
    }
    let forged = 0
    const liars = () =>
      Array.from({ length: 8 }, () => {
        const { endpoint } = fitting(1_000 + forged++)
        const id = target.slice()
        id[19] = forged
        return { id, endpoint }
      })
    const asked = run(lookup, liars)
    assert.ok(asked.filter(({ fits }) => fits).length >= 8)
    assert.ok(asked.length < 40, `${asked.length} asked`)
    const stored = lookup.closest(true)
    assert.equal(stored.filter(({ fits }) => fits).length, 8)
    assert.ok(stored.length <= 11)
  })

  test('who names only dead nodes names no more', () => {
    const lookup = new Lookup(target, ownId)
    for (let block = 1; block <= 10; block++) {
      const { id, endpoint } = fitting(block)
      lookup.know(id, endpoint)
    }
    // Ids that fit and are closer than any: the attacker has the addresses, but nobody is there.
    const dead = Array.from({ length: 8 }, (_, index) => fitting(2_000 + index, 1, target))
    const asked = run(lookup, ({ hops }) => (hops === 1 ? dead : undefined))
    assert.ok(asked.filter(({ hops }) => hops === 2).length <= 4 + 3)
    assert.equal(lookup.closest(true).length, 8)
  })

  test('a node may not name this machine, multicast or a local network, nor be another than was named', () => {
    const lookup = new Lookup(target, ownId)
    const { id, endpoint } = fitting(1)
    lookup.know(id, endpoint)
    const named = ['127.0.0.1', '224.0.0.1', '192.168.1.1', '0.0.0.0', '8.0.9.9'].map((address, index) => ({
      id: new Uint8Array(20).fill(index + 1),
      endpoint: { family: 4 as const, address, port: 9 },
    }))
    const first = lookup.next() ?? assert.fail()
    const answered = lookup.answered(first, id, token) ?? assert.fail()
    lookup.learnAll(named, answered)
    const second = lookup.next() ?? assert.fail()
    assert.equal(second.endpoint.address, '8.0.9.9')
    assert.equal(lookup.answered(second, new Uint8Array(20).fill(0x77), token), undefined)
    assert.equal(lookup.next(), undefined)
    assert.deepEqual(
      lookup.closest(true).map(({ endpoint: { address } }) => address),
      ['8.0.1.1'],
    )
  })
})
