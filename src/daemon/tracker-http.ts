// What our tracker answers over HTTP: announces and scrapes (BEP 3, 48), with a passkey before them where the tracker is
// private, and pages for its operator. Guarantees: the operator's pages are for this machine alone unless opened, and
// for no page of another site even there; no passkey is shown. Owns its counters.
import type { IpAddress } from '../base/endpoint.ts'
import { parseAnnounceQuery } from '../formats/tracker/announce-query.ts'
import { encodeAnnounceResponse } from '../formats/tracker/announce-response.ts'
import { encodeTrackerFailure } from '../formats/tracker/reply.ts'
import { encodeScrapeResponse, parseScrapeQuery } from '../formats/tracker/scrape.ts'
import type { PlainAnswer, PlainRequest } from '../host/http-listener.ts'
import { canonicalAddress } from '../host/network-failure.ts'
import type { Clock } from '../ports/clock.ts'
import { counter, type Metric } from '../tracker/metric.ts'
import { refusals } from '../tracker/refusal.ts'
import type { TrackerServer } from '../tracker/tracker-server.ts'
import { metricsText, statisticsJson, statisticsPage } from './tracker-pages.ts'

export interface TrackerHttpOptions {
  readonly clock: Clock
  readonly tracker: TrackerServer
  /** Whether the path of an announce URL is one of somebody who may use the tracker; absent: everybody may. */
  readonly mayUse?: (path: string) => boolean
  /** Believe `X-Forwarded-For` of a proxy on this machine. */
  readonly isBehindProxy: boolean
  readonly arePagesOpen: boolean
  metrics(): readonly Metric[]
}

const textType = 'text/plain'
const announcePath = '/announce'
const scrapePath = '/scrape'
const ownHost = /^(?:localhost|127\.\d+\.\d+\.\d+|\[[0-9a-f:]+\])(?::\d+)?$/i

function bencoded(body: Uint8Array): PlainAnswer {
  return { status: 200, contentType: textType, body }
}

function plain(status: number, body: string): PlainAnswer {
  return { status, contentType: textType, body }
}

function isLoopback({ family, address }: IpAddress): boolean {
  return family === 4 ? address.startsWith('127.') : address === '::1'
}

export class TrackerHttp {
  private readonly options: TrackerHttpOptions
  private readonly requests = { announce: 0, scrape: 0, page: 0, other: 0 }

  constructor(options: TrackerHttpOptions) {
    this.options = options
  }

  metrics(): readonly Metric[] {
    const values = { ...this.requests }
    return [{ ...counter('http_requests_total', 'Requests over HTTP.', 0), label: 'path', values }]
  }

  /** Where a request came from: what a proxy on this machine says, if it is to be believed. */
  sourceOf(request: PlainRequest): IpAddress {
    const { remote } = request
    if (!this.options.isBehindProxy || !isLoopback(remote)) return remote
    const said = request.header('x-forwarded-for')?.split(',').at(-1)?.trim()
    return canonicalAddress(said ?? '') ?? remote
  }

  answer(request: PlainRequest): PlainAnswer {
    const { target } = request
    const question = target.indexOf('?')
    const path = question === -1 ? target : target.slice(0, question)
    const query = question === -1 ? '' : target.slice(question + 1)
    if (path.endsWith(announcePath)) return this.announce(path, query, this.sourceOf(request))
    if (path.endsWith(scrapePath)) return this.scrape(path, query, this.sourceOf(request))
    if (path === '/stats' || path === '/stats.json' || path === '/metrics') return this.page(path, request)
    this.requests.other++
    return plain(404, 'this is a BitTorrent tracker: see /announce and /scrape\n')
  }

  private announce(path: string, query: string, source: IpAddress): PlainAnswer {
    const { clock, tracker, mayUse } = this.options
    this.requests.announce++
    if (mayUse === undefined ? path !== announcePath : !mayUse(path)) return this.unknownPath(announcePath)
    const request = parseAnnounceQuery(query)
    if (!request.ok) return bencoded(encodeTrackerFailure({ reason: request.detail, retry: 'never' }))
    const reply = tracker.announce(request.value, source, clock.nowMs())
    return bencoded('kind' in reply ? encodeTrackerFailure(reply) : encodeAnnounceResponse(reply))
  }

  private scrape(path: string, query: string, source: IpAddress): PlainAnswer {
    const { clock, tracker, mayUse } = this.options
    this.requests.scrape++
    const asAnnounce = `${path.slice(0, -scrapePath.length)}${announcePath}`
    if (mayUse === undefined ? path !== scrapePath : !mayUse(asAnnounce)) return this.unknownPath(scrapePath)
    const infoHashes = parseScrapeQuery(query)
    if (!infoHashes.ok) return bencoded(encodeTrackerFailure({ reason: infoHashes.detail }))
    if (infoHashes.value.length === 0) {
      return bencoded(encodeTrackerFailure({ reason: 'a scrape names its torrents here' }))
    }
    if (!tracker.mayAsk(source, clock.nowMs())) return bencoded(encodeTrackerFailure(refusals['too-many-requests']))
    return bencoded(encodeScrapeResponse(tracker.scrape(infoHashes.value), tracker.minIntervalSeconds))
  }

  private unknownPath(usual: string): PlainAnswer {
    if (this.options.mayUse === undefined) return plain(404, `this tracker is open: see ${usual}\n`)
    return bencoded(encodeTrackerFailure(this.options.tracker.refuse('no-passkey')))
  }

  private page(path: string, request: PlainRequest): PlainAnswer {
    this.requests.page++
    const { arePagesOpen, metrics } = this.options
    // A name that leads here may be another site's, whose scripts would read along.
    const isOurs = isLoopback(this.sourceOf(request)) && ownHost.test(request.header('host') ?? '')
    if (!arePagesOpen && !isOurs) return plain(403, 'only for the machine the tracker runs on\n')
    const shown = metrics()
    if (path === '/metrics') return { status: 200, contentType: 'text/plain; version=0.0.4', body: metricsText(shown) }
    if (path === '/stats.json') return { status: 200, contentType: 'application/json', body: statisticsJson(shown) }
    return { status: 200, contentType: 'text/html; charset=utf-8', body: statisticsPage(shown) }
  }
}
