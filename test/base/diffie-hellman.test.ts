// The key exchange of MSE: both sides get the same secret, the same as OpenSSL's arithmetic does, and keys that would
// give the secret away are refused.
import { deepEqual, equal, notEqual, throws } from 'node:assert/strict'
import { createDiffieHellman } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { privateKeyLength, publicKeyLength, publicKeyOf, sharedSecretOf } from '../../src/base/diffie-hellman.ts'
import { unwrap } from '../../src/base/errors.ts'

const prime = unwrap(
  fromHex(
    'ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd' +
      'ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a63a36210000000000090563',
  ),
)
const anyPrivateKey = fc.uint8Array({ minLength: privateKeyLength, maxLength: privateKeyLength })

function numbered(value: bigint): Uint8Array {
  return unwrap(fromHex(value.toString(16).padStart(2 * publicKeyLength, '0')))
}

test('both sides get the same secret, and OpenSSL the same keys', () => {
  const openssl = createDiffieHellman(prime, 2)
  fc.assert(
    fc.property(anyPrivateKey, anyPrivateKey, (a, b) => {
      fc.pre(a.some((byte) => byte > 0) && b.some((byte) => byte > 1))
      const [publicA, publicB] = [publicKeyOf(a), publicKeyOf(b)]
      const secret = sharedSecretOf(a, publicB)
      deepEqual(sharedSecretOf(b, publicA), secret)
      openssl.setPrivateKey(a)
      equal(openssl.generateKeys('hex').padStart(192, '0'), toHex(publicA))
      if (secret !== undefined) equal(openssl.computeSecret(publicB, null, 'hex').padStart(192, '0'), toHex(secret))
    }),
    { numRuns: 40 },
  )
})

test('keys and secrets have 96 bytes, small numbers too', () => {
  const one = new Uint8Array(privateKeyLength)
  one[privateKeyLength - 1] = 1
  deepEqual(publicKeyOf(one), numbered(2n))
  deepEqual(sharedSecretOf(one, numbered(3n)), numbered(3n))
  deepEqual(publicKeyOf(new Uint8Array(privateKeyLength)), numbered(1n))
})

test('a public key that makes a secret anybody knows, or is no number of the group, is none', () => {
  const key = new Uint8Array(privateKeyLength).fill(7)
  const p = BigInt(`0x${toHex(prime)}`)
  for (const bad of [0n, 1n, p - 1n, p, p + 1n, p + 5n, (1n << 768n) - 1n]) {
    equal(sharedSecretOf(key, numbered(bad)), undefined)
  }
  for (const good of [2n, p - 2n]) notEqual(sharedSecretOf(key, numbered(good)), undefined)
})

test('keys of another length are mistakes of the caller', () => {
  throws(() => publicKeyOf(new Uint8Array(19)))
  throws(() => sharedSecretOf(new Uint8Array(privateKeyLength), new Uint8Array(95)))
})
