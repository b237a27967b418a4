// Web seeds beside peers (BEP 19): who is asked and when, and what comes of answers, memory and rate limits. What they are
// asked for is web-choosing.ts, what becomes of those that fail web-resting.ts.
// A part of the swarm without I/O: requests are outputs, whoever performs them tells of heads, bodies and ends.
// Guarantees: a seed has one request under way at a time; nothing is asked for that is not wanted, and nothing while the
// swarm is paused; every seed that fails rests, longer each time, or is retired with the reason. Owns the seeds.
import { Bitfield } from '../base/bitfield.ts'
import { type Failure, failure } from '../base/errors.ts'
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'
import { checkWebSeedUrl } from '../formats/web-seed.ts'
import type { HttpHead } from '../ports/http.ts'
import { pieceStart, piecesOfFile } from '../storage/piece-plan.ts'
import type { Receiving } from './receiving.ts'
import type { Requesting } from './requesting.ts'
import type { SwarmContext } from './swarm-context.ts'
import { judgeAnswer, type WebAnswer } from './web-answer.ts'
import { WebChoosing } from './web-choosing.ts'
import { WebResting } from './web-resting.ts'
import { type WebRequest, WebSeed } from './web-seed.ts'
import { WebStream } from './web-stream.ts'

export interface WebSeedingOptions {
  readonly info: TorrentInfo
  readonly receiving: Receiving
  readonly requesting: Requesting
  readonly isSuspect: (seed: WebSeed) => boolean
}

/** Asked at a time. */
const mostBusy = 8
const tickMs = 1_000
/** A seed that is free to send, and brings less than a block in this time, is as good as silent. */
const slowMs = 30_000
const slowBytes = 16_384

export class WebSeeding {
  private readonly context: SwarmContext
  private readonly requesting: Requesting
  private readonly stream: WebStream
  private readonly choosing: WebChoosing
  private readonly resting: WebResting
  private seeds: WebSeed[] = []
  /** Ever. */
  private seedCount = 0
  /** What seeds brought that are not listed any more. */
  private pastBytes = 0
  private pastWastedBytes = 0
  private isOn = false
  private isPaused = false
  private isLookDue = false
  private nextTickMs = Number.POSITIVE_INFINITY

  constructor(context: SwarmContext, { info, receiving, requesting, isSuspect }: WebSeedingOptions) {
    this.context = context
    this.requesting = requesting
    const isSentElsewhere = (seed: WebSeed, block: number) => this.isSending(block, seed)
    this.stream = new WebStream(context, { receiving, requesting, isSuspect, isSentElsewhere })
    this.choosing = new WebChoosing(context, info, isSuspect)
    this.resting = new WebResting(context, { info, stream: this.stream, onFree: () => this.lookSoon() })
  }

  get all(): readonly WebSeed[] {
    return this.seeds
  }

  /** Payload, whether it was of use or not; and of it what was thrown away, but for damaged pieces. */
  get downloadedBytes(): number {
    return this.seeds.reduce((sum, { meter }) => sum + meter.totalBytes, this.pastBytes)
  }

  get wastedBytes(): number {
    return this.seeds.reduce((sum, { wastedBytes }) => sum + wastedBytes, this.pastWastedBytes)
  }

  /** Those that are there from now on; what is known of one that stays is kept. */
  setUrls(urls: readonly string[]): void {
    const known = new Map(this.seeds.map((seed) => [seed.url, seed]))
    const seeds = [...new Set(urls)].map((url) => known.get(url) ?? this.newSeed(url))
    for (const seed of this.seeds) {
      if (seeds.includes(seed)) continue
      this.drop(seed)
      this.pastBytes += seed.meter.totalBytes
      this.pastWastedBytes += seed.wastedBytes
    }
    this.seeds = seeds
    this.lookSoon()
  }

  /** Off, as at the beginning, none is asked. */
  setOn(isOn: boolean): void {
    this.isOn = isOn
    this.dropUnlessAllowed()
  }

  setPaused(isPaused: boolean): void {
    this.isPaused = isPaused
    this.dropUnlessAllowed()
  }

  /** Other pieces are wanted than before. */
  wantedChanged(): void {
    const { picker } = this.context
    for (const seed of this.seeds) {
      if (seed.piece !== -1 && !picker.missing.get(seed.piece)) this.stream.leavePiece(seed)
      for (let piece = seed.nextReserved; piece < seed.reservedEnd; piece++) {
        if (!picker.missing.get(piece)) picker.unreserve(piece)
      }
    }
    this.lookSoon()
  }

  /** There may be memory. */
  memory(): void {
    for (const seed of this.seeds) if (seed.isStarved) this.feed(seed)
  }

  /** Nothing of a piece is kept in memory. */
  leavePiece(piece: number): void {
    for (const seed of this.seeds) if (seed.piece === piece) this.stream.leavePiece(seed)
  }

  /** A block came from somebody else. */
  lost(number: number, block: number): void {
    for (const seed of this.seeds) if (seed.number === number && seed.block === block) seed.isBlockTaken = false
  }

