// One torrent of the session, from the moment it is added: what it is busy with, and how it gets from one phase to the
// next. Guarantees: each transition is one method here; nothing is served or downloaded before the content was looked
// at; what stops it is told with the reason. Owns the torrent's connections, trackers, content and swarm.

import type { Endpoint } from '../base/endpoint.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
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
import { fetchingMetadata } from './fetching-metadata.ts'
import { privatePeersFailure, unlistedFailure } from './named-peers.ts'
import { PeerList } from './peer-list.ts'
import type { SessionRoom } from './session-room.ts'
import type { TorrentState } from './snapshots.ts'
import { Swarming } from './swarming.ts'
import { TorrentAnnouncing } from './torrent-announcing.ts'
import { contradictionFailure, openContent, removeContent, type TorrentContent } from './torrent-content.ts'
import { idleExchange, type LinkedPeer } from './torrent-exchange.ts'
import {
  filePriorities,
  lacksPieceLayers,
  learnHashes,
  learnInfo,
  piecePriorities,
  type TorrentFacts,
  wireHashes,
} from './torrent-facts.ts'
import { type LinksTorrent, TorrentLinks } from './torrent-links.ts'
import { type CheckingPhase, isFetching, shownState, type TorrentPhase } from './torrent-phase.ts'
import { countProgress, type Progress } from './torrent-progress.ts'
import { TorrentTally } from './torrent-tally.ts'
import { WritingTrouble } from './writing-trouble.ts'

/** What a torrent asks of the session, in addition to what the room has. */
export interface TorrentHost {
  /** Its other info hash is known now. False: another torrent has it. */
  claim(torrent: Torrent): boolean
  /** Its metadata is here, or more of it: to be remembered. */
  keepMetainfo(torrent: Torrent): void
  /** Whether it may run is to be decided anew. */
  reviewQueue(torrent: Torrent): void
}

