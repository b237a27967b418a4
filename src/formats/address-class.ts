// The one address-class policy: what kind of address something is, and who may make this program contact it.
// Guarantees: pure; an IPv4 address inside an IPv6 one (mapped, NAT64, 6to4) counts as what it is; what is no
// address at all counts as reserved, so that nothing unknown is ever contacted.
import { addressBytes, type Endpoint } from './compact-endpoint.ts'

export type AddressClass =
  | 'global'
  | 'loopback'
  /** RFC 1918. */
  | 'private'
  | 'link-local'
  /** fc00::/7, and what overlay networks use as such. */
  | 'unique-local'
  /** 100.64.0.0/10 (RFC 6598). */
  | 'carrier-grade-nat'
  | 'unspecified'
  | 'multicast'
  | 'broadcast'
  | 'documentation'
  | 'reserved'

interface Range {
  readonly prefix: Uint8Array
  readonly prefixLength: number
  readonly addressClass: AddressClass
}

function range(prefix: string, prefixLength: number, addressClass: AddressClass): Range {
  return { prefix: addressBytes(prefix) as Uint8Array, prefixLength, addressClass }
}

/** IANA's special-purpose registry; the first that fits counts, what fits none is global. */
const ipv4Ranges: readonly Range[] = [
  range('0.0.0.0', 8, 'unspecified'),
  range('10.0.0.0', 8, 'private'),
  range('100.64.0.0', 10, 'carrier-grade-nat'),
  range('127.0.0.0', 8, 'loopback'),
  range('169.254.0.0', 16, 'link-local'),
  range('172.16.0.0', 12, 'private'),
  range('192.0.0.0', 24, 'reserved'),
  range('192.0.2.0', 24, 'documentation'),
  range('192.168.0.0', 16, 'private'),
  range('198.18.0.0', 15, 'reserved'),
  range('198.51.100.0', 24, 'documentation'),
  range('203.0.113.0', 24, 'documentation'),
  range('224.0.0.0', 4, 'multicast'),
  range('255.255.255.255', 32, 'broadcast'),
  range('240.0.0.0', 4, 'reserved'),
]

/** As above, but only 2000::/3 has been given out: what fits none and is outside of it is reserved. */
const ipv6Ranges: readonly Range[] = [
  range('::', 128, 'unspecified'),
  range('::1', 128, 'loopback'),
  range('2001:db8::', 32, 'documentation'),
  range('3fff::', 20, 'documentation'),
  // Benchmarking, and identifiers that only look like addresses (ORCHID).
  range('2001:2::', 48, 'reserved'),
  range('2001:10::', 28, 'reserved'),
  range('2001:20::', 28, 'reserved'),
  range('2000::', 3, 'global'),
  range('fe80::', 10, 'link-local'),
  range('fec0::', 10, 'unique-local'),
  range('fc00::', 7, 'unique-local'),
  // Given back long ago (RFC 4048) and used by overlay networks since.
  range('200::', 7, 'unique-local'),
  range('ff00::', 8, 'multicast'),
]

/** Prefixes behind which, at the byte after them, an IPv4 address stands. */
const embeddings: readonly { readonly prefix: Uint8Array; readonly lengthBytes: number }[] = [
  { prefix: addressBytes('::ffff:0:0') as Uint8Array, lengthBytes: 12 },
  { prefix: addressBytes('64:ff9b::') as Uint8Array, lengthBytes: 12 },
  { prefix: addressBytes('2002::') as Uint8Array, lengthBytes: 2 },
]

function startsWith(bytes: Uint8Array, prefix: Uint8Array, bits: number): boolean {
  const whole = bits >> 3
  for (let index = 0; index < whole; index++) {
    if (bytes[index] !== prefix[index]) return false
  }
  const rest = bits & 7
  return rest === 0 || ((bytes[whole] as number) ^ (prefix[whole] as number)) >> (8 - rest) === 0
}

function classOf(bytes: Uint8Array, ranges: readonly Range[], otherwise: AddressClass): AddressClass {
  for (const { prefix, prefixLength, addressClass } of ranges) {
    if (startsWith(bytes, prefix, prefixLength)) return addressClass
  }
  return otherwise
}

