// What a session shows of itself: plain values of one moment, structured-cloneable, fresh at each call.
// Types only. Rates are bytes a second over the last seconds; sums count from the beginning of the torrent,
// restarts included, unless the name says otherwise.
import type { Endpoint } from '../base/endpoint.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { TokenAmount, TokenSymbol } from '../base/token-amount.ts'
import type { DhtSnapshot } from '../dht/dht-events.ts'
import type { TorrentVersion } from '../formats/metainfo/metainfo.ts'
import type { FilePriority, TorrentId, TorrentLimits } from './commands.ts'
import type { RateLimits, SeedGoals } from './session-config.ts'

/** Why something stopped, for people and programs. */
export interface Problem {
  readonly code: ErrorCode
  readonly detail: string
}

export type TorrentState =
  | { readonly type: 'awaiting-metadata' }
  | { readonly type: 'awaiting-piece-layers' }
  | { readonly type: 'checking'; readonly checkedPieces: number; readonly pieces: number }
  | { readonly type: 'stopped' }
  | { readonly type: 'queued' }
  | { readonly type: 'downloading' }
  | { readonly type: 'seeding' }
  /** `resumesByItself`: nobody has to do anything but remove the cause. What is complete may still be sent. */
  | { readonly type: 'error'; readonly problem: Problem; readonly resumesByItself: boolean }

interface Traffic {
  /** Payload of blocks, whether it was good or not. */
  readonly downloadedBytes: number
  readonly uploadedBytes: number
  readonly downloadRate: number
  readonly uploadRate: number
}

export interface TorrentSummary extends Traffic {
  readonly id: TorrentId
  readonly infoHashV1: string | undefined
  readonly infoHashV2: string | undefined
  /** What the link called it until the metadata is here. */
  readonly name: string
  readonly state: TorrentState
  readonly folder: string
  /** Of the wanted files; 0 until the metadata is here. */
  readonly wantedBytes: number
  /** Of the wanted files, verified. */
  readonly doneBytes: number
  readonly totalBytes: number
  /** All wanted pieces are verified. */
  readonly isFinished: boolean
  readonly isPrivate: boolean
  /** Seconds until it is finished at this rate; undefined: not in sight. */
  readonly etaSeconds: number | undefined
  readonly connectedPeers: number
  readonly connectedSeeds: number
  readonly knownPeers: number
  /** Uploaded for each byte of the wanted content. */
  readonly ratio: number
  readonly queuePosition: number
  /** Wall clock. */
  readonly addedMs: number
  readonly completedMs: number | undefined
}

export interface FileSnapshot {
  /** Components as on disk, below the torrent's folder. */
  readonly path: readonly string[]
  readonly lengthBytes: number
  readonly doneBytes: number
  readonly priority: FilePriority
}

export interface PeerRow extends Traffic {
  readonly endpoint: Endpoint
  readonly direction: 'dialled' | 'accepted'
  /** What of the connection is encrypted (MSE): `opening`, how it began alone. */
  readonly encryption: 'none' | 'opening' | 'all'
  /** As it calls itself; text of the peer's choosing. */
  readonly client: string
  /** Says that it has the metadata to give; clients never say so of a private torrent. */
  readonly offersMetadata: boolean
  /** Share of the pieces it has, 0 to 1. */
  readonly progress: number
  readonly isChoking: boolean
  readonly isInterested: boolean
  readonly amChoking: boolean
  readonly amInterested: boolean
  readonly requestsOut: number
  readonly requestsIn: number
}

/** A peer that a person named. */
export interface NamedPeerRow {
  /** `host:port`, as it was named. */
  readonly peer: string
  /** Why it could not be had, each reason once, the latest last; it may be connected by now. */
  readonly problems: readonly Problem[]
}

export interface TrackerRow {
  readonly url: string
  readonly tier: number
  readonly state: 'idle' | 'announcing' | 'working' | 'failed'
  readonly message: string | undefined
  /** Milliseconds until the next announce; undefined: none is planned. */
  readonly nextAnnounceInMs: number | undefined
  readonly seeders: number | undefined
  readonly leechers: number | undefined
  readonly downloads: number | undefined
}

