// A peer connection: two of them back to back say what they mean, whatever the chunks; what may come when; what is kept
// until there is someone to tell; floods, silence, and the end.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromHex, fromLatin1, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { peerId } from '../../src/base/ids.ts'
import type { HashRange } from '../../src/formats/peer/wire-messages.ts'
import type { PeerConnection } from '../../src/peer/peer-connection.ts'
import { encodeMessage, encodeMessages, type WireMessage } from '../formats/peer/recorded-wire.ts'
import { allFlags, KeptBytes, livePeer, noFlags, receiveInChunks, somePeer, testPeer } from './piped-connection.ts'
import { rangeText } from './recorded-events.ts'

const options = { numRuns: 200 }
const pieceCount = 20
const range: HashRange = { piecesRoot: new Uint8Array(32).fill(7), baseLayer: 0, index: 4, length: 4, proofLayers: 3 }
const recordedRange = { ...range, piecesRoot: '07'.repeat(32) }

function payloadOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + seed) & 0xff)
}

/** One thing to say, and the line the other side keeps; undefined where nothing may arrive. */
interface Saying {
  readonly say: (connection: PeerConnection) => void
  readonly line: string
  /** Block asked for by the other side beforehand. */
  readonly isAnswer?: true
}

const piece = fc.nat(pieceCount - 1)
const begin = fc.nat(1_000).map((index) => index * 16_384)
const blockRange = fc.tuple(piece, begin, fc.integer({ min: 1, max: 16_384 }))

const saying: fc.Arbitrary<Saying> = fc.oneof(
  piece.map((p): Saying => ({ say: (c) => c.have(p), line: `have ${p}` })),
  piece.map((p): Saying => ({ say: (c) => c.suggest(p), line: `suggest ${p}` })),
  piece.map((p): Saying => ({ say: (c) => c.allowedFast(p), line: `allowed fast ${p}` })),
  piece.map((p): Saying => ({ say: (c) => c.donthave(p), line: `donthave ${p}` })),
  blockRange.map(([p, b, l]): Saying => ({ say: (c) => c.request(p, b, l), line: `request ${b}+${l} of ${p}` })),
  blockRange.map(([p, b, l]): Saying => ({ say: (c) => c.cancel(p, b, l), line: `cancel ${b}+${l} of ${p}` })),
  blockRange.map(
    ([p, b, l]): Saying => ({ say: (c) => c.reject(p, b, l), line: `reject ${b}+${l} of ${p}`, isAnswer: true }),
  ),
  blockRange.map(
    ([p, b, l]): Saying => ({
      say: (c) => c.block(p, b, payloadOf(l, p)),
      line: `block ${b}+${l} of ${p}`,
      isAnswer: true,
    }),
  ),
  fc.constant<Saying>({ say: (c) => c.hashRequest(range), line: `hash request ${rangeText(range)}` }),
  fc.constant<Saying>({ say: (c) => c.dhtPort(6881), line: 'dht port 6881' }),
  fc
    .uint8Array({ maxLength: 40 })
    .map((bytes): Saying => ({ say: (c) => c.extended('ut_pex', bytes), line: `extension ut_pex ${toHex(bytes)}` })),
  fc.constant<Saying>({ say: (c) => c.flush(), line: '' }),
)

describe('two peer connections', () => {
  test('tell each other what was said, in order, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(saying, { maxLength: 30 }), fc.array(fc.nat(40_000), { maxLength: 40 }), (sayings, cuts) => {
        const speaker = livePeer()
        const listener = livePeer()
        // So that the speaker knows the listener's numbers, which is how it can send extension messages.
        listener.connection.extensionHandshake({})
        speaker.connection.receive(listener.sink.take(), 0)
        for (const { isAnswer } of sayings) if (isAnswer) listener.connection.request(0, 0, 16_384)
        for (const { say } of sayings) say(speaker.connection)
        speaker.connection.flush()
        const stream = speaker.sink.take()
        assert.equal(receiveInChunks(listener.connection, stream, cuts), undefined)
        assert.deepEqual(
          listener.events.lines,
          sayings.map(({ line }) => line).filter((line) => line !== ''),
        )
        assert.equal(speaker.connection.sentBytes, stream.length)
        assert.equal(listener.connection.receivedBytes, stream.length)
        assert.equal(listener.connection.receivedPayloadBytes, speaker.connection.sentPayloadBytes)
      }),
      options,
    )
  })

  test('carry blocks unchanged', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16_384 }), fc.array(fc.nat(17_000), { maxLength: 20 }), (length, cuts) => {
        const [seed, leech] = [livePeer(), livePeer()]
        const block = payloadOf(length, 3)
        leech.connection.request(1, 0, length)
        assert.equal(seed.connection.block(1, 0, block), true)
        receiveInChunks(leech.connection, seed.sink.take(), cuts)
        assert.deepEqual(leech.events.blocks, [block])
      }),
      options,
    )
  })

  test('keep the states of both, and say each change once', () => {
    const [one, other] = [livePeer(), livePeer()]
    const exchange = () => {
      one.connection.flush()
      other.connection.receive(one.sink.take(), 0)
    }
    assert.deepEqual([one.connection.amChoking, one.connection.amInterested], [true, false])
    assert.deepEqual([other.connection.isChoking, other.connection.isInterested], [true, false])
    one.connection.choke()
    one.connection.notInterested()
    exchange()
    assert.equal(one.connection.sentBytes, 0)
    for (let repeat = 0; repeat < 2; repeat++) {
      one.connection.unchoke()
      one.connection.interested()
    }
    exchange()
    assert.deepEqual([one.connection.amChoking, one.connection.amInterested], [false, true])
    assert.deepEqual([other.connection.isChoking, other.connection.isInterested], [false, true])
    one.connection.choke()
    one.connection.notInterested()
    exchange()
    assert.deepEqual(other.events.lines, ['unchoke', 'interested', 'choke', 'not interested'])
  })
})

