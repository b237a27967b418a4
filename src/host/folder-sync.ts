// Which folders have entries that a power loss would take back, and putting them on the disk.
// Guarantees: what was noted before a call to `settle` is on the disk when it returns; folders without news cost
// nothing; of one folder only one sync runs at a time, and all who come meanwhile share the next, as do all who come in
// the turn of the event loop in which one is to begin. Owns the notes of one root.
import { setImmediate } from 'node:timers/promises'
import type { RelativePath } from '../ports/files.ts'

/** Syncs one folder; an exception when it failed. */
type SyncFolder = (path: RelativePath) => Promise<void>

function keyOf(path: RelativePath): string {
  return path.join('/')
}

export class FolderSync {
  private readonly sync: SyncFolder
  private readonly changed = new Map<string, RelativePath>()
  private readonly running = new Map<string, Promise<void>>()
  /** Of those running, the folders whose sync begins when this turn of the event loop is over. */
  private readonly starting = new Set<string>()
  /** Syncs that begin when the running one of their folder has ended. */
  private readonly next = new Map<string, Promise<void>>()

  constructor(sync: SyncFolder) {
    this.sync = sync
  }

  /** An entry directly in `folder` came, went or changed its name. */
  note(folder: RelativePath): void {
    this.changed.set(keyOf(folder), folder)
  }

  /** The folder is gone, and what was in it. */
  forget(folder: RelativePath): void {
    this.changed.delete(keyOf(folder))
  }

  /** Puts the entries of `folder` and of all above it on the disk. */
  async settle(folder: RelativePath): Promise<void> {
    for (let depth = folder.length; depth >= 0; depth--) await this.settleOne(keyOf(folder.slice(0, depth)))
  }

  /** Puts the entries of `folder` and of all below it on the disk. */
  async settleBelow(folder: RelativePath): Promise<void> {
    const key = keyOf(folder)
    for (const other of [...this.changed.keys()]) {
      if (other === key || other.startsWith(`${key}/`)) await this.settleOne(other)
    }
    for (const syncs of [this.running, this.next]) {
      for (const [other, sync] of [...syncs]) if (other === key || other.startsWith(`${key}/`)) await sync
    }
  }

  private settleOne(key: string): Promise<void> | undefined {
    const folder = this.changed.get(key)
    const running = this.running.get(key)
    if (this.starting.has(key)) return running
    // A sync under way began after whatever is noted no more, so waiting for it is enough.
    if (folder === undefined) return running
    if (running === undefined) return this.begin(key, folder)
    const next = this.next.get(key) ?? running.catch(() => undefined).then(() => this.beginNext(key))
    this.next.set(key, next)
    return next
  }

  private beginNext(key: string): Promise<void> | undefined {
    this.next.delete(key)
    const folder = this.changed.get(key)
    // No news any more: the folder is gone, or a sync began in the moment since the last one ended.
    return folder === undefined ? this.running.get(key) : this.begin(key, folder)
  }

  private begin(key: string, folder: RelativePath): Promise<void> {
    this.starting.add(key)
    const running = this.beginSoon(key, folder).finally(() => {
      if (this.running.get(key) === running) this.running.delete(key)
    })
    this.running.set(key, running)
    return running
  }

  private async beginSoon(key: string, folder: RelativePath): Promise<void> {
    await setImmediate()
    this.starting.delete(key)
    // The folder is gone meanwhile.
    if (!this.changed.delete(key)) return
    try {
      await this.sync(folder)
    } catch (error) {
      this.changed.set(key, folder)
      throw error
    }
  }
}
