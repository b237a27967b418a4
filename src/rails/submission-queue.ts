// Operations on their way to a ledger that somebody else operates: many in a frame, each under its own id until it has an
// answer that is final. Guarantees: an operation whose answer was lost is asked for again as it is, so it is done once;
// an outcome is one that the operator signed; those that wait longest go first. Owns what waits.
import type { Failure, Result } from '../base/errors.ts'
import { success } from '../base/errors.ts'
import { signedOperationCodec } from '../formats/money/operation-codec.ts'
import { outcomeOf, type ReadRecord } from '../ledger/journal-record.ts'
import type { OperationOutcome, SignedOperation } from '../ports/ledger.ts'
import { failureOf, isFinalFailure, silence, unreachableOf } from './ledger-failure.ts'
import { isEntryOf, type LedgerWitness } from './ledger-witness.ts'
import { maxOperationsPerFrame, type ServiceAnswer, type SubmitResult } from './service-messages.ts'

type Answer<Type> = Extract<ServiceAnswer, { readonly type: Type }>

interface Submission {
  readonly signed: SignedOperation
  readonly text: string
  readonly deadlineMs: number
  /** Why it has to be asked again. */
  lastFailure: Failure | undefined
  readonly resolve: (result: Result<OperationOutcome>) => void
}

const maxUnanswered = 1_024
const maxFrameText = 700_000
const busyPauseMs = 200

export class SubmissionQueue {
  private readonly witness: LedgerWitness
  private readonly queue: Submission[] = []
  private readonly frames = new Map<number, readonly Submission[]>()
  private unanswered = 0
  private resumeAtMs = 0

  constructor(witness: LedgerWitness) {
    this.witness = witness
  }

  /** Whether something waits to be sent. */
  get isWaiting(): boolean {
    return this.queue.length > 0
  }

  add(signed: SignedOperation, deadlineMs: number): Promise<Result<OperationOutcome>> {
    const text = JSON.stringify(signedOperationCodec.toJson(signed))
    return new Promise((resolve) => this.queue.push({ signed, text, deadlineMs, lastFailure: undefined, resolve }))
  }

  /** Sends what may be sent, a frame at a time. */
  flush(nowMs: number, drawNumber: () => number, send: (message: string) => void): void {
    if (nowMs < this.resumeAtMs) return
    while (this.queue.length > 0 && this.unanswered < maxUnanswered) {
      const frame = this.queue.splice(0, this.nextCount())
      const number = drawNumber()
      this.frames.set(number, frame)
      this.unanswered += frame.length
      const operations = frame.map(({ text }) => text).join()
      send(`{"type":"submit","number":${number},"operations":[${operations}]}`)
    }
  }

  isFrame(number: number): boolean {
    return this.frames.has(number)
  }

  /** The answer to a frame. */
  take(answer: Answer<'submitted' | 'failed'>, nowMs: number): void {
    const frame = this.frames.get(answer.number)
    if (frame === undefined) return
    this.frames.delete(answer.number)
    this.unanswered -= frame.length
    if (answer.type === 'failed') {
      for (const submission of frame) this.settle(submission, failureOf(answer.error), nowMs)
    } else this.takeResults(frame, answer, nowMs)
  }

  /** The connection is lost: what was sent is sent again. */
  requeue(): void {
    this.queue.unshift(...[...this.frames.values()].flat())
    this.frames.clear()
    this.unanswered = 0
  }

  failAll(why: Failure): void {
    const all = [...[...this.frames.values()].flat(), ...this.queue]
    this.frames.clear()
    this.queue.length = 0
    this.unanswered = 0
    for (const { resolve } of all) resolve(why)
  }

  /** Whether something that was sent has waited for its answer long enough. */
  isFrameLate(nowMs: number): boolean {
    return [...this.frames.values()].some((frame) => frame.some(({ deadlineMs }) => deadlineMs <= nowMs))
  }

  /** Answers what has waited long enough to be sent. */
  failLate(nowMs: number, why: Failure | undefined): void {
    const late = this.queue.filter(({ deadlineMs }) => deadlineMs <= nowMs)
    if (late.length === 0) return
    const rest = this.queue.filter(({ deadlineMs }) => deadlineMs > nowMs)
    this.queue.splice(0, this.queue.length, ...rest)
    for (const { resolve, lastFailure } of late) resolve(unreachableOf(lastFailure ?? why ?? silence))
  }

  /** All wait equally long, so the first of each kind is the one that has waited longest. */
  nextMs(isReady: boolean): number {
    const [frame] = this.frames.values()
    const [first] = this.queue
    const deadlines = [frame?.[0], first].map((each) => each?.deadlineMs ?? Number.POSITIVE_INFINITY)
    const maySend = isReady && first !== undefined && this.unanswered < maxUnanswered
    return Math.min(...deadlines, maySend ? this.resumeAtMs : Number.POSITIVE_INFINITY)
  }

  /** As many as fit into one frame, at least one. */
  private nextCount(): number {
    let [count, length] = [0, 0]
    for (const { text } of this.queue) {
      const isFull = count === maxOperationsPerFrame || this.unanswered + count === maxUnanswered
      if (isFull || (count > 0 && length + text.length > maxFrameText)) break
      count++
      length += text.length
    }
    return count
  }

  private takeResults(
    frame: readonly Submission[],
    { results, lines, head }: Answer<'submitted'>,
    nowMs: number,
  ): void {
    const records = this.witness.chain(lines, head)
    if (!records.ok || results.length !== frame.length) {
      const why = records.ok ? this.witness.refuse('answers to other operations') : records
      for (const { resolve } of frame) resolve(why)
      return
    }
    for (const [index, submission] of frame.entries()) {
      this.settle(submission, this.outcomeIn(submission, results[index] as SubmitResult, records.value), nowMs)
    }
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
  private settle(submission: Submission, result: Result<OperationOutcome>, nowMs: number): void {
    if (result.ok || isFinalFailure(result)) {
      submission.resolve(result)
      return
    }
    submission.lastFailure = result
    // Those that wait longest are first in the queue.
    this.queue.unshift(submission)
    this.resumeAtMs = nowMs + busyPauseMs
  }
}
