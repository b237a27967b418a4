// What a seller remembers of bidders across restarts, on one ledger: who is out of contested rounds, and who weighs one in
// them, until when. Guarantees: what is over is forgotten; at most so many are remembered that a crowd of new accounts
// cannot fill the disk. Owns that table.
import { type Result, success } from '../base/errors.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'
import { mostNotes, type NoteTable, readNotes, writeNotes } from './account-notes.ts'

type Remembered = 'excluded' | 'demoted'

export interface Mark {
  readonly account: AccountId
  readonly what: Remembered
  /** Wall clock. */
  readonly untilMs: number
}

export class SellerMemory {
  private readonly table: NoteTable
  private readonly marks: Map<string, Mark>

  private constructor(table: NoteTable, marks: Map<string, Mark>) {
    this.table = table
    this.marks = marks
  }

  /** Errors: store-damaged, those of the store. */
  static async read(store: Store, rail: RailId, wallMs: number): Promise<Result<SellerMemory>> {
    const table = { store, rail, table: 'speed-bidders' }
    const read = await readNotes(table, /^((excluded|demoted) (.+)) (\d{1,15})$/s, 'a bidder and a time')
    if (!read.ok) return read
    const marks = new Map<string, Mark>()
    for (const [name = '', what, account, untilMs] of read.value) {
      marks.set(name, { account: account as AccountId, what: what as Remembered, untilMs: Number(untilMs) })
    }
    const memory = new SellerMemory(table, marks)
    memory.forgetOld(wallMs)
    return success(memory)
  }

  remember(mark: Mark, wallMs: number): void {
    this.forgetOld(wallMs)
    if (this.marks.size >= mostNotes) return
    const name = `${mark.what} ${mark.account}`
    this.marks.set(name, mark)
    writeNotes(this.table, [[name, String(Math.ceil(mark.untilMs))]])
  }

  of(account: AccountId): Mark[] {
    return [...this.marks.values()].filter((mark) => mark.account === account)
  }

  private forgetOld(wallMs: number): void {
    const old: [string, undefined][] = []
    for (const [name, { untilMs }] of this.marks) {
      if (untilMs > wallMs) continue
      this.marks.delete(name)
      old.push([name, undefined])
    }
    writeNotes(this.table, old)
  }
}
