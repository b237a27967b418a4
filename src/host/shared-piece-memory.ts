// The PieceMemory port: one stretch of memory that all threads see, cut into slots of whole granules.
// Guarantees: slots never overlap, and hold the budget between them to the last granule; memory no slot has reached is
// not taken from the system. A slot goes where it leaves the largest hole, so that torrents with small pieces do not
// shut out those with large ones; released slots are kept as they are for the next of their size.
import { assert, present } from '../base/assert.ts'
import { Bitfield } from '../base/bitfield.ts'
import type { PieceMemory, SlotIndex } from '../ports/piece-memory.ts'

export interface SharedPieceMemory extends PieceMemory {
  /** Everything the slots are views of, for threads of this process. */
  readonly buffer: SharedArrayBuffer
}

/** The smallest piece, and the block of BEP 3 and 52: nothing smaller is ever asked for but ends of content. */
const granuleBytes = 16_384

type SlotState = 'reserved' | 'kept' | 'vacant'

class SlotTable implements SharedPieceMemory {
  readonly budgetBytes: number
  readonly buffer: SharedArrayBuffer
  reservedBytes = 0
  /** Granules that belong to a slot, kept ones included. */
  private readonly taken: Bitfield
  private readonly views: Uint8Array[] = []
  private readonly states: SlotState[] = []
  private readonly vacant: SlotIndex[] = []
  /** Released slots by their length in granules, the last released on top: its bytes are still in a cache. */
  private readonly kept = new Map<number, SlotIndex[]>()

  constructor(budgetBytes: number) {
    const granules = Math.floor(budgetBytes / granuleBytes)
    assert(granules > 0, 'a budget of one granule at least')
    this.budgetBytes = granules * granuleBytes
    this.buffer = new SharedArrayBuffer(this.budgetBytes)
    this.taken = new Bitfield(granules)
  }

  reserve(lengthBytes: number): SlotIndex | undefined {
    assert(lengthBytes > 0, 'a slot of some bytes')
    const granules = Math.ceil(lengthBytes / granuleBytes)
    if (this.reservedBytes + granules * granuleBytes > this.budgetBytes) return undefined
    const slot = this.kept.get(granules)?.pop() ?? this.cut(granules)
    if (slot === undefined) return undefined
    this.states[slot] = 'reserved'
    this.reservedBytes += granules * granuleBytes
    return slot
  }

  release(slot: SlotIndex): void {
    const { length } = this.bytes(slot)
    const granules = length / granuleBytes
    const stack = this.kept.get(granules)
    if (stack === undefined) this.kept.set(granules, [slot])
    else stack.push(slot)
    this.states[slot] = 'kept'
    this.reservedBytes -= length
  }

  bytes(slot: SlotIndex): Uint8Array {
    assert(this.states[slot] === 'reserved', 'a slot that is reserved')
    return this.views[slot] as Uint8Array
  }

  /** A new slot; kept ones are given up for it where it needs their room. */
  private cut(granules: number): SlotIndex | undefined {
    let start = this.smallestHole(granules)
    if (start === undefined) {
      this.giveUpKept()
      start = this.smallestHole(granules)
    }
    if (start === undefined) return undefined
    for (let granule = start; granule < start + granules; granule++) this.taken.set(granule)
    const slot = this.vacant.pop() ?? (this.views.length as SlotIndex)
    this.views[slot] = new Uint8Array(this.buffer, start * granuleBytes, granules * granuleBytes)
    return slot
  }

  /** Where the smallest hole that is large enough begins, the first of several. */
  private smallestHole(granules: number): number | undefined {
    const { taken } = this
    let best: number | undefined
    let bestGranules = Number.POSITIVE_INFINITY
    for (let start = taken.nextClear(0); start !== -1; ) {
      const next = taken.nextSet(start)
      const hole = (next === -1 ? taken.length : next) - start
      if (hole === granules) return start
      if (hole > granules && hole < bestGranules) {
        best = start
        bestGranules = hole
      }
      start = next === -1 ? -1 : taken.nextClear(next)
    }
    return best
  }

  private giveUpKept(): void {
    for (const slots of this.kept.values()) {
      for (const slot of slots) {
        const { byteOffset, length } = present(this.views[slot], 'a kept slot has its view')
        const start = byteOffset / granuleBytes
        for (let granule = start; granule < start + length / granuleBytes; granule++) this.taken.clear(granule)
        this.states[slot] = 'vacant'
        this.vacant.push(slot)
      }
    }
    this.kept.clear()
  }
}

/** Memory of `budgetBytes`, rounded down to whole granules. */
export function sharedPieceMemory(budgetBytes: number): SharedPieceMemory {
  return new SlotTable(budgetBytes)
}
