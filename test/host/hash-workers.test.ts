// The Hasher port on threads: what every implementation promises, threads that die, and how they share the work.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { AssertionError } from '../../src/base/assert.ts'
import { type HashWorkersOptions, hashWorkers } from '../../src/host/hash-workers.ts'
import { isWorthMore, PieceHashQueue } from '../../src/host/piece-hash-queue.ts'
import { sharedPieceMemory } from '../../src/host/shared-piece-memory.ts'
import type { HasherSink } from '../../src/ports/hasher.ts'
import {
  expectedDigest,
  filledSlot,
  type HasherUnderTest,
  HashLog,
  testHasher,
} from '../conformance/hasher-conformance.ts'
import { fillerBytes } from './temporary-folder.ts'

function make(t: TestContext, sink: HasherSink, options: Partial<HashWorkersOptions>): HasherUnderTest {
  const memory = sharedPieceMemory(16_777_216)
  const hasher = hashWorkers(memory, sink, options)
  t.after(() => hasher.close())
  return { memory, hasher }
}

testHasher('two threads', (t, sink, queueLength) => make(t, sink, { maxThreads: 2, queueLength }))

/** The threads started while `work` ran. */
async function threadsOf(work: () => void | Promise<void>): Promise<Worker[]> {
  const threads: Worker[] = []
  const onWorker = (worker: Worker) => void threads.push(worker)
  process.on('worker', onWorker)
  await work()
  // The event comes in the next turn.
  await new Promise((resolve) => setImmediate(resolve))
  process.off('worker', onWorker)
  return threads
}

describe('hashing threads', () => {
  test('none is started before there is work, and a second one only when there is work for two', async (t) => {
    const log = new HashLog()
    const unders: HasherUnderTest[] = []
    const early = await threadsOf(() => void unders.push(make(t, log, { maxThreads: 3 })))
    assert.equal(early.length, 0)
    const { memory, hasher } = unders[0] as HasherUnderTest
    const slot = filledSlot(memory, 1_048_576, 1)
    const first = await threadsOf(() => void hasher.hash(0, 'leaves', slot, 1_048_576, 0))
    assert.equal(first.length, 1)
    const few = await threadsOf(() => {
      for (let ticket = 1; ticket < 23; ticket++) hasher.hash(ticket, 'leaves', slot, 1_048_576, 0)
    })
    assert.equal(few.length, 0)
    const more = await threadsOf(() => {
      for (let ticket = 23; ticket < 100; ticket++) hasher.hash(ticket, 'leaves', slot, 1_048_576, 0)
    })
    assert.equal(more.length, 2)
  })

  test('pieces that come one by one are answered without others, whatever has been waited for before', async (t) => {
    const log = new HashLog()
    const { memory, hasher } = make(t, log, { maxThreads: 1 })
    const slot = filledSlot(memory, 100_000, 1)
    const expected = expectedDigest('sha1', fillerBytes(100_000, 1), 0)
    for (let ticket = 0; ticket < 20; ticket++) {
      assert.equal(hasher.hash(ticket, 'sha1', slot, 100_000, 0), true)
      assert.deepEqual(await log.outcome(ticket), expected)
    }
  })

  test('a thread that dies while a piece waits for others fails that piece too', async (t) => {
    const log = new HashLog()
    const { memory, hasher } = make(t, log, { maxThreads: 1 })
    const slot = filledSlot(memory, 100_000, 1)
    const [thread] = await threadsOf(() => void hasher.hash(0, 'leaves', slot, 100_000, 0))
    await log.outcome(0)
    const ended = (thread as Worker).terminate()
    assert.equal(hasher.hash(1, 'sha1', slot, 100_000, 0), true)
    await ended
    assert.ok(await log.outcome(1))
    assert.equal(hasher.hash(2, 'sha1', slot, 100_000, 0), true)
    assert.deepEqual(await log.outcome(2), expectedDigest('sha1', fillerBytes(100_000, 1), 0))
  })

  test('a thread that dies fails what it had, once each, and another one takes its place', async (t) => {
    const log = new HashLog()
    const { memory, hasher } = make(t, log, { maxThreads: 1 })
    const slot = filledSlot(memory, 4_000_000, 1)
    const [thread] = await threadsOf(() => {
      for (let ticket = 0; ticket < 40; ticket++) assert.equal(hasher.hash(ticket, 'leaves', slot, 4_000_000, 0), true)
    })
    await (thread as Worker).terminate()
    const outcomes = await Promise.all(Array.from({ length: 40 }, (_, ticket) => log.outcome(ticket)))
    const failed = outcomes.filter((outcome) => !Buffer.isBuffer(outcome))
    assert.ok(failed.length > 0, 'it had work left when it died')
    for (const outcome of failed) assert.equal((outcome as { code: string }).code, 'internal')
    assert.deepEqual(memory.bytes(slot).subarray(0, 4_000_000), fillerBytes(4_000_000, 1))
    assert.equal(hasher.hash(100, 'sha1', slot, 4_000_000, 0), true)
    assert.deepEqual(await log.outcome(100), expectedDigest('sha1', fillerBytes(4_000_000, 1), 0))
  })

  test('a queue that was full when its thread died has room again', async (t) => {
    const log = new HashLog()
    const { memory, hasher } = make(t, log, { maxThreads: 1, queueLength: 5 })
    const slot = filledSlot(memory, 4_000_000, 1)
    const [thread] = await threadsOf(() => {
      for (let ticket = 0; ticket < 5; ticket++) assert.equal(hasher.hash(ticket, 'leaves', slot, 4_000_000, 0), true)
      assert.equal(hasher.hash(5, 'leaves', slot, 4_000_000, 0), false)
    })
    await (thread as Worker).terminate()
    await log.insist(() => hasher.hash(6, 'sha1', slot, 100, 0))
    assert.deepEqual(await log.outcome(6), expectedDigest('sha1', fillerBytes(4_000_000, 1).subarray(0, 100), 0))
  })

  test('a stream that lost its thread never gives a digest until it is begun again', async (t) => {
    const log = new HashLog()
    const { memory, hasher } = make(t, log, { maxThreads: 1 })
    const slot = filledSlot(memory, 50_000, 1)
    const [thread] = await threadsOf(() => void hasher.hashPart(0, 7, slot, 50_000, false))
    assert.deepEqual(await log.outcome(0), Buffer.alloc(0))
    await (thread as Worker).terminate()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(
      log.call(() => hasher.hashPart(1, 7, slot, 50_000, false)),
      true,
    )
    assert.equal(Buffer.isBuffer(await log.outcome(1)), false)
    hasher.hashPart(2, 7, slot, 50_000, true)
    assert.equal(Buffer.isBuffer(await log.outcome(2)), false)
    hasher.hashPart(3, 7, slot, 50_000, false)
    hasher.hashPart(4, 7, slot, 50_000, true)
    const whole = Buffer.concat([fillerBytes(50_000, 1), fillerBytes(50_000, 1)])
    assert.deepEqual(await log.outcome(4), createHash('sha1').update(whole).digest())
  })

  test('bytes beyond the slot, and trees too narrow for them, are bugs of the caller', (t) => {
    const { memory, hasher } = make(t, new HashLog(), {})
    const slot = filledSlot(memory, 32_768, 1)
    assert.throws(() => hasher.hash(0, 'sha1', slot, 32_769, 0), AssertionError)
    assert.throws(() => hasher.hash(0, 'sha1', slot, 0, 0), AssertionError)
    assert.throws(() => hasher.hash(0, 'merkle-root', slot, 32_768, 1), AssertionError)
    assert.throws(() => hasher.hash(0, 'merkle-root', slot, 32_768, 3), AssertionError)
    assert.throws(() => hasher.hashPart(0, 1, slot, 32_769, true), AssertionError)
    memory.release(slot)
    assert.throws(() => hasher.hash(0, 'sha1', slot, 100, 0), AssertionError)
  })
})

