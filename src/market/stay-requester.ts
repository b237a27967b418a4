// Who pays one seeder to stay, over one connection: offer, then at each tick a challenge of random blocks, and the tick is
// owed for once it is answered.
// Guarantees: nothing is owed for a tick that no right answer came for in time; ticks passed are never more than the
// intervals that went by since it was accepted. A machine without I/O; owns the state of one stay, which ends with the
// connection: what is owed by then is the payer machine's.
import { toHex } from '../base/bytes.ts'
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { Hash256 } from '../ports/ledger.ts'
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
  stayTickPrice,
} from './stay-messages.ts'

export type StayEnding =
  | 'complete'
  /** By us. */
  | 'stopped'
  /** By the seeder, who says so. */
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
  /** The right answer to the challenge drawn for a tick; undefined: our own blocks could not be read. */
  | { readonly type: 'expected'; readonly tick: number; readonly answer: Hash256 | undefined }
  | { readonly type: 'stop' }

export type StayRequesterOutput =
  | { readonly type: 'tell'; readonly message: StayRequesterMessage }
  /** To be read here and hashed (`stayAnswer`), before the seeder is asked. */
  | { readonly type: 'expect'; readonly challenge: StayChallenge }
  /** For one tick more. */
  | { readonly type: 'owe'; readonly amount: TokenAmount }
  /** `leastPerHour`: what it would stay for, where it refused. */
  | { readonly type: 'ended'; readonly why: StayEnding; readonly leastPerHour?: TokenAmount }

type Phase =
  | { readonly type: 'offered'; readonly untilMs: number }
  | { readonly type: 'staying'; readonly dueMs: number }
  | { readonly type: 'drawing'; readonly challenge: StayChallenge }
  | { readonly type: 'asking'; readonly tick: number; readonly answer: Hash256; readonly untilMs: number }
  | { readonly type: 'ended' }

export interface StayRequesterOptions {
  readonly terms: StayTerms
  readonly content: StayContent
  readonly random: Random
}

const answerOfferMs = 30_000
/** Short against fetching blocks from somebody else, long enough for a slow disk. */
const answerMs = 10_000

export class StayRequester {
  readonly terms: StayTerms
  /** No tick is paid after it. */
  readonly endsMs: number
  private readonly options: StayRequesterOptions
  private readonly outputs: StayRequesterOutput[] = []
  private phase: Phase
  /** Ticks. */
  private passed = 0

  /** Offers it at once. */
  constructor(options: StayRequesterOptions, nowMs: number) {
    this.options = options
    this.terms = options.terms
    this.endsMs = nowMs + options.terms.lastsMs
    this.phase = { type: 'offered', untilMs: nowMs + answerOfferMs }
    this.tell({ type: 'stay-offer', ...options.terms })
  }

  /** It was accepted, and is not over. */
  get isUnderWay(): boolean {
    return this.phase.type !== 'offered' && this.phase.type !== 'ended'
  }

  /** For the tick that goes on. */
  get tickPrice(): TokenAmount {
    return stayTickPrice(this.terms, this.passed)
  }

  /** For the ticks passed. */
  get owed(): TokenAmount {
    return stayOwed(this.terms, this.passed)
  }

  /** The most that it may come to yet, beyond what is owed. Never rises. */
  mostToCome(nowMs: number): TokenAmount {
    const { phase, terms } = this
    if (phase.type === 'ended') return zeroAmount
    const isAsking = phase.type === 'drawing' || phase.type === 'asking'
    const ticks =
      phase.type === 'staying' ? 1 + this.ticksFrom(phase.dueMs) : this.ticksFrom(nowMs) + (isAsking ? 1 : 0)
    return tokenAmount(stayOwed(terms, this.passed + ticks) - this.owed)
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
    else if (input.type === 'expected') this.expected(input.tick, input.answer, nowMs)
    else if (input.type === 'stop') this.tellEnd('stopped')
    else if (nowMs >= this.nextWakeMs()) this.due()
  }

  private ticksFrom(nowMs: number): number {
    return Math.max(0, Math.floor((this.endsMs - nowMs) / this.terms.intervalMs))
  }

  private stay(nowMs: number): void {
    if (this.ticksFrom(nowMs) > 0) this.phase = { type: 'staying', dueMs: nowMs + this.terms.intervalMs }
    else this.tellEnd('complete')
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
      if (phase.type === 'offered') this.end(message.reason, message.leastPerHour)
    } else if (message.type === 'stay-accept') {
      if (phase.type === 'offered') this.stay(nowMs)
    } else if (phase.type === 'asking' && message.tick === phase.tick) this.proved(message.answer, phase, nowMs)
  }

  private proved(answer: Hash256, asked: Extract<Phase, { readonly type: 'asking' }>, nowMs: number): void {
    if (nowMs > asked.untilMs) this.tellEnd('no-answer')
    else if (answer !== asked.answer) this.tellEnd('wrong-answer')
    else {
      this.outputs.push({ type: 'owe', amount: stayTickPrice(this.terms, this.passed) })
      this.passed++
      this.stay(nowMs)
    }
  }

  private tell(message: StayRequesterMessage): void {
    this.outputs.push({ type: 'tell', message })
  }

  private tellEnd(why: StayEnding): void {
    this.tell({ type: 'stay-end', stay: this.terms.stay })
    this.end(why)
  }

  private end(why: StayEnding, leastPerHour?: TokenAmount): void {
    this.phase = { type: 'ended' }
    this.outputs.push({ type: 'ended', why, ...(leastPerHour === undefined ? {} : { leastPerHour }) })
  }
}
