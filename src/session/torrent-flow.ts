// What a torrent can upload and download, for prices: its limits where there are any, else what was measured.
// Guarantees: what was measured once fades slowly, so that a pause is no smaller line; what systems take into their buffers at
// once, at the beginning, is no larger one. Owns that measure.
import type { Swarm } from '../swarm/swarm.ts'
import type { SpeedRoom } from './speed-room.ts'
import type { TorrentFacts } from './torrent-facts.ts'

/** In a second: half after a minute or so. */
const fading = 0.99
/** Buffers of some hundred KiB for each peer are little of what goes in so long. */
const windowMs = 5_000

interface Look {
  readonly atMs: number
  readonly uploadedBytes: number
}

export class TorrentFlow {
  private readonly room: SpeedRoom
  private readonly facts: TorrentFacts
  private measured = 0
  /** The latest last; the first is as old as the window, or the first there was. */
  private readonly looks: Look[] = []

  constructor(room: SpeedRoom, facts: TorrentFacts) {
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
    const uploadedBytes = swarm?.uploadedBytes ?? 0
    const { looks } = this
    // A swarm that was opened anew counts from the beginning.
    if (uploadedBytes < (looks.at(-1)?.uploadedBytes ?? 0)) looks.length = 0
    looks.push({ atMs: nowMs, uploadedBytes })
    while ((looks[1]?.atMs ?? nowMs) <= nowMs - windowMs) looks.shift()
    const [first] = looks
    if (first === undefined) return
    const rate = ((uploadedBytes - first.uploadedBytes) * 1_000) / Math.max(nowMs - first.atMs, windowMs)
    this.measured = Math.max(rate, this.measured * fading)
  }

  private get rates() {
    const { useAlternativeRates, alternativeRates, rates } = this.room.config
    return useAlternativeRates ? alternativeRates : rates
  }
}
