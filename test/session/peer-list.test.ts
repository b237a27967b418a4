// Whom to dial, when, whom to drop and whom never again; each rule by itself.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import type { PeerId } from '../../src/base/ids.ts'
import { type PeerEnd, PeerList } from '../../src/session/peer-list.ts'
import { peerPriority } from '../../src/swarm/peer-priority.ts'

function endpointOf(number: number, port = 6881): Endpoint {
  return { family: 4, address: `${60 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}.7`, port }
}

function idOf(number: number): PeerId {
  return number.toString(16).padStart(40, '0') as PeerId
}

function listOf(count: number, options: { seed?: number; maxPeers?: number } = {}): PeerList {
  const { seed = 1, ...rest } = options
  const list = new PeerList({ random: simulatedRandom(seed), ...rest })
  for (let peer = 0; peer < count; peer++) list.add(endpointOf(peer), 'tracker', undefined, 0)
  return list
}

const ends: readonly PeerEnd[] = ['left', 'left-deal', 'faulty', 'interrupted', 'postponed', 'not-needed']

function drain(list: PeerList, nowMs: number): Endpoint[] {
  const dialled: Endpoint[] = []
  for (let next = list.next(nowMs); next !== undefined; next = list.next(nowMs)) dialled.push(next)
  return dialled
}

test('who is forgotten is not dialled; bans and what we know of ourselves stay', () => {
  const list = listOf(2)
  list.setOwnEndpoint(endpointOf(7))
  list.ban(endpointOf(1).address, 1_000)
  list.forgetAll()
  equal(list.size, 0)
  equal(list.next(0), undefined)
  equal(list.nextWakeMs(), Number.POSITIVE_INFINITY)
  ok(list.add(endpointOf(0), 'tracker', undefined, 0))
  ok(!list.add(endpointOf(1), 'tracker', undefined, 0), 'still banned')
  ok(!list.add(endpointOf(7), 'tracker', undefined, 0), 'still ourselves')
  equal(list.nextWakeMs(), 0)
})

test('an endpoint is there once, whoever names it and for whichever info hash', () => {
  const list = listOf(3)
  ok(list.add(endpointOf(1), 'dht', undefined, 0))
  ok(list.add(endpointOf(1), 'pex', undefined, 0))
  ok(list.add(endpointOf(1, 7000), 'pex', undefined, 0))
  equal(list.size, 4)
  equal(drain(list, 0).length, 4)
})

test('addresses that make no sense, our own and those of private networks from outside are not kept', () => {
  const list = listOf(0)
  list.setOwnEndpoint({ family: 4, address: '198.18.7.7', port: 6881 })
  const add = (address: string, port: number, origin?: Parameters<PeerList['add']>[2]): boolean =>
    list.add({ family: 4, address, port }, 'tracker', origin, 0)
  ok(!add('224.0.0.1', 6881))
  ok(!add('0.0.0.0', 6881))
  ok(!add('60.1.1.1', 0))
  ok(!add('192.168.1.1', 6881))
  ok(!add('198.18.7.7', 6881, 'user'))
  ok(add('192.168.1.1', 6881, { address: '192.168.1.9' }))
  ok(add('10.0.0.1', 6881, 'user'))
})

test('an endpoint is dialled three times at most, after pauses that grow', () => {
  const list = listOf(1)
  const dialledAt: number[] = []
  for (let nowMs = 0; nowMs < 100_000_000; ) {
    const endpoint = list.next(nowMs)
    if (endpoint !== undefined) {
      dialledAt.push(nowMs)
      list.failed(endpoint, nowMs)
    }
    if (list.nextWakeMs() === Number.POSITIVE_INFINITY) break
    nowMs = list.nextWakeMs()
  }
  equal(dialledAt.length, 3)
  const [first, second, third] = dialledAt as [number, number, number]
  ok(second - first >= 30_000 && third - second > 2 * (second - first))
})

