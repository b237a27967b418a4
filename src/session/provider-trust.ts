// What is remembered of those who are paid, on one ledger, across restarts: what they got for shares that they said were not
// drawn, and how often they kept what was paid ahead or claimed what we know to be wrong. Guarantees: who does so three times
// within 30 days is bought of no more for as long; at most so many are remembered that a crowd of new accounts cannot fill
// the disk. Owns that table.
import { type Result, success } from '../base/errors.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'
import { mostNotes, type NoteTable, readNotes, writeNotes } from './account-notes.ts'

interface Remembered {
  readonly undrawnBytes: number
  readonly broken: number
  /** Of the last of these, by the wall clock. */
  readonly atMs: number
}

const rememberedMs = 30 * 86_400_000
/** Connections break sometimes. */
const mostBroken = 3
const nothing: Remembered = { undrawnBytes: 0, broken: 0, atMs: 0 }

export class ProviderTrust {
  private readonly table: NoteTable
  private readonly wallMs: () => number
  private readonly records: Map<string, Remembered>

  private constructor(table: NoteTable, wallMs: () => number, records: Map<string, Remembered>) {
    this.table = table
    this.wallMs = wallMs
    this.records = records
    this.forgetOld()
  }

  /** Errors: store-damaged, those of the store. */
  static async read(store: Store, rail: RailId, wallMs: () => number): Promise<Result<ProviderTrust>> {
    const table = { store, rail, table: 'speed-trust' }
    const read = await readNotes(table, /^(.+) (\d{1,15}) (\d{1,9}) (\d{1,15})$/s, 'bytes, a count and a time')
    if (!read.ok) return read
    const records = new Map<string, Remembered>()
    for (const [account = '', undrawn, broken, atMs] of read.value) {
      records.set(account, { undrawnBytes: Number(undrawn), broken: Number(broken), atMs: Number(atMs) })
    }
    return success(new ProviderTrust(table, wallMs, records))
  }

  /** Paid for what it said was not drawn. */
  undrawnBytes(account: AccountId): number {
    return this.of(account).undrawnBytes
  }

  /** False: nobody more can be remembered, and nothing is to be granted. */
  grantUndrawn(account: AccountId, bytes: number): boolean {
    const { undrawnBytes, broken } = this.of(account)
    return this.keep(account, { undrawnBytes: undrawnBytes + bytes, broken, atMs: this.wallMs() })
  }

  /** It kept what it was paid ahead, or says that a share in which it sent nothing was not drawn. */
  broke(account: AccountId): void {
    const { undrawnBytes, broken } = this.of(account)
    this.keep(account, { undrawnBytes, broken: broken + 1, atMs: this.wallMs() })
  }

  /** So often nothing is paid there any more. */
  isAvoided(account: AccountId): boolean {
    return this.of(account).broken >= mostBroken
  }

  private of(account: AccountId): Remembered {
    const record = this.records.get(account)
    return record === undefined || record.atMs + rememberedMs <= this.wallMs() ? nothing : record
  }

  private keep(account: AccountId, { undrawnBytes, broken, atMs }: Remembered): boolean {
    if (!this.records.has(account) && this.records.size >= mostNotes) this.forgetOld()
    if (!this.records.has(account) && this.records.size >= mostNotes) return false
    const record = { undrawnBytes, broken, atMs: Math.floor(atMs) }
    this.records.set(account, record)
    writeNotes(this.table, [[account, `${undrawnBytes} ${broken} ${record.atMs}`]])
    return true
  }

  private forgetOld(): void {
    const nowMs = this.wallMs()
    const old: [string, undefined][] = []
    for (const [account, { atMs }] of this.records) {
      if (atMs + rememberedMs > nowMs) continue
      this.records.delete(account)
      old.push([account, undefined])
    }
    writeNotes(this.table, old)
  }
}
