// The piece length chosen when none is asked for.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  checkPieceLength,
  choosePieceLength,
  fitsTorrentFile,
  listedBytes,
} from '../../src/daemon/choose-piece-length.ts'
import { buildMetainfo } from '../../src/formats/metainfo/build-metainfo.ts'
import { planContent } from '../../src/formats/metainfo/plan-content.ts'

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

describe('what files take in a torrent file', () => {
  const pieceLengthBytes = 16_384
  const hash = new Uint8Array(32).fill(1)

  /** The size of a torrent of these files, and how much of it was not foreseen. */
  function measure(version: 'v1' | 'v2' | 'hybrid', paths: readonly string[], lengths: readonly number[]) {
    const files = paths.map((path, index) => {
      const lengthBytes = lengths[index % lengths.length] ?? 1
      return { path: path.split('/'), lengthBytes, ...(lengthBytes > 0 ? { piecesRoot: hash } : {}) }
    })
    const { pieceCount } = planContent(files, pieceLengthBytes, version)
    const pieces = version === 'v2' ? {} : { pieces: new Uint8Array(20 * pieceCount) }
    const bytes = buildMetainfo({ version, name: 'n', isFolder: true, pieceLengthBytes, files, ...pieces })
    const rootCount = version === 'v1' ? 0 : files.filter(({ lengthBytes }) => lengthBytes > 0).length
    const hashes = (version === 'v2' ? 0 : 20 * pieceCount) + 32 * rootCount
    const listed = files.reduce((sum, file) => sum + listedBytes(version, file.path, file.lengthBytes), 0)
    return { size: bytes.length, unforeseen: bytes.length - hashes - listed }
  }

  test('never more than they do take, so that no torrent is refused that would fit', () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b/c', 'b/d/e', 'ä', 'x'.repeat(120), 'y/z'), { minLength: 2 })
    const lengths = fc.array(fc.constantFrom(0, 1, 999, 16_383, 16_384), { minLength: 1 })
    fc.assert(
      fc.property(fc.constantFrom('v1', 'v2', 'hybrid'), names, lengths, (version, paths, sizes) => {
        fc.pre(sizes[0] !== 0)
        // The last file of a hybrid has no padding after it.
        assert.ok(measure(version, paths, sizes).unforeseen >= -39)
      }),
      { numRuns: 200 },
    )
  })

  test('nor much less, so that it is known before anything is hashed', () => {
    const paths = Array.from({ length: 1000 }, (_, index) => `file-${index}`)
    for (const version of ['v1', 'v2', 'hybrid'] as const) {
      const { size, unforeseen } = measure(version, paths, [0, 1, 5000, 16_384])
      assert.ok(unforeseen < size / 20, `${version}: ${unforeseen} of ${size}`)
    }
  })
})
