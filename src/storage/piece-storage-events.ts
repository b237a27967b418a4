// What a torrent's storage tells whoever runs the torrent. Types only: one fixed sink, called from the event loop when
// a port answers, never from inside a call to the storage. No method may throw.
import type { Failure } from '../base/errors.ts'

export interface PieceStorageEvents {
  /**
   * Verified against every hash the torrent has for it, and with the operating system: it may be announced.
   * `leaves` as below, of a piece that was damaged before in this session; else undefined.
   */
  onPieceWritten(piece: number, leaves: Uint8Array | undefined): void
  /**
   * Its bytes are not the torrent's; its memory is free again and its blocks are gone. `leaves`: the SHA-256 of each
   * 16 KiB block as it came, 32 bytes each, valid until the call returns, to find out whose block was bad; empty when
   * they could not be had.
   */
  onPieceDamaged(piece: number, leaves: Uint8Array): void
  /**
   * Through nobody's fault what was there of a piece is there no more: `have` is cleared, and so are received blocks.
   * It was trusted from resume data and its bytes are not right, or cut off; or the disk did not keep them.
   */
  onPieceLost(piece: number): void
  /** One version's hash of a hybrid torrent agrees, the other does not: the torrent itself is wrong (BEP 52). */
  onContradiction(piece: number): void
  /**
   * Blocks that `view` did not have are in memory now, or will not be (failure: the piece is not to be served).
   * file-not-found: a file was deleted behind our back; its pieces stay in `have`, for nothing is downloaded again
   * that nobody asked for. `have` was cleared if the failure is content-mismatch.
   */
  onReadable(piece: number, failure: Failure | undefined): void
  /** `take` answered false before, and may answer true now. */
  onMemory(): void
  /** Writing failed (disk-full, file-unwritable …). The pieces stay in memory and are written by `retryWrites`. */
  onWriteFailed(failure: Failure): void
}
