// Derivation and cipher against what their standards publish.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scrypt } from '@noble/hashes/scrypt.js'
import { fromHex, fromUtf8, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { systemSecretCipher } from '../../src/host/secret-cipher.ts'

test('scrypt and PBKDF2 give what RFC 7914 publishes', async () => {
  const first = await systemSecretCipher.scrypt(fromUtf8('password'), fromUtf8('NaCl'), { n: 1024, r: 8, p: 16 }, 64)
  assert.equal(
    toHex(first),
    'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162' +
      '2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
  )
  const second = await systemSecretCipher.pbkdf2(fromUtf8('passwd'), fromUtf8('salt'), 1, 64)
  assert.equal(
    toHex(second),
    '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc' +
      '49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
  )
})

test('a cost beyond what the standard allows, as some key files have it, is derived all the same', async () => {
  const cost = { n: 2 ** 16, r: 1, p: 1 }
  const [passphrase, salt] = [fromUtf8('testpassword'), fromUtf8('salt')]
  const derived = await systemSecretCipher.scrypt(passphrase, salt, cost, 32)
  assert.equal(toHex(derived), toHex(scrypt(passphrase, salt, { N: cost.n, r: 1, p: 1, dkLen: 32 })))
})

test('AES-128 in counter mode is that of NIST SP 800-38A, and its own inverse', () => {
  const key = unwrap(fromHex('2b7e151628aed2a6abf7158809cf4f3c'))
  const iv = unwrap(fromHex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'))
  const plain = unwrap(fromHex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51'))
  const ciphered = systemSecretCipher.aes128Ctr(key, iv, plain)
  assert.equal(toHex(ciphered), '874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff')
  assert.deepEqual(systemSecretCipher.aes128Ctr(key, iv, ciphered), plain)
})
