// What a peer that takes whole pieces is given when nothing else is left for it, and what others leave to it: a seller whose
// share is paid for is never to wait for slow peers, nor we for them while it could send the same.
// Guarantees: the rest of a piece is taken whole, and never from one that takes whole pieces itself and delivers; nothing
// is left to a peer that is not sending. Decides only, asks and cancels nothing (requesting.ts). Its buffers are its own.
import { Bitfield } from '../base/bitfield.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import { pieceOf } from './block-grid.ts'
import { nobody } from './partial-pieces.ts'
import type { PieceRange } from './policies.ts'
import { firstDepth, slowBytesPerSecond } from './request-pipeline.ts'
import type { SwarmContext } from './swarm-context.ts'
import { noBlock, type SwarmPeer } from './swarm-peer.ts'

/** What is cancelled may come all the same: a rest is taken only from who would be at it so many times as long. */
const leastGain = 2
/** Who takes whole pieces is presumed to be quick until it shows: else it would never be asked. */
const presumedRate = firstDepth * blockLengthBytes
/** Nothing was found: it is looked again after this. */
const againMs = 250

/** The rest of a piece that others are at. */
interface Rest {
  readonly piece: number
  /** To be taken. */
  readonly blockCount: number
  /** Until the others would have sent it. */
  readonly expectedMs: number
}

export class TakingOver {
  private readonly context: SwarmContext
  private readonly byNumber: ReadonlyMap<number, SwarmPeer>
  /** When each block that is asked for should be here, from whoever is quickest. */
  private readonly blocksMs = new Map<number, number>()
  /** By piece: how many such blocks, and when the last of them is here. */
  private readonly counts = new Map<number, number>()
  private readonly lastMs = new Map<number, number>()
  /** By piece: how many of them come in at this moment, and are taken from nobody. */
  private readonly arriving = new Map<number, number>()
  private readonly mayBegin: Bitfield
  /** By peer: not before then, as there was nothing. */
  private readonly againAtMs = new Map<number, number>()

  constructor(context: SwarmContext, byNumber: ReadonlyMap<number, SwarmPeer>) {
    this.context = context
    this.byNumber = byNumber
    this.mayBegin = new Bitfield(context.grid.pieceCount)
  }

  /**
   * The pieces whose rests the peer should take over, those expected last first, until it would be at them half as long as
   * the others are. It takes whole pieces, and there is nothing that it could be asked for otherwise.
   */
  restsFor(peer: SwarmPeer, ranges: readonly PieceRange[] | undefined): readonly Rest[] {
    const { picker, nowMs } = this.context
    if (nowMs < (this.againAtMs.get(peer.number) ?? 0)) return []
    this.expect(peer)
    const rests: Rest[] = []
    picker.visitRests(peer.bits, ranges, (piece, lackingCount, freeCount, leader) => {
      const asked = this.counts.get(piece) ?? 0
      const blockCount = lackingCount - (this.arriving.get(piece) ?? 0)
      // Others than peers that may lose it are at it: web seeds, or peers that take whole pieces.
      if (asked === 0 || blockCount === 0 || asked + freeCount !== lackingCount) return
      const expectedMs = Math.max(this.lastMs.get(piece) ?? 0, this.freeMs(freeCount, leader))
      rests.push({ piece, blockCount, expectedMs })
    })
    rests.sort((a, b) => b.expectedMs - a.expectedMs)
    const taken: Rest[] = []
    let blocks = peer.outstanding.heldCount
    for (const rest of rests) {
      const ownMs = peer.pipeline.expectedMsOf(blocks + rest.blockCount, presumedRate, nowMs)
      if (rest.expectedMs < leastGain * ownMs) continue
      taken.push(rest)
      blocks += rest.blockCount
    }
    if (taken.length === 0) this.foundNone(peer)
    return taken
  }

  /**
   * The pieces that a peer may begin, of those it has; valid until this is asked again. Who takes no whole pieces leaves
   * the last ones to those who do and will have sent them sooner: where all that is not begun comes from them in the
   * time this one would need for one piece, it would keep us waiting in the end. What they do not have is not left to them.
   */
  begins(peer: SwarmPeer): Bitfield {
    if (peer.takesWhole || !this.leavesLast(peer)) return peer.bits
    const { mayBegin } = this
    mayBegin.clearAll()
    mayBegin.or(peer.bits)
    for (const other of this.context.peers) if (this.delivers(other)) mayBegin.andNot(other.bits)
    return mayBegin
  }

  /** Nothing could be taken: it is not looked again at once. */
  foundNone(peer: SwarmPeer): void {
    this.againAtMs.set(peer.number, this.context.nowMs + againMs)
  }

  removed(peer: SwarmPeer): void {
    this.againAtMs.delete(peer.number)
  }

  private leavesLast({ pipeline, outstanding }: SwarmPeer): boolean {
    const { grid, picker, peers, nowMs } = this.context
    let rate = 0
    let leftBlocks = picker.startable.count * grid.blocksPerPiece
    for (const other of peers) {
      if (!this.delivers(other)) continue
      rate += other.pipeline.rate
      leftBlocks += other.outstanding.heldCount
    }
    if (rate === 0) return false
    const ownMs = pipeline.expectedMsOf(outstanding.heldCount + grid.blocksPerPiece, slowBytesPerSecond, nowMs)
    return leftBlocks * blockLengthBytes * 1000 < rate * ownMs
  }

  /** Whether it takes whole pieces, and sends what it is asked for. */
  private delivers({ takesWhole, isStalled, isSilent, isGone, outstanding }: SwarmPeer): boolean {
    return takesWhole && !isStalled && !isSilent && !isGone && outstanding.heldCount > 0
  }

  /** What is asked of peers that may lose it. */
  private expect(taker: SwarmPeer): void {
    const { grid, peers, nowMs } = this.context
    const { blocksMs, counts, lastMs, arriving } = this
    blocksMs.clear()
    counts.clear()
    lastMs.clear()
    arriving.clear()
    for (const peer of peers) {
      if (peer === taker || (peer.takesWhole && !peer.isStalled)) continue
      const { outstanding, pipeline } = peer
      const msOf = (count: number) => pipeline.expectedMsOf(count, slowBytesPerSecond, nowMs)
      if (peer.currentBlock !== noBlock && peer.isCurrentHeld) {
        this.add(peer.currentBlock, msOf(1))
        arriving.set(peer.currentPiece, (arriving.get(peer.currentPiece) ?? 0) + 1)
      }
      let count = 0
      for (let position = outstanding.first; position < outstanding.end; position = outstanding.next(position)) {
        if (outstanding.isHeld(position)) this.add(outstanding.blockAt(position), msOf(++count))
      }
    }
    for (const [block, ms] of blocksMs) {
      const piece = pieceOf(grid, block)
      counts.set(piece, (counts.get(piece) ?? 0) + 1)
      lastMs.set(piece, Math.max(lastMs.get(piece) ?? 0, ms))
    }
  }

  private add(block: number, ms: number): void {
    const before = this.blocksMs.get(block)
    if (before === undefined || ms < before) this.blocksMs.set(block, ms)
  }

  /** Until who is at a piece has sent what it is not asked for yet, after all that it is. */
  private freeMs(freeCount: number, leader: number): number {
    if (freeCount === 0) return 0
    const peer = leader === nobody ? undefined : this.byNumber.get(leader)
    if (peer === undefined) return 0
    return peer.pipeline.expectedMsOf(peer.outstanding.heldCount + freeCount, slowBytesPerSecond, this.context.nowMs)
  }
}
