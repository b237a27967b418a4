// A tracker without I/O (BEP 3, 7, 15, 21, 23, 24, 31, 48) over packed swarms. Guarantees: only addresses that requests came
// from are handed out, never port 0; swarms, peers, replies and what one address may bring in are capped, and where all is
// full, torrents that only one address knows make room. Owns all swarms. The packed form of an announce makes no garbage.
import { emptyBytes, writeUint16 } from '../base/bytes.ts'
import {
  type AddressFamily,
  decodeCompactEndpoint,
  formatAddress,
  type IpAddress,
} from '../formats/compact-endpoint.ts'
import { hashLength, type TrackerFailure, type TrackerPeer, usualIntervalSeconds } from '../formats/tracker/announce.ts'
import type { HttpAnnounceRequest } from '../formats/tracker/announce-query.ts'
import type { AnnounceReply, PeerList } from '../formats/tracker/announce-response.ts'
import type { SwarmEntry } from '../formats/tracker/scrape.ts'
import { emptyAnnounceFields, type UdpAnnounceFields } from '../formats/tracker/udp-request.ts'
import type { Random } from '../ports/random.ts'
import { counter, gauge, type Metric } from './metric.ts'
import type { PeerPool } from './peer-pool.ts'
import { type Refusal, refusals } from './refusal.ts'
import { Source, type SourceLimits, SourceTable, tooFast, tooMany } from './sources.ts'
import { SwarmTable } from './swarm-table.ts'

export interface TrackerServerOptions {
  readonly random: Random
  /** Seconds between a peer's regular announces, 10 to 86,400. */
  readonly intervalSeconds?: number
  readonly maxSwarms?: number
  /** Of all swarms, in each address family. */
  readonly maxPeers?: number
  /** In each address family; more are answered, but not kept. */
  readonly maxPeersPerSwarm?: number
  /** With one address in one swarm; more are answered, but not kept. */
  readonly maxPeersPerAddress?: number
  /** Peers in one answer, at most. */
  readonly maxPeersPerReply?: number
  readonly limits?: Partial<SourceLimits>
  /** Which torrents are served; absent: all. Asked when a torrent comes in, and again by `applyList`. */
  readonly mayServe?: (infoHash: Uint8Array) => boolean
  /** Sent to clients over HTTP, for them to send back. */
  readonly trackerId?: Uint8Array
}

/** A change that other instances of the tracker have to hear of. */
export interface PeerChange {
  readonly family: AddressFamily
  /** Valid until the call returns, as all bytes here. */
  readonly infoHash: Uint8Array
  readonly endpoint: Uint8Array
  readonly peerId: Uint8Array
  readonly key: number
  readonly isSeeder: boolean
  readonly isPartial: boolean
  readonly event: 'here' | 'completed' | 'stopped'
}

const usualWantedPeers = 50
const usualLimits: SourceLimits = {
  maxTorrents: 10_000,
  torrentBurst: 2_000,
  torrentsPerSecond: 5,
  requestsPerSecond: 50,
}
/** Looked at for one that makes room when there are as many torrents as may be. */
const evictionLooks = 16
const sourcesPerSwarmsSwept = 64

class Details {
  isSeeder = false
  isPartial = false
  isOurs = false
  key = 0
  bytes: Uint8Array = emptyBytes
  peerIdAt = 0
}

