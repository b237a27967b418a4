// What a session can be asked to do, and what comes of it. Types only, all structured-cloneable, so that the engine
// may live in another thread. Torrents are named by their id: the v1 info hash where one was known when it was
// added, else the v2 info hash, in hexadecimal; any info hash of a torrent is understood in its place.
import type { Brand } from '../base/brand.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import type { ConnectionLimits, QueueLimits, RateLimits, SeedGoals, SpeedConfig } from './session-config.ts'

export type TorrentId = Brand<string, 'TorrentId'>

/** 0: not wanted; 1 (last) to 7 (first), 4 is usual. */
export type FilePriority = number

export type AddSource =
  | { readonly type: 'metainfo'; readonly bytes: Uint8Array }
  | { readonly type: 'magnet'; readonly link: string }
  /** A .torrent file on the web. */
  | { readonly type: 'url'; readonly url: string }

export interface AddOptions {
  /** Absolute path; undefined: the session's. */
  readonly folder?: string
  /** Do not start. */
  readonly stopped?: boolean
  /** One for each file; with a magnet, known files only: what is beyond the list is wanted. */
  readonly priorities?: readonly FilePriority[]
  /** In order from the first piece to the last. */
  readonly sequential?: boolean
  readonly limits?: Partial<TorrentLimits>
  readonly seedGoals?: Partial<SeedGoals>
  /** `host:port`, dialled first. */
  readonly peers?: readonly string[]
  /** Tiers of further tracker URLs. */
  readonly trackers?: readonly (readonly string[])[]
  /** Further web seeds (BEP 19). */
  readonly webSeeds?: readonly string[]
  /** Never waits in the queue. */
  readonly forced?: boolean
  readonly superSeeding?: boolean
  /** What may be paid for it, fees included (SpeedConfig). */
  readonly budget?: TorrentBudget
}

/** Of one torrent, base units of the first ledger that it is paid on. */
export interface TorrentBudget {
  readonly most: TokenAmount
  /** To be there by then, in milliseconds from now: bought as a job (market B); undefined: as it comes. */
  readonly deadlineInMs?: number
  /** Once it is complete, so many seeders are paid to stay, for so long from now. */
  readonly staying?: { readonly forMs: number; readonly seeders: number }
}

/** Of one torrent; those of the session hold too. Infinity: none of its own. */
export interface TorrentLimits extends RateLimits {
  readonly maxConnections: number
  readonly maxSlots: number
}

interface OfTorrent {
  readonly id: TorrentId
}

export type TorrentCommand =
  | ({ readonly type: 'remove'; readonly withData: boolean } & OfTorrent)
  | ({ readonly type: 'start' } & OfTorrent)
  /** Starts it past the queue. */
  | ({ readonly type: 'start-now' } & OfTorrent)
  | ({ readonly type: 'stop' } & OfTorrent)
  /** Hashes everything on disk anew. */
  | ({ readonly type: 'recheck' } & OfTorrent)
  /** Files that went missing may be downloaded anew. */
  | ({ readonly type: 'download-again' } & OfTorrent)
  /** Where it does not run, its trackers are asked how many peers there are, and hear nothing of us. */
  | ({ readonly type: 'reannounce' } & OfTorrent)
  | ({ readonly type: 'set-priorities'; readonly priorities: readonly FilePriority[] } & OfTorrent)
  | ({ readonly type: 'set-sequential'; readonly sequential: boolean } & OfTorrent)
  /** A piece that should be here in so many milliseconds; undefined: no longer. */
  | ({ readonly type: 'set-deadline'; readonly piece: number; readonly inMs: number | undefined } & OfTorrent)
  | ({ readonly type: 'set-trackers'; readonly trackers: readonly (readonly string[])[] } & OfTorrent)
  /** BEP 19; those that the torrent did not have are as good as typed in. */
  | ({ readonly type: 'set-web-seeds'; readonly webSeeds: readonly string[] } & OfTorrent)
  | ({ readonly type: 'set-limits'; readonly limits: Partial<TorrentLimits> } & OfTorrent)
  | ({ readonly type: 'set-seed-goals'; readonly seedGoals: Partial<SeedGoals> } & OfTorrent)
  | ({ readonly type: 'set-super-seeding'; readonly superSeeding: boolean } & OfTorrent)
  /** Absolute path of another folder; the content is moved there. */
  | ({ readonly type: 'move'; readonly folder: string } & OfTorrent)
  /** Components below the torrent's folder. */
  | ({ readonly type: 'rename-file'; readonly file: number; readonly path: readonly string[] } & OfTorrent)
  | ({ readonly type: 'set-queue-position'; readonly position: number } & OfTorrent)
  /** `host:port`. */
  | ({ readonly type: 'add-peers'; readonly peers: readonly string[] } & OfTorrent)
  | ({ readonly type: 'export' } & OfTorrent)
  /** Undefined: nothing is paid for it any more; what is owed is. */
  | ({ readonly type: 'set-budget'; readonly budget: TorrentBudget | undefined } & OfTorrent)

export type SessionCommand =
  | { readonly type: 'add'; readonly source: AddSource; readonly options?: AddOptions }
  | { readonly type: 'set-rates'; readonly rates: Partial<RateLimits> }
  | { readonly type: 'set-alternative-rates'; readonly rates: Partial<RateLimits> }
  | { readonly type: 'use-alternative-rates'; readonly enabled: boolean }
  | { readonly type: 'set-connection-limits'; readonly limits: Partial<ConnectionLimits> }
  | { readonly type: 'set-queue'; readonly limits: Partial<QueueLimits> }
  | { readonly type: 'set-default-seed-goals'; readonly seedGoals: Partial<SeedGoals> }
  /** An IP address; nothing of it is dialled or accepted until the session ends. */
  | { readonly type: 'ban'; readonly address: string }
  | { readonly type: 'unban'; readonly address: string }
  /** Turns paying or earning on or off, or sets what a day may cost (SpeedConfig); none changes another. */
  | ({ readonly type: 'set-speed' } & Partial<Pick<SpeedConfig, 'pays' | 'earns' | 'dayBudget'>>)

export type Command = SessionCommand | TorrentCommand

export type Outcome =
  | { readonly type: 'done' }
  /** `isNew` false: it was here already, and got what trackers and peers it lacked. */
  | { readonly type: 'added'; readonly id: TorrentId; readonly isNew: boolean }
  /** The .torrent file, and a safe name for it. */
  | { readonly type: 'exported'; readonly name: string; readonly bytes: Uint8Array }
