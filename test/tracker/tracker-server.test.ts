// The in-memory tracker: who is counted, who is handed out, what is forgotten; and its UDP side.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, toHex } from '../../src/base/bytes.ts'
import type { IpAddress } from '../../src/base/endpoint.ts'
import { decodeCompactEndpoints, formatEndpoint } from '../../src/formats/compact-endpoint.ts'
import { unknownLeftBytes } from '../../src/formats/tracker/announce.ts'
import type { HttpAnnounceRequest } from '../../src/formats/tracker/announce-query.ts'
import type { AnnounceReply } from '../../src/formats/tracker/announce-response.ts'
import { encodeUrlData } from '../../src/formats/tracker/udp-options.ts'
import { encodeUdpAnnounce, encodeUdpConnect, encodeUdpScrape } from '../../src/formats/tracker/udp-request.ts'
import { decodeUdpResponse } from '../../src/formats/tracker/udp-response.ts'
import { TrackerServer, type TrackerServerOptions } from '../../src/tracker/tracker-server.ts'
import { UdpTracker } from '../../src/tracker/udp-tracker.ts'
import { seededRandom } from './seeded-random.ts'

const infoHash = new Uint8Array(20).fill(1)
const hashOf = (number: number) =>
  new Uint8Array(20)
    .fill(9)
    .fill(number >> 8, 1, 2)
    .fill(number, 0, 1)
    .fill(number >> 16, 2, 3)

function request(fields: Partial<HttpAnnounceRequest> = {}): HttpAnnounceRequest {
  return {
    infoHash,
    peerId: new Uint8Array(20).fill(7),
    port: 6881,
    uploadedBytes: 0,
    downloadedBytes: 0,
    leftBytes: 100,
    event: 'none',
    isCompact: true,
    omitsPeerIds: true,
    claimedEndpoints: [],
    supportsEncryption: false,
    ...fields,
  }
}

const ipv4 = (number: number): IpAddress => ({ family: 4, address: `203.0.${number >> 8}.${number & 255}` })
const ipv6 = (number: number): IpAddress => ({ family: 6, address: `2001:db8:1:${(number + 1).toString(16)}::1` })

class Harness {
  readonly server: TrackerServer
  nowMs = 10_000

  constructor(options: Partial<TrackerServerOptions> = {}) {
    this.server = new TrackerServer({ random: seededRandom(), intervalSeconds: 600, ...options })
  }

  announce(from: IpAddress, fields: Partial<HttpAnnounceRequest> = {}): AnnounceReply {
    const reply = this.server.announce(request(fields), from, this.nowMs)
    assert.ok(!('kind' in reply), 'an answer')
    return reply
  }

  counts(): string {
    const [swarm] = this.server.scrape([infoHash])
    return `${swarm?.complete} ${swarm?.incomplete} ${swarm?.downloaded} ${swarm?.downloaders}`
  }
}

function peersOf({ peers }: AnnounceReply): string[] {
  if (peers.form === 'long') return peers.peers.map(formatEndpoint)
  const lists = [decodeCompactEndpoints(peers.peers, 4, 1_000), decodeCompactEndpoints(peers.peers6, 6, 1_000)]
  return lists.flatMap((list) => (list.ok ? list.value.map(formatEndpoint) : assert.fail()))
}

