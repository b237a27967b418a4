// Endpoints, an IP address and a port, and their compact form: 6 bytes for IPv4 (BEP 23), 18 for IPv6 (BEP 7).
// Guarantees: an address has exactly one text (RFC 5952 for IPv6), so endpoints compare and key maps as text;
// port 0, which nothing can be sent to, is dropped on the way in. Used by trackers, KRPC, PEX and magnets.
import { assert } from '../base/assert.ts'
import { emptyBytes, readUint16, writeUint16 } from '../base/bytes.ts'
import type { AddressFamily, Endpoint, IpAddress } from '../base/endpoint.ts'
import { type ErrorCode, failure, type Result, success } from '../base/errors.ts'

export type { AddressFamily, Endpoint, IpAddress } from '../base/endpoint.ts'

export function addressLength(family: AddressFamily): 4 | 16 {
  return family === 4 ? 4 : 16
}

export function compactEndpointLength(family: AddressFamily): 6 | 18 {
  return family === 4 ? 6 : 18
}

/** Text that is equal exactly for equal endpoints, cheap to make: the key of maps and sets. */
export function endpointKey(endpoint: Endpoint): string {
  return `${endpoint.address}|${endpoint.port}`
}

/** As in URLs: `192.0.2.1:6881`, `[2001:db8::1]:6881`. */
export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.family === 4 ? `${endpoint.address}:${endpoint.port}` : `[${endpoint.address}]:${endpoint.port}`
}

