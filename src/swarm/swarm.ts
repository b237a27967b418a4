// One torrent among its peers: what is asked of whom, who is served, what is told (BEP 3 and the extensions named in its
// parts). A core without I/O: inputs come with the time, outputs are polled, and it says when to be woken.
// Guarantees: the same inputs and randomness lead to the same history; without policies it is plain BitTorrent.
// Owns the picker, the peers and all parts; the session owns connections' streams, storage owns the bytes.
import type { Endpoint } from '../base/endpoint.ts'
import type { Failure } from '../base/errors.ts'
import { blockLengthBytes, type TorrentInfo } from '../formats/metainfo/metainfo.ts'
import type { PeerConnection } from '../peer/peer-connection.ts'
import type { HttpHead } from '../ports/http.ts'
import type { Random } from '../ports/random.ts'
import type { PiecePlan } from '../storage/piece-plan.ts'
import { Announcing } from './announcing.ts'
import { Blaming } from './blaming.ts'
import { blockAt, blockGrid, contentLength, pieceLength } from './block-grid.ts'
import { plainUploadPolicy } from './choker.ts'
import { Choking } from './choking.ts'
import { HashServing } from './hash-serving.ts'
import { Interest } from './interest.ts'
import type { PieceLayers } from './leaf-hashes.ts'
import { nobody } from './partial-pieces.ts'
import { PeerMessages, type SwarmParts } from './peer-messages.ts'
import { type PickMode, PiecePicker } from './piece-picker.ts'
import type { DownloadPolicy, UploadPolicy } from './policies.ts'
import { Receiving } from './receiving.ts'
import { Requesting } from './requesting.ts'
import { type SwarmBehaviour, usualBehaviour } from './swarm-behaviour.ts'
import { disconnect, type SwarmContext, type SwarmStorage } from './swarm-context.ts'
import { type SwarmOutput, SwarmOutputs } from './swarm-output.ts'
import { SwarmPeer } from './swarm-peer.ts'
import { rowOf, type SwarmSnapshot, webSeedRowOf } from './swarm-snapshot.ts'
import { Uploading } from './uploading.ts'
import { isWebSeedNumber, type WebSeed } from './web-seed.ts'
import { WebSeeding } from './web-seeding.ts'

export interface SwarmOptions {
  readonly info: TorrentInfo
  /** Of version 2, for blame by single blocks; empty where none are known. */
  readonly pieceLayers: PieceLayers
  readonly plan: PiecePlan
  readonly storage: SwarmStorage
  readonly random: Random
  /** Peers that are served at a time. */
  readonly maxSlots: number
  readonly nowMs: number
  /** Plain BitTorrent where absent. */
  readonly uploadPolicy?: UploadPolicy | undefined
  readonly downloadPolicy?: DownloadPolicy | undefined
  /** What differs from the usual; for tests. */
  readonly behaviour?: Partial<SwarmBehaviour>
}

export class Swarm {
  private readonly context: SwarmContext
  private readonly parts: SwarmParts
  private readonly webSeeding: WebSeeding
  private readonly byNumber = new Map<number, SwarmPeer>()
  private readonly plainPolicy: UploadPolicy
  private downloadPolicy: DownloadPolicy | undefined
  private lastNumber = 0
  private damagedPieces = 0
  private damagedBytes = 0
  private wasFinished: boolean

  constructor(options: SwarmOptions) {
    const { info, pieceLayers, plan, storage, random, maxSlots, nowMs } = options
    const { pieceCount, pieceLengthBytes, spanBytes } = plan
    const grid = blockGrid(plan, info.version)
    const pieceBytes = (piece: number) => pieceLength(grid, piece)
    const context: SwarmContext = {
      grid,
      storage,
      picker: new PiecePicker({ pieceCount, pieceLengthBytes, spanBytes, pieceBytes, have: storage.have, random }),
      random,
      behaviour: { ...usualBehaviour, ...options.behaviour },
      outputs: new SwarmOutputs(),
      peers: [],
      nowMs,
    }
    const interest = new Interest(context)
    interest.setPolicy(options.uploadPolicy)
    const announcing = new Announcing(context, this.byNumber, interest.isFinished)
    const onGuilty = (number: number) => {
      if (isWebSeedNumber(number)) webSeeding.ban(number)
      else this.downloadPolicy?.onBlamed?.(number)
    }
    const blaming = new Blaming(context, info, pieceLayers, this.byNumber, onGuilty)
    const requesting = new Requesting(context, this.byNumber, {
      policy: options.downloadPolicy,
      isSuspect: (peer) => blaming.isSuspect(peer),
      onDiscard: (piece) => {
        receiving.abandonPiece(piece)
        webSeeding.leavePiece(piece)
      },
      reviewCurrent: (peer) => receiving.review(peer),
      yieldCurrent: (peer) => receiving.yieldCurrent(peer),
    })
    const receiving: Receiving = new Receiving(context, requesting, this.byNumber, {
      isSending: (block) => webSeeding.isSending(block),
      lost: (number, block) => webSeeding.lost(number, block),
    })
    receiving.setPolicy(options.downloadPolicy)
    const isSuspect = (seed: WebSeed) => blaming.isSuspect(seed)
    const webSeeding: WebSeeding = new WebSeeding(context, { info, receiving, requesting, isSuspect })
    const uploading = new Uploading(context, (peer, piece) => announcing.wasTold(peer, piece))
    this.plainPolicy = plainUploadPolicy({ random })
    const choking = new Choking(context, uploading, { policy: options.uploadPolicy ?? this.plainPolicy, maxSlots })
    const hashServing = new HashServing(context, info, pieceLayers)
    this.context = context
    this.parts = { context, announcing, blaming, choking, hashServing, interest, receiving, requesting, uploading }
    this.webSeeding = webSeeding
    this.downloadPolicy = options.downloadPolicy
    this.wasFinished = interest.isFinished
  }