  /** Whether some seed, other than one, is in the middle of a block. */
  isSending(block: number, except?: WebSeed): boolean {
    return this.seeds.some((seed) => seed !== except && this.stream.isSending(seed, block))
  }

  /** It sent content whose hash is wrong. */
  ban(number: number): void {
    const seed = this.seeds.find((one) => one.number === number)
    if (seed !== undefined)
      this.resting.retire(seed, failure('web-seed-damaged', 'it sent content that is not of the torrent'))
  }

  /** An answer begins. False: its body is not wanted. */
  head(seed: WebSeed, head: HttpHead): boolean {
    if (seed.state.type !== 'asking') return false
    const { request } = seed.state
    const answer = judgeAnswer(head, request)
    switch (answer.type) {
      case 'body':
        return this.takeBody(seed, request, answer)
      case 'absent':
        this.resting.absent(seed, request, answer.why)
        return false
      case 'busy':
        this.resting.rest(seed, answer.why, answer.afterSeconds)
        return false
      case 'malformed':
        this.resting.fail(seed, answer.why)
        return false
      case 'useless':
        this.resting.retire(seed, answer.why)
        return false
    }
  }

  /** Bytes of its body that may come now; 0: `web-resume` follows, or `web-cancel`. */
  allowance(seed: WebSeed): number {
    if (seed.state.type !== 'receiving') return 0
    if (seed.isHeld) this.measureAnew(seed)
    seed.isHeld = false
    const allowance = this.stream.allowance(seed)
    if (typeof allowance === 'number') return allowance
    if (allowance === 'starved') this.starve(seed)
    else {
      this.context.outputs.push({ type: 'web-cancel', seed })
      this.goOn(seed)
    }
    return 0
  }

  body(seed: WebSeed, bytes: Uint8Array): void {
    if (seed.state.type !== 'receiving' || this.stream.body(seed, bytes)) return
    this.context.outputs.push({ type: 'web-cancel', seed })
    this.resting.fail(seed, failure('web-seed-response', 'more bytes than were asked for'))
  }

  /** Its request is over; without a failure the body came whole. */
  ended(seed: WebSeed, why: Failure | undefined): void {
    const { type } = seed.state
    if (type !== 'asking' && type !== 'receiving') return
    if (why !== undefined) this.resting.fail(seed, why)
    else if (seed.position < seed.requestEnd)
      this.resting.fail(seed, failure('web-seed-response', 'fewer bytes than it said'))
    else this.goOn(seed)
  }

  /** It was kept from sending: how fast it is cannot be told from that. */
  held(seed: WebSeed): void {
    seed.isHeld = true
    this.measureAnew(seed)
  }

  settle(): void {
    const { picker, nowMs } = this.context
    if (this.seeds.length === 0) {
      this.isLookDue = false
      this.nextTickMs = Number.POSITIVE_INFINITY
      return
    }
    if (!picker.missing.hasAny) for (const seed of this.seeds) this.drop(seed)
    if (nowMs >= this.nextTickMs) this.tick()
    if (picker.takeReservedWanted()) this.shortenLongest()
    if (!this.isLookDue) return
    this.isLookDue = false
    if (!this.mayAsk) return
    for (const seed of this.seeds) if (seed.state.type === 'idle' && this.busyCount < mostBusy) this.begin(seed)
    this.tickLater()
  }

  nextWakeMs(): number {
    return this.isLookDue ? this.context.nowMs : this.nextTickMs
  }

  private get mayAsk(): boolean {
    return this.isOn && !this.isPaused && this.context.picker.missing.hasAny
  }

  private get busyCount(): number {
    return this.seeds.reduce((count, seed) => count + (seed.isBusy ? 1 : 0), 0)
  }

  private newSeed(url: string): WebSeed {
    const { pieceCount } = this.context.grid
    const bits = new Bitfield(pieceCount)
    bits.setAll()
    const seed = new WebSeed(this.seedCount++, url, bits, this.context.nowMs)
    const checked = checkWebSeedUrl(url)
    if (!checked.ok) seed.state = { type: 'retired', why: checked }
    return seed
  }

  private lookSoon(): void {
    if (this.seeds.length > 0) this.isLookDue = true
  }

  private tickLater(): void {
    const isNeeded = this.mayAsk && this.seeds.some(({ state }) => state.type !== 'retired')
    if (isNeeded && this.nextTickMs === Number.POSITIVE_INFINITY) this.nextTickMs = this.context.nowMs + tickMs
  }

  private tick(): void {
    const { nowMs } = this.context
    this.nextTickMs = Number.POSITIVE_INFINITY
    for (const seed of this.seeds) {
      const { state } = seed
      if (state.type === 'resting' && nowMs >= state.untilMs) seed.state = { type: 'idle' }
      // What kept its blocks from memory may be over without a word.
      else if (seed.isStarved) this.feed(seed)
      else if (state.type === 'receiving' && nowMs - seed.measuredMs >= slowMs) this.measure(seed)
    }
    this.isLookDue = true
  }

