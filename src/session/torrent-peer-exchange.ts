// The peers of one torrent telling each other of their peers (BEP 11). Guarantees: only peers past the handshake whom
// others can dial are told of, local ones to local ones alone; what is told to us is hearsay within its share of the
// peer list; a private torrent has no part in it (BEP 27), which its links see to. Owns a line for each peer that takes it.
import type { Endpoint } from '../base/endpoint.ts'
import { addressClass } from '../formats/address-class.ts'
import { endpointKey } from '../formats/compact-endpoint.ts'
import { type ExchangedPeer, peerExchangeExtension } from '../formats/peer/peer-exchange.ts'
import { PeerExchangeLine } from '../peer/peer-exchange-line.ts'
import type { PeerList } from './peer-list.ts'
import type { SessionRoom } from './session-room.ts'
import type { LinkedPeer } from './torrent-exchange.ts'
import type { WakeOwner } from './turns.ts'

export interface ExchangingTorrent {
  readonly peers: PeerList
  readonly isFinished: boolean
}

/** What happens within it goes out together. */
const gatherMs = 1_000
/** Two lists of 200 endpoints of each family with flags. */
export const maxExchangePayloadBytes = 16_384

export class TorrentPeerExchange {
  private readonly room: SessionRoom
  private readonly torrent: ExchangingTorrent
  private readonly wakeOwner: WakeOwner
  private readonly lines = new Map<LinkedPeer, PeerExchangeLine>()
  private readonly linked: () => Iterable<LinkedPeer>
  private wakeMs = Number.POSITIVE_INFINITY

  /** `linked`: the peers past the handshake. */
  constructor(room: SessionRoom, torrent: ExchangingTorrent, linked: () => Iterable<LinkedPeer>) {
    this.room = room
    this.torrent = torrent
    this.linked = linked
    this.wakeOwner = room.turns.register((nowMs) => this.tell(nowMs))
  }

  /** A peer has come or gone, can be dialled or takes part from now on. */
  changed(nowMs: number): void {
    if (this.lines.size > 0) this.wakeBy(nowMs + gatherMs)
  }

  /** A peer said what it takes. */
  join(link: LinkedPeer, nowMs: number): void {
    if (!this.lines.has(link) && link.peer.supports(peerExchangeExtension)) {
      this.lines.set(link, new PeerExchangeLine(nowMs))
    }
    this.changed(nowMs)
  }

  leave(link: LinkedPeer, nowMs: number): void {
    this.lines.delete(link)
    this.changed(nowMs)
  }

  take(link: LinkedPeer, payload: Uint8Array, nowMs: number): void {
    const line = this.lines.get(link) ?? new PeerExchangeLine(nowMs)
    this.lines.set(link, line)
    const told = line.take(payload, nowMs)
    if (!told.ok) {
      link.connection.end(told, nowMs)
      return
    }
    const { peers, isFinished } = this.torrent
    const { remote } = link.connection
    for (const { endpoint, isUploadOnly } of told.value) {
      // Whoever has everything has nothing to ask of those who do.
      if (!(isFinished && isUploadOnly)) peers.add(endpoint, 'pex', { address: remote.address }, nowMs, remote)
    }
    this.room.reviewDialling()
  }

  close(): void {
    this.lines.clear()
    this.room.turns.unregister(this.wakeOwner)
  }

  private tell(nowMs: number): void {
    this.wakeMs = Number.POSITIVE_INFINITY
    const peers = this.exchanged()
    for (const [link, line] of this.lines) {
      if (link.peer.supports(peerExchangeExtension)) {
        const message = line.compose(peers, (endpoint) => mayHear(link, endpoint), nowMs)
        if (message !== undefined) link.peer.extended(peerExchangeExtension, message)
      }
      if (line.nextMs > nowMs) this.wakeBy(line.nextMs)
    }
  }

  private exchanged(): Map<string, ExchangedPeer> {
    const peers = new Map<string, ExchangedPeer>()
    for (const { connection, endpoint, peer, swarmPeer } of this.linked()) {
      if (endpoint === undefined) continue
      peers.set(endpointKey(endpoint), {
        endpoint,
        prefersEncryption: false,
        isUploadOnly: peer.isUploadOnly || swarmPeer?.isSeed === true,
        supportsUtp: false,
        supportsHolepunch: false,
        isReachable: connection.direction === 'dialled',
      })
    }
    return peers
  }

  private wakeBy(atMs: number): void {
    if (atMs >= this.wakeMs) return
    this.wakeMs = atMs
    this.room.turns.wakeAt(this.wakeOwner, atMs)
  }
}

/** Not of itself, nor of others behind its own public address; what is in our local network is nobody's business elsewhere. */
function mayHear({ connection: { remote }, endpoint: own }: LinkedPeer, endpoint: Endpoint): boolean {
  if (own !== undefined && endpointKey(own) === endpointKey(endpoint)) return false
  if (endpoint.address === remote.address && addressClass(remote.address) === 'global') return false
  return addressClass(endpoint.address) === 'global' || addressClass(remote.address) !== 'global'
}
