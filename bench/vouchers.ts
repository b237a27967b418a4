// Benchmark: a voucher signed and checked within its bar, and what that is made of against the libraries it does without.
// Guarantees: both sides are checked to give the same bytes before they are timed; viem is measured only where it is
// installed beside this checkout, as it is no dependency.
import assert from 'node:assert/strict'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { equalBytes, fromHex, toHex } from '../src/base/bytes.ts'
import { unwrap } from '../src/base/errors.ts'
import { keccak256 } from '../src/base/keccak.ts'
import { tokenAmount } from '../src/base/token-amount.ts'
import { ledgerDomain } from '../src/formats/money/account-id.ts'
import { voucherDigest } from '../src/formats/money/voucher-digest.ts'
import { isSigningAccelerated, secp256k1, secp256k1Over } from '../src/host/secp256k1.ts'
import { portableCurve } from '../src/host/secp256k1-portable.ts'
import type { LaneId } from '../src/ports/ledger.ts'
import type { SigningKey } from '../src/ports/signatures.ts'
import { type Benchmark, compare, type Measurement } from './measure.ts'

const barMs = 0.5
const perSecond = '/s'
const lane = '5a'.repeat(32) as LaneId
const genesisHash = new Uint8Array(32).fill(0x47)
const domain = ledgerDomain(genesisHash)
const secret = new Uint8Array(32).fill(7)
let cumulativeUnits = 10n ** 18n

/** Another voucher each time, as of a lane in use. */
function nextDigest(): Uint8Array {
  cumulativeUnits += 1_000_000_007n
  return voucherDigest({ lane, cumulativeAmount: tokenAmount(cumulativeUnits) }, domain)
}

/** A payer's work for one voucher, and a payee's. */
function signAndCheck(way: typeof secp256k1, key: SigningKey): boolean {
  const signature = key.sign(nextDigest())
  const recovered = way.scheme.recover(
    voucherDigest({ lane, cumulativeAmount: tokenAmount(cumulativeUnits) }, domain),
    signature,
  )
  assert.ok(recovered.ok && equalBytes(recovered.value, key.address))
  return recovered.ok
}

/** Against a side that does nothing for as long as the bar allows: a ratio of one or more holds it. */
function voucherWithinBar(key: SigningKey): Measurement {
  return compare({
    name: 'voucher: sign and check, against a call of the bar',
    unit: perSecond,
    bar: 1,
    ours: () => signAndCheck(secp256k1, key),
    theirs() {
      const untilMs = performance.now() + barMs
      while (performance.now() < untilMs);
    },
  })
}

interface Viem {
  hashTypedData(typed: object): string
}

async function loadViem(): Promise<Viem | undefined> {
  const name = 'viem'
  try {
    return (await import(name)) as Viem
  } catch {
    return undefined
  }
}

function digestAgainstViem(viem: Viem): Measurement {
  const types = {
    Voucher: [
      { name: 'lane', type: 'bytes32' },
      { name: 'cumulativeAmount', type: 'uint256' },
    ],
  }
  const typed = {
    domain: { name: 'Swarmbid', version: '1', salt: `0x${toHex(genesisHash)}` },
    types,
    primaryType: 'Voucher',
    message: { lane: `0x${lane}`, cumulativeAmount: 5n },
  }
  const ours = () => voucherDigest({ lane, cumulativeAmount: tokenAmount(5n) }, domain)
  assert.equal(viem.hashTypedData(typed), `0x${toHex(ours())}`)
  return compare({
    name: 'voucher digest, against viem',
    unit: perSecond,
    bar: 10,
    ours,
    theirs: () => viem.hashTypedData(typed),
  })
}

export const benchmark: Benchmark = {
  name: 'vouchers',
  summary: `sign and check a voucher in ${barMs} ms; Keccak-256 against noble's, digests against viem's where installed`,
  async run() {
    const key = unwrap(secp256k1.openKey(secret))
    const portable = secp256k1Over(portableCurve)
    const portableKey = unwrap(portable.openKey(secret))
    const digest = nextDigest()
    const signature = key.sign(digest)
    assert.deepEqual(portableKey.sign(digest), signature)
    const bytes = unwrap(fromHex('5a'.repeat(1_000)))
    const word = bytes.subarray(0, 96)
    for (const part of [bytes, word]) assert.deepEqual(keccak256(part), keccak_256(part))
    const bar = isSigningAccelerated ? 5 : 0
    const viem = await loadViem()
    return [
      voucherWithinBar(key),
      compare({
        name: 'sign, against noble',
        unit: perSecond,
        bar,
        ours: () => key.sign(digest),
        theirs: () => portableKey.sign(digest),
      }),
      compare({
        name: 'recover, against noble',
        unit: perSecond,
        bar,
        ours: () => secp256k1.scheme.recover(digest, signature),
        theirs: () => portable.scheme.recover(digest, signature),
      }),
      compare({
        name: 'keccak, 96 bytes, against noble',
        unit: perSecond,
        bar: 1.2,
        ours: () => keccak256(word),
        theirs: () => keccak_256(word),
      }),
      compare({
        name: 'keccak, 1,000 bytes, against noble',
        unit: perSecond,
        bar: 1.2,
        ours: () => keccak256(bytes),
        theirs: () => keccak_256(bytes),
      }),
      ...(viem === undefined ? [] : [digestAgainstViem(viem)]),
    ]
  },
}
