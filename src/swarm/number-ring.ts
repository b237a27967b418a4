// A queue of records of three numbers in one typed array: what a peer was asked for, what it asked for, what is on
// its way to it. Nothing is allocated per record; taking from the front and finding near the front are O(1).
// Guarantees: order is kept; removed records are never seen again; an empty one that was never used takes no array.
// The instance owns its array.
import { assert } from '../base/assert.ts'

const fieldsPerRecord = 3
const removedMark = -1
const initialCapacity = 16
const noFields = new Float64Array(0)
/** Positions stay within 31 bits, so that they are cheap to mask. */
const maxPosition = 2 ** 30

/** Records have positions that ascend from `first` to before `end`; `push` may renumber them. First fields are >= 0. */
export class NumberRing {
  /** Records that are not removed. */
  size = 0
  first = 0
  end = 0
  private fields = noFields
  /** Capacity, a power of two, less 1. */
  private mask = -1

  push(field0: number, field1: number, field2: number): void {
    if (this.end - this.first > this.mask || this.end >= maxPosition) this.makeRoom()
    const index = (this.end & this.mask) * fieldsPerRecord
    this.fields[index] = field0
    this.fields[index + 1] = field1
    this.fields[index + 2] = field2
    this.end++
    this.size++
  }

  get(position: number, field: 0 | 1 | 2): number {
    return this.fields[(position & this.mask) * fieldsPerRecord + field] as number
  }

  set(position: number, field: 0 | 1 | 2, value: number): void {
    this.fields[(position & this.mask) * fieldsPerRecord + field] = value
  }

  /** The position of the next record after `position`, or `end`. */
  next(position: number): number {
    let following = position + 1
    while (following < this.end && this.get(following, 0) === removedMark) following++
    return following
  }

  remove(position: number): void {
    assert(position >= this.first && position < this.end && this.get(position, 0) !== removedMark, 'a record there')
    this.set(position, 0, removedMark)
    this.size--
    if (this.size === 0) this.clear()
    else if (position === this.first) this.first = this.next(position)
  }

  clear(): void {
    this.first = 0
    this.end = 0
    this.size = 0
  }

  /** Renumbers from 0, in an array twice as large unless removed records take up half of it. */
  private makeRoom(): void {
    const capacity = this.mask + 1
    const roomier = this.size > capacity / 2 ? capacity * 2 : Math.max(capacity, initialCapacity)
    const fields = new Float64Array(roomier * fieldsPerRecord)
    let count = 0
    for (let position = this.first; position < this.end; position = this.next(position)) {
      for (const field of [0, 1, 2] as const) fields[count * fieldsPerRecord + field] = this.get(position, field)
      count++
    }
    this.fields = fields
    this.mask = roomier - 1
    this.first = 0
    this.end = count
  }
}
