// Messages of Speed of every kind, drawn for property tests and made as large as they may be.
// Guarantees: all are valid in form; what they say need not make sense to a market.
import fc from 'fast-check'
import { toHex } from '../../../src/base/bytes.ts'
import { type InfoHashV1, type InfoHashV2, infoHashV1, infoHashV2, type PeerId, peerId } from '../../../src/base/ids.ts'
import { shownKinds } from '../../../src/formats/peer/speed-forms.ts'
import {
  type SpeedMessage,
  type SpeedPlain,
  type SpeedStatement,
  stayRefusalReasons,
} from '../../../src/formats/peer/speed-messages.ts'
import type { AccountId, Hash256, LaneId, RailId } from '../../../src/ports/ledger.ts'
import {
  accountOn,
  amount,
  bytes32,
  laneOn,
  places,
  receiptOn,
  record,
  signature,
  signedVoucher,
  whole,
} from '../money/arbitrary-statements.ts'

const hash = bytes32.map((bytes) => toHex(bytes) as Hash256)
const lane = bytes32.map((bytes) => toHex(bytes) as LaneId)
const units = fc.integer({ min: 1, max: 2 ** 33 })
const stepMs = fc.integer({ min: 1, max: 60_000 })
const epoch = whole
const fromByte = whole
const anyAccount: fc.Arbitrary<AccountId> = fc.oneof(...places.map(({ rail }) => accountOn(rail)))

export const drawnInfoHash: fc.Arbitrary<InfoHashV1 | InfoHashV2> = fc.oneof(
  fc.uint8Array({ minLength: 20, maxLength: 20 }).map(infoHashV1),
  bytes32.map(infoHashV2),
)
export const drawnPeerId: fc.Arbitrary<PeerId> = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(peerId)

export const drawnTerms = record({
  nonce: hash,
  ledgers: fc.array(record({ account: anyAccount, postedPrice: amount }), { maxLength: 8 }),
  pays: fc.boolean(),
  earns: fc.boolean(),
  leastTickBytes: fc.integer({ min: 1, max: 2 ** 40 }),
  mostTickBytes: fc.integer({ min: 1, max: 2 ** 40 }),
})

function kind<Type extends string>(type: Type): fc.Arbitrary<Type> {
  return fc.constant(type)
}

function laneReceiptOn(rail: RailId) {
  const receipt = record({ type: kind('lane'), lane: laneOn(rail), height: whole, stateRoot: hash, timeMs: whole })
  return record({ receipt, signature })
}

/** By kind. */
export function plainOn(rail: RailId): Readonly<Record<SpeedPlain['type'], fc.Arbitrary<SpeedPlain>>> {
  const lanes = <T>(row: fc.Arbitrary<T>, minLength: number) => fc.array(row, { minLength, maxLength: 16 })
  const payeeMark = fc.oneof(record({ lane }), record({ lane, voucher: signedVoucher }))
  const word = fc.constantFrom('speed-state', 'a', 'something-2-new', 'z'.repeat(32))
  return {
    'terms': drawnTerms.map((terms) => ({ type: 'terms', ...terms })),
    'bind': record({ type: kind('bind'), signature }),
    'want-share': record({ type: kind('want-share'), isWanting: fc.boolean() }),
    'job-end': record({ type: kind('job-end'), job: hash }),
    'shown-root': record({ type: kind('shown-root'), provider: accountOn(rail), epoch, listRoot: hash }),
    'shown-job-root': record({
      type: kind('shown-job-root'),
      requester: accountOn(rail),
      job: hash,
      listRoot: hash,
    }),
    'evidence': record({
      type: kind('evidence'),
      author: accountOn(rail),
      of: fc.constantFrom(...shownKinds),
      body: fc.uint8Array({ minLength: 1, maxLength: 200 }),
      signature,
    }),
    'lane': record({
      type: kind('lane'),
      event: fc.constantFrom('open' as const, 'topped-up' as const, 'closing' as const),
      receipt: laneReceiptOn(rail),
    }),
    'hello': record({ type: kind('hello'), lanes: lanes(record({ lane, signed: amount }), 0), unpaid: amount }),
    'present': record({ type: kind('present'), lanes: lanes(payeeMark, 0), windowBytes: whole }),
    'voucher': record({ type: kind('voucher'), voucher: signedVoucher }),
    'acknowledge': record({ type: kind('acknowledge'), lane, cumulativeAmount: amount, windowBytes: whole }),
    'finish': record({ type: kind('finish'), lanes: lanes(lane, 1) }),
    'stay-offer': record({
      type: kind('stay-offer'),
      stay: hash,
      lastsMs: fc.integer({ min: 1, max: 365 * 86_400_000 }),
      perHour: amount,
      intervalMs: fc.integer({ min: 10_000, max: 86_400_000 }),
      blocks: fc.integer({ min: 1, max: 16 }),
    }),
    'stay-accept': record({ type: kind('stay-accept'), stay: hash }),
    'stay-refuse': record({
      type: kind('stay-refuse'),
      stay: hash,
      reason: fc.constantFrom(...stayRefusalReasons),
      leastPerHour: amount,
    }),
    'stay-challenge': record({
      type: kind('stay-challenge'),
      stay: hash,
      tick: whole,
      nonce: hash,
      blocks: lanes(record({ piece: whole, offset: whole, length: fc.integer({ min: 1, max: 16_384 }) }), 1),
    }),
    'stay-proof': record({ type: kind('stay-proof'), stay: hash, tick: whole, answer: hash }),
    'stay-end': record({ type: kind('stay-end'), stay: hash }),
    'refuse': fc.oneof(
      record({ type: kind('refuse'), of: word, reason: word }),
      record({ type: kind('refuse'), of: word, reason: word, lane }),
    ),
  }
}

