// Performs what the TrackerClients of all torrents ask for: names resolved, addresses judged and pinned, HTTP with at
// most 5 redirects each judged anew, UDP over the session's own socket. Guarantees: each request is answered once
// unless it was cancelled, never from inside `perform`; no reply over 1 MiB is kept; no text passed on holds the URL,
// which may be a secret. Owns the requests under way and the UDP connection ids.

import { toHex } from '../base/bytes.ts'
import type { AddressFamily, Endpoint, IpAddress } from '../base/endpoint.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { mayContact, type UrlSource } from '../formats/address-class.ts'
import { parseAddress } from '../formats/compact-endpoint.ts'
import { retryAfterSeconds } from '../formats/retry-after.ts'
import { maxScrapeHashes, type SwarmCounts, type TrackerFailure } from '../formats/tracker/announce.ts'
import { encodeAnnounceQuery } from '../formats/tracker/announce-query.ts'
import { decodeAnnounceResponse } from '../formats/tracker/announce-response.ts'
import { maxReplyBytes } from '../formats/tracker/reply.ts'
import { decodeScrapeResponse, encodeScrapeQuery, type ScrapeResponse, scrapeUrl } from '../formats/tracker/scrape.ts'
import type { Clock } from '../ports/clock.ts'
import type { Http, HttpHead, HttpResponse } from '../ports/http.ts'
import type { Random } from '../ports/random.ts'
import type { Resolver } from '../ports/resolver.ts'
import type { TrackerAnswer, TrackerRequest } from '../tracker/tracker-events.ts'
import { parseTrackerUrl, type TrackerUrl } from '../tracker/tracker-url.ts'
import { type UdpAnswer, type UdpAsk, UdpExchange } from '../tracker/udp-exchange.ts'
import { RequestLane } from './request-lanes.ts'

export interface TrackerDriverPorts {
  readonly clock: Pick<Clock, 'nowMs'>
  readonly random: Random
  readonly resolver: Resolver
  readonly http: Pick<Http, 'fetch'>
  /** Through the session's UDP socket of the endpoint's family; may lose it. `bytes` is the driver's on return. */
  sendDatagram(bytes: Uint8Array, endpoint: Endpoint): void
  /** Call `wake` at this time, whatever was asked before; Infinity: no need. */
  scheduleWake(atMs: number): void
}

export interface TrackerDriverOptions {
  readonly userAgent: string
  /** Local addresses may be contacted whoever named them. */
  readonly allowsLocal: boolean
  /** Leave through these only; a family without one is not used. */
  readonly localAddresses?: { readonly [family in AddressFamily]?: string }
}

/** The side of a torrent: where its answers go. */
export interface TrackerRequester {
  /** Who named a tracker. */
  sourceOf(url: string): 'user' | 'torrent-tracker'
  /** An input for the torrent's TrackerClient. */
  deliver(answer: TrackerAnswer, nowMs: number): void
}

type Asking = Exclude<TrackerRequest, { type: 'cancel' }>

interface Job {
  readonly requester: TrackerRequester
  readonly request: Asking
  readonly url: TrackerUrl
  /** In its lane. */
  readonly host: string
  readonly controller: AbortController
  /** In the UDP exchange; 0 before. */
  udpTicket: number
}

/** Addresses that may be connected to, at least one; undefined: the name has none of this family. */
type Located = Result<readonly IpAddress[]> | undefined

const maxRedirects = 5
const idleTimeoutMs = 30_000
const totalTimeoutMs = 60_000
const httpLimits = { maxUnderWay: 64, maxPerHost: 6 }
/** No descriptors, and a dead tracker holds its place for two minutes. */
const udpLimits = { maxUnderWay: 1_024, maxPerHost: 64 }
const maxRememberedHosts = 1_000
const longestRetrySeconds = 86_400

function isRedirect({ status }: HttpHead): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308
}

/** What a server that speaks no bencode has said: its status, and how long to wait (RFC 9110 Retry-After). */
function refusal({ status, headers }: HttpHead): TrackerFailure {
  const wished = retryAfterSeconds(headers)
  const retry = wished === undefined ? undefined : { retry: Math.min(longestRetrySeconds, Math.max(1, wished)) }
  return { kind: 'failure', reason: `HTTP status ${status}`, ...retry }
}

