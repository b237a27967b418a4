// The Store port of a simulation: commits take time, gather into groups, fail on demand, and lose power.
// Guarantees: everything follows from the seed; after a crash the port of the dead program never answers again; a power
// loss keeps what was synced and any prefix, in order, of the batches that were not; a killed program loses only what
// was not written yet. Owns the tables, which outlive programs.
import { compareBytes, toHex } from '../../src/base/bytes.ts'
import { type Failure, failure, type Result, success } from '../../src/base/errors.ts'
import type { Random } from '../../src/ports/random.ts'
import type { Store, StoreChange, StoreEntry, StoreKey, StoreRange } from '../../src/ports/store.ts'
import type { SimulatedClock } from './simulated-clock.ts'

export interface SimulatedStoreOptions {
  readonly clock: SimulatedClock
  readonly random: Random
  /** Of writing, and again of syncing. */
  readonly maxDelayMs?: number
}

type StoreFault =
  /** Nothing of the group is written. */
  | { readonly type: 'refused'; readonly failure: Failure }
  /** It is written, but whether it is on the disk nobody knows; the store wants to be opened anew. */
  | { readonly type: 'sync-failed' }

interface Waiting {
  readonly changes: readonly StoreChange[]
  readonly isDurable: boolean
  readonly resolve: (result: Result<void>) => void
}

interface Replaced {
  readonly table: string
  readonly key: StoreKey
  readonly before: Uint8Array | undefined
}

const syncAfterMs = 500

export class SimulatedStoreDisk {
  /** Decides which groups of commits fail; asked once for each. */
  failing: (changes: readonly StoreChange[]) => StoreFault | undefined = () => undefined
  /** Called before each thing the disk does for the program: where a test lets it die. */
  beforeEach: () => void = () => undefined
  /** Batches that power losses took back. */
  lostBatches = 0
  private readonly clock: SimulatedClock
  private readonly random: Random
  private readonly maxDelayMs: number
  private readonly tables = new Map<string, Map<string, StoreEntry>>()
  /** What undoes each batch that is not synced, in order. */
  private unsynced: (readonly Replaced[])[] = []
  private life = 0
  private isOpen = false

  constructor({ clock, random, maxDelayMs = 5 }: SimulatedStoreOptions) {
    this.clock = clock
    this.random = random
    this.maxDelayMs = maxDelayMs
  }

  /** For the program that runs now. Errors: store-locked. */
  open(): Result<Store> {
    if (this.isOpen) return failure('store-locked', 'the program has it open already')
    this.isOpen = true
    return success(new SimulatedStore(this, this.life))
  }

  /** The program dies at once; with `isPowerLoss`, so does what was not synced. */
  crash(isPowerLoss: boolean): void {
    this.life++
    this.isOpen = false
    if (!isPowerLoss) return
    const kept = this.random.below(this.unsynced.length + 1)
    this.lostBatches += this.unsynced.length - kept
    for (const batch of this.unsynced.slice(kept).reverse()) this.undo(batch)
    this.unsynced = []
  }

  /** For tests: as a person with an editor would. */
  tamper(table: string, key: StoreKey, value: Uint8Array | undefined): void {
    this.write(table, key, value)
  }

  later(life: number, work: () => void): void {
    this.clock.at(this.clock.nowMs() + this.random.below(1000 * this.maxDelayMs + 1) / 1000, () => {
      if (life === this.life) this.beforeEach()
      if (life === this.life) work()
    })
  }

  soon(life: number, work: () => void): void {
    this.clock.at(this.clock.nowMs() + syncAfterMs, () => {
      if (life === this.life) work()
    })
  }

  value(table: string, key: StoreKey): Uint8Array | undefined {
    return this.tables.get(table)?.get(toHex(key))?.value.slice()
  }

  entries(table: string, { from, to, order, maxCount }: StoreRange): StoreEntry[] {
    const sign = order === 'ascending' ? 1 : -1
    return [...(this.tables.get(table)?.values() ?? [])]
      .filter(({ key }) => from === undefined || compareBytes(key, from) >= 0)
      .filter(({ key }) => to === undefined || compareBytes(key, to) < 0)
      .sort((a, b) => sign * compareBytes(a.key, b.key))
      .slice(0, maxCount)
      .map(({ key, value }) => ({ key: key.slice(), value: value.slice() }))
  }

