// Extension payloads: BEP 9, 10, 11, 21, 54, 55. Published bytes, round trips, hostile payloads.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromHex, fromLatin1, fromUtf8, toHex, toLatin1 } from '../../../src/base/bytes.ts'
import { type Result, unwrap } from '../../../src/base/errors.ts'
import { encode } from '../../../src/formats/bencode/encode.ts'
import type { Endpoint } from '../../../src/formats/compact-endpoint.ts'
import {
  decodeDonthave,
  decodeUploadOnly,
  encodeDonthave,
  encodeUploadOnly,
} from '../../../src/formats/peer/availability.ts'
import {
  decodeExtensionHandshake,
  type ExtensionHandshake,
  encodeExtensionHandshake,
} from '../../../src/formats/peer/extension-handshake.ts'
import { decodeHolepunch, encodeHolepunch } from '../../../src/formats/peer/holepunch.ts'
import { decodeMetadataMessage, encodeMetadataMessage } from '../../../src/formats/peer/metadata-message.ts'
import { decodePeerExchange, type ExchangedPeer, encodePeerExchange } from '../../../src/formats/peer/peer-exchange.ts'

function bytes(hex: string): Uint8Array {
  return unwrap(fromHex(hex.replaceAll(' ', '')))
}

function assertRefused(result: Result<unknown>): void {
  assert.equal(result.ok ? 'accepted' : result.code, 'peer-extension')
}

/** What every payload decoder must refuse, or at least survive. */
const notDictionaries = ['', 'i1e', 'le', '4:spam', 'd', 'd1:m', 'd1:mi1e', '\x00', 'di1ei2ee'].map(fromLatin1)
const deep = fromLatin1('l'.repeat(1_000_000))

const plainHandshake: ExtensionHandshake = { extensions: new Map() }

describe('extension handshake (BEP 10)', () => {
  test('reads the example of BEP 10', () => {
    const payload = fromUtf8('d1:md11:LT_metadatai1e7:µT_PEXi2ee1:pi6881e1:v13:µTorrent 1.2e')
    assert.deepEqual(unwrap(decodeExtensionHandshake(payload)), {
      ...plainHandshake,
      extensions: new Map([
        ['LT_metadata', 1],
        ['µT_PEX', 2],
      ]),
      listenPort: 6881,
      client: 'µTorrent 1.2',
    })
  })

  test('reads what a current client sends', () => {
    const payload = fromLatin1(
      'd12:complete_agoi-1e1:ei1e4:ipv44:\x0a\x00\x00\x014:ipv616:\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01' +
        '1:md11:lt_donthavei7e12:ut_holepunchi4e11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei31235e1:pi51413e4:reqqi500e' +
        '11:upload_onlyi1e1:v18:libtorrent/2.0.8.06:yourip4:\xc0\x00\x02\x01e',
    )
    assert.deepEqual(unwrap(decodeExtensionHandshake(payload)), {
      extensions: new Map([
        ['lt_donthave', 7],
        ['ut_holepunch', 4],
        ['ut_metadata', 2],
        ['ut_pex', 1],
      ]),
      client: 'libtorrent/2.0.8.0',
      listenPort: 51_413,
      requestQueueLength: 500,
      yourAddress: { family: 4, address: '192.0.2.1' },
      ipv4: { family: 4, address: '10.0.0.1' },
      ipv6: { family: 6, address: '2001:db8::1' },
      metadataLengthBytes: 31_235,
      isUploadOnly: true,
      prefersEncryption: true,
    })
  })

  test('writes keys in order and leaves out what is not said', () => {
    const handshake = {
      ...plainHandshake,
      extensions: new Map([
        ['ut_pex', 1],
        ['ut_metadata', 0],
      ]),
      isUploadOnly: true,
    }
    assert.equal(toLatin1(encodeExtensionHandshake(handshake)), 'd1:md11:ut_metadatai0e6:ut_pexi1ee11:upload_onlyi1ee')
    assert.equal(toLatin1(encodeExtensionHandshake(plainHandshake)), 'd1:mdee')
  })

  test('gives back any handshake that was encoded', () => {
    const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
    const arbitrary = fc.record({
      extensions: fc
        .dictionary(fc.string({ minLength: 1, maxLength: 16, unit: 'binary' }), fc.nat(255))
        .map((names) => new Map(Object.entries(names))),
      client: optional(fc.string({ maxLength: 30 })),
      listenPort: optional(fc.integer({ min: 1, max: 65_535 })),
      requestQueueLength: optional(fc.integer({ min: 1 })),
      yourAddress: optional(
        fc.constantFrom({ family: 4 as const, address: '192.0.2.1' }, { family: 6 as const, address: '::1' }),
      ),
      metadataLengthBytes: optional(fc.integer({ min: 1, max: 30 * 1024 * 1024 })),
      isUploadOnly: optional(fc.boolean()),
      prefersEncryption: optional(fc.boolean()),
    })
    fc.assert(
      fc.property(arbitrary, (fields) => {
        const said = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
        const handshake = { ...plainHandshake, ...said }
        assert.deepEqual(unwrap(decodeExtensionHandshake(encodeExtensionHandshake(handshake))), handshake)
      }),
      { numRuns: 200 },
    )
  })

  test('takes values of the wrong type or out of range as absent', () => {
    const odd = [
      { m: 'x', v: 1, p: 'x', reqq: [], yourip: 1, ipv4: {}, ipv6: 'x', metadata_size: 'x', upload_only: 'x', e: [] },
      { m: ['ut_pex'], p: 0, reqq: 0, yourip: '12345', ipv4: 'sixteen bytes ..', ipv6: 'four', metadata_size: 0 },
      { p: 65_536, reqq: -1, metadata_size: 30 * 1024 * 1024 + 1 },
      { m: { ut_pex: -1, ut_metadata: 256, ['x'.repeat(65)]: 1, text: 'x' } },
    ]
    for (const value of odd) assert.deepEqual(unwrap(decodeExtensionHandshake(encode(value))), plainHandshake)
  })

  test('tells a flag that is off from one that is not said, since later handshakes hold only changes', () => {
    const off = unwrap(decodeExtensionHandshake(fromLatin1('d1:ei0e1:mde11:upload_onlyi0ee')))
    assert.deepEqual([off.isUploadOnly, off.prefersEncryption], [false, false])
    assert.equal(toLatin1(encodeExtensionHandshake(off)), 'd1:ei0e1:mde11:upload_onlyi0ee')
    const unsaid = unwrap(decodeExtensionHandshake(fromLatin1('d1:md6:ut_pexi0eee')))
    assert.deepEqual(unsaid, { extensions: new Map([['ut_pex', 0]]) })
  })

  test('cuts a long client name and survives one that is no text', () => {
    const long = unwrap(decodeExtensionHandshake(encode({ v: 'x'.repeat(5_000) })))
    assert.equal(long.client, 'x'.repeat(100))
    assert.equal(unwrap(decodeExtensionHandshake(encode({ v: bytes('ff41') }))).client, '\ufffdA')
  })

  test('refuses what is no dictionary, too deep, or has too many extensions', () => {
    for (const payload of notDictionaries) assertRefused(decodeExtensionHandshake(payload))
    assertRefused(decodeExtensionHandshake(deep))
    const names = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`x${index}`, 1]))
    assertRefused(decodeExtensionHandshake(encode({ m: names })))
    assertRefused(decodeExtensionHandshake(encode({ list: Array.from({ length: 10_001 }, () => 1) })))
  })
})

