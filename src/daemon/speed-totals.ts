// What was paid and earned, and for how many bytes: sums of each day, torrent, account and side, in the table
// `speed-totals` of the payments' store, for people to look at. Guarantees: nothing is counted twice; what a crash loses is
// what came since the last flush. No payment goes by them: the lanes' own records are what counts.
import { type Result, success } from '../base/errors.ts'
import { addAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import { codec, record, textThat } from '../formats/money/form.ts'
import { words } from '../formats/money/operation-forms.ts'
import { account, amount, whole } from '../formats/money/typed-forms.ts'
import { putRecord, type Table } from '../payment/lane-records.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'
import { readTable } from '../session/lane-records-reader.ts'
import type { SpeedParty } from '../session/snapshots.ts'
import type { TorrentSnapshot } from './transfer-request.ts'

export interface SpeedTotal {
  /** Days since 1970, UTC. */
  readonly day: number
  /** Its id, in hexadecimal. */
  readonly torrent: string
  /** As the torrent calls itself, cut to 128 characters. */
  readonly name: string
  readonly account: AccountId
  readonly side: SpeedParty['side']
  readonly bytes: number
  readonly paid: TokenAmount
}

const dayMs = 86_400_000
const maxNameLength = 128

const totals: Table<SpeedTotal> = {
  table: 'speed-totals',
  nameOf: ({ day, side, torrent, account: other }) => `${String(day).padStart(6, '0')}/${side}/${torrent}/${other}`,
  codec: codec(
    record<SpeedTotal>({
      day: whole,
      torrent: textThat((value) => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(value)),
      name: textThat((value) => value.length <= maxNameLength),
      account,
      side: words<SpeedTotal['side']>(['paying', 'earning']),
      bytes: whole,
      paid: amount,
    }),
  ),
}

/** All of a rail, by day. Errors: store-damaged. */
export function readTotals(store: Store, rail: RailId): Promise<Result<SpeedTotal[]>> {
  return readTable(store, totals, rail)
}

/** One run of a session, whose figures begin at nothing. */
export class SpeedTotals {
  private readonly store: Store
  private readonly wallMs: () => number
  /** By torrent, account and side, what was counted of this run. */
  private readonly seen = new Map<string, { readonly bytes: number; readonly paid: TokenAmount }>()
  /** By rail and name, what is to be written. */
  private readonly changed = new Map<string, { readonly rail: RailId; readonly total: SpeedTotal }>()
  /** By rail, what was there before and what was written. */
  private readonly known = new Map<RailId, Map<string, SpeedTotal>>()
  private pending: Promise<unknown> = Promise.resolve()

  constructor(store: Store, wallMs: () => number) {
    this.store = store
    this.wallMs = wallMs
  }

  /** What is shown of torrents now; written soon. */
  take(torrents: readonly TorrentSnapshot[]): Promise<Result<void>> {
    const taken = this.pending.then(() => this.count(torrents))
    this.pending = taken
    return taken
  }

  private async count(torrents: readonly TorrentSnapshot[]): Promise<Result<void>> {
    const day = Math.floor(this.wallMs() / dayMs)
    for (const torrent of torrents) {
      for (const party of torrent.speed?.parties ?? []) {
        const counted = await this.countParty(torrent, party, day)
        if (!counted.ok) return counted
      }
    }
    if (this.changed.size === 0) return success(undefined)
    const changes = [...this.changed.values()].map(({ rail, total }) => putRecord(totals, rail, total))
    this.changed.clear()
    return this.store.commit(changes, 'soon')
  }

  private async countParty(torrent: TorrentSnapshot, party: SpeedParty, day: number): Promise<Result<void>> {
    const { side, bytes, paid } = party
    const rail = party.rail as RailId
    const key = `${torrent.id}/${party.account}/${side}`
    const before = this.seen.get(key) ?? { bytes: 0, paid: zeroAmount }
    const [moreBytes, more] = [Math.max(0, bytes - before.bytes), paid > before.paid ? paid - before.paid : 0n]
    if (moreBytes === 0 && more === 0n) return success(undefined)
    const known = await this.totalsOf(rail)
    if (!known.ok) return known
    const name = torrent.name.slice(0, maxNameLength)
    const other = party.account as AccountId
    const fresh: SpeedTotal = { day, torrent: torrent.id, name, account: other, side, bytes: 0, paid: zeroAmount }
    const place = totals.nameOf(fresh)
    const last = known.value.get(place) ?? fresh
    const total = { ...last, name, bytes: last.bytes + moreBytes, paid: addAmounts(last.paid, more as TokenAmount) }
    known.value.set(place, total)
    this.changed.set(`${rail}/${place}`, { rail, total })
    this.seen.set(key, { bytes: before.bytes + moreBytes, paid: addAmounts(before.paid, more as TokenAmount) })
    return success(undefined)
  }

  private async totalsOf(rail: RailId): Promise<Result<Map<string, SpeedTotal>>> {
    const there = this.known.get(rail)
    if (there !== undefined) return success(there)
    const read = await readTotals(this.store, rail)
    if (!read.ok) return read
    const known = new Map(read.value.map((total) => [totals.nameOf(total), total]))
    this.known.set(rail, known)
    return success(known)
  }
}
