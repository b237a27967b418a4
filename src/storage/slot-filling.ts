// Pieces of usual length being downloaded: each stands whole in a slot until it is hashed, judged and written.
// Guarantees: a block that was received is not written over; nothing is written that was not found good, but for
// received blocks of a piece that is put aside (spilled); what cannot be written stays in memory. Owns the slots.
import { assert } from '../base/assert.ts'
import { copyBytes, emptyBytes } from '../base/bytes.ts'
import { failure } from '../base/errors.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import type { SlotIndex } from '../ports/piece-memory.ts'
import { readRuns, writeRuns } from './block-runs.ts'
import {
  addBlock,
  countBlocks,
  type FillingContext,
  firstBlocks,
  hasBlock,
  type PartialPiece,
  type PieceFilling,
  removeBlock,
} from './piece-filling.ts'
import { pieceStart } from './piece-plan.ts'
import type { HashVerdict } from './promised-hashes.ts'

/** `unjudged` and `unwritten` wait for `retry`; `spilling` and `returning` go to disk and come back from there. */
type FillState = 'filling' | 'hashing' | 'unjudged' | 'writing' | 'unwritten' | 'spilling' | 'returning'

interface PieceFill {
  readonly piece: number
  readonly slot: SlotIndex
  readonly bytes: Uint8Array
  readonly lengthBytes: number
  readonly received: Uint8Array
  missingCount: number
  state: FillState
  /** Nobody wants it any more; its slot is released when the disk is done with it. */
  isDiscarded: boolean
  leaves: Uint8Array | undefined
}

export class SlotFilling implements PieceFilling {
  private readonly context: FillingContext
  private readonly fills = new Map<number, PieceFill>()
  /** Blocks on disk of pieces that were put aside, until the piece is there or given up. */
  private readonly spilled = new Map<number, Uint8Array>()
  /** Pieces whose blocks were bad before, and which therefore tell their leaves when they are good. */
  private readonly damagedBefore = new Set<number>()
  private readonly waiter: { onMemory(): void }
  /** The piece touched last: blocks come in runs of one piece. */
  private last: PieceFill | undefined
  /** Told whenever something that was under way is done. */
  private onQuiet: (() => void)[] = []
  private isClosing = false

  constructor(context: FillingContext) {
    this.context = context
    this.waiter = { onMemory: () => context.events.onMemory() }
  }

  take(piece: number, _begin: number): boolean {
    const fill = this.find(piece)
    if (fill !== undefined) return fill.state === 'filling'
    const { slots, have, gate, verifier, isPinned } = this.context
    if (this.isClosing || gate.failure !== undefined || have.get(piece) || isPinned(piece)) return false
    if (!verifier.promised.canProve(piece)) return false
    const lengthBytes = verifier.promised.lengthBytes(piece)
    const slot = slots.reserve(lengthBytes, 'filling', this.waiter)
    if (slot === undefined) return false
    const blockCount = Math.ceil(lengthBytes / blockLengthBytes)
    const onDisk = this.spilled.get(piece)
    const received = onDisk?.slice() ?? new Uint8Array(Math.ceil(blockCount / 8))
    const made: PieceFill = {
      piece,
      slot,
      bytes: slots.bytes(slot),
      lengthBytes,
      received,
      missingCount: blockCount - countBlocks(received, 0, blockCount),
      state: 'filling',
      isDiscarded: false,
      leaves: undefined,
    }
    this.fills.set(piece, made)
    this.last = made
    if (onDisk !== undefined) this.bringBack(made)
    return onDisk === undefined
  }

  put(piece: number, offset: number, chunk: Uint8Array, start: number, end: number): void {
    const fill = this.find(piece)
    // A second copy of a block, in the end game: the first one counts.
    if (fill === undefined || fill.state !== 'filling') return
    if (hasBlock(fill.received, Math.floor(offset / blockLengthBytes))) return
    assert(offset + end - start <= fill.lengthBytes, 'bytes within the piece')
    copyBytes(fill.bytes, offset, chunk, start, end)
  }

  blockDone(piece: number, begin: number): void {
    const fill = this.find(piece)
    if (fill === undefined || fill.state !== 'filling') return
    if (!addBlock(fill.received, Math.floor(begin / blockLengthBytes))) return
    if (--fill.missingCount === 0) this.hash(fill)
  }

  discard(piece: number): void {
    this.spilled.delete(piece)
    const fill = this.find(piece)
    if (fill === undefined) return
    if (fill.state === 'filling') this.drop(fill)
    else if (fill.state === 'spilling' || fill.state === 'returning') fill.isDiscarded = true
  }

  spill(piece: number): void {
    const fill = this.find(piece)
    if (fill === undefined || fill.state !== 'filling') return
    const { files, gate } = this.context
    if (countBlocks(fill.received, 0, this.blockCount(fill)) === 0) {
      this.drop(fill)
      return
    }
    if (gate.failure !== undefined || files.hasNoPlace(piece)) return
    fill.state = 'spilling'
    this.context.held.partlyWritten(piece)
    writeRuns(gate, fill.received, this.bytesAt(fill), (failed) => {
      if (failed !== undefined && !fill.isDiscarded) {
        fill.state = 'filling'
      } else {
        this.drop(fill)
        if (!fill.isDiscarded) this.spilled.set(piece, fill.received)
      }
      this.tellQuiet()
    })
  }

