// Hashes give the digests published with FIPS 180-4, whole, in parts and in place.
import { equal, notEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromUtf8, toHex } from '../../src/base/bytes.ts'
import { runningHash, sha1, sha1Into, sha1Length, sha256, sha256Into, sha256Length } from '../../src/base/hash.ts'

const vectors = [
  {
    message: '',
    sha1: 'da39a3ee5e6b4b0d3255bfef95601890afd80709',
    sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  },
  {
    message: 'abc',
    sha1: 'a9993e364706816aba3e25717850c26c9cd0d89d',
    sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  },
  {
    message: 'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    sha1: '84983e441c3bd26ebaae4aa1f95129e5e54670f1',
    sha256: '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  },
  {
    message: 'a'.repeat(1_000_000),
    sha1: '34aa973cd4c4daa4f61eeb2bdbad27316534016f',
    sha256: 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
  },
]

test('published vectors of SHA-1 and SHA-256', () => {
  for (const { message, sha1: wanted1, sha256: wanted256 } of vectors) {
    const bytes = fromUtf8(message)
    equal(toHex(sha1(bytes)), wanted1)
    equal(toHex(sha256(bytes)), wanted256)
  }
  equal(sha1(fromUtf8('')).length, sha1Length)
  equal(sha256(fromUtf8('')).length, sha256Length)
})

test('a running hash over any parts equals the hash of the whole', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 6 }), (parts) => {
      const whole = Uint8Array.from(parts.flatMap((part) => [...part]))
      for (const [algorithm, wanted] of [
        ['sha1', sha1(whole)],
        ['sha256', sha256(whole)],
      ] as const) {
        const running = runningHash(algorithm)
        for (const part of parts) running.update(part)
        equal(toHex(running.digest()), toHex(wanted))
      }
    }),
  )
})

test('digests written into a target take their place and nothing else, also over their own input', () => {
  const message = fromUtf8('abc')
  const target = new Uint8Array(60).fill(0xee)
  sha1Into(message, target, 1)
  sha256Into(message, target, 25)
  equal(toHex(target.subarray(1, 21)), toHex(sha1(message)))
  equal(toHex(target.subarray(25, 57)), toHex(sha256(message)))
  ok([0, 21, 22, 23, 24, 57, 58, 59].every((index) => target[index] === 0xee))
  const pair = Uint8Array.from({ length: 64 }, (_, index) => index)
  const wanted = toHex(sha256(pair))
  sha256Into(pair, pair, 0)
  equal(toHex(pair.subarray(0, 32)), wanted)
})

test('digests are fresh: changing one does not change the next', () => {
  const first = sha256(fromUtf8('abc'))
  first.fill(0)
  notEqual(toHex(sha256(fromUtf8('abc'))), toHex(first))
})
