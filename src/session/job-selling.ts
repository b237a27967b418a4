// What one torrent sells on one ledger: shares by the auction, and units of jobs (market B, docs/speed-markets.md), for
// which it answers requests with asks at its posted price.
// Guarantees: a share that is asked for or promised in a job is not sold in the auction meanwhile; a line is in one of the
// two markets at a time; every stretch of a job ends with one `share-lost`. A machine over lines; owns its jobs.
import { tokenAmount } from '../base/token-amount.ts'
import type { SpeedPlain, SpeedStatement } from '../formats/peer/speed-messages.ts'
import type { ShownStatement } from '../formats/peer/speed-signing.ts'
import { ProcurementProvider, type ProcurementProviderOutput } from '../market/procurement-provider.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import { ProofBytes } from './proof-bytes.ts'
import type { SellingLine } from './speed-line.ts'
import { epochOfJobs, type SellingMarket, type StatementProof } from './speed-market.ts'
import { SpeedSelling } from './speed-selling.ts'
import type { MarketPlace } from './torrent-markets.ts'

interface Dealing {
  readonly line: SellingLine
  /** As it said last. */
  isWanting: boolean
}

interface Serving {
  /** Of the line, when all that was promised is served. */
  readonly endsAtBytes: number
  /** Since when nothing can be served, or nothing is asked for; Infinity: it goes on. */
  heldUpSinceMs: number
}

type JobMessage = Extract<SpeedStatement, { readonly type: 'job-request' | 'job-list' | 'job-award' }>

const mebibyte = 1_048_576
const tickMs = 500
/** Who cannot be served, or asks for nothing, for so long loses its share. */
const patienceMs = 5_000

export class JobSelling implements SellingMarket {
  private readonly place: MarketPlace
  private readonly auction: SpeedSelling
  private readonly jobs: ProcurementProvider
  private readonly proofs = new ProofBytes()
  private readonly dealings = new Map<AccountId, Dealing>()
  private readonly serving = new Map<AccountId, Serving>()
  /** The newest of each requester. */
  private readonly lists = new Map<
    AccountId,
    { readonly job: Hash256; readonly listRoot: Hash256; readonly proof: StatementProof }
  >()
  private tickAtMs = Number.POSITIVE_INFINITY
  private isClosed = false

  constructor(place: MarketPlace, nowMs: number) {
    this.place = place
    this.auction = new SpeedSelling(place, nowMs)
    this.jobs = new ProcurementProvider({ account: place.rail.account, random: place.room.ports.random })
  }

  get postedPrice(): SellingMarket['postedPrice'] {
    return this.auction.postedPrice
  }

  get sharesSold(): number {
    return this.auction.sharesSold + this.serving.size
  }

  get shares(): number {
    return this.auction.shares
  }

  join(line: SellingLine, nowMs: number): void {
    this.dealings.set(line.account, { line, isWanting: false })
    this.auction.join(line, nowMs)
  }

  leave(line: SellingLine, nowMs: number): void {
    const { account } = line
    if (this.dealings.get(account)?.line !== line) return
    this.dealings.delete(account)
    this.lists.delete(account)
    if (!this.serving.delete(account)) this.auction.leave(line, nowMs)
    this.jobs.handle({ type: 'gone', from: account }, nowMs)
    this.drain(nowMs)
  }

  told(
    line: SellingLine,
    message: SpeedPlain | SpeedStatement,
    proof: StatementProof | undefined,
    nowMs: number,
  ): void {
    const dealing = this.dealings.get(line.account)
    if (dealing?.line !== line || this.isClosed) return
    switch (message.type) {
      case 'job-request':
      case 'job-list':
      case 'job-award':
        if (proof !== undefined) this.toldOfJob(line, message, proof, nowMs)
        break
      case 'job-end': {
        const signed = new Uint8Array()
        this.jobs.handle({ type: 'told', from: line.account, message, proof: signed, hasPieces: true }, nowMs)
        this.drain(nowMs)
        break
      }
      case 'want-share':
        dealing.isWanting = message.isWanting
        if (!this.serving.has(line.account)) this.auction.told(line, message, proof, nowMs)
        break
      default:
        if (!this.serving.has(line.account)) this.auction.told(line, message, proof, nowMs)
    }
  }

  jobRootShown(
    { requester, job, listRoot }: Extract<SpeedPlain, { readonly type: 'shown-job-root' }>,
    answer: (message: SpeedPlain) => void,
  ): void {
    const list = this.lists.get(requester)
    if (list === undefined || list.job !== job || list.listRoot === listRoot) return
    const { body, signature } = list.proof
    answer({ type: 'evidence', author: requester, of: 'job-list', body, signature: signature as never })
  }

  shown({ statement, from }: ShownStatement, proof: StatementProof, nowMs: number): void {
    if (statement.type !== 'job-list') return
    const { job, listRoot } = statement
    const bytes = this.proofs.join(statement.type, proof)
    this.jobs.handle({ type: 'root-shown', requester: from, root: { job, listRoot }, proof: bytes }, nowMs)
    this.drain(nowMs)
    // Over a slow line it may come when the job is over.
    const own = this.lists.get(from)
    if (own === undefined || own.job !== job || own.listRoot === listRoot) return
    const proofs = [this.proofs.join(statement.type, own.proof), bytes]
    this.cheated({ type: 'fraud', requester: from, kind: 'two-lists', isProvable: true, proofs })
  }

