// Responses of the UDP tracker protocol (BEP 15), both sides: written by a tracker, read by a client.
// Guarantees: reading never throws and is capped; writing sets every byte of what it returns the end of, so that
// no earlier content of a reused buffer is ever sent.
import { assert } from '../../base/assert.ts'
import { readUint32, utf8Length, writeUint32, writeUtf8 } from '../../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../../base/errors.ts'
import {
  type AddressFamily,
  compactEndpointLength,
  decodeCompactEndpoints,
  type Endpoint,
} from '../compact-endpoint.ts'
import { clampInterval, maxMessageLength, maxPeers, maxScrapeHashes, type SwarmCounts } from './announce.ts'
import { readableText } from './reply.ts'
import { actionAnnounce, actionConnect, actionError, actionScrape, type ConnectionId } from './udp-request.ts'

export type UdpResponse =
  | { readonly kind: 'connect'; readonly transactionId: number; readonly connection: ConnectionId }
  | {
      readonly kind: 'announce'
      readonly transactionId: number
      /** Within the bounds of `clampInterval`. */
      readonly intervalSeconds: number
      /** Leechers. */
      readonly incomplete: number
      /** Seeders. */
      readonly complete: number
      readonly peers: readonly Endpoint[]
    }
  /** `swarms` in the order of the request. */
  | { readonly kind: 'scrape'; readonly transactionId: number; readonly swarms: readonly SwarmCounts[] }
  | { readonly kind: 'error'; readonly transactionId: number; readonly message: string }

const connectLength = 16
const announceHeadLength = 20
const headLength = 8
const swarmLength = 12

function malformed(detail: string): Failure {
  return failure('tracker-response', detail)
}

function decodeAnnounce(datagram: Uint8Array, transactionId: number, family: AddressFamily): Result<UdpResponse> {
  if (datagram.length < announceHeadLength) return malformed(`an announce response of ${datagram.length} bytes`)
  const stride = compactEndpointLength(family)
  const count = Math.floor((datagram.length - announceHeadLength) / stride)
  const packed = datagram.subarray(announceHeadLength, announceHeadLength + count * stride)
  const peers = decodeCompactEndpoints(packed, family, maxPeers, 'tracker-response')
  if (!peers.ok) return peers
  return success({
    kind: 'announce',
    transactionId,
    // A signed number on the wire: what looks like decades is a negative one.
    intervalSeconds: clampInterval(readUint32(datagram, 8) | 0),
    incomplete: readUint32(datagram, 12),
    complete: readUint32(datagram, 16),
    peers: peers.value,
  })
}

function decodeScrape(datagram: Uint8Array, transactionId: number): UdpResponse {
  const swarms: SwarmCounts[] = []
  const end = Math.min(datagram.length, headLength + maxScrapeHashes * swarmLength)
  for (let offset = headLength; offset + swarmLength <= end; offset += swarmLength) {
    swarms.push({
      complete: readUint32(datagram, offset),
      downloaded: readUint32(datagram, offset + 4),
      incomplete: readUint32(datagram, offset + 8),
    })
  }
  return { kind: 'scrape', transactionId, swarms }
}

/**
 * A datagram from a tracker. `family` is that of the datagram's own addresses, which decides how long a peer is;
 * bytes after the last whole peer or torrent are passed over, as BEP 15 asks. Errors: tracker-response.
 */
export function decodeUdpResponse(datagram: Uint8Array, family: AddressFamily): Result<UdpResponse> {
  if (datagram.length < headLength) return malformed(`a response of ${datagram.length} bytes`)
  const action = readUint32(datagram, 0)
  const transactionId = readUint32(datagram, 4)
  switch (action) {
    case actionConnect:
      if (datagram.length < connectLength) return malformed(`a connect response of ${datagram.length} bytes`)
      return success({
        kind: 'connect',
        transactionId,
        connection: { high: readUint32(datagram, 8), low: readUint32(datagram, 12) },
      })
    case actionAnnounce:
      return decodeAnnounce(datagram, transactionId, family)
    case actionScrape:
      return success(decodeScrape(datagram, transactionId))
    case actionError:
      return success({ kind: 'error', transactionId, message: readableText(datagram.subarray(headLength)) })
    default:
      return malformed(`action ${action}`)
  }
}

/** Writes a connect response at `offset`, 16 bytes; the offset after it. */
export function encodeUdpConnectResponse(
  target: Uint8Array,
  offset: number,
  transactionId: number,
  connectionHigh: number,
  connectionLow: number,
): number {
  assert(offset + connectLength <= target.length, 'room for a connect response')
  writeUint32(target, offset, actionConnect)
  writeUint32(target, offset + 4, transactionId)
  writeUint32(target, offset + 8, connectionHigh)
  writeUint32(target, offset + 12, connectionLow)
  return offset + connectLength
}

/** Writes the 20 bytes before the peers at `offset`; the offset after it, where compact peers follow. */
export function encodeUdpAnnounceHead(
  target: Uint8Array,
  offset: number,
  transactionId: number,
  intervalSeconds: number,
  incomplete: number,
  complete: number,
): number {
  assert(offset + announceHeadLength <= target.length, 'room for an announce response')
  writeUint32(target, offset, actionAnnounce)
  writeUint32(target, offset + 4, transactionId)
  writeUint32(target, offset + 8, intervalSeconds)
  writeUint32(target, offset + 12, incomplete)
  writeUint32(target, offset + 16, complete)
  return offset + announceHeadLength
}

/** Writes the 8 bytes before the torrents of a scrape at `offset`; the offset after it. */
export function encodeUdpScrapeHead(target: Uint8Array, offset: number, transactionId: number): number {
  assert(offset + headLength <= target.length, 'room for a scrape response')
  writeUint32(target, offset, actionScrape)
  writeUint32(target, offset + 4, transactionId)
  return offset + headLength
}

/** Writes one torrent of a scrape at `offset`, 12 bytes; the offset after it. */
export function encodeUdpSwarm(
  target: Uint8Array,
  offset: number,
  complete: number,
  downloaded: number,
  incomplete: number,
): number {
  assert(offset + swarmLength <= target.length, 'room for a torrent')
  writeUint32(target, offset, complete)
  writeUint32(target, offset + 4, downloaded)
  writeUint32(target, offset + 8, incomplete)
  return offset + swarmLength
}

/** Writes a refusal with a reason for a person at `offset`; the offset after it. */
export function encodeUdpError(target: Uint8Array, offset: number, transactionId: number, message: string): number {
  assert(message.length <= maxMessageLength, 'a short message')
  assert(offset + headLength + utf8Length(message) <= target.length, 'room for an error response')
  writeUint32(target, offset, actionError)
  writeUint32(target, offset + 4, transactionId)
  return offset + headLength + writeUtf8(target, offset + headLength, message)
}
