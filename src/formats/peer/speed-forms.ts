// How each message of Speed (docs/protocol/speed.md) is written: one table of plain messages, one of statements.
// Guarantees: one encoding a message, every list, number and text within its bounds; a new message is a row. Names are
// one letter where a message comes with every tick of payment: those bytes are its cost.
import { assert } from '../../base/assert.ts'
import type { TokenAmount } from '../../base/token-amount.ts'
import type { LaneId, Signature } from '../../ports/ledger.ts'
import { type Fields, type Form, list, malformed, optional, record, type Variants } from '../money/form.ts'
import { chainAccount, hash256, words } from '../money/operation-forms.ts'
import { signedReceiptForm } from '../money/receipt.ts'
import { account, amount, bytes32, signatureBytes, whole } from '../money/typed-forms.ts'
import { signedVoucherForm } from '../money/voucher-codec.ts'
import {
  leastStayIntervalMs,
  maxJobMs,
  maxSpeedLanes,
  maxSpeedLedgers,
  maxSpeedMessageBytes,
  maxSpeedSeats,
  maxStayBlockBytes,
  maxStayBlocks,
  maxStayMs,
  maxStepMs,
  maxUnits,
  maxWordLength,
  mostStayIntervalMs,
  type SpeedPlain,
  type SpeedStatement,
  speedVersion,
  stayRefusalReasons,
} from './speed-messages.ts'

/** The kinds of which others than those they are made to may be shown a copy: their bodies name their author alone. */
export const shownKinds = ['auction-call', 'auction-list', 'job-request', 'job-list'] as const

/** As they are on the wire, where that differs from what they mean. */
export type WirePlain =
  | Exclude<SpeedPlain, { readonly type: 'voucher' | 'acknowledge' }>
  | { readonly type: 'voucher'; readonly a: TokenAmount; readonly l: LaneId; readonly s: Signature }
  | { readonly type: 'ack'; readonly a: TokenAmount; readonly l: LaneId; readonly w: number }

/** Of what has one form only; nothing of peers is ever JSON. */
function bencodeOnly<T>(form: Pick<Form<T>, 'toBencode' | 'fromBencode'>): Form<T> {
  const noJson = () => malformed('a message of peers is no JSON')
  return { ...form, toJson: noJson, fromJson: noJson }
}

function narrowed<T>(form: Form<T>, isFit: (value: T) => boolean, what: string): Form<T> {
  return bencodeOnly({
    toBencode(value) {
      assert(isFit(value), what)
      return form.toBencode(value)
    },
    fromBencode(cursor, rail) {
      const value = form.fromBencode(cursor, rail)
      return isFit(value) ? value : malformed(`not ${what}`)
    },
  })
}

function within(least: number, most: number): Form<number> {
  return narrowed(whole, (value) => value >= least && value <= most, `a number of ${least} to ${most}`)
}

/** Rows of one round. */
function seats<T extends object>(fields: Fields<T>, least: number): Form<readonly T[]> {
  return list(record<T>(fields), least, maxSpeedSeats)
}

const flag: Form<boolean> = bencodeOnly({
  toBencode: (value) => (value ? 1 : 0),
  fromBencode(cursor) {
    const value = cursor.integer()
    return value === 0 || value === 1 ? value === 1 : malformed('neither 0 nor 1')
  },
})

const word: Form<string> = narrowed(
  bencodeOnly({ toBencode: (value) => value, fromBencode: (cursor) => cursor.latin1() ?? malformed('no text') }),
  (text) => text.length <= maxWordLength && /^[a-z]+(-[a-z0-9]+)*$/.test(text),
  'a word of letters and hyphens',
)

/** What was signed of a statement. */
export const signedBody: Form<Uint8Array> = narrowed(
  bencodeOnly({
    toBencode: (value) => value,
    fromBencode: (cursor) => cursor.bytes()?.slice() ?? malformed('no bytes'),
  }),
  (bytes) => bytes.length > 0 && bytes.length <= maxSpeedMessageBytes - 512,
  'a body that was sent in a message',
)

/** The version, which every message has: never looked at in a value. */
export const versionForm: Form<number> = within(speedVersion, speedVersion)