/** A web seed (BEP 19). */
export interface WebSeedRow {
  readonly url: string
  /** `retired`: it is asked for nothing any more, for the reason given. */
  readonly state: 'idle' | 'downloading' | 'resting' | 'retired'
  /** What went wrong last, unless something came since. */
  readonly problem: Problem | undefined
  /** Milliseconds until it is asked again; undefined: it does not rest. */
  readonly retryInMs: number | undefined
  readonly downloadedBytes: number
  readonly downloadRate: number
}

/** A peer that we pay, or that pays us, over one connection. */
export interface SpeedRow {
  readonly endpoint: Endpoint
  /** Its account (CAIP-10); empty until it is proved. */
  readonly account: string
  readonly side: 'paying' | 'earning'
  /**
   * `agreeing`: both prove their accounts; `opening`: a lane is being opened, or the other side looks at it; `waiting`: for a
   * share; `bidding`: in a sealed round; `holding`: a share is paid for; `closed`: it came to nothing.
   */
  readonly state: 'agreeing' | 'opening' | 'waiting' | 'bidding' | 'holding' | 'closed'
  readonly problem: Problem | undefined
  /** What is asked for a MiB (r), and what is paid while a share is held. */
  readonly postedPrice: TokenAmount
  readonly price: TokenAmount | undefined
  /** Verified (paying) or served (earning) in paid stretches. */
  readonly bytes: number
  readonly owed: TokenAmount
  readonly paid: TokenAmount
}

/** What went between this account and another for one torrent, over all their connections since it was added. */
export interface SpeedParty {
  /** CAIP-10. */
  readonly account: string
  readonly rail: string
  readonly side: 'paying' | 'earning'
  /** As in SpeedRow. */
  readonly bytes: number
  readonly owed: TokenAmount
  readonly paid: TokenAmount
}

/** Staying that is paid for, over one connection. */
export interface StayRow {
  /** CAIP-10. */
  readonly account: string
  readonly side: 'paying' | 'earning'
  readonly perHour: TokenAmount
  /** Owed for it so far, paid or not. */
  readonly amount: TokenAmount
  /** Until its end, if nobody ends it before. */
  readonly leftMs: number
}

/** Of one torrent; undefined where nothing can be paid or earned. */
export interface TorrentSpeedSnapshot {
  readonly symbol: TokenSymbol
  /** Undefined: it has none, so nothing is bought. */
  readonly budget: TokenAmount | undefined
  /** Of the budget: gone for good, and what is in lanes or asked for. */
  readonly spent: TokenAmount
  readonly locked: TokenAmount
  readonly earned: TokenAmount
  /** Content bought and content got free of charge. */
  readonly boughtBytes: number
  readonly freeBytes: number
  /** r of the moment, where it sells. */
  readonly postedPrice: TokenAmount | undefined
  readonly sharesSold: number
  readonly shares: number
  readonly rows: readonly SpeedRow[]
  readonly stays: readonly StayRow[]
  /** In the order they came; those that are gone, too. */
  readonly parties: readonly SpeedParty[]
}

/** Of the session. */
export interface SpeedSnapshot {
  readonly pays: boolean
  readonly earns: boolean
  readonly ledgers: readonly {
    readonly rail: string
    readonly account: string
    readonly symbol: TokenSymbol
    /** Steady milliseconds since it does not answer; undefined: it does. */
    readonly unreachableForMs: number | undefined
  }[]
  /** Since the session was opened. */
  readonly spent: TokenAmount
  readonly earned: TokenAmount
}

export interface TorrentSnapshot extends TorrentSummary {
  readonly speed: TorrentSpeedSnapshot | undefined
  readonly version: TorrentVersion | undefined
  readonly comment: string | undefined
  readonly pieceLengthBytes: number
  readonly pieceCount: number
  /** One bit a piece, the high bit first, as on the wire. */
  readonly pieces: Uint8Array
  readonly files: readonly FileSnapshot[]
  readonly peers: readonly PeerRow[]
  readonly trackers: readonly TrackerRow[]
  readonly namedPeers: readonly NamedPeerRow[]
  readonly webSeeds: readonly WebSeedRow[]
  /** The DHT is asked for peers while it runs. */
  readonly isInDht: boolean
  readonly limits: TorrentLimits
  readonly seedGoals: SeedGoals
  readonly sequential: boolean
  /** Received and thrown away: sent twice, or of damaged pieces. */
  readonly wastedBytes: number
  readonly damagedPieces: number
  readonly activeSeconds: number
  readonly seedingSeconds: number
  /** From the first peer's connection to the last verified byte, of what this session downloaded. */
  readonly transferSeconds: number | undefined
  /** Payload that this session downloaded. */
  readonly transferBytes: number
}

