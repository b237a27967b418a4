// P1: with any one thing about a statement changed, its digest is another and its signature is no longer its signer's.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../../../src/base/assert.ts'
import { equalBytes, fromHex, toHex } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import type { InfoHashV1, InfoHashV2 } from '../../../src/base/ids.ts'
import { addAmounts, tokenAmount } from '../../../src/base/token-amount.ts'
import {
  accountAddress,
  accountId,
  accountRail,
  contractDomain,
  parseAccountId,
  parseRailId,
} from '../../../src/formats/money/account-id.ts'
import type { Codec, JsonValue } from '../../../src/formats/money/form.ts'
import { operationCodec } from '../../../src/formats/money/operation-codec.ts'
import { operationDigest } from '../../../src/formats/money/operation-digest.ts'
import { receiptCodec, receiptDigest } from '../../../src/formats/money/receipt.ts'
import { speedMessageDigest } from '../../../src/formats/money/speed-message-digest.ts'
import { voucherDigest, waiverDigest } from '../../../src/formats/money/voucher-digest.ts'
import { secp256k1 } from '../../../src/host/secp256k1.ts'
import type { LaneId, RailId, SigningDomain } from '../../../src/ports/ledger.ts'
import { amount, bytes32, ledgerPlace, operationsOn, places, receiptOn } from './arbitrary-statements.ts'

const key = unwrap(secp256k1.openKey(new Uint8Array(32).fill(7)))

/** Whether a signature over one digest passes for a signature of another one by the same key. */
function passes(signed: Uint8Array, other: Uint8Array): boolean {
  const recovered = secp256k1.scheme.recover(other, key.sign(signed))
  return recovered.ok && equalBytes(recovered.value, key.address)
}

function assertRefused(original: Uint8Array, changed: Uint8Array, what: string): void {
  assert.ok(!equalBytes(original, changed), `${what}: the same digest`)
  assert.ok(!passes(original, changed), `${what}: the signature passes`)
}

/** The domain with one thing changed, each in turn. */
function otherDomains(domain: SigningDomain): SigningDomain[] {
  const flipped = (bytes: Uint8Array) => bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte))
  if (domain.type === 'genesis') {
    const contract = domain.salt.slice(12)
    return [
      { type: 'genesis', salt: flipped(domain.salt) },
      { type: 'contract', chainId: 199n, verifyingContract: contract },
    ]
  }
  return [
    { ...domain, chainId: domain.chainId + 1n },
    { ...domain, verifyingContract: flipped(domain.verifyingContract) },
    { type: 'genesis', salt: new Uint8Array(32).fill(9) },
  ]
}

/** Words of which one may stand in the place of another. */
const wordsOfSameFields = [
  ['request-close', 'close'],
  ['open', 'closed'],
  ['credited', 'dropped'],
  ['sent', 'failed'],
  ['gift', 'seeding'],
  ['invite', 'passkey'],
]

/** The leaf changed by the least that is another value of its kind; undefined: there is none in its place. */
function changedLeaf(leaf: string | number): JsonValue | undefined {
  if (typeof leaf === 'number') return leaf === Number.MAX_SAFE_INTEGER ? leaf - 1 : leaf + 1
  const account = parseAccountId(leaf)
  if (account.ok) {
    const address = accountAddress(account.value)
    address[19] = (address[19] as number) ^ 1
    return accountId(accountRail(account.value), address)
  }
  if (leaf.startsWith('0x')) {
    // Of a signature s, or there might be none such.
    const place = leaf.length === 2 + 130 ? 2 + 127 : leaf.length - 1
    return leaf.slice(0, place) + (leaf.charAt(place) === '0' ? '1' : '0') + leaf.slice(place + 1)
  }
  if (/^[0-9]+$/.test(leaf)) return leaf === '0' ? '1' : String(BigInt(leaf) - 1n)
  return wordsOfSameFields.find((words) => words.includes(leaf))?.find((word) => word !== leaf)
}

/** Every form of the JSON with one leaf, or the length of one list, changed. */
function* changedForms(value: JsonValue): Generator<JsonValue> {
  if (typeof value !== 'object') {
    const changed = changedLeaf(value)
    if (changed !== undefined) yield changed
  } else if (Array.isArray(value)) {
    if (value.length > 1) yield value.slice(1)
    yield [...value, value[0] as JsonValue]
    for (const [index, element] of value.entries()) {
      for (const changed of changedForms(element)) yield value.with(index, changed)
    }
  } else {
    for (const [name, member] of Object.entries(value)) {
      for (const changed of changedForms(member)) yield { ...value, [name]: changed }
    }
    // Where it is optional, that is another statement.
    for (const name of Object.keys(value)) {
      yield Object.fromEntries(Object.entries(value).filter(([other]) => other !== name))
    }
  }
}

/** Checks every change that still is a statement; at least one of each field is. */
function checkChanges<T>(statement: T, codec: Codec<T>, rail: RailId, digestOf: (statement: T) => Uint8Array): void {
  const original = digestOf(statement)
  const json = codec.toJson(statement) as Readonly<Record<string, JsonValue>>
  const unchanged = new Set(Object.keys(json).filter((name) => name !== 'type'))
  for (const changed of changedForms(json)) {
    const read = codec.fromJson(changed, rail)
    if (!read.ok) continue
    assertRefused(original, digestOf(read.value), JSON.stringify(changed))
    const members = changed as typeof json
    for (const name of unchanged) if (members[name] !== json[name]) unchanged.delete(name)
  }
  assert.deepEqual([...unchanged], [])
}

