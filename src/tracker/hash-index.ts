// From hashes of 32 bits to numbers, in one flat array (open addressing, linear probing): what packed tables find
// their rows by. Guarantees: no object per entry, no tombstones; numbers of equal hashes are all found. Owns the array.
import { assert } from '../base/assert.ts'

const firstSlots = 16
/** In thirds of the slots. */
const fullThirds = 2
const shardBits = 6

export class HashIndex {
  /** Two words a slot: the hash, and the number plus one; 0: free. */
  private words = new Uint32Array(2 * firstSlots)
  private mask = firstSlots - 1
  private entries = 0

  get size(): number {
    return this.entries
  }

  /** The first slot with that hash; -1: none. Slots are good until the next change. */
  first(hash: number): number {
    return this.seek(hash, hash & this.mask)
  }

  /** The next slot of the same hash; -1: none. */
  next(slot: number): number {
    return this.seek(this.words[2 * slot] as number, (slot + 1) & this.mask)
  }

  valueAt(slot: number): number {
    return (this.words[2 * slot + 1] as number) - 1
  }

  /** `value`: 0 to 2^32 - 2; a hash may have several, each only once. */
  add(hash: number, value: number): void {
    if (3 * (this.entries + 1) > fullThirds * (this.mask + 1)) this.resize(2 * (this.mask + 1))
    this.put(hash, value + 1)
    this.entries++
  }

  /** The entry must be there. */
  replace(hash: number, value: number, by: number): void {
    this.words[2 * this.slotOf(hash, value) + 1] = by + 1
  }

  /** The entry must be there. */
  remove(hash: number, value: number): void {
    const { words, mask } = this
    let hole = this.slotOf(hash, value)
    // Those behind it move up, unless that would put them before the place their hash names.
    for (let slot = (hole + 1) & mask; words[2 * slot + 1] !== 0; slot = (slot + 1) & mask) {
      const home = (words[2 * slot] as number) & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      words[2 * hole] = words[2 * slot] as number
      words[2 * hole + 1] = words[2 * slot + 1] as number
      hole = slot
    }
    words[2 * hole + 1] = 0
    this.entries--
    if (mask + 1 > firstSlots && 8 * this.entries < mask + 1) this.resize((mask + 1) / 2)
  }

  private seek(hash: number, from: number): number {
    const { words, mask } = this
    for (let slot = from; words[2 * slot + 1] !== 0; slot = (slot + 1) & mask) {
      if (words[2 * slot] === hash) return slot
    }
    return -1
  }

  private slotOf(hash: number, value: number): number {
    let slot = this.first(hash)
    while (slot !== -1 && this.words[2 * slot + 1] !== value + 1) slot = this.next(slot)
    assert(slot !== -1, 'an entry that is there')
    return slot
  }

  private put(hash: number, stored: number): void {
    const { words, mask } = this
    let slot = hash & mask
    while (words[2 * slot + 1] !== 0) slot = (slot + 1) & mask
    words[2 * slot] = hash
    words[2 * slot + 1] = stored
  }

  private resize(slots: number): void {
    const { words } = this
    this.words = new Uint32Array(2 * slots)
    this.mask = slots - 1
    for (let index = 0; index < words.length; index += 2) {
      if (words[index + 1] !== 0) this.put(words[index] as number, words[index + 1] as number)
    }
  }
}

/** An index that grows is gone through at once; of 64 small ones no growth is felt. By the hash's highest bits. */
export class ShardedIndex {
  private readonly shards: readonly HashIndex[] = Array.from({ length: 2 ** shardBits }, () => new HashIndex())
  private entries = 0

  get size(): number {
    return this.entries
  }

  /** To look in; not for adding or removing. */
  of(hash: number): HashIndex {
    return this.shards[hash >>> (32 - shardBits)] as HashIndex
  }

  add(hash: number, value: number): void {
    this.of(hash).add(hash, value)
    this.entries++
  }

  remove(hash: number, value: number): void {
    this.of(hash).remove(hash, value)
    this.entries--
  }
}
