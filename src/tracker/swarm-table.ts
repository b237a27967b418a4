// All swarms of a tracker, packed: columns of numbers, found by info hash, and the peers in two pools. Guarantees: no object
// per swarm or peer; those silent for two intervals go within another quarter, a few swarms at a time, so that nothing ever
// stalls; swarm numbers are used again. Owns swarms and peers; what they cost their sources is the server's.
import { hashLength } from '../formats/tracker/announce.ts'
import type { Random } from '../ports/random.ts'
import { ShardedIndex } from './hash-index.ts'
import { newHashKey, tableHash } from './keyed-hash.ts'
import { PeerPool } from './peer-pool.ts'

export interface SwarmTableOptions {
  readonly random: Random
  readonly intervalSeconds: number
  /** Peers of all swarms, in each family. */
  readonly maxPeers: number
  readonly maxPeersPerSwarm: number
  readonly maxPeersPerAddress: number
  /** `maker` as `create` was told. */
  onGone(maker: number): void
}

const ticksPerInterval = 4
/** Older than this many ticks is two intervals old at least. */
const maxAgeTicks = 2 * ticksPerInterval
/** Ticks are kept modulo 256; beyond this all have to be looked at before they come around. */
const longestGapTicks = 200
const maxSwarmsPerStep = 4_096
const firstSwarms = 64

export class SwarmTable {
  readonly pools: { readonly 4: PeerPool; readonly 6: PeerPool }
  expiredPeers = 0
  private readonly onGone: (maker: number) => void
  private readonly tickMs: number
  private readonly key: Uint32Array
  private readonly index = new ShardedIndex()
  private hashes = new Uint8Array(hashLength * firstSwarms)
  private downloads = new Uint32Array(firstSwarms)
  private makers = new Uint32Array(firstSwarms)
  /** 0: free, 1: of one source alone, 2: of several. */
  private states = new Uint8Array(firstSwarms)
  private ticks = new Uint8Array(firstSwarms)
  private readonly freeSwarms: number[] = []
  private swarms = 0
  private cursor = 0
  private sweptMs = Number.NaN
  private owedSwarms = 0

  constructor({ random, intervalSeconds, maxPeers, maxPeersPerSwarm, maxPeersPerAddress, onGone }: SwarmTableOptions) {
    const shared = { random, maxRecords: maxPeers, maxListLength: maxPeersPerSwarm, maxPeersPerAddress }
    this.pools = { 4: new PeerPool({ ...shared, family: 4 }), 6: new PeerPool({ ...shared, family: 6 }) }
    this.tickMs = (intervalSeconds * 1_000) / ticksPerInterval
    this.key = newHashKey(random)
    this.onGone = onGone
  }

  get size(): number {
    return this.index.size
  }

  /** One more than the highest swarm number in use or free. */
  get end(): number {
    return this.swarms
  }

  /** By the 20 bytes at `at`; -1: none. */
  find(bytes: Uint8Array, at: number): number {
    const hash = tableHash(this.key, 0, bytes, at, at + hashLength)
    const index = this.index.of(hash)
    for (let slot = index.first(hash); slot !== -1; slot = index.next(slot)) {
      if (this.hasHash(index.valueAt(slot), bytes, at)) return index.valueAt(slot)
    }
    return -1
  }

  /** A swarm that is not there yet; `maker` is a number of the caller's. */
  create(bytes: Uint8Array, at: number, maker: number, nowMs: number): number {
    const swarm = this.freeSwarms.pop() ?? this.swarms++
    if (swarm === this.states.length) this.grow()
    this.hashes.set(bytes.subarray(at, at + hashLength), swarm * hashLength)
    this.downloads[swarm] = 0
    this.makers[swarm] = maker
    this.states[swarm] = 1
    this.ticks[swarm] = this.tickOf(nowMs)
    this.index.add(tableHash(this.key, 0, bytes, at, at + hashLength), swarm)
    return swarm
  }

  remove(swarm: number): void {
    this.pools[4].clear(swarm)
    this.pools[6].clear(swarm)
    const at = swarm * hashLength
    this.index.remove(tableHash(this.key, 0, this.hashes, at, at + hashLength), swarm)
    this.states[swarm] = 0
    this.freeSwarms.push(swarm)
    this.onGone(this.makers[swarm] as number)
  }

