// Keccak-256 against known answers and another implementation, at every length around a block's end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keccak_256 } from '@noble/hashes/sha3.js'
import fc from 'fast-check'
import { AssertionError } from '../../src/base/assert.ts'
import { fromUtf8, toHex } from '../../src/base/bytes.ts'
import { keccak256, keccak256Into } from '../../src/base/keccak.ts'

test('known answers', () => {
  const answers = [
    ['', 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'],
    ['abc', '4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45'],
    ['Transfer(address,address,uint256)', 'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'],
  ] as const
  for (const [text, digest] of answers) assert.equal(toHex(keccak256(fromUtf8(text))), digest)
})

test('every length up to six blocks gives what another implementation gives', () => {
  for (let length = 0; length <= 6 * 136; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => index * 7 + length)
    assert.equal(toHex(keccak256(bytes)), toHex(keccak_256(bytes)), `${length} bytes`)
  }
})

test('any part of any bytes, written anywhere, even over itself', () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 500 })
  fc.assert(
    fc.property(bytes, fc.nat(), fc.nat(), fc.nat(), (source, a, b, c) => {
      const [start = 0, end = 0] = [a % (source.length + 1), b % (source.length + 1)].sort((x, y) => x - y)
      const offset = c % (source.length - 31)
      const expected = source.slice()
      expected.set(keccak_256(source.slice(start, end)), offset)
      keccak256Into(source, start, end, source, offset)
      assert.deepEqual(source, expected)
    }),
    { numRuns: 200 },
  )
})

test('ranges beyond the bytes or the target are bugs', () => {
  const bytes = new Uint8Array(64)
  for (const [start, end, offset] of [
    [-1, 3, 0],
    [3, 2, 0],
    [0, 65, 0],
    [0, 64, 33],
    [0, 64, -1],
  ] as const) {
    assert.throws(() => keccak256Into(bytes, start, end, bytes, offset), AssertionError)
  }
})