test('a peer that a person named is tried again soon, and for as long as it takes', () => {
  const list = new PeerList({ random: simulatedRandom(1) })
  list.add(endpointOf(0), 'manual', 'user', 0)
  const dialledAt: number[] = []
  for (let attempt = 0; attempt < 10; attempt++) {
    const nowMs = Math.max(0, list.nextWakeMs())
    dialledAt.push(nowMs)
    list.failed(list.next(nowMs) as Endpoint, nowMs)
  }
  const pauses = dialledAt.slice(1).map((atMs, index) => atMs - (dialledAt[index] as number))
  equal(pauses[0], 2_000)
  ok(pauses.every((pauseMs) => pauseMs <= 60_000))
})

test('a peer that is left alone gets one more try when it is named much later, and at once if a person names it', () => {
  const list = listOf(1)
  const [endpoint] = [endpointOf(0)]
  let nowMs = 0
  for (let attempt = 0; attempt < 3; attempt++) {
    nowMs = list.nextWakeMs()
    list.failed(list.next(nowMs) as Endpoint, nowMs)
  }
  list.add(endpoint, 'tracker', undefined, nowMs + 1000)
  equal(list.next(nowMs + 1000), undefined)
  list.add(endpoint, 'tracker', undefined, nowMs + 3_600_000)
  deepEqual(list.next(nowMs + 3_600_000), endpoint)
  list.failed(endpoint, nowMs + 3_600_000)
  equal(list.nextWakeMs(), Number.POSITIVE_INFINITY)
  list.add(endpoint, 'manual', 'user', nowMs + 3_601_000)
  deepEqual(list.next(nowMs + 3_601_000), endpoint)
})

test('a connection that did not last counts as a failure, one that did makes the peer good again', () => {
  const list = listOf(1)
  const endpoint = endpointOf(0)
  let nowMs = 0
  for (let attempt = 0; attempt < 3; attempt++) {
    nowMs = list.nextWakeMs()
    deepEqual(list.next(nowMs), endpoint)
    ok(list.connected(endpoint, idOf(1), nowMs))
    list.disconnected(endpoint, idOf(1), 'left', nowMs + (attempt === 1 ? 600_000 : 1000))
  }
  equal(list.nextWakeMs(), nowMs + 1000 + 30_000)
})

test('each end of a connection is judged once, by how it ended and how long it lasted', () => {
  const pauseAfter = (how: PeerEnd, lastedMs: number, source: 'manual' | 'tracker'): number => {
    const list = new PeerList({ random: simulatedRandom(1) })
    const endpoint = endpointOf(0)
    list.add(endpoint, source, 'user', 0)
    list.next(0)
    list.connected(endpoint, idOf(1), 0)
    list.disconnected(endpoint, idOf(1), how, lastedMs)
    return list.nextWakeMs() - lastedMs
  }
  for (const how of ['left', 'faulty'] as const) {
    equal(pauseAfter(how, 5_000, 'tracker'), 30_000)
    equal(pauseAfter(how, 5_000, 'manual'), 2_000)
  }
  equal(pauseAfter('left', 600_000, 'tracker'), 60_000)
  equal(pauseAfter('left', 600_000, 'manual'), 2_000)
  equal(pauseAfter('left-deal', 600_000, 'tracker'), 2_000)
  equal(pauseAfter('left-deal', 1_000, 'tracker'), 2_000)
  equal(pauseAfter('faulty', 600_000, 'tracker'), 30_000)
  for (const lastedMs of [5_000, 600_000]) {
    ok(pauseAfter('interrupted', lastedMs, 'tracker') <= 0)
    ok(pauseAfter('not-needed', lastedMs, 'tracker') <= 0)
    equal(pauseAfter('postponed', lastedMs, 'tracker'), 300_000)
  }
})

test('a peer that was let go for a reason of ours has no failure for it', () => {
  const list = listOf(1)
  for (let attempt = 0; attempt < 5; attempt++) {
    const nowMs = attempt * 1_000
    deepEqual(list.next(nowMs), endpointOf(0))
    list.connected(endpointOf(0), idOf(1), nowMs)
    list.disconnected(endpointOf(0), idOf(1), 'interrupted', nowMs + 500)
  }
})

