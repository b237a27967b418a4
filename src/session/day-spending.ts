// What a day's budget leaves (SpeedConfig), on one ledger: what was spent since the day began, restarts included.
// Guarantees: what is in lanes counts as spent until it comes back, so that torrents together never spend more. Owns its
// record in the store: the day, and what had been spent when it began.
import { fromUtf8, toUtf8Lossy } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { parseBaseUnits, type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'

/** Of one account: spent ever, and in lanes or asked for. */
interface Sums {
  readonly spent: TokenAmount
  readonly locked: TokenAmount
}

const table = 'speed-days'
const dayMs = 86_400_000

export class DaySpending {
  private readonly store: Store
  private readonly key: Uint8Array
  private day: number
  private before: TokenAmount

  private constructor(store: Store, key: Uint8Array, day: number, before: TokenAmount) {
    this.store = store
    this.key = key
    this.day = day
    this.before = before
  }

  /** Errors: store-damaged, those of the store. */
  static async read(store: Store, rail: RailId): Promise<Result<DaySpending>> {
    const key = fromUtf8(rail)
    const kept = await store.get(table, key)
    if (!kept.ok) return kept
    if (kept.value === undefined) return success(new DaySpending(store, key, -1, zeroAmount))
    const [, day, amount] = /^([0-9]{1,9}) ([0-9]+)$/.exec(toUtf8Lossy(kept.value)) ?? []
    const before = parseBaseUnits(amount ?? '')
    if (day === undefined || !before.ok) return failure('store-damaged', `${table}: not a day and an amount`)
    return success(new DaySpending(store, key, Number(day), before.value))
  }

  /** What may be put into lanes yet. A clock that is set back begins no new day. */
  left(budget: TokenAmount, { spent, locked }: Sums, wallMs: number): TokenAmount {
    const today = Math.floor(wallMs / dayMs)
    if (today > this.day) {
      this.day = today
      this.before = spent
      const value = fromUtf8(`${today} ${spent}`)
      // If it is lost, more counts as spent today than was.
      void this.store.commit([{ type: 'put', table, key: this.key, value }], 'soon')
    }
    const gone = spent > this.before ? spent - this.before : 0n
    const left = budget - gone - locked
    return left > 0n ? tokenAmount(left) : zeroAmount
  }
}