  /** Nothing wanted lacks: what extension handshakes say as `upload_only` (BEP 21). */
  get isFinished(): boolean {
    return this.parts.interest.isFinished
  }

  /** In the order they connected. */
  get peers(): readonly SwarmPeer[] {
    return this.context.peers
  }

  /** A connection after its handshake: it is told what we have, and its events come here from now on. */
  addPeer(connection: PeerConnection, remote: Endpoint, nowMs: number): SwarmPeer {
    const { context, parts } = this
    const { pieceCount } = context.grid
    context.nowMs = nowMs
    const peer = new SwarmPeer(++this.lastNumber, connection, remote, pieceCount, nowMs)
    context.peers.push(peer)
    this.byNumber.set(peer.number, peer)
    parts.choking.added(peer)
    parts.announcing.greet(peer)
    const wrong = connection.setPieceCount(pieceCount)
    if (wrong !== undefined) disconnect(context, peer, wrong.code, wrong.detail)
    connection.setEvents(new PeerMessages(parts, peer))
    parts.requesting.fill(peer)
    this.settle()
    return peer
  }

  /** Its stream is closed and sends nothing any more: what was pinned for it is given back. */
  removePeer(peer: SwarmPeer, nowMs: number): void {
    const { context, parts, byNumber } = this
    if (!byNumber.delete(peer.number)) return
    context.nowMs = nowMs
    peer.isGone = true
    parts.receiving.abandon(peer)
    parts.requesting.removed(peer)
    context.peers.splice(context.peers.indexOf(peer), 1)
    if (peer.isCounted) context.picker.removePeer(peer.number, peer.bits)
    parts.uploading.written(peer, Number.POSITIVE_INFINITY)
    parts.hashServing.removed(peer)
    parts.blaming.removed(peer)
    parts.announcing.removed(peer)
    parts.choking.uninterested(peer)
    this.settle()
  }

  /** To be called once after each PeerConnection.receive of the peer: keeps its requests filled. */
  afterReceive(peer: SwarmPeer, nowMs: number): void {
    this.context.nowMs = nowMs
    this.parts.announcing.showFirst(peer)
    this.parts.requesting.fill(peer)
    this.settle()
  }

  /**
   * Sends hashes and blocks that wait until `allowedBytes` are reached (the last may go beyond) or the stream is full; how many
   * bytes were handed to it. While `peer.isUploadReady` there is more, else `upload-ready` follows when there is.
   */
  pumpUpload(peer: SwarmPeer, allowedBytes: number, nowMs: number): number {
    this.context.nowMs = nowMs
    if (peer.isGone) return 0
    const { hashServing, uploading } = this.parts
    const hashBytes = hashServing.pump(peer, allowedBytes)
    const blockBytes = uploading.pump(peer, allowedBytes - hashBytes)
    peer.isUploadReady ||= hashServing.isReady(peer)
    return hashBytes + blockBytes
  }

  /** The stream has passed so many bytes of the connection, counted as its `sentBytes` are (without the handshake). */
  written(peer: SwarmPeer, totalBytes: number): void {
    this.parts.uploading.written(peer, totalBytes)
  }

  /** See PieceStorageEvents, here and in the six that follow. */
  pieceWritten(piece: number, leaves: Uint8Array | undefined, nowMs: number): void {
    const { context, parts, downloadPolicy } = this
    context.nowMs = nowMs
    const sources = downloadPolicy === undefined ? [] : this.bytesBySource(piece)
    parts.blaming.written(piece, leaves)
    parts.interest.pieceVerified(piece)
    parts.announcing.pieceHere(piece)
    context.outputs.push({ type: 'piece', piece })
    downloadPolicy?.onVerified(piece, sources)
    parts.requesting.offerMore()
    this.settle()
  }

