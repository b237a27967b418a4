// The peers of one torrent that we know of: whom to dial next, whom to drop when there are too many, whom never again.
// Guarantees: an endpoint is there once, whoever named it and under whichever info hash; at most 3000 of them; one that
// failed three times, each time after a longer pause, is left alone (S20) unless a person named it; a ban ends when it
// was said to. Owned by the torrent's side of the session. A peer that came to us is known by the port it listens on,
// once it told us that.
import type { Endpoint } from '../base/endpoint.ts'
import type { PeerId } from '../base/ids.ts'
import { acceptsPeer, addressClass, type PeerOrigin } from '../formats/address-class.ts'
import { endpointKey } from '../formats/compact-endpoint.ts'
import type { OpeningWay } from '../peer/stream-opening.ts'
import type { Random } from '../ports/random.ts'
import { peerPriority } from '../swarm/peer-priority.ts'
import { type Hearsay, HearsayLimits, type HearsaySource } from './hearsay.ts'

export type PeerSource = 'manual' | 'magnet' | 'resume' | 'tracker' | 'lsd' | 'dht' | 'pex' | 'incoming'

type PeerUse = 'idle' | 'dialling' | 'connected'

/** How the connection to a peer ended, as far as it tells something of the peer. */
export type PeerEnd =
  /** It left, or the way to it broke. */
  | 'left'
  /** The same, while one of us paid the other: what is bought there is wanted again soon. */
  | 'left-deal'
  /** It did what no good peer does. */
  | 'faulty'
  /** We left for a reason of ours that is over soon. */
  | 'interrupted'
  /** We let it go for a reason of ours that will last a while: no room, a peer that is connected another way. */
  | 'postponed'
  /** Neither side wanted anything. It is dialled again at once when we want something, and not before. */
  | 'not-needed'

interface KnownPeer {
  readonly endpoint: Endpoint
  readonly sources: Set<PeerSource>
  /** It was named by strangers alone, and never connected. */
  hearsay: Hearsay | undefined
  use: PeerUse
  /** Since a connection that lasted; at most `mostFailures`. */
  failures: number
  connectedMs: number
  /** Not to be dialled before. */
  dialAtMs: number
  /** It has everything, or wants nothing: not worth dialling for one who has everything too. */
  isSeed: boolean
  wasConnected: boolean
  /** It left in the middle of a deal, when it left last. */
  hasDealt: boolean
  /** It did not answer the other way of opening a connection; undefined: as usual. */
  way: OpeningWay | undefined
  /** That was the last time, and nothing came of it yet. */
  isSecondTry: boolean
  /** BEP 40, or by lot while our own address is not known: the higher, the sooner. */
  priority: number
}

export interface PeerListOptions {
  readonly random: Random
  readonly maxPeers?: number
}

const usualMaxPeers = 3000
const mostFailures = 3
const mostBans = 10_000
const firstPauseMs = 30_000
/** Of a peer that a person named, or that was dealt with: it may only just be starting. */
const firstSoonPauseMs = 2_000
/** Each failure makes the pause longer by this factor. */
const pauseGrowth = 5
/** After a connection that lasted; one that did not last as long counts as a failure. */
const returnPauseMs = 60_000
/** Of a peer that a person named, or that was dealt with. */
const soonReturnPauseMs = 2_000
const lastingMs = 60_000
/** Before somebody is dialled again with whom nothing is wrong but that we had no use for the connection. */
const postponedMs = 300_000

export class PeerList {
  private readonly random: Random
  private readonly maxPeers: number
  private readonly hearsay: HearsayLimits
  private readonly peers = new Map<string, KnownPeer>()
  /** Addresses, until when. */
  private readonly bans = new Map<string, number>()
  /** The ids of connected peers. */
  private readonly ids = new Set<PeerId>()
  private readonly ownEndpoints: { 4: Endpoint | undefined; 6: Endpoint | undefined } = { 4: undefined, 6: undefined }
  private isSeeding = false
  /** Whether somebody may have become worth less than a stranger since the last time that nobody was. */
  private mayEvict = true
  /** Whether one of those that strangers named may have failed since the last time that none had. */
  private hasFailedHearsay = false
  /** When somebody may be dialled; undefined: to be found out. */
  private nextMs: number | undefined = Number.POSITIVE_INFINITY

  constructor(options: PeerListOptions) {
    this.random = options.random
    this.maxPeers = options.maxPeers ?? usualMaxPeers
    this.hearsay = new HearsayLimits(this.maxPeers)
  }

  get size(): number {
    return this.peers.size
  }

  /** Where others see us, for BEP 40; and what is not to be dialled. */
  setOwnEndpoint(endpoint: Endpoint): void {
    this.ownEndpoints[endpoint.family] = endpoint
    const own = this.peers.get(endpointKey(endpoint))
    if (own?.use === 'idle') this.forget(own)
    for (const peer of this.peers.values()) peer.priority = this.priorityOf(peer.endpoint)
    this.nextMs = undefined
  }

