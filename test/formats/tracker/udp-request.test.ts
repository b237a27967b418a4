// Requests of the UDP tracker protocol (BEP 15), written by a client and read by a tracker.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromHex } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import type { AnnounceEvent, AnnounceRequest } from '../../../src/formats/tracker/announce.ts'
import {
  actionAnnounce,
  actionConnect,
  actionScrape,
  announceInfoHashOffset,
  announcePeerIdOffset,
  announceRequestLength,
  connectRequestLength,
  emptyAnnounceFields,
  encodeUdpAnnounce,
  encodeUdpConnect,
  encodeUdpScrape,
  notARequest,
  readUdpAnnounce,
  requestConnectionHigh,
  requestConnectionLow,
  requestTransactionId,
  scrapeHashCount,
  scrapeHashOffset,
  udpRequestAction,
} from '../../../src/formats/tracker/udp-request.ts'

const hex = (text: string) => unwrap(fromHex(text.replaceAll(/\s/g, '')))
const infoHash = hex('00112233445566778899aabbccddeeff01234567')
const peerId = hex('2d5357303031302d616263646566676869313233')
const connection = { high: 0xdeadbeef, low: 0x80000001 }
const transactionId = 0xfedcba98

const connectBytes = hex('00000417 27101980 00000000 fedcba98')
const announceBytes = hex(`
  deadbeef 80000001 00000001 fedcba98
  00112233445566778899aabbccddeeff01234567
  2d5357303031302d616263646566676869313233
  0000000000000102 001fffffffffffff 0000000100000000
  00000002 00000000 cafebabe ffffffff 1ae1`)
const announce: AnnounceRequest = {
  infoHash,
  peerId,
  port: 6881,
  downloadedBytes: 258,
  leftBytes: Number.MAX_SAFE_INTEGER,
  uploadedBytes: 2 ** 32,
  event: 'started',
  key: 0xcafebabe,
}
const scrapeBytes = hex(`
  deadbeef 80000001 00000002 fedcba98
  00112233445566778899aabbccddeeff01234567 2d5357303031302d616263646566676869313233`)

/** A target full of junk, as a reused buffer is. */
function usedTarget(length: number): Uint8Array {
  return new Uint8Array(length).fill(0xee)
}

describe('UDP request', () => {
  test('has the layout of BEP 15, and nothing of what the buffer held before', () => {
    const target = usedTarget(200)
    assert.equal(encodeUdpConnect(target, 3, transactionId), 3 + connectRequestLength)
    assert.deepEqual(target.subarray(3, 19), connectBytes)
    assert.equal(encodeUdpAnnounce(target, 5, connection, transactionId, announce), 5 + announceRequestLength)
    assert.deepEqual(target.subarray(5, 103), announceBytes)
    assert.equal(encodeUdpScrape(target, 1, connection, transactionId, [infoHash, peerId]), 57)
    assert.deepEqual(target.subarray(1, 57), scrapeBytes)
    assert.ok(target.subarray(103).every((byte) => byte === 0xee))
  })

  test('is recognised by a tracker, longer ones too', () => {
    for (const [bytes, action] of [
      [connectBytes, actionConnect],
      [announceBytes, actionAnnounce],
      [scrapeBytes, actionScrape],
    ] as const) {
      assert.equal(udpRequestAction(bytes), action)
      const longer = usedTarget(bytes.length + 7)
      longer.set(bytes)
      assert.equal(udpRequestAction(longer), action)
      assert.equal(requestTransactionId(bytes), transactionId)
    }
    assert.equal(requestConnectionHigh(announceBytes), connection.high)
    assert.equal(requestConnectionLow(scrapeBytes), connection.low)
  })

  test('is none when cut off at any byte', () => {
    for (const [bytes, least] of [
      [connectBytes, 16],
      [announceBytes, 98],
      [scrapeBytes, 36],
    ] as const) {
      for (let length = 0; length < least; length++)
        assert.equal(udpRequestAction(bytes.subarray(0, length)), notARequest)
    }
  })

  test('is none with another protocol id or action', () => {
    for (let offset = 0; offset < 12; offset++) {
      const bytes = connectBytes.slice()
      bytes[offset] = (bytes[offset] as number) ^ 0x40
      assert.equal(udpRequestAction(bytes), notARequest, `byte ${offset}`)
    }
    for (const action of [3, 4, 0xff]) {
      const bytes = announceBytes.slice()
      bytes[11] = action
      assert.equal(udpRequestAction(bytes), notARequest)
    }
  })

  test('never makes a tracker throw, whatever the bytes', () => {
    const fields = emptyAnnounceFields()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(3), (bytes, action) => {
        if (bytes.length > 11) bytes.set([0, 0, 0, action], 8)
        const recognised = udpRequestAction(bytes)
        if (recognised === actionAnnounce) readUdpAnnounce(bytes, fields)
        if (recognised === actionScrape) assert.ok(scrapeHashOffset(scrapeHashCount(bytes)) <= bytes.length)
      }),
    )
  })
})

