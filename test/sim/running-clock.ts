// Lets the time of a simulation pass while a test that knows nothing of it awaits promises, as the tests of ports do.
// Guarantees: time stands still when the test has ended; a condition that never holds fails the test.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'

const stepMs = 1
const patienceMs = 60_000

/** A clock that goes on by itself, a millisecond each turn of the event loop. */
export function runningClock(t: Pick<TestContext, 'after'>): SimulatedClock {
  const clock = new SimulatedClock(() => setImmediate())
  let isOver = false
  t.after(() => {
    isOver = true
  })
  void (async () => {
    while (!isOver) await clock.run(stepMs)
  })()
  return clock
}

/** Lets time pass, step by step, until a condition holds: what tests of ports call `until`. */
export function passingUntil(clock: SimulatedClock): (condition: () => boolean) => Promise<void> {
  return async (condition) => {
    const endMs = clock.nowMs() + patienceMs
    while (!condition()) {
      assert.ok(clock.nowMs() < endMs, 'it did not come to pass')
      await clock.runUntil(condition, clock.nowMs() + stepMs)
    }
  }
}
