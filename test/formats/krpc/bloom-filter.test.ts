// BEP 33: the bloom filter, bit for bit, and its estimate.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fromHex, toHex } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import {
  addToBloomFilter,
  emptyBloomFilter,
  estimateMembers,
  mayContain,
  mergeBloomFilter,
} from '../../../src/formats/krpc/bloom-filter.ts'

/** From BEP 33: 192.0.2.0 to 192.0.2.255 and 2001:db8:: to 2001:db8::3e7. */
const published = `
  F6C3F5EA A07FFD91 BDE89F77 7F26FB2B FF37BDB8 FB2BBAA2 FD3DDDE7 BACFFF75 EE7CCBAE
  FE5EEDB1 FBFAFF67 F6ABFF5E 43DDBCA3 FD9B9FFD F4FFD3E9 DFF12D1B DF59DB53 DBE9FA5B
  7FF3B8FD FCDE1AFB 8BEDD7BE 2F3EE71E BBBFE93B CDEEFE14 8246C2BC 5DBFF7E7 EFDCF24F
  D8DC7ADF FD8FFFDF DDFFF7A4 BBEEDF5C B95CE81F C7FCFF1F F4FFFFDF E5F7FDCB B7FD79B3
  FA1FC77B FE07FFF9 05B7B7FF C7FEFEFF E0B8370B B0CD3F5B 7F2BD93F EB4386CF DD6F7FD5
  BFAF2E9E BFFFFEEC D67ADBF7 C67F17EF D5D75EBA 6FFEBA7F FF47A91E B1BFBB53 E8ABFB57
  62ABE8FF 237279BF EFBFEEF5 FFC5FEBF DFE5ADFF ADFEE1FB 737FFFFB FD9F6AEF FEEE76B6
  FD8F72EF`

const ipv4 = (last: number) => Uint8Array.of(192, 0, 2, last)
const ipv6 = (last: number) => Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last >>> 8, last)

describe('bloom filter', () => {
  const four = emptyBloomFilter()
  const six = emptyBloomFilter()
  for (let last = 0; last < 256; last++) addToBloomFilter(four, ipv4(last))
  for (let last = 0; last <= 0x3e7; last++) addToBloomFilter(six, ipv6(last))
  const both = four.slice()
  mergeBloomFilter(both, six)

  test('is the published one for the published addresses, also as a union', () => {
    assert.deepEqual(both, unwrap(fromHex(published.replaceAll(/\s/g, ''))))
  })

  test('gives the published estimate', () => {
    // The BEP cuts its four digits off instead of rounding them.
    assert.equal(Math.floor(estimateMembers(both) * 10_000), 12_249_308)
  })

  test('contains every member, and hardly any stranger', () => {
    for (let last = 0; last < 256; last++) assert.ok(mayContain(four, ipv4(last)))
    let strangers = 0
    for (let last = 0; last < 1_000; last++) if (mayContain(four, ipv6(last))) strangers++
    assert.ok(strangers < 100, `${strangers} of 1,000`)
    assert.ok(!mayContain(emptyBloomFilter(), ipv4(1)))
  })

  test('an empty one has none, a full one a finite number', () => {
    assert.equal(estimateMembers(emptyBloomFilter()), 0)
    const full = estimateMembers(emptyBloomFilter().fill(0xff))
    assert.ok(Number.isFinite(full) && full > 6_000)
    assert.equal(toHex(emptyBloomFilter()), '00'.repeat(256))
  })

  test('takes nothing but addresses', () => {
    assert.throws(() => addToBloomFilter(emptyBloomFilter(), new Uint8Array(6)))
    assert.throws(() => mergeBloomFilter(new Uint8Array(255), emptyBloomFilter()))
  })
})
