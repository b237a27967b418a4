// One torrent of the session, from the moment it is added: what it is busy with, and how it gets from one phase to the
// next. Guarantees: each transition is one method here; nothing is served or downloaded before the content was looked
// at; what stops it is told with the reason. Owns the phase; its contacts and its transfer own what belongs to those.

import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { Metainfo, TorrentInfo } from '../formats/metainfo/metainfo.ts'
import { parseInfo } from '../formats/metainfo/parse-info.ts'
import type { StorageRecord } from '../storage/storage-record.ts'
import { fetchingLayers, fetchingMetadata } from './fetching.ts'
import type { SessionRoom } from './session-room.ts'
import type { TorrentState } from './snapshots.ts'
import type { WholeContent } from './staying.ts'
import { type ContactedTorrent, TorrentContacts } from './torrent-contacts.ts'
import { openContent, removeContent, type TorrentContent } from './torrent-content.ts'
import { idleExchange } from './torrent-exchange.ts'
import { lacksPieceLayers, learnHashes, learnInfo, type TorrentFacts } from './torrent-facts.ts'
import { type CheckingPhase, canRun, isFetching, runsAtOnce, shownState, type TorrentPhase } from './torrent-phase.ts'
import type { Progress } from './torrent-progress.ts'
import { TorrentTally } from './torrent-tally.ts'
import { TorrentTransfer, type TransferOwner } from './torrent-transfer.ts'

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

export class Torrent implements TransferOwner, ContactedTorrent {
  readonly facts: TorrentFacts
  readonly tally: TorrentTally
  readonly contacts: TorrentContacts
  phase: TorrentPhase = { type: 'closed' }
  /** It has its place among those that run, and is able to. */
  isRunning = false
  private wasComplete = false
  /** Its place in the queue: greater than that of all who come before it. The registry's. */
  rank = 0
  /** The queue's word. */
  private mayRun = false
  /** What is known from before of what is on disk. */
  private lastRecord: StorageRecord | undefined
  /** Settled when no earlier phase has the files open. */
  private filesLeft: Promise<Result<void>> = Promise.resolve(success(undefined))
  private toldState = ''
  private readonly room: SessionRoom
  private readonly host: TorrentHost
  private readonly retryOwner: number

  constructor(room: SessionRoom, host: TorrentHost, facts: TorrentFacts, peerId: PeerId, nowMs: number) {
    this.room = room
    this.host = host
    this.facts = facts
    this.tally = new TorrentTally(facts.totals, nowMs)
    this.contacts = new TorrentContacts(room, this, peerId, nowMs)
    this.retryOwner = room.turns.register((atMs) => this.retry(atMs))
  }

  get info(): TorrentInfo | undefined {
    return this.facts.metainfo?.info
  }

  /** Undefined unless its content was looked at and may be used. */
  get transfer(): TorrentTransfer | undefined {
    return this.phase.type === 'ready' ? this.phase.transfer : undefined
  }

  get content(): TorrentContent | undefined {
    return this.transfer?.content
  }

  /** Bytes of files and wanted bytes that are here; undefined until the content was looked at. */
  get progress(): Progress | undefined {
    return this.transfer?.progress
  }

  /** Undefined: something of it is missing. */
  get whole(): WholeContent | undefined {
    return this.content?.whole
  }

  /** All wanted pieces are verified. */
  get isFinished(): boolean {
    return this.transfer?.isFinished === true
  }

  /** Nothing but the queue and its owner keeps it from running. */
  get canRun(): boolean {
    return canRun(this.phase)
  }

  /** It is complete, or will be found to be. */
  get isSeed(): boolean {
    return this.phase.type === 'checking' ? this.facts.completedMs !== undefined : this.isFinished
  }

  get state(): TorrentState {
    return shownState(this.phase, this.facts.wantsToRun, this.isRunning)
  }