/** The 4 bytes of an IPv4 address inside an IPv6 one, else the bytes as they are. */
function unwrapped(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 4) return bytes
  for (const { prefix, lengthBytes } of embeddings) {
    if (startsWith(bytes, prefix, 8 * lengthBytes)) return bytes.subarray(lengthBytes, lengthBytes + 4)
  }
  return bytes
}

/** The class of an IP literal without brackets; reserved for any other text. */
export function addressClass(address: string): AddressClass {
  const bytes = addressBytes(address)
  if (bytes === undefined) return 'reserved'
  const inner = unwrapped(bytes)
  return inner.length === 4 ? classOf(inner, ipv4Ranges, 'global') : classOf(inner, ipv6Ranges, 'reserved')
}

/** Of this machine or a network it is in: nothing a stranger may point this program at. */
export function isLocalClass(kind: AddressClass): boolean {
  switch (kind) {
    case 'loopback':
    case 'private':
    case 'link-local':
    case 'unique-local':
    case 'carrier-grade-nat':
      return true
    default:
      return false
  }
}

/** Who named a URL: decides whether it may lead to local addresses. */
export type UrlSource =
  /** Typed in, or in the settings. */
  | 'user'
  /** Tracker of a torrent or magnet. */
  | 'torrent-tracker'
  /** Web seed of a torrent or magnet. */
  | 'torrent-seed'
  /** `Location` of an answer. */
  | 'redirect'

export interface ContactQuestion {
  /** What the URL's host resolved to, and what would be connected to. */
  readonly address: string
  /** Host of the URL as written, without brackets: a name or an IP literal. */
  readonly host: string
  /** Path of the URL; `/` or empty where there is none. */
  readonly path: string
  /** Query of the URL, with or without `?`. */
  readonly query: string
  readonly source: UrlSource
  /** The owner's setting. */
  readonly allowsLocal: boolean
}

/** A literal in a torrent is its author's plain word, but must not reach what is no tracker and no seed. */
function isPlainLocalUrl({ host, path, query, source }: ContactQuestion): boolean {
  if (addressBytes(host) === undefined) return false
  if (source === 'torrent-tracker') return /^\/announce\/?$/.test(path)
  return source === 'torrent-seed' && (query === '' || query === '?')
}

/**
 * Whether a URL may be followed to an address (server-side request forgery). Global ones always. Local ones if the
 * user named the URL or allows it, or the torrent names the address itself: a tracker at `/announce`, a web seed
 * without a query; never by redirect, never by a name in the DNS. Others only where local ones are allowed.
 */
export function mayContact(question: ContactQuestion): boolean {
  const kind = addressClass(question.address)
  if (kind === 'global') return true
  if (kind === 'unspecified' || kind === 'multicast' || kind === 'broadcast') return false
  if (question.allowsLocal) return true
  if (!isLocalClass(kind)) return false
  return question.source === 'user' || isPlainLocalUrl(question)
}

/** Where a peer's address comes from: the user, or whoever at `address` told it; undefined: nobody in particular. */
export type PeerOrigin = 'user' | { readonly address: string } | undefined

function mayName(origin: AddressClass, peer: AddressClass): boolean {
  if (origin === 'loopback') return true
  return isLocalClass(origin) && peer !== 'loopback'
}

/**
 * Whether a peer's endpoint is worth keeping: never port 0, multicast and the like, or ourselves (`isSelf`); local
 * ones only from local sources, those of this machine only from this machine.
 */
export function acceptsPeer(endpoint: Endpoint, origin: PeerOrigin, isSelf?: (endpoint: Endpoint) => boolean): boolean {
  if (!(endpoint.port > 0 && endpoint.port <= 65_535)) return false
  const kind = addressClass(endpoint.address)
  if (kind === 'unspecified' || kind === 'multicast' || kind === 'broadcast' || isSelf?.(endpoint)) return false
  if (kind === 'global' || origin === 'user') return true
  if (!isLocalClass(kind) || origin === undefined) return false
  return mayName(addressClass(origin.address), kind)
}
