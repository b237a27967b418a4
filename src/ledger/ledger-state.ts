// What a ledger holds at one height: accounts, lanes, escrows, deposits, withdrawals, air-drops, totals.
// Guarantees: every value is immutable and replaced; each replacement is remembered until it is forgotten on purpose,
// so that any newer height can be undone (a group of entries that could not be written). Owns the tables and what is
// derived from them; entries change it through applyEntry alone.
import { assert } from '../base/assert.ts'
import { type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256, Lane, LaneId, OperationId } from '../ports/ledger.ts'
import { DueQueue } from './due-queue.ts'
import {
  type Account,
  type Campaign,
  type Deposit,
  dueAtMs,
  type Escrow,
  type Holding,
  holdingId,
  type Withdrawal,
} from './entry.ts'

export interface Totals {
  readonly minted: TokenAmount
  readonly burned: TokenAmount
  /** Deposits seen but not credited: not issued yet. */
  readonly arriving: TokenAmount
  readonly feesBurned: TokenAmount
  /** Put into ungated air-drops that reward seeding, ever. */
  readonly seedingPools: TokenAmount
}

/** A table, its key and its value; what a leaf of the state tree says. */
export interface TableValues {
  readonly account: Account
  readonly lane: Lane
  readonly escrow: Escrow
  readonly withdrawal: Withdrawal
  readonly deposit: Deposit
  readonly campaign: Campaign
  /** Keys: campaign and word; see grantsKey. */
  readonly grants: Hash256
  /** Keys: the invite; values: whom it admitted. */
  readonly invite: AccountId
  /** One key, the empty one. */
  readonly totals: Totals
}

export type TableName = keyof TableValues
type Tables = { readonly [Name in TableName]: Map<string, TableValues[Name]> }

interface Replaced {
  readonly table: TableName
  readonly key: string
  readonly value: TableValues[TableName] | undefined
}

/** Lanes between one payer and one payee. */
interface Pair {
  lanes: number
  locked: bigint
}

const nothing: Account = {
  available: zeroAmount,
  locked: zeroAmount,
  leaving: zeroAmount,
  arriving: zeroAmount,
  lanes: 0,
  isInvited: false,
}
const noTotals: Totals = {
  minted: zeroAmount,
  burned: zeroAmount,
  arriving: zeroAmount,
  feesBurned: zeroAmount,
  seedingPools: zeroAmount,
}
const noPair: Readonly<Pair> = { lanes: 0, locked: 0n }

export function grantsKey(campaign: OperationId, word: number): string {
  return `${campaign}${word.toString(16).padStart(8, '0')}`
}

function isNothing(account: Account): boolean {
  const { available, locked, leaving, arriving, lanes, isInvited } = account
  return available === 0n && locked === 0n && leaving === 0n && arriving === 0n && lanes === 0 && !isInvited
}

export class LedgerState {
  private readonly tables: Tables = {
    account: new Map(),
    lane: new Map(),
    escrow: new Map(),
    withdrawal: new Map(),
    deposit: new Map(),
    campaign: new Map(),
    grants: new Map(),
    invite: new Map(),
    totals: new Map(),
  }
  private readonly pairs = new Map<AccountId, Map<AccountId, Pair>>()
  /** Of each account that pays or is paid on some lane. */
  private readonly lanesByAccount = new Map<AccountId, Set<LaneId>>()
  private readonly due = new DueQueue((item) => this.holding(item.type, item.id))
  private replaced: Replaced[] = []
  /** How many replacements came before those in `replaced`. */
  private forgotten = 0
  private readonly changedKeys: Readonly<Record<TableName, Set<string>>> = {
    account: new Set(),
    lane: new Set(),
    escrow: new Set(),
    withdrawal: new Set(),
    deposit: new Set(),
    campaign: new Set(),
    grants: new Set(),
    invite: new Set(),
    totals: new Set(),
  }

  account(account: AccountId): Account {
    return this.tables.account.get(account) ?? nothing
  }

  /** Undefined: none, or ended. */
  lane(id: LaneId): Lane | undefined {
    return this.tables.lane.get(id)
  }

  escrow(id: OperationId): Escrow | undefined {
    return this.tables.escrow.get(id)
  }

  withdrawal(id: OperationId): Withdrawal | undefined {
    return this.tables.withdrawal.get(id)
  }

  deposit(source: Hash256): Deposit | undefined {
    return this.tables.deposit.get(source)
  }

  campaign(id: OperationId): Campaign | undefined {
    return this.tables.campaign.get(id)
  }

  grants(campaign: OperationId, word: number): Hash256 | undefined {
    return this.tables.grants.get(grantsKey(campaign, word))
  }

  invited(invite: Hash256): AccountId | undefined {
    return this.tables.invite.get(invite)
  }

  totals(): Totals {
    return this.tables.totals.get('') ?? noTotals
  }

  pair(payer: AccountId, payee: AccountId): Readonly<Pair> {
    return this.pairs.get(payer)?.get(payee) ?? noPair
  }

