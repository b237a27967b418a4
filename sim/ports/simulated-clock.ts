// The clock of a simulation: time stands still until the next thing that was planned happens, in order of time and
// then of planning, so that a run repeats exactly. Between two moments promises settle, in chains of up to 64, or
// as its owner says. Owns the plan; the wall clock is the steady one plus an offset that a scenario may move.
import type { Alarm, Clock } from '../../src/ports/clock.ts'

interface Planned {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** 2026-11-01, so that dates look like dates. */
const wallStartMs = 1_793_491_200_000

export class SimulatedClock implements Clock {
  /** Added to the steady clock for the date. */
  wallOffsetMs = wallStartMs
  private currentMs = 0
  private order = 0
  /** A binary heap. */
  private readonly planned: Planned[] = []
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
    let setting = 0
    let isClosed = false
    return {
      set: (atMs) => {
        const mine = ++setting
        if (isClosed || atMs === Number.POSITIVE_INFINITY) return
        this.at(atMs, () => {
          if (mine === setting) onRing()
        })
      },
      close: () => {
        isClosed = true
        setting++
      },
    }
  }

  /** Plans `run` for a moment; one that has passed means as soon as possible, never from inside. */
  at(atMs: number, run: () => void): void {
    const item = { atMs: Math.max(atMs, this.currentMs), order: this.order++, run }
    const heap = this.planned
    let index = heap.push(item) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(item, heap[parent] as Planned)) break
      heap[index] = heap[parent] as Planned
      index = parent
    }
    heap[index] = item
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.currentMs + delayMs, run)
  }

  /** The moment of the next thing that is planned; Infinity: there is none. */
  nextMs(): number {
    return this.planned[0]?.atMs ?? Number.POSITIVE_INFINITY
  }

  /** Lets the next thing happen, for what has no promises; false: nothing is planned. */
  step(): boolean {
    const next = this.planned[0]
    if (next === undefined) return false
    this.currentMs = next.atMs
    this.take().run()
    return true
  }

  /** Lets time pass until `isDone`, or at most to `untilMs`; whether it was done. */
  async runUntil(isDone: () => boolean, untilMs: number): Promise<boolean> {
    for (;;) {
      if (this.settlePromises === undefined) await promisesSettle(promiseSteps)
      else await this.settlePromises()
      if (isDone()) return true
      if (this.settlePromises === undefined && this.nextMs() > untilMs) {
        // Before nothing more happens, even a very long chain of promises is waited for.
        await promisesSettle(lastPromiseSteps)
        if (isDone()) return true
      }
      const nextMs = this.nextMs()
      if (nextMs > untilMs || nextMs === Number.POSITIVE_INFINITY) {
        this.currentMs = Math.max(this.currentMs, untilMs)
        return false
      }
      while (this.nextMs() <= nextMs) this.step()
    }
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

  private take(): Planned {
    const heap = this.planned
    const first = heap[0] as Planned
    const last = heap.pop() as Planned
    if (heap.length === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Planned, heap[child] as Planned)) child++
      if (!isBefore(heap[child] as Planned, last)) break
      heap[index] = heap[child] as Planned
      index = child
    }
    heap[index] = last
    return first
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** Promises that wait for each other in a row, between two answers of ports. */
const promiseSteps = 64
const lastPromiseSteps = 4_096

/** Lets promises settle: each step is as long as one of them takes. Only the language's own queue, so runs repeat. */
async function promisesSettle(steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await undefined
}
