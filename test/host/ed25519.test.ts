// Ed25519 on node:crypto: the published vectors of BEP 44 and RFC 8032, and no bytes that make it throw.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromHex, fromLatin1, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { ed25519, itemKeyOf } from '../../src/host/ed25519.ts'

const hex = (text: string) => unwrap(fromHex(text))
const publicKey = hex('77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548')
const signature = hex(
  '6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d' +
    'df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08',
)
const message = fromLatin1('4:salt6:foobar3:seqi1e1:v12:Hello World!')

describe('ed25519', () => {
  test('verifies the published signature of BEP 44, and nothing that differs in a bit', () => {
    assert.ok(ed25519.verify(publicKey, message, signature))
    fc.assert(
      fc.property(fc.constantFrom(publicKey, message, signature), fc.nat(2_000), fc.nat(7), (part, index, bit) => {
        const changed = part.slice()
        changed[index % part.length] = (changed[index % part.length] as number) ^ (1 << bit)
        const [key, text, sign] = [publicKey, message, signature].map((one) => (one === part ? changed : one))
        assert.equal(ed25519.verify(key as Uint8Array, text as Uint8Array, sign as Uint8Array), false)
      }),
    )
  })

  test('a key of a seed signs as RFC 8032 has it', () => {
    const key = itemKeyOf(hex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'))
    assert.equal(toHex(key.publicKey), '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c')
    assert.equal(
      toHex(key.sign(Uint8Array.of(0x72))),
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
        '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    )
  })

  test('any bytes at all are verified or not', () => {
    const bytes = fc.uint8Array({ maxLength: 80 })
    fc.assert(fc.property(bytes, bytes, bytes, (key, text, sign) => ed25519.verify(key, text, sign) === false))
  })
})
