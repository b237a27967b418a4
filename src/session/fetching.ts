// What a torrent asks of its peers before it can download: the info dictionary of a magnet link (BEP 9), and the hashes
// of the pieces of a version 2 torrent (BEP 52). Each drives one machine, both in the same way.
// Guarantees: what comes out was proven by its hash; liars are ended and banned; once closed, nothing is asked or told
// any more. Owns the machine and its wake-up.
import type { Failure } from '../base/errors.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'
import { metadataExtension } from '../formats/peer/metadata-message.ts'
import { MetadataFetch } from '../peer/metadata-exchange.ts'
import type { TorrentHashes } from '../peer/peer-opening.ts'
import { PieceLayersFetch } from '../peer/piece-layers-fetch.ts'
import type { SessionRoom } from './session-room.ts'
import { type ExchangePeers, idleExchange, type LinkedPeer, type TorrentExchange } from './torrent-exchange.ts'

export interface Fetching extends TorrentExchange {
  close(): void
}

/** `onMetadata`: the info dictionary, yet to be parsed; called once, at the end of a turn. */
export function fetchingMetadata(
  room: SessionRoom,
  peers: ExchangePeers,
  hashes: TorrentHashes,
  onMetadata: (info: Uint8Array, nowMs: number) => void,
): Fetching {
  const machine = new MetadataFetch(hashes)
  const fetching = fetchingWith(room, peers, machine, (output, link, nowMs) => {
    if (output.type === 'done') onMetadata(output.info, nowMs)
    else link?.peer.extended(metadataExtension, output.payload)
  })

  function ask(link: LinkedPeer, nowMs: number): void {
    if (link.metadataLengthBytes === 0) return
    machine.addPeer(link.number, link.metadataLengthBytes, nowMs)
    peers.touch()
  }

  return {
    ...fetching,
    join(link, nowMs) {
      fetching.join(link, nowMs)
      ask(link, nowMs)
    },
    takeMetadataLength: ask,
    takeMetadata: (link, payload, nowMs) => machine.receive(link.number, payload, nowMs),
  }
}

/** `onPieceLayers`: all of them, by root in hexadecimal; called once, at the end of a turn. */
export function fetchingLayers(
  room: SessionRoom,
  peers: ExchangePeers,
  { info, pieceLayers }: Metainfo,
  onPieceLayers: (pieceLayers: ReadonlyMap<string, Uint8Array>, nowMs: number) => void,
): Fetching {
  const machine = new PieceLayersFetch(info, pieceLayers)
  const fetching = fetchingWith(room, peers, machine, (output, link, nowMs) => {
    if (output.type === 'done') onPieceLayers(output.pieceLayers, nowMs)
    else link?.peer.hashRequest(output.range)
  })
  return {
    ...fetching,
    join(link, nowMs) {
      fetching.join(link, nowMs)
      if (link.peer.isV2) machine.addPeer(link.number, nowMs)
    },
    takeHashes: (link, range, hashes, nowMs) => machine.hashes(link.number, range, hashes, nowMs),
    takeHashReject: (link, range, nowMs) => machine.rejected(link.number, range, nowMs),
  }
}

interface Lie {
  readonly type: 'ban'
  readonly peer: number
  readonly failure: Failure
}

/** Peers are known to it by the numbers of their links. */
interface FetchMachine<Output> {
  removePeer(peer: number, nowMs: number): void
  wake(nowMs: number): void
  nextWakeMs(): number
  poll(): Output | Lie | undefined
}

type FetchOutput = { readonly type: 'send' | 'request'; readonly peer: number } | { readonly type: 'done' }

/** What is common to both. `perform`: a question for a peer, which may have left meanwhile, or what was looked for. */
function fetchingWith<Output extends FetchOutput>(
  room: SessionRoom,
  peers: ExchangePeers,
  machine: FetchMachine<Output>,
  perform: (output: Output, link: LinkedPeer | undefined, nowMs: number) => void,
): Fetching {
  const links = new Map<number, LinkedPeer>()
  let isClosed = false
  const wakeOwner = room.turns.register((nowMs) => {
    machine.wake(nowMs)
    peers.touch()
  })
  return {
    ...idleExchange,
    settle(nowMs) {
      for (let output = machine.poll(); output !== undefined && !isClosed; output = machine.poll()) {
        const link = 'peer' in output ? links.get(output.peer) : undefined
        if (output.type !== 'ban') perform(output, link, nowMs)
        else if (link !== undefined) peers.banPeer(link, output.failure, nowMs)
      }
      if (!isClosed) room.turns.wakeAt(wakeOwner, machine.nextWakeMs())
    },
    join: (link) => void links.set(link.number, link),
    leave(link, nowMs) {
      links.delete(link.number)
      machine.removePeer(link.number, nowMs)
    },
    close() {
      isClosed = true
      room.turns.unregister(wakeOwner)
    },
  }
}
