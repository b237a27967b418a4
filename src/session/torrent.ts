// One torrent of the session, from the moment it is added: what it is busy with, and how it gets from one phase to the
// next. Guarantees: each transition is one method here; nothing is served or downloaded before the content was looked
// at; what stops it is told with the reason. Owns the torrent's connections, trackers, content and swarm.

import type { Endpoint } from '../base/endpoint.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { sha1Length } from '../base/hash.ts'
import { idBytes, type PeerId } from '../base/ids.ts'
import type { Metainfo, TorrentInfo } from '../formats/metainfo/metainfo.ts'
import { parseInfo } from '../formats/metainfo/parse-info.ts'
import { unknownLeftBytes } from '../formats/tracker/announce.ts'
import type { TorrentHashes } from '../peer/peer-opening.ts'
import type { StorageRecord } from '../storage/storage-record.ts'
import { Swarm } from '../swarm/swarm.ts'
import type { TransferProgress } from '../tracker/tracker-events.ts'
import type { BandwidthGroup } from './bandwidth.ts'
import { fetchingLayers } from './fetching-layers.ts'
import { type Fetching, fetchingMetadata } from './fetching-metadata.ts'
import { PeerList } from './peer-list.ts'
import type { SessionRoom } from './session-room.ts'
import type { Problem, TorrentState } from './snapshots.ts'
import { Swarming } from './swarming.ts'
import { TorrentAnnouncing } from './torrent-announcing.ts'
import { contradictionFailure, openContent, type TorrentContent } from './torrent-content.ts'
import { idleExchange, type LinkedPeer } from './torrent-exchange.ts'
import {
  filePriorities,
  lacksPieceLayers,
  piecePriorities,
  type TorrentFacts,
  type TorrentTotals,
} from './torrent-facts.ts'
import { type LinksTorrent, TorrentLinks } from './torrent-links.ts'
import { countProgress, type Progress } from './torrent-progress.ts'

/** What a torrent is busy with, whether it runs or not. */
export type TorrentPhase =
  | { readonly type: 'awaiting-metadata'; readonly fetching: Fetching }
  | { readonly type: 'awaiting-piece-layers'; readonly fetching: Fetching }
  | {
      readonly type: 'checking'
      readonly abort: AbortController
      /** Those who gave the metadata, and are needed at once. */
      readonly keepsPeers: boolean
      checkedPieces: number
      pieces: number
    }
  | { readonly type: 'ready'; readonly content: TorrentContent; readonly swarm: Swarm; readonly swarming: Swarming }
  | { readonly type: 'failed'; readonly problem: Problem; readonly resumesByItself: boolean }
  | { readonly type: 'closed' }

/** What a torrent asks of the session, in addition to what the room has. */
export interface TorrentHost {
  /** Its other info hash is known now. False: another torrent has it. */
  claim(torrent: Torrent): boolean
  /** Its metadata is here, or more of it: to be remembered. */
  keepMetainfo(torrent: Torrent): void
}

const retryWritesMs = 5_000
const retryTrialMs = 1_000
/** How long an address that lied is left alone. */
const banMs = 3_600_000
const usualWantedPeers = 50
const fewPeers = 10

export class Torrent implements LinksTorrent {
  readonly facts: TorrentFacts
  readonly peerId: PeerId
  readonly bandwidth: BandwidthGroup
  readonly links: TorrentLinks
  readonly announcing: TorrentAnnouncing
  peers: PeerList
  phase: TorrentPhase = { type: 'closed' }
  /** It has its place among those that run. */
  isRunning = false
  private firstPeerMs: number | undefined
  private lastPieceMs: number | undefined
  private countedMs: number
  /** Totals when the trackers were told that it started. */
  private announcedFrom = { downloadedBytes: 0, uploadedBytes: 0 }
  /** Why nothing is written now. */
  private writeProblem: Problem | undefined
  private isRetrying = false
  /** What is known from before of what is on disk. */
  private lastRecord: StorageRecord | undefined
  /** The end of a storage that was left. */
  private leaving: Promise<Result<void>> = Promise.resolve(success(undefined))
  private progressCache: Progress | undefined
  private toldState = ''
  private readonly room: SessionRoom
  private readonly host: TorrentHost
  private readonly retryOwner: number

