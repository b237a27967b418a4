// What the disk of a machine has of its lanes, read as a person with a look at the database could.
// Pure: reads records, keeps nothing.
import { fromUtf8 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import {
  type PayeeLane,
  type PayerLane,
  payeeLanes,
  payerLanes,
  readRecords,
  recordRange,
  type Table,
} from '../../src/payment/lane-records.ts'
import type { LaneId, RailId } from '../../src/ports/ledger.ts'
import type { MachineWallet } from '../world/machine-wallet.ts'

const maxRecords = 10_000

/** The record of one name; undefined: there is none. */
function recordOf<T>(wallet: MachineWallet, table: Table<T>, name: string): T | undefined {
  const { rail } = wallet.ledger.facts
  const key = fromUtf8(`${rail}/${name}`)
  const value = wallet.disk.value(table.table, key)
  return value === undefined ? undefined : unwrap(readRecords(table, rail, [{ key, value }]))[0]
}

export function payerLaneOf(wallet: MachineWallet, lane: LaneId): PayerLane | undefined {
  return recordOf(wallet, payerLanes, lane)
}

export function payeeLaneOf(wallet: MachineWallet, lane: LaneId): PayeeLane | undefined {
  return recordOf(wallet, payeeLanes, lane)
}

export function hasRecord<T>(wallet: MachineWallet, table: Table<T>, name: string): boolean {
  return wallet.disk.value(table.table, fromUtf8(`${wallet.ledger.facts.rail}/${name}`)) !== undefined
}

export function recordsOf<T>(wallet: MachineWallet, table: Table<T>): T[] {
  const rail: RailId = wallet.ledger.facts.rail
  return unwrap(readRecords(table, rail, wallet.disk.entries(table.table, recordRange(rail, maxRecords))))
}
