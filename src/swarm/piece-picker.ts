// Which blocks to ask a peer for: what is due first, then the piece it is at, then pieces under way, then a new one,
// the rarest; in the end the last blocks of several peers at once (BEP 3). Blocks are numbered through the torrent:
// piece * blocksPerPiece + block.
// Guarantees: no garbage a block; memory is asked for (canTake) only for blocks that are then picked; a block is asked
// of one peer, in the end game or near its deadline of up to three. The swarm owns the picker; it tells of every outcome.
import { assert } from '../base/assert.ts'
import { Bitfield } from '../base/bitfield.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import type { Random } from '../ports/random.ts'
import { Availability, highestPriority, isWithin } from './availability.ts'
import { KeptPieces } from './kept-pieces.ts'
import { mostAskers, nobody, type PartialPiece, PartialPieces } from './partial-pieces.ts'
import type { PieceRange } from './policies.ts'

export interface PickerOptions {
  readonly pieceCount: number
  readonly pieceLengthBytes: number
  /** End of the last piece in the piece space. */
  readonly spanBytes: number
  /** Bytes of a piece that peers send, where pieces end with their files (BEP 52); else up to the span. */
  readonly pieceBytes?: (piece: number) => number
  /** What we have now; read here only, changes are told by pieceVerified and pieceLost. */
  readonly have: Bitfield
  readonly random: Random
}

/** What a peer is asked. The swarm may use one such object again for every call. */
export interface PickRequest {
  /** The swarm's number for the peer. */
  readonly peer: number
  /** The pieces it has, and of these those that it may begin. */
  readonly bits: Bitfield
  readonly mayBegin: Bitfield
  /** It does not share pieces with fast peers, and nothing urgent waits for it. */
  readonly isSlow: boolean
  /** A suspect (see blame.ts): it gets whole pieces, that nobody else adds to. */
  readonly isAlone: boolean
  /** It gets whole pieces, or all that is left of one, which are kept for it (kept-pieces.ts), and no duplicates. */
  readonly takesWhole: boolean
  /** What it was asked for and has not answered. */
  readonly outstandingBlocks: number
  /** With as many of them it is not idle, and has no part in the end game. */
  readonly endGameDepth: number
  /** Only these pieces, ascending: allowed fast, suggested, or as a DownloadPolicy says. Undefined: any. */
  readonly ranges: readonly PieceRange[] | undefined
  readonly maxBlocks: number
  /** Room for maxBlocks block numbers. */
  readonly out: Float64Array
  /** Whether there is memory for a block; it is held from then on. */
  canTake(piece: number, begin: number): boolean
  readonly nowMs: number
}

export type PickMode = 'rarest' | 'sequential'

/** Priorities are 1 to 7, or 0: not wanted. */
const usualPriority = 4
/** The first pieces are any, not the rarest: a rare one is slow, and with nothing to give we get nothing (BEP 3). */
const randomFirstPieces = 4
/** Pieces of up to as many blocks are left to one peer each, if it is fast. */
const lonePieceBlocks = 64
/** Pieces under way, beyond which peers join those of others: so many for each connected peer, and at least some. */
const piecesPerPeer = 1.5
const fewestPieces = 16
/** The end game looks at as many blocks for one pick. */
const endGameSearch = 8192
/** Only the most urgent pieces are looked at. */
const urgentSearch = 64
/** Blocks of a piece that is due within this, and got none for a while, are asked of a second peer. */
const dueSoonMs = 3000
const stalledMs = 1000

interface Deadline {
  readonly piece: number
  readonly atMs: number
}

export class PiecePicker {
  readonly blocksPerPiece: number
  /** Wanted and not verified yet: what makes a peer interesting. Read only. */
  readonly missing: Bitfield
  private readonly pieceCount: number
  private readonly pieceBytes: (piece: number) => number
  private readonly random: Random
  private readonly availability: Availability
  private readonly partials = new PartialPieces()
  private readonly priorities: Uint8Array
  private readonly verified: Bitfield
  /** Kept for web seeds, which get to them one after the other: nobody else starts them. */
  private readonly reserved: Bitfield
  private isReservedWanted = false
  /** Counted as having everything, whatever has come or gone since. */
  private readonly seeds = new Set<number>()
  private peerCount = 0
  private readonly kept = new KeptPieces(this.partials)
  /** The piece a peer is at. */
  private readonly led = new Map<number, PartialPiece>()
  /** Most urgent first. */
  private readonly deadlines: Deadline[] = []
  private mode: PickMode = 'rarest'
  private turn = 0
  /** The turn in which there was no memory for a new piece. */
  private refusedTurn = 0

