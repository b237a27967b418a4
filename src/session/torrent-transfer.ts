// A torrent's content while it can be downloaded and served: storage and swarm bound together, what comes of each piece,
// and what keeps it from being written. From the end of the check until the content is left.
// Guarantees: nothing is asked of peers that could not be written; what is whole goes to its own folder, and whoever
// hears that it is finished finds the files there, under their own names; progress is counted anew only when it changed.
// Owns the swarm, the open content and what is wrong with writing it.
import { type Failure, failure, type Result } from '../base/errors.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'
import type { FileRoot } from '../ports/files.ts'
import { Swarm } from '../swarm/swarm.ts'
import type { WebSeed } from '../swarm/web-seed.ts'
import type { BandwidthGroup } from './bandwidth.ts'
import type { SessionRoom } from './session-room.ts'
import type { Problem } from './snapshots.ts'
import { Swarming } from './swarming.ts'
import { type ContentEvents, contradictionFailure, type TorrentContent } from './torrent-content.ts'
import type { ExchangePeers } from './torrent-exchange.ts'
import { filePriorities, piecePriorities, type TorrentFacts } from './torrent-facts.ts'
import { countProgress, type Progress } from './torrent-progress.ts'
import type { TorrentSpeed } from './torrent-speed.ts'
import type { TorrentTally } from './torrent-tally.ts'
import { WebSeedDriver } from './web-seed-driver.ts'
import { WritingTrouble } from './writing-trouble.ts'

/** Called within a turn. */
export interface TransferOwner {
  /** All wanted pieces are here now; `isComplete`: the others too. */
  transferFinished(isComplete: boolean, nowMs: number): void
  /** What is wanted or here, or whether it can be written, is otherwise than before. */
  transferChanged(): void
  fail(why: Failure, nowMs: number): void
}

export interface TransferOptions {
  readonly facts: TorrentFacts
  readonly tally: TorrentTally
  readonly metainfo: Metainfo
  readonly content: TorrentContent
  readonly peers: ExchangePeers
  readonly bandwidth: BandwidthGroup
  readonly speed: TorrentSpeed | undefined
}

export class TorrentTransfer implements ContentEvents {
  readonly content: TorrentContent
  readonly swarm: Swarm
  readonly exchange: Swarming
  private readonly room: SessionRoom
  private readonly owner: TransferOwner
  private readonly facts: TorrentFacts
  private readonly tally: TorrentTally
  private readonly metainfo: Metainfo
  private readonly peers: ExchangePeers
  private readonly speed: TorrentSpeed | undefined
  private readonly writing: WritingTrouble
  private readonly webSeeds: WebSeedDriver
  private counted: Progress | undefined
  private isFinishUntold = false
  /** What is whole is brought to its place. */
  private placing: Promise<unknown> = Promise.resolve()
  private isPlacing = false
  private isPutAside = false
  private hasEnded = false

  constructor(room: SessionRoom, owner: TransferOwner, options: TransferOptions, nowMs: number) {
    const { facts, tally, metainfo, content, peers, bandwidth, speed } = options
    const { storage, plan } = content
    this.room = room
    this.owner = owner
    this.facts = facts
    this.tally = tally
    this.metainfo = metainfo
    this.content = content
    this.peers = peers
    this.speed = speed
    this.swarm = new Swarm({
      info: metainfo.info,
      pieceLayers: metainfo.pieceLayers,
      plan,
      storage,
      random: room.ports.random,
      maxSlots: this.maxSlots,
      nowMs,
    })
    this.exchange = new Swarming(room, peers, this.swarm, {
      onFinished: (atMs) => this.finished(atMs),
      onContradiction: (piece, atMs) => owner.fail(contradictionFailure(piece), atMs),
      onWeb: (output) => this.webSeeds.perform(output),
      onJoined: (link) => speed?.joined(link),
      onLeft: (link) => speed?.left(link),
    })
    this.webSeeds = new WebSeedDriver(room, {
      swarm: this.swarm,
      bandwidth,
      sourceOf: (url) => (facts.userWebSeeds.has(url) ? 'user' : 'torrent-seed'),
      touch: () => peers.touch(),
      onAnswer: (atMs) => tally.sourceAnswered(atMs),
      onProblem: (seed, why) => this.webSeedFailed(seed, why),
    })
    this.swarm.setWebSeeds(facts.webSeeds, nowMs)
    this.writing = new WritingTrouble(room, { storage, swarm: this.swarm }, () => this.writingChanged())
    speed?.bind(this.swarm, nowMs)
    content.attach(this.swarm, this)
    tally.attach(this.swarm, nowMs)
  }

