// What was spent and what may be: counts each payment against the owner's limits before anything is signed.
// Guarantees: what counts is on the disk before the caller signs; payments asked for at once never pass a limit
// together; the same operation asked for again counts once; what comes back is given back to the day, torrent, app and
// payee it counted for. After a crash too much may be counted, never too little. Owns both tables of charge-record.ts.
import { assert } from '../base/assert.ts'
import { fromLatin1, fromUtf8 } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { formatBaseUnits, maxAmount, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256, LaneId, OperationId, RailId } from '../ports/ledger.ts'
import type { ExceededLimit, SpendingPurpose } from '../ports/signer.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import type { Charge, RailTerms } from './charge.ts'
import {
  appKey,
  type ChargePart,
  type ChargeRecord,
  type Counted,
  chargeKey,
  chargesTable,
  dayKey,
  decodeCharge,
  decodeTotal,
  encodeCharge,
  lanesKey,
  maxParts,
  maxTopUps,
  peerKey,
  plainText,
  torrentKey,
  totalsTable,
} from './charge-record.ts'
import { peerLimit, type SpendingPolicy } from './spending-policy.ts'

/** What became of an operation, or of what it locked, as the rail says for good. */
export type ChargeOutcome =
  /** Nothing happened: not even the fee was taken. */
  | { readonly type: 'refused' }
  /** So much of it is gone, the rest came back. Of a lane what was claimed, of a top-up or a transfer all of it. */
  | { readonly type: 'ended'; readonly kept: TokenAmount }

export type CountAnswer =
  /** It is on the disk: sign. */
  | { readonly type: 'counted' }
  /** The owner decides; nothing was counted. */
  | { readonly type: 'exceeds'; readonly exceeded: readonly ExceededLimit[] }

export interface PaymentRequest {
  readonly rail: RailId
  readonly id: OperationId
  readonly content: Hash256
  readonly charge: Charge
  readonly terms: RailTerms
  readonly purpose: SpendingPurpose
  /** Confirmed by the owner: limits do not count. */
  readonly isConfirmed: boolean
}

export interface VoucherRequest {
  readonly rail: RailId
  readonly lane: LaneId
  readonly cumulativeAmount: TokenAmount
  readonly terms: RailTerms
  readonly purpose: SpendingPurpose
  readonly isConfirmed: boolean
}

/** A lane as far as it is known: what counted for it, and the largest voucher since the program began. */
interface KnownLane {
  counted: bigint
  highest: bigint
}

const dayMs = 86_400_000
const maxKnownLanes = 10_000

export class SpendingBook {
  private readonly store: Store
  private readonly wallMs: () => number
  private readonly lanes = new Map<string, KnownLane>()
  /** The last of those that wait for each other. */
  private turn: Promise<unknown> = Promise.resolve()
  policy: SpendingPolicy

  constructor(store: Store, wallMs: () => number, policy: SpendingPolicy) {
    this.store = store
    this.wallMs = wallMs
    this.policy = policy
  }

  /** Errors: spending-off, ledger-conflict, amount-out-of-range, those of the Store. */
  count(request: PaymentRequest): Promise<Result<CountAnswer>> {
    return this.inTurn(() => this.countOperation(request))
  }

  /**
   * Vouchers within what counted for their lane are free. One lower than another since the program began is refused.
   * Errors: as count, and voucher-invalid.
   */
  countVoucher(request: VoucherRequest): Promise<Result<CountAnswer>> {
    const known = this.lanes.get(laneName(request))
    const isCounted = known !== undefined && request.cumulativeAmount <= known.counted
    if (isCounted) return Promise.resolve(this.raise(known, request))
    return this.inTurn(() => this.countLane(request))
  }

  /** Gives back what came back. What is not known, or was settled before, changes nothing. Errors: those of the Store. */
  settle(rail: RailId, id: OperationId | LaneId, outcome: ChargeOutcome): Promise<Result<void>> {
    return this.inTurn(() => this.settleCharge(rail, id, outcome))
  }

