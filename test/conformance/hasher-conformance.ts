// What every implementation of the Hasher port promises, as tests over memory of their choosing.
// Guarantees: touches the ports and nothing else; digests are compared with ones computed in the plainest way.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import type { Failure } from '../../src/base/errors.ts'
import type { Hasher, HasherSink, HashKind } from '../../src/ports/hasher.ts'
import type { PieceMemory, SlotIndex } from '../../src/ports/piece-memory.ts'
import { fillerBytes } from '../host/temporary-folder.ts'

export interface HasherUnderTest {
  readonly memory: PieceMemory
  readonly hasher: Hasher
}

/** `queueLength`: how many jobs an implementation may take before it says that it is full. */
export type MakeHasher = (t: TestContext, sink: HasherSink, queueLength: number) => HasherUnderTest

const blockLengthBytes = 16_384

export type HashOutcome = Buffer | Failure

/** A sink that remembers what came back, and fails the test when a ticket comes twice or from inside a call. */
export class HashLog implements HasherSink {
  readonly outcomes = new Map<number, HashOutcome>()
  roomCount = 0
  private readonly waiting = new Map<number, (outcome: HashOutcome) => void>()
  private onNextRoom: (() => void) | undefined
  private isInside = false

  onDigest(ticket: number, digest: Uint8Array): void {
    this.note(ticket, Buffer.from(digest))
  }

  onHashFailed(ticket: number, failure: Failure): void {
    this.note(ticket, failure)
  }

  onRoom(): void {
    assert.equal(this.isInside, false, 'room offered from inside the call')
    this.roomCount++
    this.onNextRoom?.()
  }

  /** Makes a call that must not answer before it returns. */
  call(work: () => boolean): boolean {
    this.isInside = true
    const isTaken = work()
    this.isInside = false
    return isTaken
  }

  /** Makes a call again, whenever there is room, until it is taken. */
  async insist(work: () => boolean): Promise<void> {
    while (!this.call(work)) await new Promise<void>((resolve) => (this.onNextRoom = resolve))
  }

  outcome(ticket: number): Promise<HashOutcome> {
    const known = this.outcomes.get(ticket)
    if (known !== undefined) return Promise.resolve(known)
    return new Promise((resolve) => this.waiting.set(ticket, resolve))
  }

  private note(ticket: number, outcome: HashOutcome): void {
    assert.equal(this.isInside, false, 'an answer from inside the call')
    assert.equal(this.outcomes.has(ticket), false, `ticket ${ticket} came back twice`)
    this.outcomes.set(ticket, outcome)
    this.waiting.get(ticket)?.(outcome)
  }
}

function digestOf(algorithm: string, bytes: Uint8Array): Buffer {
  return createHash(algorithm).update(bytes).digest()
}

function leavesOf(bytes: Uint8Array): Buffer[] {
  const leaves: Buffer[] = []
  for (let start = 0; start < bytes.length; start += blockLengthBytes) {
    leaves.push(digestOf('sha256', bytes.subarray(start, start + blockLengthBytes)))
  }
  return leaves
}

function rootOf(leaves: readonly Buffer[], width: number): Buffer {
  if (width === 1) return leaves[0] ?? Buffer.alloc(32)
  const half = width / 2
  return digestOf('sha256', Buffer.concat([rootOf(leaves.slice(0, half), half), rootOf(leaves.slice(half), half)]))
}

export function expectedDigest(kind: HashKind, bytes: Uint8Array, paddedLeafCount: number): Buffer {
  if (kind === 'sha1') return digestOf('sha1', bytes)
  const leaves = leavesOf(bytes)
  return kind === 'leaves' ? Buffer.concat(leaves) : rootOf(leaves, paddedLeafCount)
}

/** A slot with `lengthBytes` of content at its start; `seed` says which. */
export function filledSlot(memory: PieceMemory, lengthBytes: number, seed: number): SlotIndex {
  const slot = memory.reserve(lengthBytes)
  assert.ok(slot !== undefined, 'room for a slot')
  memory.bytes(slot).fill(0xaa)
  memory.bytes(slot).set(fillerBytes(lengthBytes, seed))
  return slot
}

function widths(lengthBytes: number): number[] {
  const least = 2 ** Math.ceil(Math.log2(Math.ceil(lengthBytes / blockLengthBytes)))
  return [least, 2 * least, 16 * least]
}

