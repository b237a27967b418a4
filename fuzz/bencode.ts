// Fuzz target: bencode (BEP 3), all its readers at once. For any bytes scanner, decoder and stream agree on value
// and error; what is canonical is what encoding gives back; tapes and work stay within the limits.
import assert from 'node:assert/strict'
import { equalBytes, fromLatin1 } from '../src/base/bytes.ts'
import { BencodeCursor } from '../src/formats/bencode/cursor.ts'
import { decode } from '../src/formats/bencode/decode.ts'
import { encode, encodeInto } from '../src/formats/bencode/encode.ts'
import { nodesEnd, type ScanOptions, scan, type Tape } from '../src/formats/bencode/scan.ts'
import { decodeInChunks } from '../test/formats/bencode/value-sink.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const limits = { maxBytes: 8_192, maxDepth: 20, maxTokens: 1_000 }

/** Every span lies within its parent's, after its predecessor's, and every container is as long as it says. */
function checkSpans(tape: Tape): void {
  const pending = [new BencodeCursor(tape)]
  let seen = 0
  for (let cursor = pending.pop(); cursor !== undefined; cursor = pending.pop()) {
    seen++
    const children = cursor.kind === 2 ? [...cursor.elements()] : [...cursor.entries()].flat()
    assert.equal(children.length, cursor.kind === 3 ? cursor.size * 2 : cursor.size)
    let position = cursor.start + 1
    for (const child of children) {
      assert.equal(child.start, position)
      position = child.end
    }
    if (cursor.kind >= 2) assert.equal(cursor.end, position + 1)
    pending.push(...children)
  }
  assert.equal(seen, nodesEnd(tape.cells) / 4)
  assert.ok(seen <= limits.maxTokens)
}

function checkOptions(input: Uint8Array, options: ScanOptions): void {
  const scanned = scan(input, options)
  const decoded = decode(input, options)
  const half = input.length >>> 1
  const streamed = decodeInChunks(input, [1, 2, half - 1, half, half + 1], {
    ...options,
    limits: { ...options.limits, maxWholeStringBytes: 10, maxKeyBytes: limits.maxBytes },
  })
  if (!scanned.ok || !decoded.ok || !streamed.ok) {
    assert.ok(!scanned.ok && !decoded.ok && !streamed.ok, 'all refuse or none')
    assert.deepEqual(decoded, scanned)
    // A scanner knows the length of its input at once, a stream only as it comes.
    if (input.length <= limits.maxBytes) assert.equal(streamed.code, scanned.code)
    assert.ok(scanned.detail.length < 200)
    return
  }
  const { end, violation } = scanned.value
  checkSpans(scanned.value)
  const encoded = encode(decoded.value)
  assert.ok(equalBytes(encode(streamed.value), encoded))
  assert.equal(equalBytes(encoded, input.subarray(0, end)), violation === undefined, 'canonical is what encode writes')
  assert.equal(scan(encoded, { ...options, strict: true }).ok, true)
  assert.equal(encodeInto(new Uint8Array(encoded.length), 0, decoded.value), encoded.length)
}

const texts = [
  'i42e',
  'i-9223372036854775808e',
  '4:spam',
  'l4:spam4:eggse',
  'd3:cow3:moo4:spam4:eggse',
  'd1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe',
  'd1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re',
  'd8:announce20:http://tracker.test/4:infod5:filesld6:lengthi3e4:pathl1:a1:beeee4:name1:x12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae',
  `${'l'.repeat(20)}${'e'.repeat(20)}`,
  'd0:d0:d0:leeee',
  'd8:msg_typei1e5:piecei0e10:total_sizei34256eexxxxxxxx',
  `l${'0:'.repeat(300)}e`,
]

export const target: FuzzTarget = {
  name: 'bencode',
  seeds: texts.map(fromLatin1),
  tokens: ['d1:a', 'i18446744073709551615e', 'i-9223372036854775809e', '01:a', 'i01e', 'i-0e', '2:aa', '10:'].map(
    fromLatin1,
  ),
  run(input) {
    for (const strict of [false, true]) {
      for (const allowTrailing of [false, true]) checkOptions(input, { strict, allowTrailing, limits })
    }
  },
}
