// What paying saved, as far as it can be seen: sellers are compared with themselves without a share.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { SavingEstimate } from '../../src/daemon/speed-saving.ts'
import type { SpeedRow, TorrentSnapshot } from '../../src/daemon/transfer-request.ts'
import { shownPeer, shownTorrent } from '../cli/shown-torrent.ts'

const mebibyte = 1_048_576
const zero = tokenAmount(0n)
const free = { ...shownPeer, endpoint: { ...shownPeer.endpoint, port: 1 } }

function torrentAt(sellerRate: number, state: SpeedRow['state'], freeRate: number): TorrentSnapshot {
  const { endpoint } = shownPeer
  const amounts = { postedPrice: zero, price: undefined, owed: zero, paid: zero }
  const row: SpeedRow = { endpoint, account: 'a', side: 'paying', state, problem: undefined, bytes: 0, ...amounts }
  const sums = { budget: zero, spent: zero, locked: zero, earned: zero, postedPrice: undefined }
  const counts = { boughtBytes: 0, freeBytes: 0, sharesSold: 0, shares: 0 }
  return shownTorrent({
    peers: [
      { ...shownPeer, downloadRate: sellerRate },
      { ...free, downloadRate: freeRate },
    ],
    speed: { symbol: 'TEST', ...sums, ...counts, rows: [row], stays: [], parties: [] },
    transferBytes: 100 * mebibyte,
    transferSeconds: 40,
  })
}

function play(...parts: readonly (readonly [seconds: number, torrent: TorrentSnapshot])[]) {
  const saving = new SavingEstimate()
  let nowMs = 1_000
  for (const [seconds, torrent] of parts) {
    for (let second = 0; second < seconds; second++) {
      saving.sample(torrent, nowMs)
      nowMs += 1_000
    }
    saving.sample(torrent, nowMs)
  }
  const last = parts.at(-1)?.[1] ?? shownTorrent()
  return saving.savedSeconds(last)
}

describe('what was saved', () => {
  test('is what it would have taken at the rates without a share', () => {
    // Without a share the seller gives a quarter of a MiB a second, others always half: 133 s instead of 40.
    const before = torrentAt(mebibyte / 4, 'waiting', mebibyte / 2)
    const paying = torrentAt(3 * mebibyte, 'holding', mebibyte / 2)
    const saved = play([10, before], [30, paying])
    assert.ok(saved !== undefined && Math.abs(saved - 93.3) < 1, `${saved}`)
  })

  test('is not known where the seller was paid from the start, or nobody was paid', () => {
    const paying = torrentAt(3 * mebibyte, 'holding', mebibyte / 2)
    assert.equal(play([1, torrentAt(0, 'waiting', 0)], [39, paying]), undefined)
    assert.equal(play([40, torrentAt(mebibyte, 'waiting', mebibyte)]), undefined)
  })

  test('is nothing where it was not slower without', () => {
    const before = torrentAt(3 * mebibyte, 'waiting', mebibyte)
    assert.equal(play([10, before], [30, torrentAt(mebibyte, 'holding', mebibyte)]), 0)
  })
})
