// The peers of one torrent that a person named: host names are resolved, again and again until that works, and why one
// cannot be had is told to that person. Guarantees: each reason is told once for each peer, and never while another
// address of the same name is good; nobody is given up. Owns the names and the wake-up for those to be resolved again.
import type { Endpoint } from '../base/endpoint.ts'
import { type Failure, failure } from '../base/errors.ts'
import { endpointKey, formatEndpoint, parseAddress } from '../formats/compact-endpoint.ts'
import { formatPeerAddress, type PeerAddress } from '../formats/magnet.ts'
import type { TorrentId } from './commands.ts'
import type { SessionRoom } from './session-room.ts'
import type { NamedPeerRow, Problem } from './snapshots.ts'

export interface NamingTorrent {
  readonly facts: { readonly id: TorrentId }
  /** To be dialled. Why not, if not. */
  namePeer(endpoint: Endpoint, source: 'manual', nowMs: number): Failure | undefined
}

interface NamedPeer {
  readonly text: string
  readonly address: PeerAddress
  /** What it resolved to, by key, and why each of them could not be had the last time. */
  readonly endpoints: Map<string, Failure | undefined>
  readonly problems: Problem[]
  resolveAtMs: number
  attempts: number
}

export const privatePeersFailure = failure('torrent-value', 'peers of a private torrent come from trackers')

const maxProblems = 10
const firstPauseMs = 2_000
const longestPauseMs = 60_000

export class NamedPeers {
  private readonly room: SessionRoom
  private readonly torrent: NamingTorrent
  private readonly peers = new Map<string, NamedPeer>()
  private readonly wakeOwner: number
  private readonly abort = new AbortController()

  constructor(room: SessionRoom, torrent: NamingTorrent) {
    this.room = room
    this.torrent = torrent
    this.wakeOwner = room.turns.register((nowMs) => this.wake(nowMs))
  }

  /** In the order they were named. */
  rows(): NamedPeerRow[] {
    return Array.from(this.peers.values(), ({ text, problems }) => ({ peer: text, problems: [...problems] }))
  }

  name(address: PeerAddress, nowMs: number): void {
    const text = formatPeerAddress(address)
    const known = this.peers.get(text)
    const peer = known ?? {
      text,
      address,
      endpoints: new Map(),
      problems: [],
      resolveAtMs: Number.POSITIVE_INFINITY,
      attempts: 0,
    }
    this.peers.set(text, peer)
    const literal = parseAddress(address.host)
    if (literal === undefined) this.resolve(peer)
    else this.add(peer, { ...literal, port: address.port }, nowMs)
  }

  /** A peer could not be had, whether it was named or not. */
  failed(endpoint: Endpoint, why: Failure): void {
    const key = endpointKey(endpoint)
    for (const peer of this.peers.values()) {
      if (!peer.endpoints.has(key)) continue
      peer.endpoints.set(key, why)
      if ([...peer.endpoints.values()].every((reason) => reason !== undefined)) this.tell(peer, why)
    }
  }

  connected(endpoint: Endpoint): void {
    const key = endpointKey(endpoint)
    for (const peer of this.peers.values()) if (peer.endpoints.has(key)) peer.endpoints.set(key, undefined)
  }

  /** None of them will be dialled any more. */
  refuseAll(why: Failure): void {
    for (const peer of this.peers.values()) {
      peer.endpoints.clear()
      this.tell(peer, why)
    }
  }

  close(): void {
    this.abort.abort()
    this.peers.clear()
    this.room.turns.unregister(this.wakeOwner)
  }

  private add(peer: NamedPeer, endpoint: Endpoint, nowMs: number): void {
    const refused = this.torrent.namePeer(endpoint, 'manual', nowMs)
    peer.endpoints.set(endpointKey(endpoint), undefined)
    if (refused !== undefined) this.failed(endpoint, refused)
  }

  private resolve(peer: NamedPeer): void {
    const { turns, ports } = this.room
    const { host, port } = peer.address
    peer.resolveAtMs = Number.POSITIVE_INFINITY
    turns.after(ports.resolver.resolve(host, 'any', this.abort.signal), (addresses, nowMs) => {
      if (this.abort.signal.aborted) return
      if (!addresses.ok) {
        peer.resolveAtMs = nowMs + Math.min(longestPauseMs, firstPauseMs * 2 ** peer.attempts++)
        this.tell(peer, addresses)
        this.plan()
        return
      }
      peer.attempts = 0
      for (const address of addresses.value) peer.endpoints.set(endpointKey({ ...address, port }), undefined)
      for (const address of addresses.value) this.add(peer, { ...address, port }, nowMs)
    })
  }

  private wake(nowMs: number): void {
    for (const peer of this.peers.values()) if (peer.resolveAtMs <= nowMs) this.resolve(peer)
    this.plan()
  }

  private plan(): void {
    let wakeMs = Number.POSITIVE_INFINITY
    for (const { resolveAtMs } of this.peers.values()) wakeMs = Math.min(wakeMs, resolveAtMs)
    this.room.turns.wakeAt(this.wakeOwner, wakeMs)
  }

  private tell(peer: NamedPeer, { code, detail }: Failure): void {
    const { problems, text } = peer
    // Sockets say where it was, which is in the name already.
    const said = detail.startsWith(`${text}: `) ? detail.slice(text.length + 2) : detail
    const isTold = problems.some((problem) => problem.code === code && problem.detail === said)
    if (isTold || problems.length >= maxProblems) return
    const problem = { code, detail: said }
    problems.push(problem)
    this.room.log.add({ type: 'named-peer', id: this.torrent.facts.id, peer: text, problem })
  }
}

/** Why a peer is not even listed. */
export function unlistedFailure(endpoint: Endpoint, isBanned: boolean): Failure {
  if (isBanned) return failure('peer-surplus', `${formatEndpoint(endpoint)}: the address is banned`)
  return failure('connection-failed', `${formatEndpoint(endpoint)}: no address to connect to`)
}
