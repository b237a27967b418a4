// Requests to UDP trackers (BEP 15): connection ids, retransmission, matching, errors.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { readUint32, toUtf8, writeUint16 } from '../../src/base/bytes.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import { decodeUrlData } from '../../src/formats/tracker/udp-options.ts'
import {
  actionAnnounce,
  actionConnect,
  actionScrape,
  announceRequestLength,
  emptyAnnounceFields,
  readUdpAnnounce,
  requestConnectionLow,
  requestTransactionId,
  udpRequestAction,
} from '../../src/formats/tracker/udp-request.ts'
import {
  encodeUdpAnnounceHead,
  encodeUdpConnectResponse,
  encodeUdpError,
  encodeUdpScrapeHead,
  encodeUdpSwarm,
} from '../../src/formats/tracker/udp-response.ts'
import {
  looksLikeTrackerReply,
  type UdpAsk,
  UdpExchange,
  type UdpExchangeOutput,
} from '../../src/tracker/udp-exchange.ts'
import { seededRandom } from './seeded-random.ts'

const endpoint: Endpoint = { family: 4, address: '198.18.0.1', port: 6969 }
const endpoint6: Endpoint = { family: 6, address: '2001:db8::1', port: 6969 }
const infoHash = new Uint8Array(20).fill(1)
const announceAsk: UdpAsk = {
  type: 'announce',
  url: 'udp://tracker.example:6969/announce?passkey=abc',
  request: {
    infoHash,
    peerId: new Uint8Array(20).fill(2),
    port: 6881,
    uploadedBytes: 1,
    downloadedBytes: 2,
    leftBytes: 2 ** 40,
    event: 'started',
    key: 0x01020304,
    wantedPeers: 70,
  },
}

class Harness {
  readonly exchange = new UdpExchange({ random: seededRandom() })
  nowMs = 50_000
  sent: { endpoint: Endpoint; bytes: Uint8Array }[] = []
  done: Extract<UdpExchangeOutput, { type: 'done' }>[] = []

  private drain(): void {
    for (let output = this.exchange.poll(); output !== undefined; output = this.exchange.poll()) {
      if (output.type === 'send') this.sent.push(output)
      else this.done.push(output)
    }
  }

  ask(ticket: number, ask: UdpAsk = announceAsk, to: Endpoint = endpoint): void {
    this.exchange.handle({ type: 'ask', ticket, endpoint: to, ask }, this.nowMs)
    this.drain()
  }

  cancel(ticket: number): void {
    this.exchange.handle({ type: 'cancel', ticket }, this.nowMs)
    this.drain()
  }

  receive(bytes: Uint8Array, from: Endpoint = endpoint): void {
    this.exchange.handle({ type: 'datagram', bytes, address: from.address, port: from.port }, this.nowMs)
    this.drain()
  }

  pass(ms: number): void {
    const endMs = this.nowMs + ms
    while (this.exchange.nextWakeMs() <= endMs) {
      this.nowMs = this.exchange.nextWakeMs()
      this.exchange.handle({ type: 'wake' }, this.nowMs)
      this.drain()
    }
    this.nowMs = endMs
  }

  /** The datagrams sent since the last call. */
  take(): Uint8Array[] {
    const taken = this.sent.map(({ bytes }) => bytes)
    this.sent = []
    return taken
  }

  one(action: number): Uint8Array {
    const taken = this.take()
    assert.deepEqual(taken.map(udpRequestAction), [action])
    return taken[0] as Uint8Array
  }

  connected(low = 77, to: Endpoint = endpoint): void {
    this.receive(connectReply(requestTransactionId(this.one(actionConnect)), low), to)
  }
}

function connectReply(transactionId: number, low: number): Uint8Array {
  const bytes = new Uint8Array(16)
  encodeUdpConnectResponse(bytes, 0, transactionId, 0, low)
  return bytes
}

function announceReply(transactionId: number, stride = 6): Uint8Array {
  const bytes = new Uint8Array(20 + stride)
  encodeUdpAnnounceHead(bytes, 0, transactionId, 900, 5, 6)
  bytes.fill(10, 20, 20 + stride - 2)
  writeUint16(bytes, 20 + stride - 2, 51_413)
  return bytes
}

