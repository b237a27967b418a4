// Which torrents run and which wait, when there are more than may run at once: downloads and seeds are counted apart,
// in the order of the queue; what is forced runs and takes no place. Guarantees: who has to wait makes room before
// another one starts; a torrent that changes costs the same however many others there are, but for a short search.
// Owns the lines; starting and stopping is the caller's.
import type { QueueLimits } from './session-config.ts'

/** `none`: the owner does not want it to run, or something (a check, an error) keeps it from running. */
export type QueuePlace = 'none' | 'forced' | 'download' | 'seed'

export interface Queued {
  /** Greater than that of all who come before it. */
  readonly rank: number
}

/** What is to be done, those who stop before those who start. */
export interface QueueChanges<T> {
  readonly stopping: readonly T[]
  readonly starting: readonly T[]
}

type Line = 'download' | 'seed'

export class RunningQueue<T extends Queued> {
  private limits: QueueLimits
  private places = new Map<T, QueuePlace>()
  private lines: Record<Line, T[]> = { download: [], seed: [] }
  private readonly running = new Set<T>()
  /** Since they were last asked for: true is started, false stopped. */
  private readonly changes = new Map<T, boolean>()

  constructor(limits: QueueLimits) {
    this.limits = limits
  }

  /** It is added, another one than before, or (`none`) gone. */
  review(item: T, place: QueuePlace): void {
    const before = this.places.get(item) ?? 'none'
    if (before === place) return
    if (place === 'none') this.places.delete(item)
    else this.places.set(item, place)
    const wasRunning = this.running.has(item)
    if (before === 'download' || before === 'seed') this.leave(item, before)
    const runs = place === 'forced' || (place !== 'none' && this.enter(item, place))
    if (runs !== wasRunning) this.choose(item, runs)
  }

  /** Limits or ranks are others than before. */
  decideAgain(limits: QueueLimits): void {
    this.limits = limits
    for (const line of ['download', 'seed'] as const) {
      const items = this.lines[line].sort((a, b) => a.rank - b.rank)
      for (const [index, item] of items.entries()) this.choose(item, index < this.limitOf(line))
    }
  }

  /** What to do since the last call. */
  takeChanges(): QueueChanges<T> {
    const stopping: T[] = []
    const starting: T[] = []
    for (const [item, runs] of this.changes) (runs ? starting : stopping).push(item)
    this.changes.clear()
    return { stopping, starting }
  }

  private limitOf(line: Line): number {
    const { maxActiveDownloads, maxActiveSeeds } = this.limits
    return Math.ceil(line === 'download' ? maxActiveDownloads : maxActiveSeeds)
  }

  /** Whether it runs; one behind it that ran may have to wait. */
  private enter(item: T, line: Line): boolean {
    const items = this.lines[line]
    const index = placeOf(items, item)
    items.splice(index, 0, item)
    const limit = this.limitOf(line)
    const displaced = index < limit ? items[limit] : undefined
    if (displaced !== undefined) this.choose(displaced, false)
    return index < limit
  }

  /** The first of those that wait takes its place. */
  private leave(item: T, line: Line): void {
    const items = this.lines[line]
    const index = placeOf(items, item)
    items.splice(index, 1)
    const limit = this.limitOf(line)
    const next = index < limit ? items[limit - 1] : undefined
    if (next !== undefined) this.choose(next, true)
  }

  private choose(item: T, runs: boolean): void {
    if (runs === this.running.has(item)) return
    if (runs) this.running.add(item)
    else this.running.delete(item)
    // Changed there and back again is not changed.
    if (!this.changes.delete(item)) this.changes.set(item, runs)
  }
}

/** Where it stands in a line, or would stand. */
function placeOf<T extends Queued>(items: readonly T[], item: T): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((items[middle] as T).rank < item.rank) low = middle + 1
    else high = middle
  }
  return low
}

export interface SeedProgress {
  readonly uploadedBytes: number
  readonly wantedBytes: number
  readonly seedingSeconds: number
}

/** Whether a finished torrent has given what its owner wanted it to give. */
export function hasReachedGoal(progress: SeedProgress, goals: { ratio: number; seedingSeconds: number }): boolean {
  if (progress.seedingSeconds >= goals.seedingSeconds) return true
  return progress.wantedBytes > 0 && progress.uploadedBytes >= goals.ratio * progress.wantedBytes
}
