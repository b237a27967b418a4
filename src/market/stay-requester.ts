// Who pays one seeder to stay: offer, then at each tick a challenge of random blocks, and payment of the tick after it.
// Guarantees: an offer is on the disk before it is made, a passed tick before it is owed; nothing is owed for a tick that no
// right answer came for in time; ticks passed are never more than the intervals that went by since it was accepted; what is
// owed is said as a sum of the whole stay, so that saying it again after a crash pays nothing twice. A machine without
// I/O; owns the state of one stay.
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import type { Random } from '../ports/random.ts'
import {
  drawStayBlocks,
  type StayChallenge,
  type StayContent,
  type StayProviderMessage,
  type StayRefusal,
  type StayRequesterMessage,
  type StayTerms,
  stayOwed,
  ticksLeft,
} from './stay-messages.ts'

/** What survives a crash. */
export interface StayRecord {
  readonly terms: StayTerms
  readonly provider: AccountId
  /** Ticks. */
  readonly passed: number
}

export type StayEnding =
  | 'complete'
  /** By us. */
  | 'stopped'
  /** By the seeder: it says so, or its connection is gone. */
  | 'left'
  | 'no-answer'
  /** Of other content, or of none. */
  | 'wrong-answer'
  /** What is asked for could not be read here. */
  | 'own-content'
  | StayRefusal

export type StayRequesterInput =
  | { readonly type: 'wake' }
  | { readonly type: 'told'; readonly message: StayProviderMessage }
  /** The record of so many passed ticks is on the disk. */
  | { readonly type: 'recorded'; readonly passed: number }
  /** The right answer to the challenge drawn for a tick; undefined: our own blocks could not be read. */
  | { readonly type: 'expected'; readonly tick: number; readonly answer: Hash256 | undefined }
  | { readonly type: 'gone' }
  | { readonly type: 'stop' }

export type StayRequesterOutput =
  | { readonly type: 'record'; readonly record: StayRecord }
  | { readonly type: 'tell'; readonly message: StayRequesterMessage }
  /** To be read here and hashed (`stayAnswer`), before the seeder is asked. */
  | { readonly type: 'expect'; readonly challenge: StayChallenge }
  /** For this stay in all, from its first tick on. */
  | { readonly type: 'owe'; readonly total: TokenAmount }
  | { readonly type: 'ended'; readonly why: StayEnding }

type Phase =
  | { readonly type: 'writing-offer' }
  | { readonly type: 'offered'; readonly untilMs: number }
  | { readonly type: 'staying'; readonly dueMs: number }
  | { readonly type: 'drawing'; readonly challenge: StayChallenge }
  | { readonly type: 'asking'; readonly tick: number; readonly answer: Hash256; readonly untilMs: number }
  /** `ending`: it is over once the tick is written, and owed. */
  | { readonly type: 'writing-tick'; readonly ending?: StayEnding }
  | { readonly type: 'ended' }

export interface StayRequesterOptions {
  /** Of an earlier run, or one with nothing passed. */
  readonly record: StayRecord
  readonly content: StayContent
  readonly random: Random
}

const answerOfferMs = 30_000
/** Short against fetching blocks from somebody else, long enough for a slow disk. */
const answerMs = 5_000

export class StayRequester {
  private readonly options: StayRequesterOptions
  private readonly outputs: StayRequesterOutput[] = []
  private phase: Phase = { type: 'writing-offer' }
  private passed: number

  constructor(options: StayRequesterOptions) {
    const { record } = options
    this.options = options
    this.passed = record.passed
    this.outputs.push({ type: 'record', record })
  }

  /** The most that it may come to, what is owed already included: to be set aside before it is offered. Never rises. */
  most(nowMs: number): TokenAmount {
    return stayOwed(this.terms, this.passed + this.mostTicks(nowMs))
  }

  get owed(): TokenAmount {
    return stayOwed(this.terms, this.phase.type === 'writing-tick' ? this.passed - 1 : this.passed)
  }

  poll(): StayRequesterOutput | undefined {
    return this.outputs.shift()
  }

  nextWakeMs(): number {
    const { phase } = this
    if (phase.type === 'staying') return phase.dueMs
    return phase.type === 'offered' || phase.type === 'asking' ? phase.untilMs : Number.POSITIVE_INFINITY
  }

  handle(input: StayRequesterInput, nowMs: number): void {
    if (this.phase.type === 'ended') return
    if (input.type === 'told') this.told(input.message, nowMs)
    else if (input.type === 'recorded') this.recorded(input.passed, nowMs)
    else if (input.type === 'expected') this.expected(input.tick, input.answer, nowMs)
    else if (input.type === 'gone') this.end('left')
    else if (input.type === 'stop') this.tellEnd('stopped')
    else if (nowMs >= this.nextWakeMs()) this.due()
  }