  /** The first transition: to whatever the metadata at hand allows. */
  begin(nowMs: number, record?: StorageRecord): void {
    const { metainfo } = this.facts
    if (record !== undefined) this.lastRecord = record
    if (metainfo === undefined) this.awaitMetadata(nowMs)
    else if (lacksPieceLayers(metainfo)) this.awaitPieceLayers(metainfo, nowMs)
    else this.lookAtContent(this.lastRecord, nowMs)
  }

  /** The owner started or stopped it, which the queue is to hear of. Stopped, its content is looked at no further. */
  wantsChanged(nowMs: number): void {
    const { wantsToRun } = this.facts
    if (!wantsToRun && this.phase.type === 'checking') {
      this.leavePhase(nowMs)
      this.enter({ type: 'unchecked' })
    } else if (wantsToRun && this.phase.type === 'unchecked') this.lookAtContent(this.lastRecord, nowMs)
    this.reviewQueue()
  }

  /** Runs or waits, as the queue has it. */
  setRunning(mayRun: boolean, nowMs: number): void {
    this.mayRun = mayRun
    this.reviewRunning(nowMs)
  }

  /** Hashes everything on disk anew, whatever was believed of it; so does the next start, if this one is broken off. */
  recheck(nowMs: number): void {
    this.leavePhase(nowMs)
    this.filesLeft = this.forgetRecord(this.filesLeft)
    this.lookAtContent(undefined, nowMs)
  }

  /** Tries again what failed. */
  retry(nowMs: number): void {
    if (this.phase.type === 'failed') this.lookAtContent(this.lastRecord, nowMs)
  }

  /** Its .torrent was given to us while peers were still being asked for what is in it. */
  takeMetainfo(metainfo: Metainfo, nowMs: number): void {
    if (this.phase.type === 'awaiting-metadata') this.takeMetadata(metainfo.info.raw, nowMs)
    if (!lacksPieceLayers(metainfo)) this.takePieceLayers(metainfo.pieceLayers, nowMs)
  }

  /** What its record is to say of the content; undefined: nothing is known. All of it is on the disk. */
  async storageRecord(): Promise<Result<StorageRecord | undefined>> {
    const { content } = this
    if (content === undefined) return success(this.lastRecord)
    const record = await content.storage.resume()
    if (record.ok && this.content === content) this.lastRecord = record.value
    return record
  }

  /** No peer is connected any more: what is to be remembered is brought to rest on the disk. */
  async putAside(): Promise<void> {
    if (this.phase.type === 'failed') await this.filesLeft
    await this.transfer?.putAside()
  }

  /** Ends everything; what is complete stays on disk. Settled when nothing is under way any more. */
  close(nowMs: number): Promise<Result<void>> {
    return this.end('close', nowMs)
  }

  /** As close, and deletes the content. */
  async remove(nowMs: number): Promise<Result<void>> {
    const { facts, phase, lastRecord, room } = this
    const left = await this.end('remove', nowMs)
    const wasSeen = phase.type === 'checking' || phase.type === 'unchecked' || phase.type === 'failed'
    return wasSeen && facts.metainfo !== undefined ? await removeContent(room, facts, facts.metainfo, lastRecord) : left
  }

  /** The owner changed what is wanted of it. */
  prioritiesChanged(nowMs: number): void {
    this.transfer?.prioritiesChanged(this.isRunning, nowMs)
  }

  limitsChanged(nowMs: number): void {
    // Before surplus connections end, whose slots others get.
    this.transfer?.limitsChanged(nowMs)
    this.contacts.limitsChanged(nowMs)
  }

  transferFinished(isComplete: boolean, nowMs: number): void {
    // Once (BEP 3), though pieces may be lost and come again.
    if (isComplete && !this.wasComplete) this.contacts.announcing.handle({ type: 'completed' }, nowMs)
    this.wasComplete ||= isComplete
    this.transferChanged()
  }

  transferChanged(): void {
    this.contacts.finishedChanged()
    this.reviewQueue()
  }

