// Responses of the UDP tracker protocol (BEP 15), written by a tracker and read by a client.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromHex } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { encodeCompactEndpoint } from '../../../src/formats/compact-endpoint.ts'
import {
  decodeUdpResponse,
  encodeUdpAnnounceHead,
  encodeUdpConnectResponse,
  encodeUdpError,
  encodeUdpScrapeHead,
  encodeUdpSwarm,
  type UdpResponse,
} from '../../../src/formats/tracker/udp-response.ts'

const hex = (text: string) => unwrap(fromHex(text.replaceAll(/\s/g, '')))
const transactionId = 0xfedcba98

const connectBytes = hex('00000000 fedcba98 deadbeef 80000001')
const announceBytes = hex('00000001 fedcba98 00000708 00000003 00000005 c00002011ae1 c00002021ae2')
const scrapeBytes = hex('00000002 fedcba98 00000005 00000007 00000003 00000000 ffffffff 00000001')
const errorBytes = hex('00000003 fedcba98 6e6f20c3a9')

function decoded(bytes: Uint8Array, family: 4 | 6 = 4): UdpResponse {
  const result = decodeUdpResponse(bytes, family)
  assert.ok(result.ok)
  return result.value
}

describe('UDP response', () => {
  test('has the layout of BEP 15, and nothing of what the buffer held before', () => {
    const target = new Uint8Array(64).fill(0xee)
    assert.equal(encodeUdpConnectResponse(target, 2, transactionId, 0xdeadbeef, 0x80000001), 18)
    assert.deepEqual(target.subarray(2, 18), connectBytes)

    let end = encodeUdpAnnounceHead(target, 0, transactionId, 1800, 3, 5)
    end = encodeCompactEndpoint(target, end, { family: 4, address: '192.0.2.1', port: 6881 })
    end = encodeCompactEndpoint(target, end, { family: 4, address: '192.0.2.2', port: 6882 })
    assert.deepEqual(target.subarray(0, end), announceBytes)

    end = encodeUdpScrapeHead(target, 0, transactionId)
    end = encodeUdpSwarm(target, end, 5, 7, 3)
    end = encodeUdpSwarm(target, end, 0, 0xffff_ffff, 1)
    assert.deepEqual(target.subarray(0, end), scrapeBytes)

    end = encodeUdpError(target, 0, transactionId, 'no é')
    assert.deepEqual(target.subarray(0, end), errorBytes)
  })

  test('is read by a client', () => {
    assert.deepEqual(decoded(connectBytes), {
      kind: 'connect',
      transactionId,
      connection: { high: 0xdeadbeef, low: 0x80000001 },
    })
    assert.deepEqual(decoded(announceBytes), {
      kind: 'announce',
      transactionId,
      intervalSeconds: 1800,
      incomplete: 3,
      complete: 5,
      peers: [
        { family: 4, address: '192.0.2.1', port: 6881 },
        { family: 4, address: '192.0.2.2', port: 6882 },
      ],
    })
    assert.deepEqual(decoded(scrapeBytes), {
      kind: 'scrape',
      transactionId,
      swarms: [
        { complete: 5, downloaded: 7, incomplete: 3 },
        { complete: 0, downloaded: 0xffff_ffff, incomplete: 1 },
      ],
    })
    assert.deepEqual(decoded(errorBytes), { kind: 'error', transactionId, message: 'no é' })
  })

  test('has peers of 18 bytes where the datagram came by IPv6', () => {
    const bytes = hex('00000001 fedcba98 00000708 00000003 00000005 20010db8000000000000000000000001 1ae1')
    const response = decoded(bytes, 6)
    assert.deepEqual(response.kind === 'announce' && response.peers, [
      { family: 6, address: '2001:db8::1', port: 6881 },
    ])
  })

  test('may be longer than expected: what is no whole peer or torrent is passed over', () => {
    for (const bytes of [connectBytes, announceBytes, scrapeBytes]) {
      const longer = new Uint8Array(bytes.length + 5).fill(9)
      longer.set(bytes)
      assert.deepEqual(decoded(longer), decoded(bytes))
    }
  })

  test('is refused with a typed code when too short or of no known action', () => {
    for (const [bytes, least] of [
      [connectBytes, 16],
      [announceBytes, 20],
      [scrapeBytes, 8],
      [errorBytes, 8],
    ] as const) {
      for (let length = 0; length < bytes.length; length++) {
        const result = decodeUdpResponse(bytes.subarray(0, length), 4)
        assert.equal(result.ok, length >= least, `${length} bytes`)
        if (!result.ok) assert.equal(result.code, 'tracker-response')
      }
    }
    assert.ok(!decodeUdpResponse(hex('00000004 fedcba98 00000000 00000000'), 4).ok)
  })

  test('bounds interval, peers, torrents and text, and drops port 0', () => {
    const bytes = announceBytes.slice()
    bytes.set([0x80, 0, 0, 0], 8)
    bytes.set([0, 0], 24)
    const response = decoded(bytes)
    assert.ok(response.kind === 'announce')
    assert.equal(response.intervalSeconds, 10)
    assert.deepEqual(response.peers, [{ family: 4, address: '192.0.2.2', port: 6882 }])

    const manyPeers = new Uint8Array(20 + 6 * 5_000).fill(1)
    manyPeers.set(announceBytes.subarray(0, 8))
    const many = decoded(manyPeers)
    assert.ok(many.kind === 'announce')
    assert.equal(many.peers.length, 3_000)
    assert.equal(many.intervalSeconds, 86_400)

    const manySwarms = new Uint8Array(8 + 12 * 200)
    manySwarms.set(scrapeBytes.subarray(0, 8))
    const swarms = decoded(manySwarms)
    assert.ok(swarms.kind === 'scrape')
    assert.equal(swarms.swarms.length, 74)

    const text = new Uint8Array(60_000).fill(0x1b)
    text.set(errorBytes.subarray(0, 8))
    const error = decoded(text)
    assert.ok(error.kind === 'error')
    assert.match(error.message, /^ {500}$/)
  })

  test('never makes a client throw, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(4), fc.constantFrom(4, 6), (bytes, action, family) => {
        if (bytes.length > 3) bytes.set([0, 0, 0, action])
        const result = decodeUdpResponse(bytes, family)
        if (!result.ok) assert.equal(result.code, 'tracker-response')
      }),
    )
  })

  test('asserts room instead of writing half a response', () => {
    assert.throws(() => encodeUdpConnectResponse(new Uint8Array(15), 0, 1, 1, 1))
    assert.throws(() => encodeUdpAnnounceHead(new Uint8Array(20), 1, 1, 1, 1, 1))
    assert.throws(() => encodeUdpScrapeHead(new Uint8Array(7), 0, 1))
    assert.throws(() => encodeUdpSwarm(new Uint8Array(11), 0, 1, 1, 1))
    assert.throws(() => encodeUdpError(new Uint8Array(9), 0, 1, 'é'.repeat(2)))
  })
})
