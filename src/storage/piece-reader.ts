// Bytes of pieces we have, for sending: windows of up to 1 MiB read ahead of the blocks asked for, kept while they are
// being sent and then as long as nobody wants the memory more.
// Guarantees: a piece that only resume data vouches for is hashed before its first byte is given out; a view's bytes
// do not change until it is unpinned; nothing is read twice at a time. Owns its slots while they are in use.
import { assert, present } from '../base/assert.ts'
import { type Failure, failure } from '../base/errors.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import type { SlotIndex } from '../ports/piece-memory.ts'
import type { ContentFiles, ReadOutcome } from './content-files.ts'
import type { DiskVerifier } from './disk-verifier.ts'
import type { HeldPieces } from './held-pieces.ts'
import { type PiecePlan, pieceStart } from './piece-plan.ts'
import type { PieceStorageEvents } from './piece-storage-events.ts'
import type { PieceVerifier } from './piece-verifier.ts'
import type { HashVerdict } from './promised-hashes.ts'
import type { SlotPool } from './slot-pool.ts'

export interface PieceReaderOptions {
  readonly plan: PiecePlan
  readonly slots: SlotPool
  readonly files: ContentFiles
  readonly held: HeldPieces
  readonly verifier: PieceVerifier
  readonly diskVerifier: DiskVerifier
  readonly events: PieceStorageEvents
  /** Pieces up to this length are hashed in one slot. */
  readonly maxSlotBytes: number
}

interface Window {
  readonly piece: number
  readonly slot: SlotIndex
  readonly bytes: Uint8Array
  /** Within the piece. */
  readonly start: number
  readonly end: number
  pinCount: number
  /** Somebody asked for it, as opposed to read ahead. */
  isTouched: boolean
  /** The piece was lost: what is pinned stays, nothing more is given out. */
  isStale: boolean
}

const maxWindowBytes = 1_048_576
/** Neighbouring windows share a block, so that each block that is asked for lies in one window, aligned or not. */
const overlapBytes = blockLengthBytes

export class PieceReader {
  private readonly options: PieceReaderOptions
  private readonly strideBytes: number
  private readonly windowBytes: number
  private readonly windowsPerPiece: number
  /** By number: piece * windowsPerPiece + window. A piece that came whole is under each of its numbers. */
  private readonly windows = new Map<number, Window>()
  /** Being read or waiting for memory; the value: whether somebody waits for it. */
  private readonly underway = new Map<number, boolean>()
  private readonly wanted: number[] = []
  private readonly waiter: { onMemory(): void }
  private readCount = 0
  private isReadingAhead = false
  private onQuiet: (() => void) | undefined
  private isClosed = false

  constructor(options: PieceReaderOptions) {
    const { plan, slots } = options
    this.options = options
    const largest = Math.min(maxWindowBytes, Math.max(2 * overlapBytes, slots.maxSlotBytes))
    const isOneWindow = plan.pieceLengthBytes <= largest
    this.windowBytes = isOneWindow ? plan.pieceLengthBytes : largest
    this.strideBytes = isOneWindow ? plan.pieceLengthBytes : largest - overlapBytes
    this.windowsPerPiece = Math.ceil(plan.pieceLengthBytes / this.strideBytes)
    this.waiter = { onMemory: () => this.readWanted() }
  }

  /** See PieceStorage.view. */
  view(piece: number, begin: number, length: number): Uint8Array | undefined {
    const number = this.numberOf(piece, begin)
    const window = this.windows.get(number)
    if (window === undefined) {
      this.request(piece, begin)
      return undefined
    }
    if (window.isStale) {
      this.refuse(piece, failure('content-mismatch', 'the piece was lost'))
      return undefined
    }
    assert(begin + length <= window.end, 'a block of bytes within the piece')
    if (window.pinCount++ === 0) this.options.slots.retain(window.slot)
    if (!window.isTouched) {
      window.isTouched = true
      this.readAhead(number)
    }
    return window.bytes.subarray(begin - window.start, begin - window.start + length)
  }

  /** See PieceStorage.canPin. */
  canPin(piece: number, begin: number): boolean {
    const window = this.windows.get(this.numberOf(piece, begin))
    if (window === undefined || window.isStale) return false
    return window.pinCount > 0 || this.options.slots.canRetain(window.slot)
  }

  /** See PieceStorage.unpin. */
  unpin(piece: number, begin: number): void {
    const window = present(this.windows.get(this.numberOf(piece, begin)), 'a view that was given out')
    assert(window.pinCount > 0, 'a view for each unpin')
    if (--window.pinCount > 0) return
    if (!window.isStale) {
      this.options.slots.keep(window.slot, () => this.remove(window))
      return
    }
    this.remove(window)
    this.options.slots.release(window.slot)
    // What waits for the piece to be taken anew hears of it after this call.
    if (!this.isClosed) void Promise.resolve().then(() => this.options.events.onMemory())
  }

