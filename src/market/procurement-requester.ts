// A requester's side of market B, for one job: ask for sealed asks, award, watch what is delivered, buy the rest elsewhere.
// Guarantees: asks are listed before any is open; payments never pass what may be paid; who stalls loses its rest and is
// paid for what it brought. A machine without I/O; owns the job.
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import type { Random } from '../ports/random.ts'
import { JobAccount } from './job-account.ts'
import {
  type AskOpening,
  type JobList,
  type JobProviderMessage,
  type JobRequest,
  type JobRequesterMessage,
  type JobSeat,
  maxSeats,
} from './market-messages.ts'
import { type JobShare, procure } from './procurement.ts'
import { byAccount, isInOrder, jobListRoot, sealAsk, sealCeiling } from './sealing.ts'

export interface ProcurementRequesterOptions {
  readonly account: AccountId
  readonly random: Random
  readonly units: number
  readonly deadlineMs: number
  readonly maxPay: TokenAmount
  /** rho; times the units at most `maxPay` (`automaticCeiling`). */
  readonly ceiling: TokenAmount
  /** Connected, with wanted pieces, and not choking us without offering a share; in the order of accounts. */
  readonly seats: readonly JobSeat[]
  /** So many units are verified at a time, as with large pieces. */
  readonly unitsAtATime: number
  readonly askMs?: number
  readonly revealMs?: number
}

export type ProcurementRequesterInput =
  | { readonly type: 'wake' }
  | { readonly type: 'told'; readonly from: AccountId; readonly message: JobProviderMessage }
  /** Units that this winner brought and that were verified, since the last time. */
  | { readonly type: 'verified'; readonly from: AccountId; readonly units: number }
  | { readonly type: 'gone'; readonly from: AccountId }
  /** No more is wanted of it, which is not its fault. */
  | { readonly type: 'released'; readonly from: AccountId }
  /** Bought at posted prices, or come for nothing. */
  | { readonly type: 'bought'; readonly units: number; readonly pay: TokenAmount }

export type ProcurementRequesterOutput =
  | { readonly type: 'tell'; readonly to: AccountId; readonly message: JobRequesterMessage }
  /** A lane of its own with the pay as deposit; its pieces are this provider's until it ends. */
  | { readonly type: 'share'; readonly share: JobShare }
  /** So much more is due to a winner. */
  | { readonly type: 'pay'; readonly account: AccountId; readonly amount: TokenAmount }
  /** `isDefault`: it stalled or was late, and its record says so from now on. The rest of the deposit returns. */
  | {
      readonly type: 'share-ended'
      readonly account: AccountId
      readonly isDefault: boolean
      readonly returned: TokenAmount
    }
  /** All that is to be bought at posted prices, and the most for a unit; replaces what was said before. */
  | { readonly type: 'elsewhere'; readonly units: number; readonly mostPerUnit: TokenAmount }
  | { readonly type: 'finished' }

type Stage =
  | { readonly type: 'asking'; readonly sealed: Map<AccountId, Hash256>; readonly untilMs: number }
  | {
      readonly type: 'opening'
      readonly sealed: ReadonlyMap<AccountId, Hash256>
      readonly list: JobList
      readonly opened: Map<AccountId, AskOpening>
      readonly untilMs: number
    }
  | { readonly type: 'delivering'; readonly account: JobAccount; readonly watched: Map<AccountId, Watched> }
  | { readonly type: 'finished'; readonly account: JobAccount }

interface Watched {
  readonly stallMs: number
  progressAtMs: number
}

const leastStallMs = 5_000
const ticksPerStall = 4
const leastTickMs = 250
/** The smallest tick is a quarter of a unit. */
const ticksPerUnit = 4

/** How long a winner may bring nothing: 5 s, or four times what a tick, or a piece, takes it at the rate it promised. */
export function stallAfterMs(units: number, deadlineMs: number, unitsAtATime: number): number {
  const step = Math.max(1, ticksPerUnit * unitsAtATime)
  const tickMs = Math.max(leastTickMs, Math.ceil((deadlineMs * step) / (ticksPerUnit * units)))
  return Math.max(leastStallMs, ticksPerStall * tickMs)
}

