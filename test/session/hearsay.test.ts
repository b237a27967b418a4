// What strangers may do to a list of peers: as much as their share, and never at the cost of those who know better.
import { equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import type { PeerId } from '../../src/base/ids.ts'
import { PeerList, type PeerSource } from '../../src/session/peer-list.ts'

function endpointOf(number: number, port = 6_881): Endpoint {
  return { family: 4, address: `60.${number >> 8}.${number & 255}.7`, port }
}

function listOf(maxPeers: number): PeerList {
  return new PeerList({ random: simulatedRandom(1), maxPeers })
}

/** How many of so many endpoints are kept; each teller names ten. */
function tellMany(list: PeerList, source: PeerSource, first: number, count: number): number {
  let kept = 0
  for (let peer = first; peer < first + count; peer++) {
    const teller = endpointOf(20_000 + Math.floor(peer / 10))
    if (list.add(endpointOf(peer), source, { address: teller.address }, 0, teller)) kept++
  }
  return kept
}

test('nodes of the DHT, exchange and the local network have a share each, and trackers the rest', () => {
  const list = listOf(1_000)
  equal(tellMany(list, 'dht', 0, 2_000), 500)
  equal(tellMany(list, 'pex', 2_000, 2_000), 250)
  equal(tellMany(list, 'lsd', 4_000, 2_000), 50)
  equal(tellMany(list, 'tracker', 6_000, 2_000), 200)
  equal(list.size, 1_000)
})

test('one stranger names a hundred peers that nobody met, and no more, whatever its port', () => {
  const list = listOf(3_000)
  let kept = 0
  for (let peer = 0; peer < 300; peer++) {
    const teller = endpointOf(9_999, 1 + (peer % 7))
    if (list.add(endpointOf(peer), 'dht', { address: teller.address }, 0, teller)) kept++
  }
  equal(kept, 100)
  ok(list.add(endpointOf(500), 'dht', { address: endpointOf(9_998).address }, 0, endpointOf(9_998)), 'another may')
})

test('an address that all point at is dialled at few of its ports', () => {
  const list = listOf(3_000)
  let kept = 0
  for (let port = 1; port <= 100; port++) {
    if (list.add(endpointOf(1, port), 'dht', undefined, 0, endpointOf(9_000 + port))) kept++
  }
  equal(kept, 4)
  ok(list.add(endpointOf(1, 200), 'tracker', undefined, 0), 'the limit is of hearsay alone')
})

test('who was connected, or is named by a tracker, counts as hearsay no longer', () => {
  const list = listOf(1_000)
  const teller = endpointOf(9_999)
  const tell = (peer: number) => list.add(endpointOf(peer), 'pex', { address: teller.address }, 0, teller)
  for (let peer = 0; peer < 100; peer++) ok(tell(peer))
  ok(!tell(100))
  list.next(0)
  ok(list.connected(endpointOf(0), '01'.repeat(20) as PeerId, 0))
  ok(tell(100))
  ok(!tell(101))
  list.add(endpointOf(1), 'tracker', undefined, 0)
  ok(tell(101))
  ok(!tell(102))
  list.ban(endpointOf(2).address, 1_000)
  ok(tell(102))
})

test('when a share is taken, those that could not be reached make room', () => {
  const list = listOf(100)
  equal(tellMany(list, 'dht', 0, 60), 50)
  const dialled = list.next(0)
  ok(dialled !== undefined)
  list.failed(dialled, 0)
  equal(tellMany(list, 'dht', 100, 10), 1)
  equal(list.size, 50)
})