  /** Whether bytes of the piece are being sent, or read for that. */
  isPinned(piece: number): boolean {
    for (let window = 0; window < this.windowsPerPiece; window++) {
      const number = piece * this.windowsPerPiece + window
      if ((this.windows.get(number)?.pinCount ?? 0) > 0 || this.underway.has(number)) return true
    }
    return false
  }

  /** Takes over the slot of a piece that was just written or hashed: it is kept for serving. */
  adopt(piece: number, slot: SlotIndex): void {
    const { slots, verifier } = this.options
    if (this.isClosed || this.isPinned(piece)) {
      slots.release(slot)
      return
    }
    this.drop(piece)
    const end = verifier.promised.lengthBytes(piece)
    this.add({ piece, slot, start: 0, end })
  }

  /** Its bytes are not to be given out any more. */
  drop(piece: number): void {
    for (let offset = 0; offset < this.windowsPerPiece; offset++) {
      const window = this.windows.get(piece * this.windowsPerPiece + offset)
      if (window === undefined) continue
      if (window.pinCount > 0) window.isStale = true
      else {
        this.remove(window)
        this.options.slots.release(window.slot)
      }
    }
  }

  /** Gives up all memory that is not being sent; answers when no read is under way. Views out stay valid. */
  async close(): Promise<void> {
    this.isClosed = true
    this.options.slots.forget(this.waiter)
    this.wanted.length = 0
    while (this.readCount > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.onQuiet = resolve
      await promise
    }
    for (const window of new Set(this.windows.values())) this.drop(window.piece)
  }

  private numberOf(piece: number, begin: number): number {
    return piece * this.windowsPerPiece + Math.floor(begin / this.strideBytes)
  }

  private add({ piece, slot, start, end }: Pick<Window, 'piece' | 'slot' | 'start' | 'end'>): void {
    const { slots } = this.options
    const bytes = slots.bytes(slot)
    const window: Window = { piece, slot, bytes, start, end, pinCount: 0, isTouched: false, isStale: false }
    for (const number of this.numbersOf(window)) this.windows.set(number, window)
    slots.keep(slot, () => this.remove(window))
  }

  private remove(window: Window): void {
    for (const number of this.numbersOf(window)) {
      if (this.windows.get(number) === window) this.windows.delete(number)
    }
  }

  private numbersOf({ piece, start, end }: Window): readonly number[] {
    const first = this.numberOf(piece, start)
    const isWholePiece = start === 0 && end === this.options.verifier.promised.lengthBytes(piece)
    const last = isWholePiece ? this.numberOf(piece, end - 1) : first
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  }

  /** Tells, after the call at hand, that a piece is not to be had. */
  private refuse(piece: number, reason: Failure): void {
    void Promise.resolve().then(() => this.options.events.onReadable(piece, reason))
  }

  private request(piece: number, begin: number): void {
    if (this.isClosed) return
    const { held } = this.options
    // A piece that is still to be proven is read whole, whichever block is asked for.
    const number = this.numberOf(piece, held.proven.get(piece) ? begin : 0)
    if (this.underway.has(number)) {
      this.underway.set(number, true)
      return
    }
    if (!held.have.get(piece)) {
      this.refuse(piece, failure('content-mismatch', 'the piece is not there any more'))
      return
    }
    this.underway.set(number, true)
    this.wanted.push(number)
    this.readWanted()
  }

  /** The next window, where somebody begins a piece or has come here from the window before. */
  private readAhead(number: number): void {
    const next = number + 1
    const piece = Math.floor(next / this.windowsPerPiece)
    const { held, plan } = this.options
    const isBeginning = this.windowsPerPiece > 1 && number % this.windowsPerPiece === 0
    const isInOrder = isBeginning || this.windows.get(number - 1)?.isTouched === true
    if (!isInOrder || this.isReadingAhead || this.isClosed || piece >= plan.pieceCount) return
    if (this.windows.has(next) || this.underway.has(next) || !held.proven.get(piece)) return
    if (this.wanted.length > 0 || this.startOf(next) >= this.options.verifier.promised.lengthBytes(piece)) return
    const slot = this.options.slots.reserve(this.lengthOf(next), 'serving')
    if (slot === undefined) return
    this.isReadingAhead = true
    this.underway.set(next, false)
    this.readWindow(next, slot, () => {
      this.isReadingAhead = false
    })
  }

