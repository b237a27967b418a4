// Very large pieces being downloaded: never whole in memory. Each chunk goes to disk when it is full and is hashed on
// the way, if its turn has come for SHA-1; else it is read back for that. The Merkle tree takes chunks in any order.
// Guarantees: as slot-filling.ts, but that chunks are written before they are judged; `have` waits for the verdict.
import { assert } from '../base/assert.ts'
import { copyBytes, emptyBytes } from '../base/bytes.ts'
import { failure } from '../base/errors.ts'
import { sha256Length } from '../base/hash.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import type { SlotIndex } from '../ports/piece-memory.ts'
import { type BlockBytes, readRuns, writeRuns } from './block-runs.ts'
import {
  addBlock,
  countBlocks,
  type FillingContext,
  firstBlocks,
  hasBlock,
  type PartialPiece,
  type PieceFilling,
} from './piece-filling.ts'
import { pieceStart } from './piece-plan.ts'
import type { ChunkVerifier } from './piece-verifier.ts'

/**
 * `absent`: no slot; the blocks it has, if any, are on disk. `onDisk`: whole, and written. `unwritten`: whole, waits
 * for `retry`. `spilling` and `returning` go to disk and come back.
 */
type ChunkState = 'absent' | 'filling' | 'writing' | 'unwritten' | 'onDisk' | 'spilling' | 'returning'

interface Chunk {
  readonly index: number
  readonly lengthBytes: number
  readonly firstBlock: number
  readonly endBlock: number
  state: ChunkState
  slot: SlotIndex | undefined
  bytes: Uint8Array
  isInTree: boolean
}

interface ChunkedFill {
  readonly piece: number
  readonly lengthBytes: number
  readonly received: Uint8Array
  /** Those of them that are on disk. */
  readonly onDisk: Uint8Array
  readonly chunks: readonly Chunk[]
  verifier: ChunkVerifier
  /** Transfers and hashes under way; while there are any, the fill stays. */
  jobCount: number
  isReadingBack: boolean
  isDiscarded: boolean
}

export class ChunkFilling implements PieceFilling {
  private readonly context: FillingContext
  private readonly chunkBytes: number
  private readonly fills = new Map<number, ChunkedFill>()
  private readonly damagedBefore = new Set<number>()
  private readonly waiter: { onMemory(): void }
  /** Told whenever nothing is under way for a piece. */
  private onQuiet: (() => void)[] = []
  private isClosing = false

  /** `chunkBytes`: a power of two, of a block at least. */
  constructor(context: FillingContext, chunkBytes: number) {
    this.context = context
    this.chunkBytes = chunkBytes
    this.waiter = { onMemory: () => context.events.onMemory() }
  }

  take(piece: number, begin: number): boolean {
    const { slots, have, gate, isPinned, verifier } = this.context
    const known = this.fills.get(piece)
    if (known?.isDiscarded === true) return false
    const chunk = known?.chunks[Math.floor(begin / this.chunkBytes)]
    if (chunk !== undefined && chunk.state !== 'absent') return chunk.state === 'filling'
    if (this.isClosing || gate.failure !== undefined || have.get(piece) || isPinned(piece)) return false
    if (!verifier.promised.canProve(piece)) return false
    const lengthBytes = verifier.promised.lengthBytes(piece)
    const chunkStart = begin - (begin % this.chunkBytes)
    const slot = slots.reserve(Math.min(this.chunkBytes, lengthBytes - chunkStart), 'filling', this.waiter)
    if (slot === undefined) return false
    const fill = known ?? this.open(piece)
    const taken = fill.chunks[chunkStart / this.chunkBytes] as Chunk
    taken.slot = slot
    taken.bytes = slots.bytes(slot)
    taken.state = 'filling'
    if (countBlocks(fill.onDisk, taken.firstBlock, taken.endBlock) === 0) return true
    this.bringBack(fill, taken)
    return false
  }

  put(piece: number, offset: number, chunk: Uint8Array, start: number, end: number): void {
    const fill = this.fills.get(piece)
    const target = fill?.chunks[Math.floor(offset / this.chunkBytes)]
    if (fill === undefined || target?.state !== 'filling' || fill.isDiscarded) return
    if (hasBlock(fill.received, Math.floor(offset / blockLengthBytes))) return
    const offsetInChunk = offset - target.index * this.chunkBytes
    assert(offsetInChunk + end - start <= target.lengthBytes, 'bytes within the chunk')
    copyBytes(target.bytes, offsetInChunk, chunk, start, end)
  }