  /** What counts for today, gone or locked. Errors: store-damaged. */
  async spentToday(symbol: Counted['symbol']): Promise<Result<TokenAmount>> {
    return this.total(dayKey({ symbol }, this.today()))
  }

  private today(): number {
    return Math.max(0, Math.floor(this.wallMs() / dayMs))
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(work)
    this.turn = mine.catch(() => undefined)
    return mine
  }

  private raise(lane: KnownLane, { cumulativeAmount }: VoucherRequest): Result<CountAnswer> {
    if (cumulativeAmount < lane.highest) {
      return failure('voucher-invalid', 'a voucher for less than one that was signed before')
    }
    lane.highest = cumulativeAmount
    return success({ type: 'counted' })
  }

  private async countOperation(request: PaymentRequest): Promise<Result<CountAnswer>> {
    const { rail, id, content, charge, terms, purpose, isConfirmed } = request
    const before = await this.charge(rail, id)
    if (!before.ok) return before
    if (before.value !== undefined) {
      if (before.value.content === content) return success({ type: 'counted' })
      return failure('ledger-conflict', 'the id of the operation belongs to another one')
    }
    const lane = charge.lane === undefined ? success(undefined) : await this.charge(rail, charge.lane)
    if (!lane.ok) return lane
    if ((lane.value?.topUps.length ?? 0) >= maxTopUps) {
      return failure('spending-limit', 'the lane was topped up too often; open another one')
    }
    const isNewLane = charge.kind === 'lane' || (charge.lane !== undefined && lane.value === undefined)
    const counted = countedFor(terms, purpose, charge.payee ?? lane.value?.payee)
    const locked = charge.kind === 'gone' ? 0n : charge.amount
    const totals = await this.add(counted, charge.amount + charge.fee, locked, isNewLane)
    if (!totals.ok) return totals
    const { exceeded, changes } = totals.value
    if (exceeded.length > 0 && !isConfirmed) return success({ type: 'exceeds', exceeded })
    const { kind, fee, lane: toppedUp } = charge
    const day = this.today()
    const record: ChargeRecord = {
      ...counted,
      content,
      kind,
      fee,
      parts: [{ day, amount: charge.amount }],
      topUps: [],
      ...(toppedUp === undefined ? {} : { lane: toppedUp }),
    }
    changes.push(put(rail, id, record))
    if (toppedUp !== undefined) {
      const opened = lane.value ?? unknownLane(counted, { day, amount: zeroAmount })
      changes.push(put(rail, toppedUp, { ...opened, topUps: [...opened.topUps, id] }))
    }
    const kept = await this.store.commit(changes, 'durable')
    if (!kept.ok) return kept
    const grown = this.lanes.get(`${rail}/${charge.lane ?? id}`)
    if (grown !== undefined) grown.counted += charge.amount
    return success({ type: 'counted' })
  }

  /** What a lane owes beyond what counted for it: all of it, if it is not known. */
  private async countLane(request: VoucherRequest): Promise<Result<CountAnswer>> {
    const { rail, lane: id, cumulativeAmount, terms, purpose, isConfirmed } = request
    const read = await this.charge(rail, id)
    if (!read.ok) return read
    const before = read.value
    const sum = await this.laneSum(rail, before)
    if (!sum.ok) return sum
    const known = this.know(laneName(request), sum.value)
    if (cumulativeAmount <= known.counted) return this.raise(known, request)
    if (cumulativeAmount < known.highest) return this.raise(known, request)
    const more = (cumulativeAmount - known.counted) as TokenAmount
    const counted = before ?? countedFor(terms, purpose, undefined)
    const totals = await this.add(counted, more, more, before === undefined)
    if (!totals.ok) return totals
    const { exceeded, changes } = totals.value
    if (exceeded.length > 0 && !isConfirmed) return success({ type: 'exceeds', exceeded })
    const part = { day: this.today(), amount: more }
    const record =
      before === undefined ? unknownLane(counted, part) : { ...before, parts: withPart(before.parts, part) }
    changes.push(put(rail, id, record))
    const kept = await this.store.commit(changes, 'durable')
    if (!kept.ok) return kept
    known.counted += more
    return this.raise(known, request)
  }

