// The allowed fast set is the one BEP 6 publishes.
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { allowedFastSet } from '../../src/swarm/allowed-fast.ts'

const infoHash = new Uint8Array(20).fill(0xaa)

test('the published sets of 7 and 9 pieces come out', () => {
  const address = { family: 4, address: '80.4.4.200' } as const
  deepEqual(allowedFastSet(address, infoHash, 1313, 7), [1059, 431, 808, 1217, 287, 376, 1188])
  deepEqual(allowedFastSet(address, infoHash, 1313, 9), [1059, 431, 808, 1217, 287, 376, 1188, 353, 508])
})

test('a network of 256 addresses has one set, and IPv6 has none', () => {
  const ofLast = (last: number) => allowedFastSet({ family: 4, address: `192.0.2.${last}` }, infoHash, 500)
  deepEqual(ofLast(1), ofLast(254))
  deepEqual(allowedFastSet({ family: 6, address: '2001:db8::1' }, infoHash, 500), [])
})

test('the pieces are different and within the torrent, and all of it where it is small', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(255), (pieceCount, first) => {
      const set = allowedFastSet({ family: 4, address: `${first}.1.2.3` }, infoHash, pieceCount)
      equal(new Set(set).size, Math.min(10, pieceCount))
      equal(set.length, Math.min(10, pieceCount))
      for (const piece of set) equal(piece >= 0 && piece < pieceCount, true)
    }),
  )
})
