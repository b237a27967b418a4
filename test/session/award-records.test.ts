// Why prices were what they were, as it is kept: in order of time, over restarts, the newest some thousands.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import type { AccountId, RailId } from '../../src/ports/ledger.ts'
import { AwardBook, type AwardRecord, readAwards } from '../../src/session/award-records.ts'
import { newStore } from './new-store.ts'

const rail = `swarmbid:${'0'.repeat(32)}` as RailId

function award(atMs: number, changes: Partial<AwardRecord> = {}): AwardRecord {
  return {
    atMs,
    torrent: 'ab'.repeat(20),
    account: `${rail}:0x${'1'.repeat(40)}` as AccountId,
    side: 'paying',
    reason: 'free-share',
    epoch: 7,
    price: tokenAmount(5n),
    postedPrice: tokenAmount(5n),
    ...changes,
  }
}

describe('award records', () => {
  test('are read as they were kept, in order of time, after a restart, too', async () => {
    const { store, settle, written } = newStore()
    const sold = award(30, {
      side: 'earning',
      reason: 'highest-losing-bid',
      bid: tokenAmount(9n),
      rank: 1,
      openings: 3,
      missing: 0,
    })
    const first = unwrap(await settle(AwardBook.open(store, rail)))
    first.keep(award(1_000))
    first.keep(sold)
    await written()
    const second = unwrap(await settle(AwardBook.open(store, rail)))
    second.keep(award(500, { torrent: 'cd'.repeat(32) }))
    await written()
    assert.deepEqual(unwrap(await settle(readAwards(store, rail))), [
      sold,
      award(500, { torrent: 'cd'.repeat(32) }),
      award(1_000),
    ])
    assert.deepEqual(unwrap(await settle(readAwards(store, 'swarmbid:11' as RailId))), [])
  })

  test('the oldest go once there are 4096', async () => {
    const { store, settle, written } = newStore()
    const book = unwrap(await settle(AwardBook.open(store, rail)))
    for (let atMs = 1; atMs <= 4_100; atMs++) book.keep(award(atMs))
    await written()
    const kept = unwrap(await settle(readAwards(store, rail)))
    assert.deepEqual([kept.length, kept[0]?.atMs, kept.at(-1)?.atMs], [4_096, 5, 4_100])
  })
})
