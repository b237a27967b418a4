// A datagram to a KRPC message (BEP 5, 32, 33, 42, 43, 44, 51).
// Guarantees: never throws on any bytes; size, depth and number of values are capped; byte arrays are views of
// the datagram. Bencode that is not canonical is read; a known field of the wrong type or length is refused, but
// single peers among good ones are passed over, and an error is an error whatever it says.
// A query that cannot be served still tells its transaction id, so that it can be answered.
import { emptyBytes, toUtf8Lossy } from '../../base/bytes.ts'
import { type ErrorCode, type Failure, failure, type Result, success } from '../../base/errors.ts'
import { BencodeCursor } from '../bencode/cursor.ts'
import { cellsPerNode, kindDictionary, kindList, kindString, TapeScanner } from '../bencode/scan.ts'
import { decodeCompactEndpoint, type Endpoint } from '../compact-endpoint.ts'
import { compactNodeLength } from './compact-node.ts'
import {
  bloomFilterLength,
  errorGeneric,
  errorItemTooBig,
  errorMethodUnknown,
  errorProtocol,
  errorSaltTooBig,
  type KrpcError,
  type KrpcMessage,
  type KrpcQuery,
  type KrpcResponse,
  maxItemBytes,
  maxReceivedBytes,
  maxSaltLength,
  maxTokenLength,
  maxTransactionIdLength,
  maxVersionLength,
  nodeIdLength,
  publicKeyLength,
  type RefusedQuery,
  type StoredItem,
  signatureLength,
  type WantedNodes,
} from './message.ts'
import { decodeUsualQuery } from './usual-query.ts'

const scanner = new TapeScanner()
/** Values of BEP 44 may nest; what is in use nests twice at most. */
const scanOptions = { limits: { maxBytes: maxReceivedBytes, maxDepth: 32, maxTokens: 1_024 } }
const maxErrorMessageBytes = 256
const maxSequence = 2n ** 63n - 1n
const maxSamplesIntervalSeconds = 21_600

/** Why a message is refused; the code on the wire matters where it is a query. */
interface Refusal {
  readonly refusal: true
  readonly errorCode: number
  readonly failure: Failure
}

function refuse(detail: string, errorCode = errorProtocol, code: ErrorCode = 'krpc-argument'): Refusal {
  return { refusal: true, errorCode, failure: failure(code, detail) }
}

/** Whether a string's content is this ASCII text. */
function contentIs(cursor: BencodeCursor, text: string): boolean {
  const { length } = text
  if (cursor.byteLength !== length || cursor.kind !== kindString) return false
  const { bytes } = cursor.tape
  const start = cursor.end - length
  for (let index = 0; index < length; index++) {
    if (bytes[start + index] !== text.charCodeAt(index)) return false
  }
  return true
}

/** A string of exactly `length` > 0 bytes. */
function exactly(cursor: BencodeCursor | undefined, length: number): Uint8Array | undefined {
  return cursor?.byteLength === length ? cursor.bytes() : undefined
}

function atMost(cursor: BencodeCursor | undefined, maxLength: number): Uint8Array | undefined {
  return cursor !== undefined && cursor.byteLength <= maxLength ? cursor.bytes() : undefined
}

function isSet(cursor: BencodeCursor | undefined): boolean {
  return (cursor?.integer() ?? 0) !== 0
}

/** `ip` only informs, so one that is none counts as absent: 6 or 18 bytes by BEP 42. */
function readIp(root: BencodeCursor): Endpoint | undefined {
  const packed = root.get('ip')?.bytes()
  if (packed?.length === 6) return decodeCompactEndpoint(packed, 0, 4)
  return packed?.length === 18 ? decodeCompactEndpoint(packed, 0, 6) : undefined
}

/** Calls `see` with each element of a list; false as soon as one is no string or `see` says so. */
function everyString(list: BencodeCursor, see: (element: BencodeCursor) => boolean): boolean {
  if (list.kind !== kindList) return false
  const last = list.tape.cells[list.node + 2] as number
  // Strings are one node each, so the next one is known without asking; anything else ends the walk.
  for (let node = list.node + cellsPerNode; node < last; node += cellsPerNode) {
    const element = new BencodeCursor(list.tape, node)
    if (element.kind !== kindString || !see(element)) return false
  }
  return true
}