  private measureAnew(seed: WebSeed): void {
    seed.measuredMs = this.context.nowMs
    seed.measuredBytes = 0
  }

  private measure(seed: WebSeed): void {
    const isSlow = seed.measuredBytes < slowBytes && !seed.isHeld
    this.measureAnew(seed)
    if (!isSlow) return
    this.context.outputs.push({ type: 'web-cancel', seed })
    this.resting.fail(seed, failure('timed-out', 'it is as good as silent'))
  }

  private dropUnlessAllowed(): void {
    if (!this.isOn || this.isPaused) for (const seed of this.seeds) this.drop(seed)
    this.lookSoon()
  }

  /** What it is at is not wanted any more. */
  private drop(seed: WebSeed): void {
    if (!seed.isBusy) return
    this.resting.cancel(seed)
    seed.state = { type: 'idle' }
  }

  private begin(seed: WebSeed): void {
    let run = this.choosing.run(seed)
    if (run === undefined && this.shortenLongest()) run = this.choosing.run(seed)
    if (run === undefined) return
    const { grid, picker, nowMs } = this.context
    seed.position = pieceStart(grid.plan, run.first)
    seed.isDuplicating = run.kind === 'duplicates'
    seed.requestEnd = seed.position
    if (run.kind === 'new') {
      seed.nextReserved = run.first
      this.stream.reserve(seed, run.first, run.last)
    } else {
      seed.piece = run.first
      picker.claim(run.first, seed.number, false, seed.isDuplicating, nowMs)
      seed.runEnd = this.choosing.endOfAsked(seed)
    }
    this.goOn(seed)
    // Looked at again with the next tick: at once the same would come of it.
    if (!seed.isBusy) this.isLookDue = false
  }

  /** Somebody has nothing else to do than what waits for the seed with the longest run. False: none waits. */
  private shortenLongest(): boolean {
    let longest: WebSeed | undefined
    for (const seed of this.seeds) {
      if (seed.reservedCount > (longest?.reservedCount ?? 0)) longest = seed
    }
    if (longest === undefined) return false
    this.stream.shorten(longest)
    return true
  }

  /** Asks for the next file of its run, or ends the run. */
  private goOn(seed: WebSeed): void {
    for (;;) {
      const step = this.stream.advance(seed)
      if (step === 'starved') {
        seed.state = { type: 'held' }
        this.starve(seed)
        return
      }
      const request = step === 'file' ? this.choosing.nextRequest(seed) : undefined
      if (request === undefined || !request.ok) {
        this.stream.release(seed)
        seed.state = { type: 'idle' }
        this.lookSoon()
        if (request?.ok === false) this.resting.retire(seed, request)
        return
      }
      const { value } = request
      seed.requestEnd = seed.position + value.end - value.first
      if (this.choosing.isWorthwhile(seed, value, this.seeds)) {
        seed.state = { type: 'asking', request: value }
        this.context.outputs.push({ type: 'web-request', seed, request: value })
        return
      }
      this.passOver(seed)
    }
  }

  /** Goes to where the file ends that is not worth asking for; what was claimed of it is given back. */
  private passOver(seed: WebSeed): void {
    const { picker, grid } = this.context
    const { pieceLengthBytes } = grid.plan
    this.stream.leavePiece(seed)
    const end = Math.floor(seed.requestEnd / pieceLengthBytes)
    for (let piece = seed.nextReserved; piece < Math.min(end, seed.reservedEnd); piece++) picker.unreserve(piece)
    seed.nextReserved = Math.min(Math.max(end, seed.nextReserved), seed.reservedEnd)
  }

  private takeBody(seed: WebSeed, request: WebRequest, answer: Extract<WebAnswer, { type: 'body' }>): boolean {
    const { nowMs } = this.context
    const isNews = answer.ignoresRanges && !seed.ignoresRanges
    if (isNews) {
      seed.ignoresRanges = true
      if (answer.skipBytes > 0) {
        this.stream.release(seed)
        seed.state = { type: 'idle' }
        this.lookSoon()
        return false
      }
      // The rest of the file comes anyway.
      const { plan } = this.context.grid
      const lastPiece = piecesOfFile(plan, request.file)?.last ?? seed.reservedEnd - 1
      if (seed.nextReserved > 0 && lastPiece >= seed.reservedEnd)
        this.stream.reserve(seed, seed.nextReserved, lastPiece)
    }
    seed.skipBytes = answer.skipBytes
    seed.requestEnd = seed.position + answer.end - request.first
    seed.state = { type: 'receiving', request }
    seed.isHeld = false
    seed.passedOverMs = Number.POSITIVE_INFINITY
    this.measureAnew(seed)
    seed.bodyMs = nowMs
    return true
  }

  private starve(seed: WebSeed): void {
    seed.isStarved = true
    this.measureAnew(seed)
    this.requesting.memoryLacks()
    this.tickLater()
  }

  private feed(seed: WebSeed): void {
    seed.isStarved = false
    if (seed.state.type === 'held') this.goOn(seed)
    else this.context.outputs.push({ type: 'web-resume', seed })
  }
}