export class ProcurementRequester {
  private readonly options: ProcurementRequesterOptions
  private readonly request: JobRequest
  private readonly salt: Hash256
  private readonly deadlineAtMs: number
  private readonly outputs: ProcurementRequesterOutput[] = []
  private stage: Stage

  constructor(options: ProcurementRequesterOptions, nowMs: number) {
    const { seats, units, deadlineMs, ceiling, maxPay, askMs = 500 } = options
    assert(seats.length <= maxSeats && isInOrder(seats), 'seats in order')
    assert(units > 0 && deadlineMs > 0 && ceiling * BigInt(units) <= maxPay, 'a job that can be paid')
    this.options = options
    this.salt = this.draw()
    const job = this.draw()
    const ceilingCommitment = sealCeiling(job, ceiling, this.salt)
    this.request = { type: 'job-request', job, units, deadlineMs, ceilingCommitment, seats, askWithinMs: askMs }
    this.deadlineAtMs = nowMs + deadlineMs
    this.stage = { type: 'asking', sealed: new Map(), untilMs: nowMs + askMs }
    for (const { account } of seats) this.tell(account, this.request)
  }

  get job(): Hash256 {
    return this.request.job
  }

  /** From the award on. */
  get account(): JobAccount | undefined {
    return this.stage.type === 'delivering' || this.stage.type === 'finished' ? this.stage.account : undefined
  }

  handle(input: ProcurementRequesterInput, nowMs: number): void {
    switch (input.type) {
      case 'wake':
        break
      case 'told':
        this.told(input.from, input.message)
        break
      case 'verified':
        this.verified(input.from, input.units, nowMs)
        break
      case 'gone':
        this.endShare(input.from, true)
        break
      case 'released':
        this.endShare(input.from, false)
        this.sayElsewhere()
        break
      case 'bought':
        this.bought(input.units, input.pay)
        break
    }
    this.advance(nowMs)
  }

  poll(): ProcurementRequesterOutput | undefined {
    return this.outputs.shift()
  }

  nextWakeMs(): number {
    const { stage } = this
    switch (stage.type) {
      case 'asking':
      case 'opening':
        return stage.untilMs
      case 'delivering': {
        let wakeMs = stage.watched.size === 0 ? Number.POSITIVE_INFINITY : this.deadlineAtMs
        for (const { progressAtMs, stallMs } of stage.watched.values())
          wakeMs = Math.min(wakeMs, progressAtMs + stallMs)
        return wakeMs
      }
      case 'finished':
        return Number.POSITIVE_INFINITY
    }
  }

  private told(from: AccountId, message: JobProviderMessage): void {
    const { stage } = this
    if (message.job !== this.job) return
    if (message.type === 'job-ask') {
      if (stage.type !== 'asking' || stage.sealed.has(from)) return
      if (this.request.seats.some(({ account }) => account === from)) stage.sealed.set(from, message.commitment)
      return
    }
    if (stage.type !== 'opening' || stage.opened.has(from)) return
    const { cost, units, nonce } = message
    const sealed = sealAsk(this.options.account, from, this.job, cost, units, nonce)
    if (stage.sealed.get(from) === sealed) stage.opened.set(from, { account: from, cost, units, nonce })
  }

  private advance(nowMs: number): void {
    const asking = this.stage
    if (asking.type === 'asking' && (nowMs >= asking.untilMs || asking.sealed.size === this.request.seats.length))
      this.closeList(asking.sealed, nowMs)
    const opening = this.stage
    if (opening.type === 'opening' && (nowMs >= opening.untilMs || opening.opened.size === opening.sealed.size))
      this.award(opening, nowMs)
    const { stage } = this
    if (stage.type !== 'delivering') return
    for (const [account, { progressAtMs, stallMs }] of stage.watched)
      if (nowMs - progressAtMs >= stallMs || nowMs >= this.deadlineAtMs) this.endShare(account, true)
    if (!stage.account.isComplete) return
    this.stage = { type: 'finished', account: stage.account }
    this.outputs.push({ type: 'finished' })
  }

