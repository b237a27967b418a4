// An in-memory tracker without I/O (BEP 3, 7, 15, 21, 23, 24, 31, 48): swarms by info hash, over requests parsed by
// formats/tracker. Guarantees: only addresses that requests came from are handed out, never port 0; swarms, peers and
// replies are capped; peers go after two intervals of silence. Owns all swarms.
import { concatBytes, toLatin1 } from '../base/bytes.ts'
import {
  type AddressFamily,
  compactEndpointLength,
  decodeCompactEndpoint,
  type Endpoint,
  encodeCompactEndpoint,
  type IpAddress,
} from '../formats/compact-endpoint.ts'
import {
  type AnnounceRequest,
  type TrackerFailure,
  type TrackerPeer,
  usualIntervalSeconds,
} from '../formats/tracker/announce.ts'
import type { HttpAnnounceRequest } from '../formats/tracker/announce-query.ts'
import type { AnnounceReply, PeerList } from '../formats/tracker/announce-response.ts'
import type { SwarmEntry } from '../formats/tracker/scrape.ts'
import type { Random } from '../ports/random.ts'
import { PeerTable, tableKey } from './peer-table.ts'

export interface TrackerServerOptions {
  readonly random: Random
  /** Seconds between a peer's regular announces, 10 to 86,400. */
  readonly intervalSeconds?: number
  readonly maxSwarms?: number
  /** In each address family; more are answered, but not kept. */
  readonly maxPeersPerSwarm?: number
  /** Peers in one answer, at most. */
  readonly maxPeersPerReply?: number
}

/** One address family of a swarm. */
interface Side {
  readonly seeders: PeerTable
  readonly leechers: PeerTable
}

interface Swarm {
  readonly sides: { readonly [family in AddressFamily]: Side }
  downloaded: number
  lastMs: number
}

/** What a swarm says to one announce; whoever carries it adds the rest. */
interface Admission {
  readonly swarm: Swarm
  readonly isSeeder: boolean
  /** It neither sent nor got anything: it may lack the metadata of a magnet link rather than nothing. */
  readonly isFresh: boolean
  readonly wantedPeers: number
  /** Of the peer itself, which is not told of itself. */
  readonly key: string | undefined
}

const usualWantedPeers = 50

function newSide(family: AddressFamily): Side {
  return { seeders: new PeerTable(family), leechers: new PeerTable(family) }
}

function otherFamily(family: AddressFamily): AddressFamily {
  return family === 4 ? 6 : 4
}

function sizeOf(side: Side): number {
  return side.seeders.size + side.leechers.size
}

export class TrackerServer {
  readonly intervalSeconds: number
  private readonly random: Random
  private readonly maxSwarms: number
  private readonly maxPeersPerSwarm: number
  private readonly maxPeersPerReply: number
  /** By info hash, a character a byte; in the order of the last announce, the oldest first. */
  private readonly swarms = new Map<string, Swarm>()

  constructor(options: TrackerServerOptions) {
    this.random = options.random
    this.intervalSeconds = options.intervalSeconds ?? usualIntervalSeconds
    this.maxSwarms = options.maxSwarms ?? 100_000
    this.maxPeersPerSwarm = options.maxPeersPerSwarm ?? 20_000
    this.maxPeersPerReply = options.maxPeersPerReply ?? 200
  }

  get swarmCount(): number {
    return this.swarms.size
  }

  /** Not sooner than this for an announce without an event. */
  get minIntervalSeconds(): number {
    return Math.max(10, Math.floor(this.intervalSeconds / 2))
  }

  /** The answer to an HTTP announce that came from `address`: peers of both families (BEP 7), the peer's own first. */
  announce(request: HttpAnnounceRequest, address: IpAddress, nowMs: number): AnnounceReply | TrackerFailure {
    const admission = this.admit(request, address, nowMs)
    if (admission === undefined) return { kind: 'failure', reason: 'this tracker is full', retry: 3_600 }
    const [complete, incomplete] = this.countsOf(admission.swarm)
    return {
      intervalSeconds: this.intervalSeconds,
      minIntervalSeconds: this.minIntervalSeconds,
      complete,
      incomplete,
      downloaded: admission.swarm.downloaded,
      peers: this.peersFor(admission, address.family, request),
      externalIp: address,
    }
  }

  /**
   * The same for UDP: writes packed peers of the address's own family at `offset` of `target` and returns the offset
   * after them; `counts` gets seeders and leechers. -1: the tracker is full.
   */
  announcePacked(
    request: AnnounceRequest,
    address: IpAddress,
    target: Uint8Array,
    offset: number,
    counts: Uint32Array,
    nowMs: number,
  ): number {
    const admission = this.admit(request, address, nowMs)
    if (admission === undefined) return -1
    const [complete, incomplete] = this.countsOf(admission.swarm)
    counts[0] = complete
    counts[1] = incomplete
    const room = Math.floor((target.length - offset) / compactEndpointLength(address.family))
    let end = offset
    this.choose(admission, address.family, Math.min(room, admission.wantedPeers), (endpoint) => {
      target.set(endpoint, end)
      end += endpoint.length
    })
    return end
  }

  /** Counts of the torrents asked for that have a swarm here. */
  scrape(infoHashes: readonly Uint8Array[]): SwarmEntry[] {
    const entries: SwarmEntry[] = []
    for (const infoHash of infoHashes) {
      const swarm = this.swarms.get(toLatin1(infoHash))
      if (swarm === undefined) continue
      const [complete, incomplete] = this.countsOf(swarm)
      const partial = swarm.sides[4].leechers.partialSize + swarm.sides[6].leechers.partialSize
      const { downloaded } = swarm
      entries.push({ infoHash, complete, incomplete, downloaded, downloaders: incomplete - partial })
    }
    return entries
  }

