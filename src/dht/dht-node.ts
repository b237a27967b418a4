// A node of the DHT (BEP 5, 32, 33, 42, 43, 44, 45, 51) without I/O: datagrams and wishes in, datagrams and findings out.
// Guarantees: replays from its inputs and random stream; at most one datagram goes out for one that came in from a
// stranger; whatever comes in is bounded in what it makes us send, keep or compute. Owns everything of the node;
// drained by `poll` after each call, and woken at `nextWakeMs`.
import { unreachable } from '../base/assert.ts'
import type { Endpoint } from '../base/endpoint.ts'
import { clientCode } from '../base/ids.ts'
import { decodeKrpc } from '../formats/krpc/decode.ts'
import { encodeKrpc, type SentMessage } from '../formats/krpc/encode.ts'
import type { KrpcError, KrpcQuery, KrpcResponse, RefusedQuery } from '../formats/krpc/message.ts'
import type { ItemSignatures } from '../ports/item-signatures.ts'
import type { Random } from '../ports/random.ts'
import { Answering } from './answering.ts'
import type { DhtCounters, DhtInput, DhtOutput, DhtSink, DhtSnapshot } from './dht-events.ts'
import { DhtPlace, type DhtPlaceOptions } from './dht-place.ts'
import { ItemStore, type ItemStoreOptions } from './item-store.ts'
import { Maintenance } from './maintenance.ts'
import { PeerStore, type PeerStoreOptions } from './peer-store.ts'
import { type QueryLimitOptions, QueryLimits } from './query-limits.ts'
import { type QueryBody, type QueryPurpose, RunningLookups } from './running-lookups.ts'
import { savedPlaces } from './saved-tables.ts'
import { type Transaction, Transactions } from './transactions.ts'
import { WriteTokens } from './write-tokens.ts'

export interface DhtNodeOptions {
  readonly random: Random
  readonly signatures: ItemSignatures
  /** One a socket, one at least. */
  readonly places: readonly DhtPlaceOptions[]
  readonly isReadOnly?: boolean
  /** Of `saveTables`; anything else counts as none. */
  readonly savedTables?: Uint8Array | undefined
  /** S17, where not said. */
  readonly limits?: Partial<QueryLimitOptions>
  readonly peerStore?: PeerStoreOptions
  readonly itemStore?: ItemStoreOptions
}

/** S17. */
const usualQueryLimits: QueryLimitOptions = { queriesPerSecond: 5, answerBytesPerSecond: 8_000 }

/** Client code and two bytes of our own. */
const version = Uint8Array.of(clientCode.charCodeAt(0), clientCode.charCodeAt(1), 0, 1)

export class DhtNode {
  private readonly sink: DhtSink
  private readonly random: Random
  private readonly places: readonly DhtPlace[]
  private readonly transactions: Transactions<QueryPurpose>
  private readonly limits: QueryLimits
  private readonly peers: PeerStore
  private readonly items: ItemStore
  private readonly answering: Answering
  private readonly lookups: RunningLookups
  private readonly maintenance: Maintenance
  private readonly outputs: DhtOutput[] = []
  private nextOutput = 0
  private isReadOnly: boolean
  private readonly counters: DhtCounters = {
    queriesReceived: 0,
    queriesAnswered: 0,
    queriesDropped: 0,
    queriesSent: 0,
    answersReceived: 0,
    timeouts: 0,
    malformed: 0,
  }

  constructor(options: DhtNodeOptions, sink: DhtSink, nowMs: number) {
    const { random, signatures } = options
    this.sink = sink
    this.random = random
    this.isReadOnly = options.isReadOnly ?? false
    const saved = savedPlaces(options.savedTables)
    this.places = options.places.map((place, index) => {
      const known = saved.filter(({ family }) => family === place.family)
      const nth = options.places.slice(0, index).filter(({ family }) => family === place.family).length
      const made = new DhtPlace(index, place, known[nth]?.id, random, nowMs)
      for (const { id, endpoint } of known[nth]?.nodes ?? []) made.table.restore(id, endpoint, nowMs)
      return made
    })
    const { places } = this
    this.transactions = new Transactions(random)
    this.limits = new QueryLimits({ ...usualQueryLimits, ...options.limits }, nowMs)
    this.peers = new PeerStore(random, options.peerStore)
    this.items = new ItemStore(signatures, options.itemStore)
    const tokens = new WriteTokens(random, nowMs)
    this.answering = new Answering({ places, peers: this.peers, items: this.items, tokens, version })
    this.lookups = new RunningLookups({
      places,
      signatures,
      ask: (place, endpoint, body, purpose, atMs) => this.ask(place, endpoint, body, purpose, atMs),
      emit: (output) => void this.outputs.push(output),
      onMaintained: (place, atMs) => this.maintenance.onMaintained(place, atMs),
    })
    this.maintenance = new Maintenance({
      places,
      random,
      lookups: this.lookups,
      emit: (output) => void this.outputs.push(output),
      check: (place, endpoint, atMs) => void this.ask(place, endpoint, { method: 'ping' }, { type: 'check' }, atMs),
      sweep: (atMs) => {
        this.peers.sweep(atMs)
        this.items.sweep(atMs)
      },
    })
  }

  handle(input: DhtInput, nowMs: number): void {
    switch (input.type) {
      case 'start':
        this.maintenance.start(nowMs)
        break
      case 'set-bootstrap':
        this.lookups.setBootstrap(input.endpoints)
        this.maintenance.onBootstrap(nowMs)
        break
      case 'add-node':
        this.addNode(input.endpoint, nowMs)
        break
      case 'look-up':
        this.lookups.start(input.ticket, input.task, this.random.below(this.places.length), nowMs)
        break
      case 'cancel':
        this.lookups.cancel(input.ticket)
        break
      case 'set-read-only':
        this.isReadOnly = input.isReadOnly
        break
      case 'wake':
        this.wake(nowMs)
        break
      default:
        unreachable(input)
    }
  }

