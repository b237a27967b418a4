// Who wants to hear of changes of whose lanes.
// Guarantees: a listener hears of a lane whether its account pays or is paid; one that left hears nothing more.
import type { AccountId, Lane, OperationId } from '../ports/ledger.ts'

/** `by`: the operation that changed it; undefined: it is as it was. */
type LaneListener = (lane: Lane, by: OperationId | undefined) => void

export class LaneWatchers {
  private readonly listeners = new Map<AccountId, Set<LaneListener>>()

  /** Returns the way to leave. */
  add(account: AccountId, listener: LaneListener): () => void {
    const listeners = this.listeners.get(account) ?? new Set()
    this.listeners.set(account, listeners)
    // The same function may listen twice.
    const own: LaneListener = (lane, by) => listener(lane, by)
    listeners.add(own)
    return () => {
      listeners.delete(own)
      if (listeners.size === 0 && this.listeners.get(account) === listeners) this.listeners.delete(account)
    }
  }

  tell(lane: Lane, by?: OperationId): void {
    for (const account of [lane.payer, lane.payee]) {
      for (const listener of [...(this.listeners.get(account) ?? [])]) listener(lane, by)
    }
  }

  accounts(): readonly AccountId[] {
    return [...this.listeners.keys()]
  }
}
