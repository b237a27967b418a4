// Fuzz target: statements of money, from peers, the network and a ledger's journal. Any bytes are a statement in the one
// form it has, or refused with a code; as JSON it reads back the same; and what is read can be signed.
import assert from 'node:assert/strict'
import { fromHex, fromLatin1, toUtf8Lossy } from '../src/base/bytes.ts'
import { unwrap } from '../src/base/errors.ts'
import { tokenAmount } from '../src/base/token-amount.ts'
import { accountId, ledgerDomain, ledgerRail, parseAccountId } from '../src/formats/money/account-id.ts'
import type { Codec } from '../src/formats/money/form.ts'
import { laneCodec } from '../src/formats/money/lane-codec.ts'
import { operationCodec, signedOperationCodec } from '../src/formats/money/operation-codec.ts'
import { operationDigest } from '../src/formats/money/operation-digest.ts'
import { receiptDigest, signedReceiptCodec } from '../src/formats/money/receipt.ts'
import { parseSignature } from '../src/formats/money/signature.ts'
import { signedVoucherCodec } from '../src/formats/money/voucher-codec.ts'
import { voucherDigest } from '../src/formats/money/voucher-digest.ts'
import type { LaneId, LedgerOperation, OperationId } from '../src/ports/ledger.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const genesisHash = new Uint8Array(32).fill(0x47)
const rail = ledgerRail(genesisHash)
const domain = ledgerDomain(genesisHash)
const account = accountId(rail, new Uint8Array(20).fill(1))
const id = '11'.repeat(32) as OperationId
const lane = '22'.repeat(32) as LaneId
const amount = tokenAmount(12_500_000_000_000_000_000n)
const signature = unwrap(parseSignature(unwrap(fromHex(`${'33'.repeat(64)}1b`))))
const voucher = { lane, cumulativeAmount: amount, signature }
const codes = ['statement-malformed', 'account-invalid', 'signature-invalid']

const operations: readonly LedgerOperation[] = [
  { type: 'transfer', id, to: account, amount },
  { type: 'open-lane', id, payee: account, deposit: amount, expiresAtMs: 1_793_491_200_000 },
  { type: 'top-up-lane', id, lane, amount },
  { type: 'claim', id, vouchers: [voucher, voucher] },
  { type: 'payee-close', id, lane, last: voucher },
  { type: 'request-close', id, lane },
  { type: 'close', id, lane },
]
const fullLane = {
  id: lane,
  payer: account,
  payee: account,
  deposit: amount,
  claimed: amount,
  expiresAtMs: 1_793_491_200_000,
  state: { type: 'closing', closesAtMs: 1_793_494_800_000 },
} as const
const receipt = { type: 'lane', lane: fullLane, height: 7, stateRoot: id as never, timeMs: 1_793_491_200_000 } as const

function check<T>(codec: Codec<T>, input: Uint8Array, use: (statement: T) => void): void {
  const read = codec.decode(input, rail)
  if (!read.ok) {
    assert.ok(codes.includes(read.code), read.code)
    return
  }
  assert.deepEqual(codec.encode(read.value), input)
  assert.deepEqual(codec.fromJson(JSON.parse(JSON.stringify(codec.toJson(read.value))), rail), read)
  use(read.value)
}

function checkJson<T>(codec: Codec<T>, json: unknown): void {
  const read = codec.fromJson(json, rail)
  if (read.ok) assert.deepEqual(codec.decode(codec.encode(read.value), rail), read)
  else assert.ok(codes.includes(read.code), read.code)
}

function jsonOf(input: Uint8Array): unknown {
  try {
    return JSON.parse(toUtf8Lossy(input))
  } catch {
    return undefined
  }
}

export const target: FuzzTarget = {
  name: 'statements',
  seeds: [
    ...operations.map((operation) => operationCodec.encode(operation)),
    ...operations.map((operation) => fromLatin1(JSON.stringify(operationCodec.toJson(operation)))),
    signedOperationCodec.encode({ account, operation: operations[0] as LedgerOperation, signature }),
    signedVoucherCodec.encode(voucher),
    laneCodec.encode(fullLane),
    signedReceiptCodec.encode({ receipt, signature }),
    fromLatin1(account),
  ],
  tokens: ['7:account', '6:amount', '2:id32:', '4:lane', '4:type', '8:transfer', '5:claim', '8:vouchers', '4:last']
    .concat([
      '5:state',
      '7:closing',
      '2:-1',
      '2:01',
      'i-1e',
      'i9007199254740992e',
      '65:',
      '20:',
      '"0x',
      '":"',
      'eip155:1:',
    ])
    .map(fromLatin1),
  run(input) {
    check(operationCodec, input, (operation) => operationDigest(operation, account, domain))
    check(signedOperationCodec, input, (signed) => operationDigest(signed.operation, signed.account, domain))
    check(signedVoucherCodec, input, (signed) => voucherDigest(signed, domain))
    check(laneCodec, input, ({ claimed, deposit }) => assert.ok(claimed <= deposit))
    check(signedReceiptCodec, input, (signed) => receiptDigest(signed.receipt, domain))
    const text = toUtf8Lossy(input)
    const parsed = parseAccountId(text)
    assert.ok(parsed.ok ? parsed.value === text : parsed.code === 'account-invalid')
    const json = jsonOf(input)
    if (json === undefined) return
    checkJson(operationCodec, json)
    checkJson(laneCodec, json)
  },
}