describe('writing', () => {
  test('small messages wait for flush and leave in one write', () => {
    const { connection, sink } = livePeer()
    for (let index = 0; index < 50; index++) connection.request(index % pieceCount, 0, 16_384)
    assert.equal(sink.writes, 0)
    connection.flush()
    connection.flush()
    assert.equal(sink.writes, 1)
    assert.equal(sink.take().length, 50 * 17)
  })

  test('a block takes what waits before it along, in order, and says whether the stream is full', () => {
    const { connection, sink } = livePeer()
    connection.unchoke()
    sink.answer = false
    assert.equal(connection.block(1, 16_384, payloadOf(5, 0)), false)
    assert.equal(sink.writes, 1)
    const expected = encodeMessages([
      { type: 'unchoke' },
      { type: 'piece', piece: 1, begin: 16_384, length: 5, block: toHex(payloadOf(5, 0)) },
    ])
    assert.deepEqual(sink.take(), expected)
  })

  test('two thousand requests in one turn are all written, in order, from a bounded buffer', () => {
    const { connection, sink } = livePeer()
    const wanted: WireMessage[] = []
    for (let index = 0; index < 2_000; index++) {
      connection.request(index % pieceCount, index * 16_384, 16_384)
      wanted.push({ type: 'request', piece: index % pieceCount, begin: index * 16_384, length: 16_384 })
    }
    connection.flush()
    assert.deepEqual(sink.take(), encodeMessages(wanted))
  })

  test('messages of BEP 6 go only to peers that have it, extended ones to peers with BEP 10, ports to DHT nodes', () => {
    const { connection, sink } = livePeer({
      remote: { flags: noFlags, infoHash: '00'.repeat(20), peerId: somePeer },
      isV2: false,
    })
    connection.haveAll()
    connection.haveNone()
    connection.reject(0, 0, 1)
    connection.suggest(0)
    connection.allowedFast(0)
    connection.dhtPort(1)
    assert.equal(connection.extensionHandshake({}), false)
    assert.equal(connection.uploadOnly(true), false)
    assert.equal(connection.donthave(3), false)
    assert.equal(connection.hashRequest(range), false)
    connection.flush()
    assert.equal(sink.take().length, 0)
    assert.equal(connection.supportsFast, false)
  })

  test('bitfield, have all, have none and hashes reach the other side', () => {
    const says: readonly (readonly [(connection: PeerConnection) => void, string])[] = [
      [(c) => c.bitfield(Uint8Array.of(0xff, 0, 0x10)), 'bitfield ff0010'],
      [(c) => c.haveAll(), 'have all'],
      [(c) => c.haveNone(), 'have none'],
    ]
    for (const [say, line] of says) {
      const [speaker, listener] = [livePeer(), livePeer()]
      say(speaker.connection)
      listener.connection.hashRequest(range)
      listener.connection.hashRequest(range)
      speaker.connection.hashes(range, new Uint8Array(64).fill(1))
      speaker.connection.hashReject(range)
      speaker.connection.flush()
      assert.equal(listener.connection.receive(speaker.sink.take(), 0), undefined)
      const answers = [`hashes ${rangeText(range)}: ${'01'.repeat(64)}`, `hash reject ${rangeText(range)}`]
      assert.deepEqual(listener.events.lines, [line, ...answers])
    }
  })
})

