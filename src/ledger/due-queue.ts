// What ends by time alone, the earliest first: a binary heap. What was changed since is left in it and passed over when
// its turn comes, as the record itself says when it is due.
// Guarantees: items of the same time come in the order of their ids, so a run repeats; nothing due is ever lost.
import { dueAtMs, type Holding } from './entry.ts'

export interface DueItem {
  readonly type: 'lane' | 'escrow' | 'campaign'
  readonly id: string
  readonly atMs: number
}

type Lookup = (item: DueItem) => Holding | undefined

function isBefore(a: DueItem, b: DueItem): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.id < b.id)
}

/** Below this what is left over is not looked for. */
const leastSwept = 1024

export class DueQueue {
  private heap: DueItem[] = []
  private readonly lookup: Lookup
  /** Swept when it has grown to this. */
  private sweptAt = leastSwept

  /** `lookup`: the record as it is now. */
  constructor(lookup: Lookup) {
    this.lookup = lookup
  }

  add(item: DueItem): void {
    if (this.heap.length >= this.sweptAt) this.sweep()
    const { heap } = this
    let place = heap.length
    heap.push(item)
    while (place > 0) {
      const parent = (place - 1) >>> 1
      const above = heap[parent] as DueItem
      if (!isBefore(item, above)) break
      heap[place] = above
      place = parent
    }
    heap[place] = item
  }

  /** Holdings that are due; they stay here until they have ended. */
  dueAt(timeMs: number, max: number): Holding[] {
    const found: Holding[] = []
    const kept: DueItem[] = []
    for (let first = this.heap[0]; first !== undefined && first.atMs <= timeMs; first = this.heap[0]) {
      if (found.length >= max) break
      this.removeFirst()
      const holding = this.meant(first)
      if (holding === undefined) continue
      const last = kept.at(-1)
      if (last !== undefined && last.id === first.id) continue
      kept.push(first)
      found.push(holding)
    }
    for (const item of kept) this.add(item)
    return found
  }

  /** Infinity: nothing ends by time alone. */
  nextMs(): number {
    for (let first = this.heap[0]; first !== undefined; first = this.heap[0]) {
      if (this.meant(first) !== undefined) return first.atMs
      this.removeFirst()
    }
    return Number.POSITIVE_INFINITY
  }

  /** Undefined: what the item was made for has changed or ended since. */
  private meant(item: DueItem): Holding | undefined {
    const holding = this.lookup(item)
    return holding !== undefined && dueAtMs(holding) === item.atMs ? holding : undefined
  }

  private sweep(): void {
    // Sorted is heaped.
    this.heap = this.heap.filter((item) => this.meant(item) !== undefined).sort((a, b) => (isBefore(a, b) ? -1 : 1))
    this.sweptAt = Math.max(leastSwept, this.heap.length * 2)
  }

  private removeFirst(): void {
    const { heap } = this
    const item = heap.pop()
    if (item === undefined || heap.length === 0) return
    let place = 0
    for (;;) {
      let child = place * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as DueItem, heap[child] as DueItem)) child++
      const below = heap[child] as DueItem
      if (!isBefore(below, item)) break
      heap[place] = below
      place = child
    }
    heap[place] = item
  }
}
