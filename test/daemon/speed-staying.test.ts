// Complete torrents of a run are seeded while they bring what an hour is to bring, each by itself.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import { StayingTorrents } from '../../src/daemon/speed-staying.ts'
import type { SpeedRow, TorrentSnapshot } from '../../src/daemon/transfer-request.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import { shownPeer, shownTorrent } from '../cli/shown-torrent.ts'

const unit = 10n ** 18n
const zero = tokenAmount(0n)
const costPerHour = tokenAmount(6n * unit)
const minuteMs = 60_000

function rowOf(state: SpeedRow['state']): SpeedRow {
  const amounts = { postedPrice: zero, price: undefined, owed: zero, paid: zero }
  return {
    endpoint: shownPeer.endpoint,
    account: 'a',
    side: 'earning',
    state,
    problem: undefined,
    bytes: 0,
    ...amounts,
  }
}

function seeding(earned: TokenAmount, states: readonly SpeedRow['state'][] = []): TorrentSnapshot {
  const sums = { budget: undefined, spent: zero, locked: zero, earned, postedPrice: zero }
  const counts = { boughtBytes: 0, freeBytes: 0, sharesSold: 0, shares: 4 }
  const speed = { symbol: 'TEST' as const, ...sums, ...counts, rows: states.map(rowOf), stays: [], parties: [] }
  return shownTorrent({ isFinished: true, state: { type: 'seeding' }, speed })
}

/** After how many minutes it is told to stop, and how often in an hour. */
function ends(torrentAt: (minute: number) => TorrentSnapshot) {
  const staying = new StayingTorrents(costPerHour)
  const minutes: number[] = []
  for (let second = 0; second <= 3_600; second++) {
    if (!staying.isWorthIt(torrentAt(second / 60), second * 1_000)) minutes.push(second / 60)
  }
  return minutes
}

describe('complete torrents of a run', () => {
  test('are seeded for a minute without earnings, five where somebody with a lane is there, and told to stop once', () => {
    assert.deepEqual(
      ends(() => seeding(zero)),
      [1],
    )
    assert.deepEqual(
      ends(() => seeding(zero, ['opening', 'closed'])),
      [1],
    )
    assert.deepEqual(
      ends(() => seeding(zero, ['waiting'])),
      [5],
    )
  })

  test('are seeded while they bring as much as an hour costs, and what they brought before counts for nothing', () => {
    const earning = (minute: number) =>
      seeding(tokenAmount(unit + (BigInt(Math.floor(minute * 60)) * unit) / 400n), ['holding'])
    assert.deepEqual(ends(earning), [])
    assert.deepEqual(
      ends(() => seeding(tokenAmount(50n * unit))),
      [1],
    )
  })

  test('are not weighed while they are not seeding, and each by itself', () => {
    const staying = new StayingTorrents(costPerHour)
    const downloading = shownTorrent({ state: { type: 'downloading' } })
    assert.ok(staying.isWorthIt(downloading, 0))
    assert.ok(staying.isWorthIt(downloading, 10 * minuteMs))
    assert.ok(staying.isWorthIt(seeding(zero), 10 * minuteMs))
    const other = { ...seeding(zero), id: 'bb' as TorrentId }
    assert.ok(staying.isWorthIt(other, 10.5 * minuteMs))
    assert.ok(!staying.isWorthIt(seeding(zero), 11 * minuteMs))
    assert.ok(staying.isWorthIt(other, 11 * minuteMs))
    // Begun again, it has its minute again.
    assert.ok(staying.isWorthIt(shownTorrent({ isFinished: true, state: { type: 'stopped' } }), 11 * minuteMs))
    assert.ok(staying.isWorthIt(seeding(zero), 12 * minuteMs))
  })
})