describe('what a peer may send', () => {
  const bitfield: WireMessage = { type: 'bitfield', bits: 'fffff0' }
  const block: WireMessage = { type: 'piece', piece: 1, begin: 0, length: 2, block: 'abcd' }
  const reject: WireMessage = { type: 'reject', piece: 1, begin: 0, length: 2 }
  const hashes: WireMessage = { type: 'hashes', ...recordedRange, hashes: '00'.repeat(32) }
  const forbidden: readonly (readonly [name: string, messages: readonly WireMessage[]])[] = [
    ['have none after have all', [{ type: 'haveAll' }, { type: 'haveNone' }]],
    ['a block that was not asked for', [block]],
    ['an empty block that was not asked for', [{ ...block, length: 0, block: '' }]],
    ['a reject of nothing', [reject]],
    ['hashes that were not asked for', [hashes]],
    ['a hash reject of nothing', [{ type: 'hashReject', ...recordedRange }]],
  ]
  for (const [name, messages] of forbidden) {
    test(`not ${name}: peer-protocol, and nothing is told or sent after it`, () => {
      const { connection, events, sink } = livePeer()
      const before = encodeMessages(messages.slice(0, -1))
      if (before.length > 0) assert.equal(connection.receive(before, 0), undefined)
      const told = events.lines.length
      const wrong = connection.receive(encodeMessages([messages.at(-1) as WireMessage, { type: 'unchoke' }]), 0)
      assert.equal(wrong?.code, 'peer-protocol')
      assert.equal(events.lines.length, told)
      assert.equal(connection.receive(encodeMessage({ type: 'unchoke' }), 1), wrong)
      connection.have(1)
      connection.flush()
      assert.equal(sink.take().length, 0)
    })
  }

  const withoutFast: readonly WireMessage[] = [
    { type: 'haveAll' },
    { type: 'haveNone' },
    { type: 'suggest', piece: 1 },
    { type: 'allowedFast', piece: 1 },
    reject,
  ]
  for (const message of withoutFast) {
    test(`not ${message.type} unless both sides have BEP 6`, () => {
      for (const [ours, theirs] of [
        [allFlags, noFlags],
        [noFlags, allFlags],
      ] as const) {
        const remote = { flags: theirs, infoHash: '00'.repeat(20), peerId: somePeer }
        const { connection } = livePeer({ local: ours, remote, isV2: false })
        connection.request(1, 0, 2)
        assert.equal(connection.receive(encodeMessage(message), 0)?.code, 'peer-protocol')
      }
    })
  }

  test('not extended messages unless both sides have BEP 10', () => {
    const remote = { flags: noFlags, infoHash: '00'.repeat(20), peerId: somePeer }
    const { connection } = livePeer({ remote })
    const wrong = connection.receive(encodeMessage({ type: 'extended', id: 0, payload: '' }), 0)
    assert.equal(wrong?.code, 'peer-protocol')
  })

  test('but a bitfield after other messages, and haves without one', () => {
    const { connection, events } = livePeer()
    const stream = encodeMessages([
      { type: 'keepAlive' },
      { type: 'unchoke' },
      { type: 'extended', id: 0, payload: toHex(fromLatin1('de')) },
      bitfield,
      { type: 'have', piece: 3 },
    ])
    assert.equal(connection.receive(stream, 0), undefined)
    assert.deepEqual(events.lines, ['unchoke', 'extension handshake', 'bitfield fffff0', 'have 3'])
    const other = livePeer()
    assert.equal(other.connection.receive(encodeMessage({ type: 'have', piece: 3 }), 0), undefined)
  })

  test('but bitfields and have all in place of later haves, as aria2 does', () => {
    const { connection, events } = livePeer()
    const stream = encodeMessages([{ type: 'haveNone' }, { type: 'have', piece: 3 }, bitfield, { type: 'haveAll' }])
    assert.equal(connection.receive(stream, 0), undefined)
    assert.deepEqual(events.lines, ['have none', 'have 3', 'bitfield fffff0', 'have all'])
  })

  test('but not more than haves could be saved by them: peer-flood', () => {
    for (const message of [bitfield, { type: 'haveAll' }] satisfies WireMessage[]) {
      const { connection } = livePeer()
      const many = Array.from({ length: 101 }, () => message)
      assert.equal(connection.receive(encodeMessages(many), 0), undefined)
      assert.equal(connection.receive(encodeMessage(message), 0)?.code, 'peer-flood')
    }
  })

  test('one answer for each request, where a cancel may be answered too', () => {
    const { connection, events } = livePeer()
    connection.request(1, 0, 2)
    connection.request(1, 2, 2)
    connection.cancel(1, 2, 2)
    const stream = encodeMessages([block, { ...block, begin: 2, length: 0, block: '' }, reject])
    assert.equal(connection.receive(stream, 0), undefined)
    assert.deepEqual(events.lines, ['block 0+2 of 1', 'reject 2+0 of 1', 'reject 0+2 of 1'])
    assert.equal(connection.receive(encodeMessages([reject, reject]), 0), undefined)
    const other = livePeer()
    other.connection.request(1, 0, 2)
    other.connection.receive(encodeMessage(block), 0)
    assert.equal(other.connection.receive(encodeMessage(block), 0)?.code, 'peer-protocol')
    assert.equal(connection.receive(encodeMessage(reject), 0)?.code, 'peer-protocol')
  })

  test('a reject without BEP 6 on a version 2 connection', () => {
    const remote = { flags: noFlags, infoHash: '00'.repeat(20), peerId: somePeer }
    const { connection, events } = livePeer({ remote, isV2: true })
    connection.request(1, 0, 2)
    assert.equal(connection.receive(encodeMessage(reject), 0), undefined)
    assert.deepEqual(events.lines, ['reject 0+2 of 1'])
  })

  test('what the decoder refuses ends the connection with its code', () => {
    const { connection } = livePeer()
    const wrong = connection.receive(encodeMessage({ type: 'have', piece: pieceCount }), 0)
    assert.equal(wrong?.code, 'peer-frame-value')
    const other = livePeer()
    assert.equal(other.connection.receive(unwrap(fromHex('7fffffff')), 0)?.code, 'peer-frame-too-large')
  })

  test('hash requests on a version 1 connection are refused without asking anyone', () => {
    const { connection, events, sink } = livePeer({ isV2: false })
    connection.receive(encodeMessage({ type: 'hashRequest', ...recordedRange }), 0)
    connection.flush()
    assert.deepEqual(sink.take(), encodeMessage({ type: 'hashReject', ...recordedRange }))
    assert.deepEqual(events.lines, [])
  })

  test('a block nobody wants is skipped', () => {
    const { connection, events } = livePeer()
    events.wantsBlocks = false
    connection.request(1, 0, 2)
    assert.equal(connection.receive(encodeMessages([block, { type: 'unchoke' }]), 0), undefined)
    assert.deepEqual(events.lines, ['block 0+2 of 1', 'unchoke'])
    assert.deepEqual(events.blocks, [])
    assert.equal(connection.receivedPayloadBytes, 2)
  })
})