export class TrackerServer {
  readonly intervalSeconds: number
  /** Of the swarm that was announced to last: seeders, leechers. */
  readonly counts = new Uint32Array(2)
  /** Why the last announce was refused. */
  refusal: Refusal = 'full'
  /** Called for each change that came from a client, not for those `apply` made. */
  onChange: ((change: PeerChange) => void) | undefined
  private readonly random: Random
  private readonly maxSwarms: number
  private readonly maxPeersPerReply: number
  private readonly mayServe: ((infoHash: Uint8Array) => boolean) | undefined
  private readonly trackerId: Uint8Array | undefined
  private readonly sources: SourceTable
  private readonly table: SwarmTable
  private readonly chosen: Uint32Array
  private readonly endpoints = { 4: new Uint8Array(6), 6: new Uint8Array(18) }
  private readonly details = new Details()
  private readonly source = new Source()
  private readonly fields = emptyAnnounceFields()
  private readonly hashes = new Uint8Array(2 * hashLength)
  // Of the announce at hand.
  private swarm = -1
  private ownRecord = -1
  private isFresh = false
  private announces = 0
  private completed = 0
  private stopped = 0
  private scraped = 0
  private evicted = 0
  private notKept = 0
  private readonly refused: Record<Refusal, number> = {
    'full': 0,
    'too-many-torrents': 0,
    'too-fast': 0,
    'too-many-requests': 0,
    'not-listed': 0,
    'no-passkey': 0,
  }

  constructor(options: TrackerServerOptions) {
    const { random, intervalSeconds = usualIntervalSeconds } = options
    this.random = random
    this.intervalSeconds = intervalSeconds
    this.maxSwarms = options.maxSwarms ?? 1_500_000
    this.maxPeersPerReply = options.maxPeersPerReply ?? 200
    this.mayServe = options.mayServe
    this.trackerId = options.trackerId
    this.sources = new SourceTable({ ...usualLimits, ...options.limits }, random)
    this.chosen = new Uint32Array(2 * this.maxPeersPerReply + 2)
    this.table = new SwarmTable({
      random,
      intervalSeconds,
      maxPeers: options.maxPeers ?? 8_000_000,
      maxPeersPerSwarm: options.maxPeersPerSwarm ?? 20_000,
      maxPeersPerAddress: options.maxPeersPerAddress ?? 64,
      onGone: (maker) => this.sources.dropTorrent(maker),
    })
  }

  get swarmCount(): number {
    return this.table.size
  }

  /** What snapshots and other instances read and fill. */
  get swarms(): SwarmTable {
    return this.table
  }

  /** Not sooner than this for an announce without an event. */
  get minIntervalSeconds(): number {
    return Math.max(10, Math.floor(this.intervalSeconds / 2))
  }

  /** The answer to an HTTP announce that came from `address`: peers of both families (BEP 7), the peer's own first. */
  announce(request: HttpAnnounceRequest, address: IpAddress, nowMs: number): AnnounceReply | TrackerFailure {
    const { fields, hashes, table, counts } = this
    hashes.set(request.infoHash)
    hashes.set(request.peerId, hashLength)
    fields.port = request.port
    fields.event = request.event
    fields.key = request.key ?? 0
    fields.leftBytes = request.leftBytes
    fields.downloadedBytes = request.downloadedBytes
    fields.uploadedBytes = request.uploadedBytes
    fields.wantedPeers = request.wantedPeers ?? -1
    if (!this.source.set(address)) return this.refuse('full')
    if (!this.admit(hashes, 0, fields, this.source, nowMs)) return refusals[this.refusal]
    const peers = this.peersFor(address.family, request)
    const [complete = 0, incomplete = 0] = counts
    return {
      intervalSeconds: this.intervalSeconds,
      minIntervalSeconds: this.minIntervalSeconds,
      ...(this.trackerId === undefined ? undefined : { trackerId: this.trackerId }),
      complete,
      incomplete,
      downloaded: table.downloadsOf(this.swarm),
      peers,
      externalIp: address,
    }
  }

  /**
   * The same for UDP, without making anything: info hash and peer id stand at `at` of `bytes`. Writes packed peers of the
   * source's own family at `offset` of `target`, up to its end, and returns the offset after them; `counts` has seeders
   * and leechers then. -1: refused, for the reason in `refusal`.
   */
  announcePacked(
    bytes: Uint8Array,
    at: number,
    fields: UdpAnnounceFields,
    source: Source,
    target: Uint8Array,
    offset: number,
    nowMs: number,
  ): number {
    if (!this.admit(bytes, at, fields, source, nowMs)) return -1
    const pool = this.table.pools[source.family]
    const room = Math.floor((target.length - offset) / pool.endpointLength)
    const count = this.choose(pool, Math.min(room, this.wanted(fields)), this.ownRecord)
    let end = offset
    for (let index = 0; index < count; index++) end = pool.copyEndpoint(this.chosen[index] as number, target, end)
    return end
  }