/** A refusal in bencode counts whatever the status; an answer only with a good one. */
function decodeReply<T extends { readonly kind: string }>(
  response: HttpResponse,
  decode: (body: Uint8Array) => Result<T | TrackerFailure>,
): Result<T | TrackerFailure> {
  const decoded = decode(response.body)
  const isGood = response.status >= 200 && response.status < 300
  if (isGood || (decoded.ok && decoded.value.kind === 'failure')) return decoded
  return success(refusal(response))
}

/** Passkeys stand in paths and queries: no message may repeat them. */
function withoutUrl({ code, detail }: Failure, sent: string): Failure {
  const secret = sent.slice(sent.indexOf('/', sent.indexOf('//') + 2))
  return failure(code, secret.length < 2 ? detail : detail.replaceAll(secret, '/…'))
}

function swarmsOf(infoHashes: readonly Uint8Array[], swarms: readonly SwarmCounts[]): ScrapeResponse {
  const named = new Map<string, SwarmCounts>()
  for (const [index, infoHash] of infoHashes.entries()) {
    const counts = swarms[index]
    if (counts !== undefined) named.set(toHex(infoHash), counts)
  }
  return { kind: 'response', swarms: named }
}

export class TrackerDriver {
  private readonly ports: TrackerDriverPorts
  private readonly options: TrackerDriverOptions
  private readonly exchange: UdpExchange
  private readonly jobs = new Map<TrackerRequester, Map<number, Job>>()
  private readonly httpLane = new RequestLane<Job>(httpLimits, (job) => void this.run(job))
  private readonly udpLane = new RequestLane<Job>(udpLimits, (job) => void this.run(job))
  private lastUdpTicket = 0
  private readonly udpWaiting = new Map<number, (outcome: Result<UdpAnswer>) => void>()
  /** By UDP host: how often it kept silent since it last answered, so that each of its addresses has its turn. */
  private readonly silences = new Map<string, number>()

  constructor(ports: TrackerDriverPorts, options: TrackerDriverOptions) {
    this.ports = ports
    this.options = options
    this.exchange = new UdpExchange({ random: ports.random })
  }

  /** Does what a client's output says; the answer comes through `requester.deliver`. */
  perform(requester: TrackerRequester, request: TrackerRequest): void {
    if (request.type === 'cancel') {
      const job = this.jobs.get(requester)?.get(request.ticket)
      if (job !== undefined) this.end(job)
      return
    }
    const url = parseTrackerUrl(request.url)
    if (!url.ok) {
      void this.refuse(requester, request, url)
      return
    }
    const host = `${url.value.host}:${url.value.port}`
    const job: Job = { requester, request, url: url.value, host, controller: new AbortController(), udpTicket: 0 }
    const ofRequester = this.jobs.get(requester) ?? new Map<number, Job>()
    this.jobs.set(requester, ofRequester.set(request.ticket, job))
    this.laneOf(job).add(job)
  }

  /** The torrent is gone: nothing is delivered to it any more. */
  forget(requester: TrackerRequester): void {
    for (const job of [...(this.jobs.get(requester)?.values() ?? [])]) this.end(job)
  }

  /** A datagram that looks like a tracker's reply; one that answers nothing is passed over. Not kept. */
  receiveDatagram(bytes: Uint8Array, address: string, port: number): void {
    this.exchange.handle({ type: 'datagram', bytes, address, port }, this.ports.clock.nowMs())
    this.drainExchange()
  }

  wake(): void {
    this.exchange.handle({ type: 'wake' }, this.ports.clock.nowMs())
    this.drainExchange()
  }

  /** Ends everything that is under way, without answers. */
  close(): void {
    for (const requester of [...this.jobs.keys()]) this.forget(requester)
    this.ports.scheduleWake(Number.POSITIVE_INFINITY)
  }

  private laneOf(job: Job): RequestLane<Job> {
    return job.url.scheme === 'udp' ? this.udpLane : this.httpLane
  }

  private isWanted(job: Job): boolean {
    return this.jobs.get(job.requester)?.get(job.request.ticket) === job
  }

