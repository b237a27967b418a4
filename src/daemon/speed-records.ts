// What the records of Speed say, while no session runs: switches, lanes, what others owe or owed, and what was paid and
// earned by day, torrent and peer. Guarantees: nothing is changed, no ledger is asked, no passphrase is needed.
import { existsSync } from 'node:fs'
import { unwrap } from '../base/errors.ts'
import { addAmounts, type TokenAmount, type TokenSymbol, zeroAmount } from '../base/token-amount.ts'
import { systemClock } from '../host/system-clock.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import {
  type Loss,
  losses,
  type PayeeLane,
  type PayerLane,
  payeeLanes,
  payerLanes,
  standings,
} from '../payment/lane-records.ts'
import { type Standing, treatmentOf } from '../payment/standing.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'
import { type AwardRecord, readAwards } from '../session/award-records.ts'
import { readTable } from '../session/lane-records-reader.ts'
import { type PayeeReceipt, readReceipts } from '../session/payee-receipts.ts'
import { SpendingBook } from '../wallet/spending-book.ts'
import type { SpendingPolicy } from '../wallet/spending-policy.ts'
import { openPayments, termsOf } from './open-lanes.ts'
import { spendingPath } from './paying-account.ts'
import { type InHand, readInHand } from './speed-cashing.ts'
import { readTotals, type SpeedTotal } from './speed-totals.ts'
import { useTrustedLedgers } from './use-ledger.ts'
import { readPolicy } from './wallet-folder.ts'

export interface RecordsRequest {
  readonly dataFolder: string
  /** By name or id; undefined: all that are trusted. */
  readonly ledger: string | undefined
}

/** Of lanes on record, in all. */
interface LaneSums {
  readonly lanes: number
  readonly deposits: TokenAmount
  /** Promised by vouchers, and of it cashed as far as is known. */
  readonly promised: TokenAmount
  readonly cashed: TokenAmount
}

/** An account that paid here, or did not. */
interface KnownPayer extends Pick<Standing, 'account' | 'defaults' | 'unpaid' | 'paidBytes'> {
  /** What it gets: a window ahead of payment, nothing ahead, or no paid service, until then. */
  readonly treatment: ReturnType<typeof treatmentOf>
  readonly untilMs: number
}

export interface LedgerStatus {
  readonly name: string
  readonly rail: RailId
  readonly symbol: TokenSymbol
  readonly paying: LaneSums
  readonly paid: LaneSums
  readonly inHand: InHand
  readonly payers: readonly KnownPayer[]
  readonly losses: readonly Loss[]
}

export interface SpeedStatus {
  readonly spending: 'on' | 'off'
  readonly earning: 'on' | 'off'
  /** Of the tokens of the ledgers; undefined limit: none. */
  readonly today: readonly {
    readonly symbol: TokenSymbol
    readonly spent: TokenAmount
    readonly limit: TokenAmount | undefined
  }[]
  readonly ledgers: readonly LedgerStatus[]
}

/** Errors: ledger-missing, wallet-busy, store-damaged. */
async function withRecords<T>(
  { dataFolder, ledger }: RecordsRequest,
  read: (store: Store | undefined, facts: readonly LedgerFacts[]) => Promise<T>,
): Promise<T> {
  const used = unwrap(await useTrustedLedgers(dataFolder, ledger))
  const facts = used.map((each) => each.facts)
  for (const each of used) await each.close()
  if (!existsSync(spendingPath(dataFolder))) return read(undefined, facts)
  const store = unwrap(await openPayments(dataFolder))
  try {
    return await read(store, facts)
  } finally {
    await store.close()
  }
}

export function speedStatus(request: RecordsRequest): Promise<SpeedStatus> {
  return withRecords(request, async (store, facts) => {
    const policy = await readPolicy(request.dataFolder)
    const symbols = [...new Set(facts.map(({ genesis }) => genesis.symbol))]
    const today = await Promise.all(symbols.map((symbol) => todayOf(store, policy, symbol)))
    const ledgers: LedgerStatus[] = []
    for (const each of facts) ledgers.push(await ledgerStatus(store, each))
    return { spending: policy.spending, earning: policy.earning, today, ledgers }
  })
}

async function todayOf(store: Store | undefined, policy: SpendingPolicy, symbol: TokenSymbol) {
  const book = store === undefined ? undefined : new SpendingBook(store, () => systemClock().wallMs(), policy)
  const spent = book === undefined ? zeroAmount : unwrap(await book.spentToday(symbol))
  return { symbol, spent, limit: policy.limits[symbol].day }
}

async function ledgerStatus(store: Store | undefined, facts: LedgerFacts): Promise<LedgerStatus> {
  const { rail, genesis } = facts
  const base = { name: genesis.name, rail, symbol: genesis.symbol }
  if (store === undefined) {
    const inHand = { amount: zeroAmount, lanes: 0, untilMs: Number.POSITIVE_INFINITY }
    return { ...base, paying: noLanes, paid: noLanes, inHand, payers: [], losses: [] }
  }
  const paying = unwrap(await readTable(store, payerLanes, rail))
  const paid = unwrap(await readTable(store, payeeLanes, rail))
  const nowMs = systemClock().wallMs()
  const payers = unwrap(await readTable(store, standings, rail)).map((standing) => {
    const { account, defaults, unpaid, paidBytes, untilMs } = standing
    return { account, defaults, unpaid, paidBytes, treatment: treatmentOf(standing, nowMs), untilMs }
  })
  return {
    ...base,
    paying: laneSums(paying, (lane) => lane.signed),
    paid: laneSums(paid, (lane) => lane.newest?.cumulativeAmount ?? zeroAmount),
    inHand: unwrap(await readInHand({ store, terms: termsOf(facts) })),
    payers,
    losses: unwrap(await readTable(store, losses, rail)),
  }
}

