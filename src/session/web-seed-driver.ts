// Performs what a torrent's swarm asks of web seeds (BEP 19): names resolved, judged and pinned, redirects followed, each
// judged anew, bodies let in as rate limits and memory allow. One connection a seed, kept between requests.
// Guarantees: what is cancelled ends at once and is told nothing of; what a seed sends counts against every rate limit;
// no text passed on holds the URL, which may be a secret. Owns the requests under way.
import { assert } from '../base/assert.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { addressClass, isLocalClass, type UrlSource } from '../formats/address-class.ts'
import type { HttpBodySink, HttpLine, HttpStream } from '../ports/http.ts'
import type { Swarm } from '../swarm/swarm.ts'
import type { WebOutput } from '../swarm/swarm-output.ts'
import type { WebRequest, WebSeed } from '../swarm/web-seed.ts'
import type { BandwidthGroup, BandwidthShare } from './bandwidth.ts'
import type { LaneJob } from './request-lanes.ts'
import type { SessionRoom } from './session-room.ts'
import { locateWeb, maxRedirects, redirectOf, type WebPlace } from './web-address.ts'

export interface WebSeedTorrent {
  readonly swarm: Swarm
  readonly bandwidth: BandwidthGroup
  /** Who named a seed. */
  sourceOf(url: string): UrlSource
  /** `settle` of the swarm's driver is to be called before the turn ends. */
  touch(): void
  /** Some seed begins to send. */
  onAnswer(nowMs: number): void
  onProblem(seed: WebSeed, why: Failure): void
}

interface Pinned {
  readonly place: WebPlace
  readonly untilMs: number
}

/** What lasts from one request of a seed to the next. */
interface SeedLine {
  readonly line: HttpLine
  /** By origin: addresses that were judged. */
  readonly pinned: Map<string, Pinned>
}

const idleTimeoutMs = 30_000
const totalTimeoutMs = 86_400_000
const pinnedMs = 300_000
const maxPinned = 8
/** What a refusal may have to say at length. */
const leastBodyBytes = 1_048_576
/** Of a head, beyond its names and values. */
const headLineBytes = 4

export class WebSeedDriver {
  private readonly room: SessionRoom
  private readonly torrent: WebSeedTorrent
  private readonly lines = new Map<WebSeed, SeedLine>()
  private readonly jobs = new Map<WebSeed, SeedJob>()

  constructor(room: SessionRoom, torrent: WebSeedTorrent) {
    this.room = room
    this.torrent = torrent
  }

  perform(output: WebOutput): void {
    const { seed } = output
    switch (output.type) {
      case 'web-request':
        this.request(seed, output.request)
        break
      case 'web-cancel':
        this.jobs.get(seed)?.end()
        break
      case 'web-resume':
        this.jobs.get(seed)?.resume()
        break
      case 'web-problem':
        if (seed.state.type === 'retired') this.closeLine(seed)
        this.torrent.onProblem(seed, output.failure)
        break
    }
  }

  /** Ends everything that is under way. */
  close(): void {
    for (const job of [...this.jobs.values()]) job.end()
    for (const seed of [...this.lines.keys()]) this.closeLine(seed)
  }

  private request(seed: WebSeed, request: WebRequest): void {
    assert(!this.jobs.has(seed), 'one request of a seed at a time')
    const { room, torrent } = this
    const known = this.lines.get(seed)
    const line = known ?? { line: room.ports.http.openLine(), pinned: new Map() }
    if (known === undefined) this.lines.set(seed, line)
    const job = new SeedJob(room, torrent, { seed, request, line, onEnd: () => this.jobs.delete(seed) })
    this.jobs.set(seed, job)
    room.webRequests.add(job)
  }

  private closeLine(seed: WebSeed): void {
    this.lines.get(seed)?.line.close()
    this.lines.delete(seed)
  }
}

interface SeedJobOptions {
  readonly seed: WebSeed
  readonly request: WebRequest
  readonly line: SeedLine
  readonly onEnd: () => void
}

/** One request of one seed, redirects included. */
class SeedJob implements LaneJob {
  readonly host: string
  private readonly room: SessionRoom
  private readonly torrent: WebSeedTorrent
  private readonly options: SeedJobOptions
  private readonly controller = new AbortController()
  private readonly firstUrl: URL
  private share: BandwidthShare | undefined
  private stream: HttpStream | undefined
  private isOver = false

  constructor(room: SessionRoom, torrent: WebSeedTorrent, options: SeedJobOptions) {
    this.room = room
    this.torrent = torrent
    this.options = options
    this.firstUrl = new URL(options.request.url)
    this.host = this.firstUrl.host
  }

  begin(): void {
    void this.run()
  }

  resume(): void {
    this.stream?.resume()
  }

