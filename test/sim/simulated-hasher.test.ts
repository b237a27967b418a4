// The simulated hasher and piece memory keep the promises of their ports, also where contents are known and memory is
// shared; a slow hasher is slow, and what is known is hashed once.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { KnownContents } from '../../sim/ports/known-contents.ts'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { SimulatedHasher } from '../../sim/ports/simulated-hasher.ts'
import { SimulatedPieceMemory, SpareSlots } from '../../sim/ports/simulated-piece-memory.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import type { HashKind } from '../../src/ports/hasher.ts'
import { expectedDigest, HashLog, testHasher } from '../conformance/hasher-conformance.ts'
import { testPieceMemory } from '../conformance/piece-memory-conformance.ts'
import { fillerBytes } from '../host/temporary-folder.ts'
import { runningClock } from './running-clock.ts'

testHasher('simulated', (t, sink, queueLength) => {
  const memory = new SimulatedPieceMemory(16_777_216)
  const clock = runningClock(t)
  const hasher = new SimulatedHasher({ clock, random: simulatedRandom(1), memory, sink, maxJobs: queueLength })
  return { memory, hasher }
})

testPieceMemory('simulated', (budgetBytes) => new SimulatedPieceMemory(budgetBytes))

const knownLengths = [1, 20_000, 65_536, 262_144, 1_048_576]
const known = new KnownContents(knownLengths.map((lengthBytes) => fillerBytes(lengthBytes, lengthBytes)))

testHasher('simulated, with known contents', (t, sink, queueLength) => {
  const memory = new SimulatedPieceMemory(16_777_216)
  const options = { clock: runningClock(t), random: simulatedRandom(1), memory, sink, maxJobs: queueLength, known }
  return { memory, hasher: new SimulatedHasher(options) }
})

testPieceMemory('simulated, shared', (budgetBytes) => new SimulatedPieceMemory(budgetBytes, new SpareSlots()))

class HashRig {
  readonly clock = new SimulatedClock(() => setImmediate())
  readonly memory = new SimulatedPieceMemory(4_194_304)
  readonly log = new HashLog()
  readonly hasher: SimulatedHasher
  private ticket = 0

  constructor(options: { readonly known?: KnownContents; readonly bytesPerSecond?: number }) {
    const { clock, memory, log } = this
    this.hasher = new SimulatedHasher({
      clock,
      random: simulatedRandom(1),
      memory,
      sink: log,
      maxDelayMs: 0,
      ...options,
    })
  }

  /** The digest of bytes, and after how long it came. */
  async hash(kind: HashKind, bytes: Uint8Array, paddedLeafCount = 0) {
    const slot = this.slotOf(bytes)
    const ticket = this.ticket++
    const startMs = this.clock.nowMs()
    this.hasher.hash(ticket, kind, slot, bytes.length, paddedLeafCount)
    const timed = this.log.outcome(ticket).then((outcome) => ({ outcome, tookMs: this.clock.nowMs() - startMs }))
    const { outcome, tookMs } = await this.clock.settle(timed)
    this.memory.release(slot)
    assert.ok(outcome instanceof Uint8Array)
    return { digest: outcome, tookMs }
  }

  async hashParts(parts: readonly Uint8Array[]): Promise<Uint8Array> {
    const first = this.ticket
    for (const [index, part] of parts.entries()) {
      this.hasher.hashPart(this.ticket++, 1, this.slotOf(part), part.length, index === parts.length - 1)
    }
    const outcome = await this.clock.settle(this.log.outcome(first + parts.length - 1))
    assert.ok(outcome instanceof Uint8Array)
    return outcome
  }

  private slotOf(bytes: Uint8Array) {
    const slot = this.memory.reserve(bytes.length)
    assert.ok(slot !== undefined)
    this.memory.bytes(slot).set(bytes)
    return slot
  }
}

