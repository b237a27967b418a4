// How many peers have each piece, and the pieces that may be started, in the order of priority and rarity: one flat
// array cut into buckets, so that a `have` moves a piece by one swap. Seeds are a number apart and cost nothing a piece.
// Many changes at once (a bitfield) only mark the order as stale; it is counted out anew when it is next asked for.
// Guarantees: a search looks at a bounded number of pieces. The instance owns its arrays; 2^21 pieces are 23 MB.
import { assert } from '../base/assert.ts'
import { Bitfield } from '../base/bitfield.ts'
import type { Random } from '../ports/random.ts'
import type { PieceRange } from './policies.ts'

/** Pieces that more peers have are equally common. */
const mostCounted = 255
const stride = mostCounted + 1
/** Priorities 1 (lowest) to 7; 0 is not wanted. */
export const highestPriority = 7
const bucketCount = highestPriority * stride
/** Pieces looked at in order before giving up exactness. */
const searchLimit = 4096
/** Of a peer with little that we lack, so many pieces are compared. */
const sampleSize = 64

const noPiece = -1

export class Availability {
  /** Peers that have everything. */
  seedCount = 0
  /** Pieces that may be started. */
  readonly startable: Bitfield
  private readonly counts: Uint16Array
  /** Priority of a startable piece, else 0. */
  private readonly levels: Uint8Array
  private readonly order: Int32Array
  private readonly place: Int32Array
  /** End of each bucket in the order; the first buckets are of the highest priority, rarest pieces first. */
  private readonly ends = new Int32Array(bucketCount)
  private isStale = false

  constructor(pieceCount: number) {
    this.startable = new Bitfield(pieceCount)
    this.counts = new Uint16Array(pieceCount)
    this.levels = new Uint8Array(pieceCount)
    this.order = new Int32Array(pieceCount)
    this.place = new Int32Array(pieceCount)
  }

  /** Connected peers that have a piece. */
  of(piece: number): number {
    return (this.counts[piece] as number) + this.seedCount
  }

  /** One peer more (1) or fewer (-1) has a piece. */
  change(piece: number, delta: 1 | -1): void {
    const count = this.counts[piece] as number
    assert(count + delta >= 0, 'pieces taken away were counted before')
    this.counts[piece] = count + delta
    if (this.isStale || this.levels[piece] === 0) return
    if (delta > 0 ? count >= mostCounted : count > mostCounted) return
    const from = this.bucket(this.levels[piece] as number, count)
    if (delta > 0) {
      // The last of its bucket takes its place, and the border moves before the piece.
      const last = (this.ends[from] as number) - 1
      this.swap(this.place[piece] as number, last)
      this.ends[from] = last
    } else {
      const first = this.ends[from - 1] as number
      this.swap(this.place[piece] as number, first)
      this.ends[from - 1] = first + 1
    }
  }

  /** A peer with these pieces came (1) or left (-1). */
  changeAll(bits: Bitfield, delta: 1 | -1): void {
    if (bits.count <= this.counts.length / 16) {
      for (let piece = bits.nextSet(0); piece !== -1; piece = bits.nextSet(piece + 1)) this.change(piece, delta)
      return
    }
    const { counts } = this
    const bytes = bits.wireView()
    const { length } = bytes
    for (let index = 0; index < length; index++) {
      const byte = bytes[index] as number
      if (byte === 0) continue
      const piece = index * 8
      for (let bit = 0; bit < 8; bit++) {
        if ((byte & (0x80 >>> bit)) !== 0) counts[piece + bit] = (counts[piece + bit] as number) + delta
      }
    }
    this.isStale = true
  }

  /** A piece may be started, with a priority of 1 to 7; or not, with 0: we have it, it is under way or not wanted. */
  setLevel(piece: number, level: number): void {
    const before = this.levels[piece] as number
    if (before === level) return
    if (before !== 0 && !this.isStale) this.remove(piece, this.bucket(before, this.counts[piece] as number))
    this.levels[piece] = level
    if (level === 0) {
      this.startable.clear(piece)
      return
    }
    this.startable.set(piece)
    if (!this.isStale) this.insert(piece, this.bucket(level, this.counts[piece] as number))
  }

