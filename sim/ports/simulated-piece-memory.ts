// Piece memory of a simulation: a slot of its own for each reservation, within the budget.
// Guarantees: a released slot's bytes are overwritten and its view is never used again, so whoever still sends, hashes
// or writes them is found out; new slots are full of rubbish, so nothing unwritten passes for zeros.
import { assert, present } from '../../src/base/assert.ts'
import type { PieceMemory, SlotIndex } from '../../src/ports/piece-memory.ts'

const rubbish = 0xdb

export class SimulatedPieceMemory implements PieceMemory {
  readonly budgetBytes: number
  reservedBytes = 0
  /** The most that was ever reserved at a time. */
  peakBytes = 0
  private readonly slots: (Uint8Array | undefined)[] = []
  private readonly free: SlotIndex[] = []

  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes
  }

  reserve(lengthBytes: number): SlotIndex | undefined {
    assert(lengthBytes > 0, 'a slot of some bytes')
    if (this.reservedBytes + lengthBytes > this.budgetBytes) return undefined
    const slot = this.free.pop() ?? (this.slots.length as SlotIndex)
    this.slots[slot] = new Uint8Array(lengthBytes).fill(rubbish)
    this.reservedBytes += lengthBytes
    this.peakBytes = Math.max(this.peakBytes, this.reservedBytes)
    return slot
  }

  release(slot: SlotIndex): void {
    const bytes = this.bytes(slot)
    bytes.fill(rubbish)
    this.reservedBytes -= bytes.length
    this.slots[slot] = undefined
    this.free.push(slot)
  }

  bytes(slot: SlotIndex): Uint8Array {
    return present(this.slots[slot], 'a reserved slot')
  }
}
