// Any valid peer wire messages, for property tests. Blocks and payloads are short, so that cuts of the stream
// fall everywhere, with a longer one now and then.
import fc from 'fast-check'
import { toHex } from '../../../src/base/bytes.ts'
import type { WireMessage } from './recorded-wire.ts'

const piece = fc.nat(2 ** 21 - 1)
const begin = fc.nat(512 * 1024 * 1024 - 131_072)

function hex(minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.uint8Array({ minLength, maxLength }).map(toHex)
}

const payload = fc.oneof({ weight: 5, arbitrary: hex(0, 40) }, { weight: 1, arbitrary: hex(0, 2_000) })

const range = fc.record({
  piecesRoot: hex(32, 32),
  baseLayer: fc.nat(20),
  index: fc.nat(2 ** 32 - 8_192),
  length: fc.integer({ min: 4, max: 8_192 }),
  proofLayers: fc.nat(20),
})

const arbitraryMessage: fc.Arbitrary<WireMessage> = fc.oneof(
  fc.record({
    type: fc.constantFrom(
      'keepAlive' as const,
      'choke' as const,
      'unchoke' as const,
      'interested' as const,
      'notInterested' as const,
      'haveAll' as const,
      'haveNone' as const,
    ),
  }),
  fc.record({ type: fc.constantFrom('have' as const, 'suggest' as const, 'allowedFast' as const), piece }),
  fc.record({
    type: fc.constantFrom('request' as const, 'cancel' as const, 'reject' as const),
    piece,
    begin,
    length: fc.integer({ min: 1, max: 131_072 }),
  }),
  fc.tuple(piece, begin, payload).map(([index, start, block]): WireMessage => {
    const text = block === '' ? '00' : block
    return { type: 'piece', piece: index, begin: start, length: text.length / 2, block: text }
  }),
  fc.record({ type: fc.constant('bitfield' as const), bits: hex(1, 100) }),
  fc.record({ type: fc.constant('port' as const), port: fc.integer({ min: 1, max: 65_535 }) }),
  fc.record({ type: fc.constant('extended' as const), id: fc.nat(255), payload }),
  range.map((fields): WireMessage => ({ type: 'hashRequest', ...fields })),
  range.map((fields): WireMessage => ({ type: 'hashReject', ...fields })),
  fc
    .tuple(range, fc.integer({ min: 1, max: 4 }))
    .map(([fields, count]): WireMessage => ({ type: 'hashes', ...fields, hashes: '5a'.repeat(32 * count) })),
)

export const arbitraryMessages: fc.Arbitrary<WireMessage[]> = fc.array(
  // Records come without a prototype, which deep comparison minds.
  arbitraryMessage.map((message) => ({ ...message })),
  { maxLength: 20 },
)
