// Signatures over secp256k1: what other implementations make and accept, natively and in JavaScript alike.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../../src/base/assert.ts'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { ledgerDomain } from '../../src/formats/money/account-id.ts'
import { parseSignature } from '../../src/formats/money/signature.ts'
import { voucherDigest } from '../../src/formats/money/voucher-digest.ts'
import { isSigningAccelerated, secp256k1, secp256k1Over } from '../../src/host/secp256k1.ts'
import { loadNativeCurve } from '../../src/host/secp256k1-native.ts'
import { portableCurve } from '../../src/host/secp256k1-portable.ts'
import type { LaneId } from '../../src/ports/ledger.ts'
import { secret, signer, statementVectors } from '../formats/money/statement-vectors.ts'

const { SWARMBID_TEST_LONG: isLong } = process.env
const distinctSignatures = isLong === '1' ? 100_000 : 2_000
const order = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'
const bytesOf = (hex: string) => unwrap(fromHex(hex))
const native = loadNativeCurve()
const ways = [
  ...(native === undefined ? [] : [{ name: 'native', way: secp256k1Over(native), vectors: statementVectors }]),
  { name: 'portable', way: secp256k1Over(portableCurve), vectors: statementVectors.slice(0, 30) },
]

test('it is native where the package has it built', () => {
  const prebuilds = join(import.meta.dirname, '../../node_modules/secp256k1/prebuilds')
  const isBuilt = readdirSync(prebuilds).includes(`${process.platform}-${process.arch}`)
  assert.ok(!isBuilt || isSigningAccelerated)
})

test('the fallback that the native package brings is never loaded', () => {
  const loaded = Object.keys(createRequire(import.meta.url).cache)
  assert.ok(native === undefined || loaded.some((path) => path.includes('secp256k1')))
  assert.deepEqual(
    loaded.filter((path) => /elliptic|bn\.js/.test(path)),
    [],
  )
})

for (const { name, way, vectors } of ways) {
  describe(`${name} signatures`, () => {
    const key = unwrap(way.openKey(secret))

    test('are those that viem makes, bit for bit, and name their signer', () => {
      assert.equal(toHex(key.address), toHex(signer))
      for (const { name: statement, digest, signature } of vectors) {
        assert.equal(toHex(key.sign(digest)), toHex(signature), statement)
        assert.deepEqual(way.scheme.recover(digest, unwrap(parseSignature(signature))), { ok: true, value: signer })
      }
    })

    test('need the secret of a key: 32 bytes from 1 to below the order', () => {
      const wrong = ['', '01', '00'.repeat(32), order, `${order.slice(0, -1)}2`, 'ff'.repeat(32), '01'.repeat(33)]
      for (const hex of wrong) {
        const opened = way.openKey(bytesOf(hex))
        assert.ok(!opened.ok && opened.code === 'signature-invalid', hex)
        assert.ok(hex === '' || !opened.detail.includes(hex), 'a secret in a message')
      }
      const last = unwrap(way.openKey(bytesOf(`${order.slice(0, -1)}0`)))
      assert.equal(toHex(last.address), '80c0dbf239224071c59dd8970ab9d542e3414ab2')
    })

    test('are made from a copy of the secret, which is gone once it is forgotten', () => {
      const given = secret.slice()
      const kept = unwrap(way.openKey(given))
      given.fill(0)
      const digest = sha256(given)
      assert.deepEqual(kept.sign(digest), key.sign(digest))
      assert.deepEqual(Object.keys(kept).sort(), ['address', 'forget', 'sign'])
      kept.forget()
      assert.throws(() => kept.sign(digest), AssertionError)
      assert.equal(key.sign(digest).length, 65)
    })

    test('are made and read over 32 bytes only', () => {
      const signature = key.sign(new Uint8Array(32))
      for (const length of [0, 31, 33, 64]) {
        assert.throws(() => key.sign(new Uint8Array(length)), AssertionError)
        assert.throws(() => way.scheme.recover(new Uint8Array(length), signature), AssertionError)
      }
    })

    test('whose r is on no point are refused, not thrown', () => {
      const digest = sha256(new Uint8Array(1))
      // x = 5 is the least that is on no point.
      for (const v of ['1b', '1c']) {
        const signature = unwrap(parseSignature(bytesOf(`${'05'.padStart(64, '0')}${'01'.padStart(64, '0')}${v}`)))
        const recovered = way.scheme.recover(digest, signature)
        assert.ok(!recovered.ok && recovered.code === 'signature-invalid')
      }
    })

    test('that would name the point at infinity are refused', () => {
      // The point of r is the generator, and s = digest: r^-1 (s G - digest G) is nothing.
      const generator = '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'
      const digest = bytesOf('11'.repeat(32))
      const signature = unwrap(parseSignature(bytesOf(`${generator}${'11'.repeat(32)}1b`)))
      const recovered = way.scheme.recover(digest, signature)
      assert.ok(!recovered.ok && recovered.code === 'signature-invalid')
    })
  })
}

test('both ways sign and recover the same, whatever the digest and the signature', (t) => {
  if (native === undefined) return t.skip('needs the native library, which is not built for this system')
  const [one, other] = [secp256k1Over(native), secp256k1Over(portableCurve)]
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(bytes, bytes, bytes, bytes, fc.constantFrom(27, 28), (keyBytes, digest, r, s, v) => {
      const [a, b] = [one.openKey(keyBytes), other.openKey(keyBytes)]
      assert.equal(a.ok, b.ok)
      if (a.ok && b.ok) {
        assert.deepEqual(a.value.address, b.value.address)
        assert.deepEqual(a.value.sign(digest), b.value.sign(digest))
      }
      s[0] = (s[0] as number) & 0x3f
      const signature = parseSignature(Uint8Array.of(...r, ...s, v))
      if (!signature.ok) return
      assert.deepEqual(one.scheme.recover(digest, signature.value), other.scheme.recover(digest, signature.value))
    }),
    { numRuns: 60 },
  )
})

test(`P15: ${distinctSignatures} signatures of one key have as many different r`, () => {
  const key = unwrap(secp256k1.openKey(secret))
  const domain = ledgerDomain(new Uint8Array(32).fill(3))
  const lane = 'cd'.repeat(32) as LaneId
  const seen = new Set<string>()
  for (let count = 1; count <= distinctSignatures; count++) {
    const digest = voucherDigest({ lane, cumulativeAmount: tokenAmount(BigInt(count)) }, domain)
    seen.add(toHex(key.sign(digest).subarray(0, 32)))
  }
  assert.equal(seen.size, distinctSignatures)
})
