// All connections of a session: who is accepted, who is dialled, and how many there may be.
// Guarantees: no more connections, and no more half-open ones, than the limits say; torrents take turns at dialling;
// nothing goes to a banned address, or another way than the session is bound to. Owns the connections.
import type { Endpoint } from '../base/endpoint.ts'
import { type Failure, failure } from '../base/errors.ts'
import { endpointKey } from '../formats/compact-endpoint.ts'
import type { OpeningContext } from '../peer/stream-opening.ts'
import type { Listening, Stream, StreamSink } from '../ports/streams.ts'
import { Connection, type ConnectionHost, type ConnectionOwner } from './connection.ts'
import { EncryptionGate, openingContext, openingWay } from './encryption-gate.ts'
import { isOwnEndpoint, localAddress } from './listening.ts'
import type { SessionRoom } from './session-room.ts'
import type { Torrent } from './torrent.ts'
import type { Turns, WakeOwner } from './turns.ts'
import { isCrowded } from './useless-peers.ts'

export interface ConnectionsOptions {
  readonly room: SessionRoom
  /** The running torrent with this info hash, 20 bytes in hexadecimal. */
  readonly find: (infoHash: string) => Torrent | undefined
  /** The info hash, 20 bytes in hexadecimal, of a torrent that is here, by its `keyedHash` (MSE). */
  readonly infoHashKeyed: (keyedHash: string) => string | undefined
  /** In the order they were started. */
  readonly running: ReadonlySet<Torrent>
  readonly listening: () => readonly Listening[]
}

const maxSelfEndpoints = 100
/** Of all connections; the others are for those who say something, and for those we dial. */
const mostStrangers = 0.5
/** When nobody could be parted with, somebody may be as much later. */
const roomPauseMs = 1_000
const noWay = failure('address-unavailable', 'what this session is bound to has no address of that kind')

export class Connections implements ConnectionHost {
  readonly turns: Turns
  private readonly options: ConnectionsOptions
  private readonly room: SessionRoom
  private readonly all = new Set<Connection>()
  /** Dialled, and not yet past the handshake. */
  private readonly halfOpen = new Set<Connection>()
  /** Came to us, and did not say yet what for. */
  private readonly strangers = new Set<Connection>()
  /** Endpoints behind which we found ourselves. */
  private readonly selves = new Set<string>()
  private readonly bans = new Set<string>()
  private readonly gate = new EncryptionGate()
  private readonly wakeOwner: WakeOwner
  /** Whose turn at dialling is next. */
  private firstTorrent = 0
  private nextRoomMs = 0
  private isClosed = false

  constructor(options: ConnectionsOptions) {
    this.options = options
    this.room = options.room
    this.turns = options.room.turns
    this.wakeOwner = this.turns.register((nowMs) => this.dialMore(nowMs))
  }

  get count(): number {
    return this.all.size
  }

  get halfOpenCount(): number {
    return this.halfOpen.size
  }

  get handshakeTimeoutMs(): number {
    return this.room.config.handshakeTimeoutMs
  }

  /** For Streams.listen. */
  accept(stream: Stream): StreamSink | undefined {
    const { maxConnections } = this.room.config.connections
    if (this.isClosed || this.bans.has(stream.remote.address)) return undefined
    if (this.strangers.size >= Math.max(1, maxConnections * mostStrangers)) return undefined
    const isFull = this.all.size >= maxConnections
    if (isFull && isCrowded(stream.remote.address, this.all)) return undefined
    let accepted: Connection | undefined
    this.turns.run((nowMs) => {
      if (isFull && !this.makeRoom(nowMs)) return
      accepted = Connection.accept(this, stream, nowMs)
      this.all.add(accepted)
      this.strangers.add(accepted)
    })
    return accepted
  }

  ban(address: string, nowMs: number): void {
    this.bans.add(address)
    for (const connection of [...this.all]) {
      if (connection.remote.address === address) connection.end(failure('interrupted', 'the address was banned'), nowMs)
    }
  }

  unban(address: string): void {
    this.bans.delete(address)
  }

  /** By a person, of the whole session. */
  get bannedAddresses(): readonly string[] {
    return [...this.bans]
  }

  noteSelf(endpoint: Endpoint): void {
    if (this.selves.size < maxSelfEndpoints) this.selves.add(endpointKey(endpoint))
  }

  ownerNamed(infoHash: string): ConnectionOwner | undefined {
    return this.options.find(infoHash)?.contacts.links
  }

  openingContext({ address }: Endpoint): OpeningContext {
    return openingContext(
      this.room.config.encryption,
      this.room.ports.random,
      (keyed) => this.options.infoHashKeyed(keyed),
      () => this.gate.admits(address, this.turns.nowMs()),
    )
  }

  opened(connection: Connection): void {
    this.halfOpen.delete(connection)
    this.strangers.delete(connection)
    this.room.reviewDialling()
  }

  ended(connection: Connection): void {
    this.halfOpen.delete(connection)
    this.strangers.delete(connection)
    this.all.delete(connection)
    this.room.reviewDialling()
  }

  readAllowance(connection: Connection): number {
    const { limited } = connection
    return limited === undefined ? 0 : this.room.bandwidth.receiveAllowance(limited, this.turns.nowMs())
  }

  chargeRead(connection: Connection, bytes: number, nowMs: number): void {
    if (connection.limited !== undefined) this.room.bandwidth.received(connection.limited, bytes, nowMs)
  }

