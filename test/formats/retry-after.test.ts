// How long to wait, as servers say it: in seconds, or until a date of their own calendar.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { retryAfterSeconds } from '../../src/formats/retry-after.ts'

test('it is read in whole seconds', () => {
  const texts = ['120', ' 7 ', '0', '-1', '1.5', '9999999999', '', 'soon']
  const none = undefined
  assert.deepEqual(
    texts.map((text) => retryAfterSeconds({ 'retry-after': text })),
    [120, 7, 0, none, none, none, none, none],
  )
  assert.equal(retryAfterSeconds({}), undefined)
})

test('a date counts from that of the answer, whatever both are, as the calendar has it', () => {
  const seconds = fc.integer({ min: 0, max: 253_402_300_799 })
  fc.assert(
    fc.property(seconds, seconds, (now, until) => {
      const [date, retryAfter] = [now, until].map((each) => new Date(1_000 * each).toUTCString()) as [string, string]
      assert.equal(retryAfterSeconds({ date, 'retry-after': retryAfter }), Math.max(0, until - now))
    }),
  )
})

test('a date says nothing without one to count from, nor one that is none', () => {
  const good = 'Sun, 06 Nov 1994 08:49:37 GMT'
  assert.equal(retryAfterSeconds({ 'retry-after': good }), undefined)
  const others = [
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun, 06 Nuv 1994 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 32 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:49:37 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 CET',
    `${good} `.repeat(2),
  ]
  for (const text of others) {
    assert.equal(retryAfterSeconds({ 'retry-after': text, date: good }), undefined, text)
    assert.equal(retryAfterSeconds({ 'retry-after': good, date: text }), undefined, text)
  }
})
