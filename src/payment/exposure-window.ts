// How many bytes a provider sends ahead of payment, and how often a requester pays. Numbers of bytes, no state but the
// window's own. Guarantees: the first window is a fixed small one; it grows only behind payments, each at least as large,
// and never above an eighth of what was paid, nor above half of what the payer still lacks; it is back at the first one
// when told so.

/** What a window depends on besides payments; rates in bytes a second. */
export interface LinkConditions {
  readonly pieceBytes: number
  /** Of a version 1 torrent: a piece is only known to be right as a whole. */
  readonly hasWholePieceHashes: boolean
  readonly bytesPerSecond: number
  readonly roundTripMs: number
  /** What the payer still lacks, as far as the payee can see. */
  readonly remainingBytes: number
}

const mebibyte = 1_048_576
const leastTickBytes = 262_144
const mostTickBytes = 16_777_216
/** A quarter of a second of the rate is paid at a time. */
const ticksPerSecond = 4
const ticksPerWindow = 4
/** A window above the first one is at most such a part of what was paid. */
export const paidPerWindow = 8
/**
 * And such a part of what is left of a job: whoever withholds a payment lacks as much again, and has its job done with a
 * first window unpaid at most.
 */
const remainingPerWindow = 2
/** Longer is the payer's own delay. */
const mostSettlingMs = 2_000

/** What a stranger is trusted with: one mebibyte, and two pieces where only whole pieces can be checked. */
export function firstWindowBytes(pieceBytes: number, hasWholePieceHashes: boolean): number {
  return Math.max(mebibyte, hasWholePieceHashes ? 2 * pieceBytes : 0)
}

/**
 * How many verified bytes a payer waits for before it pays, a quarter of a window at most. 0, and whatever is below the
 * smallest window there is: as much as of that.
 */
export function tickBytes(bytesPerSecond: number, windowBytes: number): number {
  return Math.min(tickByRate(bytesPerSecond), Math.floor(Math.max(windowBytes, mebibyte) / ticksPerWindow))
}

/**
 * How many bytes are paid ahead where the payee goes nothing ahead: a tick, and two pieces, of which one is whole by then,
 * as a payer works at no more than two at once. Less could leave both waiting, for the rest of a piece and for it to be whole.
 */
export function aheadBytes(bytesPerSecond: number, pieceBytes: number): number {
  return Math.max(tickBytes(bytesPerSecond, 0), 2 * pieceBytes)
}

/** The most a window can be near the end of a job, unless it is the first one. */
export function endingWindowBytes(remainingBytes: number): number {
  return Math.floor(remainingBytes / remainingPerWindow)
}

function tickByRate(bytesPerSecond: number): number {
  return Math.min(Math.max(Math.floor(bytesPerSecond / ticksPerSecond), leastTickBytes), mostTickBytes)
}

export class ExposureWindow {
  private conditions: LinkConditions
  private windowBytes: number
  private totalPaidBytes = 0
  private paidAtGrowth = 0
  /** From sending until that is paid, smoothed. */
  private settlingMs = 0

  constructor(conditions: LinkConditions) {
    this.conditions = conditions
    this.windowBytes = this.firstBytes
  }

  /** Bytes that may be unpaid now. */
  get bytes(): number {
    return Math.min(this.windowBytes, this.mostBytes())
  }

  get firstBytes(): number {
    return firstWindowBytes(this.conditions.pieceBytes, this.conditions.hasWholePieceHashes)
  }

  get tickBytes(): number {
    return tickBytes(this.conditions.bytesPerSecond, this.bytes)
  }

  get bytesPerSecond(): number {
    return this.conditions.bytesPerSecond
  }

  setConditions(conditions: LinkConditions): void {
    this.conditions = conditions
    this.windowBytes = Math.max(this.windowBytes, this.firstBytes)
  }

  /** Of this account, as long as the program knows it. */
  get paidBytes(): number {
    return this.totalPaidBytes
  }

  /** So many bytes more are paid for. Each window that was paid in full doubles the next. */
  paid(bytes: number): void {
    this.totalPaidBytes += bytes
    while (this.totalPaidBytes - this.paidAtGrowth >= this.windowBytes && this.windowBytes < this.mostBytes()) {
      this.paidAtGrowth += this.windowBytes
      this.windowBytes = Math.min(2 * this.windowBytes, this.mostBytes())
    }
  }

  /** So long after it was sent something counted as paid. */
  settledAfter(ms: number): void {
    const sampleMs = Math.min(ms, mostSettlingMs)
    this.settlingMs = this.settlingMs === 0 ? sampleMs : this.settlingMs + (sampleMs - this.settlingMs) / 4
  }

  /** After a default: trust is earned again from the beginning. */
  reset(): void {
    this.windowBytes = this.firstBytes
    this.paidAtGrowth = this.totalPaidBytes
  }

  private mostBytes(): number {
    const first = this.firstBytes
    const { pieceBytes, bytesPerSecond, roundTripMs, remainingBytes } = this.conditions
    // Verifying, signing and writing take longer than a short way there and back.
    const wayMs = Math.max(roundTripMs, this.settlingMs)
    // A sum: the larger of both would starve long links. Ticks by the rate, as those of a small window would keep it small.
    const useful = 2 * pieceBytes + 2 * tickByRate(bytesPerSecond) + Math.floor((3 * bytesPerSecond * wayMs) / 2000)
    const safe = Math.min(Math.floor(this.totalPaidBytes / paidPerWindow), endingWindowBytes(remainingBytes))
    return Math.max(first, Math.min(useful, safe))
  }
}
