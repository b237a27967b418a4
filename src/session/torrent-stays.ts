// Paid staying in one torrent, both ways, as its connections see it: who is paid to stay, and who pays us.
// Guarantees: a message of either side reaches the machine of the other alone. Owns both.
import { EarnedStays, type SeededTorrent } from './earned-stays.ts'
import { type KeptTorrent, PaidStays } from './paid-stays.ts'
import type { StayRow } from './snapshots.ts'
import type { SpeedRoom } from './speed-room.ts'
import type { StayLine, StayMessage } from './staying.ts'

export class TorrentStays {
  private readonly paid: PaidStays
  private readonly earned: EarnedStays

  constructor(room: SpeedRoom, torrent: KeptTorrent & SeededTorrent) {
    this.paid = new PaidStays(room, torrent)
    this.earned = new EarnedStays(room, torrent)
  }

  /** Others are to stay, and are paid for it. */
  get isKeeping(): boolean {
    return this.paid.isKeeping
  }

  /** Something is paid there for staying, or is to be. */
  isPaying(line: StayLine): boolean {
    return this.paid.wants(line)
  }

  /** The connection is needed for a stay, or may be at once. */
  isHeld(line: StayLine): boolean {
    return this.earned.holds(line) || this.paid.wants(line)
  }

  /** Once a second. */
  look(line: StayLine, nowMs: number): void {
    this.earned.look(line, nowMs)
    this.paid.look(line, nowMs)
  }

  told(line: StayLine, message: StayMessage, nowMs: number): void {
    if (message.type === 'stay-offer' || message.type === 'stay-challenge') this.earned.told(line, message, nowMs)
    else if (message.type !== 'stay-end') this.paid.told(line, message, nowMs)
    else {
      this.earned.told(line, message, nowMs)
      this.paid.told(line, message, nowMs)
    }
  }

  /** The owner's wishes are others, or what is here. */
  review(nowMs: number): void {
    this.paid.review(nowMs)
  }

  /** Speed is over there. */
  ended(line: StayLine): void {
    this.earned.ended(line)
    this.paid.ended(line)
  }

  rows(nowMs: number): StayRow[] {
    return [...this.earned.rows(nowMs), ...this.paid.rows(nowMs)]
  }
}
