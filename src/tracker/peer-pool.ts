// The peers of one address family in all swarms, packed: a seeder list and a leecher list a swarm, each one run of records,
// and one index over all. Guarantees: a peer stands once in a swarm; lists have no gaps, so that a random choice costs
// what it returns; an address has a limited number of peers in a swarm. Owns records and lists; swarms are numbers here.
import { type AddressFamily, addressLength, compactEndpointLength } from '../formats/compact-endpoint.ts'
import type { Random } from '../ports/random.ts'
import { ShardedIndex } from './hash-index.ts'
import { newHashKey, tableHash } from './keyed-hash.ts'
import { longestRun, RecordBlocks } from './record-blocks.ts'

/** What the tracker knows of a peer besides its endpoint. */
export interface PeerDetails {
  readonly isSeeder: boolean
  /** A partial seed (BEP 21). */
  readonly isPartial: boolean
  /** It announced to this instance of the tracker. */
  readonly isOurs: boolean
  /** 32 bits; 0: it gave none. */
  readonly key: number
  /** The 20 bytes at `peerIdAt`. */
  readonly bytes: Uint8Array
  readonly peerIdAt: number
}

export interface PeerPoolOptions {
  readonly family: AddressFamily
  readonly random: Random
  /** In all swarms; memory is bounded by it. */
  readonly maxRecords: number
  /** In a list. */
  readonly maxListLength: number
  /** With one IPv4 address, or in one /64, of one swarm; loopback is exempt. */
  readonly maxPeersPerAddress: number
}

// A record: word 0 the swarm, word 1 the key; then these bytes.
const tickAt = 8
const flagsAt = 9
const endpointAt = 10
const peerIdLength = 20
const seederFlag = 1
const partialFlag = 2
const oursFlag = 4
const noList = 255
const firstLists = 64

export class PeerPool {
  readonly endpointLength: 6 | 18
  private readonly addressLength: 4 | 16
  /** Bytes of an address that count as its owner's. */
  private readonly ownerLength: 4 | 8
  private readonly blocks: RecordBlocks
  private readonly index = new ShardedIndex()
  private readonly key: Uint32Array
  private readonly maxListLength: number
  private readonly maxPeersPerAddress: number
  /** Two lists a swarm: leechers at an even place, seeders behind. */
  private starts = new Uint32Array(2 * firstLists)
  private counts = new Uint32Array(2 * firstLists)
  private powers = new Uint8Array(2 * firstLists).fill(noList)
  private partials = new Uint32Array(firstLists)
  private randomState: number

  constructor({ family, random, maxRecords, maxListLength, maxPeersPerAddress }: PeerPoolOptions) {
    this.endpointLength = compactEndpointLength(family)
    this.addressLength = addressLength(family)
    this.ownerLength = family === 4 ? 4 : 8
    this.blocks = new RecordBlocks(endpointAt + this.endpointLength + peerIdLength, Math.max(maxRecords, longestRun))
    this.key = newHashKey(random)
    this.maxListLength = Math.min(maxListLength, longestRun)
    this.maxPeersPerAddress = maxPeersPerAddress
    this.randomState = random.below(2 ** 32) | 1
  }

  /** In all swarms. */
  get size(): number {
    return this.index.size
  }

  get byteLength(): number {
    return this.blocks.byteLength
  }

  seeders(swarm: number): number {
    return this.counts[2 * swarm + 1] ?? 0
  }

  leechers(swarm: number): number {
    return this.counts[2 * swarm] ?? 0
  }

  partialSeeds(swarm: number): number {
    return this.partials[swarm] ?? 0
  }

  /** Of the seeders or leechers; those of a list are numbered without gaps until the next change. */
  firstRecord(swarm: number, isSeeder: boolean): number {
    return this.starts[2 * swarm + Number(isSeeder)] as number
  }

  /** The record of a packed endpoint; -1: it is not in the swarm, -2: nor may it be, for its address has its share. */
  find(swarm: number, endpoint: Uint8Array): number {
    const hash = this.hashOf(swarm, endpoint, 0)
    const shard = this.index.of(hash)
    let others = 0
    for (let slot = shard.first(hash); slot !== -1; slot = shard.next(slot)) {
      const record = shard.valueAt(slot)
      if (this.blocks.wordOf(record, 0) !== swarm) continue
      if (this.hasEndpoint(record, endpoint)) return record
      others++
    }
    return others < this.maxPeersPerAddress ? -1 : -2
  }

  isSeeder(record: number): boolean {
    return (this.flagsOf(record) & seederFlag) !== 0
  }

