// One torrent in the DHT: looked up and announced under each of its info hashes (BEP 5, 52), again and again while it
// runs. Guarantees: a private torrent is neither (BEP 27), from the moment it is known to be one; one round at a time,
// sooner again while it is short of peers, and never in step with others. Owns the timing; lookups are the driver's.
import { toHex } from '../base/bytes.ts'
import type { Endpoint } from '../base/endpoint.ts'
import type { DhtTask, LookupOutcome } from '../dht/dht-events.ts'
import type { DhtSearch, DhtSeeker } from './dht-driver.ts'
import type { PeerList } from './peer-list.ts'
import type { SessionRoom } from './session-room.ts'
import { type TorrentFacts, wireHashes } from './torrent-facts.ts'
import type { TorrentLinks } from './torrent-links.ts'
import type { Progress } from './torrent-progress.ts'
import type { WakeOwner } from './turns.ts'

export interface SoughtTorrent {
  readonly facts: TorrentFacts
  readonly peers: PeerList
  readonly links: Pick<TorrentLinks, 'linked'>
  readonly isFinished: boolean
  readonly progress: Progress | undefined
}

const usualPauseMs = 900_000
/** While it is short of peers, twice as long each time. */
const shortPauseMs = 5_000
/** Part of a pause, up and down, by lot. */
const jitter = 0.125
/** After being told to look again, at least. */
const leastPauseMs = 60_000
const fewPeers = 10

export class TorrentDht implements DhtSeeker {
  private readonly room: SessionRoom
  private readonly torrent: SoughtTorrent
  private readonly wakeOwner: WakeOwner
  /** By info hash in hexadecimal. */
  private readonly searches = new Map<string, DhtSearch>()
  private isRunning = false
  private hasTold = false
  private roundMs = Number.NEGATIVE_INFINITY
  private shortRounds = 0

  constructor(room: SessionRoom, torrent: SoughtTorrent) {
    this.room = room
    this.torrent = torrent
    this.wakeOwner = room.turns.register((nowMs) => this.begin(nowMs))
  }

  /** It may be looked up in the DHT. */
  get isWelcome(): boolean {
    return this.room.dht.isOn && this.torrent.facts.metainfo?.info.isPrivate !== true
  }

  /** It runs from now on. */
  start(nowMs: number): void {
    this.isRunning = true
    if (!this.isWelcome) return
    if (!this.hasTold) this.room.dht.addNamedNodes(this.torrent.facts.metainfo?.nodes ?? [])
    this.hasTold = true
    this.shortRounds = 0
    this.begin(nowMs)
  }

  stop(nowMs: number): void {
    this.isRunning = false
    this.cancel(nowMs)
  }

  /** The metadata is here: a private torrent leaves, a hybrid is looked up under its other hash, too. */
  identify(nowMs: number): void {
    if (!this.isWelcome) this.cancel(nowMs)
    else if (this.isRunning) this.begin(nowMs)
  }

  /** Somebody wants it looked up now. */
  again(nowMs: number): void {
    if (this.isRunning && nowMs >= this.roundMs + leastPauseMs) this.begin(nowMs)
  }

  close(): void {
    this.room.turns.unregister(this.wakeOwner)
  }

  takePeers(peers: readonly Endpoint[], from: Endpoint, nowMs: number): void {
    if (!this.isWelcome) return
    for (const peer of peers) this.torrent.peers.add(peer, 'dht', { address: from.address }, nowMs, from)
    this.room.reviewDialling()
  }

  lookedUp(search: DhtSearch, _outcome: LookupOutcome, nowMs: number): void {
    for (const [name, known] of this.searches) if (known === search) this.searches.delete(name)
    if (this.searches.size > 0 || !this.isRunning) return
    this.room.turns.wakeAt(this.wakeOwner, nowMs + this.pauseMs())
  }

  private begin(nowMs: number): void {
    if (!this.isRunning || !this.isWelcome) return
    this.roundMs = nowMs
    for (const infoHash of wireHashes(this.torrent.facts)) {
      const name = toHex(infoHash)
      if (!this.searches.has(name)) this.searches.set(name, this.room.dht.lookUp(this.task(infoHash), this))
    }
  }

  private cancel(nowMs: number): void {
    for (const search of this.searches.values()) this.room.dht.cancel(search, nowMs)
    this.searches.clear()
    this.room.turns.wakeAt(this.wakeOwner, Number.POSITIVE_INFINITY)
  }

  /** An announce finds peers, too. */
  private task(infoHash: Uint8Array): DhtTask {
    const { isFinished, progress } = this.torrent
    const port = this.room.listenPort()
    if (port === 0) return { type: 'get-peers', infoHash, noSeeds: isFinished, isScrape: false }
    return { type: 'announce', infoHash, port, isSeed: isFinished && progress?.missingBytes === 0 }
  }

  private pauseMs(): number {
    const { isFinished, links, peers } = this.torrent
    const isShort = !isFinished && links.linked.size < fewPeers && peers.size < fewPeers
    this.shortRounds = isShort ? this.shortRounds + 1 : 0
    const pauseMs = isShort ? Math.min(usualPauseMs, shortPauseMs * 2 ** (this.shortRounds - 1)) : usualPauseMs
    const spread = Math.floor(2 * jitter * pauseMs)
    return Math.floor(pauseMs * (1 - jitter)) + this.room.ports.random.below(spread)
  }
}
