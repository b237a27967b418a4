// The bytes of web seeds on their way in: which of them are of use, copied once into storage; the gaps between files
// filled by us (BEP 47). A body comes in the order of the piece space, whatever others have sent meanwhile.
// Guarantees: as receiving.ts: each block is written by one sender at a time, who is answerable for all of it; memory is
// taken before bytes are let in; nothing is allocated per block. Owns where seeds are in their runs.
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import { fileAt, pieceStart } from '../storage/piece-plan.ts'
import { beginOf, lengthOf, pieceOf, wholeLengthOf } from './block-grid.ts'
import { mostAskers, nobody } from './partial-pieces.ts'
import type { Receiving } from './receiving.ts'
import type { Requesting } from './requesting.ts'
import type { SwarmContext } from './swarm-context.ts'
import { noBlock } from './swarm-peer.ts'
import type { WebSeed } from './web-seed.ts'

/** Bytes of no use are let pass rather than ask anew, up to so many; and no more are let in at a time. */
const mostAheadBytes = 262_144
/** A seed that stops in the middle of a block for so long loses it to a peer that sends it now. */
const pausedMs = 1_000
const zeros = new Uint8Array(blockLengthBytes)

/** `more`: so many bytes. `starved`: there is no memory. `useless`: what else the body has is not needed. */
export type WebAllowance = number | 'starved' | 'useless'

/** What comes next for a seed that is asked for nothing: bytes of a file, nothing any more, or memory is short. */
export type WebStep = 'file' | 'over' | 'starved'

export interface WebStreamOptions {
  readonly receiving: Receiving
  readonly requesting: Requesting
  readonly isSuspect: (seed: WebSeed) => boolean
  /** Whether another seed is in the middle of a block. */
  readonly isSentElsewhere: (seed: WebSeed, block: number) => boolean
}

export class WebStream {
  private readonly context: SwarmContext
  private readonly receiving: Receiving
  private readonly requesting: Requesting
  private readonly isSuspect: (seed: WebSeed) => boolean
  private readonly isSentElsewhere: (seed: WebSeed, block: number) => boolean
  private readonly others = new Int32Array(mostAskers)

  constructor(context: SwarmContext, { receiving, requesting, isSuspect, isSentElsewhere }: WebStreamOptions) {
    this.context = context
    this.receiving = receiving
    this.requesting = requesting
    this.isSuspect = isSuspect
    this.isSentElsewhere = isSentElsewhere
  }

  /** Goes to the next byte that a server is to be asked for, over gaps, which it fills. */
  advance(seed: WebSeed): WebStep {
    for (;;) {
      const position = this.nextUseful(seed)
      if (position === -1) return 'over'
      if (!this.moveTo(seed, position)) continue
      const { starts } = this.context.grid.plan
      const fileStart = starts[fileAt(this.context.grid.plan, position)] ?? Number.POSITIVE_INFINITY
      if (fileStart <= position) return 'file'
      if (!this.fillGap(seed, Math.min(fileStart, seed.runEnd))) return 'starved'
    }
  }

  /** How much of the body may come now. */
  allowance(seed: WebSeed): WebAllowance {
    if (seed.skipBytes > 0) return Math.min(seed.skipBytes, mostAheadBytes)
    for (;;) {
      const { position, requestEnd } = seed
      // What comes beyond is a fault, to be found where it comes.
      if (position >= requestEnd) return mostAheadBytes
      const next = this.nextUseful(seed)
      const usefulFrom = next === -1 ? Number.POSITIVE_INFINITY : next
      if (usefulFrom > position) {
        const uselessBytes = Math.min(usefulFrom, requestEnd) - position
        const isLong = uselessBytes > mostAheadBytes && !(seed.ignoresRanges && usefulFrom < requestEnd)
        return isLong ? 'useless' : Math.min(uselessBytes, mostAheadBytes)
      }
      if (this.moveTo(seed, position)) return this.readyBytes(seed) || 'starved'
    }
  }

