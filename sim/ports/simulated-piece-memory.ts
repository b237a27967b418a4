// Piece memory of a simulation: a stretch of its own for each reservation, within the budget.
// Guarantees: a released slot's bytes are spoiled at once, so whoever still sends or hashes them is found out, as is at
// the next use who writes them; new slots are full of rubbish, so nothing unwritten passes for zeros. Stretches are used
// again by length, and the machines of a simulation may share them.
import { assert, present } from '../../src/base/assert.ts'
import { emptyBytes } from '../../src/base/bytes.ts'
import type { PieceMemory, SlotIndex } from '../../src/ports/piece-memory.ts'
import { spoil } from './spoil.ts'

const rubbish = 0xdb
const maxBlockBytes = 536_870_912
/** Of a slot that is used again, one byte in so many is looked at: enough for blocks that came too late. */
const sampleBytes = 4096

/** Stretches of memory nobody uses now, spoiled, for the next who asks for their length. */
export class SpareSlots {
  private readonly byLength = new Map<number, Uint8Array[]>()
  private madeBytes = 0
  private block = emptyBytes
  private blockUsedBytes = 0

  take(lengthBytes: number): Uint8Array {
    const spare = this.byLength.get(lengthBytes)?.pop()
    if (spare === undefined) return this.make(lengthBytes).fill(rubbish)
    for (let index = 0; index < lengthBytes; index += sampleBytes) {
      assert(spare[index] === rubbish, 'a released slot that nobody wrote to')
    }
    return spare
  }

  /** Cut from blocks that grow with what was made: many of their own would make the runtime look for garbage. */
  private make(lengthBytes: number): Uint8Array {
    if (this.block.length - this.blockUsedBytes < lengthBytes) {
      this.block = new Uint8Array(Math.max(lengthBytes, Math.min(maxBlockBytes, this.madeBytes)))
      this.blockUsedBytes = 0
    }
    const start = this.blockUsedBytes
    this.blockUsedBytes += lengthBytes
    this.madeBytes += lengthBytes
    return this.block.subarray(start, start + lengthBytes)
  }

  /** Spoils them first. */
  give(bytes: Uint8Array): void {
    spoil(bytes, rubbish)
    const spares = this.byLength.get(bytes.length)
    if (spares === undefined) this.byLength.set(bytes.length, [bytes])
    else spares.push(bytes)
  }
}

export class SimulatedPieceMemory implements PieceMemory {
  readonly budgetBytes: number
  reservedBytes = 0
  /** The most that was ever reserved at a time. */
  peakBytes = 0
  private readonly slots: (Uint8Array | undefined)[] = []
  private readonly free: SlotIndex[] = []
  private readonly spares: SpareSlots

  constructor(budgetBytes: number, spares: SpareSlots = new SpareSlots()) {
    this.budgetBytes = budgetBytes
    this.spares = spares
  }

  reserve(lengthBytes: number): SlotIndex | undefined {
    assert(lengthBytes > 0, 'a slot of some bytes')
    if (this.reservedBytes + lengthBytes > this.budgetBytes) return undefined
    const slot = this.free.pop() ?? (this.slots.length as SlotIndex)
    this.slots[slot] = this.spares.take(lengthBytes)
    this.reservedBytes += lengthBytes
    this.peakBytes = Math.max(this.peakBytes, this.reservedBytes)
    return slot
  }

  release(slot: SlotIndex): void {
    const bytes = this.bytes(slot)
    this.spares.give(bytes)
    this.reservedBytes -= bytes.length
    this.slots[slot] = undefined
    this.free.push(slot)
  }

  bytes(slot: SlotIndex): Uint8Array {
    return present(this.slots[slot], 'a reserved slot')
  }
}
