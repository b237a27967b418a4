// Operations and looks at the state, in the order they came, gathered into groups that are written one after the other.
// Guarantees: what is answered is on the disk, refusals and looks too, as they rest on what was done before; no group
// leaves many waiting for the next one; a group that could not be written is undone and said to be; one of which nobody
// knows ends it all. Owns what waits; the core and the journal change through it alone.
import { assert } from '../base/assert.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { AppliedOperation } from '../ledger/applied-operations.ts'
import type { AuthenticOperation } from '../ledger/authenticate.ts'
import type { JournalHead, LedgerCore, SealedGroup } from '../ledger/ledger-core.ts'
import type { OperationId } from '../ports/ledger.ts'
import type { JournalStore } from './journal-store.ts'

/** An operation that is on the disk. */
export interface CarriedOut {
  readonly applied: AppliedOperation
  /** That it was written in, unless it was there before it was asked for: then `evidenceOf` reads it. */
  readonly group?: SealedGroup
}

export interface GroupWriterOptions {
  readonly core: LedgerCore
  readonly journal: JournalStore
  /** The ledger's own time. */
  nowMs(): number
  /** Operations that came onto the disk with a group, those of before that were asked for again included. */
  onWritten(operations: readonly AppliedId[]): void
  /** Nothing more is done: the journal has to be read again. */
  onEnded(why: Failure): void
}

export interface AppliedId {
  readonly id: OperationId
  readonly applied: AppliedOperation
}

export interface GroupCounts {
  /** Since the ledger was opened. */
  readonly operations: number
  readonly repeated: number
  readonly refused: number
  readonly groups: number
  readonly largestGroup: number
}

interface WaitingOperation {
  readonly type: 'operation'
  readonly operation: AuthenticOperation
  /** What the journal has of its id, where that was looked up. */
  readonly stored: AppliedOperation | 'absent' | undefined
  readonly resolve: (result: Result<CarriedOut>) => void
}

interface WaitingLook {
  readonly type: 'look'
  /** At the head of a group; what it gives counts once the group is on the disk. */
  readonly look: (head: JournalHead) => unknown
  readonly resolve: (result: Result<never>) => void
}

/** An operation that the core has decided on. */
interface Decided {
  readonly id: OperationId
  readonly result: Result<AppliedOperation>
  readonly resolve: (result: Result<CarriedOut>) => void
}

interface Group {
  readonly operations: readonly Decided[]
  readonly looks: readonly WaitingLook[]
  /** Of what the core has not had before, in order. */
  readonly ids: readonly OperationId[]
}

const maxWaiting = 50_000
/** So many are a group without waiting for more, and may be one however many wait. */
const enoughOperations = 64

export class GroupWriter {
  private readonly options: GroupWriterOptions
  private readonly core: LedgerCore
  private readonly journal: JournalStore
  private queue: (WaitingOperation | WaitingLook)[] = []
  /** Ids that are looked for in the journal: another operation of the same id waits for the outcome. */
  private readonly lookedUp = new Map<OperationId, Promise<unknown>>()
  /** What is on its way to the disk. */
  private sealed: Group | undefined
  private isGathering = false
  private onIdle: (() => void) | undefined
  private over: Failure | undefined
  private readonly tally = { operations: 0, repeated: 0, refused: 0, groups: 0, largestGroup: 0 }

  constructor(options: GroupWriterOptions) {
    this.options = options
    this.core = options.core
    this.journal = options.journal
  }

  /** Why nothing more is done. */
  get ended(): Failure | undefined {
    return this.over
  }

  get counts(): GroupCounts {
    return this.tally
  }

  get waiting(): number {
    return this.queue.length + (this.sealed?.operations.length ?? 0)
  }

  /** Whether there is no room for another operation. */
  get isFull(): boolean {
    return this.queue.length >= maxWaiting
  }

  /** Of an operation that nobody lets in. */
  countRefused(): void {
    this.tally.refused++
  }

  submit(operation: AuthenticOperation, stored?: AppliedOperation | 'absent'): Promise<Result<CarriedOut>> {
    return new Promise((resolve) => {
      this.queue.push({ type: 'operation', operation, stored, resolve })
      this.write()
    })
  }

  /** What `look` sees of the state after all that was asked before it, once that is on the disk. */
  look<T>(look: (head: JournalHead) => T): Promise<Result<T>> {
    if (this.over !== undefined) return Promise.resolve(this.over)
    return new Promise((resolve) => {
      this.queue.push({ type: 'look', look, resolve: resolve as (result: Result<never>) => void })
      this.write()
    })
  }

