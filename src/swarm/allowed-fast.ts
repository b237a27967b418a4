// The allowed fast set (BEP 6): the pieces a starting peer may have although it is choked, computed from its address so
// that it is the same at every seed and for all addresses of one network. Pure.
import { assert } from '../base/assert.ts'
import { readUint32 } from '../base/bytes.ts'
import type { IpAddress } from '../base/endpoint.ts'
import { sha1, sha1Length } from '../base/hash.ts'
import { encodeAddress } from '../formats/compact-endpoint.ts'

/** As BEP 6 proposes. */
export const allowedFastCount = 10

/**
 * `count` different pieces, or all where there are no more, in the order in which they are generated; none for IPv6,
 * which BEP 6 makes no provision for. `infoHash`: 20 bytes, of version 2 the first ones.
 */
export function allowedFastSet(
  address: IpAddress,
  infoHash: Uint8Array,
  pieceCount: number,
  count = allowedFastCount,
): number[] {
  assert(infoHash.length === sha1Length, 'an info hash of 20 bytes')
  if (address.family !== 4) return []
  const wanted = Math.min(count, pieceCount)
  const pieces: number[] = []
  let state = new Uint8Array(4 + sha1Length)
  encodeAddress(state, 0, address)
  state[3] = 0
  state.set(infoHash, 4)
  while (pieces.length < wanted) {
    state = Uint8Array.from(sha1(state))
    for (let offset = 0; offset < sha1Length && pieces.length < wanted; offset += 4) {
      const piece = readUint32(state, offset) % pieceCount
      if (!pieces.includes(piece)) pieces.push(piece)
    }
  }
  return pieces
}