  /** It cannot go on. `resumesByItself`: the reason may pass, and it is tried again after a while. */
  fail(why: Failure, nowMs: number, resumesByItself = false): void {
    const { content } = this
    this.leavePhase(nowMs)
    if (content !== undefined) this.filesLeft = this.keepRecord(content, this.filesLeft)
    this.enter({ type: 'failed', problem: { code: why.code, detail: why.detail }, resumesByItself })
    if (resumesByItself) this.room.turns.wakeAt(this.retryOwner, nowMs + retryMs)
    this.contacts.links.endAll(failure('interrupted', 'the torrent has failed'), nowMs)
  }

  /** For the session, when the queue has had its say: tells the change log if the state is another one than before. */
  noteState(): void {
    if (this.phase.type === 'closed') return
    const { state } = this
    const told = state.type === 'error' ? `error ${state.problem.code}` : state.type
    if (told === this.toldState) return
    this.toldState = told
    this.room.log.add({ type: 'state', id: this.facts.id, state })
  }

  private reviewRunning(nowMs: number): void {
    const { phase, contacts, transfer } = this
    const isRunning = this.mayRun && runsAtOnce(phase)
    if (isRunning === this.isRunning) return
    this.isRunning = isRunning
    this.tally.setRunning(isRunning, nowMs)
    if (isRunning) {
      transfer?.started(nowMs)
      contacts.start(nowMs)
    } else {
      if (phase.type === 'checking') phase.meanwhile = 'gives-way'
      transfer?.stopped(nowMs)
      contacts.stop(nowMs)
      this.room.reviewSaving(this.facts.id)
    }
    this.reviewQueue()
  }

  private awaitMetadata(nowMs: number): void {
    const { contacts, room } = this
    const fetching = fetchingMetadata(room, contacts, contacts.hashes, (raw, atMs) => this.takeMetadata(raw, atMs))
    this.enter({ type: 'awaiting-metadata', fetching })
    contacts.links.setExchange(fetching, nowMs)
  }

  private takeMetadata(raw: Uint8Array, nowMs: number): void {
    const { facts, phase, contacts } = this
    if (phase.type !== 'awaiting-metadata') return
    phase.fetching.close()
    const parsed = parseInfo(raw)
    if (!parsed.ok) {
      this.fail(parsed, nowMs)
      return
    }
    const info = parsed.value
    learnHashes(facts, info)
    if (!this.host.claim(this)) {
      this.fail(failure('torrent-value', 'the torrent is here already, under its other info hash'), nowMs)
      return
    }
    learnInfo(facts, info)
    contacts.identify(info, nowMs)
    this.room.log.add({ type: 'metadata', id: facts.id })
    this.host.keepMetainfo(this)
    this.begin(nowMs)
  }

  private awaitPieceLayers(metainfo: Metainfo, nowMs: number): void {
    const { contacts, room } = this
    const fetching = fetchingLayers(room, contacts, metainfo, (layers, atMs) => this.takePieceLayers(layers, atMs))
    this.enter({ type: 'awaiting-piece-layers', fetching })
    contacts.links.setExchange(fetching, nowMs)
  }

  private takePieceLayers(pieceLayers: Metainfo['pieceLayers'], nowMs: number): void {
    const { facts, phase } = this
    if (phase.type !== 'awaiting-piece-layers' || facts.metainfo === undefined) return
    phase.fetching.close()
    facts.metainfo = { ...facts.metainfo, pieceLayers }
    this.host.keepMetainfo(this)
    this.begin(nowMs)
  }

  private lookAtContent(record: StorageRecord | undefined, nowMs: number): void {
    const { metainfo } = this.facts
    if (metainfo === undefined) return
    const isNeeded = isFetching(this.phase) && this.isRunning
    const phase: CheckingPhase = {
      type: 'checking',
      abort: new AbortController(),
      meanwhile: isNeeded ? 'runs' : record === undefined ? 'gives-way' : 'keeps-place',
      checkedPieces: 0,
      pieces: metainfo.info.pieceCount,
    }
    this.lastRecord = record
    this.enter(phase)
    this.contacts.links.setExchange(idleExchange, nowMs)
    this.filesLeft = this.look(metainfo, phase, record)
  }

