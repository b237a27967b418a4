// One turn of the driver: an input comes in with the time, everything it led to is carried out, and one alarm is set.
// Guarantees: inputs never nest; whatever happens within a turn is settled before the turn ends; a wake-up is never
// lost. Owns the one alarm of a session and the heap of those who want to be woken.
import type { Alarm, Clock } from '../ports/clock.ts'
import { WakeHeap } from './wake-heap.ts'

/** Somebody who wants to be woken; a number, used again after it was given back. */
export type WakeOwner = number

export class Turns {
  private readonly clock: Clock
  private readonly settle: (nowMs: number) => void
  private readonly alarm: Alarm
  private readonly heap = new WakeHeap()
  private readonly wakers: (((nowMs: number) => void) | undefined)[] = []
  private readonly freeOwners: WakeOwner[] = []
  private readonly due: WakeOwner[] = []
  private alarmMs = Number.POSITIVE_INFINITY
  private isInside = false
  private isClosed = false

  /** `settle` carries out what a turn led to, until nothing is left. */
  constructor(clock: Clock, settle: (nowMs: number) => void) {
    this.clock = clock
    this.settle = settle
    this.alarm = clock.alarm(() => this.run(() => undefined))
  }

  nowMs(): number {
    return this.clock.nowMs()
  }

  /** Handles one input. From within another one it is part of that turn. */
  run(input: (nowMs: number) => void): void {
    if (this.isClosed) return
    const nowMs = this.clock.nowMs()
    if (this.isInside) {
      input(nowMs)
      return
    }
    this.isInside = true
    try {
      input(nowMs)
      this.finish(nowMs)
    } finally {
      this.isInside = false
    }
  }

  /** What a promise of a port brings becomes an input of its own. */
  after<T>(promise: Promise<T>, input: (value: T, nowMs: number) => void): void {
    void promise.then((value) => this.run((nowMs) => input(value, nowMs)))
  }

  register(wake: (nowMs: number) => void): WakeOwner {
    const owner = this.freeOwners.pop() ?? this.wakers.length
    this.wakers[owner] = wake
    return owner
  }

  /** Infinity: not at all. */
  wakeAt(owner: WakeOwner, atMs: number): void {
    if (atMs === Number.POSITIVE_INFINITY) this.heap.remove(owner)
    else this.heap.set(owner, atMs)
    // Questions of ports, how much may be read, come between turns.
    if (!this.isInside && !this.isClosed) this.arm(this.clock.nowMs())
  }

  unregister(owner: WakeOwner): void {
    this.heap.remove(owner)
    this.wakers[owner] = undefined
    this.freeOwners.push(owner)
  }

  /** Inputs that come later are ignored. */
  close(): void {
    this.isClosed = true
    this.alarm.close()
  }

  private finish(nowMs: number): void {
    this.settle(nowMs)
    // Each is woken once a turn, so that one who asks for the same moment again cannot hold up the others.
    const { due } = this
    for (let owner = this.heap.popDue(nowMs); owner !== -1; owner = this.heap.popDue(nowMs)) due.push(owner)
    if (due.length > 0) {
      for (const owner of due) this.wakers[owner]?.(nowMs)
      due.length = 0
      this.settle(nowMs)
    }
    this.arm(nowMs)
  }

  private arm(nowMs: number): void {
    const nextMs = this.heap.nextMs()
    if (nextMs === this.alarmMs && nextMs > nowMs) return
    this.alarmMs = nextMs
    this.alarm.set(nextMs)
  }
}
