// The driver of all trackers over ports made for the test: what is resolved, judged, connected to and passed on.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { fromLatin1 } from '../../src/base/bytes.ts'
import type { Endpoint, IpAddress } from '../../src/base/endpoint.ts'
import { failure, type Result, success } from '../../src/base/errors.ts'
import { parseAddress } from '../../src/formats/compact-endpoint.ts'
import { parseAnnounceQuery } from '../../src/formats/tracker/announce-query.ts'
import { requestTransactionId, udpRequestAction } from '../../src/formats/tracker/udp-request.ts'
import { encodeUdpConnectResponse } from '../../src/formats/tracker/udp-response.ts'
import type { HttpRequest, HttpResponse } from '../../src/ports/http.ts'
import { TrackerDriver, type TrackerDriverOptions } from '../../src/session/tracker-driver.ts'
import type { TrackerAnswer, TrackerRequest } from '../../src/tracker/tracker-events.ts'
import { seededRandom } from '../tracker/seeded-random.ts'

type AnnounceRequest = Extract<TrackerRequest, { type: 'announce' }>

const names: Readonly<Record<string, readonly string[]>> = {
  'tracker.example': ['93.184.216.34', '2606:2800::1'],
  'second.example': ['93.184.216.35'],
  'inside.example': ['192.168.1.1'],
  'both.example': ['10.0.0.1', '93.184.216.36'],
}
const good = 'd8:intervali900e5:peers0:e'

function announce(url: string, fields: Partial<AnnounceRequest> = {}): AnnounceRequest {
  return {
    type: 'announce',
    ticket: 1,
    url,
    family: 4,
    announce: {
      infoHash: new Uint8Array(20).fill(1),
      peerId: new Uint8Array(20).fill(2),
      port: 6881,
      uploadedBytes: 0,
      downloadedBytes: 0,
      leftBytes: 1,
      event: 'started',
      isCompact: true,
      omitsPeerIds: true,
      claimedEndpoints: [],
      supportsEncryption: false,
    },
    ...fields,
  }
}

interface Fetch {
  readonly request: HttpRequest
  readonly signal: AbortSignal
  readonly answer: (response: Result<HttpResponse>) => void
}

class Harness {
  nowMs = 1_000
  wakeAtMs = Number.POSITIVE_INFINITY
  readonly fetches: Fetch[] = []
  readonly sent: { bytes: Uint8Array; endpoint: Endpoint }[] = []
  readonly answers: TrackerAnswer[] = []
  readonly resolved: string[] = []
  readonly driver: TrackerDriver
  source: 'user' | 'torrent-tracker' = 'torrent-tracker'
  readonly requester = {
    sourceOf: () => this.source,
    deliver: (answer: TrackerAnswer, nowMs: number) => {
      assert.equal(nowMs, this.nowMs)
      this.answers.push(answer)
    },
  }

  constructor(options: Partial<TrackerDriverOptions> = {}) {
    this.driver = new TrackerDriver(
      {
        clock: { nowMs: () => this.nowMs },
        random: seededRandom(),
        resolver: {
          resolve: async (name, family) => {
            this.resolved.push(`${name} ${family}`)
            const addresses = (names[name] ?? []).map((text) => parseAddress(text) as IpAddress)
            const found = addresses.filter((address) => family === 'any' || address.family === family)
            return found.length === 0 ? failure('name-unknown', name) : success(found)
          },
        },
        http: {
          fetch: (request, signal) => new Promise((answer) => void this.fetches.push({ request, signal, answer })),
        },
        sendDatagram: (bytes, endpoint) => void this.sent.push({ bytes: bytes.slice(), endpoint }),
        scheduleWake: (atMs) => {
          this.wakeAtMs = atMs
        },
      },
      { userAgent: 'test/1', allowsLocal: false, ...options },
    )
  }

  async perform(request: TrackerRequest): Promise<void> {
    this.driver.perform(this.requester, request)
    await setImmediate()
  }

  /** Answers the fetch under way. */
  async respond(body: string, status = 200, headers: Record<string, string> = {}): Promise<void> {
    const fetch = this.fetches.shift()
    assert.ok(fetch !== undefined, 'a request under way')
    fetch.answer(success({ status, headers, body: fromLatin1(body) }))
    await setImmediate()
  }

