// The stream decoder: however a document is cut up, the same values and the same errors as in one piece.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1 } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { decode } from '../../../src/formats/bencode/decode.ts'
import { encode } from '../../../src/formats/bencode/encode.ts'
import { scan } from '../../../src/formats/bencode/scan.ts'
import { type BencodeSink, BencodeStream, type StreamOptions } from '../../../src/formats/bencode/stream.ts'
import { nearlyBencode, values } from './model.ts'
import { decodeInChunks, valueSink } from './value-sink.ts'

const cuts = fc.array(fc.nat(200), { maxLength: 20 })

function verdict(text: string, options: StreamOptions = {}): string {
  const whole = decodeInChunks(fromLatin1(text), [], options)
  const single = decodeInChunks(
    fromLatin1(text),
    Array.from({ length: Math.min(text.length, 5_000) }, (_, index) => index),
    options,
  )
  assert.deepEqual(single, whole, 'the same byte by byte')
  return whole.ok ? 'ok' : whole.code.replace('bencode-', '')
}

/** Calls by name, for order. */
function recorder(): { readonly sink: BencodeSink; readonly calls: string[] } {
  const calls: string[] = []
  const text = (content: Uint8Array) => Buffer.from(content).toString('latin1')
  const sink: BencodeSink = {
    beginDictionary: () => calls.push('{'),
    beginList: () => calls.push('['),
    end: () => calls.push('end'),
    key: (content) => calls.push(`key ${text(content)}`),
    integer: (value) => calls.push(`${value}`),
    string: (content) => calls.push(`"${text(content)}"`),
    beginString: (lengthBytes) => calls.push(`string of ${lengthBytes}`),
    fragment: (content) => calls.push(`~${text(content)}`),
    endString: () => calls.push('string end'),
  }
  return { sink, calls }
}