describe('UDP announce', () => {
  test('is read field by field into one reused record', () => {
    const fields = emptyAnnounceFields()
    readUdpAnnounce(announceBytes, fields)
    assert.deepEqual(fields, {
      downloadedBytes: 258,
      leftBytes: Number.MAX_SAFE_INTEGER,
      uploadedBytes: 2 ** 32,
      event: 'started',
      claimedIpv4: 0,
      key: 0xcafebabe,
      wantedPeers: -1,
      port: 6881,
    })
    assert.deepEqual(announceBytes.subarray(announceInfoHashOffset, announceInfoHashOffset + 20), infoHash)
    assert.deepEqual(announceBytes.subarray(announcePeerIdOffset, announcePeerIdOffset + 20), peerId)
  })

  test('amounts beyond 2^53, foreign events and negative wishes are bounded', () => {
    const bytes = announceBytes.slice()
    bytes.fill(0xff, 56, 98)
    const fields = emptyAnnounceFields()
    readUdpAnnounce(bytes, fields)
    assert.equal(fields.leftBytes, Number.MAX_SAFE_INTEGER)
    assert.equal(fields.event, 'none')
    assert.equal(fields.claimedIpv4, 0xffff_ffff)
    assert.equal(fields.wantedPeers, -1)
    assert.equal(fields.port, 65_535)
    bytes.set([0, 0x20, 0, 0, 0, 0, 0, 0], 64)
    readUdpAnnounce(bytes, fields)
    assert.equal(fields.leftBytes, Number.MAX_SAFE_INTEGER)
  })

  test('is read back as it was written, a partial seed as a regular announce', () => {
    const id = fc.uint8Array({ minLength: 20, maxLength: 20 })
    const requests = fc.record({
      infoHash: id,
      peerId: id,
      port: fc.nat(65_535),
      uploadedBytes: fc.maxSafeNat(),
      downloadedBytes: fc.maxSafeNat(),
      leftBytes: fc.maxSafeNat(),
      event: fc.constantFrom<AnnounceEvent>('none', 'completed', 'started', 'stopped', 'paused'),
      key: fc.nat(0xffff_ffff),
      wantedPeers: fc.nat(0x7fff_ffff),
    })
    const target = usedTarget(98)
    const fields = emptyAnnounceFields()
    fc.assert(
      fc.property(requests, (request) => {
        encodeUdpAnnounce(target, 0, connection, transactionId, request)
        readUdpAnnounce(target, fields)
        const { infoHash: hash, peerId: peer, event, ...rest } = request
        assert.deepEqual(target.subarray(16, 56), Uint8Array.of(...hash, ...peer))
        assert.deepEqual(fields, { ...rest, event: event === 'paused' ? 'none' : event, claimedIpv4: 0 })
      }),
    )
  })

  test('asserts room and lengths instead of writing half a request', () => {
    assert.throws(() => encodeUdpConnect(new Uint8Array(15), 0, 1))
    assert.throws(() => encodeUdpAnnounce(new Uint8Array(98), 1, connection, 1, announce))
    assert.throws(() =>
      encodeUdpAnnounce(new Uint8Array(98), 0, connection, 1, { ...announce, peerId: infoHash.subarray(1) }),
    )
    assert.throws(() => encodeUdpAnnounce(new Uint8Array(98), 0, connection, 1, { ...announce, leftBytes: -1 }))
    assert.throws(() => encodeUdpScrape(new Uint8Array(35), 0, connection, 1, [infoHash]))
    assert.throws(() => encodeUdpScrape(new Uint8Array(4_000), 0, connection, 1, []))
    assert.throws(() => encodeUdpScrape(new Uint8Array(4_000), 0, connection, 1, new Array(75).fill(infoHash)))
  })
})

test('a UDP scrape counts whole hashes, at most 74', () => {
  for (const [length, count] of [
    [36, 1],
    [55, 1],
    [56, 2],
    [16 + 74 * 20, 74],
    [16 + 80 * 20, 74],
  ] as const) {
    assert.equal(scrapeHashCount(new Uint8Array(length)), count)
  }
  assert.deepEqual(scrapeBytes.subarray(scrapeHashOffset(1), scrapeHashOffset(2)), peerId)
})
