// One torrent's announcing (BEP 3, 7, 12, 15, 21, 24, 27, 31, 48) as a machine without I/O: says what to ask of which
// tracker when, and takes the answers. Guarantees: one announce at a time for each tracker, info hash and address
// family; never sooner than a tracker allows; `started` before all else and `stopped` after all else to whoever heard
// `started`; an end in bounded time. Owns the state of the torrent's trackers.
import { assert, unreachable } from '../base/assert.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import type { AddressFamily } from '../base/endpoint.ts'
import type { Result } from '../base/errors.ts'
import type { AnnounceEvent, AnnounceResponse, TrackerFailure } from '../formats/tracker/announce.ts'
import type { HttpAnnounceRequest } from '../formats/tracker/announce-query.ts'
import { type ScrapeResponse, scrapeUrl } from '../formats/tracker/scrape.ts'
import type { Random } from '../ports/random.ts'
import type {
  TrackerAnswer,
  TrackerInput,
  TrackerOutput,
  TrackerRequest,
  TrackerSnapshot,
  TransferProgress,
} from './tracker-events.ts'
import {
  dueMs,
  type Flight,
  type Line,
  lineAbsent,
  lineAnswered,
  lineFailed,
  newLine,
  restartLine,
  retryMs,
  silentSinceMs,
  type Tracker,
  takeCounts,
  trackerAbsent,
  trackerSnapshot,
} from './tracker-line.ts'
import { arrangeTiers, promote } from './tracker-tiers.ts'

export interface TrackerClientOptions {
  /** Of 20 bytes each: SHA-1, SHA-256 cut short, or both for a hybrid. */
  readonly infoHashes: readonly Uint8Array[]
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** 32 bits that stay the same for the life of the torrent. */
  readonly key: number
  /** Where peers reach us; 0: nowhere. */
  readonly port: number
  readonly isPrivate: boolean
  readonly tiers: readonly (readonly string[])[]
  readonly random: Random
  /** Address families this session can use; both where it is not said. */
  readonly families?: readonly AddressFamily[]
  /** Announce to one tracker of every tier at once instead of one in all. Never for private torrents. */
  readonly usesAllTiers?: boolean
  readonly supportsEncryption?: boolean
}

type Phase =
  | { readonly type: 'idle' }
  | { readonly type: 'running' }
  | { readonly type: 'stopping'; readonly deadlineMs: number }

/** An announce under way, with its tracker, which may be one that was removed. */
interface Announcing {
  readonly tracker: Tracker
  readonly line: Line
}

/** A tracker that has never answered is waited for this long before the next is asked as well. */
const slowMs = 10_000
const usualScrapeMs = 900_000

function isAccepted(answer: TrackerAnswer): boolean {
  return answer.type === 'announced' && answer.outcome.ok && answer.outcome.value.kind === 'response'
}

export class TrackerClient {
  private readonly options: TrackerClientOptions
  private readonly families: readonly AddressFamily[]
  private infoHashes: readonly Uint8Array[]
  private isPrivate: boolean
  private port: number
  private tiers: Tracker[][] = []
  private phase: Phase = { type: 'idle' }
  private progress: TransferProgress = { uploadedBytes: 0, downloadedBytes: 0, leftBytes: 0, isPartialSeed: false }
  private wantedPeers: number | undefined
  private isShort = false
  /** Whose peers a private torrent is connected to. */
  private servingUrl: string | undefined
  private lastTicket = 0
  private readonly announcing = new Map<number, Announcing>()
  private readonly scraping = new Map<number, Tracker>()
  private readonly outputs: TrackerOutput[] = []
  private wakeMs = Number.POSITIVE_INFINITY

  constructor(options: TrackerClientOptions) {
    assert(options.infoHashes.length > 0 && options.peerId.length === 20, 'info hashes and a peer id')
    this.options = options
    this.families = options.families ?? [4, 6]
    this.infoHashes = options.infoHashes
    this.isPrivate = options.isPrivate
    this.port = options.port
    this.setTiers(options.tiers)
  }

  handle(input: TrackerInput, nowMs: number): void {
    switch (input.type) {
      case 'wake':
        break
      case 'start':
        this.start(nowMs)
        break
      case 'stop':
        this.stop(input.timeoutMs, nowMs)
        break
      case 'completed':
        for (const { line } of this.lines()) line.owesCompleted = line.isRegistered || line.flight?.event === 'started'
        break
      case 'progress':
        this.takeProgress(input.progress)
        break
      case 'demand':
        this.wantedPeers = input.wantedPeers
        this.isShort = input.isShort
        break
      case 'announce-now':
        this.announceSoon()
        break
      case 'scrape-now':
        this.scrapeSoon()
        break
      case 'set-trackers':
        this.changeTrackers(input.tiers, nowMs)
        break
      case 'identify':
        this.identify(input.infoHashes, input.isPrivate, nowMs)
        break
      case 'set-port':
        if (input.port !== this.port) for (const { line } of this.lines()) line.isUrgent = true
        this.port = input.port
        break
      case 'announced':
      case 'absent':
      case 'scraped':
        this.takeAnswer(input, nowMs)
        break
      default:
        unreachable(input)
    }
    this.advance(nowMs)
  }

