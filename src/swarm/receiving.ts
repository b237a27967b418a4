// Blocks on their way in (BEP 3): matched with what was asked, copied once into storage, cancelled at others.
// Guarantees: only blocks that were asked for and are still needed reach storage, each written by one peer at a time, so
// that its sender is answerable for all of it; nothing is allocated per block. Owns the `current…` fields of peers.
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import { beginOf, blockAt, contentLength, lengthOf, pieceOf, wholeLengthOf } from './block-grid.ts'
import { arriving, arrivingSlowly, mostAskers, notArriving } from './partial-pieces.ts'
import type { DownloadPolicy } from './policies.ts'
import type { Requesting } from './requesting.ts'
import type { SwarmContext } from './swarm-context.ts'
import { noBlock, type SwarmPeer } from './swarm-peer.ts'
import { isWebSeedNumber } from './web-seed.ts'

/** What web seeds (web-seeding.ts) have to do with blocks of peers. */
export interface OtherSenders {
  /** Whether one of them is in the middle of a block. */
  isSending(block: number): boolean
  /** The block that it was asked for came from somebody else. */
  lost(number: number, block: number): void
}

/** A peer that stops in the middle of a block for so long loses it to one that sends it now. */
const pausedMs = 1_000
/** One that is at a block for so long loses it to a peer fast enough to send all of it in less. */
const dribblingMs = 2_000
/** A block on its way for so long may be asked of others, and yields to whoever sends it. */
const overdueMs = 20_000
const zeros = new Uint8Array(blockLengthBytes)

export class Receiving {
  /** Content of all blocks, and of it what was thrown away because it came twice or too late. */
  downloadedBytes = 0
  wastedBytes = 0
  private readonly context: SwarmContext
  private readonly requesting: Requesting
  private readonly others = new Int32Array(mostAskers)
  private readonly byNumber: ReadonlyMap<number, SwarmPeer>
  private readonly webSeeds: OtherSenders
  /** Peers in the middle of a block that the picker does not count as theirs any more. */
  private strayCount = 0
  /** Of a DownloadPolicy. */
  private onReceived: DownloadPolicy['onReceived']

  constructor(
    context: SwarmContext,
    requesting: Requesting,
    byNumber: ReadonlyMap<number, SwarmPeer>,
    webSeeds: OtherSenders,
  ) {
    this.context = context
    this.requesting = requesting
    this.byNumber = byNumber
    this.webSeeds = webSeeds
  }

  setPolicy(policy: DownloadPolicy | undefined): void {
    this.onReceived = policy?.onReceived?.bind(policy)
  }

  /** A block begins. False: it is not wanted. */
  begin(peer: SwarmPeer, piece: number, begin: number, length: number): boolean {
    const { grid } = this.context
    const { outstanding } = peer
    const block = blockAt(grid, piece, begin)
    const position = block === noBlock ? noBlock : outstanding.find(block)
    const wasCancelled = outstanding.takeCancelled(block, this.context.nowMs)
    peer.currentToldBytes = 0
    let isHeld = true
    // So long ago that it says nothing about the way.
    let sentAtMs = Number.NEGATIVE_INFINITY
    if (position === noBlock) {
      const isAsked = outstanding.takeRemembered(block) && this.isLengthOf(block, length)
      if (!isAsked) return this.waste(length)
      if (!this.context.picker.welcome(block, peer.number)) return this.refuse(peer, piece, begin, length)
    } else {
      if (wasCancelled) outstanding.takeRemembered(block)
      // It crossed the cancel: what was asked anew need not come as well.
      if (wasCancelled) this.requesting.cancelRequest(peer, block)
      if (!this.isLengthOf(block, length)) {
        this.requesting.rejected(peer, block)
        return this.waste(length)
      }
      isHeld = outstanding.isHeld(position)
      sentAtMs = outstanding.sentAtMs(position)
      outstanding.remove(position)
    }
    if (!this.isAcceptable(peer, block, isHeld)) {
      if (isHeld) this.requesting.giveBack(peer, block)
      this.noteArrival(peer, length, sentAtMs)
      return this.refuse(peer, piece, begin, length)
    }
    if (this.onReceived !== undefined) peer.currentToldBytes = length
    peer.currentBlock = block
    peer.currentPiece = piece
    peer.currentBegin = begin
    peer.currentSentAtMs = sentAtMs
    peer.currentSinceMs = this.context.nowMs
    peer.isCurrentHeld = isHeld
    if (isHeld) this.context.picker.setArriving(block, arriving)
    else this.strayCount++
    return true
  }

