// The trackers of one torrent: its TrackerClient, told what it must know, and its outputs performed by the session's
// driver. Guarantees: progress is told before anything is announced; nobody waits for an end longer than it may take.
// Owns the client.
import { idBytes, type PeerId } from '../base/ids.ts'
import { unknownLeftBytes } from '../formats/tracker/announce.ts'
import { TrackerClient } from '../tracker/tracker-client.ts'
import type { TrackerAnswer, TrackerInput, TrackerSnapshot, TransferProgress } from '../tracker/tracker-events.ts'
import type { PeerList } from './peer-list.ts'
import type { SessionRoom } from './session-room.ts'
import { type TorrentFacts, wireHashes } from './torrent-facts.ts'
import type { TorrentLinks } from './torrent-links.ts'
import type { Progress } from './torrent-progress.ts'
import type { TorrentTally } from './torrent-tally.ts'
import type { TrackerRequester } from './tracker-driver.ts'
import type { WakeOwner } from './turns.ts'

/** What trackers are told of, and whom they name peers for. */
export interface AnnouncedTorrent {
  readonly facts: TorrentFacts
  readonly tally: TorrentTally
  readonly peerId: PeerId
  readonly peers: PeerList
  readonly links: Pick<TorrentLinks, 'count' | 'linked'>
  readonly maxConnections: number
  /** All wanted pieces are verified. */
  readonly isFinished: boolean
  /** And no others are sought who have it as well. */
  readonly isSated: boolean
  /** Undefined until the content was looked at. */
  readonly progress: Progress | undefined
  /** BEP 27: only peers that are named from now on may stay. */
  forgetPeers(nowMs: number): void
}

const usualWantedPeers = 50
const fewPeers = 10

export class TorrentAnnouncing implements TrackerRequester {
  private readonly room: SessionRoom
  private readonly torrent: AnnouncedTorrent
  private readonly client: TrackerClient
  private readonly wakeOwner: WakeOwner
  private isStopping = false
  private isClosed = false
  private stopping: (() => void)[] = []

  constructor(room: SessionRoom, torrent: AnnouncedTorrent) {
    const { facts } = torrent
    this.room = room
    this.torrent = torrent
    this.client = new TrackerClient({
      infoHashes: wireHashes(facts),
      peerId: idBytes(torrent.peerId),
      key: facts.trackerKey,
      port: room.listenPort(),
      isPrivate: facts.metainfo?.info.isPrivate ?? false,
      tiers: facts.trackers,
      random: room.ports.random,
    })
    this.wakeOwner = room.turns.register((nowMs) => this.handle({ type: 'wake' }, nowMs))
  }

  handle(input: TrackerInput, nowMs: number): void {
    this.client.handle({ type: 'progress', progress: this.progress() }, nowMs)
    this.client.handle(input, nowMs)
    this.drain(nowMs)
    this.room.turns.wakeAt(this.wakeOwner, this.client.nextWakeMs())
  }

  /** Once in a while, while it runs: how many peers are wanted, and how badly. */
  tellDemand(nowMs: number): void {
    const { isFinished, isSated, maxConnections, links, peers } = this.torrent
    const wantedPeers = isSated ? 0 : Math.max(0, Math.min(usualWantedPeers, maxConnections - links.count))
    const isShort = !isFinished && links.linked.size < fewPeers && peers.size < fewPeers
    this.handle({ type: 'demand', wantedPeers, isShort }, nowMs)
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
    this.room.trackers.forget(this)
    this.room.turns.unregister(this.wakeOwner)
    this.tellStopped()
  }

  sourceOf(url: string): 'user' | 'torrent-tracker' {
    return this.torrent.facts.userTrackers.has(url) ? 'user' : 'torrent-tracker'
  }

  deliver(answer: TrackerAnswer, _nowMs: number): void {
    this.room.turns.run((nowMs) => this.handle(answer, nowMs))
  }

  private progress(): TransferProgress {
    const { facts, tally, progress, isFinished } = this.torrent
    return {
      ...tally.transferredSinceStart(),
      leftBytes: progress?.missingBytes ?? facts.metainfo?.info.totalBytes ?? unknownLeftBytes,
      isPartialSeed: isFinished && (progress?.missingBytes ?? 0) > 0,
    }
  }

  private drain(nowMs: number): void {
    const { room, torrent } = this
    for (let output = this.client.poll(); output !== undefined; output = this.client.poll()) {
      switch (output.type) {
        case 'peers': {
          const origin = output.address === undefined ? undefined : { address: output.address }
          for (const peer of output.peers) torrent.peers.add(peer, 'tracker', origin, nowMs)
          room.reviewDialling()
          break
        }
        case 'external-ip':
          room.noteOwnAddress(output.ip)
          break
        case 'drop-peers':
          torrent.forgetPeers(nowMs)
          break
        case 'stopped':
          this.tellStopped()
          break
        default:
          room.trackers.perform(this, output)
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