  /** Nobody is told of it. */
  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.controller.abort()
    if (this.share !== undefined) this.room.bandwidth.leave(this.share)
    this.options.onEnd()
    this.room.webRequests.end(this)
  }

  private async run(): Promise<void> {
    const answered = await this.ask()
    this.turn((nowMs) => {
      if (!answered.ok) {
        this.finish(answered, nowMs)
        return
      }
      this.stream = answered.value
      this.charge(headBytes(answered.value), nowMs)
      this.torrent.onAnswer(nowMs)
      if (!this.torrent.swarm.webHead(this.options.seed, answered.value, nowMs)) this.end()
    })
  }

  /** The head of an answer that is no redirect; its body comes after that. */
  private async ask(): Promise<Result<HttpStream>> {
    const { seed, line } = this.options
    const { signal } = this.controller
    let url = this.firstUrl
    let source = this.torrent.sourceOf(seed.url)
    for (let redirects = 0; ; redirects++) {
      const place = await this.locate(url, source)
      if (this.isOver) return interrupted
      if (!place.ok) return place
      this.joinLimits(place.value)
      const body = new WebBody(this)
      const answered = await line.line.stream(this.requestTo(url, place.value), body, signal)
      if (!answered.ok) return answered
      const next = redirectOf(answered.value, url)
      if (next === undefined) {
        body.isOurs = true
        return answered
      }
      answered.value.abort()
      if (!next.ok) return next
      if (redirects === maxRedirects) return failure('http-malformed', `more than ${maxRedirects} redirects`)
      // Whoever the user trusted with a URL is trusted with other URLs of the same host.
      source = source === 'user' && next.value.hostname === this.firstUrl.hostname ? 'user' : 'redirect'
      url = next.value
    }
  }

  private requestTo(url: URL, { addresses, localAddress }: WebPlace) {
    const { first, end, fileBytes } = this.options.request
    return {
      method: 'GET' as const,
      url: url.href,
      addresses,
      headers: {
        'user-agent': this.room.config.clientName,
        'accept': '*/*',
        'accept-encoding': 'identity',
        'range': `bytes=${first}-${end - 1}`,
      },
      ...(localAddress === undefined ? {} : { localAddress }),
      idleTimeoutMs,
      totalTimeoutMs,
      maxBodyBytes: Math.max(fileBytes, leastBodyBytes),
    }
  }

  /** A name keeps its addresses for a while, so that many files do not mean as many questions. */
  private async locate(url: URL, source: UrlSource): Promise<Result<WebPlace>> {
    const { room, options } = this
    const { pinned } = options.line
    const key = `${source} ${url.origin} ${url.search === '' ? '' : '?'}`
    const known = pinned.get(key)
    const nowMs = room.turns.nowMs()
    if (known !== undefined && nowMs < known.untilMs) return success(known.place)
    const place = await locateWeb(room, url, source, 'web-seed-forbidden', this.controller.signal)
    if (pinned.size >= maxPinned) pinned.clear()
    if (place.ok) pinned.set(key, { place: place.value, untilMs: nowMs + pinnedMs })
    return place
  }

  private joinLimits({ addresses }: WebPlace): void {
    const { room, torrent } = this
    if (this.share !== undefined) room.bandwidth.leave(this.share)
    const isLocal = addresses.every(({ address }) => isLocalClass(addressClass(address)))
    this.share = room.bandwidth.join(torrent.bandwidth, room.config.exemptLocalNetwork && isLocal, {
      mayReceive: () => this.resume(),
      maySend: () => undefined,
    })
  }

  /** What the body may have now. */
  allowedBytes(): number {
    let allowed = 0
    this.turn((nowMs) => {
      const { room, torrent, share, options } = this
      const byRate = share === undefined ? 0 : room.bandwidth.receiveAllowance(share, nowMs)
      if (byRate === 0) torrent.swarm.webHeld(options.seed, nowMs)
      else allowed = Math.min(byRate, torrent.swarm.webAllowance(options.seed, nowMs))
    })
    return this.isOver ? 0 : allowed
  }

  take(bytes: Uint8Array): void {
    this.turn((nowMs) => {
      this.charge(bytes.length, nowMs)
      this.torrent.swarm.webBody(this.options.seed, bytes, nowMs)
    })
  }

  bodyEnded(why: Failure | undefined): void {
    this.turn((nowMs) => this.finish(why, nowMs))
  }

  private finish(why: Failure | undefined, nowMs: number): void {
    // The next request of the seed may follow from it.
    this.end()
    this.torrent.swarm.webEnded(this.options.seed, why, nowMs)
  }

  private charge(bytes: number, nowMs: number): void {
    if (this.share !== undefined) this.room.bandwidth.received(this.share, bytes, nowMs)
  }

  private turn(input: (nowMs: number) => void): void {
    if (this.isOver) return
    this.room.turns.run((nowMs) => {
      input(nowMs)
      this.torrent.touch()
    })
  }
}

/** The body of one answer; those of redirects are nobody's. */
class WebBody implements HttpBodySink {
  isOurs = false
  private readonly job: SeedJob

  constructor(job: SeedJob) {
    this.job = job
  }

  allowedBytes(): number {
    return this.isOurs ? this.job.allowedBytes() : 0
  }

  onBody(bytes: Uint8Array): void {
    if (this.isOurs) this.job.take(bytes)
  }

  onBodyEnd(why: Failure | undefined): void {
    if (this.isOurs) this.job.bodyEnded(why)
  }
}

const interrupted = failure('interrupted', 'no longer asked for')

function headBytes({ headers }: HttpStream): number {
  let sum = 0
  for (const [name, value] of Object.entries(headers)) sum += name.length + value.length + headLineBytes
  return sum
}
