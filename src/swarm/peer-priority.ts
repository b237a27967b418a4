// Canonical peer priority (BEP 40): a number that both sides of a pair compute alike, by which a full client chooses
// whom to keep, so that the swarm stays well connected and nobody can be crowded out. Pure.
import { assert } from '../base/assert.ts'
import { compareBytes, concatBytes, writeUint16 } from '../base/bytes.ts'
import type { Endpoint } from '../base/endpoint.ts'
import { addressLength, encodeAddress } from '../formats/compact-endpoint.ts'

/** CRC32-C (Castagnoli), reflected. */
const polynomial = 0x82f6_3b78

function crc32c(bytes: Uint8Array): number {
  let remainder = -1
  for (const byte of bytes) {
    remainder ^= byte
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (polynomial & -(remainder & 1))
  }
  return ~remainder >>> 0
}

function addressOf(endpoint: Endpoint): Uint8Array {
  const bytes = new Uint8Array(addressLength(endpoint.family))
  encodeAddress(bytes, 0, endpoint)
  return bytes
}

function portOf(endpoint: Endpoint): Uint8Array {
  const bytes = new Uint8Array(2)
  writeUint16(bytes, 0, endpoint.port)
  return bytes
}

/**
 * 0 to 2^32 - 1, higher first; the same whichever side is `own`. Both of one family. Ports count only where the
 * addresses are equal. `own` should be as the peer sees us.
 */
export function peerPriority(own: Endpoint, peer: Endpoint): number {
  assert(own.family === peer.family, 'endpoints of one family')
  const a = addressOf(own)
  const b = addressOf(peer)
  if (compareBytes(a, b) === 0) return hashPair(portOf(own), portOf(peer))
  let shared = 0
  while (a[shared] === b[shared]) shared++
  // What both share and one byte more counts whole, at least 16 (48) bits; beyond that every second bit does.
  for (let index = Math.max(own.family === 4 ? 2 : 6, shared + 1); index < a.length; index++) {
    a[index] = (a[index] as number) & 0x55
    b[index] = (b[index] as number) & 0x55
  }
  return hashPair(a, b)
}

function hashPair(a: Uint8Array, b: Uint8Array): number {
  return crc32c(compareBytes(a, b) <= 0 ? concatBytes([a, b]) : concatBytes([b, a]))
}