  fragment(peer: SwarmPeer, offset: number, chunk: Uint8Array, start: number, end: number): void {
    if (peer.currentBlock === noBlock) return
    this.context.storage.put(peer.currentPiece, peer.currentBegin + offset, chunk, start, end)
  }

  /** The current block is whole. */
  end(peer: SwarmPeer, length: number): void {
    const block = peer.currentBlock
    const { storage, picker, grid, nowMs } = this.context
    const contentBytes = contentLength(grid, peer.currentPiece, peer.currentBegin, length)
    if (block === noBlock) {
      this.waste(contentBytes)
      this.tell(peer, false)
      return
    }
    this.noteArrival(peer, length, peer.currentSentAtMs)
    this.leave(peer)
    const otherCount = picker.received(block, peer.number, this.others, nowMs)
    this.downloadedBytes += contentBytes
    peer.downloadMeter.add(contentBytes, nowMs)
    peer.rejectStreak = 0
    const gapBytes = wholeLengthOf(grid, block) - length
    if (gapBytes > 0) storage.put(peer.currentPiece, peer.currentBegin + length, zeros, 0, gapBytes)
    this.cancelElsewhere(this.others, otherCount, block)
    this.tell(peer, otherCount >= 0)
    storage.blockDone(peer.currentPiece, peer.currentBegin)
  }

  /** A block is here: the first `count` of `others` need not send it. */
  cancelElsewhere(others: Int32Array, count: number, block: number): void {
    for (let index = 0; index < count; index++) {
      const number = others[index] as number
      if (isWebSeedNumber(number)) this.webSeeds.lost(number, block)
      else this.cancelAt(number, block)
    }
    this.requesting.cancelYielded(block)
  }

  /** Whether a peer is in the middle of a block and goes on: one that has paused loses it. */
  isBeingSent(block: number): boolean {
    const { peers, picker, nowMs } = this.context
    if (this.strayCount === 0 && picker.askersOf(block, this.others) < 2) return false
    for (const peer of peers) {
      if (peer.currentBlock !== block) continue
      if (nowMs - peer.connection.lastReceiveMs < pausedMs) return true
      this.abandon(peer)
    }
    return false
  }

  /** The rest of the current block is not wanted, or will not come. */
  abandon(peer: SwarmPeer): void {
    const block = peer.currentBlock
    if (block === noBlock) return
    const isHeld = peer.isCurrentHeld
    this.leave(peer)
    if (isHeld) this.requesting.giveBack(peer, block)
    else this.forsake(peer.currentPiece)
  }

  /**
   * Looks how long the peer is at its current block. If that is overdue others may be asked for it; should it come first
   * it is welcome. But the first block of its piece stays: giving it up could give up the piece.
   */
  review(peer: SwarmPeer): void {
    const { picker, nowMs } = this.context
    if (!peer.isCurrentHeld) return
    if (this.isOverdue(peer) && picker.hasBlocks(peer.currentPiece)) this.yieldCurrent(peer)
    else if (nowMs - peer.connection.lastReceiveMs >= pausedMs) picker.setArriving(peer.currentBlock, notArriving)
    else if (nowMs - peer.currentSinceMs >= dribblingMs) picker.setArriving(peer.currentBlock, arrivingSlowly)
  }

  /** Others may be asked for the current block. */
  yieldCurrent(peer: SwarmPeer): void {
    this.context.picker.setArriving(peer.currentBlock, notArriving)
    peer.isCurrentHeld = false
    this.strayCount++
    this.requesting.giveBack(peer, peer.currentBlock)
  }

