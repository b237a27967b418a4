// The Ledger port over a ledger of one's own: the core, and a store that has its journal.
// Guarantees: what is answered is on the disk, refusals and balances too, as they rest on what was done before; groups
// are written one after the other, and what comes meanwhile is the next one; a group that could not be written is
// undone and said to be; one of which nobody knows ends the ledger until it is opened anew. Time is the ledger's own.
// Owns core, journal and store; the operator's key signs receipts and what is overdue.
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { TokenSymbol } from '../base/token-amount.ts'
import { operationDigest } from '../formats/money/operation-digest.ts'
import { type LedgerReceipt, receiptDigest, type SignedReceipt } from '../formats/money/receipt.ts'
import type { AppliedOperation } from '../ledger/applied-operations.ts'
import { type AuthenticOperation, authenticate } from '../ledger/authenticate.ts'
import type { Account } from '../ledger/entry.ts'
import { type LedgerFacts, ledgerFacts } from '../ledger/genesis.ts'
import { type JournalHead, LedgerCore, type SealedGroup } from '../ledger/ledger-core.ts'
import { startLedgerTime } from '../ledger/ledger-time.ts'
import { balanceReceipt, headReceipt, laneReceipt, operationReceipt } from '../ledger/receipts.ts'
import type { StateProof } from '../ledger/state-tree.ts'
import type { Alarm, Clock } from '../ports/clock.ts'
import type {
  AccountId,
  Lane,
  LaneId,
  Ledger,
  LedgerAccount,
  LedgerOperation,
  OperationId,
  OperationOutcome,
  RailId,
  SignedOperation,
  SigningDomain,
} from '../ports/ledger.ts'
import type { Random } from '../ports/random.ts'
import type { SignatureScheme, SigningKey } from '../ports/signatures.ts'
import type { Store } from '../ports/store.ts'
import { type FoundEntry, JournalStore } from './journal-store.ts'
import { LaneWatchers } from './lane-watchers.ts'
import { unlessAborted } from './unless-aborted.ts'

export interface EmbeddedLedgerPorts {
  /** Belongs to the ledger from now on. */
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly scheme: SignatureScheme
  /** Of the genesis; the ledger's from now on. */
  readonly operator: SigningKey
}

export interface EmbeddedLedgerOptions {
  /** How many operations are remembered in memory; older ones are looked up. */
  readonly keptOperations?: number
}

/** An operation that is on the disk. */
export interface CarriedOut {
  readonly applied: AppliedOperation
  /** That it was written in, unless it was there before it was asked for: then `evidenceOf` reads it. */
  readonly group?: SealedGroup
}

/** An entry, and that the operator signed it. */
export interface OperationEvidence {
  readonly line: Uint8Array
  readonly receipt: SignedReceipt
}

/** A balance as the operator attests it, and the way to the root that it names. */
export interface AttestedAccount {
  readonly receipt: SignedReceipt
  readonly record: Account
  readonly proof: StateProof
}

export interface AttestedLane {
  readonly lane: Lane | undefined
  /** Of the lane; of the head where there is none, as the proof then shows under its root. */
  readonly receipt: SignedReceipt
  readonly proof: StateProof
}

export interface LedgerStatistics {
  readonly height: number
  /** Since the ledger was opened. */
  readonly operations: number
  readonly repeated: number
  readonly refused: number
  readonly groups: number
  readonly largestGroup: number
  readonly waiting: number
}

/** Why an account is not served now. */
type Admission = (account: AccountId) => Failure | undefined

interface WaitingOperation {
  readonly id: OperationId
  /** What has to be on the disk before it is answered. */
  readonly height: number
  readonly result: Result<AppliedOperation>
  readonly resolve: (result: Result<CarriedOut>) => void
}

interface WaitingRead {
  /** At the head of a group; what it gives counts once the group is on the disk. */
  readonly look: (head: JournalHead) => unknown
  readonly resolve: (result: Result<never>) => void
}

