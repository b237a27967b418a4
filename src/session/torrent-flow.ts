// What a torrent can upload and download, for prices: its limits where there are any, else what was measured.
// Guarantees: what was measured once fades slowly, so that a pause is no smaller line. Owns that measure.
import type { Swarm } from '../swarm/swarm.ts'
import type { SessionRoom } from './session-room.ts'
import type { TorrentFacts } from './torrent-facts.ts'

/** In a second: half after a minute or so. */
const fading = 0.99

export class TorrentFlow {
  private readonly room: SessionRoom
  private readonly facts: TorrentFacts
  private measured = 0

  constructor(room: SessionRoom, facts: TorrentFacts) {
    this.room = room
    this.facts = facts
  }

  /** Bytes a second; 0: not known. */
  get upload(): number {
    const limit = Math.min(this.rates.uploadBytesPerSecond, this.facts.limits.uploadBytesPerSecond)
    return limit === Number.POSITIVE_INFINITY ? this.measured : limit
  }

  /** Infinity: none. */
  get downloadLimit(): number {
    return Math.min(this.rates.downloadBytesPerSecond, this.facts.limits.downloadBytesPerSecond)
  }

  downloadRate(swarm: Swarm | undefined, nowMs: number): number {
    return swarm?.peers.reduce((sum, { downloadMeter }) => sum + downloadMeter.rate(nowMs), 0) ?? 0
  }

  /** Once a second. */
  measure(swarm: Swarm | undefined, nowMs: number): void {
    const rate = swarm?.peers.reduce((sum, { uploadMeter }) => sum + uploadMeter.rate(nowMs), 0) ?? 0
    this.measured = Math.max(rate, this.measured * fading)
  }

  private get rates() {
    const { useAlternativeRates, alternativeRates, rates } = this.room.config
    return useAlternativeRates ? alternativeRates : rates
  }
}
