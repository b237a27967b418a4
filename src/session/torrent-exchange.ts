// What the peers of a torrent take part in at a time: nothing, the fetch of metadata, the fetch of piece layers, or the
// swarm. Types, and the first of them. One per torrent, replaced when the torrent goes on; peers are handed over.
import type { Endpoint } from '../base/endpoint.ts'
import type { Failure } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { HashRange } from '../formats/peer/wire-messages.ts'
import type { MetadataServing } from '../peer/metadata-exchange.ts'
import type { PeerConnection } from '../peer/peer-connection.ts'
import type { SwarmPeer } from '../swarm/swarm-peer.ts'
import type { BandwidthShare } from './bandwidth.ts'
import type { Connection } from './connection.ts'

/** A peer past the handshake. */
export interface LinkedPeer {
  /** Of this torrent's peers, never used twice. */
  readonly number: number
  readonly connection: Connection
  readonly peer: PeerConnection
  readonly id: PeerId
  readonly serving: MetadataServing
  readonly share: BandwidthShare
  /** Where it can be dialled: as it was, or where it says it listens; undefined: not known. */
  endpoint: Endpoint | undefined
  /** As it said; 0: it did not. */
  metadataLengthBytes: number
  /** It answered when it was asked for metadata. */
  hasSentMetadata: boolean
  /** What it takes part in. */
  exchange: TorrentExchange
  swarmPeer: SwarmPeer | undefined
}

/** What an exchange asks of the torrent that its peers are of. Called within a turn. */
export interface ExchangePeers {
  /** `settle` is to be called before the turn ends. */
  touch(): void
  /** Ends and bans one who sent what nobody honest sends. */
  banPeer(link: LinkedPeer, why: Failure, nowMs: number): void
  /** Bans one who has left. */
  banAddress(address: string, nowMs: number): void
}

/** Called within a turn. */
export interface TorrentExchange {
  /** Carries out what the others led to; before the turn ends, whenever the torrent was touched. */
  settle(nowMs: number): void
  join(link: LinkedPeer, nowMs: number): void
  leave(link: LinkedPeer, nowMs: number): void
  /** Events of the peer wire were told. */
  received(link: LinkedPeer, nowMs: number): void
  /** Bytes of the peer wire up to there are with the system. */
  written(link: LinkedPeer, totalBytes: number, nowMs: number): void
  /** The upload limit has something for it. */
  maySend(link: LinkedPeer, nowMs: number): void
  /** Its metadata length is known now. */
  takeMetadataLength(link: LinkedPeer, nowMs: number): void
  takeMetadata(link: LinkedPeer, payload: Uint8Array, nowMs: number): void
  takeHashes(link: LinkedPeer, range: HashRange, hashes: Uint8Array, nowMs: number): void
  takeHashReject(link: LinkedPeer, range: HashRange, nowMs: number): void
}

/** While the torrent's content is looked at, peers stay connected and nothing happens. */
export const idleExchange: TorrentExchange = {
  join: () => undefined,
  leave: () => undefined,
  received: () => undefined,
  written: () => undefined,
  maySend: () => undefined,
  takeMetadataLength: () => undefined,
  takeMetadata: () => undefined,
  takeHashes: () => undefined,
  takeHashReject: () => undefined,
  settle: () => undefined,
}
