// What a session can be told about itself, with defaults. Structured-cloneable; rates in bytes a second, times in
// milliseconds unless the name says otherwise, Infinity: no limit. Limits may change while it runs (see commands.ts).
import type { TokenAmount } from '../base/token-amount.ts'
import type { PeerAddress } from '../formats/magnet.ts'

/** Limits of the whole session, of one torrent, or of the alternative set. */
export interface RateLimits {
  /** Payload and protocol together. */
  readonly downloadBytesPerSecond: number
  readonly uploadBytesPerSecond: number
}

/** When a torrent that is complete stops by itself: as soon as one of the two is reached. */
export interface SeedGoals {
  /** Bytes uploaded for each byte of the wanted content. */
  readonly ratio: number
  readonly seedingSeconds: number
}

export interface ConnectionLimits {
  readonly maxConnections: number
  readonly maxConnectionsPerTorrent: number
  /** Dialled, and not yet past the handshake. */
  readonly maxHalfOpen: number
  /** Peers that are uploaded to at once, for each torrent. */
  readonly maxSlotsPerTorrent: number
}

export interface QueueLimits {
  readonly maxActiveDownloads: number
  readonly maxActiveSeeds: number
}

/**
 * Of connections to peers (MSE). `allow` and `prefer` take whoever comes either way, and try the other way with a peer
 * that does not answer the one it was dialled with first: plaintext with `allow`, encryption with `prefer`; after an
 * encrypted opening the payload is plaintext if the peer will have it. `require`: everything is encrypted; `off`: nothing.
 */
export type EncryptionPolicy = 'allow' | 'prefer' | 'require' | 'off'

/** Taking part in the DHT (BEP 5), which finds peers of torrents that are not private without any tracker. */
export interface DhtConfig {
  /** Where to ask for the first nodes while too few are known, in addition to those remembered. */
  readonly bootstrap: readonly PeerAddress[]
  /** A person named them: they may be in the local network. */
  readonly mayBootstrapLocally: boolean
}

/** Paying peers and being paid (docs/protocol/speed.md), on the ledgers among the session's ports. Prices are for a MiB. */
export interface SpeedConfig {
  /** Torrents with a budget pay for what they lack. */
  readonly pays: boolean
  /** Slots are sold to those who pay. */
  readonly earns: boolean
  /** kA: slots of a torrent that may be sold; the others never are. */
  readonly shares: number
  /** r: where it begins, and between what it follows demand by itself; all three equal: it stays. */
  readonly startPrice: TokenAmount
  readonly floorPrice: TokenAmount
  readonly capPrice: TokenAmount
  /** What all torrents together may spend in a day. */
  readonly dayBudget: TokenAmount
  /** What somebody who pays us to stay on a torrent is to pay for an hour. */
  readonly leastPerHour: TokenAmount
  /** Also of private torrents. */
  readonly inPrivateTorrents: boolean
}

export interface SessionConfig {
  /** Absolute path of the folder for what the session remembers. */
  readonly stateFolder: string
  /**
   * Takes up all torrents it finds in the state folder. False, for programs that share the folder with others and work
   * on some torrents only: what is kept of a torrent is looked up when it is added.
   */
  readonly restoresAll: boolean
  /** Absolute path of the folder for content, where a torrent names no other. */
  readonly downloadFolder: string
  /** Absolute path of the folder for content that is not complete; undefined: it is where it will be in the end. */
  readonly incompleteFolder: string | undefined
  /** Files that are not complete carry `.part` at the end of their names. */
  readonly incompleteSuffix: boolean
  readonly allocation: 'sparse' | 'full'
  /** 0 takes any free port. TCP and UDP use the same one where they can. */
  readonly listenPort: number
  /** Addresses to listen on; empty: accept nobody. One that the machine lacks is skipped unless all are. */
  readonly listenAddresses: readonly string[]
  /** Leave through this address, or the addresses of this interface, only. */
  readonly bindTo: string | undefined
  readonly rates: RateLimits
  readonly alternativeRates: RateLimits
  readonly useAlternativeRates: boolean
  /** Peers of private and link-local addresses do not count against rate limits. */
  readonly exemptLocalNetwork: boolean
  readonly encryption: EncryptionPolicy
  readonly connections: ConnectionLimits
  readonly queue: QueueLimits
  readonly seedGoals: SeedGoals
  /** Trackers and web servers at addresses of the local network are contacted whoever named them. */
  readonly allowLocal: boolean
  /** Dial peers that are known; false: only accept, for tests and firewalled seeds. */
  readonly dialPeers: boolean
  /** Peers of torrents that are not private tell each other of peers (BEP 11). */
  readonly exchangesPeers: boolean
  /** Peers of the local network are looked for by multicast (BEP 14). */
  readonly discoversLocally: boolean
  /** Undefined: no part in the DHT. */
  readonly dht: DhtConfig | undefined
  /** Undefined: nothing is paid for, and no peer hears of it. */
  readonly speed: SpeedConfig | undefined
  readonly handshakeTimeoutMs: number
  readonly dialTimeoutMs: number
  /** How long a change may wait until its way into the resume record begins; the disk takes some time, too. */
  readonly saveIntervalMs: number
  /** How long the end waits for trackers to hear of it. */
  readonly stopTimeoutMs: number
  /** What peers and trackers are told (BEP 10 `v`, User-Agent). */
  readonly clientName: string
  /** Version as two to four digits, for the peer id (BEP 20). */
  readonly peerIdVersion: string
  /** Requests a peer may keep queued here (BEP 10 `reqq`). */
  readonly requestQueueLength: number
}

export const noRateLimits: RateLimits = {
  downloadBytesPerSecond: Number.POSITIVE_INFINITY,
  uploadBytesPerSecond: Number.POSITIVE_INFINITY,
}

const noSeedGoals: SeedGoals = {
  ratio: Number.POSITIVE_INFINITY,
  seedingSeconds: Number.POSITIVE_INFINITY,
}

const defaultConfig: Omit<SessionConfig, 'stateFolder' | 'downloadFolder'> = {
  restoresAll: true,
  incompleteFolder: undefined,
  incompleteSuffix: true,
  allocation: 'sparse',
  listenPort: 0,
  listenAddresses: ['0.0.0.0', '::'],
  bindTo: undefined,
  rates: noRateLimits,
  alternativeRates: { downloadBytesPerSecond: 1_048_576, uploadBytesPerSecond: 262_144 },
  useAlternativeRates: false,
  exemptLocalNetwork: true,
  encryption: 'allow',
  connections: { maxConnections: 500, maxConnectionsPerTorrent: 100, maxHalfOpen: 50, maxSlotsPerTorrent: 8 },
  queue: { maxActiveDownloads: 5, maxActiveSeeds: 20 },
  seedGoals: noSeedGoals,
  allowLocal: false,
  dialPeers: true,
  exchangesPeers: false,
  discoversLocally: false,
  dht: undefined,
  speed: undefined,
  handshakeTimeoutMs: 10_000,
  dialTimeoutMs: 10_000,
  saveIntervalMs: 4_000,
  stopTimeoutMs: 3_000,
  clientName: 'Swarmbid',
  peerIdVersion: '0100',
  requestQueueLength: 2_000,
}

/** A whole configuration of what differs from the defaults. */
export function sessionConfig(
  changes: Partial<SessionConfig> & Pick<SessionConfig, 'stateFolder' | 'downloadFolder'>,
): SessionConfig {
  return { ...defaultConfig, ...changes }
}