  /** Counts of the torrents asked for that have a swarm here. */
  scrape(infoHashes: readonly Uint8Array[]): SwarmEntry[] {
    const { table } = this
    const entries: SwarmEntry[] = []
    for (const infoHash of infoHashes) {
      const swarm = this.lookUp(infoHash, 0)
      if (swarm === -1) continue
      const [complete, incomplete] = [table.seeders(swarm), table.leechers(swarm)]
      const downloaded = table.downloadsOf(swarm)
      entries.push({ infoHash, complete, incomplete, downloaded, downloaders: incomplete - table.partialSeeds(swarm) })
    }
    return entries
  }

  /** The number of the swarm with the info hash at `at`, for a scrape; -1: none. */
  lookUp(bytes: Uint8Array, at: number): number {
    this.scraped++
    return this.table.find(bytes, at)
  }

  /** Counts a request other than an announce; false: its source makes too many. */
  mayAsk(address: IpAddress, nowMs: number): boolean {
    if (this.source.set(address) && this.sources.countRequest(this.source, nowMs)) return true
    this.refuse('too-many-requests')
    return false
  }

  refuse(refusal: Refusal): TrackerFailure {
    this.refusal = refusal
    this.refused[refusal]++
    return refusals[refusal]
  }

  /** Forgets who was silent for too long, a part at a time; announces call it, a timer must where there are none. */
  sweep(nowMs: number): void {
    this.table.sweep(nowMs)
  }

  /** Asks `mayServe` of every swarm again; how many went. */
  applyList(): number {
    const { table } = this
    const before = table.size
    for (let swarm = 0; swarm < table.end; swarm++) {
      if (table.isLive(swarm) && this.mayServe?.(table.hashOf(swarm).slice()) === false) table.remove(swarm)
    }
    return before - table.size
  }

  /** Takes over what another instance was told, or a snapshot says; `ageTicks` old. False: there is no room. */
  apply(change: PeerChange, ageTicks: number, nowMs: number): boolean {
    const { family, infoHash, endpoint } = change
    const source = new Source()
    if (!source.set({ family, address: formatAddress(endpoint, 0, family) })) return false
    const isNew = this.table.find(infoHash, 0) === -1
    if (isNew && change.event === 'stopped') return false
    const swarm = this.swarmOf(infoHash, 0, source, nowMs, true)
    if (swarm === -1) return false
    this.table.touch(swarm, nowMs)
    const { details } = this
    details.isSeeder = change.isSeeder
    details.isPartial = change.isPartial
    details.isOurs = false
    details.key = change.key
    details.bytes = change.peerId
    details.peerIdAt = 0
    this.endpoints[family].set(endpoint)
    const tick = (this.table.tickOf(nowMs) - ageTicks) & 0xff
    this.enter(swarm, this.table.pools[family], family, change.event, tick)
    return true
  }

  /** As `apply`: downloads that were completed elsewhere, or before. */
  applyDownloads(infoHash: Uint8Array, count: number): void {
    const swarm = this.table.find(infoHash, 0)
    if (swarm !== -1) this.table.setDownloads(swarm, Math.max(count, this.table.downloadsOf(swarm)))
  }

