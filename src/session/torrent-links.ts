// The connections of one torrent: who gets past the handshake, what both sides say of themselves (BEP 10), and who
// handles a peer then: the fetch of metadata or piece layers while those are missing, else the swarm.
// Guarantees: no peer twice, never ourselves; a private torrent gives nothing of itself away but to its peers (BEP 27).
// Owns the connections; the exchange they take part in is the torrent's.
import { type Failure, failure } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import { addressClass, isLocalClass } from '../formats/address-class.ts'
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'
import type { ExtensionHandshake } from '../formats/peer/extension-handshake.ts'
import type { Handshake } from '../formats/peer/handshake.ts'
import { metadataExtension, metadataPieceLengthBytes } from '../formats/peer/metadata-message.ts'
import { peerExchangeExtension } from '../formats/peer/peer-exchange.ts'
import { speedExtension } from '../formats/peer/speed-messages.ts'
import { MetadataServing } from '../peer/metadata-exchange.ts'
import { PeerConnection } from '../peer/peer-connection.ts'
import type { LocalHandshake, TorrentHashes } from '../peer/peer-opening.ts'
import type { ExtensionOffer } from '../peer/peer-receiver.ts'
import type { BandwidthGroup } from './bandwidth.ts'
import type { Connection, ConnectionOwner } from './connection.ts'
import { otherWay } from './encryption-gate.ts'
import { NamedPeers, type NamingTorrent } from './named-peers.ts'
import type { PeerEnd, PeerList } from './peer-list.ts'
import type { SessionRoom } from './session-room.ts'
import type { Settling } from './settling.ts'
import type { LinkedPeer, TorrentExchange } from './torrent-exchange.ts'
import { type ExchangingTorrent, maxExchangePayloadBytes, TorrentPeerExchange } from './torrent-peer-exchange.ts'
import type { TorrentSpeed } from './torrent-speed.ts'
import { isCrowded, leastUseful } from './useless-peers.ts'

export interface LinksTorrent extends NamingTorrent, ExchangingTorrent {
  readonly peerId: PeerId
  readonly peers: PeerList
  readonly bandwidth: BandwidthGroup
  readonly hashes: TorrentHashes
  /** Undefined until the metadata is here. */
  readonly info: TorrentInfo | undefined
  /** It runs, and may have connections. */
  readonly isRunning: boolean
  readonly maxConnections: number
  /** BEP 21. */
  readonly isUploadOnly: boolean
  /** And others who have everything are not sought either. */
  readonly isSated: boolean
  /** Undefined: nothing is paid or earned. */
  readonly speed: TorrentSpeed | undefined
  peerConnected(nowMs: number): void
}

/** A metadata message with its bencoded head. */
const maxMetadataMessageBytes = metadataPieceLengthBytes + 1_024
/** Longer than two that dial each other take to find out. */
const doubtfulMs = 10_000
/** Ends that say nothing about the peer. */
const ourReasons: ReadonlySet<string> = new Set(['interrupted', 'peer-surplus', 'peer-duplicate'])
const usualFlags = { extensionProtocol: true, fast: true }

export class TorrentLinks implements ConnectionOwner, Settling {
  /** Past the handshake, in the order they connected. */
  readonly linked = new Map<Connection, LinkedPeer>()
  /** The same: no two have the same id. */
  private readonly byId = new Map<PeerId, LinkedPeer>()
  /** Dialled and not yet there. */
  readonly dialling = new Set<Connection>()
  /** Those that a person named. */
  readonly named: NamedPeers
  private readonly room: SessionRoom
  private readonly torrent: LinksTorrent
  private readonly peerExchange: TorrentPeerExchange
  private exchange: TorrentExchange
  /** Peers with messages that wait, in the order they began to. */
  private readonly waiting: LinkedPeer[] = []
  private nextNumber = 0

  constructor(room: SessionRoom, torrent: LinksTorrent, exchange: TorrentExchange) {
    this.room = room
    this.torrent = torrent
    this.exchange = exchange
    this.named = new NamedPeers(room, torrent)
    this.peerExchange = new TorrentPeerExchange(room, torrent, () => this.linked.values())
  }

  get count(): number {
    return this.linked.size + this.dialling.size
  }

  /** What peers take part in from now on, those connected included. */
  setExchange(exchange: TorrentExchange, nowMs: number): void {
    for (const link of this.linked.values()) this.exchange.leave(link, nowMs)
    this.exchange = exchange
    this.room.touch(this)
    for (const link of [...this.linked.values()]) {
      link.exchange = exchange
      exchange.join(link, nowMs)
    }
  }

