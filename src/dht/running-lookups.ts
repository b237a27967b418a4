// The lookups of a node under way (BEP 5, 33, 44): what was asked for, on each place it runs at, and then storing at the
// closest nodes. Guarantees: each ticket ends with one `done`, whatever others answer; items are verified before they
// are told; peers are told once, and only those that their teller may name. Owns the jobs and their lookups.

import { equalBytes } from '../base/bytes.ts'
import type { AddressFamily, Endpoint } from '../base/endpoint.ts'
import { decodeCompactEndpoint, endpointKey } from '../formats/compact-endpoint.ts'
import { emptyBloomFilter, estimateMembers, mergeBloomFilter } from '../formats/krpc/bloom-filter.ts'
import { decodeCompactNodes } from '../formats/krpc/compact-node.ts'
import type { KrpcQuery, KrpcResponse, StoredItem } from '../formats/krpc/message.ts'
import { copyItem, itemTarget, signedBytes } from '../formats/krpc/stored-item.ts'
import type { ItemSignatures } from '../ports/item-signatures.ts'
import { mayTell } from './address-limits.ts'
import type { DhtOutput, DhtTask } from './dht-events.ts'
import type { DhtPlace } from './dht-place.ts'
import { type Candidate, Lookup, lookupWidth } from './lookup.ts'
import type { KnownNode } from './routing-table.ts'

/** A query without what every query has. */
export type QueryBody = KrpcQuery extends infer Query
  ? Query extends KrpcQuery
    ? Omit<Query, 'type' | 'transactionId' | 'version' | 'ip' | 'id' | 'isReadOnly'>
    : never
  : never

/** What a query of ours is for. */
export type QueryPurpose =
  | { readonly type: 'check' }
  | { readonly type: 'look' | 'store'; readonly run: Run; readonly candidate: Candidate }

export interface RunningLookupsOptions {
  readonly places: readonly DhtPlace[]
  readonly signatures: ItemSignatures
  /** False: not sent, as too many are under way. */
  readonly ask: (place: DhtPlace, endpoint: Endpoint, body: QueryBody, purpose: QueryPurpose, nowMs: number) => boolean
  readonly emit: (output: DhtOutput) => void
  /** A lookup for the sake of a place's table is over. */
  readonly onMaintained: (place: DhtPlace, nowMs: number) => void
}

/** One thing asked for, on all its places. */
interface Job {
  /** Undefined: for the table's own sake. */
  readonly ticket: number | undefined
  readonly task: DhtTask
  readonly target: Uint8Array
  readonly runs: Run[]
  readonly toldPeers: Set<string>
  item: StoredItem | undefined
  seeds: Uint8Array | undefined
  peers: Uint8Array | undefined
  storedNodes: number
  readonly refusals: number[]
  foundAfterHops: number | undefined
}

/** A job on one place. */
export interface Run {
  readonly job: Job
  readonly place: DhtPlace
  readonly startsAtMs: number
  lookup: Lookup | undefined
  phase: 'waiting' | 'looking' | 'storing' | 'over'
  storesUnderWay: number
}

const maxToldPeers = 5_000
const maxRefusals = 32
const maxNodesTold = 16
/** Several addresses of one node do not fall upon the same nodes at the same time (BEP 45). */
const placeDelayMs = 5_000

function targetOf(task: DhtTask): Uint8Array {
  switch (task.type) {
    case 'get':
    case 'find-nodes':
      return task.target
    case 'put':
      return itemTarget(task.item)
    default:
      return task.infoHash
  }
}

export class RunningLookups {
  private readonly options: RunningLookupsOptions
  private readonly jobs = new Set<Job>()
  private readonly byTicket = new Map<number, Job>()
  private readonly known: KnownNode[] = []
  private bootstrap: readonly Endpoint[] = []

  constructor(options: RunningLookupsOptions) {
    this.options = options
  }

  get size(): number {
    return this.byTicket.size
  }

  /** When a place that waits for its turn begins. */
  nextStartMs(): number {
    let earliestMs = Number.POSITIVE_INFINITY
    for (const { runs } of this.jobs) {
      for (const { phase, startsAtMs } of runs) {
        if (phase === 'waiting') earliestMs = Math.min(earliestMs, startsAtMs)
      }
    }
    return earliestMs
  }

  setBootstrap(endpoints: readonly Endpoint[]): void {
    this.bootstrap = endpoints
  }

