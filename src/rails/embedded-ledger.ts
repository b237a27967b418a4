// The Ledger port over a ledger of one's own: the core, and a store that has its journal.
// Guarantees: what is answered is on the disk (see group-writer.ts), and what is said of it is signed; a write of which
// nobody knows whether it happened ends the ledger until it is opened anew. Time is the ledger's own.
// Owns core, journal and store; the operator's key signs receipts and what is overdue.
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { TokenSymbol } from '../base/token-amount.ts'
import { operationDigest } from '../formats/money/operation-digest.ts'
import { type LedgerReceipt, receiptDigest, type SignedReceipt } from '../formats/money/receipt.ts'
import { authenticate } from '../ledger/authenticate.ts'
import type { Account } from '../ledger/entry.ts'
import { type LedgerFacts, ledgerFacts } from '../ledger/genesis.ts'
import type { ReadRecord } from '../ledger/journal-record.ts'
import { type JournalHead, LedgerCore, type SealedGroup } from '../ledger/ledger-core.ts'
import { startLedgerTime } from '../ledger/ledger-time.ts'
import { balanceReceipt, headReceipt, laneReceipt, operationReceipt } from '../ledger/receipts.ts'
import type { StateProof } from '../ledger/state-tree.ts'
import type { Alarm, Clock } from '../ports/clock.ts'
import type {
  AccountId,
  KnownLane,
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
import { type AppliedId, type CarriedOut, type GroupCounts, GroupWriter, unreadable } from './group-writer.ts'
import type { IndexedHolding } from './holding-index.ts'
import { endedLane } from './holding-story.ts'
import { type FoundEntry, JournalStore } from './journal-store.ts'
import { LaneWatchers } from './lane-watchers.ts'
import { openSnapshot, writeSnapshot } from './snapshot-store.ts'
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
  /** After how many entries the state is written, so that the next opening begins there. */
  readonly snapshotEvery?: number
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
  /** Undefined: none that is open. */
  readonly lane: Lane | undefined
  /** Of the lane; of the head where there is none, as the proof then shows under its root. */
  readonly receipt: SignedReceipt
  readonly proof: StateProof
  /** What ended it. */
  readonly ending?: OperationEvidence
}

/** Entries of a holding, and its record in the state of the head: there, or not. */
export interface AttestedHolding {
  readonly entries: readonly OperationEvidence[]
  readonly receipt: SignedReceipt
  readonly proof: StateProof
}

export interface LedgerStatistics extends GroupCounts {
  readonly height: number
  /** Of the last snapshot; 0: none. */
  readonly snapshotHeight: number
  readonly waiting: number
}

/** Why an account is not served now. */
type Admission = (account: AccountId) => Failure | undefined

