// The Ledger port over a ledger that somebody else operates. What it says is believed as far as its operator signed it
// (see ledger-witness.ts).
// Guarantees: an operation keeps its id through every retry and reconnect, so it is never done twice; whatever was asked
// is answered within the patience it was given, as unreachable if need be; many operations share a frame; after a lie
// nothing more is asked. Owns its connection, its questions and its alarm.
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { TokenSymbol } from '../base/token-amount.ts'
import type { LedgerReceipt, SignedReceipt } from '../formats/money/receipt.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import { outcomeOf, type ReadRecord } from '../ledger/journal-record.ts'
import type { Alarm, Clock } from '../ports/clock.ts'
import type {
  AccountId,
  KnownLane,
  Lane,
  LaneId,
  Ledger,
  LedgerAccount,
  OperationId,
  OperationOutcome,
  RailId,
  SignedOperation,
  SigningDomain,
} from '../ports/ledger.ts'
import type { Random } from '../ports/random.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import type { IndexedHolding } from './holding-index.ts'
import { endedLane, HoldingStory } from './holding-story.ts'
import { LaneWatchers } from './lane-watchers.ts'
import { LedgerConnection } from './ledger-connection.ts'
import { failureOf, silence, unreachableOf } from './ledger-failure.ts'
import type { ConnectLedger } from './ledger-socket.ts'
import { type Attested, type Contradiction, LedgerWitness } from './ledger-witness.ts'
import { maxHoldingEntries, type ServiceAnswer, type ServiceRequest } from './service-messages.ts'
import { SubmissionQueue } from './submission-queue.ts'
import { unlessAborted } from './unless-aborted.ts'

export interface RemoteLedgerOptions {
  readonly facts: LedgerFacts
  readonly connect: ConnectLedger
  readonly clock: Clock
  readonly random: Random
  readonly scheme: SignatureScheme
  /** How long a question waits for its answer. */
  readonly patienceMs?: number
  /** The latest that was signed when this ledger was used last. */
  readonly known?: SignedReceipt
  /** To be kept for the next time. */
  readonly onKnown?: (known: SignedReceipt) => void
  /** To be kept for good. */
  readonly onContradiction?: (contradiction: Contradiction) => void
}

type HeadReceipt = Extract<LedgerReceipt, { readonly type: 'head' }>
/** A receipt and the lane that it is about, or that another entry ended. */
interface ToldLane {
  readonly type: 'lane' | 'head'
  readonly height: number
  readonly timeMs: number
  readonly lane?: KnownLane | undefined
}
type Query = Exclude<ServiceRequest, { readonly type: 'submit' }>
type QueryBody = Query extends infer Each ? (Each extends Query ? Omit<Each, 'number'> : never) : never
type Answer<Type> = Extract<ServiceAnswer, { readonly type: Type }>

interface Asked {
  readonly message: string
  readonly deadlineMs: number
  /** No answer may be of an older state. */
  readonly knownHeight: number
  take(answer: ServiceAnswer): void
  fail(why: Failure): unknown
}

/** What an answer may say of a state of the ledger: a receipt, alone or with its signature, or something else. */
interface Said {
  readonly type?: string
  readonly height?: number
  readonly timeMs?: number
}

const usualPatienceMs = 30_000
const freshTimeMs = 10_000

export class RemoteLedger implements Ledger {
  private readonly options: RemoteLedgerOptions
  private readonly witness: LedgerWitness
  private readonly connection: LedgerConnection
  private readonly submissions: SubmissionQueue
  private readonly patienceMs: number
  private readonly watchers = new LaneWatchers()
  private readonly asked = new Map<number, Asked>()
  private nextNumber = 1
  private readonly alarm: Alarm
  private isFlushPlanned = false
  private timeAt: { readonly timeMs: number; readonly steadyMs: number } | undefined
  private isClosed = false

  constructor(options: RemoteLedgerOptions) {
    const { facts, scheme, known, clock, random, connect } = options
    this.options = options
    this.patienceMs = options.patienceMs ?? usualPatienceMs
    this.witness = new LedgerWitness(facts, scheme, known)
    this.submissions = new SubmissionQueue(this.witness)
    this.alarm = clock.alarm(() => this.wake())
    this.connection = new LedgerConnection(
      { facts, connect, clock, random, witness: this.witness, patienceMs: this.patienceMs },
      {
        onReady: () => this.resume(),
        onLost: () => {
          this.submissions.requeue()
          this.plan()
        },
        onAnswer: (answer) => this.take(answer),
        onReceipt: (result, knownHeight) => this.heard(result, knownHeight),
        onUntrue: () => this.afterLie(),
      },
    )
  }