  private know(name: string, counted: bigint): KnownLane {
    const before = this.lanes.get(name)
    if (before !== undefined) return before
    const [oldest] = this.lanes.keys()
    if (oldest !== undefined && this.lanes.size >= maxKnownLanes) this.lanes.delete(oldest)
    const known = { counted, highest: 0n }
    this.lanes.set(name, known)
    return known
  }

  private async laneSum(rail: RailId, lane: ChargeRecord | undefined): Promise<Result<bigint>> {
    if (lane === undefined) return success(0n)
    let sum = partsSum(lane)
    for (const topUp of lane.topUps) {
      const record = await this.charge(rail, topUp)
      if (!record.ok) return record
      if (record.value !== undefined) sum += partsSum(record.value)
    }
    return success(sum)
  }

  /** The sums with so much more in them, and which limits they pass. */
  private async add(
    counted: Counted,
    size: bigint,
    locked: bigint,
    isLane: boolean,
  ): Promise<Result<{ readonly exceeded: ExceededLimit[]; readonly changes: StoreChange[] }>> {
    if (size > 0n && this.policy.spending === 'off') return failure('spending-off', 'spending is switched off')
    const limits = this.policy.limits[counted.symbol]
    const day = this.today()
    const exceeded: ExceededLimit[] = []
    const changes: StoreChange[] = []
    const check = (limit: ExceededLimit['limit'], wanted: bigint, allowed: bigint | undefined) => {
      if (allowed !== undefined && wanted > allowed) exceeded.push({ limit, allowed, wanted })
    }
    check('transfer', size, limits.transfer)
    const rows: readonly [ExceededLimit['limit'], string | undefined, bigint, bigint | undefined][] = [
      ['day', dayKey(counted, day), size, limits.day],
      ['torrent', torrentKey(counted), size, limits.torrent],
      ['app', appKey(counted, day), size, limits.app],
      ['peer', peerKey(counted), locked, peerLimit(limits)],
      ['lanes', lanesKey(counted), isLane ? 1n : 0n, BigInt(limits.lanes)],
    ]
    for (const [limit, key, more, allowed] of rows) {
      if (key === undefined || more === 0n) continue
      const before = await this.total(key)
      if (!before.ok) return before
      const after = before.value + more
      if (after > maxAmount) return failure('amount-out-of-range', 'more than can be counted')
      check(limit, after, allowed)
      changes.push(putTotal(key, after))
    }
    return success({ exceeded, changes })
  }

  private async settleCharge(rail: RailId, id: OperationId | LaneId, outcome: ChargeOutcome): Promise<Result<void>> {
    const read = await this.charge(rail, id)
    if (!read.ok) return read
    const record = read.value
    if (record === undefined) return success(undefined)
    const isRefused = outcome.type === 'refused'
    // What tops up a lane ends with it, and is kept until then.
    if (record.lane !== undefined && !isRefused) return success(undefined)
    const records = [record]
    const changes: StoreChange[] = [remove(rail, id)]
    for (const topUp of record.topUps) {
      const part = await this.charge(rail, topUp)
      if (!part.ok) return part
      if (part.value === undefined) continue
      records.push(part.value)
      changes.push(remove(rail, topUp))
    }
    if (record.lane !== undefined) {
      const lane = await this.charge(rail, record.lane)
      if (!lane.ok) return lane
      if (lane.value !== undefined) {
        const topUps = lane.value.topUps.filter((topUp) => topUp !== id)
        changes.push(put(rail, record.lane, { ...lane.value, topUps }))
      }
    }
    const returned = await this.giveBack(records, isRefused ? 0n : outcome.kept, isRefused)
    if (!returned.ok) return returned
    // Lost in a crash, it is still counted, and may be settled again.
    const kept = await this.store.commit([...changes, ...returned.value], 'soon')
    if (!kept.ok) return kept
    const known = this.lanes.get(`${rail}/${record.lane ?? id}`)
    if (record.lane === undefined) this.lanes.delete(`${rail}/${id}`)
    else if (known !== undefined) known.counted -= partsSum(record)
    return success(undefined)
  }

