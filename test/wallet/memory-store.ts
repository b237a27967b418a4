// A Store in memory that a test can make fail or die: what was committed stays for the next program.
// Guarantees: a batch happens whole or not at all; a program that died gets no more answers. The test owns it.
import { setImmediate } from 'node:timers/promises'
import { compareBytes, toHex } from '../../src/base/bytes.ts'
import { type Failure, failure, type Result, success } from '../../src/base/errors.ts'
import type { Store, StoreChange, StoreEntry } from '../../src/ports/store.ts'

export class MemoryDisk {
  private readonly tables = new Map<string, Map<string, StoreEntry>>()
  /** Commits that were durable, in order. */
  readonly commits: (readonly StoreChange[])[] = []
  failing: Failure | undefined
  /** The program dies at this step of the store, counted from now; before what it asked for has happened. */
  diesIn = Number.POSITIVE_INFINITY

  /** As the program sees it that runs now. */
  open(): Store {
    let isDead = false
    const step = async () => {
      if (isDead || this.diesIn <= 0) {
        isDead = true
        // Whoever waits for an answer of a dead program waits for ever.
        await new Promise(() => undefined)
      }
      this.diesIn--
      await setImmediate()
    }
    return {
      get: async (table, key) => {
        await step()
        return success(this.table(table).get(toHex(key))?.value.slice())
      },
      range: async (table, { maxCount }) => {
        await step()
        const entries = [...this.table(table).values()].sort((a, b) => compareBytes(a.key, b.key))
        return success(entries.slice(0, maxCount))
      },
      commit: async (changes) => {
        await step()
        return this.commit(changes)
      },
      close: async () => success(undefined),
    }
  }

  has(table: string, key: Uint8Array): boolean {
    return this.table(table).has(toHex(key))
  }

  count(table: string): number {
    return this.table(table).size
  }

  private table(name: string): Map<string, StoreEntry> {
    const table = this.tables.get(name) ?? new Map<string, StoreEntry>()
    this.tables.set(name, table)
    return table
  }

  private commit(changes: readonly StoreChange[]): Result<void> {
    if (this.failing !== undefined) return this.failing
    for (const change of changes) {
      if (change.type === 'insert' && this.has(change.table, change.key)) return failure('store-conflict', 'there')
    }
    for (const change of changes) {
      const key = toHex(change.key)
      if (change.type === 'delete') this.table(change.table).delete(key)
      else this.table(change.table).set(key, { key: change.key.slice(), value: change.value.slice() })
    }
    this.commits.push(changes)
    return success(undefined)
  }
}
