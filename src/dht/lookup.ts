// One iterative lookup (BEP 5): asks nodes closer and closer to a target, three at a time, until the eight closest it
// heard of have answered, and where they stand closer together than nodes do elsewhere, which is what Sybils look like,
// all so far out as eight would be. Decides only whom to ask next; queries are the owner's.
// Guarantees: ends whatever others answer; nobody is asked twice; one node an address and /24; nodes whose id does not
// fit their address (BEP 42) are asked beside the others, but neither end a lookup nor push others out of it; who named
// only dead nodes names no more; a lookup that found nothing sets out once more from other nodes of our own.

import { equalBytes } from '../base/bytes.ts'
import type { Endpoint } from '../base/endpoint.ts'
import { mayHaveId, mayTell, type Placement, placementOf } from './address-limits.ts'
import { compareDistances, idAtDistance } from './node-distance.ts'

export const lookupWidth = 8
/** However close together they are. */
const maxWidth = 24
const concurrency = 3
/** Not fitting ones under way beside the others, and asked in all. */
const strangerConcurrency = 1
const maxStrangersAsked = 16
const maxCandidates = 100
const maxStrangers = 24
const maxAsked = 120
/** Of one answer and family; more than eight are never right. */
const maxTold = 8
const maxDeadReferrals = 4
/** Not fitting nodes that get what is stored too: many of today's nodes are such. */
const maxStrangersStored = 3

export interface Candidate {
  /** Undefined: a node to begin with, whose id its answer tells. */
  readonly id: Uint8Array | undefined
  readonly endpoint: Endpoint
  readonly placement: Placement
  readonly fits: boolean
  /** Who told of it; undefined: we knew it. */
  readonly source: Candidate | undefined
  /** From what we knew. */
  readonly hops: number
  state: 'new' | 'asked' | 'slow' | 'answered' | 'failed'
  /** What it wants to see before it stores something. */
  token: Uint8Array | undefined
  /** Of the mutable item it has (BEP 44). */
  sequence: bigint | undefined
  deadReferrals: number
  liveReferrals: number
}

export interface LookupCounts {
  asked: number
  answered: number
}

export class Lookup {
  readonly target: Uint8Array
  readonly counts: LookupCounts = { asked: 0, answered: 0 }
  private readonly ownId: Uint8Array
  /** Nodes to begin with, whose ids are not known. */
  private readonly starts: Candidate[] = []
  /** Closest first. */
  private readonly fitting: Candidate[] = []
  private readonly strangers: Candidate[] = []
  private readonly byPlace = new Map<string, Candidate>()
  private readonly blocks = new Map<string, Candidate>()
  private strangersAsked = 0
  /** Of those we knew ourselves, how many are asked however close others are. */
  private ownWidth = 0
  /** Nodes closer than this belong to the eight closest of a network that is as dense everywhere. */
  private readonly edge: Uint8Array | undefined

  /** `neighbour`: the eighth closest to ourselves that fits, undefined where that is not known or nobody is to be found. */
  constructor(target: Uint8Array, ownId: Uint8Array, neighbour?: Uint8Array) {
    this.target = target.slice()
    this.ownId = ownId.slice()
    this.edge = neighbour === undefined ? undefined : idAtDistance(target, ownId, neighbour)
  }

  /** A node of the table, or one to begin with where `id` is undefined. */
  know(id: Uint8Array | undefined, endpoint: Endpoint): void {
    this.add(id, endpoint, undefined)
  }

  /** A node that `source` named. */
  learn(id: Uint8Array, endpoint: Endpoint, source: Candidate): void {
    if (mayTell(source.endpoint.address, endpoint)) this.add(id, endpoint, source)
  }

  /** Takes the nodes of one answer; `told` are more than it may say where it is hostile. */
  learnAll(told: readonly { readonly id: Uint8Array; readonly endpoint: Endpoint }[], source: Candidate): void {
    for (const { id, endpoint } of told.slice(0, maxTold)) this.learn(id, endpoint, source)
  }

  /** Whom to ask now; undefined: nobody, for now or at all. Counts as asked. */
  next(): Candidate | undefined {
    if (this.counts.asked >= maxAsked) return undefined
    const chosen = this.choose()
    if (chosen === undefined) return undefined
    chosen.state = 'asked'
    this.counts.asked++
    if (!chosen.fits) this.strangersAsked++
    return chosen
  }

  /** Nothing is to be expected any more but from slow nodes. */
  get isDone(): boolean {
    if (this.underWay(this.fitting) + this.underWay(this.strangers) + this.underWay(this.starts) > 0) return false
    return this.counts.asked >= maxAsked || this.choose() === undefined
  }

  /**
   * Asks more of those that we knew ourselves, however close to the target others are: who was asked first may have named
   * its accomplices alone. False: it has done so.
   */
  setOutAgain(): boolean {
    if (this.ownWidth > 0) return false
    this.ownWidth = lookupWidth
    return true
  }

  /** `id`: as the answer says. False: it is not who it was said to be, and what it says does not count. */
  answered(candidate: Candidate, id: Uint8Array, token: Uint8Array | undefined): Candidate | undefined {
    if (candidate.id !== undefined && !equalBytes(candidate.id, id)) {
      this.failed(candidate)
      return undefined
    }
    this.counts.answered++
    candidate.state = 'answered'
    if (candidate.source !== undefined) candidate.source.liveReferrals++
    let known = candidate
    if (candidate.id === undefined) {
      if (equalBytes(id, this.ownId)) return undefined
      const kept = id.slice()
      known = { ...candidate, id: kept, fits: mayHaveId(kept, candidate.endpoint.address) }
      this.insert(known)
    }
    known.token = token?.slice()
    return known
  }

