// Messages of Speed as bytes: one form each, bounded, and refused in any other.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, toLatin1 } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { maxAmount, tokenAmount } from '../../../src/base/token-amount.ts'
import { accountId } from '../../../src/formats/money/account-id.ts'
import { parseSignature } from '../../../src/formats/money/signature.ts'
import {
  encodeSpeedMessage,
  readSpeedMessage,
  scanSpeedMessage,
  speedKindText,
} from '../../../src/formats/peer/speed-codec.ts'
import {
  maxSpeedMessageBytes,
  type SpeedMessage,
  type SpeedStatement,
} from '../../../src/formats/peer/speed-messages.ts'
import { maxMarks, type PayeeMessage, type PayerMessage } from '../../../src/payment/lane-messages.ts'
import type { Hash256, LaneId, RailId } from '../../../src/ports/ledger.ts'
import { ledgerPlace, places } from '../money/arbitrary-statements.ts'
import { plainOn, speedMessageOn, statementsOn } from './arbitrary-speed.ts'

const { rail } = ledgerPlace
const hash = 'ab'.repeat(32) as Hash256
const signature = unwrap(parseSignature(new Uint8Array(65).fill(0x33).fill(27, 64)))
const account = accountId(rail, new Uint8Array(20).fill(0xee))
const most = Number.MAX_SAFE_INTEGER

function decode(payload: Uint8Array, on: RailId = rail) {
  const scanned = scanSpeedMessage(payload)
  return scanned.ok ? readSpeedMessage(scanned.value, on) : scanned
}

function signed(statement: SpeedStatement): SpeedMessage {
  return { type: 'signed', statement, signature }
}

function rows<T>(row: T): T[] {
  return Array.from({ length: 64 }, () => row)
}

describe('every kind of message', () => {
  for (const place of places) {
    test(`reads back as it was written, on ${place.rail}`, () => {
      fc.assert(
        fc.property(speedMessageOn(place.rail), (message) => {
          const payload = encodeSpeedMessage(message)
          assert.deepEqual(unwrap(decode(payload, place.rail)), message)
          assert.deepEqual(encodeSpeedMessage(unwrap(decode(payload, place.rail))), payload)
        }),
        { numRuns: 200 },
      )
    })
  }

  for (const [kind, drawn] of Object.entries({ ...plainOn(rail), ...statementsOn(rail) })) {
    test(`${kind}: cut short, grown, with a member more or less, it is refused with a code`, () => {
      fc.assert(
        fc.property(drawn, fc.nat(), (value, at) => {
          const isPlain = kind in plainOn(rail)
          const message = isPlain ? { type: 'plain', message: value } : { type: 'signed', statement: value, signature }
          const payload = encodeSpeedMessage(message as SpeedMessage)
          const text = toLatin1(payload)
          assert.equal(unwrap(scanSpeedMessage(payload)).kind, kind)
          for (const wrong of [
            text.slice(0, at % text.length),
            `${text}e`,
            `${text.slice(0, -1)}1:zi0ee`,
            text.replace('1:vi1e', '1:vi01e'),
            text.replace(`1:k${speedKindText(kind as never).length}:${speedKindText(kind as never)}`, ''),
          ]) {
            const read = decode(fromLatin1(wrong))
            assert.ok(!read.ok && read.code === 'speed-message')
          }
        }),
        { numRuns: 20 },
      )
    })
  }
})

