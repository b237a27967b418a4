// Which operations were carried out, by their id, so that trying again never does anything twice (P20). Newer ones are
// here; older ones are forgotten in bulk and then only the journal, which the caller keeps, knows them.
// Guarantees: never says 'new' of an id that it may have forgotten, and seldom 'look-up' of another; bounded memory.
import type { OperationId, OperationOutcome } from '../ports/ledger.ts'
import { IdFilter } from './id-filter.ts'

export interface AppliedOperation {
  readonly height: number
  /** SHA-256 of account and operation: another body under the same id is told apart by it. */
  readonly bodyHash: Uint8Array
  readonly outcome: OperationOutcome
}

/** 'look-up': not here, but forgotten ones are in the journal alone. */
export type Recalled = AppliedOperation | 'new' | 'look-up'

export class AppliedOperations {
  /** Two generations: the older is dropped whole when the newer is full, which costs nothing an operation. */
  private newer = new Map<OperationId, AppliedOperation>()
  private older = new Map<OperationId, AppliedOperation>()
  private readonly perGeneration: number
  private readonly seen = new IdFilter()
  private hasForgotten = false

  /** At least half of `kept` are always here. */
  constructor(kept: number) {
    this.perGeneration = Math.max(1, Math.ceil(kept / 2))
  }

  recall(id: OperationId): Recalled {
    return this.newer.get(id) ?? this.older.get(id) ?? (this.hasForgotten && this.seen.mayHave(id) ? 'look-up' : 'new')
  }

  add(id: OperationId, applied: AppliedOperation): void {
    this.newer.set(id, applied)
    this.seen.add(id)
  }

  /** Of one that is in the journal and was never here. */
  addForgotten(id: OperationId): void {
    this.seen.add(id)
    this.hasForgotten = true
  }

  /** Of an entry that was undone. */
  remove(id: OperationId): void {
    if (!this.newer.delete(id)) this.older.delete(id)
  }

  /** To be called when nothing in here may still be undone. */
  turnOver(): void {
    if (this.newer.size < this.perGeneration) return
    if (this.older.size > 0) this.hasForgotten = true
    this.older = this.newer
    this.newer = new Map()
  }
}
