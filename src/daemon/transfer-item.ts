// One torrent of a run of `download` or `seed`: follows what the session says of it and tells what is new.
// Guarantees: each event once; what is wanted of a link's files is set before any of them is asked for. Owns its locks.
import type { Failure } from '../base/errors.ts'
import type { FileRange } from '../formats/magnet.ts'
import type { TorrentId } from '../session/commands.ts'
import type { Session } from '../session/session.ts'
import type { Change } from '../session/snapshots.ts'
import { usualPriority } from '../session/torrent-facts.ts'
import type { ProcessLock } from './process-lock.ts'
import { type FileChoice, selectFiles } from './select-files.ts'
import { lockTorrent } from './torrent-lock.ts'
import type { Problem, SpeedEvent, TorrentSnapshot, TransferEvent, TransferRequest } from './transfer-request.ts'

/** `looking`: at what is on disk; `finished`: it is complete and may be left or seeded on. */
type Stage = 'looking' | 'starting' | 'running' | 'finished' | 'ended' | 'failed'

export interface TransferItemOptions {
  readonly session: Session
  readonly request: TransferRequest
  readonly source: string
  readonly id: TorrentId
  readonly locks: ProcessLock[]
  readonly lockedNames: readonly string[]
  /** Of the link (BEP 53); what the request selects comes before it. */
  readonly selectedFiles: readonly FileRange[] | undefined
  /** Somebody named peers of it, or may yet: the DHT, the local network. */
  readonly mayFindPeers: boolean
  /** What is wanted was said when it was added. */
  readonly isSelected: boolean
  readonly onEvent: (event: TransferEvent) => void
  /** A seed is served from now on. */
  readonly onSettled: () => void
}

const namedFiles = 5

/** What a request, or else a link, selects; undefined: everything. */
export function choicesOf(
  request: TransferRequest,
  selectedFiles: readonly FileRange[] | undefined,
): readonly FileChoice[] | undefined {
  return request.selection ?? selectedFiles?.map((range) => ({ type: 'numbers', range }) as const)
}

export class TransferItem {
  readonly id: TorrentId
  readonly source: string
  private readonly options: TransferItemOptions
  private readonly lockedNames: Set<string>
  private stage: Stage = 'looking'
  private isSelected: boolean
  private hasMetadata = false
  private isToldFinished = false
  private toldState = ''
  private readonly toldTrackers = new Map<string, string>()
  /** By URL, its problem. */
  private readonly toldWebSeeds = new Map<string, string>()
  /** By name, how many of its problems. */
  private readonly toldPeers = new Map<string, number>()

  constructor(options: TransferItemOptions) {
    this.options = options
    this.id = options.id
    this.source = options.source
    this.isSelected = options.isSelected
    this.lockedNames = new Set(options.lockedNames)
  }

  get isOver(): boolean {
    return this.stage === 'ended' || this.stage === 'failed'
  }

  /** It has been looked at, and is served or given up. */
  get isSettled(): boolean {
    return this.stage !== 'looking' && this.stage !== 'starting'
  }

  get hasFailed(): boolean {
    return this.stage === 'failed'
  }

  /** Undefined once it is given up. */
  snapshot(): TorrentSnapshot | undefined {
    if (this.hasFailed) return undefined
    const snapshot = this.options.session.torrentSnapshot(this.id)
    return snapshot.ok ? snapshot.value : undefined
  }

  begin(): void {
    const torrent = this.snapshot()
    if (torrent === undefined) return
    this.options.onEvent({ type: 'added', source: this.source, torrent })
    this.hasMetadata = torrent.version !== undefined
    if (this.hasMetadata) this.metadataKnown()
    this.review()
  }

  /** Nothing of it was asked for yet, but what was known from before. */
  private metadataKnown(): void {
    const torrent = this.snapshot()
    if (torrent === undefined) return
    if (!this.hasMetadata) this.options.onEvent({ type: 'metadata', torrent })
    this.hasMetadata = true
    this.lockNewNames(torrent)
    if (this.isSelected || this.isOver) return
    this.isSelected = true
    const choices = choicesOf(this.options.request, this.options.selectedFiles)
    if (choices === undefined) return
    const priorities = selectFiles(
      choices,
      torrent.files.map((file) => file.path),
      usualPriority,
    )
    if (!priorities.ok) {
      this.giveUp(named(torrent, priorities))
      return
    }
    void this.options.session.run({ type: 'set-priorities', id: this.id, priorities: priorities.value })
  }

