// Peer connections without a network: a sink that keeps bytes, connections with sensible options, and a pair of them
// joined by pipes that cut the streams where the caller says.
import { concatBytes, fromLatin1 } from '../../src/base/bytes.ts'
import type { Failure } from '../../src/base/errors.ts'
import { type PeerId, peerId } from '../../src/base/ids.ts'
import type { HandshakeFlags } from '../../src/formats/peer/handshake.ts'
import { PeerConnection, type PeerConnectionOptions } from '../../src/peer/peer-connection.ts'
import type { ByteSink } from '../../src/peer/peer-events.ts'
import { RecordedEvents } from './recorded-events.ts'

export const allFlags: HandshakeFlags = { extensionProtocol: true, fast: true, dht: true, v2Upgrade: true }
export const noFlags: HandshakeFlags = { extensionProtocol: false, fast: false, dht: false, v2Upgrade: false }
export const somePeer: PeerId = peerId(fromLatin1('-LT2080-abcdefghijkl'))

/** Keeps what is written, copied at once as a stream copies headers. */
export class KeptBytes implements ByteSink {
  queuedBytes = 0
  writes = 0
  answer = true
  private parts: Uint8Array[] = []

  write(header: Uint8Array, payload?: Uint8Array): boolean {
    this.writes++
    this.parts.push(header.slice())
    if (payload !== undefined) this.parts.push(payload.slice())
    return this.answer
  }

  take(): Uint8Array {
    const bytes = concatBytes(this.parts)
    this.parts = []
    return bytes
  }
}

export interface TestPeer {
  readonly connection: PeerConnection
  readonly events: RecordedEvents
  readonly sink: KeptBytes
}

/** A connection to a peer of all features, told about 20 pieces; `changes` win. */
export function testPeer(
  changes: Partial<PeerConnectionOptions> & { readonly checkedPieceCount?: number } = {},
): TestPeer {
  const sink = new KeptBytes()
  const events = new RecordedEvents(changes.checkedPieceCount ?? changes.pieceCount ?? 20)
  const connection = new PeerConnection({
    sink,
    local: allFlags,
    remote: { flags: allFlags, infoHash: '00'.repeat(20), peerId: somePeer },
    isV2: true,
    offers: [
      { name: 'ut_metadata', maxPayloadBytes: 20_000 },
      { name: 'ut_pex', maxPayloadBytes: 2_000 },
    ],
    requestQueueLength: 2_000,
    extension: events,
    nowMs: 0,
    ...changes,
  })
  return { connection, events, sink }
}

/** The same with a piece count and its events set: told at once. */
export function livePeer(changes: Partial<PeerConnectionOptions> = {}): TestPeer {
  const peer = testPeer({ pieceCount: 20, ...changes })
  peer.connection.setEvents(peer.events)
  return peer
}

/** Gives `stream` to a connection cut before each position; the last answer. Buffers are overwritten afterwards. */
export function receiveInChunks(
  connection: PeerConnection,
  stream: Uint8Array,
  cuts: readonly number[],
  nowMs = 0,
): Failure | undefined {
  let wrong: Failure | undefined
  let start = 0
  for (const cut of [...[...cuts].sort((a, b) => a - b), stream.length]) {
    const end = Math.min(Math.max(cut, start), stream.length)
    if (end === start) continue
    const chunk = stream.slice(start, end)
    wrong = connection.receive(chunk, nowMs)
    chunk.fill(0xee)
    start = end
  }
  return wrong
}
