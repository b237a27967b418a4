// A version 2 torrent while its peers are asked for the hashes of its pieces (BEP 52): drives one PieceLayersFetch.
// Guarantees: every hash is proven before it is used; who sends others is ended and banned. Owns the fetch and its
// wake-up.
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'
import { PieceLayersFetch } from '../peer/piece-layers-fetch.ts'
import type { Fetching, FetchingEvents } from './fetching-metadata.ts'
import type { SessionRoom } from './session-room.ts'
import { idleExchange, type LinkedPeer } from './torrent-exchange.ts'

export interface FetchingLayersEvents extends FetchingEvents {
  /** All of them, by root in hexadecimal. Told once, at the end of a turn. */
  onPieceLayers(pieceLayers: ReadonlyMap<string, Uint8Array>, nowMs: number): void
}

export function fetchingLayers(
  room: SessionRoom,
  info: TorrentInfo,
  known: ReadonlyMap<string, Uint8Array>,
  events: FetchingLayersEvents,
): Fetching {
  const machine = new PieceLayersFetch(info, known)
  const links = new Map<number, LinkedPeer>()
  let isClosed = false
  const wakeOwner = room.turns.register((nowMs) => {
    machine.wake(nowMs)
    events.touch()
  })

  function settle(nowMs: number): void {
    for (let output = machine.poll(); output !== undefined && !isClosed; output = machine.poll()) {
      if (output.type === 'done') {
        events.onPieceLayers(output.pieceLayers, nowMs)
        continue
      }
      const link = links.get(output.peer)
      if (link === undefined) continue
      if (output.type === 'ban') events.onLiar(link, output.failure, nowMs)
      else link.peer.hashRequest(output.range)
    }
    if (!isClosed) room.turns.wakeAt(wakeOwner, machine.nextWakeMs())
  }

  return {
    ...idleExchange,
    settle,
    join(link, nowMs) {
      links.set(link.number, link)
      if (link.peer.isV2) machine.addPeer(link.number, nowMs)
    },
    leave(link, nowMs) {
      links.delete(link.number)
      machine.removePeer(link.number, nowMs)
    },
    takeHashes(link, range, hashes, nowMs) {
      machine.hashes(link.number, range, hashes, nowMs)
    },
    takeHashReject(link, range, nowMs) {
      machine.rejected(link.number, range, nowMs)
    },
    close() {
      isClosed = true
      room.turns.unregister(wakeOwner)
    },
  }
}
