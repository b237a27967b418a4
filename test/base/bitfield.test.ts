// Bitfields behave as an array of booleans does, whatever the length, and never carry bits beyond the last piece.
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Bitfield } from '../../src/base/bitfield.ts'
import { equalBytes, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'

type Model = boolean[]

/** Dense and sparse ones, short ones and ones over many words, so that runs of equal words occur too. */
const model: fc.Arbitrary<Model> = fc.oneof(
  fc.array(fc.boolean(), { maxLength: 140 }),
  fc
    .tuple(fc.integer({ min: 0, max: 600 }), fc.boolean(), fc.array(fc.nat({ max: 599 }), { maxLength: 4 }))
    .map(([length, fill, exceptions]) =>
      Array.from({ length }, (_, index) => (exceptions.includes(index) ? !fill : fill)),
    ),
)
const modelPair: fc.Arbitrary<readonly [Model, Model]> = fc
  .tuple(model, model)
  .map(([a, b]) => [a, a.map((bit, index) => b[index] ?? !bit)])

function bitfieldOf(bits: Model): Bitfield {
  const bitfield = new Bitfield(bits.length)
  for (const [index, bit] of bits.entries()) if (bit) bitfield.set(index)
  return bitfield
}

function bitsOf(bitfield: Bitfield): Model {
  return Array.from({ length: bitfield.length }, (_, index) => bitfield.get(index))
}

/** Everything that can be asked, compared with the model; the wire form among it, so spare bits are too. */
function agrees(bitfield: Bitfield, bits: Model): void {
  deepEqual(bitsOf(bitfield), bits)
  const count = bits.filter(Boolean).length
  equal(bitfield.count, count)
  equal(bitfield.isComplete, count === bits.length)
  equal(bitfield.hasAny, count > 0)
  const wire = new Uint8Array(Math.ceil(bits.length / 8))
  for (const [index, bit] of bits.entries()) {
    if (bit) wire[index >> 3] = (wire[index >> 3] as number) + 2 ** (7 - (index % 8))
  }
  equal(toHex(bitfield.toBytes()), toHex(wire))
}

test('piece 0 is the high bit of the first byte on the wire (BEP 3)', () => {
  const bitfield = new Bitfield(10)
  bitfield.set(0)
  bitfield.set(9)
  equal(toHex(bitfield.toBytes()), '8040')
  deepEqual(bitsOf(unwrap(Bitfield.fromBytes(Uint8Array.of(0x01, 0x80), 10))).indexOf(true), 7)
})

test('single changes say whether they changed anything and keep the count', () => {
  fc.assert(
    fc.property(model, fc.array(fc.tuple(fc.boolean(), fc.nat()), { maxLength: 40 }), (bits, changes) => {
      const bitfield = bitfieldOf(bits)
      for (const [value, at] of bits.length === 0 ? [] : changes) {
        const index = at % bits.length
        equal(value ? bitfield.set(index) : bitfield.clear(index), bits[index] !== value)
        bits[index] = value
        equal(bitfield.count, bits.filter(Boolean).length)
      }
      agrees(bitfield, bits)
    }),
  )
})

test('whole-set operations agree with the model and leave the other operand alone', () => {
  fc.assert(
    fc.property(modelPair, ([a, b]) => {
      const other = bitfieldOf(b)
      const results = {
        and: a.map((bit, index) => bit && b[index] === true),
        or: a.map((bit, index) => bit || b[index] === true),
        andNot: a.map((bit, index) => bit && b[index] !== true),
      }
      for (const operation of ['and', 'or', 'andNot'] as const) {
        const bitfield = bitfieldOf(a)
        bitfield[operation](other)
        agrees(bitfield, results[operation])
        // Single changes before anybody asked for the count must not spoil it.
        const [added, removed, copied] = [bitfieldOf(a), bitfieldOf(a), bitfieldOf(a)]
        for (const each of [added, removed, copied]) each[operation](other)
        if (a.length > 0) {
          added.set(0)
          removed.clear(0)
        }
        agrees(
          added,
          results[operation].map((bit, index) => bit || index === 0),
        )
        agrees(
          removed,
          results[operation].map((bit, index) => bit && index !== 0),
        )
        agrees(copied.clone(), results[operation])
      }
      agrees(other, b)
    }),
  )
})

test('questions about two sets agree with the model', () => {
  fc.assert(
    fc.property(modelPair, ([a, b]) => {
      const [left, right] = [bitfieldOf(a), bitfieldOf(b)]
      equal(
        left.intersects(right),
        a.some((bit, index) => bit && b[index] === true),
      )
      const isSubset = a.every((bit, index) => !bit || b[index] === true)
      equal(left.isSubsetOf(right), isSubset)
      equal(right.isInterestedIn(left), !isSubset)
      equal(
        left.equals(right),
        a.every((bit, index) => bit === b[index]),
      )
      ok(left.equals(bitfieldOf(a)))
    }),
  )
})

test('searching from any place finds the next set and the next clear bit, or -1', () => {
  fc.assert(
    fc.property(model, (bits) => {
      const bitfield = bitfieldOf(bits)
      for (let from = 0; from <= bits.length + 40; from++) {
        equal(bitfield.nextSet(from), bits.indexOf(true, from))
        equal(bitfield.nextClear(from), bits.indexOf(false, from))
      }
      const visited: number[] = []
      for (let index = bitfield.nextSet(0); index !== -1; index = bitfield.nextSet(index + 1)) visited.push(index)
      deepEqual(
        visited,
        [...bits.keys()].filter((index) => bits[index]),
      )
    }),
    { numRuns: 100 },
  )
})

test('all set, all clear', () => {
  for (const length of [0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 1000]) {
    const bitfield = new Bitfield(length)
    agrees(bitfield, new Array<boolean>(length).fill(false))
    bitfield.setAll()
    agrees(bitfield, new Array<boolean>(length).fill(true))
    bitfield.or(new Bitfield(length))
    agrees(bitfield, new Array<boolean>(length).fill(true))
    agrees(bitfield.clone(), new Array<boolean>(length).fill(true))
    bitfield.clearAll()
    agrees(bitfield, new Array<boolean>(length).fill(false))
  }
})

test('the wire form round trips, and reading it copies', () => {
  fc.assert(
    fc.property(model, (bits) => {
      const wire = bitfieldOf(bits).toBytes()
      const bitfield = unwrap(Bitfield.fromBytes(wire, bits.length))
      wire.fill(0xff)
      equal(
        bitfield.hasAny,
        bits.some((bit) => bit),
      )
      agrees(bitfield, bits)
    }),
  )
})

test('a wrong length and spare bits are refused with their own codes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), fc.nat({ max: 90 }), (bytes, length) => {
      const result = Bitfield.fromBytes(bytes, length)
      const spareBits = bytes.length * 8 - length
      if (bytes.length !== Math.ceil(length / 8)) {
        equal(result.ok ? 'accepted' : result.code, 'bitfield-length')
      } else if ((bytes.at(-1) ?? 0) % 2 ** spareBits !== 0) {
        equal(result.ok ? 'accepted' : result.code, 'bitfield-spare-bits')
        const lenient = unwrap(Bitfield.fromBytes(bytes, length, { spareBits: 'clear' }))
        const bits = Array.from(
          { length },
          (_, index) => Math.floor((bytes[index >> 3] ?? 0) / 2 ** (7 - (index % 8))) % 2 === 1,
        )
        agrees(lenient, bits)
      } else {
        ok(equalBytes(unwrap(result).toBytes(), bytes))
      }
    }),
    { numRuns: 500 },
  )
})

