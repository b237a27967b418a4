// The query string of an HTTP announce (BEP 3, 7, 21, 23), both sides: URL for a client, parser for a tracker.
// Guarantees: the announce URL's own path and query, passkeys among them, stay as they are; the parser never
// throws, bounds every number, and believes no address a client claims unless asked to.
import { assert } from '../../base/assert.ts'
import { toLatin1 } from '../../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../../base/errors.ts'
import { type Endpoint, formatEndpoint, parseAddress, parseEndpoint } from '../compact-endpoint.ts'
import { type AnnounceEvent, type AnnounceRequest, hashLength, unknownLeftBytes } from './announce.ts'
import { eachParameter, parseDecimal, percentDecode, percentEncode } from './query-string.ts'

/** What only HTTP can say. */
export interface HttpAnnounceRequest extends AnnounceRequest {
  /** As the tracker gave it. */
  readonly trackerId?: Uint8Array
  /** Whether peers are wanted in packed form (BEP 23); so unless `compact=0` says otherwise. */
  readonly isCompact: boolean
  /** Whether the long form may leave peer ids out. */
  readonly omitsPeerIds: boolean
  /** Other addresses the client says it has: `ipv4`, `ipv6` (BEP 7) and `ip`; unproven. */
  readonly claimedEndpoints: readonly Endpoint[]
  /** Whether the client takes encrypted connections. */
  readonly supportsEncryption: boolean
}

export interface AnnounceQueryOptions {
  /** Read `ip`, `ipv4` and `ipv6`: for trackers behind a proxy or on a local network only. */
  readonly readsClaimedEndpoints?: boolean
}

export const maxQueryLength = 16_384
const maxTrackerIdLength = 256
const maxWantedPeers = 65_535
const maxAddressLength = 64

/** `url` with parameters added to its query; a fragment is dropped. */
export function withParameters(url: string, parameters: readonly string[]): string {
  const hash = url.indexOf('#')
  const base = hash === -1 ? url : url.slice(0, hash)
  const question = base.indexOf('?')
  const isOpen = question !== -1 && (question === base.length - 1 || base.endsWith('&'))
  return `${base}${isOpen ? '' : question === -1 ? '?' : '&'}${parameters.join('&')}`
}

function claimedParameter(endpoint: Endpoint): string {
  return `ipv${endpoint.family}=${encodeURIComponent(formatEndpoint(endpoint))}`
}

/** The URL of an announce: that of the tracker with the request in its query. */
export function encodeAnnounceQuery(url: string, request: HttpAnnounceRequest): string {
  assert(request.infoHash.length === hashLength && request.peerId.length === hashLength, 'hash and peer id of 20 bytes')
  const parameters = [
    `info_hash=${percentEncode(request.infoHash)}`,
    `peer_id=${percentEncode(request.peerId)}`,
    `port=${request.port}`,
    `uploaded=${request.uploadedBytes}`,
    `downloaded=${request.downloadedBytes}`,
    `left=${request.leftBytes}`,
    `compact=${request.isCompact ? 1 : 0}`,
  ]
  if (request.omitsPeerIds) parameters.push('no_peer_id=1')
  if (request.event !== 'none') parameters.push(`event=${request.event}`)
  if (request.wantedPeers !== undefined) parameters.push(`numwant=${request.wantedPeers}`)
  if (request.key !== undefined) parameters.push(`key=${request.key.toString(16).toUpperCase().padStart(8, '0')}`)
  if (request.trackerId !== undefined) parameters.push(`trackerid=${percentEncode(request.trackerId)}`)
  if (request.supportsEncryption) parameters.push('supportcrypto=1')
  for (const endpoint of request.claimedEndpoints) parameters.push(claimedParameter(endpoint))
  return withParameters(url, parameters)
}

function malformed(detail: string): Failure {
  return failure('tracker-request', detail)
}

function parseEvent(text: string | undefined): AnnounceEvent {
  return text === 'started' || text === 'completed' || text === 'stopped' || text === 'paused' ? text : 'none'
}