function readWant(argument: BencodeCursor): WantedNodes | Refusal {
  const list = argument.get('want')
  if (list === undefined) return 'default'
  let wants4 = false
  let wants6 = false
  const isList = everyString(list, (element) => {
    wants4 ||= contentIs(element, 'n4')
    wants6 ||= contentIs(element, 'n6')
    return true
  })
  if (!isList) return refuse('want is no list of strings')
  if (wants4) return wants6 ? 'both' : 'n4'
  return wants6 ? 'n6' : 'default'
}

/** 0 to 2^63 - 1; undefined for anything else. */
function readSequence(cursor: BencodeCursor | undefined): bigint | undefined {
  const sequence = cursor?.bigint()
  return sequence !== undefined && sequence >= 0n && sequence <= maxSequence ? sequence : undefined
}

/** The item of a put or of an answer to get, its value being `entry`. */
function readItem(dictionary: BencodeCursor, entry: BencodeCursor, salt: Uint8Array): StoredItem | Refusal {
  const value = entry.raw()
  if (value.length > maxItemBytes) return refuse(`a value of ${value.length} bytes`, errorItemTooBig)
  const key = dictionary.get('k')
  if (key === undefined) return { kind: 'immutable', value }
  const publicKey = exactly(key, publicKeyLength)
  if (publicKey === undefined) return refuse('k is not 32 bytes')
  const signature = exactly(dictionary.get('sig'), signatureLength)
  if (signature === undefined) return refuse('sig is missing or not 64 bytes')
  const sequence = readSequence(dictionary.get('seq'))
  if (sequence === undefined) return refuse('seq is missing or out of range')
  return { kind: 'mutable', value, publicKey, signature, sequence, salt }
}

/** What every query starts from. */
interface QueryHead {
  readonly type: 'query'
  readonly transactionId: Uint8Array
  readonly version: Uint8Array | undefined
  readonly ip: Endpoint | undefined
  readonly id: Uint8Array
  readonly isReadOnly: boolean
}

function readGetPeers(head: QueryHead, argument: BencodeCursor): KrpcQuery | Refusal {
  const infoHash = exactly(argument.get('info_hash'), nodeIdLength)
  if (infoHash === undefined) return refuse('info_hash is missing or not 20 bytes')
  const want = readWant(argument)
  if (typeof want === 'object') return want
  const { type, transactionId, version, ip, id, isReadOnly } = head
  const noSeeds = isSet(argument.get('noseed'))
  const isScrape = isSet(argument.get('scrape'))
  return { type, method: 'get_peers', transactionId, version, ip, id, isReadOnly, infoHash, want, noSeeds, isScrape }
}

function readTargeted(
  head: QueryHead,
  method: 'find_node' | 'sample_infohashes' | 'get',
  argument: BencodeCursor,
): KrpcQuery | Refusal {
  const target = exactly(argument.get('target'), nodeIdLength)
  if (target === undefined) return refuse('target is missing or not 20 bytes')
  const want = readWant(argument)
  if (typeof want === 'object') return want
  const { type, transactionId, version, ip, id, isReadOnly } = head
  if (method !== 'get') return { type, method, transactionId, version, ip, id, isReadOnly, target, want }
  const entry = argument.get('seq')
  const sequence = readSequence(entry)
  if (entry !== undefined && sequence === undefined) return refuse('seq is out of range')
  return { type, method, transactionId, version, ip, id, isReadOnly, target, want, sequence }
}

function readAnnouncePeer(head: QueryHead, argument: BencodeCursor): KrpcQuery | Refusal {
  const infoHash = exactly(argument.get('info_hash'), nodeIdLength)
  if (infoHash === undefined) return refuse('info_hash is missing or not 20 bytes')
  const token = atMost(argument.get('token'), maxTokenLength)
  if (token === undefined) return refuse('token is missing or too long')
  const isPortImplied = isSet(argument.get('implied_port'))
  const port = argument.get('port')?.integer() ?? 0
  const isPort = port >= 1 && port <= 65_535
  if (!isPort && !isPortImplied) return refuse('port is missing or no port')
  const isSeed = isSet(argument.get('seed'))
  return { ...head, method: 'announce_peer', infoHash, port: isPort ? port : 0, isPortImplied, token, isSeed }
}

