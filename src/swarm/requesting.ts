// Keeping peers busy: requests out as the pipeline of each peer allows, back to the picker when a peer chokes, refuses
// or falls silent, and again to whoever has room. Also memory: what stalls while others wait for room is moved to disk.
// Guarantees: every request ends, by its block, a reject, a cancel or its release; nothing is allocated per block.
// Owns the download fields of peers but those of the block on its way (receiving.ts).
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import { beginOf, blockAt, lengthOf, pieceOf, wholeLengthOf } from './block-grid.ts'
import { mostAskers, nobody } from './partial-pieces.ts'
import type { PickRequest } from './piece-picker.ts'
import type { DownloadPolicy, PieceRange } from './policies.ts'
import { maxRequestQueueLength } from './request-pipeline.ts'
import type { SwarmContext } from './swarm-context.ts'
import { noBlock, type SwarmPeer } from './swarm-peer.ts'
import { TakingOver } from './taking-over.ts'

const tickMs = 1_000
/** A piece in memory to which nothing was added for so long makes room for others that wait. */
const stalledMs = 20_000
/** Released requests are forgotten after this; what still comes of them is thrown away. */
const forgetMs = 120_000
/** So many rejects without a block between them: the peer is left alone for a while. */
const maxRejectStreak = 64
const restMs = 10_000
const maxAllowedFast = 100
const maxSuggested = 16
const zeros = new Uint8Array(blockLengthBytes)

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

export interface RequestingOptions {
  readonly policy: DownloadPolicy | undefined
  /** Suspects get pieces of their own (blaming.ts). */
  readonly isSuspect: (peer: SwarmPeer) => boolean
  /** Nothing of a piece is kept any more, or none of it in memory. */
  readonly onDiscard: (piece: number) => void
  /** Time to look whether the block that is on its way takes too long. */
  readonly reviewCurrent: (peer: SwarmPeer) => void
  /** Others shall have the block that is on its way. */
  readonly yieldCurrent: (peer: SwarmPeer) => void
}

export class Requesting {
  private readonly context: SwarmContext
  private readonly isSuspect: (peer: SwarmPeer) => boolean
  private readonly onDiscard: (piece: number) => void
  private readonly reviewCurrent: (peer: SwarmPeer) => void
  private readonly yieldCurrent: (peer: SwarmPeer) => void
  private readonly takingOver: TakingOver
  private policy: DownloadPolicy | undefined
  /** Some peer takes whole pieces, or did a while ago. */
  private isBuying = false
  private isPaused = false
  private readonly picked: Mutable<PickRequest>
  /** There may be blocks now for peers that could not be kept busy. */
  private isMoreAvailable = false
  private readonly others = new Int32Array(mostAskers)
  private isMemoryShort = false
  /** The longest block that may be asked for now: shorter ones are still allowed where a whole one is not. */
  private longestBytes = blockLengthBytes
  private firstHungry = 0
  private nextTickMs = Number.POSITIVE_INFINITY
  /** Who may still send what others were given in the end game. */
  private readonly yielding = new Set<SwarmPeer>()
  /** Pieces moved to disk, by when: not again for a while, as somebody may have brought them back. */
  private readonly spilled = new Map<number, number>()

  constructor(context: SwarmContext, byNumber: ReadonlyMap<number, SwarmPeer>, options: RequestingOptions) {
    this.context = context
    this.takingOver = new TakingOver(context, byNumber)
    this.isSuspect = options.isSuspect
    this.onDiscard = options.onDiscard
    this.reviewCurrent = options.reviewCurrent
    this.yieldCurrent = options.yieldCurrent
    this.policy = options.policy
    this.picked = {
      peer: 0,
      bits: context.storage.have,
      mayBegin: context.storage.have,
      isSlow: false,
      isAlone: false,
      takesWhole: false,
      outstandingBlocks: 0,
      endGameDepth: 0,
      ranges: undefined,
      maxBlocks: 0,
      out: new Float64Array(maxRequestQueueLength),
      canTake: (piece, begin) => this.take(piece, begin),
      nowMs: 0,
    }
  }

  setPolicy(policy: DownloadPolicy | undefined): void {
    this.policy = policy
    this.allowanceChanged()
  }

  /** The policy may allow more than before, or leave no more to a peer. */
  allowanceChanged(): void {
    for (const peer of this.context.peers) this.takesWhole(peer)
    this.offerMore()
  }

