// How many shares are worth buying: as many as make the download faster. Twice as many are tried at a time, and no more
// once the last ones brought nothing, or the limit is reached. Numbers only; owns what was measured in the last epochs.

const epochMs = 10_000
/** Epochs without a gain from another share. */
const patience = 3
/** A gain that may be something else is none. */
const leastGain = 1.05
/** What the best was measured with has changed. */
const mostLoss = 0.7
const nearLimit = 0.95
const triedAtOnce = 2

export class DownlinkUse {
  private epochEndsAtMs: number
  private bestRate = 0
  private bestShares = 0
  private vainEpochs = 0

  constructor(nowMs: number) {
    this.epochEndsAtMs = nowMs + epochMs
  }

  /** The most to hold now. Rates in bytes a second; `limit` Infinity: none. */
  shares(holding: number, rate: number, limit: number, nowMs: number): number {
    if (nowMs >= this.epochEndsAtMs) {
      this.epochEndsAtMs = nowMs + epochMs
      this.note(holding, rate)
    }
    if (rate >= limit * nearLimit) return Math.max(1, holding)
    return this.vainEpochs >= patience ? Math.max(1, this.bestShares) : holding + Math.max(triedAtOnce, holding)
  }

  private note(holding: number, rate: number): void {
    const isAnother = rate > this.bestRate * leastGain || rate < this.bestRate * mostLoss || holding < this.bestShares
    if (isAnother) {
      this.bestRate = rate
      this.bestShares = holding
      this.vainEpochs = 0
    } else if (holding > this.bestShares) this.vainEpochs++
  }
}
