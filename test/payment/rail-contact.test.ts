// What a payment machine knows of its rail's time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { success } from '../../src/base/errors.ts'
import { RailContact } from '../../src/payment/rail-contact.ts'

test('whoever waits for a time of the rail wakes when it has come, whatever is rounded', () => {
  const steady = fc.double({ min: 0, max: 1e10, noNaN: true })
  const wall = fc.integer({ min: 1, max: 2 ** 42 })
  fc.assert(
    fc.property(steady, wall, fc.integer({ min: 0, max: 1e10 }), (nowMs, attestedMs, waitMs) => {
      const contact = new RailContact()
      contact.timeTold(success(attestedMs), nowMs)
      const atMs = contact.steadyAt(attestedMs + waitMs)
      assert.ok((contact.timeAt(atMs) ?? 0) >= attestedMs + waitMs)
      assert.ok(atMs <= nowMs + waitMs + 1)
    }),
    { numRuns: 2_000 },
  )
})
