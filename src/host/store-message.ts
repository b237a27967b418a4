// What the thread of a database is told and tells back. Changes travel as one run of bytes a batch, as a structured
// clone of many small arrays costs more than writing them to the disk.
// Guarantees: unpacking gives what was packed; sizes were asserted when packing. Keeps no state.
import { assert } from '../base/assert.ts'
import { fromLatin1, readUint16, readUint32, toLatin1, writeUint16, writeUint32 } from '../base/bytes.ts'
import type { Result } from '../base/errors.ts'
import type { StoreChange, StoreEntry, StoreKey, StoreRange } from '../ports/store.ts'

export interface PackedBatch {
  readonly bytes: Uint8Array
  readonly isDurable: boolean
}

/** Commits are sent one after the other; what is asked is told apart by its ticket. */
export type StoreOrder =
  | { readonly type: 'commit'; readonly batches: readonly PackedBatch[] }
  | { readonly type: 'get'; readonly ticket: number; readonly table: string; readonly key: StoreKey }
  | { readonly type: 'range'; readonly ticket: number; readonly table: string; readonly range: StoreRange }
  | { readonly type: 'close' }

export type StoreAnswer =
  | { readonly type: 'opened'; readonly result: Result<void> }
  /** Of each batch, in order. */
  | { readonly type: 'committed'; readonly results: readonly Result<void>[] }
  | { readonly type: 'got'; readonly ticket: number; readonly result: Result<Uint8Array | undefined> }
  | { readonly type: 'ranged'; readonly ticket: number; readonly result: Result<readonly StoreEntry[]> }
  | { readonly type: 'closed'; readonly result: Result<void> }

const kinds = ['put', 'insert', 'delete'] as const

const maxKeyBytes = 512
const maxValueBytes = 16 * 1_048_576
const tableName = /^[a-z][a-z0-9-]{0,47}$/

export function assertTable(table: string): void {
  assert(tableName.test(table), 'the name of a table')
}

export function assertKey(key: StoreKey): void {
  assert(key.length > 0 && key.length <= maxKeyBytes, 'a key of 1 to 512 bytes')
}

/** Kind, length and name of the table, length and bytes of the key, and of the value but where there is none. */
export function packChanges(changes: readonly StoreChange[]): Uint8Array {
  const tables = changes.map(({ table }) => fromLatin1(table))
  let length = 0
  for (const [index, change] of changes.entries()) {
    assertTable(change.table)
    assertKey(change.key)
    const valueLength = change.type === 'delete' ? 0 : change.value.length
    assert(valueLength <= maxValueBytes, 'a value of at most 16 MiB')
    length += 8 + (tables[index] as Uint8Array).length + change.key.length + valueLength
  }
  const packed = new Uint8Array(length)
  let at = 0
  for (const [index, change] of changes.entries()) {
    const table = tables[index] as Uint8Array
    packed[at] = kinds.indexOf(change.type)
    packed[at + 1] = table.length
    writeUint16(packed, at + 2, change.key.length)
    writeUint32(packed, at + 4, change.type === 'delete' ? 0 : change.value.length)
    at += 8
    for (const part of [table, change.key, ...(change.type === 'delete' ? [] : [change.value])]) {
      packed.set(part, at)
      at += part.length
    }
  }
  return packed
}

/** Keys and values are views. */
export function* unpackChanges(packed: Uint8Array): Generator<StoreChange> {
  for (let at = 0; at < packed.length; ) {
    const type = kinds[packed[at] as number]
    assert(type !== undefined, 'a change that was packed')
    const tableEnd = at + 8 + (packed[at + 1] as number)
    const keyEnd = tableEnd + readUint16(packed, at + 2)
    const valueEnd = keyEnd + readUint32(packed, at + 4)
    const table = toLatin1(packed, at + 8, tableEnd)
    const key = packed.subarray(tableEnd, keyEnd)
    yield type === 'delete' ? { type, table, key } : { type, table, key, value: packed.subarray(keyEnd, valueEnd) }
    at = valueEnd
  }
}