function readPut(head: QueryHead, argument: BencodeCursor): KrpcQuery | Refusal {
  const token = atMost(argument.get('token'), maxTokenLength)
  if (token === undefined) return refuse('token is missing or too long')
  const entry = argument.get('v')
  if (entry === undefined) return refuse('v is missing')
  const saltEntry = argument.get('salt')
  const salt = saltEntry === undefined ? emptyBytes : saltEntry.bytes()
  if (salt === undefined) return refuse('salt is no string')
  if (salt.length > maxSaltLength) return refuse(`salt of ${salt.length} bytes`, errorSaltTooBig)
  const item = readItem(argument, entry, salt)
  if ('refusal' in item) return item
  const expected = argument.get('cas')
  const expectedSequence = readSequence(expected)
  if (expected !== undefined && expectedSequence === undefined) return refuse('cas is out of range')
  return { ...head, method: 'put', token, item, expectedSequence }
}

function readArguments(head: QueryHead, method: BencodeCursor, argument: BencodeCursor): KrpcQuery | Refusal {
  if (contentIs(method, 'get_peers')) return readGetPeers(head, argument)
  if (contentIs(method, 'find_node')) return readTargeted(head, 'find_node', argument)
  if (contentIs(method, 'ping')) return { ...head, method: 'ping' }
  if (contentIs(method, 'announce_peer')) return readAnnouncePeer(head, argument)
  if (contentIs(method, 'get')) return readTargeted(head, 'get', argument)
  if (contentIs(method, 'put')) return readPut(head, argument)
  if (contentIs(method, 'sample_infohashes')) return readTargeted(head, 'sample_infohashes', argument)
  return refuse('a method unknown here', errorMethodUnknown, 'krpc-unknown-method')
}

function readQuery(root: BencodeCursor, transactionId: Uint8Array): KrpcQuery | RefusedQuery {
  const version = atMost(root.get('v'), maxVersionLength)
  const ip = readIp(root)
  const method = root.get('q')
  const argument = root.get('a')
  const id = exactly(argument?.get('id'), nodeIdLength)
  let read: KrpcQuery | Refusal
  if (method?.kind !== kindString) read = refuse('q is missing or no string')
  else if (argument?.kind !== kindDictionary) read = refuse('a is missing or no dictionary')
  else if (id === undefined) read = refuse('id is missing or not 20 bytes')
  else {
    const isReadOnly = isSet(root.get('ro'))
    read = readArguments({ type: 'query', transactionId, version, ip, id, isReadOnly }, method, argument)
  }
  if (!('refusal' in read)) return read
  const target = exactly(argument?.get('target'), nodeIdLength) ?? exactly(argument?.get('info_hash'), nodeIdLength)
  const { errorCode } = read
  return { type: 'refused-query', transactionId, version, ip, errorCode, failure: read.failure, target }
}

function malformed(detail: string): Failure {
  return failure('krpc-argument', detail)
}

/** A string that is a whole number of units, absent (undefined), or neither (a failure). */
function packedField(dictionary: BencodeCursor, key: string, unitLength: number): Uint8Array | undefined | Failure {
  const entry = dictionary.get(key)
  if (entry === undefined) return undefined
  const packed = entry.bytes()
  return packed !== undefined && packed.length % unitLength === 0 ? packed : malformed(`${key} is no list of its kind`)
}

function isFailure(field: Uint8Array | undefined | Failure): field is Failure {
  return field !== undefined && 'ok' in field
}

/** The endpoints of a list of strings; strings of another length are passed over. */
function readValues(entry: BencodeCursor): readonly Uint8Array[] | undefined {
  const values: Uint8Array[] = []
  const isList = everyString(entry, (element) => {
    const { byteLength } = element
    const value = byteLength === 6 || byteLength === 18 ? element.bytes() : undefined
    if (value !== undefined) values.push(value)
    return true
  })
  return isList ? values : undefined
}

/** Fields of BEP 33, 44 and 51, which most answers have none of. */
type RareFields = Pick<
  KrpcResponse,
  'seedFilter' | 'peerFilter' | 'item' | 'sequence' | 'samples' | 'samplesIntervalSeconds' | 'samplesTotal'
>

