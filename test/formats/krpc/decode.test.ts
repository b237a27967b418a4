// Datagrams from strangers to KRPC messages: tolerant in form, strict in types, never throwing.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, toLatin1 } from '../../../src/base/bytes.ts'
import { type BencodeInput, encode, RawBencode } from '../../../src/formats/bencode/encode.ts'
import { decodeKrpc } from '../../../src/formats/krpc/decode.ts'
import { encodeKrpc } from '../../../src/formats/krpc/encode.ts'
import type { KrpcMessage, RefusedQuery } from '../../../src/formats/krpc/message.ts'
import { arbitraryItemResponse, arbitraryQuery, arbitraryResponse } from './arbitrary-message.ts'

type Fields = Readonly<Record<string, BencodeInput | undefined>>

const id = 'abcdefghij0123456789'
const target = 'mnopqrstuvwxyz123456'

function queryBytes(method: BencodeInput, argument: BencodeInput, rest: Fields = {}): Uint8Array {
  return encode({ a: argument, q: method, t: 'aa', y: 'q', ...rest })
}

function responseBytes(fields: BencodeInput, rest: Fields = {}): Uint8Array {
  return encode({ r: fields, t: 'aa', y: 'r', ...rest })
}

function message(bytes: Uint8Array): KrpcMessage {
  const result = decodeKrpc(bytes)
  assert.ok(result.ok, result.ok ? '' : result.detail)
  return result.value
}

function refused(bytes: Uint8Array): RefusedQuery {
  const value = message(bytes)
  assert.ok(value.type === 'refused-query', toLatin1(bytes))
  assert.deepEqual(value.transactionId, fromLatin1('aa'))
  return value
}

function codeOf(bytes: Uint8Array): string {
  const result = decodeKrpc(bytes)
  assert.ok(!result.ok, toLatin1(bytes))
  return result.code
}

const longText = 'x'.repeat(2_000)
/** One of each type, and strings of wrong lengths. */
const junk: readonly BencodeInput[] = [
  0,
  -1,
  70_000,
  2n ** 64n - 1n,
  '',
  'x',
  'x'.repeat(19),
  'x'.repeat(21),
  longText,
  [],
  [1],
  [[]],
  {},
  { a: 1 },
]

