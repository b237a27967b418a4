// Who is paid to stay, for all stays it is offered: takes those that are worth it, answers one challenge a tick, and says until
// when a torrent is to be kept seeding for them.
// Guarantees: an acceptance is on the disk before it is told; no second tick is worked for before the first is paid, so at most
// one interval is ever unpaid; blocks read for one stay are bounded by its terms; whatever a requester says, no more stays
// are held than it may have. A machine without I/O; owns the stays.
import type { TokenAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import {
  type StayChallenge,
  type StayProviderMessage,
  type StayRefusal,
  type StayRequesterMessage,
  type StayTerms,
  stayOwed,
} from './stay-messages.ts'

export interface StayPolicyTerms {
  /** No stay is accepted for less. */
  readonly leastPerHour: TokenAmount
  /** From when it is offered on. */
  readonly mostMs: number
  readonly leastIntervalMs: number
  readonly isEarning: boolean
}

/** What survives a crash: what was promised, and what was paid for it. */
export interface HeldStayRecord {
  readonly terms: StayTerms
  readonly requester: AccountId
  /** Names the torrent; opaque here. */
  readonly torrent: string
  readonly paid: TokenAmount
}

export type HeldStayEnding = 'complete' | 'ended' | 'gone' | 'not-asked' | 'not-paid' | 'content-missing' | 'malformed'

export type StayProviderInput =
  | { readonly type: 'wake' }
  | { readonly type: 'policy'; readonly policy: StayPolicyTerms }
  /** On a connection about `torrent`; `isSeeding`: all of it is here. */
  | {
      readonly type: 'told'
      readonly from: AccountId
      readonly torrent: string
      readonly isSeeding: boolean
      readonly message: StayRequesterMessage
    }
  /** Its acceptance is on the disk. */
  | { readonly type: 'recorded'; readonly from: AccountId; readonly stay: Hash256 }
  /** Undefined: the blocks cannot be read, or do not exist. */
  | {
      readonly type: 'answer'
      readonly from: AccountId
      readonly stay: Hash256
      readonly tick: number
      readonly answer: Hash256 | undefined
    }
  /** In vouchers that are on the disk, for this stay in all. */
  | { readonly type: 'paid'; readonly from: AccountId; readonly stay: Hash256; readonly total: TokenAmount }
  | { readonly type: 'gone'; readonly from: AccountId; readonly torrent: string }

export type StayProviderOutput =
  | { readonly type: 'record'; readonly record: HeldStayRecord }
  | { readonly type: 'tell'; readonly to: AccountId; readonly torrent: string; readonly message: StayProviderMessage }
  /** To be read and hashed (`stayAnswer`). */
  | { readonly type: 'read'; readonly from: AccountId; readonly torrent: string; readonly challenge: StayChallenge }
  /** Seeding of the torrent is paid for otherwise than before: `paidUntilMs`. */
  | { readonly type: 'changed'; readonly torrent: string }
  | { readonly type: 'ended'; readonly record: HeldStayRecord; readonly why: HeldStayEnding }

type Phase =
  | { readonly type: 'writing' }
  /** A challenge is due at the interval's end; not asked by `untilMs`: over. */
  | { readonly type: 'staying'; readonly untilMs: number }
  | { readonly type: 'reading'; readonly tick: number; readonly untilMs: number }
  | { readonly type: 'unpaid'; readonly tick: number; readonly untilMs: number }

interface HeldStay {
  readonly record: HeldStayRecord
  readonly phase: Phase
}

/** What a challenge may come late, and a payment after its answer. */
const patienceMs = 60_000
const maxStaysEach = 4
const maxStays = 64

export class StayProvider {
  private readonly stays = new Map<string, HeldStay>()
  /** Of earlier runs or connections, until they are offered again or over. */
  private readonly earlier = new Map<string, HeldStayRecord>()
  private readonly outputs: StayProviderOutput[] = []
  private policy: StayPolicyTerms

  constructor(policy: StayPolicyTerms, earlier: readonly HeldStayRecord[]) {
    this.policy = policy
    for (const record of earlier) this.earlier.set(keyOf(record.requester, record.terms.stay), record)
  }

  /** Until when seeding a torrent is promised to somebody who pays; 0: to nobody. */
  paidUntilMs(torrent: string): number {
    let untilMs = 0
    for (const { record, phase } of this.stays.values()) {
      if (record.torrent === torrent && phase.type !== 'writing') untilMs = Math.max(untilMs, phase.untilMs)
    }
    return untilMs
  }

  poll(): StayProviderOutput | undefined {
    return this.outputs.shift()
  }

  nextWakeMs(): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const { phase } of this.stays.values()) if (phase.type !== 'writing') nextMs = Math.min(nextMs, phase.untilMs)
    return nextMs
  }

  handle(input: StayProviderInput, nowMs: number): void {
    if (input.type === 'policy') this.policy = input.policy
    else if (input.type === 'told') this.told(input, nowMs)
    else if (input.type === 'recorded') this.recorded(input.from, input.stay, nowMs)
    else if (input.type === 'answer') this.answered(input, nowMs)
    else if (input.type === 'paid') this.paid(input.from, input.stay, input.total, nowMs)
    else if (input.type === 'gone') this.gone(input.from, input.torrent)
    else this.wake(nowMs)
  }

  private wake(nowMs: number): void {
    for (const [key, stay] of this.stays) {
      const { phase, record } = stay
      if (phase.type === 'writing' || nowMs < phase.untilMs) continue
      this.tell(record, { type: 'stay-end', stay: record.terms.stay })
      this.end(key, stay, phase.type === 'unpaid' ? 'not-paid' : endingOfWait(record.terms, nowMs))
    }
  }

  private told(told: Extract<StayProviderInput, { readonly type: 'told' }>, nowMs: number): void {
    const { message, from, torrent } = told
    if (message.type === 'stay-offer') {
      this.offered(told, message, nowMs)
      return
    }
    const key = keyOf(from, message.stay)
    const held = this.stays.get(key)
    if (held === undefined || held.record.torrent !== torrent) return
    if (message.type === 'stay-end') this.end(key, held, 'ended')
    else this.challenged(key, held, message)
  }

  private offered({ from, torrent, isSeeding }: OfferPlace, offer: StayOffer, nowMs: number): void {
    const { type: _, passed, ...terms } = offer
    const key = keyOf(from, terms.stay)
    if (this.stays.has(key)) return
    const earlier = this.earlier.get(key)
    const isSame = earlier !== undefined && earlier.torrent === torrent && isSameTerms(earlier.terms, terms)
    const reason = this.reasonAgainst(terms, isSeeding, from, isSame, nowMs)
    const place = { requester: from, torrent }
    if (reason !== undefined) {
      const { leastPerHour } = this.policy
      this.tell(place, { type: 'stay-refuse', stay: terms.stay, reason, leastPerHour })
      return
    }
    // Of what is not remembered here the word of who paid is taken: it owes from there on.
    const record = isSame ? earlier : { ...place, terms, paid: stayOwed(terms, passed) }
    this.earlier.delete(key)
    this.stays.set(key, { record, phase: { type: 'writing' } })
    this.outputs.push({ type: 'record', record })
  }

  private reasonAgainst(
    terms: StayTerms,
    isSeeding: boolean,
    from: AccountId,
    isSame: boolean,
    nowMs: number,
  ): StayRefusal | undefined {
    const { untilMs, perHour, intervalMs } = terms
    const { isEarning, leastPerHour, mostMs, leastIntervalMs } = this.policy
    let ofRequester = 0
    for (const { record } of this.stays.values()) if (record.requester === from) ofRequester++
    if (!isSeeding) return 'not-seeding'
    if (!isEarning) return 'not-earning'
    if (ofRequester >= maxStaysEach || this.stays.size >= maxStays) return 'too-many'
    // What was promised is kept.
    if (isSame) return undefined
    if (perHour < leastPerHour || stayOwed(terms, 1) === 0n) return 'too-cheap'
    if (untilMs - nowMs > mostMs) return 'too-long'
    return intervalMs < leastIntervalMs ? 'too-often' : undefined
  }

  private recorded(from: AccountId, stay: Hash256, nowMs: number): void {
    const key = keyOf(from, stay)
    const held = this.stays.get(key)
    if (held?.phase.type !== 'writing') return
    this.tell(held.record, { type: 'stay-accept', stay })
    this.goOn(key, held, nowMs)
  }

  /** Another interval, at most until the end. */
  private goOn(key: string, held: HeldStay, nowMs: number): void {
    const untilMs = nowMs + held.record.terms.intervalMs + patienceMs
    this.stays.set(key, { ...held, phase: { type: 'staying', untilMs } })
    this.changed(held)
  }

  private challenged(key: string, held: HeldStay, challenge: StayChallenge): void {
    const { phase, record } = held
    const { tick } = challenge
    const isNext = tick > 0 && isPaidUpTo(record, tick - 1) && !isPaidUpTo(record, tick)
    if (phase.type !== 'staying' || !isNext) return
    if (challenge.blocks.length > record.terms.blocks) {
      this.tell(record, { type: 'stay-end', stay: record.terms.stay })
      this.end(key, held, 'malformed')
      return
    }
    const { untilMs } = phase
    this.stays.set(key, { ...held, phase: { type: 'reading', tick, untilMs } })
    this.outputs.push({ type: 'read', from: record.requester, torrent: record.torrent, challenge })
  }

  private answered(
    { from, stay, tick, answer }: Extract<StayProviderInput, { readonly type: 'answer' }>,
    nowMs: number,
  ): void {
    const key = keyOf(from, stay)
    const held = this.stays.get(key)
    if (held?.phase.type !== 'reading' || held.phase.tick !== tick) return
    if (answer === undefined) {
      this.tell(held.record, { type: 'stay-end', stay })
      this.end(key, held, 'content-missing')
      return
    }
    this.tell(held.record, { type: 'stay-proof', stay, tick, answer })
    this.stays.set(key, { ...held, phase: { type: 'unpaid', tick, untilMs: nowMs + patienceMs } })
    this.changed(held)
  }

  private paid(from: AccountId, stay: Hash256, total: TokenAmount, nowMs: number): void {
    const key = keyOf(from, stay)
    const held = this.stays.get(key)
    if (held === undefined) {
      const earlier = this.earlier.get(key)
      if (earlier === undefined || total <= earlier.paid) return
      const record = { ...earlier, paid: total }
      this.earlier.set(key, record)
      this.outputs.push({ type: 'record', record })
      return
    }
    if (total <= held.record.paid) return
    const record = { ...held.record, paid: total }
    const richer = { ...held, record }
    this.stays.set(key, richer)
    this.outputs.push({ type: 'record', record })
    if (held.phase.type === 'unpaid' && isPaidUpTo(record, held.phase.tick)) this.goOn(key, richer, nowMs)
  }

  private gone(from: AccountId, torrent: string): void {
    for (const [key, held] of this.stays) {
      const { record } = held
      if (record.requester === from && record.torrent === torrent) this.end(key, held, 'gone')
    }
  }

  private end(key: string, held: HeldStay, why: HeldStayEnding): void {
    this.stays.delete(key)
    const { record } = held
    // It may come again, and goes on where it was.
    if (why === 'gone') this.keepEarlier(key, record)
    this.outputs.push({ type: 'ended', record, why })
    this.changed(held)
  }

  /** The oldest are forgotten: what a requester may resume is bounded as what it may hold. */
  private keepEarlier(key: string, record: HeldStayRecord): void {
    this.earlier.set(key, record)
    const [oldest] = this.earlier.keys()
    if (this.earlier.size > maxStays && oldest !== undefined) this.earlier.delete(oldest)
  }

  private changed({ record }: HeldStay): void {
    this.outputs.push({ type: 'changed', torrent: record.torrent })
  }

  private tell(to: Pick<HeldStayRecord, 'requester' | 'torrent'>, message: StayProviderMessage): void {
    this.outputs.push({ type: 'tell', to: to.requester, torrent: to.torrent, message })
  }
}

type StayOffer = Extract<StayRequesterMessage, { readonly type: 'stay-offer' }>
type OfferPlace = Pick<Extract<StayProviderInput, { readonly type: 'told' }>, 'from' | 'torrent' | 'isSeeding'>

function keyOf(requester: AccountId, stay: Hash256): string {
  return `${requester} ${stay}`
}

/** Who does not ask after the end has nothing more to ask for. */
function endingOfWait({ untilMs, intervalMs }: StayTerms, nowMs: number): HeldStayEnding {
  return nowMs - patienceMs >= untilMs - intervalMs ? 'complete' : 'not-asked'
}

function isSameTerms(one: StayTerms, other: StayTerms): boolean {
  const { untilMs, perHour, intervalMs, blocks } = one
  const isSamePrice = perHour === other.perHour && intervalMs === other.intervalMs
  return untilMs === other.untilMs && isSamePrice && blocks === other.blocks
}

function isPaidUpTo({ terms, paid }: HeldStayRecord, ticks: number): boolean {
  return stayOwed(terms, ticks) <= paid
}
