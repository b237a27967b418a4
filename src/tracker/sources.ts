// Where requests come from, as far as it counts: an IPv4 address, or a /64 of IPv6. Limits the torrents that a source
// brings in, in time and in total, and its requests. Guarantees: memory is bounded whatever comes, requests are counted in a
// table of fixed size; loopback is exempt. Owns both tables.
import { readUint32 } from '../base/bytes.ts'
import { addressBytes, type IpAddress } from '../formats/compact-endpoint.ts'
import type { Random } from '../ports/random.ts'
import { ShardedIndex } from './hash-index.ts'
import { newHashKey, tableHash } from './keyed-hash.ts'

/** An address as bytes; made once and filled again and again. */
export class Source {
  family: 4 | 6 = 4
  /** The first 4 or 16 count. */
  readonly bytes = new Uint8Array(16)
  /** What the source is known by: two words. */
  high = 0
  low = 0
  isLoopback = false

  /** False where the text is no address of the family. */
  set({ family, address }: IpAddress): boolean {
    const bytes = addressBytes(address)
    if (bytes?.length !== (family === 4 ? 4 : 16)) return false
    this.family = family
    this.bytes.set(bytes)
    this.high = family === 4 ? 0 : readUint32(bytes, 0)
    this.low = readUint32(bytes, family === 4 ? 0 : 4)
    this.isLoopback = family === 4 ? bytes[0] === 127 : address === '::1'
    return true
  }
}

export interface SourceLimits {
  /** Torrents that live because this source brought them in. */
  readonly maxTorrents: number
  /** Of them so many at once, ... */
  readonly torrentBurst: number
  /** ... and these more a second. */
  readonly torrentsPerSecond: number
  /** Of any kind; in windows of ten seconds. */
  readonly requestsPerSecond: number
}

const firstRows = 64
const maxRows = 2_000_000
const windowMs = 10_000
const cellBits = 16
/** The source has its share of torrents, or brings them too fast. */
export const tooMany = -1
export const tooFast = -2

export class SourceTable {
  private readonly limits: SourceLimits
  private readonly key: Uint32Array
  private readonly index = new ShardedIndex()
  private highs = new Uint32Array(firstRows)
  private lows = new Uint32Array(firstRows)
  private owned = new Uint32Array(firstRows)
  /** Of a bucket of tokens, as of `refilledMs`. */
  private tokens = new Float64Array(firstRows)
  private refilledMs = new Float64Array(firstRows)
  private readonly freeRows: number[] = []
  private rows = 0
  private cursor = 0
  private readonly keyBytes = new Uint8Array(4)
  /** Two cells a source in separate halves; who shares one with a flood has the other to himself. */
  private readonly cells = new Uint32Array(2 ** (cellBits + 1))
  private window = 0

  constructor(limits: SourceLimits, random: Random) {
    this.limits = limits
    this.key = newHashKey(random)
  }

  get size(): number {
    return this.index.size
  }

  /** Counts a request; false: the source makes too many. */
  countRequest(source: Source, nowMs: number): boolean {
    if (source.isLoopback) return true
    const window = Math.floor(nowMs / windowMs)
    if (window !== this.window) {
      this.window = window
      this.cells.fill(0)
    }
    const hash = this.hashOf(source.high, source.low)
    const first = hash >>> (32 - cellBits)
    const second = (hash & (2 ** cellBits - 1)) + 2 ** cellBits
    const { cells } = this
    const seen = Math.min((cells[first] as number)++, (cells[second] as number)++)
    return seen < (this.limits.requestsPerSecond * windowMs) / 1_000
  }

  /**
   * The row of a source that may bring in another torrent, which is then counted; else `tooMany` or `tooFast`. `isTrusted`:
   * it was let in before, or by another instance.
   */
  bringTorrent(source: Source, nowMs: number, isTrusted: boolean): number {
    const { limits } = this
    let row = this.find(source)
    if (row === -1) row = this.add(source, nowMs)
    if (row === -1) return tooMany
    this.refill(row, nowMs)
    if (!source.isLoopback && !isTrusted) {
      if ((this.owned[row] as number) >= limits.maxTorrents) return tooMany
      if ((this.tokens[row] as number) < 1) return tooFast
    }
    this.tokens[row] = Math.max(0, (this.tokens[row] as number) - 1)
    this.owned[row] = (this.owned[row] as number) + 1
    return row
  }

  /** A torrent that the source brought in is gone. */
  dropTorrent(row: number): void {
    this.owned[row] = (this.owned[row] as number) - 1
  }

  torrentsOf(row: number): number {
    return this.owned[row] as number
  }

  isRow(row: number, source: Source): boolean {
    return this.highs[row] === source.high && this.lows[row] === source.low
  }

  /** Forgets sources that have nothing here and may do all again; looks at `count` rows, the next ones each time. */
  sweep(count: number, nowMs: number): void {
    for (let left = Math.min(count, this.rows); left > 0; left--) {
      this.cursor = (this.cursor + 1) % this.rows
      const row = this.cursor
      if (this.owned[row] !== 0 || this.refilledMs[row] === -1) continue
      this.refill(row, nowMs)
      if ((this.tokens[row] as number) < this.limits.torrentBurst) continue
      this.index.remove(this.hashOf(this.highs[row] as number, this.lows[row] as number), row)
      this.refilledMs[row] = -1
      this.freeRows.push(row)
    }
  }

  private hashOf(high: number, low: number): number {
    const { keyBytes } = this
    keyBytes[0] = low
    keyBytes[1] = low >>> 8
    keyBytes[2] = low >>> 16
    keyBytes[3] = low >>> 24
    return tableHash(this.key, high, keyBytes, 0, 4)
  }

  private find(source: Source): number {
    const hash = this.hashOf(source.high, source.low)
    const index = this.index.of(hash)
    for (let slot = index.first(hash); slot !== -1; slot = index.next(slot)) {
      if (this.isRow(index.valueAt(slot), source)) return index.valueAt(slot)
    }
    return -1
  }

  private add(source: Source, nowMs: number): number {
    if (this.freeRows.length === 0 && this.rows === maxRows) return -1
    const row = this.freeRows.pop() ?? this.rows++
    if (row === this.highs.length) this.grow()
    this.highs[row] = source.high
    this.lows[row] = source.low
    this.owned[row] = 0
    this.tokens[row] = this.limits.torrentBurst
    this.refilledMs[row] = nowMs
    this.index.add(this.hashOf(source.high, source.low), row)
    return row
  }

  private refill(row: number, nowMs: number): void {
    const seconds = Math.max(0, nowMs - (this.refilledMs[row] as number)) / 1_000
    const { torrentBurst, torrentsPerSecond } = this.limits
    this.tokens[row] = Math.min(torrentBurst, (this.tokens[row] as number) + seconds * torrentsPerSecond)
    this.refilledMs[row] = nowMs
  }

  private grow(): void {
    const wanted = 2 * this.highs.length
    const words = (from: Uint32Array) => {
      const to = new Uint32Array(wanted)
      to.set(from)
      return to
    }
    const numbers = (from: Float64Array) => {
      const to = new Float64Array(wanted)
      to.set(from)
      return to
    }
    this.highs = words(this.highs)
    this.lows = words(this.lows)
    this.owned = words(this.owned)
    this.tokens = numbers(this.tokens)
    this.refilledMs = numbers(this.refilledMs)
  }
}
