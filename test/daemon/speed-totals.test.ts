// Sums of what was paid and earned, as they are kept from run to run: each difference once, by day, torrent, account and side.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { readTotals, SpeedTotals } from '../../src/daemon/speed-totals.ts'
import type { SpeedParty, TorrentSnapshot } from '../../src/daemon/transfer-request.ts'
import type { RailId } from '../../src/ports/ledger.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import { shownTorrent } from '../cli/shown-torrent.ts'
import { MemoryDisk } from '../wallet/memory-store.ts'

const rail = `swarmbid:${'0'.repeat(32)}` as RailId
const account = `${rail}:0x${'1'.repeat(40)}`
const dayMs = 86_400_000
const id = 'ab'.repeat(20) as TorrentId

function torrent(parties: readonly Partial<SpeedParty>[], name = 'a talk'): TorrentSnapshot {
  const zero = tokenAmount(0n)
  const whole = parties.map(
    (party): SpeedParty => ({
      account,
      rail,
      side: 'paying',
      bytes: 0,
      owed: zero,
      paid: zero,
      ...party,
    }),
  )
  const amounts = { spent: zero, locked: zero, earned: zero, budget: undefined, postedPrice: undefined }
  const counts = { boughtBytes: 0, freeBytes: 0, sharesSold: 0, shares: 0 }
  return shownTorrent({
    id,
    name,
    speed: { symbol: 'TEST', ...amounts, ...counts, rows: [], stays: [], parties: whole },
  })
}

describe('totals of Speed', () => {
  test('each difference counts once, on the day it came, and is there after a restart', async () => {
    const disk = new MemoryDisk()
    let wallMs = 20_000 * dayMs + 5
    const first = new SpeedTotals(disk.open(), () => wallMs)
    unwrap(await first.take([torrent([{ bytes: 100, paid: tokenAmount(7n) }])]))
    // At once: one after the other, all the same.
    const more = torrent([{ bytes: 150, paid: tokenAmount(9n) }])
    for (const taken of await Promise.all([first.take([more]), first.take([more])])) unwrap(taken)
    wallMs += dayMs
    const both = torrent([
      { bytes: 151, paid: tokenAmount(9n) },
      { side: 'earning', bytes: 5, paid: tokenAmount(1n) },
    ])
    unwrap(await first.take([both]))
    // Another run counts from nothing, on top of what is there.
    const second = new SpeedTotals(disk.open(), () => wallMs)
    unwrap(await second.take([torrent([{ bytes: 10, paid: tokenAmount(2n) }], 'another name')]))
    const totals = unwrap(await readTotals(disk.open(), rail))
    const shown = totals.map(({ day, side, bytes, paid, name }) => ({ day, side, bytes, paid, name }))
    assert.deepEqual(shown, [
      { day: 20_000, side: 'paying', bytes: 150, paid: 9n, name: 'a talk' },
      { day: 20_001, side: 'earning', bytes: 5, paid: 1n, name: 'a talk' },
      { day: 20_001, side: 'paying', bytes: 11, paid: 2n, name: 'another name' },
    ])
  })

  test('where nothing came nothing is written', async () => {
    const disk = new MemoryDisk()
    const totals = new SpeedTotals(disk.open(), () => 0)
    unwrap(await totals.take([torrent([]), shownTorrent()]))
    unwrap(await totals.take([torrent([{ bytes: 0 }])]))
    assert.deepEqual(unwrap(await readTotals(disk.open(), rail)), [])
  })

  test('a name of any length and script is kept, cut where it must be', async () => {
    const disk = new MemoryDisk()
    const totals = new SpeedTotals(disk.open(), () => 0)
    unwrap(await totals.take([torrent([{ bytes: 1 }], `\u{1f600}${'ж'.repeat(300)}`)]))
    const [kept] = unwrap(await readTotals(disk.open(), rail))
    assert.equal(kept?.name.length, 128)
  })
})
