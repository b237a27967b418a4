// What is remembered of accounts on one ledger as a line of text each, in a table of its rail's store: how such tables are
// read and written. Guarantees: a line that cannot be understood is an error that names the table; what is written is not
// waited for. Owns nothing.
import { fromUtf8, toUtf8Lossy } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import type { RailId } from '../ports/ledger.ts'
import type { Store, StoreChange } from '../ports/store.ts'

/** So many are remembered of each kind that a crowd of new accounts cannot fill the disk. */
export const mostNotes = 4_096

export interface NoteTable {
  readonly store: Store
  readonly rail: RailId
  readonly table: string
}

/**
 * Of each note its name, a space and its text, as the pattern takes them apart; `what`: what it should be.
 * Errors: store-damaged, those of the store.
 */
export async function readNotes(
  { store, rail, table }: NoteTable,
  pattern: RegExp,
  what: string,
): Promise<Result<(readonly string[])[]>> {
  const prefix = `${rail}/`
  const range = { from: fromUtf8(prefix), to: fromUtf8(`${rail}0`), order: 'ascending', maxCount: mostNotes } as const
  const kept = await store.range(table, range)
  if (!kept.ok) return kept
  const notes: (readonly string[])[] = []
  for (const { key, value } of kept.value) {
    const parts = pattern.exec(`${toUtf8Lossy(key).slice(prefix.length)} ${toUtf8Lossy(value)}`)
    if (parts === null) return failure('store-damaged', `${table}: not ${what}`)
    notes.push(parts.slice(1))
  }
  return success(notes)
}

/** On the disk soon; undefined: it is forgotten. */
export function writeNotes(
  { store, rail, table }: NoteTable,
  texts: Iterable<readonly [name: string, string | undefined]>,
) {
  const changes = Array.from(texts, ([name, text]): StoreChange => {
    const key = fromUtf8(`${rail}/${name}`)
    return text === undefined ? { type: 'delete', table, key } : { type: 'put', table, key, value: fromUtf8(text) }
  })
  if (changes.length > 0) void store.commit(changes, 'soon')
}