  /** Limits changed: ends what is too much, the newest first. */
  endSurplus(nowMs: number): void {
    const surplus = this.all.size - this.room.config.connections.maxConnections
    if (surplus <= 0) return
    for (const connection of [...this.all].reverse().slice(0, surplus)) {
      connection.end(failure('peer-surplus', 'more connections than allowed'), nowMs)
    }
  }

  /** Makes the connections that there is room and somebody for, and plans when to look again. */
  dialMore(nowMs: number): void {
    if (this.isClosed || !this.room.config.dialPeers) return
    const torrents = this.hasWayOut() ? [...this.options.running].filter((torrent) => torrent.isRunning) : []
    let wakeMs = Number.POSITIVE_INFINITY
    let idle = 0
    while (idle < torrents.length && this.hasRoom()) {
      const torrent = torrents[this.firstTorrent % torrents.length] as Torrent
      this.firstTorrent++
      idle = this.dialOne(torrent, nowMs) ? 0 : idle + 1
    }
    // With no room somebody's end is what is waited for.
    if (this.hasRoom())
      for (const torrent of torrents)
        if (hasPlace(torrent)) wakeMs = Math.min(wakeMs, torrent.contacts.peers.nextWakeMs())
    this.turns.wakeAt(this.wakeOwner, wakeMs)
  }

  /** Once in a while: where places are taken and others wait to be dialled, those that are of no use go. */
  turnOver(nowMs: number): void {
    const { config } = this.room
    if (!config.dialPeers || !this.hasWayOut()) return
    const waiting = [...this.options.running].filter(
      (torrent) => torrent.isRunning && torrent.contacts.peers.nextWakeMs() <= nowMs,
    )
    for (const { links, maxConnections } of waiting.map(({ contacts }) => contacts))
      if (links.count >= maxConnections) links.makeRoom(nowMs)
    if (this.all.size >= config.connections.maxConnections && waiting.some(hasPlace)) this.makeRoom(nowMs)
  }

  /** Addresses of the machine came or went: what went through one that is gone, and must not go another way, ends. */
  wayChanged(nowMs: number): void {
    const { config, ports } = this.room
    if (config.bindTo !== undefined) {
      for (const connection of [...this.all]) {
        const { local, remote } = connection
        const way = localAddress(config.bindTo, ports.interfaces, remote.family)
        if (local === undefined || (way.type === 'bound' && way.address === local.address)) continue
        connection.end(failure('interrupted', 'its local address is gone'), nowMs)
      }
    }
    this.room.reviewDialling()
  }

  /** Everything ends. */
  close(nowMs: number): void {
    this.isClosed = true
    for (const connection of [...this.all]) connection.end(failure('interrupted', 'the session ends'), nowMs)
    this.turns.unregister(this.wakeOwner)
  }

  /** While what the session is bound to has no address, nobody is dialled in vain. */
  private hasWayOut(): boolean {
    const { config, ports } = this.room
    return ([4, 6] as const).some((family) => localAddress(config.bindTo, ports.interfaces, family).type !== 'none')
  }

  /** Ends a connection that is of no use, of the torrent with most of them that has one. False: there is none. */
  private makeRoom(nowMs: number): boolean {
    if (nowMs < this.nextRoomMs) return false
    const links = [...this.options.running].map(({ contacts }) => contacts.links)
    if (links.sort((a, b) => b.linked.size - a.linked.size).some((one) => one.makeRoom(nowMs))) return true
    this.nextRoomMs = nowMs + roomPauseMs
    return false
  }

  private hasRoom(): boolean {
    const { maxConnections, maxHalfOpen } = this.room.config.connections
    return this.all.size < maxConnections && this.halfOpen.size < maxHalfOpen
  }

  /** True if the torrent had somebody to dial, whatever became of it. */
  private dialOne(torrent: Torrent, nowMs: number): boolean {
    if (!hasPlace(torrent)) return false
    const { peers, links } = torrent.contacts
    const endpoint = peers.next(nowMs)
    if (endpoint === undefined) return false
    const { config, ports } = this.room
    const local = localAddress(config.bindTo, ports.interfaces, endpoint.family)
    const refused = local.type === 'none' ? noWay : this.refusal(endpoint)
    if (refused !== undefined) {
      peers.failed(endpoint, nowMs)
      links.named.failed(endpoint, refused)
      return true
    }
    const options = {
      timeoutMs: config.dialTimeoutMs,
      ...(local.type === 'bound' ? { localAddress: local.address } : {}),
    }
    const way = openingWay(config.encryption, peers.wayTo(endpoint))
    const connection = Connection.dial(this, links, ports.streams, endpoint, way, options, nowMs)
    this.all.add(connection)
    this.halfOpen.add(connection)
    links.dialling.add(connection)
    return true
  }

  /** Why an endpoint must not be dialled; undefined: it may. */
  private refusal(endpoint: Endpoint): Failure | undefined {
    if (this.bans.has(endpoint.address)) return failure('peer-surplus', 'the address is banned')
    const isSelf =
      this.selves.has(endpointKey(endpoint)) ||
      isOwnEndpoint(endpoint, this.options.listening(), this.room.ports.interfaces)
    return isSelf ? failure('peer-duplicate', 'this is ourselves') : undefined
  }
}

function hasPlace({ contacts }: Torrent): boolean {
  return contacts.links.count < contacts.maxConnections
}
