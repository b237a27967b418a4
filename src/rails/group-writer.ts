// Operations and looks at the state, gathered into groups that are written one after the other.
// Guarantees: what is answered is on the disk, refusals and looks too, as they rest on what was done before; what comes
// while a group is being written is the next one; a group that could not be written is undone and said to be; one of
// which nobody knows ends it all. Owns what waits; the core and the journal change through it alone.
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
  readonly id: OperationId
  /** What has to be on the disk before it is answered. */
  readonly height: number
  readonly result: Result<AppliedOperation>
  readonly resolve: (result: Result<CarriedOut>) => void
}

interface WaitingLook {
  /** At the head of a group; what it gives counts once the group is on the disk. */
  readonly look: (head: JournalHead) => unknown
  readonly resolve: (result: Result<never>) => void
}

const maxWaiting = 50_000
const enoughOperations = 64

export class GroupWriter {
  private readonly options: GroupWriterOptions
  private readonly core: LedgerCore
  private readonly journal: JournalStore
  /** Ids of what was submitted since the last seal, in order. */
  private ids: OperationId[] = []
  private operations: WaitingOperation[] = []
  private looks: WaitingLook[] = []
  /** Ids that are looked for in the journal: another operation of the same id waits for the outcome. */
  private readonly lookedUp = new Map<OperationId, Promise<unknown>>()
  /** What is on its way to the disk. */
  private sealed: readonly WaitingOperation[] | undefined
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
    return this.operations.length + (this.sealed?.length ?? 0)
  }

  /** Whether there is no room for another operation. */
  get isFull(): boolean {
    return this.operations.length >= maxWaiting
  }

  /** Of an operation that nobody lets in. */
  countRefused(): void {
    this.tally.refused++
  }

  async submit(operation: AuthenticOperation, stored?: AppliedOperation | 'absent'): Promise<Result<CarriedOut>> {
    const { core, tally } = this
    const { id } = operation.statement.operation
    const before = core.height
    const result = core.submit(operation, this.options.nowMs(), stored)
    if (result === 'look-up') return this.lookUp(operation)
    if (core.height > before) {
      this.ids.push(id)
      tally.operations++
    } else if (result.ok) tally.repeated++
    else tally.refused++
    // A refusal rests on all that was done before it.
    const height = result.ok ? result.value.height : core.height
    if (height <= core.head.height) return result.ok ? success({ applied: result.value }) : result
    return new Promise((resolve) => {
      this.operations.push({ id, height, result, resolve })
      this.write()
    })
  }

  /** What `look` sees of the state, once all that it may have seen is on the disk. */
  look<T>(look: (head: JournalHead) => T): Promise<Result<T>> {
    if (this.over !== undefined) return Promise.resolve(this.over)
    return new Promise((resolve) => {
      this.looks.push({ look, resolve: resolve as (result: Result<never>) => void })
      this.write()
    })
  }

  /** Takes nothing more, and returns when all that was asked is answered. */
  async end(why: Failure): Promise<void> {
    assert(this.onIdle === undefined, 'a writer that is ended once')
    this.over = why
    await Promise.all(this.lookedUp.values())
    const isIdle = this.sealed === undefined && this.operations.length === 0 && this.looks.length === 0
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

  /** One group is on its way at a time; the next is what came meanwhile. */
  private write(): void {
    if (this.sealed !== undefined) return
    // So that the disk has work while more is being checked; else whatever comes in this moment goes together.
    if (this.operations.length >= enoughOperations) {
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
    const { operations, looks, ids } = this
    this.operations = []
    this.looks = []
    this.ids = []
    const group = this.core.seal()
    const head = group?.head ?? this.core.head
    const seen = looks.map(({ look }) => look(head))
    if (group === undefined) {
      answer(operations, looks, seen, undefined)
      this.goOn()
      return
    }
    this.sealed = operations
    void this.journal.append(group, ids).then((written) => {
      this.sealed = undefined
      if (written.ok) {
        this.core.acknowledge(head.height)
        this.tally.groups++
        this.tally.largestGroup = Math.max(this.tally.largestGroup, ids.length)
        answer(operations, looks, seen, group)
        this.options.onWritten(
          operations.flatMap(({ id, result }) => (result.ok ? [{ id, applied: result.value }] : [])),
        )
      } else this.undo(written, operations, looks)
      this.goOn()
    })
  }

  private goOn(): void {
    if (this.operations.length > 0 || this.looks.length > 0) this.writeGroup()
    else this.onIdle?.()
  }

  /** Nothing of the group is there, nor of what was submitted since; unless nobody knows: then it is over. */
  private undo(why: Failure, operations: readonly WaitingOperation[], looks: readonly WaitingLook[]): void {
    this.core.rollback()
    const undone = [...operations, ...this.operations]
    this.operations = []
    this.ids = []
    this.looks = [...looks, ...this.looks]
    if (why.code === 'disk-full') {
      for (const { resolve } of undone) resolve(why)
      return
    }
    const unknown = failure('ledger-unreachable', `the ledger has to be opened anew: ${why.detail}`)
    this.over ??= unknown
    this.options.onEnded(unknown)
    for (const { resolve } of undone) resolve(unknown)
    for (const { resolve } of this.looks) resolve(unknown)
    this.looks = []
  }
}

function answer(
  operations: readonly WaitingOperation[],
  looks: readonly WaitingLook[],
  seen: readonly unknown[],
  group: SealedGroup | undefined,
): void {
  for (const [index, { resolve }] of looks.entries()) resolve(success(seen[index]) as Result<never>)
  for (const { height, result, resolve } of operations) {
    resolve(result.ok ? success({ applied: result.value, ...groupOf(group, height) }) : result)
  }
}

function groupOf(group: SealedGroup | undefined, height: number): Pick<CarriedOut, 'group'> {
  return group === undefined || height < group.firstHeight ? {} : { group }
}

/** Of a journal that could not be read: nobody knows what is there. */
export function unreadable({ code, detail }: Failure): Failure {
  return code === 'ledger-damaged' ? failure(code, detail) : failure('ledger-unreachable', detail)
}
