// A tracker on the network: TrackerServer behind HTTP and UDP, on the same port of each address.
// Guarantees: this machine only unless other addresses are named; requests are capped in size, time and number of
// connections; nothing is listening any more once `close` has returned. Owns its sockets and its sweep timer.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Endpoint, IpAddress } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { formatEndpoint, parseAddress } from '../formats/compact-endpoint.ts'
import { clampInterval, usualIntervalSeconds } from '../formats/tracker/announce.ts'
import { maxQueryLength, parseAnnounceQuery } from '../formats/tracker/announce-query.ts'
import { encodeAnnounceResponse } from '../formats/tracker/announce-response.ts'
import { encodeTrackerFailure } from '../formats/tracker/reply.ts'
import { encodeScrapeResponse, parseScrapeQuery } from '../formats/tracker/scrape.ts'
import { bindFailure, canonicalAddress } from '../host/network-failure.ts'
import { systemClock } from '../host/system-clock.ts'
import { systemRandom } from '../host/system-random.ts'
import { udpDatagrams } from '../host/udp-datagrams.ts'
import type { Clock } from '../ports/clock.ts'
import type { DatagramSocket, Datagrams } from '../ports/datagrams.ts'
import { TrackerServer } from '../tracker/tracker-server.ts'
import { UdpTracker } from '../tracker/udp-tracker.ts'

export interface TrackerServiceOptions {
  /** 0 takes any port that is free on all addresses. */
  readonly port: number
  /** IP addresses to listen on; this machine's own where none is named. */
  readonly addresses?: readonly string[]
  /** Seconds between a peer's announces, brought within 10 to 86,400. */
  readonly intervalSeconds?: number
}

export interface TrackerService {
  /** `http` and `udp` for each address, in the order they were named. */
  readonly urls: readonly string[]
  readonly port: number
  close(): Promise<void>
}

interface Core {
  readonly clock: Clock
  readonly tracker: TrackerServer
  readonly udp: UdpTracker
  readonly datagrams: Datagrams
}

interface Listener {
  readonly endpoint: Endpoint
  close(): Promise<void>
}

const loopback = ['127.0.0.1', '::1']
const httpOptions = {
  maxHeaderSize: 2 * maxQueryLength,
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 5_000,
}
const maxConnections = 4_096
const sweepIntervalMs = 30_000
/** Another program may have the port on another address. */
const maxPortAttempts = 10

function announce({ clock, tracker }: Core, query: string, address: IpAddress): Uint8Array {
  const request = parseAnnounceQuery(query)
  if (!request.ok) return encodeTrackerFailure({ reason: request.detail, retry: 'never' })
  const reply = tracker.announce(request.value, address, clock.nowMs())
  return 'kind' in reply ? encodeTrackerFailure(reply) : encodeAnnounceResponse(reply)
}

function scrape({ tracker }: Core, query: string): Uint8Array {
  const infoHashes = parseScrapeQuery(query)
  if (!infoHashes.ok) return encodeTrackerFailure({ reason: infoHashes.detail })
  if (infoHashes.value.length === 0) return encodeTrackerFailure({ reason: 'a scrape names its torrents here' })
  return encodeScrapeResponse(tracker.scrape(infoHashes.value), tracker.minIntervalSeconds)
}

function send(response: ServerResponse, status: number, body: Uint8Array | string): void {
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': body.length })
  response.end(body)
}

