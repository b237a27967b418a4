// What is kept of each payment until it has ended: that it counted, on which day and for whom, so that the same
// operation asked for again does not count again and what comes back is given back where it counted.
// Tables of the Store: `wallet-charges`, by rail and id; `wallet-totals`, sums as decimal text.
import { fromUtf8, toLatin1 } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { parseBaseUnits, type TokenAmount, type TokenSymbol, zeroAmount } from '../base/token-amount.ts'
import { codec, type Form, list, malformed, optional, record } from '../formats/money/form.ts'
import { chainAccount, hash256, words } from '../formats/money/operation-forms.ts'
import { amount, bytes32, whole } from '../formats/money/typed-forms.ts'
import type { AccountId, Hash256, LaneId, OperationId, RailId } from '../ports/ledger.ts'
import type { StoreKey } from '../ports/store.ts'

/** Counted at one time. */
export interface ChargePart {
  /** Days since 1970, UTC. */
  readonly day: number
  readonly amount: TokenAmount
}

export interface ChargeRecord {
  /** SHA-256 of what was signed; none of a lane that was not opened by this wallet, as far as it remembers. */
  readonly content?: Hash256
  readonly symbol: TokenSymbol
  readonly kind: 'gone' | 'locked' | 'lane'
  readonly fee: TokenAmount
  /** In the order in which they counted; the fee counted with the first. */
  readonly parts: readonly ChargePart[]
  readonly payee?: AccountId
  readonly torrent?: string
  readonly app?: string
  /** The lane a top-up belongs to. */
  readonly lane?: LaneId
  /** Of a lane: the operations that topped it up. */
  readonly topUps: readonly OperationId[]
}

export const chargesTable = 'wallet-charges'
export const totalsTable = 'wallet-totals'
/** Days on which one lane was paid from without being known; then parts run together. */
export const maxParts = 64
export const maxTopUps = 256
/** What names an app or a torrent. */
export const plainText: RegExp = /^[\w.-]{1,64}$/

const text: Form<string> = {
  toBencode: (value) => value,
  fromBencode: (cursor) => shortText(cursor.latin1()),
  toJson: (value) => value,
  fromJson: shortText,
}

function shortText(value: unknown): string {
  return typeof value === 'string' && plainText.test(value) ? value : malformed('not plain text, or too long')
}

const recordCodec = codec(
  record<ChargeRecord>({
    content: optional(hash256),
    symbol: words<TokenSymbol>(['BTT', 'TEST']),
    kind: words<ChargeRecord['kind']>(['gone', 'locked', 'lane']),
    fee: amount,
    parts: list(record<ChargePart>({ day: whole, amount }), 1, maxParts),
    payee: optional(chainAccount),
    torrent: optional(text),
    app: optional(text),
    lane: optional(bytes32<LaneId>()),
    topUps: list(bytes32<OperationId>(), 0, maxTopUps),
  }),
)

export function chargeKey(rail: RailId, id: OperationId | LaneId): StoreKey {
  return fromUtf8(`${rail}/${id}`)
}

export function encodeCharge(charge: ChargeRecord): Uint8Array {
  return recordCodec.encode(charge)
}

/** Errors: store-damaged. */
export function decodeCharge(bytes: Uint8Array | undefined): Result<ChargeRecord | undefined> {
  if (bytes === undefined) return success(undefined)
  const read = recordCodec.decode(bytes, '' as RailId)
  return read.ok ? read : failure('store-damaged', `the record of a payment: ${read.detail}`)
}

/** Nothing was counted yet where there is none. Errors: store-damaged. */
export function decodeTotal(bytes: Uint8Array | undefined): Result<TokenAmount> {
  if (bytes === undefined) return success(zeroAmount)
  const read = parseBaseUnits(toLatin1(bytes))
  return read.ok ? read : failure('store-damaged', `a sum of payments: ${read.detail}`)
}

/** Where a payment counts, besides in its own record. */
export interface Counted {
  readonly symbol: TokenSymbol
  readonly torrent?: string
  readonly app?: string
  readonly payee?: AccountId
}

export function dayKey({ symbol }: Counted, day: number): string {
  return `day/${symbol}/${day}`
}

export function torrentKey({ symbol, torrent }: Counted): string | undefined {
  return torrent === undefined ? undefined : `torrent/${symbol}/${torrent}`
}

export function appKey({ symbol, app }: Counted, day: number): string | undefined {
  return app === undefined ? undefined : `app/${symbol}/${day}/${app}`
}

export function peerKey({ symbol, payee }: Counted): string | undefined {
  return payee === undefined ? undefined : `peer/${symbol}/${payee}`
}

export function lanesKey({ symbol }: Counted): string {
  return `lanes/${symbol}`
}