  /** All pieces are wanted, with priority 4, until it is said otherwise. */
  constructor(options: PickerOptions) {
    const { pieceCount, pieceLengthBytes, spanBytes, have, random } = options
    assert(have.length === pieceCount && pieceCount === Math.ceil(spanBytes / pieceLengthBytes), 'sizes that agree')
    this.pieceCount = pieceCount
    this.pieceBytes =
      options.pieceBytes ?? ((piece) => Math.min(pieceLengthBytes, spanBytes - piece * pieceLengthBytes))
    this.random = random
    this.blocksPerPiece = Math.ceil(pieceLengthBytes / blockLengthBytes)
    this.priorities = new Uint8Array(pieceCount).fill(usualPriority)
    this.verified = have.clone()
    this.reserved = new Bitfield(pieceCount)
    this.missing = new Bitfield(pieceCount)
    this.missing.setAll()
    this.missing.andNot(have)
    this.availability = new Availability(pieceCount)
    for (let piece = 0; piece < pieceCount; piece++) this.availability.setLevelLater(piece, this.levelOf(piece))
  }

  /** A peer told what it has. Once for each, before any peerHas and peerLost; `bits` may be empty. */
  addPeer(peer: number, bits: Bitfield): void {
    this.peerCount++
    if (!bits.isComplete) {
      this.availability.changeAll(bits, 1)
      return
    }
    this.seeds.add(peer)
    this.availability.seedCount++
  }

  /**
   * A peer left; `bits` as they are now. Everything it was asked for must have been given back (`returned`) before.
   */
  removePeer(peer: number, bits: Bitfield): void {
    this.peerCount--
    this.led.delete(peer)
    this.letGo(peer)
    for (const partial of this.partials.all()) {
      if (partial.leader === peer) partial.abandon()
    }
    if (!this.seeds.delete(peer)) {
      this.availability.changeAll(bits, -1)
      return
    }
    this.availability.seedCount--
  }

  /** A peer has one piece more, which its bits did not show before. */
  peerHas(piece: number): void {
    this.availability.change(piece, 1)
  }

  /** A peer lost a piece (BEP 54), which its bits showed; they show it no more. */
  peerLost(peer: number, piece: number, bits: Bitfield): void {
    if (!this.seeds.delete(peer)) {
      this.availability.change(piece, -1)
      return
    }
    this.availability.seedCount--
    this.availability.changeAll(bits, 1)
  }

  /** How many connected peers have a piece. */
  availabilityOf(piece: number): number {
    return this.availability.of(piece)
  }

  /** 0: not wanted; 1 to 7: the higher, the sooner. What is under way of an unwanted piece stays, and is not asked for. */
  setPriority(piece: number, priority: number): void {
    this.changePriority(piece, priority)
    this.availability.setLevel(piece, this.levelOf(piece))
  }

  /** One priority for each piece. */
  setPriorities(priorities: Uint8Array): void {
    assert(priorities.length === this.pieceCount, 'a priority for each piece')
    for (let piece = 0; piece < this.pieceCount; piece++) {
      const priority = priorities[piece] as number
      if (priority === this.priorities[piece]) continue
      this.changePriority(piece, priority)
      this.availability.setLevelLater(piece, this.levelOf(piece))
    }
  }

  setMode(mode: PickMode): void {
    this.mode = mode
  }

  /** When a piece should be here; undefined: whenever it comes. Pieces that are here or not wanted are not asked for. */
  setDeadline(piece: number, atMs: number | undefined): void {
    const { deadlines } = this
    const old = deadlines.findIndex((deadline) => deadline.piece === piece)
    if (old !== -1) deadlines.splice(old, 1)
    if (atMs === undefined) return
    const later = deadlines.findIndex((deadline) => deadline.atMs > atMs)
    deadlines.splice(later === -1 ? deadlines.length : later, 0, { piece, atMs })
  }