  private end(job: Job): void {
    const ofRequester = this.jobs.get(job.requester)
    ofRequester?.delete(job.request.ticket)
    if (ofRequester?.size === 0) this.jobs.delete(job.requester)
    if (this.udpWaiting.delete(job.udpTicket)) {
      this.exchange.handle({ type: 'cancel', ticket: job.udpTicket }, this.ports.clock.nowMs())
      this.drainExchange()
    }
    job.controller.abort()
    this.laneOf(job).end(job)
  }

  private async refuse(requester: TrackerRequester, { type, ticket }: Asking, refused: Failure): Promise<void> {
    await undefined
    const answer: TrackerAnswer = { type: type === 'scrape' ? 'scraped' : 'announced', ticket, outcome: refused }
    requester.deliver(answer, this.ports.clock.nowMs())
  }

  private async run(job: Job): Promise<void> {
    const answer = await this.answer(job)
    if (!this.isWanted(job)) return
    this.end(job)
    job.requester.deliver(answer, this.ports.clock.nowMs())
  }

  private async answer(job: Job): Promise<TrackerAnswer> {
    const { request, url } = job
    const { ticket } = request
    const source = job.requester.sourceOf(request.url)
    const family = request.type === 'announce' ? request.family : 'any'
    const located = await this.locate(url, source, family, job.controller.signal)
    if (request.type === 'announce') {
      if (located === undefined) return { type: 'absent', ticket }
      if (!located.ok) return { type: 'announced', ticket, outcome: located }
      const [first] = located.value
      const outcome =
        url.scheme === 'udp'
          ? await this.announceUdp(job, request, located.value)
          : await this.get(job, encodeAnnounceQuery(request.url, request.announce), source, located.value, (response) =>
              decodeReply(response, decodeAnnounceResponse),
            )
      return { type: 'announced', ticket, outcome, ...(first === undefined ? undefined : { address: first.address }) }
    }
    if (located === undefined) {
      return { type: 'scraped', ticket, outcome: failure('name-unknown', 'the tracker has no address') }
    }
    const outcome = located.ok ? await this.scrape(job, request.infoHashes, source, located.value) : located
    return { type: 'scraped', ticket, outcome }
  }

  /** Resolves a host and leaves the addresses that this URL may lead to. */
  private async locate(
    url: TrackerUrl,
    source: UrlSource,
    family: AddressFamily | 'any',
    signal: AbortSignal,
  ): Promise<Located> {
    const literal = parseAddress(url.host)
    let addresses: readonly IpAddress[]
    if (literal === undefined) {
      const resolved = await this.ports.resolver.resolve(url.host, family, signal)
      if (!resolved.ok) return resolved.code === 'name-unknown' ? undefined : resolved
      addresses = resolved.value
    } else {
      addresses = family === 'any' || literal.family === family ? [literal] : []
    }
    const { allowsLocal, localAddresses } = this.options
    if (localAddresses !== undefined) addresses = addresses.filter((address) => localAddresses[address.family])
    if (addresses.length === 0) return undefined
    // A UDP tracker reads no path: it does no harm, whatever it is.
    const path = url.scheme === 'udp' ? '/announce' : url.path
    const { host, query } = url
    const allowed = addresses.filter(({ address }) => mayContact({ address, host, path, query, source, allowsLocal }))
    if (allowed.length > 0) return success(allowed)
    const named = source === 'redirect' ? 'a redirect' : source === 'user' ? 'a URL' : 'a torrent'
    return failure('tracker-forbidden', `${named} may not lead to ${host}, a local or special address`)
  }

  private async scrape(
    job: Job,
    allHashes: readonly Uint8Array[],
    source: UrlSource,
    addresses: readonly IpAddress[],
  ): Promise<Result<ScrapeResponse | TrackerFailure>> {
    const infoHashes = allHashes.slice(0, maxScrapeHashes)
    if (job.url.scheme !== 'udp') {
      const url = scrapeUrl(job.request.url)
      if (url === undefined) return failure('tracker-url', 'this tracker has no scrape')
      return await this.get(job, encodeScrapeQuery(url, infoHashes), source, addresses, (response) =>
        decodeReply(response, decodeScrapeResponse),
      )
    }
    const outcome = await this.askUdp(job, { type: 'scrape', infoHashes }, addresses)
    if (!outcome.ok) return outcome
    if (outcome.value.kind === 'failure') return success(outcome.value)
    return outcome.value.kind === 'swarms'
      ? success(swarmsOf(infoHashes, outcome.value.swarms))
      : failure('tracker-response', 'an announce answered a scrape')
  }