/** Until content that could not be opened is looked at again, where that may help. */
const retryMs = 30_000
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
  readonly tally: TorrentTally
  peers: PeerList
  phase: TorrentPhase = { type: 'closed' }
  /** It has its place among those that run, and is able to. */
  isRunning = false
  private mayRun = false
  /** Its place in the queue: greater than that of all who come before it. The registry's. */
  rank = 0
  private readonly writing: WritingTrouble
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
    this.tally = new TorrentTally(facts.totals, nowMs)
    this.peers = new PeerList({ random: room.ports.random })
    this.bandwidth = room.bandwidth.openGroup(facts.limits, nowMs)
    this.links = new TorrentLinks(room, this, idleExchange)
    this.announcing = new TorrentAnnouncing(
      room.turns,
      room.trackers,
      {
        infoHashes: wireHashes(facts),
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
    this.writing = new WritingTrouble(room.turns, { onChanged: () => this.writingChanged() })
    this.retryOwner = room.turns.register((atMs) => this.retry(false, atMs))
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
    if (phase.type === 'checking') return phase.isBrief || (phase.keepsPeers && this.isRunning)
    return phase.type === 'ready' || isFetching(phase)
  }

  /** It is complete, or will be found to be. */
  get isSeed(): boolean {
    return this.phase.type === 'checking' ? this.facts.completedMs !== undefined : this.isFinished
  }

  get content(): TorrentContent | undefined {
    return this.phase.type === 'ready' ? this.phase.content : undefined
  }

  state(): TorrentState {
    return shownState(this.phase, this.facts.wantsToRun, this.isRunning, this.writing.problem)
  }

  /** The first transition: to whatever the metadata at hand allows. */
  begin(nowMs: number, record?: StorageRecord): void {
    const { metainfo } = this.facts
    if (record !== undefined) this.lastRecord = record
    if (metainfo === undefined) this.awaitMetadata(nowMs)
    else if (lacksPieceLayers(metainfo)) this.awaitPieceLayers(nowMs)
    else this.lookAtContent(this.lastRecord, nowMs)
  }

  /** The owner started or stopped it, which the queue is to hear of. Stopped, its content is looked at no further. */
  wantsChanged(nowMs: number): void {
    const { wantsToRun } = this.facts
    if (!wantsToRun && this.phase.type === 'checking') {
      this.leaveContent(nowMs)
      this.enter({ type: 'unchecked' })
    } else if (wantsToRun && this.phase.type === 'unchecked') this.lookAtContent(this.lastRecord, nowMs)
    this.reviewQueue()
  }

  /** Runs or waits, as the queue has it. */
  setRunning(mayRun: boolean, nowMs: number): void {
    this.mayRun = mayRun
    this.review(nowMs)
  }

  private review(nowMs: number): void {
    const isAble = this.phase.type !== 'checking' || (this.phase.keepsPeers && this.isRunning)
    const isRunning = this.mayRun && isAble
    if (isRunning === this.isRunning) return
    this.isRunning = isRunning
    this.tally.setRunning(isRunning, nowMs)
    if (isRunning) {
      this.beginDownload(nowMs)
      this.announcing.handle({ type: 'start' }, nowMs)
      this.tellDemand(nowMs)
      this.room.reviewDialling()
    } else {
      this.links.endAll(failure('interrupted', 'the torrent was stopped'), nowMs)
      void this.announcing.stop(this.room.config.stopTimeoutMs, nowMs)
      this.room.reviewSaving(this.facts.id)
    }
    this.reviewQueue()
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

  /** Somebody named a peer. Private torrents take those of trackers only (BEP 27). Why it is not taken, if it is not. */
  namePeer(endpoint: Endpoint, source: 'manual' | 'magnet', nowMs: number): Failure | undefined {
    if (this.info?.isPrivate === true) return privatePeersFailure
    const isListed = this.peers.add(endpoint, source, 'user', nowMs)
    this.room.reviewDialling()
    return isListed ? undefined : unlistedFailure(endpoint, this.peers.isBanned(endpoint.address, nowMs))
  }

  /** What its record is to say of the content; undefined: nothing is known. All of it is on the disk. */
  async storageRecord(): Promise<Result<StorageRecord | undefined>> {
    const { content } = this
    if (content === undefined) return success(this.lastRecord)
    const record = await content.storage.resume()
    if (record.ok && this.content === content) this.lastRecord = record.value
    return record
  }

  /** No peer is connected any more: what was received of unfinished pieces goes to the disk, to be remembered. */
  async putAside(): Promise<void> {
    await this.content?.storage.spillAll()
  }

  /** Some to begin with after a restart. A private torrent keeps what its trackers named only (BEP 27). */
  peersToKeep(maxCount: number): Endpoint[] {
    return this.peers.snapshot(maxCount, this.info?.isPrivate === true)
  }

  /** Peers of the last time. */
  restorePeers(endpoints: readonly Endpoint[], nowMs: number): void {
    for (const endpoint of endpoints) {
      this.peers.add(endpoint, 'resume', 'user', nowMs)
      // What is kept of a private torrent's peers came from its trackers.
      if (this.info?.isPrivate === true) this.peers.add(endpoint, 'tracker', 'user', nowMs)
    }
    this.room.reviewDialling()
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
    const { content, facts, phase, lastRecord, room } = this
    this.setRunning(false, nowMs)
    this.leaveContent(nowMs, content === undefined ? undefined : () => content.storage.remove())
    this.end()
    const left = await this.leaving
    const wasSeen = phase.type === 'checking' || phase.type === 'unchecked' || phase.type === 'failed'
    return wasSeen && facts.metainfo !== undefined ? await removeContent(room, facts, facts.metainfo, lastRecord) : left
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

  /** The owner changed what is wanted of it. */
  prioritiesChanged(nowMs: number): void {
    const { phase, info } = this
    this.progressCache = undefined
    if (phase.type !== 'ready' || info === undefined) return
    const priorities = filePriorities(this.facts, info)
    phase.swarm.setPriorities(piecePriorities(phase.content.plan, priorities), nowMs)
    this.touch()
    this.room.turns.after(phase.content.storage.setPriorities(priorities), (result, atMs) => {
      if (!result.ok) this.writing.take(result, atMs)
    })
    if (this.isRunning) this.writing.wantsMore()
    this.peers.setSeeding(phase.swarm.isFinished)
    this.reviewQueue()
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
    if (!this.isFinished) this.tally.peerConnected(nowMs)
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
    learnHashes(facts, info)
    if (!this.host.claim(this)) {
      this.fail(failure('torrent-value', 'the torrent is here already, under its other info hash'), false, nowMs)
      return
    }
    learnInfo(facts, info)
    // What was learnt from anybody but trackers does not count for a private torrent (BEP 27).
    if (info.isPrivate) this.dropPeers(nowMs)
    this.announcing.handle({ type: 'identify', infoHashes: wireHashes(facts), isPrivate: info.isPrivate }, nowMs)
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
    this.reviewQueue()
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
    const phase: CheckingPhase = {
      type: 'checking',
      abort: new AbortController(),
      keepsPeers: isFetching(this.phase),
      isBrief: record !== undefined,
      checkedPieces: 0,
      pieces: metainfo.info.pieceCount,
    }
    this.lastRecord = record
    this.enter(phase)
    this.links.setExchange(idleExchange, nowMs)
    const looked = this.looked(metainfo, phase, record)
    // Whoever comes after an unfinished look waits for its end.
    const { promise, resolve } = Promise.withResolvers<Result<void>>()
    this.leaving = promise
    this.room.turns.after(looked, (result, atMs) => {
      if (this.phase === phase) {
        resolve(success(undefined))
        if (result.ok) this.becomeReady(metainfo, result.value, atMs)
        else this.fail(result, result.code === 'disk-full', atMs)
      } else if (result.ok) void result.value.storage.close().then(resolve)
      else resolve(success(undefined))
    })
  }

  private async looked(
    metainfo: Metainfo,
    phase: CheckingPhase,
    record: StorageRecord | undefined,
  ): Promise<Result<TorrentContent>> {
    // An earlier look at the same files must be over.
    await this.leaving
    if (this.phase !== phase) return failure('interrupted', 'not wanted any more')
    return await openContent(this.room, {
      facts: this.facts,
      metainfo,
      record,
      events: {
        touch: () => this.touch(),
        onPieceWritten: (piece, atMs) => this.pieceWritten(piece, atMs),
        onPieceLost: () => this.pieceLost(),
        onWriteFailed: (why, atMs) => this.writing.take(why, atMs),
        onReadFailed: (why, atMs) => this.takeReadProblem(why, atMs),
      },
      onProgress: (checkedPieces, pieces) => {
        phase.checkedPieces = checkedPieces
        phase.pieces = pieces
        if (!phase.isBrief) return
        phase.isBrief = false
        this.room.turns.run(() => this.reviewQueue())
      },
      signal: phase.abort.signal,
    })
  }

  private becomeReady(metainfo: Metainfo, content: TorrentContent, nowMs: number): void {
    const { facts, room } = this
    const isAsRecorded = this.lastRecord !== undefined && !content.wasChecked && !facts.mayDownloadAgain
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
    this.tally.attach(swarm, nowMs)
    this.writing.attach({ storage, swarm })
    this.enter({ type: 'ready', content, swarm, swarming })
    this.review(nowMs)
    this.beginDownload(nowMs)
    // They may be others than when the storage was made.
    this.prioritiesChanged(nowMs)
    this.orderChanged()
    this.superSeedingChanged()
    if (swarm.isFinished && !facts.isPlaced) this.place(content)
    if (swarm.isFinished) facts.completedMs ??= Math.floor(room.ports.clock.wallMs())
    this.peers.setSeeding(swarm.isFinished)
    this.links.setExchange(swarming, nowMs)
    this.touch()
    this.reviewQueue()
    if (!isAsRecorded) room.reviewSaving(facts.id)
  }

  private finished(nowMs: number): void {
    const { facts, room, phase } = this
    if (phase.type !== 'ready') return
    this.tally.countTime(nowMs)
    facts.completedMs ??= Math.floor(room.ports.clock.wallMs())
    this.peers.setSeeding(true)
    if (phase.content.storage.have.isComplete) this.announcing.handle({ type: 'completed' }, nowMs)
    // Whoever hears of it finds the files under their own names.
    room.turns.after(phase.content.storage.settled(), () => room.log.add({ type: 'finished', id: facts.id }))
    if (!facts.isPlaced) this.place(phase.content)
    this.reviewQueue()
    room.reviewSaving(facts.id)
  }

  /** Brings what is whole out of the folder for incomplete content. */
  private place(content: TorrentContent): void {
    const { facts, room } = this
    const moving = room.openFolder(facts.folder).then(async (root) => {
      return root.ok ? await content.storage.move({ root: root.value, folder: [] }) : root
    })
    room.turns.after(moving, (moved, nowMs) => {
      if (moved.ok) facts.isPlaced = true
      else this.writing.take(moved, nowMs)
      room.log.add({ type: 'changed', id: facts.id })
      room.reviewSaving(facts.id)
    })
  }

  private pieceWritten(piece: number, nowMs: number): void {
    this.tally.pieceWritten(nowMs)
    this.progressCache = undefined
    this.room.log.add({ type: 'piece', id: this.facts.id, piece })
    this.room.reviewSaving(this.facts.id)
    this.writing.wrote(nowMs)
  }

  private pieceLost(): void {
    this.progressCache = undefined
    // Those who have it may have been let go when nothing was wanted of them.
    this.peers.setSeeding(this.isFinished)
    this.room.reviewDialling()
    this.room.reviewSaving(this.facts.id)
    this.reviewQueue()
  }

  /** Nothing is written for the first time where there is no room for all of it. */
  private beginDownload(nowMs: number): void {
    const isDownloading = this.phase.type === 'ready' && this.isRunning && !this.isFinished
    if (isDownloading) this.writing.beginDownload(nowMs)
  }

  private writingChanged(): void {
    const { content, facts } = this
    // What was to be moved when it was whole may have been what failed.
    if (this.writing.problem === undefined && content !== undefined && this.isFinished && !facts.isPlaced) {
      this.place(content)
    }
    this.touch()
    this.reviewQueue()
  }

  private fail(why: Failure, resumesByItself: boolean, nowMs: number): void {
    this.leaveContent(nowMs)
    this.enter({ type: 'failed', problem: { code: why.code, detail: why.detail }, resumesByItself })
    if (resumesByItself) this.room.turns.wakeAt(this.retryOwner, nowMs + retryMs)
    this.links.endAll(failure('interrupted', 'the torrent has failed'), nowMs)
    this.reviewQueue()
  }

  /** Nothing is done with the content any more; its storage is closed in the background. */
  private leaveContent(nowMs: number, leave?: () => Promise<Result<void>>): void {
    const { phase } = this
    this.writing.attach(undefined)
    this.progressCache = undefined
    this.links.setExchange(idleExchange, nowMs)
    if (phase.type === 'checking') phase.abort.abort()
    if (phase.type === 'awaiting-metadata' || phase.type === 'awaiting-piece-layers') phase.fetching.close()
    if (phase.type !== 'ready') return
    this.links.endAll(failure('interrupted', 'the content is looked at'), nowMs)
    this.tally.attach(undefined, nowMs)
    phase.content.attach(undefined)
    phase.swarming.close()
    this.leaving = leave === undefined ? phase.content.storage.close() : leave()
  }

  private end(): void {
    this.phase = { type: 'closed' }
    this.writing.close()
    this.links.close()
    this.room.turns.unregister(this.retryOwner)
  }

  /** The swarm, or what is in its place, is to be settled before the turn ends. */
  private touch(): void {
    this.room.touch(this.links)
  }

  private dropPeers(nowMs: number): void {
    this.peers = new PeerList({ random: this.room.ports.random })
    this.links.endAll(failure('interrupted', 'only the tracker in use may name peers'), nowMs)
    this.links.named.refuseAll(privatePeersFailure)
  }

  private transferProgress(): TransferProgress {
    const progress = this.progress()
    return {
      ...this.tally.transferredSinceStart(this.room.turns.nowMs()),
      leftBytes: progress?.missingBytes ?? this.info?.totalBytes ?? unknownLeftBytes,
      isPartialSeed: this.isFinished && (progress?.missingBytes ?? 0) > 0,
    }
  }

  private reviewQueue(): void {
    this.host.reviewQueue(this)
  }

  /** The state is noted when the queue has had its say. */
  private enter(phase: TorrentPhase): void {
    this.phase = phase
    this.reviewQueue()
  }

  /** For the session, when the queue has had its say: tells the change log if the state is another one than before. */
  noteState(): void {
    if (this.phase.type === 'closed') return
    const state = this.state()
    const told = state.type === 'error' ? `error ${state.problem.code}` : state.type
    if (told === this.toldState) return
    this.toldState = told
    this.room.log.add({ type: 'state', id: this.facts.id, state })
  }
}
