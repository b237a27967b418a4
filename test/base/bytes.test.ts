// Bytes: comparisons agree with a byte-by-byte model, text forms and integers survive the round trip, views stay views.
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  compareBytes,
  concatBytes,
  emptyBytes,
  equalBytes,
  fromHex,
  fromLatin1,
  fromUtf8,
  readUint16,
  readUint32,
  readUint64,
  toHex,
  toLatin1,
  toUtf8,
  toUtf8Lossy,
  utf8Length,
  writeHex,
  writeUint16,
  writeUint32,
  writeUint64,
  writeUint256,
  writeUtf8,
} from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'

const bytes = fc.uint8Array({ maxLength: 200 })
const shortBytes = fc.uint8Array({ maxLength: 4, max: 3 })

function modelCompare(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const difference = (a[index] as number) - (b[index] as number)
    if (difference !== 0) return Math.sign(difference)
  }
  return Math.sign(a.length - b.length)
}

test('equality and order agree with a byte-by-byte model', () => {
  fc.assert(
    fc.property(fc.oneof(bytes, shortBytes), fc.oneof(bytes, shortBytes), (a, b) => {
      equal(Math.sign(compareBytes(a, b)), modelCompare(a, b))
      equal(equalBytes(a, b), modelCompare(a, b) === 0)
    }),
  )
})

test('one different byte makes arrays of any length unequal, wherever it is', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (original, at) => {
      const copy = original.slice()
      ok(equalBytes(original, copy))
      copy[at % copy.length] = (copy[at % copy.length] as number) ^ 1
      ok(!equalBytes(original, copy))
    }),
  )
})

test('views into a larger array compare by what they show', () => {
  const whole = Uint8Array.from({ length: 400 }, (_, index) => index % 100)
  ok(equalBytes(whole.subarray(3, 103), whole.subarray(103, 203)))
  equal(compareBytes(whole.subarray(1, 5), whole.subarray(101, 105)), 0)
  equal(toHex(whole.subarray(10, 12)), '0a0b')
})

test('joining gives all parts end to end as a copy', () => {
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 8 }), (parts) => {
      deepEqual(
        [...concatBytes(parts)],
        parts.flatMap((part) => [...part]),
      )
    }),
  )
  const part = Uint8Array.of(1)
  const joined = concatBytes([part])
  part[0] = 2
  equal(joined[0], 1)
  equal(concatBytes([]).length, 0)
  equal(emptyBytes.length, 0)
})

test('hexadecimal round trips in either case and refuses all else', () => {
  fc.assert(
    fc.property(bytes, (original) => {
      const text = toHex(original)
      ok(/^[0-9a-f]*$/.test(text))
      ok(equalBytes(unwrap(fromHex(text)), original))
      ok(equalBytes(unwrap(fromHex(text.toUpperCase())), original))
    }),
  )
  for (const text of ['0', '0g', '0x00', ' 00', '00 ', '00\n', '٠٠', '0'.repeat(41)]) {
    const result = fromHex(text)
    equal(result.ok ? 'accepted' : result.code, 'hex-invalid', JSON.stringify(text))
  }
})

test('latin1 text is lossless for all bytes and shows any part of them', () => {
  const all = Uint8Array.from({ length: 256 }, (_, index) => index)
  equal(toLatin1(all).length, 256)
  ok(equalBytes(fromLatin1(toLatin1(all)), all))
  equal(toLatin1(all, 0x41, 0x44), 'ABC')
})

test('well-formed UTF-8 round trips, a byte order mark included', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      equal(toUtf8(fromUtf8(text)), text)
      equal(toUtf8Lossy(fromUtf8(text)), text)
      equal(utf8Length(text), fromUtf8(text).length)
      const target = new Uint8Array(utf8Length(text) + 3)
      equal(writeUtf8(target, 3, text), utf8Length(text))
      ok(equalBytes(target.subarray(3), fromUtf8(text)))
    }),
  )
  equal(toUtf8(fromUtf8('\ufeffname')), '\ufeffname')
})

test('ill-formed UTF-8 is told apart: undefined where it matters, U+FFFD where it is shown', () => {
  const illFormed = ['80', 'c0af', 'eda080', 'f4908080', 'e282', '61ff62']
  for (const hex of illFormed) {
    const broken = unwrap(fromHex(hex))
    equal(toUtf8(broken), undefined, hex)
    ok(toUtf8Lossy(broken).includes('\ufffd'), hex)
  }
})

test('integers are big-endian, unsigned, and touch only their own bytes', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat({ max: 5 }), (value, offset) => {
      const target = new Uint8Array(16).fill(0xee)
      writeUint64(target, offset, value)
      equal(toHex(target.subarray(offset, offset + 8)), value.toString(16).padStart(16, '0'))
      equal(readUint64(target, offset), value)
      equal(readUint32(target, offset), Number(value >> 32n))
      equal(readUint16(target, offset), Number(value >> 48n))
      ok(target.every((byte, index) => (index >= offset && index < offset + 8) || byte === 0xee))
    }),
  )
  const target = new Uint8Array(8)
  writeUint32(target, 1, 0xfffe_fdfc)
  writeUint16(target, 6, 0xabcd)
  equal(toHex(target), '00fffefdfc00abcd')
  equal(readUint32(target, 1), 0xfffe_fdfc)
  equal(readUint16(target, 6), 0xabcd)
  notEqual(readUint32(target, 1), -66_052)
})

test('integers of 256 bits are written whole, over whatever was there, and lose what is beyond', () => {
  const any = fc.oneof(
    fc.constantFrom(0n, 1n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 256n - 1n),
    fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
  )
  fc.assert(
    fc.property(any, any, fc.nat({ max: 5 }), (before, value, offset) => {
      const target = new Uint8Array(40).fill(0xee)
      writeUint256(target, offset, before)
      writeUint256(target, offset, value)
      equal(toHex(target.subarray(offset, offset + 32)), value.toString(16).padStart(64, '0'))
      ok(target.every((byte, index) => (index >= offset && index < offset + 32) || byte === 0xee))
      writeUint256(target, offset, value + 2n ** 256n)
      equal(toHex(target.subarray(offset, offset + 32)), value.toString(16).padStart(64, '0'))
    }),
  )
})

test('digits written in place are those that are read, and anything else is told', () => {
  fc.assert(
    fc.property(bytes, fc.boolean(), (original, isUpper) => {
      const digits = isUpper ? toHex(original).toUpperCase() : toHex(original)
      const target = new Uint8Array(original.length + 2)
      ok(writeHex(target, 1, `0x${digits}!`, 2, 2 + digits.length))
      deepEqual(target.slice(1, -1), original)
      equal(target[0], 0)
    }),
  )
  const target = new Uint8Array(4)
  for (const wrong of ['/0', '0:', '@a', 'ag', 'G0', '`1', '1 ', '1é', '\u01310'])
    ok(!writeHex(target, 0, wrong, 0, 2), wrong)
  ok(!writeHex(target, 0, 'abc', 0, 3))
  ok(!writeHex(target, 0, 'ab', 0, 4))
})