/** By kind. */
export function statementsOn(rail: RailId): Readonly<Record<SpeedStatement['type'], fc.Arbitrary<SpeedStatement>>> {
  const account = accountOn(rail)
  const rows = <T>(row: fc.Arbitrary<T>, minLength: number) => fc.array(row, { minLength, maxLength: 64 })
  const weight = fc.integer({ min: 1_024, max: 2_048 })
  const commitments = rows(record({ account, commitment: hash }), 0)
  const balance = receiptOn(rail).filter(({ type }) => type === 'balance')
  const backing = fc.oneof(laneReceiptOn(rail), record({ receipt: balance, signature }))
  return {
    'auction-call': record({
      type: kind('auction-call'),
      epoch,
      shares: fc.integer({ min: 0, max: 64 }),
      postedPrice: amount,
      seats: rows(record({ account, weight }), 1),
      backedMiB: units,
      commitWithinMs: stepMs,
    }),
    'auction-list': record({ type: kind('auction-list'), epoch, listRoot: hash, commitments, revealWithinMs: stepMs }),
    'auction-award': record({
      type: kind('auction-award'),
      epoch,
      listRoot: hash,
      openings: rows(record({ account, bid: amount, nonce: hash }), 0),
      dropped: rows(account, 0),
      share: fc.constantFrom(0, 1),
      price: amount,
      fromByte,
    }),
    'walk-in-award': record({ type: kind('walk-in-award'), epoch, price: amount, fromByte }),
    'share-lost': record({ type: kind('share-lost'), epoch, owedBytes: whole, fromByte }),
    'auction-commit': record({ type: kind('auction-commit'), epoch, commitment: hash, backing }),
    'auction-reveal': record({ type: kind('auction-reveal'), epoch, bid: amount, nonce: hash }),
    'job-request': record({
      type: kind('job-request'),
      job: hash,
      units,
      deadlineMs: fc.integer({ min: 1, max: 30 * 24 * 3_600_000 }),
      ceilingCommitment: hash,
      seats: rows(record({ account, handicap: whole, mostUnits: fc.integer({ min: 0, max: 2 ** 33 }) }), 1),
      askWithinMs: stepMs,
    }),
    'job-ask': record({ type: kind('job-ask'), job: hash, commitment: hash }),
    'job-list': record({ type: kind('job-list'), job: hash, listRoot: hash, commitments, revealWithinMs: stepMs }),
    'job-reveal': record({ type: kind('job-reveal'), job: hash, cost: amount, units, nonce: hash }),
    'job-award': record({
      type: kind('job-award'),
      job: hash,
      listRoot: hash,
      ceiling: amount,
      salt: hash,
      openings: rows(record({ account, cost: amount, units, nonce: hash }), 0),
      units: fc.integer({ min: 0, max: 2 ** 33 }),
      pay: amount,
      fromByte,
    }),
    'receipt': record({ type: kind('receipt'), lane, bytes: whole, amount }),
  }
}

export function speedMessageOn(rail: RailId): fc.Arbitrary<SpeedMessage> {
  return fc.oneof(
    fc.oneof(...Object.values(plainOn(rail))).map((message): SpeedMessage => ({ type: 'plain', message })),
    fc
      .tuple(fc.oneof(...Object.values(statementsOn(rail))), signature)
      .map(([statement, signed]): SpeedMessage => ({ type: 'signed', statement, signature: signed })),
  )
}