  isPartial(record: number): boolean {
    return (this.flagsOf(record) & partialFlag) !== 0
  }

  isOurs(record: number): boolean {
    return (this.flagsOf(record) & oursFlag) !== 0
  }

  keyOf(record: number): number {
    return this.blocks.wordOf(record, 1)
  }

  tickOf(record: number): number {
    return this.blocks.bytesOf(record)[this.blocks.offsetOf(record) + tickAt] as number
  }

  /** Notes that a peer which is there was heard of, in the list it is in. */
  refresh(record: number, details: PeerDetails, tick: number): void {
    const swarm = this.blocks.wordOf(record, 0)
    this.partials[swarm] = this.partialSeeds(swarm) + Number(details.isPartial) - Number(this.isPartial(record))
    this.fill(record, details, tick)
  }

  /** Adds a peer that is not there; its record, -1: there is no room. */
  insert(swarm: number, endpoint: Uint8Array, details: PeerDetails, tick: number): number {
    const list = 2 * swarm + Number(details.isSeeder)
    this.growLists(list)
    const count = this.counts[list] as number
    if (this.seeders(swarm) + this.leechers(swarm) >= this.maxListLength) return -1
    const power = this.powers[list] as number
    if (power === noList) {
      const start = this.blocks.allocate(0)
      if (start === -1) return -1
      this.starts[list] = start
      this.powers[list] = 0
    } else if (count === 2 ** power && !this.move(list, power + 1)) {
      return -1
    }
    const record = (this.starts[list] as number) + count
    this.blocks.setWord(record, 0, swarm)
    this.blocks.bytesOf(record).set(endpoint, this.blocks.offsetOf(record) + endpointAt)
    this.fill(record, details, tick)
    this.counts[list] = count + 1
    this.partials[swarm] = this.partialSeeds(swarm) + Number(details.isPartial)
    const hash = this.hashOf(swarm, endpoint, 0)
    this.index.add(hash, record)
    return record
  }

  /** The last of the list takes its place. */
  remove(record: number): void {
    const swarm = this.blocks.wordOf(record, 0)
    const list = 2 * swarm + (this.flagsOf(record) & seederFlag)
    const hash = this.recordHash(record)
    this.index.remove(hash, record)
    this.partials[swarm] = this.partialSeeds(swarm) - Number(this.isPartial(record))
    const left = (this.counts[list] as number) - 1
    const last = (this.starts[list] as number) + left
    if (last !== record) {
      const lastHash = this.recordHash(last)
      this.index.of(lastHash).replace(lastHash, last, record)
      this.blocks.copy(last, record, 1)
    }
    this.counts[list] = left
    const power = this.powers[list] as number
    if (left === 0) {
      this.blocks.free(this.starts[list] as number, power)
      this.powers[list] = noList
    } else if (power > 1 && 4 * left <= 2 ** power) {
      this.move(list, power - 1)
    }
  }

  /** Removes those of a swarm last heard of more than `age` ticks (mod 256) before `tick`; how many. */
  expire(swarm: number, tick: number, age: number): number {
    let expired = 0
    for (const isSeeder of [false, true]) {
      const list = 2 * swarm + Number(isSeeder)
      // From the end, so that what takes a place was looked at before.
      for (let index = (this.counts[list] ?? 0) - 1; index >= 0; index--) {
        const record = (this.starts[list] as number) + index
        if (((tick - this.tickOf(record)) & 0xff) <= age) continue
        this.remove(record)
        expired++
      }
    }
    return expired
  }

  /** Forgets all peers of a swarm. */
  clear(swarm: number): void {
    for (const isSeeder of [false, true]) {
      const list = 2 * swarm + Number(isSeeder)
      while ((this.counts[list] ?? 0) > 0) {
        this.remove((this.starts[list] as number) + (this.counts[list] as number) - 1)
      }
    }
  }

  /**
   * Puts up to `count` different records of a list other than `except` into `chosen` from `place` on; the place after
   * them. Each is as likely as any other: one at random out of each of `count` parts, and where the parts begin is drawn.
   */
  sample(swarm: number, isSeeder: boolean, count: number, except: number, chosen: Uint32Array, place: number): number {
    const list = 2 * swarm + Number(isSeeder)
    const size = this.counts[list] ?? 0
    const start = this.starts[list] as number
    const hasExcept = except >= start && except < start + size
    const parts = Math.min(count + Number(hasExcept), size)
    if (count <= 0 || parts === 0) return place
    const turn = parts === size ? 0 : this.below(size)
    const step = size / parts
    const end = place + count
    let next = place
    let from = 0
    for (let part = 1; part <= parts && next < end; part++) {
      const to = part === parts ? size : Math.floor(part * step)
      let at = turn + from + (to - from > 1 ? this.below(to - from) : 0)
      from = to
      if (at >= size) at -= size
      if (start + at !== except) chosen[next++] = start + at
    }
    return next
  }