describe('a request', () => {
  test('asks for a connection id, then announces with it, then is done', () => {
    const harness = new Harness()
    harness.ask(1)
    harness.connected()
    const announce = harness.one(actionAnnounce)
    assert.equal(requestConnectionLow(announce), 77)
    const fields = emptyAnnounceFields()
    readUdpAnnounce(announce, fields)
    assert.deepEqual([fields.event, fields.wantedPeers, fields.key], ['started', 70, 0x01020304])
    harness.receive(announceReply(requestTransactionId(announce)))
    assert.deepEqual(harness.done, [
      {
        type: 'done',
        ticket: 1,
        outcome: {
          ok: true,
          value: {
            kind: 'response',
            intervalSeconds: 900,
            complete: 6,
            incomplete: 5,
            peers: [{ family: 4, address: '10.10.10.10', port: 51_413 }],
          },
        },
      },
    ])
  })

  test('carries the path and query of its URL (BEP 41)', () => {
    const harness = new Harness()
    harness.ask(1)
    harness.connected()
    const urlData = decodeUrlData(harness.one(actionAnnounce), announceRequestLength)
    assert.ok(urlData.ok)
    assert.equal(toUtf8(urlData.value), '/announce?passkey=abc')
  })

  test('over IPv6 gets peers of 18 bytes', () => {
    const harness = new Harness()
    harness.ask(1, announceAsk, endpoint6)
    harness.connected(5, endpoint6)
    harness.receive(announceReply(requestTransactionId(harness.one(actionAnnounce)), 18), endpoint6)
    const [done] = harness.done
    assert.ok(done?.outcome.ok && done.outcome.value.kind === 'response')
    assert.deepEqual(done.outcome.value.peers, [
      { family: 6, address: 'a0a:a0a:a0a:a0a:a0a:a0a:a0a:a0a', port: 51_413 },
    ])
  })

  test('may be a scrape, answered in the order of its hashes', () => {
    const harness = new Harness()
    harness.ask(1, { type: 'scrape', infoHashes: [infoHash, infoHash] })
    harness.connected()
    const scrape = harness.one(actionScrape)
    assert.equal(scrape.length, 56)
    const reply = new Uint8Array(32)
    encodeUdpScrapeHead(reply, 0, requestTransactionId(scrape))
    encodeUdpSwarm(reply, 8, 1, 2, 3)
    encodeUdpSwarm(reply, 20, 4, 5, 6)
    harness.receive(reply)
    const [done] = harness.done
    assert.ok(done?.outcome.ok && done.outcome.value.kind === 'swarms')
    assert.deepEqual(done.outcome.value.swarms, [
      { complete: 1, downloaded: 2, incomplete: 3 },
      { complete: 4, downloaded: 5, incomplete: 6 },
    ])
  })

  test('ends with what the tracker says against it', () => {
    const harness = new Harness()
    harness.ask(1)
    harness.connected()
    const reply = new Uint8Array(10)
    encodeUdpError(reply, 0, requestTransactionId(harness.one(actionAnnounce)), 'no')
    harness.receive(reply)
    assert.deepEqual(harness.done[0]?.outcome, { ok: true, value: { kind: 'failure', reason: 'no' } })
  })

  test('refused a connection id, ends with the reason', () => {
    const harness = new Harness()
    harness.ask(1)
    const reply = new Uint8Array(12)
    encodeUdpError(reply, 0, requestTransactionId(harness.one(actionConnect)), 'full')
    harness.receive(reply)
    assert.deepEqual(harness.done[0]?.outcome, { ok: true, value: { kind: 'failure', reason: 'full' } })
    assert.equal(harness.exchange.nextWakeMs(), Number.POSITIVE_INFINITY)
  })

  test('that is cancelled has no outcome and leaves nothing behind', () => {
    const harness = new Harness()
    harness.ask(1)
    const connect = harness.one(actionConnect)
    harness.cancel(1)
    harness.receive(connectReply(requestTransactionId(connect), 1))
    harness.pass(10_000_000)
    assert.deepEqual([harness.sent.length, harness.done.length], [0, 0])
    assert.equal(harness.exchange.nextWakeMs(), Number.POSITIVE_INFINITY)
  })
})

describe('retransmission', () => {
  test('waits 15 * 2^n seconds, then the request has timed out', () => {
    const harness = new Harness()
    const startMs = harness.nowMs
    harness.ask(1)
    const sentMs: number[] = []
    while (harness.done.length === 0) {
      for (const bytes of harness.take()) {
        assert.equal(udpRequestAction(bytes), actionConnect)
        sentMs.push(harness.nowMs - startMs)
      }
      harness.pass(1_000)
    }
    assert.deepEqual(sentMs, [0, 15_000, 45_000])
    assert.equal(harness.nowMs - startMs, 105_000)
    const outcome = harness.done[0]?.outcome
    assert.equal(outcome?.ok === false && outcome.code, 'timed-out')
  })

  test('of an announce begins with a new connection id: the tracker may have been started anew', () => {
    const harness = new Harness()
    harness.ask(1)
    harness.connected(1)
    const first = harness.one(actionAnnounce)
    harness.pass(15_000)
    harness.connected(2)
    const second = harness.one(actionAnnounce)
    assert.equal(requestConnectionLow(second), 2)
    assert.equal(requestTransactionId(second), requestTransactionId(first))
    harness.pass(29_000)
    assert.equal(harness.done.length, 0)
    assert.deepEqual(harness.take(), [], 'the second time it waits twice as long')
    harness.receive(announceReply(requestTransactionId(first)))
    assert.equal(harness.done[0]?.outcome.ok, true)
  })

  test('many requests wait for one connection id and share it for a minute', () => {
    const harness = new Harness()
    for (let ticket = 1; ticket <= 100; ticket++) harness.ask(ticket)
    harness.connected()
    const announces = harness.take()
    assert.equal(announces.length, 100)
    assert.equal(new Set(announces.map(requestTransactionId)).size, 100)
    for (const announce of announces.toReversed()) harness.receive(announceReply(requestTransactionId(announce)))
    assert.deepEqual(
      harness.done.map(({ ticket }) => ticket),
      Array.from({ length: 100 }, (_, index) => 100 - index),
    )
    harness.pass(59_000)
    harness.ask(101)
    const late = harness.one(actionAnnounce)
    harness.receive(announceReply(requestTransactionId(late)))
    harness.pass(1_001)
    harness.ask(102)
    harness.one(actionConnect)
  })

  test('an id is not used after its minute, even while an earlier request waits for its answer', () => {
    const harness = new Harness()
    harness.ask(1)
    harness.connected()
    harness.receive(announceReply(requestTransactionId(harness.one(actionAnnounce))))
    harness.pass(50_000)
    harness.ask(2)
    harness.one(actionAnnounce)
    harness.pass(11_000)
    harness.ask(3)
    harness.one(actionConnect)
  })

  test('each tracker has a connection id of its own', () => {
    const harness = new Harness()
    harness.ask(1)
    harness.connected(1)
    harness.one(actionAnnounce)
    harness.ask(2, announceAsk, { ...endpoint, port: 7_000 })
    harness.one(actionConnect)
  })

  test('nothing is remembered of a tracker once its id has expired', () => {
    const harness = new Harness()
    harness.ask(1)
    harness.connected()
    harness.receive(announceReply(requestTransactionId(harness.one(actionAnnounce))))
    assert.equal(harness.exchange.nextWakeMs(), harness.nowMs + 60_000)
    harness.pass(60_000)
    assert.equal(harness.exchange.nextWakeMs(), Number.POSITIVE_INFINITY)
  })
})