  wake(nowMs: number): void {
    if (nowMs >= this.tickAtMs) this.tick(nowMs)
    this.jobs.handle({ type: 'wake' }, nowMs)
    this.drain(nowMs)
    this.auction.wake(nowMs)
  }

  nextWakeMs(): number {
    return Math.min(this.tickAtMs, this.jobs.nextWakeMs(), this.auction.nextWakeMs())
  }

  close(nowMs: number): void {
    for (const from of this.jobs.requesters) this.jobs.handle({ type: 'gone', from }, nowMs)
    this.drain(nowMs)
    this.isClosed = true
    this.auction.close(nowMs)
  }

  /** What a job may take is a share: the requester's own, or a free one. */
  private toldOfJob(line: SellingLine, message: JobMessage, proof: StatementProof, nowMs: number): void {
    const { auction, jobs } = this
    const { account } = line
    if (message.type === 'job-request') {
      if (jobs.requesters.has(account)) return
      const isFree = auction.isHolding(account) || auction.freeShares > 0
      const bytesPerSecond = jobs.promised + (isFree ? auction.shareBytesPerSecond : 0)
      jobs.handle({ type: 'terms', bytesPerSecond, postedPrice: auction.postedPrice }, nowMs)
    } else if (message.type === 'job-list') {
      this.lists.set(account, { job: message.job, listRoot: message.listRoot, proof })
    }
    const bytes = this.proofs.join(message.type, proof)
    jobs.handle({ type: 'told', from: account, message, proof: bytes, hasPieces: line.isInterested }, nowMs)
    this.drain(nowMs)
  }

  private tick(nowMs: number): void {
    this.tickAtMs = nowMs + tickMs
    for (const [account, serving] of [...this.serving]) {
      const line = this.dealings.get(account)?.line
      if (line === undefined) continue
      if (line.isCovered && !line.isWithoutRequests) serving.heldUpSinceMs = Number.POSITIVE_INFINITY
      else if (serving.heldUpSinceMs === Number.POSITIVE_INFINITY) serving.heldUpSinceMs = nowMs
      const isOver = line.servedBytes >= serving.endsAtBytes || nowMs >= serving.heldUpSinceMs + patienceMs
      if (isOver) this.jobs.handle({ type: 'gone', from: account }, nowMs)
    }
    this.drain(nowMs)
  }

  private drain(nowMs: number): void {
    for (let output = this.jobs.poll(); output !== undefined; output = this.jobs.poll()) this.perform(output, nowMs)
    this.auction.setJobShares(this.takenShares, nowMs)
  }

  /** A requester's own share is the auction's until it becomes one of a job. */
  private get takenShares(): number {
    return [...this.jobs.requesters].filter((account) => !this.auction.isHolding(account)).length
  }

  private perform(output: ProcurementProviderOutput, nowMs: number): void {
    switch (output.type) {
      case 'tell':
        this.dealings.get(output.to)?.line.state(output.message)
        break
      case 'show-root': {
        const { requester, root } = output
        this.place.tellOthers(requester, { type: 'shown-job-root', requester, ...root })
        break
      }
      case 'share':
        this.begin(output, nowMs)
        break
      case 'share-ended':
        this.end(output.requester, nowMs)
        break
      case 'fraud':
        this.cheated(output)
        break
      case 'promised':
        break
    }
  }

  private begin({ requester, units, pay }: Extract<ProcurementProviderOutput, { type: 'share' }>, nowMs: number): void {
    const dealing = this.dealings.get(requester)
    if (dealing === undefined) return
    const { line } = dealing
    const { room, rail, facts } = this.place
    dealing.isWanting = false
    // Whoever holds a share goes on with it, at another price.
    this.serving.set(requester, {
      endsAtBytes: line.servedBytes + units * mebibyte,
      heldUpSinceMs: Number.POSITIVE_INFINITY,
    })
    this.auction.leave(line, nowMs)
    this.tickAtMs = Math.min(this.tickAtMs, nowMs + tickMs)
    const price = tokenAmount(pay / BigInt(units))
    line.stretch({ type: 'walk-in-award', epoch: epochOfJobs, price })
    rail.awards.keep({
      atMs: Math.floor(room.ports.clock.wallMs()),
      torrent: facts.id,
      account: requester,
      side: 'earning',
      reason: 'job',
      epoch: epochOfJobs,
      price,
      postedPrice: this.auction.postedPrice,
    })
  }

  private end(requester: AccountId, nowMs: number): void {
    if (!this.serving.delete(requester)) return
    if (this.serving.size === 0) this.tickAtMs = Number.POSITIVE_INFINITY
    const dealing = this.dealings.get(requester)
    if (dealing === undefined) return
    const { line, isWanting } = dealing
    line.stretch({ type: 'share-lost', epoch: epochOfJobs, owedBytes: 0 })
    this.auction.setJobShares(this.takenShares, nowMs)
    this.auction.join(line, nowMs)
    if (isWanting) this.auction.told(line, { type: 'want-share', isWanting }, undefined, nowMs)
  }

  private cheated({
    requester,
    kind,
    isProvable,
    proofs,
  }: Extract<ProcurementProviderOutput, { type: 'fraud' }>): void {
    // What nobody can prove may be no more than a message that came late.
    if (!isProvable) return
    const kept = proofs.map((bytes) => this.proofs.split(bytes))
    this.place.keepProofs(requester, kind, kept)
    this.dealings.get(requester)?.line.ban(`its job does not add up: ${kind}`)
  }
}
