// KRPC messages to bytes: the examples of the BEPs, round trips, and the size of a datagram.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, toLatin1 } from '../../../src/base/bytes.ts'
import { scan } from '../../../src/formats/bencode/scan.ts'
import { decodeKrpc } from '../../../src/formats/krpc/decode.ts'
import { encodedLength, encodeKrpc, type SentMessage, valuesThatFit } from '../../../src/formats/krpc/encode.ts'
import type { KrpcResponse } from '../../../src/formats/krpc/message.ts'
import { arbitraryError, arbitraryItemResponse, arbitraryQuery, arbitraryResponse } from './arbitrary-message.ts'

const transactionId = fromLatin1('aa')
const asker = fromLatin1('abcdefghij0123456789')
const answerer = fromLatin1('mnopqrstuvwxyz123456')
const token = fromLatin1('aoeusnth')
const query = { type: 'query', transactionId, id: asker, isReadOnly: false } as const
const getPeers = {
  ...query,
  method: 'get_peers',
  infoHash: answerer,
  want: 'default',
  noSeeds: false,
  isScrape: false,
} as const
const announcePeer = {
  ...query,
  method: 'announce_peer',
  infoHash: answerer,
  port: 6881,
  token,
  isSeed: false,
} as const
const response = { type: 'response', transactionId, id: asker } as const

/** A message without its undefined fields. */
function stated(message: object): object {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined))
}

const examples: readonly (readonly [name: string, message: SentMessage, bytes: string])[] = [
  ['BEP 5 ping', { ...query, method: 'ping' }, 'd1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe'],
  ['BEP 5 ping answer', { ...response, id: answerer }, 'd1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re'],
  [
    'BEP 5 find_node',
    { ...query, method: 'find_node', target: answerer, want: 'default' },
    'd1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe',
  ],
  [
    'BEP 5 get_peers',
    getPeers,
    'd1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe',
  ],
  [
    'BEP 5 get_peers answer with peers',
    { ...response, token, values: [fromLatin1('axje.u'), fromLatin1('idhtnm')] },
    'd1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re',
  ],
  [
    'BEP 5 announce_peer',
    { ...announcePeer, isPortImplied: false },
    'd1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe' +
      '1:q13:announce_peer1:t2:aa1:y1:qe',
  ],
  [
    'BEP 5 announce_peer with the arguments of its example',
    { ...announcePeer, isPortImplied: true },
    'd1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e' +
      '5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe',
  ],
  [
    'BEP 5 error',
    { type: 'error', transactionId, code: 201, message: 'A Generic Error Ocurred' },
    'd1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee',
  ],
  [
    'BEP 32 and 33 get_peers',
    { ...getPeers, want: 'both', noSeeds: true, isScrape: true },
    'd1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234566:noseedi1e6:scrapei1e4:wantl2:n42:n6ee' +
      '1:q9:get_peers1:t2:aa1:y1:qe',
  ],
  [
    'BEP 43 read-only ping with a version',
    { ...query, method: 'ping', isReadOnly: true, version: fromLatin1('SW\x00\x01') },
    'd1:ad2:id20:abcdefghij0123456789e1:q4:ping2:roi1e1:t2:aa1:v4:SW\x00\x011:y1:qe',
  ],
  [
    'BEP 42 ip in an answer',
    { ...response, ip: { family: 4, address: '49.50.51.52', port: 0x3536 } },
    'd2:ip6:1234561:rd2:id20:abcdefghij0123456789e1:t2:aa1:y1:re',
  ],
  [
    'BEP 44 put of an immutable item',
    { ...query, method: 'put', token, item: { kind: 'immutable', value: fromLatin1('12:Hello World!') } },
    'd1:ad2:id20:abcdefghij01234567895:token8:aoeusnth1:v12:Hello World!e1:q3:put1:t2:aa1:y1:qe',
  ],
  [
    'BEP 44 put of a mutable item',
    {
      ...query,
      method: 'put',
      token,
      expectedSequence: 3n,
      item: {
        kind: 'mutable',
        value: fromLatin1('i7e'),
        publicKey: fromLatin1('k'.repeat(32)),
        signature: fromLatin1('s'.repeat(64)),
        sequence: 2n ** 63n - 1n,
        salt: fromLatin1('foobar'),
      },
    },
    `d1:ad3:casi3e2:id20:abcdefghij01234567891:k32:${'k'.repeat(32)}4:salt6:foobar3:seqi9223372036854775807e` +
      `3:sig64:${'s'.repeat(64)}5:token8:aoeusnth1:vi7ee1:q3:put1:t2:aa1:y1:qe`,
  ],
  [
    'BEP 44 get of what is newer',
    { ...query, method: 'get', target: answerer, want: 'default', sequence: 4n },
    'd1:ad2:id20:abcdefghij01234567893:seqi4e6:target20:mnopqrstuvwxyz123456e1:q3:get1:t2:aa1:y1:qe',
  ],
  [
    'BEP 51 sample_infohashes',
    { ...query, method: 'sample_infohashes', target: answerer, want: 'n6' },
    'd1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz1234564:wantl2:n6ee1:q17:sample_infohashes1:t2:aa1:y1:qe',
  ],
  [
    'BEP 51 answer',
    { ...response, samples: fromLatin1('x'.repeat(20)), samplesIntervalSeconds: 60, samplesTotal: 1 },
    'd1:rd2:id20:abcdefghij01234567898:intervali60e3:numi1e7:samples20:xxxxxxxxxxxxxxxxxxxxe1:t2:aa1:y1:re',
  ],
]