describe('ut_metadata (BEP 9)', () => {
  test('reads and writes the examples of BEP 9', () => {
    const request = fromLatin1('d8:msg_typei0e5:piecei0ee')
    assert.deepEqual(unwrap(decodeMetadataMessage(request)), { type: 'request', piece: 0 })
    assert.deepEqual(encodeMetadataMessage({ type: 'request', piece: 0 }), request)
    const reject = fromLatin1('d8:msg_typei2e5:piecei0ee')
    assert.deepEqual(unwrap(decodeMetadataMessage(reject)), { type: 'reject', piece: 0 })
    assert.deepEqual(encodeMetadataMessage({ type: 'reject', piece: 0 }), reject)
    const data = concatBytes([
      fromLatin1('d8:msg_typei1e5:piecei0e10:total_sizei3425ee'),
      new Uint8Array(3_425).fill(120),
    ])
    const message = { type: 'data' as const, piece: 0, totalLengthBytes: 3_425, data: new Uint8Array(3_425).fill(120) }
    assert.deepEqual(unwrap(decodeMetadataMessage(data)), message)
    assert.deepEqual(encodeMetadataMessage(message), data)
  })

  test('gives back every piece of any metadata, the last one shorter', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200_000 }), fc.nat(20), (totalLengthBytes, seed) => {
        const piece = seed % Math.ceil(totalLengthBytes / 16_384)
        const data = new Uint8Array(Math.min(16_384, totalLengthBytes - piece * 16_384)).fill(seed)
        const message = { type: 'data' as const, piece, totalLengthBytes, data }
        assert.deepEqual(unwrap(decodeMetadataMessage(encodeMetadataMessage(message))), message)
      }),
      { numRuns: 100 },
    )
  })

  test('tells a kind that does not exist yet from a malformed one', () => {
    const future = fromLatin1('d8:msg_typei3e5:piecei0ee')
    assert.deepEqual(unwrap(decodeMetadataMessage(future)), { type: 'unknown', messageType: 3 })
  })

  test('refuses pieces and sizes that cannot be, and data that is not exactly the piece', () => {
    const malformed = [
      'de',
      'd8:msg_typei0ee',
      'd8:msg_type1:x5:piecei0ee',
      'd8:msg_typei0e5:piecei-1ee',
      'd8:msg_typei0e5:piecei1920ee',
      'd8:msg_typei1e5:piecei0eexx',
      'd8:msg_typei1e5:piecei0e10:total_sizei0ee',
      'd8:msg_typei1e5:piecei0e10:total_sizei31457281eex',
      'd8:msg_typei1e5:piecei0e10:total_sizei2eex',
      'd8:msg_typei1e5:piecei0e10:total_sizei2eexxx',
      'd8:msg_typei1e5:piecei1e10:total_sizei2eexx',
      'd8:msg_typei1e5:piecei1e10:total_sizei16384ee',
    ]
    for (const text of malformed) assertRefused(decodeMetadataMessage(fromLatin1(text)))
    for (const payload of notDictionaries) assertRefused(decodeMetadataMessage(payload))
    assertRefused(decodeMetadataMessage(deep))
  })

  test('does not send a piece that its reader would refuse', () => {
    assert.throws(() => encodeMetadataMessage({ type: 'request', piece: 1_920 }))
    assert.throws(() => encodeMetadataMessage({ type: 'data', piece: 0, totalLengthBytes: 5, data: new Uint8Array(4) }))
  })
})

