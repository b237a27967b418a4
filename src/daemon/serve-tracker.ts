// A tracker on the network: TrackerServer behind HTTP, WebSocket and UDP, on the same port of each address, with what its
// operator lists, keeps and shares. Guarantees: this machine only unless other addresses are named; requests are capped in
// size, time and number of connections; nothing is listening any more once `close` has returned. Owns what it starts.
import { randomUUID } from 'node:crypto'
import { type Result, success } from '../base/errors.ts'
import { formatEndpoint, type IpAddress } from '../formats/compact-endpoint.ts'
import { clampInterval, usualIntervalSeconds } from '../formats/tracker/announce.ts'
import { maxSignallingBytes } from '../formats/tracker/signalling.ts'
import type { PlainRequest } from '../host/http-listener.ts'
import { redisExchange } from '../host/redis-exchange.ts'
import { systemClock } from '../host/system-clock.ts'
import { systemRandom } from '../host/system-random.ts'
import { WebSockets } from '../host/web-sockets.ts'
import type { Metric } from '../tracker/metric.ts'
import { Signalling } from '../tracker/signalling.ts'
import type { SourceLimits } from '../tracker/sources.ts'
import { SwarmSharing } from '../tracker/swarm-sharing.ts'
import { TrackerServer } from '../tracker/tracker-server.ts'
import { UdpTracker } from '../tracker/udp-tracker.ts'
import { type Listener, listenTracker } from './listen-tracker.ts'
import { TrackerAccess, type TrackerAccessFiles } from './tracker-access.ts'
import { TrackerHttp } from './tracker-http.ts'
import { TrackerState } from './tracker-state.ts'

export interface TrackerServiceOptions extends TrackerAccessFiles {
  /** 0 takes any port that is free on all addresses. */
  readonly port: number
  /** IP addresses to listen on; this machine's own where none is named. */
  readonly addresses?: readonly string[]
  /** Seconds between a peer's announces, brought within 10 to 86,400. */
  readonly intervalSeconds?: number
  /** Where the swarms are kept between two runs; absent: nowhere. */
  readonly stateFile?: string
  /** URL of the Redis through which instances share their swarms. */
  readonly redis?: string
  /** Believe `X-Forwarded-For` of a proxy on this machine. */
  readonly isBehindProxy?: boolean
  /** Pages for the operator are for everybody. */
  readonly arePagesOpen?: boolean
  readonly maxSwarms?: number
  readonly limits?: Partial<SourceLimits>
}

export interface TrackerService {
  /** `http` and `udp` for each address, in the order they were named. */
  readonly urls: readonly string[]
  readonly port: number
  /** Peers that the state file had. */
  readonly loadedPeers: number
  /** Reads the lists anew. Errors as for serving; then all are as they were. */
  reload(): Promise<Result<void>>
  /** Errors: those of writing the state file; all else is closed then, too. */
  close(): Promise<Result<void>>
}

const sweepIntervalMs = 1_000
const shareIntervalMs = 100
/** Peers older than this are expired wherever they come from. */
const keptIntervals = 2.25

class RunningTracker implements TrackerService {
  urls: readonly string[] = []
  port = 0
  loadedPeers = 0
  private readonly options: TrackerServiceOptions
  private readonly access: TrackerAccess
  private readonly clock = systemClock()
  private readonly tracker: TrackerServer
  private readonly udp: UdpTracker
  private readonly http: TrackerHttp
  private readonly signalling: Signalling
  private readonly sockets: WebSockets<number>
  private readonly state: TrackerState | undefined
  private sharing: SwarmSharing | undefined
  private listeners: readonly Listener[] = []
  /** In reverse order at the end. */
  private readonly closers: (() => unknown)[] = []

  constructor(options: TrackerServiceOptions, access: TrackerAccess) {
    const { isBehindProxy = false, arePagesOpen = false, stateFile, maxSwarms, limits } = options
    const random = systemRandom()
    const intervalSeconds = clampInterval(options.intervalSeconds ?? usualIntervalSeconds)
    const { mayServe, mayUse } = access
    const ifPrivate = options.usersFile === undefined ? undefined : { mayUse }
    this.options = options
    this.access = access
    this.tracker = new TrackerServer({
      random,
      intervalSeconds,
      mayServe,
      ...(maxSwarms === undefined ? undefined : { maxSwarms }),
      ...(limits === undefined ? undefined : { limits }),
    })
    this.udp = new UdpTracker(this.tracker, { random, ...ifPrivate })
    const { clock, tracker } = this
    const metrics = () => this.metrics()
    this.http = new TrackerHttp({ clock, tracker, isBehindProxy, arePagesOpen, metrics, ...ifPrivate })
    const send = (connection: number, text: string) => this.sockets.send(connection, text)
    this.signalling = new Signalling({ random, intervalSeconds, mayServe, send })
    const sink = {
      onOpen: () => this.signalling.open(),
      onText: (connection: number, text: string) => this.signalling.receive(connection, text, clock.nowMs()),
      onClose: (connection: number) => this.signalling.close(connection),
    }
    this.sockets = new WebSockets(sink, maxSignallingBytes)
    this.state = stateFile === undefined ? undefined : new TrackerState(stateFile, tracker, clock)
  }

