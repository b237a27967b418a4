// The rate limits of a session in both directions: who may read or send how much now, and who goes on when there is
// more. Guarantees: whoever was told to wait is told to go on; one wake-up for both directions. Owns both limiters.
import { type RateChannel, type RateGroup, RateLimiter } from './rate-limiter.ts'
import type { RateLimits } from './session-config.ts'
import type { Turns, WakeOwner } from './turns.ts'

/** A torrent's share of the limits. */
export interface BandwidthGroup {
  readonly download: RateGroup
  readonly upload: RateGroup
}

/** Told within a turn. */
export interface BandwidthUser {
  mayReceive(nowMs: number): void
  maySend(nowMs: number): void
}

/** A connection's share of the limits. */
export interface BandwidthShare {
  readonly download: RateChannel
  readonly upload: RateChannel
}

export class Bandwidth {
  private readonly turns: Turns
  private readonly download: RateLimiter
  private readonly upload: RateLimiter
  private readonly users = new Map<RateChannel, BandwidthUser>()
  private readonly wakeOwner: WakeOwner

  constructor(turns: Turns, rates: RateLimits, nowMs: number) {
    this.turns = turns
    this.download = new RateLimiter(rates.downloadBytesPerSecond, nowMs)
    this.upload = new RateLimiter(rates.uploadBytesPerSecond, nowMs)
    this.wakeOwner = turns.register((atMs) => this.wake(atMs))
  }

  setRates(rates: RateLimits, nowMs: number): void {
    this.download.setSessionRate(rates.downloadBytesPerSecond, nowMs)
    this.upload.setSessionRate(rates.uploadBytesPerSecond, nowMs)
    this.plan()
  }

  openGroup(rates: RateLimits, nowMs: number): BandwidthGroup {
    return {
      download: this.download.openGroup(rates.downloadBytesPerSecond, nowMs),
      upload: this.upload.openGroup(rates.uploadBytesPerSecond, nowMs),
    }
  }

  setGroupRates(group: BandwidthGroup, rates: RateLimits, nowMs: number): void {
    this.download.setGroupRate(group.download, rates.downloadBytesPerSecond, nowMs)
    this.upload.setGroupRate(group.upload, rates.uploadBytesPerSecond, nowMs)
    this.plan()
  }

  join(group: BandwidthGroup, isExempt: boolean, user: BandwidthUser): BandwidthShare {
    const share = {
      download: this.download.join(group.download, isExempt),
      upload: this.upload.join(group.upload, isExempt),
    }
    this.users.set(share.download, user)
    this.users.set(share.upload, user)
    return share
  }

  leave(share: BandwidthShare): void {
    this.download.leave(share.download)
    this.upload.leave(share.upload)
    this.users.delete(share.download)
    this.users.delete(share.upload)
    this.plan()
  }

  /** Where a connection stands in the order in which its torrent's upload is handed out: 0 first, equal ones share. */
  setSendRank(share: BandwidthShare, rank: number): void {
    this.upload.setRank(share.upload, rank)
  }

  /** Bytes to read now; 0: `mayReceive` follows. */
  receiveAllowance(share: BandwidthShare, nowMs: number): number {
    const allowed = this.download.allowance(share.download, nowMs)
    if (allowed === 0) this.plan()
    return allowed
  }

  /** Bytes to send now; 0: `maySend` follows. */
  sendAllowance(share: BandwidthShare, nowMs: number): number {
    const allowed = this.upload.allowance(share.upload, nowMs)
    if (allowed === 0) this.plan()
    return allowed
  }

  received(share: BandwidthShare, bytes: number, nowMs: number): void {
    this.download.charge(share.download, bytes, nowMs)
  }

  sent(share: BandwidthShare, bytes: number, nowMs: number): void {
    this.upload.charge(share.upload, bytes, nowMs)
  }

  private wake(nowMs: number): void {
    this.download.wake(nowMs)
    for (let channel = this.download.poll(); channel !== undefined; channel = this.download.poll()) {
      this.users.get(channel)?.mayReceive(nowMs)
    }
    this.upload.wake(nowMs)
    for (let channel = this.upload.poll(); channel !== undefined; channel = this.upload.poll()) {
      this.users.get(channel)?.maySend(nowMs)
    }
    this.plan()
  }

  private plan(): void {
    this.turns.wakeAt(this.wakeOwner, Math.min(this.download.nextWakeMs(), this.upload.nextWakeMs()))
  }
}
