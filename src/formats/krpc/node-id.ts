// Node ids tied to addresses (BEP 42), so that nobody can choose to sit next to a given info hash.
// Guarantees: pure; addresses that no one outside a local network can have are exempt.
import { assert } from '../../base/assert.ts'
import { nodeIdLength } from './message.ts'

/** CRC-32C (Castagnoli), bits reflected. */
const polynomial = 0x82f6_3b78
const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
  return crc
})

/** CRC-32C of the first `length` bytes. */
export function crc32c(bytes: Uint8Array, length = bytes.length): number {
  let crc = -1
  for (let index = 0; index < length; index++) {
    crc = (crc >>> 8) ^ (crcTable[(crc ^ (bytes[index] as number)) & 0xff] as number)
  }
  return ~crc >>> 0
}

const mask4 = Uint8Array.of(0x03, 0x0f, 0x3f, 0xff)
/** Only the upper half of an IPv6 address counts: the lower half is anyone's to choose. */
const mask6 = Uint8Array.of(0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff)
const masked = new Uint8Array(mask6.length)

/** The hash whose upper 21 bits begin the ids of an address; `random` is the id's last byte. */
function prefixHash(address: Uint8Array, random: number): number {
  assert(address.length === 4 || address.length === 16, 'an address of 4 or 16 bytes')
  const mask = address.length === 4 ? mask4 : mask6
  for (let index = 0; index < mask.length; index++) masked[index] = (address[index] as number) & (mask[index] as number)
  masked[0] = (masked[0] as number) | ((random & 7) << 5)
  return crc32c(masked, mask.length)
}

/** An id that fits an address of 4 or 16 bytes; `random`, 20 random bytes, fills what is free. */
export function nodeIdFor(address: Uint8Array, random: Uint8Array): Uint8Array {
  assert(random.length === nodeIdLength, '20 random bytes')
  const hash = prefixHash(address, random[nodeIdLength - 1] as number)
  const id = random.slice()
  id[0] = hash >>> 24
  id[1] = hash >>> 16
  id[2] = ((hash >>> 8) & 0xf8) | ((random[2] as number) & 7)
  return id
}

/** Local networks, this computer and self-assigned addresses, in either family. */
export function isExemptFromNodeIdRule(address: Uint8Array): boolean {
  const [first = 0, second = 0] = address
  if (address.length === 4) {
    return (
      first === 10 ||
      first === 127 ||
      (first === 172 && (second & 0xf0) === 16) ||
      (first === 192 && second === 168) ||
      (first === 169 && second === 254)
    )
  }
  const isUniqueLocal = (first & 0xfe) === 0xfc
  const isLinkLocal = first === 0xfe && (second & 0xc0) === 0x80
  const isLoopback = address[15] === 1 && address.subarray(0, 15).every((byte) => byte === 0)
  return isUniqueLocal || isLinkLocal || isLoopback
}

/** Whether a node of this id may be at this address of 4 or 16 bytes. */
export function nodeIdFits(id: Uint8Array, address: Uint8Array): boolean {
  assert(id.length === nodeIdLength, 'a node id of 20 bytes')
  if (isExemptFromNodeIdRule(address)) return true
  const hash = prefixHash(address, id[nodeIdLength - 1] as number)
  const prefix = (((id[0] as number) << 24) | ((id[1] as number) << 16) | ((id[2] as number) << 8)) >>> 0
  return (prefix ^ hash) >>> 11 === 0
}
