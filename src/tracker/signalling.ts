// The meeting place of browser peers (WebTorrent's tracker protocol) without I/O: a connection says what it has, and offers
// and answers are passed on. Guarantees: an answer goes only to who made the offer, once and in time; swarms, torrents of
// a connection, messages and pending offers are capped; who is gone is told to nobody. Owns all swarms of browsers.
import { fromLatin1 } from '../base/bytes.ts'
import {
  decodeSignalling,
  encodeSignal,
  encodeSignallingFailure,
  encodeSignallingReply,
  encodeSignallingScrape,
  type SignallingCounts,
  type SignallingMessage,
} from '../formats/tracker/signalling.ts'
import type { Random } from '../ports/random.ts'
import { counter, gauge, type Metric } from './metric.ts'
import { type Refusal, refusals } from './refusal.ts'

export interface SignallingOptions {
  readonly random: Random
  readonly intervalSeconds: number
  readonly maxSwarms?: number
  readonly mayServe?: (infoHash: Uint8Array) => boolean
  send(connection: number, text: string): void
}

interface Peer {
  readonly connection: number
  peerId: string
  isSeeder: boolean
  lastMs: number
  /** Its place among the peers of the swarm. */
  index: number
}

interface Swarm {
  readonly peers: Peer[]
  readonly byConnection: Map<number, Peer>
  seeders: number
  downloaded: number
}

interface Pending {
  readonly connection: number
  readonly expiresMs: number
}

interface Connection {
  readonly infoHashes: Set<string>
  /** Offers passed on to it that it may answer, by who made them; the oldest first. */
  readonly pending: Map<string, Pending>
  window: number
  messages: number
}

const pendingMs = 60_000
const maxPending = 100
const maxTorrentsPerConnection = 100
const maxPeersPerSwarm = 5_000
const windowMs = 10_000
const maxMessagesPerWindow = 300
/** Offers reach others only when somebody announces. */
const longestIntervalSeconds = 120
const triesPerOffer = 4
const nobody: SignallingCounts = { complete: 0, incomplete: 0, downloaded: 0 }

function countsOf(swarm: Swarm): SignallingCounts {
  const { peers, seeders, downloaded } = swarm
  return { complete: seeders, incomplete: peers.length - seeders, downloaded }
}

export class Signalling {
  private readonly options: SignallingOptions
  private readonly maxSwarms: number
  private readonly intervalSeconds: number
  private readonly swarms = new Map<string, Swarm>()
  private readonly connections = new Map<number, Connection>()
  private nextConnection = 1
  private announces = 0
  private passedOn = { offer: 0, answer: 0 }
  private refused = 0

  constructor(options: SignallingOptions) {
    this.options = options
    this.maxSwarms = options.maxSwarms ?? 100_000
    this.intervalSeconds = Math.min(options.intervalSeconds, longestIntervalSeconds)
  }

  /** A connection stands; what it is called from now on. */
  open(): number {
    const connection = this.nextConnection++
    this.connections.set(connection, { infoHashes: new Set(), pending: new Map(), window: 0, messages: 0 })
    return connection
  }

  /** False: the connection is to be closed, it sends too much. */
  receive(connection: number, text: string, nowMs: number): boolean {
    const from = this.connections.get(connection)
    if (from === undefined) return false
    const window = Math.floor(nowMs / windowMs)
    if (window !== from.window) from.messages = 0
    from.window = window
    from.messages++
    if (from.messages > maxMessagesPerWindow) return false
    const decoded = decodeSignalling(text)
    if (!decoded.ok) {
      this.refused++
      this.options.send(connection, encodeSignallingFailure(decoded.detail))
      return true
    }
    const message = decoded.value
    if (message.type === 'announce') this.announce(connection, from, message, nowMs)
    else if (message.type === 'answer') this.answer(connection, from, message, nowMs)
    else this.scrape(connection, message.infoHashes)
    return true
  }

  close(connection: number): void {
    for (const infoHash of this.connections.get(connection)?.infoHashes ?? []) this.leave(connection, infoHash)
    this.connections.delete(connection)
  }

  /** Forgets torrents that are not served any more. */
  applyList(): void {
    for (const [infoHash, { byConnection }] of this.swarms) {
      if (this.options.mayServe?.(fromLatin1(infoHash)) !== false) continue
      for (const connection of [...byConnection.keys()]) {
        this.leave(connection, infoHash)
        this.connections.get(connection)?.infoHashes.delete(infoHash)
      }
    }
  }

  metrics(): readonly Metric[] {
    return [
      gauge('websocket_connections', 'Browsers that are connected.', this.connections.size),
      gauge('websocket_torrents', 'Torrents that browsers have.', this.swarms.size),
      counter('websocket_announces_total', 'Announces of browsers.', this.announces),
      {
        ...counter('websocket_passed_on_total', 'Messages passed on.', 0),
        label: 'kind',
        values: { ...this.passedOn },
      },
      counter('websocket_refused_total', 'Messages of browsers that were refused.', this.refused),
    ]
  }

  private refuse(connection: number, refusal: Refusal, infoHash: string): void {
    this.refused++
    this.options.send(connection, encodeSignallingFailure(refusals[refusal].reason, infoHash))
  }

  private announce(
    connection: number,
    from: Connection,
    message: Extract<SignallingMessage, { type: 'announce' }>,
    nowMs: number,
  ): void {
    const { infoHash, event } = message
    this.announces++
    if (event === 'stopped') {
      this.leave(connection, infoHash)
      from.infoHashes.delete(infoHash)
      const swarm = this.swarms.get(infoHash)
      const counts = swarm === undefined ? nobody : countsOf(swarm)
      this.options.send(connection, encodeSignallingReply(infoHash, this.intervalSeconds, counts))
      return
    }
    const swarm = this.join(connection, from, message, nowMs)
    if (swarm === undefined) return
    this.options.send(connection, encodeSignallingReply(infoHash, this.intervalSeconds, countsOf(swarm)))
    this.passOffers(connection, swarm, message, nowMs)
  }