const noFlags = {
  prefersEncryption: false,
  isUploadOnly: false,
  supportsUtp: false,
  supportsHolepunch: false,
  isReachable: false,
}

function endpoint(address: string, port: number): Endpoint {
  return { family: address.includes(':') ? 6 : 4, address, port }
}

describe('ut_pex (BEP 11)', () => {
  test('reads contacts of both families with their flags', () => {
    const payload = encode({
      'added': bytes('c0000201 1ae1 c0000202 1ae2'),
      'added.f': bytes('1f02'),
      'added6': bytes('20010db8000000000000000000000001 0050'),
      'added6.f': bytes('10'),
      'dropped': bytes('c0000203 0001'),
      'dropped6': bytes('20010db8000000000000000000000002 0051'),
    })
    assert.deepEqual(unwrap(decodePeerExchange(payload)), {
      added: [
        {
          endpoint: endpoint('192.0.2.1', 6881),
          prefersEncryption: true,
          isUploadOnly: true,
          supportsUtp: true,
          supportsHolepunch: true,
          isReachable: true,
        },
        { ...noFlags, endpoint: endpoint('192.0.2.2', 6882), isUploadOnly: true },
        { ...noFlags, endpoint: endpoint('2001:db8::1', 80), isReachable: true },
      ],
      dropped: [endpoint('192.0.2.3', 1), endpoint('2001:db8::2', 81)],
    })
  })

  test('keeps flags beside their contact when one with port 0 is dropped, and each contact once', () => {
    const payload = encode({ 'added': bytes('c0000201 0000 c0000202 1ae2 c0000202 1ae2'), 'added.f': bytes('010210') })
    assert.deepEqual(unwrap(decodePeerExchange(payload)).added, [
      { ...noFlags, endpoint: endpoint('192.0.2.2', 6882), isUploadOnly: true },
    ])
  })

  test('takes missing flags as off and missing lists as empty', () => {
    const added = unwrap(decodePeerExchange(encode({ added: bytes('c00002011ae1') })))
    assert.deepEqual(added, { added: [{ ...noFlags, endpoint: endpoint('192.0.2.1', 6881) }], dropped: [] })
    assert.deepEqual(unwrap(decodePeerExchange(fromLatin1('de'))), { added: [], dropped: [] })
  })

  test('looks at 200 entries of a list at most', () => {
    const many = new Uint8Array(6 * 50_000)
    for (let index = 0; index < 50_000; index++) many.set([10, 0, index >> 8, index, 1, 1], 6 * index)
    const exchange = unwrap(decodePeerExchange(encode({ added: many, dropped: many })))
    assert.equal(exchange.added.length, 200)
    assert.equal(exchange.dropped.length, 200)
  })

  test('gives back any exchange that was encoded', () => {
    const v4 = fc
      .tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 }))
      .map(([address, port]) => endpoint(address, port))
    const v6 = fc
      .tuple(fc.integer({ min: 1, max: 0xffff }), fc.integer({ min: 1, max: 65_535 }))
      .map(([group, port]) => endpoint(`2001:db8::1:${group.toString(16)}`, port))
    const unique = (arbitrary: fc.Arbitrary<Endpoint>) =>
      fc.uniqueArray(arbitrary, { maxLength: 30, selector: ({ address, port }) => `${address} ${port}` })
    const flags = fc.record({
      prefersEncryption: fc.boolean(),
      isUploadOnly: fc.boolean(),
      supportsUtp: fc.boolean(),
      supportsHolepunch: fc.boolean(),
      isReachable: fc.boolean(),
    })
    fc.assert(
      fc.property(unique(v4), unique(v6), fc.array(flags, { minLength: 1 }), (four, six, flagSets) => {
        const added = [...four, ...six].map(
          (contact, index): ExchangedPeer => ({ ...noFlags, ...flagSets[index % flagSets.length], endpoint: contact }),
        )
        const exchange = { added, dropped: [...four, ...six] }
        assert.deepEqual(unwrap(decodePeerExchange(encodePeerExchange(exchange))), exchange)
      }),
      { numRuns: 100 },
    )
  })

  test('refuses lists that are none', () => {
    assertRefused(decodePeerExchange(encode({ added: bytes('c00002011ae1ff') })))
    assertRefused(decodePeerExchange(encode({ added6: bytes('c00002011ae1') })))
    assertRefused(decodePeerExchange(encode({ dropped: 1 })))
    assertRefused(decodePeerExchange(encode({ dropped6: [] })))
    for (const payload of notDictionaries) assertRefused(decodePeerExchange(payload))
    assertRefused(decodePeerExchange(deep))
  })
})

