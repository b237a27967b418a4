// One run of `download` or `seed`: a session of its own for the torrents named, from their sources to the last save.
// Guarantees: a source that fails leaves the others alone; two processes never share a torrent's state; whatever ends
// the run, what was done is saved, trackers hear of it for a bounded time, and locks are released. Owns the session.
import { failure, type Result, SwarmbidError, success, unwrap } from '../base/errors.ts'
import { checkWebSeedUrl } from '../formats/web-seed.ts'
import { keepYoungGeneration } from '../host/young-generation.ts'
import type { AddOptions, TorrentBudget, TorrentId } from '../session/commands.ts'
import type { Session } from '../session/session.ts'
import { type SessionConfig, sessionConfig } from '../session/session-config.ts'
import type { SessionPorts } from '../session/session-ports.ts'
import type { Change } from '../session/snapshots.ts'
import { lacksPieceLayers, usualPriority } from '../session/torrent-facts.ts'
import { parseTrackerUrl } from '../tracker/tracker-url.ts'
import { dhtConfig, isBoundToItself } from './dht-bootstrap.ts'
import { type LoadedSource, loadSource } from './load-source.ts'
import { folderOfContent } from './locate-content.ts'
import { openSystemSession, systemPorts } from './open-session.ts'
import { selectFiles } from './select-files.ts'
import type { SpeedRun } from './speed-run.ts'
import { lockTorrent } from './torrent-lock.ts'
import { choicesOf, TransferItem } from './transfer-item.ts'
import type { TorrentSnapshot, TransferEvent, TransferOutcome, TransferRequest } from './transfer-request.ts'

const lookEveryMs = 500

/** Of a session for a run alone. */
export function configOf(request: TransferRequest): SessionConfig {
  const { mode, bindTo, maxPeers, uploadSlots, version, encryption } = request
  const usual = sessionConfig({ stateFolder: request.stateFolder, downloadFolder: request.path })
  const { connections } = usual
  const perTorrent = maxPeers ?? connections.maxConnectionsPerTorrent
  return {
    ...usual,
    restoresAll: false,
    // Content that is seeded keeps its names.
    incompleteSuffix: mode === 'download',
    allocation: request.preallocates ? 'full' : 'sparse',
    listenPort: request.listenPort,
    bindTo,
    rates: { downloadBytesPerSecond: request.downloadLimit, uploadBytesPerSecond: request.uploadLimit },
    // Whoever gives a limit on the command line means it, wherever the peer is.
    exemptLocalNetwork: false,
    ...(encryption === undefined ? {} : { encryption }),
    exchangesPeers: request.exchangesPeers,
    discoversLocally: request.discoversLocally ?? !isBoundToItself(bindTo),
    dht: dhtConfig(request.usesDht, request.dhtBootstrap, bindTo),
    connections: {
      ...connections,
      maxConnectionsPerTorrent: perTorrent,
      maxConnections: Math.max(connections.maxConnections, perTorrent),
      maxSlotsPerTorrent: uploadSlots ?? connections.maxSlotsPerTorrent,
    },
    queue: { maxActiveDownloads: Number.POSITIVE_INFINITY, maxActiveSeeds: Number.POSITIVE_INFINITY },
    clientName: `Swarmbid ${version}`,
    peerIdVersion: version
      .replaceAll(/[^0-9]/g, '')
      .slice(0, 3)
      .padEnd(4, '0'),
  }
}

function addOptions(
  request: TransferRequest,
  folder: string,
  priorities: readonly number[] | undefined,
  budget: TorrentBudget | undefined,
): AddOptions {
  const { seedRatio, seedSeconds } = request
  return {
    folder,
    ...(budget === undefined ? {} : { budget }),
    stopped: request.mode === 'seed',
    sequential: request.isSequential,
    superSeeding: request.isSuperSeeding,
    peers: request.peers,
    webSeeds: request.webSeeds,
    trackers: request.trackers,
    ...(priorities === undefined ? {} : { priorities }),
    seedGoals: {
      ...(seedRatio === undefined ? {} : { ratio: seedRatio }),
      ...(seedSeconds === undefined ? {} : { seedingSeconds: seedSeconds }),
    },
  }
}

/** What is wanted of a torrent whose files are known; undefined: everything. Errors: torrent-value. */
function prioritiesOf(
  request: TransferRequest,
  { metainfo, selectedFiles }: LoadedSource,
): Result<number[] | undefined> {
  const choices = choicesOf(request, selectedFiles)
  if (metainfo === undefined || choices === undefined) return success(undefined)
  return selectFiles(
    choices,
    metainfo.info.files.map((file) => file.path),
    usualPriority,
  )
}