  /** Whole or not at all. */
  apply(changes: readonly StoreChange[]): Result<void> {
    const replaced: Replaced[] = []
    for (const change of changes) {
      const before = this.value(change.table, change.key)
      if (change.type === 'insert' && before !== undefined) {
        this.undo(replaced)
        return failure('store-conflict', 'a record of this key is there already')
      }
      replaced.push({ table: change.table, key: change.key, before })
      this.write(change.table, change.key, change.type === 'delete' ? undefined : change.value)
    }
    this.unsynced.push(replaced)
    return success(undefined)
  }

  sync(): void {
    this.unsynced = []
  }

  release(life: number): void {
    if (life === this.life) this.isOpen = false
  }

  private undo(batch: readonly Replaced[]): void {
    for (const { table, key, before } of [...batch].reverse()) this.write(table, key, before)
  }

  private write(table: string, key: StoreKey, value: Uint8Array | undefined): void {
    const entries = this.tables.get(table) ?? new Map<string, StoreEntry>()
    this.tables.set(table, entries)
    if (value === undefined) entries.delete(toHex(key))
    else entries.set(toHex(key), { key: key.slice(), value: value.slice() })
  }
}

class SimulatedStore implements Store {
  private readonly disk: SimulatedStoreDisk
  private readonly life: number
  private waiting: Waiting[] = []
  private isBusy = false
  private isSyncPlanned = false
  private broken: Failure | undefined
  private onIdle: (() => void) | undefined

  constructor(disk: SimulatedStoreDisk, life: number) {
    this.disk = disk
    this.life = life
  }

  get(table: string, key: StoreKey): Promise<Result<Uint8Array | undefined>> {
    return this.read(() => this.disk.value(table, key))
  }

  range(table: string, range: StoreRange): Promise<Result<readonly StoreEntry[]>> {
    return this.read(() => this.disk.entries(table, range))
  }

  commit(changes: readonly StoreChange[], durability: 'durable' | 'soon'): Promise<Result<void>> {
    if (this.broken !== undefined) return Promise.resolve(this.broken)
    const copies = changes.map((change) =>
      change.type === 'delete'
        ? { ...change, key: change.key.slice() }
        : { ...change, key: change.key.slice(), value: change.value.slice() },
    )
    return new Promise((resolve) => {
      this.waiting.push({ changes: copies, isDurable: durability === 'durable', resolve })
      this.writeGroup()
    })
  }

  async close(): Promise<Result<void>> {
    if (this.isBusy || this.waiting.length > 0) await new Promise<void>((resolve) => (this.onIdle = resolve))
    const { broken } = this
    this.broken ??= failure('interrupted', 'the database is closed')
    if (broken === undefined) this.disk.sync()
    this.disk.release(this.life)
    return broken ?? success(undefined)
  }

  private read<T>(look: () => T): Promise<Result<T>> {
    return new Promise((resolve) => {
      this.disk.later(this.life, () => resolve(this.broken ?? success(look())))
    })
  }

  private writeGroup(): void {
    if (this.isBusy) return
    const group = this.waiting
    if (group.length === 0) {
      this.onIdle?.()
      return
    }
    this.waiting = []
    this.isBusy = true
    this.disk.later(this.life, () => this.written(group))
  }

  private written(group: readonly Waiting[]): void {
    const { broken } = this
    if (broken !== undefined) {
      this.answer(group, () => broken)
      return
    }
    const fault = this.disk.failing(group.flatMap(({ changes }) => changes))
    if (fault?.type === 'refused') {
      this.answer(group, () => fault.failure)
      return
    }
    const results = group.map(({ changes }) => this.disk.apply(changes))
    if (!group.some(({ isDurable }) => isDurable) && fault === undefined) {
      this.answer(group, (index) => results[index] as Result<void>)
      this.planSync()
      return
    }
    this.disk.later(this.life, () => {
      if (fault === undefined) this.disk.sync()
      else this.broken = failure('file-unwritable', 'a simulated fault: sync')
      this.answer(group, (index) => this.broken ?? (results[index] as Result<void>))
    })
  }

  private planSync(): void {
    if (this.isSyncPlanned) return
    this.isSyncPlanned = true
    this.disk.soon(this.life, () => {
      this.isSyncPlanned = false
      if (this.broken === undefined) this.disk.sync()
    })
  }

  private answer(group: readonly Waiting[], resultOf: (index: number) => Result<void>): void {
    this.isBusy = false
    for (const [index, { resolve }] of group.entries()) resolve(resultOf(index))
    this.writeGroup()
  }
}