  /** Changes of the session, within the turn they were made in; a review follows. */
  take(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.type === 'metadata' && change.id === this.id) this.metadataKnown()
      if (change.type === 'finished' && change.id === this.id) this.isToldFinished = true
      if (change.type === 'speed' && change.id === this.id) this.tellSpeed(change.event)
    }
  }

  /** Something of it has changed. */
  review(): void {
    const torrent = this.snapshot()
    if (torrent === undefined || this.isOver) return
    this.tellWebSeeds(torrent)
    if (this.isUnreachable(torrent)) {
      this.giveUp(unreachable(torrent))
      return
    }
    const { state } = torrent
    this.tellState(torrent)
    this.tellPeers(torrent)
    if (state.type === 'error' && !state.resumesByItself) this.giveUp(named(torrent, state.problem))
    else if (this.options.request.mode === 'seed') this.reviewSeed(torrent)
    else this.reviewDownload(torrent)
  }

  /** It would wait for ever: there is nobody to ask, nobody to call, and nobody knows where this listens. */
  private isUnreachable(torrent: TorrentSnapshot): boolean {
    const { request, mayFindPeers } = this.options
    const { state, isPrivate, isFinished, trackers, connectedPeers, knownPeers, webSeeds } = torrent
    if (request.mode === 'seed' || request.isReachable || isFinished) return false
    if (!['awaiting-metadata', 'awaiting-piece-layers', 'downloading'].includes(state.type)) return false
    // Peers that anybody but its trackers named count for nothing in a private torrent (BEP 27).
    const isHopeful =
      (mayFindPeers && !isPrivate) ||
      (state.type === 'downloading' && webSeeds.some((seed) => seed.state !== 'retired'))
    return !isHopeful && trackers.length === 0 && connectedPeers === 0 && knownPeers === 0
  }

  /** Tells what is new of trackers. */
  reviewTrackers(torrent: TorrentSnapshot): void {
    for (const tracker of torrent.trackers) {
      if (tracker.state === 'idle' || tracker.state === 'announcing') continue
      const told = `${tracker.state} ${tracker.message ?? ''}`
      if (this.toldTrackers.get(tracker.url) === told) continue
      this.toldTrackers.set(tracker.url, told)
      this.options.onEvent({ type: 'tracker', torrent, tracker })
    }
  }

  /** The run ends. */
  end(): void {
    if (this.isOver) return
    const torrent = this.snapshot()
    const isPlainDownload = this.options.request.mode === 'download' && !this.seedsOn && this.stage === 'finished'
    this.stage = 'ended'
    if (torrent !== undefined && !isPlainDownload) this.options.onEvent({ type: 'stopped', torrent })
  }

  /** It is seeded no longer, as a goal is reached. */
  stopSeeding(): void {
    if (this.stage === 'finished') void this.options.session.run({ type: 'stop', id: this.id })
  }

  release(): void {
    for (const lock of this.options.locks) lock.release()
  }

  giveUp({ code, detail }: Problem): void {
    if (this.isOver) return
    this.stage = 'failed'
    this.options.onEvent({ type: 'failed', source: this.source, problem: { code, detail } })
    void this.options.session.run({ type: 'stop', id: this.id })
  }

  private get seedsOn(): boolean {
    const { staysSeeding, seedRatio, seedSeconds, speed } = this.options.request
    return staysSeeding || [seedRatio, seedSeconds, speed?.whileEarning].some((goal) => goal !== undefined)
  }

  private tellState(torrent: TorrentSnapshot): void {
    const { state, isFinished } = torrent
    // What is only a step on the way is not worth telling.
    const isPassing = this.options.request.mode === 'seed' ? state.type === 'stopped' : isFinished && !this.seedsOn
    const told = state.type === 'error' ? `error ${state.problem.code}` : state.type
    if (isPassing || told === this.toldState) return
    this.toldState = told
    this.options.onEvent({ type: 'state', torrent })
  }

  private tellPeers(torrent: TorrentSnapshot): void {
    for (const { peer, problems } of torrent.namedPeers) {
      for (const problem of problems.slice(this.toldPeers.get(peer) ?? 0)) {
        this.options.onEvent({ type: 'peer', torrent, peer, problem })
      }
      this.toldPeers.set(peer, problems.length)
    }
  }

  private tellSpeed(event: SpeedEvent): void {
    const torrent = this.snapshot()
    if (torrent !== undefined) this.options.onEvent({ type: 'speed', torrent, event })
  }

  private tellWebSeeds(torrent: TorrentSnapshot): void {
    for (const webSeed of torrent.webSeeds) {
      const { url, problem } = webSeed
      const told = problem === undefined ? '' : `${problem.code} ${problem.detail}`
      if ((this.toldWebSeeds.get(url) ?? '') === told) continue
      this.toldWebSeeds.set(url, told)
      if (problem !== undefined) this.options.onEvent({ type: 'web-seed', torrent, webSeed, problem })
    }
  }

  private reviewDownload(torrent: TorrentSnapshot): void {
    const { state } = torrent
    if (this.stage === 'looking' && state.type !== 'checking') this.stage = 'running'
    // What came over the network is told of by the session once its files have their own names; what was here before may
    // lack them too.
    const isBusy = torrent.transferSeconds !== undefined || state.type === 'downloading' || state.type === 'error'
    const isWhole = torrent.isFinished && (this.isToldFinished || !isBusy)
    if (this.stage === 'running' && isWhole) {
      this.stage = 'finished'
      this.options.onEvent({ type: 'done', torrent })
    }
    if (this.stage !== 'finished' || !torrent.isFinished) return
    if (!this.seedsOn) this.stage = 'ended'
    else if (state.type === 'stopped') this.end()
  }

  private reviewSeed(torrent: TorrentSnapshot): void {
    if (this.stage === 'finished' && torrent.state.type === 'stopped') this.end()
    if (this.stage !== 'looking') return
    // It was added stopped: once it is looked at it stays so, and there are pieces to speak of.
    if (torrent.state.type !== 'stopped' || torrent.pieces.length === 0) return
    const incomplete = torrent.files.filter(({ doneBytes, lengthBytes }) => doneBytes < lengthBytes)
    if (incomplete.length > 0 && !this.options.request.allowsPartial) {
      this.giveUp(incompleteFailure(torrent, incomplete))
      return
    }
    this.stage = 'starting'
    void this.serve(torrent)
  }

  private async serve(torrent: TorrentSnapshot): Promise<void> {
    const { session } = this.options
    const priorities = torrent.files.map(({ doneBytes, lengthBytes }) => (doneBytes < lengthBytes ? 0 : usualPriority))
    // Nothing is downloaded into content that was given to be seeded.
    if (priorities.includes(0)) await session.run({ type: 'set-priorities', id: this.id, priorities })
    await session.run({ type: 'start', id: this.id })
    if (this.stage === 'starting') this.stage = 'finished'
    this.options.onSettled()
  }

  private lockNewNames(torrent: TorrentSnapshot): void {
    const names = [torrent.infoHashV1, torrent.infoHashV2].filter((name) => name !== undefined)
    const added = names.filter((name) => !this.lockedNames.has(name))
    if (added.length === 0) return
    for (const name of added) this.lockedNames.add(name)
    const lock = lockTorrent(this.options.request.stateFolder, added)
    if (lock.ok) this.options.locks.push(lock.value)
    else this.giveUp(named(torrent, lock))
  }
}

