// What Speed needs of its session: a part of the room that all parts share, which names Speed itself and so cannot be what
// Speed goes by. Types only.
import type { ChangeLog } from './change-log.ts'
import type { TorrentId } from './commands.ts'
import type { SessionConfig } from './session-config.ts'
import type { SessionPorts } from './session-ports.ts'
import type { Settling } from './settling.ts'
import type { Turns } from './turns.ts'

export interface SpeedRoom {
  readonly turns: Turns
  readonly ports: SessionPorts
  /** As it is now: commands change parts of it. */
  readonly config: SessionConfig
  readonly log: ChangeLog
  /** Something changed there: it is settled before the turn ends. */
  touch(settling: Settling): void
  /** There may be connections to make. */
  reviewDialling(): void
  /** What is to be remembered of a torrent has changed, and it was paid for. */
  noteBought(id: TorrentId): void
}
