// What is wanted and lacking, and which peers have some of it (BEP 3 interest; BEP 21 partial seeds).
// Guarantees: we are interested exactly in peers that have a piece we want and lack; a count per peer makes each piece
// cost O(1) a peer. Owns the interest fields of peers; what is missing the picker knows.
import type { UploadPolicy } from './policies.ts'
import { disconnect, type SwarmContext } from './swarm-context.ts'
import type { SwarmPeer } from './swarm-peer.ts'

export class Interest {
  private readonly context: SwarmContext
  private isNeeded: UploadPolicy['isNeeded']
  private isPaused = false

  constructor(context: SwarmContext) {
    this.context = context
  }

  /** Nothing that is wanted lacks: we are a seed, or a partial one. */
  get isFinished(): boolean {
    return !this.context.picker.missing.hasAny
  }

  setPolicy(policy: UploadPolicy | undefined): void {
    this.isNeeded = policy?.isNeeded?.bind(policy)
  }

  setPaused(isPaused: boolean): void {
    this.isPaused = isPaused
    for (const peer of this.context.peers) this.update(peer)
  }

  /** Other pieces are wanted than before. */
  recountAll(): void {
    for (const peer of this.context.peers) this.recount(peer)
  }

  /** All that a peer has became known at once. */
  recount(peer: SwarmPeer): void {
    const { missing } = this.context.picker
    if (peer.isSeed) peer.interestingCount = missing.count
    else {
      const both = peer.bits.clone()
      both.and(missing)
      peer.interestingCount = both.count
    }
    this.update(peer)
  }

  /** The peer has a piece more, or less; its bits say so already. */
  peerChanged(peer: SwarmPeer, piece: number, hasIt: boolean): void {
    if (!this.context.picker.missing.get(piece)) return
    peer.interestingCount += hasIt ? 1 : -1
    this.update(peer)
  }

  /** We have a piece now. */
  pieceVerified(piece: number): void {
    const { picker } = this.context
    const wasMissing = picker.missing.get(piece)
    picker.pieceVerified(piece)
    if (wasMissing) this.adjust(piece, -1)
  }

  /** What we had of a piece is gone, all of it or some blocks. True if it was whole, or is not wanted. */
  pieceLost(piece: number): boolean {
    const { picker } = this.context
    const wasMissing = picker.missing.get(piece)
    picker.pieceLost(piece)
    picker.pieceDamaged(piece)
    if (!wasMissing && picker.missing.get(piece)) this.adjust(piece, 1)
    return !wasMissing
  }

  /** BEP 21: when both sides want nothing there is nothing left to do together. */
  partIfUseless(peer: SwarmPeer): void {
    if (!this.context.behaviour.leavesUseless || !this.isFinished) return
    if (!peer.isUploadOnly && !peer.isSeed) return
    if (this.isNeeded?.(peer.number) === true) return
    disconnect(this.context, peer, 'peer-not-needed', 'neither side wants anything of the other')
  }

  private adjust(piece: number, delta: 1 | -1): void {
    for (const peer of this.context.peers) {
      if (!peer.bits.get(piece)) continue
      peer.interestingCount += delta
      this.update(peer)
    }
  }

  private update(peer: SwarmPeer): void {
    if (peer.isGone) return
    if (peer.interestingCount > 0 && !this.isPaused) peer.connection.interested()
    else peer.connection.notInterested()
  }
}
