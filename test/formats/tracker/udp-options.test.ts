// BEP 41 options behind a UDP announce.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, toLatin1 } from '../../../src/base/bytes.ts'
import { decodeUrlData, encodeUrlData, maxUrlDataLength, urlDataOf } from '../../../src/formats/tracker/udp-options.ts'

function decoded(options: readonly number[], offset = 0): string {
  const result = decodeUrlData(Uint8Array.from(options), offset)
  assert.ok(result.ok)
  return toLatin1(result.value)
}

describe('UDP options', () => {
  test('URL data is what the URL has after host and port', () => {
    for (const [url, data] of [
      ['udp://t.example:6969/announce?k=1#part', '/announce?k=1'],
      ['udp://t.example:6969', ''],
      ['udp://[2001:db8::1]:6969/', '/'],
      ['udp://t.example?k=1', '?k=1'],
      ['nonsense', ''],
    ] as const) {
      assert.equal(toLatin1(urlDataOf(url)), data)
    }
  })

  test('is written as one option up to 255 bytes and an end, several beyond', () => {
    const target = new Uint8Array(20).fill(0xee)
    const end = encodeUrlData(target, 3, fromLatin1('/a?b'))
    assert.deepEqual(target.subarray(3, end), Uint8Array.of(2, 4, ...fromLatin1('/a?b'), 0))
    assert.equal(encodeUrlData(target, 3, new Uint8Array(0)), 3)
  })

  test('URL data of any length is read back, wherever it begins', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: maxUrlDataLength }), fc.nat(98), (urlData, offset) => {
        const target = new Uint8Array(1_200).fill(0xee)
        const end = encodeUrlData(target, offset, urlData)
        const result = decodeUrlData(target.subarray(0, end), offset)
        assert.ok(result.ok)
        assert.deepEqual(result.value, urlData)
      }),
    )
  })

  test('padding and unknown options are passed over, and nothing counts after the end', () => {
    assert.equal(decoded([1, 1, 9, 2, 65, 66, 2, 1, 67, 1, 2, 2, 68, 69]), 'CDE')
    assert.equal(decoded([2, 1, 65, 0, 2, 1, 66, 2, 200]), 'A')
    assert.equal(decoded([2, 0, 2, 1, 65]), 'A')
    assert.equal(decoded([]), '')
    assert.equal(decoded([7, 7, 7, 2, 1, 65], 3), 'A')
  })

  test('an option beyond the datagram, or too much data, is refused', () => {
    const tooMuch = Array.from({ length: 5 }, () => [2, 255, ...new Array(255).fill(65)]).flat()
    for (const options of [[2], [2, 1], [2, 3, 65, 66], [9], [9, 255], [1, 2], tooMuch]) {
      const result = decodeUrlData(Uint8Array.from(options), 0)
      assert.ok(!result.ok)
      assert.equal(result.code, 'tracker-request')
    }
  })

  test('never throws on any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 60 }), fc.nat(80), (options, offset) => {
        const result = decodeUrlData(Uint8Array.from(options), offset)
        if (result.ok) assert.ok(result.value.length <= options.length)
      }),
    )
  })
})