  /** The metadata is here: what peers said of pieces is held against the torrent's size, and what they say from now on. */
  setPieceCount(pieceCount: number, nowMs: number): void {
    for (const { connection, peer } of [...this.linked.values()]) {
      const wrong = peer.setPieceCount(pieceCount)
      if (wrong !== undefined) connection.end(wrong, nowMs)
    }
  }

  endAll(why: Failure, nowMs: number): void {
    for (const connection of [...this.dialling, ...this.linked.keys()]) connection.end(why, nowMs)
  }

  endAddress(address: string, why: Failure, nowMs: number): void {
    for (const connection of [...this.linked.keys()]) {
      if (connection.remote.address === address) connection.end(why, nowMs)
    }
  }

  /** Ends connections beyond the limit, the least important first (BEP 40). */
  endSurplus(nowMs: number): void {
    while (this.linked.size > this.torrent.maxConnections) {
      const connections = [...this.linked.keys()]
      const least = this.torrent.peers.leastOf(connections.map(({ remote }) => remote))
      const connection = connections[least] ?? connections.at(-1)
      connection?.end(failure('peer-surplus', 'more peers than allowed'), nowMs)
    }
  }

  /** Ends a connection that is of no use, so that somebody else can have its place. False: there is none. */
  makeRoom(nowMs: number): boolean {
    const { info, isUploadOnly, peers } = this.torrent
    const view = {
      hasMetadata: info !== undefined,
      isFinished: isUploadOnly,
      isNamed: (link: LinkedPeer) => peers.isNamed(link.endpoint ?? link.connection.remote),
    }
    const link = leastUseful(this.linked.values(), view, nowMs)
    link?.connection.end(failure('peer-surplus', 'nothing came of it, and others wait'), nowMs)
    return link !== undefined
  }

  /** The torrent is not there any more. */
  close(): void {
    this.named.close()
    this.peerExchange.close()
  }

  settle(nowMs: number): void {
    this.exchange.settle(nowMs)
  }

  /** Hands what peers were told in this turn to their streams. */
  flush(): void {
    for (const link of this.waiting) link.peer.flush()
    this.waiting.length = 0
  }

  localHandshake(): LocalHandshake {
    return { flags: { ...usualFlags, dht: this.usesDht }, peerId: this.torrent.peerId, hashes: this.torrent.hashes }
  }

  opened(connection: Connection, remote: Handshake, isV2: boolean, nowMs: number): PeerConnection | Failure {
    const refused = this.refusal(connection, remote, nowMs)
    if (refused !== undefined) return refused
    this.dialling.delete(connection)
    const { room, torrent } = this
    const number = this.nextNumber++
    const peer = new PeerConnection({
      sink: connection,
      stage: connection.encryptionStage,
      local: usualFlags,
      remote,
      isV2,
      ...(torrent.info === undefined ? {} : { pieceCount: torrent.info.pieceCount }),
      offers: this.offers(),
      requestQueueLength: room.config.requestQueueLength,
      extension: {
        onExtensionHandshake: (handshake) => this.takeExtensionHandshake(link, handshake),
        onExtension: (name, payload) => this.takeExtension(link, name, payload),
        onDhtPort: (port) => this.takeDhtPort(link, port),
      },
      hashAnswers: {
        onHashes: (range, hashes) => this.exchange.takeHashes(link, range, hashes, room.turns.nowMs()),
        onHashReject: (range) => this.exchange.takeHashReject(link, range, room.turns.nowMs()),
      },
      onWaiting: () => void this.waiting.push(link),
      nowMs,
    })
    const link: LinkedPeer = {
      number,
      connection,
      peer,
      id: remote.peerId,
      endpoint: connection.direction === 'dialled' ? connection.remote : undefined,
      serving: new MetadataServing(nowMs),
      metadataLengthBytes: 0,
      hasSentMetadata: false,
      share: room.bandwidth.join(torrent.bandwidth, this.isExempt(connection), {
        mayReceive: () => connection.resumeReading(),
        maySend: (atMs) => link.exchange.maySend(link, atMs),
      }),
      exchange: this.exchange,
      swarmPeer: undefined,
    }
    this.linked.set(connection, link)
    this.byId.set(link.id, link)
    connection.limited = link.share
    this.exchange.join(link, nowMs)
    this.sayHello(link)
    this.torrent.peerConnected(nowMs)
    this.peerExchange.changed(nowMs)
    this.named.connected(connection.remote)
    return peer
  }

  received(connection: Connection, nowMs: number): void {
    const link = this.linked.get(connection)
    if (link === undefined) return
    link.exchange.received(link, nowMs)
    this.room.touch(this)
  }

