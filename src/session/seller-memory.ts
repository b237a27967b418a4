// What a seller remembers of bidders across restarts, on one ledger: who is out of contested rounds, and who weighs one in
// them, until when. Guarantees: what is over is forgotten; at most so many are remembered that a crowd of new accounts
// cannot fill the disk. Owns that table.
import { fromUtf8, toUtf8Lossy } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { Store, StoreChange } from '../ports/store.ts'

type Remembered = 'excluded' | 'demoted'

export interface Mark {
  readonly account: AccountId
  readonly what: Remembered
  /** Wall clock. */
  readonly untilMs: number
}

const table = 'speed-bidders'
const mostMarks = 4_096

export class SellerMemory {
  private readonly store: Store
  private readonly rail: RailId
  private readonly marks = new Map<string, Mark>()

  private constructor(store: Store, rail: RailId) {
    this.store = store
    this.rail = rail
  }

  /** Errors: store-damaged, those of the store. */
  static async read(store: Store, rail: RailId, wallMs: number): Promise<Result<SellerMemory>> {
    const memory = new SellerMemory(store, rail)
    const prefix = `${rail}/`
    const range = { from: fromUtf8(prefix), to: fromUtf8(`${rail}0`), order: 'ascending', maxCount: mostMarks } as const
    const kept = await store.range(table, range)
    if (!kept.ok) return kept
    for (const { key, value } of kept.value) {
      const [, what, account] = /^(excluded|demoted) (.+)$/s.exec(toUtf8Lossy(key).slice(prefix.length)) ?? []
      const untilMs = Number(toUtf8Lossy(value))
      if (what === undefined || account === undefined || !Number.isSafeInteger(untilMs)) {
        return failure('store-damaged', `${table}: not a bidder and a time`)
      }
      memory.marks.set(toUtf8Lossy(key), { account: account as AccountId, what: what as Remembered, untilMs })
    }
    memory.forgetOld(wallMs)
    return success(memory)
  }

  remember(mark: Mark, wallMs: number): void {
    this.forgetOld(wallMs)
    if (this.marks.size >= mostMarks) return
    const name = `${this.rail}/${mark.what} ${mark.account}`
    this.marks.set(name, mark)
    this.commit([{ type: 'put', table, key: fromUtf8(name), value: fromUtf8(String(Math.ceil(mark.untilMs))) }])
  }

  of(account: AccountId): Mark[] {
    return [...this.marks.values()].filter((mark) => mark.account === account)
  }

  private forgetOld(wallMs: number): void {
    const changes: StoreChange[] = []
    for (const [name, { untilMs }] of this.marks) {
      if (untilMs > wallMs) continue
      this.marks.delete(name)
      changes.push({ type: 'delete', table, key: fromUtf8(name) })
    }
    if (changes.length > 0) this.commit(changes)
  }

  private commit(changes: readonly StoreChange[]): void {
    void this.store.commit(changes, 'soon')
  }
}
