// Paths of one torrent kept apart: the cases other programs publish, and that no two ever meet.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { unwrap } from '../../src/base/errors.ts'
import { distinctPaths, foldedName, maxNameCollisions } from '../../src/formats/distinct-paths.ts'

const options = { numRuns: 300 }

function distinct(...paths: readonly string[]): readonly string[] {
  return unwrap(distinctPaths(paths.map((path) => path.split('/')))).map((path) => path.join('/'))
}

const component = fc.constantFrom(
  'a',
  'A',
  'b',
  'a.1',
  'b.txt',
  'B.TXT',
  'b.1.txt',
  '\u00e9',
  '\u00c9',
  '\u0131',
  'I',
  'i',
)
const path = fc.array(component, { minLength: 1, maxLength: 4 })

describe('distinct paths', () => {
  test('names that differ in case are counted up', () => {
    assert.deepEqual(
      distinct('test/temporary.txt', 'test/Temporary.txt', 'test/TeMPorArY.txT', 'test/test/TEMPORARY.TXT'),
      ['test/temporary.txt', 'test/Temporary.1.txt', 'test/TeMPorArY.2.txT', 'test/test/TEMPORARY.TXT'],
    )
  })

  test('folders keep their names, wherever they are listed', () => {
    assert.deepEqual(distinct('test/a', 'test/a/b'), ['test/a.1', 'test/a/b'])
    assert.deepEqual(distinct('test/A/tmp', 'test/a', 'test/A', 'test/filler'), [
      'test/A/tmp',
      'test/a.1',
      'test/A.2',
      'test/filler',
    ])
    assert.deepEqual(distinct('t/a/b/c/d', 't/a', 't/a/b', 't/a/b/c'), ['t/a/b/c/d', 't/a.1', 't/a/b.1', 't/a/b/c.1'])
  })

  test('folders that differ in case alone are one where case does not count', () => {
    assert.deepEqual(distinct('A/x', 'a/x', 'A/y'), ['A/x', 'a/x.1', 'A/y'])
  })

  test('no two paths meet, none is where a folder is, and all keep their folders', () => {
    fc.assert(
      fc.property(fc.array(path, { maxLength: 20 }), (paths) => {
        const result = distinctPaths(paths)
        assert.ok(result.ok)
        const files = new Set<string>()
        const folders = new Set<string>()
        for (const [index, one] of result.value.entries()) {
          assert.deepEqual(one.slice(0, -1), paths[index]?.slice(0, -1))
          const folded = one.map(foldedName)
          files.add(folded.join('/'))
          for (let depth = 1; depth < folded.length; depth++) folders.add(folded.slice(0, depth).join('/'))
        }
        assert.equal(files.size, paths.length)
        for (const folder of folders) assert.ok(!files.has(folder))
        assert.deepEqual(distinctPaths(result.value), result)
      }),
      options,
    )
  })

  test('as many duplicates as no honest torrent has are refused', () => {
    const paths = Array.from({ length: maxNameCollisions + 1 }, () => ['a'])
    const result = distinctPaths(paths)
    assert.equal(result.ok ? 'accepted' : result.code, 'metainfo-duplicate-path')
  })
})
