// Port: the memory pieces are assembled in, shared with the threads that hash and write them. Synchronous and hot.
// Slots are numbers; storage owns their life (free, filling, hashing, writing, readable) and the budget's use,
// the implementation owns the bytes. Types only.
import type { Brand } from '../base/brand.ts'

/** A piece-sized stretch of shared memory. Small numbers, used again after release. */
export type SlotIndex = Brand<number, 'SlotIndex'>

export interface PieceMemory {
  /** All there is, in bytes; fixed for the life of the session. */
  readonly budgetBytes: number
  /** Held by reserved slots, rounding included. */
  readonly reservedBytes: number
  /** A slot of at least `lengthBytes`, or undefined when it does not fit into what is left; content unspecified. */
  reserve(lengthBytes: number): SlotIndex | undefined
  /** Nobody may use the slot or its view any more: no hash, write or send of it is under way. */
  release(slot: SlotIndex): void
  /**
   * The slot's bytes, the same view at every call until release, over shared memory: other threads see each change.
   * Never send what was not written before (the content is another piece's).
   */
  bytes(slot: SlotIndex): Uint8Array
}
