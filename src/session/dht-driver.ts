// The session's node of the DHT (BEP 5): runs a DhtNode over the session's UDP sockets, finds it nodes to begin with,
// remembers its tables, and lets the torrents look things up in turn.
// Guarantees: not more than so many lookups at once, however many torrents there are; those that ask before the first
// nodes are known wait; while the session takes no part in the DHT nothing is sent, answered or remembered. Owns the node.
import type { AddressFamily, Endpoint, IpAddress } from '../base/endpoint.ts'
import type { DhtInput, DhtOutput, DhtSnapshot, DhtTask, LookupOutcome } from '../dht/dht-events.ts'
import { DhtNode } from '../dht/dht-node.ts'
import { savedPlaces } from '../dht/saved-tables.ts'
import { acceptsPeer, addressClass, type PeerOrigin } from '../formats/address-class.ts'
import type { PeerAddress } from '../formats/magnet.ts'
import type { FileRoot } from '../ports/files.ts'
import type { DatagramRouting } from './datagram-routing.ts'
import { readWhole } from './read-whole.ts'
import { RequestLane } from './request-lanes.ts'
import type { SessionConfig } from './session-config.ts'
import type { SessionPorts } from './session-ports.ts'
import type { Settling } from './settling.ts'
import type { Turns, WakeOwner } from './turns.ts'

export interface DhtDriverOptions {
  readonly turns: Turns
  readonly ports: Pick<SessionPorts, 'random' | 'resolver' | 'itemSignatures'>
  readonly config: Pick<SessionConfig, 'dht' | 'restoresAll'>
  readonly stateRoot: FileRoot
  readonly datagrams: Pick<DatagramRouting, 'endpoint' | 'endpoints' | 'send'>
  readonly touch: (settling: Settling) => void
  readonly noteOwnAddress: (ip: IpAddress) => void
}

/** Who looks something up. Called within a turn, never from inside `lookUp`. */
export interface DhtSeeker {
  /** New ones as they come. `from`: the node that named them. */
  takePeers(peers: readonly Endpoint[], from: Endpoint, nowMs: number): void
  lookedUp(search: DhtSearch, outcome: LookupOutcome, nowMs: number): void
}

/** A lookup that waits or is under way. */
export interface DhtSearch {
  readonly host: string
  readonly task: DhtTask
  readonly seeker: DhtSeeker
  /** Its number once it is under way; before, 0. */
  ticket: number
}

const tablesFile = 'dht-nodes'
const maxTablesBytes = 2_000_000
const maxLookups = 16
/** When the tables are remembered for the first time, and then again. */
const firstSaveMs = 30_000
const saveIntervalMs = 600_000
/** Of nodes from before, for a session that begins with a new id. */
const maxKnownNodes = 64

export class DhtDriver implements Settling {
  private readonly options: DhtDriverOptions
  private readonly wakeOwner: WakeOwner
  private readonly saveOwner: WakeOwner
  private readonly abort = new AbortController()
  private readonly lane: RequestLane<DhtSearch>
  /** Until the first nodes are known. */
  private readonly early = new Set<DhtSearch>()
  private readonly underWay = new Map<number, DhtSearch>()
  private node: DhtNode | undefined
  /** Of the node's places, in their order. */
  private families: readonly AddressFamily[] = []
  /** Nodes to begin with that are known from before. */
  private known: readonly Endpoint[] = []
  private nextTicket = 1
  private isReady = false
  private isResolving = false

  constructor(options: DhtDriverOptions) {
    const { turns } = options
    this.options = options
    this.wakeOwner = turns.register((nowMs) => this.handle({ type: 'wake' }, nowMs))
    this.saveOwner = turns.register((nowMs) => {
      void this.save()
      turns.wakeAt(this.saveOwner, nowMs + saveIntervalMs)
    })
    this.lane = new RequestLane<DhtSearch>({ maxUnderWay: maxLookups, maxPerHost: maxLookups }, (search) =>
      this.begin(search),
    )
  }

  /** The session takes part in the DHT. */
  get isOn(): boolean {
    return this.options.config.dht !== undefined
  }

  /** What is remembered is read, and the node started: the sockets are open by now. */
  async open(): Promise<void> {
    const { config, turns, stateRoot } = this.options
    if (config.dht === undefined) return
    const read = await readWhole(stateRoot, [tablesFile], maxTablesBytes)
    // None there yet, or none that can be read: the node finds others as on the first day.
    const tables = read.ok ? read.value : undefined
    // Sessions that share a folder must not share an id.
    const nodes = config.restoresAll ? [] : savedPlaces(tables).flatMap((place) => place.nodes)
    this.known = nodes.slice(-maxKnownNodes).map(({ endpoint }) => endpoint)
    turns.run((nowMs) => this.start(config.restoresAll ? tables : undefined, nowMs))
  }

  /** Sockets came or went: a family that there was no socket of gets a place. */
  socketsChanged(nowMs: number): void {
    if (!this.isOn || this.abort.signal.aborted) return
    const isNew = this.options.datagrams.endpoints.some(({ family }) => !this.families.includes(family))
    if (isNew) this.start(this.node?.saveTables(), nowMs)
  }

  /** A datagram of the DHT; nothing of it is kept. */
  receive(bytes: Uint8Array, address: string, port: number, nowMs: number): void {
    const place = this.families.indexOf(address.includes(':') ? 6 : 4)
    if (this.node === undefined || place === -1) return
    this.node.receive(place, bytes, address, port, nowMs)
    this.options.touch(this)
  }

  /** The UDP port that peers of a family are told; undefined: there is no node for them. */
  port(family: AddressFamily): number | undefined {
    return this.node === undefined ? undefined : this.options.datagrams.endpoint(family)?.port
  }