  written(connection: Connection, totalBytes: number, nowMs: number): void {
    const link = this.linked.get(connection)
    if (link === undefined) return
    link.exchange.written(link, totalBytes, nowMs)
    this.room.touch(this)
  }

  ended(connection: Connection, why: Failure, nowMs: number): void {
    const { peers } = this.torrent
    if (this.dialling.delete(connection)) {
      if (why.code === 'interrupted') peers.abandoned(connection.remote)
      else if (ourReasons.has(why.code)) peers.postponed(connection.remote, nowMs)
      else if (!this.triesOtherWay(connection, nowMs)) {
        peers.failed(connection.remote, nowMs)
        this.named.failed(connection.remote, why)
      }
    }
    const link = this.linked.get(connection)
    if (link === undefined) return
    this.linked.delete(connection)
    this.byId.delete(link.id)
    this.room.bandwidth.leave(link.share)
    link.exchange.leave(link, nowMs)
    this.peerExchange.leave(link, nowMs)
    const wasDealing = this.torrent.speed?.leave(link, nowMs) === true
    this.room.touch(this)
    const endpoint = link.endpoint ?? connection.remote
    const { swarmPeer } = link
    if (swarmPeer !== undefined) peers.setSeed(endpoint, swarmPeer.isSeed || swarmPeer.isUploadOnly)
    const end = endOf(why)
    const isSought = end === 'not-needed' && this.torrent.isUploadOnly && !this.torrent.isSated
    const how = wasDealing && end === 'left' ? 'left-deal' : isSought ? 'postponed' : end
    peers.disconnected(endpoint, link.id, how, nowMs)
    if (end === 'faulty' || (end === 'left' && !this.torrent.isUploadOnly)) this.named.failed(endpoint, why)
  }

  /** Who does not answer plaintext may want encryption, and the other way round. */
  private triesOtherWay({ refusedWay, remote }: Connection, nowMs: number): boolean {
    const other = otherWay(this.room.config.encryption, refusedWay)
    return other !== undefined && this.torrent.peers.triesOtherWay(remote, other, nowMs)
  }

  /** Why a peer is not taken; undefined: it is. */
  private refusal(connection: Connection, remote: Handshake, nowMs: number): Failure | undefined {
    const { torrent, room } = this
    const { peerId } = remote
    if (!torrent.isRunning) return failure('interrupted', 'the torrent does not run')
    if (peerId === torrent.peerId) {
      const self = failure('peer-duplicate', 'this is ourselves')
      if (connection.direction === 'dialled') {
        room.noteSelf(connection.remote)
        this.named.failed(connection.remote, self)
      }
      return self
    }
    if (torrent.peers.isBanned(connection.remote.address, nowMs)) return failure('peer-surplus', 'a banned address')
    const known = this.byId.get(peerId)
    if (known !== undefined) {
      if (!this.isBetter(connection, known, nowMs)) {
        // Who is there may be passing for the one that was dialled, which is known before long.
        if (isDoubtful(connection, known) && this.dialling.delete(connection)) {
          torrent.peers.postponed(connection.remote, nowMs, doubtfulMs)
        }
        return failure('peer-duplicate', 'the peer is connected already')
      }
      known.connection.end(failure('peer-duplicate', 'the peer is connected another way'), nowMs)
    }
    if (this.linked.size >= torrent.maxConnections && !this.makeRoomFor(connection, nowMs)) {
      return failure('peer-surplus', 'more peers than allowed')
    }
    const isFirst = torrent.peers.connected(connection.remote, peerId, nowMs)
    return isFirst ? undefined : failure('peer-duplicate', 'the peer is connected already')
  }

  /**
   * Two that dialled each other at once must keep the same connection: that of the one with the higher id. But anybody
   * can say the id of another: from elsewhere it ends no connection of which anything came, or that only just began; and
   * one of which nothing came for a while does not keep out who may be the right one.
   */
  private isBetter(connection: Connection, known: LinkedPeer, nowMs: number): boolean {
    const [here, there] = [connection.remote, known.connection.remote]
    if (here.address !== there.address) {
      if (!isDoubtful(connection, known)) return false
      if (nowMs - known.connection.startedAtMs >= doubtfulMs) return true
      // Each may have been told of the other's other address.
      if (here.family === there.family) return false
    }
    if (connection.direction === known.connection.direction) return false
    const isOurs = connection.direction === 'dialled'
    return isOurs === this.torrent.peerId > known.id
  }

