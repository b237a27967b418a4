// V8's coverage is read as functions with names that stay when lines move.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { functionsOf, hasCode } from '../../tools/coverage-of-functions.ts'

const measured = (functionName: string, startOffset: number, endOffset: number, count: number) => ({
  functionName,
  ranges: [{ startOffset, endOffset, count }],
})

test('functions are named by what they lie in, and the script is none of them', () => {
  const script = measured('', 0, 100, 1)
  const outer = measured('outer', 10, 50, 2)
  const functions = functionsOf([script, measured('next', 60, 90, 0), measured('', 20, 30, 0), outer])
  assert.deepEqual(functions, [
    { name: 'outer', count: 2 },
    { name: 'outer > (anonymous)', count: 0 },
    { name: 'next', count: 0 },
  ])
})

test('a script of types alone has no code', () => {
  assert.ok(!hasCode('// A header.\n/** More. */\nexport {};\n'))
  assert.ok(hasCode('// A header.\nexport const one = 1;\n'))
})