  /** On one place of each family, chosen by `turn`; an announce on all, one after the other. */
  start(ticket: number, task: DhtTask, turn: number, nowMs: number): void {
    const job = this.newJob(ticket, task)
    this.byTicket.set(ticket, job)
    for (const family of [4, 6] as const) {
      const places = this.options.places.filter((place) => place.family === family)
      const chosen = task.type === 'announce' ? places : places.slice(turn % places.length).slice(0, 1)
      for (const [index, place] of chosen.entries()) this.addRun(job, place, nowMs + index * placeDelayMs)
    }
    this.startDue(nowMs)
  }

  /** For the table's own sake. */
  maintain(place: DhtPlace, target: Uint8Array, nowMs: number): void {
    const job = this.newJob(undefined, { type: 'find-nodes', target })
    place.maintenance++
    this.addRun(job, place, nowMs)
    this.startDue(nowMs)
  }

  cancel(ticket: number): void {
    const job = this.byTicket.get(ticket)
    if (job === undefined) return
    this.byTicket.delete(ticket)
    this.jobs.delete(job)
    for (const run of job.runs) run.phase = 'over'
  }

  startDue(nowMs: number): void {
    for (const job of this.jobs) {
      for (const run of job.runs) {
        if (run.phase === 'waiting' && run.startsAtMs <= nowMs) this.begin(run, nowMs)
      }
      this.conclude(job, nowMs)
    }
  }

  answered(run: Run, candidate: Candidate, isStore: boolean, response: KrpcResponse, nowMs: number): void {
    if (run.phase === 'over') return
    if (isStore) {
      run.job.storedNodes++
      run.storesUnderWay--
    } else {
      this.take(run, candidate, response)
      this.advance(run, nowMs)
    }
    this.conclude(run.job, nowMs)
  }

  /** `code`: of the error it answered with; undefined: it did not answer. */
  failed(run: Run, candidate: Candidate, isStore: boolean, code: number | undefined, nowMs: number): void {
    if (run.phase === 'over') return
    if (isStore) {
      run.storesUnderWay--
      if (code !== undefined && run.job.refusals.length < maxRefusals) run.job.refusals.push(code)
    } else {
      run.lookup?.failed(candidate)
      this.advance(run, nowMs)
    }
    this.conclude(run.job, nowMs)
  }

  slow(run: Run, candidate: Candidate, isStore: boolean, nowMs: number): void {
    if (run.phase === 'over' || isStore) return
    run.lookup?.slow(candidate)
    this.advance(run, nowMs)
    this.conclude(run.job, nowMs)
  }

  private newJob(ticket: number | undefined, task: DhtTask): Job {
    const job: Job = {
      ticket,
      task,
      target: targetOf(task),
      runs: [],
      toldPeers: new Set(),
      item: undefined,
      seeds: undefined,
      peers: undefined,
      storedNodes: 0,
      refusals: [],
      foundAfterHops: undefined,
    }
    this.jobs.add(job)
    return job
  }

  private addRun(job: Job, place: DhtPlace, startsAtMs: number): void {
    job.runs.push({ job, place, startsAtMs, lookup: undefined, phase: 'waiting', storesUnderWay: 0 })
  }

  private begin(run: Run, nowMs: number): void {
    const { place, job } = run
    // What is stored, and looked for, may be what Sybils are after; the table's own lookups go by what is there.
    const lookup = new Lookup(job.target, place.ownId, job.ticket === undefined ? undefined : place.table.neighbour())
    run.lookup = lookup
    run.phase = 'looking'
    const count = place.table.closest(job.target, false, this.known, 2 * lookupWidth)
    for (const { id, endpoint } of this.known.slice(0, count)) lookup.know(id, endpoint)
    if (count < lookupWidth) {
      for (const endpoint of this.bootstrap) if (endpoint.family === place.family) lookup.know(undefined, endpoint)
    }
    this.advance(run, nowMs)
  }

  private advance(run: Run, nowMs: number): void {
    const { lookup, place, job } = run
    if (run.phase !== 'looking' || lookup === undefined) return
    for (;;) {
      const candidate = lookup.next()
      if (candidate === undefined) break
      const purpose = { type: 'look', run, candidate } as const
      if (!this.options.ask(place, candidate.endpoint, this.lookBody(job), purpose, nowMs)) lookup.failed(candidate)
    }
    if (!lookup.isDone) return
    if (isFruitless(job) && lookup.setOutAgain()) this.advance(run, nowMs)
    else this.store(run, lookup, nowMs)
  }