  /** The lanes that it pays on or is paid on, as long as they have not ended. */
  lanesOf(account: AccountId): readonly LaneId[] {
    return [...(this.lanesByAccount.get(account) ?? [])]
  }

  /** A table's value, in the form its leaf is made of. */
  value<Name extends TableName>(table: Name, key: string): TableValues[Name] | undefined {
    return this.tables[table].get(key)
  }

  entriesOf<Name extends TableName>(table: Name): Iterable<readonly [string, TableValues[Name]]> {
    return this.tables[table]
  }

  setAccount(account: AccountId, value: Account): void {
    this.set('account', account, isNothing(value) ? undefined : value)
  }

  /** Undefined: it leaves the state. */
  set<Name extends TableName>(table: Name, key: string, value: TableValues[Name] | undefined): void {
    const before = this.tables[table].get(key)
    if (before === undefined && value === undefined) return
    this.replaced.push({ table, key, value: before })
    this.write(table, key, before, value)
  }

  /** A place in time to go back to. */
  mark(): number {
    return this.forgotten + this.replaced.length
  }

  /** The earliest place to go back to. */
  firstMark(): number {
    return this.forgotten
  }

  /** Makes everything as it was at the mark. */
  rollback(mark: number): void {
    assert(mark >= this.forgotten && mark <= this.mark(), 'a mark that is still remembered')
    while (this.mark() > mark) {
      const { table, key, value } = this.replaced.pop() as Replaced
      this.write(table, key, this.tables[table].get(key), value)
    }
  }

  /** There is no going back before the mark any more. */
  forget(mark: number): void {
    assert(mark >= this.forgotten && mark <= this.mark(), 'a mark that is still remembered')
    this.replaced = this.replaced.slice(mark - this.forgotten)
    this.forgotten = mark
  }

  /** What may be ended by anyone at this time, the earliest first; at most `max`. */
  dueAt(timeMs: number, max: number): Holding[] {
    return this.due.dueAt(timeMs, max)
  }

  nextDueMs(): number {
    return this.due.nextMs()
  }

  /** Keys whose value may have changed since this was asked last, of one table after the other. */
  takeChanged(see: (table: TableName, key: string) => void): void {
    for (const [table, keys] of Object.entries(this.changedKeys)) {
      for (const key of keys) see(table as TableName, key)
      keys.clear()
    }
  }

  private holding(type: 'lane' | 'escrow' | 'campaign', id: string): Holding | undefined {
    const value = this.tables[type].get(id)
    return value === undefined ? undefined : ({ type, value } as Holding)
  }

  private write<Name extends TableName>(
    table: Name,
    key: string,
    before: TableValues[TableName] | undefined,
    value: TableValues[TableName] | undefined,
  ): void {
    const map = this.tables[table] as Map<string, TableValues[TableName]>
    if (value === undefined) map.delete(key)
    else map.set(key, value)
    this.changedKeys[table].add(key)
    if (table === 'lane') {
      this.countPair(before as Lane | undefined, value as Lane | undefined)
      this.nameLane(before as Lane | undefined, value as Lane | undefined)
    }
    if (table === 'lane' || table === 'escrow' || table === 'campaign') this.schedule(table, before, value)
  }

  private schedule(type: 'lane' | 'escrow' | 'campaign', before: unknown, value: unknown): void {
    if (value === undefined) return
    const holding = { type, value } as Holding
    const atMs = dueAtMs(holding)
    if (before !== undefined && dueAtMs({ type, value: before } as Holding) === atMs) return
    this.due.add({ type, id: holdingId(holding), atMs })
  }

  private nameLane(before: Lane | undefined, after: Lane | undefined): void {
    const lane = after ?? before
    if (lane === undefined || (before === undefined) === (after === undefined)) return
    for (const account of [lane.payer, lane.payee]) {
      const lanes = this.lanesByAccount.get(account) ?? new Set()
      if (after === undefined) lanes.delete(lane.id)
      else lanes.add(lane.id)
      if (lanes.size > 0) this.lanesByAccount.set(account, lanes)
      else this.lanesByAccount.delete(account)
    }
  }

  private countPair(before: Lane | undefined, after: Lane | undefined): void {
    const lane = after ?? before
    if (lane === undefined) return
    const ofPayer = this.pairs.get(lane.payer) ?? new Map<AccountId, Pair>()
    const pair = ofPayer.get(lane.payee) ?? { lanes: 0, locked: 0n }
    pair.lanes += (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
    pair.locked += lockedIn(after) - lockedIn(before)
    if (pair.lanes > 0) ofPayer.set(lane.payee, pair)
    else ofPayer.delete(lane.payee)
    if (ofPayer.size > 0) this.pairs.set(lane.payer, ofPayer)
    else this.pairs.delete(lane.payer)
  }
}

function lockedIn(lane: Lane | undefined): bigint {
  return lane === undefined ? 0n : lane.deposit - lane.claimed
}