  /** Where the only fetch under way goes. */
  target(): string {
    assert.equal(this.fetches.length, 1)
    const { request } = this.fetches[0] as Fetch
    return `${request.url.split('?')[0]} at ${request.addresses.map(({ address }) => address).join(' ')}`
  }

  /** How the only request of type announce ended: its failure's code, or what the tracker is. */
  ending(): string {
    assert.equal(this.answers.length, 1)
    const [answer] = this.answers
    if (answer?.type === 'absent') return 'absent'
    assert.ok(answer !== undefined)
    if (!answer.outcome.ok) return answer.outcome.code
    return answer.outcome.value.kind === 'failure'
      ? `failure ${answer.outcome.value.reason}`
      : answer.outcome.value.kind
  }
}

describe('HTTP', () => {
  test('an announce goes to the addresses its name has, and comes back with the address', async () => {
    const harness = new Harness()
    await harness.perform(announce('http://tracker.example:8080/announce?passkey=x'))
    assert.equal(harness.target(), 'http://tracker.example:8080/announce at 93.184.216.34')
    const { request } = harness.fetches[0] as Fetch
    assert.deepEqual(request.headers, { 'user-agent': 'test/1' })
    assert.equal(request.maxBodyBytes, 1_048_576)
    const parsed = parseAnnounceQuery(new URL(request.url).search)
    assert.ok(parsed.ok && parsed.value.event === 'started')
    assert.match(request.url, /\?passkey=x&info_hash=/)
    await harness.respond(good)
    const [answer] = harness.answers
    assert.ok(answer?.type === 'announced' && answer.outcome.ok && answer.outcome.value.kind === 'response')
    assert.deepEqual([answer.ticket, answer.address, answer.outcome.value.intervalSeconds], [1, '93.184.216.34', 900])
  })

  test('each family is resolved for itself, and told when the name has none', async () => {
    const harness = new Harness()
    await harness.perform(announce('http://tracker.example/announce', { family: 6 }))
    assert.equal(harness.target(), 'http://tracker.example/announce at 2606:2800::1')
    const second = new Harness()
    await second.perform(announce('http://second.example/announce', { family: 6 }))
    assert.equal(second.ending(), 'absent')
  })

  test('a name of a torrent that leads inside is not followed (S15)', async () => {
    const harness = new Harness()
    await harness.perform(announce('http://inside.example/announce'))
    assert.deepEqual([harness.fetches.length, harness.ending()], [0, 'tracker-forbidden'])
    const both = new Harness()
    await both.perform(announce('http://both.example/announce'))
    assert.equal(both.target(), 'http://both.example/announce at 93.184.216.36', 'the other address is fine')
  })

  test('a name the user gave, and a literal of the torrent, may lead inside', async () => {
    const harness = new Harness()
    harness.source = 'user'
    await harness.perform(announce('http://inside.example/x'))
    assert.equal(harness.target(), 'http://inside.example/x at 192.168.1.1')
    const literal = new Harness()
    await literal.perform(announce('http://127.0.0.1:6969/announce'))
    assert.equal(literal.target(), 'http://127.0.0.1:6969/announce at 127.0.0.1')
    const other = new Harness()
    await other.perform(announce('http://127.0.0.1:6969/shutdown'))
    assert.equal(other.ending(), 'tracker-forbidden')
    const allowed = new Harness({ allowsLocal: true })
    await allowed.perform(announce('http://inside.example/x'))
    assert.equal(allowed.target(), 'http://inside.example/x at 192.168.1.1')
  })

  test('redirects are followed and judged anew, up to five', async () => {
    const harness = new Harness()
    await harness.perform(announce('http://tracker.example/announce'))
    await harness.respond('', 302, { location: 'https://second.example/a' })
    assert.equal(harness.target(), 'https://second.example/a at 93.184.216.35')
    await harness.respond('', 307, { location: '../b' })
    assert.equal(harness.target(), 'https://second.example/b at 93.184.216.35')
    for (let hop = 0; hop < 3; hop++) await harness.respond('', 301, { location: '/c' })
    assert.deepEqual(harness.answers, [])
    await harness.respond('', 301, { location: '/c' })
    assert.equal(harness.ending(), 'http-malformed')
  })

  test('no redirect leads inside, not even of a tracker that is inside itself', async () => {
    for (const location of ['http://inside.example/announce', 'http://127.0.0.1/announce', 'http://[::1]/announce']) {
      const harness = new Harness()
      await harness.perform(announce('http://tracker.example/announce'))
      await harness.respond('', 302, { location })
      assert.equal(harness.fetches.length, 0, location)
      assert.match(harness.ending(), /^(tracker-forbidden|name-unknown)$/)
    }
    const harness = new Harness()
    await harness.perform(announce('http://127.0.0.1/announce'))
    await harness.respond('', 302, { location: '/announce' })
    assert.equal(harness.ending(), 'tracker-forbidden')
  })

  test('whom the user named may redirect within the same host only', async () => {
    const harness = new Harness()
    harness.source = 'user'
    await harness.perform(announce('http://inside.example/a'))
    await harness.respond('', 302, { location: '/b' })
    assert.equal(harness.target(), 'http://inside.example/b at 192.168.1.1')
    await harness.respond('', 302, { location: 'http://192.168.1.1/b' })
    assert.equal(harness.ending(), 'tracker-forbidden')
  })

  test('redirects to what is not on the web are refused', async () => {
    for (const location of ['udp://tracker.example:1', 'file:///etc/passwd', 'ftp://x/', 'http://']) {
      const harness = new Harness()
      await harness.perform(announce('http://tracker.example/announce'))
      await harness.respond('', 302, { location })
      assert.equal(harness.ending(), 'http-malformed', location)
    }
  })

  test('a bad status is a failure; one in bencode counts, and Retry-After is kept to', async () => {
    const cases: [body: string, status: number, headers: Record<string, string>, ending: string][] = [
      ['gone', 404, {}, 'failure HTTP status 404'],
      [good, 500, {}, 'failure HTTP status 500'],
      ['d14:failure reason2:noe', 403, {}, 'failure no'],
      ['d14:failure reason2:noe', 200, {}, 'failure no'],
      ['<html>', 200, {}, 'bencode-syntax'],
      [good, 200, {}, 'response'],
    ]
    for (const [body, status, headers, ending] of cases) {
      const harness = new Harness()
      await harness.perform(announce('http://tracker.example/announce'))
      await harness.respond(body, status, headers)
      assert.equal(harness.ending(), ending)
    }
    const harness = new Harness()
    await harness.perform(announce('http://tracker.example/announce'))
    await harness.respond('slow down', 429, { 'retry-after': '120' })
    const [answer] = harness.answers
    assert.ok(answer?.type === 'announced' && answer.outcome.ok && answer.outcome.value.kind === 'failure')
    assert.equal(answer.outcome.value.retry, 120)
  })

  test('no message repeats what stands behind the host of a URL: it may be a passkey (S24)', async () => {
    const harness = new Harness()
    await harness.perform(announce('http://tracker.example/0123456789abcdef/announce'))
    const fetch = harness.fetches.shift()
    assert.ok(fetch !== undefined)
    fetch.answer(failure('connection-failed', `${fetch.request.url}: refused`))
    await setImmediate()
    const [answer] = harness.answers
    assert.ok(answer?.type === 'announced' && !answer.outcome.ok)
    assert.equal(answer.outcome.detail, 'http://tracker.example/…: refused')
  })

  test('bound to an address, only that family is used, and through that address', async () => {
    const harness = new Harness({ localAddresses: { 4: '93.184.216.1' } })
    await harness.perform(announce('http://tracker.example/announce', { family: 6 }))
    assert.equal(harness.ending(), 'absent')
    await harness.perform(announce('http://tracker.example/announce', { ticket: 2 }))
    assert.equal(harness.fetches[0]?.request.localAddress, '93.184.216.1')
  })

  test('a scrape goes where scrapes go', async () => {
    const harness = new Harness()
    const infoHash = new Uint8Array(20).fill(0x61)
    await harness.perform({
      type: 'scrape',
      ticket: 9,
      url: 'http://second.example/x/announce?k=1',
      infoHashes: [infoHash],
    })
    assert.match(harness.fetches[0]?.request.url ?? '', /^http:\/\/second\.example\/x\/scrape\?k=1&info_hash=aaaa/)
    await harness.respond('d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei5e10:downloadedi6e10:incompletei7eeee')
    const [answer] = harness.answers
    assert.ok(answer?.type === 'scraped' && answer.outcome.ok && answer.outcome.value.kind === 'response')
    assert.deepEqual([...answer.outcome.value.swarms.values()], [{ complete: 5, downloaded: 6, incomplete: 7 }])
  })
})

