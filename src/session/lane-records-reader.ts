// What the store has of a payer or a payee on one rail, read whole before its machine begins.
// Guarantees: nothing is left out, however much there is; a record that cannot be read is an error that names it.
import { type Result, success } from '../base/errors.ts'
import {
  budgets,
  payeeLanes,
  payeeOperations,
  payeeTabs,
  payerLanes,
  payerOperations,
  payerTabs,
  readRecords,
  recordRange,
  standings,
  type Table,
} from '../payment/lane-records.ts'
import type { PayeeRecords } from '../payment/payee-lanes.ts'
import type { PayerRecords } from '../payment/payer-lanes.ts'
import type { RailId } from '../ports/ledger.ts'
import type { Store, StoreEntry } from '../ports/store.ts'

const recordsAtOnce = 1_000

/** All of a table. Errors: store-damaged, those of the store. */
export async function readTable<T>(store: Store, table: Table<T>, rail: RailId): Promise<Result<T[]>> {
  const all: T[] = []
  for (let after: StoreEntry | undefined; ; ) {
    const entries = await store.range(table.table, recordRange(rail, recordsAtOnce, after))
    if (!entries.ok) return entries
    const values = readRecords(table, rail, entries.value)
    if (!values.ok) return values
    for (const value of values.value) all.push(value)
    after = entries.value.at(-1)
    if (after === undefined || entries.value.length < recordsAtOnce) return success(all)
  }
}

/** Errors: store-damaged, those of the store. */
export async function readPayerRecords(store: Store, rail: RailId): Promise<Result<PayerRecords>> {
  const lanes = await readTable(store, payerLanes, rail)
  if (!lanes.ok) return lanes
  const tabs = await readTable(store, payerTabs, rail)
  if (!tabs.ok) return tabs
  const purses = await readTable(store, budgets, rail)
  if (!purses.ok) return purses
  const operations = await readTable(store, payerOperations, rail)
  if (!operations.ok) return operations
  return success({ lanes: lanes.value, tabs: tabs.value, budgets: purses.value, operations: operations.value })
}

/** Errors: store-damaged, those of the store. */
export async function readPayeeRecords(store: Store, rail: RailId): Promise<Result<PayeeRecords>> {
  const lanes = await readTable(store, payeeLanes, rail)
  if (!lanes.ok) return lanes
  const tabs = await readTable(store, payeeTabs, rail)
  if (!tabs.ok) return tabs
  const remembered = await readTable(store, standings, rail)
  if (!remembered.ok) return remembered
  const operations = await readTable(store, payeeOperations, rail)
  if (!operations.ok) return operations
  return success({ lanes: lanes.value, tabs: tabs.value, standings: remembered.value, operations: operations.value })
}
