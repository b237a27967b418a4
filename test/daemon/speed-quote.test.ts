// A quote from some seconds of a download that does not pay: what sellers ask, what they would bring, and whether it is
// worth it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { QuoteSampler } from '../../src/daemon/speed-quote.ts'
import type { PeerRow, SpeedRow, TorrentSnapshot } from '../../src/daemon/transfer-request.ts'
import type { RailId } from '../../src/ports/ledger.ts'
import { shownPeer, shownTorrent } from '../cli/shown-torrent.ts'

const unit = 10n ** 18n
const mebibyte = 1_048_576
const hourMs = 3_600_000
const terms = {
  rail: 'swarmbid:00' as RailId,
  domain: { type: 'genesis', salt: new Uint8Array(32) } as const,
  challengeMs: hourMs,
  minDeposit: tokenAmount(1n),
  maxLaneMs: 720 * hourMs,
  openFee: tokenAmount(0n),
}
const setting = {
  terms,
  budget: tokenAmount(1_000n * unit),
  usualPrice: tokenAmount(unit),
  downloadLimit: Number.POSITIVE_INFINITY,
}

function peerAt(last: number, changes: Partial<PeerRow>): PeerRow {
  return { ...shownPeer, endpoint: { family: 4, address: `192.0.2.${last}`, port: 6881 }, ...changes }
}

function sellerAt(last: number, postedPrice: bigint): SpeedRow {
  return {
    endpoint: { family: 4, address: `192.0.2.${last}`, port: 6881 },
    account: `seller ${last}`,
    side: 'paying',
    state: 'waiting',
    problem: undefined,
    postedPrice: tokenAmount(postedPrice),
    price: undefined,
    bytes: 0,
    owed: tokenAmount(0n),
    paid: tokenAmount(0n),
  }
}

function torrentOf(peers: readonly PeerRow[], rows: readonly SpeedRow[], downloadRate: number): TorrentSnapshot {
  const speed = {
    symbol: 'TEST',
    budget: undefined,
    spent: tokenAmount(0n),
    locked: tokenAmount(0n),
    earned: tokenAmount(0n),
    boughtBytes: 0,
    freeBytes: 0,
    postedPrice: undefined,
    sharesSold: 0,
    shares: 0,
    rows,
    stays: [],
    parties: [],
  } as const
  return shownTorrent({ peers, speed, downloadRate, wantedBytes: 101 * mebibyte, doneBytes: mebibyte })
}

/** Looked at for ten seconds. */
function quoteOf(torrent: TorrentSnapshot, changes: Partial<typeof setting> = {}) {
  const sampler = new QuoteSampler({ ...setting, ...changes }, 0)
  for (let ms = 500; ms <= 10_000; ms += 500) sampler.sample(torrent, ms)
  return sampler.quote(torrent, 10_000)
}

describe('a quote', () => {
  test('sellers that do not serve for nothing are taken for as fast as who does', () => {
    const peers = [peerAt(1, { downloadRate: mebibyte }), peerAt(2, { isChoking: true, downloadRate: 0 })]
    const quoted = quoteOf(torrentOf(peers, [sellerAt(2, unit / 2n)], mebibyte))
    assert.equal(quoted.verdict, 'worth-it')
    assert.deepEqual([quoted.sellers, quoted.leastPrice, quoted.lanes], [1, unit / 2n, 1])
    assert.ok(Math.abs(quoted.unpaidMs - 100_000) < 2_000, `${quoted.unpaidMs}`)
    assert.ok(Math.abs(quoted.paidMs - 50_000) < 2_000, `${quoted.paidMs}`)
    // Half of a hundred MiB, at half a token each.
    assert.ok(quoted.expectedPay >= 24n * unit && quoted.expectedPay <= 26n * unit)
    assert.equal(quoted.lockedMs, 24 * hourMs)
  })

  test('who serves as fast without being paid is not worth it', () => {
    const peers = [peerAt(1, { isChoking: false, downloadRate: mebibyte })]
    const quoted = quoteOf(torrentOf(peers, [sellerAt(1, unit / 2n)], mebibyte))
    assert.deepEqual([quoted.verdict, quoted.lanes, quoted.expectedPay], ['not-worth-it', 0, 0n])
  })

  test('nobody who sells, or none for what would be bid: nothing is bought', () => {
    const peers = [peerAt(1, { downloadRate: mebibyte }), peerAt(2, { isChoking: true, downloadRate: 0 })]
    assert.equal(quoteOf(torrentOf(peers, [], mebibyte)).verdict, 'no-provider')
    const dear = quoteOf(torrentOf(peers, [sellerAt(2, 5n * unit)], mebibyte))
    assert.deepEqual([dear.verdict, dear.sellers, dear.bid], ['no-provider', 1, 4n * unit])
    const closed = { ...sellerAt(2, unit), state: 'closed' } as const
    assert.equal(quoteOf(torrentOf(peers, [closed], mebibyte)).sellers, 0)
  })

  test('a budget that does not last for everything buys what it can at the posted price', () => {
    const peers = [peerAt(1, { downloadRate: mebibyte }), peerAt(2, { isChoking: true, downloadRate: 0 })]
    const torrent = torrentOf(peers, [sellerAt(2, unit)], mebibyte)
    const quoted = quoteOf(torrent, { budget: tokenAmount(20n * unit) })
    assert.equal(quoted.bid, unit)
    assert.deepEqual([quoted.verdict, quoted.lanes, quoted.locked], ['worth-it', 1, 20n * unit])
    // Twenty of a hundred MiB come besides.
    assert.ok(Math.abs(quoted.paidMs - 80_000) < 2_000, `${quoted.paidMs}`)
    assert.equal(quoteOf(torrent, { budget: tokenAmount(200n * unit) }).bid, 2n * unit)
  })
})