test('the largest message of each kind with lists fits a message', () => {
  const opening = { account, nonce: hash, units: 2 ** 33, bid: maxAmount, cost: maxAmount }
  const { cost: _, units: __, ...bid } = opening
  const { bid: ___, ...ask } = opening
  const largest: SpeedStatement[] = [
    {
      type: 'auction-call',
      epoch: most,
      shares: 64,
      postedPrice: maxAmount,
      seats: rows({ account, weight: 2_048 }),
      backedMiB: 2 ** 33,
      commitWithinMs: 60_000,
    },
    {
      type: 'auction-list',
      epoch: most,
      listRoot: hash,
      commitments: rows({ account, commitment: hash }),
      revealWithinMs: 60_000,
    },
    {
      type: 'auction-award',
      epoch: most,
      listRoot: hash,
      openings: rows(bid),
      dropped: rows(account),
      share: 1,
      price: maxAmount,
      fromByte: most,
    },
    {
      type: 'job-request',
      job: hash,
      units: 2 ** 33,
      deadlineMs: 1,
      ceilingCommitment: hash,
      seats: rows({ account, handicap: most, mostUnits: 2 ** 33 }),
      askWithinMs: 60_000,
    },
    {
      type: 'job-award',
      job: hash,
      listRoot: hash,
      ceiling: maxAmount,
      salt: hash,
      openings: rows(ask),
      units: 2 ** 33,
      pay: maxAmount,
      fromByte: most,
    },
  ]
  for (const statement of largest) {
    const payload = encodeSpeedMessage(signed(statement))
    assert.ok(payload.length <= 13_000, `${statement.type}: ${payload.length} bytes`)
    assert.deepEqual(unwrap(decode(payload)), signed(statement))
  }
  const voucher = { lane: hash as string as LaneId, cumulativeAmount: maxAmount, signature }
  const lanes = Array.from({ length: 16 }, () => ({ lane: voucher.lane, voucher }))
  const present: SpeedMessage = { type: 'plain', message: { type: 'present', lanes, windowBytes: most } }
  assert.deepEqual(unwrap(decode(encodeSpeedMessage(present))), present)
})

test('a voucher and its acknowledgement are a thousandth of the smallest tick, frames included', () => {
  const lane = hash as string as LaneId
  const cumulativeAmount = tokenAmount(999_999_999_999_999_999_999n)
  const frame = 6
  const bytes = [
    { type: 'voucher' as const, voucher: { lane, cumulativeAmount, signature } },
    { type: 'acknowledge' as const, lane, cumulativeAmount, windowBytes: 67_108_864 },
  ].reduce((sum, message) => sum + frame + encodeSpeedMessage({ type: 'plain', message }).length, 0)
  assert.ok(bytes <= 262_144 / 1_000, `${bytes} bytes`)
})

test('what the two sides of lanes tell each other is a message as it is', () => {
  const lane = hash as string as LaneId
  const voucher = { lane, cumulativeAmount: tokenAmount(5n), signature }
  const told: (PayerMessage | Exclude<PayeeMessage, { readonly type: 'refuse' }>)[] = [
    { type: 'hello', lanes: Array.from({ length: maxMarks }, () => ({ lane, signed: maxAmount })), unpaid: maxAmount },
    { type: 'voucher', voucher },
    { type: 'finish', lanes: Array.from({ length: maxMarks }, () => lane) },
    { type: 'present', lanes: Array.from({ length: maxMarks }, () => ({ lane, voucher })), windowBytes: 0 },
    { type: 'acknowledge', lane, cumulativeAmount: maxAmount, windowBytes: 1 },
  ]
  for (const message of told) {
    const payload = encodeSpeedMessage({ type: 'plain', message })
    assert.deepEqual(unwrap(decode(payload)), { type: 'plain', message })
  }
})

test('another version and kinds that do not exist yet are known as such, whatever else they hold', () => {
  for (const text of ['d1:ai0e1:k5:terms1:vi2ee', 'd1:k6:future1:vi1e1:zd1:yleee', 'd1:k11:acknowledge1:vi1ee']) {
    assert.equal(unwrap(scanSpeedMessage(fromLatin1(text))).kind, undefined, text)
  }
})

test('what is no dictionary with kind and version is refused', () => {
  for (const text of [
    '',
    'i1e',
    'le',
    'de',
    'd1:k5:termse',
    'd1:vi1ee',
    'd1:ki1e1:vi1ee',
    'd1:k5:terms1:vi0ee',
    'd1:v1:11:k5:termse',
    `d1:k33:${'a'.repeat(33)}1:vi1ee`,
    'd'.repeat(maxSpeedMessageBytes),
    'l'.repeat(1_000_000),
  ]) {
    const scanned = scanSpeedMessage(fromLatin1(text))
    assert.ok(!scanned.ok && scanned.code === 'speed-message', text.slice(0, 40))
  }
})

test('a message over the limit is refused', () => {
  const text = `d1:k6:future1:vi1e1:z${maxSpeedMessageBytes}:${'x'.repeat(maxSpeedMessageBytes)}e`
  assert.ok(!scanSpeedMessage(fromLatin1(text)).ok)
})
