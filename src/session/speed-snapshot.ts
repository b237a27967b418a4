// What a torrent shows of its dealings, put together from its connections, markets and purse.
// Guarantees: plain values of one moment, fresh at each call; reading changes nothing.
import { addAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { BuyingSide } from './buying-side.ts'
import type { SellingSide } from './selling-side.ts'
import type { Problem, SpeedRow, TorrentSpeedSnapshot } from './snapshots.ts'
import type { SpeedConnection } from './speed-connection.ts'
import type { TorrentFacts } from './torrent-facts.ts'
import type { TorrentSpeed } from './torrent-speed.ts'

const nothing = { spent: zeroAmount, locked: zeroAmount }

function problemOf({ problem }: SpeedConnection): Problem | undefined {
  return problem === undefined ? undefined : { code: problem.code, detail: problem.detail }
}

function payingRow(connection: SpeedConnection, side: BuyingSide): SpeedRow {
  const { isClosed, isBidding, link } = connection
  const isWaiting = isBidding ? 'bidding' : side.isReady ? 'waiting' : 'opening'
  return {
    endpoint: link.connection.remote,
    account: side.account,
    side: 'paying',
    state: isClosed ? 'closed' : side.isInStretch ? 'holding' : isWaiting,
    problem: problemOf(connection),
    postedPrice: side.postedPrice,
    price: side.price,
    bytes: side.dealtBytes,
    ...side.sums,
  }
}

function earningRow(connection: SpeedConnection, side: SellingSide, postedPrice: TokenAmount): SpeedRow {
  const { isClosed, link } = connection
  return {
    endpoint: link.connection.remote,
    account: side.account,
    side: 'earning',
    state: isClosed ? 'closed' : side.isInStretch ? 'holding' : side.isCovered ? 'waiting' : 'opening',
    problem: problemOf(connection),
    postedPrice,
    price: side.price,
    bytes: side.dealtBytes,
    ...side.sums,
  }
}

/** No account is proved, and none may ever be. */
function agreeingRow(connection: SpeedConnection): SpeedRow {
  return {
    endpoint: connection.link.connection.remote,
    account: '',
    side: connection.said.pays ? 'paying' : 'earning',
    state: connection.isClosed ? 'closed' : 'agreeing',
    problem: problemOf(connection),
    postedPrice: zeroAmount,
    price: undefined,
    bytes: 0,
    owed: zeroAmount,
    paid: zeroAmount,
  }
}

function rowsOf(speed: TorrentSpeed, postedPrice: TokenAmount): SpeedRow[] {
  const rows: SpeedRow[] = []
  for (const connection of speed.connections.values()) {
    const { buying, selling } = connection
    if (buying !== undefined) rows.push(payingRow(connection, buying))
    if (selling !== undefined) rows.push(earningRow(connection, selling, postedPrice))
    if (buying === undefined && selling === undefined) rows.push(agreeingRow(connection))
  }
  return rows
}

/** `downloadedBytes`: content that came, paid for or not. */
export function speedSnapshot(
  speed: TorrentSpeed | undefined,
  { id, budget }: TorrentFacts,
  downloadedBytes: number,
  nowMs: number,
): TorrentSpeedSnapshot | undefined {
  if (speed === undefined || !speed.isShown) return undefined
  const { markets, desk, parties } = speed
  const rail = markets.purseRail ?? desk.rails[0]
  const { spent, locked } = rail?.purses.of(id) ?? nothing
  const dealing = parties.rows(speed.sides())
  const bought = dealing.filter(({ side }) => side === 'paying').reduce((sum, { bytes }) => sum + bytes, 0)
  const earned = dealing
    .filter(({ side }) => side === 'earning')
    .reduce((sum, { paid }) => addAmounts(sum, paid), zeroAmount)
  return {
    symbol: rail?.port.symbol ?? 'TEST',
    budget: budget?.most,
    spent,
    locked,
    earned,
    boughtBytes: bought,
    freeBytes: Math.max(0, downloadedBytes - bought),
    postedPrice: markets.postedPrice,
    sharesSold: markets.sharesSold,
    shares: markets.shares,
    rows: rowsOf(speed, markets.postedPrice ?? zeroAmount),
    stays: speed.stays.rows(nowMs),
    parties: dealing,
  }
}