function pieceTests(make: MakeHasher): void {
  test('every kind of every length has its digest', async (t) => {
    const log = new HashLog()
    const { memory, hasher } = make(t, log, 1000)
    const expected: Buffer[] = []
    for (const lengthBytes of [1, 64, 16_383, 16_384, 16_385, 49_152, 100_000, 262_144, 1_048_576, 1_100_000]) {
      const slot = filledSlot(memory, lengthBytes, lengthBytes)
      const bytes = fillerBytes(lengthBytes, lengthBytes)
      const jobs: [HashKind, number][] = [
        ['sha1', 0],
        ['leaves', 0],
      ]
      for (const width of widths(lengthBytes)) jobs.push(['merkle-root', width])
      for (const [kind, width] of jobs) {
        const ticket = expected.push(expectedDigest(kind, bytes, width)) - 1
        await log.insist(() => hasher.hash(ticket, kind, slot, lengthBytes, width))
      }
    }
    for (const [ticket, digest] of expected.entries()) assert.deepEqual(await log.outcome(ticket), digest)
  })

  test('many pieces at once, of lengths that change, each come back once with their own digest', async (t) => {
    const log = new HashLog()
    const { memory, hasher } = make(t, log, 1000)
    const slots = Array.from({ length: 60 }, (_, index) => {
      const lengthBytes = [65_536, 65_536, 65_536, 32_768, 65_536, 20_000][index % 6] as number
      return { slot: filledSlot(memory, lengthBytes, index), lengthBytes, seed: index }
    })
    for (const [ticket, { slot, lengthBytes }] of slots.entries()) {
      await log.insist(() => hasher.hash(ticket, ticket % 11 === 10 ? 'leaves' : 'sha1', slot, lengthBytes, 0))
    }
    for (const [ticket, { lengthBytes, seed }] of slots.entries()) {
      const kind = ticket % 11 === 10 ? 'leaves' : 'sha1'
      assert.deepEqual(await log.outcome(ticket), expectedDigest(kind, fillerBytes(lengthBytes, seed), 0))
    }
  })

  test('a full queue says so, takes nothing, and offers room', async (t) => {
    const log = new HashLog()
    const { memory, hasher } = make(t, log, 4)
    const slot = filledSlot(memory, 262_144, 1)
    let taken = 0
    while (taken < 1000 && log.call(() => hasher.hash(taken, 'sha1', slot, 262_144, 0))) taken++
    assert.ok(taken >= 4 && taken < 1000, `${taken} jobs taken`)
    await log.insist(() => hasher.hash(taken, 'sha1', slot, 262_144, 0))
    assert.ok(log.roomCount > 0)
    const expected = expectedDigest('sha1', fillerBytes(262_144, 1), 0)
    for (let ticket = 0; ticket <= taken; ticket++) assert.deepEqual(await log.outcome(ticket), expected)
    assert.equal(log.outcomes.size, taken + 1)
  })

  test('jobs may be given from inside an answer', async (t) => {
    const log = new HashLog()
    let left = 20
    const over = new Promise<void>((resolve) => {
      const chain: HasherSink = {
        onDigest(ticket, digest) {
          log.onDigest(ticket, digest)
          if (left-- === 0) resolve()
          else assert.equal(hasher.hash(ticket + 1, 'sha1', slot, 20_000, 0), true)
        },
        onHashFailed: (ticket, failure) => log.onHashFailed(ticket, failure),
        onRoom: () => undefined,
      }
      const { memory, hasher } = make(t, chain, 100)
      const slot = filledSlot(memory, 20_000, 3)
      hasher.hash(0, 'sha1', slot, 20_000, 0)
    })
    await over
    assert.equal(log.outcomes.size, 21)
  })

  test('after closing nothing comes back', async (t) => {
    const log = new HashLog()
    const { memory, hasher } = make(t, log, 100)
    const slot = filledSlot(memory, 1_000_000, 1)
    for (let ticket = 0; ticket < 8; ticket++) hasher.hash(ticket, 'leaves', slot, 1_000_000, 0)
    await hasher.close()
    const { size } = log.outcomes
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(log.outcomes.size, size)
    assert.ok(size < 8)
  })
}

function streamTests(make: MakeHasher): void {
  test('parts of several streams, sent in turns, give the digest of each whole', async (t) => {
    const log = new HashLog()
    const { memory, hasher } = make(t, log, 1000)
    const partBytes = [65_536, 65_536, 1, 100_000, 16_384]
    const streams = [3, 70, 1_000_000]
    let ticket = 0
    const lastTickets: number[] = []
    for (const [part, lengthBytes] of partBytes.entries()) {
      for (const [index, stream] of streams.entries()) {
        const slot = filledSlot(memory, lengthBytes, 10 * index + part)
        const isLast = part === partBytes.length - 1
        const now = ticket++
        await log.insist(() => hasher.hashPart(now, stream, slot, lengthBytes, isLast))
        if (isLast) lastTickets[index] = now
      }
    }
    for (const [index] of streams.entries()) {
      const whole = Buffer.concat(partBytes.map((lengthBytes, part) => fillerBytes(lengthBytes, 10 * index + part)))
      assert.deepEqual(await log.outcome(lastTickets[index] as number), digestOf('sha1', whole))
    }
    for (let number = 0; number < ticket; number++) {
      if (!lastTickets.includes(number)) assert.deepEqual(await log.outcome(number), Buffer.alloc(0))
    }
  })

  test('a stream of one part, and a number used again after its end', async (t) => {
    const log = new HashLog()
    const { memory, hasher } = make(t, log, 100)
    const slots = [1, 2, 3].map((seed) => filledSlot(memory, 50_000, seed))
    for (const [ticket, slot] of slots.entries()) {
      assert.equal(hasher.hashPart(ticket, 9, slot, 50_000, true), true)
    }
    for (const [ticket, seed] of [1, 2, 3].entries()) {
      assert.deepEqual(await log.outcome(ticket), digestOf('sha1', fillerBytes(50_000, seed)))
    }
  })

  test('a stream that is given up leaves nothing behind for the next of its number', async (t) => {
    const log = new HashLog()
    const { memory, hasher } = make(t, log, 100)
    const first = filledSlot(memory, 50_000, 1)
    const second = filledSlot(memory, 50_000, 2)
    hasher.hashPart(0, 9, first, 50_000, false)
    hasher.hashPart(1, 9, first, 50_000, false)
    hasher.endStream(9)
    hasher.endStream(10)
    hasher.hashPart(2, 9, second, 50_000, true)
    assert.deepEqual(await log.outcome(0), Buffer.alloc(0))
    assert.deepEqual(await log.outcome(1), Buffer.alloc(0))
    assert.deepEqual(await log.outcome(2), digestOf('sha1', fillerBytes(50_000, 2)))
  })
}

export function testHasher(name: string, make: MakeHasher): void {
  describe(`hasher (${name})`, () => {
    pieceTests(make)
    streamTests(make)
  })
}