describe('KRPC query', () => {
  const mutable = { k: 'k'.repeat(32), seq: 1, sig: 's'.repeat(64), v: 'value', token: 'tk', id }
  const complete: Readonly<Record<string, Fields>> = {
    ping: { id },
    find_node: { id, target, want: ['n4'] },
    get_peers: { id, info_hash: target, want: ['n6'] },
    announce_peer: { id, info_hash: target, port: 1, token: 'tk' },
    get: { id, target, seq: 1, want: [] },
    put: { ...mutable, salt: 'salt', cas: 1 },
    sample_infohashes: { id, target, want: ['n4', 'n6'] },
  }
  /** What is right for a field among the junk. */
  const isAllowed = (field: string, value: BencodeInput) =>
    (field === 'want' && Array.isArray(value) && value.length === 0) ||
    (field === 'token' && typeof value === 'string' && value.length <= 128) ||
    (field === 'salt' && typeof value === 'string' && value.length <= 64) ||
    ((field === 'seq' || field === 'cas') && typeof value === 'number' && value >= 0) ||
    (field === 'v' && value !== longText)

  for (const [method, argument] of Object.entries(complete)) {
    test(`${method}: any argument of a wrong type, length or range is refused with its transaction id`, () => {
      assert.equal(message(queryBytes(method, argument)).type, 'query')
      let tried = 0
      for (const field of Object.keys(argument)) {
        for (const value of junk) {
          if (isAllowed(field, value)) continue
          const { errorCode, failure } = refused(queryBytes(method, { ...argument, [field]: value }))
          assert.equal(errorCode, field === 'v' ? 205 : field === 'salt' && typeof value === 'string' ? 207 : 203)
          assert.equal(failure.code, 'krpc-argument')
          tried++
        }
      }
      assert.ok(tried >= 13)
    })
  }

  test('each required argument is missed', () => {
    for (const [method, argument] of Object.entries(complete)) {
      for (const field of Object.keys(argument)) {
        if (['want', 'salt', 'cas', 'k'].includes(field) || (method === 'get' && field === 'seq')) continue
        const { [field]: _, ...rest } = argument
        assert.equal(refused(queryBytes(method, rest)).errorCode, 203, `${method} without ${field}`)
      }
    }
  })

  test('an unknown method is refused with 204, and tells its target', () => {
    const { errorCode, failure, target: found } = refused(queryBytes('vote', { id, target }))
    assert.deepEqual([errorCode, failure.code, found], [204, 'krpc-unknown-method', fromLatin1(target)])
    assert.deepEqual(refused(queryBytes('vote', { id, info_hash: target })).target, fromLatin1(target))
    for (const method of ['', 'pin', 'pingg', 'PING', 'find_nodes', longText]) {
      assert.equal(refused(queryBytes(method, { id })).errorCode, 204)
    }
    for (const method of [1, [], {}]) assert.equal(refused(queryBytes(method, { id })).errorCode, 203)
    for (const argument of [1, [], '', new RawBencode(fromLatin1('de'))]) {
      assert.equal(refused(queryBytes('ping', argument)).errorCode, 203)
    }
  })

  test('flags of BEP 33 and 43 and an implied port count when they are not zero', () => {
    const scrape = message(queryBytes('get_peers', { id, info_hash: target, scrape: 1, noseed: 2 }, { ro: 1 }))
    assert.ok(scrape.type === 'query' && scrape.method === 'get_peers')
    assert.deepEqual([scrape.isScrape, scrape.noSeeds, scrape.isReadOnly], [true, true, true])
    const implied = message(
      queryBytes('announce_peer', { id, info_hash: target, implied_port: 1, token: 'x', port: 0, seed: 1 }),
    )
    assert.ok(implied.type === 'query' && implied.method === 'announce_peer')
    assert.deepEqual([implied.port, implied.isPortImplied, implied.isSeed], [0, true, true])
    const plain = message(
      queryBytes('announce_peer', { id, info_hash: target, implied_port: 0, token: 'x', port: 65_535, seed: 'no' }),
    )
    assert.ok(plain.type === 'query' && plain.method === 'announce_peer')
    assert.deepEqual([plain.port, plain.isPortImplied, plain.isSeed], [65_535, false, false])
  })

  test('unknown wants are passed over (BEP 32)', () => {
    for (const [list, want] of [
      [[], 'default'],
      [['n8'], 'default'],
      [['n4'], 'n4'],
      [['x', 'n6'], 'n6'],
      [['n6', 'n4', 'n4'], 'both'],
    ] as const) {
      const query = message(queryBytes('find_node', { id, target, want: list }))
      assert.ok(query.type === 'query' && query.method === 'find_node')
      assert.equal(query.want, want)
    }
  })

  test('a stored value keeps its very bytes, canonical or not', () => {
    const value = fromLatin1('d1:bi007e1:al01:xee')
    const put = message(queryBytes('put', { id, token: 'x', v: new RawBencode(value) }))
    assert.ok(put.type === 'query' && put.method === 'put')
    assert.deepEqual(put.item, { kind: 'immutable', value })
    assert.equal(refused(queryBytes('put', { id, token: 'x', v: 'x'.repeat(997) })).errorCode, 205)
    assert.equal(message(queryBytes('put', { id, token: 'x', v: 'x'.repeat(996) })).type, 'query')
  })

  test('is read with keys in any order, leading zeros and unknown keys', () => {
    const loose = 'd1:y1:q1:t2:aa1:q04:ping1:ad4:junkl1:xe2:id20:abcdefghij0123456789e4:zzzzi00ee'
    const ping = message(fromLatin1(loose))
    assert.ok(ping.type === 'query' && ping.method === 'ping')
    assert.deepEqual(ping.id, fromLatin1(id))
  })

  test('holds views of the datagram', () => {
    const bytes = queryBytes('ping', { id })
    const ping = message(bytes)
    assert.ok(ping.type === 'query')
    assert.equal(ping.id.buffer, bytes.buffer)
    assert.equal(ping.transactionId.buffer, bytes.buffer)
  })
})

