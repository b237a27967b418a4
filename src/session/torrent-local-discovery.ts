// One torrent in local discovery (BEP 14): announced to the local network while it runs, and told who else has it.
// Guarantees: a private torrent is not (BEP 27), from the moment it is known to be one. Owns which names it goes by there.
import { toHex } from '../base/bytes.ts'
import type { PeerList } from './peer-list.ts'
import type { SessionRoom } from './session-room.ts'
import { type TorrentFacts, wireHashes } from './torrent-facts.ts'

export interface LocalTorrent {
  readonly facts: TorrentFacts
  readonly peers: PeerList
}

export class TorrentLocalDiscovery {
  private readonly room: SessionRoom
  private readonly torrent: LocalTorrent
  private names: readonly string[] = []

  constructor(room: SessionRoom, torrent: LocalTorrent) {
    this.room = room
    this.torrent = torrent
  }

  /** It runs, under all the info hashes that are known by now. */
  start(nowMs: number): void {
    this.stop()
    const { facts, peers } = this.torrent
    if (facts.metainfo?.info.isPrivate === true) return
    this.names = wireHashes(facts).map(toHex)
    this.room.localDiscovery.add(
      this.names,
      (endpoint, atMs) => {
        peers.add(endpoint, 'lsd', { address: endpoint.address }, atMs, endpoint)
        this.room.reviewDialling()
      },
      nowMs,
    )
  }

  stop(): void {
    this.room.localDiscovery.remove(this.names)
    this.names = []
  }
}