  /** The sums without what came back of the records: the newest parts first, as the oldest were used first. */
  private async giveBack(
    records: readonly ChargeRecord[],
    keptAmount: bigint,
    withFee: boolean,
  ): Promise<Result<readonly StoreChange[]>> {
    const less = new Map<string, bigint>()
    const take = (key: string | undefined, amount: bigint) => {
      if (key !== undefined && amount > 0n) less.set(key, (less.get(key) ?? 0n) + amount)
    }
    let kept = keptAmount
    for (const record of records) {
      for (const [index, { day, amount }] of record.parts.entries()) {
        const stays = kept < amount ? kept : amount
        kept -= stays
        const back = amount - stays + (withFee && index === 0 ? record.fee : 0n)
        take(dayKey(record, day), back)
        take(torrentKey(record), back)
        take(appKey(record, day), back)
        if (record.kind !== 'gone') take(peerKey(record), amount)
      }
      if (record.kind === 'lane') take(lanesKey(record), 1n)
    }
    const changes: StoreChange[] = []
    for (const [key, amount] of less) {
      const before = await this.total(key)
      if (!before.ok) return before
      const after = before.value > amount ? before.value - amount : 0n
      changes.push(after > 0n ? putTotal(key, after) : { type: 'delete', table: totalsTable, key: fromUtf8(key) })
    }
    return success(changes)
  }

  private async charge(rail: RailId, id: OperationId | LaneId): Promise<Result<ChargeRecord | undefined>> {
    const read = await this.store.get(chargesTable, chargeKey(rail, id))
    return read.ok ? decodeCharge(read.value) : read
  }

  private async total(key: string): Promise<Result<TokenAmount>> {
    const read = await this.store.get(totalsTable, fromUtf8(key))
    return read.ok ? decodeTotal(read.value) : read
  }
}

function laneName({ rail, lane }: VoucherRequest): string {
  return `${rail}/${lane}`
}

function countedFor({ symbol }: RailTerms, { torrent, app }: SpendingPurpose, payee: AccountId | undefined): Counted {
  assert(app === undefined || plainText.test(app), 'the name of an app')
  return {
    symbol,
    ...(torrent === undefined ? {} : { torrent }),
    ...(app === undefined ? {} : { app }),
    ...(payee === undefined ? {} : { payee }),
  }
}

/** One that this wallet did not open, as far as it remembers. */
function unknownLane(counted: Counted, part: ChargePart): ChargeRecord {
  return { ...counted, kind: 'lane', fee: zeroAmount, parts: [part], topUps: [] }
}

function partsSum({ parts }: ChargeRecord): bigint {
  let sum = 0n
  for (const { amount } of parts) sum += amount
  return sum
}

/** Of more days than are told apart, the rest counts for the last: it comes back to a day that is over. */
function withPart(parts: readonly ChargePart[], part: ChargePart): readonly ChargePart[] {
  const last = parts.at(-1)
  if (last === undefined || (last.day !== part.day && parts.length < maxParts)) return [...parts, part]
  return [...parts.slice(0, -1), { day: last.day, amount: (last.amount + part.amount) as TokenAmount }]
}

function put(rail: RailId, id: OperationId | LaneId, record: ChargeRecord): StoreChange {
  return { type: 'put', table: chargesTable, key: chargeKey(rail, id), value: encodeCharge(record) }
}

function remove(rail: RailId, id: OperationId | LaneId): StoreChange {
  return { type: 'delete', table: chargesTable, key: chargeKey(rail, id) }
}

function putTotal(key: string, amount: bigint): StoreChange {
  const value = fromLatin1(formatBaseUnits(amount as TokenAmount))
  return { type: 'put', table: totalsTable, key: fromUtf8(key), value }
}