describe('KRPC answer', () => {
  const mutable = { id, k: 'k'.repeat(32), seq: 1, sig: 's'.repeat(64), v: 'value' }

  test('any known field of a wrong type or length is refused with a typed code', () => {
    const fields: Fields = {
      ...mutable,
      nodes: '',
      nodes6: '',
      values: [],
      token: '',
      BFsd: 'f'.repeat(256),
      BFpe: 'f'.repeat(256),
      samples: '',
    }
    assert.equal(message(responseBytes(fields)).type, 'response')
    const isAllowed = (field: string, value: BencodeInput) =>
      (['nodes', 'nodes6', 'samples', 'token'].includes(field) && value === '') ||
      (field === 'token' && typeof value === 'string' && value.length <= 128) ||
      (field === 'samples' && value === longText) ||
      (field === 'values' && Array.isArray(value) && value.length === 0) ||
      (field === 'seq' && typeof value === 'number' && value >= 0) ||
      (field === 'v' && value !== longText)
    for (const field of Object.keys(fields)) {
      for (const value of junk) {
        if (!isAllowed(field, value))
          assert.equal(codeOf(responseBytes({ ...fields, [field]: value })), 'krpc-argument', field)
      }
    }
    for (const value of [1, '', [], { nodes: '' }]) assert.equal(codeOf(responseBytes(value)), 'krpc-argument')
    assert.equal(codeOf(encode({ t: 'aa', y: 'r' })), 'krpc-argument')
  })

  test('lists one byte too long or too short are refused, the placeholder in BEP 5 too', () => {
    for (const [field, unit] of [
      ['nodes', 26],
      ['nodes6', 38],
      ['samples', 20],
    ] as const) {
      for (const length of [unit - 1, unit + 1, 2 * unit - 1]) {
        assert.equal(codeOf(responseBytes({ id, [field]: new Uint8Array(length) })), 'krpc-argument')
      }
      assert.equal(message(responseBytes({ id, [field]: new Uint8Array(2 * unit) })).type, 'response')
    }
    assert.equal(
      codeOf(fromLatin1('d1:rd2:id20:0123456789abcdefghij5:nodes9:def456...e1:t2:aa1:y1:re')),
      'krpc-argument',
    )
  })

  test('a list of values may mix families (BEP 32), but holds only strings', () => {
    const mixed = message(responseBytes({ id, values: [new Uint8Array(6), new Uint8Array(18)] }))
    assert.deepEqual(mixed.type === 'response' && mixed.values?.map(({ length }) => length), [6, 18])
    for (const odd of [1, [], {}, ['x'.repeat(6)]]) {
      assert.equal(codeOf(responseBytes({ id, values: [new Uint8Array(6), odd, new Uint8Array(6)] })), 'krpc-argument')
    }
  })

  test('values of another length are passed over and spoil no others', () => {
    for (const length of [0, 4, 5, 7, 12, 17, 19]) {
      const values = [new Uint8Array(length), new Uint8Array(18), new Uint8Array(length), new Uint8Array(6)]
      const read = message(responseBytes({ id, values, token: 'token' }))
      assert.deepEqual(read.type === 'response' && read.values?.map((value) => value.length), [18, 6])
    }
  })

  test('a mutable item needs key, signature and sequence; without its value only the sequence is told', () => {
    const whole = message(responseBytes({ ...mutable, salt: 'not for an answer' }))
    assert.ok(whole.type === 'response' && whole.item?.kind === 'mutable')
    assert.deepEqual([whole.item.sequence, whole.item.salt.length, whole.sequence], [1n, 0, undefined])
    const { v: _, ...withoutValue } = mutable
    const notNewer = message(responseBytes(withoutValue))
    assert.ok(notNewer.type === 'response')
    assert.deepEqual([notNewer.item, notNewer.sequence], [undefined, 1n])
    for (const field of ['seq', 'sig'] as const) {
      const { [field]: __, ...rest } = mutable
      assert.equal(codeOf(responseBytes(rest)), 'krpc-argument')
    }
    assert.equal(codeOf(responseBytes({ ...mutable, seq: 2n ** 63n })), 'krpc-argument')
  })

  test('ip and version that are none are passed over, as are odd numbers of BEP 51', () => {
    for (const value of junk) {
      const plain = message(
        responseBytes({ id }, { ip: value, v: value === '' || typeof value === 'string' ? undefined : value }),
      )
      assert.ok(plain.type === 'response')
      assert.deepEqual([plain.ip, plain.version], [undefined, undefined])
    }
    const bounded = message(responseBytes({ id, interval: 2 ** 40, num: -1 }))
    assert.ok(bounded.type === 'response')
    assert.deepEqual([bounded.samplesIntervalSeconds, bounded.samplesTotal], [21_600, undefined])
    const seen = message(responseBytes({ id }, { ip: Uint8Array.of(192, 0, 2, 1, 0x1a, 0xe1) }))
    assert.deepEqual(seen.type === 'response' && seen.ip, { family: 4, address: '192.0.2.1', port: 6881 })
  })
})