  /** False: more came than was asked for. */
  body(seed: WebSeed, bytes: Uint8Array): boolean {
    const { nowMs } = this.context
    seed.meter.add(bytes.length, nowMs)
    seed.measuredBytes += bytes.length
    seed.bodyMs = nowMs
    let at = Math.min(seed.skipBytes, bytes.length)
    seed.skipBytes -= at
    seed.wastedBytes += at
    while (at < bytes.length) {
      if (seed.position >= seed.requestEnd) {
        seed.wastedBytes += bytes.length - at
        return false
      }
      const count = this.pass(seed, bytes, at, Math.min(bytes.length - at, seed.requestEnd - seed.position))
      if (!seed.isBlockTaken) seed.wastedBytes += count
      at += count
      this.endBlockIfWhole(seed)
    }
    return true
  }

  /** The seed is at nothing any more: what it was asked for may be asked of others. */
  release(seed: WebSeed): void {
    const { picker } = this.context
    this.leavePiece(seed)
    seed.piece = -1
    for (let piece = seed.nextReserved; piece < seed.reservedEnd; piece++) picker.unreserve(piece)
    seed.nextReserved = 0
    seed.reservedEnd = 0
    seed.block = noBlock
    seed.isStarved = false
    seed.skipBytes = 0
    this.requesting.offerMore()
  }

  /** The blocks it still owes of the piece it is at may be asked of others. */
  leavePiece(seed: WebSeed): void {
    const { picker, grid } = this.context
    const { piece } = seed
    if (piece === -1) return
    seed.isBlockTaken = false
    const firstBlock = piece * grid.blocksPerPiece
    for (let block = firstBlock; block < firstBlock + grid.blocksPerPiece; block++) {
      if (picker.isAskedOf(block, seed.number)) this.requesting.giveBack(seed, block)
    }
  }

  /** Keeps the pieces [first, last] for it, as far as they may be started. */
  reserve(seed: WebSeed, first: number, last: number): void {
    const { picker, grid } = this.context
    for (let piece = first; piece <= last; piece++) {
      if (picker.startable.get(piece) && seed.bits.get(piece)) picker.reserve(piece)
    }
    seed.reservedEnd = last + 1
    seed.runEnd = Math.min((last + 1) * grid.plan.pieceLengthBytes, grid.plan.spanBytes)
  }

  /** Gives up the later half of what is reserved for it. */
  shorten(seed: WebSeed): void {
    const { picker, grid } = this.context
    const keptEnd = seed.nextReserved + Math.floor(seed.reservedCount / 2)
    for (let piece = keptEnd; piece < seed.reservedEnd; piece++) picker.unreserve(piece)
    seed.reservedEnd = keptEnd
    seed.runEnd = Math.min(keptEnd * grid.plan.pieceLengthBytes, grid.plan.spanBytes)
    this.requesting.offerMore()
  }

  /** Whether it is in the middle of a block, and goes on: one that has paused yields it. */
  isSending(seed: WebSeed, block: number): boolean {
    if (seed.block !== block || !seed.isBlockTaken) return false
    if (this.context.nowMs - seed.bodyMs < pausedMs) return true
    seed.isBlockTaken = false
    this.requesting.giveBack(seed, block)
    return false
  }

  /** The first byte from where it is on that it is to bring, or -1. */
  private nextUseful(seed: WebSeed): number {
    const { grid, picker } = this.context
    const { position, piece, number } = seed
    const { pieceLengthBytes } = grid.plan
    if (seed.block !== noBlock && seed.isBlockTaken) return position
    if (piece !== -1 && Math.floor(position / pieceLengthBytes) === piece) {
      const end = (piece + 1) * grid.blocksPerPiece
      let block = piece * grid.blocksPerPiece + Math.ceil((position - pieceStart(grid.plan, piece)) / blockLengthBytes)
      for (; block < end; block++) {
        if (picker.isAskedOf(block, number)) return pieceStart(grid.plan, piece) + beginOf(grid, block)
      }
    }
    for (let next = seed.nextReserved; next < seed.reservedEnd; next++) {
      if (picker.isReserved(next)) return pieceStart(grid.plan, next)
    }
    return -1
  }

