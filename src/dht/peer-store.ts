// Peers that were announced to this node (BEP 5, 33), by info hash and address family.
// Guarantees: one entry an address and info hash, but of local addresses one a port; peers go 45 minutes after their last announce; info hashes, peers of
// one and peers in all are capped, the info hash longest not announced giving way. Owns all of them.
import { toLatin1 } from '../base/bytes.ts'
import { addressClass } from '../formats/address-class.ts'
import { type AddressFamily, addressLength, compactEndpointLength, decodeAddress } from '../formats/compact-endpoint.ts'
import { addToBloomFilter, emptyBloomFilter } from '../formats/krpc/bloom-filter.ts'
import { nodeIdLength } from '../formats/krpc/message.ts'
import type { Random } from '../ports/random.ts'

export interface PeerStoreOptions {
  readonly maxInfoHashes: number
  /** Of one info hash in one family. BEP 33 wants fewer than 6,000, which its filters can tell apart. */
  readonly maxPeersEach: number
  readonly maxPeers: number
}

const usualPeerStore: PeerStoreOptions = { maxInfoHashes: 20_000, maxPeersEach: 2_000, maxPeers: 200_000 }

interface Peer {
  /** What there is one entry of. */
  readonly key: string
  /** Compact endpoint. */
  readonly packed: Uint8Array
  isSeed: boolean
  announcedMs: number
}

/** The peers of one family, and their places in a list to choose from. */
interface Side {
  /** By `Peer.key`, the longest not announced first. */
  readonly byKey: Map<string, number>
  readonly peers: Peer[]
}

/** Filters as of some moment: making them takes a hash a peer, more than a query is worth. */
interface Filters {
  readonly seeds: Uint8Array
  readonly peers: Uint8Array
  readonly madeMs: number
}

interface Swarm {
  readonly infoHash: Uint8Array
  readonly sides: { readonly [family in AddressFamily]: Side }
  filters: Filters | undefined
}

const expiresAfterMs = 2_700_000
const filtersLastMs = 30_000
const maxSamples = 20
const samplesLastMs = 3_600_000
export const samplesIntervalSeconds = samplesLastMs / 1_000

function newSide(): Side {
  return { byKey: new Map(), peers: [] }
}

/** Anyone can have many ports at an address of the world; in a local network they are as many programs. */
function keyOf(packed: Uint8Array, family: AddressFamily): string {
  const address = decodeAddress(packed.subarray(0, addressLength(family)))?.address ?? ''
  return toLatin1(packed, 0, addressClass(address) === 'global' ? addressLength(family) : packed.length)
}

export class PeerStore {
  private readonly options: PeerStoreOptions
  private readonly random: Random
  /** By info hash, a character a byte; the longest not announced first. */
  private readonly swarms = new Map<string, Swarm>()
  private peerCount = 0
  private samples: Uint8Array | undefined
  private sampledMs = 0

  constructor(random: Random, options: PeerStoreOptions = usualPeerStore) {
    this.random = random
    this.options = options
  }

  get infoHashCount(): number {
    return this.swarms.size
  }

  get size(): number {
    return this.peerCount
  }

  has(infoHash: Uint8Array): boolean {
    return this.swarms.has(toLatin1(infoHash))
  }

  /** Whether an announce would be kept: a full swarm gives out no tokens (BEP 33). */
  hasRoom(infoHash: Uint8Array, family: AddressFamily): boolean {
    const swarm = this.swarms.get(toLatin1(infoHash))
    return swarm === undefined || swarm.sides[family].peers.length < this.options.maxPeersEach
  }

  /** `packed`: compact endpoint, copied. False: there is no room for it. */
  announce(infoHash: Uint8Array, packed: Uint8Array, isSeed: boolean, nowMs: number): boolean {
    const family = packed.length === compactEndpointLength(4) ? 4 : 6
    const key = toLatin1(infoHash)
    const swarm = this.swarms.get(key) ?? this.newSwarm(infoHash)
    this.swarms.delete(key)
    this.swarms.set(key, swarm)
    const side = swarm.sides[family]
    const peerKey = keyOf(packed, family)
    const place = side.byKey.get(peerKey)
    if (place === undefined && side.peers.length >= this.options.maxPeersEach) return false
    swarm.filters = undefined
    const peer = { key: peerKey, packed: packed.slice(), isSeed, announcedMs: nowMs }
    if (place === undefined) {
      this.makeRoom(key)
      side.peers.push(peer)
      this.peerCount++
    } else {
      side.peers[place] = peer
      side.byKey.delete(peerKey)
    }
    side.byKey.set(peerKey, place ?? side.peers.length - 1)
    return true
  }

