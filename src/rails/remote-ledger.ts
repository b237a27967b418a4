// The Ledger port over a ledger that somebody else operates. What it says is believed as far as its operator signed it
// (see ledger-witness.ts).
// Guarantees: an operation keeps its id through every retry and reconnect, so it is never done twice; whatever was asked
// is answered within the patience it was given, as unreachable if need be; many operations share a frame; after a lie
// nothing more is asked. Owns its connection, which it makes anew, ever more patiently.
import { toHex } from '../base/bytes.ts'
import { type ErrorCode, type Failure, failure, type Result, success } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import type { TokenSymbol } from '../base/token-amount.ts'
import { signedOperationCodec } from '../formats/money/operation-codec.ts'
import type { SignedReceipt } from '../formats/money/receipt.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import { outcomeOf, type ReadRecord } from '../ledger/journal-record.ts'
import type { Alarm, Clock } from '../ports/clock.ts'
import type {
  AccountId,
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
import { LaneWatchers } from './lane-watchers.ts'
import type { ConnectLedger, LedgerSocket } from './ledger-socket.ts'
import { type Contradiction, isEntryOf, LedgerWitness } from './ledger-witness.ts'
import {
  fromBase64,
  maxOperationsPerFrame,
  readAnswer,
  type ServiceAnswer,
  type ServiceRequest,
  type SubmitResult,
} from './service-messages.ts'
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

interface Submission {
  readonly signed: SignedOperation
  readonly text: string
  readonly deadlineMs: number
  /** Why it has to be asked again. */
  lastFailure: Failure | undefined
  readonly resolve: (result: Result<OperationOutcome>) => void
}

const usualPatienceMs = 30_000
const maxUnanswered = 1_024
const maxFrameText = 700_000
const firstPauseMs = 100
const longestPauseMs = 30_000
const busyPauseMs = 200
const freshTimeMs = 10_000
/** From the first packet until the ledger has shown that its story goes on. */
const greetingMs = 20_000
/** What a ledger may answer that is final; anything else is asked again. */
const finalCodes = new Set<string>([
  'account-invalid',
  'funds-insufficient',
  'lane-closed',
  'ledger-conflict',
  'ledger-refused',
  'signature-invalid',
  'statement-malformed',
  'voucher-invalid',
] satisfies ErrorCode[])

type Link =
  | { readonly type: 'none' }
  | { readonly type: 'greeting'; readonly socket: LedgerSocket; readonly untilMs: number }
  | { readonly type: 'ready'; readonly socket: LedgerSocket }

export class RemoteLedger implements Ledger {
  private readonly options: RemoteLedgerOptions
  private readonly witness: LedgerWitness
  private readonly patienceMs: number
  private readonly watchers = new LaneWatchers()
  private readonly asked = new Map<number, Asked>()
  private readonly queue: Submission[] = []
  private readonly frames = new Map<number, readonly Submission[]>()
  private unanswered = 0
  private nextNumber = 1
  private link: Link = { type: 'none' }
  private pauseMs = firstPauseMs
  private retryAtMs = 0
  private resumeAtMs = 0
  private readonly alarm: Alarm
  private isFlushPlanned = false
  private lastFailure: Failure | undefined
  private timeAt: { readonly timeMs: number; readonly steadyMs: number } | undefined
  private isClosed = false

  constructor(options: RemoteLedgerOptions) {
    this.options = options
    this.patienceMs = options.patienceMs ?? usualPatienceMs
    this.witness = new LedgerWitness(options.facts, options.scheme, options.known)
    this.alarm = options.clock.alarm(() => this.wake())
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

  account(account: AccountId, signal: AbortSignal): Promise<Result<LedgerAccount>> {
    return this.ask({ type: 'account', account }, 'account', signal, ({ receipt }) => {
      const read = this.witness.receipt(receipt, 'balance')
      if (!read.ok) return read
      if (read.value.account !== account) return this.witness.refuse('the balance of another account')
      return read
    }).then((read) => {
      if (!read.ok) return read
      const { available, locked, leaving, arriving } = read.value
      return success({ available, locked, leaving, arriving })
    })
  }

  lane(lane: LaneId, signal: AbortSignal): Promise<Result<Lane | undefined>> {
    return this.ask({ type: 'lane', lane: `0x${lane}` }, 'lane', signal, ({ receipt, proof }) => {
      const read = this.witness.receipt(receipt, 'lane', 'head')
      if (!read.ok) return read
      if (read.value.type === 'lane') {
        return read.value.lane.id === lane ? read : this.witness.refuse('another lane than was asked for')
      }
      if (proof === undefined) return this.witness.refuse('no lane, and no proof of it')
      const proved = this.witness.provesNoLane(read.value, lane, proof)
      return proved.ok ? read : proved
    }).then((read) => (read.ok ? success(read.value.type === 'lane' ? read.value.lane : undefined) : read))
  }

  submit(operation: SignedOperation, signal: AbortSignal): Promise<Result<OperationOutcome>> {
    const over = this.over()
    if (over !== undefined) return Promise.resolve(over)
    const text = JSON.stringify(signedOperationCodec.toJson(operation))
    const submitted = new Promise<Result<OperationOutcome>>((resolve) => {
      this.queue.push({ signed: operation, text, deadlineMs: this.deadlineMs(), lastFailure: undefined, resolve })
    })
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
    const isNew = !this.watchers.accounts().includes(account)
    const leave = this.watchers.add(account, listener)
    if (isNew) this.sendWatch()
    this.connect()
    return leave
  }

  /** Lets go of the connection; what was not answered is answered as interrupted. */
  close(): void {
    this.isClosed = true
    this.alarm.close()
    this.disconnect()
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
      if (this.link.type === 'ready') this.link.socket.send(asked.message)
      else this.connect()
      this.plan()
    })
    return unlessAborted(answered, signal)
  }

  /** Takes the time from what a receipt says of now, and finds out what is older than it may be. */
  private heard<T>(result: Result<T>, knownHeight: number): Result<T> {
    if (!result.ok) {
      this.afterLie()
      return result
    }
    const receipt = result.value as unknown as {
      readonly type?: string
      readonly height?: number
      readonly timeMs?: number
    }
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
    this.disconnect()
    this.failAll(failed)
  }

  private failAll(why: Failure): void {
    const asked = [...this.asked.values()]
    const submissions = [...[...this.frames.values()].flat(), ...this.queue]
    this.asked.clear()
    this.frames.clear()
    this.queue.length = 0
    this.unanswered = 0
    for (const each of asked) each.fail(why)
    for (const { resolve } of submissions) resolve(why)
  }

  private connect(): void {
    if (this.link.type !== 'none' || this.over() !== undefined) return
    if (this.options.clock.nowMs() < this.retryAtMs) {
      this.plan()
      return
    }
    const socket = this.options.connect({
      onMessage: (text) => this.isCurrent(socket) && this.take(text),
      onClose: (why) => this.isCurrent(socket) && this.lost(why),
    })
    this.link = { type: 'greeting', socket, untilMs: this.options.clock.nowMs() + greetingMs }
    this.plan()
  }

  private isCurrent(socket: LedgerSocket): boolean {
    return this.link.type !== 'none' && this.link.socket === socket
  }

  private disconnect(): void {
    const { link } = this
    this.link = { type: 'none' }
    if (link.type !== 'none') link.socket.close()
  }

  /** What was not answered is asked again when there is a connection. */
  private lost(why: Failure): void {
    this.lastFailure = why
    this.disconnect()
    const { clock, random } = this.options
    // Not all who lost the same ledger come back at once.
    const pauseMs = this.pauseMs / 2 + random.below(Math.ceil(this.pauseMs / 2) + 1)
    // Short enough that whoever asks meanwhile is not kept waiting in vain.
    this.pauseMs = Math.min(2 * this.pauseMs, longestPauseMs, this.patienceMs / 4)
    this.retryAtMs = clock.nowMs() + pauseMs
    this.queue.unshift(...[...this.frames.values()].flat())
    this.frames.clear()
    this.unanswered = 0
    this.plan()
  }

  private take(text: string): void {
    const read = readAnswer(text)
    if (!read.ok) {
      this.lost(failure('ledger-unreachable', `it does not speak as a ledger does: ${read.detail}`))
      return
    }
    const answer = read.value
    if (answer.type === 'hello') this.greet(answer)
    else if (answer.type === 'changed') this.takeChange(answer)
    else if (answer.type === 'submitted' || (answer.type === 'failed' && this.frames.has(answer.number)))
      this.takeFrame(answer)
    else if ('number' in answer) {
      const asked = this.asked.get(answer.number)
      this.asked.delete(answer.number)
      asked?.take(answer)
    }
  }

  /** The story goes on where it was, or nothing is asked. */
  private greet({ genesis, head }: Answer<'hello'>): void {
    const { link } = this
    if (link.type !== 'greeting') return
    if (toHex(sha256(fromBase64(genesis))) !== toHex(this.options.facts.hash)) {
      this.lost(failure('ledger-unreachable', 'another ledger answers at this address'))
      return
    }
    const { known } = this.witness
    const read = this.heard(this.witness.receipt(head, 'head'), this.witness.knownHeight)
    if (!read.ok) return
    if (known === undefined || read.value.height === known.receipt.height) {
      this.ready(link.socket)
      return
    }
    // Whether the entry that was signed then is still there.
    const number = this.nextNumber++
    this.asked.set(number, {
      message: JSON.stringify({ type: 'entry', number, height: known.receipt.height }),
      deadlineMs: this.deadlineMs(),
      knownHeight: 0,
      take: (answer) => this.takeOldEntry(answer, known, link.socket),
      fail: (why) => this.isCurrent(link.socket) && this.lost(why),
    })
    link.socket.send((this.asked.get(number) as Asked).message)
  }

  private takeOldEntry(answer: ServiceAnswer, known: SignedReceipt, socket: LedgerSocket): void {
    if (this.link.type !== 'greeting' || this.link.socket !== socket) return
    if (answer.type === 'failed') {
      this.lost(failureOf(answer.error))
      return
    }
    // Before the first entry there is only the genesis.
    const isGenesis = known.receipt.height === 0
    if (answer.type !== 'entry' || (answer.receipt === null && !isGenesis)) {
      this.distrust(`entry ${known.receipt.height}, which the operator signed, is not there any more`)
      return
    }
    const read = isGenesis ? success(undefined) : this.witness.receipt(answer.receipt, 'operation')
    if (read.ok && read.value !== undefined && read.value.height !== known.receipt.height) {
      this.distrust('another entry than was asked for')
    } else if (read.ok) this.ready(socket)
    else this.afterLie()
  }

  private ready(socket: LedgerSocket): void {
    this.link = { type: 'ready', socket }
    this.pauseMs = firstPauseMs
    this.lastFailure = undefined
    for (const { message } of this.asked.values()) socket.send(message)
    this.sendWatch()
    this.flush()
  }

  private sendWatch(): void {
    const accounts = this.watchers.accounts()
    if (this.link.type !== 'ready' || accounts.length === 0) return
    const number = this.nextNumber++
    this.link.socket.send(JSON.stringify({ type: 'watch', number, accounts }))
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
    if (this.link.type !== 'ready' || this.options.clock.nowMs() < this.resumeAtMs) return
    while (this.queue.length > 0 && this.unanswered < maxUnanswered) {
      let [count, length] = [0, 0]
      for (const { text } of this.queue) {
        const isFull = count === maxOperationsPerFrame || this.unanswered + count === maxUnanswered
        if (isFull || (count > 0 && length + text.length > maxFrameText)) break
        count++
        length += text.length
      }
      const frame = this.queue.splice(0, count)
      const number = this.nextNumber++
      this.frames.set(number, frame)
      this.unanswered += count
      const operations = frame.map(({ text }) => text).join()
      this.link.socket.send(`{"type":"submit","number":${number},"operations":[${operations}]}`)
    }
  }

  private takeFrame(answer: Answer<'submitted' | 'failed'>): void {
    const frame = this.frames.get(answer.number)
    if (frame === undefined) return
    this.frames.delete(answer.number)
    this.unanswered -= frame.length
    if (answer.type === 'failed') {
      for (const submission of frame) this.settle(submission, failureOf(answer.error))
    } else this.takeResults(frame, answer)
    this.flush()
    this.plan()
  }

  private takeResults(frame: readonly Submission[], { results, lines, head }: Answer<'submitted'>): void {
    const records = this.witness.chain(lines, head)
    if (!records.ok || results.length !== frame.length) {
      const why = records.ok ? this.witness.refuse('answers to other operations') : records
      for (const { resolve } of frame) resolve(why)
      this.afterLie()
      return
    }
    for (const [index, submission] of frame.entries()) {
      this.settle(submission, this.outcomeIn(submission, results[index] as SubmitResult, records.value))
    }
    this.afterLie()
    this.keep()
  }

  private outcomeIn(
    { signed }: Submission,
    result: SubmitResult,
    records: ReadonlyMap<number, ReadRecord>,
  ): Result<OperationOutcome> {
    if ('error' in result) return failureOf(result.error)
    const record =
      'height' in result ? success(records.get(result.height)) : this.witness.entry(result.line, result.receipt)
    if (!record.ok) return record
    const isIts = record.value !== undefined && isEntryOf(record.value, signed)
    if (!isIts || record.value === undefined) return this.witness.refuse('the entry of another operation')
    return success(outcomeOf(record.value.entry))
  }

  /** Answers, or asks again a little later with the same id. */
  private settle(submission: Submission, result: Result<OperationOutcome>): void {
    const isFinal = result.ok || finalCodes.has(result.code) || result.code === 'ledger-untrue'
    if (isFinal) {
      submission.resolve(result)
      return
    }
    submission.lastFailure = result
    // Those that wait longest are first in the queue.
    this.queue.unshift(submission)
    this.resumeAtMs = this.options.clock.nowMs() + busyPauseMs
  }

  private wake(): void {
    const nowMs = this.options.clock.nowMs()
    const { link } = this
    const silence = failure('ledger-unreachable', 'the ledger did not answer in time')
    const late = [...this.asked].filter(([, { deadlineMs }]) => deadlineMs <= nowMs)
    const isFrameLate = [...this.frames.values()].some((frame) => frame.some(({ deadlineMs }) => deadlineMs <= nowMs))
    const isGreetingLate = link.type === 'greeting' && link.untilMs <= nowMs
    if (isFrameLate || isGreetingLate || (late.length > 0 && link.type === 'ready')) this.lost(silence)
    for (const [number, asked] of late) {
      this.asked.delete(number)
      asked.fail(unreachable(this.lastFailure ?? silence))
    }
    for (const { resolve, lastFailure } of this.takeLate(nowMs)) {
      resolve(unreachable(lastFailure ?? this.lastFailure ?? silence))
    }
    if (this.asked.size + this.queue.length > 0 || this.watchers.accounts().length > 0) this.connect()
    this.flush()
    this.plan()
  }

  /** Takes out of the queue what has waited long enough. */
  private takeLate(nowMs: number): Submission[] {
    const late = this.queue.filter(({ deadlineMs }) => deadlineMs <= nowMs)
    if (late.length === 0) return late
    const rest = this.queue.filter(({ deadlineMs }) => deadlineMs > nowMs)
    this.queue.splice(0, this.queue.length, ...rest)
    return late
  }

  /** All wait equally long, so the first of each kind is the one that has waited longest. */
  private plan(): void {
    if (this.isClosed) return
    const { link } = this
    const [asked] = this.asked.values()
    const [frame] = this.frames.values()
    const moments = [asked, frame?.[0], this.queue[0]].map((each) => each?.deadlineMs ?? Number.POSITIVE_INFINITY)
    const hasWork = this.queue.length > 0 || this.asked.size > 0 || this.watchers.accounts().length > 0
    if (link.type === 'none' && hasWork) moments.push(this.retryAtMs)
    if (link.type === 'greeting') moments.push(link.untilMs)
    if (link.type === 'ready' && this.queue.length > 0 && this.unanswered < maxUnanswered) moments.push(this.resumeAtMs)
    this.alarm.set(Math.min(...moments))
  }
}

/** What the ledger said, in this program's words. */
function failureOf({ code, detail }: { readonly code: string; readonly detail: string }): Failure {
  const isKnown = finalCodes.has(code) || code === 'ledger-busy'
  return failure(isKnown ? (code as ErrorCode) : 'ledger-unreachable', detail.slice(0, 500))
}

function unreachable({ code, detail }: Failure): Failure {
  return failure(code === 'ledger-busy' ? code : 'ledger-unreachable', detail)
}