function readRareFields(fields: BencodeCursor): RareFields | Failure {
  const seedFilter = exactly(fields.get('BFsd'), bloomFilterLength)
  const peerFilter = exactly(fields.get('BFpe'), bloomFilterLength)
  if (seedFilter === undefined && fields.get('BFsd') !== undefined) return malformed('BFsd is not 256 bytes')
  if (peerFilter === undefined && fields.get('BFpe') !== undefined) return malformed('BFpe is not 256 bytes')
  const value = fields.get('v')
  const item = value === undefined ? undefined : readItem(fields, value, emptyBytes)
  if (item !== undefined && 'refusal' in item) return item.failure
  const sequenceEntry = fields.get('seq')
  const sequence = item === undefined ? readSequence(sequenceEntry) : undefined
  if (item === undefined && sequenceEntry !== undefined && sequence === undefined)
    return malformed('seq is out of range')
  const samples = packedField(fields, 'samples', nodeIdLength)
  if (isFailure(samples)) return samples
  const interval = fields.get('interval')?.integer()
  const total = fields.get('num')?.integer()
  return {
    seedFilter,
    peerFilter,
    item,
    sequence,
    samples,
    samplesIntervalSeconds:
      interval === undefined ? undefined : Math.min(maxSamplesIntervalSeconds, Math.max(0, interval)),
    samplesTotal: total === undefined || total < 0 ? undefined : total,
  }
}

function readResponse(root: BencodeCursor, transactionId: Uint8Array): Result<KrpcResponse> {
  const fields = root.get('r')
  if (fields?.kind !== kindDictionary) return malformed('r is missing or no dictionary')
  const id = exactly(fields.get('id'), nodeIdLength)
  if (id === undefined) return malformed('id is missing or not 20 bytes')
  const nodes = packedField(fields, 'nodes', compactNodeLength(4))
  if (isFailure(nodes)) return nodes
  const nodes6 = packedField(fields, 'nodes6', compactNodeLength(6))
  if (isFailure(nodes6)) return nodes6
  const tokenEntry = fields.get('token')
  const token = atMost(tokenEntry, maxTokenLength)
  if (tokenEntry !== undefined && token === undefined) return malformed('token is too long or no string')
  const valuesEntry = fields.get('values')
  const values = valuesEntry === undefined ? undefined : readValues(valuesEntry)
  if (valuesEntry !== undefined && values === undefined) return malformed('values is no list of compact endpoints')
  const rare = readRareFields(fields)
  if ('ok' in rare) return rare
  const version = atMost(root.get('v'), maxVersionLength)
  return success({
    type: 'response',
    transactionId,
    version,
    ip: readIp(root),
    id,
    nodes,
    nodes6,
    values,
    token,
    ...rare,
  })
}

/** Whatever `e` holds, the query has failed: what is no code counts as a generic error. */
function readError(root: BencodeCursor, transactionId: Uint8Array): KrpcError {
  const entry = root.get('e')
  let code: number | undefined
  let text = entry?.bytes()
  for (const element of entry?.elements() ?? []) {
    code ??= element.integer()
    text ??= element.bytes()
  }
  const message = toUtf8Lossy((text ?? emptyBytes).subarray(0, maxErrorMessageBytes))
  const version = atMost(root.get('v'), maxVersionLength)
  return { type: 'error', transactionId, version, ip: readIp(root), code: code ?? errorGeneric, message }
}

/**
 * The message in a datagram. Errors: bencode-*; krpc-message for what is no message at all; krpc-argument for
 * an answer with a malformed field. Queries with a malformed argument are a value, `refused-query`.
 */
export function decodeKrpc(datagram: Uint8Array): Result<KrpcMessage> {
  const usual = decodeUsualQuery(datagram)
  return usual === undefined ? decodeAnyKrpc(datagram) : success(usual)
}

/** The same, whatever message it is; slower where it is a usual query. */
export function decodeAnyKrpc(datagram: Uint8Array): Result<KrpcMessage> {
  const scanned = scanner.scan(datagram, scanOptions)
  if (!scanned.ok) return scanned
  const root = new BencodeCursor(scanned.value)
  if (root.kind !== kindDictionary) return failure('krpc-message', 'not a dictionary')
  const transactionId = atMost(root.get('t'), maxTransactionIdLength)
  if (transactionId === undefined) return failure('krpc-message', 't is missing, too long or no string')
  const kind = root.get('y')
  if (kind === undefined) return failure('krpc-message', 'y is missing')
  if (contentIs(kind, 'q')) return success(readQuery(root, transactionId))
  if (contentIs(kind, 'r')) return readResponse(root, transactionId)
  if (contentIs(kind, 'e')) return success(readError(root, transactionId))
  return failure('krpc-message', 'y is neither q, r nor e')
}