  /** Undefined: refused, and said so. */
  private join(
    connection: number,
    from: Connection,
    { infoHash, peerId, leftBytes, event }: Extract<SignallingMessage, { type: 'announce' }>,
    nowMs: number,
  ): Swarm | undefined {
    const isSeeder = leftBytes === 0
    let swarm = this.swarms.get(infoHash)
    const known = swarm?.byConnection.get(connection)
    if (swarm !== undefined && known !== undefined) {
      if (event === 'completed' && isSeeder && !known.isSeeder) swarm.downloaded++
      swarm.seeders += Number(isSeeder) - Number(known.isSeeder)
      known.isSeeder = isSeeder
      known.peerId = peerId
      known.lastMs = nowMs
      return swarm
    }
    const isFull = (swarm?.peers.length ?? 0) >= maxPeersPerSwarm || this.swarms.size >= this.maxSwarms
    let refusal: Refusal | undefined
    if (from.infoHashes.size >= maxTorrentsPerConnection) refusal = 'too-many-torrents'
    else if (isFull) refusal = 'full'
    else if (this.options.mayServe?.(fromLatin1(infoHash)) === false) refusal = 'not-listed'
    if (refusal !== undefined) {
      this.refuse(connection, refusal, infoHash)
      return undefined
    }
    swarm ??= { peers: [], byConnection: new Map(), seeders: 0, downloaded: 0 }
    this.swarms.set(infoHash, swarm)
    const peer = { connection, peerId, isSeeder, lastMs: nowMs, index: swarm.peers.length }
    swarm.peers.push(peer)
    swarm.byConnection.set(connection, peer)
    swarm.seeders += Number(isSeeder)
    from.infoHashes.add(infoHash)
    return swarm
  }

  private leave(connection: number, infoHash: string): void {
    const swarm = this.swarms.get(infoHash)
    const peer = swarm?.byConnection.get(connection)
    if (swarm === undefined || peer === undefined) return
    swarm.byConnection.delete(connection)
    swarm.seeders -= Number(peer.isSeeder)
    const last = swarm.peers.pop() as Peer
    if (last !== peer) {
      swarm.peers[peer.index] = last
      last.index = peer.index
    }
    if (swarm.peers.length === 0) this.swarms.delete(infoHash)
  }

  /** Each offer to another peer at random; seeders have no use for each other. */
  private passOffers(
    connection: number,
    swarm: Swarm,
    { infoHash, offers }: Extract<SignallingMessage, { type: 'announce' }>,
    nowMs: number,
  ): void {
    const self = swarm.byConnection.get(connection) as Peer
    const told = new Set([self])
    for (const { offerId, description } of offers) {
      const peer = this.pick(swarm, self, told, nowMs)
      if (peer === undefined) return
      told.add(peer)
      const to = this.connections.get(peer.connection) as Connection
      this.awaitAnswer(to, `${infoHash}${self.peerId}${offerId}`, connection, nowMs)
      this.passedOn.offer++
      this.options.send(peer.connection, encodeSignal(infoHash, self.peerId, offerId, description))
    }
  }

  private pick(swarm: Swarm, self: Peer, told: ReadonlySet<Peer>, nowMs: number): Peer | undefined {
    const { peers } = swarm
    if (told.size >= peers.length) return undefined
    const oldestMs = nowMs - 3_000 * this.intervalSeconds
    const fits = (peer: Peer) =>
      !told.has(peer) && !(self.isSeeder && peer.isSeeder) && peer.lastMs >= oldestMs && peer.peerId !== self.peerId
    for (let attempt = 0; attempt < triesPerOffer; attempt++) {
      const peer = peers[this.options.random.below(peers.length)] as Peer
      if (fits(peer)) return peer
    }
    // In a small swarm all are looked at.
    const start = this.options.random.below(peers.length)
    for (let step = 0; step < Math.min(peers.length, 100); step++) {
      const peer = peers[(start + step) % peers.length] as Peer
      if (fits(peer)) return peer
    }
    return undefined
  }

  private awaitAnswer(to: Connection, name: string, connection: number, nowMs: number): void {
    to.pending.delete(name)
    if (to.pending.size >= maxPending) for (const [oldest] of to.pending.entries().take(1)) to.pending.delete(oldest)
    to.pending.set(name, { connection, expiresMs: nowMs + pendingMs })
  }

  private answer(
    connection: number,
    from: Connection,
    { infoHash, toPeerId, offerId, description }: Extract<SignallingMessage, { type: 'answer' }>,
    nowMs: number,
  ): void {
    const name = `${infoHash}${toPeerId}${offerId}`
    const pending = from.pending.get(name)
    from.pending.delete(name)
    // The id it had when it was told of the offer, whatever it says now.
    const self = this.swarms.get(infoHash)?.byConnection.get(connection)
    if (pending === undefined || pending.expiresMs < nowMs || self === undefined) return
    if (!this.connections.has(pending.connection)) return
    this.passedOn.answer++
    this.options.send(pending.connection, encodeSignal(infoHash, self.peerId, offerId, description))
  }

  private scrape(connection: number, infoHashes: readonly string[]): void {
    const swarms = infoHashes.map((infoHash) => {
      const swarm = this.swarms.get(infoHash)
      return [infoHash, swarm === undefined ? nobody : countsOf(swarm)] as const
    })
    this.options.send(connection, encodeSignallingScrape(swarms))
  }
}
