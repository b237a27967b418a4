// One node and datagrams: what it answers to the published queries (BEP 5) and to everything else, and within which
// bounds (S17, S20).
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { fromLatin1, toHex, toLatin1 } from '../../src/base/bytes.ts'
import { sha1 } from '../../src/base/hash.ts'
import { DhtNode, type DhtNodeOptions } from '../../src/dht/dht-node.ts'
import { decodeKrpc } from '../../src/formats/krpc/decode.ts'
import { encodeKrpc } from '../../src/formats/krpc/encode.ts'
import type { KrpcMessage, KrpcQuery, KrpcResponse } from '../../src/formats/krpc/message.ts'
import { arbitraryQuery } from '../formats/krpc/arbitrary-message.ts'
import { fakeSignatures } from './dht-world.ts'

const noLimits = { queriesPerSecond: 1e9, answerBytesPerSecond: 1e12 }
const id = fromLatin1('abcdefghij0123456789')
const infoHash = fromLatin1('mnopqrstuvwxyz123456')
const asker = { address: '8.8.8.8', port: 6_881 }

interface Sent {
  readonly place: number
  readonly bytes: Uint8Array
  readonly address: string
  readonly port: number
}

function newNode(options: Partial<DhtNodeOptions> = {}) {
  const sent: Sent[] = []
  const clock = { nowMs: 0 }
  const sink = {
    onSend: (place: number, bytes: Uint8Array, address: string, port: number) =>
      void sent.push({ place, bytes: bytes.slice(), address, port }),
  }
  const node = new DhtNode(
    {
      random: simulatedRandom(1),
      signatures: fakeSignatures,
      places: [{ family: 4 }, { family: 6 }],
      limits: noLimits,
      ...options,
    },
    sink,
    0,
  )
  /** What comes back for a datagram; at most one datagram. */
  const ask = (datagram: Uint8Array, from = asker, place = 0): KrpcMessage | undefined => {
    sent.length = 0
    node.receive(place, datagram, from.address, from.port, clock.nowMs)
    assert.ok(sent.length <= 1)
    const [answer] = sent
    if (answer === undefined) return undefined
    assert.deepEqual([answer.place, answer.address, answer.port], [place, from.address, from.port])
    const decoded = decodeKrpc(answer.bytes)
    assert.ok(decoded.ok)
    return decoded.value
  }
  const answer = (query: KrpcQuery, from = asker, place = 0): KrpcResponse => {
    const message = ask(encodeKrpc(query), from, place)
    assert.ok(message?.type === 'response')
    return message
  }
  return { node, sent, clock, ask, answer }
}

const head = { type: 'query', transactionId: fromLatin1('aa'), id, isReadOnly: false } as const
const getPeers: KrpcQuery = { ...head, method: 'get_peers', infoHash, want: 'default', noSeeds: false, isScrape: false }

/** A node whose table has nodes of both families: all that it asks answer, with ids made of their addresses. */
function nodeWithTable() {
  const made = newNode()
  const { node, sent, clock } = made
  node.handle({ type: 'start' }, 0)
  const isKnown = (address: string) => /^9\.1\.|^2a00:1:/.test(address)
  for (let host = 1; host <= 40; host++) {
    node.handle({ type: 'add-node', endpoint: { family: 4, address: `9.1.${host}.1`, port: 7 } }, 0)
    node.handle({ type: 'add-node', endpoint: { family: 6, address: `2a00:1:2:${host.toString(16)}::1`, port: 7 } }, 0)
    for (const untilMs = clock.nowMs + 1_000; clock.nowMs < untilMs; clock.nowMs += 100) {
      node.handle({ type: 'wake' }, clock.nowMs)
      for (let asked = sent.shift(); asked !== undefined; asked = sent.shift()) {
        const query = decodeKrpc(asked.bytes)
        assert.ok(query.ok && isKnown(asked.address))
        const { transactionId } = query.value
        const response = { type: 'response', transactionId, id: sha1(fromLatin1(asked.address)) } as const
        node.receive(asked.place, encodeKrpc(response), asked.address, asked.port, clock.nowMs)
      }
    }
  }
  return made
}