describe('a swarm', () => {
  test('tells each peer of the others, never of itself, and its own address (BEP 24)', () => {
    const harness = new Harness()
    assert.deepEqual(peersOf(harness.announce(ipv4(1))), [])
    assert.deepEqual(peersOf(harness.announce(ipv4(2), { port: 5 })), ['203.0.0.1:6881'])
    const reply = harness.announce(ipv4(1))
    assert.deepEqual(peersOf(reply), ['203.0.0.2:5'])
    assert.deepEqual(reply.externalIp, ipv4(1))
    assert.deepEqual([reply.intervalSeconds, reply.minIntervalSeconds], [600, 300])
  })

  test('has peers of both families, the own ones first (BEP 7)', () => {
    const harness = new Harness()
    for (let number = 0; number < 10; number++) {
      harness.announce(ipv4(number))
      harness.announce(ipv6(number))
    }
    const { peers } = harness.announce(ipv6(100), { wantedPeers: 12 })
    assert.ok(peers.form === 'compact')
    assert.deepEqual([peers.peers6.length / 18, peers.peers.length / 6], [10, 2])
  })

  test('tells seeders of leechers only', () => {
    const harness = new Harness()
    harness.announce(ipv4(1), { leftBytes: 0 })
    harness.announce(ipv4(2), { leftBytes: unknownLeftBytes })
    for (const traffic of [{ uploadedBytes: 1 }, { downloadedBytes: 1 }]) {
      assert.deepEqual(peersOf(harness.announce(ipv4(3), { leftBytes: 0, ...traffic })), ['203.0.0.2:6881'])
    }
    assert.equal(peersOf(harness.announce(ipv4(4))).length, 3)
  })

  test('tells who lacks nothing but had no traffic of seeders, where there is no leecher: it may lack the metadata', () => {
    const harness = new Harness()
    harness.announce(ipv4(1), { leftBytes: 0, uploadedBytes: 1 })
    assert.deepEqual(peersOf(harness.announce(ipv4(3), { leftBytes: 0 })), ['203.0.0.1:6881'])
    for (const traffic of [{ uploadedBytes: 1 }, { downloadedBytes: 1 }]) {
      assert.deepEqual(peersOf(harness.announce(ipv4(3), { leftBytes: 0, ...traffic })), [])
    }
    harness.announce(ipv4(2))
    assert.deepEqual(peersOf(harness.announce(ipv4(3), { leftBytes: 0 })), ['203.0.0.2:6881'])
  })

  test('counts seeders, leechers, downloads and partial seeds (BEP 21, 48)', () => {
    const harness = new Harness()
    harness.announce(ipv4(1), { leftBytes: 0, event: 'started' })
    harness.announce(ipv4(2), { event: 'started' })
    harness.announce(ipv6(3), { event: 'paused' })
    assert.equal(harness.counts(), '1 2 0 1')
    harness.announce(ipv4(2), { leftBytes: 0, event: 'completed' })
    assert.equal(harness.counts(), '2 1 1 0')
    harness.announce(ipv4(2), { leftBytes: 0, event: 'completed' })
    harness.announce(ipv4(9), { leftBytes: 0, event: 'completed' })
    assert.equal(harness.counts(), '3 1 1 0')
    harness.announce(ipv4(2), { event: 'stopped' })
    harness.announce(ipv6(3))
    assert.equal(harness.counts(), '2 1 1 1')
  })

  test('a peer that stops gets no peers and is handed out no more', () => {
    const harness = new Harness()
    harness.announce(ipv4(1))
    harness.announce(ipv4(2))
    assert.deepEqual(peersOf(harness.announce(ipv4(1), { event: 'stopped' })), [])
    assert.deepEqual(peersOf(harness.announce(ipv4(3))), ['203.0.0.2:6881'])
  })

  test('port 0 is answered and never handed out', () => {
    const harness = new Harness()
    harness.announce(ipv4(1))
    assert.equal(peersOf(harness.announce(ipv4(2), { port: 0 })).length, 1)
    assert.equal(harness.counts(), '0 1 0 1')
  })

  test('peers silent for two intervals are gone within another quarter, those that announce stay', () => {
    const harness = new Harness()
    harness.announce(ipv4(1))
    harness.announce(ipv4(2))
    harness.nowMs += 1_200_000
    harness.server.sweep(harness.nowMs)
    harness.announce(ipv4(2))
    assert.equal(harness.counts(), '0 2 0 2')
    harness.nowMs += 150_000
    assert.deepEqual(peersOf(harness.announce(ipv4(3))), ['203.0.0.2:6881'])
    harness.nowMs += 1_350_000
    harness.server.sweep(harness.nowMs)
    assert.equal(harness.server.swarmCount, 0)
  })

  test('ages are not mistaken however long nobody asked', () => {
    const harness = new Harness()
    for (const quarters of [201, 255, 256, 257, 512, 1_000]) {
      harness.announce(ipv4(1))
      harness.nowMs += 150_000 * quarters
      assert.deepEqual(peersOf(harness.announce(ipv4(2))), [], `${quarters} quarters of an interval`)
      harness.announce(ipv4(2), { event: 'stopped' })
    }
  })

  test('is swept a part at a time, all of it in a quarter of an interval', () => {
    const harness = new Harness()
    for (let number = 0; number < 1_000; number++) harness.announce(ipv4(number), { infoHash: hashOf(number) })
    harness.nowMs += 1_350_000 - 60
    for (let step = 0; step < 60; step++) harness.server.sweep(harness.nowMs++)
    const counts: number[] = []
    for (let step = 0; step < 151; step++) {
      harness.nowMs += 1_000
      harness.server.sweep(harness.nowMs)
      counts.push(harness.server.swarmCount)
    }
    assert.equal(counts.at(-1), 0)
    counts.slice(1).every((count, index) => assert.ok((counts[index] ?? 0) - count <= 10))
  })

  test('a peer with a key is sent away by that key alone', () => {
    const harness = new Harness()
    harness.announce(ipv4(1), { key: 7 })
    harness.announce(ipv4(1), { key: 8, event: 'stopped' })
    harness.announce(ipv4(1), { event: 'stopped' })
    assert.equal(harness.counts(), '0 1 0 1')
    harness.announce(ipv4(1), { key: 7, event: 'stopped' })
    assert.equal(harness.counts(), '0 0 0 0')
  })

  test('one address has a limited number of its peers, one /64 of IPv6 too, and loopback as many as it likes', () => {
    const harness = new Harness({ maxPeersPerAddress: 4 })
    const near = (number: number): IpAddress => ({ family: 6, address: `2001:db8:7:7::${(number + 1).toString(16)}` })
    for (let number = 0; number < 10; number++) {
      harness.announce(ipv4(1), { port: 1_000 + number })
      harness.announce(near(number))
      harness.announce({ family: 4, address: '127.0.0.1' }, { port: 2_000 + number })
      harness.announce({ family: 6, address: '::1' }, { port: 2_000 + number })
    }
    assert.equal(harness.counts(), '0 28 0 28')
    harness.announce(ipv4(1), { port: 1_000, event: 'stopped' })
    harness.announce(ipv4(1), { port: 1_009 })
    assert.equal(harness.counts(), '0 28 0 28')
  })

  test('sends its id along (BEP 3)', () => {
    const trackerId = new Uint8Array([1, 2, 3])
    assert.deepEqual(new Harness({ trackerId }).announce(ipv4(1)).trackerId, trackerId)
  })

  test('the long form has peer ids for who wants them', () => {
    const harness = new Harness()
    harness.announce(ipv6(1), { peerId: new Uint8Array(20).fill(5) })
    const withIds = harness.announce(ipv4(2), { isCompact: false, omitsPeerIds: false }).peers
    assert.deepEqual(withIds, {
      form: 'long',
      peers: [{ ...ipv6(1), port: 6881, peerId: new Uint8Array(20).fill(5) }],
    })
    const without = harness.announce(ipv4(2), { isCompact: false }).peers
    assert.deepEqual(without, { form: 'long', peers: [{ ...ipv6(1), port: 6881 }] })
  })

  test('swarms, peers and replies are capped', () => {
    const harness = new Harness({ maxSwarms: 2, maxPeersPerSwarm: 5, maxPeersPerReply: 3 })
    for (let number = 0; number < 20; number++) harness.announce(ipv4(number))
    assert.equal(harness.counts(), '0 5 0 5')
    assert.equal(peersOf(harness.announce(ipv4(50), { wantedPeers: 1_000 })).length, 3)
  })

  test('an answer has as many different others as are wanted and there are', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), fc.nat(80), fc.nat(2), (seeders, leechers, wanted, kind) => {
        const [isSeeder, uploadedBytes] = [kind > 0, kind > 1 ? 0 : 1]
        const harness = new Harness()
        for (let number = 0; number < seeders; number++) harness.announce(ipv4(number), { leftBytes: 0 })
        for (let number = 0; number < leechers; number++) harness.announce(ipv4(1_000 + number))
        const own = ipv4(isSeeder ? 0 : 1_000)
        const seen = peersOf(harness.announce(own, { wantedPeers: wanted, leftBytes: isSeeder ? 0 : 1, uploadedBytes }))
        const others = isSeeder
          ? leechers || (uploadedBytes === 0 ? Math.max(0, seeders - 1) : 0)
          : Math.max(0, leechers - 1) + seeders
        assert.equal(new Set(seen).size, seen.length)
        assert.ok(!seen.includes(`${own.address}:6881`))
        assert.equal(seen.length, Math.min(wanted, others))
      }),
      { numRuns: 100 },
    )
  })
})

