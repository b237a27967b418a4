// What a party keeps of its lanes in the Store: one record each under `RAIL/NAME` in a table of its kind, canonical
// bencode with everything capped. Guarantees: reads back exactly what was written; whatever the bytes, nothing is thrown,
// and a record under another name than its own is refused. docs/payment.md has the tables.
import { assert } from '../base/assert.ts'
import { equalBytes, fromUtf8, toUtf8Lossy, utf8Length } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import { type Codec, codec, type Form, malformed, optional, record, union } from '../formats/money/form.ts'
import { operationCodec } from '../formats/money/operation-codec.ts'
import { words } from '../formats/money/operation-forms.ts'
import { account, amount, bytes32, whole } from '../formats/money/typed-forms.ts'
import { optionalVoucher } from '../formats/money/voucher-codec.ts'
import type { AccountId, LaneId, LedgerOperation, RailId, SignedVoucher } from '../ports/ledger.ts'
import type { StoreChange, StoreEntry, StoreRange } from '../ports/store.ts'
import type { Standing } from './standing.ts'

/** Why nothing is signed on a lane any more. */
export type FreezeReason =
  /** The payee, or the rail, has a later state of it than this record: it comes from a backup. */
  | 'restored'
  /** The rail has it, and there was no record. */
  | 'unknown'

type KeptLaneState =
  /** Asked for and not yet heard to be there. */
  { readonly type: 'opening' } | { readonly type: 'open' } | { readonly type: 'closing'; readonly closesAtMs: number }

/** A lane that this account pays on. */
export interface PayerLane {
  readonly lane: LaneId
  readonly payee: AccountId
  /** The purse its deposit comes from; at most 64 bytes. */
  readonly budget: string
  readonly deposit: TokenAmount
  /** On its way into the deposit. */
  readonly toppingUp: TokenAmount
  readonly fee: TokenAmount
  readonly expiresAtMs: number
  /** The high-water mark: no smaller amount is ever signed, and this one only after it is on the disk. */
  readonly signed: TokenAmount
  /** As the rail was last heard to say. */
  readonly claimed: TokenAmount
  readonly state: KeptLaneState
  readonly frozen?: FreezeReason
}

/** A lane that this account is paid on. */
export interface PayeeLane {
  readonly lane: LaneId
  readonly payer: AccountId
  readonly deposit: TokenAmount
  readonly expiresAtMs: number
  readonly claimed: TokenAmount
  /** The largest voucher that was accepted. */
  readonly newest?: SignedVoucher
  readonly state: KeptLaneState
  /** Two keys or two copies of the payer are at work: nothing is served for it any more. */
  readonly isDoubtful: 'yes' | 'no'
}

/** What one account owes another in all, and what of it was paid; only the difference means something. */
export interface KeptTab {
  readonly account: AccountId
  readonly owed: TokenAmount
  readonly paid: TokenAmount
  /** The last one agreed, for 2^20 bytes. */
  readonly pricePerMiB: TokenAmount
}

/** A purse: lanes opened out of it never hold more than `total` less what was spent. */
export interface Budget {
  readonly name: string
  readonly total: TokenAmount
  readonly spent: TokenAmount
}

export type LossReason =
  /** The lane was closed before the voucher was cashed. */
  | 'closed-first'
  | 'expired'
  /** The owner gave it up. */
  | 'given-up'

/** What a payee had a voucher for and did not get. */
export interface Loss {
  readonly lane: LaneId
  readonly payer: AccountId
  readonly amount: TokenAmount
  readonly reason: LossReason
  /** In the rail's time. */
  readonly atMs: number
  /** How often the rail was asked to pay it out. */
  readonly attempts: number
}

const maxBudgetBytes = 64

/** A kind of record: its table, and the name of each in it. */
export interface Table<T> {
  readonly table: string
  nameOf(value: T): string
  readonly codec: Codec<T>
}

const laneId = bytes32<LaneId>()
const laneState = union<KeptLaneState>({ opening: {}, open: {}, closing: { closesAtMs: whole } })

const budgetName: Form<string> = {
  toBencode: (value) => value,
  fromBencode: (cursor) => nameOf(cursor.text()),
  toJson: (value) => value,
  fromJson: nameOf,
}

function nameOf(value: unknown): string {
  return typeof value === 'string' && utf8Length(value) <= maxBudgetBytes
    ? value
    : malformed('not the name of a budget')
}

/** The lane of a voucher is that of its record, and it is within the deposit; no more was claimed than was put in. */
function checked<T>(form: Form<T>, faultOf: (value: T) => string | undefined): Form<T> {
  const check = (value: T) => {
    const fault = faultOf(value)
    return fault === undefined ? value : malformed(fault)
  }
  return {
    ...form,
    fromBencode: (cursor, rail) => check(form.fromBencode(cursor, rail)),
    fromJson: (value, rail) => check(form.fromJson(value, rail)),
  }
}