  isFilling(piece: number): boolean {
    return this.fills.has(piece)
  }

  retry(): void {
    for (const fill of [...this.fills.values()]) {
      if (fill.state === 'unjudged') this.hash(fill)
      else if (fill.state === 'unwritten') this.write(fill)
    }
  }

  partials(): PartialPiece[] {
    return Array.from(this.spilled, ([piece, blocks]) => ({ piece, blocks: blocks.slice() }))
  }

  restore({ piece, blocks }: PartialPiece): void {
    const blockCount = Math.ceil(this.context.verifier.promised.lengthBytes(piece) / blockLengthBytes)
    const onDisk = firstBlocks(blocks, blockCount)
    // A piece that is whole is judged after its last block: one is asked for again.
    if (countBlocks(onDisk, 0, blockCount) === blockCount) removeBlock(onDisk, blockCount - 1)
    if (countBlocks(onDisk, 0, blockCount) > 0) this.spilled.set(piece, onDisk)
  }

  forget(piece: number): boolean {
    return this.spilled.delete(piece)
  }

  async spillAll(): Promise<void> {
    for (const piece of [...this.fills.keys()]) this.spill(piece)
    while (this.isBusy()) await new Promise<void>((resolve) => void this.onQuiet.push(resolve))
  }

  async close(): Promise<void> {
    this.isClosing = true
    this.context.slots.forget(this.waiter)
    await this.spillAll()
    for (const fill of [...this.fills.values()]) this.drop(fill)
  }

  private find(piece: number): PieceFill | undefined {
    const { last } = this
    if (last?.piece === piece) return last
    const fill = this.fills.get(piece)
    if (fill !== undefined) this.last = fill
    return fill
  }

  private blockCount(fill: PieceFill): number {
    return Math.ceil(fill.lengthBytes / blockLengthBytes)
  }

  private bytesAt(fill: PieceFill): { start: number; bytes: Uint8Array; firstBlock: number } {
    const start = pieceStart(this.context.plan, fill.piece)
    return { start, bytes: fill.bytes.subarray(0, fill.lengthBytes), firstBlock: 0 }
  }

  private isBusy(): boolean {
    for (const { state } of this.fills.values()) {
      if (state !== 'filling' && state !== 'unjudged' && state !== 'unwritten') return true
    }
    return false
  }

  private tellQuiet(): void {
    const { onQuiet } = this
    this.onQuiet = []
    for (const tell of onQuiet) tell()
  }

  private forgetFill(fill: PieceFill): void {
    this.fills.delete(fill.piece)
    if (this.last === fill) this.last = undefined
  }

  private drop(fill: PieceFill): void {
    this.forgetFill(fill)
    this.context.slots.release(fill.slot)
  }

  private bringBack(fill: PieceFill): void {
    fill.state = 'returning'
    readRuns(this.context.files, fill.received, this.bytesAt(fill), (isRead) => {
      if (isRead && !fill.isDiscarded) {
        fill.state = 'filling'
        if (fill.missingCount === 0) this.hash(fill)
        this.context.events.onMemory()
      } else {
        this.drop(fill)
        this.spilled.delete(fill.piece)
        if (!fill.isDiscarded) this.context.events.onPieceLost(fill.piece)
      }
      this.tellQuiet()
    })
  }

  private hash(fill: PieceFill): void {
    fill.state = 'hashing'
    this.context.verifier.verify(fill.piece, fill.slot, (verdict) => {
      if (verdict === undefined) {
        fill.state = 'unjudged'
        this.context.gate.fail(failure('internal', 'a piece could not be hashed'))
      } else this.judge(fill, verdict)
      this.tellQuiet()
    })
  }

  private judge(fill: PieceFill, verdict: HashVerdict): void {
    const { verifier, events } = this.context
    const { piece } = fill
    if (verdict !== 'good') this.spilled.delete(piece)
    if (verdict === 'contradictory') {
      this.drop(fill)
      events.onContradiction(piece)
    } else if (verdict === 'good' && !this.damagedBefore.has(piece)) {
      this.write(fill)
    } else {
      verifier.leaves(fill.slot, fill.lengthBytes, (leaves) => {
        if (verdict === 'good') {
          fill.leaves = leaves
          this.write(fill)
        } else {
          this.damagedBefore.add(piece)
          this.drop(fill)
          events.onPieceDamaged(piece, leaves ?? emptyBytes)
        }
        this.tellQuiet()
      })
    }
  }

  private write(fill: PieceFill): void {
    const { files, gate, held, events, adopt } = this.context
    const { piece, slot } = fill
    if (files.hasNoPlace(piece)) {
      this.drop(fill)
      this.spilled.delete(piece)
      events.onPieceLost(piece)
      return
    }
    if (gate.failure !== undefined) {
      fill.state = 'unwritten'
      return
    }
    fill.state = 'writing'
    const { start, bytes } = this.bytesAt(fill)
    gate.write(start, bytes, (failed) => {
      if (failed !== undefined) fill.state = 'unwritten'
      else {
        this.forgetFill(fill)
        this.damagedBefore.delete(piece)
        this.spilled.delete(piece)
        held.written(piece)
        adopt(piece, slot)
        events.onPieceWritten(piece, fill.leaves)
      }
      this.tellQuiet()
    })
  }
}
