// The peer wire decoder: published bytes, any split of the stream, hostile frames, stopping half way.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromHex, toHex, writeUint32 } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { checkBitfield, WireDecoder, withoutSpareBits } from '../../../src/formats/peer/wire-decoder.ts'
import { arbitraryMessages } from './arbitrary-messages.ts'
import { decodeInChunks, encodeMessage, encodeMessages, RecordingSink, type WireMessage } from './recorded-wire.ts'

function bytes(hex: string): Uint8Array {
  return unwrap(fromHex(hex.replaceAll(' ', '')))
}

function frame(id: number, payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(5)
  writeUint32(header, 0, 1 + payload.length)
  header[4] = id
  return concatBytes([header, payload])
}

/** Only the five bytes that announce a frame. */
function announce(id: number, length: number): Uint8Array {
  const header = new Uint8Array(5)
  writeUint32(header, 0, length)
  header[4] = id
  return header
}

function uint32s(...values: number[]): Uint8Array {
  const payload = new Uint8Array(4 * values.length)
  for (const [index, value] of values.entries()) writeUint32(payload, 4 * index, value)
  return payload
}

const root = 'ab'.repeat(32)
const range = { piecesRoot: root, baseLayer: 0, index: 512, length: 2, proofLayers: 3 }
const rangeHex = `${root} 00000000 00000200 00000002 00000003`

const golden: readonly (readonly [hex: string, message: WireMessage])[] = [
  ['00000000', { type: 'keepAlive' }],
  ['00000001 00', { type: 'choke' }],
  ['00000001 01', { type: 'unchoke' }],
  ['00000001 02', { type: 'interested' }],
  ['00000001 03', { type: 'notInterested' }],
  ['00000005 04 00000102', { type: 'have', piece: 0x102 }],
  ['00000003 05 ffe0', { type: 'bitfield', bits: 'ffe0' }],
  ['0000000d 06 00000001 00004000 00004000', { type: 'request', piece: 1, begin: 16_384, length: 16_384 }],
  ['0000000c 07 00000001 00000010 abcdef', { type: 'piece', piece: 1, begin: 16, length: 3, block: 'abcdef' }],
  ['0000000d 08 00000002 00000000 00000001', { type: 'cancel', piece: 2, begin: 0, length: 1 }],
  ['00000003 09 1ae1', { type: 'port', port: 6881 }],
  ['00000005 0d 00000007', { type: 'suggest', piece: 7 }],
  ['00000001 0e', { type: 'haveAll' }],
  ['00000001 0f', { type: 'haveNone' }],
  ['0000000d 10 00000003 00008000 00002000', { type: 'reject', piece: 3, begin: 32_768, length: 8_192 }],
  ['00000005 11 00000000', { type: 'allowedFast', piece: 0 }],
  ['00000004 14 00 6465', { type: 'extended', id: 0, payload: '6465' }],
  [`00000031 15 ${rangeHex}`, { type: 'hashRequest', ...range }],
  [`00000071 16 ${rangeHex} ${'cd'.repeat(64)}`, { type: 'hashes', ...range, hashes: 'cd'.repeat(64) }],
  [`00000031 17 ${rangeHex}`, { type: 'hashReject', ...range }],
]

describe('wire messages', () => {
  for (const [hex, message] of golden) {
    test(`${message.type} has the bytes its BEP gives it, both ways`, () => {
      assert.equal(toHex(encodeMessage(message)), hex.replaceAll(' ', ''))
      assert.deepEqual(decodeInChunks(bytes(hex), []), { messages: [message], code: undefined })
    })
  }
})