describe('invented torrents', () => {
  const limits = { maxTorrents: 5, torrentBurst: 3, torrentsPerSecond: 1, requestsPerSecond: 1e6 }
  const refusalOf = (harness: Harness, from: IpAddress, number: number) => {
    const reply = harness.server.announce(request({ infoHash: hashOf(number) }), from, harness.nowMs)
    return 'kind' in reply ? reply.reason : undefined
  }

  test('come from one address so fast, and so many, and not more', () => {
    const harness = new Harness({ limits })
    for (let number = 0; number < 3; number++) assert.equal(refusalOf(harness, ipv4(1), number), undefined)
    assert.match(refusalOf(harness, ipv4(1), 3) ?? '', /too many new torrents/)
    assert.equal(refusalOf(harness, ipv4(1), 2), undefined, 'those that are there are served')
    assert.equal(refusalOf(harness, ipv4(2), 3), undefined, 'and so are others')
    harness.nowMs += 60_000
    assert.equal(refusalOf(harness, ipv4(1), 4), undefined)
    assert.equal(refusalOf(harness, ipv4(1), 5), undefined)
    assert.match(refusalOf(harness, ipv4(1), 6) ?? '', /as many torrents/)
    assert.equal(harness.server.swarmCount, 6)
    harness.nowMs += 1_500_000
    assert.equal(refusalOf(harness, ipv4(1), 7), undefined, 'once they are forgotten there is room again')
  })

  test('of a /64 count together', () => {
    const harness = new Harness({ limits })
    for (let number = 0; number < 9; number++) {
      refusalOf(harness, { family: 6, address: `2001:db8:5:5::${number + 1}` }, number)
    }
    assert.equal(harness.server.swarmCount, 3)
  })

  test('never drive out those that several addresses know; the worst goes first', () => {
    const harness = new Harness({ maxSwarms: 40, limits: { ...limits, maxTorrents: 30, torrentBurst: 30 } })
    for (let number = 0; number < 10; number++) {
      refusalOf(harness, ipv4(1), number)
      refusalOf(harness, ipv4(2), number)
    }
    refusalOf(harness, ipv4(3), 10)
    for (let attacker = 100; attacker < 120; attacker++) {
      for (let number = 0; number < 29; number++) refusalOf(harness, ipv4(attacker), 1_000 * attacker + number)
    }
    assert.equal(harness.server.swarmCount, 40)
    for (let number = 0; number < 10; number++) {
      assert.equal(harness.server.scrape([hashOf(number)])[0]?.incomplete, 2, `torrent ${number} is still there`)
    }
  })

  test('do not come in at all where torrents are listed, and go when the list changes', () => {
    let listed = [1, 2]
    const mayServe = (hash: Uint8Array) => listed.some((number) => toHex(hashOf(number)) === toHex(hash))
    const harness = new Harness({ mayServe })
    assert.equal(refusalOf(harness, ipv4(1), 1), undefined)
    assert.equal(refusalOf(harness, ipv4(1), 2), undefined)
    assert.match(refusalOf(harness, ipv4(1), 3) ?? '', /not served/)
    listed = [2, 3]
    assert.equal(harness.server.applyList(), 1)
    assert.match(refusalOf(harness, ipv4(1), 1) ?? '', /not served/)
    assert.equal(refusalOf(harness, ipv4(1), 3), undefined)
  })

  test('and floods of requests are refused, those of others not', () => {
    const harness = new Harness({ limits: { requestsPerSecond: 2 } })
    for (let count = 0; count < 20; count++) assert.equal(refusalOf(harness, ipv4(1), 1), undefined)
    assert.match(refusalOf(harness, ipv4(1), 1) ?? '', /too many requests/)
    assert.equal(harness.server.mayAsk(ipv4(1), harness.nowMs), false)
    assert.equal(refusalOf(harness, ipv4(2), 1), undefined)
    harness.nowMs += 10_000
    assert.equal(refusalOf(harness, ipv4(1), 1), undefined)
  })
})

