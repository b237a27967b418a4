// Bencoded answers to HTTP announces, from both sides.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromLatin1 } from '../../../src/base/bytes.ts'
import { type BencodeInput, encode } from '../../../src/formats/bencode/encode.ts'
import { type AnnounceResponse, maxMessageLength, maxPeers } from '../../../src/formats/tracker/announce.ts'
import {
  type AnnounceReply,
  decodeAnnounceResponse,
  encodeAnnounceResponse,
} from '../../../src/formats/tracker/announce-response.ts'
import { encodeTrackerFailure, maxReplyBytes } from '../../../src/formats/tracker/reply.ts'

function answer(bytes: Uint8Array): AnnounceResponse {
  const result = decodeAnnounceResponse(bytes)
  assert.ok(result.ok && result.value.kind === 'response', JSON.stringify(result))
  return result.value
}

function answerTo(value: BencodeInput): AnnounceResponse {
  return answer(encode(value))
}

function codeOf(bytes: Uint8Array): string {
  const result = decodeAnnounceResponse(bytes)
  assert.ok(!result.ok, 'refused')
  return result.code
}

const peer4 = Uint8Array.of(192, 0, 2, 1, 0x1a, 0xe1)
const peer6 = Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x1a, 0xe2)

describe('announce response', () => {
  test('reads the example of BEP 7, packed peers of both families', () => {
    const response = answer(
      concatBytes([fromLatin1('d8:intervali1800e5:peers6:'), peer4, fromLatin1('6:peers618:'), peer6, fromLatin1('e')]),
    )
    assert.deepEqual(response, {
      kind: 'response',
      intervalSeconds: 1800,
      peers: [
        { family: 4, address: '192.0.2.1', port: 6881 },
        { family: 6, address: '2001:db8::1', port: 6882 },
      ],
    })
  })

  test('reads the long form of BEP 3, without host names and unusable ports', () => {
    const peerId = new Uint8Array(20).fill(65)
    const peers: BencodeInput = [
      { 'peer id': peerId, 'ip': '192.0.2.1', 'port': 1 },
      { 'ip': '2001:0db8::0001', 'port': 65_535, 'peer id': 'short' },
      { ip: 'peer.example', port: 6881 },
      { ip: '192.0.2.2', port: 0 },
      { ip: '192.0.2.2', port: 65_536 },
      { ip: '192.0.2.2', port: '6881' },
      { ip: 3_221_225_985, port: 6881 },
      { port: 6881 },
      'junk',
      7,
      [],
    ]
    assert.deepEqual(answerTo({ interval: 60, peers }).peers, [
      { family: 4, address: '192.0.2.1', port: 1, peerId },
      { family: 6, address: '2001:db8::1', port: 65_535 },
    ])
  })

  test('drops port 0 and all beyond 3,000 peers', () => {
    const peers = new Uint8Array(6 * (maxPeers + 10)).fill(1)
    peers.fill(0, 4, 6)
    assert.equal(answerTo({ interval: 60, peers }).peers.length, maxPeers - 1)
    const long = Array.from({ length: maxPeers + 10 }, () => ({ ip: '192.0.2.1', port: 7 }))
    assert.equal(answerTo({ interval: 60, peers: long, peers6: peer6 }).peers.length, maxPeers)
  })

  test('bounds every interval to 10 seconds to a day', () => {
    for (const [interval, seconds] of [
      [0, 10],
      [-5, 10],
      [-(2n ** 63n), 10],
      [10, 10],
      [1800, 1800],
      [86_400, 86_400],
      [86_401, 86_400],
      [2n ** 64n - 1n, 86_400],
    ] as const) {
      assert.equal(answerTo({ interval }).intervalSeconds, seconds)
    }
    assert.equal(answerTo({ 'interval': 60, 'min interval': 999_999 }).minIntervalSeconds, 86_400)
    assert.equal(answerTo({ peers: '' }).intervalSeconds, 1800, 'the usual one where there is none')
  })

  test('leaves out what only informs and is malformed', () => {
    const bare = answerTo({ interval: 60 })
    for (const junk of [-1, 'text', [], {}]) {
      const response = answerTo({
        'interval': 60,
        'complete': junk,
        'incomplete': junk,
        'downloaded': junk,
        'external ip': junk === 'text' ? '12345' : junk,
        'tracker id': junk === 'text' ? '' : junk,
        'warning message': junk === 'text' ? undefined : junk,
        'min interval': junk === -1 ? undefined : junk,
      })
      assert.deepEqual(response, bare)
    }
  })

  test('takes what can be used where an interval or peers are malformed, as libtorrent does', () => {
    for (const interval of ['1800', [], {}]) {
      const { intervalSeconds, peers } = answerTo({ interval, peers: peer4 })
      assert.deepEqual([intervalSeconds, peers.length], [1800, 1])
    }
    for (const peers of [1, {}, 'x', new Uint8Array(5)]) {
      assert.deepEqual(answerTo({ interval: 60, peers }).peers, [])
      assert.equal(answerTo({ peers, peers6: peer6 }).peers.length, 1)
    }
    for (const rest of [1, 5]) {
      const bytes = new Uint8Array(rest).fill(1)
      assert.equal(answerTo({ peers: concatBytes([peer4, bytes]) }).peers.length, 1)
      assert.equal(answerTo({ peers6: concatBytes([peer6, bytes]) }).peers.length, 1)
    }
    for (const peers6 of [1, {}]) assert.equal(answerTo({ peers: peer4, peers6 }).peers.length, 1)
  })

  test('may be followed by other bytes, the line break that many a script ends with', () => {
    const whole = encode({ interval: 60, peers: peer4 })
    assert.deepEqual(answer(concatBytes([whole, fromLatin1('\r\n')])), answer(whole))
  })

  test('refuses what decides and is malformed, with a typed code', () => {
    for (const value of [{}, { complete: 1 }, [], 1, 'x']) {
      assert.equal(codeOf(encode(value)), 'tracker-response')
    }
    for (const interval of ['text', [], {}]) {
      for (const peers of [undefined, 1, {}]) assert.equal(codeOf(encode({ interval, peers })), 'tracker-response')
    }
    for (const reason of [1, [], {}]) assert.equal(codeOf(encode({ 'failure reason': reason })), 'tracker-response')
    assert.equal(codeOf(fromLatin1('<html>not found</html>')), 'bencode-syntax')
    assert.equal(codeOf(encode({ interval: 60, peers: new Uint8Array(maxReplyBytes) })), 'bencode-too-large')
    assert.equal(codeOf(fromLatin1('l'.repeat(maxReplyBytes))), 'bencode-too-deep')
  })

  test('is refused when cut off at any byte', () => {
    const whole = encodeAnnounceResponse({
      intervalSeconds: 60,
      complete: 1,
      incomplete: 2,
      peers: { form: 'compact', peers: peer4, peers6: peer6 },
    })
    for (let length = 0; length < whole.length; length++) assert.match(codeOf(whole.subarray(0, length)), /^bencode-/)
  })

  test('what a tracker encodes is what a client reads', () => {
    const count = fc.nat(1_000_000)
    const replies = fc.record(
      {
        intervalSeconds: fc.integer({ min: 10, max: 86_400 }),
        minIntervalSeconds: fc.integer({ min: 10, max: 86_400 }),
        complete: count,
        incomplete: count,
        downloaded: count,
        trackerId: fc.uint8Array({ minLength: 1, maxLength: 100 }),
        externalIp: fc.constantFrom(
          { family: 4, address: '192.0.2.9' } as const,
          { family: 6, address: '2001:db8::9' } as const,
        ),
        warning: fc.stringMatching(/^[a-zé ]{0,50}$/),
      },
      { requiredKeys: ['intervalSeconds', 'complete', 'incomplete'] },
    )
    const peer = { family: 4, address: '192.0.2.1', port: 6881, peerId: new Uint8Array(20).fill(1) } as const
    fc.assert(
      fc.property(replies, fc.boolean(), (fields, isLong) => {
        const reply: AnnounceReply = {
          ...fields,
          peers: isLong ? { form: 'long', peers: [peer] } : { form: 'compact', peers: peer4, peers6: peer6 },
        }
        const { peers, ...rest } = answer(encodeAnnounceResponse(reply))
        assert.deepEqual(rest, { kind: 'response', ...fields })
        assert.deepEqual(
          peers.map(({ port }) => port),
          isLong ? [6881] : [6881, 6882],
        )
        if (isLong) assert.deepEqual(peers, [peer])
      }),
    )
  })

  test('holds no view of the bytes it came from', () => {
    const bytes = encode({
      'interval': 60,
      'tracker id': 'abc',
      'peers': [{ 'ip': '192.0.2.1', 'port': 1, 'peer id': 'p'.repeat(20) }],
    })
    const response = answer(bytes)
    bytes.fill(0)
    assert.deepEqual(response.trackerId, fromLatin1('abc'))
    assert.deepEqual(response.peers[0]?.peerId, fromLatin1('p'.repeat(20)))
  })

  test('never throws on any bytes', () => {
    const seed = encodeAnnounceResponse({
      intervalSeconds: 60,
      complete: 1,
      incomplete: 2,
      peers: { form: 'compact', peers: peer4, peers6: peer6 },
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { maxLength: 6 }), (edits) => {
        const bytes = seed.slice()
        for (const [offset, byte] of edits) bytes[offset] = byte
        const result = decodeAnnounceResponse(bytes)
        if (!result.ok) assert.match(result.code, /^(bencode-|tracker-response$)/)
      }),
    )
  })
})