  /** All wanted pieces are verified. */
  get isFinished(): boolean {
    return this.swarm.isFinished
  }

  /** And the files have their own names, where they belong. */
  get isInPlace(): boolean {
    return this.isFinished && this.facts.isPlaced && !this.content.storage.isFinishing
  }

  /** Its files are in their own folder, or on their way there: to be moved from there, if anybody wants them elsewhere. */
  get isFolderTaken(): boolean {
    return this.facts.isPlaced || this.isPlacing
  }

  /** Why nothing can be written now. */
  get problem(): Problem | undefined {
    return this.writing.problem
  }

  /** Bytes of files and wanted bytes that are here. */
  get progress(): Progress {
    const { plan, storage } = this.content
    this.counted ??= countProgress(plan, storage.have, this.filePriorities)
    return this.counted
  }

  /** The owner's wishes are taken up, which may be others than when the content was opened. */
  begin(isRunning: boolean, nowMs: number): void {
    if (isRunning) this.started(nowMs)
    this.prioritiesChanged(isRunning, nowMs)
    this.orderChanged()
    if (this.isFinished) this.noteFinished()
    const { leftFolder } = this.facts
    if (leftFolder !== undefined) this.removeLeft(leftFolder)
  }

  /** The torrent runs. Nothing is written for the first time where there is no room for all of it. */
  started(nowMs: number): void {
    if (!this.isFinished) this.writing.beginDownload(nowMs)
    this.swarm.setWebSeeding(true, nowMs)
    this.peers.touch()
  }

  /** It runs no more. */
  stopped(nowMs: number): void {
    this.writing.endDownload()
    this.swarm.setWebSeeding(false, nowMs)
    this.peers.touch()
  }

  webSeedsChanged(nowMs: number): void {
    this.swarm.setWebSeeds(this.facts.webSeeds, nowMs)
    this.peers.touch()
  }

  prioritiesChanged(isRunning: boolean, nowMs: number): void {
    const { content, room, filePriorities: priorities } = this
    this.counted = undefined
    this.swarm.setPriorities(piecePriorities(content.plan, priorities), nowMs)
    this.peers.touch()
    room.turns.after(content.storage.setPriorities(priorities), (result, atMs) => {
      if (!result.ok) this.writing.take(result, atMs)
    })
    if (isRunning) this.writing.wantsMore()
    this.owner.transferChanged()
  }

  limitsChanged(nowMs: number): void {
    this.swarm.setMaxSlots(this.maxSlots, nowMs)
    this.peers.touch()
  }

  orderChanged(): void {
    this.swarm.setMode(this.facts.isSequential ? 'sequential' : 'rarest')
    this.swarm.setSuperSeeding(this.facts.isSuperSeeding)
  }

  /** When a piece should be here, in steady milliseconds; undefined: no longer. */
  setDeadline(piece: number, atMs: number | undefined, nowMs: number): void {
    this.swarm.setDeadline(piece, atMs, nowMs)
    this.peers.touch()
  }

  /** What is on disk could not be read: files that are gone stop the torrent, for nobody downloads them again unasked. */
  onReadFailed(why: Failure, nowMs: number): void {
    if (why.code === 'file-not-found') this.owner.fail(failure('files-missing', why.detail), nowMs)
  }

  onWriteFailed(why: Failure, nowMs: number): void {
    this.writing.take(why, nowMs)
  }

  onPieceWritten(piece: number, nowMs: number): void {
    const { room, facts } = this
    this.counted = undefined
    this.tally.pieceWritten(nowMs)
    room.log.add({ type: 'piece', id: facts.id, piece })
    room.reviewSaving(facts.id)
    this.writing.wrote(nowMs)
  }

  onPieceLost(): void {
    this.counted = undefined
    this.room.reviewSaving(this.facts.id)
    this.owner.transferChanged()
  }

  onReport(): void {
    this.peers.touch()
  }

