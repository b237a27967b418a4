// What one torrent has moved and how long it ran: totals over its whole life, to which what its swarm of now has counted
// is added. Guarantees: nothing is counted twice, whatever it is interrupted by. Owns the changing part of the facts'
// totals.
import type { Swarm } from '../swarm/swarm.ts'
import type { TorrentTotals } from './torrent-facts.ts'

export interface Transferred {
  readonly downloadedBytes: number
  readonly uploadedBytes: number
}

export class TorrentTally {
  /** Without what the swarm of now has counted. */
  private readonly past: TorrentTotals
  private swarm: Swarm | undefined
  private isRunning = false
  private countedMs: number
  /** As of when the trackers were told that it started. */
  private announcedFrom: Transferred = { downloadedBytes: 0, uploadedBytes: 0 }
  /** Of earlier sessions. */
  private readonly earlierBytes: number
  private firstSourceMs: number | undefined
  private lastPieceMs: number | undefined

  constructor(totals: TorrentTotals, nowMs: number) {
    this.past = totals
    this.earlierBytes = totals.downloadedBytes
    this.countedMs = nowMs
  }

  /** Who counts from now on; undefined: nobody. */
  attach(swarm: Swarm | undefined, nowMs: number): void {
    this.countTime(nowMs)
    const { downloadedBytes, uploadedBytes } = this.transferred()
    this.past.downloadedBytes = downloadedBytes
    this.past.uploadedBytes = uploadedBytes
    this.swarm = swarm
  }

  setRunning(isRunning: boolean, nowMs: number): void {
    this.countTime(nowMs)
    this.isRunning = isRunning
    if (isRunning) this.announcedFrom = this.transferred()
  }

  /** Adds the time since it was last called to the totals. */
  countTime(nowMs: number): void {
    const seconds = (nowMs - this.countedMs) / 1_000
    this.countedMs = nowMs
    if (!this.isRunning || this.swarm === undefined) return
    this.past.activeSeconds += seconds
    if (this.swarm.isFinished) this.past.seedingSeconds += seconds
  }

  /** Payload in both directions, restarts included. */
  transferred(): Transferred {
    const { past, swarm } = this
    return {
      downloadedBytes: past.downloadedBytes + (swarm?.downloadedBytes ?? 0),
      uploadedBytes: past.uploadedBytes + (swarm?.uploadedBytes ?? 0),
    }
  }

  /** The same since it started, as trackers want it. */
  transferredSinceStart(): Transferred {
    const { downloadedBytes, uploadedBytes } = this.transferred()
    return {
      downloadedBytes: downloadedBytes - this.announcedFrom.downloadedBytes,
      uploadedBytes: uploadedBytes - this.announcedFrom.uploadedBytes,
    }
  }

  /** As of now, for the record. */
  totals(nowMs: number): TorrentTotals {
    this.countTime(nowMs)
    return { ...this.past, ...this.transferred() }
  }

  /** A connection got past the handshake, or a web seed answered, while something lacked. */
  sourceAnswered(nowMs: number): void {
    this.firstSourceMs ??= nowMs
  }

  pieceWritten(nowMs: number): void {
    this.lastPieceMs = nowMs
  }

  /** Payload that this session downloaded. */
  transferBytes(): number {
    return this.transferred().downloadedBytes - this.earlierBytes
  }

  /** From the first source of content to the last verified byte; undefined when nothing was downloaded. */
  transferSeconds(): number | undefined {
    const { firstSourceMs, lastPieceMs } = this
    return firstSourceMs === undefined || lastPieceMs === undefined ? undefined : (lastPieceMs - firstSourceMs) / 1_000
  }
}
