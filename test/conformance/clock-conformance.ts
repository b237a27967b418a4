// What every implementation of the Clock port promises, as tests. Guarantees: touches the port and nothing else, so
// that the machine's clock and a simulated one answer the same questions.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Clock } from '../../src/ports/clock.ts'

export interface ClockUnderTest {
  readonly clock: Clock
  /** Lets time pass until the condition holds. */
  until(condition: () => boolean): Promise<void>
}

export function clockConformance(title: string, make: () => ClockUnderTest): void {
  describe(`clock: ${title}`, () => {
    test('steady time goes forward, and the date is a date', async () => {
      const { clock, until } = make()
      const startMs = clock.nowMs()
      let lastMs = startMs
      await until(() => {
        const nowMs = clock.nowMs()
        assert.ok(nowMs >= lastMs)
        lastMs = nowMs
        return nowMs > startMs + 5
      })
      assert.ok(clock.wallMs() > 1_500_000_000_000)
    })

    test('an alarm rings once, at or after its time, never from inside set', async () => {
      const { clock, until } = make()
      const rings: number[] = []
      let isInside = false
      const alarm = clock.alarm(() => {
        assert.equal(isInside, false)
        rings.push(clock.nowMs())
      })
      for (const delayMs of [3.5, 0, -1_000, 10]) {
        const atMs = clock.nowMs() + delayMs
        isInside = true
        alarm.set(atMs)
        isInside = false
        const count = rings.length
        await until(() => rings.length > count)
        assert.ok((rings.at(-1) ?? 0) >= atMs)
      }
      const doneMs = clock.nowMs()
      await until(() => clock.nowMs() > doneMs + 20)
      assert.equal(rings.length, 4)
      alarm.close()
    })

    test('a later set replaces an earlier one, whichever time comes first', async () => {
      const { clock, until } = make()
      let rings = 0
      const alarm = clock.alarm(() => rings++)
      const startMs = clock.nowMs()
      alarm.set(startMs + 1)
      alarm.set(startMs + 100_000)
      await until(() => clock.nowMs() > startMs + 15)
      assert.equal(rings, 0)
      alarm.set(startMs + 20)
      await until(() => rings === 1)
      assert.ok(clock.nowMs() < startMs + 100_000)
      alarm.close()
    })

    test('an alarm set to never, or closed, does not ring', async () => {
      const { clock, until } = make()
      let rings = 0
      const [first, second] = [clock.alarm(() => rings++), clock.alarm(() => rings++)]
      const startMs = clock.nowMs()
      first.set(startMs + 5)
      first.set(Infinity)
      second.set(startMs + 5)
      second.close()
      await until(() => clock.nowMs() > startMs + 25)
      assert.equal(rings, 0)
      first.set(startMs + 30)
      await until(() => rings === 1)
      first.close()
    })

    test('an alarm is set again from its own ring', async () => {
      const { clock, until } = make()
      let rings = 0
      const alarm = clock.alarm(() => {
        if (++rings < 5) alarm.set(clock.nowMs() + 1)
      })
      alarm.set(clock.nowMs())
      await until(() => rings === 5)
      alarm.close()
    })

    test('alarms are independent of each other', async () => {
      const { clock, until } = make()
      const rung: number[] = []
      const startMs = clock.nowMs()
      const alarms = [30, 100_000, 10, 20].map((delayMs) => {
        const alarm = clock.alarm(() => rung.push(delayMs))
        alarm.set(startMs + delayMs)
        return alarm
      })
      await until(() => rung.length === 3)
      assert.deepEqual(rung.sort(), [10, 20, 30])
      for (const alarm of alarms) alarm.close()
    })
  })
}