describe('P1: a statement changed in one place is another statement', () => {
  for (const place of places) {
    const { rail, domain } = place
    const account = accountId(rail, key.address)
    for (const [type, operation] of Object.entries(operationsOn(rail))) {
      test(`${type} on ${rail}`, () => {
        fc.assert(
          fc.property(operation, (drawn) => {
            const digestOf = (value: typeof drawn) => operationDigest(value, account, domain)
            checkChanges(drawn, operationCodec, rail, digestOf)
            const other = accountId(rail, new Uint8Array(20).fill(1))
            assertRefused(digestOf(drawn), operationDigest(drawn, other, domain), 'another account')
          }),
          { numRuns: 15 },
        )
      })
    }

    test(`receipts on ${rail}`, () => {
      fc.assert(
        fc.property(receiptOn(rail), (receipt) => {
          checkChanges(receipt, receiptCodec, rail, (value) => receiptDigest(value, domain))
        }),
        { numRuns: 60 },
      )
    })
  }

  test('vouchers and waivers: lane, amount, kind, and each part of the domain', () => {
    fc.assert(
      fc.property(bytes32, amount, fc.constantFrom(...places), (laneBytes, cumulativeAmount, { domain }) => {
        const lane = toHex(laneBytes) as LaneId
        const digest = voucherDigest({ lane, cumulativeAmount }, domain)
        laneBytes[31] = (laneBytes[31] as number) ^ 1
        assertRefused(digest, voucherDigest({ lane: toHex(laneBytes) as LaneId, cumulativeAmount }, domain), 'lane')
        const other =
          cumulativeAmount === 0n ? addAmounts(cumulativeAmount, tokenAmount(1n)) : tokenAmount(cumulativeAmount - 1n)
        assertRefused(digest, voucherDigest({ lane, cumulativeAmount: other }, domain), 'amount')
        assertRefused(digest, waiverDigest({ lane, finalAmount: cumulativeAmount }, domain), 'kind')
        for (const moved of otherDomains(domain)) {
          assertRefused(digest, voucherDigest({ lane, cumulativeAmount }, moved), 'domain of a voucher')
          const waiver = { lane, finalAmount: cumulativeAmount }
          assertRefused(waiverDigest(waiver, domain), waiverDigest(waiver, moved), 'domain of a waiver')
        }
      }),
      { numRuns: 60 },
    )
  })

  test('speed messages: rail, kind, info hash, body, and where one ends and the next begins', () => {
    const { rail, domain } = ledgerPlace
    const v1 = 'ab'.repeat(20) as InfoHashV1
    const message = { rail, kind: 'bid', infoHash: v1, body: unwrap(fromHex('0102')) }
    const digest = speedMessageDigest(message, domain)
    const others = [
      { ...message, kind: 'bi' },
      { ...message, kind: 'ask' },
      { ...message, infoHash: undefined },
      { ...message, infoHash: 'ac'.repeat(20) as InfoHashV1 },
      { ...message, infoHash: 'ab'.repeat(32) as InfoHashV2 },
      { ...message, body: unwrap(fromHex('010200')) },
      { ...message, body: new Uint8Array(0) },
    ]
    for (const other of others) assertRefused(digest, speedMessageDigest(other, domain), JSON.stringify(other))
    assert.throws(
      () => speedMessageDigest({ ...message, rail: unwrap(parseRailId('eip155:1')) }, domain),
      AssertionError,
    )
  })
})

test('a statement to another rail than its accounts are on is a bug, as only 20 bytes of them are signed', () => {
  const [here, there] = places as [(typeof places)[0], (typeof places)[0]]
  const [mine, theirs] = [accountId(here.rail, key.address), accountId(there.rail, key.address)]
  const id = 'aa'.repeat(32) as Parameters<typeof operationDigest>[0]['id']
  const transfer = { type: 'transfer', id, to: mine, amount: tokenAmount(1n) } as const
  assert.equal(operationDigest(transfer, mine, here.domain).length, 32)
  assert.throws(() => operationDigest(transfer, theirs, here.domain), AssertionError)
  assert.throws(() => operationDigest(transfer, theirs, there.domain), AssertionError)
  assert.throws(() => operationDigest({ ...transfer, to: theirs }, mine, here.domain), AssertionError)
  assert.ok(parseAccountId(theirs).ok)
})

test('a domain whose bytes change after all signs for what it has become', () => {
  const rail = unwrap(parseRailId('eip155:199'))
  const voucher = { lane: 'bb'.repeat(32) as LaneId, cumulativeAmount: tokenAmount(5n) }
  const contract = new Uint8Array(20).fill(1)
  const domain: SigningDomain = { type: 'contract', chainId: 199n, verifyingContract: contract }
  const before = voucherDigest(voucher, domain)
  contract.fill(2)
  assert.deepEqual(voucherDigest(voucher, domain), voucherDigest(voucher, contractDomain(rail, contract)))
  assert.notDeepEqual(voucherDigest(voucher, domain), before)
})
