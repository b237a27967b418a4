// What ends by time alone: found in order, as long as it has not ended, however often it changed in between.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { DueQueue } from '../../src/ledger/due-queue.ts'
import type { Holding } from '../../src/ledger/entry.ts'

/** Lanes by number, with when they expire. */
function newQueue() {
  const lanes = new Map<string, number>()
  const holding = (id: string): Holding | undefined => {
    const expiresAtMs = lanes.get(id)
    return expiresAtMs === undefined
      ? undefined
      : ({ type: 'lane', value: { id, expiresAtMs, state: { type: 'open' } } } as unknown as Holding)
  }
  const queue = new DueQueue(({ id }) => holding(id))
  const set = (id: string, atMs: number) => {
    lanes.set(id, atMs)
    queue.add({ type: 'lane', id, atMs })
  }
  const due = (timeMs: number, max = 100) => queue.dueAt(timeMs, max).map(({ value }) => (value as { id: string }).id)
  return { lanes, queue, set, due }
}

describe('what is due', () => {
  test('the earliest come first, each once, until they have ended', () => {
    const step = fc.record({ id: fc.nat(9), atMs: fc.nat(50), kind: fc.constantFrom('set', 'set', 'end', 'ask') })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 12 }), (steps, max) => {
        const { lanes, queue, set, due } = newQueue()
        for (const { id, atMs, kind } of steps) {
          if (kind === 'set') set(`${id}`, atMs)
          else if (kind === 'end') lanes.delete(`${id}`)
          const expected = [...lanes].filter(([, at]) => at <= atMs).sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
          assert.deepEqual(
            due(atMs, max),
            expected.slice(0, max).map(([lane]) => lane),
          )
          assert.equal(queue.nextMs(), Math.min(...lanes.values()))
        }
      }),
      { numRuns: 200 },
    )
  })

  test('what was left over by thousands of changes is swept out, and nothing due with it', () => {
    const { lanes, set, due } = newQueue()
    set('late', 1_000_000)
    for (let count = 0; count < 20_000; count++) {
      set(`${count}`, 500_000 + count)
      lanes.delete(`${count}`)
    }
    set('early', 7)
    assert.deepEqual(due(2_000_000), ['early', 'late'])
  })
})
