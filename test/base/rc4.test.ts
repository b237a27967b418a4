// RC4 gives the key streams published in RFC 6229, however they are taken, and undoes itself.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { Rc4 } from '../../src/base/rc4.ts'

/** RFC 6229, section 2: a key, and 16 bytes of its stream at each offset. */
const vectors: readonly (readonly [key: string, at: Readonly<Record<number, string>>])[] = [
  [
    '0102030405',
    {
      0: 'b2396305f03dc027ccc3524a0a1118a8',
      240: '28cb1132c96ce286421dcaadb8b69eae',
      1024: '30abbcc7c20b01609f23ee2d5f6bb7df',
      4096: 'ff25b58995996707e51fbdf08b34d875',
    },
  ],
  [
    '0102030405060708090a0b0c0d0e0f10',
    {
      0: '9ac7cc9a609d1ef7b2932899cde41b97',
      240: '065902e4b620f6cc36c8589f66432f2b',
      1024: 'bdf0324e6083dcc6d3cedd3ca8c53c16',
      4096: 'a36a4c301ae8ac13610ccbc12256cacc',
    },
  ],
  ['833222772a', { 0: '80ad97bdc973df8a2e879e92a497efda', 4096: 'bf42c3018c2f7c66bfde524975768115' }],
  [
    '1ada31d5cf688221c109163908ebe51debb46227c6cc8b37641910833222772a',
    { 0: 'dd5bcb0018e922d494759d7c395d02d3', 4096: '370b1c1fe655916d97fd0d47ca1d72b8' },
  ],
]

const someKey = unwrap(fromHex('0102030405'))

test('published key streams', () => {
  for (const [key, parts] of vectors) {
    const stream = new Uint8Array(4112)
    new Rc4(unwrap(fromHex(key))).apply(stream)
    for (const [offset, wanted] of Object.entries(parts)) {
      equal(toHex(stream.subarray(Number(offset), Number(offset) + 16)), wanted)
    }
  }
})

test('what is skipped is the beginning of the stream', () => {
  const cipher = new Rc4(someKey)
  cipher.skip(1024)
  const bytes = new Uint8Array(16)
  cipher.apply(bytes)
  equal(toHex(bytes), vectors[0]?.[1][1024])
})

test('parts of any length give the same as the whole, only where they were asked for, and the same key undoes them', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 256 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 1, max: 40 }),
      (key, bytes, step) => {
        const whole = bytes.slice()
        new Rc4(key).apply(whole)
        const parts = bytes.slice()
        const cipher = new Rc4(key)
        for (let start = 0; start < parts.length; start += step) {
          const end = Math.min(start + step, parts.length)
          const after = parts.slice(end)
          cipher.apply(parts, start, end)
          deepEqual(parts.subarray(end), after)
        }
        deepEqual(parts, whole)
        new Rc4(key).apply(whole)
        deepEqual(whole, bytes)
      },
    ),
  )
})

test('a key has 1 to 256 bytes', () => {
  throws(() => new Rc4(new Uint8Array(0)))
  throws(() => new Rc4(new Uint8Array(257)))
})
