// What became of the jobs that providers were given, on one ledger, across restarts: what makes a provider's asks worse in
// the next one. Guarantees: a default is never forgotten for a new account's sake; at most so many are remembered that a
// crowd of new accounts cannot fill the disk. Owns that table.
import { fromUtf8, toUtf8Lossy } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { handicapAfter, newcomerHandicap } from '../market/procurement.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'

interface JobsOf {
  readonly jobs: number
  readonly defaults: number
}

const table = 'speed-providers'
const mostProviders = 4_096

export class ProviderRecords {
  private readonly store: Store
  private readonly rail: RailId
  private readonly records = new Map<string, JobsOf>()

  private constructor(store: Store, rail: RailId) {
    this.store = store
    this.rail = rail
  }

  /** Errors: store-damaged, those of the store. */
  static async read(store: Store, rail: RailId): Promise<Result<ProviderRecords>> {
    const records = new ProviderRecords(store, rail)
    const prefix = `${rail}/`
    const from = fromUtf8(prefix)
    const range = { from, to: fromUtf8(`${rail}0`), order: 'ascending', maxCount: mostProviders } as const
    const kept = await store.range(table, range)
    if (!kept.ok) return kept
    for (const { key, value } of kept.value) {
      const [, jobs, defaults] = /^(\d{1,9}) (\d{1,9})$/.exec(toUtf8Lossy(value)) ?? []
      if (jobs === undefined || defaults === undefined) {
        return failure('store-damaged', `${table}: not two counts of jobs`)
      }
      const account = toUtf8Lossy(key).slice(prefix.length)
      records.records.set(account, { jobs: Number(jobs), defaults: Number(defaults) })
    }
    return success(records)
  }

  /** In 1/65536 of the ceiling; of who is not known yet, by those who are. */
  handicapOf(account: AccountId): number {
    const known = this.records.get(account)
    if (known !== undefined) return handicapAfter(known.jobs, known.defaults)
    return newcomerHandicap(Array.from(this.records.values(), ({ jobs, defaults }) => handicapAfter(jobs, defaults)))
  }

  /** A job is over for it. */
  ended(account: AccountId, isDefault: boolean): void {
    const { jobs, defaults } = this.records.get(account) ?? { jobs: 0, defaults: 0 }
    if (jobs === 0 && this.records.size >= mostProviders) return
    const record = { jobs: jobs + 1, defaults: defaults + (isDefault ? 1 : 0) }
    this.records.set(account, record)
    const value = fromUtf8(`${record.jobs} ${record.defaults}`)
    void this.store.commit([{ type: 'put', table, key: fromUtf8(`${this.rail}/${account}`), value }], 'soon')
  }
}