  constructor(room: SessionRoom, host: TorrentHost, facts: TorrentFacts, peerId: PeerId, nowMs: number) {
    this.room = room
    this.host = host
    this.facts = facts
    this.peerId = peerId
    this.countedMs = nowMs
    this.peers = new PeerList({ random: room.ports.random })
    this.bandwidth = room.bandwidth.openGroup(facts.limits, nowMs)
    this.links = new TorrentLinks(room, this, idleExchange)
    this.announcing = new TorrentAnnouncing(
      room.turns,
      room.trackers,
      {
        infoHashes: this.wireHashes(),
        peerId: idBytes(peerId),
        key: facts.trackerKey,
        port: room.listenPort(),
        isPrivate: facts.metainfo?.info.isPrivate ?? false,
        tiers: facts.trackers,
        random: room.ports.random,
      },
      {
        progress: () => this.transferProgress(),
        onTrackerPeers: (_url, _infoHash, address, peers) => {
          const origin = address === undefined ? undefined : { address }
          for (const peer of peers) this.peers.add(peer, 'tracker', origin, room.turns.nowMs())
          room.reviewDialling()
        },
        onExternalAddress: (ip) => room.noteOwnAddress(ip),
        onTrackerChanged: () => this.dropPeers(room.turns.nowMs()),
        isUserTracker: (url) => facts.userTrackers.has(url),
      },
    )
    this.retryOwner = room.turns.register((atMs) => this.retryWrites(atMs))
  }

  get hashes(): TorrentHashes {
    const { infoHashV1, infoHashV2 } = this.facts
    return { ...(infoHashV1 === undefined ? {} : { infoHashV1 }), ...(infoHashV2 === undefined ? {} : { infoHashV2 }) }
  }

  get info(): TorrentInfo | undefined {
    return this.facts.metainfo?.info
  }

  get maxConnections(): number {
    return Math.min(this.facts.limits.maxConnections, this.room.config.connections.maxConnectionsPerTorrent)
  }

  get isUploadOnly(): boolean {
    return this.isFinished
  }

  /** All wanted pieces are verified. */
  get isFinished(): boolean {
    return this.phase.type === 'ready' && this.phase.swarm.isFinished
  }

  /** Nothing but the queue and its owner keeps it from running. */
  get canRun(): boolean {
    const { phase } = this
    if (phase.type === 'checking') return phase.keepsPeers && this.isRunning
    return phase.type === 'ready' || isFetching(phase)
  }

  get content(): TorrentContent | undefined {
    return this.phase.type === 'ready' ? this.phase.content : undefined
  }

  state(): TorrentState {
    const { phase } = this
    if (phase.type === 'failed') {
      return { type: 'error', problem: phase.problem, resumesByItself: phase.resumesByItself }
    }
    if (phase.type === 'checking') {
      return { type: 'checking', checkedPieces: phase.checkedPieces, pieces: phase.pieces }
    }
    if (!this.facts.wantsToRun || phase.type === 'closed') return { type: 'stopped' }
    if (this.writeProblem !== undefined) return { type: 'error', problem: this.writeProblem, resumesByItself: true }
    if (!this.isRunning) return { type: 'queued' }
    if (phase.type === 'ready') return { type: phase.swarm.isFinished ? 'seeding' : 'downloading' }
    return { type: phase.type }
  }

  /** The first transition: to whatever the metadata at hand allows. */
  begin(nowMs: number, record?: StorageRecord): void {
    const { metainfo } = this.facts
    if (record !== undefined) this.lastRecord = record
    if (metainfo === undefined) this.awaitMetadata(nowMs)
    else if (lacksPieceLayers(metainfo)) this.awaitPieceLayers(nowMs)
    else this.lookAtContent(this.lastRecord, nowMs)
  }