  /** A datagram that came to a place; nothing of it is kept after the call. */
  receive(place: number, datagram: Uint8Array, address: string, port: number, nowMs: number): void {
    const at = this.places[place]
    const decoded = decodeKrpc(datagram)
    if (!decoded.ok || at === undefined) {
      this.counters.malformed++
      return
    }
    const message = decoded.value
    if (message.type === 'query' || message.type === 'refused-query') {
      this.answer(message, at, { family: at.family, address, port }, datagram.length, nowMs)
    } else {
      this.settle(message, at, address, port, nowMs)
    }
  }

  poll(): DhtOutput | undefined {
    const output = this.outputs[this.nextOutput]
    if (output === undefined) {
      this.outputs.length = 0
      this.nextOutput = 0
    } else {
      this.nextOutput++
    }
    return output
  }

  nextWakeMs(): number {
    return Math.min(this.transactions.nextMs, this.maintenance.nextWakeMs(), this.lookups.nextStartMs())
  }

  snapshot(): DhtSnapshot {
    return {
      isReadOnly: this.isReadOnly,
      places: this.places.map((place) => place.snapshot()),
      lookups: this.lookups.size,
      infoHashesStored: this.peers.infoHashCount,
      peersStored: this.peers.size,
      itemsStored: this.items.size,
      counters: { ...this.counters },
    }
  }

  /** The tables, for `savedTables` after a restart. */
  saveTables(): Uint8Array {
    return this.maintenance.saveTables()
  }

  private addNode(endpoint: Endpoint, nowMs: number): void {
    const place = this.places.find(({ family }) => family === endpoint.family)
    if (place === undefined || place.table.find(endpoint) !== undefined) return
    place.welcome(endpoint)
    this.maintenance.onNewcomer(place, nowMs)
  }

  private wake(nowMs: number): void {
    this.transactions.expire(
      nowMs,
      (transaction) => this.onSlow(transaction, nowMs),
      (transaction) => this.onLost(transaction, nowMs),
    )
    this.lookups.startDue(nowMs)
    this.maintenance.wake(nowMs)
  }

  private answer(
    query: KrpcQuery | RefusedQuery,
    place: DhtPlace,
    endpoint: Endpoint,
    queryBytes: number,
    nowMs: number,
  ): void {
    this.counters.queriesReceived++
    if (this.isReadOnly) return
    if (!this.limits.admits(endpoint.address, nowMs)) {
      this.counters.queriesDropped++
      return
    }
    const datagram = this.answering.answer(query, place, endpoint, queryBytes, nowMs)
    if (datagram !== undefined) {
      this.limits.spend(datagram.length)
      this.counters.queriesAnswered++
      this.sink.onSend(place.index, datagram, endpoint.address, endpoint.port)
    }
    if (query.type === 'refused-query' || query.isReadOnly) return
    if (!place.table.asked(query.id, endpoint, nowMs)) return
    place.welcome(endpoint)
    this.maintenance.onNewcomer(place, nowMs)
  }

  private settle(
    message: KrpcResponse | KrpcError,
    place: DhtPlace,
    address: string,
    port: number,
    nowMs: number,
  ): void {
    const transaction = this.transactions.end(message.transactionId, place.index, address, port, nowMs)
    if (transaction === undefined) return
    const { endpoint, purpose } = transaction
    this.counters.answersReceived++
    place.heardMs = nowMs
    if (message.ip !== undefined && place.external.vote(address, message.ip)) {
      this.outputs.push({ type: 'external-address', place: place.index, ip: message.ip })
      if (place.fitId(nowMs)) this.maintenance.onNewId(place, nowMs)
    }
    const isAnswer = message.type === 'response'
    if (isAnswer) place.table.answered(message.id, endpoint, nowMs)
    if (purpose.type === 'check') return
    const isStore = purpose.type === 'store'
    if (isAnswer) this.lookups.answered(purpose.run, purpose.candidate, isStore, message, nowMs)
    else this.lookups.failed(purpose.run, purpose.candidate, isStore, message.code, nowMs)
  }

  private onSlow({ purpose }: Transaction<QueryPurpose>, nowMs: number): void {
    if (purpose.type !== 'check') this.lookups.slow(purpose.run, purpose.candidate, purpose.type === 'store', nowMs)
  }

  private onLost({ place: index, endpoint, purpose, sentMs }: Transaction<QueryPurpose>, nowMs: number): void {
    const place = this.places[index]
    this.counters.timeouts++
    // While nobody at all is heard it is our own line that is dead, and no node's fault.
    if (place !== undefined && place.heardMs >= sentMs) place.table.failed(endpoint, nowMs)
    if (purpose.type === 'check') return
    this.lookups.failed(purpose.run, purpose.candidate, purpose.type === 'store', undefined, nowMs)
  }

  private ask(place: DhtPlace, endpoint: Endpoint, body: QueryBody, purpose: QueryPurpose, nowMs: number): boolean {
    if (!this.transactions.hasRoom) return false
    const transactionId = this.transactions.begin(place.index, endpoint, purpose, nowMs)
    const envelope = { type: 'query', transactionId, version, id: place.ownId, isReadOnly: this.isReadOnly } as const
    const message: SentMessage = { ...envelope, ...body }
    this.counters.queriesSent++
    this.sink.onSend(place.index, encodeKrpc(message), endpoint.address, endpoint.port)
    return true
  }
}
