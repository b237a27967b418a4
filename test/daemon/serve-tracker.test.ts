// Our tracker client against our tracker over loopback: HTTP and UDP, IPv4 and IPv6, with the real ports.
import assert from 'node:assert/strict'
import { get, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, type TestContext, test } from 'node:test'
import { serveTracker, type TrackerService } from '../../src/daemon/serve-tracker.ts'
import { httpClient } from '../../src/host/http-client.ts'
import { systemClock } from '../../src/host/system-clock.ts'
import { systemRandom } from '../../src/host/system-random.ts'
import { systemResolver } from '../../src/host/system-resolver.ts'
import { udpDatagrams } from '../../src/host/udp-datagrams.ts'
import type { DatagramSocket } from '../../src/ports/datagrams.ts'
import { TrackerDriver } from '../../src/session/tracker-driver.ts'
import { TrackerClient } from '../../src/tracker/tracker-client.ts'
import type { TrackerInput, TrackerOutput } from '../../src/tracker/tracker-events.ts'

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))

async function startTracker(t: TestContext, addresses?: readonly string[]): Promise<TrackerService> {
  const started = await serveTracker({ port: 0, ...(addresses === undefined ? {} : { addresses }) })
  assert.ok(started.ok)
  t.after(() => started.value.close())
  return started.value
}

/** A torrent that announces to one URL, driven as a session would. */
class Announcer {
  readonly clock = systemClock()
  readonly outputs: TrackerOutput[] = []
  readonly client: TrackerClient
  private readonly driver: TrackerDriver
  private readonly sockets: DatagramSocket[] = []
  private readonly alarm = this.clock.alarm(() => this.driver.wake())
  private onOutput: () => void = () => undefined

  constructor(url: string, port: number) {
    this.client = new TrackerClient({
      infoHashes: [new Uint8Array(20).fill(0xab)],
      peerId: new Uint8Array(20).fill(port),
      key: port,
      port,
      isPrivate: false,
      tiers: [[url]],
      random: systemRandom(),
    })
    this.driver = new TrackerDriver(
      {
        clock: this.clock,
        random: systemRandom(),
        resolver: systemResolver(),
        http: httpClient(),
        sendDatagram: (bytes, { address, family, port: to }) => {
          this.sockets.find(({ endpoint }) => endpoint.family === family)?.send(bytes, address, to)
        },
        scheduleWake: (atMs) => this.alarm.set(atMs),
      },
      { userAgent: 'swarmbid-test', allowsLocal: false },
    )
  }

  async open(): Promise<void> {
    for (const family of hasIpv6 ? ([4, 6] as const) : ([4] as const)) {
      const bound = await udpDatagrams().bind(
        { family, port: 0 },
        {
          onDatagram: (bytes, address, port) => this.driver.receiveDatagram(bytes, address, port),
          onRoom: () => undefined,
        },
      )
      assert.ok(bound.ok)
      this.sockets.push(bound.value)
    }
  }

  async close(): Promise<void> {
    this.driver.close()
    this.alarm.close()
    for (const socket of this.sockets) await socket.close()
  }

  input(input: TrackerInput): void {
    this.client.handle(input, this.clock.nowMs())
    for (let output = this.client.poll(); output !== undefined; output = this.client.poll()) {
      if (output.type === 'announce' || output.type === 'scrape' || output.type === 'cancel') {
        this.driver.perform(this.requester, output)
      } else {
        this.outputs.push(output)
      }
    }
    this.onOutput()
  }

  private readonly requester = {
    sourceOf: () => 'torrent-tracker' as const,
    deliver: (answer: TrackerInput) => this.input(answer),
  }

  until(isReached: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.onOutput = () => {
        if (isReached()) resolve()
      }
      this.onOutput()
    })
  }

  async working(): Promise<void> {
    await this.until(() => ['working', 'failed'].includes(this.client.snapshot(0)[0]?.state.type ?? ''))
    assert.deepEqual(this.client.snapshot(0)[0]?.state.type, 'working')
  }

  peers(): string[] {
    return this.outputs.flatMap((output) =>
      output.type === 'peers' ? output.peers.map(({ address, port }) => `${address} ${port}`) : [],
    )
  }
}

async function announcer(t: TestContext, url: string, port: number): Promise<Announcer> {
  const created = new Announcer(url, port)
  t.after(() => created.close())
  await created.open()
  return created
}

function fetchText(url: string): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      let body = ''
      response.setEncoding('latin1')
      response.on('data', (part: string) => {
        body += part
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    }).on('error', reject)
  })
}

