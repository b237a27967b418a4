// What became of the jobs that providers were given, on one ledger, across restarts: what makes a provider's asks worse in
// the next one. Guarantees: a default is never forgotten for a new account's sake; at most so many are remembered that a
// crowd of new accounts cannot fill the disk. Owns that table.
import { type Result, success } from '../base/errors.ts'
import { handicapAfter, newcomerHandicap } from '../market/procurement.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'
import { mostNotes, type NoteTable, readNotes, writeNotes } from './account-notes.ts'

interface JobsOf {
  readonly jobs: number
  readonly defaults: number
}

export class ProviderRecords {
  private readonly table: NoteTable
  private readonly records: Map<string, JobsOf>

  private constructor(table: NoteTable, records: Map<string, JobsOf>) {
    this.table = table
    this.records = records
  }

  /** Errors: store-damaged, those of the store. */
  static async read(store: Store, rail: RailId): Promise<Result<ProviderRecords>> {
    const table = { store, rail, table: 'speed-providers' }
    const read = await readNotes(table, /^(.+) (\d{1,9}) (\d{1,9})$/s, 'two counts of jobs')
    if (!read.ok) return read
    const records = new Map<string, JobsOf>()
    for (const [account = '', jobs, defaults] of read.value) {
      records.set(account, { jobs: Number(jobs), defaults: Number(defaults) })
    }
    return success(new ProviderRecords(table, records))
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
    if (jobs === 0 && this.records.size >= mostNotes) return
    const record = { jobs: jobs + 1, defaults: defaults + (isDefault ? 1 : 0) }
    this.records.set(account, record)
    writeNotes(this.table, [[account, `${record.jobs} ${record.defaults}`]])
  }
}