describe('wire decoder', () => {
  test('gives back any messages that were encoded, however the stream is cut', () => {
    fc.assert(
      fc.property(arbitraryMessages, fc.array(fc.nat(4_000), { maxLength: 40 }), (messages, positions) => {
        const stream = encodeMessages(messages)
        const cuts = positions.map((position) => position % (stream.length + 1)).sort((a, b) => a - b)
        assert.deepEqual(decodeInChunks(stream, cuts), { messages, code: undefined })
      }),
      { numRuns: 200 },
    )
  })

  test('gives back every message when bytes come one at a time', () => {
    const stream = bytes(golden.map(([hex]) => hex).join(''))
    const everywhere = Array.from(stream.keys())
    assert.deepEqual(
      decodeInChunks(stream, everywhere).messages,
      golden.map(([, message]) => message),
    )
  })

  test('gives the same events and the same failure for any bytes, however they are cut', () => {
    const stream = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 30 }),
        fc.constantFrom(...golden).map(([hex]) => bytes(hex)),
        fc.tuple(fc.nat(24), fc.uint8Array({ maxLength: 60 })).map(([id, payload]) => frame(id, payload)),
      ),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(
        stream,
        fc.array(fc.nat(400), { maxLength: 20 }),
        fc.option(fc.integer({ min: 1, max: 600 })),
        (parts, positions, pieceCount) => {
          const options = pieceCount === null ? {} : { pieceCount }
          const whole = concatBytes(parts)
          const cuts = positions.map((position) => position % (whole.length + 1)).sort((a, b) => a - b)
          assert.deepEqual(decodeInChunks(whole, cuts, options), decodeInChunks(whole, [], options))
        },
      ),
      { numRuns: 400 },
    )
  })

  test('passes blocks on in place: the fragments are the very chunks pushed', () => {
    const seen: [number, Uint8Array, number, number][] = []
    const sink = new RecordingSink()
    sink.blockFragment = (offset, chunk, start, end) => seen.push([offset, chunk, start, end])
    const decoder = new WireDecoder(sink)
    const stream = encodeMessage({ type: 'piece', piece: 0, begin: 0, length: 100, block: '77'.repeat(100) })
    const [first, second] = [stream.subarray(0, 50), stream.subarray(50)]
    assert.equal(decoder.push(first), undefined)
    assert.equal(decoder.push(second), undefined)
    assert.deepEqual(
      seen.map(([offset, , start, end]) => [offset, start, end]),
      [
        [0, 13, 50],
        [37, 0, 63],
      ],
    )
    assert.equal(seen[0]?.[1], first)
    assert.equal(seen[1]?.[1], second)
  })

  test('takes an empty block, by which BitComet refuses a request, with nothing to follow it', () => {
    const messages: WireMessage[] = [
      { type: 'piece', piece: 3, begin: 16_384, length: 0, block: '' },
      { type: 'unchoke' },
    ]
    const stream = concatBytes([frame(7, uint32s(3, 16_384)), encodeMessage({ type: 'unchoke' })])
    assert.deepEqual(decodeInChunks(stream, []), { messages, code: undefined })
    assert.deepEqual(decodeInChunks(stream, Array.from(stream.keys())), { messages, code: undefined })
  })

  test('skips messages of unknown kinds, and says which they were', () => {
    const stream = concatBytes([
      frame(99, new Uint8Array(5_000)),
      frame(200, new Uint8Array(0)),
      frame(1, new Uint8Array(0)),
    ])
    const messages = [
      { type: 'unknown', id: 99, payloadLength: 5_000 },
      { type: 'unknown', id: 200, payloadLength: 0 },
      { type: 'unchoke' },
    ]
    assert.deepEqual(decodeInChunks(stream, [3, 700, 4_000]), { messages, code: undefined })
  })

  test('takes a payload view that ends with its method, so that buffers can be reused', () => {
    const messages: WireMessage[] = [
      { type: 'extended', id: 1, payload: '11'.repeat(300) },
      { type: 'extended', id: 2, payload: '22'.repeat(20_000) },
      { type: 'extended', id: 3, payload: '' },
    ]
    const stream = encodeMessages(messages)
    const cuts = Array.from({ length: Math.floor(stream.length / 1_000) }, (_, index) => index * 1_000 + 7)
    assert.deepEqual(decodeInChunks(stream, cuts).messages, messages)
  })
})

const tooLarge = 'peer-frame-too-large'
const wrongLength = 'peer-frame-length'
const wrongValue = 'peer-frame-value'
const max32 = 0xffff_ffff