describe('refusal', () => {
  function refusal(value: BencodeInput) {
    const result = decodeAnnounceResponse(encode(value))
    assert.ok(result.ok && result.value.kind === 'failure')
    return result.value
  }

  test('tells the reason and when to ask again (BEP 31)', () => {
    assert.deepEqual(refusal({ 'failure reason': 'go away', 'retry in': 'never', 'interval': 60 }), {
      kind: 'failure',
      reason: 'go away',
      retry: 'never',
    })
    assert.equal(refusal({ 'failure reason': '', 'retry in': 5 }).retry, 300)
    assert.equal(refusal({ 'failure reason': '', 'retry in': -5 }).retry, 60)
    assert.equal(refusal({ 'failure reason': '', 'retry in': 2 ** 50 }).retry, 7 * 86_400)
    for (const junk of ['soon', [], {}]) assert.ok(!('retry' in refusal({ 'failure reason': '', 'retry in': junk })))
  })

  test('is bounded and without control characters, whatever the tracker sends', () => {
    const { reason } = refusal({ 'failure reason': `\x1b[2J\u202e${'é'.repeat(5_000)}` })
    assert.ok(reason.length <= maxMessageLength)
    assert.ok(reason.startsWith(' [2J éé'))
  })

  test('is read back as it was encoded, minutes rounded up', () => {
    for (const [retry, expected] of [
      ['never', 'never'],
      [60, 60],
      [61, 120],
    ] as const) {
      const result = decodeAnnounceResponse(encodeTrackerFailure({ reason: 'no', retry }))
      assert.ok(result.ok)
      assert.deepEqual(result.value, { kind: 'failure', reason: 'no', retry: expected })
    }
    assert.deepEqual(encodeTrackerFailure({ reason: 'no' }), fromLatin1('d14:failure reason2:noe'))
  })
})
