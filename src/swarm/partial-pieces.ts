// The pieces under way: which blocks are here, who was asked for the others, and who sent what. Flat arrays a piece,
// used again for the next one, so that blocks cost no garbage.
// Guarantees: a block is asked of at most three peers, each once; counts always agree with the blocks. The picker owns
// all of this.
import { assert } from '../base/assert.ts'

/** Nobody: the block came from disk, or is not here. */
export const nobody = -1
/** A block is never asked of more peers at a time. */
export const mostAskers = 3

/** How a block comes in at this moment: not at all, or from somebody who is not to be disturbed at it. */
export const notArriving = 0
export const arriving = 1
/** It takes so long that fast peers may be asked for it as well. */
export const arrivingSlowly = 2

const received = 255
const noBlock = -1

export class PartialPiece {
  piece = 0
  blockCount = 0
  /** Blocks not here and not asked of anybody. */
  freeCount = 0
  receivedCount = 0
  /** Requests out, duplicates included. */
  askedCount = 0
  /** Who started it, and is to finish it if it is quick enough. */
  leader = nobody
  /** Started by a slow peer: fast ones keep away from it. */
  isSlow = false
  /** Only its leader may add to it, so that what comes is the leader's work alone. */
  isAlone = false
  /** It was left whole to this peer: while it delivers nobody else is asked for any of it. */
  keeper = nobody
  /** Blocks that the keeper sent. */
  keptCount = 0
  /** When it was started or last got a block. */
  activeMs = 0
  /** The turn of the picker in which memory for it was refused. */
  refusedTurn = 0
  /** Where it stands in the list of those with free blocks, or -1. */
  freeIndex = -1
  /** Per block: how many peers it is asked of, or that it is here. */
  private states = new Uint8Array(0)
  /** Per block: whom it was asked of first or who sent it. */
  private askers = new Int32Array(0)
  /** Per block the second and third it was asked of; made when there is a first duplicate. */
  private duplicates = new Int32Array(0)
  /** Per block: whether it comes in at this moment, and how. */
  private arrivals = new Uint8Array(0)
  /** No block before it is free. */
  private firstFree = 0

  start(piece: number, blockCount: number, nowMs: number): void {
    if (this.states.length < blockCount) {
      this.states = new Uint8Array(blockCount)
      this.askers = new Int32Array(blockCount)
      this.arrivals = new Uint8Array(blockCount)
    }
    this.states.fill(0, 0, blockCount)
    this.arrivals.fill(notArriving, 0, blockCount)
    this.piece = piece
    this.blockCount = blockCount
    this.freeCount = blockCount
    this.receivedCount = 0
    this.askedCount = 0
    this.abandon()
    this.isSlow = false
    this.activeMs = nowMs
    this.refusedTurn = 0
    this.firstFree = 0
  }

  /** Nobody is at it any more: anybody may be. */
  abandon(): void {
    this.leader = nobody
    this.isAlone = false
    this.keeper = nobody
  }

  get isWhole(): boolean {
    return this.receivedCount === this.blockCount
  }

  /** Nothing of it is here and nothing asked. */
  get isEmpty(): boolean {
    return this.freeCount === this.blockCount
  }

  has(block: number): boolean {
    return this.states[block] === received
  }

  /** The peers a block is asked of; 0 when it is here. */
  askersOf(block: number): number {
    const state = this.states[block] as number
    return state === received ? 0 : state
  }

  /** Writes whom a block is asked of into `target`; how many. */
  copyAskers(block: number, target: Int32Array): number {
    const count = this.askersOf(block)
    for (let slot = 0; slot < count; slot++) target[slot] = this.asker(block, slot)
    return count
  }

  isAskedOf(block: number, peer: number): boolean {
    return this.slotOf(block, peer) !== -1
  }

  /** Whether nobody else is asked for any block, but for what comes in at this moment. */
  isLeftTo(peer: number): boolean {
    if (this.askedCount === 0) return true
    for (let block = 0; block < this.blockCount; block++) {
      const count = this.askersOf(block)
      if (count > 1) return false
      if (count === 1 && this.asker(block, 0) !== peer && this.arrivals[block] === notArriving) return false
    }
    return true
  }

  /** It is left whole to a peer from now on. */
  keepFor(peer: number): void {
    this.keeper = peer
    this.leader = peer
    this.keptCount = 0
    for (let block = 0; block < this.blockCount; block++) if (this.sender(block) === peer) this.keptCount++
  }

  setArriving(block: number, how: number): void {
    this.arrivals[block] = how
  }

  /** Whether what a peer sends of a block would come in vain, because somebody else is at it. */
  isTaken(block: number, isSlow: boolean): boolean {
    const how = this.arrivals[block]
    return how === arriving || (how === arrivingSlowly && isSlow)
  }