const usualSnapshotEvery = 20_000
/** Of a holding. */
const entriesAtOnce = 500
/** Entries that the next opening would have to replay. */
const worthAtClose = 2_000
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
  private readonly writer: GroupWriter
  private readonly snapshotEvery: number
  private snapshotHeight: number
  private snapshot: Promise<void> | undefined
  private isClosed = false
  private earliestOverdueMs = 0
  private tellFailed: (why: Failure) => void = () => undefined
  /** Comes when it is over before it was closed: the journal has to be read again. */
  readonly failed = new Promise<Failure>((resolve) => {
    this.tellFailed = resolve
  })

  private constructor(opened: OpenedJournal, ports: EmbeddedLedgerPorts, { snapshotEvery }: EmbeddedLedgerOptions) {
    const { core, journal, snapshotHeight } = opened
    this.snapshotEvery = snapshotEvery ?? usualSnapshotEvery
    this.snapshotHeight = snapshotHeight
    this.facts = core.facts
    this.core = core
    this.journal = journal
    this.ports = ports
    this.time = startLedgerTime(core.head.timeMs, ports.clock.nowMs())
    this.alarm = ports.clock.alarm(() => this.endOverdue())
    this.writer = new GroupWriter({
      core,
      journal,
      nowMs: () => this.nowMs(),
      onWritten: (operations) => this.tell(operations),
      onEnded: (why) => {
        this.alarm.close()
        this.tellFailed(why)
      },
    })
    this.planOverdue()
  }

  /**
   * Reads the journal, from the last snapshot on if there is one that holds, and checks that it is the one that was
   * written. Errors: ledger-damaged, naming the entry;
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
    const opened = await openJournal(ports.store, facts.value, options.keptOperations)
    return opened.ok ? success(new EmbeddedLedger(opened.value, ports, options)) : opened
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
    const { core, snapshotHeight, writer } = this
    return { height: core.head.height, snapshotHeight, ...writer.counts, waiting: writer.waiting }
  }

  async timeMs(signal: AbortSignal): Promise<Result<number>> {
    return signal.aborted ? interrupted() : (this.writer.ended ?? success(this.nowMs()))
  }

  account(account: AccountId, signal: AbortSignal): Promise<Result<LedgerAccount>> {
    return unlessAborted(
      this.writer.look(() => {
        const { available, locked, leaving, arriving } = this.core.state.account(account)
        return { available, locked, leaving, arriving }
      }),
      signal,
    )
  }

  async lane(id: LaneId, signal: AbortSignal): Promise<Result<KnownLane | undefined>> {
    const open = await unlessAborted(
      this.writer.look(() => this.core.state.lane(id)),
      signal,
    )
    if (!open.ok || open.value !== undefined) return open
    const ending = await unlessAborted(this.journal.ofHolding({ type: 'lane', id }, 0, 1), signal)
    if (!ending.ok) return unreadable(ending)
    const [found] = ending.value
    return success(found === undefined ? undefined : endedLane(id, found.record))
  }

  /** Each entry of an escrow or air-drop, in order; none: there is no such. Errors: interrupted, ledger-unreachable. */
  async readHolding(
    holding: IndexedHolding,
    onEntry: (record: ReadRecord) => void,
    signal: AbortSignal,
  ): Promise<Result<void>> {
    for (let after = 0; ; ) {
      const found = await this.journal.ofHolding(holding, after, entriesAtOnce)
      if (!found.ok) return unreadable(found)
      for (const { record } of found.value) onEntry(record)
      const last = found.value.at(-1)
      if (last === undefined || found.value.length < entriesAtOnce) return success(undefined)
      if (signal.aborted) return interrupted()
      after = last.record.height
    }
  }

  /** Each entry of the escrows of an account, or of all, in order. Errors: as readHolding. */
  async readEscrows(
    account: AccountId | undefined,
    onEntry: (record: ReadRecord) => void,
    signal: AbortSignal,
  ): Promise<Result<void>> {
    const heights = await this.journal.escrowHeights(account)
    if (!heights.ok) return unreadable(heights)
    for (const height of heights.value) {
      const found = await this.journal.at(height)
      if (!found.ok) return unreadable(found)
      if (signal.aborted) return interrupted()
      if (found.value !== undefined) onEntry(found.value.record)
    }
    return success(undefined)
  }

  async submit(operation: SignedOperation, signal: AbortSignal): Promise<Result<OperationOutcome>> {
    if (signal.aborted) return interrupted()
    const carried = await unlessAborted(this.carryOut(operation), signal)
    return carried.ok ? success(carried.value.applied.outcome) : carried
  }

  async outcome(id: OperationId, signal: AbortSignal): Promise<Result<OperationOutcome | undefined>> {
    const known = await unlessAborted(
      this.writer.look(() => this.core.recall(id)),
      signal,
    )
    if (!known.ok) return known
    if (known.value === 'new') return success(undefined)
    if (known.value !== 'look-up') return success(known.value.outcome)
    const found = await unlessAborted(this.journal.applied(id), signal)
    if (!found.ok) return unreadable(found)
    return success(found.value === 'absent' ? undefined : found.value.outcome)
  }

  watchLanes(account: AccountId, listener: (lane: Lane) => void): () => void {
    const leave = this.watchers.add(account, listener)
    let hasLeft = false
    const { state } = this.core
    void this.writer
      .look(() => state.lanesOf(account).map((id) => state.lane(id)))
      .then((lanes) => {
        if (!lanes.ok || hasLeft) return
        for (const lane of lanes.value) if (lane !== undefined) listener(lane)
      })
    return () => {
      hasLeft = true
      leave()
    }
  }

  /** The operations that change lanes of an account, and nothing of how its lanes are now. */
  watchEntries(account: AccountId, listener: (id: OperationId) => void): () => void {
    return this.watchers.add(account, (_lane, id) => {
      if (id !== undefined) listener(id)
    })
  }

  /** The lanes of an account that have not ended. */
  lanesOf(account: AccountId): Promise<Result<readonly LaneId[]>> {
    return this.writer.look(() => this.core.state.lanesOf(account))
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
    if (this.writer.ended !== undefined) return Promise.resolve(this.writer.ended)
    if (this.writer.isFull) {
      return Promise.resolve(failure('ledger-busy', 'the ledger has more to do than it can take'))
    }
    const authentic = authenticate(operation, this.facts, this.ports.scheme)
    const refusal = authentic.ok ? admit(operation.account) : authentic
    if (authentic.ok && refusal === undefined) return this.writer.submit(authentic.value)
    this.writer.countRefused()
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
    if (!found.ok) return unreadable(found)
    return success(found.value === undefined ? undefined : this.evidence(found.value))
  }

  /** The same, of what the journal has at a height. */
  async evidenceAt(height: number): Promise<Result<OperationEvidence | undefined>> {
    const found = await this.journal.at(height)
    if (!found.ok) return unreadable(found)
    return success(found.value === undefined ? undefined : this.evidence(found.value))
  }

  attestAccount(account: AccountId): Promise<Result<AttestedAccount>> {
    return this.writer.look((head) => ({
      receipt: this.sign(balanceReceipt(this.core, head, account, this.nowMs())),
      record: this.core.state.account(account),
      proof: this.core.proofs.prove('account', account),
    }))
  }

  async attestLane(id: LaneId): Promise<Result<AttestedLane>> {
    const attested = await this.writer.look((head) => ({
      lane: this.core.state.lane(id),
      receipt: this.sign(laneReceipt(this.core, head, id, this.nowMs()) ?? headReceipt(head, this.nowMs())),
      proof: this.core.proofs.prove('lane', id),
    }))
    if (!attested.ok || attested.value.lane !== undefined) return attested
    const found = await this.journal.ofHolding({ type: 'lane', id }, 0, 1)
    if (!found.ok) return unreadable(found)
    const ending = found.value[0] === undefined ? undefined : this.evidence(found.value[0])
    return success(ending === undefined ? attested.value : { ...attested.value, ending })
  }

  /** Entries after a height, at most so many; where they are fewer there are no more as of the head. */
  async attestHolding(holding: IndexedHolding, after: number, maxCount: number): Promise<Result<AttestedHolding>> {
    const attested = await this.writer.look((head) => ({
      receipt: this.sign(headReceipt(head, this.nowMs())),
      proof: this.core.proofs.prove(holding.type, holding.id),
    }))
    if (!attested.ok) return attested
    const found = await this.journal.ofHolding(holding, after, maxCount)
    if (!found.ok) return unreadable(found)
    const ofThen = found.value.filter(({ record }) => record.height <= attested.value.receipt.receipt.height)
    const entries = ofThen.map((entry) => this.evidence(entry)).filter((evidence) => evidence !== undefined)
    return success({ ...attested.value, entries })
  }

  /** Lines of the journal that are on the disk, from a height on. */
  async lines(from: number, maxCount: number): Promise<Result<readonly Uint8Array[]>> {
    const last = this.core.head.height
    if (from > last) return success([])
    const read = await this.journal.lines(from, Math.min(maxCount, last - from + 1))
    return read.ok ? read : unreadable(read)
  }

  /** Answers what was asked, and lets go of the store and of the operator's key. */
  async close(): Promise<Result<void>> {
    assert(!this.isClosed, 'a ledger that is closed once')
    this.isClosed = true
    const before = this.writer.ended
    this.alarm.close()
    await this.writer.end(failure('interrupted', 'the ledger is closed'))
    await this.snapshot
    if (before === undefined) await this.takeSnapshot(Math.min(this.snapshotEvery, worthAtClose))
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

  private tell(operations: readonly AppliedId[]): void {
    for (const { id, applied } of operations) {
      for (const lane of applied.outcome.lanes ?? []) this.watchers.tell(lane, id)
    }
    for (const listener of [...this.headListeners]) listener()
    this.planOverdue()
    this.snapshot ??= this.takeSnapshot(this.snapshotEvery)?.finally(() => (this.snapshot = undefined))
  }

  /** Once so many entries came since the last one. Without room on the disk it is tried again later. */
  private takeSnapshot(every: number): Promise<void> | undefined {
    const { head } = this.core
    if (head.height < this.snapshotHeight + every) return undefined
    const taken = { head, indexSums: this.journal.indexSums, chunks: this.core.snapshot().chunks() }
    return writeSnapshot(this.ports.store, taken).then((written) => {
      if (written.ok) this.snapshotHeight = head.height
    })
  }

  /** Wakes when something is due, by the ledger's time. */
  private planOverdue(): void {
    if (this.writer.ended !== undefined) return
    const inMs = this.core.state.nextDueMs() - this.nowMs()
    const atMs = this.ports.clock.nowMs() + Math.max(0, inMs)
    this.alarm.set(Number.isFinite(inMs) ? Math.max(atMs, this.earliestOverdueMs) : Number.POSITIVE_INFINITY)
  }

  private endOverdue(): void {
    if (this.writer.ended !== undefined) return
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

interface OpenedJournal {
  readonly core: LedgerCore
  readonly journal: JournalStore
  readonly snapshotHeight: number
}

/** By the snapshot, if that and what follows hold; else from the beginning, which then says what is wrong. */
async function openJournal(
  store: Store,
  facts: LedgerFacts,
  keptOperations: number | undefined,
): Promise<Result<OpenedJournal>> {
  const journal = new JournalStore(store, facts)
  const restored = await openSnapshot(store, facts, journal, keptOperations)
  if (restored !== undefined) {
    const { core, sums } = restored
    const snapshotHeight = core.head.height
    if ((await journal.replayInto(core, sums)).ok) return success({ core, journal, snapshotHeight })
  }
  const core = new LedgerCore(facts, keptOperations)
  const replayed = await journal.replayInto(core)
  return replayed.ok ? success({ core, journal, snapshotHeight: 0 }) : replayed
}

function interrupted(): Failure {
  return failure('interrupted', 'it was not waited for')
}