const hostile: readonly (readonly [name: string, stream: Uint8Array, code: string, pieceCount?: number])[] = [
  ['a frame of 4 GiB, after its first four bytes', uint32s(max32), tooLarge],
  ['an unknown message over the cap', announce(99, 70_000), tooLarge],
  ['a block over the cap', announce(7, 16_394), tooLarge],
  ['an extended message over the cap', announce(20, 3 + 1024 * 1024), tooLarge],
  ['hashes over the cap', announce(22, 49 + 32 * 8_193), tooLarge],
  ['a bitfield larger than any torrent', announce(5, 2 + 2 ** 18), tooLarge],
  ['a bitfield larger than the torrent', announce(5, 4), tooLarge, 16],
  ['a bitfield smaller than the torrent', announce(5, 2), wrongLength, 16],
  ['an empty bitfield', announce(5, 1), wrongLength],
  ['a choke with a payload', announce(0, 2), wrongLength],
  ['a have without its index', announce(4, 1), wrongLength],
  ['a request too short', announce(6, 12), wrongLength],
  ['a request too long', announce(6, 14), wrongLength],
  ['a port of one byte', announce(9, 2), wrongLength],
  ['a piece without its header', announce(7, 1), wrongLength],
  ['an extended message without an id', announce(20, 1), wrongLength],
  ['a hash request too short', announce(21, 48), wrongLength],
  ['hashes without any', announce(22, 49), wrongLength],
  ['hashes cut inside one', announce(22, 49 + 33), wrongLength],
  ['a have beyond the last piece', frame(4, uint32s(10)), wrongValue, 10],
  ['a have beyond the last piece of any torrent', frame(4, uint32s(2 ** 21)), wrongValue],
  ['a suggestion beyond the last piece', frame(13, uint32s(10)), wrongValue, 10],
  ['an allowed fast beyond the last piece', frame(17, uint32s(max32)), wrongValue, 10],
  ['a request beyond the last piece', frame(6, uint32s(10, 0, 1)), wrongValue, 10],
  ['a cancel beyond the last piece', frame(8, uint32s(10, 0, 1)), wrongValue, 10],
  ['a reject beyond the last piece', frame(16, uint32s(10, 0, 1)), wrongValue, 10],
  ['a block beyond the last piece', frame(7, uint32s(10, 0, 1)), wrongValue, 10],
  ['a request of nothing', frame(6, uint32s(0, 0, 0)), wrongValue],
  ['a request of more than 128 KiB', frame(6, uint32s(0, 0, 131_073)), wrongValue],
  ['a request beyond the largest piece', frame(6, uint32s(0, 512 * 1024 * 1024, 1)), wrongValue],
  ['a request whose end overflows', frame(6, uint32s(0, max32, 16_384)), wrongValue],
  ['a block beyond the largest piece', frame(7, uint32s(0, max32, 1)), wrongValue],
  ['an empty block beyond the last piece', frame(7, uint32s(10, 0)), wrongValue, 10],
  ['an empty block beyond the largest piece', frame(7, uint32s(0, 512 * 1024 * 1024)), wrongValue],
  ['a hash request of nothing', frame(21, concatBytes([bytes(root), uint32s(0, 0, 0, 0)])), wrongValue],
  ['a hash request of too many', frame(21, concatBytes([bytes(root), uint32s(0, 0, 8_193, 0)])), wrongValue],
  ['a hash request past 2^32', frame(21, concatBytes([bytes(root), uint32s(0, max32, 2, 0)])), wrongValue],
  ['a hash request of impossible layers', frame(23, concatBytes([bytes(root), uint32s(max32, 0, 1, 1)])), wrongValue],
  ['more hashes than said', frame(22, concatBytes([bytes(root), uint32s(0, 0, 1, 0), new Uint8Array(64)])), wrongValue],
]