class TransferRun {
  private readonly request: TransferRequest
  private readonly onEvent: (event: TransferEvent) => void
  private readonly signal: AbortSignal
  private config: SessionConfig
  private ports: SessionPorts = systemPorts()
  private speed: SpeedRun | undefined
  private readonly items: TransferItem[] = []
  private failedSources = 0
  private hasToldListening = false
  private finish: () => void = () => undefined

  constructor(request: TransferRequest, onEvent: (event: TransferEvent) => void, signal: AbortSignal) {
    this.request = request
    this.onEvent = onEvent
    this.signal = signal
    this.config = configOf(request)
  }

  async run(): Promise<TransferOutcome> {
    try {
      await this.openSpeed()
      const loaded = await this.load()
      if (loaded.length > 0) await this.transfer(loaded)
    } finally {
      await this.speed?.close()
    }
    return this.outcome()
  }

  private async openSpeed(): Promise<void> {
    if (this.request.speed === undefined) return
    // Most transfers want no wallet, ledger or lane, which take 11 MiB.
    const { SpeedRun } = await import('./speed-run.ts')
    const { speed } = this.request
    try {
      this.speed = await SpeedRun.open(speed, this.onEvent)
    } catch (error) {
      if (!speed.isByDefault || !(error instanceof SwarmbidError)) throw error
      speed.note(`Nothing is sold: ${error.message} (${error.code})`)
      return
    }
    this.ports = { ...this.ports, speed: this.speed.ports }
    this.config = { ...this.config, speed: this.speed.config }
  }

  private async transfer(loaded: readonly LoadedSource[]): Promise<void> {
    keepYoungGeneration()
    const session = unwrap(await openSystemSession(this.config, this.ports))
    let last: readonly TorrentSnapshot[] = []
    try {
      if (this.request.mode === 'download') this.tellListening(session)
      const budget = this.speed?.divide(loaded.length)
      for (const source of loaded) if (!this.signal.aborted) await this.add(session, source, budget)
      if (this.speed?.isQuote === true) await this.speed.quote(() => this.snapshots(), this.signal)
      else await this.follow(session)
      await this.speed?.settle(
        session,
        this.items.map(({ id }) => id),
        this.signal.aborted,
      )
      for (const item of this.items) item.end()
    } finally {
      await session.close()
      // The last vouchers came while it was closed.
      last = this.snapshots()
      for (const item of this.items) item.release()
    }
    await this.speed?.conclude(last)
  }

  private outcome(): TransferOutcome {
    const failureCount = this.failedSources + this.items.filter((item) => item.hasFailed).length
    return { failureCount, isInterrupted: this.signal.aborted }
  }

  private async load(): Promise<LoadedSource[]> {
    const { request, ports, config, signal } = this
    const loaded: LoadedSource[] = []
    for (const source of request.sources) {
      if (signal.aborted) throw new SwarmbidError('interrupted', 'stopped before all torrents were read')
      await this.attempt(source, async () => {
        loaded.push(await loadSource(source, { ports, config, usesTrackers: request.usesTrackers, signal }))
      })
    }
    return loaded
  }

  private async add(session: Session, loaded: LoadedSource, budget: TorrentBudget | undefined): Promise<void> {
    const { request } = this
    const { dht, discoversLocally } = this.config
    const { source, content, infoHashes, metainfo, selectedFiles } = loaded
    await this.attempt(source, async () => {
      // Named twice; the session knows it by any of its hashes.
      if (infoHashes.some((hash) => session.torrentSnapshot(hash as TorrentId).ok)) return
      if (request.mode === 'seed' && (metainfo === undefined || lacksPieceLayers(metainfo))) throw unverifiable(source)
      const folder = request.mode === 'seed' && metainfo ? folderOfContent(metainfo.info, request.path) : request.path
      const priorities = unwrap(prioritiesOf(request, loaded))
      const lock = lockTorrent(request.stateFolder, infoHashes)
      const name = metainfo?.info.name ?? infoHashes[0]
      if (!lock.ok) throw new SwarmbidError(lock.code, `${name}: ${lock.detail}`)
      const added = await session.run({
        type: 'add',
        source: content,
        options: addOptions(request, folder, priorities, budget),
      })
      if (!added.ok || added.value.type !== 'added') {
        lock.value.release()
        unwrap(added.ok ? failure('torrent-value', 'not added') : added)
        return
      }
      const { id } = added.value
      if (request.rechecks) await session.run({ type: 'recheck', id })
      const item = new TransferItem({
        session,
        request,
        source,
        id,
        locks: [lock.value],
        lockedNames: infoHashes,
        selectedFiles,
        mayFindPeers: loaded.hasPeers || request.peers.length > 0 || dht !== undefined || discoversLocally,
        isSelected: metainfo !== undefined,
        onEvent: this.onEvent,
        onSettled: () => this.review(session),
      })
      this.items.push(item)
      item.begin()
    })
  }