describe('KRPC error', () => {
  test('holds code and text; text that is missing or none is empty, long text is cut', () => {
    for (const [list, text] of [
      [[301], ''],
      [[301, 'cas'], 'cas'],
      [[301, 7], ''],
      [[301, ['cas']], ''],
      [[301, 'x'.repeat(1_000)], 'x'.repeat(256)],
    ] as const) {
      const error = message(encode({ e: list, t: 'aa', y: 'e' }))
      assert.deepEqual(error.type === 'error' && [error.code, error.message], [301, text])
    }
  })

  test('is an error whatever it holds, so that its query is known to have failed', () => {
    for (const [value, code, text] of [
      [undefined, 201, ''],
      [202, 201, ''],
      ['no', 201, 'no'],
      [{}, 201, ''],
      [[], 201, ''],
      [['203', 'no'], 201, '203'],
      [['no', 203], 203, 'no'],
      [[[], 'no'], 201, 'no'],
      [[2n ** 63n], 201, ''],
    ] as const) {
      const error = message(encode({ e: value, t: 'aa', y: 'e' }))
      assert.deepEqual(error.type === 'error' && [error.code, error.message], [code, text])
    }
  })
})

describe('KRPC envelope', () => {
  test('what is no message at all is refused with a typed code', () => {
    for (const value of [
      1,
      'x',
      [],
      {},
      { y: 'q' },
      { t: 'aa' },
      { t: 1, y: 'q' },
      { t: ['aa'], y: 'q' },
      { t: 'x'.repeat(33), y: 'q' },
    ]) {
      assert.equal(codeOf(encode(value)), 'krpc-message')
    }
    for (const y of ['', 'x', 'qq', 1, ['q'], {}])
      assert.equal(codeOf(queryBytes('ping', { id }, { y })), 'krpc-message')
  })

  test('size, depth and number of values are capped', () => {
    assert.equal(codeOf(new Uint8Array(4_097).fill(0x6c)), 'bencode-too-large')
    assert.equal(codeOf(new Uint8Array(1_000_000).fill(0x6c)), 'bencode-too-large')
    assert.equal(codeOf(fromLatin1('l'.repeat(4_096))), 'bencode-too-deep')
    assert.equal(codeOf(responseBytes({ id, values: new Array(1_025).fill('') })), 'bencode-too-many-tokens')
    const nested = (depth: number) => new RawBencode(fromLatin1('l'.repeat(depth) + 'e'.repeat(depth)))
    assert.equal(message(queryBytes('put', { id, token: 'x', v: nested(30) })).type, 'query')
    assert.equal(codeOf(queryBytes('put', { id, token: 'x', v: nested(31) })), 'bencode-too-deep')
  })

  test('a datagram cut off at any byte, or with bytes behind it, is refused', () => {
    for (const bytes of [
      queryBytes('get_peers', { id, info_hash: target, want: ['n4'] }),
      responseBytes({ id, values: [new Uint8Array(6)] }),
    ]) {
      for (let length = 0; length < bytes.length; length++) {
        assert.match(codeOf(bytes.subarray(0, length)), /^bencode-truncated$/)
      }
      assert.equal(codeOf(Uint8Array.of(...bytes, 0x65)), 'bencode-trailing-data')
    }
  })

  test('never throws, whatever is done to a message; a query it still accepts can be sent again', () => {
    const messages = fc.oneof(arbitraryQuery, arbitraryResponse, arbitraryItemResponse)
    const edit = fc.tuple(fc.nat(1_400), fc.oneof(fc.nat(255), fc.constantFrom(...fromLatin1('dlie0123456789:'))))
    fc.assert(
      fc.property(messages, fc.array(edit, { maxLength: 5 }), (original, edits) => {
        const bytes = encodeKrpc(original)
        for (const [offset, byte] of edits) bytes[offset % bytes.length] = byte
        const result = decodeKrpc(bytes)
        if (!result.ok) assert.match(result.code, /^(bencode|krpc)-/)
        else if (result.value.type === 'query') assert.ok(encodeKrpc(result.value).length > 0)
      }),
      { numRuns: 400 },
    )
  })

  test('never throws on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const result = decodeKrpc(bytes)
        if (!result.ok) assert.match(result.code, /^(bencode|krpc)-/)
      }),
    )
  })
})
