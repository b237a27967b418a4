// A ledger without its disk and its network: operations go in with the time, entries of the journal come out in groups,
// and count once the caller has them on the disk.
// Guarantees: an operation is carried out once, however often it comes (P20); what could not be written is undone; time
// never runs backwards; replaying the journal gives the same state, byte for byte (P19). Owns state, tree and chain.
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { LedgerOperation, OperationId } from '../ports/ledger.ts'
import { type AppliedOperation, AppliedOperations } from './applied-operations.ts'
import { applyEntry } from './apply-entry.ts'
import { type AuthenticOperation, bodyHashOf } from './authenticate.ts'
import { decide } from './decide.ts'
import type { Entry } from './entry.ts'
import type { LedgerFacts } from './genesis.ts'
import { decodeLine, encodeLine, type JournalRecord, outcomeOf, type ReadRecord } from './journal-record.ts'
import { LedgerState } from './ledger-state.ts'
import { StateCommitment } from './state-commitment.ts'
import { restoreChunk, StateSnapshot } from './state-snapshot.ts'

/** Where a journal stands after a record; `root` is of the last group that ended at or before it. */
export interface JournalHead {
  readonly height: number
  /** Of the record at this height; of the genesis at height 0. */
  readonly hash: Uint8Array
  readonly timeMs: number
  readonly root: Uint8Array
}

export interface SealedGroup {
  /** Records of the journal in order, as they are to be kept. */
  readonly lines: readonly Uint8Array[]
  /** Of each line. */
  readonly entries: readonly Entry[]
  /** Of each line's entry. */
  readonly hashes: readonly Uint8Array[]
  readonly firstHeight: number
  readonly head: JournalHead
}

interface Pending {
  readonly operation: AuthenticOperation
  readonly entry: Entry
  readonly timeMs: number
}

/** A group that is being written. */
interface Checkpoint {
  readonly head: JournalHead
  readonly mark: number
  readonly ids: readonly OperationId[]
}

const defaultKeptOperations = 1_000_000

export class LedgerCore {
  readonly facts: LedgerFacts
  /** What was submitted so far, written or not: answers that promise something wait for `acknowledge`. */
  readonly state = new LedgerState()
  private readonly commitment = new StateCommitment(this.state)
  private readonly applied: AppliedOperations
  private acknowledged: JournalHead
  private readonly writing: Checkpoint[] = []
  private pending: Pending[] = []

  /** `keptOperations`: how many ids are remembered here; older ones are looked up by the caller. */
  constructor(facts: LedgerFacts, keptOperations = defaultKeptOperations) {
    this.facts = facts
    this.applied = new AppliedOperations(keptOperations)
    const root = this.commitment.update()
    this.acknowledged = { height: 0, hash: facts.hash, timeMs: facts.genesis.createdAtMs, root }
  }

  /** Of what is on the disk. */
  get head(): JournalHead {
    return this.acknowledged
  }

  /** Of what was submitted. */
  get height(): number {
    return this.sealedHead().height + this.pending.length
  }

  /** Never earlier than before: the time of the last entry is the least. */
  timeAt(nowMs: number): number {
    assert(nowMs <= Number.MAX_SAFE_INTEGER, 'a time')
    const lastMs = this.pending.at(-1)?.timeMs ?? this.sealedHead().timeMs
    return Math.max(lastMs, Math.floor(nowMs))
  }

  /**
   * Carries an operation out, to be part of the next group; or answers as the first time. 'look-up': its id may be one
   * that was forgotten here, so look for it in the journal and come again with what is there. Errors: ledger-conflict,
   * funds-insufficient, lane-closed, voucher-invalid, ledger-refused; nothing has changed then.
   */
  submit(
    operation: AuthenticOperation,
    nowMs: number,
    stored?: AppliedOperation | 'absent',
  ): Result<AppliedOperation> | 'look-up' {
    const { id } = operation.statement.operation
    const recalled = this.applied.recall(id)
    const known = recalled === 'look-up' ? stored : recalled
    if (known === undefined) return 'look-up'
    if (known !== 'new' && known !== 'absent') return repeated(known, operation)
    const timeMs = this.timeAt(nowMs)
    const decided = decide(this.state, this.facts, operation.statement, timeMs)
    if (!decided.ok) return decided
    const entry = decided.value
    const result = applyEntry(this.state, entry)
    assert(result.ok, result.ok ? '' : `an entry that keeps the books: ${result.detail}`)
    this.pending.push({ operation, entry, timeMs })
    const applied = { height: this.height, bodyHash: operation.bodyHash, outcome: outcomeOf(entry) }
    this.applied.add(id, applied)
    return success(applied)
  }

  /** What became of an id, if it is remembered here. */
  recall(id: OperationId): AppliedOperation | 'new' | 'look-up' {
    return this.applied.recall(id)
  }

  /** Ends the group of what was submitted since the last one. Undefined: nothing was. */
  seal(): SealedGroup | undefined {
    if (this.pending.length === 0) return undefined
    const before = this.sealedHead()
    const root = this.commitment.update()
    const lines: Uint8Array[] = []
    const hashes: Uint8Array[] = []
    let previous = before.hash
    for (const [index, { operation, entry, timeMs }] of this.pending.entries()) {
      const isLast = index === this.pending.length - 1
      const encoded = encodeLine({
        height: before.height + 1 + index,
        previous,
        timeMs,
        account: operation.statement.account,
        operationBytes: operation.operationBytes,
        signature: operation.signature,
        entry,
        ...(isLast ? { root } : {}),
      })
      previous = encoded.hash
      lines.push(encoded.line)
      hashes.push(encoded.hash)
    }
    const ids = this.pending.map(({ operation }) => operation.statement.operation.id)
    const entries = this.pending.map(({ entry }) => entry)
    const timeMs = this.timeAt(0)
    const head = { height: this.height, hash: previous, timeMs, root }
    this.pending = []
    this.writing.push({ head, mark: this.state.mark(), ids })
    return { lines, entries, hashes, firstHeight: before.height + 1, head }
  }

