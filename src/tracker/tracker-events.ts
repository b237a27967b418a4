// What goes into and comes out of a TrackerClient, and what it shows of itself. Types only; all structured-cloneable.
// Tickets are numbers that tie an answer to its request; an answer to a cancelled ticket is passed over.
import type { AddressFamily, Endpoint, IpAddress } from '../base/endpoint.ts'
import type { ErrorCode, Result } from '../base/errors.ts'
import type { AnnounceResponse, TrackerFailure } from '../formats/tracker/announce.ts'
import type { HttpAnnounceRequest } from '../formats/tracker/announce-query.ts'
import type { ScrapeResponse } from '../formats/tracker/scrape.ts'

export interface TransferProgress {
  /** Since `start`, as trackers count. */
  readonly uploadedBytes: number
  readonly downloadedBytes: number
  /** `unknownLeftBytes` before the metadata is here. */
  readonly leftBytes: number
  /** Everything wanted is here, but not everything (BEP 21). */
  readonly isPartialSeed: boolean
}

/** How a request ended; the driver answers each ticket once, unless it was cancelled. */
export type TrackerAnswer =
  | {
      readonly type: 'announced'
      readonly ticket: number
      readonly outcome: Result<AnnounceResponse | TrackerFailure>
      /** The tracker's own address: whoever is at a local one may name local peers. */
      readonly address?: string
    }
  /** The tracker's name has no address of the family asked for. */
  | { readonly type: 'absent'; readonly ticket: number }
  | { readonly type: 'scraped'; readonly ticket: number; readonly outcome: Result<ScrapeResponse | TrackerFailure> }

export type TrackerInput =
  | TrackerAnswer
  | { readonly type: 'start' }
  /** Says goodbye; `stopped` comes when that is done, at the latest after `timeoutMs`. */
  | { readonly type: 'stop'; readonly timeoutMs: number }
  /** The last piece came while the torrent was running. */
  | { readonly type: 'completed' }
  | { readonly type: 'progress'; readonly progress: TransferProgress }
  /** `wantedPeers` undefined: as many as the tracker likes. `isShort`: too few peers to wait for the interval. */
  | { readonly type: 'demand'; readonly wantedPeers: number | undefined; readonly isShort: boolean }
  /** A person asks; no sooner than the tracker's min interval. */
  | { readonly type: 'announce-now' }
  | { readonly type: 'scrape-now' }
  | { readonly type: 'set-trackers'; readonly tiers: readonly (readonly string[])[] }
  /** The metadata is here: one or two info hashes of 20 bytes, and whether the torrent is private (BEP 27). */
  | { readonly type: 'identify'; readonly infoHashes: readonly Uint8Array[]; readonly isPrivate: boolean }
  | { readonly type: 'set-port'; readonly port: number }
  | { readonly type: 'wake' }

/** What to perform. */
export type TrackerRequest =
  | {
      readonly type: 'announce'
      readonly ticket: number
      readonly url: string
      readonly family: AddressFamily
      readonly announce: HttpAnnounceRequest
    }
  | {
      readonly type: 'scrape'
      readonly ticket: number
      /** The announce URL. */
      readonly url: string
      readonly infoHashes: readonly Uint8Array[]
    }
  /** Nobody waits for this answer any more. */
  | { readonly type: 'cancel'; readonly ticket: number }

export type TrackerOutput =
  | TrackerRequest
  | {
      readonly type: 'peers'
      readonly url: string
      /** 20 bytes: the swarm these peers are in. */
      readonly infoHash: Uint8Array
      /** Of the tracker. */
      readonly address: string | undefined
      readonly peers: readonly Endpoint[]
    }
  /** Our own address as a tracker sees it (BEP 24). */
  | { readonly type: 'external-ip'; readonly url: string; readonly ip: IpAddress }
  /** A private torrent changed trackers: only peers told by `url` from now on may stay (BEP 27). */
  | { readonly type: 'drop-peers'; readonly url: string }
  /** After `stop`: nothing is under way any more. */
  | { readonly type: 'stopped' }

export type TrackerState =
  /** Not in use: the torrent is stopped, or an earlier tracker serves. */
  | { readonly type: 'idle' }
  | { readonly type: 'announcing' }
  | { readonly type: 'working'; readonly nextAnnounceInMs: number }
  /** `nextAnnounceInMs` undefined: not again. */
  | {
      readonly type: 'failed'
      readonly code: ErrorCode
      readonly message: string
      readonly nextAnnounceInMs: number | undefined
    }

export interface TrackerSnapshot {
  readonly url: string
  /** From 0. */
  readonly tier: number
  readonly state: TrackerState
  /** The tracker's own words of its last answer. */
  readonly warning: string | undefined
  readonly seeders: number | undefined
  readonly leechers: number | undefined
  /** Downloads ever completed. */
  readonly downloads: number | undefined
}
