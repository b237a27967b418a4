// Fuzz target: the peer wire decoder and the handshake (BEP 3, 6, 10, 52). For any bytes, cut anywhere, the
// events and the failure are the same; what was decoded has an encoding that decodes to itself.
import assert from 'node:assert/strict'
import { concatBytes, fromLatin1 } from '../src/base/bytes.ts'
import { HandshakeDecoder, handshakeLength } from '../src/formats/peer/handshake.ts'
import { checkBitfield } from '../src/formats/peer/wire-decoder.ts'
import { decodeInChunks, encodeMessage, type WireMessage } from '../test/formats/peer/recorded-wire.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const range = { piecesRoot: 'ab'.repeat(32), baseLayer: 0, index: 4, length: 4, proofLayers: 2 }

const messages: readonly WireMessage[] = [
  { type: 'keepAlive' },
  { type: 'choke' },
  { type: 'bitfield', bits: 'ffe0' },
  { type: 'have', piece: 3 },
  { type: 'request', piece: 1, begin: 16_384, length: 16_384 },
  { type: 'piece', piece: 1, begin: 16, length: 20, block: 'cd'.repeat(20) },
  { type: 'port', port: 6881 },
  { type: 'extended', id: 0, payload: '64313a6d6465' },
  { type: 'hashRequest', ...range },
  { type: 'hashes', ...range, hashes: '01'.repeat(64) },
]

/** The first two bytes choose the torrent's size and the cuts; the others are the stream. */
const choice = Uint8Array.of(11, 7)
const opening = concatBytes([fromLatin1('\x13BitTorrent protocol'), new Uint8Array(48)])

function decodeHandshake(stream: Uint8Array, step: number): string {
  const decoder = new HandshakeDecoder()
  let taken = 0
  for (let start = 0; start < Math.min(stream.length, handshakeLength + step); start += step) {
    const count = decoder.push(stream.subarray(start, start + step))
    if (typeof count !== 'number') return count.detail
    taken += count
  }
  assert.equal(decoder.handshake() !== undefined, taken === handshakeLength)
  return JSON.stringify(decoder.handshake() ?? taken)
}

function assertEncodable(message: WireMessage, pieceCount: number | undefined): void {
  if (message.type === 'unknown' || (message.type === 'port' && message.port === 0)) return
  if (message.type === 'piece' && message.block.length !== 2 * message.length) return
  const options = pieceCount === undefined ? {} : { pieceCount }
  assert.deepEqual(decodeInChunks(encodeMessage(message), [], options).messages, [message])
}

export const target: FuzzTarget = {
  name: 'peer-wire',
  seeds: [
    ...messages.map((message) => concatBytes([choice, encodeMessage(message)])),
    concatBytes([choice, ...messages.map(encodeMessage)]),
    concatBytes([choice, opening]),
  ],
  tokens: Array.from({ length: 24 }, (_, id) => Uint8Array.of(0, 0, 0, 1, id)),
  run(input) {
    const pieceCount = input[0] || undefined
    const step = 1 + (input[1] ?? 0)
    const stream = input.subarray(2)
    const options = pieceCount === undefined ? {} : { pieceCount }
    const cuts = Array.from({ length: Math.ceil(stream.length / step) }, (_, index) => index * step)
    const whole = decodeInChunks(stream, [], options)
    assert.deepEqual(decodeInChunks(stream, cuts, options), whole)
    if (whole.code !== undefined) assert.match(whole.code, /^peer-frame-(too-large|length|value)$/)
    for (const message of whole.messages.slice(0, 20)) assertEncodable(message, pieceCount)
    if (pieceCount !== undefined) checkBitfield(stream.subarray(0, 40), pieceCount)
    assert.equal(decodeHandshake(stream, step), decodeHandshake(stream, 1))
  },
}