  /** What was received of unfinished pieces goes to the disk, and files stay where they are from then on. */
  async putAside(): Promise<void> {
    this.isPutAside = true
    await this.content.storage.spillAll()
    await this.placing
  }

  /** Nothing is done with the content any more. Settled when its storage is closed, or its files are removed. */
  end(how: 'close' | 'remove', nowMs: number): Promise<Result<void>> {
    const { storage } = this.content
    this.hasEnded = true
    this.content.detach()
    this.tally.attach(undefined, nowMs)
    this.exchange.close()
    this.speed?.bind(undefined, nowMs)
    this.webSeeds.close()
    this.writing.close()
    return how === 'close' ? storage.close() : storage.remove()
  }

  private get filePriorities(): Uint8Array {
    return filePriorities(this.facts, this.metainfo.info)
  }

  private get maxSlots(): number {
    return Math.min(this.facts.limits.maxSlots, this.room.config.connections.maxSlotsPerTorrent)
  }

  private finished(nowMs: number): void {
    const { room, facts, content } = this
    this.tally.countTime(nowMs)
    this.isFinishUntold = true
    this.writing.endDownload()
    this.noteFinished()
    this.owner.transferFinished(content.storage.have.isComplete, nowMs)
    room.reviewSaving(facts.id)
  }

  private noteFinished(): void {
    this.facts.completedMs ??= Math.floor(this.room.ports.clock.wallMs())
    this.conclude()
  }

  /** Waits for names and places, and tells of it. */
  private conclude(): void {
    const { room, facts, content } = this
    room.turns.after(content.storage.settled(), () => {
      if (this.hasEnded || !this.isFinished || content.storage.isFinishing) return
      if (!facts.isPlaced) {
        if (!this.isPutAside) this.place()
        return
      }
      if (this.isFinishUntold) room.log.add({ type: 'finished', id: facts.id })
      this.isFinishUntold = false
      this.owner.transferChanged()
    })
  }

  /** Brings what is whole out of the folder for incomplete content. */
  private place(): void {
    const { room, facts } = this
    const { folder } = facts
    const moving = room
      .openFolder(folder)
      .then(async (root): Promise<Result<void>> => (root.ok ? await this.move(root.value, folder) : root))
    this.isPlacing = true
    room.turns.after(moving, (moved, nowMs) => {
      this.isPlacing = false
      if (moved.ok) this.conclude()
      else this.writing.take(moved, nowMs)
      room.log.add({ type: 'changed', id: facts.id })
      room.reviewSaving(facts.id)
    })
    this.placing = moving
  }

  /** Brings the files into the folder at a path, which is theirs from then on. Errors: of TorrentStorage.move. */
  async move(root: FileRoot, folder: string): Promise<Result<void>> {
    const { room, facts, content } = this
    const moved = await content.storage.move({ root, folder: [] }, async () => {
      const { folder: lastFolder, isPlaced, leftFolder } = facts
      const left = isPlaced ? lastFolder : room.config.incompleteFolder
      Object.assign(facts, { folder, isPlaced: true, leftFolder: left })
      const saved = await room.save(facts.id)
      if (!saved.ok) Object.assign(facts, { folder: lastFolder, isPlaced, leftFolder })
      return saved
    })
    if (moved.ok) Object.assign(facts, { folder, isPlaced: true, leftFolder: undefined })
    return moved
  }

  /** Deletes what a move that was broken off may have left in the folder it came from. */
  private removeLeft(leftFolder: string): void {
    const { room, facts, content } = this
    const removing = room.openFolder(leftFolder).then(async (root) => {
      if (root.ok && leftFolder !== facts.folder) await content.storage.removeLeft({ root: root.value, folder: [] })
    })
    room.turns.after(removing, () => {
      if (facts.leftFolder === leftFolder) facts.leftFolder = undefined
      room.reviewSaving(facts.id)
    })
  }

  private webSeedFailed(seed: WebSeed, { code, detail }: Failure): void {
    this.room.log.add({ type: 'web-seed', id: this.facts.id, url: seed.url, problem: { code, detail } })
  }

  private writingChanged(): void {
    // What was to be renamed or moved when it was whole may have been what failed.
    if (this.problem === undefined && this.isFinished) this.conclude()
    this.peers.touch()
    this.owner.transferChanged()
  }
}
