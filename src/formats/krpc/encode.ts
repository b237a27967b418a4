// KRPC messages (BEP 5, 32, 33, 42, 43, 44, 51) to canonical bencode, written by hand, key by key in order: a
// node answers tens of thousands of queries a second.
// Guarantees: a fresh array of at most 1,400 bytes that holds nothing but the message; values out of range assert.
// The one scratch buffer belongs to this module and is written and copied within one call.
import { assert } from '../../base/assert.ts'
import { fromUtf8 } from '../../base/bytes.ts'
import { compactEndpointLength, encodeCompactEndpoint } from '../compact-endpoint.ts'
import { compactNodeLength } from './compact-node.ts'
import {
  bloomFilterLength,
  type KrpcError,
  type KrpcQuery,
  type KrpcResponse,
  maxItemBytes,
  maxSaltLength,
  maxSentBytes,
  maxTokenLength,
  maxTransactionIdLength,
  maxVersionLength,
  nodeIdLength,
  publicKeyLength,
  type StoredItem,
  signatureLength,
  type WantedNodes,
} from './message.ts'

/** Queries, answers and errors; what was refused on the way in is answered with an error. */
export type SentMessage = KrpcQuery | KrpcResponse | KrpcError

/** Larger than any message, so that a message too long to send can still be measured. */
const scratch = new Uint8Array(65_536)
/** Shorter content is quicker to copy in a loop than by the runtime. */
const maxLoopedBytes = 64

function putText(offset: number, text: string): number {
  const { length } = text
  assert(offset + length <= scratch.length, 'a message of less than 64 KiB')
  for (let index = 0; index < length; index++) scratch[offset + index] = text.charCodeAt(index)
  return offset + length
}

function putRaw(offset: number, bytes: Uint8Array): number {
  const { length } = bytes
  assert(offset + length <= scratch.length, 'a message of less than 64 KiB')
  if (length > maxLoopedBytes) {
    scratch.set(bytes, offset)
  } else {
    for (let index = 0; index < length; index++) scratch[offset + index] = bytes[index] as number
  }
  return offset + length
}

function putLength(offset: number, length: number): number {
  if (length < 10) {
    scratch[offset] = 0x30 + length
    scratch[offset + 1] = 0x3a
    return offset + 2
  }
  return putText(offset, `${length}:`)
}

function putString(offset: number, bytes: Uint8Array): number {
  return putRaw(putLength(offset, bytes.length), bytes)
}

function putInteger(offset: number, value: number | bigint): number {
  assert(typeof value === 'bigint' || Number.isSafeInteger(value), 'an integer that a number holds exactly')
  return putText(offset, `i${value}e`)
}

/** An id, target or info hash after its key and length. */
function putId(offset: number, keyAndLength: string, id: Uint8Array): number {
  assert(id.length === nodeIdLength, 'an id of 20 bytes')
  return putRaw(putText(offset, keyAndLength), id)
}

function putToken(offset: number, token: Uint8Array): number {
  assert(token.length <= maxTokenLength, 'a token of at most 128 bytes')
  return putString(putText(offset, '5:token'), token)
}

function putWant(offset: number, want: WantedNodes): number {
  switch (want) {
    case 'default':
      return offset
    case 'both':
      return putText(offset, '4:wantl2:n42:n6e')
    default:
      return putText(putText(putText(offset, '4:wantl2:'), want), 'e')
  }
}

function assertItem(item: StoredItem): void {
  assert(item.value.length > 0 && item.value.length <= maxItemBytes, 'a bencoded value of at most 1,000 bytes')
  if (item.kind === 'immutable') return
  assert(item.publicKey.length === publicKeyLength, 'a public key of 32 bytes')
  assert(item.signature.length === signatureLength, 'a signature of 64 bytes')
  assert(item.salt.length <= maxSaltLength, 'salt of at most 64 bytes')
  assert(item.sequence >= 0n && item.sequence < 2n ** 63n, 'a sequence number of 63 bits')
}

