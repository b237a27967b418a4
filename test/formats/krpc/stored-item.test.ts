// BEP 44: targets and signed bytes, with the published vectors, checked by a real Ed25519.
import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { describe, test } from 'node:test'
import { fromHex, fromLatin1, toHex, toLatin1 } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { itemTarget, mutableTarget, signedBytes } from '../../../src/formats/krpc/stored-item.ts'

const value = fromLatin1('12:Hello World!')
const publicKey = unwrap(fromHex('77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548'))

const vectors = [
  {
    salt: '',
    signed: '3:seqi1e1:v12:Hello World!',
    target: '4a533d47ec9c7d95b1ad75f576cffc641853b750',
    signature:
      '305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff' +
      '1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01',
  },
  {
    salt: 'foobar',
    signed: '4:salt6:foobar3:seqi1e1:v12:Hello World!',
    target: '411eba73b6f087ca51a3795d9c8c938d365e32c1',
    signature:
      '6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d' +
      'df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08',
  },
]

function isSigned(data: Uint8Array, signature: Uint8Array): boolean {
  const x = Buffer.from(publicKey).toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return verify(null, data, key, signature)
}

describe('stored item', () => {
  for (const vector of vectors) {
    test(`mutable, salt '${vector.salt}': target, signed bytes and signature are as published`, () => {
      const salt = fromLatin1(vector.salt)
      const signature = unwrap(fromHex(vector.signature))
      const item = { kind: 'mutable', value, publicKey, signature, sequence: 1n, salt } as const
      assert.equal(toLatin1(signedBytes(item)), vector.signed)
      assert.equal(toHex(itemTarget(item)), vector.target)
      assert.equal(toHex(mutableTarget(publicKey, salt)), vector.target)
      assert.ok(isSigned(signedBytes(item), signature))
      assert.ok(!isSigned(signedBytes({ ...item, sequence: 2n }), signature))
      assert.ok(!isSigned(signedBytes({ ...item, salt: fromLatin1('other') }), signature))
    })
  }

  test('immutable: the target is the hash of the bencoded value', () => {
    assert.equal(toHex(itemTarget({ kind: 'immutable', value })), 'e5f96f6f38320f0f33959cb4d3d656452117aadb')
  })

  test('limits are asserted', () => {
    assert.throws(() => signedBytes({ value: new Uint8Array(1_001), sequence: 1n, salt: value }))
    assert.throws(() => signedBytes({ value, sequence: 1n, salt: new Uint8Array(65) }))
    assert.throws(() => mutableTarget(value, value))
  })
})