  /**
   * Compact endpoints of up to `maxCount` peers of a family, another stretch each time. With `noSeeds` only such that
   * are none (BEP 33). They are the store's: not to be changed.
   */
  peers(
    infoHash: Uint8Array,
    family: AddressFamily,
    maxCount: number,
    noSeeds: boolean,
    nowMs: number,
  ): readonly Uint8Array[] {
    const swarm = this.swarms.get(toLatin1(infoHash))
    if (swarm === undefined || maxCount <= 0) return []
    this.expire(swarm, nowMs)
    const { peers } = swarm.sides[family]
    const chosen: Uint8Array[] = []
    const start = peers.length === 0 ? 0 : this.random.below(peers.length)
    for (let step = 0; step < peers.length && chosen.length < maxCount; step++) {
      const { packed, isSeed } = peers[(start + step) % peers.length] as Peer
      if (!(noSeeds && isSeed)) chosen.push(packed)
    }
    return chosen
  }

  /** Seeds and peers that are none, as bloom filters (BEP 33); undefined: nothing is known of it. */
  filters(infoHash: Uint8Array, nowMs: number): Omit<Filters, 'madeMs'> | undefined {
    const swarm = this.swarms.get(toLatin1(infoHash))
    if (swarm === undefined) return undefined
    this.expire(swarm, nowMs)
    if (swarm.filters !== undefined && swarm.filters.madeMs > nowMs - filtersLastMs) return swarm.filters
    const made = { seeds: emptyBloomFilter(), peers: emptyBloomFilter(), madeMs: nowMs }
    for (const family of [4, 6] as const) {
      for (const { packed, isSeed } of swarm.sides[family].peers) {
        addToBloomFilter(isSeed ? made.seeds : made.peers, packed.subarray(0, addressLength(family)))
      }
    }
    swarm.filters = made
    return made
  }

  /** Some of the info hashes kept, end to end, the same ones for an hour (BEP 51). */
  sampleInfoHashes(nowMs: number): Uint8Array {
    if (this.samples !== undefined && nowMs < this.sampledMs + samplesLastMs) return this.samples
    const hashes = [...this.swarms.values()]
    const count = Math.min(maxSamples, hashes.length)
    const samples = new Uint8Array(count * nodeIdLength)
    for (let index = 0; index < count; index++) {
      const other = index + this.random.below(hashes.length - index)
      const chosen = hashes[other] as Swarm
      hashes[other] = hashes[index] as Swarm
      hashes[index] = chosen
      samples.set(chosen.infoHash, index * nodeIdLength)
    }
    // What is kept for an hour should say something.
    if (count === maxSamples) this.samples = samples
    this.sampledMs = nowMs
    return samples
  }

  /** Forgets whom it is time to forget. Cheap: looks at those longest not announced only. */
  sweep(nowMs: number): void {
    for (const [key, swarm] of this.swarms) {
      this.expire(swarm, nowMs)
      if (swarm.sides[4].peers.length + swarm.sides[6].peers.length > 0) return
      this.swarms.delete(key)
    }
  }

  private newSwarm(infoHash: Uint8Array): Swarm {
    if (this.swarms.size >= this.options.maxInfoHashes) this.dropOldest('')
    return { infoHash: infoHash.slice(), sides: { 4: newSide(), 6: newSide() }, filters: undefined }
  }

  private makeRoom(key: string): void {
    while (this.peerCount >= this.options.maxPeers && this.swarms.size > 1) this.dropOldest(key)
  }

  private dropOldest(exceptKey: string): void {
    for (const [key, { sides }] of this.swarms) {
      if (key === exceptKey) continue
      this.swarms.delete(key)
      this.peerCount -= sides[4].peers.length + sides[6].peers.length
      return
    }
  }

  private expire(swarm: Swarm, nowMs: number): void {
    for (const family of [4, 6] as const) {
      const { byKey, peers } = swarm.sides[family]
      for (const [key, place] of byKey) {
        if ((peers[place] as Peer).announcedMs > nowMs - expiresAfterMs) break
        byKey.delete(key)
        swarm.filters = undefined
        this.peerCount--
        const moved = peers.pop() as Peer
        if (place === peers.length) continue
        peers[place] = moved
        // Setting a key that is there keeps its place in the order.
        byKey.set(moved.key, place)
      }
    }
  }
}