const maxWaiting = 50_000
const enoughOperations = 64
const overdueAtOnce = 64
/** Before what was overdue and could not be ended is tried again. */
const overduePauseMs = 1_000
const idLength = 32

export class EmbeddedLedger implements Ledger {
  readonly facts: LedgerFacts
  private readonly core: LedgerCore
  private readonly journal: JournalStore
  private readonly ports: EmbeddedLedgerPorts
  private readonly time: (steadyMs: number) => number
  private readonly watchers = new LaneWatchers()
  private readonly headListeners = new Set<() => void>()
  private readonly alarm: Alarm
  /** Ids of what was submitted since the last seal, in order. */
  private ids: OperationId[] = []
  private operations: WaitingOperation[] = []
  private reads: WaitingRead[] = []
  /** Ids that are looked for in the journal: another operation of the same id waits for the outcome. */
  private readonly lookedUp = new Map<OperationId, Promise<unknown>>()
  /** What is on its way to the disk. */
  private sealed: readonly WaitingOperation[] | undefined
  private isGathering = false
  private onIdle: (() => void) | undefined
  private ended: Failure | undefined
  private earliestOverdueMs = 0
  private tellFailed: (why: Failure) => void = () => undefined
  /** Comes when it is over before it was closed: the journal has to be read again. */
  readonly failed = new Promise<Failure>((resolve) => {
    this.tellFailed = resolve
  })
  private readonly counts = { operations: 0, repeated: 0, refused: 0, groups: 0, largestGroup: 0 }

  private constructor(core: LedgerCore, journal: JournalStore, ports: EmbeddedLedgerPorts) {
    this.facts = core.facts
    this.core = core
    this.journal = journal
    this.ports = ports
    this.time = startLedgerTime(core.head.timeMs, ports.clock.nowMs())
    this.alarm = ports.clock.alarm(() => this.endOverdue())
    this.planOverdue()
  }

  /**
   * Reads the journal and checks that it is the one that was written. Errors: ledger-damaged, naming the entry;
   * statement-malformed, signature-invalid (another operator's key), those of the store.
   */
  static async open(
    genesis: Uint8Array,
    ports: EmbeddedLedgerPorts,
    options: EmbeddedLedgerOptions = {},
  ): Promise<Result<EmbeddedLedger>> {
    const facts = ledgerFacts(genesis)
    if (!facts.ok) return facts
    if (toHex(ports.operator.address) !== facts.value.genesis.operator) {
      return failure('signature-invalid', 'the key is not that of the operator whom the genesis names')
    }
    const core = new LedgerCore(facts.value, options.keptOperations)
    const journal = new JournalStore(ports.store, facts.value)
    const replayed = await journal.replayInto(core)
    return replayed.ok ? success(new EmbeddedLedger(core, journal, ports)) : replayed
  }

  get rail(): RailId {
    return this.facts.rail
  }

  get symbol(): TokenSymbol {
    return this.facts.genesis.symbol
  }

  get domain(): SigningDomain {
    return this.facts.domain
  }

  /** Of what is on the disk. */
  get head(): JournalHead {
    return this.core.head
  }

  get statistics(): LedgerStatistics {
    return {
      height: this.core.head.height,
      ...this.counts,
      waiting: this.operations.length + (this.sealed?.length ?? 0),
    }
  }

  async timeMs(signal: AbortSignal): Promise<Result<number>> {
    return signal.aborted ? interrupted() : (this.ended ?? success(this.nowMs()))
  }

  account(account: AccountId, signal: AbortSignal): Promise<Result<LedgerAccount>> {
    return unlessAborted(
      this.read(() => {
        const { available, locked, leaving, arriving } = this.core.state.account(account)
        return { available, locked, leaving, arriving }
      }),
      signal,
    )
  }