  /** Runs or waits, as the queue has it. */
  setRunning(isRunning: boolean, nowMs: number): void {
    if (isRunning === this.isRunning) return
    this.countTime(nowMs)
    this.isRunning = isRunning
    if (isRunning) {
      this.announcedFrom = this.transferred(nowMs)
      this.announcing.handle({ type: 'start' }, nowMs)
      this.tellDemand(nowMs)
      this.room.reviewDialling()
    } else {
      this.links.endAll(failure('interrupted', 'the torrent was stopped'), nowMs)
      void this.announcing.stop(this.room.config.stopTimeoutMs, nowMs)
      this.room.reviewSaving(this.facts.id)
    }
    this.room.reviewQueue()
  }

  /** Hashes everything on disk anew, whatever was believed of it. */
  recheck(nowMs: number): void {
    this.leaveContent(nowMs)
    this.lookAtContent(undefined, nowMs)
  }

  /** Tries again what failed. `mayDownloadAgain`: files that are gone are to be downloaded anew. */
  retry(mayDownloadAgain: boolean, nowMs: number): void {
    if (mayDownloadAgain) this.facts.mayDownloadAgain = true
    if (this.phase.type !== 'failed') return
    this.lookAtContent(this.lastRecord, nowMs)
  }

  /** Its .torrent was given to us while peers were still being asked for what is in it. */
  takeMetainfo(metainfo: Metainfo, nowMs: number): void {
    const { phase } = this
    if (phase.type === 'awaiting-metadata') this.takeMetadata(metainfo.info.raw, nowMs)
    const { metainfo: known } = this.facts
    if (this.phase.type !== 'awaiting-piece-layers' || known === undefined || lacksPieceLayers(metainfo)) return
    this.takePieceLayers({ ...known, pieceLayers: metainfo.pieceLayers }, nowMs)
  }

  /** Somebody named a peer. Private torrents take those of trackers only (BEP 27). */
  namePeer(endpoint: Endpoint, source: 'manual' | 'magnet', nowMs: number): void {
    if (this.info?.isPrivate === true) return
    this.peers.add(endpoint, source, 'user', nowMs)
    this.room.reviewDialling()
  }

  /** What its record is to say of the content; undefined: nothing is known. All of it is on the disk. */
  async storageRecord(): Promise<Result<StorageRecord | undefined>> {
    const { content } = this
    if (content === undefined) return success(this.lastRecord)
    const record = await content.storage.resume()
    if (record.ok) this.lastRecord = record.value
    return record
  }

  /** Ends everything; what is complete stays on disk. Settled when nothing is under way any more. */
  async close(nowMs: number): Promise<Result<void>> {
    this.setRunning(false, nowMs)
    this.leaveContent(nowMs)
    this.end()
    return await this.leaving
  }

  /** As close, and deletes the content. */
  async remove(nowMs: number): Promise<Result<void>> {
    const { content } = this
    this.setRunning(false, nowMs)
    if (content === undefined) return await this.close(nowMs)
    this.leaveContent(nowMs, () => content.storage.remove())
    this.end()
    return await this.leaving
  }

  /** Bytes of files and wanted bytes that are here; undefined until the content was looked at. */
  progress(): Progress | undefined {
    const { phase, info } = this
    if (phase.type !== 'ready' || info === undefined) return undefined
    this.progressCache ??= countProgress(
      phase.content.plan,
      phase.content.storage.have,
      filePriorities(this.facts, info),
    )
    return this.progressCache
  }

  /** Payload in both directions, restarts included. */
  transferred(nowMs: number): { downloadedBytes: number; uploadedBytes: number } {
    const { totals } = this.facts
    if (this.phase.type !== 'ready')
      return { downloadedBytes: totals.downloadedBytes, uploadedBytes: totals.uploadedBytes }
    const { downloadedBytes, uploadedBytes } = this.phase.swarm.snapshot(nowMs)
    return {
      downloadedBytes: totals.downloadedBytes + downloadedBytes,
      uploadedBytes: totals.uploadedBytes + uploadedBytes,
    }
  }

  /** As of now, for the record. */
  totals(nowMs: number): TorrentTotals {
    this.countTime(nowMs)
    return { ...this.facts.totals, ...this.transferred(nowMs) }
  }