describe('hostile frames', () => {
  for (const [name, stream, code, pieceCount] of hostile) {
    test(`${name}: refused, and nothing after it is delivered`, () => {
      const options = pieceCount === undefined ? {} : { pieceCount }
      const followed = concatBytes([encodeMessage({ type: 'choke' }), stream, encodeMessage({ type: 'unchoke' })])
      const expected = { messages: [{ type: 'choke' }], code }
      assert.deepEqual(decodeInChunks(followed, [], options), expected)
      assert.deepEqual(decodeInChunks(followed, Array.from(followed.keys()), options), expected)
    })
  }

  test('a failure is kept: later bytes answer the same and deliver nothing', () => {
    const sink = new RecordingSink()
    const decoder = new WireDecoder(sink)
    const failure = decoder.push(uint32s(max32))
    assert.equal(failure?.code, tooLarge)
    assert.equal(decoder.push(encodeMessage({ type: 'choke' })), failure)
    assert.deepEqual(sink.messages, [])
  })

  test('memory for a frame is taken as its bytes arrive, not when it is announced', () => {
    const before = process.memoryUsage().arrayBuffers
    const decoders = Array.from({ length: 200 }, () => new WireDecoder(new RecordingSink()))
    const begun = concatBytes([announce(20, 1024 * 1024), new Uint8Array(100)])
    for (const decoder of decoders) assert.equal(decoder.push(begun), undefined)
    assert.ok(process.memoryUsage().arrayBuffers - before < 200 * 4_096)
  })

  test('larger blocks are taken where the options say so, up to 128 KiB', () => {
    const message: WireMessage = { type: 'piece', piece: 0, begin: 0, length: 131_072, block: '00'.repeat(131_072) }
    const stream = encodeMessage(message)
    assert.deepEqual(decodeInChunks(stream, [70_000], { maxBlockLength: 131_072 }), {
      messages: [message],
      code: undefined,
    })
    assert.equal(decodeInChunks(stream, []).code, tooLarge)
    assert.throws(() => new WireDecoder(new RecordingSink(), { maxBlockLength: 131_073 }))
  })
})

describe('the size of the torrent', () => {
  test('counts from the moment it is known', () => {
    const sink = new RecordingSink()
    const decoder = new WireDecoder(sink)
    assert.equal(decoder.push(frame(4, uint32s(1_000))), undefined)
    decoder.setPieceCount(1_000)
    assert.equal(decoder.push(frame(4, uint32s(999))), undefined)
    assert.equal(decoder.push(frame(4, uint32s(1_000)))?.code, wrongValue)
    assert.deepEqual(sink.messages, [
      { type: 'have', piece: 1_000 },
      { type: 'have', piece: 999 },
    ])
  })

  test('decides which bitfield is right', () => {
    assert.equal(checkBitfield(bytes('ff80'), 9), undefined)
    assert.equal(checkBitfield(bytes('ff'), 8), undefined)
    assert.equal(checkBitfield(bytes('ff'), 9)?.code, wrongLength)
    assert.equal(checkBitfield(bytes('ff8000'), 9)?.code, wrongLength)
  })

  test('clears spare bits, in a copy, as libtorrent and Transmission do', () => {
    const right = bytes('ff80')
    assert.equal(withoutSpareBits(right, 9), right)
    assert.equal(withoutSpareBits(right, 16), right)
    const stream = frame(5, bytes('ffff'))
    assert.deepEqual(decodeInChunks(stream, [], { pieceCount: 9 }).messages, [{ type: 'bitfield', bits: 'ff80' }])
    assert.deepEqual(decodeInChunks(stream, []).messages, [{ type: 'bitfield', bits: 'ffff' }], 'while not known')
    assert.deepEqual(stream, frame(5, bytes('ffff')))
  })
})

describe('stop', () => {
  test('from within the sink ends decoding in the middle of a chunk', () => {
    const stream = bytes(golden.map(([hex]) => hex).join(''))
    for (let last = 1; last <= golden.length; last++) {
      const sink = new RecordingSink()
      const decoder = new WireDecoder(sink)
      sink.onMessage = () => {
        if (sink.messages.length === last - 1) decoder.stop()
      }
      assert.equal(decoder.push(stream), undefined)
      assert.equal(decoder.push(stream), undefined)
      assert.equal(sink.messages.length, last)
    }
  })

  test('from within a straddling message ends it too', () => {
    const sink = new RecordingSink()
    const decoder = new WireDecoder(sink)
    sink.onMessage = () => decoder.stop()
    const stream = encodeMessage({ type: 'extended', id: 1, payload: '00'.repeat(500) })
    for (let start = 0; start < stream.length; start += 100) decoder.push(stream.subarray(start, start + 100))
    decoder.push(stream)
    assert.equal(sink.messages.length, 1)
  })
})
