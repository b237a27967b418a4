// What an announce says and what its answer holds, whichever protocol carries it: HTTP (BEP 3) or UDP (BEP 15).
// Guarantees: the bounds here are those of both decoders, so that a tracker can neither silence a client for
// ever nor make it announce in a storm. Info hashes are 20 bytes: SHA-1, or SHA-256 cut short (BEP 52).
import type { Endpoint, IpAddress } from '../compact-endpoint.ts'

/** `paused` is a partial seed (BEP 21); `none` a regular announce. */
export type AnnounceEvent = 'none' | 'completed' | 'started' | 'stopped' | 'paused'

/** `left` of a torrent whose length is not known yet; it counts as incomplete. */
export const unknownLeftBytes = Number.MAX_SAFE_INTEGER

export interface AnnounceRequest {
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** 0 to 65535; 0: takes no connections, never to be handed out. */
  readonly port: number
  readonly uploadedBytes: number
  readonly downloadedBytes: number
  readonly leftBytes: number
  readonly event: AnnounceEvent
  /** 32 bits that stay the same when the peer's address changes. */
  readonly key?: number
  /** Peers wanted; absent: as many as the tracker likes. */
  readonly wantedPeers?: number
}

/** A peer as a tracker names it; `peerId` only in the long form of BEP 3. */
export interface TrackerPeer extends Endpoint {
  /** 20 bytes. */
  readonly peerId?: Uint8Array
}

export interface AnnounceResponse {
  readonly kind: 'response'
  /** Seconds until the next regular announce, within the bounds below. */
  readonly intervalSeconds: number
  /** Announce no sooner, whatever happens. */
  readonly minIntervalSeconds?: number
  /** To be sent back with each later announce, as it is. */
  readonly trackerId?: Uint8Array
  /** Seeders. */
  readonly complete?: number
  /** Leechers, partial seeds among them. */
  readonly incomplete?: number
  /** Downloads ever completed. */
  readonly downloaded?: number
  readonly peers: readonly TrackerPeer[]
  /** Our own address as the tracker sees it (BEP 24). */
  readonly externalIp?: IpAddress
  /** For a person to read; at most `maxMessageLength` characters. */
  readonly warning?: string
}

/** The tracker refuses. */
export interface TrackerFailure {
  readonly kind: 'failure'
  /** For a person to read; at most `maxMessageLength` characters. */
  readonly reason: string
  /** When to ask again (BEP 31): seconds, or not at all; absent: as after any failure. */
  readonly retry?: number | 'never'
}

/** A torrent's numbers in a scrape (BEP 48). */
export interface SwarmCounts {
  readonly complete: number
  readonly incomplete: number
  /** Downloads ever completed. */
  readonly downloaded: number
  /** `incomplete` without the partial seeds (BEP 21). */
  readonly downloaders?: number
}

export const hashLength = 20
/** Peers read from one answer; the rest is left out. */
export const maxPeers = 3_000
/** Torrents in one scrape request; BEP 15 has room for about as many. */
export const maxScrapeHashes = 74
export const maxMessageLength = 500
const lowestIntervalSeconds = 10
const highestIntervalSeconds = 86_400
/** Where a tracker gives no interval. */
export const usualIntervalSeconds = 1_800

/** 10 seconds to a day. Negative intervals count as the shortest. */
export function clampInterval(seconds: number): number {
  return Math.min(highestIntervalSeconds, Math.max(lowestIntervalSeconds, seconds))
}