describe('requests', () => {
  test('that are cancelled end at once, have no answer, and make room', async () => {
    const harness = new Harness()
    for (let ticket = 1; ticket <= 7; ticket++)
      await harness.perform(announce('http://second.example/announce', { ticket }))
    assert.equal(harness.fetches.length, 6, 'six at one host')
    await harness.perform({ type: 'cancel', ticket: 1 })
    assert.ok(harness.fetches[0]?.signal.aborted)
    assert.equal(harness.fetches.length, 7)
    await harness.respond(good)
    assert.deepEqual(harness.answers, [])
    await harness.respond(good)
    assert.deepEqual(
      harness.answers.map(({ ticket }) => ticket),
      [2],
    )
  })

  test('in all at most 64 are under way over HTTP, and what waits has its turn', async () => {
    const harness = new Harness({ allowsLocal: true })
    for (let ticket = 1; ticket <= 100; ticket++) {
      await harness.perform(announce(`http://10.0.0.${ticket}/announce`, { ticket }))
    }
    assert.equal(harness.fetches.length, 64)
    for (let answered = 1; answered <= 100; answered++) await harness.respond(good)
    assert.equal(harness.answers.length, 100)
  })

  test('of a torrent that is gone are forgotten', async () => {
    const harness = new Harness()
    await harness.perform(announce('http://second.example/announce'))
    await harness.perform(announce('udp://second.example:1', { ticket: 2 }))
    harness.driver.forget(harness.requester)
    assert.ok(harness.fetches[0]?.signal.aborted)
    await harness.respond(good)
    assert.deepEqual(harness.answers, [])
    assert.equal(harness.wakeAtMs, Number.POSITIVE_INFINITY)
  })

  test('with a URL that is none are answered, but never from inside', async () => {
    const harness = new Harness()
    harness.driver.perform(harness.requester, announce('gopher://x'))
    assert.deepEqual(harness.answers, [])
    await setImmediate()
    assert.equal(harness.ending(), 'tracker-url')
  })
})