test('each single spare bit is noticed', () => {
  for (let length = 1; length <= 40; length++) {
    for (let bit = length; bit < Math.ceil(length / 8) * 8; bit++) {
      const bytes = new Uint8Array(Math.ceil(length / 8))
      bytes[bit >> 3] = 0x80 >> (bit & 7)
      const result = Bitfield.fromBytes(bytes, length)
      equal(result.ok ? 'accepted' : result.code, 'bitfield-spare-bits', `bit ${bit} of ${length}`)
    }
  }
})

test('the view for the wire shows later changes; a copy and a clone do not', () => {
  const bitfield = new Bitfield(9)
  const [view, copy, clone] = [bitfield.wireView(), bitfield.toBytes(), bitfield.clone()]
  bitfield.set(8)
  equal(toHex(view), '0080')
  equal(toHex(copy), '0000')
  equal(clone.count, 0)
  clone.set(0)
  equal(bitfield.get(0), false)
})

test('bitfields of different lengths are unequal, and mixing them is a bug', () => {
  const [short, long] = [new Bitfield(8), new Bitfield(9)]
  equal(short.equals(long), false)
  for (const mix of [
    () => short.and(long),
    () => short.or(long),
    () => short.andNot(long),
    () => short.intersects(long),
    () => short.isSubsetOf(long),
    () => short.isInterestedIn(long),
  ]) {
    throws(mix, { name: 'AssertionError' })
  }
})

test('an index outside is a bug of the caller', () => {
  const bitfield = new Bitfield(9)
  for (const index of [-1, 9, 15, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    throws(() => bitfield.get(index), { name: 'AssertionError' })
    throws(() => bitfield.set(index), { name: 'AssertionError' })
    throws(() => bitfield.clear(index), { name: 'AssertionError' })
  }
  throws(() => bitfield.nextSet(-1), { name: 'AssertionError' })
  for (const length of [-1, 1.5, Number.NaN]) throws(() => new Bitfield(length), { name: 'AssertionError' })
})

test('the largest torrent has 2^21 pieces: operations on that many bits hold', () => {
  const length = 2 ** 21
  const bitfield = new Bitfield(length)
  bitfield.set(length - 1)
  equal(bitfield.nextSet(0), length - 1)
  const other = new Bitfield(length)
  other.setAll()
  ok(bitfield.isInterestedIn(other))
  other.andNot(bitfield)
  equal(other.count, length - 1)
  equal(other.nextClear(0), length - 1)
  equal(bitfield.intersects(other), false)
})