  /**
   * Writes the blocks to ask of a peer into `out`, those of a piece in order, and counts them as asked of it. How many;
   * 0 when it has nothing for us now, when memory is short, or because others are asked for all it has.
   */
  pick(request: PickRequest): number {
    const { maxBlocks } = request
    if (maxBlocks <= 0) return 0
    this.turn++
    if (request.takesWhole) this.kept.look(request.peer)
    let count = 0
    if (this.deadlines.length > 0 && !request.isSlow && !request.isAlone) count = this.pickUrgent(request)
    while (count < maxBlocks) {
      const partial = this.choosePiece(request)
      if (partial === undefined) break
      count = this.takeFree(partial, request, count)
    }
    if (count > 0) return count
    if (this.reserved.count > 0 && this.reserved.intersects(request.bits)) this.isReservedWanted = true
    if (request.isAlone || request.takesWhole || !this.isEndGame) return count
    return this.pickDuplicates(request)
  }

  /** What is kept for a peer that takes whole pieces is anybody's from now on: it has stalled, or takes them no more. */
  letGo(peer: number): void {
    this.kept.letGo(peer)
  }

  /** Whether pieces are kept for it. */
  isKeeping(peer: number): boolean {
    return this.kept.isKeeping(peer)
  }

  /** Whether a peer that takes whole pieces, and was asked last, may have the rest of one. */
  get hasRoomForRest(): boolean {
    return this.kept.hasRoom
  }

  /**
   * The wanted pieces of `bits` under way that are nobody's, nor a suspect's: blocks that lack, those of them that are asked
   * of nobody, and who is at it (or `nobody`). In the order they were started.
   */
  visitRests(
    bits: Bitfield,
    ranges: readonly PieceRange[] | undefined,
    visit: (piece: number, lackingCount: number, freeCount: number, leader: number) => void,
  ): void {
    for (const {
      piece,
      keeper,
      isAlone,
      isWhole,
      blockCount,
      receivedCount,
      freeCount,
      leader,
    } of this.partials.all()) {
      if (keeper !== nobody || isAlone || isWhole || !this.missing.get(piece)) continue
      if (bits.get(piece) && isWithin(ranges, piece)) visit(piece, blockCount - receivedCount, freeCount, leader)
    }
  }

  /** Who is at a piece is not at it any more; what it is asked for of it stays so. */
  resign(piece: number): void {
    const partial = this.partials.get(piece)
    if (partial !== undefined) partial.leader = nobody
  }

  /**
   * A peer that was asked for a block once sends it, of a piece that is kept for another who is not asked for it yet: it
   * counts as asked again. False: the block is not to come from it.
   */
  welcome(block: number, peer: number): boolean {
    const piece = Math.floor(block / this.blocksPerPiece)
    const partial = this.partials.get(piece)
    const index = block - piece * this.blocksPerPiece
    if (partial === undefined || partial.keeper === nobody || partial.has(index) || partial.askersOf(index) > 0)
      return false
    partial.ask(index, peer)
    this.partials.refile(partial)
    return true
  }

  /** Pieces that may be started now. Read only. */
  get startable(): Bitfield {
    return this.availability.startable
  }

  get isSequential(): boolean {
    return this.mode === 'sequential'
  }

  /** We have some piece. */
  get hasSome(): boolean {
    return this.verified.hasAny
  }

  /** 0: not wanted. */
  priorityOf(piece: number): number {
    return this.priorities[piece] as number
  }

  /** The startable piece of `bits` to begin with when order matters: what is due first, else the first; or -1. */
  firstInOrder(bits: Bitfield): number {
    for (const { piece } of this.deadlines) if (this.startable.get(piece) && bits.get(piece)) return piece
    return this.mode === 'sequential' ? this.availability.first(bits, undefined) : -1
  }

  /** A startable piece is kept for one who gets to it later. */
  reserve(piece: number): void {
    this.reserved.set(piece)
    this.availability.setLevel(piece, 0)
  }

  isReserved(piece: number): boolean {
    return this.reserved.get(piece)
  }

  /** It may be started by anybody. */
  unreserve(piece: number): void {
    if (!this.reserved.clear(piece)) return
    this.availability.setLevel(piece, this.levelOf(piece))
  }

  /** Whether somebody found nothing else than what is reserved, since this was asked last. */
  takeReservedWanted(): boolean {
    const isWanted = this.isReservedWanted
    this.isReservedWanted = false
    return isWanted
  }