test('peers are dialled by canonical priority, those that failed later, those a person named first', () => {
  const list = listOf(50)
  const own: Endpoint = { family: 4, address: '123.213.32.10', port: 6881 }
  list.setOwnEndpoint(own)
  const manual = endpointOf(1000)
  list.add(manual, 'manual', 'user', 0)
  const order = drain(list, 0)
  deepEqual(order[0], manual)
  const priorities = order.slice(1).map((endpoint) => peerPriority(own, endpoint))
  deepEqual(
    priorities,
    priorities.toSorted((a, b) => b - a),
  )
  const fresh = endpointOf(2000)
  for (const endpoint of order) list.failed(endpoint, 0)
  list.add(fresh, 'pex', undefined, 100_000)
  deepEqual(drain(list, 100_000).at(1), fresh)
})

test('when there are too many connections the one of lowest priority goes, never one that a person named', () => {
  const list = listOf(0)
  const own: Endpoint = { family: 4, address: '123.213.32.10', port: 6881 }
  list.setOwnEndpoint(own)
  const endpoints = Array.from({ length: 30 }, (_, peer) => endpointOf(peer))
  const lowest = endpoints.toSorted((a, b) => peerPriority(own, a) - peerPriority(own, b))
  deepEqual(endpoints[list.leastOf(endpoints)], lowest[0])
  list.add(lowest[0] as Endpoint, 'manual', 'user', 0)
  deepEqual(endpoints[list.leastOf(endpoints)], lowest[1])
  equal(list.leastOf([]), -1)
})

test('a second connection of one peer id is refused until the first has ended', () => {
  const list = listOf(2)
  ok(list.connected(endpointOf(0), idOf(5), 0))
  ok(list.hasId(idOf(5)))
  ok(!list.connected(endpointOf(1), idOf(5), 0))
  list.disconnected(endpointOf(0), idOf(5), 'left', 100)
  ok(list.connected(endpointOf(1), idOf(5), 200))
})

test('whoever came to us is not dialled where it listens while it is connected, and may be afterwards', () => {
  const list = listOf(0)
  const came = endpointOf(1, 50_123)
  const listens = endpointOf(1, 6881)
  list.connected(came, idOf(1), 0)
  equal(list.size, 0)
  list.listensAt(listens, undefined, 0)
  equal(list.next(1000), undefined)
  list.disconnected(listens, idOf(1), 'left', 100_000)
  deepEqual(list.next(list.nextWakeMs()), listens)
})

test('seeds do not dial seeds', () => {
  const list = listOf(4)
  list.setSeed(endpointOf(2), true)
  list.setSeeding(true)
  equal(drain(list, 0).length, 3)
  equal(list.nextWakeMs(), Number.POSITIVE_INFINITY)
  list.setSeeding(false)
  deepEqual(drain(list, 0), [endpointOf(2)])
})

test('a peer that was let go because neither wanted anything is dialled at once when something is wanted again', () => {
  const list = listOf(1)
  list.setSeeding(true)
  deepEqual(drain(list, 0), [endpointOf(0)])
  list.connected(endpointOf(0), idOf(0), 0)
  list.disconnected(endpointOf(0), idOf(0), 'not-needed', 1000)
  equal(list.hasId(idOf(0)), false)
  equal(list.nextWakeMs(), Number.POSITIVE_INFINITY)
  list.setSeeding(false)
  deepEqual(drain(list, 0), [endpointOf(0)])
})

test('a banned address is neither kept nor dialled, on any port, until the ban is over', () => {
  const list = listOf(3)
  const { address } = endpointOf(1)
  list.ban(address, 50_000)
  ok(list.isBanned(address, 49_999))
  deepEqual(list.bannedAddresses(49_999), [address])
  deepEqual(list.bannedAddresses(50_000), [])
  equal(drain(list, 0).length, 2)
  ok(!list.add(endpointOf(1, 7000), 'pex', undefined, 10_000))
  ok(!list.isBanned(address, 50_000))
  ok(list.add(endpointOf(1), 'pex', undefined, 50_000))
  list.ban(address, 90_000)
  list.ban(address, 60_000)
  ok(list.isBanned(address, 80_000))
})

