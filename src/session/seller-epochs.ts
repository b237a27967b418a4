// Numbers of a seller's epochs on one ledger, a block for each market. Guarantees: none is ever used twice, whatever crashes, as
// two lists of one epoch look like fraud: a block is durable before it is handed out. Owns that table.
import { fromUtf8, toUtf8Lossy } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'

const epochTable = 'speed-epochs'
const epochsAtOnce = 2 ** 24
const lastEpoch = Number.MAX_SAFE_INTEGER - epochsAtOnce
export class SellerEpochs {
  private readonly store: Store
  private readonly rail: RailId
  private readonly account: AccountId
  /** They are handed out one block after the other. */
  private taking: Promise<unknown> = Promise.resolve()

  constructor(store: Store, rail: RailId, account: AccountId) {
    this.store = store
    this.rail = rail
    this.account = account
  }

  /** Epochs of one seller, from the number returned on, so many that they last; durable before they are. */
  take(): Promise<Result<number>> {
    const taking = this.taking.then(() => this.takeBlock())
    this.taking = taking
    return taking
  }

  private async takeBlock(): Promise<Result<number>> {
    const { store, rail, account } = this
    const key = fromUtf8(`${rail}/${account}`)
    const kept = await store.get(epochTable, key)
    if (!kept.ok) return kept
    const first = kept.value === undefined ? 1 : Number(toUtf8Lossy(kept.value))
    if (!Number.isSafeInteger(first) || first < 1 || first > lastEpoch) {
      return failure('store-damaged', `${epochTable}: not a number of an epoch`)
    }
    const value = fromUtf8(String(first + epochsAtOnce))
    const written = await store.commit([{ type: 'put', table: epochTable, key, value }], 'durable')
    return written.ok ? success(first) : written
  }
}