describe('strangers', () => {
  test('from another endpoint, or with another transaction, nothing counts', () => {
    const harness = new Harness()
    harness.ask(1)
    const connect = harness.one(actionConnect)
    const transactionId = requestTransactionId(connect)
    harness.receive(connectReply(transactionId, 9), { ...endpoint, port: 1 })
    harness.receive(connectReply(transactionId, 9), { ...endpoint, address: '198.18.0.2' })
    harness.receive(connectReply(transactionId ^ 1, 9))
    assert.equal(harness.sent.length, 0)
    harness.receive(connectReply(transactionId, 9))
    const announce = harness.one(actionAnnounce)
    harness.receive(connectReply(requestTransactionId(announce), 9))
    harness.receive(announceReply(requestTransactionId(announce)), { ...endpoint, port: 1 })
    assert.equal(harness.done.length, 0)
    harness.receive(announceReply(requestTransactionId(announce)))
    harness.receive(announceReply(requestTransactionId(announce)))
    assert.equal(harness.done.length, 1)
  })

  test('one tracker cannot answer for another', () => {
    const harness = new Harness()
    const other = { ...endpoint, port: 7_000 }
    harness.ask(1)
    harness.connected()
    const announce = harness.one(actionAnnounce)
    harness.ask(2, announceAsk, other)
    harness.one(actionConnect)
    harness.receive(announceReply(requestTransactionId(announce)), other)
    assert.deepEqual(harness.done, [])
  })

  test('a malformed answer to our own transaction ends the request', () => {
    const harness = new Harness()
    harness.ask(1)
    harness.connected()
    const reply = announceReply(requestTransactionId(harness.one(actionAnnounce))).subarray(0, 12)
    harness.receive(reply)
    const outcome = harness.done[0]?.outcome
    assert.equal(outcome?.ok === false && outcome.code, 'tracker-response')
  })

  test('datagrams of the DHT and of uTP do not look like replies, those of trackers do', () => {
    assert.ok(looksLikeTrackerReply(connectReply(1, 1)))
    assert.ok(looksLikeTrackerReply(announceReply(0xffff_ffff)))
    assert.ok(!looksLikeTrackerReply(new TextEncoder().encode('d1:ad2:id20:')))
    for (const type of [0, 1, 2, 3, 4])
      assert.ok(!looksLikeTrackerReply(new Uint8Array(20).fill((type << 4) | 1, 0, 1)))
    assert.ok(!looksLikeTrackerReply(new Uint8Array(7)))
  })

  test('no datagrams at all make it fail, or give a request two outcomes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(4), fc.uint8Array({ maxLength: 60 }), fc.boolean()), { maxLength: 40 }),
        (datagrams) => {
          const harness = new Harness()
          for (let ticket = 1; ticket <= 3; ticket++) harness.ask(ticket)
          for (const [action, rest, isOurs] of datagrams) {
            const sent = harness.sent.at(-1)?.bytes
            const bytes = new Uint8Array(8 + rest.length)
            bytes[3] = action
            bytes.set(rest, 8)
            if (isOurs && sent !== undefined) bytes.set(sent.subarray(12, 16), 4)
            harness.receive(bytes)
            if (readUint32(bytes, 0) === 0) harness.pass(15_000)
          }
          harness.pass(1_000_000)
          assert.deepEqual(harness.done.map(({ ticket }) => ticket).sort(), [1, 2, 3])
          assert.equal(harness.exchange.nextWakeMs(), Number.POSITIVE_INFINITY)
        },
      ),
      { numRuns: 200 },
    )
  })
})
