// From blocks that came in paid stretches to bytes that are owed for (docs/protocol/speed.md): a pure machine over what the
// swarm says of pieces. Guarantees: a byte is owed for once at most, and only once its piece is verified, or it was
// thrown away though nothing was wrong with it; whoever sent wrong ones gets nothing for a piece they were part of.
// Owns what is not decided yet; who is owed counts for itself.

/** Who sent blocks, on one connection. */
export interface PaidSource {
  /** Came in stretches, and it is not known yet whether they are owed for. This machine's. */
  undecidedBytes: number
  /** It sent wrong bytes. This machine's. */
  isGuilty: boolean
  /** So much more is owed for. */
  owe(bytes: number): void
}

interface PaidPiece {
  readonly bytes: Map<PaidSource, number>
  /** It is not as its hash says, and is fetched again. */
  isDamaged: boolean
}

export class PaidBlocks {
  private readonly pieces = new Map<number, PaidPiece>()
  /** By the swarm's numbers, as blame comes when they may be gone. */
  private readonly sources = new Map<number, PaidSource>()

  /** A block in a stretch. `isKept` false: it was thrown away, as it was asked of others too, or not wanted any more. Hot. */
  received(source: PaidSource, peer: number, piece: number, bytes: number, isKept: boolean): void {
    if (!isKept) {
      source.owe(bytes)
      return
    }
    let paid = this.pieces.get(piece)
    if (paid === undefined) {
      paid = { bytes: new Map(), isDamaged: false }
      this.pieces.set(piece, paid)
    }
    const before = paid.bytes.get(source)
    if (before === undefined) this.sources.set(peer, source)
    paid.bytes.set(source, (before ?? 0) + bytes)
    source.undecidedBytes += bytes
  }

  /** What is left of it is owed for. False: nothing is. */
  verified(piece: number): boolean {
    return this.release(piece)
  }

  /** Owed to nobody before it is verified, and then not to who sent what was wrong. */
  damaged(piece: number): void {
    const paid = this.pieces.get(piece)
    if (paid === undefined) return
    paid.isDamaged = true
    for (const source of paid.bytes.keys()) if (source.isGuilty) drop(paid, source)
  }

  blamed(peer: number): void {
    const source = this.sources.get(peer)
    if (source === undefined) return
    source.isGuilty = true
    for (const paid of this.pieces.values()) if (paid.isDamaged) drop(paid, source)
  }

  /** Given up, though nothing was found wrong: it was asked for and it came. What is damaged still waits. */
  abandoned(piece: number): void {
    if (this.pieces.get(piece)?.isDamaged === false) this.release(piece)
  }

  /** The content is let go: what is not verified is never known to be right. */
  clear(): void {
    for (const { bytes } of this.pieces.values()) {
      for (const [source, count] of bytes) source.undecidedBytes -= count
    }
    this.pieces.clear()
    this.sources.clear()
  }

  private release(piece: number): boolean {
    const paid = this.pieces.get(piece)
    if (paid === undefined) return false
    this.pieces.delete(piece)
    for (const [source, count] of paid.bytes) {
      source.undecidedBytes -= count
      source.owe(count)
    }
    return paid.bytes.size > 0
  }
}

function drop({ bytes }: PaidPiece, source: PaidSource): void {
  source.undecidedBytes -= bytes.get(source) ?? 0
  bytes.delete(source)
}
