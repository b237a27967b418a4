// BEP 42: node ids tied to addresses, with the published vectors.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromHex, fromLatin1, toHex } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { addressBytes } from '../../../src/formats/compact-endpoint.ts'
import { crc32c, isExemptFromNodeIdRule, nodeIdFits, nodeIdFor } from '../../../src/formats/krpc/node-id.ts'

function bytesOf(address: string): Uint8Array {
  const bytes = addressBytes(address)
  assert.ok(bytes !== undefined)
  return bytes
}

const vectors = [
  ['124.31.75.21', 1, '5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401'],
  ['21.75.31.124', 86, '5a3ce9c14e7a08645677bbd1cfe7d8f956d53256'],
  ['65.23.51.170', 22, 'a5d43220bc8f112a3d426c84764f8c2a1150e616'],
  ['84.124.73.14', 65, '1b0321dd1bb1fe518101ceef99462b947a01ff41'],
  ['43.213.53.83', 90, 'e56f6cbf5b7c4be0237986d5243b87aa6d51305a'],
] as const

test('CRC-32C has its published check value', () => {
  assert.equal(crc32c(fromLatin1('123456789')), 0xe3069283)
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa)
  assert.equal(crc32c(new Uint8Array(0)), 0)
})

describe('node id', () => {
  for (const [address, random, hex] of vectors) {
    test(`of ${address} is as published, and fits no other published address`, () => {
      const id = unwrap(fromHex(hex))
      assert.equal(id[19], random)
      assert.ok(nodeIdFits(id, bytesOf(address)))
      assert.equal(toHex(nodeIdFor(bytesOf(address), id)), hex)
      for (const [other] of vectors) if (other !== address) assert.ok(!nodeIdFits(id, bytesOf(other)))
    })
  }

  test('made for an address fits it, in either family, until one of its 21 bits or 3 bits changes', () => {
    const addresses = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    )
    const random = fc.uint8Array({ minLength: 20, maxLength: 20 })
    fc.assert(
      fc.property(addresses, random, fc.nat(20), (address, bytes, bit) => {
        const id = nodeIdFor(address, bytes)
        assert.ok(nodeIdFits(id, address))
        assert.deepEqual(id.subarray(3), bytes.subarray(3))
        if (isExemptFromNodeIdRule(address)) return
        id[bit >>> 3] = (id[bit >>> 3] as number) ^ (0x80 >>> (bit & 7))
        assert.ok(!nodeIdFits(id, address))
      }),
    )
  })

  test('of IPv6 depends on the upper half of the address only', () => {
    const id = nodeIdFor(bytesOf('2001:db8:1:2::1'), new Uint8Array(20).fill(5))
    assert.ok(nodeIdFits(id, bytesOf('2001:db8:1:2:ffff:ffff:ffff:ffff')))
    assert.ok(!nodeIdFits(id, bytesOf('2001:db8:1:3::1')))
  })

  test('is anything for addresses of local networks, and for no others', () => {
    const anything = new Uint8Array(20).fill(0x55)
    for (const address of [
      '10.1.2.3',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '169.254.9.9',
      '127.0.0.1',
      '::1',
      'fe80::1',
      'febf::1',
      'fd00::1',
    ]) {
      assert.ok(isExemptFromNodeIdRule(bytesOf(address)), address)
      assert.ok(nodeIdFits(anything, bytesOf(address)), address)
    }
    for (const address of [
      '11.0.0.1',
      '172.15.0.1',
      '172.32.0.1',
      '192.169.0.1',
      '169.253.0.1',
      '8.8.8.8',
      '::2',
      'fec0::1',
      '2001:db8::1',
    ]) {
      assert.ok(!isExemptFromNodeIdRule(bytesOf(address)), address)
    }
  })
})