  /** Nothing of a piece is kept: whoever is sending some of it does so in vain. */
  abandonPiece(piece: number): void {
    for (const peer of this.context.peers) {
      if (peer.currentBlock !== noBlock && peer.currentPiece === piece) this.abandon(peer)
    }
  }

  private leave(peer: SwarmPeer): void {
    if (peer.isCurrentHeld) this.context.picker.setArriving(peer.currentBlock, notArriving)
    else this.strayCount--
    peer.isCurrentHeld = false
    peer.currentBlock = noBlock
  }

  /** Memory that was taken for a late block alone is given back. */
  private forsake(piece: number): void {
    const { picker, peers, storage } = this.context
    if (picker.isUnderWay(piece)) return
    if (!peers.some((peer) => peer.currentBlock !== noBlock && peer.currentPiece === piece)) storage.discard(piece)
  }

  private isLengthOf(block: number, length: number): boolean {
    const { grid } = this.context
    return length === lengthOf(grid, block) || length === wholeLengthOf(grid, block)
  }

  private noteArrival(peer: SwarmPeer, length: number, sentAtMs: number): void {
    const { nowMs } = this.context
    this.requesting.answered(peer)
    peer.pipeline.received(length, nowMs - sentAtMs, peer.outstanding.heldCount, nowMs)
  }

  private isAcceptable(peer: SwarmPeer, block: number, isHeld: boolean): boolean {
    const { picker, storage, grid } = this.context
    const piece = pieceOf(grid, block)
    if (!picker.needs(block) || !picker.missing.get(piece)) return false
    if (this.strayCount > 0 || picker.askersOf(block, this.others) > (isHeld ? 1 : 0)) {
      if (this.webSeeds.isSending(block) || !this.takesOver(peer, block, isHeld)) return false
    }
    return storage.take(piece, beginOf(grid, block))
  }

  /** Whether nobody else is sending the block at this moment; a late one yields to one that is not, a slow one to a fast one. */
  private takesOver(peer: SwarmPeer, block: number, isHeld: boolean): boolean {
    const { peers, nowMs } = this.context
    const { isSlow } = peer.pipeline
    for (const other of peers) {
      if (other === peer || other.currentBlock !== block) continue
      const isLate = isHeld && (!other.isCurrentHeld || this.isOverdue(other))
      const isDribbling = !isSlow && nowMs - other.currentSinceMs >= dribblingMs
      if (!isLate && !isDribbling && nowMs - other.connection.lastReceiveMs < pausedMs) return false
      this.abandon(other)
    }
    return true
  }

  private isOverdue(peer: SwarmPeer): boolean {
    return this.context.nowMs - peer.currentSinceMs >= overdueMs
  }

  private cancelAt(number: number, block: number): void {
    const { behaviour } = this.context
    const other = this.byNumber.get(number)
    if (other === undefined) return
    if (other.currentBlock === block) {
      // The picker has forgotten that it was asked of it.
      this.leave(other)
      return
    }
    const position = other.outstanding.find(block)
    if (position === noBlock) return
    if (behaviour.cancelsDuplicates) {
      this.requesting.cancelRequest(other, block)
      other.outstanding.remove(position)
    } else other.outstanding.release(position)
    if (other.outstanding.heldCount === 0) other.pipeline.settled()
    this.requesting.hasRoom(other)
  }

  /** A block that was asked for, and is not wanted. True: its end is to be told, as somebody is owed for it. */
  private refuse(peer: SwarmPeer, piece: number, begin: number, length: number): boolean {
    if (this.onReceived === undefined) return this.waste(contentLength(this.context.grid, piece, begin, length))
    peer.currentBlock = noBlock
    peer.currentPiece = piece
    peer.currentBegin = begin
    peer.currentToldBytes = length
    return true
  }

  private tell(peer: SwarmPeer, isKept: boolean): void {
    const bytes = peer.currentToldBytes
    if (bytes === 0) return
    peer.currentToldBytes = 0
    peer.answeredAtMs = this.context.nowMs
    this.onReceived?.(peer.number, peer.currentPiece, bytes, isKept)
  }

  private waste(contentBytes: number): false {
    this.downloadedBytes += contentBytes
    this.wastedBytes += contentBytes
    return false
  }
}