  private startOf(number: number): number {
    return (number % this.windowsPerPiece) * this.strideBytes
  }

  private lengthOf(number: number): number {
    const piece = Math.floor(number / this.windowsPerPiece)
    const start = this.startOf(number)
    return Math.min(this.windowBytes, this.options.verifier.promised.lengthBytes(piece) - start)
  }

  private readWanted(): void {
    const { slots, held, verifier, maxSlotBytes } = this.options
    for (;;) {
      const number = this.wanted[0]
      if (number === undefined) return
      const piece = Math.floor(number / this.windowsPerPiece)
      const isProven = held.proven.get(piece)
      const wholeBytes = verifier.promised.lengthBytes(piece)
      const isStreamed = !isProven && wholeBytes > maxSlotBytes
      const lengthBytes = isProven ? this.lengthOf(number) : wholeBytes
      const slot = isStreamed ? undefined : slots.reserve(lengthBytes, 'serving', this.waiter)
      if (slot === undefined && !isStreamed) return
      this.wanted.shift()
      if (slot === undefined) this.proveLarge(number, piece)
      else if (isProven) this.readWindow(number, slot, () => undefined)
      else this.readUnproven(number, slot)
    }
  }

  private readWindow(number: number, slot: SlotIndex, onEnd: () => void): void {
    const { plan, slots, files } = this.options
    const piece = Math.floor(number / this.windowsPerPiece)
    const start = this.startOf(number)
    const end = start + this.lengthOf(number)
    this.readCount++
    files.read(pieceStart(plan, piece) + start, slots.bytes(slot).subarray(0, end - start), (outcome) => {
      onEnd()
      if (this.isReadWell(piece, outcome)) this.add({ piece, slot, start, end })
      else slots.release(slot)
      this.endRead(number, piece, outcome)
    })
  }

  /** Reads all of a piece and hashes it, before any of it is given out. */
  private readUnproven(number: number, slot: SlotIndex): void {
    const { plan, slots, files, held, verifier } = this.options
    const piece = Math.floor(number / this.windowsPerPiece)
    const lengthBytes = verifier.promised.lengthBytes(piece)
    this.readCount++
    files.read(pieceStart(plan, piece), slots.bytes(slot).subarray(0, lengthBytes), (outcome) => {
      if (!this.isReadWell(piece, outcome)) {
        slots.release(slot)
        this.endRead(number, piece, outcome)
        return
      }
      verifier.verify(piece, slot, (verdict) => {
        const isGood = verdict === 'good' && held.have.get(piece)
        if (isGood) {
          held.proven.set(piece)
          this.adoptProven(number, piece, slot)
        } else slots.release(slot)
        this.endRead(number, piece, isGood ? outcome : this.disproved(verdict))
      })
    })
  }

  private adoptProven(number: number, piece: number, slot: SlotIndex): void {
    const isAwaited = this.underway.get(number) ?? false
    this.underway.delete(number)
    this.adopt(piece, slot)
    this.underway.set(number, isAwaited)
  }

  /** A piece too large for a slot is hashed in passing; its windows are read after that, when they are asked for. */
  private proveLarge(number: number, piece: number): void {
    this.readCount++
    void this.options.diskVerifier.verify(piece).then(({ outcome, verdict }) => {
      const isGood = verdict === 'good' && this.options.held.have.get(piece)
      if (isGood) this.options.held.proven.set(piece)
      this.endRead(number, piece, isGood || outcome.type !== 'read' ? outcome : this.disproved(verdict))
    })
  }

  private disproved(verdict: HashVerdict | undefined): ReadOutcome {
    const reason =
      verdict === undefined
        ? failure('internal', 'a piece could not be hashed')
        : failure('content-mismatch', 'a piece on disk is not what it was')
    return { type: verdict === undefined ? 'failed' : 'missing', file: 0, failure: reason }
  }

  private isReadWell(piece: number, outcome: ReadOutcome): boolean {
    return outcome.type === 'read' && !this.isClosed && this.options.held.have.get(piece)
  }

  private endRead(number: number, piece: number, outcome: ReadOutcome): void {
    const isAwaited = this.underway.get(number) === true
    this.underway.delete(number)
    this.readCount--
    if (this.readCount === 0) {
      this.onQuiet?.()
      this.onQuiet = undefined
    }
    if (this.isClosed) return
    if (outcome.type === 'missing' && this.options.held.lose(piece)) {
      this.drop(piece)
      this.options.events.onPieceLost(piece)
    }
    if (isAwaited) this.options.events.onReadable(piece, outcome.type === 'read' ? undefined : outcome.failure)
  }
}