  private lookBody({ task, target, ticket }: Job): QueryBody {
    const { places } = this.options
    const isDual = ticket === undefined && places.some(({ family }) => family !== places[0]?.family)
    const want = isDual ? 'both' : 'default'
    switch (task.type) {
      case 'find-nodes':
        return { method: 'find_node', target, want }
      case 'get-peers':
        return { method: 'get_peers', infoHash: target, want, noSeeds: task.noSeeds, isScrape: task.isScrape }
      case 'announce':
        return { method: 'get_peers', infoHash: target, want, noSeeds: false, isScrape: false }
      default:
        return { method: 'get', target, want }
    }
  }

  private store(run: Run, lookup: Lookup, nowMs: number): void {
    const { job, place } = run
    run.phase = 'storing'
    if (job.task.type !== 'announce' && job.task.type !== 'put') return
    for (const candidate of lookup.closest(true)) {
      if (isOutdated(job, candidate)) continue
      const body = storeBody(job.task, candidate)
      const purpose = { type: 'store', run, candidate } as const
      if (this.options.ask(place, candidate.endpoint, body, purpose, nowMs)) run.storesUnderWay++
    }
  }

  private conclude(job: Job, nowMs: number): void {
    for (const run of job.runs) {
      if (run.phase === 'storing' && run.storesUnderWay === 0) run.phase = 'over'
    }
    const isFound = job.task.type === 'get' && job.item?.kind === 'immutable'
    if (!isFound && job.runs.some(({ phase }) => phase !== 'over')) return
    if (!this.jobs.delete(job)) return
    for (const run of job.runs) run.phase = 'over'
    if (job.ticket === undefined) {
      for (const { place } of job.runs) {
        place.maintenance--
        this.options.onMaintained(place, nowMs)
      }
      return
    }
    this.byTicket.delete(job.ticket)
    this.tell(job, job.ticket)
  }

  private tell(job: Job, ticket: number): void {
    const { emit } = this.options
    const counts = job.runs.map(({ lookup }) => lookup?.counts ?? { asked: 0, answered: 0 })
    if (job.task.type === 'find-nodes') {
      const nodes = job.runs.flatMap(({ lookup }) => lookup?.closest(false) ?? []).map(({ endpoint }) => endpoint)
      emit({ type: 'nodes', ticket, nodes })
    }
    const outcome = {
      askedNodes: counts.reduce((sum, { asked }) => sum + asked, 0),
      answeredNodes: counts.reduce((sum, { answered }) => sum + answered, 0),
      storedNodes: job.storedNodes,
      refusals: job.refusals,
      foundAfterHops: job.foundAfterHops,
      seeds: job.seeds === undefined ? undefined : Math.round(estimateMembers(job.seeds)),
      peers: job.peers === undefined ? undefined : Math.round(estimateMembers(job.peers)),
    }
    emit({ type: 'done', ticket, outcome })
  }

  private take(run: Run, candidate: Candidate, response: KrpcResponse): void {
    const { job, lookup, place } = run
    if (lookup === undefined) return
    const known = lookup.answered(candidate, response.id, response.token)
    if (known === undefined) return
    known.sequence = response.item?.kind === 'mutable' ? response.item.sequence : response.sequence
    const packed = place.family === 4 ? response.nodes : response.nodes6
    if (packed !== undefined) lookup.learnAll(decodeCompactNodes(packed, place.family, maxNodesTold), known)
    if (job.ticket === undefined) this.introduce(place, response, known)
    else this.takeFound(job, known, response)
  }

  /** Nodes of the other family go to a place of that family, which may know too few (BEP 32). */
  private introduce(place: DhtPlace, response: KrpcResponse, teller: Candidate): void {
    const family: AddressFamily = place.family === 4 ? 6 : 4
    const packed = family === 4 ? response.nodes : response.nodes6
    if (packed === undefined) return
    const other = this.options.places.find((one) => one.family === family && one.table.size < lookupWidth)
    if (other === undefined) return
    for (const { endpoint } of decodeCompactNodes(packed, family, lookupWidth)) {
      if (mayTell(teller.endpoint.address, endpoint)) other.welcome(endpoint)
    }
  }