describe('our client and our tracker', () => {
  for (const scheme of ['http', 'udp']) {
    for (const address of ['127.0.0.1', '::1']) {
      test(`find each other's peers over ${scheme} at ${address}`, async (t) => {
        if (address === '::1' && !hasIpv6) {
          t.skip('needs IPv6')
          return
        }
        const { urls } = await startTracker(t, [address])
        const url = urls.find((text) => text.startsWith(`${scheme}:`)) ?? assert.fail()
        const first = await announcer(t, url, 1_001)
        first.input({ type: 'start' })
        await first.working()
        assert.deepEqual(first.peers(), [])
        const second = await announcer(t, url, 1_002)
        const progress = { uploadedBytes: 0, downloadedBytes: 0, leftBytes: 10, isPartialSeed: false }
        second.input({ type: 'progress', progress })
        second.input({ type: 'start' })
        await second.working()
        assert.deepEqual(second.peers(), [`${address} 1001`])
        const { seeders, leechers } = second.client.snapshot(0)[0] ?? assert.fail()
        assert.deepEqual([seeders, leechers], [1, 1])
        for (const each of [first, second]) {
          each.input({ type: 'stop', timeoutMs: 5_000 })
          await each.until(() => each.outputs.some(({ type }) => type === 'stopped'))
        }
        const third = await announcer(t, url, 1_003)
        third.input({ type: 'start' })
        await third.working()
        assert.deepEqual(third.peers(), [])
        third.input({ type: 'scrape-now' })
        assert.equal(third.client.snapshot(0)[0]?.seeders, 1)
      })
    }
  }

  test('the client hears its own address over HTTP (BEP 24)', async (t) => {
    const { urls } = await startTracker(t, ['127.0.0.1'])
    const only = await announcer(t, urls[0] ?? '', 1_001)
    only.input({ type: 'start' })
    await only.working()
    const ip = only.outputs.find(({ type }) => type === 'external-ip')
    assert.deepEqual(ip, { type: 'external-ip', url: urls[0], ip: { family: 4, address: '127.0.0.1' } })
  })
})

describe('the tracker on the network', () => {
  test('is on this machine alone unless told otherwise, HTTP and UDP on one port', async (t) => {
    const { urls, port } = await startTracker(t)
    const hosts = hasIpv6 ? ['127.0.0.1', '[::1]'] : ['127.0.0.1']
    assert.deepEqual(
      urls,
      hosts.flatMap((host) => [`http://${host}:${port}/announce`, `udp://${host}:${port}/announce`]),
    )
  })

  test('refuses what it cannot listen on, with nothing left open', async (t) => {
    const { port } = await startTracker(t, ['127.0.0.1'])
    const again = await serveTracker({ port, addresses: ['127.0.0.1'] })
    assert.equal(!again.ok && again.code, 'address-in-use')
    const nowhere = await serveTracker({ port: 0, addresses: ['127.0.0.1', '192.0.2.1'] })
    assert.equal(!nowhere.ok && nowhere.code, 'address-unavailable')
    const noAddress = await serveTracker({ port: 0, addresses: ['localhost'] })
    assert.equal(!noAddress.ok && noAddress.code, 'address-unavailable')
  })

  test('answers malformed requests with a reason, unknown paths and methods with a status', async (t) => {
    const { port } = await startTracker(t, ['127.0.0.1'])
    const base = `http://127.0.0.1:${port}`
    assert.match(
      (await fetchText(`${base}/announce`)).body,
      /^d14:failure reason36:info_hash is missing or not 20 bytes8:retry in5:nevere$/,
    )
    assert.match((await fetchText(`${base}/scrape`)).body, /^d14:failure reason/)
    assert.equal((await fetchText(`${base}/scrape?info_hash=${'%61'.repeat(20)}`)).body.startsWith('d5:filesde'), true)
    const missing = await fetchText(`${base}/x?y`)
    assert.deepEqual([missing.status, missing.headers['content-type']], [404, 'text/plain'])
    assert.equal((await fetchText(`${base}/announce?${'x'.repeat(40_000)}`)).status, 431)
    const status = await new Promise<number>((resolve, reject) => {
      const posted = httpRequest(`${base}/announce`, { method: 'POST', agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      posted.on('error', reject)
      posted.end('body')
    })
    assert.equal(status, 405)
  })

  test('survives bytes that are no HTTP', async (t) => {
    const { port } = await startTracker(t, ['127.0.0.1'])
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('\x13BitTorrent protocol\r\n\r\n'))
      let text = ''
      socket.on('data', (part) => {
        text += part.toString('latin1')
      })
      socket.on('error', () => resolve(text))
      socket.on('close', () => resolve(text))
    })
    assert.match(answer, /^HTTP\/1\.1 400 /)
    assert.equal((await fetchText(`http://127.0.0.1:${port}/`)).status, 404)
  })

  test('closes with connections still open', async () => {
    const started = await serveTracker({ port: 0, addresses: ['127.0.0.1'] })
    assert.ok(started.ok)
    const { port } = started.value
    const closed = new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('GET /announce HTTP/1.1\r\nhost: x\r\n\r\n'))
      socket.on('data', () => void started.value.close())
      socket.on('error', () => undefined)
      socket.on('close', () => resolve())
    })
    await closed
    await assert.rejects(fetchText(`http://127.0.0.1:${port}/`), { code: 'ECONNREFUSED' })
  })
})
