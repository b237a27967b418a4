// Which pieces of a torrent are on disk, which of them were hashed in this session, and which the disk may yet lose.
// Guarantees: `have` is set only for pieces whose write returned or that resume data vouches for; after a failed sync
// none of the pieces it was for is trusted any more. Owns `have`; the swarm reads it.
import { Bitfield } from '../base/bitfield.ts'
import { filesOfPiece, type PiecePlan, piecesOfFile } from './piece-plan.ts'

export class HeldPieces {
  readonly have: Bitfield
  /** Hashed since the program began: may be served without another look. */
  readonly proven: Bitfield
  private readonly plan: PiecePlan
  private readonly onFileWhole: (file: number) => void
  /** By file: pieces it lacks. */
  private readonly lacking: Int32Array
  private unsynced = new Set<number>()

  /** `onFileWhole` is called when a file has its last piece. */
  constructor(plan: PiecePlan, onFileWhole: (file: number) => void) {
    this.plan = plan
    this.onFileWhole = onFileWhole
    this.have = new Bitfield(plan.pieceCount)
    this.proven = new Bitfield(plan.pieceCount)
    this.lacking = Int32Array.from(plan.starts, (_, file) => {
      const pieces = piecesOfFile(plan, file)
      return pieces === undefined ? 0 : pieces.last - pieces.first + 1
    })
  }

  isWhole(file: number): boolean {
    return this.lacking[file] === 0
  }

  /** Hashed and with the operating system. */
  written(piece: number): void {
    this.unsynced.add(piece)
    this.proven.set(piece)
    this.add(piece)
  }

  /** Blocks of it are on disk that nothing vouches for yet. */
  partlyWritten(piece: number): void {
    this.unsynced.add(piece)
  }

  /** Found on disk, and hashed; the system may have it in memory only. */
  found(piece: number): void {
    this.unsynced.add(piece)
    this.proven.set(piece)
    this.add(piece)
  }

  /** Vouched for by resume data. */
  trust(piece: number): void {
    this.add(piece)
  }

  /** True if it was there before. */
  lose(piece: number): boolean {
    this.proven.clear(piece)
    if (!this.have.clear(piece)) return false
    for (const file of filesOfPiece(this.plan, piece)) this.lacking[file] = (this.lacking[file] as number) + 1
    return true
  }

  /** The pieces a sync that begins now is for. */
  beginSync(): Set<number> {
    const pieces = this.unsynced
    this.unsynced = new Set()
    return pieces
  }

  /** After a failed sync: those that may not have reached the disk, ascending. They are the caller's to lose. */
  unsyncedAmong(pieces: ReadonlySet<number>, isAffected: (piece: number) => boolean): number[] {
    const lost = [...new Set([...pieces, ...this.unsynced])].filter(isAffected)
    for (const piece of lost) this.unsynced.delete(piece)
    return lost.sort((a, b) => a - b)
  }

  private add(piece: number): void {
    if (!this.have.set(piece)) return
    for (const file of filesOfPiece(this.plan, piece)) {
      const lacking = (this.lacking[file] as number) - 1
      this.lacking[file] = lacking
      if (lacking === 0) this.onFileWhole(file)
    }
  }
}
