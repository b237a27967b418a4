// The simulated clock, randomness and names keep the promises of their ports; and time passes as simulations need it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { settlePromises } from '../../sim/command-line/settle-promises.ts'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { SimulatedWeb } from '../../sim/ports/simulated-http.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { clockConformance } from '../conformance/clock-conformance.ts'
import { randomConformance } from '../conformance/random-conformance.ts'
import { resolverConformance } from '../conformance/resolver-conformance.ts'
import { passingUntil } from './running-clock.ts'

clockConformance('simulated', () => {
  const clock = new SimulatedClock(() => setImmediate())
  return { clock, until: passingUntil(clock) }
})

randomConformance('simulated', () => simulatedRandom(7))

resolverConformance('simulated', () => {
  const clock = new SimulatedClock(() => setImmediate())
  const web = new SimulatedWeb(clock, 5)
  web.name('tracker.test', ['192.0.2.7', '2001:db8::7'])
  const resolver = web.resolver()
  return {
    resolver: { resolve: (...question) => clock.settle(resolver.resolve(...question)) },
    knownName: 'tracker.test',
    knownAddress: '192.0.2.7',
  }
})

async function chain(length: number): Promise<void> {
  for (let step = 0; step < length; step++) await undefined
}

for (const [how, settle] of Object.entries({ 'by ticks': settlePromises, 'by the event loop': () => setImmediate() })) {
  test(`promises settle before time goes on, however long their chain (${how})`, async () => {
    const clock = new SimulatedClock(settle)
    const settledMs: number[] = []
    for (const atMs of [1, 2, 3]) clock.at(atMs, () => void chain(10_000).then(() => settledMs.push(clock.nowMs())))
    await clock.run(10)
    assert.deepEqual(settledMs, [1, 2, 3])
  })

  test(`several let time pass at once, and each goes on in the moment it waits for (${how})`, async () => {
    const clock = new SimulatedClock(settle)
    const seen: string[] = []
    const wait = async (name: string, pausesMs: readonly number[]) => {
      for (const pauseMs of pausesMs) {
        await clock.run(pauseMs)
        seen.push(`${name} ${clock.nowMs()}`)
      }
    }
    const inner = wait('inner', [5, 20])
    clock.at(10, () => void wait('nested', [1, 1, 10]))
    for (let atMs = 0; atMs < 40; atMs += 0.5) clock.at(atMs, () => undefined)
    const isDone = () => seen.includes('nested 22')
    assert.ok(await clock.runUntil(isDone, 100))
    assert.equal(clock.nowMs(), 22)
    await inner
    assert.deepEqual(seen, ['inner 5', 'nested 11', 'nested 12', 'nested 22', 'inner 25'])
  })
}

test('what is thrown by something planned comes to whoever let time pass first, and time can go on', async () => {
  const clock = new SimulatedClock(settlePromises)
  clock.at(5, () => {
    throw new Error('planned badly')
  })
  const first = clock.run(10)
  void clock.run(20)
  await assert.rejects(first, /planned badly/)
  await clock.run(10)
  assert.equal(clock.nowMs(), 15)
})

test('whoever plans for now again and again ends the run instead of hanging it', async () => {
  const clock = new SimulatedClock(settlePromises)
  const again = () => clock.after(0, again)
  again()
  await assert.rejects(clock.run(1), /plans for now/)
  const byPromises = new SimulatedClock(settlePromises)
  const later = async () => {
    await undefined
    for (let count = 0; count < 1_000; count++) byPromises.after(0, () => undefined)
    byPromises.after(0, () => void later())
  }
  void later()
  await assert.rejects(byPromises.run(1), /plans for now/)
})

test('a million things may happen within a second', async () => {
  const clock = new SimulatedClock(settlePromises)
  let count = 0
  const silent = { run: () => count++ < 0 }
  for (let index = 0; index < 1_200_000; index++) clock.plan(silent, index / 1_000_000)
  await clock.run(2)
  assert.equal(count, 1_200_000)
})