describe('ut_holepunch (BEP 55)', () => {
  const four = endpoint('192.0.2.1', 6881)
  const six = endpoint('2001:db8::1', 6881)
  const sixHex = '20010db8000000000000000000000001 1ae1'

  test('has the bytes of BEP 55, both ways', () => {
    const cases = [
      ['00 00 c0000201 1ae1 00000000', { type: 'rendezvous', endpoint: four }],
      [`01 01 ${sixHex} 00000000`, { type: 'connect', endpoint: six }],
      ['02 00 c0000201 1ae1 00000001', { type: 'error', endpoint: four, error: 'no-such-peer' }],
      ['02 00 c0000201 1ae1 00000002', { type: 'error', endpoint: four, error: 'not-connected' }],
      ['02 00 c0000201 1ae1 00000003', { type: 'error', endpoint: four, error: 'no-support' }],
      [`02 01 ${sixHex} 00000004`, { type: 'error', endpoint: six, error: 'no-self' }],
    ] as const
    for (const [hex, message] of cases) {
      assert.deepEqual(unwrap(decodeHolepunch(bytes(hex))), message)
      assert.equal(toHex(encodeHolepunch(message)), hex.replaceAll(' ', ''))
    }
  })

  test('takes a missing error code where it could only be 0', () => {
    assert.deepEqual(unwrap(decodeHolepunch(bytes('01 00 c0000201 1ae1'))), { type: 'connect', endpoint: four })
  })

  test('tells kinds and errors that do not exist yet from malformed ones', () => {
    assert.deepEqual(unwrap(decodeHolepunch(bytes('03 00'))), { type: 'unknown', messageType: 3 })
    const future = unwrap(decodeHolepunch(bytes('02 00 c0000201 1ae1 00000005')))
    assert.deepEqual(future, { type: 'error', endpoint: four, error: 'unknown' })
  })

  test('refuses wrong lengths, address types and port 0', () => {
    const malformed = [
      '',
      '00',
      '00 00',
      '00 00 c0000201 1a',
      '00 00 c0000201 1ae1 0000',
      '00 00 c0000201 1ae1 00000000 00',
    ]
    const more = [
      '02 00 c0000201 1ae1',
      '00 02 c0000201 1ae1',
      `00 00 ${sixHex}`,
      '00 01 c0000201 1ae1',
      '00 00 c0000201 0000',
    ]
    for (const hex of [...malformed, ...more]) assertRefused(decodeHolepunch(bytes(hex)))
  })
})

describe('lt_donthave (BEP 54) and upload_only (BEP 21)', () => {
  test('have their bytes, both ways', () => {
    assert.equal(toHex(encodeDonthave(0x0102)), '00000102')
    assert.equal(unwrap(decodeDonthave(bytes('00000102'), 0x0103)), 0x0102)
    assert.equal(toHex(encodeUploadOnly(true)), '01')
    assert.equal(toHex(encodeUploadOnly(false)), '00')
    assert.equal(unwrap(decodeUploadOnly(bytes('01'))), true)
    assert.equal(unwrap(decodeUploadOnly(bytes('00'))), false)
  })

  test('refuse wrong lengths and pieces beyond the last', () => {
    assertRefused(decodeDonthave(bytes('00000102'), 0x0102))
    assertRefused(decodeDonthave(bytes('000001'), 1_000))
    assertRefused(decodeDonthave(bytes('0000010200'), 1_000))
    assertRefused(decodeUploadOnly(bytes('')))
    assertRefused(decodeUploadOnly(bytes('0101')))
  })
})