test('an address banned while it is dialled or connected is not dialled again either', () => {
  const list = listOf(4)
  const [a, b, c, d] = drain(list, 0) as [Endpoint, Endpoint, Endpoint, Endpoint]
  list.connected(a, idOf(1), 0)
  for (const { address } of [a, b, c, d]) list.ban(address, 10_000_000)
  list.disconnected(a, idOf(1), 'left', 100_000)
  list.failed(b, 100_000)
  list.abandoned(c)
  list.postponed(d, 100_000)
  equal(list.nextWakeMs(), Number.POSITIVE_INFINITY)
  equal(list.next(9_000_000), undefined)
})

test('the list is bounded: strangers displace only what failed, never peers in use or known to be good', () => {
  const list = listOf(20, { maxPeers: 20 })
  ok(!list.add(endpointOf(100), 'pex', undefined, 0))
  equal(list.size, 20)
  const dialled = drain(list, 0)
  for (const [index, endpoint] of dialled.entries()) {
    if (index < 5) list.failed(endpoint, 0)
    else list.connected(endpoint, idOf(index), 0)
  }
  const added = Array.from({ length: 10 }, (_, peer) => list.add(endpointOf(200 + peer), 'pex', undefined, 0))
  equal(added.filter(Boolean).length, 5)
  equal(list.size, 20)
  ok(list.add(endpointOf(300), 'manual', 'user', 0))
  equal(list.size, 20)
})

test('a dial given up for a reason of ours does not count against the peer', () => {
  const list = listOf(1)
  const endpoint = list.next(0) as Endpoint
  equal(list.next(0), undefined)
  list.abandoned(endpoint)
  deepEqual(list.next(0), endpoint)
})

test('a dial postponed for a reason of ours is not tried again at once, and does not count either', () => {
  const list = listOf(1)
  const endpoint = list.next(0) as Endpoint
  for (let attempt = 0; attempt < 5; attempt++) {
    const nowMs = attempt * 1_000_000
    list.postponed(endpoint, nowMs)
    equal(list.next(nowMs + 60_000), undefined)
    deepEqual(list.next(nowMs + 600_000), endpoint)
    list.postponed(endpoint, nowMs + 600_000, 10_000)
    equal(list.next(nowMs + 609_999), undefined)
    deepEqual(list.next(nowMs + 610_000), endpoint)
  }
})

test('for another time the peers that were connected are kept first, and none that failed for good', () => {
  const list = listOf(10)
  const dialled = drain(list, 0)
  list.connected(dialled[7] as Endpoint, idOf(7), 0)
  list.failed(dialled[3] as Endpoint, 0)
  for (let attempt = 0; attempt < 3; attempt++) list.failed(dialled[4] as Endpoint, 0)
  const kept = list.snapshot(100)
  deepEqual(kept[0], dialled[7])
  deepEqual(kept.at(-1), dialled[3])
  equal(kept.length, 9)
  equal(list.snapshot(2).length, 2)
})

test('of what is kept for another time, local ones were connected once, and those of a private torrent named by trackers', () => {
  const list = listOf(2)
  const local = (number: number): Endpoint => ({ family: 4, address: `10.0.0.${number}`, port: 6881 })
  for (const number of [1, 2]) list.add(local(number), 'tracker', 'user', 0)
  list.add(local(3), 'resume', 'user', 0)
  list.add(endpointOf(9), 'pex', undefined, 0)
  list.connected(local(1), idOf(1), 0)
  deepEqual(new Set(list.snapshot(50)), new Set([endpointOf(0), endpointOf(1), endpointOf(9), local(1), local(3)]))
  deepEqual(new Set(list.snapshot(50, true)), new Set([endpointOf(0), endpointOf(1), local(1)]))
})

