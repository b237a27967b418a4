// The pipeline keeps a peer busy whatever its speed and distance, asks little of slow ones, and notices silence.
import { equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RequestPipeline } from '../../src/swarm/request-pipeline.ts'

const blockBytes = 16_384

interface Link {
  readonly bytesPerSecond: number
  readonly roundTripMs: number
  readonly queueLength: number
}

/** A peer that answers in order, at most so many bytes a second, a round trip later. The bytes that came by then. */
function transfer(pipeline: RequestPipeline, { bytesPerSecond, roundTripMs }: Link, untilMs: number): number {
  const arrivals: { sentMs: number; atMs: number }[] = []
  let freeAtMs = 0
  let receivedBytes = 0
  let nowMs = 0
  let next = 0
  const ask = (): void => {
    if (pipeline.depth - (arrivals.length - next) < pipeline.leastBatch) return
    while (arrivals.length - next < pipeline.depth) {
      const startMs = Math.max(nowMs + roundTripMs / 2, freeAtMs)
      freeAtMs = startMs + (blockBytes * 1000) / bytesPerSecond
      arrivals.push({ sentMs: nowMs, atMs: freeAtMs + roundTripMs / 2 })
      pipeline.asked(nowMs)
    }
  }
  pipeline.unchoked(0)
  ask()
  for (;;) {
    const arrival = arrivals[next]
    if (arrival === undefined || arrival.atMs > untilMs) return receivedBytes
    nowMs = arrival.atMs
    next++
    receivedBytes += blockBytes
    pipeline.received(blockBytes, nowMs - arrival.sentMs, arrivals.length - next, nowMs)
    ask()
  }
}

test('a fast near peer is asked for all it takes within half a second', () => {
  const link = { bytesPerSecond: 600 * 2 ** 20, roundTripMs: 0.3, queueLength: 500 }
  const pipeline = new RequestPipeline(link.queueLength)
  ok(transfer(pipeline, link, 500) > 0.9 * 0.5 * link.bytesPerSecond)
  equal(pipeline.depth, 500)
})

test('the pipeline never keeps a peer waiting once it has opened, and at no time asks more than it takes', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 14, max: 24 }),
      fc.integer({ min: 1, max: 400 }),
      fc.constantFrom(250, 500, 2000),
      (exponent, roundTripMs, queueLength) => {
        const link = { bytesPerSecond: 2 ** exponent, roundTripMs, queueLength }
        const possible = Math.min(link.bytesPerSecond, (queueLength * blockBytes * 1000) / roundTripMs)
        const before = transfer(new RequestPipeline(queueLength), link, 10_000)
        const after = transfer(new RequestPipeline(queueLength), link, 30_000)
        ok(after - before >= 0.93 * 20 * possible - 2 * blockBytes, `${(after - before) / 20} of ${possible}`)
      },
    ),
    { numRuns: 60 },
  )
})

test('a near peer is asked in few large batches, one whose answers take as long as its queue block by block', () => {
  const near = new RequestPipeline(2000)
  transfer(near, { bytesPerSecond: 2 ** 28, roundTripMs: 0.5, queueLength: 2000 }, 5000)
  ok(near.leastBatch > 100 && near.leastBatch <= 150, `${near.leastBatch}`)
  const far = new RequestPipeline(250)
  transfer(far, { bytesPerSecond: 2 ** 24, roundTripMs: 400, queueLength: 250 }, 5000)
  equal(far.leastBatch, 1)
  const slow = new RequestPipeline(2000)
  transfer(slow, { bytesPerSecond: 8192, roundTripMs: 100, queueLength: 2000 }, 20_000)
  equal(slow.leastBatch, 1)
})

test('what stands at a peer is about a second of its speed and the way, so slow peers hold few blocks', () => {
  for (const bytesPerSecond of [8192, 65_536, 2 ** 20]) {
    const pipeline = new RequestPipeline(2000)
    transfer(pipeline, { bytesPerSecond, roundTripMs: 100, queueLength: 2000 }, 20_000)
    const wanted = (1.1 * bytesPerSecond) / blockBytes
    ok(pipeline.depth >= wanted && pipeline.depth <= Math.max(2, 1.6 * wanted + 2), `${pipeline.depth} for ${wanted}`)
  }
})

