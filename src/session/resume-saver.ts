// What a session remembers of its torrents: one record and one .torrent for each, in the state folder. Saved some
// seconds after a change, sooner where it was paid for, when a torrent stops, and at the end; read once, at the start.
// Guarantees: a record claims only what was on the disk before it was written; each file is replaced whole; records
// that cannot be read cost one torrent's state, never another's. Owns the files in the state folder.
import { type Result, success } from '../base/errors.ts'
import { decodeResumeRecord, encodeResumeRecord, maxKeptPeers } from '../storage/resume-record.ts'
import { readWhole } from './read-whole.ts'
import type { SessionRoom } from './session-room.ts'
import type { Torrent } from './torrent.ts'
import { metainfoFile, type RestoredTorrent, recordOf, restoreTorrent } from './torrent-record.ts'

const recordSuffix = '.resume'
const metainfoSuffix = '.torrent'
const maxTorrents = 1_000_000
const maxFileBytes = 128 * 1024 * 1024
const readsAtOnce = 16
/** When a torrent is due while it is being saved, it is looked at again as soon. */
const busyPauseMs = 100
/** What is lost of paid content is bought again: two ticks of its rate are. */
const paidIntervalMs = 500
/** Saving what was paid for takes a fifth of the disk's time at most. */
const pausePerSave = 4

interface Pending {
  readonly torrent: Torrent
  /** When the change may wait no longer. */
  dueMs: number
}

export class ResumeSaver {
  private readonly room: SessionRoom
  private readonly pending = new Map<string, Pending>()
  /** Saves under way, by torrent: the next waits for the one before. */
  private readonly saving = new Map<string, Promise<Result<void>>>()
  private readonly forgotten = new Set<string>()
  /** How long the last save took, of torrents that were paid for. */
  private readonly tookMs = new Map<string, number>()
  private readonly wakeOwner: number
  private wakeMs = Number.POSITIVE_INFINITY

  constructor(room: SessionRoom) {
    this.room = room
    this.wakeOwner = room.turns.register((nowMs) => this.saveDue(nowMs))
  }

  /** It is saved within the save interval. */
  changed(torrent: Torrent): void {
    if (!this.pending.has(torrent.facts.id)) this.saveWithin(torrent, this.room.config.saveIntervalMs)
  }

  /** It was paid for what is there now: it is saved as soon as the disk can do that all the time. */
  bought(torrent: Torrent): void {
    const { id } = torrent.facts
    const tookMs = this.tookMs.get(id) ?? 0
    if (!this.tookMs.has(id)) this.tookMs.set(id, 0)
    this.saveWithin(torrent, Math.min(Math.max(paidIntervalMs, pausePerSave * tookMs), this.room.config.saveIntervalMs))
  }

  /** There is metadata to keep, new or more than before. */
  metainfoChanged(torrent: Torrent): void {
    const { facts } = torrent
    this.forgotten.delete(facts.id)
    this.changed(torrent)
    const { metainfo } = facts
    if (metainfo === undefined) return
    const file = metainfoFile(facts, metainfo)
    void this.enqueue(torrent, () => this.room.stateRoot.replace([facts.id + metainfoSuffix], file))
  }

  /** At once. Errors: of the disk. */
  save(torrent: Torrent): Promise<Result<void>> {
    this.pending.delete(torrent.facts.id)
    return this.enqueue(torrent, () => this.saveNow(torrent))
  }

  async saveAll(torrents: readonly Torrent[]): Promise<void> {
    await Promise.all(torrents.map((torrent) => this.save(torrent)))
  }

  /** Its files go. Errors: of the disk. */
  forget(torrent: Torrent): Promise<Result<void>> {
    const { id } = torrent.facts
    this.forgotten.add(id)
    this.pending.delete(id)
    this.tookMs.delete(id)
    return this.enqueue(torrent, async () => {
      const record = await this.room.stateRoot.remove([id + recordSuffix])
      const metainfo = await this.room.stateRoot.remove([id + metainfoSuffix])
      return !record.ok ? record : metainfo.ok ? success(undefined) : metainfo
    })
  }

