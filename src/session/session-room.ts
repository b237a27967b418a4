// What the parts of a session share: the outside world, the budgets, the clock's turns, and who to tell of changes.
// Types only. The session makes the one value; torrents and connections get it.

import type { Endpoint, IpAddress } from '../base/endpoint.ts'
import type { Result } from '../base/errors.ts'
import type { FileRoot } from '../ports/files.ts'
import type { FilePool } from '../storage/file-pool.ts'
import type { HashQueue } from '../storage/hash-queue.ts'
import type { SlotPool } from '../storage/slot-pool.ts'
import type { Bandwidth } from './bandwidth.ts'
import type { ChangeLog } from './change-log.ts'
import type { TorrentId } from './commands.ts'
import type { DhtDriver } from './dht-driver.ts'
import type { DiskDemands } from './disk-demands.ts'
import type { LocalDiscoveryDriver } from './local-discovery-driver.ts'
import type { LaneJob, RequestLane } from './request-lanes.ts'
import type { SessionConfig } from './session-config.ts'
import type { SessionPorts } from './session-ports.ts'
import type { Settling } from './settling.ts'
import type { SpeedDealing } from './speed-dealing.ts'
import type { TrackerDriver } from './tracker-driver.ts'
import type { Turns } from './turns.ts'

export interface SessionRoom {
  readonly turns: Turns
  readonly ports: SessionPorts
  /** As it is now: commands change parts of it. */
  readonly config: SessionConfig
  readonly slots: SlotPool
  readonly hashes: HashQueue
  readonly diskDemands: DiskDemands
  readonly files: FilePool
  readonly trackers: TrackerDriver
  readonly dht: DhtDriver
  readonly localDiscovery: LocalDiscoveryDriver
  readonly bandwidth: Bandwidth
  /** Requests to web seeds, of all torrents. */
  readonly webRequests: RequestLane<LaneJob>
  readonly log: ChangeLog
  /** Undefined: nothing is paid or earned. */
  readonly speed: SpeedDealing | undefined
  /** The session's own folder. */
  readonly stateRoot: FileRoot
  /** The folder at an absolute path, opened once. */
  openFolder(path: string): Promise<Result<FileRoot>>
  /** The TCP port peers are told; 0: none. */
  listenPort(): number
  /** An endpoint turned out to be this session. */
  noteSelf(endpoint: Endpoint): void
  /** Somebody told us what our address is. */
  noteOwnAddress(ip: IpAddress): void
  /** `settle` and then `flush` are called before the turn ends. */
  touch(settling: Settling): void
  /** There may be connections to make. */
  reviewDialling(): void
  /** What is to be remembered of a torrent has changed. */
  reviewSaving(id: TorrentId): void
  /** The same, and it was paid for. */
  noteBought(id: TorrentId): void
  /** Remembers a torrent at once: it is on the disk when this returns. Errors: of the disk; then it is tried again. */
  save(id: TorrentId): Promise<Result<void>>
}