  private closeList(sealed: ReadonlyMap<AccountId, Hash256>, nowMs: number): void {
    const commitments = Array.from(sealed, ([account, commitment]) => ({ account, commitment })).sort(byAccount)
    const listRoot = jobListRoot(this.options.account, this.request, commitments)
    const { revealMs = 500 } = this.options
    const list: JobList = { type: 'job-list', job: this.job, listRoot, commitments, revealWithinMs: revealMs }
    this.stage = { type: 'opening', sealed, list, opened: new Map(), untilMs: nowMs + revealMs }
    for (const { account } of commitments) this.tell(account, list)
  }

  private award({ list, opened }: Extract<Stage, { readonly type: 'opening' }>, nowMs: number): void {
    const { units, deadlineMs, ceiling, maxPay, unitsAtATime } = this.options
    const openings = [...opened.values()].sort(byAccount)
    const shares = awardedShares(this.request, list, openings, ceiling)
    const watched = new Map<AccountId, Watched>()
    this.stage = { type: 'delivering', account: new JobAccount(maxPay, ceiling, units, shares), watched }
    const byWinner = new Map(shares.map((share) => [share.account, share]))
    for (const { account } of list.commitments) {
      const share = byWinner.get(account)
      const { units: won = 0, pay = 0n as TokenAmount } = share ?? {}
      const award = { type: 'job-award', job: this.job, listRoot: list.listRoot, ceiling, salt: this.salt } as const
      this.tell(account, { ...award, openings, units: won, pay })
      if (share === undefined) continue
      watched.set(account, { stallMs: stallAfterMs(won, deadlineMs, unitsAtATime), progressAtMs: nowMs })
      this.outputs.push({ type: 'share', share })
    }
    this.sayElsewhere()
  }

  private verified(from: AccountId, units: number, nowMs: number): void {
    const { stage } = this
    if (stage.type !== 'delivering') return
    const watched = stage.watched.get(from)
    if (watched === undefined || units <= 0) return
    watched.progressAtMs = nowMs
    const amount = stage.account.deliver(from, units)
    if (amount > 0n) this.outputs.push({ type: 'pay', account: from, amount })
    if (stage.account.remaining(from) === 0) this.endShare(from, false)
  }

  private endShare(account: AccountId, isDefault: boolean): void {
    const { stage } = this
    if (stage.type !== 'delivering' || !stage.watched.delete(account)) return
    const returned = stage.account.end(account)
    this.outputs.push({ type: 'share-ended', account, isDefault, returned })
    this.tell(account, { type: 'job-end', job: this.job })
    if (isDefault) this.sayElsewhere()
  }

  private bought(units: number, pay: TokenAmount): void {
    const { stage } = this
    if (stage.type !== 'delivering') return
    assert(stage.account.buyElsewhere(units, pay), 'bought for no more than was allowed')
    this.sayElsewhere()
  }

  private sayElsewhere(): void {
    const { stage } = this
    if (stage.type !== 'delivering') return
    const { account } = stage
    this.outputs.push({ type: 'elsewhere', units: account.unitsElsewhere, mostPerUnit: account.mostElsewhere() })
  }

  private draw(): Hash256 {
    const bytes = new Uint8Array(32)
    this.options.random.fill(bytes)
    return toHex(bytes) as Hash256
  }

  private tell(to: AccountId, message: JobRequesterMessage): void {
    this.outputs.push({ type: 'tell', to, message })
  }
}

/** What follows from the openings: computed by the requester, and again by every provider. */
export function awardedShares(
  request: JobRequest,
  list: JobList,
  openings: readonly AskOpening[],
  ceiling: TokenAmount,
): readonly JobShare[] {
  const seats = new Map(request.seats.map((seat) => [seat.account, seat]))
  const asks = openings.flatMap(({ account, cost, units, nonce }) => {
    const seat = seats.get(account)
    if (seat === undefined) return []
    return [{ account, cost, units: Math.min(units, seat.mostUnits), handicap: seat.handicap, nonce }]
  })
  const missing = list.commitments.length - openings.length
  return procure({ listRoot: list.listRoot, units: request.units, ceiling, missing }, asks)
}
