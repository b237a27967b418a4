// One torrent's announcing: events, intervals, back-off, what people and the session get to see.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { toHex } from '../../src/base/bytes.ts'
import { success } from '../../src/base/errors.ts'
import { unknownLeftBytes } from '../../src/formats/tracker/announce.ts'
import { TrackerClient } from '../../src/tracker/tracker-client.ts'
import type { TrackerInput } from '../../src/tracker/tracker-events.ts'
import { ClientHarness, hashV1, hashV2, response, trackerAddress } from './client-harness.ts'
import { seededRandom } from './seeded-random.ts'

const http = 'http://tracker.example/announce'
const udp = 'udp://tracker.example:6969'
const progress = (leftBytes: number, isPartialSeed = false): TrackerInput => ({
  type: 'progress',
  progress: { uploadedBytes: 5, downloadedBytes: 7, leftBytes, isPartialSeed },
})
const minute = 60_000

describe('events', () => {
  test('the first announce says started, with everything a tracker wants to know', () => {
    const harness = new ClientHarness([[http]], { supportsEncryption: true })
    harness.input(progress(11)).input({ type: 'demand', wantedPeers: 80, isShort: false }).input({ type: 'start' })
    const { url, family, announce } = harness.announce()
    assert.deepEqual([url, family], [http, 4])
    assert.deepEqual(announce, {
      infoHash: hashV1,
      peerId: new Uint8Array(20).fill(9),
      port: 6881,
      uploadedBytes: 5,
      downloadedBytes: 7,
      leftBytes: 11,
      event: 'started',
      key: 0xabcd,
      wantedPeers: 80,
      isCompact: true,
      omitsPeerIds: true,
      claimedEndpoints: [],
      supportsEncryption: true,
    })
  })

  test('unless a session can use one family only, each tracker is announced to over IPv4 and IPv6 (BEP 7)', () => {
    const client = new TrackerClient({
      infoHashes: [hashV1],
      peerId: new Uint8Array(20),
      key: 1,
      port: 6881,
      isPrivate: false,
      tiers: [['http://a.example/announce']],
      random: seededRandom(),
    })
    client.handle({ type: 'start' }, 0)
    const families: number[] = []
    for (let output = client.poll(); output !== undefined; output = client.poll()) {
      if (output.type === 'announce') families.push(output.family)
    }
    assert.deepEqual(families, [4, 6])
  })

  test('nothing is announced before start, nor after stop', () => {
    const harness = new ClientHarness([[http]])
    harness.pass(10 * minute).noAnnounce()
    harness.started().input({ type: 'stop', timeoutMs: 3_000 })
    harness.answer(harness.announce())
    harness.pass(100 * minute).noAnnounce()
    assert.equal(harness.client.nextWakeMs(), Number.POSITIVE_INFINITY)
  })

  test('started is repeated until the tracker has taken it, later announces have no event', () => {
    const harness = new ClientHarness([[http]]).input({ type: 'start' })
    harness.fail(harness.announce()).pass(minute)
    const second = harness.announce()
    assert.equal(second.announce.event, 'started')
    harness.answer(second).pass(32 * minute)
    assert.equal(harness.announce().announce.event, 'none')
  })

  test('completed is told at once, and again after a failure, but only to who has heard started', () => {
    const harness = new ClientHarness([[http]]).started()
    harness.input(progress(0)).input({ type: 'completed' })
    const first = harness.announce()
    assert.equal(first.announce.event, 'completed')
    harness.fail(first).pass(minute)
    const second = harness.announce()
    assert.equal(second.announce.event, 'completed')
    harness.answer(second).pass(32 * minute)
    assert.equal(harness.announce().announce.event, 'none')

    const seeding = new ClientHarness([[http]]).input(progress(0)).input({ type: 'completed' }).input({ type: 'start' })
    seeding.answer(seeding.announce()).pass(minute).noAnnounce()
  })

  test('completed while started is still under way follows it', () => {
    const harness = new ClientHarness([[http]]).input({ type: 'start' })
    const started = harness.announce()
    harness.input({ type: 'completed' }).noAnnounce()
    harness.answer(started)
    assert.equal(harness.announce().announce.event, 'completed')
  })

  test('stopped is told to who has heard started, wants no peers, and ends with the answer', () => {
    const harness = new ClientHarness([[http]]).input({ type: 'demand', wantedPeers: 50, isShort: false }).started()
    harness.input({ type: 'stop', timeoutMs: 3_000 })
    const { ticket, announce } = harness.announce()
    assert.deepEqual([announce.event, announce.wantedPeers], ['stopped', 0])
    assert.equal(harness.take('stopped').length, 0)
    harness.input({ type: 'announced', ticket, outcome: success(response()) })
    assert.equal(harness.take('stopped').length, 1)
  })

  test('a silent tracker holds up the end no longer than allowed', () => {
    const harness = new ClientHarness([[http]]).started().input({ type: 'stop', timeoutMs: 3_000 })
    const { ticket } = harness.announce()
    harness.pass(2_999)
    assert.equal(harness.take('stopped').length, 0)
    harness.pass(1)
    assert.equal(harness.take('stopped').length, 1)
    assert.deepEqual(harness.take('cancel'), [{ type: 'cancel', ticket }])
  })

  test('stopping a torrent that no tracker knows ends at once', () => {
    const harness = new ClientHarness([[http]]).input({ type: 'start' })
    harness.fail(harness.announce()).input({ type: 'stop', timeoutMs: 3_000 })
    harness.noAnnounce()
    assert.equal(harness.take('stopped').length, 1)
    harness.input({ type: 'stop', timeoutMs: 3_000 })
    assert.equal(harness.take('stopped').length, 1)
  })

  test('a started that may have arrived is taken back', () => {
    const harness = new ClientHarness([[http]]).input({ type: 'start' })
    const { ticket } = harness.announce()
    harness.input({ type: 'stop', timeoutMs: 3_000 })
    assert.deepEqual(harness.take('cancel'), [{ type: 'cancel', ticket }])
    assert.equal(harness.announce().announce.event, 'stopped')
  })

  test('completed under way at the end is waited for, then stopped follows', () => {
    const harness = new ClientHarness([[http]]).started().input({ type: 'completed' })
    const completed = harness.announce()
    harness.input({ type: 'stop', timeoutMs: 3_000 }).noAnnounce()
    harness.answer(completed)
    const stopped = harness.announce()
    assert.equal(stopped.announce.event, 'stopped')
    harness.answer(stopped)
    assert.equal(harness.take('stopped').length, 1)
  })

  test('starting again says started again, and not in a storm', () => {
    const harness = new ClientHarness([[http]]).started()
    for (let round = 0; round < 20; round++) {
      harness.input({ type: 'stop', timeoutMs: 0 }).input({ type: 'start' })
    }
    const events = harness.take('announce').map(({ announce }) => announce.event)
    assert.deepEqual(events, ['stopped'])
    harness.pass(5_000)
    assert.equal(harness.announce().announce.event, 'started')
  })

  test('stopped is heard though the torrent is started again at once, and stopped once more', () => {
    const harness = new ClientHarness([[http]]).started()
    harness.input({ type: 'stop', timeoutMs: 3_000 }).input({ type: 'start' })
    const stopped = harness.announce()
    assert.equal(stopped.announce.event, 'stopped')
    assert.deepEqual(harness.take('cancel'), [])
    harness.answer(stopped).input({ type: 'stop', timeoutMs: 3_000 }).noAnnounce()
  })

  test('a tracker that does not answer stopped hears started all the same', () => {
    const harness = new ClientHarness([[http]]).started()
    harness.input({ type: 'stop', timeoutMs: 30_000 }).input({ type: 'start' })
    const { ticket } = harness.announce()
    harness.pass(5_000)
    assert.deepEqual(harness.take('cancel'), [{ type: 'cancel', ticket }])
    assert.equal(harness.announce().announce.event, 'started')
  })

  test('a partial seed says paused to HTTP trackers in all announces after the first (BEP 21)', () => {
    const harness = new ClientHarness([[http]]).input(progress(100, true)).input({ type: 'start' })
    const first = harness.announce()
    assert.equal(first.announce.event, 'started')
    harness.answer(first).pass(minute)
    const second = harness.announce()
    assert.equal(second.announce.event, 'paused')
    harness.answer(second).pass(32 * minute)
    const third = harness.announce()
    assert.equal(third.announce.event, 'paused')
    harness.answer(third).input(progress(50, false)).pass(minute)
    assert.equal(harness.announce().announce.event, 'none')
  })

  test('UDP has no paused event, so nothing is announced for it', () => {
    const harness = new ClientHarness([[udp]]).input(progress(100, true)).started()
    harness.pass(20 * minute).noAnnounce()
    harness.pass(12 * minute)
    assert.equal(harness.announce().announce.event, 'none')
  })

  test('left may be unknown, as before the metadata of a magnet is here', () => {
    const harness = new ClientHarness([[http]]).input(progress(unknownLeftBytes)).input({ type: 'start' })
    assert.equal(harness.announce().announce.leftBytes, unknownLeftBytes)
  })
})