  metrics(): readonly Metric[] {
    const { table, sources } = this
    const { 4: ipv4, 6: ipv6 } = table.pools
    const label = 'reason'
    return [
      gauge('torrents', 'Torrents that have a swarm here.', table.size),
      { ...gauge('peers', 'Peers in all swarms.', 0), label: 'family', values: { ipv4: ipv4.size, ipv6: ipv6.size } },
      gauge('peer_memory_bytes', 'Memory taken for the records of peers.', ipv4.byteLength + ipv6.byteLength),
      gauge('sources', 'Addresses that torrents here came from.', sources.size),
      counter('announces_total', 'Announces taken.', this.announces),
      counter('completed_total', 'Downloads that were completed.', this.completed),
      counter('stopped_total', 'Peers that said they leave.', this.stopped),
      counter('expired_peers_total', 'Peers forgotten because they were silent.', table.expiredPeers),
      counter('scraped_torrents_total', 'Torrents asked for by scrapes.', this.scraped),
      counter('evicted_torrents_total', 'Torrents of one address alone that made room.', this.evicted),
      counter('peers_not_kept_total', 'Peers answered but not kept, for there was no room.', this.notKept),
      { ...counter('refused_total', 'Requests refused.', 0), label, values: { ...this.refused } },
    ]
  }

  private wanted({ event, wantedPeers }: UdpAnnounceFields): number {
    if (event === 'stopped') return 0
    return Math.min(wantedPeers < 0 ? usualWantedPeers : wantedPeers, this.maxPeersPerReply)
  }

  /** The swarm, made if need be and may be; -1: refused, for the reason in `refusal`. */
  private swarmOf(bytes: Uint8Array, at: number, source: Source, nowMs: number, isTrusted = false): number {
    const { table, sources } = this
    const known = table.find(bytes, at)
    if (known !== -1) {
      if (table.isOfOne(known) && !sources.isRow(table.makerOf(known), source)) table.share(known)
      return known
    }
    if (this.mayServe?.(bytes.slice(at, at + hashLength)) === false) {
      this.refuse('not-listed')
      return -1
    }
    if (table.size >= this.maxSwarms && !this.evict()) {
      this.refuse('full')
      return -1
    }
    sources.sweep(sourcesPerSwarmsSwept, nowMs)
    const maker = sources.bringTorrent(source, nowMs, isTrusted)
    if (maker === tooMany || maker === tooFast) {
      this.refuse(maker === tooMany ? 'too-many-torrents' : 'too-fast')
      return -1
    }
    return table.create(bytes, at, maker, nowMs)
  }

  /** Of some torrents that one address alone knows, the one of who has most of them makes room. */
  private evict(): boolean {
    const { table, sources } = this
    let worst = -1
    let most = 0
    for (let look = 0; look < evictionLooks; look++) {
      const swarm = this.random.below(table.end)
      if (!table.isOfOne(swarm)) continue
      const torrents = sources.torrentsOf(table.makerOf(swarm))
      if (torrents <= most) continue
      worst = swarm
      most = torrents
    }
    if (worst === -1) return false
    table.remove(worst)
    this.evicted++
    return true
  }

  /** Takes note of a peer. False: refused. */
  private admit(bytes: Uint8Array, at: number, fields: UdpAnnounceFields, source: Source, nowMs: number): boolean {
    const { table, details, sources, counts } = this
    table.sweep(nowMs)
    if (!sources.countRequest(source, nowMs)) {
      this.refuse('too-many-requests')
      return false
    }
    const swarm = this.swarmOf(bytes, at, source, nowMs)
    if (swarm === -1) return false
    this.announces++
    this.swarm = swarm
    this.ownRecord = -1
    this.isFresh = fields.downloadedBytes === 0 && fields.uploadedBytes === 0
    table.touch(swarm, nowMs)
    details.isSeeder = fields.leftBytes === 0
    details.isPartial = fields.leftBytes !== 0 && fields.event === 'paused'
    details.isOurs = true
    details.key = fields.key
    details.bytes = bytes
    details.peerIdAt = at + hashLength
    if (fields.port !== 0) this.note(fields, source, table.tickOf(nowMs))
    counts[0] = table.seeders(swarm)
    counts[1] = table.leechers(swarm)
    return true
  }