test('jobs are worth one more while all would be hashed together, and one more with them', () => {
  const job = {
    kind: 'sha1',
    start: 0,
    lengthBytes: 1000,
    paddedLeafCount: 0,
    stream: 0,
    isFirst: true,
    isLast: true,
  } as const
  const worth = [0, 1, 2, 3, 4, 5].map((count) => isWorthMore(Array.from({ length: count }, () => job)))
  assert.deepEqual(worth, [false, true, true, true, false, false])
  assert.equal(isWorthMore([job, { ...job, lengthBytes: 999 }]), false, 'the last piece, shorter than the others')
  assert.equal(isWorthMore([{ ...job, kind: 'leaves' }]), false)
})

test('neighbours in the queue of one kind and length are hashed together, four at most, in their order', () => {
  const memory = new Uint8Array(new SharedArrayBuffer(1_000_000))
  memory.set(fillerBytes(1_000_000, 1))
  const queue = new PieceHashQueue(memory)
  const lengths = [1000, 1000, 1000, 1000, 1000, 1000, 500, 1000, 1000]
  for (const [index, lengthBytes] of lengths.entries()) {
    queue.push({
      kind: index === 8 ? 'leaves' : 'sha1',
      start: (8 - index) * 77_777,
      lengthBytes,
      paddedLeafCount: 0,
      stream: 0,
      isFirst: true,
      isLast: true,
    })
  }
  const counts: number[] = []
  const digests: Buffer[] = []
  for (let answer = queue.next(); answer !== undefined; answer = queue.next()) {
    counts.push(answer.count)
    digests.push(Buffer.from(answer.digests))
  }
  assert.deepEqual(counts, [4, 2, 1, 1, 1])
  const expected = lengths.map((lengthBytes, index) => {
    const start = (8 - index) * 77_777
    return expectedDigest(index === 8 ? 'leaves' : 'sha1', memory.subarray(start, start + lengthBytes), 0)
  })
  assert.deepEqual(Buffer.concat(digests), Buffer.concat(expected))
})
