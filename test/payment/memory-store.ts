// A store in memory that tests look into, copy as a backup and put back.
// What is read twice without a change between is decoded once.
import { compareBytes, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { readRecords, recordRange, type Table } from '../../src/payment/lane-records.ts'
import type { RailId } from '../../src/ports/ledger.ts'
import type { StoreChange, StoreEntry } from '../../src/ports/store.ts'

export type StoreContents = Map<string, StoreEntry>

export class MemoryStore {
  /** By table, slash and key. */
  private entries: StoreContents = new Map()
  /** What was read since the last change. */
  private readonly known = new Map<string, unknown[]>()

  get contents(): StoreContents {
    return this.entries
  }

  set contents(contents: StoreContents) {
    this.entries = contents
    this.known.clear()
  }

  apply(changes: readonly StoreChange[]): void {
    this.known.clear()
    for (const change of changes) {
      const name = `${change.table}/${toHex(change.key)}`
      if (change.type === 'delete') this.contents.delete(name)
      else this.contents.set(name, { key: change.key.slice(), value: change.value.slice() })
    }
  }

  backup(): StoreContents {
    return new Map(this.contents)
  }

  read<T>(table: Table<T>, rail: RailId): T[] {
    const known = this.known.get(table.table)
    if (known !== undefined) return known as T[]
    const { from, to } = recordRange(rail, 1000)
    const entries: StoreEntry[] = []
    for (const [name, entry] of this.contents) {
      if (!name.startsWith(`${table.table}/`)) continue
      const isWithin = compareBytes(entry.key, from as Uint8Array) >= 0 && compareBytes(entry.key, to as Uint8Array) < 0
      if (isWithin) entries.push(entry)
    }
    const values = unwrap(readRecords(table, rail, entries))
    this.known.set(table.table, values)
    return values
  }
}