  /** Writes its packed endpoint at `offset`; the offset after it. */
  copyEndpoint(record: number, target: Uint8Array, offset: number): number {
    const bytes = this.blocks.bytesOf(record)
    const from = this.blocks.offsetOf(record) + endpointAt
    const { endpointLength } = this
    // For so few bytes faster than a view to copy from.
    for (let index = 0; index < endpointLength; index++) target[offset + index] = bytes[from + index] as number
    return offset + endpointLength
  }

  /** A fresh array of 20 bytes. */
  peerIdOf(record: number): Uint8Array {
    const from = this.blocks.offsetOf(record) + endpointAt + this.endpointLength
    return this.blocks.bytesOf(record).slice(from, from + peerIdLength)
  }

  private flagsOf(record: number): number {
    return this.blocks.bytesOf(record)[this.blocks.offsetOf(record) + flagsAt] as number
  }

  private fill(record: number, details: PeerDetails, tick: number): void {
    const { isSeeder, isPartial, isOurs, key, bytes, peerIdAt } = details
    const target = this.blocks.bytesOf(record)
    const offset = this.blocks.offsetOf(record)
    this.blocks.setWord(record, 1, key)
    target[offset + tickAt] = tick
    target[offset + flagsAt] = (isSeeder ? seederFlag : 0) | (isPartial ? partialFlag : 0) | (isOurs ? oursFlag : 0)
    const to = offset + endpointAt + this.endpointLength
    for (let index = 0; index < peerIdLength; index++) target[to + index] = bytes[peerIdAt + index] as number
  }

  private hasEndpoint(record: number, endpoint: Uint8Array): boolean {
    const bytes = this.blocks.bytesOf(record)
    const from = this.blocks.offsetOf(record) + endpointAt
    for (let index = this.endpointLength - 1; index >= 0; index--) {
      if (bytes[from + index] !== endpoint[index]) return false
    }
    return true
  }

  /** The same for all that one owner has in a swarm, so that they are counted on the way; on loopback all are one's own. */
  private hashOf(swarm: number, bytes: Uint8Array, at: number): number {
    const isLoopback = this.addressLength === 4 ? bytes[at] === 127 : isLoopback6(bytes, at)
    const length = isLoopback ? this.endpointLength : this.ownerLength
    return tableHash(this.key, swarm, bytes, at, at + length)
  }

  private recordHash(record: number): number {
    const at = this.blocks.offsetOf(record) + endpointAt
    return this.hashOf(this.blocks.wordOf(record, 0), this.blocks.bytesOf(record), at)
  }

  /** Gives a list a run of 2^power records; false: there is no room, and nothing changed. */
  private move(list: number, power: number): boolean {
    const start = this.starts[list] as number
    const count = this.counts[list] as number
    const moved = 2 ** power > longestRun ? -1 : this.blocks.allocate(power)
    if (moved === -1) return false
    this.blocks.copy(start, moved, count)
    for (let index = 0; index < count; index++) {
      const hash = this.recordHash(moved + index)
      this.index.of(hash).replace(hash, start + index, moved + index)
    }
    this.blocks.free(start, this.powers[list] as number)
    this.starts[list] = moved
    this.powers[list] = power
    return true
  }

  private growLists(list: number): void {
    const { length } = this.counts
    if (list < length) return
    const wanted = Math.max(2 * length, 2 ** Math.ceil(Math.log2(list + 1)))
    const grown = <T extends Uint32Array | Uint8Array>(from: T, to: T): T => {
      to.set(from)
      return to
    }
    this.starts = grown(this.starts, new Uint32Array(wanted))
    this.counts = grown(this.counts, new Uint32Array(wanted))
    this.powers = grown(this.powers, new Uint8Array(wanted).fill(noList))
    this.partials = grown(this.partials, new Uint32Array(wanted / 2))
  }

  /** Which peers are told is no secret, so a cheap generator does, seeded from the port. */
  private below(limit: number): number {
    let state = this.randomState
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.randomState = state
    return Math.floor(((state >>> 0) * limit) / 2 ** 32)
  }
}

function isLoopback6(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < 15; index++) {
    if (bytes[at + index] !== 0) return false
  }
  return bytes[at + 15] === 1
}
