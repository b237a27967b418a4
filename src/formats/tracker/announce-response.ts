// The bencoded answer to an HTTP announce (BEP 3, 7, 21, 23, 24), both sides. Refusals are in reply.ts.
// Guarantees: never throws; at most 3,000 peers, none with port 0; what is malformed is left out, as is what lies
// beyond the last whole packed peer. An answer with neither an interval nor peers is refused.
import { assert } from '../../base/assert.ts'
import { type Result, success, unwrap } from '../../base/errors.ts'
import type { BencodeCursor } from '../bencode/cursor.ts'
import { type BencodeInput, encode } from '../bencode/encode.ts'
import { kindList } from '../bencode/scan.ts'
import {
  type AddressFamily,
  addressBytes,
  compactEndpointLength,
  decodeAddress,
  decodeCompactEndpoints,
  type IpAddress,
  parseAddress,
} from '../compact-endpoint.ts'
import {
  type AnnounceResponse,
  clampInterval,
  hashLength,
  maxPeers,
  type TrackerFailure,
  type TrackerPeer,
  usualIntervalSeconds,
} from './announce.ts'
import { readableText, readCount, readFailure, readReply, unusable } from './reply.ts'

const maxTrackerIdLength = 256

/** A peer of the long form. A host name is no endpoint and is left out: names from strangers are not looked up. */
function readPeer(entry: BencodeCursor): TrackerPeer | undefined {
  const ip = entry.get('ip')
  const port = entry.get('port')?.integer()
  const address = parseAddress(ip?.latin1() ?? '')
  if (address === undefined || port === undefined || port < 1 || port > 65_535) return undefined
  const peerId = entry.get('peer id')?.bytes()
  return { ...address, port, ...(peerId?.length === hashLength ? { peerId: peerId.slice() } : undefined) }
}

/** Packed peers or those of the long form; undefined where there is neither. */
function readPeers(entry: BencodeCursor | undefined, family: AddressFamily, cap: number): TrackerPeer[] | undefined {
  const packed = entry?.bytes()
  if (packed !== undefined) {
    const whole = packed.subarray(0, packed.length - (packed.length % compactEndpointLength(family)))
    return unwrap(decodeCompactEndpoints(whole, family, cap))
  }
  if (entry?.kind !== kindList) return undefined
  const peers: TrackerPeer[] = []
  for (const element of entry.elements()) {
    if (peers.length === cap) break
    const peer = readPeer(element)
    if (peer !== undefined) peers.push(peer)
  }
  return peers
}

function readInterval(reply: BencodeCursor): number | undefined {
  const seconds = reply.get('interval')?.bigint()
  return seconds === undefined ? undefined : clampInterval(Number(seconds))
}

/**
 * The answer to an announce. Without `interval` (some trackers leave it out when we stop) it is the usual one.
 * Errors: bencode-*, tracker-response.
 */
export function decodeAnnounceResponse(bytes: Uint8Array): Result<AnnounceResponse | TrackerFailure> {
  const replied = readReply(bytes)
  if (!replied.ok) return replied
  const reply = replied.value
  const refusal = readFailure(reply)
  if (refusal !== undefined) return refusal
  const interval = readInterval(reply)
  const first = readPeers(reply.get('peers'), 4, maxPeers)
  const second = readPeers(reply.get('peers6'), 6, maxPeers - (first?.length ?? 0))
  if (interval === undefined && first === undefined && second === undefined) {
    return unusable('neither an interval nor peers')
  }
  return success({
    kind: 'response',
    intervalSeconds: interval ?? usualIntervalSeconds,
    peers: [...(first ?? []), ...(second ?? [])],
    ...readExtras(reply),
  })
}

type Extras = Partial<Omit<AnnounceResponse, 'kind' | 'intervalSeconds' | 'peers'>>

function readExtras(reply: BencodeCursor): Extras {
  const minInterval = reply.get('min interval')?.integer()
  const trackerId = reply.get('tracker id')?.bytes()
  const complete = readCount(reply, 'complete')
  const incomplete = readCount(reply, 'incomplete')
  const downloaded = readCount(reply, 'downloaded')
  const externalBytes = reply.get('external ip')?.bytes()
  const externalIp = externalBytes === undefined ? undefined : decodeAddress(externalBytes)
  const warning = reply.get('warning message')?.bytes()
  const isTrackerId = trackerId !== undefined && trackerId.length > 0 && trackerId.length <= maxTrackerIdLength
  return {
    ...(minInterval === undefined ? undefined : { minIntervalSeconds: clampInterval(minInterval) }),
    ...(isTrackerId ? { trackerId: trackerId.slice() } : undefined),
    ...(complete === undefined ? undefined : { complete }),
    ...(incomplete === undefined ? undefined : { incomplete }),
    ...(downloaded === undefined ? undefined : { downloaded }),
    ...(externalIp === undefined ? undefined : { externalIp }),
    ...(warning === undefined ? undefined : { warning: readableText(warning) }),
  }
}

/** Peers as a tracker hands them out: packed as it stores them, or in the long form for who asked for it. */
export type PeerList =
  | {
      readonly form: 'compact'
      /** 6 bytes each. */
      readonly peers: Uint8Array
      /** 18 bytes each. */
      readonly peers6: Uint8Array
    }
  | { readonly form: 'long'; readonly peers: readonly TrackerPeer[] }

/** What a tracker answers. */
export interface AnnounceReply {
  readonly intervalSeconds: number
  readonly minIntervalSeconds?: number
  readonly trackerId?: Uint8Array
  readonly complete: number
  readonly incomplete: number
  readonly downloaded?: number
  readonly peers: PeerList
  /** The client's own address (BEP 24). */
  readonly externalIp?: IpAddress
  readonly warning?: string
}

function packed(peers: Uint8Array, family: AddressFamily): Uint8Array {
  assert(peers.length % compactEndpointLength(family) === 0, 'a whole number of compact peers')
  return peers
}

function longForm({ address, port, peerId }: TrackerPeer): BencodeInput {
  return { ip: address, 'peer id': peerId, port }
}

export function encodeAnnounceResponse(reply: AnnounceReply): Uint8Array {
  const { peers } = reply
  return encode({
    'complete': reply.complete,
    'downloaded': reply.downloaded,
    'external ip': reply.externalIp === undefined ? undefined : addressBytes(reply.externalIp.address),
    'incomplete': reply.incomplete,
    'interval': reply.intervalSeconds,
    'min interval': reply.minIntervalSeconds,
    'peers': peers.form === 'long' ? peers.peers.map(longForm) : packed(peers.peers, 4),
    'peers6': peers.form === 'long' || peers.peers6.length === 0 ? undefined : packed(peers.peers6, 6),
    'tracker id': reply.trackerId,
    'warning message': reply.warning,
  })
}