  /**
   * Counts all free blocks of a piece as asked of one who sends pieces whole, and with `hasDuplicates` those that others
   * are asked for as well. How many blocks. `isAlone`: see PickRequest.
   */
  claim(piece: number, peer: number, isAlone: boolean, hasDuplicates: boolean, nowMs: number): number {
    this.unreserve(piece)
    if (!this.missing.get(piece)) return 0
    const known = this.partials.get(piece)
    if (known !== undefined && (isAlone || known.keeper !== nobody || (known.isAlone && known.askedCount > 0))) return 0
    const partial = known ?? this.start(piece, nowMs)
    if (known === undefined || known.askedCount === 0) {
      partial.leader = peer
      partial.isAlone = isAlone
    }
    let count = 0
    for (let block = 0; block < partial.blockCount; block++) {
      const askerCount = partial.askersOf(block)
      const isFree = askerCount === 0 && !partial.has(block)
      if (!isFree && !(hasDuplicates && askerCount > 0 && askerCount < mostAskers)) continue
      if (partial.isAskedOf(block, peer)) continue
      partial.ask(block, peer)
      count++
    }
    this.partials.refile(partial)
    return count
  }

  /** Whether a block is asked of a peer. */
  isAskedOf(block: number, peer: number): boolean {
    const piece = Math.floor(block / this.blocksPerPiece)
    const partial = this.partials.get(piece)
    const index = block - piece * this.blocksPerPiece
    return partial !== undefined && index < partial.blockCount && partial.isAskedOf(index, peer)
  }

  /**
   * The piece of `bits` under way that one who has nothing else to do should help with, or -1. `abandoned`: nobody is at
   * it; `free`: some blocks are asked of nobody; `stalled`: nothing came of it since `sinceMs`.
   */
  partialFor(bits: Bitfield, how: 'abandoned' | 'free' | 'stalled', sinceMs: number): number {
    let best: PartialPiece | undefined
    for (const partial of how === 'stalled' ? this.partials.all() : this.partials.withFree) {
      const { piece, askedCount } = partial
      if (!this.missing.get(piece) || !bits.get(piece) || (partial.isAlone && askedCount > 0)) continue
      if (partial.keeper !== nobody) continue
      if (
        how === 'abandoned' ? askedCount > 0 : how === 'stalled' && (askedCount === 0 || partial.activeMs > sinceMs)
      ) {
        continue
      }
      if (best === undefined || this.isNearer(partial, best)) best = partial
    }
    return best?.piece ?? -1
  }

  /** All that is missing and that some connected peer has is asked for: idle peers are asked for it as well. */
  get isEndGame(): boolean {
    if (this.partials.count === 0 || this.reserved.count > 0 || this.availability.hasReachable) return false
    for (const partial of this.partials.withFree) {
      if (partial.keeper === nobody && this.isReachable(partial)) return false
    }
    return true
  }

  /** Whether a block is still to come: the piece is not verified, and the block not here. */
  needs(block: number): boolean {
    const piece = Math.floor(block / this.blocksPerPiece)
    if (this.verified.get(piece)) return false
    const partial = this.partials.get(piece)
    return partial === undefined || !partial.has(block - piece * this.blocksPerPiece)
  }

  /**
   * A whole block came from a peer (`nobody`: from disk). Others that are asked for it are written into `others`, with
   * room for mostAskers, to be cancelled; they count as not asked any more. How many; -1: the block was here already.
   */
  received(block: number, peer: number, others: Int32Array, nowMs: number): number {
    const piece = Math.floor(block / this.blocksPerPiece)
    if (this.verified.get(piece)) return -1
    const partial = this.partials.get(piece) ?? this.start(piece, nowMs)
    const count = partial.receive(block - piece * this.blocksPerPiece, peer, others, nowMs)
    this.partials.refile(partial)
    return count
  }

  /**
   * A peer will not send a block it was asked for: it refused, choked us, is overdue or gone. True: nothing of the piece
   * is here or asked for any more, and its memory may be given back.
   */
  returned(block: number, peer: number): boolean {
    const piece = Math.floor(block / this.blocksPerPiece)
    const partial = this.partials.get(piece)
    if (partial === undefined || !partial.takeBack(block - piece * this.blocksPerPiece, peer)) return false
    return this.settle(partial)
  }

  /** The other peers asked for a block, written into `others` (room for mostAskers); how many. */
  askersOf(block: number, others: Int32Array): number {
    const piece = Math.floor(block / this.blocksPerPiece)
    return this.partials.get(piece)?.copyAskers(block - piece * this.blocksPerPiece, others) ?? 0
  }