  get rail(): RailId {
    return this.options.facts.rail
  }

  get symbol(): TokenSymbol {
    return this.options.facts.genesis.symbol
  }

  get domain(): SigningDomain {
    return this.options.facts.domain
  }

  /** The latest that the operator signed. */
  get known(): SignedReceipt | undefined {
    return this.witness.known
  }

  async timeMs(signal: AbortSignal): Promise<Result<number>> {
    const nowMs = this.options.clock.nowMs()
    if (this.timeAt === undefined || nowMs - this.timeAt.steadyMs > freshTimeMs) {
      const read = await this.ask({ type: 'head' }, 'head', signal, ({ receipt }) =>
        this.witness.receipt(receipt, 'head'),
      )
      if (!read.ok) return read
    }
    const { timeMs, steadyMs } = this.timeAt ?? { timeMs: 0, steadyMs: nowMs }
    return success(timeMs + Math.floor(this.options.clock.nowMs() - steadyMs))
  }

  async account(account: AccountId, signal: AbortSignal): Promise<Result<LedgerAccount>> {
    const attested = await this.attestAccount(account, signal)
    if (!attested.ok) return attested
    const { available, locked, leaving, arriving } = attested.value.receipt
    return success({ available, locked, leaving, arriving })
  }

  /** A balance as its operator signed it. Errors: as account. */
  attestAccount(account: AccountId, signal: AbortSignal): Promise<Result<Attested<'balance'>>> {
    return this.ask({ type: 'account', account }, 'account', signal, ({ receipt }) => {
      const read = this.witness.signed(receipt, 'balance')
      if (!read.ok) return read
      if (read.value.receipt.account !== account) return this.witness.refuse('the balance of another account')
      return read
    })
  }

  /** A lane as its operator signed it; undefined: it proves that there is none. Errors: as lane. */
  async attestLane(lane: LaneId, signal: AbortSignal): Promise<Result<Attested<'lane'> | undefined>> {
    const read = await this.ask({ type: 'lane', lane: `0x${lane}` }, 'lane', signal, ({ receipt, proof }) => {
      const signed = this.witness.signed(receipt, 'lane', 'head')
      if (!signed.ok) return signed
      const said = signed.value.receipt
      if (said.type === 'lane') {
        return said.lane.id === lane ? signed : this.witness.refuse('another lane than was asked for')
      }
      if (proof === undefined) return this.witness.refuse('no lane, and no proof of it')
      const proved = this.witness.provesNoLane(said, lane, proof)
      return proved.ok ? signed : proved
    })
    if (!read.ok) return read
    const { receipt, signature } = read.value
    return success(receipt.type === 'lane' ? { receipt, signature } : undefined)
  }

  lane(lane: LaneId, signal: AbortSignal): Promise<Result<KnownLane | undefined>> {
    return this.ask(
      { type: 'lane', lane: `0x${lane}` },
      'lane',
      signal,
      ({ receipt, proof, ending }): Result<ToldLane> => {
        const read = this.witness.receipt(receipt, 'lane', 'head')
        if (!read.ok) return read
        const told = read.value
        if (told.type === 'lane') {
          return told.lane.id === lane ? success(told) : this.witness.refuse('another lane than was asked for')
        }
        if (proof === undefined) return this.witness.refuse('no lane, and no proof of it')
        const proved = this.witness.provesNoLane(told, lane, proof)
        if (!proved.ok) return proved
        const ended = this.endedLane(lane, ending)
        return ended.ok ? success({ ...told, lane: ended.value }) : ended
      },
    ).then((read) => (read.ok ? success(read.value.lane) : read))
  }

  private endedLane(id: LaneId, ending: Answer<'lane'>['ending']): Result<KnownLane | undefined> {
    if (ending === undefined) return success(undefined)
    const entry = this.witness.entry(ending.line, ending.receipt)
    if (!entry.ok) return entry
    const lane = endedLane(id, entry.value)
    return lane === undefined ? this.witness.refuse('an entry that does not end the lane') : success(lane)
  }

