// Whom one torrent is in touch with: the peers it knows of, its connections to some of them, and its trackers.
// Guarantees: a private torrent hears of peers from its trackers alone (BEP 27); who lies is ended and banned; while
// the torrent does not run there are no connections. Owns all three; what peers take part in is the torrent's to say.
import type { Endpoint } from '../base/endpoint.ts'
import { type Failure, failure } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'
import type { TorrentHashes } from '../peer/peer-opening.ts'
import type { BandwidthGroup } from './bandwidth.ts'
import { privatePeersFailure, unlistedFailure } from './named-peers.ts'
import { PeerList } from './peer-list.ts'
import type { SessionRoom } from './session-room.ts'
import type { WholeContent } from './staying.ts'
import { type AnnouncedTorrent, TorrentAnnouncing } from './torrent-announcing.ts'
import { type SoughtTorrent, TorrentDht } from './torrent-dht.ts'
import { type ExchangePeers, idleExchange, type LinkedPeer } from './torrent-exchange.ts'
import { type TorrentFacts, wireHashes } from './torrent-facts.ts'
import { type LinksTorrent, TorrentLinks } from './torrent-links.ts'
import { type LocalTorrent, TorrentLocalDiscovery } from './torrent-local-discovery.ts'
import type { Progress } from './torrent-progress.ts'
import type { DealingTorrent, TorrentSpeed } from './torrent-speed.ts'
import type { TorrentTally } from './torrent-tally.ts'

/** What they hear of the torrent. */
export interface ContactedTorrent {
  readonly facts: TorrentFacts
  readonly tally: TorrentTally
  readonly isRunning: boolean
  readonly isFinished: boolean
  readonly progress: Progress | undefined
  readonly whole: WholeContent | undefined
}

/** How long an address that lied is left alone. */
const banMs = 3_600_000

