// What is kept of lanes: reads back as written, and nothing damaged or misplaced is believed.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fromUtf8 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { budgets, payeeLanes, payerLanes, putRecord, readRecords, recordRange } from '../../src/payment/lane-records.ts'
import { MemoryStore } from './memory-store.ts'
import { budget, payeeLane, payerLane, rail } from './record-samples.ts'

describe('records of lanes', () => {
  test('are read back as they were written', () => {
    const store = new MemoryStore()
    store.apply([
      putRecord(payerLanes, rail, payerLane),
      putRecord(payeeLanes, rail, payeeLane),
      putRecord(budgets, rail, budget),
    ])
    assert.deepEqual(store.read(payerLanes, rail), [payerLane])
    assert.deepEqual(store.read(payeeLanes, rail), [payeeLane])
    assert.deepEqual(store.read(budgets, rail), [budget])
  })

  test('of one rail are found without those of another', () => {
    const put = putRecord(budgets, rail, budget)
    const { from, to } = recordRange(rail, 10)
    const isWithin = (key: Uint8Array) => Buffer.compare(key, from ?? key) >= 0 && Buffer.compare(key, to ?? key) < 0
    assert.ok(isWithin(put.key))
    const other = `${rail.slice(0, -1)}${rail.endsWith('0') ? '1' : '0'}`
    for (const name of [other, `${rail}1`, rail.slice(0, -1)]) assert.ok(!isWithin(fromUtf8(`${name}/job`)), name)
    const next = recordRange(rail, 10, { key: put.key, value: put.key }).from
    assert.ok(next !== undefined && Buffer.compare(next, put.key) > 0)
  })

  test('that are damaged, under another name, or promise more than was put in are refused, naming the place', () => {
    const { key, value } = putRecord(payerLanes, rail, payerLane) as { key: Uint8Array; value: Uint8Array }
    const cut = readRecords(payerLanes, rail, [{ key, value: value.subarray(1) }])
    assert.ok(!cut.ok && cut.code === 'store-damaged' && cut.detail.includes('payer-lanes'))
    const misplaced = readRecords(payerLanes, rail, [{ key: fromUtf8(`${rail}/elsewhere`), value }])
    assert.ok(!misplaced.ok && misplaced.code === 'store-damaged')
    const greedy = putRecord(payerLanes, rail, { ...payerLane, signed: tokenAmount(payerLane.deposit + 1n) })
    assert.ok(greedy.type === 'put')
    assert.ok(!readRecords(payerLanes, rail, [greedy]).ok)
    assert.equal(unwrap(readRecords(payerLanes, rail, [])).length, 0)
  })
})