  pieceDamaged(piece: number, leaves: Uint8Array, nowMs: number): void {
    const { context, parts } = this
    context.nowMs = nowMs
    this.damagedPieces++
    this.damagedBytes += contentLength(context.grid, piece, 0, pieceLength(context.grid, piece))
    this.downloadPolicy?.onDamaged?.(piece)
    parts.blaming.damaged(piece, leaves)
    context.picker.pieceDamaged(piece)
    context.outputs.push({ type: 'piece-damaged', piece })
    parts.requesting.offerMore()
    this.settle()
  }

  contradiction(piece: number): void {
    this.context.outputs.push({ type: 'contradiction', piece })
  }

  readable(piece: number, failure: Failure | undefined, nowMs: number): void {
    this.context.nowMs = nowMs
    this.parts.uploading.readable(piece, failure === undefined)
    this.parts.hashServing.readable(piece, failure === undefined)
  }

  memory(nowMs: number): void {
    this.context.nowMs = nowMs
    this.parts.requesting.offerMore()
    this.webSeeding.memory()
    this.settle()
  }

  pieceLost(piece: number, nowMs: number): void {
    const { context, parts } = this
    context.nowMs = nowMs
    parts.receiving.abandonPiece(piece)
    this.webSeeding.leavePiece(piece)
    if (context.picker.hasBlocks(piece)) this.downloadPolicy?.onAbandoned?.(piece)
    if (parts.interest.pieceLost(piece)) parts.announcing.pieceLost(piece)
    for (const peer of context.peers) parts.uploading.refusePiece(peer, piece)
    parts.requesting.offerMore()
    this.settle()
  }

  /** A block is on disk from before (resume); nobody of now answers for it. */
  blockOnDisk(piece: number, begin: number): void {
    const { context } = this
    context.picker.received(blockAt(context.grid, piece, begin), nobody, new Int32Array(0), context.nowMs)
  }

  /** One priority a piece: 0 not wanted, 1 to 7. */
  setPriorities(pieces: Uint8Array, nowMs: number): void {
    const { context, parts } = this
    context.nowMs = nowMs
    context.picker.setPriorities(pieces)
    parts.interest.recountAll()
    parts.requesting.cancelUnwanted()
    this.webSeeding.wantedChanged()
    this.settle()
  }

  setMode(mode: PickMode): void {
    this.context.picker.setMode(mode)
  }

  /** When a piece should be here, in steady milliseconds; undefined: no longer. */
  setDeadline(piece: number, atMs: number | undefined, nowMs: number): void {
    this.context.nowMs = nowMs
    this.context.picker.setDeadline(piece, atMs)
    this.parts.requesting.offerMore()
    this.settle()
  }

  /** BEP 16, for peers that connect from now on. */
  setSuperSeeding(isOn: boolean): void {
    this.parts.announcing.setSuperSeeding(isOn)
  }

  setMaxSlots(maxSlots: number, nowMs: number): void {
    this.context.nowMs = nowMs
    this.parts.choking.setMaxSlots(maxSlots)
    this.settle()
  }

  /** Undefined: plain BitTorrent. */
  setPolicies(upload: UploadPolicy | undefined, download: DownloadPolicy | undefined, nowMs: number): void {
    this.context.nowMs = nowMs
    this.downloadPolicy = download
    this.parts.choking.setPolicy(upload ?? this.plainPolicy)
    this.parts.requesting.setPolicy(download)
    this.parts.receiving.setPolicy(download)
    this.parts.interest.setPolicy(upload)
    this.settle()
  }

  /** Paused: nothing is asked for; nobody is served. */
  setPaused(paused: { readonly download: boolean; readonly upload: boolean }, nowMs: number): void {
    this.context.nowMs = nowMs
    this.parts.interest.setPaused(paused.download)
    this.parts.requesting.setPaused(paused.download)
    this.webSeeding.setPaused(paused.download)
    this.parts.uploading.setPaused(paused.upload)
    this.parts.choking.setPaused(paused.upload)
    this.settle()
  }

  /** URLs of web seeds (BEP 19); what is known of those that stay is kept. */
  setWebSeeds(urls: readonly string[], nowMs: number): void {
    this.context.nowMs = nowMs
    this.webSeeding.setUrls(urls)
    this.settle()
  }

  /** Whether web seeds may be asked at all; off at the beginning. */
  setWebSeeding(isOn: boolean, nowMs: number): void {
    this.context.nowMs = nowMs
    this.webSeeding.setOn(isOn)
    this.settle()
  }