function serveRequest(core: Core, request: IncomingMessage, response: ServerResponse): void {
  const { url = '' } = request
  const question = url.indexOf('?')
  const path = question === -1 ? url : url.slice(0, question)
  const query = question === -1 ? '' : url.slice(question + 1)
  const address = canonicalAddress(request.socket.remoteAddress ?? '')
  if (address === undefined) {
    request.socket.destroy()
  } else if (request.method !== 'GET') {
    response.setHeader('connection', 'close')
    send(response, 405, 'only GET\n')
  } else if (path === '/announce') {
    send(response, 200, announce(core, query, address))
  } else if (path === '/scrape') {
    send(response, 200, scrape(core, query))
  } else {
    send(response, 404, 'this is a BitTorrent tracker: see /announce and /scrape\n')
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function listenHttp(core: Core, address: IpAddress, port: number): Promise<Result<Listener>> {
  const server = createServer(httpOptions, (request, response) => serveRequest(core, request, response))
  server.maxConnections = maxConnections
  return new Promise((resolve) => {
    server.on('error', (error) => resolve(bindFailure(error, `${address.address} port ${port}`)))
    server.listen({ host: address.address, port, ipv6Only: address.family === 6 }, () => {
      const bound = server.address()
      const endpoint = { ...address, port: typeof bound === 'object' && bound !== null ? bound.port : port }
      resolve(success({ endpoint, close: () => closeServer(server) }))
    })
  })
}

async function listenUdp(core: Core, address: IpAddress, port: number): Promise<Result<Listener>> {
  let socket: DatagramSocket | undefined
  const bound = await core.datagrams.bind(
    { ...address, port },
    {
      onDatagram(bytes, from, fromPort) {
        const source = parseAddress(from)
        if (source === undefined) return
        const reply = core.udp.answer(bytes, source, core.clock.nowMs())
        if (reply !== undefined) socket?.send(reply, from, fromPort)
      },
      onRoom: () => undefined,
    },
  )
  if (!bound.ok) return bound
  socket = bound.value
  return bound
}

async function closeAll(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()))
}

/** HTTP and UDP on one port of every address, or nothing at all. */
async function listenAll(core: Core, addresses: readonly IpAddress[], wantedPort: number): Promise<Result<Listener[]>> {
  const listeners: Listener[] = []
  let port = wantedPort
  for (const address of addresses) {
    for (const listen of [listenHttp, listenUdp]) {
      const listening = await listen(core, address, port)
      if (!listening.ok) {
        await closeAll(listeners)
        return listening
      }
      listeners.push(listening.value)
      port = listening.value.endpoint.port
    }
  }
  return success(listeners)
}

async function listenSomewhere(core: Core, addresses: readonly IpAddress[], port: number): Promise<Result<Listener[]>> {
  let result = await listenAll(core, addresses, port)
  for (let attempt = 1; attempt < maxPortAttempts && port === 0; attempt++) {
    if (result.ok || result.code !== 'address-in-use') break
    result = await listenAll(core, addresses, port)
  }
  return result
}

function parseAddresses(texts: readonly string[]): Result<IpAddress[]> {
  const addresses: IpAddress[] = []
  for (const text of texts) {
    const address = parseAddress(text)
    if (address === undefined) return failure('address-unavailable', `${text.slice(0, 100)} is not an IP address`)
    addresses.push(address)
  }
  return success(addresses)
}

/** Starts a tracker. Errors: address-in-use, address-unavailable. */
export async function serveTracker(options: TrackerServiceOptions): Promise<Result<TrackerService>> {
  const named = parseAddresses(options.addresses ?? loopback)
  if (!named.ok) return named
  const random = systemRandom()
  const secret = new Uint8Array(32)
  random.fill(secret)
  const intervalSeconds = clampInterval(options.intervalSeconds ?? usualIntervalSeconds)
  const tracker = new TrackerServer({ random, intervalSeconds })
  const core = { clock: systemClock(), tracker, udp: new UdpTracker(tracker, secret), datagrams: udpDatagrams() }
  let listening = await listenSomewhere(core, named.value, options.port)
  const isWithoutIpv6 = !listening.ok && listening.code === 'address-unavailable' && options.addresses === undefined
  if (isWithoutIpv6) listening = await listenSomewhere(core, named.value.slice(0, 1), options.port)
  if (!listening.ok) return listening
  const listeners = listening.value
  const sweeping = setInterval(() => tracker.sweep(core.clock.nowMs()), sweepIntervalMs)
  return success({
    urls: listeners.map(
      ({ endpoint }, index) => `${index % 2 === 0 ? 'http' : 'udp'}://${formatEndpoint(endpoint)}/announce`,
    ),
    port: listeners[0]?.endpoint.port ?? options.port,
    async close() {
      clearInterval(sweeping)
      await closeAll(listeners)
    },
  })
}