describe('before the metadata', () => {
  const states: readonly WireMessage[] = [
    { type: 'allowedFast', piece: 5 },
    { type: 'interested' },
    { type: 'unchoke' },
    { type: 'extended', id: 0, payload: toHex(fromLatin1('d11:upload_onlyi1ee')) },
  ]

  test('what came is told once the size is known, in whichever order it is and events are set', () => {
    const stream = encodeMessages([{ type: 'bitfield', bits: '0000ff' }, { type: 'have', piece: 0 }, ...states])
    for (const isSizeFirst of [true, false]) {
      const { connection, events } = testPeer({ checkedPieceCount: pieceCount })
      assert.equal(connection.receive(stream, 0), undefined)
      assert.deepEqual(events.lines, ['extension handshake'])
      if (isSizeFirst) connection.setPieceCount(pieceCount)
      connection.setEvents(events)
      if (!isSizeFirst) connection.setPieceCount(pieceCount)
      const replayed = ['bitfield 8000f0', 'allowed fast 5', 'upload only true', 'interested', 'unchoke']
      assert.deepEqual(events.lines.slice(1), replayed)
      connection.receive(encodeMessage({ type: 'have', piece: 1 }), 0)
      assert.equal(events.lines.at(-1), 'have 1')
      connection.receive(encodeMessage({ type: 'bitfield', bits: '0000ff' }), 0)
      assert.equal(events.lines.at(-1), 'bitfield 0000f0')
    }
  })

  const donthave = (lost: number): WireMessage => ({
    type: 'extended',
    id: 3,
    payload: lost.toString(16).padStart(8, '0'),
  })
  const replays: readonly (readonly [messages: readonly WireMessage[], lines: readonly string[]])[] = [
    [
      [{ type: 'haveAll' }, donthave(3), donthave(4), { type: 'have', piece: 4 }],
      ['have all', 'donthave 3'],
    ],
    [
      [{ type: 'haveNone' }, { type: 'have', piece: 9 }],
      ['have none', 'have 9'],
    ],
    [[{ type: 'have', piece: 9 }, { type: 'have', piece: 2 }, donthave(9)], ['have 2']],
    [[{ type: 'bitfield', bits: 'c00000' }, donthave(0)], ['bitfield 400000']],
    [
      [
        { type: 'have', piece: 9 },
        { type: 'bitfield', bits: 'c00000' },
      ],
      ['bitfield c04000'],
    ],
    [
      [
        { type: 'haveNone' },
        { type: 'bitfield', bits: '800000' },
        { type: 'have', piece: 9 },
        { type: 'bitfield', bits: '0000f0' },
      ],
      ['bitfield 8040f0'],
    ],
    [
      [{ type: 'haveAll' }, donthave(3), donthave(4), { type: 'bitfield', bits: '100000' }],
      ['have all', 'donthave 4'],
    ],
    [
      [{ type: 'bitfield', bits: 'c00000' }, donthave(0), { type: 'haveAll' }, donthave(5)],
      ['have all', 'donthave 5'],
    ],
    [[{ type: 'unchoke' }, { type: 'choke' }, { type: 'interested' }, { type: 'notInterested' }], []],
  ]
  for (const [messages, lines] of replays) {
    test(`${messages.map(({ type }) => type).join(', ')} come to what they come to`, () => {
      const { connection, events } = testPeer({ checkedPieceCount: pieceCount })
      connection.setEvents(events)
      assert.equal(connection.receive(encodeMessages(messages), 0), undefined)
      assert.deepEqual(events.lines, [])
      assert.equal(connection.setPieceCount(pieceCount), undefined)
      assert.deepEqual(events.lines, lines)
    })
  }

  test('a bitfield or piece of another size ends the connection when the size is known', () => {
    const sizes: readonly (readonly [WireMessage, string])[] = [
      [{ type: 'bitfield', bits: 'ffff' }, 'peer-frame-length'],
      [{ type: 'have', piece: pieceCount }, 'peer-frame-value'],
      [{ type: 'allowedFast', piece: 2 ** 20 }, 'peer-frame-value'],
    ]
    const right: WireMessage = { type: 'bitfield', bits: '000000' }
    for (const [message, code, ...others] of [
      ...sizes,
      [{ type: 'haveAll' }, 'peer-frame-length', { type: 'bitfield', bits: 'ffff' }],
      [right, 'peer-frame-length', { type: 'bitfield', bits: 'ffff' }, right],
    ] satisfies (readonly [WireMessage, string, ...WireMessage[]])[]) {
      const { connection, events } = testPeer({ checkedPieceCount: pieceCount })
      connection.setEvents(events)
      connection.receive(encodeMessages([message, ...others]), 0)
      const wrong = connection.setPieceCount(pieceCount)
      assert.equal(wrong?.code, code)
      assert.equal(connection.receive(encodeMessage({ type: 'unchoke' }), 0), wrong)
      assert.deepEqual(events.lines, [])
    }
  })

  test('nothing that was kept is told once the stream turned out malformed', () => {
    const { connection, events } = testPeer({ checkedPieceCount: pieceCount })
    connection.setEvents(events)
    const stream = concatBytes([encodeMessage({ type: 'haveAll' }), unwrap(fromHex('0000000204'))])
    const wrong = connection.receive(stream, 0)
    assert.equal(wrong?.code, 'peer-frame-length')
    assert.equal(connection.setPieceCount(pieceCount), wrong)
    assert.deepEqual(events.lines, [])
  })

  test('requests are rejected, hash requests too, and answers to our hash requests go to whoever asked', () => {
    const lines: string[] = []
    const { connection, sink } = testPeer({
      hashAnswers: {
        onHashes: (answered) => lines.push(`hashes ${rangeText(answered)}`),
        onHashReject: (answered) => lines.push(`reject ${rangeText(answered)}`),
      },
    })
    connection.hashRequest(range)
    connection.hashRequest(range)
    connection.flush()
    sink.take()
    const request: WireMessage = { type: 'request', piece: 1, begin: 0, length: 9 }
    const stream: WireMessage[] = [
      request,
      { type: 'hashRequest', ...recordedRange },
      { type: 'hashes', ...recordedRange, hashes: '00'.repeat(32) },
      { type: 'hashReject', ...recordedRange },
    ]
    assert.equal(connection.receive(encodeMessages(stream), 0), undefined)
    connection.flush()
    assert.deepEqual(
      sink.take(),
      encodeMessages([
        { ...request, type: 'reject' },
        { type: 'hashReject', ...recordedRange },
      ]),
    )
    assert.deepEqual(lines, [`hashes ${rangeText(range)}`, `reject ${rangeText(range)}`])
  })

  test('more requests than two full queues are a flood, for nobody was unchoked', () => {
    const { connection } = testPeer()
    const request: WireMessage = { type: 'request', piece: 1, begin: 0, length: 9 }
    const queued = encodeMessages(Array.from({ length: 4_000 }, () => request))
    assert.equal(connection.receive(queued, 0), undefined)
    assert.equal(connection.receive(queued, 10_000), undefined)
    assert.equal(connection.receive(encodeMessage(request), 10_000)?.code, 'peer-flood')
  })

  test('a size that is told again changes nothing', () => {
    const { connection, events } = testPeer({ pieceCount })
    assert.equal(connection.setPieceCount(pieceCount), undefined)
    connection.setEvents(events)
    const haves = Array.from({ length: 4_000 + pieceCount + 1 }, (): WireMessage => ({ type: 'have', piece: 1 }))
    assert.equal(connection.receive(encodeMessages(haves), 0)?.code, 'peer-flood')
  })

  test('the size may be set from within an event, and what follows in the same chunk is told', () => {
    const { connection, events } = testPeer({ checkedPieceCount: pieceCount })
    connection.setEvents(events)
    events.onLine = (line) => {
      if (line.startsWith('extension ut_metadata')) connection.setPieceCount(pieceCount)
    }
    const stream = encodeMessages([
      { type: 'haveAll' },
      { type: 'extended', id: 1, payload: 'ab' },
      { type: 'have', piece: 1 },
    ])
    assert.equal(connection.receive(stream, 0), undefined)
    assert.deepEqual(events.lines, ['extension ut_metadata ab', 'have all', 'have 1'])
  })
})

