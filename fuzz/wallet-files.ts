// Fuzz target: what lies in the wallet's folder. A key file, the owner's limits and the record of a payment are read or
// refused with a typed failure, whatever the bytes; what is read asks for bounded work and is written the same again.
import assert from 'node:assert/strict'
import { fromUtf8 } from '../src/base/bytes.ts'
import { zeroAmount } from '../src/base/token-amount.ts'
import type { Hash256 } from '../src/ports/ledger.ts'
import { decodeCharge, encodeCharge } from '../src/wallet/charge-record.ts'
import { formatKeyFile, type KeyFile, parseKeyFile } from '../src/wallet/key-file.ts'
import { firstPolicy, formatPolicy, isPolicyInRange, parsePolicy } from '../src/wallet/spending-policy.ts'
import { publishedFiles } from '../test/wallet/key-files.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const sealed = { iv: new Uint8Array(16), ciphertext: new Uint8Array(32), mac: new Uint8Array(32) }
const address = new Uint8Array(20)
const keyFile: KeyFile = {
  id: '3198bc9c-6672-4ab3-9995-4942343ae5b6',
  address,
  derivation: { type: 'scrypt', salt: new Uint8Array(32), cost: { n: 2 ** 17, r: 8, p: 1 } },
  key: sealed,
  phrase: { entropy: sealed, accounts: [{ coin: 60, index: 0, address }] },
}
const charge = encodeCharge({
  content: 'ab'.repeat(32) as Hash256,
  symbol: 'TEST',
  kind: 'lane',
  fee: zeroAmount,
  parts: [{ day: 20_000, amount: zeroAmount }],
  torrent: 'cd'.repeat(20),
  app: 'player',
  topUps: [],
})

function checkKeyFile(input: Uint8Array): void {
  const read = parseKeyFile(input)
  if (!read.ok) {
    checkFailure(read, 'wallet-damaged')
    return
  }
  const { derivation } = read.value
  if (derivation.type === 'pbkdf2') assert.ok(derivation.iterations <= 10_000_000)
  else {
    const { n, r, p } = derivation.cost
    assert.ok(128 * r * (n + p) <= 2 ** 29 && n * r * p <= 2 ** 23)
  }
  assert.deepEqual(parseKeyFile(formatKeyFile(read.value)), read)
}

function checkFailure(failure: { readonly code: string; readonly detail: string }, code: string): void {
  assert.equal(failure.code, code)
  assert.ok(failure.detail.length < 300)
}

export const target: FuzzTarget = {
  name: 'wallet-files',
  seeds: [
    formatKeyFile(keyFile),
    ...Object.values(publishedFiles).map((file) => fromUtf8(JSON.stringify(file))),
    formatPolicy(firstPolicy),
    charge,
  ],
  tokens: ['"n": 262144', '"x-swarmbid"', 'null', '-1', '1e9', '"0"', '[]', '{}', '"coin": 195'].map(fromUtf8),
  run(input) {
    checkKeyFile(input)
    const policy = parsePolicy(input)
    if (!policy.ok) checkFailure(policy, 'wallet-damaged')
    else {
      assert.ok(isPolicyInRange(policy.value))
      assert.deepEqual(parsePolicy(formatPolicy(policy.value)), policy)
    }
    const record = decodeCharge(input)
    if (!record.ok) checkFailure(record, 'store-damaged')
    else if (record.value !== undefined) assert.deepEqual(encodeCharge(record.value), new Uint8Array(input))
  },
}
