// The encoder: one form for every value, and no form for what is no value.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, fromUtf8, toLatin1 } from '../../../src/base/bytes.ts'
import { type BencodeInput, encode, encodeInto, RawBencode } from '../../../src/formats/bencode/encode.ts'
import { scan } from '../../../src/formats/bencode/scan.ts'
import { npmBencode } from '../../npm-bencode.ts'
import { modelEncode, values } from './model.ts'

function text(value: BencodeInput): string {
  return toLatin1(encode(value))
}

describe('encode', () => {
  test('writes the examples of BEP 3', () => {
    assert.equal(text('spam'), '4:spam')
    assert.equal(text(3), 'i3e')
    assert.equal(text(-3), 'i-3e')
    assert.equal(text(0), 'i0e')
    assert.equal(text(['spam', 'eggs']), 'l4:spam4:eggse')
    assert.equal(text({ 'spam': 'eggs', 'cow': 'moo' }), 'd3:cow3:moo4:spam4:eggse')
    assert.equal(text({ 'spam': ['a', 'b'] }), 'd4:spaml1:a1:bee')
  })

  test('writes integers of every size, minus zero as zero', () => {
    const numbers = [-0, 9, 10, 11, 99, 100, 101, 999, 1000, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1)]
    for (const value of numbers) assert.equal(text(value), `i${value}e`)
    for (let power = 0; power <= 15; power++) {
      for (const value of [10 ** power - 1, 10 ** power, 10 ** power + 1]) assert.equal(text(value), `i${value}e`)
    }
    for (const value of [0n, 2n ** 64n - 1n, -(2n ** 63n), 10n ** 18n]) assert.equal(text(value), `i${value}e`)
  })

  test('writes text as UTF-8 with its length in bytes, a lone surrogate as U+FFFD', () => {
    for (const value of [
      '',
      'ü',
      'naïve',
      '日本語',
      '😀',
      'a'.repeat(47),
      'a'.repeat(48),
      'a'.repeat(49),
      'ü'.repeat(5000),
      `${'a'.repeat(40)}é`,
    ]) {
      const content = fromUtf8(value)
      assert.equal(text(value), `${content.length}:${toLatin1(content)}`)
    }
    assert.equal(text('a\ud800'), text('a\ufffd'))
  })

  test('sorts keys as bytes and leaves out what is undefined', () => {
    const keys = ['b', 'a', 'ab', '', 'B', '\xff', '\x80', '\x7f', '10', '9']
    const sorted = 'd0:i1e2:10i1e1:9i1e1:Bi1e1:ai1e2:abi1e1:bi1e1:\x7fi1e1:\x80i1e1:\xffi1ee'
    assert.equal(text(new Map(keys.map((key) => [key, 1]))), sorted)
    assert.equal(text({ 'b': undefined, 'c': 1, 'a': undefined }), 'd1:ci1ee')
    assert.equal(text({ 'a': undefined }), 'de')
    const many = Array.from({ length: 300 }, (_, index) => [`k${(index * 7919) % 300}`, index] as const)
    assert.ok(scan(encode(new Map(many)), { strict: true }).ok)
    assert.equal(text(Object.fromEntries(many)), text(new Map(many)))
  })

  test('does not reorder the keys of the caller', () => {
    const map = new Map([
      ['b', 1],
      ['a', 2],
    ])
    encode(map)
    assert.deepEqual([...map.keys()], ['b', 'a'])
  })

  test('keeps neighbours apart: objects, maps and lists side by side at one level', () => {
    const mixed = [{ 'a': 1, 'b': 2 }, new Map([['a', 3]]), [4], { 'a': 5 }, [], new Map(), {}, [6]]
    assert.equal(text(mixed), 'ld1:ai1e1:bi2eed1:ai3eeli4eed1:ai5eelededeli6eee')
  })

  test('stays right when reading the value encodes another', () => {
    const value = {
      'a': 'before',
      get b() {
        return encode(['between', 'them'])
      },
      'c': 'after',
    }
    assert.equal(text(value), 'd1:a6:before1:b17:l7:between4:theme1:c5:aftere')
  })

  test('places raw bencode as it is', () => {
    assert.equal(text({ 'info': new RawBencode(fromLatin1('d1:zi1e1:ai2ee')), 'a': 1 }), 'd1:ai1e4:infod1:zi1e1:ai2eee')
  })

  test('refuses what is no value', () => {
    const wrong: unknown[] = [
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      2 ** 53,
      2n ** 64n,
      -(2n ** 63n) - 1n,
      null,
      undefined,
      true,
      Symbol('s'),
      () => 1,
    ]
    for (const value of wrong) {
      assert.throws(() => encode(value as BencodeInput), { name: 'AssertionError' }, String(value))
      if (value !== undefined) assert.throws(() => encode({ 'a': value as BencodeInput }), { name: 'AssertionError' })
      assert.throws(() => encode([1, value as BencodeInput]), { name: 'AssertionError' })
    }
    assert.throws(() => encode({ 'ü': 1 }), /key of single bytes/)
    assert.throws(() => encode(new Map([['日', 1]])), /key of single bytes/)
    assert.equal(text({ 'a': 1 }), 'd1:ai1ee', 'goes on after a refusal')
  })

  test('refuses cycles and nesting no scanner reads, not by running out of stack', () => {
    const cycle: BencodeInput[] = []
    cycle.push(cycle)
    assert.throws(() => encode(cycle), /nesting of at most 512/)
    let deep: BencodeInput = []
    for (let depth = 1; depth < 512; depth++) deep = depth % 2 === 0 ? [deep] : { 'a': deep }
    assert.ok(scan(encode(deep), { strict: true, limits: { maxDepth: 512 } }).ok)
    assert.throws(() => encode([deep]), /nesting of at most 512/)
  })

  test('agrees with the model on every value', () => {
    fc.assert(
      fc.property(values, (value) => assert.equal(text(value), modelEncode(value))),
      { numRuns: 500 },
    )
  })

  test('agrees with npm’s bencode where that is right: ASCII keys, safe integers', () => {
    const plain = fc.letrec<{ value: BencodeInput }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        fc.uint8Array({ maxLength: 60 }),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.string({ unit: 'grapheme-ascii', maxLength: 8 }), tie('value'), {
          maxKeys: 4,
          noNullPrototype: true,
        }),
      ),
    })).value
    fc.assert(
      fc.property(plain, (value) => assert.equal(text(value), toLatin1(npmBencode.encode(value)))),
      { numRuns: 300 },
    )
  })
})

