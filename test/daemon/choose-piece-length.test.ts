// The piece length chosen when none is asked for.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { checkPieceLength, choosePieceLength, fitsTorrentFile } from '../../src/daemon/choose-piece-length.ts'

const kibibyte = 1024
const mebibyte = 1024 ** 2
const gibibyte = 1024 ** 3
const always = () => true

describe('choosing a piece length', () => {
  test('sizes people know', () => {
    for (const [totalBytes, expected] of [
      [1, 16 * kibibyte],
      [32 * mebibyte, 16 * kibibyte],
      [32 * mebibyte + 1, 32 * kibibyte],
      [700 * mebibyte, 512 * kibibyte],
      [2 * gibibyte, mebibyte],
      [32 * gibibyte, 16 * mebibyte],
      [1024 * gibibyte, 16 * mebibyte],
    ] as const) {
      assert.equal(choosePieceLength(totalBytes, always), expected, String(totalBytes))
    }
  })

  test('always one that may be used, between 1025 and 2048 pieces where the range allows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 45 }), (totalBytes) => {
        const chosen = choosePieceLength(totalBytes, always)
        assert.ok(checkPieceLength(chosen).ok)
        const count = Math.ceil(totalBytes / chosen)
        if (chosen > 16 * kibibyte && chosen < 16 * mebibyte) assert.ok(count > 1024 && count <= 2048, `${count}`)
      }),
      { numRuns: 200 },
    )
  })

  test('larger ones only where the torrent file would not fit otherwise', () => {
    const totalBytes = 16 * 1024 * gibibyte
    const fits = (pieceLengthBytes: number) => fitsTorrentFile('hybrid', totalBytes / pieceLengthBytes, 0)
    assert.equal(fits(16 * mebibyte), false)
    const chosen = choosePieceLength(totalBytes, fits)
    assert.ok(fits(chosen) && !fits(chosen / 2))
  })
})