  /** Goes to a byte, and claims its piece if need be. False: there is nothing for it in that piece. */
  private moveTo(seed: WebSeed, position: number): boolean {
    const { grid, picker, nowMs } = this.context
    if (position !== seed.position) {
      seed.block = noBlock
      seed.position = position
    }
    const piece = Math.floor(position / grid.plan.pieceLengthBytes)
    if (piece === seed.piece) return true
    seed.piece = piece
    seed.nextReserved = Math.max(seed.nextReserved, piece + 1)
    return picker.claim(piece, seed.number, this.isSuspect(seed), seed.isDuplicating, nowMs) > 0
  }

  /** Bytes from where it is on for which there is memory, up to where something else begins. */
  private readyBytes(seed: WebSeed): number {
    const { grid, picker, storage } = this.context
    const limit = Math.min(seed.requestEnd, seed.position + mostAheadBytes)
    const start = pieceStart(grid.plan, seed.piece)
    const end = (seed.piece + 1) * grid.blocksPerPiece
    let ready = seed.position
    for (let block = this.blockAt(seed); block < end && ready < limit; block++) {
      const begin = beginOf(grid, block)
      const isCurrent = block === seed.block && seed.isBlockTaken
      if (!isCurrent && !picker.isAskedOf(block, seed.number)) break
      if (!storage.take(seed.piece, begin)) break
      ready = start + begin + wholeLengthOf(grid, block)
    }
    return Math.max(0, Math.min(ready, limit) - seed.position)
  }

  private blockAt({ position }: WebSeed): number {
    const { grid } = this.context
    const piece = Math.floor(position / grid.plan.pieceLengthBytes)
    return piece * grid.blocksPerPiece + Math.floor((position - pieceStart(grid.plan, piece)) / blockLengthBytes)
  }

  /** Up to `count` bytes of one block; how many. */
  private pass(seed: WebSeed, bytes: Uint8Array, at: number, count: number): number {
    const { grid, storage } = this.context
    const block = this.blockAt(seed)
    if (seed.block !== block) this.beginBlock(seed, block)
    const piece = pieceOf(grid, block)
    const offset = seed.position - pieceStart(grid.plan, piece)
    const inBlock = Math.min(count, beginOf(grid, block) + wholeLengthOf(grid, block) - offset)
    if (seed.isBlockTaken) storage.put(piece, offset, bytes, at, at + inBlock)
    seed.position += inBlock
    return inBlock
  }

  private beginBlock(seed: WebSeed, block: number): void {
    const { grid, picker, storage } = this.context
    seed.block = block
    seed.isBlockTaken = false
    if (!picker.isAskedOf(block, seed.number)) return
    const isElsewhere = this.receiving.isBeingSent(block) || this.isSentElsewhere(seed, block)
    if (!isElsewhere && storage.take(pieceOf(grid, block), beginOf(grid, block))) seed.isBlockTaken = true
    else this.requesting.giveBack(seed, block)
  }

  private endBlockIfWhole(seed: WebSeed): void {
    const { grid, picker, storage, nowMs } = this.context
    const { block, isBlockTaken } = seed
    const piece = pieceOf(grid, block)
    const begin = beginOf(grid, block)
    if (seed.position - pieceStart(grid.plan, piece) < begin + wholeLengthOf(grid, block)) return
    seed.block = noBlock
    seed.isBlockTaken = false
    if (!isBlockTaken) return
    const isGap = lengthOf(grid, block) === 0
    const otherCount = picker.received(block, isGap ? nobody : seed.number, this.others, nowMs)
    this.receiving.cancelElsewhere(this.others, otherCount, block)
    storage.blockDone(piece, begin)
    if (isGap) return
    seed.failureCount = 0
    seed.absentCount = 0
    seed.problem = undefined
  }

  /** False: there is no memory for all of it. */
  private fillGap(seed: WebSeed, end: number): boolean {
    const { grid, storage } = this.context
    const pieceEnd = Math.min((seed.piece + 1) * grid.plan.pieceLengthBytes, end)
    while (seed.position < pieceEnd) {
      const block = this.blockAt(seed)
      const isMine = seed.block === block ? seed.isBlockTaken : this.context.picker.isAskedOf(block, seed.number)
      if (isMine && !storage.take(seed.piece, beginOf(grid, block))) return false
      this.pass(seed, zeros, 0, Math.min(zeros.length, pieceEnd - seed.position))
      this.endBlockIfWhole(seed)
    }
    return true
  }
}
