// Requests of the UDP tracker protocol (BEP 15), both sides: written by a client, read by a tracker.
// Guarantees: reading allocates nothing, never throws, and reads only what the datagram holds; writing sets every
// byte. Whether a connection id is valid is for the machine to say. Longer datagrams are fine: BEP 41 uses that.
import { assert } from '../../base/assert.ts'
import { readUint16, readUint32, writeUint16, writeUint32 } from '../../base/bytes.ts'
import { type AnnounceEvent, type AnnounceRequest, hashLength, maxScrapeHashes, unknownLeftBytes } from './announce.ts'

/** 64 bits that prove a client's address, in halves of 32 bits: a bigint would cost an allocation. */
export interface ConnectionId {
  readonly high: number
  readonly low: number
}

export const actionConnect = 0
export const actionAnnounce = 1
export const actionScrape = 2
export const actionError = 3
/** The datagram is none of the requests. */
export const notARequest = -1

/** Where connect requests have 0x41727101980 others have the connection id. */
const protocolIdHigh = 0x417
const protocolIdLow = 0x27101980

export const connectRequestLength = 16
/** Options of BEP 41 follow at this offset. */
export const announceRequestLength = 98
const scrapeHeadLength = 16
/** Where the 20 bytes of an announced info hash and peer id begin. */
export const announceInfoHashOffset = 16
export const announcePeerIdOffset = 36

/** What a datagram asks for: actionConnect, -Announce or -Scrape, each complete; else `notARequest`. */
export function udpRequestAction(datagram: Uint8Array): number {
  const { length } = datagram
  if (length < connectRequestLength) return notARequest
  const action = readUint32(datagram, 8)
  if (action === actionConnect) {
    const isBitTorrent = readUint32(datagram, 0) === protocolIdHigh && readUint32(datagram, 4) === protocolIdLow
    return isBitTorrent ? actionConnect : notARequest
  }
  if (action === actionAnnounce) return length >= announceRequestLength ? actionAnnounce : notARequest
  if (action === actionScrape) return length >= scrapeHeadLength + hashLength ? actionScrape : notARequest
  return notARequest
}

/** The fields below belong to a datagram that `udpRequestAction` has recognised. */
export function requestTransactionId(datagram: Uint8Array): number {
  return readUint32(datagram, 12)
}

/** Halves of the connection id of an announce or scrape. */
export function requestConnectionHigh(datagram: Uint8Array): number {
  return readUint32(datagram, 0)
}

export function requestConnectionLow(datagram: Uint8Array): number {
  return readUint32(datagram, 4)
}

/** Number of info hashes of a scrape, 1 to 74; more are passed over. */
export function scrapeHashCount(datagram: Uint8Array): number {
  return Math.min(maxScrapeHashes, Math.floor((datagram.length - scrapeHeadLength) / hashLength))
}

/** Where the 20 bytes of info hash number `index` of a scrape begin. */
export function scrapeHashOffset(index: number): number {
  return scrapeHeadLength + index * hashLength
}

/** The fixed fields of an announce but its hashes, which are read where they lie. Made once, filled again and again. */
export interface UdpAnnounceFields {
  downloadedBytes: number
  leftBytes: number
  uploadedBytes: number
  event: AnnounceEvent
  /** An IPv4 address the client claims to have, as a number; 0: none. */
  claimedIpv4: number
  key: number
  /** -1: as many as the tracker likes. */
  wantedPeers: number
  /** 0: takes no connections, never to be handed out. */
  port: number
}

export function emptyAnnounceFields(): UdpAnnounceFields {
  return {
    downloadedBytes: 0,
    leftBytes: 0,
    uploadedBytes: 0,
    event: 'none',
    claimedIpv4: 0,
    key: 0,
    wantedPeers: -1,
    port: 0,
  }
}

/** 64 bits without sign, capped at 2^53 - 1: `left` may be anything before the metadata is known. */
function readAmount(datagram: Uint8Array, offset: number): number {
  const high = readUint32(datagram, offset)
  return high >= 0x20_0000 ? unknownLeftBytes : high * 2 ** 32 + readUint32(datagram, offset + 4)
}

