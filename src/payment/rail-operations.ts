// Operations on their way to the rail: kept on the disk before they are signed, signed, submitted, and submitted again
// with the same id until the rail says yes or no, across restarts.
// Guarantees: carried out at most once (the rail knows the id); a doubtful answer is never taken for a no; the record goes
// in the same commit as what its outcome changes. Owns the operations under way.
import type { ErrorCode, Result } from '../base/errors.ts'
import type { AccountId, LedgerOperation, OperationId, OperationOutcome, Signature } from '../ports/ledger.ts'
import type { StoreChange } from '../ports/store.ts'
import type { Errands } from './errands.ts'
import { deleteRecord, putRecord, type Table } from './lane-records.ts'
import type { PaymentAnswer } from './payment-events.ts'
import { retryDelayMs } from './rail-contact.ts'
import type { RailTerms } from './rail-terms.ts'

export interface OperationStep {
  readonly type: 'operation'
  readonly id: OperationId
}

/** The rail, or the owner of the key, has spoken: there will be no other answer. */
export interface SettledOperation {
  readonly operation: LedgerOperation
  readonly result: Result<OperationOutcome>
  readonly attempts: number
}

type Phase = 'persisting' | 'due' | 'signing' | 'submitting'

interface UnderWay {
  readonly operation: LedgerOperation
  phase: Phase
  signature: Signature | undefined
  attempts: number
  failures: number
  retryAtMs: number
}

/** After these nothing has changed and nothing will. Whatever else comes back, the operation may have been carried out. */
const refusals = new Set<ErrorCode>([
  'funds-insufficient',
  'lane-closed',
  'voucher-invalid',
  'signature-invalid',
  'ledger-refused',
  'ledger-conflict',
])
export const ownersRefusals: ReadonlySet<ErrorCode> = new Set(['spending-off', 'spending-limit', 'spending-refused'])

export class RailOperations<Step, Output> {
  private readonly terms: RailTerms
  private readonly account: AccountId
  private readonly table: Table<LedgerOperation>
  private readonly errands: Errands<Step | OperationStep, Output>
  private readonly underWay = new Map<OperationId, UnderWay>()

  constructor(
    terms: RailTerms,
    account: AccountId,
    table: Table<LedgerOperation>,
    errands: Errands<Step | OperationStep, Output>,
  ) {
    this.terms = terms
    this.account = account
    this.table = table
    this.errands = errands
  }

  /** One that was found on the disk: it may have been carried out already. */
  restore(operation: LedgerOperation): void {
    this.underWay.set(operation.id, newUnderWay(operation, 'due'))
  }

  /** Keeps it together with `changes`; it is signed once both are on the disk. */
  start(operation: LedgerOperation, changes: readonly StoreChange[]): void {
    this.underWay.set(operation.id, newUnderWay(operation, 'persisting'))
    const kept = putRecord(this.table, this.terms.rail, operation)
    this.errands.commit([...changes, kept], { type: 'operation', id: operation.id })
  }

  get operations(): LedgerOperation[] {
    return Array.from(this.underWay.values(), ({ operation }) => operation)
  }

  /** That the operation is settled, for the commit of what follows from it. */
  settled(operation: LedgerOperation): StoreChange {
    return deleteRecord(this.table, this.terms.rail, operation)
  }

  kept({ id }: OperationStep): void {
    const pending = this.underWay.get(id)
    if (pending !== undefined) pending.phase = 'due'
  }

  answered(
    step: OperationStep,
    answer: Extract<PaymentAnswer, { readonly type: 'signed' | 'submitted' }>,
    nowMs: number,
  ): SettledOperation | undefined {
    return answer.type === 'signed'
      ? this.signed(step, answer.result, nowMs)
      : this.submitted(step, answer.result, nowMs)
  }

  private signed({ id }: OperationStep, result: Result<Signature>, nowMs: number): SettledOperation | undefined {
    const pending = this.underWay.get(id)
    if (pending === undefined) return undefined
    if (result.ok) {
      pending.signature = result.value
      pending.phase = 'due'
      return undefined
    }
    if (ownersRefusals.has(result.code)) return this.settle(pending, result)
    this.postpone(pending, nowMs)
    return undefined
  }

  private submitted(
    { id }: OperationStep,
    result: Result<OperationOutcome>,
    nowMs: number,
  ): SettledOperation | undefined {
    const pending = this.underWay.get(id)
    if (pending === undefined) return undefined
    pending.attempts++
    if (result.ok && result.value.status === 'final') return this.settle(pending, result)
    if (!result.ok && refusals.has(result.code)) return this.settle(pending, result)
    this.postpone(pending, nowMs)
    return undefined
  }

  /** Moves what is due; the steady time at which there is more to do. */
  advance(nowMs: number): number {
    let wakeMs = Number.POSITIVE_INFINITY
    for (const pending of this.underWay.values()) {
      if (pending.phase !== 'due') continue
      if (pending.retryAtMs > nowMs) wakeMs = Math.min(wakeMs, pending.retryAtMs)
      else this.move(pending)
    }
    return wakeMs
  }

  private move(pending: UnderWay): void {
    const { operation, signature } = pending
    const step: OperationStep = { type: 'operation', id: operation.id }
    if (signature === undefined) {
      pending.phase = 'signing'
      this.errands.sign({ type: 'ledger-operation', domain: this.terms.domain, operation }, step)
    } else {
      pending.phase = 'submitting'
      this.errands.submit({ account: this.account, operation, signature }, step)
    }
  }

  private settle(pending: UnderWay, result: Result<OperationOutcome>): SettledOperation {
    this.underWay.delete(pending.operation.id)
    return { operation: pending.operation, result, attempts: pending.attempts }
  }

  /** Never so long that half a challenge window could pass between two attempts. */
  private postpone(pending: UnderWay, nowMs: number): void {
    pending.failures++
    pending.phase = 'due'
    pending.retryAtMs = nowMs + retryDelayMs(pending.failures, Math.min(60_000, this.terms.challengeMs / 16))
  }
}

function newUnderWay(operation: LedgerOperation, phase: Phase): UnderWay {
  return {
    operation,
    phase,
    signature: undefined,
    attempts: 0,
    failures: 0,
    retryAtMs: Number.NEGATIVE_INFINITY,
  }
}
