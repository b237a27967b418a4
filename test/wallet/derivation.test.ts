// Accounts of a phrase are those that other wallets show for it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { formatEvmAddress } from '../../src/formats/money/evm-address.ts'
import { formatTronAddress } from '../../src/formats/money/tron-address.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import { type AccountPath, deriveSecrets, formatPath } from '../../src/wallet/derivation.ts'
import { parsePhrase } from '../../src/wallet/phrase.ts'

const abandon = `${'abandon '.repeat(11)}about`
const junk = `${'test '.repeat(11)}junk`
const cook = 'cook voyage document eight skate token alien guide drink uncle term abuse'

function addressesOf(phrase: string, paths: readonly AccountPath[]): Uint8Array[] {
  const secrets = deriveSecrets(unwrap(parsePhrase(phrase)), paths)
  return secrets.map((secret) => unwrap(secp256k1.openKey(secret)).address)
}

test('below coin type 60 they are those of EVM wallets', () => {
  const paths = [0, 1, 2].map((index) => ({ coin: 60, index }) as const)
  assert.deepEqual(addressesOf(junk, paths).map(formatEvmAddress), [
    '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
    '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC',
  ])
  assert.deepEqual(addressesOf(abandon, paths.slice(0, 1)).map(formatEvmAddress), [
    '0x9858EfFD232B4033E47d90003D41EC34EcaEda94',
  ])
  const [secret] = deriveSecrets(unwrap(parsePhrase(junk)), paths)
  assert.equal(toHex(secret ?? new Uint8Array(0)), 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')
})

test('below coin type 195 they are those of TRON wallets', () => {
  const first = [{ coin: 195, index: 0 }] as const
  assert.deepEqual(addressesOf(abandon, first).map(formatTronAddress), ['TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH'])
  assert.deepEqual(addressesOf(cook, first).map(formatTronAddress), ['TXngH8bVadn9ZWtKBgjKQcqN1GsZ7A1jcb'])
  const two = [...first, { coin: 195, index: 1 } as const]
  const access = 'access before split cram spoon snap secret month sphere fog embark donor'
  assert.deepEqual(addressesOf(access, two).map(formatTronAddress), [
    'TSAmbvDjDR69Rq7zFF82wLbXSD9f7sdSDP',
    'TEDuXkSHsK7Q7c1tBw4hHBAbVNjbMt7xMt',
  ])
  const [secret] = deriveSecrets(unwrap(parsePhrase(cook)), first)
  assert.equal(toHex(secret ?? new Uint8Array(0)), '5d5645db7db2a3b86435e3ec9b3b2cc670fccef5b6d5705e310b8ac2d8d37633')
})

test('paths are those of BIP-44, counted by address on EVM chains and by account on TRON', () => {
  assert.equal(formatPath({ coin: 60, index: 7 }), "m/44'/60'/0'/0/7")
  assert.equal(formatPath({ coin: 195, index: 7 }), "m/44'/195'/7'/0/0")
  for (const index of [-1, 0.5, 1_000_000]) assert.throws(() => formatPath({ coin: 60, index }))
})

test('several accounts at once are the same as one by one, in any order', () => {
  const paths = [
    { coin: 195, index: 1 },
    { coin: 60, index: 3 },
    { coin: 60, index: 0 },
  ] as const
  const together = deriveSecrets(unwrap(parsePhrase(abandon)), paths).map(toHex)
  const alone = paths.map((path) => toHex(deriveSecrets(unwrap(parsePhrase(abandon)), [path])[0] ?? new Uint8Array(0)))
  assert.deepEqual(together, alone)
  assert.equal(new Set(together).size, paths.length)
})
