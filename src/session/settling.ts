// What takes part in the end of a turn. Types only.
// Whoever was touched in a turn is settled before it ends, and flushed once, when nothing is left to do.

/** Something with outputs to be carried out before a turn ends, and then bytes to hand over. */
export interface Settling {
  settle(nowMs: number): void
  flush(): void
}
