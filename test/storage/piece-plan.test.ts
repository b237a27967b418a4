// The piece-to-file plan against a naive byte-by-byte map.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  fileAt,
  filesOfPiece,
  gap,
  type PlacedFile,
  pieceEnd,
  pieceStart,
  piecesOfFile,
  planPieces,
  visitStretches,
} from '../../src/storage/piece-plan.ts'

const layout = fc
  .record({
    parts: fc.array(fc.record({ gapBytes: fc.nat(9), lengthBytes: fc.nat(25) }), { maxLength: 12 }),
    tailBytes: fc.nat(6),
    pieceLengthBytes: fc.integer({ min: 1, max: 20 }),
  })
  .map(({ parts, tailBytes, pieceLengthBytes }) => {
    const files: PlacedFile[] = []
    let offset = 0
    for (const { gapBytes, lengthBytes } of parts) {
      offset += gapBytes
      files.push({ offset, lengthBytes })
      offset += lengthBytes
    }
    return { files, spanBytes: offset + tailBytes, pieceLengthBytes }
  })

/** For each byte of the piece space: which file, or gap. */
function naiveMap(files: readonly PlacedFile[], spanBytes: number): number[] {
  const map = new Array<number>(spanBytes).fill(gap)
  for (const [index, { offset, lengthBytes }] of files.entries()) map.fill(index, offset, offset + lengthBytes)
  return map
}

describe('piece plan', () => {
  test('every byte of any range belongs to exactly one file or gap, in order', () => {
    fc.assert(
      fc.property(layout, fc.nat(), fc.nat(), ({ files, spanBytes, pieceLengthBytes }, a, b) => {
        const plan = planPieces(files, pieceLengthBytes, spanBytes)
        const map = naiveMap(files, spanBytes)
        const [start = 0, end = 0] = [a % (spanBytes + 1), b % (spanBytes + 1)].sort((x, y) => x - y)
        let position = start
        visitStretches(plan, start, end, (file, fileOffset, at, lengthBytes) => {
          assert.equal(at, position)
          assert.ok(lengthBytes > 0)
          if (file !== gap) assert.equal(fileOffset, at - (files[file]?.offset ?? Number.NaN))
          for (let byte = at; byte < at + lengthBytes; byte++) assert.equal(map[byte], file)
          position += lengthBytes
        })
        assert.equal(position, end)
      }),
      { numRuns: 300 },
    )
  })

  test('pieces cut the whole span, and name exactly the files with bytes in them', () => {
    fc.assert(
      fc.property(layout, ({ files, spanBytes, pieceLengthBytes }) => {
        const plan = planPieces(files, pieceLengthBytes, spanBytes)
        const map = naiveMap(files, spanBytes)
        let position = 0
        for (let piece = 0; piece < plan.pieceCount; piece++) {
          assert.equal(pieceStart(plan, piece), position)
          const end = pieceEnd(plan, piece)
          assert.ok(end > position)
          const expected = [...new Set(map.slice(position, end))].filter((file) => file !== gap)
          assert.deepEqual(filesOfPiece(plan, piece), expected)
          for (const file of expected) {
            const range = piecesOfFile(plan, file)
            assert.ok(range !== undefined && range.first <= piece && piece <= range.last)
          }
          position = end
        }
        assert.equal(position, spanBytes)
      }),
      { numRuns: 200 },
    )
  })

  test('fileAt finds the first file with bytes at or after a position', () => {
    fc.assert(
      fc.property(layout, ({ files, spanBytes, pieceLengthBytes }) => {
        const plan = planPieces(files, pieceLengthBytes, spanBytes)
        for (let position = 0; position <= spanBytes; position++) {
          const expected = files.findIndex(
            ({ offset, lengthBytes }) => lengthBytes > 0 && offset + lengthBytes > position,
          )
          assert.equal(fileAt(plan, position), expected === -1 ? files.length : expected)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('an empty file has no pieces', () => {
    const plan = planPieces([{ offset: 0, lengthBytes: 0 }], 16, 0)
    assert.equal(piecesOfFile(plan, 0), undefined)
    assert.equal(plan.pieceCount, 0)
  })

  test('files that overlap or leave the span are a bug of the caller', () => {
    const overlapping = [
      { offset: 0, lengthBytes: 5 },
      { offset: 4, lengthBytes: 1 },
    ]
    assert.throws(() => planPieces(overlapping, 16, 10), /do not overlap/)
    assert.throws(() => planPieces([{ offset: 0, lengthBytes: 5 }], 16, 4), /within the span/)
  })
})