  async start(): Promise<Result<void>> {
    const { options, tracker, clock, state } = this
    if (state !== undefined) {
      const loaded = await state.load()
      if (!loaded.ok) return loaded
      this.loadedPeers = loaded.value
    }
    const listening = await listenTracker(
      {
        answer: (request) => this.http.answer(request),
        upgrade: (request, socket, behind) =>
          this.mayUpgrade(request) && this.sockets.upgrade(request, this.http.sourceOf(request), socket, behind),
        answerDatagram: (bytes, from: IpAddress) => this.udp.answer(bytes, from, clock.nowMs()),
      },
      options.addresses,
      options.port,
    )
    if (!listening.ok) return listening
    this.listeners = listening.value
    for (const listener of this.listeners) this.closers.push(() => listener.close())
    // Before those: a listener waits for the connections it took.
    this.closers.push(() => this.sockets.close())
    this.port = this.listeners[0]?.endpoint.port ?? options.port
    this.urls = this.listeners.map(
      ({ endpoint }, index) => `${index % 2 === 0 ? 'http' : 'udp'}://${formatEndpoint(endpoint)}/announce`,
    )
    const sweeping = setInterval(() => tracker.sweep(clock.nowMs()), sweepIntervalMs)
    this.closers.push(() => clearInterval(sweeping))
    return options.redis === undefined ? success(undefined) : this.share(options.redis)
  }

  async reload(): Promise<Result<void>> {
    const read = await this.access.reload()
    if (!read.ok) return read
    this.tracker.applyList()
    this.signalling.applyList()
    return success(undefined)
  }

  async close(): Promise<Result<void>> {
    for (const close of this.closers.splice(0).reverse()) await close()
    return this.state === undefined ? success(undefined) : this.state.close()
  }

  /** Where nothing was served nothing is to be kept. */
  async abandon(): Promise<void> {
    for (const close of this.closers.splice(0).reverse()) await close()
    this.sockets.close()
    this.state?.abandon()
  }

  private async share(url: string): Promise<Result<void>> {
    const { clock, tracker } = this
    const sharing = new SwarmSharing(tracker, () => clock.nowMs())
    const opened = await redisExchange(
      {
        url,
        keepsMs: keptIntervals * 1_000 * tracker.intervalSeconds,
        onBatch: (batch, ageMs) => sharing.onBatch(batch, ageMs),
        onForgotten: () => sharing.onForgotten(),
      },
      randomUUID(),
    )
    if (!opened.ok) return opened
    const exchange = opened.value
    this.sharing = sharing
    const flushing = setInterval(() => void sharing.flush(exchange), shareIntervalMs)
    this.closers.push(async () => {
      clearInterval(flushing)
      await sharing.flush(exchange)
      await exchange.close()
    })
    return success(undefined)
  }

  private mayUpgrade({ target }: PlainRequest): boolean {
    const path = target.split('?', 1)[0] ?? ''
    return this.options.usersFile === undefined ? path === '/' || path === '/announce' : this.access.mayUse(path)
  }

  private metrics(): readonly Metric[] {
    return [
      ...this.tracker.metrics(),
      ...this.udp.metrics(),
      ...this.http.metrics(),
      ...this.signalling.metrics(),
      ...(this.state?.metrics() ?? []),
      ...(this.sharing?.metrics() ?? []),
    ]
  }
}

/**
 * Starts a tracker. Errors: address-in-use, address-unavailable, tracker-list, tracker-state, redis-unreachable, and those of
 * reading files.
 */
export async function serveTracker(options: TrackerServiceOptions): Promise<Result<TrackerService>> {
  const access = new TrackerAccess(options)
  const read = await access.reload()
  if (!read.ok) return read
  const tracker = new RunningTracker(options, access)
  const started = await tracker.start()
  if (started.ok) return success(tracker)
  await tracker.abandon()
  return started
}
