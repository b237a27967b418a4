// Messages of the WebTorrent tracker protocol: JSON over a WebSocket, in which browsers pass each other offers and answers
// of WebRTC. There is no BEP; this is what bittorrent-tracker 11 speaks. Bytes are texts of a character each.
// Guarantees: reading never throws; what is passed on is made anew from two texts, so nothing else travels with it.
import { failure, type Result, success } from '../../base/errors.ts'
import { type AnnounceEvent, maxScrapeHashes, unknownLeftBytes } from './announce.ts'

/** A session description (RFC 8829). */
export interface Description {
  readonly type: 'offer' | 'answer'
  readonly sdp: string
}

interface Offer {
  readonly offerId: string
  readonly description: Description
}

/** Info hashes and peer ids: 20 characters, each a byte. */
export type SignallingMessage =
  | {
      readonly type: 'announce'
      readonly infoHash: string
      readonly peerId: string
      readonly leftBytes: number
      readonly event: AnnounceEvent
      /** The first few. */
      readonly offers: readonly Offer[]
    }
  | {
      readonly type: 'answer'
      readonly infoHash: string
      readonly peerId: string
      readonly toPeerId: string
      readonly offerId: string
      readonly description: Description
    }
  | { readonly type: 'scrape'; readonly infoHashes: readonly string[] }

export const maxSignallingBytes = 262_144
const maxOffers = 10
const maxSdpLength = 16_384
const maxOfferIdLength = 64

type Fields = Readonly<Record<string, unknown>>

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Characters above one byte would be nobody's hash. */
function readBytes(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\0-\xff]{20}$/.test(value) ? value : undefined
}

function readOfferId(value: unknown): string | undefined {
  return typeof value === 'string' && value.length > 0 && value.length <= maxOfferIdLength ? value : undefined
}

function readDescription(value: unknown, type: Description['type']): Description | undefined {
  if (!isFields(value)) return undefined
  const { sdp } = value as { readonly sdp?: unknown }
  return typeof sdp === 'string' && sdp.length <= maxSdpLength ? { type, sdp } : undefined
}

function readOffers(value: unknown): Offer[] {
  const offers: Offer[] = []
  for (const entry of Array.isArray(value) ? value.slice(0, maxOffers) : []) {
    if (!isFields(entry)) continue
    const { offer_id, offer } = entry as { readonly offer_id?: unknown; readonly offer?: unknown }
    const [offerId, description] = [readOfferId(offer_id), readDescription(offer, 'offer')]
    if (offerId !== undefined && description !== undefined) offers.push({ offerId, description })
  }
  return offers
}

function readAnnounce(fields: Fields): SignallingMessage | string {
  const { info_hash, peer_id, left, event, offers, answer, to_peer_id, offer_id } = fields as Readonly<
    Partial<
      Record<'info_hash' | 'peer_id' | 'left' | 'event' | 'offers' | 'answer' | 'to_peer_id' | 'offer_id', unknown>
    >
  >
  const [infoHash, peerId] = [readBytes(info_hash), readBytes(peer_id)]
  if (infoHash === undefined) return 'info_hash is missing or not 20 bytes'
  if (peerId === undefined) return 'peer_id is missing or not 20 bytes'
  if (answer !== undefined && answer !== null) {
    const [toPeerId, offerId] = [readBytes(to_peer_id), readOfferId(offer_id)]
    const description = readDescription(answer, 'answer')
    if (toPeerId === undefined || offerId === undefined || description === undefined) return 'an answer to nothing'
    return { type: 'answer', infoHash, peerId, toPeerId, offerId, description }
  }
  const known = event === 'started' || event === 'completed' || event === 'stopped' || event === 'paused'
  const isCount = typeof left === 'number' && left >= 0
  return {
    type: 'announce',
    infoHash,
    peerId,
    leftBytes: isCount ? left : unknownLeftBytes,
    event: known ? event : 'none',
    offers: readOffers(offers),
  }
}

function readScrape({ info_hash: named }: { readonly info_hash?: unknown }): SignallingMessage | string {
  const list = Array.isArray(named) ? named.slice(0, maxScrapeHashes) : [named]
  const infoHashes = list.map(readBytes).filter((hash) => hash !== undefined)
  if (infoHashes.length !== list.length || infoHashes.length === 0) return 'a scrape names its torrents here'
  return { type: 'scrape', infoHashes }
}

/** Errors: tracker-request. */
export function decodeSignalling(text: string): Result<SignallingMessage> {
  let parsed: unknown
  try {
    parsed = text.length > maxSignallingBytes ? undefined : JSON.parse(text)
  } catch {
    return failure('tracker-request', 'not JSON')
  }
  if (!isFields(parsed)) return failure('tracker-request', 'not an object')
  const { action } = parsed as { readonly action?: unknown }
  let message: SignallingMessage | string = 'neither announce nor scrape'
  if (action === 'announce') message = readAnnounce(parsed)
  if (action === 'scrape') message = readScrape(parsed)
  return typeof message === 'string' ? failure('tracker-request', message) : success(message)
}

export interface SignallingCounts {
  readonly complete: number
  readonly incomplete: number
  readonly downloaded: number
}

export function encodeSignallingReply(infoHash: string, intervalSeconds: number, counts: SignallingCounts): string {
  const { complete, incomplete } = counts
  return JSON.stringify({ action: 'announce', interval: intervalSeconds, info_hash: infoHash, complete, incomplete })
}

/** An offer or answer on its way to another peer. */
export function encodeSignal(infoHash: string, peerId: string, offerId: string, description: Description): string {
  const signal = { offer_id: offerId, peer_id: peerId, info_hash: infoHash }
  return JSON.stringify({ action: 'announce', [description.type]: description, ...signal })
}

export function encodeSignallingScrape(swarms: readonly (readonly [infoHash: string, SignallingCounts])[]): string {
  return JSON.stringify({ action: 'scrape', files: Object.fromEntries(swarms) })
}

export function encodeSignallingFailure(reason: string, infoHash?: string): string {
  return JSON.stringify({ 'action': 'announce', 'failure reason': reason, 'info_hash': infoHash })
}
