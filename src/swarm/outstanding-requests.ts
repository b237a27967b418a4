// What one peer was asked for and has not answered: block numbers in the order of asking, with the time of each.
// Guarantees: in-order answers are found in O(1), others by a scan of at most what is outstanding.
// A request is held by the picker for this peer until it is released (timed out, choked); a released one may still be
// answered and is then welcome. The instance owns this state; it tells the picker nothing.
import { assert } from '../base/assert.ts'
import { NumberRing } from './number-ring.ts'

/** Refusals of cancelled requests that are waited for at most, and how long. */
const maxCancelled = 1_024
const cancelledMs = 60_000
/** Requests that were taken back and may be answered with their block all the same: so many are remembered. */
const maxTakenBack = 4_096
const held = 0
const released = 1

export class OutstandingRequests {
  /** Requests that the picker counts as this peer's. */
  heldCount = 0
  private readonly ring = new NumberRing()
  /** Blocks whose request was cancelled, with the time; in the order of cancelling. */
  private cancelled: Map<number, number> | undefined
  /** Blocks whose request was cancelled or forgotten unanswered, with how often; in the order of the first time. */
  private takenBack: Map<number, number> | undefined
  private takenBackCount = 0

  /** Released ones included. */
  get size(): number {
    return this.ring.size
  }

  /** Requests that were released and may still be answered. */
  get hasReleased(): boolean {
    return this.ring.size > this.heldCount
  }

  get first(): number {
    return this.ring.first
  }

  get end(): number {
    return this.ring.end
  }

  next(position: number): number {
    return this.ring.next(position)
  }

  add(block: number, nowMs: number): void {
    this.ring.push(block, nowMs, held)
    this.heldCount++
  }

  blockAt(position: number): number {
    return this.ring.get(position, 0)
  }

  sentAtMs(position: number): number {
    return this.ring.get(position, 1)
  }

  isHeld(position: number): boolean {
    return this.ring.get(position, 2) === held
  }

  /** The position of a block, of a held request if there is one, or -1; positions hold until the next `add`. */
  find(block: number): number {
    const { ring } = this
    let found = -1
    for (let position = ring.first; position < ring.end; position = ring.next(position)) {
      if (ring.get(position, 0) !== block) continue
      if (ring.get(position, 2) === held) return position
      if (found === -1) found = position
    }
    return found
  }

  remove(position: number): void {
    if (this.isHeld(position)) this.heldCount--
    this.ring.remove(position)
  }

  /** The picker may give the block to others from now on. */
  release(position: number): void {
    if (!this.isHeld(position)) return
    this.ring.set(position, 2, released)
    this.heldCount--
  }

  /** The picker counts the request as this peer's again: it is still out. */
  hold(position: number): void {
    assert(!this.isHeld(position), 'a released request')
    this.ring.set(position, 2, held)
    this.heldCount++
  }

  /** Released requests made until `lastMs` will not be answered; `isRemembered`: see rememberAsked. */
  dropReleased(lastMs = Number.POSITIVE_INFINITY, isRemembered = false): void {
    const { ring } = this
    for (let position = ring.first; position < ring.end; ) {
      const following = ring.next(position)
      if (ring.get(position, 1) > lastMs) return
      if (ring.get(position, 2) === released) {
        if (isRemembered) this.rememberAsked(ring.get(position, 0))
        ring.remove(position)
      }
      position = following
    }
  }

  /** A request was cancelled that is answered all the same, by a refusal or by the block (BEP 6). */
  cancel(block: number, nowMs: number): void {
    this.cancelled ??= new Map()
    const { cancelled } = this
    cancelled.delete(block)
    if (cancelled.size >= maxCancelled) for (const oldest of cancelled.keys()) if (cancelled.delete(oldest)) break
    cancelled.set(block, nowMs)
  }

  /** An answer came: whether it is that to a cancelled request, rather than to one that was made since. */
  takeCancelled(block: number, nowMs: number): boolean {
    const atMs = this.cancelled?.get(block)
    return this.cancelled?.delete(block) === true && atMs !== undefined && nowMs - atMs < cancelledMs
  }

  /** Requests whose answers are not awaited any more, and may come. */
  get forgottenCount(): number {
    return this.takenBackCount
  }

  /** Remembers that a block was asked for, though the request counts no more: who is owed for what was asked needs that. */
  rememberAsked(block: number): void {
    this.takenBack ??= new Map()
    const { takenBack } = this
    takenBack.set(block, (takenBack.get(block) ?? 0) + 1)
    this.takenBackCount++
    for (const [oldest, count] of takenBack) {
      if (takenBack.size <= maxTakenBack) break
      takenBack.delete(oldest)
      this.takenBackCount -= count
    }
  }

  /** An answer came to a request that is not here: whether there was one that was remembered. */
  takeRemembered(block: number): boolean {
    const count = this.takenBack?.get(block)
    if (count === undefined) return false
    this.takenBackCount--
    if (count > 1) this.takenBack?.set(block, count - 1)
    else this.takenBack?.delete(block)
    return true
  }

  clear(): void {
    this.cancelled = undefined
    this.takenBack = undefined
    this.takenBackCount = 0
    this.ring.clear()
    this.heldCount = 0
  }
}
