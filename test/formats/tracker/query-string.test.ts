// Raw percent-encoding and parameters of tracker query strings.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, toLatin1 } from '../../../src/base/bytes.ts'
import { eachParameter, parseDecimal, percentDecode, percentEncode } from '../../../src/formats/tracker/query-string.ts'

function parametersOf(query: string): [string, string][] {
  const found: [string, string][] = []
  eachParameter(query, (name, value) => {
    found.push([name, value])
    return true
  })
  return found
}

describe('percent-encoding', () => {
  test('leaves unreserved characters and escapes every other byte', () => {
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const encoded = percentEncode(every)
    assert.match(encoded, /^(?:[A-Za-z0-9\-._~]|%[0-9A-F]{2})*$/)
    assert.equal(
      percentEncode(fromLatin1('\x124Vx\x9a\xbc\xde\xf1#Eg\x89\xab\xcd\xef')),
      '%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF',
    )
    assert.equal(decodeURIComponent(percentEncode(every.subarray(0, 128))), toLatin1(every, 0, 128))
  })

  test('decoding undoes encoding for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        assert.deepEqual(percentDecode(percentEncode(bytes), 60), bytes)
      }),
    )
  })

  test('reads escapes of either case, raw bytes, and plus as itself', () => {
    assert.deepEqual(percentDecode('%aB%Ab+ z\xff', 6), Uint8Array.of(0xab, 0xab, 0x2b, 0x20, 0x7a, 0xff))
  })

  test('refuses broken escapes, characters that are no byte, and more than asked for', () => {
    for (const text of ['%', '%4', '%4g', '%g4', 'a%', 'a%4', '%%41', '\u0100']) {
      assert.equal(percentDecode(text, 20), undefined, text)
    }
    assert.equal(percentDecode('abc', 2), undefined)
    assert.equal(percentDecode('%61%62%63', 2), undefined)
    assert.equal(percentDecode('a'.repeat(100_000), 20), undefined)
    assert.deepEqual(percentDecode('', 0), new Uint8Array(0))
  })

  test('never throws, and what it gives is never longer than asked for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), fc.nat(40), (text, maxLength) => {
        assert.ok((percentDecode(text, maxLength)?.length ?? 0) <= maxLength)
      }),
    )
  })
})

describe('parameters', () => {
  test('come in order, also without a value, a name or an end', () => {
    assert.deepEqual(parametersOf('?a=1&b&c==2&&=3&a=&d'), [
      ['a', '1'],
      ['b', ''],
      ['c', '=2'],
      ['a', ''],
      ['d', ''],
    ])
    assert.deepEqual(parametersOf(''), [])
    assert.deepEqual(parametersOf('?'), [])
  })

  test('are what URLSearchParams sees where both agree on the syntax', () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,5}$/)
    const parameter = fc.tuple(word, fc.option(word, { nil: undefined }))
    fc.assert(
      fc.property(fc.array(parameter, { maxLength: 10 }), (parameters) => {
        const query = parameters.map(([name, value]) => (value === undefined ? name : `${name}=${value}`)).join('&')
        assert.deepEqual(parametersOf(query), [...new URLSearchParams(query)])
      }),
    )
  })

  test('a walk ends when it is told to', () => {
    let count = 0
    eachParameter('a&b&c', () => {
      count++
      return count < 2
    })
    assert.equal(count, 2)
  })
})

test('decimals are whole, without sign, and capped', () => {
  assert.equal(parseDecimal('0'), 0)
  assert.equal(parseDecimal('0042'), 42)
  assert.equal(parseDecimal('18446744073709551615'), Number.MAX_SAFE_INTEGER)
  for (const text of ['', '-1', '+1', '1.5', '1e3', ' 1', '0x10', '1'.repeat(21), 'NaN']) {
    assert.equal(parseDecimal(text), undefined, text)
  }
})
