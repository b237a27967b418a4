// What a swarm shows of itself: plain values of one moment, structured-cloneable, fresh at each call. Bytes are payload
// since the swarm began, rates payload a second over the last seconds.
import type { Endpoint } from '../base/endpoint.ts'
import type { Failure } from '../base/errors.ts'
import type { SwarmPeer } from './swarm-peer.ts'
import type { WebSeed, WebSeedState } from './web-seed.ts'

export interface SwarmPeerRow {
  readonly peer: number
  readonly remote: Endpoint
  readonly client: string
  /** Share of the pieces it has, 0 to 1. */
  readonly progress: number
  readonly isSeed: boolean
  readonly isUploadOnly: boolean
  readonly isChoking: boolean
  readonly isInterested: boolean
  readonly amChoking: boolean
  readonly amInterested: boolean
  readonly isSnubbing: boolean
  readonly downloadedBytes: number
  readonly uploadedBytes: number
  readonly downloadRate: number
  readonly uploadRate: number
  readonly requestsOut: number
  readonly requestsIn: number
}

export interface WebSeedRow {
  readonly url: string
  readonly state: WebSeedState['type']
  /** What went wrong last, unless something came since. */
  readonly problem: Failure | undefined
  /** Milliseconds until it is asked again; undefined: it does not rest. */
  readonly retryInMs: number | undefined
  readonly downloadedBytes: number
  readonly downloadRate: number
}

export interface SwarmSnapshot {
  /** Whether it was good or not. */
  readonly downloadedBytes: number
  readonly uploadedBytes: number
  /** Thrown away: came twice or too late, or was of damaged pieces. */
  readonly wastedBytes: number
  readonly damagedPieces: number
  /** Wanted and not verified. */
  readonly missingPieces: number
  readonly partialPieces: number
  readonly isEndGame: boolean
  readonly peers: readonly SwarmPeerRow[]
  readonly webSeeds: readonly WebSeedRow[]
}

export function webSeedRowOf({ url, state, problem, meter }: WebSeed, nowMs: number): WebSeedRow {
  return {
    url,
    state: state.type,
    problem: state.type === 'retired' ? state.why : problem,
    retryInMs: state.type === 'resting' ? Math.max(0, state.untilMs - nowMs) : undefined,
    downloadedBytes: meter.totalBytes,
    downloadRate: meter.rate(nowMs),
  }
}

export function rowOf(peer: SwarmPeer, nowMs: number): SwarmPeerRow {
  const { connection, bits, downloadMeter, uploadMeter } = peer
  return {
    peer: peer.number,
    remote: peer.remote,
    client: connection.client,
    progress: bits.count / bits.length,
    isSeed: peer.isSeed,
    isUploadOnly: peer.isUploadOnly,
    isChoking: connection.isChoking,
    isInterested: connection.isInterested,
    amChoking: connection.amChoking,
    amInterested: connection.amInterested,
    isSnubbing: peer.pipeline.isSnubbing,
    downloadedBytes: downloadMeter.totalBytes,
    uploadedBytes: uploadMeter.totalBytes,
    downloadRate: downloadMeter.rate(nowMs),
    uploadRate: uploadMeter.rate(nowMs),
    requestsOut: peer.outstanding.heldCount,
    requestsIn: peer.uploads.size,
  }
}
