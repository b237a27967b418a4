// Sealing and opening: the published key files, other programs' reading of ours, wrong passphrases, damaged files.
import assert from 'node:assert/strict'
import { createDecipheriv, scryptSync } from 'node:crypto'
import { test } from 'node:test'
import { keccak_256 } from '@noble/hashes/sha3.js'
import fc from 'fast-check'
import { concatBytes, fromHex, fromUtf8, toHex, toUtf8Lossy } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { SecretCipher } from '../../src/ports/secret-cipher.ts'
import type { AccountPath } from '../../src/wallet/derivation.ts'
import { formatKeyFile, type KeyFile, parseKeyFile } from '../../src/wallet/key-file.ts'
import { checkPassphrase, openKeys, openWallet, sealWallet, type WalletSecret } from '../../src/wallet/key-vault.ts'
import {
  lightCost,
  ports,
  publishedAddress,
  publishedFiles,
  publishedPassphrase,
  publishedSecret,
  seededFill,
} from './key-files.ts'

const passphrase = 'correct horse battery'
const paths: readonly AccountPath[] = [
  { coin: 60, index: 0 },
  { coin: 195, index: 0 },
  { coin: 60, index: 5 },
]

function secretOf(accounts = paths): WalletSecret {
  return { type: 'phrase', entropy: new Uint8Array(16).fill(7), accounts }
}

function sealed(secret: WalletSecret = secretOf(), seed = 'a'): Promise<KeyFile> {
  return sealWallet(secret, passphrase, lightCost, seededFill(seed), ports)
}

function asBytes(value: unknown): Uint8Array {
  return fromUtf8(JSON.stringify(value))
}

const { SWARMBID_TEST_LONG: isLong } = process.env
/** The derived key of the published file with scrypt, as published: making it takes seconds. */
const publishedDerived = unwrap(fromHex('fac192ceb5fd772906bea3e118a69e8bbb5cc24229e20d8766fd298291bba6bd'))
const quickCipher: SecretCipher = {
  ...ports.cipher,
  scrypt: async () => concatBytes([publishedDerived, new Uint8Array(32)]),
}

for (const [name, file] of Object.entries(publishedFiles)) {
  test(`the published key file with ${name} opens with its passphrase`, async () => {
    const parsed = unwrap(parseKeyFile(asBytes(file)))
    const isQuick = name === 'scrypt' && isLong !== '1'
    const cipher = isQuick ? quickCipher : ports.cipher
    const opened = unwrap(await openWallet(parsed, publishedPassphrase, { ...ports, cipher }))
    assert.ok(opened.type === 'key')
    assert.equal(toHex(opened.secret), publishedSecret)
    const [key] = openKeys(opened, ports.openKey)
    assert.equal(toHex(key?.address ?? opened.secret), publishedAddress)
  })
}

test('what is sealed opens again as the same, through bytes', async () => {
  for (const secret of [secretOf(), secretOf(paths.slice(1, 2)), { type: 'key', secret: new Uint8Array(32).fill(9) }]) {
    const file = await sealed(secret as WalletSecret)
    const read = unwrap(parseKeyFile(formatKeyFile(file)))
    assert.deepEqual(read, file)
    assert.deepEqual(unwrap(await openWallet(read, passphrase, ports)), secret)
  }
})

test('another program reads the first account as plain version 3', async () => {
  const file = JSON.parse(toUtf8Lossy(formatKeyFile(await sealed())))
  const { kdf, kdfparams, cipher, cipherparams, ciphertext, mac } = file.crypto
  assert.deepEqual([file.version, kdf, cipher, kdfparams.dklen], [3, 'scrypt', 'aes-128-ctr', 32])
  assert.match(file.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const { n, r, p } = kdfparams
  const derived = scryptSync(passphrase, Buffer.from(kdfparams.salt, 'hex'), 32, { N: n, r, p })
  const body = Buffer.concat([derived.subarray(16, 32), Buffer.from(ciphertext, 'hex')])
  assert.equal(Buffer.from(keccak_256(body)).toString('hex'), mac)
  const decipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), Buffer.from(cipherparams.iv, 'hex'))
  const key = unwrap(ports.openKey(decipher.update(Buffer.from(ciphertext, 'hex'))))
  assert.equal(toHex(key.address), file.address)
})

