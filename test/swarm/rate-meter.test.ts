// Rates are what went by within the window, whatever the rhythm.
import { equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RateMeter } from '../../src/swarm/rate-meter.ts'

test('a steady stream is measured within a slice of the window, at any time after the first second', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 400 }), fc.nat(1_000_000), (stepMs, startMs) => {
      const meter = new RateMeter(startMs)
      for (let elapsedMs = stepMs; elapsedMs <= 30_000; elapsedMs += stepMs) {
        meter.add(stepMs * 100, startMs + elapsedMs)
        if (elapsedMs < 2000) continue
        const rate = meter.rate(startMs + elapsedMs)
        ok(
          Math.abs(rate - 100_000) <= 100_000 * (stepMs / Math.min(elapsedMs, 9000) + 0.001),
          `${rate} at ${elapsedMs}`,
        )
      }
    }),
    { numRuns: 50 },
  )
})

test('a burst has left the rate one window later, and the total keeps it', () => {
  const meter = new RateMeter(0, 5000)
  meter.add(1_000_000, 1000)
  ok(meter.rate(1500) > 0)
  equal(meter.rate(7000), 0)
  meter.add(500, 100_000)
  const rate = meter.rate(100_400)
  ok(rate >= 100 && rate <= 125, `${rate}`)
  equal(meter.totalBytes, 1_000_500)
})

test('the rate is never above what went by in the window, and the first block is no record', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3000), fc.nat(100_000)), { maxLength: 60 }), (events) => {
      const meter = new RateMeter(0)
      const seen: { atMs: number; bytes: number }[] = []
      let nowMs = 0
      for (const [pauseMs, bytes] of events) {
        nowMs += pauseMs
        meter.add(bytes, nowMs)
        seen.push({ atMs: nowMs, bytes })
        const recent = seen.filter(({ atMs }) => atMs > nowMs - 10_000).reduce((sum, event) => sum + event.bytes, 0)
        ok(meter.rate(nowMs) <= recent + 1e-6)
      }
    }),
  )
})