function putPut(start: number, query: KrpcQuery & { method: 'put' }): number {
  const { item } = query
  assertItem(item)
  let offset = start
  if (query.expectedSequence !== undefined) offset = putInteger(putText(offset, '3:cas'), query.expectedSequence)
  offset = putId(offset, '2:id20:', query.id)
  if (item.kind === 'mutable') {
    offset = putRaw(putText(offset, '1:k32:'), item.publicKey)
    if (item.salt.length > 0) offset = putString(putText(offset, '4:salt'), item.salt)
    offset = putInteger(putText(offset, '3:seq'), item.sequence)
    offset = putRaw(putText(offset, '3:sig64:'), item.signature)
  }
  offset = putToken(offset, query.token)
  return putRaw(putText(offset, '1:v'), item.value)
}

function putAnnouncePeer(start: number, query: KrpcQuery & { method: 'announce_peer' }): number {
  const { port, isPortImplied } = query
  assert(Number.isInteger(port) && port <= 65_535 && (port > 0 || (port === 0 && isPortImplied)), 'a port')
  let offset = putId(start, '2:id20:', query.id)
  if (isPortImplied) offset = putText(offset, '12:implied_porti1e')
  offset = putId(offset, '9:info_hash20:', query.infoHash)
  offset = putInteger(putText(offset, '4:port'), port)
  if (query.isSeed) offset = putText(offset, '4:seedi1e')
  return putToken(offset, query.token)
}

function putGetPeers(start: number, query: KrpcQuery & { method: 'get_peers' }): number {
  let offset = putId(start, '2:id20:', query.id)
  offset = putId(offset, '9:info_hash20:', query.infoHash)
  if (query.noSeeds) offset = putText(offset, '6:noseedi1e')
  if (query.isScrape) offset = putText(offset, '6:scrapei1e')
  return putWant(offset, query.want)
}

function putArguments(start: number, query: KrpcQuery): number {
  switch (query.method) {
    case 'ping':
      return putId(start, '2:id20:', query.id)
    case 'get_peers':
      return putGetPeers(start, query)
    case 'announce_peer':
      return putAnnouncePeer(start, query)
    case 'put':
      return putPut(start, query)
    default: {
      let offset = putId(start, '2:id20:', query.id)
      if (query.method === 'get' && query.sequence !== undefined) {
        offset = putInteger(putText(offset, '3:seq'), query.sequence)
      }
      offset = putId(offset, '6:target20:', query.target)
      return putWant(offset, query.want)
    }
  }
}

/** A string that is a whole number of units, after its key. */
function putPacked(offset: number, key: string, packed: Uint8Array, unitLength: number): number {
  assert(packed.length % unitLength === 0, 'a whole number of entries')
  return putString(putText(offset, key), packed)
}

function putValues(start: number, values: readonly Uint8Array[]): number {
  let offset = putText(start, '6:valuesl')
  for (const value of values) {
    assert(value.length === compactEndpointLength(4) || value.length === compactEndpointLength(6), 'a compact endpoint')
    offset = putString(offset, value)
  }
  return putText(offset, 'e')
}

function putFields(start: number, response: KrpcResponse): number {
  const { item, nodes, nodes6, peerFilter, samples, seedFilter, token, values } = response
  if (item !== undefined) assertItem(item)
  const mutable = item?.kind === 'mutable' ? item : undefined
  const sequence = item === undefined ? response.sequence : mutable?.sequence
  let offset = start
  if (peerFilter !== undefined) offset = putPacked(offset, '4:BFpe', peerFilter, bloomFilterLength)
  if (seedFilter !== undefined) offset = putPacked(offset, '4:BFsd', seedFilter, bloomFilterLength)
  offset = putId(offset, '2:id20:', response.id)
  if (response.samplesIntervalSeconds !== undefined) {
    offset = putInteger(putText(offset, '8:interval'), response.samplesIntervalSeconds)
  }
  if (mutable !== undefined) offset = putRaw(putText(offset, '1:k32:'), mutable.publicKey)
  if (nodes !== undefined) offset = putPacked(offset, '5:nodes', nodes, compactNodeLength(4))
  if (nodes6 !== undefined) offset = putPacked(offset, '6:nodes6', nodes6, compactNodeLength(6))
  if (response.samplesTotal !== undefined) offset = putInteger(putText(offset, '3:num'), response.samplesTotal)
  if (samples !== undefined) offset = putPacked(offset, '7:samples', samples, nodeIdLength)
  if (sequence !== undefined) offset = putInteger(putText(offset, '3:seq'), sequence)
  if (mutable !== undefined) offset = putRaw(putText(offset, '3:sig64:'), mutable.signature)
  if (token !== undefined) offset = putToken(offset, token)
  if (item !== undefined) offset = putRaw(putText(offset, '1:v'), item.value)
  return values === undefined ? offset : putValues(offset, values)
}

