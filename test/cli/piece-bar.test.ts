// The bar of pieces: what it shows is true at both ends, whatever the widths.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { pieceBar } from '../../src/cli/piece-bar.ts'

describe('piece bar', () => {
  test('a cell is the fuller the more of its pieces are here', () => {
    const pieces = Uint8Array.of(0b0000_1000, 0b1100_1110, 0b1111_0000)
    assert.equal(pieceBar(pieces, 20, 5, true), ' ░▒▓█')
    assert.equal(pieceBar(pieces, 20, 5, false), '.-+*#')
  })

  test('with more cells than pieces a piece takes several', () => {
    assert.equal(pieceBar(Uint8Array.of(0b0100_0000), 2, 6, false), '...###')
    assert.equal(pieceBar(Uint8Array.of(0b1000_0000), 1, 3, false), '###')
  })

  test('full means all, empty means none, and it has its width', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 100 }), (bytes, columns) => {
        const pieceCount = Math.max(1, bytes.length * 8)
        const bar = pieceBar(bytes, pieceCount, columns, false)
        assert.equal(bar.length, columns)
        const isAll = bytes.length > 0 && bytes.every((byte) => byte === 0xff)
        assert.equal(bar === '#'.repeat(columns), isAll)
        assert.equal(
          bar === '.'.repeat(columns),
          bytes.every((byte) => byte === 0),
        )
      }),
      { numRuns: 200 },
    )
  })
})