  /** From the first peer's connection to the last verified byte; undefined when nothing was downloaded. */
  transferSeconds(): number | undefined {
    const { firstPeerMs, lastPieceMs } = this
    return firstPeerMs === undefined || lastPieceMs === undefined ? undefined : (lastPieceMs - firstPeerMs) / 1_000
  }

  /** Adds the time since it was last called to the totals. */
  countTime(nowMs: number): void {
    const seconds = (nowMs - this.countedMs) / 1_000
    this.countedMs = nowMs
    if (!this.isRunning || this.phase.type !== 'ready') return
    this.facts.totals.activeSeconds += seconds
    if (this.phase.swarm.isFinished) this.facts.totals.seedingSeconds += seconds
  }

  /** The owner changed what is wanted of it. */
  prioritiesChanged(nowMs: number): void {
    const { phase, info } = this
    this.progressCache = undefined
    if (phase.type !== 'ready' || info === undefined) return
    const priorities = filePriorities(this.facts, info)
    phase.swarm.setPriorities(piecePriorities(phase.content.plan, priorities), nowMs)
    this.touch()
    this.room.turns.after(phase.content.storage.setPriorities(priorities), (result, atMs) => {
      if (!result.ok) this.takeWriteProblem(result, atMs)
    })
    this.peers.setSeeding(phase.swarm.isFinished)
    this.room.reviewQueue()
  }

  limitsChanged(nowMs: number): void {
    const { limits } = this.facts
    this.room.bandwidth.setGroupRates(this.bandwidth, limits, nowMs)
    this.links.endSurplus(nowMs)
    if (this.phase.type === 'ready') {
      this.phase.swarm.setMaxSlots(this.maxSlots, nowMs)
      this.touch()
    }
    this.room.reviewDialling()
  }

  orderChanged(): void {
    if (this.phase.type === 'ready') this.phase.swarm.setMode(this.facts.isSequential ? 'sequential' : 'rarest')
  }

  superSeedingChanged(): void {
    if (this.phase.type === 'ready') this.phase.swarm.setSuperSeeding(this.facts.isSuperSeeding)
  }

  /** Once in a while: what trackers are to know. */
  tellDemand(nowMs: number): void {
    if (!this.isRunning) return
    const wanted = this.isFinished ? 0 : Math.max(0, Math.min(usualWantedPeers, this.maxConnections - this.links.count))
    const isShort = !this.isFinished && this.links.linked.size < fewPeers && this.peers.size < fewPeers
    this.announcing.handle({ type: 'demand', wantedPeers: wanted, isShort }, nowMs)
  }

  /** A connection got past the handshake. */
  peerConnected(nowMs: number): void {
    if (!this.isFinished) this.firstPeerMs ??= nowMs
  }

  /** Ends and bans who sent what nobody honest sends. */
  banPeer(link: LinkedPeer, why: Failure, nowMs: number): void {
    const { address } = link.connection.remote
    this.banAddress(address, nowMs)
    this.links.endAddress(address, why, nowMs)
  }

  /** What is on disk could not be read: files that are gone stop the torrent, for nobody downloads them again unasked. */
  takeReadProblem(why: Failure, nowMs: number): void {
    if (why.code === 'file-not-found') this.fail(failure('files-missing', why.detail), false, nowMs)
  }

  private get maxSlots(): number {
    return Math.min(this.facts.limits.maxSlots, this.room.config.connections.maxSlotsPerTorrent)
  }

  private banAddress(address: string, nowMs: number): void {
    this.peers.ban(address, nowMs + banMs)
  }

  private awaitMetadata(nowMs: number): void {
    const fetching = fetchingMetadata(this.room, this.hashes, {
      touch: () => this.touch(),
      onLiar: (link, why, atMs) => this.banPeer(link, why, atMs),
      onMetadata: (raw, atMs) => this.takeMetadata(raw, atMs),
    })
    this.enter({ type: 'awaiting-metadata', fetching })
    this.links.setExchange(fetching, nowMs)
  }

