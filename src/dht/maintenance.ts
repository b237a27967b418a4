// What keeps the tables of a node alive (BEP 5): finding neighbours at the start and after a new id, filling and
// refreshing buckets, looking at newcomers and at nodes that have gone silent.
// Guarantees: at most one check of each sort a tick and one lookup a place at a time, so that nothing others do makes it
// busy; without nodes it asks for more with growing pauses. Owns the timing; the tables are the places'.
import type { Endpoint } from '../base/endpoint.ts'
import { nodeIdLength } from '../formats/krpc/message.ts'
import type { Random } from '../ports/random.ts'
import type { DhtOutput } from './dht-events.ts'
import type { DhtPlace } from './dht-place.ts'
import { idAtPrefix } from './node-distance.ts'
import { bucketSize } from './routing-table.ts'
import type { RunningLookups } from './running-lookups.ts'
import { encodeTables } from './saved-tables.ts'

export interface MaintenanceOptions {
  readonly places: readonly DhtPlace[]
  readonly random: Random
  readonly lookups: RunningLookups
  readonly emit: (output: DhtOutput) => void
  /** Asks a node whether it is there. */
  readonly check: (place: DhtPlace, endpoint: Endpoint, nowMs: number) => void
  /** Forgets what is stored too long. */
  readonly sweep: (nowMs: number) => void
}

const tickMs = 5_000
/** While there is somebody to look at. */
const busyTickMs = 1_000
const sweepMs = 60_000
const firstRetryMs = 5_000
const longestRetryMs = 600_000
/** Fewer nodes than this are no table to rely on. */
const enoughNodes = bucketSize
/** Buckets looked up after the neighbours were found; what is beyond is refreshed in time. */
const maxBucketsToFill = 16

export class Maintenance {
  private readonly options: MaintenanceOptions
  private nextSweepMs = Number.POSITIVE_INFINITY
  private isReady = false
  private hasStarted = false

  constructor(options: MaintenanceOptions) {
    this.options = options
  }

  start(nowMs: number): void {
    if (this.hasStarted) return
    this.hasStarted = true
    this.nextSweepMs = nowMs + sweepMs
    for (const place of this.options.places) {
      place.nextTickMs = nowMs + this.options.random.below(busyTickMs)
      place.nextBootstrapMs = nowMs
    }
    if (this.options.places.some(({ table }) => table.size < enoughNodes))
      this.options.emit({ type: 'needs-bootstrap' })
    this.wake(nowMs)
  }

  /** There are new nodes to begin with: used at once where nobody else is known. */
  onBootstrap(nowMs: number): void {
    if (!this.hasStarted) return
    for (const place of this.options.places) {
      if (place.table.size === 0 && place.maintenance === 0) this.options.lookups.maintain(place, place.ownId, nowMs)
    }
  }

  onNewcomer(place: DhtPlace, nowMs: number): void {
    if (this.hasStarted) place.nextTickMs = Math.min(place.nextTickMs, nowMs + busyTickMs)
  }

  /** The neighbourhood is another one now. */
  onNewId(place: DhtPlace, nowMs: number): void {
    place.nextBootstrapMs = nowMs
    place.bootstrapAttempts = 0
    place.nextTickMs = nowMs
  }

  /** A lookup for a place's table is over. */
  onMaintained(place: DhtPlace, nowMs: number): void {
    if (place.table.size === 0) return
    if (!this.isReady) {
      this.isReady = true
      this.options.emit({ type: 'ready' })
    }
    if (place.table.size >= enoughNodes) place.bootstrapAttempts = 0
    place.nextTickMs = Math.min(place.nextTickMs, nowMs + busyTickMs)
  }

  wake(nowMs: number): void {
    if (!this.hasStarted) return
    for (const place of this.options.places) this.tend(place, nowMs)
    if (nowMs < this.nextSweepMs) return
    this.nextSweepMs = nowMs + sweepMs
    this.options.sweep(nowMs)
  }

  nextWakeMs(): number {
    let earliestMs = this.nextSweepMs
    for (const { nextTickMs, nextBootstrapMs, maintenance } of this.options.places) {
      earliestMs = Math.min(earliestMs, nextTickMs, maintenance > 0 ? Number.POSITIVE_INFINITY : nextBootstrapMs)
    }
    return earliestMs
  }

  saveTables(): Uint8Array {
    return encodeTables(this.options.places.map(({ table }) => table))
  }

  private tend(place: DhtPlace, nowMs: number): void {
    if (nowMs >= place.nextBootstrapMs && place.maintenance === 0) this.findNeighbours(place, nowMs)
    if (nowMs < place.nextTickMs) return
    place.nextTickMs = nowMs + tickMs
    const newcomer = place.newcomer()
    if (newcomer !== undefined) this.options.check(place, newcomer, nowMs)
    const silent = place.table.questionable(nowMs)
    if (silent !== undefined) this.options.check(place, silent.endpoint, nowMs)
    if (place.maintenance === 0) this.refresh(place, nowMs)
    const isBusy = place.newcomerCount > 0 || silent !== undefined || place.bucketsToFill > 0
    if (isBusy) place.nextTickMs = nowMs + busyTickMs
  }

  private findNeighbours(place: DhtPlace, nowMs: number): void {
    const attempt = place.bootstrapAttempts++
    if (attempt > 0 && place.table.size < enoughNodes) this.options.emit({ type: 'needs-bootstrap' })
    const pauseMs = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(attempt, 10))
    place.nextBootstrapMs = nowMs + pauseMs
    place.bucketsToFill = maxBucketsToFill
    this.options.lookups.maintain(place, place.ownId, nowMs)
  }

  private refresh(place: DhtPlace, nowMs: number): void {
    const { table } = place
    if (table.size >= enoughNodes) place.nextBootstrapMs = Number.POSITIVE_INFINITY
    else if (place.nextBootstrapMs === Number.POSITIVE_INFINITY) place.nextBootstrapMs = nowMs + firstRetryMs
    if (table.size === 0) return
    const random = new Uint8Array(nodeIdLength)
    this.options.random.fill(random)
    place.bucketsToFill = Math.min(place.bucketsToFill, table.bucketCount)
    if (place.bucketsToFill > 0) {
      const target = idAtPrefix(table.ownId, --place.bucketsToFill, random)
      this.options.lookups.maintain(place, target, nowMs)
      return
    }
    const target = table.refreshTarget(random, nowMs)
    if (target !== undefined) this.options.lookups.maintain(place, target, nowMs)
  }
}
