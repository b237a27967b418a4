// Who is paid to stay, over one connection: takes an offer that is worth it, answers one challenge a tick, and charges for it.
// Guarantees: no second tick is worked for before the first is paid, so at most one interval is ever unpaid; blocks read
// for it are bounded by its terms, and by one challenge an interval. A machine without I/O; owns the state of one stay,
// which ends with the connection.
import { type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { Hash256 } from '../ports/ledger.ts'
import {
  type StayChallenge,
  type StayProviderMessage,
  type StayRefusal,
  type StayRequesterMessage,
  type StayTerms,
  stayOwed,
  stayTickPrice,
} from './stay-messages.ts'

export interface StayPolicyTerms {
  /** No stay is accepted for less. */
  readonly leastPerHour: TokenAmount
  /** From when it is offered on. */
  readonly mostMs: number
}

export type HeldStayEnding = 'complete' | 'ended' | 'not-asked' | 'not-paid' | 'content-missing' | 'malformed'

export type StayProviderInput =
  | { readonly type: 'wake' }
  /** `isSeeding`: all of the torrent is here. */
  | {
      readonly type: 'told'
      readonly message: StayRequesterMessage
      readonly isSeeding: boolean
      readonly policy: StayPolicyTerms
    }
  /** Undefined: the blocks cannot be read, or do not exist. */
  | { readonly type: 'answer'; readonly tick: number; readonly answer: Hash256 | undefined }
  /** The tick that was charged last is paid. */
  | { readonly type: 'paid' }

export type StayProviderOutput =
  | { readonly type: 'tell'; readonly message: StayProviderMessage }
  /** To be read and hashed (`stayAnswer`). */
  | { readonly type: 'read'; readonly challenge: StayChallenge }
  /** It owes so much more from now on. */
  | { readonly type: 'charge'; readonly amount: TokenAmount }
  /** `charged`: for it in all. */
  | { readonly type: 'ended'; readonly why: HeldStayEnding; readonly charged: TokenAmount }

type Phase =
  | { readonly type: 'none' }
  /** A challenge is due at the interval's end; not asked by `untilMs`: over. */
  | { readonly type: 'staying'; readonly untilMs: number }
  | { readonly type: 'reading'; readonly tick: number; readonly untilMs: number }
  | { readonly type: 'unpaid'; readonly untilMs: number }

/** What a challenge may come late, and a payment after its answer. */
const patienceMs = 60_000
/** A challenge may come so much before an interval is over: clocks differ, and messages wait. */
const earlyMs = 5_000

export class StayProvider {
  /** Of the stay there is. */
  endsMs = 0
  private readonly outputs: StayProviderOutput[] = []
  private phase: Phase = { type: 'none' }
  private held: StayTerms | undefined
  /** No challenge counts before. */
  private notBeforeMs = 0
  /** Ticks that were answered. */
  private proved = 0

  /** Until when somebody pays for its staying; 0: nobody does. */
  get paidUntilMs(): number {
    return this.phase.type === 'none' ? 0 : this.phase.untilMs
  }

  /** Undefined: there is none. */
  get terms(): StayTerms | undefined {
    return this.held
  }

  /** Charged for it so far. */
  get charged(): TokenAmount {
    return this.held === undefined ? zeroAmount : stayOwed(this.held, this.proved)
  }

  poll(): StayProviderOutput | undefined {
    return this.outputs.shift()
  }

  nextWakeMs(): number {
    return this.phase.type === 'none' ? Number.POSITIVE_INFINITY : this.phase.untilMs
  }

  handle(input: StayProviderInput, nowMs: number): void {
    if (input.type === 'told') this.told(input, nowMs)
    else if (input.type === 'answer') this.answered(input.tick, input.answer, nowMs)
    else if (input.type === 'wake') this.wake(nowMs)
    else if (this.phase.type === 'unpaid' && this.held !== undefined) this.goOn(this.held, nowMs)
  }

  private wake(nowMs: number): void {
    const { phase, held } = this
    if (phase.type === 'none' || held === undefined || nowMs < phase.untilMs) return
    if (phase.type === 'unpaid') this.tellEnd('not-paid')
    // Who does not ask after the end has nothing more to ask for.
    else this.tellEnd(nowMs - patienceMs >= this.endsMs - held.intervalMs ? 'complete' : 'not-asked')
  }

  private told({ message, isSeeding, policy }: Extract<StayProviderInput, { type: 'told' }>, nowMs: number): void {
    if (message.type === 'stay-offer') this.offered(message, isSeeding, policy, nowMs)
    else if (message.stay !== this.held?.stay) return
    else if (message.type === 'stay-end') this.end('ended')
    else this.challenged(message, this.held, nowMs)
  }

  private offered(offer: StayTerms, isSeeding: boolean, policy: StayPolicyTerms, nowMs: number): void {
    const { stay, lastsMs, perHour, intervalMs, blocks } = offer
    const terms: StayTerms = { stay, lastsMs, perHour, intervalMs, blocks }
    const reason = this.reasonAgainst(terms, isSeeding, policy)
    if (reason !== undefined) {
      this.tell({ type: 'stay-refuse', stay, reason, leastPerHour: policy.leastPerHour })
      return
    }
    this.held = terms
    this.endsMs = nowMs + lastsMs
    this.proved = 0
    this.notBeforeMs = nowMs + intervalMs - earlyMs
    this.tell({ type: 'stay-accept', stay })
    this.goOn(terms, nowMs)
  }

  private reasonAgainst(
    terms: StayTerms,
    isSeeding: boolean,
    { leastPerHour, mostMs }: StayPolicyTerms,
  ): StayRefusal | undefined {
    const { lastsMs, perHour, intervalMs } = terms
    if (this.held !== undefined) return 'one-already'
    if (!isSeeding) return 'not-seeding'
    if (perHour < leastPerHour || stayOwed(terms, 1) === 0n) return 'too-cheap'
    if (lastsMs < intervalMs) return 'too-often'
    return lastsMs > mostMs ? 'too-long' : undefined
  }

  /** Another interval, at most until the end. */
  private goOn({ intervalMs }: StayTerms, nowMs: number): void {
    this.phase = { type: 'staying', untilMs: nowMs + intervalMs + patienceMs }
  }

  private challenged(challenge: StayChallenge, held: StayTerms, nowMs: number): void {
    const { phase } = this
    const { tick, blocks } = challenge
    // What is not paid yet is not gone on with.
    if (phase.type !== 'staying') return
    // One that comes too soon would let it be read for without end.
    if (nowMs < this.notBeforeMs || tick !== this.proved + 1 || blocks.length > held.blocks) {
      this.tellEnd('malformed')
      return
    }
    this.phase = { type: 'reading', tick, untilMs: phase.untilMs }
    this.outputs.push({ type: 'read', challenge })
  }

  private answered(tick: number, answer: Hash256 | undefined, nowMs: number): void {
    const { phase, held } = this
    if (phase.type !== 'reading' || phase.tick !== tick || held === undefined) return
    if (answer === undefined) {
      this.tellEnd('content-missing')
      return
    }
    this.outputs.push({ type: 'charge', amount: stayTickPrice(held, this.proved) })
    this.tell({ type: 'stay-proof', stay: held.stay, tick, answer })
    this.proved = tick
    this.notBeforeMs = nowMs + held.intervalMs - earlyMs
    this.phase = { type: 'unpaid', untilMs: nowMs + patienceMs }
  }

  private tell(message: StayProviderMessage): void {
    this.outputs.push({ type: 'tell', message })
  }

  private tellEnd(why: HeldStayEnding): void {
    if (this.held !== undefined) this.tell({ type: 'stay-end', stay: this.held.stay })
    this.end(why)
  }

  private end(why: HeldStayEnding): void {
    const { charged } = this
    this.phase = { type: 'none' }
    this.held = undefined
    this.outputs.push({ type: 'ended', why, charged })
  }
}