  /** The groups up to this height are on the disk: they count, and are never undone. */
  acknowledge(height: number): void {
    for (let first = this.writing[0]; first !== undefined && first.head.height <= height; first = this.writing[0]) {
      this.acknowledged = first.head
      this.state.forget(first.mark)
      this.writing.shift()
    }
    assert(this.acknowledged.height === height, 'the height of a group that was sealed')
    this.applied.turnOver()
  }

  /** Undoes all that was not acknowledged. What was submitted since has to be submitted again. */
  rollback(): void {
    for (const { ids } of this.writing) for (const id of ids) this.applied.remove(id)
    for (const { operation } of this.pending) this.applied.remove(operation.statement.operation.id)
    this.writing.length = 0
    this.pending = []
    this.state.rollback(this.state.firstMark())
  }

  /** Takes in a line of the journal from the disk, without deciding anything again; it. Errors: ledger-damaged. */
  replay(line: Uint8Array): Result<ReadRecord> {
    assert(this.pending.length === 0 && this.writing.length === 0, 'a ledger that is being replayed')
    const decoded = decodeLine(line, this.facts.rail)
    if (!decoded.ok) return misplaced(this.acknowledged.height + 1, decoded)
    const { record, hash } = decoded.value
    const problem = this.problemOf(record)
    if (problem !== undefined) return misplaced(this.acknowledged.height + 1, failure('ledger-damaged', problem))
    const applied = applyEntry(this.state, record.entry)
    if (!applied.ok) return misplaced(record.height, applied)
    this.state.forget(this.state.mark())
    this.applied.add(record.operation.id, {
      height: record.height,
      bodyHash: bodyHashOf(record.account, record.operationBytes),
      outcome: outcomeOf(record.entry),
    })
    this.applied.turnOver()
    const { height, timeMs, root = this.acknowledged.root } = record
    this.acknowledged = { height, hash, timeMs, root }
    return success(record)
  }

  /** The state as it is at `head`; nothing may be under way. */
  snapshot(): StateSnapshot {
    assert(this.pending.length === 0 && this.writing.length === 0, 'a state that is all on the disk')
    return new StateSnapshot(this.state)
  }

  /** Records of a snapshot, into a new core. Errors: ledger-damaged. */
  restoreChunk(chunk: Uint8Array): Result<void> {
    assert(this.acknowledged.height === 0, 'a core that is new')
    return restoreChunk(this.state, chunk, this.facts.rail)
  }

  /** All chunks are in; `head` is the journal's at the height of the snapshot. Errors: ledger-damaged. */
  finishRestore(head: JournalHead): Result<void> {
    this.acknowledged = head
    return this.finishReplay()
  }

  /** An operation of before the snapshot: the journal has it. */
  addForgotten(id: OperationId): void {
    this.applied.addForgotten(id)
  }

  /** Compares the state with the root that the journal says it must have. Errors: ledger-damaged. */
  finishReplay(): Result<void> {
    if (equalBytes(this.commitment.update(), this.acknowledged.root)) return success(undefined)
    return misplaced(this.acknowledged.height, failure('ledger-damaged', 'the state is not what its root says'))
  }

  /** What nobody has to ask for any more: operations for the operator to sign, the earliest due first. */
  overdue(nowMs: number, max: number, drawId: () => OperationId): LedgerOperation[] {
    return this.state.dueAt(this.timeAt(nowMs), max).map((holding): LedgerOperation => {
      const id = drawId()
      switch (holding.type) {
        case 'lane':
          return { type: 'close', id, lane: holding.value.id }
        case 'escrow':
          return { type: 'escrow-refund', id, escrow: holding.value.id }
        default:
          assert(holding.type === 'campaign', 'something that ends by time')
          return { type: 'campaign-end', id, campaign: holding.value.id }
      }
    })
  }

  /** The tree, as of the last group: for proofs. Nothing may be waiting to be sealed. */
  get proofs(): StateCommitment {
    assert(this.pending.length === 0, 'a state that a root was sealed of')
    this.commitment.update()
    return this.commitment
  }

  private sealedHead(): JournalHead {
    return this.writing.at(-1)?.head ?? this.acknowledged
  }

  private problemOf({ height, previous, timeMs }: JournalRecord): string | undefined {
    const { acknowledged } = this
    if (height !== acknowledged.height + 1) return `an entry of height ${height}`
    if (!equalBytes(previous, acknowledged.hash)) return 'an entry that was not written after the one before it'
    return timeMs < acknowledged.timeMs ? 'an entry from before the one before it' : undefined
  }
}

function repeated(known: AppliedOperation, { bodyHash }: AuthenticOperation): Result<AppliedOperation> {
  if (equalBytes(known.bodyHash, bodyHash)) return success(known)
  return failure('ledger-conflict', `the id is that of another operation, entry ${known.height}`)
}

function misplaced(height: number, { detail }: Failure): Failure {
  return failure('ledger-damaged', `entry ${height}: ${detail}`)
}