  /** A node that somebody named; asked before it counts. */
  addNode(endpoint: Endpoint, origin: PeerOrigin, nowMs: number): void {
    if (acceptsPeer(endpoint, origin)) this.handle({ type: 'add-node', endpoint }, nowMs)
  }

  /** Nodes that a torrent names (BEP 5, `nodes`): strangers' word, so nothing local. */
  addNamedNodes(nodes: readonly PeerAddress[]): void {
    if (this.node === undefined || nodes.length === 0) return
    const { turns } = this.options
    turns.after(this.resolve(nodes, false), (endpoints, nowMs) => {
      for (const endpoint of endpoints) this.addNode(endpoint, undefined, nowMs)
    })
  }

  /** When its turn comes; the seeker hears of it unless it is cancelled. */
  lookUp(task: DhtTask, seeker: DhtSeeker): DhtSearch {
    const search: DhtSearch = { host: '', task, seeker, ticket: 0 }
    if (this.isReady) this.lane.add(search)
    else this.early.add(search)
    return search
  }

  cancel(search: DhtSearch, nowMs: number): void {
    this.early.delete(search)
    if (this.underWay.delete(search.ticket)) this.handle({ type: 'cancel', ticket: search.ticket }, nowMs)
    this.lane.end(search)
  }

  settle(nowMs: number): void {
    const { node } = this
    if (node === undefined) return
    for (let output = node.poll(); output !== undefined; output = node.poll()) this.take(output, nowMs)
    this.options.turns.wakeAt(this.wakeOwner, node.nextWakeMs())
  }

  flush(): void {}

  /** Undefined: the session takes no part. */
  snapshot(): DhtSnapshot | undefined {
    return this.node?.snapshot()
  }

  async close(): Promise<void> {
    if (this.abort.signal.aborted) return
    this.abort.abort()
    await this.save()
    this.node = undefined
    this.options.turns.unregister(this.wakeOwner)
    this.options.turns.unregister(this.saveOwner)
  }

  private start(tables: Uint8Array | undefined, nowMs: number): void {
    const { turns, ports, datagrams } = this.options
    const { endpoints } = datagrams
    if (endpoints.length === 0) return
    const wasReady = this.isReady
    this.families = endpoints.map(({ family }) => family)
    this.isReady = false
    this.node = new DhtNode(
      {
        random: ports.random,
        signatures: ports.itemSignatures,
        // An address of its own that anyone can have is our address; one of a local network says nothing.
        places: endpoints.map(({ family, address }) => ({ family, address })),
        savedTables: tables,
      },
      { onSend: (_place, bytes, address, port) => void datagrams.send(bytes, address, port) },
      nowMs,
    )
    const interrupted = [...this.underWay.values()]
    this.underWay.clear()
    for (const search of interrupted) {
      this.lane.end(search)
      this.early.add(search)
    }
    if (this.known.length > 0) this.handle({ type: 'set-bootstrap', endpoints: this.known }, nowMs)
    this.handle({ type: 'start' }, nowMs)
    if (!wasReady) turns.wakeAt(this.saveOwner, nowMs + firstSaveMs)
  }

  private handle(input: DhtInput, nowMs: number): void {
    if (this.node === undefined) return
    this.node.handle(input, nowMs)
    this.options.touch(this)
  }

  private begin(search: DhtSearch): void {
    search.ticket = this.nextTicket++
    this.underWay.set(search.ticket, search)
    this.handle({ type: 'look-up', ticket: search.ticket, task: search.task }, this.options.turns.nowMs())
  }

  private take(output: DhtOutput, nowMs: number): void {
    switch (output.type) {
      case 'ready':
        this.becomeReady()
        break
      case 'needs-bootstrap':
        this.findNodes()
        break
      case 'external-address':
        this.options.noteOwnAddress(output.ip)
        break
      case 'peers':
        this.underWay.get(output.ticket)?.seeker.takePeers(output.peers, output.from, nowMs)
        break
      case 'done': {
        const search = this.underWay.get(output.ticket)
        if (search === undefined) break
        this.underWay.delete(output.ticket)
        this.lane.end(search)
        search.seeker.lookedUp(search, output.outcome, nowMs)
        break
      }
      default:
        // Nobody here looks for items or nodes.
        break
    }
  }

  private becomeReady(): void {
    this.isReady = true
    const early = [...this.early]
    this.early.clear()
    for (const search of early) this.lane.add(search)
  }

  private findNodes(): void {
    const { turns, config } = this.options
    const { bootstrap, mayBootstrapLocally } = config.dht ?? { bootstrap: [], mayBootstrapLocally: false }
    if (this.isResolving || bootstrap.length === 0) return
    this.isResolving = true
    turns.after(this.resolve(bootstrap, mayBootstrapLocally), (endpoints, nowMs) => {
      this.isResolving = false
      if (endpoints.length > 0) {
        this.handle({ type: 'set-bootstrap', endpoints: [...endpoints, ...this.known] }, nowMs)
      }
    })
  }

  /** A name that leads into a local network is followed only where it may. */
  private async resolve(nodes: readonly PeerAddress[], mayBeLocal: boolean): Promise<Endpoint[]> {
    const { resolver } = this.options.ports
    const found = await Promise.all(
      nodes.map(async ({ host, port }) => {
        const resolved = await resolver.resolve(host, 'any', this.abort.signal)
        if (!resolved.ok) return []
        return resolved.value
          .filter(({ address }) => mayBeLocal || addressClass(address) === 'global')
          .map((ip) => ({ ...ip, port }))
      }),
    )
    return found.flat()
  }

  private async save(): Promise<void> {
    if (this.node === undefined || !this.isReady) return
    // What cannot be kept is found again.
    await this.options.stateRoot.replace([tablesFile], this.node.saveTables())
  }
}