const noLanes: LaneSums = { lanes: 0, deposits: zeroAmount, promised: zeroAmount, cashed: zeroAmount }

function laneSums<Lane extends PayerLane | PayeeLane>(
  lanes: readonly Lane[],
  promisedOf: (lane: Lane) => TokenAmount,
): LaneSums {
  return lanes.reduce(
    (sums, lane) => ({
      lanes: sums.lanes + 1,
      deposits: addAmounts(sums.deposits, lane.deposit),
      promised: addAmounts(sums.promised, promisedOf(lane)),
      cashed: addAmounts(sums.cashed, lane.claimed),
    }),
    noLanes,
  )
}

/** An award, and the token of its ledger. */
export interface ExplainedAward extends AwardRecord {
  readonly symbol: TokenSymbol
}

/** A receipt, its ledger, and the token of that. */
export interface ExplainedReceipt extends PayeeReceipt {
  readonly rail: RailId
  readonly symbol: TokenSymbol
}

/**
 * The newest some, the oldest of them first: awards, and what payees signed that they were paid. `about`: a torrent's id or
 * an address, or the beginning of either.
 */
export function explainDealings(
  request: RecordsRequest,
  about: string | undefined,
  most: number,
): Promise<readonly (ExplainedAward | ExplainedReceipt)[]> {
  return withRecords(request, async (store, facts) => {
    const all: (ExplainedAward | ExplainedReceipt)[] = []
    for (const { rail, genesis } of store === undefined ? [] : facts) {
      const { symbol } = genesis
      for (const award of unwrap(await readAwards(store as Store, rail))) {
        if (isAbout(award.torrent, award.account, about)) all.push({ ...award, symbol })
      }
      for (const receipt of unwrap(await readReceipts(store as Store, rail))) {
        if (isAbout(receipt.torrent, receipt.payee, about)) all.push({ ...receipt, rail, symbol })
      }
    }
    return all.sort((a, b) => a.atMs - b.atMs).slice(-most)
  })
}

function isAbout(torrent: string, account: AccountId, about: string | undefined): boolean {
  if (about === undefined) return true
  const wanted = about.toLowerCase()
  const address = account.slice(account.lastIndexOf(':') + 1)
  return torrent.startsWith(wanted) || address.startsWith(wanted) || account === about
}

export type HistoryOrder = 'day' | 'torrent' | 'peer'

/** What was paid and earned of one day, with one torrent or with one peer. */
export interface HistoryRow {
  /** `2026-11-23`, the torrent's id, or an account. */
  readonly key: string
  /** Of a torrent: as it called itself last. */
  readonly name: string | undefined
  readonly symbol: TokenSymbol
  readonly paid: TokenAmount
  readonly boughtBytes: number
  /** Of what was paid, what the payees signed that they have; of days: not counted. */
  readonly receipted: TokenAmount
  readonly earned: TokenAmount
  readonly soldBytes: number
}

const dayMs = 86_400_000

function keyOf({ day, torrent, account }: SpeedTotal, order: HistoryOrder): string {
  if (order === 'day') return new Date(day * dayMs).toISOString().slice(0, 10)
  return order === 'torrent' ? torrent : account
}

/** The oldest day first; torrents and peers as they were met first. */
export function speedHistory(request: RecordsRequest, order: HistoryOrder): Promise<readonly HistoryRow[]> {
  return withRecords(request, async (store, facts) => {
    const rows = new Map<string, HistoryRow>()
    for (const { rail, genesis } of store === undefined ? [] : facts) {
      const { symbol } = genesis
      for (const total of unwrap(await readTotals(store as Store, rail))) {
        const key = keyOf(total, order)
        const row = rows.get(`${symbol} ${key}`) ?? emptyRow(key, symbol)
        const name = order === 'torrent' ? total.name : undefined
        rows.set(`${symbol} ${key}`, { ...withTotal(row, total), name })
      }
      if (order === 'day') continue
      for (const { torrent, payee, amount } of unwrap(await readReceipts(store as Store, rail))) {
        const name = `${symbol} ${order === 'torrent' ? torrent : payee}`
        const row = rows.get(name)
        if (row !== undefined) rows.set(name, { ...row, receipted: addAmounts(row.receipted, amount) })
      }
    }
    const all = [...rows.values()]
    return order === 'day' ? all.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)) : all
  })
}

function emptyRow(key: string, symbol: TokenSymbol): HistoryRow {
  const nothing = { paid: zeroAmount, boughtBytes: 0, receipted: zeroAmount, earned: zeroAmount, soldBytes: 0 }
  return { key, name: undefined, symbol, ...nothing }
}

function withTotal(row: HistoryRow, { side, bytes, paid }: SpeedTotal): HistoryRow {
  return side === 'paying'
    ? { ...row, paid: addAmounts(row.paid, paid), boughtBytes: row.boughtBytes + bytes }
    : { ...row, earned: addAmounts(row.earned, paid), soldBytes: row.soldBytes + bytes }
}