describe('extensions', () => {
  test('are exchanged by name in both numberings; others are passed over', () => {
    const one = livePeer({ offers: [{ name: 'ut_pex', maxPayloadBytes: 100 }] })
    const other = livePeer({
      offers: [
        { name: 'xx_first', maxPayloadBytes: 10 },
        { name: 'ut_pex', maxPayloadBytes: 100 },
      ],
    })
    assert.equal(one.connection.extended('ut_pex', Uint8Array.of(1)), false)
    one.connection.extensionHandshake({ listenPort: 99, metadataLengthBytes: 7 })
    other.connection.extensionHandshake({ client: 'Other 1.0' })
    other.connection.receive(one.sink.take(), 0)
    one.connection.receive(other.sink.take(), 0)
    assert.equal(other.events.handshake?.listenPort, 99)
    assert.equal(other.events.handshake?.requestQueueLength, 2_000)
    assert.equal(one.connection.client, 'Other 1.0')
    assert.equal(other.connection.client, 'libtorrent 2.0.8.0')
    assert.equal(one.connection.supports('xx_first'), true)
    assert.equal(other.connection.supports('xx_first'), false)
    assert.equal(one.connection.extended('ut_pex', Uint8Array.of(1, 2)), true)
    assert.equal(one.connection.extended('ut_holepunch', Uint8Array.of(1, 2)), false)
    other.connection.receive(one.sink.take(), 0)
    other.connection.receive(encodeMessage({ type: 'extended', id: 77, payload: 'ff' }), 0)
    assert.deepEqual(other.events.lines, ['extension handshake', 'extension ut_pex 0102'])
  })

  test('later handshakes change what they name and turn off with 0', () => {
    const { connection } = livePeer()
    const say = (text: string) =>
      connection.receive(encodeMessage({ type: 'extended', id: 0, payload: toHex(fromLatin1(text)) }), 0)
    say('d1:md6:ut_pexi1e6:xx_onei2ee4:reqqi77e1:v3:abce')
    say('d1:md6:ut_pexi0e6:xx_twoi3eee')
    assert.deepEqual(
      ['ut_pex', 'xx_one', 'xx_two'].map((name) => connection.supports(name)),
      [false, true, true],
    )
    assert.deepEqual([connection.client, connection.requestQueueLength], ['abc', 77])
    assert.equal(say('not a dictionary'), undefined)
  })

  test('a payload over the cap of its offer ends the connection', () => {
    const { connection } = livePeer({ offers: [{ name: 'ut_pex', maxPayloadBytes: 3 }] })
    connection.receive(encodeMessage({ type: 'extended', id: 1, payload: '010203' }), 0)
    const wrong = connection.receive(encodeMessage({ type: 'extended', id: 1, payload: '01020304' }), 0)
    assert.equal(wrong?.code, 'peer-frame-too-large')
  })

  test('of the names of a peer 200 are kept over all its handshakes, and a handshake has 64 KiB at most', () => {
    const { connection } = livePeer({ offers: [{ name: 'large', maxPayloadBytes: 100_000 }] })
    const say = (text: string) =>
      connection.receive(encodeMessage({ type: 'extended', id: 0, payload: toHex(fromLatin1(text)) }), 0)
    for (const hundred of ['1', '2', '3']) {
      const names = Array.from({ length: 100 }, (_, index) => `3:${hundred}${String(index).padStart(2, '0')}i9e`)
      say(`d1:md${names.join('')}ee`)
    }
    assert.deepEqual(
      ['100', '199', '200', '299', '300', '399'].map((name) => connection.supports(name)),
      [true, true, true, true, false, false],
    )
    assert.equal(say(`d1:v65500:${'v'.repeat(65_500)}e`), undefined)
    assert.equal(say(`d1:v65600:${'v'.repeat(65_600)}e`)?.code, 'peer-frame-too-large')
  })

  test('upload only is told when it changes, by handshake or message, and said by message where the peer has it', () => {
    const [one, other] = [livePeer(), livePeer()]
    one.connection.uploadOnly(true)
    other.connection.receive(one.sink.take(), 0)
    other.connection.extensionHandshake({})
    one.connection.receive(other.sink.take(), 0)
    one.connection.uploadOnly(true)
    one.connection.uploadOnly(false)
    const messages = one.sink.take()
    assert.ok(messages.length < 20)
    other.connection.receive(messages, 0)
    assert.deepEqual(other.events.lines, ['extension handshake', 'upload only true', 'upload only false'])
    assert.equal(other.connection.isUploadOnly, false)
  })

  test('how many requests a peer keeps is believed, or known of its kind', () => {
    const bitComet = { flags: allFlags, infoHash: '00'.repeat(20), peerId: peerId(fromLatin1('-BC0200-abcdefghijkl')) }
    assert.equal(livePeer().connection.requestQueueLength, 250)
    assert.equal(livePeer({ remote: bitComet }).connection.requestQueueLength, 50)
    assert.equal(livePeer({ remote: bitComet }).connection.client, 'BitComet 0.2.0.0')
  })

  test('Transmission is asked for one block less at once than it says it keeps', () => {
    const id = peerId(fromLatin1('-TR3000-abcdefghijkl'))
    for (const [said, kept] of [
      [512, 511],
      [1, 1],
    ]) {
      const { connection } = livePeer({ remote: { flags: allFlags, infoHash: '00'.repeat(20), peerId: id } })
      const payload = toHex(fromLatin1(`d4:reqqi${said}ee`))
      connection.receive(encodeMessage({ type: 'extended', id: 0, payload }), 0)
      assert.equal(connection.requestQueueLength, kept)
    }
  })
})

