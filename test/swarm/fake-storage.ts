// A torrent's storage in memory on virtual time: it assembles pieces, judges them against the true content, keeps them
// on a "disk", and serves from there. It asserts the contract of PieceStorage and counts what tests ask about.
// The instance owns the content it was given; nothing is shared between instances but the truth.

import type { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { assert, present } from '../../src/base/assert.ts'
import { Bitfield } from '../../src/base/bitfield.ts'
import { equalBytes } from '../../src/base/bytes.ts'
import { sha256, sha256Length } from '../../src/base/hash.ts'
import type { PieceStorageEvents } from '../../src/storage/piece-storage-events.ts'
import { type BlockGrid, pieceLength } from '../../src/swarm/block-grid.ts'
import type { PieceStorage } from '../../src/swarm/piece-storage.ts'

const blockBytes = 16_384

interface Filling {
  readonly bytes: Uint8Array
  readonly done: Set<number>
  /** By block on its way: where the next byte of it goes. */
  readonly ends: Map<number, number>
  isSpilled: boolean
  isJudged: boolean
}

export interface FakeStorageOptions {
  readonly grid: BlockGrid
  readonly truth: Uint8Array
  readonly time: SimulatedClock
  readonly has: 'all' | 'none' | readonly number[]
  /** Pieces that may be filled at once. */
  readonly maxFilling?: number
  readonly hashMs?: number
  /** Views that may be kept at a time. */
  readonly maxPins?: number
  /** 0: every piece can be viewed at once. */
  readonly readMs?: number
}

export class FakeStorage implements PieceStorage {
  readonly have: Bitfield
  readonly spilled: number[] = []
  readonly discarded: number[] = []
  readonly served: { readonly piece: number; readonly begin: number }[] = []
  pins = 0
  private readonly options: FakeStorageOptions
  private readonly disk: Uint8Array
  private readonly filling = new Map<number, Filling>()
  private readonly readable = new Set<number>()
  private readonly damagedBefore = new Set<number>()
  /** Copies of what is being sent, by place, which are spoilt when the last of a place is given back. */
  private readonly pinned = new Map<string, { readonly views: Uint8Array[]; count: number }>()
  private refused = false
  private events: PieceStorageEvents | undefined

  constructor(options: FakeStorageOptions) {
    this.options = options
    this.have = new Bitfield(options.grid.pieceCount)
    this.disk = options.truth.slice()
    if (options.has === 'all') this.have.setAll()
    else if (options.has !== 'none') for (const piece of options.has) this.have.set(piece)
  }

  setEvents(events: PieceStorageEvents): void {
    this.events = events
  }

  /** What a liar serves: bytes of a piece it pretends to have. */
  falsify(piece: number, offset: number): void {
    const at = piece * this.options.grid.plan.pieceLengthBytes + offset
    this.disk[at] = (this.disk[at] as number) ^ 0xff
  }

  /** Blocks of a piece are on disk from before. */
  restore(piece: number, blocks: readonly number[]): void {
    const { grid, truth } = this.options
    const start = piece * grid.plan.pieceLengthBytes
    const bytes = truth.slice(start, start + pieceLength(grid, piece))
    this.filling.set(piece, { bytes, done: new Set(blocks), ends: new Map(), isSpilled: true, isJudged: false })
  }

  get inMemory(): number {
    let count = 0
    for (const filling of this.filling.values()) if (!filling.isSpilled) count++
    return count
  }

  take(piece: number, _begin: number): boolean {
    assert(!this.have.get(piece), 'memory is taken for pieces that lack')
    const filling = this.filling.get(piece)
    if (filling !== undefined && !filling.isSpilled) return !filling.isJudged
    if (this.inMemory >= (this.options.maxFilling ?? Number.POSITIVE_INFINITY)) {
      this.refused = true
      return false
    }
    if (filling !== undefined) filling.isSpilled = false
    else {
      this.filling.set(piece, {
        bytes: new Uint8Array(pieceLength(this.options.grid, piece)),
        done: new Set(),
        ends: new Map(),
        isSpilled: false,
        isJudged: false,
      })
    }
    return true
  }

  put(piece: number, offset: number, chunk: Uint8Array, start: number, end: number): void {
    const filling = present(this.filling.get(piece), 'put only after take')
    assert(!filling.isJudged && !filling.isSpilled, 'put only while the piece is being filled')
    const block = Math.floor(offset / blockBytes)
    const isBeginning = offset === block * blockBytes
    assert(!filling.done.has(block), 'a block that is here is not written over')
    assert(isBeginning || filling.ends.get(block) === offset, 'one peer writes a block at a time, from its beginning')
    filling.ends.set(block, offset + end - start)
    filling.bytes.set(chunk.subarray(start, end), offset)
  }

  blockDone(piece: number, begin: number): void {
    const filling = present(this.filling.get(piece), 'blocks are done after take')
    const block = begin / blockBytes
    assert(!filling.done.has(block), 'a block is done once')
    const endOfBlock = Math.min(begin + blockBytes, filling.bytes.length)
    assert(filling.ends.get(block) === endOfBlock, 'a block is done when all of it was put')
    filling.done.add(block)
    if (filling.done.size < Math.ceil(filling.bytes.length / blockBytes)) return
    filling.isJudged = true
    this.options.time.at(this.options.time.nowMs() + (this.options.hashMs ?? 1), () => this.judge(piece, filling))
  }

  discard(piece: number): void {
    const filling = this.filling.get(piece)
    assert(filling?.isJudged !== true, 'a piece being hashed is not discarded')
    this.filling.delete(piece)
    this.discarded.push(piece)
    this.tellMemory()
  }

  spill(piece: number): void {
    const filling = present(this.filling.get(piece), 'only what came can be spilled')
    assert(!filling.isJudged, 'a piece being hashed is not spilled')
    filling.isSpilled = true
    this.spilled.push(piece)
    this.tellMemory()
  }

  view(piece: number, begin: number, length: number): Uint8Array | undefined {
    assert(this.have.get(piece), 'nothing unverified is served')
    const { readMs = 0, grid, time } = this.options
    if (readMs > 0 && !this.readable.has(piece)) {
      time.at(time.nowMs() + readMs, () => {
        this.readable.add(piece)
        this.events?.onReadable(piece, undefined)
      })
      return undefined
    }
    this.pins++
    this.served.push({ piece, begin })
    assert(begin + length <= pieceLength(grid, piece), 'bytes within the piece are served')
    const start = piece * grid.plan.pieceLengthBytes + begin
    const view = this.disk.slice(start, start + length)
    const key = `${piece}:${begin}`
    const pins = this.pinned.get(key) ?? { views: [], count: 0 }
    pins.views.push(view)
    pins.count++
    this.pinned.set(key, pins)
    return view
  }

  canPin(): boolean {
    return this.pins < (this.options.maxPins ?? Number.POSITIVE_INFINITY)
  }

  unpin(piece: number, begin: number): void {
    const key = `${piece}:${begin}`
    const pins = present(this.pinned.get(key), 'each pin is given back once')
    this.pins--
    pins.count--
    if (pins.count > 0) return
    this.pinned.delete(key)
    for (const view of pins.views) view.fill(0xee)
  }

  private judge(piece: number, filling: Filling): void {
    const start = piece * this.options.grid.plan.pieceLengthBytes
    const isGood = equalBytes(filling.bytes, this.options.truth.subarray(start, start + filling.bytes.length))
    this.filling.delete(piece)
    if (isGood) {
      this.have.set(piece)
      this.events?.onPieceWritten(piece, this.damagedBefore.has(piece) ? leavesOf(filling.bytes) : undefined)
    } else {
      this.damagedBefore.add(piece)
      this.events?.onPieceDamaged(piece, leavesOf(filling.bytes))
    }
    this.tellMemory()
  }

  private tellMemory(): void {
    if (!this.refused) return
    this.refused = false
    this.options.time.at(this.options.time.nowMs(), () => this.events?.onMemory())
  }
}

export function leavesOf(bytes: Uint8Array): Uint8Array {
  const count = Math.ceil(bytes.length / blockBytes)
  const leaves = new Uint8Array(count * sha256Length)
  for (let index = 0; index < count; index++) {
    leaves.set(sha256(bytes.subarray(index * blockBytes, (index + 1) * blockBytes)), index * sha256Length)
  }
  return leaves
}
