// The session's one budget of piece memory, shared by all torrents: who holds which slot, and for what.
// Guarantees: filling, serving and checking each have an eighth of the budget that the others cannot take, so none
// starves another; slots kept only as a cache are given up, least recently used first, when memory is wanted, and those
// taken back into use for peers that may never read are within the share that serving has anyway (canRetain); those
// who wait are told one by one, in the order they came, and never from inside a call. Owns the life of every slot.
import { assert, present } from '../base/assert.ts'
import type { PieceMemory, SlotIndex } from '../ports/piece-memory.ts'

/** Pieces being received, hashed and written; bytes being sent or read for that; content being checked or moved. */
export type SlotUse = 'filling' | 'serving' | 'checking'

/** Whoever wants memory; one object a torrent and use. */
export interface SlotWaiter {
  /** There may be memory again. Called once for each time it had to wait. */
  onMemory(): void
}

interface HeldSlot {
  readonly bytes: Uint8Array
  readonly costBytes: number
  use: SlotUse
  isRetained: boolean
  /** Of a slot that is only kept: told when it is given up. */
  onEvicted: (() => void) | undefined
}

const uses: readonly SlotUse[] = ['filling', 'serving', 'checking']
const guaranteedShare = 1 / 8
const minBudgetBytes = 262_144

export class SlotPool {
  readonly budgetBytes: number
  private readonly memory: PieceMemory
  private readonly slots: (HeldSlot | undefined)[] = []
  private readonly heldBytes: Record<SlotUse, number> = { filling: 0, serving: 0, checking: 0 }
  private retainedBytes = 0
  /** Slots nobody needs but that may be needed again, least recently used first. */
  private readonly kept = new Map<SlotIndex, HeldSlot>()
  private readonly waiting: Record<SlotUse, Map<SlotWaiter, number>> = {
    filling: new Map(),
    serving: new Map(),
    checking: new Map(),
  }
  /** The waiter whose turn it is, which nobody can get ahead of. */
  private called: SlotWaiter | undefined
  private firstUse = 0
  private isTelling = false

  constructor(memory: PieceMemory) {
    assert(memory.budgetBytes >= minBudgetBytes, 'a budget that pieces can be handled in')
    this.memory = memory
    this.budgetBytes = memory.budgetBytes
  }

  /** Pieces longer than this are handled in chunks, so that even one torrent can have several in memory. */
  get maxSlotBytes(): number {
    return this.budgetBytes * guaranteedShare
  }

  /**
   * A slot of at least `lengthBytes`; undefined when there is none now, or others came first: then `waiter`, where
   * given, is told later. The content is unspecified.
   */
  reserve(lengthBytes: number, use: SlotUse, waiter?: SlotWaiter): SlotIndex | undefined {
    const queue = this.waiting[use]
    const isFirst = queue.size === 0 || (waiter !== undefined && this.called === waiter)
    const slot = isFirst ? this.reserveNow(lengthBytes, use) : undefined
    if (slot === undefined && waiter !== undefined && !queue.has(waiter)) queue.set(waiter, lengthBytes)
    return slot
  }

  /** The same as a promise, in turn. */
  reserveLater(lengthBytes: number, use: SlotUse): Promise<SlotIndex> {
    return new Promise((resolve) => {
      const waiter: SlotWaiter = {
        onMemory: () => {
          const slot = this.reserve(lengthBytes, use, waiter)
          if (slot !== undefined) resolve(slot)
        },
      }
      waiter.onMemory()
    })
  }

  /** No longer waits. */
  forget(waiter: SlotWaiter): void {
    for (const use of uses) this.waiting[use].delete(waiter)
  }

  bytes(slot: SlotIndex): Uint8Array {
    return this.heldSlot(slot).bytes
  }

  release(slot: SlotIndex): void {
    const held = this.heldSlot(slot)
    if (!this.kept.delete(slot)) this.endUse(held)
    this.slots[slot] = undefined
    this.memory.release(slot)
    this.tellSoon()
  }

  /** The slot is not needed now, but what it holds is worth having; `onEvicted` says when it is gone. */
  keep(slot: SlotIndex, onEvicted: () => void): void {
    const held = this.heldSlot(slot)
    assert(!this.kept.has(slot), 'a slot that is in use')
    this.endUse(held)
    held.use = 'serving'
    held.onEvicted = onEvicted
    this.kept.set(slot, held)
    this.tellSoon()
  }

  /**
   * Whether a kept slot may be taken back into use for long: only so many that the other uses lose nothing by it, and
   * always one.
   */
  canRetain(slot: SlotIndex): boolean {
    const { retainedBytes, budgetBytes } = this
    return retainedBytes === 0 || retainedBytes + this.heldSlot(slot).costBytes <= budgetBytes * guaranteedShare
  }

  /** Takes a kept slot back into use, for serving. */
  retain(slot: SlotIndex): void {
    const held = this.heldSlot(slot)
    assert(this.kept.delete(slot), 'a slot that is kept')
    this.heldBytes.serving += held.costBytes
    this.retainedBytes += held.costBytes
    held.isRetained = true
  }

  private endUse(held: HeldSlot): void {
    this.heldBytes[held.use] -= held.costBytes
    if (held.isRetained) this.retainedBytes -= held.costBytes
    held.isRetained = false
  }

  private heldSlot(slot: SlotIndex): HeldSlot {
    return present(this.slots[slot], 'a reserved slot')
  }

  /** Whether one use may have so much more, given what the others hold or are sure to get. */
  private fits(lengthBytes: number, use: SlotUse): boolean {
    const guaranteedBytes = this.budgetBytes * guaranteedShare
    let sum = this.heldBytes[use] + lengthBytes
    for (const other of uses) if (other !== use) sum += Math.max(this.heldBytes[other], guaranteedBytes)
    return sum <= this.budgetBytes
  }

  private reserveNow(lengthBytes: number, use: SlotUse): SlotIndex | undefined {
    if (!this.fits(lengthBytes, use)) return undefined
    const { memory } = this
    for (;;) {
      const before = memory.reservedBytes
      const slot = memory.reserve(lengthBytes)
      if (slot !== undefined) {
        const costBytes = memory.reservedBytes - before
        this.slots[slot] = { bytes: memory.bytes(slot), costBytes, use, isRetained: false, onEvicted: undefined }
        this.heldBytes[use] += costBytes
        return slot
      }
      if (!this.evict()) return undefined
    }
  }

  private evict(): boolean {
    for (const [slot, held] of this.kept) {
      this.kept.delete(slot)
      this.slots[slot] = undefined
      this.memory.release(slot)
      held.onEvicted?.()
      return true
    }
    return false
  }

  /** Memory became free inside somebody's call; those who wait hear of it after that call. */
  private tellSoon(): void {
    if (this.isTelling || uses.every((use) => this.waiting[use].size === 0)) return
    this.isTelling = true
    void Promise.resolve().then(() => {
      this.isTelling = false
      this.tell()
    })
  }

  private tell(): void {
    this.firstUse = (this.firstUse + 1) % uses.length
    for (let turn = 0; turn < uses.length; turn++) {
      const use = uses[(this.firstUse + turn) % uses.length] as SlotUse
      const queue = this.waiting[use]
      // Whoever has to wait again comes after those who wait now.
      for (const [waiter, lengthBytes] of [...queue]) {
        if (!this.fits(lengthBytes, use)) break
        if (!queue.delete(waiter)) continue
        this.called = waiter
        waiter.onMemory()
        this.called = undefined
      }
    }
  }
}