  private makeRoomFor({ remote }: Connection, nowMs: number): boolean {
    return !isCrowded(remote.address, this.linked.keys()) && this.makeRoom(nowMs)
  }

  private isExempt(connection: Connection): boolean {
    return this.room.config.exemptLocalNetwork && isLocalClass(addressClass(connection.remote.address))
  }

  /** BEP 27. */
  private get usesDht(): boolean {
    return this.room.dht.isOn && this.torrent.info?.isPrivate !== true
  }

  /** BEP 27. */
  private get exchangesPeers(): boolean {
    return this.room.config.exchangesPeers && this.torrent.info?.isPrivate !== true
  }

  /** That of metadata first, as it always was. */
  private offers(): ExtensionOffer[] {
    return [
      ...(this.offersMetadata ? [{ name: metadataExtension, maxPayloadBytes: maxMetadataMessageBytes }] : []),
      ...(this.exchangesPeers ? [{ name: peerExchangeExtension, maxPayloadBytes: maxExchangePayloadBytes }] : []),
      ...(this.torrent.speed?.offers() ?? []),
    ]
  }

  private get offersMetadata(): boolean {
    return this.torrent.info?.isPrivate !== true
  }

  /** Ours, after what the exchange had to say first (BEP 3 wants the bitfield before all else). */
  private sayHello(link: LinkedPeer): void {
    const { room, torrent } = this
    const { remote } = link.connection
    const port = room.listenPort()
    link.peer.extensionHandshake({
      client: room.config.clientName,
      yourAddress: { family: remote.family, address: remote.address },
      isUploadOnly: torrent.isUploadOnly,
      ...(port === 0 ? {} : { listenPort: port }),
      ...(torrent.info === undefined || !this.offersMetadata ? {} : { metadataLengthBytes: torrent.info.raw.length }),
    })
    const dhtPort = this.usesDht ? room.dht.port(remote.family) : undefined
    if (dhtPort !== undefined) link.peer.dhtPort(dhtPort)
  }

  private takeExtensionHandshake(link: LinkedPeer, handshake: ExtensionHandshake): void {
    const nowMs = this.room.turns.nowMs()
    const { remote } = link.connection
    if (handshake.yourAddress !== undefined) this.room.noteOwnAddress(handshake.yourAddress)
    if (handshake.listenPort !== undefined && link.endpoint === undefined && this.torrent.info?.isPrivate !== true) {
      link.endpoint = { family: remote.family, address: remote.address, port: handshake.listenPort }
      this.torrent.peers.listensAt(link.endpoint, { address: remote.address }, nowMs)
    }
    if (this.exchangesPeers) this.peerExchange.join(link, nowMs)
    this.torrent.speed?.join(link, nowMs)
    if (handshake.metadataLengthBytes !== undefined && link.peer.supports(metadataExtension)) {
      link.metadataLengthBytes = handshake.metadataLengthBytes
      link.exchange.takeMetadataLength(link, nowMs)
    }
  }

  /** BEP 5: its node, which is at the address the peer has. */
  private takeDhtPort({ connection: { remote } }: LinkedPeer, port: number): void {
    const { family, address } = remote
    if (this.usesDht) this.room.dht.addNode({ family, address, port }, { address }, this.room.turns.nowMs())
  }

  private takeExtension(link: LinkedPeer, name: string, payload: Uint8Array): void {
    const nowMs = this.room.turns.nowMs()
    if (name === peerExchangeExtension && this.exchangesPeers) this.peerExchange.take(link, payload, nowMs)
    if (name === speedExtension) this.torrent.speed?.take(link, payload, nowMs)
    if (name !== metadataExtension) return
    const answer = link.serving.answer(this.offersMetadata ? this.torrent.info?.raw : undefined, payload, nowMs)
    if (answer === undefined) {
      link.hasSentMetadata = true
      link.exchange.takeMetadata(link, payload, nowMs)
    } else link.peer.extended(metadataExtension, answer)
  }
}

/** Whether one that says the same id elsewhere may be the right one: nothing came of the other so far. */
function isDoubtful({ remote }: Connection, { connection, peer, hasSentMetadata }: LinkedPeer): boolean {
  if (remote.address === connection.remote.address) return false
  return !hasSentMetadata && peer.receivedPayloadBytes === 0 && peer.sentPayloadBytes === 0
}

function endOf({ code }: Failure): PeerEnd {
  if (code === 'peer-not-needed') return 'not-needed'
  if (code === 'interrupted') return 'interrupted'
  if (ourReasons.has(code)) return 'postponed'
  return code === 'connection-failed' ? 'left' : 'faulty'
}