  lane(lane: LaneId, signal: AbortSignal): Promise<Result<Lane | undefined>> {
    return unlessAborted(
      this.read(() => this.core.state.lane(lane)),
      signal,
    )
  }

  async submit(operation: SignedOperation, signal: AbortSignal): Promise<Result<OperationOutcome>> {
    if (signal.aborted) return interrupted()
    const carried = await unlessAborted(this.carryOut(operation), signal)
    return carried.ok ? success(carried.value.applied.outcome) : carried
  }

  async outcome(id: OperationId, signal: AbortSignal): Promise<Result<OperationOutcome | undefined>> {
    const known = await unlessAborted(
      this.read(() => this.core.recall(id)),
      signal,
    )
    if (!known.ok) return known
    if (known.value === 'new') return success(undefined)
    if (known.value !== 'look-up') return success(known.value.outcome)
    const found = await unlessAborted(this.journal.applied(id), signal)
    if (!found.ok) return this.unreadable(found)
    return success(found.value === 'absent' ? undefined : found.value.outcome)
  }

  watchLanes(account: AccountId, listener: (lane: Lane) => void): () => void {
    return this.watchers.add(account, listener)
  }

  /** As watchLanes, with the operation that changed a lane. */
  watchEntries(account: AccountId, listener: (id: OperationId) => void): () => void {
    return this.watchers.add(account, (_lane, id) => listener(id))
  }

  /** Called after each group that came onto the disk. */
  onHead(listener: () => void): () => void {
    this.headListeners.add(listener)
    return () => this.headListeners.delete(listener)
  }

  /**
   * As `submit`, and where it was written. What is called before anything is awaited makes one group. `admit` is asked
   * once it is sure who it is. Errors besides: ledger-busy (nothing was done).
   */
  carryOut(operation: SignedOperation, admit: Admission = () => undefined): Promise<Result<CarriedOut>> {
    if (this.ended !== undefined) return Promise.resolve(this.ended)
    if (this.operations.length >= maxWaiting) {
      return Promise.resolve(failure('ledger-busy', 'the ledger has more to do than it can take'))
    }
    const authentic = authenticate(operation, this.facts, this.ports.scheme)
    const refusal = authentic.ok ? admit(operation.account) : authentic
    if (authentic.ok && refusal === undefined) return this.enter(authentic.value)
    this.counts.refused++
    return Promise.resolve(refusal as Failure)
  }

  signedHead(): SignedReceipt {
    return this.sign(headReceipt(this.core.head, this.nowMs()))
  }

  /** Of a group that is on the disk. */
  signedHeadOf({ head }: SealedGroup): SignedReceipt {
    return this.sign(headReceipt(head, this.nowMs()))
  }

  /** What the operator attests of an operation that was carried out; undefined: never seen. */
  async evidenceOf(id: OperationId): Promise<Result<OperationEvidence | undefined>> {
    const found = await this.journal.find(id)
    if (!found.ok) return this.unreadable(found)
    return success(found.value === undefined ? undefined : this.evidence(found.value))
  }

  /** The same, of what the journal has at a height. */
  async evidenceAt(height: number): Promise<Result<OperationEvidence | undefined>> {
    const found = await this.journal.at(height)
    if (!found.ok) return this.unreadable(found)
    return success(found.value === undefined ? undefined : this.evidence(found.value))
  }

  attestAccount(account: AccountId): Promise<Result<AttestedAccount>> {
    return this.read((head) => ({
      receipt: this.sign(balanceReceipt(this.core, head, account, this.nowMs())),
      record: this.core.state.account(account),
      proof: this.core.proofs.prove('account', account),
    }))
  }

  attestLane(id: LaneId): Promise<Result<AttestedLane>> {
    return this.read((head) => ({
      lane: this.core.state.lane(id),
      receipt: this.sign(laneReceipt(this.core, head, id, this.nowMs()) ?? headReceipt(head, this.nowMs())),
      proof: this.core.proofs.prove('lane', id),
    }))
  }