  /** A block begins or ceases to come in from a peer that is counted as asked for it, or takes long: see partial-pieces. */
  setArriving(block: number, how: number): void {
    const piece = Math.floor(block / this.blocksPerPiece)
    this.partials.get(piece)?.setArriving(block - piece * this.blocksPerPiece, how)
  }

  /** Blocks of the piece are here or asked for. */
  isUnderWay(piece: number): boolean {
    return this.partials.get(piece) !== undefined
  }

  /** All blocks of the piece are here; it is being hashed and written, or about to be. */
  isWhole(piece: number): boolean {
    return this.partials.get(piece)?.isWhole === true
  }

  /** Some blocks of the piece are here. */
  hasBlocks(piece: number): boolean {
    return (this.partials.get(piece)?.receivedCount ?? 0) > 0
  }

  /** We have it now. */
  pieceVerified(piece: number): void {
    this.verified.set(piece)
    this.missing.clear(piece)
    this.setDeadline(piece, undefined)
    const partial = this.partials.get(piece)
    if (partial !== undefined) this.partials.end(partial)
    this.availability.setLevel(piece, 0)
  }

  /**
   * What came of a piece is gone: it was damaged, or its memory given up. Requests for it stay. True as for `returned`.
   */
  pieceDamaged(piece: number): boolean {
    const partial = this.partials.get(piece)
    if (partial === undefined) return false
    partial.forgetReceived()
    return this.settle(partial)
  }

  /** A piece we had is not on disk after all. */
  pieceLost(piece: number): void {
    this.verified.clear(piece)
    if (this.priorities[piece] !== 0) this.missing.set(piece)
    this.availability.setLevel(piece, this.levelOf(piece))
  }

  /** Who sent each block of a piece under way, a copy: `nobody` where the block is not here or came from disk. */
  sourcesOf(piece: number): Int32Array {
    const partial = this.partials.get(piece)
    if (partial === undefined) return new Int32Array(0)
    const sources = new Int32Array(partial.blockCount)
    for (let block = 0; block < partial.blockCount; block++) sources[block] = partial.sender(block)
    return sources
  }

  /** Pieces under way, the whole ones among them that are being hashed included. */
  get partialCount(): number {
    return this.partials.count
  }

  /** The pieces under way: of how many blocks, how many here and how many asked for (duplicates count), since when idle. */
  visitPartials(
    visit: (piece: number, blockCount: number, receivedCount: number, askedCount: number, activeMs: number) => void,
  ): void {
    for (const partial of this.partials.all()) {
      visit(partial.piece, partial.blockCount, partial.receivedCount, partial.askedCount, partial.activeMs)
    }
  }

  private changePriority(piece: number, priority: number): void {
    assert(priority >= 0 && priority <= highestPriority, 'a priority of 0 to 7')
    this.priorities[piece] = priority
    if (this.verified.get(piece)) return
    if (priority === 0) this.missing.clear(piece)
    else this.missing.set(piece)
  }

  /** Its priority if it may be started, else 0. */
  private levelOf(piece: number): number {
    if (this.verified.get(piece) || this.reserved.get(piece) || this.partials.get(piece) !== undefined) return 0
    return this.priorities[piece] as number
  }

  private start(piece: number, nowMs: number): PartialPiece {
    const partial = this.partials.start(piece, Math.ceil(this.pieceBytes(piece) / blockLengthBytes), nowMs)
    this.availability.setLevel(piece, 0)
    return partial
  }

  /** After blocks became free again. */
  private settle(partial: PartialPiece): boolean {
    const { piece } = partial
    if (partial.askedCount === 0) partial.abandon()
    if (!partial.isEmpty) {
      this.partials.refile(partial)
      return false
    }
    this.partials.end(partial)
    this.availability.setLevel(piece, this.levelOf(piece))
    return true
  }

  private isReachable(partial: PartialPiece): boolean {
    return this.priorities[partial.piece] !== 0 && this.availability.of(partial.piece) > 0
  }

  /** Whether blocks of a piece may be asked of the peer at all. */
  private suits(partial: PartialPiece, request: PickRequest): boolean {
    const { piece } = partial
    return (
      partial.refusedTurn !== this.turn &&
      this.priorities[piece] !== 0 &&
      request.bits.get(piece) &&
      isWithin(request.ranges, piece)
    )
  }