  setPaused(isPaused: boolean): void {
    this.isPaused = isPaused
    for (const peer of this.context.peers) {
      if (isPaused) this.stop(peer)
      // Who unchoked us meanwhile was asked for nothing.
      else this.hasRoom(peer)
    }
  }

  /** Blocks, memory or peers came: whoever is not busy is asked at the next `settle`. */
  offerMore(): void {
    this.isMoreAvailable = true
  }

  /** One of its requests ended without a block: it may be asked for something else. */
  hasRoom(peer: SwarmPeer): void {
    peer.isHungry = true
    this.offerMore()
  }

  nextWakeMs(): number {
    return this.isMoreAvailable ? this.context.nowMs : this.nextTickMs
  }

  /** Asks the peer for as much as its pipeline has room for. */
  fill(peer: SwarmPeer): void {
    const { connection, pipeline, outstanding } = peer
    peer.isHungry = false
    const mayAsk = !this.takesWhole(peer) || !peer.isStalled || outstanding.heldCount === 0
    if (peer.isGone || peer.isLate || this.isPaused || !connection.amInterested) return
    if (connection.isChoking && peer.allowedFast.length === 0) return
    if (this.context.nowMs < peer.restsUntilMs || !mayAsk) {
      peer.isHungry = true
      this.tickLater()
      return
    }
    pipeline.setQueueLength(connection.requestQueueLength)
    const room = pipeline.depth - outstanding.heldCount
    if (room < pipeline.leastBatch) return
    this.tickLater()
    const allowance = this.policy?.requestAllowanceBytes(peer.number) ?? Number.POSITIVE_INFINITY
    if (allowance <= 0) {
      peer.isHungry = true
      return
    }
    this.longestBytes = Math.min(allowance, blockLengthBytes)
    const wanted = Math.min(room, Math.max(1, Math.floor(allowance / blockLengthBytes)))
    let count = 0
    const ranges = this.policy?.piecesFor(peer.number)
    if (connection.isChoking) count = this.ask(peer, wanted, within(peer.allowedFast, ranges))
    else {
      if (peer.suggested.length > 0) count = this.askSuggested(peer, wanted, ranges)
      if (count < wanted) count += this.ask(peer, wanted - count, ranges)
      if (count < wanted && peer.takesWhole) count += this.takeOver(peer, wanted - count, ranges)
    }
    peer.isHungry = count < room
  }

  /** All it could be asked for is asked of it: it gets the rests of pieces that others take much longer for. */
  private takeOver(peer: SwarmPeer, wanted: number, ranges: readonly PieceRange[] | undefined): number {
    const { picker, peers } = this.context
    if (this.longestBytes < blockLengthBytes || this.isMemoryShort || this.isSuspect(peer)) return 0
    if (!picker.hasRoomForRest) return 0
    let count = 0
    for (const { piece } of this.takingOver.restsFor(peer, ranges)) {
      for (const other of peers) if (other !== peer) this.takeFrom(other, piece)
      picker.resign(piece)
      const askedCount = this.ask(peer, wanted - count, within([piece], ranges))
      count += askedCount
      if (askedCount === 0) this.takingOver.foundNone(peer)
      if (askedCount === 0 || count >= wanted || !picker.hasRoomForRest) break
    }
    return count
  }

  /** It need not send what it was asked for of a piece, but for the block that is on its way. */
  private takeFrom(peer: SwarmPeer, piece: number): void {
    const { outstanding } = peer
    const heldBefore = outstanding.heldCount
    for (let position = outstanding.first; position < outstanding.end; ) {
      const following = outstanding.next(position)
      const block = outstanding.blockAt(position)
      if (pieceOf(this.context.grid, block) === piece) {
        const isHeld = outstanding.isHeld(position)
        this.cancelRequest(peer, block)
        outstanding.remove(position)
        if (isHeld) this.giveBack(peer, block)
      }
      position = following
    }
    if (outstanding.heldCount === heldBefore) return
    if (outstanding.heldCount === 0) peer.pipeline.settled()
    this.hasRoom(peer)
  }

  unchoked(peer: SwarmPeer): void {
    peer.pipeline.unchoked(this.context.nowMs)
    // Without BEP 6 a choke drops what was asked before it, and nothing says so.
    if (!peer.connection.supportsFast) this.forgetReleased(peer, Number.POSITIVE_INFINITY)
    peer.rejectStreak = 0
    peer.isStalled = false
  }

