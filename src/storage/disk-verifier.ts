// Reads pieces from disk and hashes them: in one slot, or, where a piece is too large for that, chunk by chunk.
// Guarantees: takes memory only from the share for checking, and gives back all of it.
import type { ContentFiles, ReadOutcome } from './content-files.ts'
import { type PiecePlan, pieceStart } from './piece-plan.ts'
import type { PieceVerifier } from './piece-verifier.ts'
import type { HashVerdict } from './promised-hashes.ts'
import type { SlotPool } from './slot-pool.ts'

export interface DiskVerdict {
  readonly outcome: ReadOutcome
  /** Undefined when the bytes were not all read, or could not be hashed. */
  readonly verdict: HashVerdict | undefined
}

export class DiskVerifier {
  private readonly plan: PiecePlan
  private readonly slots: SlotPool
  private readonly files: ContentFiles
  private readonly verifier: PieceVerifier
  private readonly chunkBytes: number

  constructor(plan: PiecePlan, slots: SlotPool, files: ContentFiles, verifier: PieceVerifier, chunkBytes: number) {
    this.plan = plan
    this.slots = slots
    this.files = files
    this.verifier = verifier
    this.chunkBytes = chunkBytes
  }

  async verify(piece: number): Promise<DiskVerdict> {
    const { slots, verifier } = this
    const lengthBytes = verifier.promised.lengthBytes(piece)
    if (lengthBytes > slots.maxSlotBytes) return await this.verifyInChunks(piece, lengthBytes)
    const slot = await slots.reserveLater(lengthBytes, 'checking')
    const outcome = await this.read(piece, 0, slots.bytes(slot).subarray(0, lengthBytes))
    const verdict =
      outcome.type === 'read'
        ? await new Promise<HashVerdict | undefined>((resolve) => verifier.verify(piece, slot, resolve))
        : undefined
    slots.release(slot)
    return { outcome, verdict }
  }

  private read(piece: number, offset: number, target: Uint8Array): Promise<ReadOutcome> {
    return new Promise((resolve) => this.files.read(pieceStart(this.plan, piece) + offset, target, resolve))
  }

  private async verifyInChunks(piece: number, lengthBytes: number): Promise<DiskVerdict> {
    const { slots, chunkBytes } = this
    const hashing = this.verifier.inChunks(piece, chunkBytes)
    let outcome: ReadOutcome = { type: 'read' }
    for (let offset = 0; offset < lengthBytes && outcome.type === 'read'; offset += chunkBytes) {
      const chunkLength = Math.min(chunkBytes, lengthBytes - offset)
      const slot = await slots.reserveLater(chunkLength, 'checking')
      outcome = await this.read(piece, offset, slots.bytes(slot).subarray(0, chunkLength))
      if (outcome.type === 'read') {
        const chunk = offset / chunkBytes
        const isInOrder = hashing.nextInOrder === chunk
        await Promise.all([hashing.addToTree(chunk, slot), isInOrder ? hashing.addInOrder(slot) : undefined])
      }
      slots.release(slot)
    }
    if (outcome.type === 'read') return { outcome, verdict: hashing.verdict() }
    hashing.drop()
    return { outcome, verdict: undefined }
  }
}
