// A magnet link's torrent while its peers are asked for the info dictionary (BEP 9): drives one MetadataFetch.
// Guarantees: liars are ended and banned; what comes out has the right hash. Owns the fetch and its wake-up.
import type { Failure } from '../base/errors.ts'
import { metadataExtension } from '../formats/peer/metadata-message.ts'
import { MetadataFetch } from '../peer/metadata-exchange.ts'
import type { TorrentHashes } from '../peer/peer-opening.ts'
import type { SessionRoom } from './session-room.ts'
import { idleExchange, type LinkedPeer, type TorrentExchange } from './torrent-exchange.ts'

export interface FetchingEvents {
  /** `settle` is to be called before the turn ends. */
  touch(): void
  /** To be ended and banned. */
  onLiar(link: LinkedPeer, why: Failure, nowMs: number): void
}

export interface FetchingMetadataEvents extends FetchingEvents {
  /** The info dictionary, yet to be parsed. Told once, at the end of a turn. */
  onMetadata(info: Uint8Array, nowMs: number): void
}

export interface Fetching extends TorrentExchange {
  close(): void
}

export function fetchingMetadata(room: SessionRoom, hashes: TorrentHashes, events: FetchingMetadataEvents): Fetching {
  const machine = new MetadataFetch(hashes)
  const links = new Map<number, LinkedPeer>()
  let isClosed = false
  const wakeOwner = room.turns.register((nowMs) => {
    machine.wake(nowMs)
    events.touch()
  })

  function ask(link: LinkedPeer, nowMs: number): void {
    if (link.metadataLengthBytes === 0) return
    machine.addPeer(link.number, link.metadataLengthBytes, nowMs)
    events.touch()
  }

  function settle(nowMs: number): void {
    for (let output = machine.poll(); output !== undefined && !isClosed; output = machine.poll()) {
      if (output.type === 'done') {
        events.onMetadata(output.info, nowMs)
        continue
      }
      const link = links.get(output.peer)
      if (link === undefined) continue
      if (output.type === 'ban') events.onLiar(link, output.failure, nowMs)
      else link.peer.extended(metadataExtension, output.payload)
    }
    if (!isClosed) room.turns.wakeAt(wakeOwner, machine.nextWakeMs())
  }

  return {
    ...idleExchange,
    settle,
    join(link, nowMs) {
      links.set(link.number, link)
      ask(link, nowMs)
    },
    leave(link, nowMs) {
      links.delete(link.number)
      machine.removePeer(link.number, nowMs)
    },
    takeMetadataLength: ask,
    takeMetadata(link, payload, nowMs) {
      machine.receive(link.number, payload, nowMs)
    },
    close() {
      isClosed = true
      room.turns.unregister(wakeOwner)
    },
  }
}