describe('DHT node', () => {
  test('answers the published queries (BEP 5)', () => {
    const { ask, node } = newNode()
    const ownId = node.snapshot().places[0]?.nodeId
    const published = (text: string) => ask(fromLatin1(text))
    const ping = published('d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe')
    assert.ok(ping?.type === 'response')
    assert.equal(toHex(ping.id), ownId)
    assert.equal(toLatin1(ping.transactionId), 'aa')
    assert.deepEqual(ping.ip, { family: 4, ...asker })
    const found = published(
      'd1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe',
    )
    assert.ok(found?.type === 'response' && found.nodes !== undefined)
    const peers = published(
      'd1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe',
    )
    assert.ok(peers?.type === 'response' && peers.token !== undefined && peers.values === undefined)
    const announce =
      'd1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe'
    const refused = published(announce)
    assert.ok(refused?.type === 'error' && refused.code === 203)
    const taken = published(announce.replace('8:aoeusnth', `${peers.token.length}:${toLatin1(peers.token)}`))
    assert.ok(taken?.type === 'response')
    const again = published(
      'd1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe',
    )
    assert.ok(again?.type === 'response')
    assert.deepEqual(again.values?.map(toHex), ['080808081ae1'])
  })

  test('errors: 203 for what is malformed, 204 for what is unknown, which finds nodes where it names a target', () => {
    const { ask } = newNode()
    const code = (text: string) => {
      const answer = ask(fromLatin1(text))
      return answer?.type === 'error' ? answer.code : answer?.type
    }
    assert.equal(code('d1:ad2:id20:abcdefghij0123456789e1:q9:get_peers1:t2:aa1:y1:qe'), 203)
    assert.equal(code('d1:ad2:id20:abcdefghij0123456789e1:q5:vote!1:t2:aa1:y1:qe'), 204)
    const named = 'd1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q5:vote!1:t2:aa1:y1:qe'
    assert.equal(code(named), 'response')
    const put = (rest: string) => code(`d1:ad2:id20:abcdefghij0123456789${rest}e1:q3:put1:t2:aa1:y1:qe`)
    assert.equal(put('5:token2:aa1:v2:hi'), 203)
    assert.equal(put(`5:token2:aa1:v1200:${'x'.repeat(1_200)}`), 205)
    assert.equal(put(`4:salt65:${'x'.repeat(65)}5:token2:aa1:v2:hi`), 207)
    assert.equal(ask(fromLatin1('garbage')), undefined)
    assert.equal(ask(fromLatin1('d1:eli201e3:whoe1:t2:aa1:y1:ee')), undefined, 'an error is never answered')
  })

  test('nodes of both families where they are wanted (BEP 32), eight at most', () => {
    const { answer } = nodeWithTable()
    const find = (want: 'default' | 'n4' | 'n6' | 'both', place = 0) => {
      const from = place === 0 ? asker : { address: '2a00:5::5', port: 9 }
      const { nodes, nodes6 } = answer({ ...head, method: 'find_node', target: infoHash, want }, from, place)
      return [nodes?.length, nodes6?.length]
    }
    assert.deepEqual(find('default'), [8 * 26, undefined])
    assert.deepEqual(find('n6'), [undefined, 8 * 38])
    assert.deepEqual(find('both'), [8 * 26, 8 * 38])
    assert.deepEqual(find('default', 1), [undefined, 8 * 38])
  })

  test('peers of the family asked by only, seeds left out where they are not wanted (BEP 32, 33)', () => {
    const { answer } = newNode()
    const asker6 = { address: '2a00:5::5', port: 9 }
    for (const [place, from] of [asker, asker6].entries()) {
      const { token = new Uint8Array(0) } = answer(getPeers, from, place)
      answer(
        { ...head, method: 'announce_peer', infoHash, port: 80, isPortImplied: false, token, isSeed: place === 0 },
        from,
        place,
      )
    }
    assert.deepEqual(
      answer(getPeers).values?.map((value) => value.length),
      [6],
    )
    assert.deepEqual(
      answer(getPeers, asker6, 1).values?.map((value) => value.length),
      [18],
    )
    assert.equal(answer({ ...getPeers, noSeeds: true }).values, undefined)
    const { seedFilter, peerFilter } = answer({ ...getPeers, isScrape: true })
    assert.equal(seedFilter?.length, 256)
    assert.equal(peerFilter?.length, 256)
  })

  test('whatever is asked: one datagram to the asker, at most 1,400 bytes and 16 times the query', () => {
    const { node, sent, clock, answer } = nodeWithTable()
    for (let host = 1; host < 400; host++) {
      const from = { address: `9.2.${host >> 8}.${host & 255}`, port: 9 }
      const { token = new Uint8Array(0) } = answer(getPeers, from)
      answer(
        { ...head, method: 'announce_peer', infoHash, port: 80, isPortImplied: false, token, isSeed: host % 2 === 0 },
        from,
      )
    }
    const value = fromLatin1(`996:${'v'.repeat(996)}`)
    const target = sha1(value)
    const { token = new Uint8Array(0) } = answer({ ...head, method: 'get', target, want: 'default' })
    answer({ ...head, method: 'put', token, item: { kind: 'immutable', value } })
    const check = (datagram: Uint8Array) => {
      sent.length = 0
      node.receive(0, datagram, asker.address, asker.port, clock.nowMs)
      assert.ok(sent.length <= 1)
      for (const { bytes, address, port } of sent) {
        assert.deepEqual({ address, port }, asker)
        assert.ok(
          bytes.length <= 1_400 && bytes.length <= 16 * datagram.length,
          `${bytes.length} for ${datagram.length}`,
        )
      }
    }
    const aimed = fc.record({ query: arbitraryQuery, isAimed: fc.boolean() }).map(({ query, isAimed }): KrpcQuery => {
      if (!isAimed) return query
      if (query.method === 'get_peers') return { ...query, infoHash }
      return query.method === 'get' ? { ...query, target } : query
    })
    fc.assert(fc.property(aimed, (query) => check(encodeKrpc(query))))
    for (const want of ['default', 'both'] as const) {
      check(encodeKrpc({ ...getPeers, want, isScrape: true }))
      check(encodeKrpc({ ...getPeers, want }))
      check(encodeKrpc({ ...head, method: 'get', target, want }))
      check(encodeKrpc({ ...head, method: 'sample_infohashes', target, want }))
      const values = answer({ ...getPeers, want }).values?.length ?? 0
      assert.ok(values > 60, `${values} peers`)
      assert.deepEqual(answer({ ...head, method: 'get', target, want }).item, { kind: 'immutable', value })
    }
  })

  test('an item the asker has already is not sent again (BEP 44)', () => {
    const { answer, ask } = newNode()
    const publicKey = new Uint8Array(32).fill(7)
    const item = {
      kind: 'mutable',
      value: fromLatin1('2:hi'),
      publicKey,
      signature: new Uint8Array(64).fill(7),
      sequence: 4n,
      salt: new Uint8Array(0),
    } as const
    const get = { ...head, method: 'get', target: sha1(publicKey), want: 'default' } as const
    const { token = new Uint8Array(0), item: before } = answer(get)
    assert.equal(before, undefined)
    answer({ ...head, method: 'put', token, item })
    assert.deepEqual(answer(get).item, item)
    assert.deepEqual(answer({ ...get, sequence: 3n }).item, item)
    const { item: none, sequence } = answer({ ...get, sequence: 4n })
    assert.deepEqual([none, sequence], [undefined, 4n])
    const forged = { ...item, sequence: 9n, signature: new Uint8Array(64) }
    const refused = ask(encodeKrpc({ ...head, method: 'put', token, item: forged }))
    assert.ok(refused?.type === 'error' && refused.code === 206)
  })

  test('one limit said, the other stays as usual: five queries a second of an address', () => {
    const { ask } = newNode({ limits: { answerBytesPerSecond: 1e9 } })
    const query = encodeKrpc({ type: 'query', method: 'ping', transactionId: Uint8Array.of(1), id, isReadOnly: true })
    const answers = Array.from({ length: 50 }, () => ask(query)).filter((answer) => answer !== undefined)
    assert.equal(answers.length, 10)
    const others = Array.from({ length: 500 }, (_, host) =>
      ask(query, { address: `8.${host >> 8}.${host & 255}.8`, port: 9 }),
    )
    assert.ok(others.every((answer) => answer?.type === 'response'))
  })

  test('over the limits it is silent, and read-only it is always (BEP 43)', () => {
    const limited = newNode({ limits: { queriesPerSecond: 5, answerBytesPerSecond: 8_000 } })
    const ping = encodeKrpc({ ...head, method: 'ping' })
    const answers = Array.from({ length: 50 }, () => limited.ask(ping)).filter((answer) => answer !== undefined)
    assert.equal(answers.length, 10)
    assert.ok(limited.ask(ping, { address: '8.8.4.4', port: 1 }) !== undefined)
    const reader = newNode({ isReadOnly: true })
    assert.equal(reader.ask(ping), undefined)
    reader.node.handle({ type: 'set-read-only', isReadOnly: false }, 0)
    assert.ok(reader.ask(ping) !== undefined)
  })

  test('who asks is asked back later, once and slowly, however many addresses a flood has', () => {
    const { node, sent } = newNode({ places: [{ family: 4 }] })
    node.handle({ type: 'start' }, 0)
    const from = (index: number) => `${9 + (index % 5)}.${(index >> 8) & 255}.${index & 255}.1`
    for (let index = 0; index < 2_000; index++) {
      const random = sha1(Uint8Array.of(index, index >> 8))
      node.receive(0, encodeKrpc({ ...head, id: random, method: 'ping' }), from(index), 9, index)
    }
    sent.length = 0
    for (let ms = 5_000; ms < 65_000; ms += 100) if (node.nextWakeMs() <= ms) node.handle({ type: 'wake' }, ms)
    assert.ok(sent.length >= 10 && sent.length <= 62, `${sent.length} queries`)
    assert.equal(new Set(sent.map(({ address }) => address)).size, sent.length)
  })

  test('whose names to begin with resolve at once asks no more for it, however few nodes there are', () => {
    const { node, sent, clock } = newNode({ places: [{ family: 4 }] })
    const endpoint = { family: 4, address: '9.1.1.1', port: 7 } as const
    let asked = 0
    let queries = 0
    node.handle({ type: 'start' }, 0)
    for (; clock.nowMs < 120_000; clock.nowMs += 50) {
      node.handle({ type: 'wake' }, clock.nowMs)
      for (let output = node.poll(); output !== undefined; output = node.poll()) {
        if (output.type !== 'needs-bootstrap') continue
        asked++
        node.handle({ type: 'set-bootstrap', endpoints: [endpoint] }, clock.nowMs)
      }
      for (let one = sent.shift(); one !== undefined; one = sent.shift()) {
        queries++
        const query = decodeKrpc(one.bytes)
        assert.ok(query.ok)
        const { transactionId } = query.value
        node.receive(0, encodeKrpc({ type: 'response', transactionId, id }), '9.1.1.1', 7, clock.nowMs)
      }
    }
    assert.equal(node.snapshot().places[0]?.nodes, 1)
    assert.ok(asked >= 3 && asked <= 8, `${asked} times`)
    assert.ok(queries <= 20, `${queries} queries`)
  })

  test('an answer counts only from where it was asked, with its id, once', () => {
    const { node, sent } = newNode({ places: [{ family: 4 }] })
    node.handle({ type: 'start' }, 0)
    const endpoint = { family: 4, address: '9.1.1.1', port: 7 } as const
    node.handle({ type: 'add-node', endpoint }, 0)
    node.handle({ type: 'wake' }, 2_000)
    const query = decodeKrpc((sent.find(({ address }) => address === '9.1.1.1') ?? assert.fail()).bytes)
    assert.ok(query.ok)
    const { transactionId } = query.value
    const answer = encodeKrpc({ type: 'response', transactionId, id })
    const size = () => node.snapshot().places[0]?.nodes
    node.receive(0, answer, '9.1.1.2', 7, 2_010)
    node.receive(0, answer, '9.1.1.1', 8, 2_010)
    node.receive(0, encodeKrpc({ type: 'response', transactionId: Uint8Array.of(0, 0, 0, 0), id }), '9.1.1.1', 7, 2_010)
    assert.equal(size(), 0)
    node.receive(0, answer, '9.1.1.1', 7, 2_010)
    node.receive(0, answer, '9.1.1.1', 7, 2_011)
    assert.equal(size(), 1)
    assert.equal(node.snapshot().counters.answersReceived, 1)
  })

  test('several addresses: an id for each, far apart, and answers from the one that was asked (BEP 45)', () => {
    const places = ['9.0.0.1', '9.0.1.1', '9.0.2.1'].map((address) => ({ family: 4 as const, address }))
    const { node, ask } = newNode({ places })
    const ids = node.snapshot().places.map(({ nodeId }) => nodeId)
    assert.equal(new Set(ids.map((nodeId) => nodeId.slice(0, 5))).size, 3)
    for (const place of [0, 1, 2]) {
      const answer = ask(encodeKrpc({ ...head, method: 'ping' }), asker, place)
      assert.ok(answer?.type === 'response')
      assert.equal(toHex(answer.id), ids[place])
    }
  })
})