test('a fast peer holds 8 MiB and what the way takes, at no time more than it opens with or twice of that', () => {
  for (const [roundTripMs, wayBlocks] of [
    [0.5, 16],
    [20, 656],
  ] as const) {
    for (const untilMs of [900, 1900, 10_000]) {
      const pipeline = new RequestPipeline(2000)
      transfer(pipeline, { bytesPerSecond: 2 ** 29, roundTripMs, queueLength: 2000 }, untilMs)
      const most = untilMs < 1000 ? 512 : untilMs < 2000 ? 2 * (512 + wayBlocks) : 512 + wayBlocks
      ok(pipeline.depth >= 512 && pipeline.depth <= 1.02 * most + 10, `${pipeline.depth} after ${untilMs} ms`)
    }
  }
})

test('a fast peer that pauses holds what comes in the time of its pause', () => {
  for (const [pauseMs, least, most] of [
    [0, 512, 600],
    [60, 900, 1200],
  ] as const) {
    const pipeline = new RequestPipeline(2000)
    pipeline.unchoked(0)
    pipeline.asked(0)
    for (let nowMs = 1; nowMs <= 4500; nowMs++) {
      if (nowMs % 100 < pauseMs) continue
      for (let block = 0; block < 40; block++) pipeline.received(blockBytes, 1, 100, nowMs)
    }
    ok(pipeline.depth >= least && pipeline.depth <= most, `${pipeline.depth} with pauses of ${pauseMs} ms`)
  }
})

test('the queue of a peer is respected, and nonsense brought into range', () => {
  const pipeline = new RequestPipeline(5)
  equal(pipeline.depth, 5)
  for (const [given, depth] of [
    [0, 1],
    [-7, 1],
    [Number.NaN, 1],
    [2, 2],
  ] as const) {
    pipeline.setQueueLength(given)
    equal(Math.min(pipeline.depth, depth), pipeline.depth)
  }
  pipeline.setQueueLength(1e9)
  transfer(pipeline, { bytesPerSecond: 2 ** 28, roundTripMs: 100, queueLength: 0 }, 2500)
  equal(pipeline.depth, 2000)
})

test('a peer counts as slow until its first blocks show otherwise, and again when it gets slow', () => {
  const pipeline = new RequestPipeline()
  ok(pipeline.isSlow)
  transfer(pipeline, { bytesPerSecond: 2 ** 20, roundTripMs: 10, queueLength: 250 }, 200)
  ok(!pipeline.isSlow)
  const slow = new RequestPipeline()
  transfer(slow, { bytesPerSecond: 10_000, roundTripMs: 10, queueLength: 250 }, 20_000)
  ok(slow.isSlow)
})

test('overdue requests are given up once, then one is kept out; after a minute the peer is snubbing, until it sends', () => {
  const pipeline = new RequestPipeline()
  pipeline.unchoked(0)
  equal(pipeline.nextWakeMs(), Number.POSITIVE_INFINITY)
  pipeline.asked(1000)
  const firstMs = pipeline.nextWakeMs()
  ok(firstMs > 10_000 && firstMs < 61_000)
  ok(!pipeline.expire(firstMs - 1))
  ok(pipeline.expire(firstMs))
  ok(!pipeline.isSnubbing)
  equal(pipeline.depth, 1)
  pipeline.settled()
  pipeline.asked(firstMs)
  equal(pipeline.nextWakeMs(), 61_000)
  ok(pipeline.expire(61_000))
  ok(pipeline.isSnubbing)
  pipeline.asked(61_000)
  equal(pipeline.nextWakeMs(), 121_000)
  pipeline.received(blockBytes, 500, 0, 70_000)
  ok(!pipeline.isSnubbing)
  equal(pipeline.nextWakeMs(), Number.POSITIVE_INFINITY)
})

test('a peer that is slow but steady is never given up', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2000, max: 200_000 }), (bytesPerSecond) => {
      const pipeline = new RequestPipeline(250)
      pipeline.unchoked(0)
      let nowMs = 0
      pipeline.asked(0)
      for (let block = 0; block < 30; block++) {
        nowMs += (blockBytes * 1000) / bytesPerSecond
        ok(nowMs < pipeline.nextWakeMs(), `block ${block}`)
        pipeline.received(blockBytes, 4000, pipeline.depth - 1, nowMs)
      }
    }),
  )
})

test('being choked and unchoked is no silence', () => {
  const pipeline = new RequestPipeline()
  pipeline.unchoked(0)
  pipeline.asked(0)
  ok(pipeline.expire(pipeline.nextWakeMs()))
  pipeline.settled()
  pipeline.unchoked(600_000)
  pipeline.asked(600_000)
  equal(pipeline.nextWakeMs(), 660_000)
})
