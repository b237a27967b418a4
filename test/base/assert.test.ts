// Assertions stop on a broken promise of the program itself, and say which.
import { ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError, assert, present, unreachable } from '../../src/base/assert.ts'

test('a condition that holds passes, one that does not ends with its message', () => {
  assert(true, 'fine')
  throws(() => assert(false, 'the sky is up'), { name: 'AssertionError', message: 'the sky is up' })
  throws(() => assert(false, 'the sky is up'), AssertionError)
})

test('present gives back what is there, falsy values included, and refuses undefined and null', () => {
  for (const value of [0, '', false, Number.NaN]) ok(Object.is(present(value, 'there'), value))
  throws(() => present(undefined, 'missing'), { message: 'missing' })
  throws(() => present(null, 'missing'), { message: 'missing' })
})

test('unreachable names the case that nobody handled', () => {
  throws(() => unreachable('purple' as never), { name: 'AssertionError', message: 'unreachable: purple' })
})
