// The time of a ledger, by which lanes expire and windows pass: what its journal recorded last, and the steady clock
// since then. Guarantees (P16): the wall clock has no way in, so setting it closes nothing early; while the ledger is
// down its time stands still, so nobody loses a window in which nothing could be claimed.

/** Both in milliseconds; `steadyMs` at the moment the journal was read. The time at a later reading of that clock. */
export function startLedgerTime(lastRecordedMs: number, steadyMs: number): (steadyNowMs: number) => number {
  return (steadyNowMs) => lastRecordedMs + Math.max(0, Math.floor(steadyNowMs - steadyMs))
}
