// Who wants to be woken when: a binary heap of times over owner numbers, with the place of each owner, so that a time is
// moved or taken out in O(log n). Guarantees: no garbage but for growth; owners due at the same time come in the order of
// their numbers, so a run repeats. Owners are small numbers of the caller's.
import { assert } from '../base/assert.ts'

const absent = -1

export class WakeHeap {
  private readonly owners: number[] = []
  /** By owner; meaningful only while it is in the heap. */
  private readonly times: number[] = []
  private readonly places: number[] = []

  get size(): number {
    return this.owners.length
  }

  /** The earliest time; Infinity: nobody wants anything. */
  nextMs(): number {
    const [first] = this.owners
    return first === undefined ? Number.POSITIVE_INFINITY : (this.times[first] as number)
  }

  /** Sets an owner's time, replacing the one before. Infinity stays in the heap: `remove` is meant for that. */
  set(owner: number, atMs: number): void {
    assert(Number.isSafeInteger(owner) && owner >= 0 && !Number.isNaN(atMs), 'an owner number and a time')
    while (this.places.length <= owner) {
      this.places.push(absent)
      this.times.push(Number.POSITIVE_INFINITY)
    }
    this.times[owner] = atMs
    let place = this.places[owner] as number
    if (place === absent) {
      place = this.owners.length
      this.owners.push(owner)
      this.places[owner] = place
    }
    this.siftDown(this.siftUp(place))
  }

  remove(owner: number): void {
    const place = this.places[owner] ?? absent
    if (place === absent) return
    this.places[owner] = absent
    const last = this.owners.pop() as number
    if (last === owner) return
    this.owners[place] = last
    this.places[last] = place
    this.siftDown(this.siftUp(place))
  }

  /** Takes out the first owner whose time has come; -1: nobody's. */
  popDue(nowMs: number): number {
    const [first] = this.owners
    if (first === undefined || (this.times[first] as number) > nowMs) return -1
    this.remove(first)
    return first
  }

  private isBefore(a: number, b: number): boolean {
    const timeA = this.times[a] as number
    const timeB = this.times[b] as number
    return timeA !== timeB ? timeA < timeB : a < b
  }

  private siftUp(start: number): number {
    let place = start
    const owner = this.owners[place] as number
    while (place > 0) {
      const parent = (place - 1) >>> 1
      const other = this.owners[parent] as number
      if (!this.isBefore(owner, other)) break
      this.put(place, other)
      place = parent
    }
    this.put(place, owner)
    return place
  }

  private siftDown(start: number): void {
    let place = start
    const owner = this.owners[place] as number
    const { length } = this.owners
    for (;;) {
      let child = 2 * place + 1
      if (child >= length) break
      if (child + 1 < length && this.isBefore(this.owners[child + 1] as number, this.owners[child] as number)) child++
      const other = this.owners[child] as number
      if (!this.isBefore(other, owner)) break
      this.put(place, other)
      place = child
    }
    this.put(place, owner)
  }

  private put(place: number, owner: number): void {
    this.owners[place] = owner
    this.places[owner] = place
  }
}
