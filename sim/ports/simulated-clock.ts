// The clock of a simulation: time stands still until the next thing that was planned happens, in order of time and
// then of planning, so that a run repeats exactly. Between two moments promises settle, in chains of up to 64, or
// as its owner says. Owns the plan; the wall clock is the steady one plus an offset that a scenario may move.
import { assert } from '../../src/base/assert.ts'
import type { Alarm, Clock } from '../../src/ports/clock.ts'

/** What may be planned again and again without garbage; one item is planned once at a time. */
export interface Planned {
  /** Whether it may have called anybody outside: only then promises are settled before time goes on. */
  run(): boolean
}

class PlannedCall implements Planned {
  private readonly call: () => void

  constructor(call: () => void) {
    this.call = call
  }

  run(): boolean {
    this.call()
    return true
  }
}

/** Waits for the time that was set last: setting it later again costs nothing, as sessions do at every turn. */
class SimulatedAlarm implements Alarm, Planned {
  private readonly clock: SimulatedClock
  private readonly onRing: () => void
  private wantedMs = Number.POSITIVE_INFINITY
  /** The moments this is planned for: each earlier than the one before. */
  private readonly plannedMs: number[] = []
  private isClosed = false

  constructor(clock: SimulatedClock, onRing: () => void) {
    this.clock = clock
    this.onRing = onRing
  }

  set(atMs: number): void {
    if (this.isClosed) return
    this.wantedMs = atMs
    const wakesMs = Math.max(atMs, this.clock.nowMs())
    if (wakesMs < (this.plannedMs.at(-1) ?? Number.POSITIVE_INFINITY)) this.planAt(wakesMs)
  }

  close(): void {
    this.isClosed = true
    this.wantedMs = Number.POSITIVE_INFINITY
  }

  run(): boolean {
    this.plannedMs.pop()
    if (this.wantedMs <= this.clock.nowMs()) {
      this.wantedMs = Number.POSITIVE_INFINITY
      this.onRing()
      return true
    }
    if (this.wantedMs < (this.plannedMs.at(-1) ?? Number.POSITIVE_INFINITY)) this.planAt(this.wantedMs)
    return false
  }

  private planAt(atMs: number): void {
    this.plannedMs.push(atMs)
    this.clock.plan(this, atMs)
  }
}

/** Somebody who lets time pass until something holds, or at most to a moment. */
interface Waiter {
  readonly isDone: () => boolean
  readonly untilMs: number
  readonly resolve: (isDone: boolean) => void
  readonly reject: (error: unknown) => void
}

/** Far more than all machines of a large world do at once: whoever plans for now forever is found out. */
const mostEventsOfMoment = 1_000_000
/** 2026-11-01, so that dates look like dates. */
const wallStartMs = 1_793_491_200_000
const firstHeapLength = 1_024

export class SimulatedClock implements Clock {
  /** Added to the steady clock for the date. */
  wallOffsetMs = wallStartMs
  private currentMs = 0
  private order = 0
  private momentEventCount = 0
  /** In the order they came; a later one may be awaited by what an earlier one let happen. */
  private waiters: Waiter[] = []
  private isDriven = false
  /** A binary heap, its keys apart from what they are for: comparing touches numbers only. */
  private times = new Float64Array(firstHeapLength)
  private orders = new Float64Array(firstHeapLength)
  private readonly items: Planned[] = []
  private readonly settlePromises: (() => Promise<void>) | undefined

  /**
   * `settlePromises` comes back when no promise is left that could be settled. A program with an event loop knows that
   * at once; without it promises are waited for in steps, each as long as one of them takes.
   */
  constructor(settlePromises?: () => Promise<void>) {
    this.settlePromises = settlePromises
  }

  nowMs(): number {
    return this.currentMs
  }

  wallMs(): number {
    return this.currentMs + this.wallOffsetMs
  }

  alarm(onRing: () => void): Alarm {
    return new SimulatedAlarm(this, onRing)
  }

  /** Plans `run` for a moment; one that has passed means as soon as possible, never from inside. */
  at(atMs: number, run: () => void): void {
    this.plan(new PlannedCall(run), atMs)
  }