  /**
   * Each entry of an escrow or air-drop, in order; none: there is no such. All of them, as the state proves; whatever was
   * told before it fails does not count. Errors: ledger-untrue, ledger-unreachable, interrupted.
   */
  async readHolding(
    holding: Exclude<IndexedHolding, { readonly type: 'lane' }>,
    onEntry: (record: ReadRecord) => void,
    signal: AbortSignal,
  ): Promise<Result<void>> {
    const story = new HoldingStory(holding)
    for (;;) {
      const query = { type: 'holding', holding: holding.type, id: `0x${holding.id}`, after: story.lastHeight } as const
      const read = await this.ask(query, 'holding', signal, (answer) => this.takeEntries(story, answer, onEntry))
      if (!read.ok) return read
      if (read.value.isWhole) return success(undefined)
    }
  }

  private takeEntries(
    story: HoldingStory,
    { entries, receipt, proof }: Answer<'holding'>,
    onEntry: (record: ReadRecord) => void,
  ): Result<HeadReceipt & { readonly isWhole: boolean }> {
    const head = this.witness.receipt(receipt, 'head')
    if (!head.ok) return head
    for (const { line, receipt: named } of entries) {
      const record = this.witness.entry(line, named)
      if (!record.ok) return record
      const problem = story.take(record.value)
      if (problem !== undefined) return this.witness.refuse(problem)
      onEntry(record.value)
    }
    const isWhole = entries.length < maxHoldingEntries
    const proved = isWhole ? this.witness.provesStory(head.value, story, proof) : success(undefined)
    return proved.ok ? success({ ...head.value, isWhole }) : proved
  }

  submit(operation: SignedOperation, signal: AbortSignal): Promise<Result<OperationOutcome>> {
    const over = this.over()
    if (over !== undefined) return Promise.resolve(over)
    const submitted = this.submissions.add(operation, this.deadlineMs())
    this.planFlush()
    return unlessAborted(submitted, signal)
  }

  async outcome(id: OperationId, signal: AbortSignal): Promise<Result<OperationOutcome | undefined>> {
    return this.ask({ type: 'outcome', id: `0x${id}` }, 'outcome', signal, ({ found }) => {
      if (found === null) return success(undefined)
      const entry = this.witness.entry(found.line, found.receipt)
      if (!entry.ok) return entry
      if (entry.value.operation.id !== id) return this.witness.refuse('the entry of another operation')
      return success(outcomeOf(entry.value.entry))
    })
  }

  watchLanes(account: AccountId, listener: (lane: Lane) => void): () => void {
    const leave = this.watchers.add(account, listener)
    this.sendWatch()
    this.connect()
    return leave
  }

  /** Lets go of the connection; what was not answered is answered as interrupted. */
  close(): void {
    this.isClosed = true
    this.alarm.close()
    this.connection.close()
    this.failAll(failure('interrupted', 'the ledger is not used any more'))
  }

  private over(): Failure | undefined {
    if (this.isClosed) return failure('interrupted', 'the ledger is not used any more')
    return this.witness.failed
  }

  private deadlineMs(): number {
    return this.options.clock.nowMs() + this.patienceMs
  }

  /** One question; what `read` makes of its answer. */
  private ask<Type extends ServiceAnswer['type'], T>(
    body: QueryBody,
    type: Type,
    signal: AbortSignal,
    read: (answer: Answer<Type>) => Result<T>,
  ): Promise<Result<T>> {
    const over = this.over()
    if (over !== undefined) return Promise.resolve(over)
    const number = this.nextNumber++
    const answered = new Promise<Result<T>>((resolve) => {
      const asked: Asked = {
        message: JSON.stringify({ ...body, number }),
        deadlineMs: this.deadlineMs(),
        knownHeight: this.witness.knownHeight,
        take: (answer) => {
          if (answer.type === 'failed') resolve(failureOf(answer.error))
          else if (answer.type !== type) resolve(this.distrust('an answer to another question'))
          else resolve(this.heard(read(answer as Answer<Type>), asked.knownHeight))
        },
        fail: resolve,
      }
      this.asked.set(number, asked)
      this.connection.send(asked.message)
      this.connect()
    })
    return unlessAborted(answered, signal)
  }

  /** Takes the time from what a receipt says of now, and finds out what is older than it may be. */
  private heard<T>(result: Result<T>, knownHeight: number): Result<T> {
    if (!result.ok) {
      this.afterLie()
      return result
    }
    const value = result.value as unknown as Said & { readonly receipt?: Said }
    const receipt = value?.receipt ?? value
    const isOfNow = receipt?.type === 'head' || receipt?.type === 'balance' || receipt?.type === 'lane'
    if (!isOfNow || receipt.height === undefined || receipt.timeMs === undefined) return result
    if (receipt.height < knownHeight) return this.distrust('an older state than the operator signed before')
    this.timeAt = { timeMs: receipt.timeMs, steadyMs: this.options.clock.nowMs() }
    this.keep()
    return result
  }