describe('time', () => {
  test('the interval is kept, give or take a twentieth', () => {
    const harness = new ClientHarness([[http]]).started(response({ intervalSeconds: 600 }))
    harness.pass(10 * minute - 1).noAnnounce()
    harness.pass(minute / 2 + 1)
    harness.announce()
  })

  test('a min interval longer than the interval counts', () => {
    const harness = new ClientHarness([[http]]).started(response({ intervalSeconds: 600, minIntervalSeconds: 1_200 }))
    harness.pass(20 * minute - 1).noAnnounce()
    harness.pass(2 * minute)
    harness.announce()
  })

  test('a person cannot announce sooner than the min interval', () => {
    const harness = new ClientHarness([[http]]).started(response({ minIntervalSeconds: 300 }))
    harness.pass(minute).input({ type: 'announce-now' }).noAnnounce()
    harness.pass(4 * minute - 1).noAnnounce()
    harness.pass(1)
    harness.answer(harness.announce())
    harness.pass(10 * minute).noAnnounce()
    harness.input({ type: 'announce-now' })
    harness.announce()
  })

  test('with few peers the min interval is enough, without one five minutes', () => {
    const short: TrackerInput = { type: 'demand', wantedPeers: 50, isShort: true }
    const harness = new ClientHarness([[http]]).input(short).started(response({ minIntervalSeconds: 120 }))
    harness.pass(2 * minute - 1).noAnnounce()
    harness.pass(1)
    harness.answer(harness.announce())
    harness.pass(5 * minute - 1).noAnnounce()
    harness.pass(1)
    harness.answer(harness.announce())
    harness
      .input({ type: 'demand', wantedPeers: 50, isShort: false })
      .pass(20 * minute)
      .noAnnounce()
  })

  test('after hours of sleep each tracker is announced to once', () => {
    const harness = new ClientHarness([[http]]).started()
    harness.nowMs += 500 * 60 * minute
    harness.input({ type: 'wake' })
    harness.answer(harness.announce())
    harness.pass(29 * minute).noAnnounce()
  })

  test('failures double the wait up to an hour', () => {
    const harness = new ClientHarness([[http]]).input({ type: 'start' })
    const waits: number[] = []
    for (let attempt = 0; attempt < 12; attempt++) {
      harness.fail(harness.announce())
      const failedMs = harness.nowMs
      harness.nowMs = harness.client.nextWakeMs()
      waits.push(harness.nowMs - failedMs)
      harness.input({ type: 'wake' })
    }
    for (const [attempt, wait] of waits.entries()) {
      const least = Math.min(3_600_000, 15_000 * 2 ** attempt)
      assert.ok(wait >= least && wait <= 1.25 * least, `wait ${attempt} is ${wait} ms`)
    }
  })

  test('retry in decides when to come back, never means never (BEP 31)', () => {
    const harness = new ClientHarness([[http]]).input({ type: 'start' })
    harness.answer(harness.announce(), { kind: 'failure', reason: 'busy', retry: 1_200 })
    harness
      .input({ type: 'announce-now' })
      .pass(20 * minute - 1)
      .noAnnounce()
    harness.pass(1)
    harness.answer(harness.announce(), { kind: 'failure', reason: 'banned', retry: 'never' })
    harness
      .input({ type: 'announce-now' })
      .pass(10_000 * minute)
      .noAnnounce()
    harness.input({ type: 'stop', timeoutMs: 0 }).input({ type: 'start' }).pass(minute).noAnnounce()
    assert.deepEqual(harness.stateOf(http).state, {
      type: 'failed',
      code: 'tracker-failure',
      message: 'banned',
      nextAnnounceInMs: undefined,
    })
  })

  test('whatever happens, no line is announced twice within five seconds but for completed and stopped', () => {
    const inputs = fc.oneof(
      fc.constant<TrackerInput>({ type: 'start' }),
      fc.constant<TrackerInput>({ type: 'stop', timeoutMs: 500 }),
      fc.constant<TrackerInput>({ type: 'completed' }),
      fc.constant<TrackerInput>({ type: 'announce-now' }),
      fc.constant<TrackerInput>({ type: 'demand', wantedPeers: 10, isShort: true }),
      fc.constant<TrackerInput>(progress(3, true)),
      fc.constant<TrackerInput>({ type: 'set-port', port: 7_000 }),
      fc.constant<TrackerInput>({ type: 'identify', infoHashes: [hashV1, hashV2], isPrivate: false }),
      fc.constantFrom('answer', 'fail', 'never' as const),
      fc.integer({ min: 0, max: 400_000 }),
    )
    fc.assert(
      fc.property(fc.array(inputs, { maxLength: 60 }), (steps) => {
        const harness = new ClientHarness([[http, `${http}2`], [udp]], { families: [4, 6] })
        const lastMs = new Map<string, number>()
        const underWay = new Set<string>()
        const waiting: { key: string; ticket: number }[] = []
        const settle = () => {
          for (const { ticket } of harness.take('cancel')) {
            const place = waiting.findIndex((other) => other.ticket === ticket)
            assert.notEqual(place, -1, 'only what is under way is cancelled')
            underWay.delete(waiting.splice(place, 1)[0]?.key ?? '')
          }
          for (const { ticket, url, family, announce } of harness.take('announce')) {
            const key = `${url} ${family} ${toHex(announce.infoHash)}`
            assert.ok(!underWay.has(key), 'one announce at a time')
            underWay.add(key)
            waiting.push({ key, ticket })
            const sinceMs = harness.nowMs - (lastMs.get(key) ?? Number.NEGATIVE_INFINITY)
            const isExempt = announce.event === 'completed' || announce.event === 'stopped'
            assert.ok(isExempt || sinceMs >= 5_000, `${announce.event} after ${sinceMs} ms`)
            lastMs.set(key, harness.nowMs)
          }
        }
        for (const step of steps) {
          if (typeof step === 'number') {
            const endMs = harness.nowMs + step
            while (harness.client.nextWakeMs() <= endMs) {
              harness.nowMs = Math.max(harness.nowMs, harness.client.nextWakeMs())
              harness.input({ type: 'wake' })
              settle()
            }
            harness.nowMs = endMs
          } else if (typeof step === 'string') {
            const next = waiting.shift()
            if (next === undefined) continue
            underWay.delete(next.key)
            const value =
              step === 'answer'
                ? response({ intervalSeconds: 10 })
                : { kind: 'failure' as const, reason: 'no', ...(step === 'never' ? { retry: 'never' as const } : {}) }
            harness.input({ type: 'announced', ticket: next.ticket, outcome: success(value) })
          } else {
            harness.input(step)
          }
          settle()
        }
        harness.input({ type: 'stop', timeoutMs: 500 })
        settle()
        harness.pass(500)
        assert.ok(harness.take('stopped').length > 0, 'the end comes in time')
        assert.equal(harness.client.nextWakeMs(), Number.POSITIVE_INFINITY)
      }),
      { numRuns: 200 },
    )
  })
})