  /** What was asked is not to be expected any more, but for allowed fast pieces (BEP 6); if it comes, it is welcome. */
  choked(peer: SwarmPeer): void {
    peer.isLate = false
    this.release(peer, (piece) => !peer.connection.supportsFast || !peer.allowedFast.includes(piece))
    if (peer.takesWhole) this.letGo(peer)
  }

  /** `length` 0: a client without BEP 6 says so with an empty block. */
  rejected(peer: SwarmPeer, block: number): void {
    const { grid } = this.context
    const { outstanding, connection } = peer
    // It may have been asked for anew since it was cancelled.
    if (outstanding.takeCancelled(block, this.context.nowMs)) {
      outstanding.takeRemembered(block)
      return
    }
    const position = block === noBlock ? noBlock : outstanding.find(block)
    if (position === noBlock) {
      outstanding.takeRemembered(block)
      return
    }
    const wasHeld = outstanding.isHeld(position)
    outstanding.remove(position)
    peer.isLate = false
    if (!connection.isChoking && lengthOf(grid, block) < wholeLengthOf(grid, block)) peer.wantsWholeBlocks = true
    if (!wasHeld) return
    this.giveBack(peer, block)
    if (outstanding.heldCount === 0) peer.pipeline.settled()
    const piece = pieceOf(grid, block)
    if (connection.isChoking) remove(peer.allowedFast, piece)
    else remove(peer.suggested, piece)
    peer.rejectStreak++
    if (peer.rejectStreak < maxRejectStreak) return
    peer.rejectStreak = 0
    peer.restsUntilMs = this.context.nowMs + restMs
  }

  allowedFast(peer: SwarmPeer, piece: number): void {
    const { allowedFast } = peer
    if (allowedFast.length >= maxAllowedFast || allowedFast.includes(piece)) return
    const later = allowedFast.findIndex((other) => other > piece)
    allowedFast.splice(later === -1 ? allowedFast.length : later, 0, piece)
  }

  suggested(peer: SwarmPeer, piece: number): void {
    const { suggested } = peer
    if (!this.context.behaviour.suggestions || suggested.includes(piece)) return
    if (suggested.length >= maxSuggested) suggested.shift()
    suggested.push(piece)
  }

  /** It does not have a piece any more. */
  pieceGone(peer: SwarmPeer, piece: number): void {
    this.release(peer, (other) => other === piece)
  }

  /** Requests for pieces that are not wanted any more are cancelled. */
  cancelUnwanted(): void {
    const { picker, peers } = this.context
    for (const peer of peers) this.cancel(peer, (piece) => !picker.missing.get(piece))
    this.offerMore()
  }

  /** The peer left. */
  removed(peer: SwarmPeer): void {
    this.release(peer, () => true)
    peer.outstanding.clear()
    this.takingOver.removed(peer)
    peer.isHungry = false
    this.yielding.delete(peer)
  }

  /** A block will not come from this peer. */
  giveBack(peer: { readonly number: number }, block: number): void {
    const { picker, grid, storage } = this.context
    this.offerMore()
    if (!picker.returned(block, peer.number)) return
    const piece = pieceOf(grid, block)
    this.onDiscard(piece)
    storage.discard(piece)
  }

  /** It sent something: it may be asked for more. */
  answered(peer: SwarmPeer): void {
    peer.isSilent = false
    peer.isStalled = false
    peer.answeredAtMs = this.context.nowMs
    if (!peer.isLate) return
    peer.isLate = false
    this.hasRoom(peer)
  }

  /** A block came from somebody else: who was late with it need not send it any more. */
  cancelYielded(block: number): void {
    for (const peer of this.yielding) {
      const { outstanding } = peer
      const position = outstanding.find(block)
      if (position === noBlock || outstanding.isHeld(position)) continue
      this.cancelRequest(peer, block)
      outstanding.remove(position)
      if (!outstanding.hasReleased) this.yielding.delete(peer)
      if (outstanding.size > 0 || peer.currentBlock !== noBlock) continue
      peer.pipeline.settled()
      peer.isLate = false
      this.hasRoom(peer)
    }
  }

  cancelRequest(peer: SwarmPeer, block: number): void {
    const { grid, nowMs } = this.context
    const { connection, outstanding } = peer
    connection.cancel(pieceOf(grid, block), beginOf(grid, block), this.askedLength(peer, block))
    if (connection.supportsFast) outstanding.cancel(block, nowMs)
    if (this.policy?.onReceived !== undefined) outstanding.rememberAsked(block)
  }