const payerLane = record<PayerLane>({
  lane: laneId,
  payee: account,
  budget: budgetName,
  deposit: amount,
  toppingUp: amount,
  fee: amount,
  expiresAtMs: whole,
  signed: amount,
  claimed: amount,
  state: laneState,
  frozen: optional(words<FreezeReason>(['restored', 'unknown'])),
})
const payeeLane = record<PayeeLane>({
  lane: laneId,
  payer: account,
  deposit: amount,
  expiresAtMs: whole,
  claimed: amount,
  newest: optionalVoucher,
  state: laneState,
  isDoubtful: words(['yes', 'no']),
})

export const payerLanes: Table<PayerLane> = {
  table: 'payer-lanes',
  nameOf: ({ lane }) => lane,
  codec: codec(
    checked(payerLane, ({ signed, claimed, deposit }) =>
      signed <= deposit && claimed <= deposit ? undefined : 'more signed or claimed than was put in',
    ),
  ),
}
export const payeeLanes: Table<PayeeLane> = {
  table: 'payee-lanes',
  nameOf: ({ lane }) => lane,
  codec: codec(
    checked(payeeLane, ({ lane, newest, claimed, deposit }) => {
      if (newest !== undefined && newest.lane !== lane) return 'the voucher of another lane'
      return claimed <= deposit && (newest?.cumulativeAmount ?? 0n) <= deposit ? undefined : 'more than was put in'
    }),
  ),
}

const tabCodec = codec(
  record<KeptTab>({
    account,
    owed: amount,
    paid: amount,
    pricePerMiB: amount,
  }),
)
export const payerTabs: Table<KeptTab> = { table: 'payer-tabs', nameOf: ({ account: payee }) => payee, codec: tabCodec }
export const payeeTabs: Table<KeptTab> = { table: 'payee-tabs', nameOf: ({ account: payer }) => payer, codec: tabCodec }

export const budgets: Table<Budget> = {
  table: 'payer-budgets',
  nameOf: ({ name }) => name,
  codec: codec(record<Budget>({ name: budgetName, total: amount, spent: amount })),
}
export const standings: Table<Standing> = {
  table: 'payee-standings',
  nameOf: ({ account: payer }) => payer,
  codec: codec(
    record<Standing>({
      account,
      defaults: whole,
      unpaid: amount,
      paidBytes: whole,
      countedAtMs: whole,
      untilMs: whole,
    }),
  ),
}
export const losses: Table<Loss> = {
  table: 'payee-losses',
  nameOf: ({ lane }) => lane,
  codec: codec(
    record<Loss>({
      lane: laneId,
      payer: account,
      amount,
      reason: words<LossReason>(['closed-first', 'expired', 'given-up']),
      atMs: whole,
      attempts: whole,
    }),
  ),
}
/** What the rail was asked for, or will be, and has not answered. */
export const payerOperations: Table<LedgerOperation> = {
  table: 'payer-operations',
  nameOf: ({ id }) => id,
  codec: operationCodec,
}
export const payeeOperations: Table<LedgerOperation> = { ...payerOperations, table: 'payee-operations' }

function keyOf(rail: RailId, name: string): Uint8Array {
  return fromUtf8(`${rail}/${name}`)
}

export function putRecord<T>(table: Table<T>, rail: RailId, value: T): StoreChange {
  return { type: 'put', table: table.table, key: keyOf(rail, table.nameOf(value)), value: table.codec.encode(value) }
}

export function deleteRecord<T>(table: Table<T>, rail: RailId, value: T): StoreChange {
  return { type: 'delete', table: table.table, key: keyOf(rail, table.nameOf(value)) }
}

/** All records of a rail in a table, at most `maxCount` from a key on. */
export function recordRange(rail: RailId, maxCount: number, after?: StoreEntry): StoreRange {
  // The character after the slash in its place: behind all names, before any other rail.
  const to = fromUtf8(`${rail}0`)
  const from = after === undefined ? keyOf(rail, '') : new Uint8Array([...after.key, 0])
  return { from, to, order: 'ascending', maxCount }
}

/** Errors: store-damaged, naming the record. */
export function readRecords<T>(table: Table<T>, rail: RailId, entries: readonly StoreEntry[]): Result<T[]> {
  const values: T[] = []
  for (const { key, value } of entries) {
    const read = table.codec.decode(value, rail)
    const place = `${table.table}, ${toUtf8Lossy(key.subarray(0, 128))}`
    if (!read.ok) return failure('store-damaged', `${place}: ${read.detail}`)
    if (!equalBytes(key, keyOf(rail, table.nameOf(read.value)))) {
      return failure('store-damaged', `${place}: a record under another name than its own`)
    }
    values.push(read.value)
  }
  return success(values)
}

/** A budget's name as it is made by the program. */
export function assertBudgetName(name: string): void {
  assert(utf8Length(name) <= maxBudgetBytes && name.length > 0, 'a name of 1 to 64 bytes')
}
