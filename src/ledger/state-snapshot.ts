// A ledger's state as bytes, so that opening it need not replay all that led to it: records of all tables, in chunks.
// Guarantees: a snapshot is of one height, whatever happens to the state while it is being encoded; reading is strict.
// Whether a snapshot is true is for its root to say, which the journal has.
import { assert } from '../base/assert.ts'
import { fromLatin1 } from '../base/bytes.ts'
import { attempt, type Result } from '../base/errors.ts'
import { BencodeCursor } from '../formats/bencode/cursor.ts'
import { encode } from '../formats/bencode/encode.ts'
import { kindList, scan } from '../formats/bencode/scan.ts'
import { malformed } from '../formats/money/form.ts'
import type { RailId } from '../ports/ledger.ts'
import { stateForms } from './entry-codec.ts'
import type { LedgerState, TableName, TableValues } from './ledger-state.ts'

const recordsInChunk = 256
const limits = { maxBytes: 4 * 1_048_576, maxDepth: 12, maxTokens: 1_048_576 }
const tables = Object.keys(stateForms) as readonly TableName[]

/** Records as they were: values never change, so that it is enough to hold on to them. */
type HeldTable = readonly [TableName, readonly (readonly [string, TableValues[TableName]])[]]

export class StateSnapshot {
  private readonly held: readonly HeldTable[]

  constructor(state: LedgerState) {
    this.held = tables.map((table) => [table, [...state.entriesOf(table)]])
  }

  /** Encoded one at a time, as they are asked for. */
  *chunks(): Generator<Uint8Array> {
    for (const [table, records] of this.held) {
      for (let from = 0; from < records.length; from += recordsInChunk) {
        const part = records.slice(from, from + recordsInChunk)
        const form = stateForms[table]
        const written = part.map(([key, value]) => [fromLatin1(key), form.toBencode(value as never)])
        yield encode([table, ...written])
      }
    }
  }
}

/** Puts the records of a chunk into a state. Errors: ledger-damaged. */
export function restoreChunk(state: LedgerState, chunk: Uint8Array, rail: RailId): Result<void> {
  const scanned = scan(chunk, { strict: true, limits })
  if (!scanned.ok) return { ...scanned, code: 'ledger-damaged' }
  const read = attempt(() => {
    const root = new BencodeCursor(scanned.value)
    if (root.kind !== kindList) malformed('not a chunk of a snapshot')
    let table: TableName | undefined
    for (const element of root.elements()) {
      if (table === undefined) {
        const name = element.latin1()
        table = tables.find((known) => known === name) ?? malformed('a table that is not known')
        continue
      }
      restoreRecord(state, table, element, rail)
    }
  })
  state.forget(state.mark())
  return read.ok ? read : { ...read, code: 'ledger-damaged' }
}

function restoreRecord<Name extends TableName>(
  state: LedgerState,
  table: Name,
  element: BencodeCursor,
  rail: RailId,
): void {
  if (element.kind !== kindList || element.size !== 2) malformed('not a record')
  const [key, value] = [...element.elements()]
  assert(key !== undefined && value !== undefined, 'two elements')
  const name = key.latin1() ?? malformed('a key that is no text')
  if (state.value(table, name) !== undefined) malformed('a record that is there twice')
  state.set(table, name, stateForms[table].fromBencode(value, rail))
}