  /** Asks the peer for free blocks of a piece, up to what is wanted and there is memory for. The count after it. */
  private takeFree(partial: PartialPiece, request: PickRequest, start: number): number {
    const { peer, maxBlocks, out, takesWhole } = request
    const { piece } = partial
    const firstBlock = piece * this.blocksPerPiece
    let count = start
    while (count < maxBlocks) {
      const block = partial.nextFree()
      if (block === -1) break
      if (!request.canTake(piece, block * blockLengthBytes)) {
        partial.refusedTurn = this.turn
        break
      }
      partial.ask(block, peer)
      out[count++] = firstBlock + block
    }
    this.partials.refile(partial)
    if (takesWhole && count > start) this.kept.keep(partial, peer)
    return count
  }

  private choosePiece(request: PickRequest): PartialPiece | undefined {
    const own = this.led.get(request.peer)
    if (own !== undefined) {
      const isOwn = own.leader === request.peer && own.freeCount > 0 && this.suits(own, request)
      if (isOwn && this.mayJoin(own, request)) return this.lead(own, request)
      this.led.delete(request.peer)
    }
    return this.mode === 'sequential' ? this.chooseInOrder(request) : this.chooseRarest(request)
  }

  private chooseRarest(request: PickRequest): PartialPiece | undefined {
    const joined = this.bestToJoin(request)
    if (joined !== undefined && joinRank(joined, request) <= abandonedRank) return this.lead(joined, request)
    const isRoomy = this.partials.count < Math.max(fewestPieces, this.peerCount * piecesPerPeer)
    const wantsOwn = joined === undefined || joinRank(joined, request) === otherSpeedRank || this.prefersOwn(request)
    if (joined === undefined || (wantsOwn && isRoomy)) {
      return this.open(this.newPiece(request), request) ?? joined
    }
    return joined
  }

  private chooseInOrder(request: PickRequest): PartialPiece | undefined {
    const joined = this.bestToJoin(request)
    const piece = this.newPiece(request)
    if (joined !== undefined && joined.piece < piece) return joined
    return this.open(piece, request) ?? joined
  }

  /** A fast peer does a piece alone if that does not take long: fewer are under way, and blame is plain. */
  private prefersOwn(request: PickRequest): boolean {
    const { isSlow, maxBlocks, outstandingBlocks } = request
    return !isSlow && this.blocksPerPiece <= Math.max(lonePieceBlocks, maxBlocks + outstandingBlocks)
  }

  /** The startable piece to begin with, or -1: the peer has none, or there is no memory. */
  private newPiece(request: PickRequest): number {
    if (this.refusedTurn === this.turn || (request.takesWhole && !this.kept.hasRoom)) return -1
    const { mayBegin: bits, ranges } = request
    const { availability, random } = this
    if (!availability.startable.intersects(bits)) return -1
    if (this.mode === 'sequential') return availability.first(bits, ranges)
    if (this.verified.count < randomFirstPieces) return availability.any(bits, ranges, random)
    return availability.rarest(bits, ranges, random)
  }

  private open(piece: number, request: PickRequest): PartialPiece | undefined {
    if (piece === -1) return undefined
    if (!request.canTake(piece, 0)) {
      this.refusedTurn = this.turn
      return undefined
    }
    const partial = this.start(piece, request.nowMs)
    partial.isSlow = request.isSlow
    return this.lead(partial, request)
  }

  private lead(partial: PartialPiece, request: PickRequest): PartialPiece {
    partial.leader = request.peer
    partial.isAlone = request.isAlone
    this.led.set(request.peer, partial)
    return partial
  }

  /** The piece under way with free blocks that the peer should add to before others; the nearest to its end. */
  private bestToJoin(request: PickRequest): PartialPiece | undefined {
    const { withFree } = this.partials
    let best: PartialPiece | undefined
    for (let index = 0; index < withFree.length; index++) {
      const partial = withFree[index] as PartialPiece
      if (!this.suits(partial, request) || !this.mayJoin(partial, request)) continue
      if (best === undefined || this.comesFirst(partial, best, request)) best = partial
    }
    return best
  }

  /** A suspect gets pieces that hold nobody else's blocks, and nobody adds to its own while it is at them. */
  private mayJoin(partial: PartialPiece, request: PickRequest): boolean {
    const isLeader = partial.leader === request.peer
    const { keeper } = partial
    if (keeper !== nobody && keeper !== request.peer) return false
    if (request.takesWhole && keeper === nobody && !partial.isEmpty && !this.kept.mayKeepRest(partial, request.peer)) {
      return false
    }
    if (request.isAlone) return partial.isEmpty || (isLeader && partial.isAlone)
    return isLeader || !partial.isAlone || partial.askedCount === 0
  }

