// Wake-ups come in the order of their times, each once, whatever was moved or taken out in between.
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WakeHeap } from '../../src/session/wake-heap.ts'

type Change =
  | { readonly type: 'set'; readonly owner: number; readonly atMs: number }
  | { readonly type: 'remove'; readonly owner: number }
  | { readonly type: 'pop'; readonly nowMs: number }

const owner = fc.nat(20)
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ type: fc.constant('set' as const), owner, atMs: fc.nat(50) }),
  fc.record({ type: fc.constant('remove' as const), owner }),
  fc.record({ type: fc.constant('pop' as const), nowMs: fc.nat(50) }),
)

test('a heap behaves as a sorted list of times and owners does', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      const heap = new WakeHeap()
      const model = new Map<number, number>()
      const first = (): [number, number] | undefined =>
        [...model].sort(([ownerA, a], [ownerB, b]) => a - b || ownerA - ownerB)[0]
      for (const step of changes) {
        if (step.type === 'set') {
          heap.set(step.owner, step.atMs)
          model.set(step.owner, step.atMs)
        } else if (step.type === 'remove') {
          heap.remove(step.owner)
          model.delete(step.owner)
        } else {
          const expected = first()
          const isDue = expected !== undefined && expected[1] <= step.nowMs
          equal(heap.popDue(step.nowMs), isDue ? expected[0] : -1)
          if (isDue) model.delete(expected[0])
        }
        equal(heap.size, model.size)
        equal(heap.nextMs(), first()?.[1] ?? Number.POSITIVE_INFINITY)
      }
    }),
  )
})

test('owners of one moment come in the order of their numbers', () => {
  const heap = new WakeHeap()
  for (const number of [5, 1, 9, 3]) heap.set(number, 100)
  deepEqual(
    [0, 0, 0, 0, 0].map(() => heap.popDue(100)),
    [1, 3, 5, 9, -1],
  )
})