test('every wrong passphrase gives one and the same failure, and so does whatever does not open', async () => {
  const file = await sealed()
  const failures = new Set<unknown>()
  const wrong = ['', ' ', 'Correct horse battery', `${passphrase} `, passphrase.slice(1), 'x'.repeat(10_000)]
  for (const text of wrong) failures.add(await openWallet(file, text, ports))
  const flipped = { ...file.key, ciphertext: file.key.ciphertext.map((byte) => byte ^ 1) }
  failures.add(await openWallet({ ...file, key: flipped }, passphrase, ports))
  const entropy = file.phrase?.entropy ?? file.key
  const damagedPhrase = { accounts: [], ...file.phrase, entropy: { ...entropy, mac: new Uint8Array(32) } }
  failures.add(await openWallet({ ...file, phrase: damagedPhrase }, passphrase, ports))
  assert.deepEqual(
    [...failures],
    [{ ok: false, code: 'passphrase-wrong', detail: 'the passphrase does not open the wallet' }],
  )
})

test('a file that names accounts its secrets do not have is refused, whichever it is', async () => {
  const file = await sealed()
  const other = await sealed({ type: 'phrase', entropy: new Uint8Array(16).fill(8), accounts: paths }, 'b')
  const accounts = file.phrase?.accounts ?? []
  const entropy = file.phrase?.entropy ?? file.key
  const swapped = accounts.map((account, index) => (index === 2 ? { ...account, index: 6 } : account))
  const stranger = accounts.map((account) => ({ ...account, address: new Uint8Array(20) }))
  // The initialisation vector is not under the MAC: another one makes another phrase of it.
  const turned = { ...entropy, iv: entropy.iv.map((byte) => byte ^ 1) }
  for (const tampered of [
    { ...file, address: new Uint8Array(20) },
    { ...file, key: { ...file.key, iv: file.key.iv.map((byte) => byte ^ 1) } },
    { ...file, phrase: { entropy, accounts: swapped } },
    { ...file, phrase: { entropy, accounts: stranger } },
    { ...file, phrase: { entropy: turned, accounts } },
    { ...file, phrase: { entropy, accounts: accounts.slice(1) } },
  ]) {
    const opened = await openWallet(tampered, passphrase, ports)
    assert.ok(!opened.ok && opened.code === 'wallet-damaged')
  }
  const foreign = await openWallet({ ...file, phrase: other.phrase ?? { entropy, accounts } }, passphrase, ports)
  assert.ok(!foreign.ok)
})

test('salts and vectors are new each time, and nothing sealed is in the file', async () => {
  const secret = secretOf()
  const [a, b] = [await sealed(secret, 'a'), await sealed(secret, 'b')]
  const drawn = (file: KeyFile) =>
    [file.derivation.salt, file.key.iv, file.phrase?.entropy.iv].map((bytes) => toHex(bytes ?? new Uint8Array(1)))
  assert.equal(new Set([...drawn(a), ...drawn(b)]).size, 6)
  assert.ok(!toUtf8Lossy(formatKeyFile(a)).includes('07'.repeat(16)))
})

test('a passphrase is the same however its letters were composed', async () => {
  const file = await sealWallet(secretOf(), 'p\u00e4ssw\u00f6rter', lightCost, seededFill('a'), ports)
  assert.ok((await openWallet(file, 'pa\u0308sswo\u0308rter', ports)).ok)
})

test('a new passphrase has 8 to 256 characters that can be seen', () => {
  for (const good of ['12345678', 'ä'.repeat(8), '🔑'.repeat(256), 'with spaces in it'])
    assert.ok(checkPassphrase(good).ok)
  for (const bad of ['', '1234567', '🔑'.repeat(257), 'with\u0000null', 'line\nbreaks', 'hidden\u200bspace']) {
    const checked = checkPassphrase(bad)
    assert.ok(!checked.ok && checked.code === 'passphrase-unfit', JSON.stringify(bad))
  }
})

function changed(path: readonly string[], value: unknown): Uint8Array {
  const file = structuredClone(publishedFiles.scrypt) as Record<string, unknown>
  let at = file
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>
  const last = path.at(-1) ?? ''
  if (value === undefined) delete at[last]
  else at[last] = value
  return asBytes(file)
}