  /** Forgets swarms that nobody has announced to for two intervals; those that live see to their own peers. */
  sweep(nowMs: number): void {
    for (const [key, swarm] of this.swarms) {
      if (swarm.lastMs > this.expiryMs(nowMs)) return
      this.swarms.delete(key)
    }
  }

  private expiryMs(nowMs: number): number {
    return nowMs - 2_000 * this.intervalSeconds
  }

  private countsOf({ sides }: Swarm): readonly [complete: number, incomplete: number] {
    return [sides[4].seeders.size + sides[6].seeders.size, sides[4].leechers.size + sides[6].leechers.size]
  }

  private swarmOf(infoHash: Uint8Array, nowMs: number): Swarm | undefined {
    const key = toLatin1(infoHash)
    let swarm = this.swarms.get(key)
    if (swarm === undefined) {
      if (this.swarms.size >= this.maxSwarms) this.sweep(nowMs)
      if (this.swarms.size >= this.maxSwarms) return undefined
      swarm = { sides: { 4: newSide(4), 6: newSide(6) }, downloaded: 0, lastMs: nowMs }
    } else {
      this.swarms.delete(key)
    }
    swarm.lastMs = nowMs
    this.swarms.set(key, swarm)
    return swarm
  }

  /** Takes note of a peer. Undefined: there is no room for its swarm. */
  private admit(request: AnnounceRequest, address: IpAddress, nowMs: number): Admission | undefined {
    const swarm = this.swarmOf(request.infoHash, nowMs)
    if (swarm === undefined) return undefined
    for (const side of [swarm.sides[4], swarm.sides[6]]) {
      side.seeders.expire(this.expiryMs(nowMs))
      side.leechers.expire(this.expiryMs(nowMs))
    }
    const isSeeder = request.leftBytes === 0
    const isStopping = request.event === 'stopped'
    const wanted = Math.min(request.wantedPeers ?? usualWantedPeers, this.maxPeersPerReply)
    const key = request.port === 0 ? undefined : this.note(swarm, request, { ...address, port: request.port }, nowMs)
    const isFresh = request.downloadedBytes === 0 && request.uploadedBytes === 0
    return { swarm, isSeeder, isFresh, wantedPeers: isStopping ? 0 : wanted, key }
  }

  private note(swarm: Swarm, request: AnnounceRequest, endpoint: Endpoint, nowMs: number): string {
    const side = swarm.sides[endpoint.family]
    const packed = new Uint8Array(compactEndpointLength(endpoint.family))
    encodeCompactEndpoint(packed, 0, endpoint)
    const key = tableKey(packed)
    const isSeeder = request.leftBytes === 0
    if (request.event === 'stopped') {
      side.seeders.remove(key)
      side.leechers.remove(key)
      return key
    }
    const wasSeeder = side.seeders.has(key)
    // Only who was seen without counts as a download: clients send `completed` again, and without having been here.
    if (request.event === 'completed' && isSeeder && side.leechers.has(key)) swarm.downloaded++
    const here = isSeeder ? side.seeders : side.leechers
    if (wasSeeder !== isSeeder) (isSeeder ? side.leechers : side.seeders).remove(key)
    if (here.has(key) || sizeOf(side) < this.maxPeersPerSwarm) {
      here.put(key, packed, request.peerId, !isSeeder && request.event === 'paused', nowMs)
    }
    return key
  }

  /**
   * Up to `count` peers of a family at random. A seeder has no use for others. But aria2 1.36.0, and WebTorrent 3.0.21
   * over UDP, say that nothing is left while they await the metadata: who may be one of them is told of seeders where
   * there is no leecher, who would have the metadata for it.
   */
  private choose(
    { swarm, isSeeder, isFresh, key }: Admission,
    family: AddressFamily,
    count: number,
    see: (endpoint: Uint8Array, peerId: Uint8Array) => void,
  ): void {
    if (count <= 0) return
    const { seeders, leechers } = swarm.sides[family]
    let left = count
    const seeOthers = (endpoint: Uint8Array, peerId: Uint8Array) => {
      if (left === 0 || tableKey(endpoint) === key) return
      left--
      see(endpoint, peerId)
    }
    // In proportion, and at least one seeder. One more than wanted where the peer itself is among them.
    const others = isSeeder ? 0 : seeders.size
    const seederCount = Math.ceil((count * others) / Math.max(1, others + leechers.size))
    const ownPlace = (table: PeerTable) => (key !== undefined && table.has(key) ? 1 : 0)
    if (seederCount > 0) seeders.sample(seederCount, this.random, seeOthers)
    leechers.sample(left + ownPlace(leechers), this.random, seeOthers)
    if (isSeeder && isFresh && left === count) seeders.sample(left + ownPlace(seeders), this.random, seeOthers)
  }

  private peersFor(admission: Admission, family: AddressFamily, request: HttpAnnounceRequest): PeerList {
    const long: TrackerPeer[] = []
    const packed: { [family in AddressFamily]: Uint8Array[] } = { 4: [], 6: [] }
    let count = 0
    for (const which of [family, otherFamily(family)]) {
      this.choose(admission, which, admission.wantedPeers - count, (endpoint, peerId) => {
        count++
        if (request.isCompact) {
          packed[which].push(endpoint.slice())
          return
        }
        const peer = decodeCompactEndpoint(endpoint, 0, which)
        if (peer !== undefined) long.push(request.omitsPeerIds ? peer : { ...peer, peerId: peerId.slice() })
      })
    }
    if (!request.isCompact) return { form: 'long', peers: long }
    return { form: 'compact', peers: concatBytes(packed[4]), peers6: concatBytes(packed[6]) }
  }
}