describe('encoded bytes', () => {
  test('are the caller’s own: later calls do not change them', () => {
    const first = encode({ 'a': 'first' })
    encode({ 'b': 'second, and longer' })
    assert.equal(toLatin1(first), 'd1:a5:firste')
    assert.equal(first.byteOffset, 0)
    assert.equal(first.buffer.byteLength, first.length)
  })

  test('are right beyond every size at which the buffer grows', () => {
    for (const length of [16_383, 16_384, 16_385, 100_000, 1_048_576, 3_000_000]) {
      const content = new Uint8Array(length).fill(0x61)
      const encoded = encode([content, 'after'])
      assert.equal(encoded.length, 2 + `${length}:`.length + length + '5:after'.length)
      assert.equal(toLatin1(encoded.subarray(-9)), 'a5:aftere')
    }
    const numbers = Array.from({ length: 20_000 }, (_, index) => index)
    assert.equal(text(numbers), `l${numbers.map((value) => `i${value}e`).join('')}e`)
  })

  test('are right wherever a value meets the end of a block', () => {
    const tail: BencodeInput = [
      'naïve',
      { 'some key': 1234567 },
      'plain',
      new Uint8Array(30),
      2n ** 60n,
      'é'.repeat(20),
    ]
    const end = text(tail)
    for (let gap = 0; gap < 220; gap++) {
      const filler = new Uint8Array(16_384 - gap)
      assert.equal(text([filler, tail]), `l${filler.length}:${toLatin1(filler)}${end}e`)
    }
  })

  test('go into a given target at a given offset, and nowhere else', () => {
    const target = new Uint8Array(20).fill(0x21)
    const end = encodeInto(target, 3, { 'a': [1, 'xyz'] })
    assert.equal(toLatin1(target), '!!!d1:ali1e3:xyzee!!')
    assert.equal(end, 18)
    assert.equal(encodeInto(target, 15, 'abc'), 20)
    for (const value of ['abcd', 12345678n, [1, 2, 3], new Uint8Array(4), new RawBencode(new Uint8Array(6))]) {
      assert.throws(() => encodeInto(target, 15, value), /room for the value/)
    }
  })

  test('in a target are those of encode', () => {
    fc.assert(
      fc.property(values, (value) => {
        const encoded = encode(value)
        const target = new Uint8Array(encoded.length)
        assert.equal(encodeInto(target, 0, value), encoded.length)
        assert.deepEqual(target, encoded)
      }),
      { numRuns: 100 },
    )
  })
})
