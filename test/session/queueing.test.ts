// Which torrents run when not all may.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hasReachedGoal, type QueuePlace, RunningQueue } from '../../src/session/queueing.ts'
import type { QueueLimits } from '../../src/session/session-config.ts'

interface Item {
  rank: number
  place: QueuePlace
}

/** What the queue is to come to, decided over all at once. */
function chosen(items: readonly Item[], limits: QueueLimits): Item[] {
  let downloads = 0
  let seeds = 0
  return [...items]
    .sort((a, b) => a.rank - b.rank)
    .filter(({ place }) => {
      if (place === 'download') return downloads++ < limits.maxActiveDownloads
      if (place === 'seed') return seeds++ < limits.maxActiveSeeds
      return place === 'forced'
    })
}

const someLimit = fc.oneof(fc.nat(4), fc.constant(Number.POSITIVE_INFINITY))
const someLimits = fc.record({ maxActiveDownloads: someLimit, maxActiveSeeds: someLimit })
const change = fc.oneof(
  fc.record({
    type: fc.constant('place' as const),
    item: fc.nat(11),
    place: fc.constantFrom<QueuePlace>('none', 'forced', 'download', 'seed', 'download', 'seed'),
  }),
  fc.record({ type: fc.constant('limits' as const), limits: someLimits }),
  fc.record({ type: fc.constant('move' as const), item: fc.nat(11), rank: fc.integer({ min: -20, max: 40 }) }),
  fc.record({ type: fc.constant('take' as const) }),
)

test('however things change, as many run as may, the first of the queue, and what is forced', () => {
  fc.assert(
    fc.property(someLimits, fc.array(change, { maxLength: 60 }), (first, changes) => {
      let limits = first
      const items = Array.from({ length: 12 }, (_, index): Item => ({ rank: index, place: 'none' }))
      const queue = new RunningQueue<Item>(limits)
      const running = new Set<Item>()
      const take = () => {
        const { stopping, starting } = queue.takeChanges()
        for (const item of stopping) assert.ok(running.delete(item), 'who stops was running')
        for (const item of starting) {
          assert.equal(running.has(item), false, 'who starts was not running')
          running.add(item)
        }
      }
      for (const step of changes) {
        if (step.type === 'take') take()
        else if (step.type === 'limits') {
          limits = step.limits
          queue.decideAgain(limits)
        } else if (step.type === 'place') {
          const item = items[step.item] as Item
          item.place = step.place
          queue.review(item, step.place)
        } else if (items.every(({ rank }) => rank !== step.rank)) {
          ;(items[step.item] as Item).rank = step.rank
          queue.decideAgain(limits)
        }
      }
      take()
      assert.deepEqual(
        [...running].sort((a, b) => a.rank - b.rank),
        chosen(items, limits),
      )
    }),
    { numRuns: 400 },
  )
})

test('a seed goal is reached by the ratio or by the time, whichever is first', () => {
  const goals = { ratio: 2, seedingSeconds: 100 }
  assert.equal(hasReachedGoal({ uploadedBytes: 199, wantedBytes: 100, seedingSeconds: 99 }, goals), false)
  assert.equal(hasReachedGoal({ uploadedBytes: 200, wantedBytes: 100, seedingSeconds: 0 }, goals), true)
  assert.equal(hasReachedGoal({ uploadedBytes: 0, wantedBytes: 100, seedingSeconds: 100 }, goals), true)
  assert.equal(hasReachedGoal({ uploadedBytes: 0, wantedBytes: 0, seedingSeconds: 0 }, { ...goals, ratio: 0 }), false)
})
