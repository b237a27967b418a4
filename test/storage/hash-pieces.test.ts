// Hashing of pieces against the naive computation, for any layout, and what missing bytes cost.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { hashRun } from '../../src/base/hash.ts'
import { PieceHasher, pieceHashed, pieceUnavailable, pieceUnknown } from '../../src/storage/hash-pieces.ts'
import { piecesOfFile, planPieces } from '../../src/storage/piece-plan.ts'
import { naiveLayer, naivePieces, type PlacedContent } from './naive-digests.ts'

function fill(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed | 1
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
    bytes[index] = state >>> 16
  }
  return bytes
}

interface Layout {
  readonly files: readonly PlacedContent[]
  readonly pieceLengthBytes: number
  readonly spanBytes: number
}

function place(lengths: readonly number[], pieceLengthBytes: number, isAligned: boolean): Layout {
  const files: PlacedContent[] = []
  let offset = 0
  for (const [index, length] of lengths.entries()) {
    if (isAligned && length > 0) offset = Math.ceil(offset / pieceLengthBytes) * pieceLengthBytes
    files.push({ offset, bytes: fill(length, index + 7) })
    offset += length
  }
  return { files, pieceLengthBytes, spanBytes: offset }
}

interface Outcome {
  readonly sha1Digests: Uint8Array
  readonly merkleRoots: Uint8Array
  readonly states: Uint8Array
  readonly readBytes: number
  readonly isComplete: boolean
}

function hashLayout(
  layout: Layout,
  wantsRoots: boolean,
  readLimit: (file: number) => number = () => Number.POSITIVE_INFINITY,
  maxReads = Number.POSITIVE_INFINITY,
): Outcome {
  const { files, pieceLengthBytes, spanBytes } = layout
  const plan = planPieces(
    files.map(({ offset, bytes }) => ({ offset, lengthBytes: bytes.length })),
    pieceLengthBytes,
    spanBytes,
  )
  const sha1Digests = new Uint8Array(plan.pieceCount * 20)
  const merkleRoots = new Uint8Array(plan.pieceCount * 32)
  const states = new Uint8Array(plan.pieceCount)
  let readBytes = 0
  let reads = 0
  const hasher = new PieceHasher({
    plan,
    hashRun,
    maxBufferBytes: 1_048_576,
    sha1Digests,
    merkleRoots: wantsRoots ? merkleRoots : undefined,
    states,
    read(file, fileOffset, target) {
      const bytes = files[file]?.bytes ?? new Uint8Array(0)
      const available = bytes
        .subarray(0, Math.min(bytes.length, readLimit(file)))
        .subarray(fileOffset, fileOffset + target.length)
      target.set(available)
      return available.length
    },
    proceed(count) {
      readBytes += count
      return ++reads < maxReads
    },
  })
  return { sha1Digests, merkleRoots, states, isComplete: hasher.hash(0, plan.pieceCount), readBytes }
}

const someLengths = fc.array(
  fc.oneof(fc.constantFrom(0, 1, 16_383, 16_384, 16_385, 65_536, 131_073), fc.nat(200_000)),
  { minLength: 1, maxLength: 6 },
)

describe('hashing pieces', () => {
  test('SHA-1 of pieces of any length equals hashing the joined files', () => {
    fc.assert(
      fc.property(someLengths, fc.integer({ min: 1000, max: 90_000 }), (lengths, pieceLengthBytes) => {
        const layout = place(lengths, pieceLengthBytes, false)
        const { sha1Digests, readBytes, isComplete } = hashLayout(layout, false)
        assert.ok(isComplete)
        assert.equal(readBytes, layout.spanBytes)
        assert.deepEqual(Buffer.from(sha1Digests), naivePieces(layout.files, pieceLengthBytes, layout.spanBytes))
      }),
      { numRuns: 60 },
    )
  })

  test('both kinds of digest from one pass equal the naive ones, zeros in the gaps', () => {
    fc.assert(
      fc.property(someLengths, fc.constantFrom(16_384, 32_768, 65_536), (lengths, pieceLengthBytes) => {
        const layout = place(lengths, pieceLengthBytes, true)
        const { sha1Digests, merkleRoots } = hashLayout(layout, true)
        assert.deepEqual(Buffer.from(sha1Digests), naivePieces(layout.files, pieceLengthBytes, layout.spanBytes))
        for (const { offset, bytes } of layout.files) {
          const layer = naiveLayer(bytes, pieceLengthBytes)
          const first = (offset / pieceLengthBytes) * 32
          if (bytes.length > 0) assert.deepEqual(Buffer.from(merkleRoots.subarray(first, first + layer.length)), layer)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('a piece larger than the buffer is hashed in parts with the same digests', () => {
    const pieceLengthBytes = 4_194_304
    const layout = place([5_000_001, 100, 2_097_152], pieceLengthBytes, true)
    const { sha1Digests, merkleRoots, states } = hashLayout(layout, true)
    assert.deepEqual([...states], [pieceHashed, pieceHashed, pieceHashed, pieceHashed])
    assert.deepEqual(Buffer.from(sha1Digests), naivePieces(layout.files, pieceLengthBytes, layout.spanBytes))
    const expected = layout.files.map(({ bytes }) => naiveLayer(bytes, pieceLengthBytes))
    assert.deepEqual(Buffer.from(merkleRoots), Buffer.concat(expected))
  })

  test('missing bytes cost exactly the pieces they are in', () => {
    fc.assert(
      fc.property(
        someLengths,
        fc.constantFrom(16_384, 32_768, 2_097_152),
        fc.boolean(),
        fc.nat(),
        fc.nat(),
        (lengths, pieceLengthBytes, isAligned, fileSeed, cutSeed) => {
          const layout = place(lengths, pieceLengthBytes, isAligned)
          const cutFile = fileSeed % lengths.length
          const length = lengths[cutFile] ?? 0
          const keptBytes = cutSeed % (length + 1)
          const { states } = hashLayout(layout, isAligned, (file) =>
            file === cutFile ? keptBytes : Number.POSITIVE_INFINITY,
          )
          const start = (layout.files[cutFile]?.offset ?? 0) + keptBytes
          const end = start + length - keptBytes
          for (const [piece, state] of states.entries()) {
            const isHit = piece * pieceLengthBytes < end && (piece + 1) * pieceLengthBytes > start && end > start
            assert.equal(state, isHit ? pieceUnavailable : pieceHashed)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('told to stop, it stops after the read at hand and says so', () => {
    const { isComplete, states } = hashLayout(place([3_500_000], 1_048_576, false), false, undefined, 2)
    assert.equal(isComplete, false)
    assert.deepEqual([...states], [pieceHashed, pieceUnknown, pieceUnknown, pieceUnknown])
    const streamed = hashLayout(place([3_500_000], 2_097_152, false), false, undefined, 1)
    assert.equal(streamed.isComplete, false)
    assert.deepEqual([...streamed.states], [pieceUnknown, pieceUnknown])
  })

  test('pieces of a file are numbered as its layer is', () => {
    const layout = place([40_000, 70_000], 32_768, true)
    const plan = planPieces(
      layout.files.map(({ offset, bytes }) => ({ offset, lengthBytes: bytes.length })),
      32_768,
      layout.spanBytes,
    )
    assert.deepEqual(piecesOfFile(plan, 1), { first: 2, last: 4 })
  })
})