  isLive(swarm: number): boolean {
    return (this.states[swarm] ?? 0) !== 0
  }

  /** Only its maker was ever seen in it. */
  isOfOne(swarm: number): boolean {
    return this.states[swarm] === 1
  }

  makerOf(swarm: number): number {
    return this.makers[swarm] as number
  }

  share(swarm: number): void {
    this.states[swarm] = 2
  }

  /** Valid until the next change. */
  hashOf(swarm: number): Uint8Array {
    return this.hashes.subarray(swarm * hashLength, (swarm + 1) * hashLength)
  }

  downloadsOf(swarm: number): number {
    return this.downloads[swarm] as number
  }

  setDownloads(swarm: number, count: number): void {
    this.downloads[swarm] = count
  }

  touch(swarm: number, nowMs: number): void {
    this.ticks[swarm] = this.tickOf(nowMs)
  }

  seeders(swarm: number): number {
    return this.pools[4].seeders(swarm) + this.pools[6].seeders(swarm)
  }

  leechers(swarm: number): number {
    return this.pools[4].leechers(swarm) + this.pools[6].leechers(swarm)
  }

  partialSeeds(swarm: number): number {
    return this.pools[4].partialSeeds(swarm) + this.pools[6].partialSeeds(swarm)
  }

  tickOf(nowMs: number): number {
    return Math.floor(nowMs / this.tickMs) & 0xff
  }

  /** Whole ticks since a peer of that tick was heard of. */
  ageOf(tick: number, nowMs: number): number {
    return (this.tickOf(nowMs) - tick) & 0xff
  }

  get tickLengthMs(): number {
    return this.tickMs
  }

  /** Looks at as many swarms as are due: all of them in a tick. Cheap where nothing is. */
  sweep(nowMs: number): void {
    const passedMs = nowMs - this.sweptMs
    this.sweptMs = nowMs
    if (!(passedMs > 0)) return
    const passed = passedMs / this.tickMs
    if (passed >= 1) {
      // Nobody asked for so long that there is no hurry now, or ticks would come around.
      const isLate = passed > longestGapTicks
      for (let swarm = 0; swarm < this.swarms && (isLate || swarm < maxSwarmsPerStep); swarm++)
        this.visit(nowMs, isLate)
      return
    }
    this.owedSwarms = Math.min(maxSwarmsPerStep, this.owedSwarms + passed * this.swarms)
    for (; this.owedSwarms >= 1; this.owedSwarms--) this.visit(nowMs, false)
  }

  private visit(nowMs: number, isLate: boolean): void {
    this.cursor = (this.cursor + 1) % this.swarms
    const swarm = this.cursor
    if (this.states[swarm] === 0) return
    const tick = this.tickOf(nowMs)
    const age = isLate ? -1 : maxAgeTicks
    this.expiredPeers += this.pools[4].expire(swarm, tick, age) + this.pools[6].expire(swarm, tick, age)
    const isSilent = ((tick - (this.ticks[swarm] as number)) & 0xff) > age
    if (isSilent && this.seeders(swarm) + this.leechers(swarm) === 0) this.remove(swarm)
  }

  private hasHash(swarm: number, bytes: Uint8Array, at: number): boolean {
    const from = swarm * hashLength
    for (let index = 0; index < hashLength; index++) {
      if (this.hashes[from + index] !== bytes[at + index]) return false
    }
    return true
  }

  private grow(): void {
    const wanted = 2 * this.states.length
    const bytes = (from: Uint8Array, length: number) => {
      const to = new Uint8Array(length)
      to.set(from)
      return to
    }
    const words = (from: Uint32Array) => {
      const to = new Uint32Array(wanted)
      to.set(from)
      return to
    }
    this.hashes = bytes(this.hashes, wanted * hashLength)
    this.downloads = words(this.downloads)
    this.makers = words(this.makers)
    this.states = bytes(this.states, wanted)
    this.ticks = bytes(this.ticks, wanted)
  }
}
