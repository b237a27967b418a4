// How many messages of each kind a peer may send: token buckets, far above what any honest peer needs and far below
// what would cost us anything. Blocks are not counted here: they are bounded by what was asked for.
// Guarantees: nothing allocated per message, time read once per receive, and only budgets that are used are worked out.
// The instance owns one peer's budgets.

/** Kinds of messages with a budget of their own. */
export const keepAliveFlood = 0
export const stateFlood = 1
export const haveFlood = 2
export const requestFlood = 3
export const extendedFlood = 4
export const extensionHandshakeFlood = 5
export const hashRequestFlood = 6
export const adviceFlood = 7
export const unknownFlood = 8
export const interestFlood = 9
export const cancelFlood = 10
export const bitfieldFlood = 11
/** Requests while there is nobody to be told of them, and the peer was never unchoked. */
export const earlyRequestFlood = 12

/**
 * By kind: messages at once, and a second. Interest flickers with each piece of a fast peer; a cancel is looked for among
 * all that was asked. Whoever sends bitfields in place of haves that would be longer sends 72 of them at most.
 */
const bursts = Float64Array.of(100, 500, 4_000, 20_000, 4_000, 20, 20_000, 2_000, 200, 4_000, 8_000, 100, 4_000)
const rates = Float64Array.of(5, 50, 500, 100_000, 200, 0.2, 5_000, 200, 20, 4_000, 1_000, 0.2, 400)
const kindCount = bursts.length

export class FloodGuard {
  private readonly tokens = bursts.slice()
  /** When each was worked out last. */
  private readonly filledMs: Float64Array
  private haveBurst = bursts[haveFlood] as number
  private nowMs: number

  constructor(nowMs: number) {
    this.nowMs = nowMs
    this.filledMs = new Float64Array(kindCount).fill(nowMs)
  }

  /** A peer may tell each piece of the torrent once, as fast as it likes. */
  allowHaves(pieceCount: number): void {
    this.haveBurst += pieceCount
    this.tokens[haveFlood] = (this.tokens[haveFlood] as number) + pieceCount
  }

  /** Tells the time; what comes until the next call counts as coming now. */
  refill(nowMs: number): void {
    this.nowMs = Math.max(this.nowMs, nowMs)
  }

  /** Counts a message; false when it is one too many. */
  spend(kind: number): boolean {
    const { tokens, nowMs } = this
    const elapsedMs = nowMs - (this.filledMs[kind] as number)
    if (elapsedMs > 0) {
      this.filledMs[kind] = nowMs
      const burst = kind === haveFlood ? this.haveBurst : (bursts[kind] as number)
      tokens[kind] = Math.min(burst, (tokens[kind] as number) + (elapsedMs / 1000) * (rates[kind] as number))
    }
    const left = (tokens[kind] as number) - 1
    if (left < 0) return false
    tokens[kind] = left
    return true
  }
}
