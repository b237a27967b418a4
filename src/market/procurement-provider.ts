// A provider's side of market B, for all jobs it is asked about: ask, reveal, compute the award again, keep what it promised.
// Guarantees: what is asked for in open rounds and promised in jobs is never over the rate that may be promised; nothing
// is revealed unless the signed list holds the own ask; an award that does not fit is evidence. A machine without I/O;
// owns its promises.
import { toHex } from '../base/bytes.ts'
import { maxAmount, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import type { Random } from '../ports/random.ts'
import {
  type JobAward,
  type JobList,
  type JobProviderMessage,
  type JobRequest,
  type JobRequesterMessage,
  maxSeats,
  type ShownJobRoot,
} from './market-messages.ts'
import { wholeHandicap } from './procurement.ts'
import { awardedShares } from './procurement-requester.ts'
import { isInOrder, jobListRoot, sealAsk, sealCeiling } from './sealing.ts'

export interface ProcurementProviderOptions {
  readonly account: AccountId
  readonly random: Random
}

export type ProcurementProviderInput =
  | { readonly type: 'wake' }
  /** What all jobs together may take, and the price that is asked: the posted one. */
  | { readonly type: 'terms'; readonly bytesPerSecond: number; readonly postedPrice: TokenAmount }
  /** `proof`: the bytes and signature, verified. `hasPieces`: of what the job wants. */
  | {
      readonly type: 'told'
      readonly from: AccountId
      readonly message: JobRequesterMessage
      readonly proof: Uint8Array
      readonly hasPieces: boolean
    }
  /** Another provider says what list it was shown; `proof` is that list as the requester signed it, verified. */
  | {
      readonly type: 'root-shown'
      readonly requester: AccountId
      readonly root: ShownJobRoot
      readonly proof: Uint8Array
    }
  | { readonly type: 'gone'; readonly from: AccountId }

export type JobFraudKind =
  | 'two-lists'
  | 'wrong-root'
  | 'wrong-opening'
  | 'wrong-ceiling'
  | 'wrong-outcome'
  | 'reveal-ignored'

export type ProcurementProviderOutput =
  | { readonly type: 'tell'; readonly to: AccountId; readonly message: JobProviderMessage }
  | {
      readonly type: 'show-root'
      readonly requester: AccountId
      readonly root: ShownJobRoot
      readonly proof: Uint8Array
    }
  /** Serves so many units on a lane of at least that deposit, until it ends. */
  | {
      readonly type: 'share'
      readonly requester: AccountId
      readonly job: Hash256
      readonly units: number
      readonly pay: TokenAmount
    }
  | { readonly type: 'share-ended'; readonly requester: AccountId; readonly job: Hash256 }
  /** By all jobs together, from now on: what is left is the auction's. */
  | { readonly type: 'promised'; readonly bytesPerSecond: number }
  | {
      readonly type: 'fraud'
      readonly requester: AccountId
      readonly kind: JobFraudKind
      readonly isProvable: boolean
      readonly proofs: readonly Uint8Array[]
    }

interface Job {
  readonly requester: AccountId
  readonly request: JobRequest
  readonly proofs: readonly Uint8Array[]
  readonly cost: TokenAmount
  readonly units: number
  readonly nonce: Hash256
  readonly list?: JobList
  readonly listProof?: Uint8Array
  readonly stage: 'sealed' | 'opened' | 'serving'
  /** Reserved for the ask, then for what was won of it. */
  readonly bytesPerSecond: number
  readonly untilMs: number
}

const mebibyte = 1_048_576
const patienceMs = 5_000
/** Whatever a requester says, nothing is reserved for an open round longer. */
const mostWaitMs = 10_000
/** Open rounds and jobs at a time, of one requester: what they reserve is not sold meanwhile. */
const maxJobsEach = 2
const maxJobs = 64

export class ProcurementProvider {
  private readonly options: ProcurementProviderOptions
  private readonly jobs = new Map<Hash256, Job>()
  private readonly outputs: ProcurementProviderOutput[] = []
  private offered = 0
  private postedPrice: TokenAmount = zeroAmount

  constructor(options: ProcurementProviderOptions) {
    this.options = options
  }

  /** Bytes a second that are asked for in open rounds or promised. */
  get promised(): number {
    let sum = 0
    for (const { bytesPerSecond } of this.jobs.values()) sum += bytesPerSecond
    return sum
  }

  /** Who asked and was answered, or has a job that goes on. */
  get requesters(): ReadonlySet<AccountId> {
    return new Set(Array.from(this.jobs.values(), ({ requester }) => requester))
  }

  handle(input: ProcurementProviderInput, nowMs: number): void {
    const before = this.promised
    switch (input.type) {
      case 'wake':
        break
      case 'terms':
        this.offered = input.bytesPerSecond
        this.postedPrice = input.postedPrice
        break
      case 'told':
        this.told(input, nowMs)
        break
      case 'root-shown':
        this.rootShown(input.requester, input.root, input.proof)
        break
      case 'gone':
        for (const job of this.jobs.values()) if (job.requester === input.from) this.end(job)
        break
    }
    for (const job of this.jobs.values()) if (nowMs >= job.untilMs) this.end(job)
    if (this.promised !== before) this.outputs.push({ type: 'promised', bytesPerSecond: this.promised })
  }

  poll(): ProcurementProviderOutput | undefined {
    return this.outputs.shift()
  }

  nextWakeMs(): number {
    let wakeMs = Number.POSITIVE_INFINITY
    for (const { untilMs } of this.jobs.values()) wakeMs = Math.min(wakeMs, untilMs)
    return wakeMs
  }

  private told(input: Extract<ProcurementProviderInput, { readonly type: 'told' }>, nowMs: number): void {
    const { from, message, proof } = input
    if (message.type === 'job-request') {
      if (input.hasPieces) this.requested(from, message, proof, nowMs)
      return
    }
    const job = this.jobs.get(message.job)
    if (job === undefined || job.requester !== from) return
    switch (message.type) {
      case 'job-list':
        this.listed(job, message, proof, nowMs)
        break
      case 'job-award':
        this.awarded(job, message, proof, nowMs)
        break
      case 'job-end':
        this.end(job)
        break
    }
  }

  private requested(from: AccountId, request: JobRequest, proof: Uint8Array, nowMs: number): void {
    const { account, random } = this.options
    const { job, seats, deadlineMs, units: wanted, askWithinMs } = request
    const seat = seats.find((one) => one.account === account)
    if (seat === undefined || seats.length > maxSeats || !isInOrder(seats) || deadlineMs <= 0) return
    if (seats.some(({ handicap }) => handicap > wholeHandicap)) return
    const ofRequester = [...this.jobs.values()].filter(({ requester }) => requester === from).length
    if (this.jobs.has(job) || ofRequester >= maxJobsEach || this.jobs.size >= maxJobs) return
    const free = Math.max(0, this.offered - this.promised)
    const inTime = Math.floor((free * deadlineMs) / (1000 * mebibyte))
    const units = Math.min(wanted, seat.mostUnits, inTime)
    if (units < 1) return
    const bytes = new Uint8Array(32)
    random.fill(bytes)
    const nonce = toHex(bytes) as Hash256
    const cost = this.postedPrice
    this.jobs.set(job, {
      requester: from,
      request,
      proofs: [proof],
      cost,
      units,
      nonce,
      stage: 'sealed',
      bytesPerSecond: rateOf(units, deadlineMs),
      untilMs: nowMs + Math.min(askWithinMs, mostWaitMs) + patienceMs,
    })
    const commitment = sealAsk(from, account, job, cost, units, nonce)
    this.tell(from, { type: 'job-ask', job, commitment })
  }

  private listed(job: Job, list: JobList, proof: Uint8Array, nowMs: number): void {
    if (job.list !== undefined) {
      if (job.list.listRoot !== list.listRoot) this.fraud(job, 'two-lists', [...job.proofs, proof])
      return
    }
    const { requester, request, cost, units, nonce } = job
    const proofs = [...job.proofs, proof]
    const seats = new Set(request.seats.map(({ account }) => account))
    const isOfSeats = isInOrder(list.commitments) && list.commitments.every(({ account }) => seats.has(account))
    if (!isOfSeats || jobListRoot(requester, request, list.commitments) !== list.listRoot) {
      this.fraud(job, 'wrong-root', proofs)
      return
    }
    const root = { job: request.job, listRoot: list.listRoot }
    this.outputs.push({ type: 'show-root', requester, root, proof })
    const { account } = this.options
    const sealed = sealAsk(requester, account, request.job, cost, units, nonce)
    if (!list.commitments.some((one) => one.account === account && one.commitment === sealed)) {
      this.end(job)
      return
    }
    const untilMs = nowMs + Math.min(list.revealWithinMs, mostWaitMs) + patienceMs
    this.jobs.set(request.job, { ...job, stage: 'opened', list, listProof: proof, proofs, untilMs })
    this.tell(requester, { type: 'job-reveal', job: request.job, cost, units, nonce })
  }

  private awarded(job: Job, award: JobAward, proof: Uint8Array, nowMs: number): void {
    if (job.stage !== 'opened' || job.list === undefined) return
    const kind = this.faultOf(job, job.list, award)
    if (kind !== undefined) {
      this.fraud(job, kind, [...job.proofs, proof])
      return
    }
    if (award.units === 0) {
      this.end(job)
      return
    }
    const { requester, request } = job
    const bytesPerSecond = rateOf(award.units, request.deadlineMs)
    const untilMs = nowMs + request.deadlineMs + patienceMs
    this.jobs.set(request.job, { ...job, stage: 'serving', bytesPerSecond, untilMs })
    this.outputs.push({ type: 'share', requester, job: request.job, units: award.units, pay: award.pay })
  }

  private faultOf(job: Job, list: JobList, award: JobAward): JobFraudKind | undefined {
    const { requester, request, cost, units, nonce } = job
    const { account } = this.options
    if (award.listRoot !== list.listRoot) return 'wrong-root'
    if (award.ceiling * BigInt(request.units) > maxAmount) return 'wrong-ceiling'
    if (sealCeiling(request.job, award.ceiling, award.salt) !== request.ceilingCommitment) return 'wrong-ceiling'
    const commitments = new Map(list.commitments.map((one) => [one.account, one.commitment]))
    const isFitting = award.openings.every((one) => {
      return (
        commitments.get(one.account) === sealAsk(requester, one.account, request.job, one.cost, one.units, one.nonce)
      )
    })
    if (!isFitting || !isInOrder(award.openings)) return 'wrong-opening'
    const own = award.openings.find((one) => one.account === account)
    if (own === undefined) return 'reveal-ignored'
    if (own.cost !== cost || own.units !== units || own.nonce !== nonce) return 'wrong-opening'
    const share = awardedShares(request, list, award.openings, award.ceiling).find((one) => one.account === account)
    const isRight = award.units === (share?.units ?? 0) && award.pay === (share?.pay ?? zeroAmount)
    return isRight ? undefined : 'wrong-outcome'
  }

  private rootShown(requester: AccountId, root: ShownJobRoot, proof: Uint8Array): void {
    const job = this.jobs.get(root.job)
    if (job?.requester !== requester || job.list === undefined || job.listProof === undefined) return
    if (job.list.listRoot !== root.listRoot) this.fraud(job, 'two-lists', [job.listProof, proof])
  }

  private fraud(job: Job, kind: JobFraudKind, proofs: readonly Uint8Array[]): void {
    const isProvable = kind !== 'reveal-ignored'
    this.outputs.push({ type: 'fraud', requester: job.requester, kind, isProvable, proofs })
    this.end(job)
  }

  private end(job: Job): void {
    const { requester, request, stage } = job
    if (!this.jobs.delete(request.job)) return
    if (stage === 'serving') this.outputs.push({ type: 'share-ended', requester, job: request.job })
  }

  private tell(to: AccountId, message: JobProviderMessage): void {
    this.outputs.push({ type: 'tell', to, message })
  }
}

function rateOf(units: number, deadlineMs: number): number {
  return Math.ceil((units * mebibyte * 1000) / deadlineMs)
}
