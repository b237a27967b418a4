// The plan of a new torrent's content: order, offsets and gaps, as BEP 3 and BEP 52 want them.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { compareBytes, fromUtf8 } from '../../../src/base/bytes.ts'
import { type FileToPlan, planContent } from '../../../src/formats/metainfo/plan-content.ts'

const files: readonly FileToPlan[] = [
  { path: ['b'], lengthBytes: 10 },
  { path: ['a', 'z'], lengthBytes: 20 },
  { path: ['a.txt'], lengthBytes: 0 },
  { path: ['a', 'y'], lengthBytes: 16_384 },
]

describe('plan content', () => {
  test('version 1 keeps the order and leaves no gaps', () => {
    assert.deepEqual(planContent(files, 16_384, 'v1'), {
      files: [
        { index: 0, offset: 0, padBytes: 0 },
        { index: 1, offset: 10, padBytes: 0 },
        { index: 2, offset: 30, padBytes: 0 },
        { index: 3, offset: 30, padBytes: 0 },
      ],
      pieceCount: 2,
      spanBytes: 16_414,
    })
  })

  test('a hybrid has the order of a tree and pads all but the last file', () => {
    assert.deepEqual(planContent(files, 16_384, 'hybrid'), {
      files: [
        { index: 3, offset: 0, padBytes: 0 },
        { index: 1, offset: 16_384, padBytes: 16_364 },
        { index: 2, offset: 32_768, padBytes: 0 },
        { index: 0, offset: 32_768, padBytes: 0 },
      ],
      pieceCount: 3,
      spanBytes: 32_778,
    })
  })

  test('version 2 has the same places without pad files', () => {
    const places = (version: 'v2' | 'hybrid') =>
      planContent(files, 16_384, version).files.map(({ index, offset }) => [index, offset])
    assert.deepEqual(places('v2'), places('hybrid'))
    assert.ok(planContent(files, 16_384, 'v2').files.every(({ padBytes }) => padBytes === 0))
  })

  test('no pad file follows when only empty files are left', () => {
    const plan = planContent(
      [
        { path: ['a'], lengthBytes: 1 },
        { path: ['b'], lengthBytes: 0 },
      ],
      16_384,
      'hybrid',
    )
    assert.deepEqual(
      plan.files.map(({ padBytes }) => padBytes),
      [0, 0],
    )
    assert.equal(plan.spanBytes, 1)
  })

  test('a tree is ordered by bytes: folders among files, astral letters last', () => {
    const names = [['a.'], ['a', 'x'], ['a'], ['\u{10000}'], ['\uffee'], ['B']]
    const plan = planContent(
      names.map((path) => ({ path, lengthBytes: 1 })),
      16_384,
      'v2',
    )
    assert.deepEqual(
      plan.files.map(({ index }) => names[index]?.join('/')),
      ['B', 'a', 'a/x', 'a.', '\uffee', '\u{10000}'],
    )
  })

  test('every file has its place, in order, on a boundary, and none overlaps', () => {
    const shape = fc.array(
      fc.tuple(fc.array(fc.string({ minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }), fc.nat(100_000)),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(shape, fc.constantFrom('v1' as const, 'v2' as const, 'hybrid' as const), (list, version) => {
        const some = list.map(([path, lengthBytes]) => ({ path, lengthBytes }))
        const plan = planContent(some, 16_384, version)
        assert.deepEqual(
          plan.files.map(({ index }) => index).sort((a, b) => a - b),
          [...some.keys()],
        )
        let end = 0
        let last: Uint8Array[] = []
        for (const { index, offset, padBytes } of plan.files) {
          const { lengthBytes, path } = some[index] as FileToPlan
          assert.ok(offset >= end)
          if (version !== 'v1') {
            if (lengthBytes > 0) assert.equal(offset % 16_384, 0)
            const key = path.map(fromUtf8)
            const order = last
              .map((part, level) => (key[level] === undefined ? 1 : compareBytes(part, key[level])))
              .find((sign) => sign !== 0)
            assert.ok(order === undefined || order < 0)
            last = key
          }
          if (version === 'hybrid' && padBytes > 0) assert.equal((offset + lengthBytes + padBytes) % 16_384, 0)
          end = offset + lengthBytes
        }
        assert.ok(plan.spanBytes <= end && plan.pieceCount === Math.ceil(plan.spanBytes / 16_384))
      }),
      { numRuns: 200 },
    )
  })
})