  /** Lines of the journal that are on the disk, from a height on. */
  async lines(from: number, maxCount: number): Promise<Result<readonly Uint8Array[]>> {
    const last = this.core.head.height
    if (from > last) return success([])
    const read = await this.journal.lines(from, Math.min(maxCount, last - from + 1))
    return read.ok ? read : this.unreadable(read)
  }

  /** Answers what was asked, and lets go of the store and of the operator's key. */
  async close(): Promise<Result<void>> {
    assert(this.ended?.code !== 'interrupted', 'a ledger that is closed once')
    const before = this.ended
    this.ended = failure('interrupted', 'the ledger is closed')
    this.alarm.close()
    await Promise.all(this.lookedUp.values())
    const isIdle = this.sealed === undefined && this.operations.length === 0 && this.reads.length === 0
    if (!isIdle) await new Promise<void>((resolve) => (this.onIdle = resolve))
    this.ports.operator.forget()
    const closed = await this.ports.store.close()
    return before ?? closed
  }

  /** Undefined: it is not on the disk for sure yet. */
  private evidence({ line, hash, record }: FoundEntry): OperationEvidence | undefined {
    const { operation, account, height, timeMs } = record
    if (height > this.core.head.height) return undefined
    const facts = { fee: record.entry.fee, height, timeMs }
    return { line, receipt: this.sign(operationReceipt(this.facts, operation, account, facts, hash)) }
  }

  private nowMs(): number {
    return this.core.timeAt(this.time(this.ports.clock.nowMs()))
  }

  private sign(receipt: LedgerReceipt): SignedReceipt {
    return { receipt, signature: this.ports.operator.sign(receiptDigest(receipt, this.facts.domain)) }
  }

  private async enter(
    operation: AuthenticOperation,
    stored?: AppliedOperation | 'absent',
  ): Promise<Result<CarriedOut>> {
    const before = this.core.height
    const result = this.core.submit(operation, this.nowMs(), stored)
    if (result === 'look-up') return this.lookUp(operation)
    if (this.core.height > before) {
      this.ids.push(operation.statement.operation.id)
      this.counts.operations++
    } else if (result.ok) this.counts.repeated++
    else this.counts.refused++
    // A refusal rests on all that was done before it.
    const height = result.ok ? result.value.height : this.core.height
    if (height <= this.core.head.height) return result.ok ? success({ applied: result.value }) : result
    return new Promise((resolve) => {
      this.operations.push({ id: operation.statement.operation.id, height, result, resolve })
      this.write()
    })
  }

  private async lookUp(operation: AuthenticOperation): Promise<Result<CarriedOut>> {
    const { id } = operation.statement.operation
    const others = this.lookedUp.get(id)
    if (others !== undefined) {
      await others
      return this.ended ?? this.enter(operation)
    }
    const entering = this.journal.applied(id).then(async (found) => {
      if (!found.ok) return this.unreadable(found)
      return this.ended ?? this.enter(operation, found.value)
    })
    this.lookedUp.set(id, entering)
    try {
      return await entering
    } finally {
      this.lookedUp.delete(id)
    }
  }

  private read<T>(look: (head: JournalHead) => T): Promise<Result<T>> {
    if (this.ended !== undefined) return Promise.resolve(this.ended)
    return new Promise((resolve) => {
      this.reads.push({ look, resolve: resolve as (result: Result<never>) => void })
      this.write()
    })
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
    const { operations, reads, ids } = this
    this.operations = []
    this.reads = []
    this.ids = []
    const group = this.core.seal()
    const head = group?.head ?? this.core.head
    const seen = reads.map(({ look }) => look(head))
    if (group === undefined) {
      this.answer(operations, reads, seen, undefined)
      this.goOn()
      return
    }
    this.sealed = operations
    void this.journal.append(group, ids).then((written) => {
      this.sealed = undefined
      if (written.ok) {
        this.core.acknowledge(head.height)
        this.counts.groups++
        this.counts.largestGroup = Math.max(this.counts.largestGroup, ids.length)
        this.answer(operations, reads, seen, group)
        this.tell(operations)
      } else this.undo(written, operations, reads)
      this.goOn()
    })
  }