function putError(start: number, error: KrpcError): number {
  const offset = putInteger(putText(start, '1:el'), error.code)
  return putText(putString(offset, fromUtf8(error.message)), 'e')
}

function putIp(start: number, message: SentMessage): number {
  const { ip } = message
  if (ip === undefined) return start
  return encodeCompactEndpoint(scratch, putText(start, ip.family === 4 ? '2:ip6:' : '2:ip18:'), ip)
}

/** Keys of the outer dictionary in order: a, e, ip, q, r, ro, t, v, y. */
function putMessage(message: SentMessage): number {
  const { transactionId, type, version } = message
  assert(transactionId.length <= maxTransactionIdLength, 'a transaction id of at most 32 bytes')
  let offset = putText(0, 'd')
  if (type === 'query') {
    offset = putText(putArguments(putText(offset, '1:ad'), message), 'e')
    offset = putText(putLength(putText(putIp(offset, message), '1:q'), message.method.length), message.method)
    if (message.isReadOnly) offset = putText(offset, '2:roi1e')
  } else if (type === 'response') {
    offset = putText(putFields(putText(putIp(offset, message), '1:rd'), message), 'e')
  } else {
    offset = putIp(putError(offset, message), message)
  }
  offset = putString(putText(offset, '1:t'), transactionId)
  if (version !== undefined) {
    assert(version.length <= maxVersionLength, 'a version of at most 32 bytes')
    offset = putString(putText(offset, '1:v'), version)
  }
  return putText(offset, type === 'query' ? '1:y1:qe' : type === 'response' ? '1:y1:re' : '1:y1:ee')
}

/** The bytes a message takes; more than `maxSentBytes` cannot be sent. */
export function encodedLength(message: SentMessage): number {
  return putMessage(message)
}

/** The datagram of a message, which must fit in `maxSentBytes`: measure first where its parts vary. */
export function encodeKrpc(message: SentMessage): Uint8Array {
  const length = putMessage(message)
  assert(length <= maxSentBytes, `a message of at most ${maxSentBytes} bytes, not ${length}`)
  return scratch.slice(0, length)
}

/**
 * The same of at most `maxBytes`, up to `maxSentBytes`, as a view valid until the next message is encoded or measured;
 * undefined where it is longer.
 */
export function encodeKrpcWithin(message: SentMessage, maxBytes: number): Uint8Array | undefined {
  const length = putMessage(message)
  return length > Math.min(maxBytes, maxSentBytes) ? undefined : scratch.subarray(0, length)
}

const valuesOverhead = '6:valuesle'.length

/**
 * How many peers of `valueLength` bytes, 6 or 18, an answer has room for beside all else it holds; `values` it
 * may hold already are not counted. 0 where the rest alone is too long.
 */
export function valuesThatFit(response: KrpcResponse, valueLength: 6 | 18, maxBytes = maxSentBytes): number {
  const rest = maxBytes - valuesOverhead - encodedLength({ ...response, values: undefined })
  const lengthWithPrefix = valueLength + (valueLength === 6 ? 2 : 3)
  return Math.max(0, Math.floor(rest / lengthWithPrefix))
}