  blockDone(piece: number, begin: number): void {
    const fill = this.fills.get(piece)
    const chunk = fill?.chunks[Math.floor(begin / this.chunkBytes)]
    if (fill === undefined || chunk?.state !== 'filling' || fill.isDiscarded) return
    if (!addBlock(fill.received, Math.floor(begin / blockLengthBytes))) return
    if (isWhole(fill.received, chunk)) this.settle(fill, chunk)
  }

  discard(piece: number): void {
    const fill = this.fills.get(piece)
    if (fill === undefined || fill.isDiscarded) return
    fill.isDiscarded = true
    this.endIfDone(fill)
  }

  spill(piece: number): void {
    const fill = this.fills.get(piece)
    if (fill === undefined || fill.isDiscarded || this.context.files.hasNoPlace(piece)) return
    for (const chunk of fill.chunks) if (chunk.state === 'filling') this.spillChunk(fill, chunk)
  }

  isFilling(piece: number): boolean {
    return this.fills.has(piece)
  }

  retry(): void {
    for (const fill of [...this.fills.values()]) {
      for (const chunk of fill.chunks) if (chunk.state === 'unwritten') this.write(fill, chunk)
      this.advance(fill)
    }
  }

  partials(): PartialPiece[] {
    return Array.from(this.fills.values())
      .filter((fill) => !fill.isDiscarded && countBlocks(fill.onDisk, 0, fill.onDisk.length * 8) > 0)
      .map(({ piece, onDisk }) => ({ piece, blocks: onDisk.slice() }))
  }

  restore({ piece, blocks }: PartialPiece): void {
    const fill = this.open(piece)
    const onDisk = firstBlocks(blocks, Math.ceil(fill.lengthBytes / blockLengthBytes))
    fill.received.set(onDisk)
    fill.onDisk.set(onDisk)
    for (const chunk of fill.chunks) if (isWhole(onDisk, chunk)) chunk.state = 'onDisk'
  }

  forget(piece: number): boolean {
    const isKnown = this.fills.get(piece)?.isDiscarded === false
    this.discard(piece)
    return isKnown
  }

  async spillAll(): Promise<void> {
    for (const piece of [...this.fills.keys()]) this.spill(piece)
    while ([...this.fills.values()].some((fill) => fill.jobCount > 0)) {
      await new Promise<void>((resolve) => void this.onQuiet.push(resolve))
    }
  }

  async close(): Promise<void> {
    this.isClosing = true
    this.context.slots.forget(this.waiter)
    await this.spillAll()
    for (const fill of this.fills.values()) this.releaseAll(fill)
  }

  private open(piece: number): ChunkedFill {
    const { verifier } = this.context
    const lengthBytes = verifier.promised.lengthBytes(piece)
    const received = new Uint8Array(Math.ceil(lengthBytes / blockLengthBytes / 8))
    const blocksPerChunk = this.chunkBytes / blockLengthBytes
    const hasTree = verifier.promised.root(piece) !== undefined
    const chunks = Array.from({ length: Math.ceil(lengthBytes / this.chunkBytes) }, (_, index): Chunk => {
      const chunkLength = Math.min(this.chunkBytes, lengthBytes - index * this.chunkBytes)
      const firstBlock = index * blocksPerChunk
      const endBlock = firstBlock + Math.ceil(chunkLength / blockLengthBytes)
      return {
        index,
        lengthBytes: chunkLength,
        firstBlock,
        endBlock,
        state: 'absent',
        slot: undefined,
        bytes: emptyBytes,
        isInTree: !hasTree,
      }
    })
    const fill: ChunkedFill = {
      piece,
      lengthBytes,
      received,
      onDisk: received.slice(),
      chunks,
      verifier: verifier.inChunks(piece, this.chunkBytes),
      jobCount: 0,
      isReadingBack: false,
      isDiscarded: false,
    }
    this.fills.set(piece, fill)
    return fill
  }