  private async announceUdp(
    job: Job,
    { url, announce }: Extract<Asking, { type: 'announce' }>,
    addresses: readonly IpAddress[],
  ): Promise<Extract<TrackerAnswer, { type: 'announced' }>['outcome']> {
    const outcome = await this.askUdp(job, { type: 'announce', url, request: announce }, addresses)
    if (!outcome.ok) return outcome
    return outcome.value.kind === 'swarms'
      ? failure('tracker-response', 'a scrape answered an announce')
      : success(outcome.value)
  }

  private async askUdp(job: Job, ask: UdpAsk, addresses: readonly IpAddress[]): Promise<Result<UdpAnswer>> {
    const silences = this.silences.get(job.host) ?? 0
    const address = addresses[silences % addresses.length]
    if (address === undefined || !this.isWanted(job)) return failure('interrupted', 'no longer wanted')
    const ticket = ++this.lastUdpTicket
    job.udpTicket = ticket
    const outcome = await new Promise<Result<UdpAnswer>>((resolve) => {
      this.udpWaiting.set(ticket, resolve)
      const endpoint: Endpoint = { ...address, port: job.url.port }
      this.exchange.handle({ type: 'ask', ticket, endpoint, ask }, this.ports.clock.nowMs())
      this.drainExchange()
    })
    if (outcome.ok || this.silences.size > maxRememberedHosts) this.silences.delete(job.host)
    else this.silences.set(job.host, silences + 1)
    return outcome
  }

  private drainExchange(): void {
    for (let output = this.exchange.poll(); output !== undefined; output = this.exchange.poll()) {
      if (output.type === 'send') {
        this.ports.sendDatagram(output.bytes, output.endpoint)
        continue
      }
      const resolve = this.udpWaiting.get(output.ticket)
      this.udpWaiting.delete(output.ticket)
      resolve?.(output.outcome)
    }
    this.ports.scheduleWake(this.exchange.nextWakeMs())
  }

  /** GET, redirects followed. Whoever the user trusted with a URL is trusted with other URLs of the same host. */
  private async get<T>(
    job: Job,
    firstUrl: string,
    firstSource: UrlSource,
    firstAddresses: readonly IpAddress[],
    decode: (response: HttpResponse) => Result<T>,
  ): Promise<Result<T>> {
    const { signal } = job.controller
    let [url, source, addresses] = [firstUrl, firstSource, firstAddresses]
    for (let redirects = 0; ; redirects++) {
      const fetched = await this.fetch(url, addresses, signal)
      if (!fetched.ok) return withoutUrl(fetched, url)
      const { location } = fetched.value.headers
      if (!isRedirect(fetched.value) || location === undefined) return decode(fetched.value)
      if (redirects === maxRedirects) return failure('http-malformed', `more than ${maxRedirects} redirects`)
      const target = URL.parse(location, url)
      const parsed = parseTrackerUrl(target?.href ?? '')
      if (target === null || !parsed.ok || parsed.value.scheme === 'udp') {
        return failure('http-malformed', 'redirected to what is no web address')
      }
      source = source === 'user' && parsed.value.host === job.url.host ? 'user' : 'redirect'
      const family = job.request.type === 'announce' ? job.request.family : 'any'
      const located = await this.locate(parsed.value, source, family, signal)
      if (located === undefined)
        return failure('name-unknown', `redirected to ${parsed.value.host}, which has no address`)
      if (!located.ok) return located
      url = target.href
      addresses = located.value
    }
  }

  private fetch(url: string, addresses: readonly IpAddress[], signal: AbortSignal): Promise<Result<HttpResponse>> {
    const { userAgent, localAddresses } = this.options
    const family = addresses[0]?.family ?? 4
    const localAddress = localAddresses?.[family]
    return this.ports.http.fetch(
      {
        method: 'GET',
        url,
        addresses: localAddress === undefined ? addresses : addresses.filter((address) => address.family === family),
        headers: { 'user-agent': userAgent },
        idleTimeoutMs,
        totalTimeoutMs,
        maxBodyBytes: maxReplyBytes,
        ...(localAddress === undefined ? undefined : { localAddress }),
      },
      signal,
    )
  }
}