  private takeMetadata(raw: Uint8Array, nowMs: number): void {
    const { facts, phase } = this
    if (phase.type !== 'awaiting-metadata') return
    phase.fetching.close()
    const parsed = parseInfo(raw)
    if (!parsed.ok) {
      this.fail(parsed, false, nowMs)
      return
    }
    const info = parsed.value
    const rest = facts.isRestUnwanted ? new Array<number>(info.files.length).fill(0) : []
    facts.priorities = [...facts.priorities, ...rest.slice(facts.priorities.length)].slice(0, info.files.length)
    facts.infoHashV1 = info.infoHashV1
    facts.infoHashV2 = info.infoHashV2
    if (!this.host.claim(this)) {
      this.fail(failure('torrent-value', 'the torrent is here already, under its other info hash'), false, nowMs)
      return
    }
    facts.metainfo = {
      info,
      pieceLayers: new Map(),
      trackers: facts.trackers,
      webSeeds: facts.webSeeds,
      httpSeeds: [],
      nodes: [],
    }
    // What was learnt from anybody but trackers does not count for a private torrent (BEP 27).
    if (info.isPrivate) this.dropPeers(nowMs)
    this.announcing.handle({ type: 'identify', infoHashes: this.wireHashes(), isPrivate: info.isPrivate }, nowMs)
    this.room.log.add({ type: 'metadata', id: facts.id })
    this.host.keepMetainfo(this)
    this.begin(nowMs)
  }

  private awaitPieceLayers(nowMs: number): void {
    const { metainfo } = this.facts
    if (metainfo === undefined) return
    const fetching = fetchingLayers(this.room, metainfo.info, metainfo.pieceLayers, {
      touch: () => this.touch(),
      onLiar: (link, why, atMs) => this.banPeer(link, why, atMs),
      onPieceLayers: (pieceLayers, atMs) => this.takePieceLayers({ ...metainfo, pieceLayers }, atMs),
    })
    this.enter({ type: 'awaiting-piece-layers', fetching })
    this.links.setExchange(fetching, nowMs)
    this.room.reviewQueue()
  }

  private takePieceLayers(metainfo: Metainfo, nowMs: number): void {
    if (this.phase.type !== 'awaiting-piece-layers') return
    this.phase.fetching.close()
    this.facts.metainfo = metainfo
    this.host.keepMetainfo(this)
    this.begin(nowMs)
  }

  private lookAtContent(record: StorageRecord | undefined, nowMs: number): void {
    const { metainfo } = this.facts
    if (metainfo === undefined) return
    const phase: TorrentPhase & { type: 'checking' } = {
      type: 'checking',
      abort: new AbortController(),
      keepsPeers: isFetching(this.phase),
      checkedPieces: 0,
      pieces: metainfo.info.pieceCount,
    }
    this.lastRecord = record
    this.enter(phase)
    this.links.setExchange(idleExchange, nowMs)
    this.room.turns.after(this.looked(metainfo, phase, record), (result, atMs) => {
      if (this.phase !== phase) return
      if (result.ok) this.becomeReady(metainfo, result.value, atMs)
      else this.fail(result, result.code === 'disk-full', atMs)
    })
  }

  private async looked(
    metainfo: Metainfo,
    phase: TorrentPhase & { type: 'checking' },
    record: StorageRecord | undefined,
  ): Promise<Result<TorrentContent>> {
    // An earlier look at the same files must be over.
    await this.leaving
    return await openContent(this.room, {
      facts: this.facts,
      metainfo,
      record,
      events: {
        touch: () => this.touch(),
        onPieceWritten: (piece, atMs) => this.pieceWritten(piece, atMs),
        onPieceLost: () => this.pieceLost(),
        onWriteFailed: (why, atMs) => this.takeWriteProblem(why, atMs),
        onReadFailed: (why, atMs) => this.takeReadProblem(why, atMs),
      },
      onProgress: (checkedPieces, pieces) => {
        phase.checkedPieces = checkedPieces
        phase.pieces = pieces
      },
      signal: phase.abort.signal,
    })
  }

