// Port: time. Two clocks that are never mixed: a steady one that all timeouts and rates use, and the wall clock for
// dates that leave the program. One alarm per driver: a session keeps its own heap of wake-ups. Types only.

export interface Alarm {
  /** Rings once at or after `atMs` of the steady clock, replacing the time set before; Infinity: not at all. */
  set(atMs: number): void
  /** Never rings again. */
  close(): void
}

export interface Clock {
  /** Steady milliseconds since an arbitrary moment, with fractions; never goes back, whatever is done to the date. */
  nowMs(): number
  /** Milliseconds since 1970 as the machine believes; may jump either way. Never compare it with nowMs. */
  wallMs(): number
  /** `onRing` is called from the event loop, never from inside `set`; one alarm is used again without garbage. */
  alarm(onRing: () => void): Alarm
}