  /** As setLevel, but the order is made anew later: for many pieces at once. */
  setLevelLater(piece: number, level: number): void {
    if (this.levels[piece] === level) return
    this.levels[piece] = level
    if (level === 0) this.startable.clear(piece)
    else this.startable.set(piece)
    this.isStale = true
  }

  /** Whether some startable piece is with a connected peer. */
  get hasReachable(): boolean {
    if (this.seedCount > 0) return this.startable.hasAny
    this.refresh()
    // The first bucket of each priority holds the pieces that nobody has.
    for (let bucket = 0; bucket < bucketCount; bucket += stride) {
      if ((this.ends[bucket + stride - 1] as number) > (this.ends[bucket] as number)) return true
    }
    return false
  }

  /**
   * A startable piece of `bits` within `ranges`: of the highest priority, the rarest, equal ones by lot; or -1. Where
   * the peer has few of many pieces, the best of a sample.
   */
  rarest(bits: Bitfield, ranges: readonly PieceRange[] | undefined, random: Random): number {
    this.refresh()
    const { order, ends } = this
    const total = ends[bucketCount - 1] as number
    let looked = 0
    for (let start = 0; start < total; ) {
      const first = order[start] as number
      const end = ends[this.bucket(this.levels[first] as number, this.counts[first] as number)] as number
      // A bucket that no connected peer has needs no look.
      if (this.counts[first] !== 0 || this.seedCount > 0) {
        const found = this.searchCircle(start, end, bits, ranges, searchLimit - looked, random)
        if (found !== noPiece) return found
        looked += end - start
        if (looked >= searchLimit) return this.bestOfSample(bits, ranges, random)
      }
      start = end
    }
    return noPiece
  }

  /** As `rarest`, but any piece of the highest priority there is, whatever its rarity: for the first pieces. */
  any(bits: Bitfield, ranges: readonly PieceRange[] | undefined, random: Random): number {
    this.refresh()
    const total = this.ends[bucketCount - 1] as number
    if (total === 0) return noPiece
    const level = this.levels[this.order[0] as number] as number
    const end = this.ends[this.bucket(level, mostCounted)] as number
    const found = this.searchCircle(0, end, bits, ranges, searchLimit, random)
    return found === noPiece ? this.rarest(bits, ranges, random) : found
  }

  /** The first startable piece of `bits` in the torrent's order; those of priority 7 before all others. */
  first(bits: Bitfield, ranges: readonly PieceRange[] | undefined): number {
    const urgent = this.firstUrgent(bits, ranges)
    return urgent === noPiece ? this.nextShared(bits, ranges, 0) : urgent
  }

  private firstUrgent(bits: Bitfield, ranges: readonly PieceRange[] | undefined): number {
    this.refresh()
    const end = Math.min(this.ends[stride - 1] as number, searchLimit)
    let found = noPiece
    for (let index = 0; index < end; index++) {
      const piece = this.order[index] as number
      if ((found === noPiece || piece < found) && bits.get(piece) && isWithin(ranges, piece)) found = piece
    }
    return found
  }

  /** Looks at up to `limit` pieces of order[start, end), beginning anywhere. */
  private searchCircle(
    start: number,
    end: number,
    bits: Bitfield,
    ranges: readonly PieceRange[] | undefined,
    limit: number,
    random: Random,
  ): number {
    const { order } = this
    const size = end - start
    let index = size === 1 ? start : start + random.below(size)
    for (let count = Math.min(size, limit); count > 0; count--) {
      const piece = order[index] as number
      if (bits.get(piece) && isWithin(ranges, piece)) return piece
      index++
      if (index === end) index = start
    }
    return noPiece
  }

  private bestOfSample(bits: Bitfield, ranges: readonly PieceRange[] | undefined, random: Random): number {
    let best = noPiece
    let bestBucket = bucketCount
    const from = random.below(this.counts.length)
    let piece = this.nextShared(bits, ranges, from)
    let hasWrapped = piece === noPiece
    if (hasWrapped) piece = this.nextShared(bits, ranges, 0)
    for (let count = 0; count < sampleSize && piece !== noPiece; count++) {
      if (hasWrapped && piece >= from) break
      const bucket = this.bucket(this.levels[piece] as number, this.counts[piece] as number)
      if (bucket < bestBucket) {
        best = piece
        bestBucket = bucket
      }
      piece = piece + 1 < this.counts.length ? this.nextShared(bits, ranges, piece + 1) : noPiece
      if (piece === noPiece && !hasWrapped) {
        hasWrapped = true
        piece = this.nextShared(bits, ranges, 0)
      }
    }
    return best
  }