/** Keys are opaque text to most trackers; here 32 bits in hexadecimal, as most clients write them, or no key. */
function parseKey(text: string): number | undefined {
  return /^[0-9a-fA-F]{1,8}$/.test(text) ? Number.parseInt(text, 16) : undefined
}

/** An address with or without a port, as BEP 7 allows; what else `ip` may hold, a host name, is left out. */
function claimedEndpoint(value: string, port: number): Endpoint | undefined {
  const bytes = percentDecode(value, maxAddressLength)
  if (bytes === undefined) return undefined
  const text = toLatin1(bytes)
  const endpoint = parseEndpoint(text)
  if (endpoint !== undefined) return endpoint
  const address = parseAddress(text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text)
  return address === undefined || port === 0 ? undefined : { ...address, port }
}

const knownNames = new Set([
  'info_hash',
  'peer_id',
  'port',
  'uploaded',
  'downloaded',
  'left',
  'event',
  'numwant',
  'key',
  'trackerid',
  'compact',
  'no_peer_id',
  'supportcrypto',
  'ip',
  'ipv4',
  'ipv6',
])

/** Values, still encoded, of the parameters known here; the first where a name repeats. */
function knownParameters(query: string): Map<string, string> {
  const found = new Map<string, string>()
  eachParameter(query, (name, value) => {
    if (knownNames.has(name) && !found.has(name)) found.set(name, value)
    return true
  })
  return found
}

function exactly20(value: string | undefined): Uint8Array | undefined {
  const bytes = value === undefined ? undefined : percentDecode(value, hashLength)
  return bytes?.length === hashLength ? bytes : undefined
}

/**
 * The query string of an announce, with or without `?`. `left` that is absent or no number means not known;
 * unknown parameters and events are passed over. Errors: tracker-request.
 */
export function parseAnnounceQuery(query: string, options: AnnounceQueryOptions = {}): Result<HttpAnnounceRequest> {
  if (query.length > maxQueryLength) return malformed(`a query of ${query.length} characters`)
  const parameters = knownParameters(query)
  const decimal = (name: string) => parseDecimal(parameters.get(name) ?? '')
  const infoHash = exactly20(parameters.get('info_hash'))
  if (infoHash === undefined) return malformed('info_hash is missing or not 20 bytes')
  const peerId = exactly20(parameters.get('peer_id'))
  if (peerId === undefined) return malformed('peer_id is missing or not 20 bytes')
  const port = decimal('port')
  if (port === undefined || port > 65_535) return malformed('port is missing or no port')
  const wantedPeers = decimal('numwant')
  const key = parseKey(parameters.get('key') ?? '')
  const trackerId = percentDecode(parameters.get('trackerid') ?? '', maxTrackerIdLength)
  const claimedEndpoints: Endpoint[] = []
  if (options.readsClaimedEndpoints === true) {
    for (const name of ['ip', 'ipv4', 'ipv6']) {
      const endpoint = claimedEndpoint(parameters.get(name) ?? '', port)
      if (endpoint !== undefined) claimedEndpoints.push(endpoint)
    }
  }
  return success({
    infoHash,
    peerId,
    port,
    uploadedBytes: decimal('uploaded') ?? 0,
    downloadedBytes: decimal('downloaded') ?? 0,
    leftBytes: decimal('left') ?? unknownLeftBytes,
    event: parseEvent(parameters.get('event')),
    ...(key === undefined ? undefined : { key }),
    ...(wantedPeers === undefined ? undefined : { wantedPeers: Math.min(wantedPeers, maxWantedPeers) }),
    ...(trackerId === undefined || trackerId.length === 0 ? undefined : { trackerId }),
    isCompact: parameters.get('compact') !== '0',
    omitsPeerIds: parameters.get('no_peer_id') === '1',
    claimedEndpoints,
    supportsEncryption: parameters.get('supportcrypto') === '1',
  })
}