  private keep(): void {
    if (this.witness.known !== undefined) this.options.onKnown?.(this.witness.known)
  }

  private distrust(detail: string): Failure {
    const refused = this.witness.refuse(detail)
    this.afterLie()
    return refused
  }

  private afterLie(): void {
    const { failed, contradiction } = this.witness
    if (failed === undefined) return
    if (contradiction !== undefined) this.options.onContradiction?.(contradiction)
    this.connection.close()
    this.failAll(failed)
  }

  private failAll(why: Failure): void {
    const asked = [...this.asked.values()]
    this.asked.clear()
    for (const each of asked) each.fail(why)
    this.submissions.failAll(why)
  }

  private connect(): void {
    if (this.over() === undefined) this.connection.open()
    this.plan()
  }

  private take(answer: ServiceAnswer): void {
    if (answer.type === 'changed') this.takeChange(answer)
    else if (answer.type === 'there') this.takeLane(answer)
    else if (answer.type === 'submitted' || (answer.type === 'failed' && this.submissions.isFrame(answer.number))) {
      this.submissions.take(answer, this.options.clock.nowMs())
      this.afterLie()
      this.keep()
      this.flush()
      this.plan()
    } else if ('number' in answer) {
      const asked = this.asked.get(answer.number)
      this.asked.delete(answer.number)
      asked?.take(answer)
    }
  }

  private resume(): void {
    for (const { message } of this.asked.values()) this.connection.send(message)
    this.sendWatch()
    this.flush()
  }

  private sendWatch(): void {
    const accounts = this.watchers.accounts()
    if (!this.connection.isReady || accounts.length === 0) return
    this.connection.send(JSON.stringify({ type: 'watch', number: this.nextNumber++, accounts }))
  }

  private takeChange({ line, receipt }: Answer<'changed'>): void {
    const entry = this.witness.entry(line, receipt)
    if (!entry.ok) {
      this.afterLie()
      return
    }
    this.keep()
    const { operation } = entry.value
    for (const lane of outcomeOf(entry.value.entry).lanes ?? []) this.watchers.tell(lane, operation.id)
  }

  private takeLane({ receipt }: Answer<'there'>): void {
    const read = this.witness.receipt(receipt, 'lane')
    if (read.ok) this.watchers.tell(read.value.lane)
    else this.afterLie()
  }

  private planFlush(): void {
    this.connect()
    if (this.isFlushPlanned) return
    this.isFlushPlanned = true
    void Promise.resolve().then(() => {
      this.isFlushPlanned = false
      this.flush()
      this.plan()
    })
  }

  private flush(): void {
    if (!this.connection.isReady) return
    this.submissions.flush(
      this.options.clock.nowMs(),
      () => this.nextNumber++,
      (message) => this.connection.send(message),
    )
  }

  private hasWork(): boolean {
    return this.submissions.isWaiting || this.asked.size > 0 || this.watchers.accounts().length > 0
  }

  private wake(): void {
    const nowMs = this.options.clock.nowMs()
    const late = [...this.asked].filter(([, { deadlineMs }]) => deadlineMs <= nowMs)
    this.connection.wake(nowMs)
    const isUnanswered = this.submissions.isFrameLate(nowMs) || (late.length > 0 && this.connection.isReady)
    if (isUnanswered) this.connection.lose(silence)
    const { lastFailure } = this.connection
    for (const [number, asked] of late) {
      this.asked.delete(number)
      asked.fail(unreachableOf(lastFailure ?? silence))
    }
    this.submissions.failLate(nowMs, lastFailure)
    if (this.hasWork()) this.connect()
    this.flush()
    this.plan()
  }

  /** All wait equally long, so the first of each kind is the one that has waited longest. */
  private plan(): void {
    if (this.isClosed) return
    const [asked] = this.asked.values()
    this.alarm.set(
      Math.min(
        asked?.deadlineMs ?? Number.POSITIVE_INFINITY,
        this.submissions.nextMs(this.connection.isReady),
        this.connection.nextMs(this.hasWork()),
      ),
    )
  }
}
