// When a client wakes for a time of its rail, that time has come.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { success } from '../../src/base/errors.ts'
import { RailContact } from '../../src/payment/rail-contact.ts'

test('at the steady time of a time of the rail, the rail has reached it, at whatever fraction of a millisecond it was asked', () => {
  // As found in a simulated swarm: a payer woke for ever at the same moment.
  const fractions = Array.from(
    { length: 2_000 },
    (_, index) => 2_037_980 + index * 1_009 + ((index * 0.618_033_98) % 1),
  )
  for (const attestedAtMs of [2_037_980.4565047307, ...fractions]) {
    const contact = new RailContact()
    contact.timeTold(success(1_793_493_237_958), attestedAtMs)
    const timeMs = 1_793_493_589_581
    const atMs = contact.steadyAt(timeMs)
    assert.ok((contact.timeAt(atMs) ?? 0) >= timeMs, `${attestedAtMs}`)
    assert.ok(atMs - (attestedAtMs + 351_623) < 1.001, `${atMs}: more than a millisecond late`)
  }
})