  /** Nobody who was named counts any more; connected ones are the caller's to end. Bans stay. */
  forgetAll(): void {
    this.peers.clear()
    this.hearsay.clear()
    this.nextMs = undefined
  }

  /** Whoever has everything does not dial others who do. */
  setSeeding(isSeeding: boolean): void {
    this.isSeeding = isSeeding
    this.mayEvict = true
    this.nextMs = undefined
  }

  /**
   * Somebody named a peer. `origin`: who, for the address classes (S20); `teller`, for what strangers may name. False:
   * not kept, because of its address, a ban, or for want of room. One that is left alone gets one more try for it, when its last pause is over; if it is a person
   * who names it, at once.
   */
  add(endpoint: Endpoint, source: PeerSource, origin: PeerOrigin, nowMs: number, teller?: Endpoint): boolean {
    const own = this.ownEndpoints[endpoint.family]
    const isSelf = (other: Endpoint): boolean => own?.address === other.address && own.port === other.port
    if (!acceptsPeer(endpoint, origin, isSelf) || this.isBanned(endpoint.address, nowMs)) return false
    const key = endpointKey(endpoint)
    const known = this.peers.get(key)
    if (known !== undefined) {
      known.sources.add(source)
      if (!isHearsay(source)) this.trust(known)
      this.forgive(known, source, nowMs)
      return true
    }
    const hearsay = isHearsay(source) ? this.takeHearsay(source, endpoint, teller) : undefined
    if (isHearsay(source) && hearsay === undefined) return false
    if (this.peers.size >= this.maxPeers && !this.evict(source)) {
      if (hearsay !== undefined) this.hearsay.release(hearsay)
      return false
    }
    this.peers.set(key, {
      endpoint,
      sources: new Set([source]),
      hearsay,
      use: 'idle',
      failures: 0,
      connectedMs: 0,
      dialAtMs: nowMs,
      isSeed: false,
      wasConnected: false,
      hasDealt: false,
      way: undefined,
      isSecondTry: false,
      priority: this.priorityOf(endpoint),
    })
    this.nextMs = undefined
    return true
  }

  /** The peer to dial now, which counts as being dialled from then on; undefined: none at the moment. */
  next(nowMs: number): Endpoint | undefined {
    if (this.nextWakeMs() > nowMs) return undefined
    let best: KnownPeer | undefined
    for (const peer of this.peers.values()) {
      if (!this.isWorthDialling(peer) || peer.dialAtMs > nowMs) continue
      if (best === undefined || comesFirst(peer, best)) best = peer
    }
    this.nextMs = undefined
    if (best === undefined) return undefined
    best.use = 'dialling'
    return best.endpoint
  }

  /** When `next` has somebody; Infinity: not until something changes. */
  nextWakeMs(): number {
    if (this.nextMs === undefined) {
      this.nextMs = Number.POSITIVE_INFINITY
      for (const peer of this.peers.values()) {
        if (this.isWorthDialling(peer)) this.nextMs = Math.min(this.nextMs, peer.dialAtMs)
      }
    }
    return this.nextMs
  }

  /** A dialled peer could not be reached or did not get past the handshake. */
  failed(endpoint: Endpoint, nowMs: number): void {
    const peer = this.peers.get(endpointKey(endpoint))
    if (peer === undefined) return
    this.release(peer)
    this.fail(peer, nowMs)
  }

  /**
   * A handshake is done. False: a peer of this id is connected already, and this connection is one too many. `endpoint`:
   * the one dialled, or of one who came to us as it is; where it listens is added later, with `listensAt`.
   */
  connected(endpoint: Endpoint, id: PeerId, nowMs: number): boolean {
    if (this.ids.has(id)) return false
    this.ids.add(id)
    const peer = this.peers.get(endpointKey(endpoint))
    if (peer !== undefined) this.use(peer, nowMs)
    return true
  }

  /** A connected peer that came to us listens here (BEP 10, `p`): it is dialled when it has left, not before. */
  listensAt(endpoint: Endpoint, origin: PeerOrigin, nowMs: number): void {
    if (!this.add(endpoint, 'incoming', origin, nowMs)) return
    const peer = this.peers.get(endpointKey(endpoint))
    if (peer !== undefined) this.use(peer, nowMs)
  }