/** By their number on the wire. Only the first four are in BEP 15; 4 is what some clients send for BEP 21. */
const events: readonly AnnounceEvent[] = ['none', 'completed', 'started', 'stopped', 'paused']

/** Fills `fields` from an announce. */
export function readUdpAnnounce(datagram: Uint8Array, fields: UdpAnnounceFields): void {
  fields.downloadedBytes = readAmount(datagram, 56)
  fields.leftBytes = readAmount(datagram, 64)
  fields.uploadedBytes = readAmount(datagram, 72)
  fields.event = events[readUint32(datagram, 80)] ?? 'none'
  fields.claimedIpv4 = readUint32(datagram, 84)
  fields.key = readUint32(datagram, 88)
  const wantedPeers = readUint32(datagram, 92) | 0
  fields.wantedPeers = wantedPeers < 0 ? -1 : wantedPeers
  fields.port = readUint16(datagram, 96)
}

/** Writes a connect request at `offset`, 16 bytes; the offset after it. */
export function encodeUdpConnect(target: Uint8Array, offset: number, transactionId: number): number {
  assert(offset + connectRequestLength <= target.length, 'room for a connect request')
  writeUint32(target, offset, protocolIdHigh)
  writeUint32(target, offset + 4, protocolIdLow)
  writeUint32(target, offset + 8, actionConnect)
  writeUint32(target, offset + 12, transactionId)
  return offset + connectRequestLength
}

function writeHead(target: Uint8Array, offset: number, connection: ConnectionId, action: number, id: number): void {
  writeUint32(target, offset, connection.high)
  writeUint32(target, offset + 4, connection.low)
  writeUint32(target, offset + 8, action)
  writeUint32(target, offset + 12, id)
}

function writeAmount(target: Uint8Array, offset: number, amount: number): void {
  assert(Number.isSafeInteger(amount) && amount >= 0, 'a number of bytes')
  writeUint32(target, offset, Math.floor(amount / 2 ** 32))
  writeUint32(target, offset + 4, amount)
}

/** BEP 15 has no `paused`; a tracker is told of a regular announce instead. */
function eventNumber(event: AnnounceEvent): number {
  return event === 'paused' ? 0 : events.indexOf(event)
}

/** Writes an announce at `offset`, 98 bytes; the offset after it, where options (BEP 41) may follow. */
export function encodeUdpAnnounce(
  target: Uint8Array,
  offset: number,
  connection: ConnectionId,
  transactionId: number,
  request: AnnounceRequest,
): number {
  assert(offset + announceRequestLength <= target.length, 'room for an announce')
  assert(request.infoHash.length === hashLength && request.peerId.length === hashLength, 'hash and peer id of 20 bytes')
  writeHead(target, offset, connection, actionAnnounce, transactionId)
  target.set(request.infoHash, offset + announceInfoHashOffset)
  target.set(request.peerId, offset + announcePeerIdOffset)
  writeAmount(target, offset + 56, request.downloadedBytes)
  writeAmount(target, offset + 64, request.leftBytes)
  writeAmount(target, offset + 72, request.uploadedBytes)
  writeUint32(target, offset + 80, eventNumber(request.event))
  writeUint32(target, offset + 84, 0)
  writeUint32(target, offset + 88, request.key ?? 0)
  writeUint32(target, offset + 92, request.wantedPeers ?? -1)
  writeUint16(target, offset + 96, request.port)
  return offset + announceRequestLength
}

/** Writes a scrape of 1 to 74 info hashes of 20 bytes at `offset`; the offset after it. */
export function encodeUdpScrape(
  target: Uint8Array,
  offset: number,
  connection: ConnectionId,
  transactionId: number,
  infoHashes: readonly Uint8Array[],
): number {
  assert(infoHashes.length > 0 && infoHashes.length <= maxScrapeHashes, 'a scrape of 1 to 74 torrents')
  const end = offset + scrapeHeadLength + infoHashes.length * hashLength
  assert(end <= target.length, 'room for a scrape')
  writeHead(target, offset, connection, actionScrape, transactionId)
  let position = offset + scrapeHeadLength
  for (const infoHash of infoHashes) {
    assert(infoHash.length === hashLength, 'an info hash of 20 bytes')
    target.set(infoHash, position)
    position += hashLength
  }
  return end
}