  /** The first free block, or -1. */
  nextFree(): number {
    if (this.freeCount === 0) return noBlock
    while (this.states[this.firstFree] !== 0) this.firstFree++
    return this.firstFree
  }

  ask(block: number, peer: number): void {
    const count = this.states[block] as number
    assert(count < mostAskers && this.slotOf(block, peer) === -1, 'a block asked of few peers, each once')
    if (count === 0) {
      this.askers[block] = peer
      this.freeCount--
    } else {
      if (this.duplicates.length < 2 * this.blockCount) this.duplicates = new Int32Array(2 * this.blockCount)
      this.duplicates[2 * block + count - 1] = peer
    }
    this.states[block] = count + 1
    this.askedCount++
  }

  /** A peer will not send a block it was asked for. False: it was not asked, or the block is here. */
  takeBack(block: number, peer: number): boolean {
    const slot = this.slotOf(block, peer)
    if (slot === -1) return false
    const last = (this.states[block] as number) - 1
    this.setAsker(block, slot, this.asker(block, last))
    this.states[block] = last
    this.askedCount--
    if (last === 0) this.free(block)
    return true
  }

  /**
   * A block came, asked for or not. The other peers it is asked of are written into `others`, which has room for
   * `mostAskers`, and forgotten; how many, or -1 if the block was here before.
   */
  receive(block: number, peer: number, others: Int32Array, nowMs: number): number {
    const count = this.states[block] as number
    if (count === received) return -1
    let otherCount = 0
    for (let slot = 0; slot < count; slot++) {
      const asker = this.asker(block, slot)
      if (asker !== peer) others[otherCount++] = asker
    }
    if (count === 0) this.freeCount--
    this.askedCount -= count
    this.states[block] = received
    this.askers[block] = peer
    this.receivedCount++
    if (peer === this.keeper) this.keptCount++
    this.activeMs = nowMs
    return otherCount
  }

  /** What was received is gone; requests stay. */
  forgetReceived(): void {
    this.keeper = nobody
    for (let block = 0; block < this.blockCount; block++) {
      if (this.states[block] !== received) continue
      this.states[block] = 0
      this.receivedCount--
      this.free(block)
    }
  }

  /** Who sent a block; nobody when it is not here or came from disk. */
  sender(block: number): number {
    return this.has(block) ? (this.askers[block] as number) : nobody
  }

  private free(block: number): void {
    this.freeCount++
    if (block < this.firstFree) this.firstFree = block
  }

  private slotOf(block: number, peer: number): number {
    const count = this.askersOf(block)
    for (let slot = 0; slot < count; slot++) if (this.asker(block, slot) === peer) return slot
    return -1
  }

  private asker(block: number, slot: number): number {
    return (slot === 0 ? this.askers[block] : this.duplicates[2 * block + slot - 1]) as number
  }

  private setAsker(block: number, slot: number, peer: number): void {
    if (slot === 0) this.askers[block] = peer
    else this.duplicates[2 * block + slot - 1] = peer
  }
}

/** All pieces under way, by number, and those among them with free blocks as a list. */
export class PartialPieces {
  /** Those with free blocks, in no particular order. */
  readonly withFree: PartialPiece[] = []
  private readonly byPiece = new Map<number, PartialPiece>()
  private readonly spare: PartialPiece[] = []

  get count(): number {
    return this.byPiece.size
  }

  get(piece: number): PartialPiece | undefined {
    return this.byPiece.get(piece)
  }

  /** In the order they were started. */
  all(): Iterable<PartialPiece> {
    return this.byPiece.values()
  }

  start(piece: number, blockCount: number, nowMs: number): PartialPiece {
    assert(!this.byPiece.has(piece), 'a piece started once')
    const partial = this.spare.pop() ?? new PartialPiece()
    partial.start(piece, blockCount, nowMs)
    this.byPiece.set(piece, partial)
    this.refile(partial)
    return partial
  }

  end(partial: PartialPiece): void {
    this.unlist(partial)
    partial.abandon()
    this.byPiece.delete(partial.piece)
    this.spare.push(partial)
  }

  /** To be called after free blocks of a piece came or went. */
  refile(partial: PartialPiece): void {
    if (partial.freeCount === 0) this.unlist(partial)
    else if (partial.freeIndex === -1) {
      partial.freeIndex = this.withFree.length
      this.withFree.push(partial)
    }
  }

  private unlist(partial: PartialPiece): void {
    const index = partial.freeIndex
    if (index === -1) return
    const last = this.withFree.pop() as PartialPiece
    if (last !== partial) {
      this.withFree[index] = last
      last.freeIndex = index
    }
    partial.freeIndex = -1
  }
}