  /** Once more for those who had room left, in turn; and once a second, what is overdue. */
  settle(): void {
    const { nowMs } = this.context
    if (nowMs >= this.nextTickMs) this.tick()
    if (this.isMoreAvailable) this.fillHungry()
    if (this.policy?.onNoneOutstanding !== undefined) this.tellNoneOutstanding(this.policy)
  }

  private tellNoneOutstanding(policy: DownloadPolicy): void {
    for (const peer of this.context.peers) {
      const isOutstanding = peer.outstanding.heldCount > 0 || peer.isCurrentHeld
      if (peer.wasOutstanding && !isOutstanding) policy.onNoneOutstanding?.(peer.number)
      peer.wasOutstanding = isOutstanding
    }
  }

  private fillHungry(): void {
    this.isMoreAvailable = false
    const { peers } = this.context
    const { length } = peers
    if (length === 0) return
    this.firstHungry = (this.firstHungry + 1) % length
    // What a silent peer did not send should not be asked of it again while others can have it.
    for (const isSilent of [false, true]) {
      for (let offset = 0; offset < length; offset++) {
        const peer = peers[(this.firstHungry + offset) % length] as SwarmPeer
        if (peer.isHungry && peer.isSilent === isSilent) this.fill(peer)
      }
    }
  }

  /** There was none for a block. */
  memoryLacks(): void {
    this.isMemoryShort = true
    this.tickLater()
  }

  private tickLater(): void {
    if (this.nextTickMs === Number.POSITIVE_INFINITY) this.nextTickMs = this.context.nowMs + tickMs
  }

  private tick(): void {
    const { nowMs, peers, behaviour } = this.context
    this.nextTickMs = Number.POSITIVE_INFINITY
    this.isBuying = peers.some(({ takesWhole }) => takesWhole)
    if (behaviour.antiSnubbing && behaviour.endGame) this.yieldLate()
    for (const peer of peers) {
      if (behaviour.antiSnubbing && peer.pipeline.expire(nowMs)) {
        peer.isSilent = true
        peer.isLate = false
        peer.wantsWholeBlocks = true
        this.release(peer, () => true)
      }
      if (this.takesWhole(peer)) this.noticeStall(peer)
      this.forgetReleased(peer, nowMs - forgetMs)
      this.reviewCurrent(peer)
      if (peer.outstanding.heldCount === 0) {
        peer.isHungry = true
        // When all are suspects, none must wait for one that is not.
        peer.isIdle = true
      }
      if (peer.outstanding.size > 0 || peer.currentBlock !== noBlock) this.tickLater()
    }
    this.offerMore()
    if (this.isMemoryShort && behaviour.spillsStalled) this.spillStalled()
    this.isMemoryShort = false
  }

  /**
   * In the end game others get what a peer owes for longer than it usually takes; should it come first it is welcome.
   * Only where somebody can take it at once: else it would be asked for twice of the same peer.
   */
  private yieldLate(): void {
    const { peers, picker, nowMs } = this.context
    for (const peer of this.yielding) if (!peer.outstanding.hasReleased) this.yielding.delete(peer)
    if (!picker.isEndGame) return
    for (const peer of peers) {
      const { outstanding, pipeline } = peer
      // What is left whole to a peer is so until it stalls.
      if ((peer.takesWhole && !peer.isStalled) || !pipeline.isLate(nowMs)) continue
      const heldBefore = outstanding.heldCount
      for (let position = outstanding.first; position < outstanding.end; position = outstanding.next(position)) {
        const block = outstanding.blockAt(position)
        if (!outstanding.isHeld(position) || !this.hasTaker(pieceOf(this.context.grid, block))) continue
        outstanding.release(position)
        this.giveBack(peer, block)
      }
      if (peer.isCurrentHeld && this.hasTaker(peer.currentPiece)) this.yieldCurrent(peer)
      else if (outstanding.heldCount === heldBefore) continue
      peer.isLate = true
      peer.isSilent = true
      this.yielding.add(peer)
    }
  }

  /** Whether a peer that is not late has a piece and room for a request. */
  private hasTaker(piece: number): boolean {
    const { peers, nowMs } = this.context
    return peers.some(
      ({ isGone, isSilent, isLate, takesWhole, bits, connection, restsUntilMs, outstanding, pipeline }) =>
        !(isGone || isSilent || isLate || takesWhole || connection.isChoking) &&
        bits.get(piece) &&
        nowMs >= restsUntilMs &&
        outstanding.heldCount < pipeline.depth &&
        !pipeline.isLate(nowMs),
    )
  }