  private takeFound(job: Job, teller: Candidate, response: KrpcResponse): void {
    const { values, item, seedFilter, peerFilter } = response
    const { type } = job.task
    if (type === 'get-peers' || type === 'announce') {
      if (values !== undefined) this.tellPeers(job, teller, values)
      job.seeds = merged(job.seeds, seedFilter)
      job.peers = merged(job.peers, peerFilter)
    } else if (type === 'get' && item !== undefined) {
      this.tellItem(job, job.task, teller, item)
    } else if (type === 'put' && job.task.expectedSequence !== undefined && item?.kind === 'mutable') {
      const { item: own } = job.task
      const salted = { ...item, salt: own.kind === 'mutable' ? own.salt : item.salt }
      if (isNewer(salted, job.item) && this.isGenuine(job, salted)) job.item = copyItem(salted)
    }
  }

  private tellPeers(job: Job, teller: Candidate, values: readonly Uint8Array[]): void {
    const fresh: Endpoint[] = []
    for (const value of values) {
      const peer = decodeCompactEndpoint(value, 0, value.length === 6 ? 4 : 6)
      if (peer === undefined || !mayTell(teller.endpoint.address, peer)) continue
      const key = endpointKey(peer)
      if (job.toldPeers.has(key) || job.toldPeers.size >= maxToldPeers) continue
      job.toldPeers.add(key)
      fresh.push(peer)
    }
    if (fresh.length === 0 || job.ticket === undefined) return
    job.foundAfterHops ??= teller.hops
    this.options.emit({ type: 'peers', ticket: job.ticket, from: teller.endpoint, peers: fresh })
  }

  private tellItem(job: Job, task: DhtTask & { type: 'get' }, teller: Candidate, told: StoredItem): void {
    const salted = told.kind === 'mutable' ? { ...told, salt: task.salt } : told
    if (!isNewer(salted, job.item) || !this.isGenuine(job, salted)) return
    // Its bytes are views of a datagram that is about to go.
    const item = copyItem(salted)
    job.item = item
    job.foundAfterHops ??= teller.hops
    if (job.ticket !== undefined) this.options.emit({ type: 'item', ticket: job.ticket, item })
  }

  private isGenuine(job: Job, item: StoredItem): boolean {
    if (!equalBytes(itemTarget(item), job.target)) return false
    if (item.kind === 'immutable') return true
    return this.options.signatures.verify(item.publicKey, signedBytes(item), item.signature)
  }
}

function isNewer(item: StoredItem, best: StoredItem | undefined): boolean {
  if (best === undefined) return true
  return item.kind === 'mutable' && best.kind === 'mutable' && item.sequence > best.sequence
}

/** Nobody told of peers or an item: nobody has them, or those who were asked are in league. */
function isFruitless({ task, ticket, foundAfterHops }: Job): boolean {
  return ticket !== undefined && task.type !== 'find-nodes' && foundAfterHops === undefined
}

/**
 * Whether a node would take an item that is to replace another although there is a later one by now (BEP 44): it did not
 * get that one. Those that did are asked, and refuse.
 */
function isOutdated({ task, item }: Job, { sequence }: Candidate): boolean {
  if (task.type !== 'put' || task.expectedSequence === undefined || item?.kind !== 'mutable') return false
  return item.sequence > task.expectedSequence && (sequence === undefined || sequence < item.sequence)
}

function storeBody(task: DhtTask & { type: 'announce' | 'put' }, { token, sequence }: Candidate): QueryBody {
  const shown = token ?? new Uint8Array(0)
  if (task.type === 'put') {
    // Who has no item has no sequence number to compare with (BEP 44).
    const expectedSequence = sequence === undefined ? undefined : task.expectedSequence
    return { method: 'put', token: shown, item: task.item, expectedSequence }
  }
  const { infoHash, port, isSeed } = task
  return {
    method: 'announce_peer',
    infoHash,
    port: port ?? 0,
    isPortImplied: port === undefined,
    token: shown,
    isSeed,
  }
}

/** `told` added to what is known of members; both may be absent. */
function merged(known: Uint8Array | undefined, told: Uint8Array | undefined): Uint8Array | undefined {
  if (told === undefined) return known
  const filter = known ?? emptyBloomFilter()
  mergeBloomFilter(filter, told)
  return filter
}
