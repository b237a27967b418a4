// Which connected peer is of no use, and gives its place to another who waits: idle ones must not hold all places of a
// torrent, or of the session (compare peer turnover and inactivity limits elsewhere).
// Guarantees: who gave or got anything stays, as does who only just came; one address with many idle connections loses
// them first and soonest. Pure.
import type { Connection } from './connection.ts'
import type { LinkedPeer } from './torrent-exchange.ts'

export interface UsefulnessView {
  /** The metadata is here. */
  readonly hasMetadata: boolean
  /** Nothing is wanted any more. */
  readonly isFinished: boolean
  /** A person named it. */
  isNamed(link: LinkedPeer): boolean
}

/** For both sides to say what they have and want. */
const graceMs = 60_000
/** Of an address with more connections than `mostUnsuspicious`. */
const crowdGraceMs = 10_000
const mostUnsuspicious = 4
/** One that we let ask for so long, and that asked for nothing. */
const unusedSlotMs = 60_000
/** One that we want something of, and that gave nothing for so long. */
const fruitlessMs = 300_000

function isUseless(link: LinkedPeer, view: UsefulnessView, crowd: number, nowMs: number): boolean {
  const { peer, swarmPeer } = link
  const ageMs = nowMs - link.connection.startedAtMs
  if (ageMs < (crowd > mostUnsuspicious ? crowdGraceMs : graceMs) || view.isNamed(link)) return false
  if (!view.hasMetadata) return !link.hasSentMetadata
  if (swarmPeer === undefined || peer.receivedPayloadBytes > 0 || peer.sentPayloadBytes > 0) return false
  if (!peer.amInterested && !peer.isInterested) return true
  if (!peer.amInterested && !peer.amChoking && nowMs - swarmPeer.unchokedAtMs >= unusedSlotMs) return true
  return !view.isFinished && ageMs >= fruitlessMs
}

/** Whether an address has so many connections that one more of it must not cost anybody else a place. */
export function isCrowded(address: string, connections: Iterable<Pick<Connection, 'remote'>>): boolean {
  let count = 0
  for (const { remote } of connections) if (remote.address === address) count++
  return count >= mostUnsuspicious
}

/** The one to part with first; undefined: all are of use, or may yet be. `links`: all of a torrent, oldest first. */
export function leastUseful(links: Iterable<LinkedPeer>, view: UsefulnessView, nowMs: number): LinkedPeer | undefined {
  const crowds = new Map<string, number>()
  const candidates = [...links]
  for (const { connection } of candidates) {
    const { address } = connection.remote
    crowds.set(address, (crowds.get(address) ?? 0) + 1)
  }
  let least: LinkedPeer | undefined
  let largest = 0
  for (const link of candidates) {
    const crowd = crowds.get(link.connection.remote.address) ?? 1
    if (crowd <= largest || !isUseless(link, view, crowd, nowMs)) continue
    least = link
    largest = crowd
  }
  return least
}