export class TorrentContacts
  implements LinksTorrent, AnnouncedTorrent, SoughtTorrent, LocalTorrent, ExchangePeers, DealingTorrent
{
  readonly peerId: PeerId
  readonly peers: PeerList
  readonly bandwidth: BandwidthGroup
  readonly links: TorrentLinks
  readonly announcing: TorrentAnnouncing
  readonly dht: TorrentDht
  /** Undefined: nothing is paid or earned in this session. */
  readonly speed: TorrentSpeed | undefined
  private readonly local: TorrentLocalDiscovery
  private readonly room: SessionRoom
  private readonly torrent: ContactedTorrent

  constructor(room: SessionRoom, torrent: ContactedTorrent, peerId: PeerId, nowMs: number) {
    this.room = room
    this.torrent = torrent
    this.peerId = peerId
    this.peers = new PeerList({ random: room.ports.random })
    this.bandwidth = room.bandwidth.openGroup(torrent.facts.limits, nowMs)
    this.speed = room.speed?.newTorrent(this)
    this.links = new TorrentLinks(room, this, idleExchange)
    this.announcing = new TorrentAnnouncing(room, this)
    this.dht = new TorrentDht(room, this)
    this.local = new TorrentLocalDiscovery(room, this)
  }

  get facts(): TorrentFacts {
    return this.torrent.facts
  }

  get tally(): TorrentTally {
    return this.torrent.tally
  }

  get hashes(): TorrentHashes {
    const { infoHashV1, infoHashV2 } = this.facts
    return { ...(infoHashV1 === undefined ? {} : { infoHashV1 }), ...(infoHashV2 === undefined ? {} : { infoHashV2 }) }
  }

  get info(): TorrentInfo | undefined {
    return this.facts.metainfo?.info
  }

  get maxConnections(): number {
    return Math.min(this.facts.limits.maxConnections, this.room.config.connections.maxConnectionsPerTorrent)
  }

  get isRunning(): boolean {
    return this.torrent.isRunning
  }

  get isFinished(): boolean {
    return this.torrent.isFinished
  }

  get isUploadOnly(): boolean {
    return this.torrent.isFinished
  }

  get progress(): Progress | undefined {
    return this.torrent.progress
  }

  get whole(): WholeContent | undefined {
    return this.torrent.whole
  }

  /** It has all that it wants, and looks for no others who have it. */
  get isSated(): boolean {
    return this.isFinished && this.speed?.stays.isKeeping !== true
  }

  /** The torrent runs now. */
  start(nowMs: number): void {
    this.announcing.handle({ type: 'start' }, nowMs)
    this.dht.start(nowMs)
    this.local.start(nowMs)
    this.announcing.tellDemand(nowMs)
    this.room.reviewDialling()
  }

  /** The torrent runs no more; trackers are told in the background. */
  stop(nowMs: number): void {
    this.links.endAll(failure('interrupted', 'the torrent was stopped'), nowMs)
    this.dht.stop(nowMs)
    this.local.stop()
    void this.announcing.stop(this.room.config.stopTimeoutMs, nowMs)
  }

  /** The metadata is here. What was learnt from anybody but trackers does not count for a private torrent. */
  identify({ isPrivate, pieceCount }: TorrentInfo, nowMs: number): void {
    if (isPrivate) this.forgetPeers(nowMs)
    this.speed?.changed(nowMs)
    this.dht.identify(nowMs)
    if (this.isRunning) this.local.start(nowMs)
    this.links.setPieceCount(pieceCount, nowMs)
    this.announcing.handle({ type: 'identify', infoHashes: wireHashes(this.facts), isPrivate }, nowMs)
  }

  /** Somebody named a peer. Why it is not taken, if it is not. */
  namePeer(endpoint: Endpoint, source: 'manual' | 'magnet', nowMs: number): Failure | undefined {
    if (this.isPrivate) return privatePeersFailure
    const isListed = this.peers.add(endpoint, source, 'user', nowMs)
    // Most peers are nodes of the DHT as well, at the same port (BEP 5).
    if (source === 'magnet') this.room.dht.addNode(endpoint, 'user', nowMs)
    this.room.reviewDialling()
    return isListed ? undefined : unlistedFailure(endpoint, this.peers.isBanned(endpoint.address, nowMs))
  }

  /** Some to begin with after a restart. */
  peersToKeep(maxCount: number): Endpoint[] {
    return this.peers.snapshot(maxCount, this.isPrivate)
  }

  /** Peers of the last time. */
  restorePeers(endpoints: readonly Endpoint[], nowMs: number): void {
    for (const endpoint of endpoints) {
      this.peers.add(endpoint, 'resume', 'user', nowMs)
      // What is kept of a private torrent's peers came from its trackers.
      if (this.isPrivate) this.peers.add(endpoint, 'tracker', 'user', nowMs)
    }
    this.room.reviewDialling()
  }

  forgetPeers(nowMs: number): void {
    this.peers.forgetAll()
    this.links.endAll(failure('interrupted', 'only the tracker in use may name peers'), nowMs)
    this.links.named.refuseAll(privatePeersFailure)
  }

  peerConnected(nowMs: number): void {
    if (!this.isFinished) this.tally.sourceAnswered(nowMs)
  }

  limitsChanged(nowMs: number): void {
    this.room.bandwidth.setGroupRates(this.bandwidth, this.facts.limits, nowMs)
    this.links.endSurplus(nowMs)
    this.room.reviewDialling()
  }

  /** Whether all that is wanted is here may be otherwise than before; who was let go may be of use again. */
  finishedChanged(): void {
    this.peers.setSeeding(this.isSated)
    this.speed?.changed(this.room.turns.nowMs())
    this.room.reviewDialling()
  }

  touch(): void {
    this.room.touch(this.links)
  }

  linkedPeers(): Iterable<LinkedPeer> {
    return this.links.linked.values()
  }

  banPeer(link: LinkedPeer, why: Failure, nowMs: number): void {
    const { address } = link.connection.remote
    this.banAddress(address, nowMs)
    this.links.endAddress(address, why, nowMs)
  }

  banAddress(address: string, nowMs: number): void {
    this.peers.ban(address, nowMs + banMs)
  }

  private get isPrivate(): boolean {
    return this.info?.isPrivate === true
  }
}
