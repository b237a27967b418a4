// Why shares were bought or sold at their prices: one record for each that began or got another price, in the table
// `speed-awards` of the rail's store, the newest some thousands of them. For people to look at (`speed explain`).
// Guarantees: in order of time; never in the way: what cannot be written is not, and nothing waits for it. Owns the table.
import { type Result, success } from '../base/errors.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import { codec, type Form, malformed, optional, record } from '../formats/money/form.ts'
import { words } from '../formats/money/operation-forms.ts'
import { account, amount, whole } from '../formats/money/typed-forms.ts'
import { deleteRecord, putRecord, type Table } from '../payment/lane-records.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'
import { readTable } from './lane-records-reader.ts'

/**
 * `free-share`: sold on the spot at the posted price; `followed`: nobody else wanted it, and the price goes with the posted
 * one; `above-posted`, `highest-losing-bid`: what a sealed round came to where all found a share, and where not all did;
 * `missing-reveal`: a bid was not opened, so the posted price holds; `job`: bought with a deadline.
 */
export type AwardReason = 'free-share' | 'followed' | 'above-posted' | 'highest-losing-bid' | 'missing-reveal' | 'job'

/** Prices are base units for a MiB. */
export interface AwardRecord {
  /** Wall clock. */
  readonly atMs: number
  /** The torrent's id, in hexadecimal. */
  readonly torrent: string
  /** Of whom it was bought, or to whom it was sold. */
  readonly account: AccountId
  readonly side: 'paying' | 'earning'
  readonly reason: AwardReason
  readonly epoch: number
  readonly price: TokenAmount
  /** r at that moment. */
  readonly postedPrice: TokenAmount
  /** Of whom the share went to. */
  readonly bid?: TokenAmount
  /** From 1, among the bids that were opened. */
  readonly rank?: number
  readonly openings?: number
  /** Bids that were not opened. */
  readonly missing?: number
}

const maxRecords = 4_096
const timeDigits = 15

/** 40 or 64 digits. */
export const torrentDigits: Form<string> = {
  toBencode: (value) => value,
  fromBencode: (cursor) => checkedId(cursor.latin1()),
  toJson: (value) => value,
  fromJson: checkedId,
}

function checkedId(value: unknown): string {
  const isId = typeof value === 'string' && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(value)
  return isId ? value : malformed('not the id of a torrent')
}

const awards: Table<AwardRecord> = {
  table: 'speed-awards',
  nameOf: ({ atMs, side, torrent, account: other }) =>
    `${String(atMs).padStart(timeDigits, '0')}/${side}/${torrent}/${other}`,
  codec: codec(
    record<AwardRecord>({
      atMs: whole,
      torrent: torrentDigits,
      account,
      side: words<AwardRecord['side']>(['paying', 'earning']),
      reason: words<AwardReason>([
        'free-share',
        'followed',
        'above-posted',
        'highest-losing-bid',
        'missing-reveal',
        'job',
      ]),
      epoch: whole,
      price: amount,
      postedPrice: amount,
      bid: optional(amount),
      rank: optional(whole),
      openings: optional(whole),
      missing: optional(whole),
    }),
  ),
}

/** All of a rail, the oldest first. Errors: store-damaged, those of the store. */
export function readAwards(store: Store, rail: RailId): Promise<Result<AwardRecord[]>> {
  return readTable(store, awards, rail)
}

export class AwardBook {
  private readonly store: Store
  private readonly rail: RailId
  private readonly kept: AwardRecord[]

  private constructor(store: Store, rail: RailId, kept: AwardRecord[]) {
    this.store = store
    this.rail = rail
    this.kept = kept
  }

  /** Errors: store-damaged, those of the store. */
  static async open(store: Store, rail: RailId): Promise<Result<AwardBook>> {
    const kept = await readAwards(store, rail)
    return kept.ok ? success(new AwardBook(store, rail, kept.value)) : kept
  }

  /** Written soon; beyond so many the oldest one goes. */
  keep(award: AwardRecord): void {
    const { store, rail, kept } = this
    kept.push(award)
    const oldest = kept.length > maxRecords ? kept.shift() : undefined
    const changes = [putRecord(awards, rail, award)]
    if (oldest !== undefined) changes.push(deleteRecord(awards, rail, oldest))
    void store.commit(changes, 'soon')
  }
}