export interface SessionSnapshot extends Traffic {
  /** Where peers reach this session; the first is what trackers are told. */
  readonly listening: readonly Endpoint[]
  /** What peers and trackers say this machine's address is. */
  readonly externalAddresses: readonly string[]
  /** Nobody there is dialled or accepted: banned by a person, or by a torrent for a while. Sorted. */
  readonly bannedAddresses: readonly string[]
  readonly torrents: readonly TorrentSummary[]
  /** Undefined: the session takes no part in the DHT. */
  readonly dht: DhtSnapshot | undefined
  readonly speed: SpeedSnapshot | undefined
  readonly connections: number
  readonly halfOpen: number
  readonly rates: RateLimits
  readonly usesAlternativeRates: boolean
  readonly reservedMemoryBytes: number
  /** Of the change log, see changesSince. */
  readonly cursor: number
}

export type Change =
  | { readonly type: 'added' | 'removed'; readonly id: TorrentId }
  /** Its state is now of another type, or its error another. */
  | { readonly type: 'state'; readonly id: TorrentId; readonly state: TorrentState }
  | { readonly type: 'metadata'; readonly id: TorrentId }
  | { readonly type: 'piece'; readonly id: TorrentId; readonly piece: number }
  | { readonly type: 'finished'; readonly id: TorrentId }
  /** Files, limits, trackers, place or name are others than before. */
  | { readonly type: 'changed'; readonly id: TorrentId }
  /** A peer that a person named cannot be had, or was lost before the torrent was finished, for a reason that was not told before. */
  | { readonly type: 'named-peer'; readonly id: TorrentId; readonly peer: string; readonly problem: Problem }
  /** Something is wrong with a web seed, and was not told since it last sent content. */
  | { readonly type: 'web-seed'; readonly id: TorrentId; readonly url: string; readonly problem: Problem }
  | { readonly type: 'session' }
  /** Something of money happened that people may want to hear of. */
  | { readonly type: 'speed'; readonly id: TorrentId; readonly event: SpeedEvent }
  | { readonly type: 'account'; readonly event: AccountEvent }

/** Of one torrent. */
export type SpeedEvent =
  /** A share is held, or held at another price. */
  | { readonly type: 'bought' | 'sold'; readonly account: string; readonly price: TokenAmount; readonly epoch: number }
  | { readonly type: 'share-ended'; readonly account: string; readonly side: 'paying' | 'earning' }
  | { readonly type: 'budget-spent' }
  /** Somebody is paid to stay, or pays us: so much for an hour. */
  | {
      readonly type: 'stay-began'
      readonly account: string
      readonly side: 'paying' | 'earning'
      readonly perHour: TokenAmount
      readonly lastsMs: number
    }
  /** `why` is a word; `amount` was owed for it in all. */
  | {
      readonly type: 'stay-ended'
      readonly account: string
      readonly side: 'paying' | 'earning'
      readonly why: string
      readonly amount: TokenAmount
    }
  /** A seeder does not stay for what is offered; it would for `leastPerHour`. */
  | {
      readonly type: 'stay-refused'
      readonly account: string
      readonly why: string
      readonly leastPerHour?: TokenAmount
    }
  /** What it signed shows that it cheats, and is kept. */
  | { readonly type: 'fraud'; readonly account: string; readonly kind: string }

/** Of the session's own accounts. */
export type AccountEvent =
  | { readonly type: 'lane-open' | 'lane-ended' | 'cashed'; readonly account: string; readonly amount: TokenAmount }
  /** It did not pay what it owed. */
  | { readonly type: 'default'; readonly account: string; readonly amount: TokenAmount }
  | { readonly type: 'ledger'; readonly rail: string; readonly isReachable: boolean }

export type Changes =
  | { readonly type: 'changes'; readonly changes: readonly Change[]; readonly cursor: number }
  /** The cursor is older than the log, or of another session: read a snapshot and go on from its cursor. */
  | { readonly type: 'lost'; readonly cursor: number }
