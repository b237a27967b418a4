// What changed in a session, in order, for whoever follows it: readers come back with a cursor and get what is new.
// Guarantees: bounded; a reader who was away too long is told so instead of missing something.
// The session owns the one log; listeners are told that there is something, never what.
import type { Change, Changes } from './snapshots.ts'

const maxChanges = 4_096

export class ChangeLog {
  /** The oldest kept has number `cursor - entries.length`. */
  private readonly entries: Change[] = []
  private first = 0
  private readonly listeners = new Set<() => void>()
  private isAnnounced = true

  get cursor(): number {
    return this.first + this.entries.length
  }

  add(change: Change): void {
    this.entries.push(change)
    this.isAnnounced = false
    // Dropping half at a time makes the cost of a change constant.
    if (this.entries.length >= 2 * maxChanges) {
      this.entries.splice(0, maxChanges)
      this.first += maxChanges
    }
  }

  since(cursor: number): Changes {
    const index = cursor - this.first
    if (!Number.isInteger(index) || index < 0 || index > this.entries.length) {
      return { type: 'lost', cursor: this.cursor }
    }
    return { type: 'changes', changes: this.entries.slice(index), cursor: this.cursor }
  }

  /** `listener` is called at the end of each turn in which something changed. The function returned ends it. */
  listen(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }

  /** Tells the listeners if there is anything they were not told of. */
  announce(): void {
    if (this.isAnnounced) return
    this.isAnnounced = true
    for (const listener of [...this.listeners]) listener()
  }
}