describe('floods and silence', () => {
  const floods: readonly (readonly [name: string, message: WireMessage, most: number])[] = [
    ['keep-alive', { type: 'keepAlive' }, 100],
    ['choke', { type: 'choke' }, 500],
    ['interest', { type: 'interested' }, 4_000],
    ['have', { type: 'have', piece: 1 }, 4_000 + pieceCount],
    ['request', { type: 'request', piece: 1, begin: 0, length: 1 }, 20_000],
    ['cancel', { type: 'cancel', piece: 1, begin: 0, length: 1 }, 8_000],
    ['extended', { type: 'extended', id: 99, payload: '' }, 4_000],
    ['extension handshake', { type: 'extended', id: 0, payload: '6465' }, 20],
    ['hash request', { type: 'hashRequest', ...recordedRange }, 20_000],
    ['suggest', { type: 'suggest', piece: 1 }, 2_000],
    ['port', { type: 'port', port: 1 }, 500],
  ]
  for (const [name, message, most] of floods) {
    test(`${name} messages at once are limited to ${most}, and come back with time`, () => {
      const { connection, events } = livePeer()
      const [some, one] = [repeated(message, most), encodeMessage(message)]
      assert.equal(connection.receive(some, 0), undefined)
      assert.equal(connection.receive(some, 3_600_000), undefined)
      const told = events.lines.length
      assert.equal(connection.receive(one, 3_600_000)?.code, 'peer-flood')
      assert.equal(events.lines.length, told)
    })
  }

  function repeated(message: WireMessage, times: number): Uint8Array {
    const one = encodeMessage(message)
    const all = new Uint8Array(one.length * times)
    for (let index = 0; index < times; index++) all.set(one, index * one.length)
    return all
  }

  test('a peer may tell every piece of a large torrent at once', () => {
    const large = 100_000
    const { connection } = livePeer({ pieceCount: large })
    const haves = concatBytes(
      Array.from({ length: large }, (_, index) => encodeMessage({ type: 'have', piece: index })),
    )
    assert.equal(connection.receive(haves, 0), undefined)
  })

  test('a peer that asks without reading is cut when too much waits for it', () => {
    const { connection, sink } = livePeer()
    sink.queuedBytes = 4 * 1024 * 1024
    assert.equal(connection.receive(encodeMessage({ type: 'keepAlive' }), 0), undefined)
    sink.queuedBytes++
    assert.equal(connection.receive(encodeMessage({ type: 'keepAlive' }), 0)?.code, 'peer-flood')
    assert.equal(connection.wake(1)?.code, 'peer-flood')
  })

  test('we say that we are here after 100 s of saying nothing', () => {
    const { connection, sink } = livePeer()
    assert.equal(connection.nextWakeMs(), 100_000)
    connection.receive(encodeMessage({ type: 'keepAlive' }), 60_000)
    connection.have(1)
    connection.flush()
    sink.take()
    assert.equal(connection.nextWakeMs(), 160_000)
    assert.equal(connection.wake(100_000), undefined)
    assert.equal(sink.take().length, 0)
    assert.equal(connection.wake(160_000), undefined)
    assert.deepEqual(sink.take(), encodeMessage({ type: 'keepAlive' }))
    assert.equal(connection.nextWakeMs(), 180_000)
  })

  test('who is woken when it asked to be has something to do, however times are rounded', () => {
    for (const saidMs of [0.1, 8671.35504858475, 36252.705, 99_999.3]) {
      const { connection, sink } = livePeer()
      connection.receive(encodeMessage({ type: 'keepAlive' }), saidMs)
      connection.have(1)
      connection.flush()
      sink.take()
      const wakeMs = connection.nextWakeMs()
      assert.equal(connection.wake(wakeMs), undefined)
      assert.deepEqual(sink.take(), encodeMessage({ type: 'keepAlive' }))
      assert.equal(connection.wake(connection.nextWakeMs())?.code, 'timed-out')
    }
  })

  test('a peer that is silent for 120 s has timed out, unless it was we who did not read', () => {
    const { connection, events } = livePeer()
    connection.receive(encodeMessage({ type: 'keepAlive' }), 10_000)
    assert.equal(connection.wake(129_999), undefined)
    connection.forgiveSilence(100_000)
    assert.equal(connection.wake(130_000), undefined)
    assert.equal(connection.wake(220_000)?.code, 'timed-out')
    assert.equal(connection.receive(encodeMessage({ type: 'unchoke' }), 220_000)?.code, 'timed-out')
    assert.deepEqual(events.lines, [])
  })
})