  /** Tells what happens until nothing is left to do, or the signal comes. */
  private async follow(session: Session): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.finish = resolve
    })
    let { cursor } = session.snapshot()
    let isReviewDue = false
    const unsubscribe = session.onChange(() => {
      const changes = session.changesSince(cursor)
      cursor = changes.cursor
      const news = changes.type === 'lost' ? this.everything() : changes.changes
      for (const item of this.items) item.take(news)
      this.tellAccounts(news)
      if (isReviewDue || news.every(({ type }) => type === 'piece')) return
      isReviewDue = true
      setImmediate(() => {
        isReviewDue = false
        this.review(session)
      })
    })
    const looks = setInterval(() => this.look(), lookEveryMs)
    const progress = setInterval(() => this.tellProgress(), this.request.progressIntervalMs)
    const onAbort = () => this.finish()
    this.signal.addEventListener('abort', onAbort, { once: true })
    this.review(session)
    if (!this.signal.aborted) await ended
    this.signal.removeEventListener('abort', onAbort)
    clearInterval(looks)
    clearInterval(progress)
    unsubscribe()
  }

  private tellAccounts(changes: readonly Change[]): void {
    if (this.speed === undefined) return
    const { symbol } = this.speed
    for (const change of changes) {
      if (change.type === 'account') this.onEvent({ type: 'account', event: change.event, symbol })
    }
  }

  /** As good as all the changes that were missed. */
  private everything(): readonly Change[] {
    return this.items.flatMap(({ id }) => [{ type: 'metadata', id } as const, { type: 'finished', id } as const])
  }

  private review(session: Session): void {
    if (this.signal.aborted) return
    for (const item of this.items) item.review()
    if (this.request.mode === 'seed' && this.items.every((item) => item.isSettled)) this.tellListening(session)
    if (this.items.every((item) => item.isOver)) this.finish()
  }

  private tellListening(session: Session): void {
    const isServing = this.request.mode === 'download' || this.items.some((item) => !item.isOver)
    if (this.hasToldListening || !isServing) return
    this.hasToldListening = true
    this.onEvent({ type: 'listening', endpoints: session.snapshot().listening })
  }

  private snapshots(): TorrentSnapshot[] {
    return this.items.map((item) => item.snapshot()).filter((torrent) => torrent !== undefined)
  }

  /** At what no change tells of. */
  private look(): void {
    for (const item of this.items) {
      const torrent = item.snapshot()
      if (torrent === undefined) continue
      item.reviewTrackers(torrent)
      if (this.speed?.isWorthSeeding(torrent) === false) item.stopSeeding()
    }
  }

  private tellProgress(): void {
    const torrents = this.snapshots()
    this.onEvent({ type: 'progress', torrents })
    void this.speed?.note(torrents)
  }

  /** What one source throws is its own failure. */
  private async attempt(source: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof SwarmbidError) || error.code === 'interrupted') throw error
      this.failedSources++
      this.onEvent({ type: 'failed', source, problem: { code: error.code, detail: error.message } })
    }
  }
}

function unverifiable(source: string): SwarmbidError {
  return new SwarmbidError('torrent-not-ready', `${source}: without the hashes of its pieces nothing can be seeded`)
}

/**
 * Runs until all that was asked for is done, or the signal comes. Throws SwarmbidError when the session cannot be
 * opened (address-in-use, address-unavailable, those of the state folder), usage for a tracker or web seed that is none, and
 * interrupted while sources are read.
 */
export function runTransfers(
  request: TransferRequest,
  onEvent: (event: TransferEvent) => void,
  signal: AbortSignal,
): Promise<TransferOutcome> {
  for (const url of request.trackers.flat()) {
    const parsed = parseTrackerUrl(url)
    if (!parsed.ok) return Promise.reject(new SwarmbidError('usage', `tracker ${url}: ${parsed.detail}`))
  }
  for (const url of request.webSeeds) {
    const checked = checkWebSeedUrl(url)
    if (!checked.ok) return Promise.reject(new SwarmbidError('usage', `web seed ${url}: ${checked.detail}`))
  }
  return new TransferRun(request, onEvent, signal).run()
}