  /**
   * A connected peer is not any more: the one judgement of how that went. `endpoint`: where it is dialled, which for one
   * who came to us is where it listens.
   */
  disconnected(endpoint: Endpoint, id: PeerId, how: PeerEnd, nowMs: number): void {
    this.ids.delete(id)
    const peer = this.peers.get(endpointKey(endpoint))
    if (peer === undefined) return
    this.release(peer)
    const hasLasted = nowMs - peer.connectedMs >= lastingMs
    const hasLeft = how === 'left' || how === 'left-deal'
    peer.hasDealt = how === 'left-deal'
    if (hasLasted) peer.failures = 0
    if (how === 'not-needed') peer.isSeed = true
    else if (how === 'postponed') peer.dialAtMs = nowMs + postponedMs
    else if (how === 'faulty' || (hasLeft && !hasLasted)) this.fail(peer, nowMs)
    else if (hasLeft) peer.dialAtMs = nowMs + (isWaitedFor(peer) ? soonReturnPauseMs : returnPauseMs)
  }

  /** A peer dialled in vain for a reason of ours: it stands as before. */
  abandoned(endpoint: Endpoint): void {
    const peer = this.peers.get(endpointKey(endpoint))
    if (peer?.use === 'dialling') this.release(peer)
  }

  /** As `abandoned`, for a reason that will last a while (see PeerEnd), or as long as is known. */
  postponed(endpoint: Endpoint, nowMs: number, pauseMs = postponedMs): void {
    const peer = this.peers.get(endpointKey(endpoint))
    if (peer?.use !== 'dialling') return
    this.release(peer)
    peer.dialAtMs = nowMs + pauseMs
  }

  /** How it is to be dialled; undefined: as usual. */
  wayTo(endpoint: Endpoint): OpeningWay | undefined {
    return this.peers.get(endpointKey(endpoint))?.way
  }

  /**
   * A dialled peer did not answer one way of opening a connection. True: it is dialled at once the other way, which is
   * remembered. False: neither way will do, and it is `failed`.
   */
  triesOtherWay(endpoint: Endpoint, other: OpeningWay, nowMs: number): boolean {
    const peer = this.peers.get(endpointKey(endpoint))
    if (peer?.use !== 'dialling' || peer.isSecondTry) return false
    this.release(peer)
    peer.way = other
    peer.isSecondTry = true
    peer.dialAtMs = nowMs
    return true
  }

  /** Whether a person named the peer. */
  isNamed(endpoint: Endpoint): boolean {
    const peer = this.peers.get(endpointKey(endpoint))
    return peer !== undefined && isNamed(peer)
  }

  /** Whether a peer of this id is connected. */
  hasId(id: PeerId): boolean {
    return this.ids.has(id)
  }

  /** A peer was seen to have everything or to want nothing, or not to. */
  setSeed(endpoint: Endpoint, isSeed: boolean): void {
    const peer = this.peers.get(endpointKey(endpoint))
    if (peer === undefined) return
    peer.isSeed = isSeed
    this.mayEvict = true
    this.nextMs = undefined
  }

  /** Nobody at an address is dialled or accepted until then. Connected ones are the caller's to end. */
  ban(address: string, untilMs: number): void {
    if (this.bans.size >= mostBans && !this.bans.has(address)) this.dropFirstBan()
    this.bans.set(address, Math.max(untilMs, this.bans.get(address) ?? untilMs))
    for (const peer of [...this.peers.values()]) {
      if (peer.endpoint.address === address && peer.use === 'idle') this.forget(peer)
    }
    this.nextMs = undefined
  }

  bannedAddresses(nowMs: number): string[] {
    return [...this.bans].filter(([, untilMs]) => untilMs > nowMs).map(([address]) => address)
  }

  isBanned(address: string, nowMs: number): boolean {
    const untilMs = this.bans.get(address)
    if (untilMs === undefined) return false
    if (untilMs > nowMs) return true
    this.bans.delete(address)
    return false
  }

  /** Which of connected endpoints to let go when there are too many (BEP 40): the index of the lowest priority, or -1. */
  leastOf(endpoints: readonly Endpoint[]): number {
    let least = -1
    let leastPriority = Number.POSITIVE_INFINITY
    for (const [index, endpoint] of endpoints.entries()) {
      const known = this.peers.get(endpointKey(endpoint))
      const priority = known?.priority ?? this.priorityOf(endpoint)
      if (known?.sources.has('manual') === true || priority >= leastPriority) continue
      least = index
      leastPriority = priority
    }
    return least
  }

  /**
   * The best ones to begin with another time: who was connected, then who did not fail. Local ones only if they were
   * connected, for the next time may be in another network.
   */
  snapshot(maxCount: number, isFromTrackersOnly = false): Endpoint[] {
    const isKept = (peer: KnownPeer): boolean =>
      peer.failures < mostFailures &&
      (peer.wasConnected || peer.sources.has('resume') || addressClass(peer.endpoint.address) === 'global') &&
      (!isFromTrackersOnly || peer.sources.has('tracker'))
    return [...this.peers.values()]
      .filter(isKept)
      .sort((a, b) => Number(b.wasConnected) - Number(a.wasConnected) || a.failures - b.failures)
      .slice(0, maxCount)
      .map((peer) => peer.endpoint)
  }

