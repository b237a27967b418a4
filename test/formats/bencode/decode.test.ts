// The decoder to plain values: the inverse of the encoder, and the same rules as the scanner.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { equalBytes, fromLatin1, toLatin1 } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { type BencodeValue, decode } from '../../../src/formats/bencode/decode.ts'
import { encode } from '../../../src/formats/bencode/encode.ts'
import { keyText } from '../../../src/formats/bencode/key-text.ts'
import { scan } from '../../../src/formats/bencode/scan.ts'
import { npmBencode } from '../../npm-bencode.ts'
import { modelDecode, modelEncode, nearlyBencode, values } from './model.ts'

function value(text: string): BencodeValue {
  return unwrap(decode(fromLatin1(text)))
}

describe('decode', () => {
  test('reads the examples of BEP 3', () => {
    const bytes = (text: string) => fromLatin1(text)
    assert.deepEqual(value('4:spam'), bytes('spam'))
    assert.deepEqual(value('i-3e'), -3)
    assert.deepEqual(value('l4:spam4:eggse'), [bytes('spam'), bytes('eggs')])
    assert.deepEqual(
      value('d3:cow3:moo4:spam4:eggse'),
      new Map([
        ['cow', bytes('moo')],
        ['spam', bytes('eggs')],
      ]),
    )
    assert.deepEqual(value('d4:spaml1:a1:bee'), new Map([['spam', [bytes('a'), bytes('b')]]]))
  })

  test('gives numbers where they are exact, else bigints', () => {
    assert.equal(value('i9007199254740991e'), 9_007_199_254_740_991)
    assert.equal(value('i-9007199254740991e'), -9_007_199_254_740_991)
    assert.equal(value('i9007199254740992e'), 9_007_199_254_740_992n)
    assert.equal(value('i9007199254740993e'), 9_007_199_254_740_993n)
    assert.equal(value('i-9223372036854775808e'), -9_223_372_036_854_775_808n)
    assert.equal(value('i18446744073709551615e'), 18_446_744_073_709_551_615n)
    assert.ok(Object.is(value('i-0e'), 0))
  })

  test('gives empty and nested containers their place', () => {
    assert.deepEqual(value('lledeli1eee'), [[], new Map(), [1]])
    assert.deepEqual(
      value('d1:ade1:bd1:cleee'),
      new Map<string, BencodeValue>([
        ['a', new Map()],
        ['b', new Map([['c', []]])],
      ]),
    )
  })

  test('reads documents of any number of values, small and large', () => {
    for (const count of [255, 256, 1_000, 20_000]) {
      const wanted = Array.from({ length: count }, (_, index) => index)
      assert.deepEqual(value(`l${wanted.map((number) => `i${number}e`).join('')}e`), wanted)
    }
    const sparse = value(
      `l${'0:'.repeat(3_000)}100000:${'x'.repeat(100_000)}${'0:'.repeat(90_000)}i7ee`,
    ) as BencodeValue[]
    assert.equal(sparse.length, 93_002)
    assert.equal(sparse.at(-1), 7)
    assert.equal((sparse[3_000] as Uint8Array).length, 100_000)
  })

  test('lets the first of repeated keys count, as a cursor does', () => {
    assert.deepEqual(
      value('d1:ai1e1:ai2e1:b1:x1:ad1:ci3eee'),
      new Map<string, BencodeValue>([
        ['a', 1],
        ['b', fromLatin1('x')],
      ]),
    )
  })

  test('gives views of the source, of plain type, at any offset', () => {
    const source = fromLatin1('xxl3:abce')
    const [view] = unwrap(decode(source.subarray(2))) as Uint8Array[]
    source[5] = 0x7a
    assert.equal(toLatin1(view as Uint8Array), 'zbc')
    const fromBuffer = unwrap(decode(Buffer.from('3:abc')))
    assert.equal(Object.getPrototypeOf(fromBuffer), Uint8Array.prototype)
  })

  test('is undone by encode, and undoes it', () => {
    fc.assert(
      fc.property(values, (wanted) => {
        const bytes = fromLatin1(modelEncode(wanted))
        const decoded = unwrap(decode(bytes, { strict: true }))
        assert.deepEqual(decoded, modelDecode(bytes))
        assert.deepEqual(encode(decoded), bytes)
        assert.deepEqual(unwrap(decode(encode(wanted))), decoded)
      }),
      { numRuns: 500 },
    )
  })

  test('agrees with the model and the scanner on anything', () => {
    fc.assert(
      fc.property(nearlyBencode, (bytes) => {
        const strict = decode(bytes, { strict: true })
        assert.deepEqual(strict.ok ? strict.value : undefined, modelDecode(bytes))
        const scanned = scan(bytes)
        const decoded = decode(bytes)
        if (scanned.ok) assert.ok(decoded.ok)
        else assert.deepEqual(decoded, scanned)
      }),
      { numRuns: 1000 },
    )
  })

  test('gives npm’s bencode back what it wrote', () => {
    const plain = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        fc.uint8Array({ maxLength: 60 }),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.string({ unit: 'grapheme-ascii', maxLength: 8 }), tie('value'), {
          maxKeys: 4,
          noNullPrototype: true,
        }),
      ),
    })).value
    fc.assert(
      fc.property(plain, (wanted) => {
        const bytes = npmBencode.encode(wanted)
        const decoded = decode(bytes, { strict: true })
        assert.ok(decoded.ok)
        assert.ok(equalBytes(encode(decoded.value), bytes))
        assert.deepEqual(asObjects(decoded.value), asObjects(npmBencode.decode(bytes)))
      }),
      { numRuns: 300 },
    )
  })
})

/** Maps as objects, so that both decoders' values compare. */
function asObjects(decoded: unknown): unknown {
  if (decoded instanceof Uint8Array) return toLatin1(decoded)
  if (Array.isArray(decoded)) return decoded.map(asObjects)
  if (typeof decoded !== 'object' || decoded === null) return decoded
  const entries = decoded instanceof Map ? [...decoded] : Object.entries(decoded)
  return new Map(entries.map(([key, child]) => [key, asObjects(child)]))
}

describe('text of keys', () => {
  test('is the latin1 text of exactly these bytes, whatever was asked before', () => {
    // Few letters and many strings: different keys meet in one slot all the time.
    const letters = fc.constantFrom(0x61, 0x62, 0xff, 0)
    const key = fc.array(letters, { maxLength: 26 }).map((codes) => new Uint8Array(codes))
    fc.assert(
      fc.property(fc.array(key, { minLength: 10, maxLength: 40 }), (keys) => {
        for (const bytes of [...keys, ...keys]) {
          const padded = new Uint8Array([1, ...bytes, 2])
          assert.equal(keyText(padded, 1, 1 + bytes.length), Buffer.from(bytes).toString('latin1'))
        }
      }),
      { numRuns: 200 },
    )
  })
})
