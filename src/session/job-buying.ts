// What one torrent buys on one ledger: shares by auctions, and, where there is a deadline, first of all a job (market B,
// docs/speed-markets.md): one request to the providers that are ready, units of what is lacking to the cheapest of them,
// the rest in auctions at no more than the job's ceiling.
// Guarantees: while asks are awaited nothing else is bought; what the job holds is neither bid for nor spent elsewhere; only
// who brought too little by its own doing has a default to its name. A machine over lines; owns the job.
import { type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import { maxJobMs, type SpeedPlain, type SpeedStatement } from '../formats/peer/speed-messages.ts'
import type { ShownStatement } from '../formats/peer/speed-signing.ts'
import { type JobRequesterMessage, maxSeats } from '../market/market-messages.ts'
import { ProcurementRequester, type ProcurementRequesterOutput } from '../market/procurement-requester.ts'
import { byAccount } from '../market/sealing.ts'
import { affordableUnits, automaticCeiling } from '../market/unit-ceiling.ts'
import type { AccountId } from '../ports/ledger.ts'
import { JobShares, unitPrice } from './job-shares.ts'
import { expectedPay, isWorthALane } from './settlement-rule.ts'
import { SpeedBuying } from './speed-buying.ts'
import type { BuyingLine } from './speed-line.ts'
import { type BuyingMarket, epochOfJobs, type StatementProof } from './speed-market.ts'
import type { MarketPlace } from './torrent-markets.ts'

interface Budget {
  readonly most: TokenAmount
  readonly deadlineAtMs?: number
}

interface Dealing {
  readonly line: BuyingLine
  /** What a job's award said it gets for a MiB; it may begin at that price at any time later. */
  jobPrice: TokenAmount | undefined
  /** Its stretch is one of a job, and it takes part in no auction. */
  isServing: boolean
}

type Stage =
  | { readonly type: 'none' }
  | { readonly type: 'gathering'; readonly deadlineAtMs: number; sinceMs: number }
  | { readonly type: 'asking' | 'delivering'; readonly requester: ProcurementRequester; readonly ceiling: TokenAmount }

const mebibyte = 1_048_576
const tickMs = 500
/** Providers that are not ready yet are waited for so long, and others that may come for less. */
const gatherMs = 2_000
const mostGatherMs = 6_000
/** An answer may wait behind blocks in a slow uplink; where all have come, nobody waits. */
const stepMs = 2_000
/** All of that, and some time to deliver in. */
const leastJobMs = 20_000

export class JobBuying implements BuyingMarket {
  private readonly place: MarketPlace
  private readonly auctions: SpeedBuying
  private readonly dealings = new Map<AccountId, Dealing>()
  private readonly shares = new JobShares()
  private budget: Budget | undefined
  private stage: Stage = { type: 'none' }
  private tickAtMs = Number.POSITIVE_INFINITY

  constructor(place: MarketPlace, nowMs: number) {
    this.place = place
    this.auctions = new SpeedBuying(
      {
        ...place,
        remainingMiB: () => Math.max(0, place.remainingMiB() - this.shares.heldUnits),
        budgetLeft: () => this.shares.leftOf(place.budgetLeft()),
        mostPerMiB: () => (this.stage.type === 'delivering' ? this.stage.ceiling : undefined),
      },
      nowMs,
    )
  }

  join(line: BuyingLine, nowMs: number): void {
    this.dealings.set(line.account, { line, jobPrice: undefined, isServing: false })
    this.auctions.join(line, nowMs)
  }

  leave(line: BuyingLine, nowMs: number): void {
    const { account } = line
    const dealing = this.dealings.get(account)
    if (dealing?.line !== line) return
    // What came and was right counts.
    this.count(line, nowMs)
    this.dealings.delete(account)
    if (!dealing.isServing) this.auctions.leave(line)
    const { stage } = this
    if (stage.type !== 'asking' && stage.type !== 'delivering') return
    const isDone = !line.isUseful && this.place.remainingMiB() === 0
    stage.requester.handle({ type: isDone ? 'released' : 'gone', from: account }, nowMs)
    this.drain(stage.requester, nowMs)
  }

  told(line: BuyingLine, message: SpeedPlain | SpeedStatement, proof: StatementProof | undefined, nowMs: number): void {
    const dealing = this.dealings.get(line.account)
    if (dealing?.line !== line || proof === undefined) return
    switch (message.type) {
      case 'job-ask':
      case 'job-reveal': {
        const { stage } = this
        if (stage.type !== 'asking') return
        stage.requester.handle({ type: 'told', from: line.account, message }, nowMs)
        this.drain(stage.requester, nowMs)
        return
      }
      case 'walk-in-award':
        if (message.epoch === epochOfJobs) this.begins(dealing, message, nowMs)
        else if (!dealing.isServing) this.auctions.told(line, message, proof, nowMs)
        return
      case 'share-lost':
        if (dealing.isServing) this.ends(dealing, message, nowMs)
        else this.auctions.told(line, message, proof, nowMs)
        return
      default:
        if (!dealing.isServing) this.auctions.told(line, message, proof, nowMs)
    }
  }

  rootShown(shown: Extract<SpeedPlain, { readonly type: 'shown-root' }>, answer: (message: SpeedPlain) => void): void {
    this.auctions.rootShown(shown, answer)
  }

  shown(shown: ShownStatement, proof: StatementProof, nowMs: number): void {
    this.auctions.shown(shown, proof, nowMs)
  }

  wake(nowMs: number): void {
    if (nowMs >= this.tickAtMs) this.tick(nowMs)
    const { stage } = this
    if (stage.type === 'asking' || stage.type === 'delivering') {
      stage.requester.handle({ type: 'wake' }, nowMs)
      this.drain(stage.requester, nowMs)
    }
    this.auctions.wake(nowMs)
  }

  nextWakeMs(): number {
    const { stage } = this
    const ofJob = stage.type === 'asking' || stage.type === 'delivering' ? stage.requester.nextWakeMs() : this.tickAtMs
    return Math.min(ofJob, this.tickAtMs, this.auctions.nextWakeMs())
  }

  setBudget(budget: Budget | undefined, nowMs: number): void {
    const before = this.budget
    this.budget = budget
    if (budget === undefined) this.endJob(nowMs)
    const { deadlineAtMs } = budget ?? {}
    const isLongEnough = deadlineAtMs !== undefined && deadlineAtMs >= nowMs + leastJobMs
    const isAnother = deadlineAtMs !== undefined && Math.abs((before?.deadlineAtMs ?? 0) - deadlineAtMs) > tickMs
    const isIdle = this.stage.type === 'none' || (this.stage.type === 'delivering' && this.shares.holders.length === 0)
    if (isIdle && isLongEnough && isAnother) {
      this.stage = { type: 'gathering', deadlineAtMs, sinceMs: Number.POSITIVE_INFINITY }
      this.tickAtMs = nowMs
    }
    this.tellAuctions(nowMs)
  }

  close(nowMs: number): void {
    this.budget = undefined
    this.endJob(nowMs)
    this.auctions.close(nowMs)
  }

  /** Nothing is bought in auctions that may come cheaper in a job. */
  private tellAuctions(nowMs: number): void {
    const isWaiting = this.stage.type === 'gathering' || this.stage.type === 'asking'
    this.auctions.setBudget(isWaiting ? undefined : this.budget, nowMs)
  }

  private tick(nowMs: number): void {
    this.tickAtMs = nowMs + tickMs
    const { stage } = this
    switch (stage.type) {
      case 'gathering':
        this.gather(stage, nowMs)
        return
      case 'delivering':
        this.review(stage.requester, nowMs)
        this.drain(stage.requester, nowMs)
        return
      case 'asking':
        return
      case 'none':
        this.tickAtMs = Number.POSITIVE_INFINITY
        return
    }
  }

  /** Lanes are opened before anything is asked for, so that nobody holds a share for us that we cannot pay yet. */
  private gather(stage: Extract<Stage, { readonly type: 'gathering' }>, nowMs: number): void {
    const { place } = this
    const leftMs = stage.deadlineAtMs - nowMs
    const maxPay = place.budgetLeft()
    const units = this.unitsFor(maxPay)
    const ceiling = units > 0 ? automaticCeiling(maxPay, units, this.mostPerMiB) : zeroAmount
    if (leftMs < leastJobMs) {
      this.stage = { type: 'none' }
      this.tellAuctions(nowMs)
      return
    }
    if (units === 0 || ceiling === 0n) return
    const candidates = this.candidates(ceiling, units, maxPay)
    if (candidates.length > 0) stage.sinceMs = Math.min(stage.sinceMs, nowMs)
    for (const { line } of candidates) line.prepare(line.postedPrice)
    const ready = candidates.filter(({ line }) => line.isReady)
    const waitedMs = nowMs - stage.sinceMs
    const isEnough = ready.length === candidates.length ? waitedMs >= gatherMs : waitedMs >= mostGatherMs
    if (ready.length === 0 || !isEnough) return
    const seats = ready
      .map(({ line: { account, bestBytesPerSecond } }) => ({
        account,
        handicap: place.rail.providers.handicapOf(account),
        mostUnits: Math.min(units, unitsWithin(bestBytesPerSecond, leftMs)),
      }))
      .sort((a, b) => a.handicap - b.handicap || byAccount(a, b))
      .slice(0, maxSeats)
      .sort(byAccount)
    const requester = new ProcurementRequester(
      {
        account: place.rail.account,
        random: place.room.ports.random,
        units,
        deadlineMs: Math.min(Math.floor(leftMs), maxJobMs),
        maxPay,
        ceiling,
        seats,
        askMs: stepMs,
        revealMs: stepMs,
        unitsAtATime: Math.max(1, Math.ceil(place.pieceBytes() / mebibyte)),
      },
      nowMs,
    )
    this.stage = { type: 'asking', requester, ceiling }
    this.drain(requester, nowMs)
  }

  private get mostPerMiB(): TokenAmount {
    const { rail, config } = this.place
    const useful = [...this.dealings.values()].filter(({ line }) => line.isUseful)
    return rail.prices.most(
      config.startPrice,
      useful.map(({ line }) => line.postedPrice),
    )
  }

  /** Those to whom a lane is worth its fees, where it may be needed by all of them. */
  private candidates(ceiling: TokenAmount, units: number, maxPay: TokenAmount): Dealing[] {
    const useful = [...this.dealings.values()].filter(({ line }) => line.isUseful && line.postedPrice <= ceiling)
    const cheapest = useful.sort(
      (a, b) => Number(a.line.postedPrice > b.line.postedPrice) - Number(a.line.postedPrice < b.line.postedPrice),
    )
    const { terms } = this.place.rail.port
    let lanes = useful.filter(({ line }) => line.hasLane).length
    return cheapest.filter(({ line }) => {
      if (line.hasLane) return true
      const isWorthIt = isWorthALane(expectedPay(line.postedPrice, units, maxPay, lanes + 1), terms)
      if (isWorthIt) lanes++
      return isWorthIt
    })
  }

  /** What is lacking, or as much of it as can be paid for. */
  private unitsFor(maxPay: TokenAmount): number {
    let least: TokenAmount | undefined
    for (const { line } of this.dealings.values()) {
      if (line.isUseful && (least === undefined || line.postedPrice < least)) least = line.postedPrice
    }
    const units = this.place.remainingMiB()
    return least === undefined ? units : affordableUnits(maxPay, units, least)
  }

  private count(line: BuyingLine, nowMs: number): void {
    const { stage } = this
    const units = stage.type === 'delivering' ? this.shares.takeVerified(line) : 0
    if (stage.type !== 'delivering' || units === 0) return
    stage.requester.handle({ type: 'verified', from: line.account, units }, nowMs)
  }

  /** Nobody is to blame for what it is not asked for, or not paid for. */
  private review(requester: ProcurementRequester, nowMs: number): void {
    const lines = this.shares.holders.flatMap((account) => this.dealings.get(account)?.line ?? [])
    for (const line of lines) this.count(line, nowMs)
    const isDone = this.place.remainingMiB() === 0
    for (const line of lines) {
      if (this.shares.isHeldUp(line, nowMs) || isDone) {
        requester.handle({ type: 'released', from: line.account }, nowMs)
      }
    }
  }

  private endJob(nowMs: number): void {
    const { stage } = this
    this.stage = { type: 'none' }
    this.tickAtMs = Number.POSITIVE_INFINITY
    if (stage.type !== 'delivering') return
    for (const account of this.shares.holders) stage.requester.handle({ type: 'released', from: account }, nowMs)
    this.drain(stage.requester, nowMs)
  }

  private drain(requester: ProcurementRequester, nowMs: number): void {
    for (let output = requester.poll(); output !== undefined; output = requester.poll()) this.perform(output, nowMs)
    const { stage } = this
    if (stage.type === 'asking' && requester.account !== undefined) {
      this.stage = { type: 'delivering', requester, ceiling: stage.ceiling }
      this.tellAuctions(nowMs)
    }
  }

  private perform(output: ProcurementRequesterOutput, nowMs: number): void {
    switch (output.type) {
      case 'tell':
        this.tell(output.to, output.message)
        break
      case 'share': {
        const line = this.dealings.get(output.share.account)?.line
        if (line !== undefined) this.shares.won(output.share, line)
        break
      }
      case 'share-ended':
        this.lost(output.account, output.isDefault, nowMs)
        break
      // Lanes pay for bytes, and the purse knows what is left.
      case 'pay':
      case 'elsewhere':
      case 'finished':
        break
    }
  }

  private tell(to: AccountId, message: JobRequesterMessage): void {
    const dealing = this.dealings.get(to)
    if (dealing === undefined) return
    const { line } = dealing
    switch (message.type) {
      case 'job-end':
        line.tell(message)
        break
      case 'job-award':
        dealing.jobPrice = unitPrice(message)
        line.state({ ...message, fromByte: line.receivedBytes })
        break
      default:
        line.state(message)
    }
  }

  private lost(account: AccountId, isDefault: boolean, nowMs: number): void {
    if (this.shares.end(account)) this.place.rail.providers.ended(account, isDefault)
    this.auctions.wake(nowMs)
  }

  /** The provider's answer to an award, whenever it comes. */
  private begins(
    dealing: Dealing,
    { price, fromByte }: Extract<SpeedStatement, { readonly type: 'walk-in-award' }>,
    nowMs: number,
  ): void {
    const { line, jobPrice } = dealing
    if (price !== jobPrice) {
      line.ban('its price is not that of the job')
      return
    }
    if (!line.pay(price, fromByte)) return
    if (!dealing.isServing) this.auctions.leave(line)
    dealing.isServing = true
    const { room, rail, facts } = this.place
    rail.awards.keep({
      atMs: Math.floor(room.ports.clock.wallMs()),
      torrent: facts.id,
      account: line.account,
      side: 'paying',
      reason: 'job',
      epoch: epochOfJobs,
      price,
      postedPrice: line.postedPrice,
    })
    rail.prices.add(price)
    this.tickAtMs = Math.min(this.tickAtMs, nowMs + tickMs)
  }

  /** The provider ends it: as it was told to, or as it has served its units, or gave up. */
  private ends(
    dealing: Dealing,
    { fromByte }: Extract<SpeedStatement, { readonly type: 'share-lost' }>,
    nowMs: number,
  ): void {
    const { line } = dealing
    // Nothing is owed besides in a job.
    if (!line.stop(fromByte, 0)) return
    dealing.isServing = false
    this.count(line, nowMs)
    const { stage } = this
    if (stage.type === 'delivering' && this.shares.has(line.account)) {
      const hasServed = this.shares.hasServed(line)
      stage.requester.handle({ type: hasServed || !line.isUseful ? 'released' : 'gone', from: line.account }, nowMs)
      this.drain(stage.requester, nowMs)
    }
    this.auctions.join(line, nowMs)
  }
}

/** What a provider may promise by what it was seen to bring; Infinity: nothing is known of it. */
function unitsWithin(bytesPerSecond: number, ms: number): number {
  return bytesPerSecond === 0 ? Number.POSITIVE_INFINITY : Math.ceil((bytesPerSecond * ms) / 1_000 / mebibyte)
}