  /** The first piece at or after `from` that is startable, of `bits` and within `ranges`; or -1. */
  private nextShared(bits: Bitfield, ranges: readonly PieceRange[] | undefined, from: number): number {
    if (ranges === undefined) return nextInBoth(this.startable, bits, from, this.counts.length)
    for (const { first, last } of ranges) {
      if (last < from) continue
      const piece = nextInBoth(this.startable, bits, Math.max(first, from), last + 1)
      if (piece !== noPiece) return piece
    }
    return noPiece
  }

  private bucket(level: number, count: number): number {
    return (highestPriority - level) * stride + (count < mostCounted ? count : mostCounted)
  }

  private swap(a: number, b: number): void {
    const { order, place } = this
    const pieceA = order[a] as number
    const pieceB = order[b] as number
    order[a] = pieceB
    order[b] = pieceA
    place[pieceA] = b
    place[pieceB] = a
  }

  /** Each later bucket moves its last piece to its front, one place down. */
  private remove(piece: number, bucket: number): void {
    const { order, place, ends } = this
    let hole = place[piece] as number
    for (let index = bucket; index < bucketCount; index++) {
      const last = (ends[index] as number) - 1
      ends[index] = last
      if (last === hole) continue
      const moved = order[last] as number
      order[hole] = moved
      place[moved] = hole
      hole = last
    }
  }

  /** Each later bucket moves its first piece to its end, one place up. */
  private insert(piece: number, bucket: number): void {
    const { order, place, ends } = this
    let hole = ends[bucketCount - 1] as number
    for (let index = bucketCount - 1; index > bucket; index--) {
      const first = ends[index - 1] as number
      ends[index] = (ends[index] as number) + 1
      if (first === hole) continue
      const moved = order[first] as number
      order[hole] = moved
      place[moved] = hole
      hole = first
    }
    ends[bucket] = (ends[bucket] as number) + 1
    order[hole] = piece
    place[piece] = hole
  }

  private refresh(): void {
    if (!this.isStale) return
    this.isStale = false
    const { startable, levels, counts, order, place, ends } = this
    ends.fill(0)
    for (let piece = startable.nextSet(0); piece !== -1; piece = startable.nextSet(piece + 1)) {
      const bucket = this.bucket(levels[piece] as number, counts[piece] as number)
      ends[bucket] = (ends[bucket] as number) + 1
    }
    let start = 0
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const size = ends[bucket] as number
      ends[bucket] = start
      start += size
    }
    // Each bucket's end begins as its start and is right when its last piece is in.
    for (let piece = startable.nextSet(0); piece !== -1; piece = startable.nextSet(piece + 1)) {
      const bucket = this.bucket(levels[piece] as number, counts[piece] as number)
      const index = ends[bucket] as number
      order[index] = piece
      place[piece] = index
      ends[bucket] = index + 1
    }
  }
}

/** Whether a piece lies in ascending ranges; undefined: all do. */
export function isWithin(ranges: readonly PieceRange[] | undefined, piece: number): boolean {
  if (ranges === undefined) return true
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ranges[middle] as PieceRange).last < piece) low = middle + 1
    else high = middle
  }
  const range = ranges[low]
  return range !== undefined && range.first <= piece
}

/** The first index in [from, end) set in both, or -1. Looks at eight at a time. */
function nextInBoth(a: Bitfield, b: Bitfield, from: number, end: number): number {
  if (from >= end) return noPiece
  const bytesA = a.wireView()
  const bytesB = b.wireView()
  const lastByte = Math.min(bytesA.length, Math.ceil(end / 8))
  let mask = 0xff >>> (from & 7)
  for (let index = from >>> 3; index < lastByte; index++) {
    const shared = (bytesA[index] as number) & (bytesB[index] as number) & mask
    if (shared !== 0) {
      const found = index * 8 + Math.clz32(shared) - 24
      return found < end ? found : noPiece
    }
    mask = 0xff
  }
  return noPiece
}
