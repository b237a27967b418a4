// Fuzz target: a whole peer connection (BEP 3, 6, 10, 21, 52, 54). For any bytes, cut anywhere, with the torrent's size
// known from the start or set on the way: events keep their contract, come out the same, and none follows a failure.
import assert from 'node:assert/strict'
import { concatBytes, fromLatin1, toHex } from '../src/base/bytes.ts'
import { encodeMessage, type WireMessage } from '../test/formats/peer/recorded-wire.ts'
import { allFlags, noFlags, somePeer, testPeer } from '../test/peer/piped-connection.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const range = { piecesRoot: 'ab'.repeat(32), baseLayer: 0, index: 4, length: 4, proofLayers: 2 }
const handshake = toHex(fromLatin1('d1:md6:ut_pexi1e11:lt_donthavei7ee4:reqqi5e11:upload_onlyi1ee'))

const messages: readonly WireMessage[] = [
  { type: 'extended', id: 0, payload: handshake },
  { type: 'bitfield', bits: 'ffe0' },
  { type: 'unchoke' },
  { type: 'interested' },
  { type: 'have', piece: 3 },
  { type: 'request', piece: 1, begin: 16_384, length: 16_384 },
  { type: 'piece', piece: 1, begin: 16, length: 20, block: 'cd'.repeat(20) },
  { type: 'piece', piece: 1, begin: 16, length: 0, block: '' },
  { type: 'reject', piece: 1, begin: 0, length: 5 },
  { type: 'extended', id: 1, payload: 'aabb' },
  { type: 'extended', id: 3, payload: '00000003' },
  { type: 'extended', id: 4, payload: '01' },
  { type: 'hashRequest', ...range },
  { type: 'hashes', ...range, hashes: '01'.repeat(64) },
  { type: 'hashReject', ...range },
  { type: 'allowedFast', piece: 2 },
  { type: 'suggest', piece: 2 },
  { type: 'port', port: 6881 },
  { type: 'bitfield', bits: '07e0' },
  { type: 'haveAll' },
  { type: 'choke' },
]
const codes = /^peer-(frame-too-large|frame-length|frame-value|protocol|flood)$/

/** Features, chunk length, when the size is told (in units of 8 bytes), piece count. */
const choices = [Uint8Array.of(0xff, 7, 0, 11), Uint8Array.of(0xff, 40, 20, 11), Uint8Array.of(0, 1, 0, 200)]

/** What is told and answered when the stream comes in chunks of `step` bytes. */
function outcomeOf(choice: Uint8Array, stream: Uint8Array, step: number): string {
  const [features = 0, , sizeAt = 0, pieces = 0] = choice
  const pieceCount = Math.max(1, pieces)
  const flags = (features & 1) === 0 ? noFlags : allFlags
  const { connection, events, sink } = testPeer({
    remote: { flags, infoHash: '00'.repeat(20), peerId: somePeer },
    isV2: (features & 2) !== 0,
    checkedPieceCount: pieceCount,
    ...(sizeAt === 0 ? { pieceCount } : {}),
  })
  events.wantsBlocks = (features & 4) !== 0
  if ((features & 8) !== 0) connection.setEvents(events)
  for (let count = (features >>> 4) & 3; count > 0; count--) {
    connection.request(0, 0, 1)
    connection.hashRequest({ ...range, piecesRoot: new Uint8Array(32) })
  }
  let code: string | undefined
  const take = (bytes: Uint8Array) => {
    for (let start = 0; start < bytes.length; start += step) {
      const chunk = bytes.slice(start, start + step)
      code = connection.receive(chunk, 0)?.code
      chunk.fill(0xee)
      events.isOver = code !== undefined
    }
  }
  take(stream.subarray(0, sizeAt * 8))
  if (sizeAt !== 0) code = connection.setPieceCount(pieceCount)?.code ?? code
  events.isOver = code !== undefined
  if ((features & 8) === 0) connection.setEvents(events)
  take(stream.subarray(sizeAt * 8))
  if (code !== undefined) assert.match(code, codes)
  connection.flush()
  const blocks = events.blocks.map(toHex)
  return JSON.stringify([code, events.lines, blocks, toHex(sink.take()), connection.receivedPayloadBytes])
}

export const target: FuzzTarget = {
  name: 'peer-connection',
  seeds: [
    ...choices.map((choice) => concatBytes([choice, ...messages.map(encodeMessage)])),
    ...messages.map((message) => concatBytes([choices[0] as Uint8Array, encodeMessage(message)])),
  ],
  tokens: [
    ...messages.map(encodeMessage),
    ...Array.from({ length: 24 }, (_, id) => Uint8Array.of(0, 0, 0, 1, id)),
    Uint8Array.of(0, 0, 0, 6, 20, 3, 0, 0, 0, 1),
  ],
  run(input) {
    const choice = input.subarray(0, 4)
    const stream = input.subarray(4)
    const step = 1 + (choice[1] ?? 0)
    assert.equal(outcomeOf(choice, stream, step), outcomeOf(choice, stream, 100_000))
  },
}