  private bytesAt(fill: ChunkedFill, chunk: Chunk): BlockBytes {
    return {
      start: pieceStart(this.context.plan, fill.piece) + chunk.index * this.chunkBytes,
      bytes: chunk.bytes.subarray(0, chunk.lengthBytes),
      firstBlock: chunk.firstBlock,
    }
  }

  private release(chunk: Chunk): void {
    if (chunk.slot === undefined) return
    this.context.slots.release(chunk.slot)
    chunk.slot = undefined
    chunk.bytes = emptyBytes
  }

  private releaseAll(fill: ChunkedFill): void {
    for (const chunk of fill.chunks) this.release(chunk)
    fill.verifier.drop()
  }

  private endJob(fill: ChunkedFill): void {
    fill.jobCount--
    this.endIfDone(fill)
    if (fill.jobCount > 0) return
    const { onQuiet } = this
    this.onQuiet = []
    for (const tell of onQuiet) tell()
  }

  private endIfDone(fill: ChunkedFill): void {
    if (!fill.isDiscarded || fill.jobCount > 0 || this.fills.get(fill.piece) !== fill) return
    this.releaseAll(fill)
    this.fills.delete(fill.piece)
  }

  private bringBack(fill: ChunkedFill, chunk: Chunk): void {
    chunk.state = 'returning'
    fill.jobCount++
    readRuns(this.context.files, fill.onDisk, this.bytesAt(fill, chunk), (isRead) => {
      chunk.state = 'filling'
      if (fill.isDiscarded || isRead) {
        if (!fill.isDiscarded) this.context.events.onMemory()
      } else this.lose(fill)
      this.endJob(fill)
    })
  }

  private spillChunk(fill: ChunkedFill, chunk: Chunk): void {
    if (countBlocks(fill.received, chunk.firstBlock, chunk.endBlock) === 0) {
      chunk.state = 'absent'
      this.release(chunk)
      return
    }
    if (this.context.gate.failure !== undefined) return
    chunk.state = 'spilling'
    fill.jobCount++
    this.context.held.partlyWritten(fill.piece)
    writeRuns(this.context.gate, fill.received, this.bytesAt(fill, chunk), (failed) => {
      if (failed === undefined) {
        this.markOnDisk(fill, chunk)
        chunk.state = 'absent'
        this.release(chunk)
      } else chunk.state = 'filling'
      this.endJob(fill)
    })
  }

  private markOnDisk(fill: ChunkedFill, chunk: Chunk): void {
    for (let block = chunk.firstBlock; block < chunk.endBlock; block++) {
      if (hasBlock(fill.received, block)) addBlock(fill.onDisk, block)
    }
  }

  /** A chunk is whole: written, and hashed as far as its turn has come, both from the slot. */
  private settle(fill: ChunkedFill, chunk: Chunk): void {
    const slot = chunk.slot as SlotIndex
    fill.jobCount++
    const hashes = [fill.verifier.addToTree(chunk.index, slot)]
    chunk.isInTree = true
    if (fill.verifier.nextInOrder === chunk.index) hashes.push(fill.verifier.addInOrder(slot))
    chunk.state = 'writing'
    void Promise.all(hashes).then(() => {
      if (fill.isDiscarded) chunk.state = 'unwritten'
      else this.write(fill, chunk)
      this.endJob(fill)
    })
  }

  private write(fill: ChunkedFill, chunk: Chunk): void {
    const { gate, held, files } = this.context
    if (files.hasNoPlace(fill.piece)) {
      this.lose(fill)
      return
    }
    if (gate.failure !== undefined) {
      chunk.state = 'unwritten'
      return
    }
    chunk.state = 'writing'
    fill.jobCount++
    const { start, bytes } = this.bytesAt(fill, chunk)
    gate.write(start, bytes, (failed) => {
      if (failed === undefined) {
        held.partlyWritten(fill.piece)
        this.markOnDisk(fill, chunk)
        chunk.state = 'onDisk'
        this.release(chunk)
        this.advance(fill)
      } else chunk.state = 'unwritten'
      this.endJob(fill)
    })
  }

  /** Reads back what could not be hashed when it came, and judges the piece when all of it was hashed. */
  private advance(fill: ChunkedFill): void {
    if (fill.isReadingBack || fill.isDiscarded) return
    fill.isReadingBack = true
    fill.jobCount++
    void this.readBack(fill).then(async (isRead) => {
      fill.isReadingBack = false
      if (!isRead && !fill.isDiscarded) this.lose(fill)
      if (isRead && !fill.isDiscarded && fill.chunks.every((chunk) => chunk.state === 'onDisk')) await this.judge(fill)
      this.endJob(fill)
    })
  }

