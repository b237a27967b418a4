// Arbitrary KRPC messages for property tests: every kind, every optional field present or not.
// Guarantees: each fits in a datagram and round-trips; absent fields are absent, not undefined.
import fc from 'fast-check'
import type { KrpcError, KrpcQuery, KrpcResponse, MutableItem, WantedNodes } from '../../../src/formats/krpc/message.ts'

function bytes(minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength, maxLength })
}

const id = bytes(20)
const want = fc.constantFrom<WantedNodes>('default', 'n4', 'n6', 'both')
const sequence = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
const port = fc.integer({ min: 1, max: 65_535 })
const value = fc
  .constantFrom('i-1e', '12:Hello World!', 'le', 'd1:ai1ee', 'll5:helloee')
  .map((text) => new Uint8Array(Buffer.from(text)))
const ip = fc.oneof(
  fc.record({ family: fc.constant(4 as const), address: fc.ipV4(), port }),
  fc.record({ family: fc.constant(6 as const), address: fc.constantFrom('::1', '2001:db8::7'), port }),
)

const envelope = { transactionId: bytes(0, 32), version: bytes(0, 32), ip }
const query = { ...envelope, type: fc.constant('query' as const), id, isReadOnly: fc.boolean() }
const envelopeKeys = ['transactionId', 'type'] as const
const queryKeys = [...envelopeKeys, 'id', 'isReadOnly', 'method'] as const

const arbitraryMutableItem: fc.Arbitrary<MutableItem> = fc.record({
  kind: fc.constant('mutable' as const),
  value,
  publicKey: bytes(32),
  signature: bytes(64),
  sequence,
  salt: bytes(0, 64),
})
const item = fc.oneof(fc.record({ kind: fc.constant('immutable' as const), value }), arbitraryMutableItem)

function named<Name extends string>(method: Name) {
  return { ...query, method: fc.constant(method) }
}

export const arbitraryQuery: fc.Arbitrary<KrpcQuery> = fc.oneof(
  fc.record(named('ping'), { requiredKeys: [...queryKeys] }),
  fc.record({ ...named('find_node'), target: id, want }, { requiredKeys: [...queryKeys, 'target', 'want'] }),
  fc.record({ ...named('sample_infohashes'), target: id, want }, { requiredKeys: [...queryKeys, 'target', 'want'] }),
  fc.record({ ...named('get'), target: id, want, sequence }, { requiredKeys: [...queryKeys, 'target', 'want'] }),
  fc.record(
    { ...named('get_peers'), infoHash: id, want, noSeeds: fc.boolean(), isScrape: fc.boolean() },
    { requiredKeys: [...queryKeys, 'infoHash', 'want', 'noSeeds', 'isScrape'] },
  ),
  fc.record(
    {
      ...named('announce_peer'),
      infoHash: id,
      port,
      isPortImplied: fc.boolean(),
      token: bytes(0, 128),
      isSeed: fc.boolean(),
    },
    { requiredKeys: [...queryKeys, 'infoHash', 'port', 'isPortImplied', 'token', 'isSeed'] },
  ),
  fc.record(
    { ...named('put'), token: bytes(0, 128), item, expectedSequence: sequence },
    { requiredKeys: [...queryKeys, 'token', 'item'] },
  ),
)

/** An answer never has both an item and a sequence of its own; salt is not sent back. */
export const arbitraryResponse: fc.Arbitrary<KrpcResponse> = fc.record(
  {
    ...envelope,
    type: fc.constant('response' as const),
    id,
    nodes: fc.nat(8).chain((count) => bytes(26 * count)),
    nodes6: fc.nat(8).chain((count) => bytes(38 * count)),
    values: fc.array(fc.oneof(bytes(6), bytes(18)), { maxLength: 8 }),
    token: bytes(0, 128),
    samples: fc.nat(3).chain((count) => bytes(20 * count)),
    samplesIntervalSeconds: fc.nat(21_600),
    samplesTotal: fc.maxSafeNat(),
    sequence,
  },
  { requiredKeys: [...envelopeKeys, 'id'] },
)

export const arbitraryItemResponse: fc.Arbitrary<KrpcResponse> = fc.record(
  {
    ...envelope,
    type: fc.constant('response' as const),
    id,
    nodes: bytes(208),
    token: bytes(0, 128),
    item: fc.oneof(
      fc.record({ kind: fc.constant('immutable' as const), value }),
      arbitraryMutableItem.map((mutable): MutableItem => ({ ...mutable, salt: new Uint8Array(0) })),
    ),
    seedFilter: bytes(256),
    peerFilter: bytes(256),
  },
  { requiredKeys: [...envelopeKeys, 'id', 'item'] },
)

export const arbitraryError: fc.Arbitrary<KrpcError> = fc.record(
  {
    ...envelope,
    type: fc.constant('error' as const),
    code: fc.integer({ min: -1_000, max: 1_000 }),
    message: fc.stringMatching(/^[a-zé ]{0,60}$/),
  },
  { requiredKeys: [...envelopeKeys, 'code', 'message'] },
)