describe('stop', () => {
  test('from within any event ends events and writing at once', () => {
    const messages: readonly WireMessage[] = [
      { type: 'bitfield', bits: 'fffff0' },
      { type: 'unchoke' },
      { type: 'interested' },
      { type: 'piece', piece: 1, begin: 0, length: 4, block: '01020304' },
      { type: 'extended', id: 0, payload: toHex(fromLatin1('d11:upload_onlyi1ee')) },
      { type: 'extended', id: 1, payload: '00' },
      { type: 'have', piece: 2 },
    ]
    const stream = encodeMessages(messages)
    for (let stopAt = 0; stopAt < 7; stopAt++) {
      const { connection, events, sink } = livePeer()
      connection.request(1, 0, 4)
      connection.flush()
      sink.take()
      events.onLine = () => {
        if (events.lines.length <= stopAt) return
        connection.stop()
        events.isOver = true
      }
      assert.equal(receiveInChunks(connection, stream, [28, 29, 30]), undefined)
      assert.equal(events.lines.length, stopAt + 1)
      connection.have(3)
      connection.flush()
      connection.block(1, 0, Uint8Array.of(1))
      assert.equal(sink.take().length, 0)
    }
  })

  test('from within what is replayed ends that too', () => {
    const { connection, events } = testPeer({ checkedPieceCount: pieceCount })
    connection.receive(encodeMessages([{ type: 'haveNone' }, { type: 'have', piece: 1 }, { type: 'unchoke' }]), 0)
    events.onLine = () => {
      connection.stop()
      events.isOver = true
    }
    connection.setEvents(events)
    connection.setPieceCount(pieceCount)
    assert.deepEqual(events.lines, ['have none'])
  })

  test('before the size is known drops what was kept', () => {
    const { connection, events } = testPeer({ checkedPieceCount: pieceCount })
    connection.receive(encodeMessage({ type: 'haveAll' }), 0)
    connection.stop()
    connection.setEvents(events)
    assert.equal(connection.setPieceCount(pieceCount), undefined)
    assert.deepEqual(events.lines, [])
  })
})

describe('an encryption stage', () => {
  test('sees every byte once, both ways', () => {
    const invert = (bytes: Uint8Array) => bytes.map((byte) => byte ^ 0xff)
    const { connection, events, sink } = livePeer({
      stage: {
        opened: invert,
        sealing: (inner) => ({
          write: (header, payload) => inner.write(invert(header), payload === undefined ? undefined : invert(payload)),
        }),
      },
    })
    connection.receive(invert(encodeMessage({ type: 'unchoke' })), 0)
    assert.deepEqual(events.lines, ['unchoke'])
    connection.have(3)
    connection.block(1, 0, Uint8Array.of(1, 2))
    const expected = encodeMessages([
      { type: 'have', piece: 3 },
      { type: 'piece', piece: 1, begin: 0, length: 2, block: '0102' },
    ])
    assert.deepEqual(sink.take(), invert(expected))
    assert.ok(new KeptBytes().write(expected))
  })
})
