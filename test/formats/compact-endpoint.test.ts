// Endpoints: RFC 5952 text, literals refused and accepted, the compact form of BEP 23 and BEP 7.
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import {
  addressBytes,
  decodeAddress,
  decodeCompactEndpoints,
  type Endpoint,
  encodeAddress,
  encodeCompactEndpoint,
  encodeCompactEndpoints,
  endpointKey,
  formatAddress,
  formatEndpoint,
  parseAddress,
  parseEndpoint,
} from '../../src/formats/compact-endpoint.ts'

function bytes(hex: string): Uint8Array {
  return unwrap(fromHex(hex.replaceAll(' ', '')))
}

const canonical: readonly (readonly [text: string, canonical: string])[] = [
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['::', '::'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:DB8::1', '2001:db8::1'],
  ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['::FFFF:c000:201', '::ffff:192.0.2.1'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
]

const noAddresses = [
  ...[
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1.2.3.04',
    '01.2.3.4',
    '1.2.3.',
    '1.2.3.4 ',
    '0x1.2.3.4',
    '+1.2.3.4',
  ],
  ...[':', ':::', '1:', ':1', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '1::2:3:4:5:6:7:8'],
  ...['12345::', 'g::', '::1%eth0', '[::1]', '1.2.3.4::', '::1.2.3.4:5', '1:2:3:4:5:6:7:1.2.3.4', '::1.2.3.256'],
  `::${'0'.repeat(100)}1`,
]

describe('addresses', () => {
  for (const [text, expected] of canonical) {
    test(`${text} reads as ${expected}, and that as itself`, () => {
      assert.equal(parseAddress(text)?.address, expected)
      assert.equal(parseAddress(expected)?.address, expected)
    })
  }

  test('text that is no address is refused', () => {
    for (const text of noAddresses) assert.equal(parseAddress(text), undefined, text)
  })

  test('any bytes come back from their text, which the system also takes for an address', () => {
    const sparse = fc
      .array(fc.constantFrom(0, 0, 0, 1, 0xff), { minLength: 16, maxLength: 16 })
      .map((list) => Uint8Array.from(list))
    const any = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      sparse,
    )
    fc.assert(
      fc.property(any, (raw) => {
        const address = decodeAddress(raw)
        assert.ok(address !== undefined)
        assert.deepEqual(addressBytes(address.address), raw)
        assert.equal(isIP(address.address), address.family)
        assert.equal(formatAddress(raw, 0, address.family), address.address)
        if (address.family === 6 && !address.address.startsWith('::ffff:')) {
          assert.equal(new URL(`http://[${address.address}]/`).hostname, `[${address.address}]`)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('any text the parser accepts, the system accepts too', () => {
    const text = fc
      .array(fc.constantFrom('0', '1', 'f', '25', ':', '::', '.', '%', '1.2.3.4'), { maxLength: 20 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, (candidate) => {
        assert.equal(parseAddress(candidate)?.family ?? 0, candidate.includes('%') ? 0 : isIP(candidate))
      }),
      { numRuns: 500 },
    )
  })

  test('only 4 and 16 bytes are an address', () => {
    for (const length of [0, 3, 5, 6, 15, 17, 18]) assert.equal(decodeAddress(new Uint8Array(length)), undefined)
  })
})

describe('endpoints', () => {
  const four: Endpoint = { family: 4, address: '192.0.2.1', port: 6881 }
  const six: Endpoint = { family: 6, address: '2001:db8::1', port: 80 }

  test('in text come back', () => {
    assert.equal(formatEndpoint(four), '192.0.2.1:6881')
    assert.equal(formatEndpoint(six), '[2001:db8::1]:80')
    for (const endpoint of [four, six]) assert.deepEqual(parseEndpoint(formatEndpoint(endpoint)), endpoint)
    const malformed = [
      '',
      '1.2.3.4',
      '1.2.3.4:',
      '1.2.3.4:0',
      '1.2.3.4:65536',
      '1.2.3.4:080',
      '::1:80',
      '[::1]',
      '[1.2.3.4]:80',
      'host:80',
      '[::1]:80 ',
    ]
    for (const text of malformed) assert.equal(parseEndpoint(text), undefined, text)
  })

  test('have keys that differ where the endpoints do', () => {
    const keys = [four, six, { ...four, port: 688 }, { ...four, address: '192.0.2.16' }].map(endpointKey)
    assert.equal(new Set(keys).size, 4)
    assert.equal(endpointKey({ ...four }), endpointKey(four))
  })

  test('are packed as BEP 23 and BEP 7 say', () => {
    assert.deepEqual(encodeCompactEndpoints([four, six], 4), bytes('c0000201 1ae1'))
    assert.deepEqual(encodeCompactEndpoints([four, six], 6), bytes('20010db8000000000000000000000001 0050'))
    assert.deepEqual(unwrap(decodeCompactEndpoints(bytes('c0000201 1ae1'), 4, 10)), [four])
    assert.deepEqual(unwrap(decodeCompactEndpoints(bytes('20010db8000000000000000000000001 0050'), 6, 10)), [six])
  })

  test('come back from any packed list, those with port 0 dropped, no more than asked for', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(4 as const, 6 as const),
        fc.nat(30),
        fc.nat(40),
        fc.infiniteStream(fc.nat(255)),
        (family, count, maxCount, source) => {
          const stride = family === 4 ? 6 : 18
          const packed = Uint8Array.from({ length: count * stride }, () => source.next().value ?? 0)
          const kept: number[] = []
          for (let entry = 0; entry < count; entry++) {
            if (entry % 3 === 0) packed.fill(0, entry * stride + stride - 2, entry * stride + stride)
            const isKept = packed[entry * stride + stride - 2] !== 0 || packed[entry * stride + stride - 1] !== 0
            if (isKept && entry < maxCount) kept.push(...packed.subarray(entry * stride, (entry + 1) * stride))
          }
          const endpoints = unwrap(decodeCompactEndpoints(packed, family, maxCount))
          assert.deepEqual(encodeCompactEndpoints(endpoints, family), Uint8Array.from(kept))
        },
      ),
      { numRuns: 200 },
    )
  })

  test('that fit no whole number are refused, with the code of where they stand', () => {
    const result = decodeCompactEndpoints(new Uint8Array(7), 4, 10)
    assert.equal(result.ok ? '' : result.code, 'endpoint-list')
    const named = decodeCompactEndpoints(new Uint8Array(17), 6, 10, 'tracker-response')
    assert.equal(named.ok ? '' : named.code, 'tracker-response')
  })

  test('that are none are a bug of the caller', () => {
    const target = new Uint8Array(18)
    assert.throws(() => encodeCompactEndpoint(target, 0, { ...four, port: 0 }))
    assert.throws(() => encodeCompactEndpoint(target, 0, { ...four, port: 65_536 }))
    assert.throws(() => encodeCompactEndpoint(target, 0, { ...four, address: 'host' }))
    assert.throws(() => encodeAddress(target, 0, { family: 6, address: '192.0.2.1' }))
  })
})