  private use(peer: KnownPeer, nowMs: number): void {
    peer.use = 'connected'
    this.trust(peer)
    peer.isSecondTry = false
    peer.wasConnected = true
    peer.connectedMs = nowMs
    this.nextMs = undefined
  }

  /** It is not in use any more. Who was banned meanwhile is forgotten only now. */
  private release(peer: KnownPeer): void {
    peer.use = 'idle'
    this.mayEvict = true
    if (this.bans.has(peer.endpoint.address)) this.forget(peer)
    this.nextMs = undefined
  }

  private forgive(peer: KnownPeer, source: PeerSource, nowMs: number): void {
    if (source === 'manual') {
      peer.failures = 0
      peer.dialAtMs = Math.min(peer.dialAtMs, nowMs)
    } else if (peer.failures === mostFailures && nowMs >= peer.dialAtMs) {
      peer.failures = mostFailures - 1
    }
    this.nextMs = undefined
  }

  private fail(peer: KnownPeer, nowMs: number): void {
    if (peer.isSecondTry) peer.way = undefined
    peer.isSecondTry = false
    peer.failures = Math.min(peer.failures + 1, mostFailures)
    this.hasFailedHearsay ||= peer.hearsay !== undefined
    const pauseMs = isWaitedFor(peer) ? firstSoonPauseMs : firstPauseMs
    peer.dialAtMs = nowMs + pauseMs * pauseGrowth ** (peer.failures - 1)
  }

  private isWorthDialling(peer: KnownPeer): boolean {
    if (peer.use !== 'idle' || (peer.failures >= mostFailures && !isNamed(peer))) return false
    return !(this.isSeeding && peer.isSeed)
  }

  private priorityOf(endpoint: Endpoint): number {
    const own = this.ownEndpoints[endpoint.family]
    return own === undefined ? this.random.below(2 ** 32) : peerPriority(own, endpoint)
  }

  /** Makes room for one: the least promising of those not in use, and never one better than a stranger. */
  private evict(source: PeerSource): boolean {
    const isTrusted = source === 'manual' || source === 'incoming'
    if (!isTrusted && !this.mayEvict) return false
    let worst: KnownPeer | undefined
    let worstMerit = isTrusted ? Number.POSITIVE_INFINITY : strangerMerit
    for (const peer of this.peers.values()) {
      if (peer.use !== 'idle' || peer.sources.has('manual')) continue
      const merit = this.meritOf(peer)
      if (merit >= worstMerit) continue
      worst = peer
      worstMerit = merit
    }
    if (worst === undefined) {
      if (!isTrusted) this.mayEvict = false
      return false
    }
    this.forget(worst)
    return true
  }

  private forget(peer: KnownPeer): void {
    this.trust(peer)
    this.peers.delete(endpointKey(peer.endpoint))
  }

  /** It takes no place of hearsay any more. */
  private trust(peer: KnownPeer): void {
    if (peer.hearsay !== undefined) this.hearsay.release(peer.hearsay)
    peer.hearsay = undefined
  }

  /** The places of those that failed are the first to go to others. */
  private takeHearsay(source: HearsaySource, endpoint: Endpoint, teller: Endpoint | undefined): Hearsay | undefined {
    if (this.hearsay.isFull(source) && this.hasFailedHearsay) {
      const failed = [...this.peers.values()].find(
        (peer) => peer.hearsay?.source === source && peer.use === 'idle' && peer.failures > 0,
      )
      if (failed === undefined) this.hasFailedHearsay = false
      else this.forget(failed)
    }
    return this.hearsay.take(source, endpoint, teller)
  }

  private meritOf(peer: KnownPeer): number {
    const known = peer.wasConnected ? strangerMerit : 0
    return known + (this.isSeeding && peer.isSeed ? 0 : 1) + mostFailures - peer.failures
  }

  private dropFirstBan(): void {
    for (const address of this.bans.keys()) {
      this.bans.delete(address)
      return
    }
  }
}

function isHearsay(source: PeerSource): source is HearsaySource {
  return source === 'dht' || source === 'pex' || source === 'lsd'
}

/** A person did: it is worth trying for as long as it takes. */
function isNamed(peer: KnownPeer): boolean {
  return peer.sources.has('manual')
}

function isWaitedFor(peer: KnownPeer): boolean {
  return peer.hasDealt || isNamed(peer)
}

/** More than any failures and seeds count: the merit of an unknown peer that has not failed. */
const strangerMerit = mostFailures + 1

function comesFirst(a: KnownPeer, b: KnownPeer): boolean {
  const isAManual = a.sources.has('manual')
  if (isAManual !== b.sources.has('manual')) return isAManual
  if (a.failures !== b.failures) return a.failures < b.failures
  return a.priority > b.priority
}