  /** A web seed begins to answer what it is asked. False: its body is not wanted, and nothing more is to be told. */
  webHead(seed: WebSeed, head: HttpHead, nowMs: number): boolean {
    this.context.nowMs = nowMs
    const isWanted = this.webSeeding.head(seed, head)
    this.settle()
    return isWanted
  }

  /** Bytes that the next part of its body may have; 0: `web-resume` or `web-cancel` follows. */
  webAllowance(seed: WebSeed, nowMs: number): number {
    this.context.nowMs = nowMs
    return this.webSeeding.allowance(seed)
  }

  /** A part of its body, no longer than was allowed; valid until this returns. */
  webBody(seed: WebSeed, bytes: Uint8Array, nowMs: number): void {
    this.context.nowMs = nowMs
    this.webSeeding.body(seed, bytes)
    this.settle()
  }

  /** Its body is over, or cut off, or there is no answer. */
  webEnded(seed: WebSeed, why: Failure | undefined, nowMs: number): void {
    this.context.nowMs = nowMs
    this.webSeeding.ended(seed, why)
    this.settle()
  }

  /** Rate limits keep it from sending. */
  webHeld(seed: WebSeed, nowMs: number): void {
    this.context.nowMs = nowMs
    this.webSeeding.held(seed)
  }

  /** A DownloadPolicy allows more than before, or a peer takes whole pieces no more. */
  allowanceChanged(nowMs: number): void {
    this.context.nowMs = nowMs
    this.parts.requesting.allowanceChanged()
    this.settle()
  }

  /** An UploadPolicy allows a peer more than before. */
  uploadAllowanceChanged(peer: number, nowMs: number): void {
    this.context.nowMs = nowMs
    const allowed = this.byNumber.get(peer)
    if (allowed !== undefined) this.parts.uploading.allowed(allowed)
  }

  /** An UploadPolicy would hand out slots otherwise now: it is asked at once, or soon if it has been just now. */
  slotsChanged(nowMs: number): void {
    this.context.nowMs = nowMs
    this.parts.choking.slotsChanged()
    this.settle()
  }

  wake(nowMs: number): void {
    this.context.nowMs = nowMs
    this.settle()
  }

  /** Infinity: nothing is to be done without an input. */
  nextWakeMs(): number {
    const webMs = this.webSeeding.nextWakeMs()
    if (this.context.peers.length === 0) return webMs
    const { announcing, choking, requesting, hashServing } = this.parts
    const ownMs = Math.min(announcing.nextWakeMs(), choking.nextWakeMs(), requesting.nextWakeMs())
    return Math.min(ownMs, hashServing.nextWakeMs(), webMs)
  }

  poll(): SwarmOutput | undefined {
    return this.context.outputs.poll()
  }

  /** Payload since it began, as in a snapshot. */
  get downloadedBytes(): number {
    return this.parts.receiving.downloadedBytes + this.webSeeding.downloadedBytes
  }

  get uploadedBytes(): number {
    return this.parts.uploading.uploadedBytes
  }

  snapshot(nowMs: number): SwarmSnapshot {
    const { context, parts, webSeeding } = this
    return {
      downloadedBytes: this.downloadedBytes,
      uploadedBytes: this.uploadedBytes,
      wastedBytes: parts.receiving.wastedBytes + webSeeding.wastedBytes + this.damagedBytes,
      damagedPieces: this.damagedPieces,
      missingPieces: context.picker.missing.count,
      partialPieces: context.picker.partialCount,
      isEndGame: context.picker.isEndGame,
      peers: context.peers.map((peer) => rowOf(peer, nowMs)),
      webSeeds: webSeeding.all.map((seed) => webSeedRowOf(seed, nowMs)),
    }
  }

  private settle(): void {
    const { interest, announcing, choking, requesting, hashServing } = this.parts
    const { isFinished } = interest
    if (isFinished !== this.wasFinished) {
      this.wasFinished = isFinished
      announcing.tellUploadOnly(isFinished)
      if (isFinished) {
        this.context.outputs.push({ type: 'finished' })
        for (const peer of this.context.peers) interest.partIfUseless(peer)
      }
    }
    choking.settle(isFinished)
    requesting.settle()
    this.webSeeding.settle()
    hashServing.settle()
    announcing.settle()
  }

  private bytesBySource(piece: number): { peer: number; bytes: number }[] {
    const { grid, picker } = this.context
    const bytes = new Map<number, number>()
    for (const [index, peer] of picker.sourcesOf(piece).entries()) {
      // Those below it are web seeds.
      if (peer <= nobody) continue
      const content = contentLength(grid, piece, index * blockLengthBytes, blockLengthBytes)
      bytes.set(peer, (bytes.get(peer) ?? 0) + content)
    }
    return Array.from(bytes, ([peer, sum]) => ({ peer, bytes: sum }))
  }
}
