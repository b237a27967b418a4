// SipHash against the vectors of its paper and of its reference implementation.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { toHex } from '../../src/base/bytes.ts'
import { sipHashInto, sipHashLength, sipKeyLength } from '../../src/base/sip-hash.ts'

function sipHash(key: Uint8Array, message: Uint8Array): string {
  const digest = new Uint8Array(sipHashLength)
  sipHashInto(key, message, digest, 0)
  return toHex(digest)
}

const counting = (length: number) => Uint8Array.from({ length }, (_, index) => index)

test('the published vectors come out', () => {
  const vectors = new Map([
    [0, '310e0edd47db6f72'],
    [1, 'fd67dc93c539f874'],
    [7, '37d1018bf50002ab'],
    [8, '6224939a79f5f593'],
    [15, 'e545be4961ca29a1'],
    [63, '724506eb4c328a95'],
  ])
  for (const [length, expected] of vectors) {
    assert.equal(sipHash(counting(sipKeyLength), counting(length)), expected, `${length} bytes`)
  }
})

/** As the paper writes it, with whole words. */
function plainSipHash(key: Uint8Array, message: Uint8Array): string {
  const mask = (1n << 64n) - 1n
  const wordAt = (bytes: Uint8Array, at: number) => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true)
  const turn = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & mask
  const [k0, k1] = [wordAt(key, 0), wordAt(key, 8)]
  let v0 = k0 ^ 0x736f6d6570736575n
  let v1 = k1 ^ 0x646f72616e646f6dn
  let v2 = k0 ^ 0x6c7967656e657261n
  let v3 = k1 ^ 0x7465646279746573n
  const rounds = (count: number) => {
    for (let round = 0; round < count; round++) {
      v0 = (v0 + v1) & mask
      v1 = turn(v1, 13n) ^ v0
      v0 = turn(v0, 32n)
      v2 = (v2 + v3) & mask
      v3 = turn(v3, 16n) ^ v2
      v0 = (v0 + v3) & mask
      v3 = turn(v3, 21n) ^ v0
      v2 = (v2 + v1) & mask
      v1 = turn(v1, 17n) ^ v2
      v2 = turn(v2, 32n)
    }
  }
  const padded = new Uint8Array(8 * ((message.length >> 3) + 1))
  padded.set(message)
  padded[padded.length - 1] = message.length
  for (let at = 0; at < padded.length; at += 8) {
    const word = wordAt(padded, at)
    v3 ^= word
    rounds(2)
    v0 ^= word
  }
  v2 ^= 0xffn
  rounds(4)
  const digest = new Uint8Array(8)
  new DataView(digest.buffer).setBigUint64(0, v0 ^ v1 ^ v2 ^ v3, true)
  return toHex(digest)
}

test('it agrees with the paper written plainly, whatever key and message', () => {
  const key = fc.uint8Array({ minLength: sipKeyLength, maxLength: sipKeyLength })
  fc.assert(
    fc.property(key, fc.uint8Array({ maxLength: 300 }), (bytes, message) => {
      assert.equal(sipHash(bytes, message), plainSipHash(bytes, message))
    }),
    { numRuns: 200 },
  )
})