describe('UDP', () => {
  test('goes through the socket it is given, and each address of a silent host has its turn', async () => {
    const harness = new Harness({ allowsLocal: true })
    const silent = async (ticket: number) => {
      await harness.perform(announce('udp://both.example:6969', { ticket }))
      const first = harness.sent.length - 1
      while (harness.wakeAtMs < Number.POSITIVE_INFINITY) {
        harness.nowMs = harness.wakeAtMs
        harness.driver.wake()
      }
      await setImmediate()
      return harness.sent[first]?.endpoint.address
    }
    assert.equal(await silent(1), '10.0.0.1')
    assert.equal(harness.ending(), 'timed-out')
    assert.equal(await silent(2), '93.184.216.36')
    assert.equal(await silent(3), '10.0.0.1')
  })

  test('a local tracker of a torrent needs no path, a name that leads inside is refused', async () => {
    const harness = new Harness()
    await harness.perform(announce('udp://127.0.0.1:6969'))
    assert.deepEqual(harness.sent[0]?.endpoint, { family: 4, address: '127.0.0.1', port: 6969 })
    const inside = new Harness()
    await inside.perform(announce('udp://inside.example:6969'))
    assert.equal(inside.ending(), 'tracker-forbidden')
  })

  test('a cancelled request sends no more', async () => {
    const harness = new Harness()
    await harness.perform(announce('udp://second.example:6969'))
    const [connect] = harness.sent
    assert.ok(connect !== undefined && udpRequestAction(connect.bytes) === 0)
    await harness.perform({ type: 'cancel', ticket: 1 })
    assert.equal(harness.wakeAtMs, Number.POSITIVE_INFINITY)
    const reply = new Uint8Array(16)
    encodeUdpConnectResponse(reply, 0, requestTransactionId(connect.bytes), 1, 2)
    harness.driver.receiveDatagram(reply, connect.endpoint.address, connect.endpoint.port)
    await setImmediate()
    assert.deepEqual([harness.sent.length, harness.answers.length], [1, 0])
  })
})