describe('bencode stream', () => {
  test('gives the value that decode gives, for any cuts and any threshold of fragments', () => {
    fc.assert(
      fc.property(values, cuts, fc.nat(130), (value, at, maxWholeStringBytes) => {
        const bytes = encode(value)
        const streamed = unwrap(decodeInChunks(bytes, at, { strict: true, limits: { maxWholeStringBytes } }))
        assert.deepEqual(streamed, unwrap(decode(bytes)))
      }),
      { numRuns: 500 },
    )
  })

  test('accepts and refuses what scan does, with the same code and place', () => {
    fc.assert(
      fc.property(nearlyBencode, cuts, fc.boolean(), fc.nat(4), (bytes, at, strict, maxDepth) => {
        const limits = { maxDepth, maxTokens: 20 }
        const scanned = decode(bytes, { strict, limits })
        const streamed = decodeInChunks(bytes, at, { strict, limits })
        assert.equal(streamed.ok ? 'ok' : streamed.code, scanned.ok ? 'ok' : scanned.code)
        if (scanned.ok && streamed.ok) assert.deepEqual(streamed.value, scanned.value)
        if (!scanned.ok && !streamed.ok && scanned.code !== 'bencode-truncated')
          assert.equal(streamed.detail, scanned.detail)
      }),
      { numRuns: 2000 },
    )
  })

  test('notices the same first violation as scan', () => {
    fc.assert(
      fc.property(nearlyBencode, (bytes) => {
        const scanned = scan(bytes)
        if (!scanned.ok) return
        const stream = new BencodeStream(valueSink())
        for (const byte of bytes) unwrap(stream.push(new Uint8Array([byte])))
        assert.deepEqual(stream.violation, scanned.value.violation)
      }),
      { numRuns: 300 },
    )
  })

  test('reports events in order, as soon as their bytes are there', () => {
    const { sink, calls } = recorder()
    const stream = new BencodeStream(sink, { limits: { maxWholeStringBytes: 5 } })
    const push = (text: string) => {
      unwrap(stream.push(fromLatin1(text)))
      return calls.splice(0).join(' ')
    }
    assert.equal(push('d1:'), '{')
    assert.equal(push('ai4'), 'key a')
    assert.equal(push('2e1:b'), '42 key b')
    assert.equal(push('5:whole'), '"whole"')
    assert.equal(push('1:c6:fr'), 'key c string of 6 ~fr')
    assert.equal(push('agm'), '~agm')
    assert.equal(push('s1:dl'), '~s string end key d [')
    assert.equal(push('0:e'), '"" end')
    assert.equal(stream.isComplete, false)
    assert.equal(push('e'), 'end')
    assert.equal(stream.isComplete, true)
    assert.deepEqual(stream.finish(), { ok: true, value: 37 })
  })

  test('holds no more of a long string than a chunk', () => {
    const length = 3_000_000
    const sink = valueSink()
    const stream = new BencodeStream(sink)
    unwrap(stream.push(fromLatin1(`d6:pieces${length}:`)))
    for (let sent = 0; sent < length; sent += 10_000) unwrap(stream.push(new Uint8Array(10_000).fill(0x61)))
    unwrap(stream.push(fromLatin1('e')))
    unwrap(stream.finish())
    assert.equal(sink.fragments, 300)
    assert.equal(sink.longestView, 10_000)
    assert.equal((sink.root as Map<string, Uint8Array>).get('pieces')?.length, length)
  })

  test('ends where the value ends: bytes after it are refused, or left and counted', () => {
    assert.equal(verdict('i1ei2e'), 'trailing-data')
    const stream = new BencodeStream(valueSink(), { allowTrailing: true })
    assert.deepEqual(stream.push(fromLatin1('d1:a')), { ok: true, value: 4 })
    assert.deepEqual(stream.push(fromLatin1('i1eeREST')), { ok: true, value: 4 })
    assert.deepEqual(stream.push(fromLatin1('MORE')), { ok: true, value: 0 })
    assert.deepEqual(stream.finish(), { ok: true, value: 8 })
  })

  test('stays failed, and says the same again', () => {
    const { sink, calls } = recorder()
    const stream = new BencodeStream(sink)
    const first = stream.push(fromLatin1('li1exi2e'))
    assert.deepEqual(first, { ok: false, code: 'bencode-syntax', detail: 'a byte that begins no value at byte 4' })
    assert.deepEqual(stream.push(fromLatin1('i3ee')), first)
    assert.deepEqual(stream.finish(), first)
    assert.deepEqual(calls, ['[', '1'])
  })

  test('an unfinished document is truncated, an empty one too', () => {
    for (const text of ['', 'd', 'i1', '3:ab', 'l1:a', '12']) assert.equal(verdict(text), 'truncated', text)
  })

  test('limits hold at the byte that breaks them', () => {
    assert.equal(verdict('l'.repeat(1_000_000)), 'too-deep')
    assert.equal(verdict(`l${'0:'.repeat(99)}e`, { limits: { maxTokens: 100 } }), 'ok')
    assert.equal(verdict(`l${'0:'.repeat(100)}e`, { limits: { maxTokens: 100 } }), 'too-many-tokens')
    assert.equal(verdict('d3:keyi1ee', { limits: { maxKeyBytes: 3 } }), 'ok')
    assert.equal(verdict('d4:keysi1ee', { limits: { maxKeyBytes: 3 } }), 'too-large')
    assert.equal(verdict('l4:spame', { limits: { maxBytes: 8 } }), 'ok')
    assert.equal(verdict('l4:spame', { limits: { maxBytes: 7 } }), 'too-large')
    assert.equal(verdict(`${'9'.repeat(40)}:`), 'too-large')
    assert.equal(verdict(`${'9'.repeat(41)}:`), 'syntax')
    assert.equal(verdict(`i${'1'.repeat(1_000)}`), 'integer-range')
    const beyondArrays = new BencodeStream(valueSink(), { limits: { maxBytes: 2 ** 40 } })
    assert.ok(beyondArrays.push(fromLatin1('d4:data9000000000:')).ok)
    assert.throws(() => new BencodeStream(valueSink(), { limits: { maxDepth: 513 } }), /deepest nesting/)
  })
})
