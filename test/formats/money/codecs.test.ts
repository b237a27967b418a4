// Statements as bencode and JSON: read back the same, one form each, and anything else refused without throwing.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../../../src/base/assert.ts'
import { concatBytes, fromLatin1, toLatin1 } from '../../../src/base/bytes.ts'
import { type Result, unwrap } from '../../../src/base/errors.ts'
import { tokenAmount } from '../../../src/base/token-amount.ts'
import { accountId, parseRailId } from '../../../src/formats/money/account-id.ts'
import type { Codec, JsonValue } from '../../../src/formats/money/form.ts'
import { laneCodec } from '../../../src/formats/money/lane-codec.ts'
import { operationCodec, signedOperationCodec } from '../../../src/formats/money/operation-codec.ts'
import { receiptCodec, signedReceiptCodec } from '../../../src/formats/money/receipt.ts'
import { maxVouchers, signedVoucherCodec } from '../../../src/formats/money/voucher-codec.ts'
import type { LaneId, OperationId, RailId } from '../../../src/ports/ledger.ts'
import {
  accountOn,
  laneOn,
  operationOn,
  optionalFields,
  places,
  receiptOn,
  record,
  signedVoucher,
} from './arbitrary-statements.ts'

const codes = ['statement-malformed', 'account-invalid', 'signature-invalid']

function refuses(result: Result<unknown>, what: string): void {
  assert.ok(!result.ok, what)
  assert.ok(codes.includes(result.code), `${what}: ${result.code}`)
}

interface Kind {
  readonly name: string
  readonly rail: RailId
  readonly codec: Codec<unknown>
  readonly statement: fc.Arbitrary<unknown>
}

function kindsOn(rail: RailId): Kind[] {
  const signature = signedVoucher.map((voucher) => voucher.signature)
  const kind = <T>(name: string, codec: Codec<T>, statement: fc.Arbitrary<T>): Kind => ({
    name: `${name} on ${rail}`,
    rail,
    codec: codec as Codec<unknown>,
    statement,
  })
  return [
    kind('signed voucher', signedVoucherCodec, signedVoucher),
    kind('lane', laneCodec, laneOn(rail)),
    kind('operation', operationCodec, operationOn(rail)),
    kind(
      'signed operation',
      signedOperationCodec,
      record({ account: accountOn(rail), operation: operationOn(rail), signature }),
    ),
    kind('receipt', receiptCodec, receiptOn(rail)),
    kind('signed receipt', signedReceiptCodec, record({ receipt: receiptOn(rail), signature })),
  ]
}

const kinds = places.flatMap(({ rail }) => kindsOn(rail))

describe('statements as bytes and as JSON', () => {
  for (const { name, codec, rail, statement } of kinds) {
    test(`${name}: what is written is read back the same, from memory that is used again`, () => {
      fc.assert(
        fc.property(statement, (value) => {
          const bytes = codec.encode(value)
          const read = unwrap(codec.decode(bytes, rail))
          assert.deepEqual(codec.encode(read), bytes)
          bytes.fill(0xff)
          assert.deepEqual(read, value)
          const text = JSON.stringify(codec.toJson(value))
          assert.deepEqual(unwrap(codec.fromJson(JSON.parse(text), rail)), value)
        }),
        { numRuns: 40 },
      )
    })

    test(`${name}: cut short, continued, or with a field more or less, it is refused`, () => {
      fc.assert(
        fc.property(statement, fc.nat(), (value, place) => {
          const bytes = codec.encode(value)
          refuses(codec.decode(bytes.subarray(0, place % bytes.length), rail), 'cut short')
          refuses(codec.decode(concatBytes([bytes, fromLatin1('e')]), rail), 'continued')
          const more = concatBytes([bytes.subarray(0, -1), fromLatin1('5:zzzzzi0ee')])
          refuses(codec.decode(more, rail), 'a field more')
          const json = codec.toJson(value) as Record<string, JsonValue>
          refuses(codec.fromJson({ ...json, more: 0 }, rail), 'a member more')
          for (const key of Object.keys(json)) {
            if (optionalFields.has(key)) continue
            const { [key]: _, ...less } = json
            refuses(codec.fromJson(less, rail), `no ${key}`)
            refuses(codec.fromJson({ ...json, [key]: null }, rail), `${key} null`)
            refuses(codec.fromJson({ ...json, [key]: '' }, rail), `${key} empty`)
          }
        }),
        { numRuns: 20 },
      )
    })

    test(`${name}: no bytes and no JSON whatever throw`, () => {
      fc.assert(
        fc.property(statement, fc.nat(), fc.nat(255), fc.jsonValue(), (value, place, byte, json) => {
          const bytes = codec.encode(value)
          bytes[place % bytes.length] = byte
          const read = codec.decode(bytes, rail)
          if (read.ok) assert.deepEqual(codec.encode(read.value), bytes)
          else assert.ok(codes.includes(read.code))
          const parsed = codec.fromJson(json, rail)
          if (!parsed.ok) assert.ok(codes.includes(parsed.code))
        }),
        { numRuns: 40 },
      )
    })
  }
})