describe('known contents of a simulated hasher', () => {
  const content = fillerBytes(400_000, 5)

  test('a byte that differs anywhere, or another length, gives another digest, whichever was asked before', async () => {
    const rig = new HashRig({ known: new KnownContents([content]) })
    for (const [start, lengthBytes] of [
      [0, 65_536],
      [65_536, 65_536],
      [65_536, 30_000],
      [360_448, 39_552],
    ] as const) {
      const bytes = content.slice(start, start + lengthBytes)
      for (const [kind, width] of [
        ['sha1', 0],
        ['leaves', 0],
        ['merkle-root', 4],
        ['merkle-root', 16],
      ] as const) {
        for (let round = 0; round < 2; round++) {
          assert.deepEqual((await rig.hash(kind, bytes, width)).digest, expectedDigest(kind, bytes, width))
        }
        for (const position of [0, 7, lengthBytes >> 1, lengthBytes - 1]) {
          const changed = bytes.slice()
          changed[position] = (changed[position] as number) ^ 1
          assert.deepEqual((await rig.hash(kind, changed, width)).digest, expectedDigest(kind, changed, width))
        }
      }
    }
  })

  test('a digest is computed once, and nobody who changes what came can spoil it', () => {
    const shared = new KnownContents([content])
    const place = shared.placeOf(content.slice(8192, 20_000))
    assert.deepEqual(place, { content: 0, position: 8192 })
    assert.equal(shared.placeOf(content.slice(8193, 20_000)), undefined)
    let computed = 0
    const digestOf = (lengthBytes: number) =>
      shared.digest({ content: 0, position: 8192 }, lengthBytes, 'sha1', () => Uint8Array.of(++computed))
    assert.deepEqual(
      [digestOf(100), digestOf(100), digestOf(200)].map(([value]) => value),
      [1, 1, 2],
    )
  })

  test('parts of a stream are known until one is not', async () => {
    const cuts = [0, 65_536, 100_000, 131_072]
    const parts = cuts.slice(1).map((to, index) => content.slice(cuts[index], to))
    for (let bad = 0; bad <= parts.length; bad++) {
      const rig = new HashRig({ known: new KnownContents([content]) })
      const given = parts.map((part, index) =>
        index === bad ? part.map((byte, at) => (at === 50 ? byte ^ 1 : byte)) : part,
      )
      for (let round = 0; round < 2; round++) {
        assert.deepEqual(await rig.hashParts(given), expectedDigest('sha1', Buffer.concat(given), 0))
      }
    }
  })
})

test('a slow hasher takes its time for each byte, one job after the other', async () => {
  const rig = new HashRig({ bytesPerSecond: 1_000_000 })
  const bytes = fillerBytes(100_000, 1)
  const both = await Promise.all([rig.hash('sha1', bytes), rig.hash('sha1', bytes)])
  assert.deepEqual(
    both.map(({ tookMs }) => Math.round(tookMs)),
    [100, 200],
  )
})

describe('slots of simulated piece memory', () => {
  const isRubbish = (bytes: Uint8Array) => bytes.every((byte) => byte === 0xdb)

  test('are full of rubbish when reserved and once released, also when used again', () => {
    const spares = new SpareSlots()
    const memories = [new SimulatedPieceMemory(100_000, spares), new SimulatedPieceMemory(100_000, spares)]
    for (const memory of [...memories, ...memories]) {
      const slot = memory.reserve(50_000)
      assert.ok(slot !== undefined)
      const bytes = memory.bytes(slot)
      assert.ok(bytes.length === 50_000 && isRubbish(bytes))
      bytes.fill(1)
      memory.release(slot)
      assert.ok(isRubbish(bytes))
    }
  })

  test('are worth nothing once released, however large: no stretch of 256 bytes is what it was', () => {
    const memory = new SimulatedPieceMemory(1_048_576)
    const slot = memory.reserve(1_048_576)
    assert.ok(slot !== undefined)
    const bytes = memory.bytes(slot).fill(7)
    memory.release(slot)
    for (let start = 0; start < bytes.length; start += 256) {
      assert.ok(bytes.subarray(start, start + 256).includes(0xdb), `from ${start} on`)
    }
  })

  test('tell at their next use who wrote to them after their release', () => {
    const memory = new SimulatedPieceMemory(100_000)
    const slot = memory.reserve(50_000)
    assert.ok(slot !== undefined)
    const bytes = memory.bytes(slot)
    memory.release(slot)
    bytes.set(new Uint8Array(16_384), 10_000)
    assert.throws(() => memory.reserve(50_000), /nobody wrote/)
  })

  test('are those that were given back, as long as there are some of that length', () => {
    const memory = new SimulatedPieceMemory(120_000)
    const slots = [memory.reserve(50_000), memory.reserve(50_000)]
    const views = slots.map((slot) => (slot === undefined ? undefined : memory.bytes(slot)))
    for (const slot of slots) if (slot !== undefined) memory.release(slot)
    const other = memory.reserve(20_000)
    assert.ok(other !== undefined && memory.bytes(other).length === 20_000)
    const again = [memory.reserve(50_000), memory.reserve(50_000)].map(
      (slot) => slot !== undefined && memory.bytes(slot),
    )
    assert.deepEqual(new Set(again), new Set(views))
    memory.bytes(other).fill(1)
    for (const bytes of again) assert.ok(bytes !== false && isRubbish(bytes))
  })
})