  private goOn(): void {
    if (this.operations.length > 0 || this.reads.length > 0) this.writeGroup()
    else this.onIdle?.()
  }

  private answer(
    operations: readonly WaitingOperation[],
    reads: readonly WaitingRead[],
    seen: readonly unknown[],
    group: SealedGroup | undefined,
  ): void {
    for (const [index, { resolve }] of reads.entries()) resolve(success(seen[index]) as Result<never>)
    for (const { height, result, resolve } of operations) {
      resolve(result.ok ? success({ applied: result.value, ...groupOf(group, height) }) : result)
    }
  }

  private tell(operations: readonly WaitingOperation[]): void {
    for (const { id, result } of operations) {
      if (!result.ok) continue
      for (const lane of result.value.outcome.lanes ?? []) this.watchers.tell(lane, id)
    }
    for (const listener of [...this.headListeners]) listener()
    this.planOverdue()
  }

  /** Nothing of the group is there, nor of what was submitted since; unless nobody knows: then it is over. */
  private undo(why: Failure, operations: readonly WaitingOperation[], reads: readonly WaitingRead[]): void {
    this.core.rollback()
    const undone = [...operations, ...this.operations]
    this.operations = []
    this.ids = []
    this.reads = [...reads, ...this.reads]
    if (why.code === 'disk-full') {
      for (const { resolve } of undone) resolve(why)
      return
    }
    const unknown = failure('ledger-unreachable', `the ledger has to be opened anew: ${why.detail}`)
    this.ended ??= unknown
    this.tellFailed(unknown)
    for (const { resolve } of undone) resolve(unknown)
    for (const { resolve } of this.reads) resolve(unknown)
    this.reads = []
    this.alarm.close()
  }

  private unreadable({ code, detail }: Failure): Failure {
    return code === 'ledger-damaged' ? failure(code, detail) : failure('ledger-unreachable', detail)
  }

  /** Wakes when something is due, by the ledger's time. */
  private planOverdue(): void {
    if (this.ended !== undefined) return
    const inMs = this.core.state.nextDueMs() - this.nowMs()
    const atMs = this.ports.clock.nowMs() + Math.max(0, inMs)
    this.alarm.set(Number.isFinite(inMs) ? Math.max(atMs, this.earliestOverdueMs) : Number.POSITIVE_INFINITY)
  }

  private endOverdue(): void {
    if (this.ended !== undefined) return
    const operations = this.core.overdue(this.nowMs(), overdueAtOnce, () => this.drawId())
    const account = this.facts.operator
    const carried = operations.map((operation) =>
      this.carryOut({ account, operation, signature: this.signed(operation) }),
    )
    void Promise.all(carried).then((results) => {
      const isStuck = results.length === 0 || results.some(({ ok }) => !ok)
      if (isStuck) this.earliestOverdueMs = this.ports.clock.nowMs() + overduePauseMs
      this.planOverdue()
    })
  }

  private signed(operation: LedgerOperation): SignedOperation['signature'] {
    return this.ports.operator.sign(operationDigest(operation, this.facts.operator, this.facts.domain))
  }

  private drawId(): OperationId {
    const bytes = new Uint8Array(idLength)
    this.ports.random.fill(bytes)
    return toHex(bytes) as OperationId
  }
}

function groupOf(group: SealedGroup | undefined, height: number): Pick<CarriedOut, 'group'> {
  return group === undefined || height < group.firstHeight ? {} : { group }
}

function interrupted(): Failure {
  return failure('interrupted', 'it was not waited for')
}