  plan(item: Planned, atMs: number): void {
    const { items } = this
    let index = items.push(item) - 1
    if (index === this.times.length) this.grow()
    const { times, orders } = this
    const dueMs = Math.max(atMs, this.currentMs)
    // What is planned last comes last of its moment, so times alone decide on the way up.
    while (index > 0) {
      const parent = (index - 1) >> 1
      if ((times[parent] as number) <= dueMs) break
      times[index] = times[parent] as number
      orders[index] = orders[parent] as number
      items[index] = items[parent] as Planned
      index = parent
    }
    times[index] = dueMs
    orders[index] = this.order++
    items[index] = item
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.currentMs + delayMs, run)
  }

  /** The moment of the next thing that is planned; Infinity: there is none. */
  nextMs(): number {
    return this.items.length === 0 ? Number.POSITIVE_INFINITY : (this.times[0] as number)
  }

  /** Lets the next thing happen, for what has no promises; false: nothing is planned. */
  step(): boolean {
    if (this.items.length === 0) return false
    this.moveTo(this.nextMs())
    this.runNext()
    return true
  }

  /**
   * Lets time pass until `isDone`, or at most to `untilMs`; whether it was done. Several may do so at once. What is thrown
   * by something planned is thrown to the first of them, and ends it for all.
   */
  runUntil(isDone: () => boolean, untilMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiters.push({ isDone, untilMs, resolve, reject })
      if (!this.isDriven) void this.drive()
    })
  }

  async run(durationMs: number): Promise<void> {
    await this.runUntil(() => false, this.currentMs + durationMs)
  }

  /** Lets time pass until a promise is settled. A minute without its end is a bug of the scenario. */
  async settle<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    let isSettled = false
    const watched = promise.finally(() => {
      isSettled = true
    })
    void watched.catch(() => undefined)
    if (!(await this.runUntil(() => isSettled, this.currentMs + withinMs))) {
      throw new Error(`not settled within ${withinMs} ms of simulated time`)
    }
    return watched
  }

  /** One for all who wait, so that promises settle after each moment, and whoever is done goes on before the next. */
  private async drive(): Promise<void> {
    this.isDriven = true
    try {
      while (this.waiters.length > 0) {
        if (this.settlePromises === undefined) await promisesSettle(promiseSteps)
        else await this.settlePromises()
        if (this.releaseDone()) continue
        const untilMs = this.earliestEndMs()
        if (this.settlePromises === undefined && this.nextMs() > untilMs) {
          // Before nothing more happens, even a very long chain of promises is waited for.
          await promisesSettle(lastPromiseSteps)
          if (this.releaseDone()) continue
        }
        if (!this.goOn(untilMs)) this.releaseLate(untilMs)
      }
      this.isDriven = false
    } catch (error) {
      this.isDriven = false
      const [first] = this.waiters
      this.waiters = []
      first?.reject(error)
    }
  }

  private releaseDone(): boolean {
    const done = this.doneWaiters()
    if (done === undefined) return false
    this.waiters = this.waiters.filter((waiter) => !done.has(waiter))
    for (const { resolve } of done) resolve(true)
    return true
  }

  /** Each is asked once a moment; mostly nobody is done, and nothing is made. */
  private doneWaiters(): Set<Waiter> | undefined {
    let done: Set<Waiter> | undefined
    for (const waiter of this.waiters) {
      if (!waiter.isDone()) continue
      done ??= new Set()
      done.add(waiter)
    }
    return done
  }

  private earliestEndMs(): number {
    let earliestMs = Number.POSITIVE_INFINITY
    for (const { untilMs } of this.waiters) if (untilMs < earliestMs) earliestMs = untilMs
    return earliestMs
  }

  /** Nothing is planned until then. */
  private releaseLate(untilMs: number): void {
    this.moveTo(Math.max(this.currentMs, untilMs))
    const index = this.waiters.findIndex((waiter) => waiter.untilMs <= untilMs)
    for (const { isDone, resolve } of this.waiters.splice(index, 1)) resolve(isDone())
  }

  /** Lets moments pass until one that may have called somebody outside; false: there is none until then. */
  private goOn(untilMs: number): boolean {
    for (let isHeard = false; !isHeard; ) {
      const momentMs = this.nextMs()
      if (momentMs > untilMs || this.items.length === 0) return false
      this.moveTo(momentMs)
      while (this.nextMs() <= momentMs) {
        if (this.runNext()) isHeard = true
      }
    }
    return true
  }

  private moveTo(momentMs: number): void {
    if (momentMs > this.currentMs) this.momentEventCount = 0
    this.currentMs = momentMs
  }

  private runNext(): boolean {
    assert(this.momentEventCount++ < mostEventsOfMoment, 'time that goes on: somebody plans for now again and again')
    return this.take().run()
  }

  private take(): Planned {
    const { items, times, orders } = this
    const first = items[0] as Planned
    const last = items.pop() as Planned
    const length = items.length
    if (length === 0) return first
    const lastMs = times[length] as number
    const lastOrder = orders[length] as number
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= length) break
      if (child + 1 < length && this.isBefore(child + 1, times[child] as number, orders[child] as number)) child++
      if (!this.isBefore(child, lastMs, lastOrder)) break
      times[index] = times[child] as number
      orders[index] = orders[child] as number
      items[index] = items[child] as Planned
      index = child
    }
    times[index] = lastMs
    orders[index] = lastOrder
    items[index] = last
    return first
  }

  private isBefore(index: number, atMs: number, order: number): boolean {
    const ownMs = this.times[index] as number
    return ownMs < atMs || (ownMs === atMs && (this.orders[index] as number) < order)
  }

  private grow(): void {
    const [times, orders] = [new Float64Array(2 * this.times.length), new Float64Array(2 * this.orders.length)]
    times.set(this.times)
    orders.set(this.orders)
    this.times = times
    this.orders = orders
  }
}

/** Promises that wait for each other in a row, between two answers of ports. */
const promiseSteps = 64
const lastPromiseSteps = 4_096

/** Lets promises settle: each step is as long as one of them takes. Only the language's own queue, so runs repeat. */
async function promisesSettle(steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await undefined
}
