// Fuzz target: what a party keeps of its lanes, as it may come back from a damaged disk. Any bytes are a record in its one
// form or refused; what is read is written the same again and never promises more than was put in.
import assert from 'node:assert/strict'
import { equalBytes, fromLatin1 } from '../src/base/bytes.ts'
import {
  budgets,
  losses,
  payeeLanes,
  payerLanes,
  payerOperations,
  payerTabs,
  putRecord,
  readRecords,
  standings,
  type Table,
} from '../src/payment/lane-records.ts'
import { budget, loss, operation, payeeLane, payerLane, rail, standing, tab } from '../test/payment/record-samples.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const codes = ['statement-malformed', 'account-invalid', 'signature-invalid']

function check<T>(table: Table<T>, input: Uint8Array): void {
  const read = table.codec.decode(input, rail)
  if (!read.ok) {
    assert.ok(codes.includes(read.code), read.code)
    return
  }
  const put = putRecord(table, rail, read.value)
  assert.ok(put.type === 'put' && equalBytes(put.value, input), 'one form')
  assert.ok(put.key.length <= 512, 'a key that stores take')
  assert.ok(readRecords(table, rail, [put]).ok)
}

export const target: FuzzTarget = {
  name: 'lane-records',
  seeds: [
    payerLanes.codec.encode(payerLane),
    payeeLanes.codec.encode(payeeLane),
    payerTabs.codec.encode(tab),
    budgets.codec.encode(budget),
    standings.codec.encode(standing),
    losses.codec.encode(loss),
    payerOperations.codec.encode(operation),
  ],
  tokens: [
    '6:signed',
    '7:claimed',
    '7:deposit',
    '6:frozen',
    '6:newest',
    '4:type',
    '7:opening',
    '2:-1',
    '2:01',
    'i-1e',
  ].map(fromLatin1),
  run(input) {
    const lane = payerLanes.codec.decode(input, rail)
    if (lane.ok) assert.ok(lane.value.signed <= lane.value.deposit && lane.value.claimed <= lane.value.deposit)
    check(payerLanes, input)
    check(payeeLanes, input)
    check(payerTabs, input)
    check(budgets, input)
    check(standings, input)
    check(losses, input)
    check(payerOperations, input)
  },
}
