// Digests are those of another implementation of EIP-712, for statements of every kind on every kind of rail.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../../src/base/bytes.ts'
import { operationTable } from '../../../src/formats/money/operation-schema.ts'
import { statementVectors } from './statement-vectors.ts'

test('digests are those that viem gives', () => {
  for (const { name, ours, domain, digest } of statementVectors) {
    assert.equal(toHex(ours(domain)), toHex(digest), name)
  }
})

test('every kind of statement is among them', () => {
  const kinds = new Set(statementVectors.map(({ primaryType }) => primaryType))
  const operations = Object.values(operationTable).map(({ struct }) => struct)
  const receipts = ['BalanceReceipt', 'HeadReceipt', 'LaneReceipt', 'OperationReceipt']
  assert.deepEqual([...kinds].sort(), [...operations, ...receipts, 'LaneWaiver', 'SpeedMessage', 'Voucher'].sort())
})
