// How many bytes a provider sends ahead of payment, and how often a requester pays. Numbers of bytes, no state but the
// window's own. Guarantees: the first window is a fixed small one; it grows only behind payments, each at least as large,
// and never above an eighth of what was paid on this connection; it is back at the first one when told so.

/** What a window depends on besides payments; rates in bytes a second. */
export interface LinkConditions {
  readonly pieceBytes: number
  /** Of a version 1 torrent: a piece is only known to be right as a whole. */
  readonly hasWholePieceHashes: boolean
  readonly bytesPerSecond: number
  readonly roundTripMs: number
  /** The last 3 % of a job: whoever vanishes then has what it wanted. */
  readonly isEnding: boolean
}

const mebibyte = 1_048_576
const leastTickBytes = 262_144
const mostTickBytes = 16_777_216
/** A quarter of a second of the rate is paid at a time. */
const ticksPerSecond = 4
const ticksPerWindow = 4
/** A window above the first one is at most such a part of what was paid. */
export const paidPerWindow = 8

/** What a stranger is trusted with: one mebibyte, and two pieces where only whole pieces can be checked. */
export function firstWindowBytes(pieceBytes: number, hasWholePieceHashes: boolean): number {
  return Math.max(mebibyte, hasWholePieceHashes ? 2 * pieceBytes : 0)
}

/**
 * How many verified bytes a payer waits for before it pays, a quarter of a window at most. 0, and whatever is below the
 * smallest window there is: as much as of that.
 */
export function tickBytes(bytesPerSecond: number, windowBytes: number): number {
  const byRate = Math.min(Math.max(Math.floor(bytesPerSecond / ticksPerSecond), leastTickBytes), mostTickBytes)
  return Math.min(byRate, Math.floor(Math.max(windowBytes, mebibyte) / ticksPerWindow))
}

export class ExposureWindow {
  private conditions: LinkConditions
  private windowBytes: number
  private totalPaidBytes = 0
  private paidAtGrowth = 0

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

  /** After a default: trust is earned again from the beginning. */
  reset(): void {
    this.windowBytes = this.firstBytes
    this.paidAtGrowth = this.totalPaidBytes
  }

  private mostBytes(): number {
    const first = this.firstBytes
    const { pieceBytes, bytesPerSecond, roundTripMs, isEnding } = this.conditions
    if (isEnding) return first
    const tick = tickBytes(bytesPerSecond, this.windowBytes)
    // A sum: the larger of both would starve long links.
    const useful = 2 * pieceBytes + 2 * tick + Math.floor((3 * bytesPerSecond * roundTripMs) / 2000)
    return Math.max(first, Math.min(useful, Math.floor(this.totalPaidBytes / paidPerWindow)))
  }
}
