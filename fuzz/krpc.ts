// Fuzz target: KRPC datagrams (BEP 5 and its extensions). Any bytes give a message or a typed failure; a query
// or answer that was accepted can be sent on, and means the same then. What is quick with usual queries reads them no
// otherwise than what reads all.
import assert from 'node:assert/strict'
import { fromLatin1 } from '../src/base/bytes.ts'
import { decodeCompactNodes } from '../src/formats/krpc/compact-node.ts'
import { decodeAnyKrpc, decodeKrpc } from '../src/formats/krpc/decode.ts'
import { encodedLength, encodeKrpc } from '../src/formats/krpc/encode.ts'
import { type KrpcResponse, maxReceivedBytes, maxSentBytes } from '../src/formats/krpc/message.ts'
import { itemTarget, signedBytes } from '../src/formats/krpc/stored-item.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const id = 'abcdefghij0123456789'
const hash = 'mnopqrstuvwxyz123456'
const mutable = `1:k32:${'k'.repeat(32)}4:salt6:foobar3:seqi4e3:sig64:${'s'.repeat(64)}`
const seeds = [
  `d1:ad2:id20:${id}e1:q4:ping2:roi1e1:t2:aa1:v4:SW011:y1:qe`,
  `d1:ad2:id20:${id}6:target20:${hash}4:wantl2:n42:n6ee1:q9:find_node1:t2:aa1:y1:qe`,
  `d1:ad2:id20:${id}9:info_hash20:${hash}6:noseedi1e6:scrapei1ee1:q9:get_peers1:t2:aa1:y1:qe`,
  `d1:ad2:id20:${id}9:info_hash20:${hash}4:wantl2:n4ee1:q9:get_peers2:roi1e1:t2:aa1:v4:SW011:y1:qe`,
  `d1:ad2:id20:${id}12:implied_porti1e9:info_hash20:${hash}4:porti6881e4:seedi1e5:token2:xxe1:q13:announce_peer1:t2:aa1:y1:qe`,
  `d1:ad3:casi3e2:id20:${id}${mutable}5:token2:xx1:vl2:hii5eee1:q3:put1:t2:aa1:y1:qe`,
  `d1:ad2:id20:${id}3:seqi1e6:target20:${hash}e1:q3:get1:t2:aa1:y1:qe`,
  `d1:ad2:id20:${id}6:target20:${hash}e1:q17:sample_infohashes1:t2:aa1:y1:qe`,
  `d2:ip6:1234561:rd2:id20:${id}5:nodes26:${id}1234566:nodes638:${id}1234567890123456785:token2:xx6:valuesl6:axje.uee1:t2:aa1:y1:re`,
  `d1:rd4:BFpe256:${'p'.repeat(256)}2:id20:${id}${mutable.replace('4:salt6:foobar', '')}1:vi1ee1:t2:aa1:y1:re`,
  `d1:rd2:id20:${id}8:intervali60e3:numi1e7:samples20:${hash}e1:t2:aa1:y1:re`,
  'd1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee',
].map(fromLatin1)

const tokens = [
  '1:a',
  '1:q',
  '1:t2:aa',
  '1:y1:q',
  '1:y1:r',
  '2:id20:',
  '4:want',
  '6:values',
  '1:v',
  '3:seq',
  'i-1e',
  'le',
  'de',
]

function checkResponse({ item, nodes, nodes6 }: KrpcResponse): void {
  for (const { endpoint } of decodeCompactNodes(nodes ?? new Uint8Array(0), 4, 8)) assert.ok(endpoint.port > 0)
  for (const { endpoint } of decodeCompactNodes(nodes6 ?? new Uint8Array(0), 6, 8)) assert.ok(endpoint.port > 0)
  if (item === undefined) return
  assert.equal(itemTarget(item).length, 20)
  if (item.kind === 'mutable') assert.ok(signedBytes(item).length > item.value.length)
}

export const target: FuzzTarget = {
  name: 'krpc',
  seeds,
  tokens: tokens.map(fromLatin1),
  maxLengthBytes: maxReceivedBytes + 100,
  run(input) {
    const decoded = decodeKrpc(input)
    assert.deepEqual(decoded, decodeAnyKrpc(input))
    if (!decoded.ok) {
      assert.match(decoded.code, /^(bencode|krpc)-/)
      return
    }
    const message = decoded.value
    if (message.type === 'response') checkResponse(message)
    if (message.type === 'refused-query') assert.ok(message.errorCode >= 203 && message.errorCode <= 207)
    if (message.type === 'refused-query' || encodedLength(message) > maxSentBytes) return
    const sent = encodeKrpc(message)
    const again = decodeKrpc(sent)
    assert.ok(again.ok)
    // The text of an error is cut, so only its being readable is promised.
    if (message.type !== 'error') assert.deepEqual(again.value, message)
  },
}
