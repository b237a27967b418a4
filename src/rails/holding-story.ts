// What the entries of one holding tell: a lane that ended, an escrow, an air-drop.
// Guarantees: a story is whole if its entries begin with what made the holding, their postings sum to what it holds, and
// its record as the last one left it is proved by the state: then nobody has left one out that moved anything. Pure.
import type { Entry, Holding } from '../ledger/entry.ts'
import { hasEnded, heldAmount, holdingId, isHolding } from '../ledger/entry.ts'
import type { ReadRecord } from '../ledger/journal-record.ts'
import type { TableName } from '../ledger/ledger-state.ts'
import { provesRecord } from '../ledger/state-commitment.ts'
import type { StateProof } from '../ledger/state-tree.ts'
import type { KnownLane, LaneId } from '../ports/ledger.ts'
import type { IndexedHolding } from './holding-index.ts'

function changeOf(entry: Entry, { type, id }: IndexedHolding): Holding | undefined {
  let last: Holding | undefined
  for (const change of entry.changes) {
    if (isHolding(change) && change.type === type && holdingId(change) === id) last = change
  }
  return last
}

/** A lane as the entry that ended it says; undefined: that entry ends no such lane. */
export function endedLane(id: LaneId, { operation, entry, height, timeMs }: ReadRecord): KnownLane | undefined {
  const change = changeOf(entry, { type: 'lane', id })
  if (change?.type !== 'lane' || !hasEnded(change)) return undefined
  return { ...change.value, ending: { by: operation.type, id: operation.id, height, atMs: timeMs } }
}

export class HoldingStory {
  private readonly holding: IndexedHolding
  private last: Holding | undefined
  private height = 0
  private sum = 0n

  constructor(holding: IndexedHolding) {
    this.holding = holding
  }

  /** Of the last entry; 0: there is none. */
  get lastHeight(): number {
    return this.height
  }

  /** The next entry; what is wrong with it. */
  take({ height, operation, entry }: ReadRecord): string | undefined {
    const { type, id } = this.holding
    const change = changeOf(entry, this.holding)
    if (change === undefined) return `entry ${height} is not of the ${type}`
    if (height <= this.height) return 'entries out of order'
    if (this.height === 0 && operation.id !== id) return `an entry before ${height} is missing`
    for (const posting of entry.postings) if (posting.book === type && posting.id === id) this.sum += posting.amount
    this.last = change
    this.height = height
    return undefined
  }

  /** That was all of it, as of a state with this root; what is wrong with that. */
  end(root: Uint8Array, proof: StateProof): string | undefined {
    const { last, holding } = this
    const isThere = last !== undefined && !hasEnded(last)
    if (last !== undefined && this.sum !== (hasEnded(last) ? 0n : heldAmount(last))) return 'an entry is missing'
    const isProved = provesRecord<TableName>(root, holding.type, holding.id, isThere ? last.value : undefined, proof)
    return isProved ? undefined : 'its record is not what the entries say'
  }
}