  private note(fields: UdpAnnounceFields, source: Source, tick: number): void {
    const { swarm, table } = this
    const { family } = source
    const pool = table.pools[family]
    const endpoint = this.endpoints[family]
    const length = family === 4 ? 4 : 16
    for (let index = 0; index < length; index++) endpoint[index] = source.bytes[index] as number
    writeUint16(endpoint, length, fields.port)
    const event = fields.event === 'stopped' || fields.event === 'completed' ? fields.event : 'here'
    this.ownRecord = this.enter(swarm, pool, family, event, tick)
    if (this.onChange === undefined) return
    const { isSeeder, isPartial, key, bytes, peerIdAt } = this.details
    const peerId = bytes.subarray(peerIdAt, peerIdAt + hashLength)
    this.onChange({ family, infoHash: table.hashOf(swarm), endpoint, peerId, key, isSeeder, isPartial, event })
  }

  /** The peer of `details` and `endpoints` into a swarm or out of it; its record, -1: it is not there. */
  private enter(
    swarm: number,
    pool: PeerPool,
    family: AddressFamily,
    event: PeerChange['event'],
    tick: number,
  ): number {
    const { details, table } = this
    const endpoint = this.endpoints[family]
    const found = pool.find(swarm, endpoint)
    if (event === 'stopped') {
      // Many share an address; with a key nobody but the peer itself can make it leave.
      if (found < 0 || (pool.keyOf(found) !== 0 && pool.keyOf(found) !== details.key)) return -1
      pool.remove(found)
      this.stopped++
      return -1
    }
    if (found >= 0 && pool.isSeeder(found) === details.isSeeder) {
      pool.refresh(found, details, tick)
      return found
    }
    if (found >= 0) {
      // Only who was seen without counts as a download: clients send `completed` again, and without having been here.
      if (event === 'completed' && details.isSeeder) {
        table.setDownloads(swarm, table.downloadsOf(swarm) + 1)
        this.completed++
      }
      pool.remove(found)
    }
    const record = found === -2 ? -1 : pool.insert(swarm, endpoint, details, tick)
    if (record === -1) this.notKept++
    return record
  }

  /**
   * Up to `count` peers of a pool at random into `chosen`; how many. A seeder has no use for others. But aria2 1.36.0, and
   * WebTorrent 3.0.21 over UDP, say that nothing is left while they await the metadata: who may be one of them is told
   * of seeders where there is no leecher, who would have the metadata for it.
   */
  private choose(pool: PeerPool, count: number, except: number): number {
    if (count <= 0) return 0
    const { swarm, chosen, details } = this
    const others = details.isSeeder ? 0 : pool.seeders(swarm)
    // In proportion, and at least one seeder.
    const seeders = Math.ceil((count * others) / Math.max(1, others + pool.leechers(swarm)))
    let found = seeders === 0 ? 0 : pool.sample(swarm, true, seeders, except, chosen, 0)
    found = pool.sample(swarm, false, count - found, except, chosen, found)
    const mayLackMetadata = details.isSeeder && this.isFresh && found === 0
    return mayLackMetadata ? pool.sample(swarm, true, count, except, chosen, 0) : found
  }

  private peersFor(family: AddressFamily, request: HttpAnnounceRequest): PeerList {
    const long: TrackerPeer[] = []
    const packed: { [family in AddressFamily]: Uint8Array } = { 4: emptyBytes, 6: emptyBytes }
    let left = this.wanted(this.fields)
    for (const which of family === 4 ? ([4, 6] as const) : ([6, 4] as const)) {
      const pool = this.table.pools[which]
      const count = this.choose(pool, left, which === family ? this.ownRecord : -1)
      left -= count
      const endpoints = new Uint8Array(count * pool.endpointLength)
      let end = 0
      for (let index = 0; index < count; index++) end = pool.copyEndpoint(this.chosen[index] as number, endpoints, end)
      packed[which] = endpoints
      if (request.isCompact) continue
      for (let index = 0; index < count; index++) {
        const peer = decodeCompactEndpoint(endpoints, index * pool.endpointLength, which)
        if (peer === undefined) continue
        long.push(request.omitsPeerIds ? peer : { ...peer, peerId: pool.peerIdOf(this.chosen[index] as number) })
      }
    }
    return request.isCompact ? { form: 'compact', peers: packed[4], peers6: packed[6] } : { form: 'long', peers: long }
  }
}
