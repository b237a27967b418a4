// What is remembered of accounts: there after a restart, over when its time is, refused where it is not what was written.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fromUtf8 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { AccountId, RailId } from '../../src/ports/ledger.ts'
import { ProviderRecords } from '../../src/session/provider-records.ts'
import { ProviderTrust } from '../../src/session/provider-trust.ts'
import { SellerMemory } from '../../src/session/seller-memory.ts'
import { newStore } from './new-store.ts'

const rail = `swarmbid:${'0'.repeat(32)}` as RailId
const account = `${rail}:0x${'1'.repeat(40)}` as AccountId
const other = `${rail}:0x${'2'.repeat(40)}` as AccountId

describe('notes of accounts', () => {
  test('bidders are out of rounds, or weigh one, until their time is over, whatever restarts in between', async () => {
    const { store, settle, written } = newStore()
    const first = unwrap(await settle(SellerMemory.read(store, rail, 0)))
    first.remember({ account, what: 'excluded', untilMs: 999.5 }, 0)
    first.remember({ account, what: 'demoted', untilMs: 2_000 }, 0)
    first.remember({ account: other, what: 'demoted', untilMs: 500 }, 0)
    await written()
    const second = unwrap(await settle(SellerMemory.read(store, rail, 600)))
    assert.deepEqual(
      second.of(account).map(({ what, untilMs }) => [what, untilMs]),
      [
        ['demoted', 2_000],
        ['excluded', 1_000],
      ],
    )
    assert.deepEqual(second.of(other), [])
    await written()
    assert.deepEqual(
      unwrap(await settle(SellerMemory.read(store, rail, 0))).of(other),
      [],
      'forgotten on the disk, too',
    )
  })

  test('providers keep their defaults, and those that broke their word three times are avoided for thirty days', async () => {
    const { store, settle, written } = newStore()
    const records = unwrap(await settle(ProviderRecords.read(store, rail)))
    records.ended(account, true)
    records.ended(account, false)
    const trust = unwrap(await settle(ProviderTrust.read(store, rail, () => 0)))
    for (let times = 0; times < 3; times++) trust.broke(account)
    assert.ok(trust.grantUndrawn(account, 7))
    await written()
    assert.equal(
      unwrap(await settle(ProviderRecords.read(store, rail))).handicapOf(account),
      records.handicapOf(account),
    )
    const days = 86_400_000
    const read = async (atMs: number) => unwrap(await settle(ProviderTrust.read(store, rail, () => atMs)))
    assert.deepEqual(
      [(await read(29 * days)).isAvoided(account), (await read(29 * days)).undrawnBytes(account)],
      [true, 7],
    )
    assert.deepEqual(
      [(await read(30 * days)).isAvoided(account), (await read(30 * days)).undrawnBytes(account)],
      [false, 0],
    )
  })

  test('what is not what was written is an error that names the table', async () => {
    for (const [table, read] of [
      ['speed-bidders', (store: never) => SellerMemory.read(store, rail, 0)],
      ['speed-providers', (store: never) => ProviderRecords.read(store, rail)],
      ['speed-trust', (store: never) => ProviderTrust.read(store, rail, () => 0)],
    ] as const) {
      const { store, settle } = newStore()
      const key = fromUtf8(`${rail}/${account}`)
      unwrap(await settle(store.commit([{ type: 'put', table, key, value: fromUtf8('1 -1 x') }], 'durable')))
      const opened = await settle<{ readonly ok: boolean; readonly detail?: string }>(read(store as never))
      assert.ok(!opened.ok && opened.detail?.startsWith(table))
    }
  })
})
