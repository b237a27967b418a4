// Failures as values and as exceptions carry the same code; the table of codes is fit to be printed.
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { errorTable } from '../../src/base/error-table.ts'
import { attempt, fail, failure, SwarmbidError, success, unwrap } from '../../src/base/errors.ts'

test('attempt turns a fail from any depth into a Failure with its code and detail', () => {
  const parse = (depth: number): number => (depth === 0 ? fail('hex-invalid', 'at the bottom') : parse(depth - 1))
  deepEqual(
    attempt(() => parse(50)),
    failure('hex-invalid', 'at the bottom'),
  )
})

test('attempt hands back a value, undefined included', () => {
  deepEqual(
    attempt(() => 7),
    success(7),
  )
  deepEqual(
    attempt(() => undefined),
    success(undefined),
  )
})

test('attempt lets a bug of the program through, so that it is not mistaken for bad input', () => {
  const bug = new TypeError('a bug')
  throws(
    () =>
      attempt(() => {
        throw bug
      }),
    (error) => error === bug,
  )
})

test('unwrap gives the value or throws the failure with its code', () => {
  equal(unwrap(success('here')), 'here')
  throws(
    () => unwrap(failure('usage', 'no such option')),
    (error) => error instanceof SwarmbidError && error.code === 'usage' && error.message === 'no such option',
  )
})

test('a SwarmbidError keeps its cause', () => {
  const cause = new Error('below')
  equal(new SwarmbidError('internal', 'above', { cause }).cause, cause)
})

test('each code is kebab-case and has a meaning and a remedy in whole sentences', () => {
  const entries = Object.entries(errorTable)
  ok(entries.length > 40)
  for (const [code, { meaning, remedy }] of entries) {
    match(code, /^[a-z0-9]+(-[a-z0-9]+)*$/)
    for (const sentence of [meaning, remedy]) {
      match(sentence, /^[A-Z].*\.$/s, code)
      ok(!/[\n|]/.test(sentence), `${code}: would break the table of docs/errors.md`)
    }
  }
})

test('no two codes mean the same', () => {
  const meanings = Object.values(errorTable).map(({ meaning }) => meaning)
  equal(new Set(meanings).size, meanings.length)
})