test('a file may ask for no more work and memory than is bearable, and for nothing unknown', () => {
  const cost = ['crypto', 'kdfparams']
  const refused: readonly (readonly [readonly string[], unknown])[] = [
    [[...cost, 'n'], 2 ** 25],
    [[...cost, 'n'], 2 ** 40],
    [[...cost, 'n'], 262_143],
    [[...cost, 'n'], 0],
    [[...cost, 'n'], 1],
    [[...cost, 'n'], -2],
    [[...cost, 'n'], 1.5],
    [[...cost, 'n'], '262144'],
    [[...cost, 'n'], undefined],
    [[...cost, 'r'], 2 ** 20],
    [[...cost, 'r'], 0],
    [[...cost, 'p'], 2 ** 20],
    [[...cost, 'p'], 0],
    [[...cost, 'dklen'], 64],
    [[...cost, 'dklen'], 2 ** 40],
    [[...cost, 'salt'], ''],
    [[...cost, 'salt'], 'ab'.repeat(257)],
    [[...cost, 'salt'], 'zz'],
    [[...cost, 'salt'], 7],
    [['crypto', 'kdf'], 'argon2'],
    [['crypto', 'kdf'], 'pbkdf2'],
    [['crypto', 'kdfparams'], null],
    [['crypto', 'cipher'], 'aes-128-cbc'],
    [['crypto', 'cipherparams'], []],
    [['crypto', 'cipherparams', 'iv'], '00'],
    [['crypto', 'ciphertext'], '00'.repeat(31)],
    [['crypto', 'ciphertext'], '00'.repeat(33)],
    [['crypto', 'mac'], undefined],
    [['crypto', 'mac'], ''],
    [['crypto'], undefined],
    [['version'], 1],
    [['version'], '3'],
    [['address'], '00'],
    [['id'], 'x'.repeat(65)],
    [['x-swarmbid'], {}],
    [['x-swarmbid'], { version: 2 }],
  ]
  for (const [path, value] of refused) {
    const parsed = parseKeyFile(changed(path, value))
    assert.ok(!parsed.ok && parsed.code === 'wallet-damaged', `${path.join('.')} ${JSON.stringify(value)}`)
    assert.ok(parsed.detail.length < 200)
  }
  assert.ok(parseKeyFile(changed(['unknown'], 1)).ok, 'what other wallets add is passed over')
  assert.ok(parseKeyFile(changed(['crypto', 'mac'], `0x${publishedFiles.scrypt.crypto.mac}`)).ok)
})

test('the extension is read as strictly', async () => {
  const whole = JSON.parse(toUtf8Lossy(formatKeyFile(await sealed())))
  const extension = whole['x-swarmbid']
  const [account] = extension.accounts
  for (const wrong of [
    { accounts: [] },
    { accounts: Array.from({ length: 65 }, (_, index) => ({ ...account, index })) },
    { accounts: [account, account] },
    { accounts: [{ ...account, coin: 61 }] },
    { accounts: [{ ...account, index: 1_000_000 }] },
    { accounts: [{ ...account, address: '' }] },
    { accounts: [null] },
    { accounts: { length: 1 } },
    { phrase: { ...extension.phrase, ciphertext: '00'.repeat(17) } },
    { phrase: undefined },
  ]) {
    const parsed = parseKeyFile(asBytes({ ...whole, 'x-swarmbid': { ...extension, ...wrong } }))
    assert.ok(!parsed.ok && parsed.code === 'wallet-damaged', JSON.stringify(wrong))
  }
  assert.ok(parseKeyFile(asBytes(whole)).ok)
})

test('whatever the bytes, reading gives a file or one typed failure', () => {
  const hostile = ['', '[', '['.repeat(65_000), '{"a":'.repeat(10_000), 'null', '3', '"', '{}', ' '.repeat(65_537)]
  for (const text of hostile) assert.ok(!parseKeyFile(fromUtf8(text)).ok, text.slice(0, 20))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.json().map(fromUtf8)), (bytes) => {
      const parsed = parseKeyFile(bytes)
      assert.ok(!parsed.ok && parsed.code === 'wallet-damaged')
    }),
  )
})