describe('what comes back', () => {
  const peers = [{ family: 4, address: '192.0.2.7', port: 51413 }] as const

  test('peers come with their swarm and the address of who named them', () => {
    const harness = new ClientHarness([[http]]).started(response({ peers }))
    assert.deepEqual(harness.take('peers'), [
      { type: 'peers', url: http, infoHash: hashV1, address: trackerAddress, peers },
    ])
  })

  test('our own address as the tracker sees it is passed on (BEP 24)', () => {
    const ip = { family: 4, address: '203.0.113.5' } as const
    const harness = new ClientHarness([[http]]).started(response({ externalIp: ip }))
    assert.deepEqual(harness.take('external-ip'), [{ type: 'external-ip', url: http, ip }])
  })

  test('the tracker id goes back with each later announce', () => {
    const trackerId = new Uint8Array([1, 2, 3])
    const harness = new ClientHarness([[http]]).started(response({ trackerId })).pass(32 * minute)
    const second = harness.announce()
    assert.deepEqual(second.announce.trackerId, trackerId)
    harness.answer(second).input({ type: 'stop', timeoutMs: 1 })
    assert.deepEqual(harness.announce().announce.trackerId, trackerId)
  })

  test('a hybrid announces both hashes, each to both families, with one key (BEP 7, 52)', () => {
    const harness = new ClientHarness([[http]], { infoHashes: [hashV1, hashV2], families: [4, 6] })
    harness.input({ type: 'start' })
    const announces = harness.take('announce')
    const lines = announces.map(({ family, announce }) => `${announce.infoHash[0]} ${family} ${announce.key}`)
    assert.deepEqual(lines, ['1 4 43981', '1 6 43981', '2 4 43981', '2 6 43981'])
  })

  test('the second hash of a hybrid, known with its metadata, is announced then', () => {
    const harness = new ClientHarness([[http]]).started()
    harness.input({ type: 'identify', infoHashes: [hashV1, hashV2], isPrivate: false })
    const { announce } = harness.announce()
    assert.deepEqual([announce.infoHash, announce.event], [hashV2, 'started'])
  })

  test('a family the tracker has no address of is no failure, none at all is one', () => {
    const harness = new ClientHarness([[http]], { families: [4, 6] }).input({ type: 'start' })
    const [four, six] = harness.take('announce')
    assert.ok(four !== undefined && six !== undefined)
    harness.input({ type: 'absent', ticket: six.ticket }).answer(four)
    assert.equal(harness.stateOf(http).state.type, 'working')
    harness.pass(29 * minute).noAnnounce()

    const nowhere = new ClientHarness([[http]], { families: [4, 6] }).input({ type: 'start' })
    for (const { ticket } of nowhere.take('announce')) nowhere.input({ type: 'absent', ticket })
    const { state } = nowhere.stateOf(http)
    assert.equal(state.type === 'failed' && state.code, 'name-unknown')
    nowhere.pass(20_000)
    assert.equal(nowhere.take('announce').length, 2)
  })

  test('an address in the URL is announced to in its own family only', () => {
    const harness = new ClientHarness([['http://[2001:db8::1]:80/announce']], { families: [4, 6] })
    assert.equal(harness.input({ type: 'start' }).announce().family, 6)
  })

  test('a scrape fills in what announces do not say, and is not repeated soon', () => {
    const { complete: _, incomplete: __, ...silent } = response()
    const harness = new ClientHarness([[http]]).started(silent)
    const [scrape] = harness.take('scrape')
    assert.ok(scrape !== undefined)
    assert.deepEqual([scrape.url, scrape.infoHashes], [http, [hashV1]])
    const swarms = new Map([[toHex(hashV1), { complete: 8, incomplete: 9, downloaded: 10 }]])
    harness.input({ type: 'scraped', ticket: scrape.ticket, outcome: success({ kind: 'response', swarms }) })
    const { seeders, leechers, downloads } = harness.stateOf(http)
    assert.deepEqual([seeders, leechers, downloads], [8, 9, 10])
    harness.input({ type: 'scrape-now' })
    assert.deepEqual(harness.take('scrape'), [])
    harness.pass(15 * minute)
    assert.equal(harness.take('scrape').length, 1)
  })

  test('a stopped torrent can be scraped, a tracker without a scrape is not', () => {
    const harness = new ClientHarness([[http]]).input({ type: 'scrape-now' })
    assert.equal(harness.take('scrape').length, 1)
    const without = new ClientHarness([['http://tracker.example/a.php?passkey=1']]).input({ type: 'scrape-now' })
    assert.deepEqual(without.take('scrape'), [])
  })

  test('people see each tracker as it is', () => {
    const bad = 'wss://tracker.example'
    const harness = new ClientHarness([[http], [udp], [bad]])
    assert.deepEqual(
      harness.client.snapshot(harness.nowMs).map(({ tier, state }) => `${tier} ${state.type}`),
      ['0 idle', '1 idle', '2 failed'],
    )
    harness.input({ type: 'start' })
    assert.equal(harness.stateOf(http).state.type, 'announcing')
    harness.answer(harness.announce(), response({ warning: 'slow down', downloaded: 12 }))
    const { state, warning, seeders, leechers, downloads } = harness.stateOf(http)
    assert.deepEqual([warning, seeders, leechers, downloads], ['slow down', 3, 4, 12])
    assert.ok(state.type === 'working' && state.nextAnnounceInMs >= 30 * minute)
    harness.pass(32 * minute)
    harness.answer(harness.announce(), { kind: 'failure', reason: 'unregistered torrent' })
    const failed = harness.stateOf(http).state
    assert.ok(failed.type === 'failed' && failed.message === 'unregistered torrent')
    assert.ok((failed.nextAnnounceInMs ?? 0) > 0)
    assert.deepEqual(structuredClone(harness.client.snapshot(harness.nowMs)), harness.client.snapshot(harness.nowMs))
  })

  test('a new port is told as soon as the tracker allows', () => {
    const harness = new ClientHarness([[http]]).started(response({ minIntervalSeconds: 90 }))
    harness.input({ type: 'set-port', port: 7_000 }).noAnnounce()
    harness.pass(90_000)
    assert.equal(harness.announce().announce.port, 7_000)
  })
})