  /** All torrents of the last time, in the order of the queue. Errors: of the state folder. */
  async load(): Promise<Result<readonly RestoredTorrent[]>> {
    const { stateRoot } = this.room
    const names = await stateRoot.list([], 2 * maxTorrents)
    if (!names.ok) return names
    const ids = new Set<string>()
    for (const name of names.value) {
      const match = /^([0-9a-f]{40}|[0-9a-f]{64})\.(?:resume|torrent)$/.exec(name)
      if (match?.[1] !== undefined) ids.add(match[1])
    }
    const sorted = [...ids].sort()
    const restored: RestoredTorrent[] = []
    for (let first = 0; first < sorted.length; first += readsAtOnce) {
      const batch = await Promise.all(sorted.slice(first, first + readsAtOnce).map((id) => this.loadOne(id)))
      for (const torrent of batch) if (torrent.ok) restored.push(torrent.value)
    }
    return success(restored.sort((a, b) => a.position - b.position))
  }

  /** What is kept of one torrent. Errors: resume-damaged, also when there is nothing. */
  async loadOne(id: string): Promise<Result<RestoredTorrent>> {
    const { stateRoot, config, ports } = this.room
    const record = await readWhole(stateRoot, [id + recordSuffix], maxFileBytes)
    const torrentFile = await readWhole(stateRoot, [id + metainfoSuffix], maxFileBytes)
    const decoded = record.ok ? decodeResumeRecord(record.value) : record
    return restoreTorrent(
      id,
      decoded.ok ? decoded.value : undefined,
      torrentFile.ok ? torrentFile.value : undefined,
      config,
      ports.clock.wallMs(),
    )
  }

  private saveDue(nowMs: number): void {
    this.wakeMs = Number.POSITIVE_INFINITY
    for (const [id, pending] of this.pending) {
      const isBusy = this.saving.has(id)
      if (pending.dueMs <= nowMs && isBusy) pending.dueMs = nowMs + busyPauseMs
      if (pending.dueMs > nowMs) this.wakeBy(pending.dueMs)
      else void this.save(pending.torrent)
    }
  }

  private saveWithin(torrent: Torrent, withinMs: number): void {
    const { id } = torrent.facts
    const dueMs = this.room.turns.nowMs() + withinMs
    if (this.forgotten.has(id) || (this.pending.get(id)?.dueMs ?? dueMs + 1) <= dueMs) return
    this.pending.set(id, { torrent, dueMs })
    this.wakeBy(dueMs)
  }

  private wakeBy(atMs: number): void {
    if (atMs >= this.wakeMs) return
    this.wakeMs = atMs
    this.room.turns.wakeAt(this.wakeOwner, atMs)
  }

  private async saveNow(torrent: Torrent): Promise<Result<void>> {
    const { facts } = torrent
    const storage = await torrent.storageRecord()
    if (!storage.ok) {
      // What was saved before is still true; after a while it is tried again.
      this.room.turns.run((nowMs) => torrent.transfer?.onReadFailed(storage, nowMs))
      this.changed(torrent)
      return storage
    }
    if (this.forgotten.has(facts.id)) return success(undefined)
    const totals = torrent.tally.totals(this.room.turns.nowMs())
    const peers = torrent.contacts.peersToKeep(maxKeptPeers)
    const record = encodeResumeRecord(recordOf(facts, totals, storage.value, torrent.rank, peers))
    const saved = await this.room.stateRoot.replace([facts.id + recordSuffix], record)
    if (!saved.ok) this.changed(torrent)
    return saved
  }

  private enqueue(torrent: Torrent, work: () => Promise<Result<void>>): Promise<Result<void>> {
    const { id } = torrent.facts
    const before = this.saving.get(id) ?? Promise.resolve()
    let sinceMs = 0
    const saving = before.then(() => {
      sinceMs = this.room.turns.nowMs()
      return work()
    })
    this.saving.set(id, saving)
    void saving.then(() => {
      if (this.tookMs.has(id)) this.tookMs.set(id, this.room.turns.nowMs() - sinceMs)
      if (this.saving.get(id) === saving) this.saving.delete(id)
    })
    return saving
  }
}
