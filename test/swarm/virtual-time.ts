// Time that only moves when a test moves it: actions are kept in the order of their moments, and of their adding where
// moments are equal. Deterministic; the instance owns the time.
export class VirtualTime {
  nowMs = 1_000
  private readonly queue: { readonly atMs: number; readonly order: number; readonly act: () => void }[] = []
  private added = 0

  at(atMs: number, act: () => void): void {
    const entry = { atMs: Math.max(atMs, this.nowMs), order: this.added++, act }
    let index = this.queue.length
    this.queue.push(entry)
    while (index > 0) {
      const above = (index - 1) >>> 1
      const other = this.queue[above]
      if (other === undefined || !isBefore(entry, other)) break
      this.queue[index] = other
      index = above
    }
    this.queue[index] = entry
  }

  /** The moment of the next action; Infinity: none. */
  nextMs(): number {
    return this.queue[0]?.atMs ?? Number.POSITIVE_INFINITY
  }

  /** Does the next action; false when there is none. */
  step(): boolean {
    const entry = this.queue[0]
    if (entry === undefined) return false
    this.removeFirst()
    this.nowMs = entry.atMs
    entry.act()
    return true
  }

  private removeFirst(): void {
    const last = this.queue.pop()
    if (last === undefined || this.queue.length === 0) return
    let index = 0
    for (;;) {
      let below = 2 * index + 1
      const left = this.queue[below]
      if (left === undefined) break
      const right = this.queue[below + 1]
      let child = left
      if (right !== undefined && isBefore(right, left)) {
        below++
        child = right
      }
      if (!isBefore(child, last)) break
      this.queue[index] = child
      index = below
    }
    this.queue[index] = last
  }
}

interface Moment {
  readonly atMs: number
  readonly order: number
}

function isBefore(a: Moment, b: Moment): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