  private get terms(): StayTerms {
    return this.options.record.terms
  }

  /** One under way was begun in time, and may be answered after the end. */
  private mostTicks(nowMs: number): number {
    const { phase, terms } = this
    if (phase.type === 'ended' || (phase.type === 'writing-tick' && phase.ending !== undefined)) return 0
    if (phase.type === 'staying') return 1 + ticksLeft(terms, Math.max(nowMs, phase.dueMs))
    const isUnderWay = phase.type === 'drawing' || phase.type === 'asking'
    return ticksLeft(terms, nowMs) + (isUnderWay ? 1 : 0)
  }

  private recorded(passed: number, nowMs: number): void {
    const { phase } = this
    if (passed !== this.passed) return
    if (phase.type === 'writing-offer') {
      // What an earlier run wrote down and may not have paid.
      if (passed > 0) this.outputs.push({ type: 'owe', total: stayOwed(this.terms, passed) })
      if (ticksLeft(this.terms, nowMs) === 0) {
        this.end('complete')
        return
      }
      this.tell({ type: 'stay-offer', ...this.terms, passed })
      this.phase = { type: 'offered', untilMs: nowMs + answerOfferMs }
    } else if (phase.type === 'writing-tick') {
      this.outputs.push({ type: 'owe', total: stayOwed(this.terms, passed) })
      if (phase.ending === undefined) this.stay(nowMs)
      else this.finish(phase.ending)
    }
  }

  private stay(nowMs: number): void {
    if (ticksLeft(this.terms, nowMs) > 0) {
      this.phase = { type: 'staying', dueMs: nowMs + this.terms.intervalMs }
      return
    }
    this.tell({ type: 'stay-end', stay: this.terms.stay })
    this.finish('complete')
  }

  private due(): void {
    const { phase, options, terms } = this
    if (phase.type !== 'staying') {
      this.tellEnd('no-answer')
      return
    }
    const nonce = new Uint8Array(32)
    options.random.fill(nonce)
    const challenge: StayChallenge = {
      type: 'stay-challenge',
      stay: terms.stay,
      tick: this.passed + 1,
      nonce: toHex(nonce) as Hash256,
      blocks: drawStayBlocks(options.content, terms.blocks, options.random),
    }
    this.phase = { type: 'drawing', challenge }
    this.outputs.push({ type: 'expect', challenge })
  }

  private expected(tick: number, answer: Hash256 | undefined, nowMs: number): void {
    const { phase } = this
    if (phase.type !== 'drawing' || phase.challenge.tick !== tick) return
    if (answer === undefined) {
      this.tellEnd('own-content')
      return
    }
    this.tell(phase.challenge)
    this.phase = { type: 'asking', tick, answer, untilMs: nowMs + answerMs }
  }

  private told(message: StayProviderMessage, nowMs: number): void {
    const { phase } = this
    if (message.stay !== this.terms.stay) return
    if (message.type === 'stay-end') this.end('left')
    else if (message.type === 'stay-refuse') {
      if (phase.type === 'offered') this.end(message.reason)
    } else if (message.type === 'stay-accept') {
      if (phase.type === 'offered') this.stay(nowMs)
    } else if (phase.type === 'asking' && message.tick === phase.tick) this.proved(message.answer, phase, nowMs)
  }

  private proved(answer: Hash256, asked: Extract<Phase, { readonly type: 'asking' }>, nowMs: number): void {
    if (nowMs > asked.untilMs) this.tellEnd('no-answer')
    else if (answer !== asked.answer) this.tellEnd('wrong-answer')
    else {
      assert(asked.tick === this.passed + 1, 'one tick after the other')
      this.passed = asked.tick
      this.phase = { type: 'writing-tick' }
      this.outputs.push({ type: 'record', record: { ...this.options.record, passed: this.passed } })
    }
  }

  private tell(message: StayRequesterMessage): void {
    this.outputs.push({ type: 'tell', message })
  }

  private tellEnd(why: StayEnding): void {
    if (this.phase.type !== 'writing-offer') this.tell({ type: 'stay-end', stay: this.terms.stay })
    this.end(why)
  }

  private end(why: StayEnding): void {
    const { phase } = this
    if (phase.type !== 'writing-tick') this.finish(why)
    else this.phase = { type: 'writing-tick', ending: phase.ending ?? why }
  }

  private finish(why: StayEnding): void {
    this.phase = { type: 'ended' }
    this.outputs.push({ type: 'ended', why })
  }
}