const lane = bytes32<LaneId>()
const laneReceipt = narrowed(signedReceiptForm, ({ receipt }) => receipt.type === 'lane', 'the receipt of a lane')
const backing = narrowed(
  signedReceiptForm,
  ({ receipt }) => receipt.type === 'lane' || receipt.type === 'balance',
  'the receipt of a lane or a balance',
)
const tickBytes = within(1, 2 ** 40)
const units = within(1, maxUnits)
const stepMs = within(1, maxStepMs)
const weight = within(1_024, 2_048)
const shares = within(0, maxSpeedSeats)
const commitments = seats({ account, commitment: hash256 }, 0)
const stayBlock = { piece: whole, offset: whole, length: within(1, maxStayBlockBytes) }
const optionalVoucher = optional(signedVoucherForm)
const optionalLane = optional(lane)

export const plainForms: Variants<WirePlain> = {
  'terms': {
    nonce: hash256,
    ledgers: list(record({ account: chainAccount, postedPrice: amount }), 0, maxSpeedLedgers),
    pays: flag,
    earns: flag,
    leastTickBytes: tickBytes,
    mostTickBytes: tickBytes,
  },
  'bind': { signature: signatureBytes },
  'want-share': { isWanting: flag },
  'job-end': { job: hash256 },
  'shown-root': { provider: account, epoch: whole, listRoot: hash256 },
  'shown-job-root': { requester: account, job: hash256, listRoot: hash256 },
  'evidence': { author: account, of: words(shownKinds), body: signedBody, signature: signatureBytes },
  'lane': { event: words(['open', 'topped-up', 'closing'] as const), receipt: laneReceipt },
  'hello': { lanes: list(record({ lane, signed: amount }), 0, maxSpeedLanes), unpaid: amount },
  'present': { lanes: list(record({ lane, voucher: optionalVoucher }), 0, maxSpeedLanes), windowBytes: whole },
  'voucher': { a: amount, l: lane, s: signatureBytes },
  'ack': { a: amount, l: lane, w: whole },
  'finish': { lanes: list(lane, 1, maxSpeedLanes) },
  'stay-offer': {
    stay: hash256,
    lastsMs: within(1, maxStayMs),
    perHour: amount,
    intervalMs: within(leastStayIntervalMs, mostStayIntervalMs),
    blocks: within(1, maxStayBlocks),
  },
  'stay-accept': { stay: hash256 },
  'stay-refuse': { stay: hash256, reason: words(stayRefusalReasons), leastPerHour: amount },
  'stay-challenge': { stay: hash256, tick: whole, nonce: hash256, blocks: list(record(stayBlock), 1, maxStayBlocks) },
  'stay-proof': { stay: hash256, tick: whole, answer: hash256 },
  'stay-end': { stay: hash256 },
  'refuse': { of: word, reason: word, lane: optionalLane },
}

export const statementForms: Variants<SpeedStatement> = {
  'auction-call': {
    epoch: whole,
    shares,
    postedPrice: amount,
    seats: seats({ account, weight }, 1),
    backedMiB: units,
    commitWithinMs: stepMs,
  },
  'auction-list': { epoch: whole, listRoot: hash256, commitments, revealWithinMs: stepMs },
  'auction-award': {
    epoch: whole,
    listRoot: hash256,
    openings: seats({ account, bid: amount, nonce: hash256 }, 0),
    dropped: list(account, 0, maxSpeedSeats),
    share: within(0, 1),
    price: amount,
    fromByte: whole,
  },
  'walk-in-award': { epoch: whole, price: amount, fromByte: whole },
  'share-lost': { epoch: whole, owedBytes: whole, fromByte: whole },
  'auction-commit': { epoch: whole, commitment: hash256, backing },
  'auction-reveal': { epoch: whole, bid: amount, nonce: hash256 },
  'job-request': {
    job: hash256,
    units,
    deadlineMs: within(1, maxJobMs),
    ceilingCommitment: hash256,
    seats: seats({ account, handicap: whole, mostUnits: within(0, maxUnits) }, 1),
    askWithinMs: stepMs,
  },
  'job-ask': { job: hash256, commitment: hash256 },
  'job-list': { job: hash256, listRoot: hash256, commitments, revealWithinMs: stepMs },
  'job-reveal': { job: hash256, cost: amount, units, nonce: hash256 },
  'job-award': {
    job: hash256,
    listRoot: hash256,
    ceiling: amount,
    salt: hash256,
    openings: seats({ account, cost: amount, units, nonce: hash256 }, 0),
    units: within(0, maxUnits),
    pay: amount,
    fromByte: whole,
  },
  'receipt': { lane, bytes: whole, amount },
}