  private take(piece: number, begin: number): boolean {
    const { grid } = this.context
    const isAllowed =
      this.longestBytes === blockLengthBytes || this.longestBytes >= wholeLengthOf(grid, blockAt(grid, piece, begin))
    if (!isAllowed) return false
    if (this.context.storage.take(piece, begin)) return true
    this.isMemoryShort = true
    return false
  }

  private askSuggested(peer: SwarmPeer, wanted: number, ranges: readonly PieceRange[] | undefined): number {
    const { picker } = this.context
    let count = 0
    for (let index = peer.suggested.length - 1; index >= 0 && count < wanted; index--) {
      const piece = peer.suggested[index] as number
      if (picker.missing.get(piece)) count += this.ask(peer, wanted - count, within([piece], ranges))
      else peer.suggested.splice(index, 1)
    }
    return count
  }

  private ask(peer: SwarmPeer, wanted: number, ranges: readonly PieceRange[] | undefined): number {
    if (wanted <= 0) return 0
    const { context, picked } = this
    const { grid, nowMs, behaviour } = context
    const { connection, outstanding, pipeline } = peer
    picked.peer = peer.number
    picked.bits = peer.bits
    picked.mayBegin = this.isBuying ? this.takingOver.begins(peer) : peer.bits
    picked.isSlow = pipeline.isSlow
    picked.isAlone = !peer.isIdle && this.isSuspect(peer)
    picked.takesWhole = peer.takesWhole
    picked.outstandingBlocks = outstanding.heldCount
    picked.endGameDepth = behaviour.endGame ? pipeline.endGameDepth : 0
    picked.ranges = ranges
    picked.maxBlocks = wanted
    picked.nowMs = nowMs
    const pickedCount = context.picker.pick(picked)
    if (outstanding.heldCount === 0 && pickedCount > 0) {
      peer.answeredAtMs = nowMs
      peer.isStalled = false
    }
    let count = 0
    for (let index = 0; index < pickedCount; index++) {
      const block = picked.out[index] as number
      if (grid.hasPadding && lengthOf(grid, block) === 0) {
        this.fillPadding(block)
        continue
      }
      count++
      if (this.holdAgain(peer, block)) continue
      connection.request(pieceOf(grid, block), beginOf(grid, block), this.askedLength(peer, block))
      outstanding.add(block, nowMs)
    }
    if (count > 0) {
      peer.isIdle = false
      pipeline.asked(nowMs)
    }
    return count
  }

  /**
   * A block that others were to have and that is still to come: no need to ask once more. Only who is silent and has no
   * way to refuse (BEP 6) may have dropped the request.
   */
  private holdAgain({ outstanding, isSilent, connection }: SwarmPeer, block: number): boolean {
    if ((isSilent && !connection.supportsFast) || !outstanding.hasReleased) return false
    const position = outstanding.find(block)
    if (position === noBlock) return false
    outstanding.hold(position)
    return true
  }

  /** BEP 47: gaps are not asked for, but of peers that may not know about such requests. */
  private askedLength(peer: SwarmPeer, block: number): number {
    const { grid } = this.context
    return peer.wantsWholeBlocks ? wholeLengthOf(grid, block) : lengthOf(grid, block)
  }

  /** BEP 47: what is known to be zeros is not asked for. */
  private fillPadding(block: number): void {
    const { picker, grid, storage, nowMs } = this.context
    const [piece, begin] = [pieceOf(grid, block), beginOf(grid, block)]
    storage.put(piece, begin, zeros, 0, wholeLengthOf(grid, block))
    picker.received(block, nobody, this.others, nowMs)
    storage.blockDone(piece, begin)
    this.offerMore()
  }

  /** Gives blocks back to the picker, and keeps in mind that they were asked for. */
  private release(peer: SwarmPeer, isMeant: (piece: number) => boolean): void {
    const { grid } = this.context
    const { outstanding } = peer
    for (let position = outstanding.first; position < outstanding.end; position = outstanding.next(position)) {
      const block = outstanding.blockAt(position)
      if (!outstanding.isHeld(position) || !isMeant(pieceOf(grid, block))) continue
      outstanding.release(position)
      this.giveBack(peer, block)
    }
    if (outstanding.heldCount === 0) peer.pipeline.settled()
  }