  poll(): TrackerOutput | undefined {
    return this.outputs.shift()
  }

  nextWakeMs(): number {
    return this.wakeMs
  }

  /** In the order in which they are tried. */
  snapshot(nowMs: number): TrackerSnapshot[] {
    return this.tiers.flat().map((tracker) => trackerSnapshot(tracker, this.isShort, nowMs))
  }

  private *lines(): Generator<Announcing> {
    for (const tier of this.tiers) {
      for (const tracker of tier) {
        for (const line of tracker.lines) yield { tracker, line }
      }
    }
  }

  private start(nowMs: number): void {
    if (this.phase.type === 'running') return
    // What says `stopped` may go on until `started` follows it: a tracker that did not hear it would count us twice over.
    for (const [ticket, { line }] of this.announcing) if (line.flight?.event !== 'stopped') this.cancel(ticket)
    this.phase = { type: 'running' }
    this.servingUrl = undefined
    for (const { line } of this.lines()) restartLine(line, nowMs)
  }

  private stop(timeoutMs: number, nowMs: number): void {
    if (this.phase.type === 'idle') {
      this.outputs.push({ type: 'stopped' })
      return
    }
    const deadlineMs = nowMs + timeoutMs
    if (this.phase.type === 'stopping') {
      this.phase = { type: 'stopping', deadlineMs: Math.min(deadlineMs, this.phase.deadlineMs) }
      return
    }
    this.phase = { type: 'stopping', deadlineMs }
    for (const tracker of this.tiers.flat()) {
      this.cancelScrape(tracker)
      tracker.wantsScrape = false
    }
    for (const { tracker, line } of this.lines()) this.leave(tracker, line, nowMs)
  }

  /** Sends what a tracker must still hear on one line: `completed`, if that is owed, and then `stopped`. */
  private leave(tracker: Tracker, line: Line, nowMs: number): void {
    const { flight } = line
    if (flight?.event === 'completed' || flight?.event === 'stopped') return
    const mayHaveHeard = line.isRegistered || flight?.event === 'started'
    if (flight !== undefined) this.cancel(flight.ticket)
    if (!mayHaveHeard || (line.forgottenMs < nowMs && flight === undefined)) return
    const owesCompleted = line.owesCompleted && line.isRegistered
    if (!owesCompleted) line.isRegistered = false
    this.announce(tracker, line, owesCompleted ? 'completed' : 'stopped', nowMs)
  }

  private takeProgress(progress: TransferProgress): void {
    if (progress.isPartialSeed !== this.progress.isPartialSeed) {
      for (const { tracker, line } of this.lines()) line.isUrgent ||= tracker.isHttp && line.isRegistered
    }
    this.progress = progress
  }

  private announceSoon(): void {
    for (const { line } of this.lines()) line.isUrgent ||= line.flight === undefined
  }

  private scrapeSoon(): void {
    for (const group of this.groups()) {
      const tracker = group.find(({ isInUse }) => isInUse) ?? group.find(({ unusable }) => unusable === undefined)
      if (tracker !== undefined) tracker.wantsScrape = true
    }
  }

  private setTiers(urls: readonly (readonly string[])[]): void {
    this.tiers = arrangeTiers(urls, this.tiers, this.families, this.options.random)
    for (const tracker of this.tiers.flat()) {
      for (const infoHash of this.infoHashes) {
        if (tracker.lines.some((line) => equalBytes(line.infoHash, infoHash))) continue
        for (const family of tracker.families) tracker.lines.push(newLine(infoHash, family))
      }
    }
  }

  private changeTrackers(urls: readonly (readonly string[])[], nowMs: number): void {
    const before = this.tiers.flat()
    this.setTiers(urls)
    const kept = new Set(this.tiers.flat())
    for (const tracker of before) {
      if (kept.has(tracker)) continue
      this.cancelScrape(tracker)
      if (this.phase.type === 'running') for (const line of tracker.lines) this.leave(tracker, line, nowMs)
    }
  }

  private identify(infoHashes: readonly Uint8Array[], isPrivate: boolean, nowMs: number): void {
    const isKnown = (line: Line) => infoHashes.some((infoHash) => equalBytes(line.infoHash, infoHash))
    for (const tracker of this.tiers.flat()) {
      const gone = tracker.lines.filter((line) => !isKnown(line))
      if (this.phase.type === 'running') for (const line of gone) this.leave(tracker, line, nowMs)
      tracker.lines = tracker.lines.filter(isKnown)
    }
    this.infoHashes = infoHashes
    this.isPrivate = isPrivate
    this.setTiers(this.tiers.map((tier) => tier.map(({ url }) => url)))
  }

