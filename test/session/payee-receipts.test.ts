// Receipts as they are kept: of each lane the one for most, over restarts, of the newest some thousands of lanes.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import type { AccountId, LaneId, RailId, Signature } from '../../src/ports/ledger.ts'
import { type PayeeReceipt, ReceiptBook, readReceipts } from '../../src/session/payee-receipts.ts'
import { newStore } from './new-store.ts'

const rail = `swarmbid:${'0'.repeat(32)}` as RailId

function receipt(lane: number, amount: bigint, atMs: number): PayeeReceipt {
  const signature = new Uint8Array(65)
  signature[31] = 1
  signature[63] = 1
  signature[64] = 27
  return {
    lane: lane.toString(16).padStart(64, '0') as LaneId,
    payee: `${rail}:0x${'1'.repeat(40)}` as AccountId,
    torrent: 'ab'.repeat(20),
    infoHash: 'cd'.repeat(32),
    bytes: 7,
    amount: tokenAmount(amount),
    atMs,
    body: Uint8Array.of(1, 2, 3),
    signature: signature as Signature,
  }
}

describe('receipts', () => {
  test('one that is for no more than the last one of its lane is not kept, after a restart neither', async () => {
    const { store, settle, written } = newStore()
    const first = unwrap(await settle(ReceiptBook.open(store, rail)))
    first.keep(receipt(1, 5n, 10))
    first.keep(receipt(2, 9n, 20))
    first.keep(receipt(1, 5n, 30))
    first.keep(receipt(1, 4n, 40))
    await written()
    const second = unwrap(await settle(ReceiptBook.open(store, rail)))
    second.keep(receipt(2, 8n, 50))
    second.keep(receipt(1, 6n, 60))
    await written()
    assert.deepEqual(unwrap(await settle(readReceipts(store, rail))), [receipt(1, 6n, 60), receipt(2, 9n, 20)])
    assert.deepEqual(unwrap(await settle(readReceipts(store, 'swarmbid:11' as RailId))), [])
  })

  test('those of lanes that were paid on longest ago go once there are 4096', async () => {
    const { store, settle, written } = newStore()
    const book = unwrap(await settle(ReceiptBook.open(store, rail)))
    for (let lane = 0; lane < 4_098; lane++) book.keep(receipt(lane, 1n, lane))
    book.keep(receipt(2, 2n, 5_000))
    book.keep(receipt(5_000, 1n, 5_001))
    await written()
    const kept = unwrap(await settle(readReceipts(store, rail))).sort((a, b) => a.atMs - b.atMs)
    assert.deepEqual(
      [kept.length, kept[0]?.lane, kept.at(-2)?.lane],
      [4_096, receipt(4, 1n, 4).lane, receipt(2, 1n, 0).lane],
    )
  })
})