  /** Takes nothing more, and returns when all that was asked is answered. */
  async end(why: Failure): Promise<void> {
    assert(this.onIdle === undefined, 'a writer that is ended once')
    this.over = why
    await Promise.all(this.lookedUp.values())
    const isIdle = this.sealed === undefined && this.queue.length === 0
    if (!isIdle) await new Promise<void>((resolve) => (this.onIdle = resolve))
  }

  private async lookUp(operation: AuthenticOperation): Promise<Result<CarriedOut>> {
    const { id } = operation.statement.operation
    const others = this.lookedUp.get(id)
    if (others !== undefined) {
      await others
      return this.over ?? this.submit(operation)
    }
    const entering = this.journal.applied(id).then(async (found) => {
      if (!found.ok) return unreadable(found)
      return this.over ?? this.submit(operation, found.value)
    })
    this.lookedUp.set(id, entering)
    try {
      return await entering
    } finally {
      this.lookedUp.delete(id)
    }
  }

  /** One group is on its way at a time; what comes meanwhile waits for a next one. */
  private write(): void {
    if (this.sealed !== undefined) return
    // So that the disk has work while more is being checked; else whatever comes in this moment goes together.
    if (this.queue.length >= enoughOperations) {
      this.writeGroup()
    } else if (!this.isGathering) {
      this.isGathering = true
      void Promise.resolve().then(() => {
        this.isGathering = false
        if (this.sealed === undefined) this.writeGroup()
      })
    }
  }

  private writeGroup(): void {
    const taken = this.decideNext()
    const { operations, looks, ids } = taken
    const group = this.core.seal()
    const head = group?.head ?? this.core.head
    const seen = looks.map(({ look }) => look(head))
    if (group === undefined) {
      answer(taken, seen, undefined)
      this.goOn()
      return
    }
    this.sealed = taken
    void this.journal.append(group, ids).then((written) => {
      if (written.ok) {
        this.core.acknowledge(head.height)
        this.tally.groups++
        this.tally.largestGroup = Math.max(this.tally.largestGroup, ids.length)
        answer(taken, seen, group)
        this.options.onWritten(
          operations.flatMap(({ id, result }) => (result.ok ? [{ id, applied: result.value }] : [])),
        )
      } else this.undo(written, taken)
      // Whoever was told may have asked for more meanwhile.
      this.sealed = undefined
      this.goOn()
    })
  }

  /**
   * Half of what waits, so that groups become alike and nobody waits for a long one; and whoever has an answer has time
   * to ask again before the next.
   */
  private decideNext(): Group {
    const count = Math.max(enoughOperations, Math.ceil(this.queue.length / 2))
    const operations: Decided[] = []
    const looks: WaitingLook[] = []
    const ids: OperationId[] = []
    for (const waiting of this.queue.splice(0, count)) {
      if (waiting.type === 'look') {
        looks.push(waiting)
        continue
      }
      const { operation, stored, resolve } = waiting
      const { id } = operation.statement.operation
      const before = this.core.height
      const result = this.core.submit(operation, this.options.nowMs(), stored)
      if (result === 'look-up') {
        void this.lookUp(operation).then(resolve)
        continue
      }
      if (this.core.height > before) {
        ids.push(id)
        this.tally.operations++
      } else if (result.ok) this.tally.repeated++
      else this.tally.refused++
      operations.push({ id, result, resolve })
    }
    return { operations, looks, ids }
  }

  private goOn(): void {
    if (this.queue.length > 0) this.writeGroup()
    else this.onIdle?.()
  }

  /** Nothing of the group is there; unless nobody knows: then it is over. */
  private undo(why: Failure, { operations, looks }: Group): void {
    this.core.rollback()
    if (why.code === 'disk-full') {
      for (const { resolve } of operations) resolve(why)
      this.queue.unshift(...looks)
      return
    }
    const unknown = failure('ledger-unreachable', `the ledger has to be opened anew: ${why.detail}`)
    this.over ??= unknown
    this.options.onEnded(unknown)
    const { queue } = this
    this.queue = []
    for (const { resolve } of [...operations, ...looks, ...queue]) resolve(unknown)
  }
}

function answer({ operations, looks }: Group, seen: readonly unknown[], group: SealedGroup | undefined): void {
  for (const [index, { resolve }] of looks.entries()) resolve(success(seen[index]) as Result<never>)
  for (const { result, resolve } of operations) {
    resolve(result.ok ? success({ applied: result.value, ...groupOf(group, result.value.height) }) : result)
  }
}

function groupOf(group: SealedGroup | undefined, height: number): Pick<CarriedOut, 'group'> {
  return group === undefined || height < group.firstHeight ? {} : { group }
}

/** Of a journal that could not be read: nobody knows what is there. */
export function unreadable({ code, detail }: Failure): Failure {
  return code === 'ledger-damaged' ? failure(code, detail) : failure('ledger-unreachable', detail)
}
