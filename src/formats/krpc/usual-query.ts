// The queries a node is asked all day (ping, find_node, get_peers as nearly every client writes them), read in one walk
// over their bytes without a tape (BEP 5, 32, 43). Guarantees: never throws; what it reads is what decode.ts would have
// read of the same bytes; whatever is in any way unusual is not read here at all. Byte arrays are views of the datagram.
import { type KrpcQuery, maxTransactionIdLength, maxVersionLength, nodeIdLength, type WantedNodes } from './message.ts'

function codesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

const head = codesOf('d1:ad2:id20:')
const infoHashKey = codesOf('9:info_hash20:')
const targetKey = codesOf('6:target20:')
const want4 = codesOf('4:wantl2:n4e')
const want6 = codesOf('4:wantl2:n6e')
const wantBoth = codesOf('4:wantl2:n42:n6e')
const pingEnd = codesOf('e1:q4:ping')
const findNodeEnd = codesOf('e1:q9:find_node')
const getPeersEnd = codesOf('e1:q9:get_peers')
const readOnlyKey = codesOf('2:roi1e')
const transactionKey = codesOf('1:t')
const versionKey = codesOf('1:v')
const tail = codesOf('1:y1:qe')

/** More than any of these queries can have. */
const maxLength = 192

function startsAt(bytes: Uint8Array, offset: number, text: Uint8Array): boolean {
  const { length } = text
  if (offset + length > bytes.length) return false
  for (let index = 0; index < length; index++) {
    if (bytes[offset + index] !== text[index]) return false
  }
  return true
}

/** Where a string of at most `maxContent` < 100 bytes ends; -1: it is none, or not all there. */
function stringEnd(bytes: Uint8Array, offset: number, maxContent: number): number {
  let contentLength = (bytes[offset] as number) - 0x30
  if (!(contentLength >= 0 && contentLength <= 9)) return -1
  let start = offset + 1
  if (bytes[start] !== 0x3a) {
    const second = (bytes[start] as number) - 0x30
    // Leading zeros are not canonical, so they are not for here.
    if (contentLength === 0 || !(second >= 0 && second <= 9)) return -1
    contentLength = 10 * contentLength + second
    start++
  }
  if (contentLength > maxContent || bytes[start] !== 0x3a) return -1
  const end = start + 1 + contentLength
  return end <= bytes.length ? end : -1
}

/** Of a string that ends somewhere. */
function contentStart(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 1] === 0x3a ? offset + 2 : offset + 3
}

/** What it wants, standing at `offset`; undefined: something else does. */
function wantAt(bytes: Uint8Array, offset: number): WantedNodes | undefined {
  if (bytes[offset] !== wantBoth[0]) return 'default'
  if (startsAt(bytes, offset, wantBoth)) return 'both'
  if (startsAt(bytes, offset, want4)) return 'n4'
  return startsAt(bytes, offset, want6) ? 'n6' : undefined
}

function wantLength(want: WantedNodes): number {
  return want === 'default' ? 0 : want === 'both' ? wantBoth.length : want4.length
}

/** What stands before the method, from the bytes after the asker's id on. */
function searchedStart(bytes: Uint8Array): number {
  const at = head.length + nodeIdLength
  if (startsAt(bytes, at, infoHashKey)) return at + infoHashKey.length
  return startsAt(bytes, at, targetKey) ? at + targetKey.length : -1
}

/** The query in a datagram, if it is one of these. */
export function decodeUsualQuery(datagram: Uint8Array): KrpcQuery | undefined {
  if (datagram.length > maxLength || !startsAt(datagram, 0, head)) return undefined
  const idEnd = head.length + nodeIdLength
  const start = searchedStart(datagram)
  if (start === -1) {
    return startsAt(datagram, idEnd, pingEnd)
      ? readRest(datagram, 'ping', -1, 'default', idEnd + pingEnd.length)
      : undefined
  }
  const want = wantAt(datagram, start + nodeIdLength)
  if (want === undefined) return undefined
  const end = start + nodeIdLength + wantLength(want)
  // A method that goes with the other key ends the walk.
  if (start - idEnd === infoHashKey.length) {
    return startsAt(datagram, end, getPeersEnd)
      ? readRest(datagram, 'get_peers', start, want, end + getPeersEnd.length)
      : undefined
  }
  return startsAt(datagram, end, findNodeEnd)
    ? readRest(datagram, 'find_node', start, want, end + findNodeEnd.length)
    : undefined
}

function readRest(
  datagram: Uint8Array,
  method: 'ping' | 'find_node' | 'get_peers',
  searched: number,
  want: WantedNodes,
  offset: number,
): KrpcQuery | undefined {
  const isReadOnly = startsAt(datagram, offset, readOnlyKey)
  const transactionAt = offset + (isReadOnly ? readOnlyKey.length : 0) + transactionKey.length
  if (!startsAt(datagram, transactionAt - transactionKey.length, transactionKey)) return undefined
  const transactionEnd = stringEnd(datagram, transactionAt, maxTransactionIdLength)
  if (transactionEnd === -1) return undefined
  let end = transactionEnd
  let version: Uint8Array | undefined
  if (startsAt(datagram, end, versionKey)) {
    const versionAt = end + versionKey.length
    end = stringEnd(datagram, versionAt, maxVersionLength)
    if (end === -1) return undefined
    version = datagram.subarray(contentStart(datagram, versionAt), end)
  }
  if (end + tail.length !== datagram.length || !startsAt(datagram, end, tail)) return undefined

  const type = 'query'
  const ip = undefined
  const transactionId = datagram.subarray(contentStart(datagram, transactionAt), transactionEnd)
  const id = datagram.subarray(head.length, head.length + nodeIdLength)
  if (method === 'ping') return { type, method, transactionId, version, ip, id, isReadOnly }
  const target = datagram.subarray(searched, searched + nodeIdLength)
  if (method === 'find_node') return { type, method, transactionId, version, ip, id, isReadOnly, target, want }
  const noSeeds = false
  const isScrape = false
  return { type, method, transactionId, version, ip, id, isReadOnly, infoHash: target, want, noSeeds, isScrape }
}
