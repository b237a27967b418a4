// A simulated store keeps the promises of the port; without power it keeps what was synced and a prefix of the rest, a
// killed program keeps all that was written, and faults are what they say.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { SimulatedStoreDisk } from '../../sim/ports/simulated-store.ts'
import { failure, unwrap } from '../../src/base/errors.ts'
import type { Store, StoreChange } from '../../src/ports/store.ts'
import { bytesOf, storeConformance } from '../conformance/store-conformance.ts'
import { runningClock } from './running-clock.ts'

storeConformance('simulated', (t) => {
  const disk = new SimulatedStoreDisk({ clock: runningClock(t), random: simulatedRandom(1) })
  return {
    open: async () => unwrap(disk.open()),
    async codeOfSecond() {
      const second = disk.open()
      return second.ok ? 'opened' : second.code
    },
  }
})

const put = (key: number): StoreChange => ({ type: 'put', table: 'things', key: bytesOf(key), value: bytesOf(key) })

function rig(seed: number) {
  const clock = new SimulatedClock(() => setImmediate())
  const disk = new SimulatedStoreDisk({ clock, random: simulatedRandom(seed) })
  const keys = () => disk.entries('things', { order: 'ascending', maxCount: 1_000 }).map(({ key }) => key[0] ?? 0)
  return { clock, disk, keys }
}

/** Commits key after key; which of them were answered. */
async function load(store: Store, done: number[], from: number): Promise<void> {
  for (let key = from; key < from + 60; key++) {
    const result = await store.commit([put(key)], 'durable')
    if (result.ok) done.push(key)
  }
}

describe('simulated store', () => {
  test('after a power loss all that was answered as durable is there, and no gap before what is', async () => {
    let lost = 0
    for (let seed = 0; seed < 60; seed++) {
      const { clock, disk, keys } = rig(seed)
      const store = unwrap(disk.open())
      const done: number[] = []
      void load(store, done, 0)
      await clock.run(1 + seed)
      disk.crash(true)
      lost += disk.lostBatches
      const kept = keys()
      assert.deepEqual(
        kept,
        kept.map((_, index) => index),
      )
      assert.ok(kept.length >= done.length && kept.length <= done.length + 1, `${kept.length} of ${done.length}`)
      const answered = done.length
      await clock.run(1_000)
      assert.equal(done.length, answered, 'the dead program hears nothing')
      unwrap(disk.open())
    }
    assert.ok(lost > 5, 'power losses took something')
  })

  test('what was written soon is lost in a power loss only, and never before an earlier one', async () => {
    for (const isPowerLoss of [false, true]) {
      const { clock, disk, keys } = rig(7)
      const store = unwrap(disk.open())
      const commits = Array.from({ length: 9 }, (_, key) => store.commit([put(key)], 'soon'))
      let answered = 0
      for (const commit of commits) void commit.then(() => answered++)
      await clock.run(100)
      assert.equal(answered, 9)
      disk.crash(isPowerLoss)
      if (!isPowerLoss) assert.equal(keys().length, 9)
      assert.deepEqual(
        keys(),
        keys().map((_, index) => index),
      )
    }
    const { clock, disk, keys } = rig(8)
    void unwrap(disk.open()).commit([put(0)], 'soon')
    await clock.run(1_000)
    disk.crash(true)
    assert.deepEqual(keys(), [0], 'within a second it is on the disk')
  })

  test('a refused group leaves nothing; after a failed sync it wants to be opened anew', async () => {
    const { clock, disk, keys } = rig(9)
    const store = unwrap(disk.open())
    const codes: string[] = []
    const commit = async (key: number) => {
      void store.commit([put(key)], 'durable').then((result) => codes.push(result.ok ? 'done' : result.code))
      await clock.run(50)
    }
    disk.failing = () => ({ type: 'refused', failure: failure('disk-full', 'full') })
    await commit(1)
    assert.deepEqual(keys(), [])
    disk.failing = () => undefined
    await commit(2)
    disk.failing = () => ({ type: 'sync-failed' })
    await commit(3)
    disk.failing = () => undefined
    await commit(4)
    assert.deepEqual(codes, ['disk-full', 'done', 'file-unwritable', 'file-unwritable'])
    disk.crash(false)
    unwrap(disk.open())
    assert.deepEqual(keys(), [2, 3])
  })
})