describe('what a statement may not be', () => {
  const [place] = places as [(typeof places)[0]]
  const { rail } = place
  const id = 'aa'.repeat(32) as OperationId
  const to = accountId(rail, new Uint8Array(20).fill(1))
  const transfer = { type: 'transfer', id, to, amount: tokenAmount(12n) } as const
  const json = operationCodec.toJson(transfer) as Record<string, JsonValue>

  test('bytes are canonical bencode under the names of the fields', () => {
    const text = toLatin1(operationCodec.encode({ type: 'close', id, lane: 'bb'.repeat(32) as LaneId }))
    assert.equal(text, `d2:id32:${'\xaa'.repeat(32)}4:lane32:${'\xbb'.repeat(32)}4:type5:closee`)
  })

  test('amounts are decimal text, in range, of one form', () => {
    const wrong = [
      '012',
      '-1',
      '-0',
      '+1',
      '1e3',
      '1.0',
      ' 1',
      '1 ',
      '0x1',
      '',
      (2n ** 256n).toString(),
      '9'.repeat(1000),
    ]
    for (const amount of [...wrong, 12, 1.5, true, ['1'], { amount: '1' }]) {
      refuses(operationCodec.fromJson({ ...json, amount }, rail), `amount ${String(amount)}`)
    }
    const canonical = toLatin1(operationCodec.encode(transfer))
    for (const amount of ['i12e', '3:012', '2:-1', '3:1e1', '0:']) {
      refuses(operationCodec.decode(fromLatin1(canonical.replace('2:12', amount)), rail), amount)
    }
  })

  test('hexadecimal is 0x and lower case, of the length of its kind', () => {
    for (const wrong of ['aa'.repeat(32), `0x${'AA'.repeat(32)}`, `0X${'aa'.repeat(32)}`, `0x${'aa'.repeat(31)}`]) {
      refuses(operationCodec.fromJson({ ...json, id: wrong }, rail), wrong)
    }
    refuses(operationCodec.fromJson({ ...json, id: `0x${'ag'.repeat(32)}` }, rail), 'a letter beyond f')
  })

  test('accounts are of the rail that is read for', () => {
    const other = unwrap(parseRailId('eip155:199'))
    refuses(operationCodec.fromJson(json, other), 'another rail')
    refuses(operationCodec.fromJson({ ...json, to: accountId(other, new Uint8Array(20)) }, rail), 'another account')
    refuses(operationCodec.fromJson({ ...json, to: '0x0101010101010101010101010101010101010101' }, rail), 'no rail')
  })

  test('times are whole, exact and not negative', () => {
    const lane = laneCodec.toJson(fc.sample(laneOn(rail), { numRuns: 1, seed: 1 })[0] as never) as Record<
      string,
      JsonValue
    >
    assert.ok(laneCodec.fromJson({ ...lane, expiresAtMs: 2 ** 53 - 1 }, rail).ok)
    for (const expiresAtMs of [-1, -0, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, '1', 1n]) {
      refuses(laneCodec.fromJson({ ...lane, expiresAtMs }, rail), String(expiresAtMs))
    }
  })

  test('a lane with more claimed than put in is none', () => {
    const lane = laneCodec.toJson(fc.sample(laneOn(rail), { numRuns: 1, seed: 1 })[0] as never) as Record<
      string,
      JsonValue
    >
    assert.ok(laneCodec.fromJson({ ...lane, deposit: '5', claimed: '5' }, rail).ok)
    refuses(laneCodec.fromJson({ ...lane, deposit: '5', claimed: '6' }, rail), 'more claimed')
  })

  test('types are those of the table, not what objects have besides', () => {
    for (const type of ['mint', '', 'constructor', '__proto__', 'toString', 7, null]) {
      refuses(operationCodec.fromJson({ ...json, type }, rail), `type ${String(type)}`)
    }
    refuses(operationCodec.fromJson(JSON.parse(`{"__proto__":{"type":"transfer"}}`), rail), 'fields of a prototype')
    refuses(operationCodec.fromJson([], rail), 'an array')
    refuses(operationCodec.fromJson('transfer', rail), 'text')
  })

  test('a claim has at least one voucher and at most as many as the limit, however large', () => {
    const [voucher] = fc.sample(signedVoucher, { numRuns: 1, seed: 2 })
    assert.ok(voucher !== undefined)
    const largest = { ...voucher, cumulativeAmount: tokenAmount(2n ** 256n - 1n) }
    const claim = (count: number) => ({ type: 'claim', id, vouchers: new Array(count).fill(largest) }) as const
    const full = operationCodec.encode(claim(maxVouchers))
    assert.deepEqual(unwrap(operationCodec.decode(full, rail)), claim(maxVouchers))
    assert.throws(() => operationCodec.encode(claim(maxVouchers + 1)), AssertionError)
    assert.throws(() => operationCodec.encode(claim(0)), AssertionError)
    const claimJson = operationCodec.toJson(claim(1)) as Record<string, JsonValue>
    const { vouchers } = claimJson
    assert.ok(Array.isArray(vouchers))
    refuses(operationCodec.fromJson({ ...claimJson, vouchers: [] }, rail), 'none')
    const many = new Array(maxVouchers + 1).fill(vouchers[0])
    refuses(operationCodec.fromJson({ ...claimJson, vouchers: many }, rail), 'too many')
    refuses(operationCodec.fromJson({ ...claimJson, vouchers: new Array(3) }, rail), 'holes')
  })

  test('a megabyte is refused before it is looked at, and deep nesting soon', () => {
    refuses(operationCodec.decode(new Uint8Array(1_000_000).fill(0x6c), rail), 'a megabyte of lists')
    refuses(operationCodec.decode(fromLatin1('l'.repeat(60_000)), rail), 'lists')
    refuses(operationCodec.decode(fromLatin1(`d4:type4:${'claim'.repeat(10)}e`), rail), 'a length that lies')
  })
})