  /** Settled when the files were looked at, and are not open any more unless the torrent has got ready. */
  private async look(
    metainfo: Metainfo,
    phase: CheckingPhase,
    record: StorageRecord | undefined,
  ): Promise<Result<void>> {
    // An earlier look at the same files must be over.
    await this.filesLeft
    if (this.phase !== phase) return success(undefined)
    const opened = await openContent(this.room, {
      facts: this.facts,
      metainfo,
      // When it failed, there may have been more to know than when this was begun.
      record: record === undefined ? undefined : this.lastRecord,
      onProgress: (checkedPieces, pieces) => {
        phase.checkedPieces = checkedPieces
        phase.pieces = pieces
        if (phase.meanwhile !== 'keeps-place') return
        phase.meanwhile = 'gives-way'
        this.room.turns.run(() => this.reviewQueue())
      },
      signal: phase.abort.signal,
    })
    if (this.phase !== phase) return opened.ok ? await opened.value.storage.close() : success(undefined)
    this.room.turns.run((nowMs) => {
      if (opened.ok) this.becomeReady(metainfo, opened.value, nowMs)
      else this.fail(opened, nowMs, opened.code === 'disk-full')
    })
    return success(undefined)
  }

  private becomeReady(metainfo: Metainfo, content: TorrentContent, nowMs: number): void {
    const { facts, tally, contacts, room } = this
    const isAsRecorded = this.lastRecord !== undefined && !content.wasChecked && !facts.mayDownloadAgain
    facts.mayDownloadAgain = false
    const { bandwidth, speed } = contacts
    const options = { facts, tally, metainfo, content, peers: contacts, bandwidth, speed }
    const transfer = new TorrentTransfer(room, this, options, nowMs)
    this.enter({ type: 'ready', transfer })
    this.reviewRunning(nowMs)
    transfer.begin(this.isRunning, nowMs)
    contacts.links.setExchange(transfer.exchange, nowMs)
    if (!isAsRecorded) room.reviewSaving(facts.id)
  }

  /** What came since the content was last saved is not lost when it fails. `left`: settled when it is closed. */
  private async keepRecord({ storage }: TorrentContent, left: Promise<Result<void>>): Promise<Result<void>> {
    const before = this.lastRecord
    const closed = await left
    const record = await storage.lastRecord()
    // A recheck that was begun meanwhile believes nothing.
    if (record.ok && this.lastRecord === before) {
      this.lastRecord = record.value
      this.room.reviewSaving(this.facts.id)
    }
    return closed
  }

  /** What is found from now on must not be forgotten for what was recorded before. `left`: settled when it is closed. */
  private async forgetRecord(left: Promise<Result<void>>): Promise<Result<void>> {
    const closed = await left
    await this.room.save(this.facts.id)
    return closed
  }

  private async end(how: 'close' | 'remove', nowMs: number): Promise<Result<void>> {
    this.setRunning(false, nowMs)
    this.leavePhase(nowMs, how)
    this.phase = { type: 'closed' }
    this.contacts.links.close()
    this.contacts.speed?.close(nowMs)
    this.contacts.dht.close()
    this.room.turns.unregister(this.retryOwner)
    return await this.filesLeft
  }

  /** What the phase has begun is ended; content that is open is closed, or removed, in the background. */
  private leavePhase(nowMs: number, how: 'close' | 'remove' = 'close'): void {
    const { phase } = this
    const { links } = this.contacts
    links.setExchange(idleExchange, nowMs)
    if (phase.type === 'checking') phase.abort.abort()
    else if (phase.type === 'awaiting-metadata' || phase.type === 'awaiting-piece-layers') phase.fetching.close()
    else if (phase.type === 'ready') {
      links.endAll(failure('interrupted', 'the content is looked at'), nowMs)
      this.filesLeft = phase.transfer.end(how, nowMs)
    }
  }

  /** The state is noted when the queue has had its say. */
  private enter(phase: TorrentPhase): void {
    this.phase = phase
    this.reviewQueue()
  }

  private reviewQueue(): void {
    this.host.reviewQueue(this)
  }
}