  private becomeReady(metainfo: Metainfo, content: TorrentContent, nowMs: number): void {
    const { facts, room } = this
    const { storage, plan } = content
    const swarm = new Swarm({
      info: metainfo.info,
      pieceLayers: metainfo.pieceLayers,
      plan,
      storage,
      random: room.ports.random,
      maxSlots: this.maxSlots,
      nowMs,
    })
    const swarming = new Swarming(room, swarm, {
      touch: () => this.touch(),
      onLiar: (link, why, atMs) => this.banPeer(link, why, atMs),
      onDisconnect: (link, why, atMs) => link.connection.end(why, atMs),
      onBan: (address, atMs) => this.banAddress(address, atMs),
      onFinished: (atMs) => this.finished(atMs),
      onContradiction: (piece, atMs) => this.fail(contradictionFailure(piece), false, atMs),
    })
    facts.mayDownloadAgain = false
    this.progressCache = undefined
    content.attach(swarm)
    this.enter({ type: 'ready', content, swarm, swarming })
    // They may be others than when the storage was made.
    this.prioritiesChanged(nowMs)
    this.orderChanged()
    this.superSeedingChanged()
    if (swarm.isFinished && !facts.isPlaced) this.place(content)
    if (swarm.isFinished) facts.completedMs ??= Math.floor(room.ports.clock.wallMs())
    this.peers.setSeeding(swarm.isFinished)
    this.links.setExchange(swarming, nowMs)
    this.touch()
    room.reviewQueue()
    room.reviewSaving(this.facts.id)
  }

  private finished(nowMs: number): void {
    const { facts, room, phase } = this
    if (phase.type !== 'ready') return
    this.countTime(nowMs)
    facts.completedMs ??= Math.floor(room.ports.clock.wallMs())
    this.peers.setSeeding(true)
    if (phase.content.storage.have.isComplete) this.announcing.handle({ type: 'completed' }, nowMs)
    // Whoever hears of it finds the files under their own names.
    room.turns.after(phase.content.storage.settled(), () => room.log.add({ type: 'finished', id: facts.id }))
    if (!facts.isPlaced) this.place(phase.content)
    room.reviewQueue()
    room.reviewSaving(this.facts.id)
    this.room.reviewQueue()
  }

  /** Brings what is whole out of the folder for incomplete content. */
  private place(content: TorrentContent): void {
    const { facts, room } = this
    const moving = room.openFolder(facts.folder).then(async (root) => {
      return root.ok ? await content.storage.move({ root: root.value, folder: [] }) : root
    })
    room.turns.after(moving, (moved, nowMs) => {
      if (moved.ok) facts.isPlaced = true
      else this.takeWriteProblem(moved, nowMs)
      room.log.add({ type: 'changed', id: facts.id })
      room.reviewSaving(facts.id)
    })
  }

  private pieceWritten(piece: number, nowMs: number): void {
    this.lastPieceMs = nowMs
    this.progressCache = undefined
    this.room.log.add({ type: 'piece', id: this.facts.id, piece })
    this.room.reviewSaving(this.facts.id)
    if (this.writeProblem !== undefined && this.isRetrying) this.writingWorks(nowMs)
  }

  private pieceLost(): void {
    this.progressCache = undefined
    this.room.reviewSaving(this.facts.id)
    this.room.reviewQueue()
  }

  /** Nothing can be written: what is complete is still sent, and writing is tried again from time to time. */
  private takeWriteProblem(why: Failure, nowMs: number): void {
    const { phase } = this
    if (phase.type !== 'ready') return
    this.writeProblem = { code: why.code, detail: why.detail }
    this.isRetrying = false
    phase.swarm.setPaused({ download: true, upload: false }, nowMs)
    this.touch()
    this.room.turns.wakeAt(this.retryOwner, nowMs + retryWritesMs)
    this.room.reviewQueue()
  }