function formatIpv4(bytes: Uint8Array, offset: number): string {
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`
}

/** Whether 16 bytes are an IPv4-mapped address (::ffff:0:0/96), which RFC 5952 writes with dots. */
function isMappedIpv4(bytes: Uint8Array, offset: number): boolean {
  for (let index = 0; index < 10; index++) {
    if (bytes[offset + index] !== 0) return false
  }
  return bytes[offset + 10] === 0xff && bytes[offset + 11] === 0xff
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
function formatIpv6(bytes: Uint8Array, offset: number): string {
  if (isMappedIpv4(bytes, offset)) return `::ffff:${formatIpv4(bytes, offset + 12)}`
  let longestStart = -1
  let longestLength = 1
  let runStart = 0
  for (let group = 0; group < 8; group++) {
    if (readUint16(bytes, offset + 2 * group) !== 0) {
      runStart = group + 1
    } else if (group + 1 - runStart > longestLength) {
      longestStart = runStart
      longestLength = group + 1 - runStart
    }
  }
  let text = ''
  for (let group = 0; group < 8; group++) {
    if (group === longestStart) {
      text += '::'
      group += longestLength - 1
      continue
    }
    if (text !== '' && !text.endsWith(':')) text += ':'
    text += readUint16(bytes, offset + 2 * group).toString(16)
  }
  return text
}

/** Canonical text of the 4 or 16 address bytes at `offset`. */
export function formatAddress(bytes: Uint8Array, offset: number, family: AddressFamily): string {
  assert(offset + addressLength(family) <= bytes.length, 'an address within the bytes')
  return family === 4 ? formatIpv4(bytes, offset) : formatIpv6(bytes, offset)
}

/** A bare address of 4 or 16 bytes (BEP 10 `yourip`, BEP 24); any other length is undefined. */
export function decodeAddress(bytes: Uint8Array): IpAddress | undefined {
  if (bytes.length === 4) return { family: 4, address: formatIpv4(bytes, 0) }
  if (bytes.length === 16) return { family: 6, address: formatIpv6(bytes, 0) }
  return undefined
}

const dot = 0x2e

/** Writes dotted decimal text as 4 bytes; false unless it is four plain numbers of 0 to 255. */
function writeIpv4(text: string, target: Uint8Array, offset: number): boolean {
  const { length } = text
  let part = 0
  let value = -1
  for (let index = 0; index <= length; index++) {
    const code = index === length ? dot : text.charCodeAt(index)
    if (code === dot) {
      if (value === -1 || part === 4) return false
      target[offset + part++] = value
      value = -1
    } else {
      const digit = code - 0x30
      // "010" is octal to some programs and decimal to others, so leading zeros mean nothing safe.
      if (digit < 0 || digit > 9 || value === 0) return false
      value = value === -1 ? digit : 10 * value + digit
      if (value > 255) return false
    }
  }
  return part === 4
}

/** Writes one side of `::` as groups of 16 bits; how many groups, or -1. Dotted decimal only where text ends. */
function writeGroups(text: string, target: Uint8Array, offset: number, mayEndDotted: boolean): number {
  if (text === '') return 0
  const parts = text.split(':', 9)
  let groups = 0
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index] as string
    if (mayEndDotted && index === parts.length - 1 && part.includes('.')) {
      return writeIpv4(part, target, offset + 2 * groups) ? groups + 2 : -1
    }
    if (groups === 8 || !/^[0-9a-fA-F]{1,4}$/.test(part)) return -1
    writeUint16(target, offset + 2 * groups, Number.parseInt(part, 16))
    groups++
  }
  return groups
}

const maxAddressTextLength = 45

/** The 16 bytes of IPv6 text; undefined if it is none. Zone identifiers (`%eth0`) are not addresses here. */
function ipv6Bytes(text: string): Uint8Array | undefined {
  const sides = text.split('::', 3)
  const [front, back] = sides
  if (front === undefined || sides.length > 2) return undefined
  const bytes = new Uint8Array(16)
  const frontGroups = writeGroups(front, bytes, 0, back === undefined)
  if (back === undefined) return frontGroups === 8 ? bytes : undefined
  const tail = new Uint8Array(16)
  const backGroups = writeGroups(back, tail, 0, true)
  if (frontGroups < 0 || backGroups < 0 || frontGroups + backGroups > 7) return undefined
  bytes.set(tail.subarray(0, 2 * backGroups), 16 - 2 * backGroups)
  return bytes
}

/** The 4 or 16 bytes of an IP literal without brackets; undefined if the text is no address. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (text.length > maxAddressTextLength) return undefined
  if (text.includes(':')) return ipv6Bytes(text)
  const bytes = new Uint8Array(4)
  return writeIpv4(text, bytes, 0) ? bytes : undefined
}

/** An IP literal, without brackets, in canonical text; undefined if it is none. */
export function parseAddress(text: string): IpAddress | undefined {
  const bytes = addressBytes(text)
  return bytes === undefined ? undefined : decodeAddress(bytes)
}

/** A port in decimal, 1 to 65535; undefined otherwise. */
export function parsePort(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) return undefined
  const port = Number(text)
  return port <= 65_535 ? port : undefined
}

/** `192.0.2.1:6881` or `[2001:db8::1]:6881`; undefined for anything else, host names included. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([^[\]]*)\]|([^:]*)):([0-9]+)$/.exec(text)
  if (match === null) return undefined
  const [, bracketed, plain, portText] = match
  const ip = parseAddress(bracketed ?? plain ?? '')
  const port = parsePort(portText ?? '')
  if (ip === undefined || port === undefined || (ip.family === 6) !== (bracketed !== undefined)) return undefined
  return { family: ip.family, address: ip.address, port }
}

/** The endpoint at `offset` of 6 or 18 bytes; undefined where the port is 0. The bytes must be there. */
export function decodeCompactEndpoint(bytes: Uint8Array, offset: number, family: AddressFamily): Endpoint | undefined {
  const portOffset = offset + addressLength(family)
  assert(portOffset + 2 <= bytes.length, 'a compact endpoint within the bytes')
  const port = readUint16(bytes, portOffset)
  return port === 0 ? undefined : { family, address: formatAddress(bytes, offset, family), port }
}

/**
 * Endpoints packed end to end: the first `maxCount` entries; those with port 0 are dropped and count too.
 * A length that is no multiple of 6 or 18 is refused with `code`, which names the message it stands in.
 */
export function decodeCompactEndpoints(
  bytes: Uint8Array,
  family: AddressFamily,
  maxCount: number,
  code: ErrorCode = 'endpoint-list',
): Result<Endpoint[]> {
  const stride = compactEndpointLength(family)
  if (bytes.length % stride !== 0) {
    return failure(code, `${bytes.length} bytes of compact IPv${family} endpoints, not a multiple of ${stride}`)
  }
  const end = Math.min(bytes.length, maxCount * stride)
  const endpoints: Endpoint[] = []
  for (let offset = 0; offset < end; offset += stride) {
    const endpoint = decodeCompactEndpoint(bytes, offset, family)
    if (endpoint !== undefined) endpoints.push(endpoint)
  }
  return success(endpoints)
}

/** Writes the 4 or 16 bytes of an address at `offset` and returns the offset after it. */
export function encodeAddress(target: Uint8Array, offset: number, address: IpAddress): number {
  if (address.family === 4) {
    assert(
      offset + 4 <= target.length && writeIpv4(address.address, target, offset),
      'an address of the family it says',
    )
    return offset + 4
  }
  const bytes = addressBytes(address.address) ?? emptyBytes
  assert(bytes.length === addressLength(address.family), 'an address of the family it says')
  target.set(bytes, offset)
  return offset + bytes.length
}

/** Writes the 6 or 18 bytes of an endpoint at `offset` and returns the offset after it. */
export function encodeCompactEndpoint(target: Uint8Array, offset: number, endpoint: Endpoint): number {
  assert(endpoint.port > 0 && endpoint.port <= 65_535, 'a port of 1 to 65535')
  const end = encodeAddress(target, offset, endpoint)
  writeUint16(target, end, endpoint.port)
  return end + 2
}

/** Packs the endpoints of one family end to end; those of the other family are left out. */
export function encodeCompactEndpoints(endpoints: readonly Endpoint[], family: AddressFamily): Uint8Array {
  const chosen = endpoints.filter((endpoint) => endpoint.family === family)
  const bytes = new Uint8Array(chosen.length * compactEndpointLength(family))
  let offset = 0
  for (const endpoint of chosen) offset = encodeCompactEndpoint(bytes, offset, endpoint)
  return bytes
}
