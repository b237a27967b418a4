// The Clock port on the machine's clocks: the steady one has fractions of milliseconds and does not follow changes
// of the date. An alarm keeps one timer and sets it anew only when it has to ring earlier than that would.
// Timers may call back a little early and can be late; an alarm never rings early.
import type { Alarm, Clock } from '../ports/clock.ts'

/** Timers take no longer delays; looking again once a day costs nothing. */
const longestDelayMs = 86_400_000

class SystemAlarm implements Alarm {
  private readonly onRing: () => void
  private readonly look = () => {
    this.armedForMs = Infinity
    this.ringOrWait()
  }
  private timer: NodeJS.Timeout | undefined
  private dueMs = Infinity
  /** The time the timer was set for; Infinity: it is not set. */
  private armedForMs = Infinity

  constructor(onRing: () => void) {
    this.onRing = onRing
  }

  set(atMs: number): void {
    this.dueMs = atMs
    if (atMs < this.armedForMs) this.wait(performance.now())
    // A timer for nothing keeps the program alive.
    else if (atMs === Infinity) this.cancel()
  }

  close(): void {
    this.dueMs = Infinity
    this.cancel()
  }

  private cancel(): void {
    clearTimeout(this.timer)
    this.armedForMs = Infinity
  }

  private ringOrWait(): void {
    const nowMs = performance.now()
    if (nowMs < this.dueMs) {
      this.wait(nowMs)
    } else {
      this.dueMs = Infinity
      this.onRing()
    }
  }

  private wait(nowMs: number): void {
    clearTimeout(this.timer)
    if (this.dueMs === Infinity) return
    this.armedForMs = Math.min(this.dueMs, nowMs + longestDelayMs)
    this.timer = setTimeout(this.look, Math.max(Math.ceil(this.armedForMs - nowMs), 1))
  }
}

export function systemClock(): Clock {
  return {
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    alarm: (onRing) => new SystemAlarm(onRing),
  }
}
