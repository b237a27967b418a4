// Hashing many messages at once gives what hashing them one by one gives, in the native and the portable way.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../../src/base/assert.ts'
import { hashRun as portableHashRun } from '../../src/base/hash.ts'
import { hashGather, hashRun, isHashingAccelerated } from '../../src/host/bulk-hash.ts'
import type { HashRun } from '../../src/ports/hasher.ts'

const digestLengths = { sha1: 20, sha256: 32 } as const
const algorithms = ['sha1', 'sha256'] as const

function oneByOne(algorithm: 'sha1' | 'sha256', bytes: Uint8Array, messageLength: number, count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, index) =>
      createHash(algorithm)
        .update(bytes.subarray(index * messageLength, (index + 1) * messageLength))
        .digest(),
    ),
  )
}

function filled(bytes: Uint8Array, seed: number): Uint8Array {
  let state = seed | 1
  for (let index = 0; index < bytes.length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
    bytes[index] = state >>> 16
  }
  return bytes
}

function check(run: HashRun, algorithm: 'sha1' | 'sha256', bytes: Uint8Array, length: number, count: number): void {
  const offset = 5
  const digests = new Uint8Array(offset + count * digestLengths[algorithm] + 3).fill(0xee)
  run(algorithm, bytes, length, count, digests, offset)
  const expected = Buffer.concat([Buffer.alloc(offset, 0xee), oneByOne(algorithm, bytes, length, count)])
  assert.deepEqual(Buffer.from(digests), Buffer.concat([expected, Buffer.alloc(3, 0xee)]))
}

test('it is accelerated where it can be', (t) => {
  const built = join(import.meta.dirname, '../../native/build', `bulk-hash-${process.platform}-${process.arch}.node`)
  if (isHashingAccelerated) return
  const { SWARMBID_REQUIRE_FOREIGN: isRequired } = process.env
  assert.ok(isRequired !== '1' || existsSync(built), 'the accelerator is not built')
  t.skip('needs a C compiler and a processor with SHA extensions')
})

for (const [name, run] of Object.entries({ accelerated: hashRun, portable: portableHashRun })) {
  describe(`${name} hashing`, () => {
    for (const algorithm of algorithms) {
      test(`${algorithm}: every length around a block's end, every number of lanes`, () => {
        for (const length of [0, 1, 54, 55, 56, 57, 63, 64, 65, 118, 119, 120, 127, 128, 129, 16_384]) {
          for (const count of [0, 1, 2, 3, 4, 5, 7, 8, 9]) {
            check(run, algorithm, filled(new Uint8Array(length * count + 1), length + count), length, count)
          }
        }
      })

      test(`${algorithm}: any messages at any place of shared memory`, () => {
        const memory = new Uint8Array(new SharedArrayBuffer(65_536))
        fc.assert(
          fc.property(fc.nat(1_500), fc.nat(20), fc.nat(100), fc.nat(), (length, count, start, seed) => {
            check(run, algorithm, filled(memory.subarray(start, start + length * count), seed), length, count)
          }),
          { numRuns: 100, seed: 11 },
        )
      })

      test(`${algorithm}: digests may replace what was read for them`, () => {
        const bytes = filled(new Uint8Array(64 * 11), 3)
        const expected = oneByOne(algorithm, bytes, 64, 11)
        run(algorithm, bytes, 64, 11, bytes, 0)
        assert.deepEqual(Buffer.from(bytes.subarray(0, expected.length)), expected)
      })
    }
  })
}

describe('gathered hashing', () => {
  for (const algorithm of algorithms) {
    test(`${algorithm}: any messages of one length, wherever they are, overlapping too`, () => {
      const memory = filled(new Uint8Array(new SharedArrayBuffer(65_536)), 5)
      const places = fc.array(fc.nat(60_000), { maxLength: 11 })
      fc.assert(
        fc.property(fc.nat(5_000), places, fc.nat(9), (length, starts, offset) => {
          const digests = new Uint8Array(offset + starts.length * digestLengths[algorithm] + 3).fill(0xee)
          hashGather(algorithm, memory, length, starts.length, digests, offset, Float64Array.from(starts))
          const expected = starts.map((start) => oneByOne(algorithm, memory.subarray(start), length, 1))
          const around = [Buffer.alloc(offset, 0xee), ...expected, Buffer.alloc(3, 0xee)]
          assert.deepEqual(Buffer.from(digests), Buffer.concat(around))
        }),
        { numRuns: 100, seed: 12 },
      )
    })
  }

  test('messages or digests beyond their arrays are never touched', () => {
    const bytes = new Uint8Array(100)
    const run = (starts: number[], length: number, count: number, digestBytes: number, offset: number) => () =>
      hashGather('sha1', bytes, length, count, new Uint8Array(digestBytes), offset, Float64Array.from(starts))
    run([0, 50], 50, 2, 40, 0)()
    for (const start of [51, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      assert.throws(run([0, start], 50, 2, 40, 0), AssertionError, String(start))
    }
    assert.throws(run([0], 101, 1, 20, 0), AssertionError)
    assert.throws(run([0], 50, 2, 40, 0), AssertionError)
    assert.throws(run([0, 50], 50, 2, 39, 0), AssertionError)
    assert.throws(run([0, 50], 50, 2, 40, 1), AssertionError)
  })

  test('the native form trusts no caller either', (t) => {
    if (!isHashingAccelerated) return t.skip('needs the accelerator')
    const name = `../../native/build/bulk-hash-${process.platform}-${process.arch}.node`
    const native = createRequire(import.meta.url)(name) as { hashGather: (...values: unknown[]) => void }
    const [bytes, digests] = [new Uint8Array(100), new Uint8Array(40)]
    for (const start of [51, -1, 0.5, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 64]) {
      assert.throws(() => native.hashGather(0, bytes, 50, 1, digests, 0, Float64Array.of(start)), RangeError)
    }
    assert.throws(() => native.hashGather(0, bytes, 50, 2, digests, 0, Float64Array.of(0)), RangeError)
    assert.throws(() => native.hashGather(0, bytes, 101, 1, digests, 0, Float64Array.of(0)), RangeError)
    assert.throws(() => native.hashGather(0, bytes, 50, 1, digests, 21, Float64Array.of(0)), RangeError)
    assert.throws(() => native.hashGather(0, bytes, 50, 1, digests, 0, Uint8Array.of(0)), TypeError)
    assert.throws(() => native.hashGather(0, bytes, 50, 1, digests, 0, undefined), TypeError)
    assert.throws(() => native.hashGather(0, bytes, 50, 1), TypeError)
  })
})

test('messages without bytes need no memory', () => {
  for (const algorithm of algorithms) check(hashRun, algorithm, new Uint8Array(0), 0, 5)
})

test('messages or digests beyond their arrays are never touched', () => {
  const bytes = new Uint8Array(100)
  assert.throws(() => hashRun('sha1', bytes, 51, 2, new Uint8Array(40), 0), AssertionError)
  assert.throws(() => hashRun('sha1', bytes, 50, 2, new Uint8Array(40), 1), AssertionError)
  assert.throws(() => hashRun('sha256', bytes, 50, 2, new Uint8Array(63), 0), AssertionError)
})