describe('the UDP side', () => {
  const client = ipv4(9)
  const udpHarness = () => {
    const server = new TrackerServer({ random: seededRandom(), intervalSeconds: 600 })
    return { server, udp: new UdpTracker(server, { random: seededRandom(3) }) }
  }
  const connect = new Uint8Array(16)
  encodeUdpConnect(connect, 0, 11)

  function connectionOf(udp: UdpTracker, from: IpAddress, nowMs: number) {
    const decoded = decodeUdpResponse(udp.answer(connect, from, nowMs) ?? assert.fail(), from.family)
    assert.ok(decoded.ok && decoded.value.kind === 'connect' && decoded.value.transactionId === 11)
    return decoded.value.connection
  }

  function announceBytes(connection: { high: number; low: number }, fields: Partial<HttpAnnounceRequest> = {}) {
    const bytes = new Uint8Array(98)
    encodeUdpAnnounce(bytes, 0, connection, 12, request(fields))
    return bytes
  }

  test('gives an address an id, and with it takes announces and scrapes', () => {
    const { server, udp } = udpHarness()
    server.announce(request({ leftBytes: 0 }), ipv4(1), 0)
    const connection = connectionOf(udp, client, 0)
    const announced = decodeUdpResponse(udp.answer(announceBytes(connection), client, 1_000) ?? assert.fail(), 4)
    assert.deepEqual(announced, {
      ok: true,
      value: {
        kind: 'announce',
        transactionId: 12,
        intervalSeconds: 600,
        complete: 1,
        incomplete: 1,
        peers: [{ ...ipv4(1), port: 6881 }],
      },
    })
    const scrape = new Uint8Array(56)
    encodeUdpScrape(scrape, 0, connection, 13, [new Uint8Array(20), infoHash])
    const scraped = decodeUdpResponse(udp.answer(scrape, client, 1_000) ?? assert.fail(), 4)
    assert.ok(scraped.ok && scraped.value.kind === 'scrape')
    assert.deepEqual(scraped.value.swarms, [
      { complete: 0, downloaded: 0, incomplete: 0 },
      { complete: 1, downloaded: 0, incomplete: 1 },
    ])
  })

  test('says why it refuses, and lets in whose path is known (BEP 41)', () => {
    const server = new TrackerServer({ random: seededRandom(), intervalSeconds: 600 })
    const udp = new UdpTracker(server, {
      random: seededRandom(3),
      mayUse: (path) => path === '/secret/announce',
    })
    const connection = connectionOf(udp, client, 0)
    const refused = decodeUdpResponse(udp.answer(announceBytes(connection), client, 0) ?? assert.fail(), 4)
    assert.ok(refused.ok && refused.value.kind === 'error')
    assert.match(refused.value.message, /private/)
    const bytes = new Uint8Array(98 + 40)
    bytes.set(announceBytes(connection))
    encodeUrlData(bytes, 98, fromLatin1('/secret/announce'))
    const taken = decodeUdpResponse(udp.answer(bytes, client, 0) ?? assert.fail(), 4)
    assert.ok(taken.ok && taken.value.kind === 'announce')
    assert.equal(server.swarmCount, 1)
    const scrape = new Uint8Array(36)
    encodeUdpScrape(scrape, 0, connection, 13, [infoHash])
    const scraped = decodeUdpResponse(udp.answer(scrape, client, 0) ?? assert.fail(), 4)
    assert.ok(scraped.ok && scraped.value.kind === 'error', 'scrapes have no path')
  })

  test('over IPv6 has peers of IPv6 only', () => {
    const { server, udp } = udpHarness()
    server.announce(request(), ipv4(1), 0)
    server.announce(request(), ipv6(1), 0)
    const reply = udp.answer(announceBytes(connectionOf(udp, ipv6(5), 0)), ipv6(5), 0) ?? assert.fail()
    const decoded = decodeUdpResponse(reply, 6)
    assert.ok(decoded.ok && decoded.value.kind === 'announce')
    assert.deepEqual(decoded.value.peers, [{ ...ipv6(1), port: 6881 }])
  })

  test('without a valid id nothing over 16 bytes leaves, whatever comes', () => {
    const { server, udp } = udpHarness()
    for (let number = 0; number < 200; number++) server.announce(request(), ipv4(number), 0)
    const id = connectionOf(udp, client, 0)
    assert.equal(udp.answer(announceBytes(id), ipv4(10), 0), undefined, 'an id of another address')
    assert.equal(udp.answer(announceBytes({ high: id.high, low: id.low ^ 1 }), client, 0), undefined)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(4), (bytes, action) => {
        if (bytes.length >= 12) bytes.set([0, 0, 0, action], 8)
        const reply = udp.answer(bytes, client, 0)
        assert.ok(reply === undefined || (reply.length <= 16 && reply.length <= bytes.length))
      }),
      { numRuns: 300 },
    )
  })

  test('an id is good for two minutes and not for longer than three', () => {
    const { udp } = udpHarness()
    for (const startMs of [0, 59_999, 30_000]) {
      const announce = announceBytes(connectionOf(udp, client, startMs))
      assert.ok(udp.answer(announce, client, startMs + 120_000) !== undefined)
      assert.equal(udp.answer(announce, client, startMs + 180_000), undefined)
    }
  })

  test('a reply fits one packet, however many peers there are', () => {
    const { server, udp } = udpHarness()
    for (let number = 0; number < 300; number++) {
      server.announce(request(), ipv4(number), 0)
      server.announce(request(), ipv6(number), 0)
    }
    for (const from of [ipv4(400), ipv6(400)]) {
      const reply = udp.answer(announceBytes(connectionOf(udp, from, 0), { wantedPeers: 60_000 }), from, 0)
      assert.ok(reply !== undefined && reply.length <= 1_400 && reply.length > 1_200)
    }
  })
})