  private cancel(ticket: number): void {
    const announcing = this.announcing.get(ticket)
    if (announcing?.line.flight?.ticket === ticket) announcing.line.flight = undefined
    this.announcing.delete(ticket)
    this.outputs.push({ type: 'cancel', ticket })
  }

  private cancelScrape(tracker: Tracker): void {
    if (!this.scraping.delete(tracker.scrapeTicket)) return
    this.outputs.push({ type: 'cancel', ticket: tracker.scrapeTicket })
  }

  private takeAnswer(answer: TrackerAnswer, nowMs: number): void {
    if (answer.type === 'scraped') {
      this.takeScrape(answer.ticket, answer.outcome, nowMs)
      return
    }
    const announcing = this.announcing.get(answer.ticket)
    if (announcing === undefined) return
    const { tracker, line } = announcing
    const flight = line.flight as Flight
    line.flight = undefined
    this.announcing.delete(answer.ticket)
    if (flight.event === 'stopped') return
    const isListed = this.tiers[tracker.tier]?.includes(tracker) === true && tracker.lines.includes(line)
    const isLeaving = this.phase.type === 'stopping' || !isListed
    if (flight.event === 'completed' && (isLeaving || isAccepted(answer))) line.owesCompleted = false
    if (isLeaving) {
      this.leave(tracker, line, nowMs)
    } else if (answer.type === 'absent') {
      lineAbsent(line, nowMs)
      trackerAbsent(tracker, this.options.random, nowMs)
    } else {
      this.takeOutcome(tracker, line, answer.outcome, answer.address, nowMs)
      // Every announce of a partial seed is to say so, but the first one has to say `started`.
      if (flight.event === 'started') line.isUrgent ||= this.progress.isPartialSeed && tracker.isHttp
    }
  }

  private takeOutcome(
    tracker: Tracker,
    line: Line,
    outcome: Result<AnnounceResponse | TrackerFailure>,
    address: string | undefined,
    nowMs: number,
  ): void {
    const { random } = this.options
    if (!outcome.ok) {
      lineFailed(line, { code: outcome.code, message: outcome.detail }, random, nowMs)
      return
    }
    const { value } = outcome
    if (value.kind === 'failure') {
      lineFailed(line, { code: 'tracker-failure', message: value.reason, retry: value.retry }, random, nowMs)
      return
    }
    line.isRegistered = true
    lineAnswered(line, value, random, nowMs)
    tracker.trackerId = value.trackerId ?? tracker.trackerId
    tracker.warning = value.warning
    takeCounts(tracker, value)
    if (value.complete === undefined) tracker.wantsScrape = true
    promote(this.tiers, tracker)
    this.servedBy(tracker, nowMs)
    if (value.externalIp !== undefined) {
      this.outputs.push({ type: 'external-ip', url: tracker.url, ip: value.externalIp })
    }
    if (value.peers.length > 0) {
      this.outputs.push({ type: 'peers', url: tracker.url, infoHash: line.infoHash, address, peers: value.peers })
    }
  }

  /** A private torrent is in the swarm of one tracker at a time. */
  private servedBy(tracker: Tracker, nowMs: number): void {
    const before = this.servingUrl
    this.servingUrl = tracker.url
    if (!this.isPrivate || before === undefined || before === tracker.url) return
    this.outputs.push({ type: 'drop-peers', url: tracker.url })
    for (const other of this.tiers.flat()) {
      if (other === tracker) continue
      for (const line of other.lines) if (line.standing.type === 'answered') this.leave(other, line, nowMs)
    }
  }

  private takeScrape(ticket: number, outcome: Result<ScrapeResponse | TrackerFailure>, nowMs: number): void {
    const tracker = this.scraping.get(ticket)
    if (tracker === undefined) return
    this.scraping.delete(ticket)
    const response = outcome.ok && outcome.value.kind === 'response' ? outcome.value : undefined
    tracker.scrapeNotBeforeMs = nowMs + Math.max(usualScrapeMs, 1000 * (response?.minIntervalSeconds ?? 0))
    for (const infoHash of this.infoHashes) {
      const counts = response?.swarms.get(toHex(infoHash))
      if (counts !== undefined) takeCounts(tracker, counts)
    }
  }

  /** Trackers of which one at a time is used: all of them in order (BEP 12), or each tier for itself. */
  private groups(): readonly (readonly Tracker[])[] {
    return this.options.usesAllTiers === true && !this.isPrivate ? this.tiers : [this.tiers.flat()]
  }

