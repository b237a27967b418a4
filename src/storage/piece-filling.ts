// How pieces come together while they are downloaded: what both ways to do it have in common. A piece of usual length
// stands whole in a slot (slot-filling.ts), a very large one goes to disk in chunks (chunk-filling.ts).
// The functions here are about the set of received blocks: one bit a block, the high bit of byte 0 first.
import type { Bitfield } from '../base/bitfield.ts'
import type { SlotIndex } from '../ports/piece-memory.ts'
import type { ContentFiles } from './content-files.ts'
import type { HeldPieces } from './held-pieces.ts'
import type { PiecePlan } from './piece-plan.ts'
import type { PieceStorageEvents } from './piece-storage-events.ts'
import type { PieceVerifier } from './piece-verifier.ts'
import type { SlotPool } from './slot-pool.ts'
import type { WriteGate } from './write-gate.ts'

/** A piece of which some blocks are on disk: which, one bit each. */
export interface PartialPiece {
  readonly piece: number
  readonly blocks: Uint8Array
}

/** See PieceStorage for the first five. */
export interface PieceFilling {
  take(piece: number, begin: number): boolean
  put(piece: number, offset: number, chunk: Uint8Array, start: number, end: number): void
  blockDone(piece: number, begin: number): void
  discard(piece: number): void
  spill(piece: number): void
  /** Whether anything of the piece is here: being received, judged or written. */
  isFilling(piece: number): boolean
  /** Tries again what could not be written or hashed. */
  retry(): void
  /** Pieces with blocks on disk, in the order they got there. */
  partials(): PartialPiece[]
  /** Blocks that are on disk from before. */
  restore(partial: PartialPiece): void
  /** The disk did not keep the blocks of a piece. True if there were any. */
  forget(piece: number): boolean
  /** Spills what it can, and answers when nothing is under way. */
  spillAll(): Promise<void>
  /** The same, and gives back its memory. No more calls after this. */
  close(): Promise<void>
}

/** What the parts of one torrent's storage share. */
export interface FillingContext {
  readonly plan: PiecePlan
  readonly slots: SlotPool
  readonly verifier: PieceVerifier
  readonly files: ContentFiles
  readonly gate: WriteGate
  readonly held: HeldPieces
  readonly have: Bitfield
  readonly events: PieceStorageEvents
  /** Bytes of the piece that was there before are still being sent. */
  readonly isPinned: (piece: number) => boolean
  /** The slot of a piece that was written, whole, to be served from or given up. */
  readonly adopt: (piece: number, slot: SlotIndex) => void
}

/** Bits of a byte. */
export function hasBlock(blocks: Uint8Array, block: number): boolean {
  return ((blocks[block >>> 3] as number) & (0x80 >>> (block & 7))) !== 0
}

/** True if it was not there before. */
export function addBlock(blocks: Uint8Array, block: number): boolean {
  if (hasBlock(blocks, block)) return false
  blocks[block >>> 3] = (blocks[block >>> 3] as number) | (0x80 >>> (block & 7))
  return true
}

export function removeBlock(blocks: Uint8Array, block: number): void {
  blocks[block >>> 3] = (blocks[block >>> 3] as number) & ~(0x80 >>> (block & 7))
}

/** A copy for so many blocks: bits beyond them cleared, missing ones too. */
export function firstBlocks(blocks: Uint8Array, blockCount: number): Uint8Array {
  const copy = new Uint8Array(Math.ceil(blockCount / 8))
  copy.set(blocks.subarray(0, copy.length))
  for (let block = blockCount; block < copy.length * 8; block++) removeBlock(copy, block)
  return copy
}

export function countBlocks(blocks: Uint8Array, first: number, end: number): number {
  let count = 0
  for (let block = first; block < end; block++) if (hasBlock(blocks, block)) count++
  return count
}

/** Runs of received blocks within [first, end), each as its first block and its end. */
export function* receivedRuns(blocks: Uint8Array, first: number, end: number): Generator<readonly [number, number]> {
  let block = first
  while (block < end) {
    while (block < end && !hasBlock(blocks, block)) block++
    const runStart = block
    while (block < end && hasBlock(blocks, block)) block++
    if (block > runStart) yield [runStart, block]
  }
}