  private nextToReadBack(fill: ChunkedFill): Chunk | undefined {
    const next = fill.chunks[fill.verifier.nextInOrder]
    if (next?.state === 'onDisk') return next
    const isWholeOnDisk = fill.chunks.every((chunk) => chunk.state === 'onDisk')
    return isWholeOnDisk ? fill.chunks.find((chunk) => !chunk.isInTree) : undefined
  }

  private async readBack(fill: ChunkedFill): Promise<boolean> {
    const { slots } = this.context
    for (;;) {
      const chunk = fill.isDiscarded ? undefined : this.nextToReadBack(fill)
      if (chunk === undefined) return true
      const slot = await slots.reserveLater(chunk.lengthBytes, 'checking')
      const isRead = await this.readChunk(fill, chunk, slot)
      if (isRead) {
        const hashes: Promise<void>[] = []
        if (fill.verifier.nextInOrder === chunk.index) hashes.push(fill.verifier.addInOrder(slot))
        if (!chunk.isInTree) hashes.push(fill.verifier.addToTree(chunk.index, slot))
        chunk.isInTree = true
        await Promise.all(hashes)
      }
      slots.release(slot)
      if (!isRead) return false
    }
  }

  private readChunk(fill: ChunkedFill, chunk: Chunk, slot: SlotIndex): Promise<boolean> {
    const start = pieceStart(this.context.plan, fill.piece) + chunk.index * this.chunkBytes
    const target = this.context.slots.bytes(slot).subarray(0, chunk.lengthBytes)
    return new Promise((resolve) => {
      this.context.files.read(start, target, (outcome) => resolve(outcome.type === 'read'))
    })
  }

  private async judge(fill: ChunkedFill): Promise<void> {
    const { held, events, gate, verifier } = this.context
    const { piece } = fill
    const verdict = fill.verifier.verdict()
    if (verdict === undefined) {
      fill.verifier = verifier.inChunks(piece, this.chunkBytes)
      const hasTree = verifier.promised.root(piece) !== undefined
      for (const chunk of fill.chunks) chunk.isInTree = !hasTree
      gate.fail(failure('internal', 'a piece could not be hashed'))
      return
    }
    const wantsLeaves = verdict === 'damaged' || (verdict === 'good' && this.damagedBefore.has(piece))
    const leaves = wantsLeaves ? await this.leavesOf(fill) : undefined
    if (fill.isDiscarded) return
    fill.isDiscarded = true
    this.fills.delete(piece)
    if (verdict === 'good') {
      this.damagedBefore.delete(piece)
      held.written(piece)
      events.onPieceWritten(piece, leaves)
    } else if (verdict === 'damaged') {
      this.damagedBefore.add(piece)
      events.onPieceDamaged(piece, leaves ?? emptyBytes)
    } else events.onContradiction(piece)
  }

  private async leavesOf(fill: ChunkedFill): Promise<Uint8Array | undefined> {
    const { slots, verifier } = this.context
    const leaves = new Uint8Array(Math.ceil(fill.lengthBytes / blockLengthBytes) * sha256Length)
    for (const chunk of fill.chunks) {
      const slot = await slots.reserveLater(chunk.lengthBytes, 'checking')
      const isRead = await this.readChunk(fill, chunk, slot)
      const part = isRead
        ? await new Promise<Uint8Array | undefined>((resolve) => verifier.leaves(slot, chunk.lengthBytes, resolve))
        : undefined
      slots.release(slot)
      if (part === undefined) return undefined
      leaves.set(part, chunk.firstBlock * sha256Length)
    }
    return leaves
  }

  private lose(fill: ChunkedFill): void {
    if (fill.isDiscarded) return
    fill.isDiscarded = true
    this.context.events.onPieceLost(fill.piece)
    this.endIfDone(fill)
  }
}

function isWhole(blocks: Uint8Array, chunk: Chunk): boolean {
  return countBlocks(blocks, chunk.firstBlock, chunk.endBlock) === chunk.endBlock - chunk.firstBlock
}