  private comesFirst(a: PartialPiece, b: PartialPiece, request: PickRequest): boolean {
    const byRank = joinRank(a, request) - joinRank(b, request)
    if (byRank !== 0) return byRank < 0
    return this.isNearer(a, b)
  }

  private isNearer(a: PartialPiece, b: PartialPiece): boolean {
    if (this.mode === 'sequential') return a.piece < b.piece
    const byPriority = (this.priorities[b.piece] as number) - (this.priorities[a.piece] as number)
    if (byPriority !== 0) return byPriority < 0
    return a.receivedCount !== b.receivedCount ? a.receivedCount > b.receivedCount : a.piece < b.piece
  }

  /** Blocks of pieces with a deadline, the nearest first; of those due soon also ones that wait for another peer. */
  private pickUrgent(request: PickRequest): number {
    const { bits, ranges, nowMs, maxBlocks } = request
    const { deadlines } = this
    const end = Math.min(deadlines.length, urgentSearch)
    let count = 0
    for (let index = 0; index < end && count < maxBlocks; index++) {
      const { piece, atMs } = deadlines[index] as Deadline
      if (this.verified.get(piece) || this.priorities[piece] === 0 || !bits.get(piece) || !isWithin(ranges, piece)) {
        continue
      }
      let partial = this.partials.get(piece)
      if (partial === undefined) {
        if (request.takesWhole && !this.kept.hasRoom) continue
        if (!request.canTake(piece, 0)) return count
        partial = this.start(piece, nowMs)
      }
      if (!this.mayJoin(partial, request)) continue
      count = this.takeFree(partial, request, count)
      if (request.takesWhole) continue
      if (atMs - nowMs > dueSoonMs || nowMs - partial.activeMs < stalledMs) continue
      count = this.duplicate(partial, 0, partial.blockCount, 2, request, count, maxBlocks)
    }
    return count
  }

  /** The end game: blocks that others were asked for, first those that only one was, from anywhere among them. */
  private pickDuplicates(request: PickRequest): number {
    const limit = Math.min(request.maxBlocks, request.endGameDepth - request.outstandingBlocks)
    if (limit <= 0) return 0
    // Slow peers leave a fast one its place.
    const most = request.isSlow ? mostAskers - 1 : mostAskers
    let count = 0
    for (let askers = 2; askers <= most && count < limit; askers++) {
      let looked = 0
      for (const partial of this.partials.all()) {
        if (count >= limit || looked >= endGameSearch) break
        if (partial.askedCount === 0 || !this.suits(partial, request) || (request.isSlow && !partial.isSlow)) continue
        if (partial.keeper !== nobody) continue
        const size = Math.min(partial.blockCount, endGameSearch - looked)
        looked += size
        const from = this.random.below(partial.blockCount)
        count = this.duplicate(partial, from, size, askers, request, count, limit)
      }
    }
    return count
  }

  /**
   * Asks the peer for blocks that fewer than `askers` others are asked for, and that nobody is sending at this moment: of
   * `size` blocks from `from` on, around.
   */
  private duplicate(
    partial: PartialPiece,
    from: number,
    size: number,
    askers: number,
    request: PickRequest,
    start: number,
    limit: number,
  ): number {
    const { peer, out, isSlow } = request
    const { piece, blockCount } = partial
    let count = start
    for (let index = 0; index < size && count < limit; index++) {
      const block = (from + index) % blockCount
      const askerCount = partial.askersOf(block)
      if (askerCount === 0 || askerCount >= askers || partial.isAskedOf(block, peer)) continue
      if (partial.isTaken(block, isSlow)) continue
      if (!request.canTake(piece, block * blockLengthBytes)) break
      partial.ask(block, peer)
      out[count++] = piece * this.blocksPerPiece + block
    }
    return count
  }
}

/** How gladly a peer adds to a piece that another leads: smaller is better. */
const ownRank = 0
const abandonedRank = 1
const sameSpeedRank = 2
const otherSpeedRank = 3

function joinRank(partial: PartialPiece, request: PickRequest): number {
  if (partial.leader === request.peer) return ownRank
  // Nobody works on it at the moment.
  if (partial.askedCount === 0) return abandonedRank
  return partial.isSlow === request.isSlow ? sameSpeedRank : otherSpeedRank
}
