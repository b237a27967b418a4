// The cursor: reading in place gives what decoding gives, and undefined for everything of another type.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, fromUtf8, toLatin1 } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { BencodeCursor } from '../../../src/formats/bencode/cursor.ts'
import { type BencodeValue, decode } from '../../../src/formats/bencode/decode.ts'
import { encode } from '../../../src/formats/bencode/encode.ts'
import { kindDictionary, kindInteger, kindList, kindString, scan } from '../../../src/formats/bencode/scan.ts'
import { values } from './model.ts'

function cursorOf(text: string): BencodeCursor {
  return new BencodeCursor(unwrap(scan(fromLatin1(text))))
}

function read(cursor: BencodeCursor): BencodeValue {
  switch (cursor.kind) {
    case kindInteger:
      return cursor.integer() ?? (cursor.bigint() as bigint)
    case kindString:
      return cursor.bytes() as Uint8Array
    case kindList:
      return [...cursor.elements()].map(read)
    case kindDictionary:
      return new Map([...cursor.entries()].map(([key, value]) => [key.latin1() as string, read(value)]))
  }
}

describe('cursor', () => {
  test('reads every value as decode does', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(value)
        const cursor = new BencodeCursor(unwrap(scan(bytes)))
        assert.deepEqual(read(cursor), unwrap(decode(bytes)))
        assert.deepEqual(cursor.raw(), bytes)
      }),
      { numRuns: 300 },
    )
  })

  test('answers undefined, 0 or nothing when the value has another type', () => {
    for (const text of ['i1e', '1:a', 'le', 'de']) {
      const cursor = cursorOf(text)
      assert.equal(cursor.integer() !== undefined, text === 'i1e')
      assert.equal(cursor.bigint() !== undefined, text === 'i1e')
      for (const content of [cursor.bytes(), cursor.text(), cursor.latin1()])
        assert.equal(content !== undefined, text === '1:a')
      assert.equal(cursor.byteLength, text === '1:a' ? 1 : 0)
      assert.equal(cursor.size, 0)
      assert.equal(cursor.get('a'), undefined)
      assert.deepEqual([...cursor.elements(), ...cursor.entries()], [])
    }
  })

  test('finds keys after values of any size, the first where they repeat, none that are not there', () => {
    const cursor = cursorOf('d1:ali1eli2eee2:abd1:ai9ee1:b0:1:ci3e1:ci4ee')
    assert.equal(cursor.size, 5)
    assert.equal(cursor.get('a')?.size, 2)
    assert.equal(cursor.get('ab')?.get('a')?.integer(), 9)
    assert.equal(cursor.get('b')?.byteLength, 0)
    assert.equal(cursor.get('c')?.integer(), 3)
    for (const key of ['', 'd', 'abc', 'i']) assert.equal(cursor.get(key), undefined)
    assert.equal(cursor.get('a')?.get('a'), undefined)
  })

  test('gives integers as numbers only where they are exact', () => {
    assert.equal(cursorOf('i9007199254740991e').integer(), 9_007_199_254_740_991)
    for (const text of ['i9007199254740992e', 'i-9007199254740992e', 'i18446744073709551615e']) {
      assert.equal(cursorOf(text).integer(), undefined)
      assert.equal(cursorOf(text).bigint(), BigInt(text.slice(1, -1)))
    }
    assert.ok(Object.is(cursorOf('i-0e').integer(), 0))
    assert.equal(cursorOf('i-0042e').integer(), -42)
    assert.equal(cursorOf('i-0042e').bigint(), -42n)
  })

  test('gives text only for well-formed UTF-8', () => {
    const text = toLatin1(fromUtf8('héllo'))
    assert.equal(cursorOf(`${text.length}:${text}`).text(), 'héllo')
    assert.equal(cursorOf('2:\xc3\x28').text(), undefined)
    assert.equal(cursorOf('2:\xc3\x28').latin1(), '\xc3\x28')
  })

  test('outside the tape is a mistake of the caller', () => {
    assert.throws(() => new BencodeCursor(unwrap(scan(fromLatin1('i1e'))), 4), /a node of the tape/)
  })
})