  private advance(nowMs: number): void {
    for (const tracker of this.tiers.flat()) tracker.isInUse = false
    let wakeMs = Number.POSITIVE_INFINITY
    if (this.phase.type === 'running') {
      for (const group of this.groups()) wakeMs = Math.min(wakeMs, this.advanceGroup(group, nowMs))
    } else if (this.phase.type === 'stopping') {
      wakeMs = this.finishStopping(this.phase.deadlineMs, nowMs)
    }
    for (const tracker of this.tiers.flat()) {
      if (tracker.wantsScrape && this.phase.type !== 'stopping') wakeMs = Math.min(wakeMs, this.scrape(tracker, nowMs))
    }
    this.wakeMs = wakeMs
  }

  /** Announces what is due at the first tracker that has not just failed; returns when to look again. */
  private advanceGroup(group: readonly Tracker[], nowMs: number): number {
    let wakeMs = Number.POSITIVE_INFINITY
    for (const tracker of group) {
      const againMs = retryMs(tracker, this.isShort)
      if (againMs !== undefined && againMs > nowMs) {
        wakeMs = Math.min(wakeMs, againMs)
        continue
      }
      tracker.isInUse = true
      wakeMs = Math.min(wakeMs, this.advanceTracker(tracker, nowMs))
      const silentMs = silentSinceMs(tracker)
      if (silentMs === undefined || this.isPrivate) return wakeMs
      if (silentMs + slowMs > nowMs) return Math.min(wakeMs, silentMs + slowMs)
    }
    return wakeMs
  }

  private advanceTracker(tracker: Tracker, nowMs: number): number {
    let wakeMs = Number.POSITIVE_INFINITY
    for (const line of tracker.lines) {
      if (line.flight?.event === 'stopped') {
        if (line.nextMs > nowMs) {
          wakeMs = Math.min(wakeMs, line.nextMs)
          continue
        }
        this.cancel(line.flight.ticket)
      }
      if (line.flight !== undefined) continue
      const lineDueMs = dueMs(line, this.isShort)
      if (lineDueMs <= nowMs) this.announce(tracker, line, this.eventFor(tracker, line), nowMs)
      else wakeMs = Math.min(wakeMs, lineDueMs)
    }
    return wakeMs
  }

  private eventFor(tracker: Tracker, line: Line): AnnounceEvent {
    if (!line.isRegistered) return 'started'
    if (line.owesCompleted) return 'completed'
    return this.progress.isPartialSeed && tracker.isHttp ? 'paused' : 'none'
  }

  private announce(tracker: Tracker, line: Line, event: AnnounceEvent, nowMs: number): void {
    const ticket = ++this.lastTicket
    const { peerId, key, supportsEncryption } = this.options
    const { uploadedBytes, downloadedBytes, leftBytes } = this.progress
    const wantedPeers = event === 'stopped' ? 0 : this.wantedPeers
    const announce: HttpAnnounceRequest = {
      infoHash: line.infoHash,
      peerId,
      port: this.port,
      uploadedBytes,
      downloadedBytes,
      leftBytes,
      event,
      key,
      ...(wantedPeers === undefined ? undefined : { wantedPeers }),
      ...(tracker.trackerId === undefined ? undefined : { trackerId: tracker.trackerId }),
      isCompact: true,
      omitsPeerIds: true,
      claimedEndpoints: [],
      supportsEncryption: supportsEncryption === true,
    }
    line.flight = { ticket, event, sentMs: nowMs }
    line.sentMs = nowMs
    line.isUrgent = false
    this.announcing.set(ticket, { tracker, line })
    this.outputs.push({ type: 'announce', ticket, url: tracker.url, family: line.family, announce })
  }

  private scrape(tracker: Tracker, nowMs: number): number {
    if (this.scraping.has(tracker.scrapeTicket)) return Number.POSITIVE_INFINITY
    if (tracker.scrapeNotBeforeMs > nowMs) return tracker.scrapeNotBeforeMs
    tracker.wantsScrape = false
    if (tracker.isHttp && scrapeUrl(tracker.url) === undefined) return Number.POSITIVE_INFINITY
    tracker.scrapeTicket = ++this.lastTicket
    this.scraping.set(tracker.scrapeTicket, tracker)
    const request: TrackerRequest = {
      type: 'scrape',
      ticket: tracker.scrapeTicket,
      url: tracker.url,
      infoHashes: this.infoHashes,
    }
    this.outputs.push(request)
    return Number.POSITIVE_INFINITY
  }

  private finishStopping(deadlineMs: number, nowMs: number): number {
    if (deadlineMs <= nowMs) for (const ticket of this.announcing.keys()) this.cancel(ticket)
    if (this.announcing.size > 0) return deadlineMs
    this.phase = { type: 'idle' }
    this.outputs.push({ type: 'stopped' })
    return Number.POSITIVE_INFINITY
  }
}