/** A problem that tells which torrent it is about, when there are several. */
function named({ name }: TorrentSnapshot, { code, detail }: Problem | Failure): Problem {
  return { code, detail: detail.startsWith(name) ? detail : `${name}: ${detail}` }
}

function unreachable(torrent: TorrentSnapshot): Problem {
  const why = torrent.isPrivate
    ? 'a private torrent has peers from its trackers only, and none is known'
    : `no tracker to ask and no peer to call, so nothing can find peers${lostWebSeeds(torrent)}`
  return named(torrent, { code: 'torrent-unreachable', detail: why })
}

/** They were the last hope. */
function lostWebSeeds({ webSeeds, state }: TorrentSnapshot): string {
  if (state.type !== 'downloading' || webSeeds.length === 0) return ''
  return webSeeds.length === 1 ? '; the web seed is of no use' : `; none of ${webSeeds.length} web seeds is of use`
}

function incompleteFailure(torrent: TorrentSnapshot, incomplete: TorrentSnapshot['files']): Problem {
  const names = incomplete.slice(0, namedFiles).map((file) => file.path.join('/'))
  if (names.length < incomplete.length) names.push('…')
  const count = `${incomplete.length} of ${torrent.files.length} ${torrent.files.length === 1 ? 'file' : 'files'}`
  return { code: 'content-mismatch', detail: `${torrent.name}: ${count} missing or not complete: ${names.join(', ')}` }
}
