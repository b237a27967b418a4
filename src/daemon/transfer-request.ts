// What one run of `download` or `seed` is asked to do, and what it tells while it does it. Types only; events are
// plain values of one moment.
import type { Endpoint } from '../base/endpoint.ts'
import type { TokenAmount, TokenSymbol } from '../base/token-amount.ts'
import type { PeerAddress } from '../formats/magnet.ts'
import type { EncryptionPolicy } from '../session/session-config.ts'
import type {
  AccountEvent,
  PeerRow,
  Problem,
  SpeedEvent,
  SpeedParty,
  SpeedRow,
  StayRow,
  TorrentSnapshot,
  TorrentSpeedSnapshot,
  TrackerRow,
  WebSeedRow,
} from '../session/snapshots.ts'
import type { SpeedRequest } from './open-speed.ts'
import type { FileChoice } from './select-files.ts'
import type { InHand } from './speed-cashing.ts'
import type { Invoice } from './speed-invoice.ts'
import type { TorrentQuote } from './speed-quote.ts'

export type {
  AccountEvent,
  EncryptionPolicy,
  InHand,
  Invoice,
  PeerRow,
  Problem,
  SpeedEvent,
  SpeedParty,
  SpeedRequest,
  SpeedRow,
  StayRow,
  TorrentQuote,
  TorrentSnapshot,
  TorrentSpeedSnapshot,
  TrackerRow,
  WebSeedRow,
}

export interface TransferRequest {
  readonly mode: 'download' | 'seed'
  /** Torrent files, `-`, magnet links, info hashes, web addresses. */
  readonly sources: readonly string[]
  /** The folder to download to; to seed, the content or the folder it is in. */
  readonly path: string
  readonly stateFolder: string
  /** 0: any free one. */
  readonly listenPort: number
  /** Peers may come by themselves: somebody knows where this listens. */
  readonly isReachable: boolean
  /** Address or interface to leave through and listen on alone. */
  readonly bindTo?: string
  /** `host:port`. */
  readonly peers: readonly string[]
  /** Further web seeds. */
  readonly webSeeds: readonly string[]
  /** Further trackers, in tiers. */
  readonly trackers: readonly (readonly string[])[]
  /** False: the trackers that sources name are left out. */
  readonly usesTrackers: boolean
  /** Peers of torrents that are not private are looked for in the DHT. */
  readonly usesDht: boolean
  /** Peers tell each other of further ones (BEP 11), but for torrents that are private. */
  readonly exchangesPeers: boolean
  /** Peers of the local network are looked for; undefined: unless it is bound to this machine's own addresses. */
  readonly discoversLocally?: boolean
  /** Nodes to begin with; empty: the well-known ones. */
  readonly dhtBootstrap: readonly PeerAddress[]
  /** Which files are wanted; undefined: all. */
  readonly selection?: readonly FileChoice[]
  readonly isSequential: boolean
  /** Bytes a second; Infinity: no limit. */
  readonly downloadLimit: number
  readonly uploadLimit: number
  /** For each torrent. */
  readonly maxPeers?: number
  readonly encryption?: EncryptionPolicy
  /** When complete: until as much was uploaded for each byte of content. */
  readonly seedRatio?: number
  readonly seedSeconds?: number
  /** When complete: until it is interrupted, if no goal above is set. */
  readonly staysSeeding: boolean
  readonly preallocates: boolean
  /** Hashes what is on disk whatever is known of it. */
  readonly rechecks: boolean
  /** Seeds content that is not complete. */
  readonly allowsPartial: boolean
  readonly isSuperSeeding: boolean
  /** Peers that are uploaded to at once, of each torrent. */
  readonly uploadSlots?: number
  /** Absent: nothing is paid or earned. */
  readonly speed?: SpeedRequest
  /** Of this program, as in `1.2.3`. */
  readonly version: string
  readonly progressIntervalMs: number
}

export type TransferEvent =
  /** A seed serves, or a download can be reached. */
  | { readonly type: 'listening'; readonly endpoints: readonly Endpoint[] }
  | { readonly type: 'added'; readonly source: string; readonly torrent: TorrentSnapshot }
  /** A source, or a torrent later on, is given up; the others go on. */
  | { readonly type: 'failed'; readonly source: string; readonly problem: Problem }
  | { readonly type: 'metadata'; readonly torrent: TorrentSnapshot }
  | { readonly type: 'state'; readonly torrent: TorrentSnapshot }
  | { readonly type: 'tracker'; readonly torrent: TorrentSnapshot; readonly tracker: TrackerRow }
  /** One of `peers` cannot be had or was lost, for a reason that was not told before. */
  | { readonly type: 'peer'; readonly torrent: TorrentSnapshot; readonly peer: string; readonly problem: Problem }
  /** Something is wrong with a web seed, and was not told since it last sent content. */
  | {
      readonly type: 'web-seed'
      readonly torrent: TorrentSnapshot
      readonly webSeed: WebSeedRow
      readonly problem: Problem
    }
  /** Once in a while, all that are not given up. */
  | { readonly type: 'progress'; readonly torrents: readonly TorrentSnapshot[] }
  /** All that is wanted of it is here. */
  | { readonly type: 'done'; readonly torrent: TorrentSnapshot }
  /** Something of money happened. */
  | { readonly type: 'speed'; readonly torrent: TorrentSnapshot; readonly event: SpeedEvent }
  | { readonly type: 'account'; readonly event: AccountEvent; readonly symbol: TokenSymbol }
  /** What paying would cost; instead of a download. */
  | {
      readonly type: 'quote'
      readonly torrent: TorrentSnapshot
      readonly quote: TorrentQuote
      readonly symbol: TokenSymbol
    }
  /** It is complete, and seeding it brings less an hour than it is to: it stops. */
  | {
      readonly type: 'earns-too-little'
      readonly torrent: TorrentSnapshot
      readonly earned: TokenAmount
      readonly costPerHour: TokenAmount
      readonly symbol: TokenSymbol
    }
  /** What it cost and brought, at the end. */
  | { readonly type: 'invoice'; readonly torrent: TorrentSnapshot; readonly invoice: Invoice }
  /** Vouchers that were cashed at the end, and those that were not. */
  | { readonly type: 'cashed'; readonly symbol: TokenSymbol; readonly cashed: TokenAmount; readonly inHand: InHand }
  /** It is let go after its download: a goal is reached, or there was an interruption, perhaps before it was done. */
  | { readonly type: 'stopped'; readonly torrent: TorrentSnapshot }

export interface TransferOutcome {
  /** Sources that were given up. */
  readonly failureCount: number
  readonly isInterrupted: boolean
}