  /** It is asked for nothing. */
  private stop(peer: SwarmPeer): void {
    this.cancel(peer, () => true)
    if (peer.takesWhole) this.letGo(peer)
  }

  /** Whether it takes whole pieces alone, as of now. */
  private takesWhole(peer: SwarmPeer): boolean {
    const takesWhole = this.policy?.takesWholePieces?.(peer.number) === true
    if (peer.takesWhole && !takesWhole) this.letGo(peer)
    peer.takesWhole = takesWhole
    this.isBuying ||= takesWhole
    return takesWhole
  }

  /** Others may have what is left whole to it for too long. */
  private noticeStall(peer: SwarmPeer): void {
    const { picker, nowMs } = this.context
    if (!picker.isKeeping(peer.number) || nowMs - peer.answeredAtMs < peer.pipeline.stallMs) return
    peer.isStalled = true
    this.letGo(peer)
  }

  private letGo(peer: SwarmPeer): void {
    this.context.picker.letGo(peer.number)
    this.offerMore()
  }

  private cancel(peer: SwarmPeer, isMeant: (piece: number) => boolean): void {
    const { grid } = this.context
    const { outstanding } = peer
    for (let position = outstanding.first; position < outstanding.end; ) {
      const following = outstanding.next(position)
      const block = outstanding.blockAt(position)
      const piece = pieceOf(grid, block)
      if (outstanding.isHeld(position) && isMeant(piece)) {
        this.cancelRequest(peer, block)
        outstanding.remove(position)
        this.giveBack(peer, block)
      }
      position = following
    }
    if (outstanding.heldCount === 0) peer.pipeline.settled()
  }

  /** What was asked for until `lastMs` and released. */
  private forgetReleased({ outstanding }: SwarmPeer, lastMs: number): void {
    outstanding.dropReleased(lastMs, this.policy?.onReceived !== undefined)
  }

  /** Pieces that nothing is added to, or that are not wanted, make room. */
  private spillStalled(): void {
    const { picker, nowMs } = this.context
    const sinceMs = nowMs - stalledMs
    for (const [piece, atMs] of this.spilled) if (atMs <= sinceMs) this.spilled.delete(piece)
    const stalled: number[] = []
    picker.visitPartials((piece, blockCount, receivedCount, askedCount, activeMs) => {
      const isIdle = activeMs <= sinceMs || (askedCount === 0 && !picker.missing.get(piece))
      if (isIdle && receivedCount < blockCount && !this.spilled.has(piece)) stalled.push(piece)
    })
    for (const piece of stalled) this.spill(piece, sinceMs)
  }

  /** Whoever is at a block of it for longer than since `sinceMs` loses it. */
  private spill(piece: number, sinceMs: number): void {
    const { storage, picker, peers, nowMs } = this.context
    const isAtIt = (peer: SwarmPeer) => peer.currentBlock !== noBlock && peer.currentPiece === piece
    if (peers.some((peer) => isAtIt(peer) && peer.currentSinceMs > sinceMs)) return
    this.onDiscard(piece)
    for (const peer of peers) {
      // Its time begins anew with the next request: it would never count as overdue.
      if (this.owes(peer, piece, nowMs - stalledMs / 2)) peer.isSilent = true
      this.pieceGone(peer, piece)
    }
    if (!picker.isUnderWay(piece)) return
    this.spilled.set(piece, nowMs)
    storage.spill(piece)
  }

  /** Whether it was asked for a block of the piece before `sinceMs`. */
  private owes({ outstanding }: SwarmPeer, piece: number, sinceMs: number): boolean {
    for (let position = outstanding.first; position < outstanding.end; position = outstanding.next(position)) {
      const isOld = outstanding.isHeld(position) && outstanding.sentAtMs(position) <= sinceMs
      if (isOld && pieceOf(this.context.grid, outstanding.blockAt(position)) === piece) return true
    }
    return false
  }
}

/** Single pieces, ascending, as far as `ranges` allow them. */
function within(pieces: readonly number[], ranges: readonly PieceRange[] | undefined): PieceRange[] {
  return pieces
    .filter((piece) => ranges === undefined || ranges.some(({ first, last }) => first <= piece && piece <= last))
    .map((piece) => ({ first: piece, last: piece }))
}

function remove(pieces: number[], piece: number): void {
  const index = pieces.indexOf(piece)
  if (index !== -1) pieces.splice(index, 1)
}
