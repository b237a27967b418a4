// Pieces that are left whole to one peer each, because it is paid: what comes of them is its work alone, so that it is plain
// what it is owed for, and nobody sends twice what is paid for.
// Guarantees: of a peer's pieces two at most are not asked for to their end yet, and it gets no more while more than two hold
// blocks of it; so what is never verified when it leaves is little. Owns whose which piece is (PartialPiece.keeper).
import { nobody, type PartialPiece, type PartialPieces } from './partial-pieces.ts'

const mostUnasked = 2
const mostPartlyHere = 2

export class KeptPieces {
  private readonly partials: PartialPieces
  /** By peer, in the order in which they were given; some may not be its any more. */
  private readonly byPeer = new Map<number, number[]>()
  /** Of the peer that was looked at last: pieces with blocks that are not asked for, and with some that it sent. */
  private unaskedCount = 0
  private partlyHereCount = 0

  constructor(partials: PartialPieces) {
    this.partials = partials
  }

  /** What follows is about this peer. */
  look(peer: number): void {
    this.unaskedCount = 0
    this.partlyHereCount = 0
    const pieces = this.byPeer.get(peer)
    if (pieces === undefined) return
    let count = 0
    for (const piece of pieces) {
      const partial = this.partials.get(piece)
      if (partial === undefined || partial.keeper !== peer || partial.isWhole) continue
      pieces[count++] = piece
      this.count(partial)
    }
    pieces.length = count
  }

  /** Whether it may begin a piece, or have all that is left of one. */
  get hasRoom(): boolean {
    return this.unaskedCount < mostUnasked && this.partlyHereCount <= mostPartlyHere
  }

  /** Whether it may have all that is left of a piece that is nobody's. */
  mayKeepRest(partial: PartialPiece, peer: number): boolean {
    const { leader, askedCount } = partial
    const isFree = leader === peer || leader === nobody || askedCount === 0
    return isFree && this.hasRoom && partial.isLeftTo(peer)
  }

  /** It is given to the peer that was looked at, which was asked for some of it just now, or it was before. */
  keep(partial: PartialPiece, peer: number): void {
    if (partial.keeper === peer) {
      if (partial.freeCount === 0) this.unaskedCount--
      return
    }
    partial.keepFor(peer)
    const pieces = this.byPeer.get(peer)
    if (pieces === undefined) this.byPeer.set(peer, [partial.piece])
    else pieces.push(partial.piece)
    this.count(partial)
  }

  letGo(peer: number): void {
    const pieces = this.byPeer.get(peer)
    if (pieces === undefined) return
    this.byPeer.delete(peer)
    for (const piece of pieces) {
      const partial = this.partials.get(piece)
      if (partial?.keeper === peer) partial.keeper = nobody
    }
  }

  isKeeping(peer: number): boolean {
    return this.byPeer.has(peer)
  }

  private count(partial: PartialPiece): void {
    if (partial.freeCount > 0) this.unaskedCount++
    if (partial.keptCount > 0) this.partlyHereCount++
  }
}
