// The trackers of one torrent: its TrackerClient, told what it must know, and its outputs performed by the session's
// driver. Guarantees: progress is told before anything is announced; nobody waits for an end longer than it may take.
// Owns the client.
import type { Endpoint, IpAddress } from '../base/endpoint.ts'
import { TrackerClient, type TrackerClientOptions } from '../tracker/tracker-client.ts'
import type { TrackerAnswer, TrackerInput, TrackerSnapshot, TransferProgress } from '../tracker/tracker-events.ts'
import type { TrackerDriver, TrackerRequester } from './tracker-driver.ts'
import type { Turns, WakeOwner } from './turns.ts'

export interface AnnouncingEvents {
  progress(): TransferProgress
  /** `infoHash`: 20 bytes, of the swarm they are in; `address`: the tracker's own. */
  onTrackerPeers(url: string, infoHash: Uint8Array, address: string | undefined, peers: readonly Endpoint[]): void
  onExternalAddress(ip: IpAddress): void
  /** BEP 27: only peers that `url` names from now on may stay. */
  onTrackerChanged(url: string): void
  isUserTracker(url: string): boolean
}

export class TorrentAnnouncing implements TrackerRequester {
  private readonly turns: Turns
  private readonly driver: TrackerDriver
  private readonly events: AnnouncingEvents
  private readonly client: TrackerClient
  private readonly wakeOwner: WakeOwner
  private isStopping = false
  private isClosed = false
  private stopping: (() => void)[] = []

  constructor(turns: Turns, driver: TrackerDriver, options: TrackerClientOptions, events: AnnouncingEvents) {
    this.turns = turns
    this.driver = driver
    this.events = events
    this.client = new TrackerClient(options)
    this.wakeOwner = turns.register((nowMs) => this.handle({ type: 'wake' }, nowMs))
  }

  handle(input: TrackerInput, nowMs: number): void {
    this.client.handle({ type: 'progress', progress: this.events.progress() }, nowMs)
    this.client.handle(input, nowMs)
    this.drain()
    this.turns.wakeAt(this.wakeOwner, this.client.nextWakeMs())
  }

  /** Says goodbye to whoever heard of us; settled when that is done, after `timeoutMs` at the latest. */
  stop(timeoutMs: number, nowMs: number): Promise<void> {
    const stopped = new Promise<void>((resolve) => void this.stopping.push(resolve))
    this.isStopping = true
    this.handle({ type: 'stop', timeoutMs }, nowMs)
    return stopped
  }

  snapshot(nowMs: number): TrackerSnapshot[] {
    return this.client.snapshot(nowMs)
  }

  /** As close, once the goodbye that was begun is said. */
  closeWhenStopped(): void {
    if (!this.isStopping) this.close()
    else void new Promise<void>((resolve) => void this.stopping.push(resolve)).then(() => this.close())
  }

  /** Nothing is asked or answered any more. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.driver.forget(this)
    this.turns.unregister(this.wakeOwner)
    this.tellStopped()
  }

  sourceOf(url: string): 'user' | 'torrent-tracker' {
    return this.events.isUserTracker(url) ? 'user' : 'torrent-tracker'
  }

  deliver(answer: TrackerAnswer, _nowMs: number): void {
    this.turns.run((nowMs) => this.handle(answer, nowMs))
  }

  private drain(): void {
    for (let output = this.client.poll(); output !== undefined; output = this.client.poll()) {
      switch (output.type) {
        case 'peers':
          this.events.onTrackerPeers(output.url, output.infoHash, output.address, output.peers)
          break
        case 'external-ip':
          this.events.onExternalAddress(output.ip)
          break
        case 'drop-peers':
          this.events.onTrackerChanged(output.url)
          break
        case 'stopped':
          this.tellStopped()
          break
        default:
          this.driver.perform(this, output)
      }
    }
  }

  private tellStopped(): void {
    const { stopping } = this
    this.stopping = []
    this.isStopping = false
    for (const resolve of stopping) resolve()
  }
}
