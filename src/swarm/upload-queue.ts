// What one peer asked of us and has not been sent yet, in the order of asking, and what was sent and still lies in its
// stream, pinned in memory or copied. Rings of numbers: nothing is allocated per block.
// Guarantees: never more than `maxQueuedRequests` wait; every pin taken is given back exactly once.
// The instance owns this state.
import { NumberRing } from './number-ring.ts'

/** What we tell peers as `reqq` (BEP 10), and hold them to. */
export const maxQueuedRequests = 2000

/** Memory that one peer may keep from being used for others, by whole pieces; one piece in any case. */
const maxPinnedBytes = 2_097_152

export class UploadQueue {
  private readonly ring = new NumberRing()

  get size(): number {
    return this.ring.size
  }

  /** False: the queue is full. Asking twice for the same is answered twice, as every client does. */
  push(piece: number, begin: number, lengthBytes: number): boolean {
    if (this.ring.size >= maxQueuedRequests) return false
    this.ring.push(piece, begin, lengthBytes)
    return true
  }

  get first(): number {
    return this.ring.first
  }

  get end(): number {
    return this.ring.end
  }

  next(position: number): number {
    return this.ring.next(position)
  }

  pieceAt(position: number): number {
    return this.ring.get(position, 0)
  }

  beginAt(position: number): number {
    return this.ring.get(position, 1)
  }

  lengthAt(position: number): number {
    return this.ring.get(position, 2)
  }

  /** The position of a request, or -1. */
  find(piece: number, begin: number, lengthBytes: number): number {
    for (let position = this.first; position < this.end; position = this.next(position)) {
      if (this.pieceAt(position) === piece && this.beginAt(position) === begin) {
        if (this.lengthAt(position) === lengthBytes) return position
      }
    }
    return -1
  }

  remove(position: number): void {
    this.ring.remove(position)
  }
}

/** Blocks handed to a stream: each that is pinned is so until the stream has passed its last byte. */
export class UnwrittenBlocks {
  private readonly ring = new NumberRing()
  private lastPiece = -1
  /** Runs of blocks of one piece: so many pieces are pinned at most. */
  private runCount = 0
  /** What the stream will have written when it has the last block. */
  private endBytes = 0
  private writtenBytes = 0

  get pinCount(): number {
    return this.ring.size
  }

  /** The stream has passed every block. */
  get isEmpty(): boolean {
    return this.writtenBytes >= this.endBytes
  }

  /** Whether the peer may pin a piece: what one can keep in memory has a bound, whatever it asks for and does not read. */
  mayPin(piece: number, pieceLengthBytes: number): boolean {
    const { runCount } = this
    if (runCount === 0 || piece === this.lastPiece) return true
    return (runCount + 1) * pieceLengthBytes <= maxPinnedBytes
  }

  /** `endBytes`: how many bytes the stream will have written when this block is with the operating system. */
  push(piece: number, begin: number, endBytes: number): void {
    if (this.runCount === 0 || piece !== this.lastPiece) this.runCount++
    this.lastPiece = piece
    this.ring.push(piece, begin, endBytes)
    this.endBytes = endBytes
  }

  /** The same for a copy of a block. */
  pushCopy(endBytes: number): void {
    this.endBytes = endBytes
  }

  /** Gives back all that lies before `writtenBytes`; Infinity: all, the stream is gone. */
  giveBack(writtenBytes: number, unpin: (piece: number, begin: number) => void): void {
    const { ring } = this
    this.writtenBytes = writtenBytes
    while (ring.size > 0 && ring.get(ring.first, 2) <= writtenBytes) {
      const piece = ring.get(ring.first, 0)
      const begin = ring.get(ring.first, 1)
      ring.remove(ring.first)
      if (ring.size === 0 || ring.get(ring.first, 0) !== piece) this.runCount--
      unpin(piece, begin)
    }
  }
}
