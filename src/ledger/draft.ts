// An entry while a rule decides on it: what it would move and change, on top of a state that it only reads.
// Guarantees: nothing is changed before the entry is applied; a rule sees its own changes; books are named once; who
// would be left with less than nothing is told so, whatever the rule.
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { mulDiv, type TokenAmount } from '../base/token-amount.ts'
import type { AccountId, Lane, LaneId, LedgerOperation } from '../ports/ledger.ts'
import { isAccountOf } from './account-name.ts'
import { type Book, type Change, type Entry, type Holding, heldAmount, holdingId, type Posting } from './entry.ts'
import type { LedgerFacts } from './genesis.ts'
import type { LedgerState } from './ledger-state.ts'

/** An operation of which it is known who signed it, and its vouchers. */
export interface Statement {
  readonly operation: LedgerOperation
  readonly account: AccountId
  /** Who signed each voucher of it, in their order. */
  readonly voucherSigners: readonly AccountId[]
}

/** A posting whose amount is not final yet. */
interface OpenPosting {
  readonly book: Book
  readonly id: string
  amount: bigint
}

const ppm = 1_000_000n

export function refuse(detail: string): Failure {
  return failure('ledger-refused', detail)
}

export class Draft {
  readonly state: LedgerState
  readonly facts: LedgerFacts
  readonly statement: Statement
  readonly timeMs: number
  private readonly postings: OpenPosting[] = []
  private readonly changes: Change[] = []
  private fee = 0n

  constructor(state: LedgerState, facts: LedgerFacts, statement: Statement, timeMs: number) {
    this.state = state
    this.facts = facts
    this.statement = statement
    this.timeMs = timeMs
  }

  get account(): AccountId {
    return this.statement.account
  }

  get isOperator(): boolean {
    return this.statement.account === this.facts.operator
  }

  isAccount(account: AccountId): boolean {
    return isAccountOf(this.facts.rail, account)
  }

  /** Takes from one account and gives to another. */
  move(from: AccountId, to: AccountId, amount: TokenAmount): void {
    this.post('account', from, -amount)
    this.post('account', to, amount)
  }

  credit(account: AccountId, amount: bigint): void {
    this.post('account', account, amount)
  }

  /** Out of nothing, or with a negative amount into it. */
  issue(amount: bigint): void {
    this.post('issued', '', -amount)
  }

  /** Deposits seen, of which nothing is issued yet. */
  arrive(amount: bigint): void {
    this.post('arriving', '', -amount)
  }

  /** Sets a record; what it then holds more or less is posted to it, and the other side is for the rule to post. */
  hold(change: Holding): void {
    const id = holdingId(change)
    const place = this.changes.findIndex((other) => other.type === change.type && holdingId(other as Holding) === id)
    const value = this.state.value(change.type, id)
    const before = (place >= 0 ? this.changes[place] : value && { type: change.type, value }) as Holding | undefined
    if (place >= 0) this.changes[place] = change
    else this.changes.push(change)
    this.post(change.type, id, heldAmount(change) - (before === undefined ? 0n : heldAmount(before)))
  }

  /** A conflict where something of this operation's id exists: ids are used once, or nothing may be opened under them. */
  idConflict(type: Holding['type']): Failure | undefined {
    if (this.state.value(type, this.statement.operation.id) === undefined) return undefined
    return failure('ledger-conflict', 'the id is that of an operation before')
  }

  note(change: Exclude<Change, Holding>): void {
    this.changes.push(change)
  }

  /** A lane as this entry leaves it so far. */
  lane(id: LaneId): Lane | undefined {
    for (const change of this.changes) {
      if (change.type === 'lane' && change.value.id === id) return change.value
    }
    return this.state.lane(id)
  }

  /** A fee of the genesis, from the account that asks; the operator pays itself none. */
  charge(fee: TokenAmount): void {
    if (this.isOperator || fee === 0n) return
    this.post('account', this.account, -fee)
    this.collect(fee)
  }

  /** Pays out of a lane or an escrow, less the fee for it. */
  payOut(to: AccountId, amount: TokenAmount): void {
    const fee = mulDiv(amount, BigInt(this.facts.genesis.fees.payoutPpm), ppm, 'down')
    this.post('account', to, amount - fee)
    if (fee > 0n) this.collect(fee)
  }

  /** Errors: funds-insufficient. */
  finish(): Result<Entry> {
    const postings: Posting[] = this.postings.filter(({ amount }) => amount !== 0n)
    for (const { book, id, amount } of postings) {
      if (book !== 'account' || amount >= 0n) continue
      const { available } = this.state.account(id as AccountId)
      if (available + amount < 0n) {
        return failure('funds-insufficient', `${-amount} base units are needed and ${available} are there`)
      }
    }
    return success({ postings, changes: this.changes, fee: this.fee as TokenAmount })
  }

  private collect(fee: TokenAmount): void {
    this.fee += fee
    if (this.facts.genesis.fees.to === 'operator') {
      this.post('account', this.facts.operator, fee)
      return
    }
    this.issue(-fee)
    const last = this.changes.findIndex(({ type }) => type === 'fees-burned')
    const burned = this.changes[last]
    if (burned?.type === 'fees-burned') {
      this.changes[last] = { type: 'fees-burned', amount: (burned.amount + fee) as TokenAmount }
    } else {
      this.changes.push({ type: 'fees-burned', amount: fee })
    }
  }

  private post(book: Book, id: string, amount: bigint): void {
    for (const posting of this.postings) {
      if (posting.book !== book || posting.id !== id) continue
      posting.amount += amount
      return
    }
    this.postings.push({ book, id, amount })
  }
}
