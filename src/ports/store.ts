// Port: what must survive the program: resume data, settings, the payment record, a ledger's journal. Ordered keys
// and values in named tables, changed in batches that happen whole or not at all. Cold: promises; implementations
// gather commits of the same moment into one fsync. Types only.
import type { Result } from '../base/errors.ts'

/** Compared byte by byte; at most 512 bytes. */
export type StoreKey = Uint8Array

export type StoreChange =
  | { readonly type: 'put'; readonly table: string; readonly key: StoreKey; readonly value: Uint8Array }
  /** Fails the batch with store-conflict when the key is there: append-only records, ids used once. */
  | { readonly type: 'insert'; readonly table: string; readonly key: StoreKey; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly table: string; readonly key: StoreKey }

export interface StoreEntry {
  readonly key: StoreKey
  readonly value: Uint8Array
}

export interface StoreRange {
  /** Inclusive; undefined: from the first. */
  readonly from?: StoreKey
  /** Exclusive; undefined: to the last. */
  readonly to?: StoreKey
  readonly order: 'ascending' | 'descending'
  readonly maxCount: number
}

/** Errors of all: disk-full, file-unwritable, store-damaged. After store-damaged nothing more is accepted. */
export interface Store {
  get(table: string, key: StoreKey): Promise<Result<Uint8Array | undefined>>
  /** Entries as of one moment, in order. What comes back is the caller's. */
  range(table: string, range: StoreRange): Promise<Result<readonly StoreEntry[]>>
  /**
   * Applies a batch in order, atomically. 'durable': on the disk when this returns, power loss included (money,
   * anything signed). 'soon': within a second, and never before or without an earlier batch. Arrays are copied.
   */
  commit(changes: readonly StoreChange[], durability: 'durable' | 'soon'): Promise<Result<void>>
  /** Makes everything durable and lets go of the files. */
  close(): Promise<Result<void>>
}