test('whatever happens: whom it names may be dialled then, and the time it says is when it names somebody', () => {
  const action = fc.record({
    type: fc.constantFrom('add', 'next', 'fail', 'connect', 'leave', 'seed', 'seeding', 'ban', 'time'),
    peer: fc.nat(12),
    flag: fc.boolean(),
    ms: fc.nat(200_000),
  })
  fc.assert(
    fc.property(fc.array(action, { maxLength: 100 }), fc.nat(), (actions, seed) => {
      const list = new PeerList({ random: simulatedRandom(seed), maxPeers: 10 })
      const inUse = new Set<string>()
      const bans = new Map<string, number>()
      let nowMs = 0
      for (const { type, peer, flag, ms } of actions) {
        const endpoint = endpointOf(peer)
        const { address } = endpoint
        if (type === 'time') nowMs += ms
        else if (type === 'add') list.add(endpoint, 'pex', undefined, nowMs)
        else if (type === 'seed') list.setSeed(endpoint, flag)
        else if (type === 'seeding') list.setSeeding(flag)
        else if (type === 'ban') {
          list.ban(address, nowMs + ms)
          bans.set(address, Math.max(bans.get(address) ?? 0, nowMs + ms))
        } else if (type === 'fail' && inUse.delete(address)) list.failed(endpoint, nowMs)
        else if (type === 'connect' && inUse.has(address)) list.connected(endpoint, idOf(peer), nowMs)
        else if (type === 'leave' && inUse.delete(address)) {
          list.disconnected(endpoint, idOf(peer), ends[ms % ends.length] as PeerEnd, nowMs)
        } else if (type === 'next') {
          const wakeMs = list.nextWakeMs()
          const next = list.next(nowMs)
          equal(next !== undefined, wakeMs <= nowMs)
          if (next === undefined) continue
          ok(!inUse.has(next.address))
          inUse.add(next.address)
        }
        ok(list.size <= 10)
        for (const [banned, untilMs] of bans) equal(list.isBanned(banned, nowMs), untilMs > nowMs)
        for (const [banned, untilMs] of bans) if (untilMs <= nowMs) bans.delete(banned)
      }
    }),
  )
})

test('who does not answer one way is dialled at once the other way, once; that it works is remembered', () => {
  const list = listOf(1)
  const peer = endpointOf(0)
  equal(list.wayTo(peer), undefined)
  deepEqual(list.next(0), peer)
  ok(list.triesOtherWay(peer, 'encrypted', 5))
  equal(list.wayTo(peer), 'encrypted')
  deepEqual(list.next(5), peer)
  ok(list.connected(peer, idOf(1), 6))
  list.disconnected(peer, idOf(1), 'left', 70_000)
  equal(list.wayTo(peer), 'encrypted')
  deepEqual(list.next(200_000), peer)
  ok(list.triesOtherWay(peer, 'plaintext', 200_000))
  deepEqual(list.next(200_000), peer)
  ok(!list.triesOtherWay(peer, 'encrypted', 200_000), 'both ways were tried')
  list.failed(peer, 200_000)
  equal(list.wayTo(peer), undefined)
  equal(list.next(200_000), undefined)
})

test('trying the other way is no failure, and nothing for who is not being dialled', () => {
  const list = listOf(1)
  const peer = endpointOf(0)
  ok(!list.triesOtherWay(peer, 'encrypted', 0))
  ok(!list.triesOtherWay(endpointOf(9), 'encrypted', 0))
  let dials = 0
  for (let nowMs = 0; nowMs < 3_600_000; nowMs += 10_000) {
    for (const dialled of drain(list, nowMs)) {
      dials++
      if (!list.triesOtherWay(dialled, 'encrypted', nowMs)) list.failed(dialled, nowMs)
    }
  }
  // Three rounds of both ways each: the second way is due at once.
  equal(dials, 6)
})
