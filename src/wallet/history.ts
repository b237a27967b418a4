// What happened to an account, as the sum of a ledger's entries, and what is pending: where it is, why, and until when.
// Guarantees: every line's shares before and after fit together; shares are summed twice, from postings and from the
// records that hold tokens, and where the two or the ledger's own answer differ that is said, never smoothed over. A
// withdrawal that failed is back in `available` on the same line on which it left `leaving`. Pure.
import { unreachable } from '../base/assert.ts'
import { type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { Book, Entry, Holding } from '../ledger/entry.ts'
import { dueAtMs, hasEnded, heldAmount, holdingId, isHolding, ownerOf } from '../ledger/entry.ts'
import type { AccountId, Hash256, LedgerAccount, LedgerOperation } from '../ports/ledger.ts'

/** One entry of the journal, in the order of the journal. */
export interface HistoryRecord {
  readonly height: number
  readonly timeMs: number
  /** Who asked for it. */
  readonly account: AccountId
  readonly operation: LedgerOperation
  readonly entry: Entry
}

/** Base units; a line has them as differences. */
interface Shares {
  readonly available: bigint
  readonly locked: bigint
  readonly leaving: bigint
  readonly arriving: bigint
}

interface HistoryLine {
  readonly height: number
  readonly timeMs: number
  readonly operation: LedgerOperation
  readonly by: AccountId
  /** Who had more or less by it besides: one account, or none where there are several or no other. */
  readonly with?: AccountId
  readonly change: Shares
  /** What the operation cost, where this account asked for it: part of somebody's change, mostly of its own. */
  readonly fee: TokenAmount
  readonly after: Shares
}

type PendingReason =
  /** Owed to the payee as far as there are vouchers; the rest comes back. */
  | { readonly type: 'lane'; readonly payee: AccountId; readonly isClosing: boolean }
  | { readonly type: 'escrow'; readonly payee: AccountId; readonly isDisputed: boolean }
  | { readonly type: 'campaign'; readonly isApproved: boolean }
  /** Not sent yet: it may be cancelled. */
  | { readonly type: 'withdrawal-requested'; readonly to: AccountId }
  /** The chain decides. */
  | { readonly type: 'withdrawal-sending'; readonly to: AccountId; readonly transaction: Hash256 }
  | { readonly type: 'deposit-seen' }

interface Pending {
  readonly share: 'locked' | 'leaving' | 'arriving'
  readonly id: string
  readonly amount: TokenAmount
  readonly why: PendingReason
  /** In the ledger's time: when it ends by itself. Infinity: not by time alone. */
  readonly untilMs: number
}

export interface History {
  /** Oldest first. */
  readonly lines: readonly HistoryLine[]
  readonly shares: Shares
  readonly pending: readonly Pending[]
  /** What held tokens of the account and does not any more. */
  readonly ended: readonly EndedHolding[]
  /** What does not add up, in words; empty when all is well. */
  readonly differences: readonly string[]
}

export interface EndedHolding {
  readonly id: string
  /** What was put in and did not come back. */
  readonly kept: TokenAmount
}

const nothing: Shares = { available: 0n, locked: 0n, leaving: 0n, arriving: 0n }
type Share = keyof Shares
const shareNames: readonly Share[] = ['available', 'locked', 'leaving', 'arriving']

/** In which share of its owner a book's tokens are; the ledger's own books are nobody's. */
function shareOf(book: Book): Share | undefined {
  switch (book) {
    case 'account':
      return 'available'
    case 'lane':
    case 'escrow':
    case 'campaign':
      return 'locked'
    case 'withdrawal':
      return 'leaving'
    case 'deposit':
      return 'arriving'
    case 'issued':
    case 'arriving':
      return undefined
    default:
      return unreachable(book)
  }
}

function sum(a: Shares, b: Shares): Shares {
  return {
    available: a.available + b.available,
    locked: a.locked + b.locked,
    leaving: a.leaving + b.leaving,
    arriving: a.arriving + b.arriving,
  }
}

class AccountBooks {
  private readonly account: AccountId
  private readonly holdings = new Map<string, Holding>()
  /** Whose the open holdings are that an entry posts to. */
  private readonly owners = new Map<string, AccountId>()
  /** What was put into the account's own holdings. */
  private readonly putIn = new Map<string, bigint>()
  readonly ended: EndedHolding[] = []

  constructor(account: AccountId) {
    this.account = account
  }

  /** The difference an entry makes to the account, and who else is in it. */
  take({ entry }: HistoryRecord): { readonly change: Shares; readonly others: ReadonlySet<AccountId> } {
    for (const change of entry.changes) {
      if (!isHolding(change)) continue
      this.owners.set(`${change.type} ${holdingId(change)}`, ownerOf(change))
      if (ownerOf(change) === this.account) this.holdings.set(`${change.type} ${holdingId(change)}`, change)
    }
    const change = { ...nothing }
    const others = new Set<AccountId>()
    for (const { book, id, amount } of entry.postings) {
      const share = shareOf(book)
      if (share === undefined) continue
      const name = `${book} ${id}`
      const owner = book === 'account' ? (id as AccountId) : this.owners.get(name)
      if (share !== 'available' && owner === this.account && amount > 0n) {
        this.putIn.set(name, (this.putIn.get(name) ?? 0n) + amount)
      }
      if (owner === this.account) change[share] += amount
      else if (owner !== undefined) others.add(owner)
    }
    for (const ended of entry.changes) {
      if (!isHolding(ended) || !hasEnded(ended)) continue
      const name = `${ended.type} ${holdingId(ended)}`
      // An entry ends one holding, and what is left of it comes back in that entry.
      const back = change.available > 0n ? change.available : 0n
      const putIn = this.putIn.get(name)
      if (putIn !== undefined) this.ended.push({ id: holdingId(ended), kept: (putIn - back) as TokenAmount })
      this.putIn.delete(name)
      this.owners.delete(name)
      this.holdings.delete(name)
    }
    return { change, others }
  }

  pending(): readonly Pending[] {
    return [...this.holdings.values()].flatMap((holding) => {
      const amount = heldAmount(holding) as TokenAmount
      return amount === 0n ? [] : [{ ...placeOf(holding), id: holdingId(holding), amount, untilMs: dueAtMs(holding) }]
    })
  }
}

function placeOf(holding: Holding): Pick<Pending, 'share' | 'why'> {
  switch (holding.type) {
    case 'lane': {
      const { payee, state } = holding.value
      return { share: 'locked', why: { type: 'lane', payee, isClosing: state.type === 'closing' } }
    }
    case 'escrow': {
      const { payee, state } = holding.value
      return { share: 'locked', why: { type: 'escrow', payee, isDisputed: state.type === 'disputed' } }
    }
    case 'campaign':
      return { share: 'locked', why: { type: 'campaign', isApproved: holding.value.state === 'approved' } }
    case 'withdrawal': {
      const { to, state } = holding.value
      const why: PendingReason =
        state.type === 'sending'
          ? { type: 'withdrawal-sending', to, transaction: state.transaction }
          : { type: 'withdrawal-requested', to }
      return { share: 'leaving', why }
    }
    case 'deposit':
      return { share: 'arriving', why: { type: 'deposit-seen' } }
    default:
      return unreachable(holding)
  }
}

/** Whether the entry is in the account's history. */
function concerns(change: Shares, record: HistoryRecord, account: AccountId): boolean {
  return record.account === account || shareNames.some((name) => change[name] !== 0n)
}

/** One account's history while entries come: all of the journal, or all in which it or what it holds is changed. */
export class AccountHistory {
  private readonly account: AccountId
  private readonly books: AccountBooks
  private readonly lines: HistoryLine[] = []
  private readonly differences: string[] = []
  private shares = nothing

  constructor(account: AccountId) {
    this.account = account
    this.books = new AccountBooks(account)
  }

  take(record: HistoryRecord): void {
    const { change, others } = this.books.take(record)
    if (!concerns(change, record, this.account)) return
    const { height, timeMs, operation, account: by, entry } = record
    this.shares = sum(this.shares, change)
    for (const name of shareNames) {
      if (this.shares[name] < 0n) this.differences.push(`entry ${height}: less than nothing is ${name}`)
    }
    const [other] = others
    this.lines.push({
      height,
      timeMs,
      operation,
      by,
      change,
      fee: by === this.account ? entry.fee : zeroAmount,
      after: this.shares,
      ...(others.size === 1 && other !== undefined ? { with: other } : {}),
    })
  }

  /** `stated` is what the ledger says the account has after the last of them. */
  end(stated?: LedgerAccount): History {
    const { lines, shares, books } = this
    const pending = books.pending()
    const differences = [...this.differences, ...reconcile(shares, pending, stated)]
    return { lines, shares, pending, ended: books.ended, differences }
  }
}

/** The history of one account, of entries that are all here. */
export function historyOf(account: AccountId, records: Iterable<HistoryRecord>, stated?: LedgerAccount): History {
  const history = new AccountHistory(account)
  for (const record of records) history.take(record)
  return history.end(stated)
}

function reconcile(shares: Shares, pending: readonly Pending[], stated: LedgerAccount | undefined): string[] {
  const differences: string[] = []
  for (const name of ['locked', 'leaving', 'arriving'] as const) {
    let held = 0n
    for (const { share, amount } of pending) if (share === name) held += amount
    if (held !== shares[name]) differences.push(`${name}: entries sum to ${shares[name]}, what holds it to ${held}`)
  }
  if (stated === undefined) return differences
  for (const name of shareNames) {
    if (stated[name] !== shares[name]) {
      differences.push(`${name}: entries sum to ${shares[name]}, the ledger says ${stated[name]}`)
    }
  }
  return differences
}