  /** Tries again; when nothing has failed a moment later, writing works. */
  private retryWrites(nowMs: number): void {
    const { phase } = this
    if (phase.type !== 'ready' || this.writeProblem === undefined) return
    if (this.isRetrying) {
      this.writingWorks(nowMs)
      return
    }
    this.isRetrying = true
    phase.content.storage.retryWrites()
    this.room.turns.wakeAt(this.retryOwner, nowMs + retryTrialMs)
  }

  private writingWorks(nowMs: number): void {
    this.writeProblem = undefined
    this.room.turns.wakeAt(this.retryOwner, Number.POSITIVE_INFINITY)
    if (this.phase.type === 'ready') {
      this.phase.swarm.setPaused({ download: false, upload: false }, nowMs)
      this.touch()
    }
    this.room.reviewQueue()
  }

  private fail(why: Failure, resumesByItself: boolean, nowMs: number): void {
    this.leaveContent(nowMs)
    this.enter({ type: 'failed', problem: { code: why.code, detail: why.detail }, resumesByItself })
    this.links.endAll(failure('interrupted', 'the torrent has failed'), nowMs)
    this.room.reviewQueue()
  }

  /** Nothing is done with the content any more; its storage is closed in the background. */
  private leaveContent(nowMs: number, leave?: () => Promise<Result<void>>): void {
    const { phase } = this
    this.writeProblem = undefined
    this.progressCache = undefined
    this.links.setExchange(idleExchange, nowMs)
    if (phase.type === 'checking') phase.abort.abort()
    if (phase.type === 'awaiting-metadata' || phase.type === 'awaiting-piece-layers') phase.fetching.close()
    if (phase.type !== 'ready') return
    this.countTime(nowMs)
    this.links.endAll(failure('interrupted', 'the content is looked at'), nowMs)
    const { downloadedBytes, uploadedBytes } = phase.swarm.snapshot(nowMs)
    this.facts.totals.downloadedBytes += downloadedBytes
    this.facts.totals.uploadedBytes += uploadedBytes
    phase.content.attach(undefined)
    phase.swarming.close()
    this.leaving = leave === undefined ? phase.content.storage.close() : leave()
  }

  private end(): void {
    this.phase = { type: 'closed' }
    this.room.turns.unregister(this.retryOwner)
  }

  /** The swarm, or what is in its place, is to be settled before the turn ends. */
  private touch(): void {
    this.room.touch(this.links)
  }

  private dropPeers(nowMs: number): void {
    this.peers = new PeerList({ random: this.room.ports.random })
    this.links.endAll(failure('interrupted', 'only the tracker in use may name peers'), nowMs)
  }

  private transferProgress(): TransferProgress {
    const { downloadedBytes, uploadedBytes } = this.transferred(this.room.turns.nowMs())
    const progress = this.progress()
    return {
      downloadedBytes: downloadedBytes - this.announcedFrom.downloadedBytes,
      uploadedBytes: uploadedBytes - this.announcedFrom.uploadedBytes,
      leftBytes: progress?.missingBytes ?? this.info?.totalBytes ?? unknownLeftBytes,
      isPartialSeed: this.isFinished && (progress?.missingBytes ?? 0) > 0,
    }
  }

  private wireHashes(): Uint8Array[] {
    const { infoHashV1, infoHashV2 } = this.facts
    const hashes: Uint8Array[] = []
    if (infoHashV1 !== undefined) hashes.push(idBytes(infoHashV1))
    if (infoHashV2 !== undefined) hashes.push(idBytes(infoHashV2).subarray(0, sha1Length))
    return hashes
  }

  /** The state is noted when the queue has had its say. */
  private enter(phase: TorrentPhase): void {
    this.phase = phase
    this.room.reviewQueue()
  }

  /** For the session, when the queue has had its say: tells the change log if the state is another one than before. */
  noteState(): void {
    const state = this.state()
    const told = state.type === 'error' ? `error ${state.problem.code}` : state.type
    if (told === this.toldState) return
    this.toldState = told
    this.room.log.add({ type: 'state', id: this.facts.id, state })
  }
}

function isFetching({ type }: TorrentPhase): boolean {
  return type === 'awaiting-metadata' || type === 'awaiting-piece-layers'
}