  /** Its answer takes longer than others'; it may come yet. */
  slow(candidate: Candidate): void {
    if (candidate.state === 'asked') candidate.state = 'slow'
  }

  failed(candidate: Candidate): void {
    candidate.state = 'failed'
    if (candidate.source !== undefined) candidate.source.deadReferrals++
    const { block } = candidate.placement
    if (block !== undefined && this.blocks.get(block) === candidate) this.blocks.delete(block)
  }

  /** The closest that answered, the closest first; with a token only, where something is to be stored. */
  closest(isForStoring: boolean): Candidate[] {
    const isGood = ({ state, token }: Candidate) => state === 'answered' && !(isForStoring && token === undefined)
    const fitting = this.fitting
      .filter(isGood)
      .slice(0, maxWidth)
      .filter((candidate, index) => index < lookupWidth || this.isWithinEdge(candidate))
    const room = fitting.length === 0 ? lookupWidth : maxStrangersStored
    return [...fitting, ...this.strangers.filter(isGood).slice(0, room)]
  }

  private underWay(candidates: readonly Candidate[]): number {
    let count = 0
    for (const { state } of candidates) {
      if (state === 'asked') count++
    }
    return count
  }

  private choose(): Candidate | undefined {
    const busy = this.underWay(this.fitting) + this.underWay(this.starts)
    if (busy < concurrency) {
      const candidate = this.closestNew(this.fitting)
      if (candidate !== undefined) return candidate
      const own = this.closestNewOfOwn()
      if (own !== undefined) return own
      // Those to begin with carry the load of all newcomers: only where nothing else helps.
      if (this.hasTooFew()) {
        const start = this.starts.find(({ state }) => state === 'new')
        if (start !== undefined) return start
      }
    }
    return this.chooseStranger()
  }

  private closestNewOfOwn(): Candidate | undefined {
    let seen = 0
    for (const candidate of this.fitting) {
      if (candidate.source !== undefined || candidate.state === 'failed') continue
      if (seen++ >= this.ownWidth) return undefined
      if (candidate.state === 'new') return candidate
    }
    return undefined
  }

  private chooseStranger(): Candidate | undefined {
    // A network in which no id fits is one of old programs, and still better than none.
    const areAlone = this.fitting.length === 0
    if (!areAlone && this.strangersAsked >= maxStrangersAsked) return undefined
    const most = areAlone ? concurrency : strangerConcurrency
    return this.underWay(this.strangers) < most ? this.closestNew(this.strangers) : undefined
  }

  private hasTooFew(): boolean {
    let live = 0
    for (const { state } of this.fitting) {
      if (state === 'answered' || state === 'asked') live++
    }
    for (const { state } of this.strangers) {
      if (state === 'answered') live++
    }
    return live < lookupWidth
  }

  private isWithinEdge({ id, fits }: Candidate): boolean {
    const { edge, target } = this
    return fits && id !== undefined && edge !== undefined && compareDistances(target, id, edge) < 0
  }

  /** Among the eight closest that did not fail, and those within the edge; undefined: they have all been asked. */
  private closestNew(candidates: readonly Candidate[]): Candidate | undefined {
    let seen = 0
    for (const candidate of candidates) {
      const { state, source } = candidate
      if (state === 'failed' || state === 'slow') continue
      if (seen === maxWidth || (seen >= lookupWidth && !this.isWithinEdge(candidate))) return undefined
      if (state === 'new' && source !== undefined && isLiar(source)) continue
      if (state === 'new') return candidate
      seen++
    }
    return undefined
  }

  private add(id: Uint8Array | undefined, endpoint: Endpoint, source: Candidate | undefined): void {
    if (id !== undefined && equalBytes(id, this.ownId)) return
    const placement = placementOf(endpoint)
    const { key, block } = placement
    if (this.byPlace.has(key)) return
    const fits = id === undefined || mayHaveId(id, endpoint.address)
    const holder = block === undefined ? undefined : this.blocks.get(block)
    if (holder !== undefined && (holder.fits || !fits)) return
    const candidate: Candidate = {
      id: id?.slice(),
      endpoint,
      placement,
      fits,
      source,
      hops: source === undefined ? 1 : source.hops + 1,
      state: 'new',
      token: undefined,
      sequence: undefined,
      deadReferrals: 0,
      liveReferrals: 0,
    }
    if (id === undefined) this.starts.push(candidate)
    else if (!this.insert(candidate)) return
    this.byPlace.set(key, candidate)
    if (block !== undefined && id !== undefined) this.blocks.set(block, candidate)
  }

  /** False: there are enough closer ones. */
  private insert(candidate: Candidate): boolean {
    const { id, fits } = candidate
    if (id === undefined) return false
    const list = fits ? this.fitting : this.strangers
    let place = list.length
    while (place > 0 && compareDistances(this.target, id, (list[place - 1] as Candidate).id as Uint8Array) < 0) place--
    const most = fits ? maxCandidates : maxStrangers
    if (place >= most) return false
    list.splice(place, 0, candidate)
    if (list.length <= most) return true
    // Forgotten only if it was not asked: an answer under way still counts.
    const farthest = list.findLast(({ state }) => state === 'new' || state === 'failed')
    if (farthest !== undefined) this.forget(list, farthest)
    return farthest !== candidate
  }

  private forget(list: Candidate[], candidate: Candidate): void {
    list.splice(list.indexOf(candidate), 1)
    const { block } = candidate.placement
    if (block !== undefined && this.blocks.get(block) === candidate) this.blocks.delete(block)
    // One that failed stays known by its place, so that it is not asked again.
    if (candidate.state === 'new') this.byPlace.delete(candidate.placement.key)
  }
}

function isLiar({ deadReferrals, liveReferrals }: Candidate): boolean {
  return deadReferrals >= maxDeadReferrals && liveReferrals === 0
}
