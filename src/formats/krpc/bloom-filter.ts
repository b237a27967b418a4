// The bloom filter of DHT scrapes (BEP 33): 2,048 bits, two a member, over IP addresses without ports.
// Guarantees: bit for bit that of the BEP, or counts would be wrong everywhere. A filter is 256 bytes of the caller.
import { assert } from '../../base/assert.ts'
import { sha1 } from '../../base/hash.ts'
import { bloomFilterLength } from './message.ts'

const bitCount = bloomFilterLength * 8
const bitsPerMember = 2

export function emptyBloomFilter(): Uint8Array {
  return new Uint8Array(bloomFilterLength)
}

/** The two bits of an address, as one number: the second one times 2,048 plus the first. */
function bitsOf(address: Uint8Array): number {
  assert(address.length === 4 || address.length === 16, 'an address of 4 or 16 bytes')
  const hash = sha1(address)
  const first = ((hash[0] as number) | ((hash[1] as number) << 8)) % bitCount
  const second = ((hash[2] as number) | ((hash[3] as number) << 8)) % bitCount
  return second * bitCount + first
}

/** Adds an address of 4 or 16 bytes. */
export function addToBloomFilter(filter: Uint8Array, address: Uint8Array): void {
  const bits = bitsOf(address)
  const first = bits % bitCount
  const second = Math.floor(bits / bitCount)
  filter[first >>> 3] = (filter[first >>> 3] as number) | (1 << (first & 7))
  filter[second >>> 3] = (filter[second >>> 3] as number) | (1 << (second & 7))
}

/** Whether an address of 4 or 16 bytes may have been added; false is certain. */
export function mayContain(filter: Uint8Array, address: Uint8Array): boolean {
  const bits = bitsOf(address)
  const first = bits % bitCount
  const second = Math.floor(bits / bitCount)
  return (
    (((filter[first >>> 3] as number) >>> (first & 7)) & ((filter[second >>> 3] as number) >>> (second & 7)) & 1) === 1
  )
}

/** Adds all members of `other` to `filter`. */
export function mergeBloomFilter(filter: Uint8Array, other: Uint8Array): void {
  assert(filter.length === bloomFilterLength && other.length === bloomFilterLength, 'filters of 256 bytes')
  for (let index = 0; index < bloomFilterLength; index++)
    filter[index] = (filter[index] as number) | (other[index] as number)
}

function zeroBits(filter: Uint8Array): number {
  let ones = 0
  for (let index = 0; index < filter.length; index++) {
    for (let byte = filter[index] as number; byte !== 0; byte &= byte - 1) ones++
  }
  return bitCount - ones
}

/**
 * How many members a filter has, estimated (BEP 33). Beyond some 6,000 it says little. A full filter, from which
 * nothing can be told, counts as one with a single bit left.
 */
export function estimateMembers(filter: Uint8Array): number {
  assert(filter.length === bloomFilterLength, 'a filter of 256 bytes')
  const zeros = Math.max(1, zeroBits(filter))
  return zeros === bitCount ? 0 : Math.log(zeros / bitCount) / (bitsPerMember * Math.log(1 - 1 / bitCount))
}