describe('KRPC bytes', () => {
  for (const [name, message, bytes] of examples) {
    test(`${name}: encoded as published and read back`, () => {
      assert.equal(toLatin1(encodeKrpc(message)), bytes)
      const decoded = decodeKrpc(fromLatin1(bytes))
      assert.ok(decoded.ok)
      assert.deepEqual(stated(decoded.value), message)
    })
  }

  test('any message is canonical, at most 1,400 bytes, and read back as it was', () => {
    const messages = fc.oneof(arbitraryQuery, arbitraryResponse, arbitraryItemResponse, arbitraryError)
    fc.assert(
      fc.property(messages, (message) => {
        const bytes = encodeKrpc(message)
        assert.equal(bytes.length, encodedLength(message))
        assert.ok(scan(bytes, { strict: true }).ok)
        const decoded = decodeKrpc(bytes)
        assert.ok(decoded.ok)
        assert.deepEqual(stated(decoded.value), structuredClone(message))
      }),
      { numRuns: 400 },
    )
  })

  test('each datagram is memory of its own', () => {
    const first = encodeKrpc({ ...query, method: 'ping' })
    const copy = first.slice()
    encodeKrpc({ ...response, nodes: new Uint8Array(208).fill(0xff) })
    assert.deepEqual(first, copy)
    assert.equal(first.buffer.byteLength, first.length)
  })

  test('what is out of range is an assertion, never a wrong datagram', () => {
    const item = { kind: 'immutable', value: new Uint8Array(1_001) } as const
    const wrong: readonly SentMessage[] = [
      { ...query, method: 'ping', id: asker.subarray(1) },
      { ...query, method: 'ping', transactionId: new Uint8Array(33) },
      { ...query, method: 'ping', version: new Uint8Array(33) },
      { ...getPeers, infoHash: new Uint8Array(32) },
      { ...announcePeer, port: 0, isPortImplied: false },
      { ...announcePeer, port: 65_536, isPortImplied: true },
      { ...announcePeer, token: new Uint8Array(129), isPortImplied: false },
      { ...query, method: 'put', token, item },
      { ...response, item },
      { ...response, nodes: new Uint8Array(25) },
      { ...response, nodes6: new Uint8Array(39) },
      { ...response, values: [new Uint8Array(7)] },
      { ...response, samples: new Uint8Array(19) },
      { ...response, peerFilter: new Uint8Array(255) },
      { ...response, values: new Array(300).fill(new Uint8Array(6)) },
      { ...response, nodes: new Uint8Array(26 * 4_000) },
    ]
    for (const message of wrong) assert.throws(() => encodeKrpc(message), { name: 'AssertionError' })
  })
})

describe('values that fit', () => {
  function filled(base: KrpcResponse, count: number, length: 6 | 18): KrpcResponse {
    return { ...base, values: Array.from({ length: count }, () => new Uint8Array(length)) }
  }

  test('is the largest number that can be sent, whatever else the answer holds', () => {
    const bases = fc.oneof(arbitraryResponse, arbitraryItemResponse)
    fc.assert(
      fc.property(bases, fc.constantFrom<6 | 18>(6, 18), fc.constantFrom(1_024, 1_400), (base, length, maxBytes) => {
        const count = valuesThatFit(base, length, maxBytes)
        if (count > 0) assert.ok(encodedLength(filled(base, count, length)) <= maxBytes)
        assert.ok(encodedLength(filled(base, count + 1, length)) > maxBytes)
      }),
    )
  })

  test('leaves room for well over a hundred peers in an ordinary answer, and none in a full one', () => {
    assert.ok(valuesThatFit({ ...response, token, nodes: new Uint8Array(208) }, 6) > 120)
    assert.equal(valuesThatFit({ ...response, samples: new Uint8Array(20 * 80) }, 6), 0)
  })
})
