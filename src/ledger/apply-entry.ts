// Entering an entry into the books. Never decides whether something is allowed, only whether the books stay books.
// Guarantees: an entry is applied whole or not at all; its postings sum to zero, no account goes below zero, what a
// lane, escrow, deposit, withdrawal or air-drop holds changes by exactly what is posted to it, and minted minus burned
// stays the sum of all that accounts have, hold and have leaving (P4, P19).
import { unreachable } from '../base/assert.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId } from '../ports/ledger.ts'
import {
  type Account,
  type Book,
  type Change,
  type Entry,
  type Holding,
  hasEnded,
  heldAmount,
  holdingId,
  isHolding,
  ownerOf,
  type Posting,
} from './entry.ts'
import { grantsKey, type LedgerState } from './ledger-state.ts'

type Share = 'locked' | 'leaving' | 'arriving'

const shareOf: Readonly<Record<Holding['type'], Share>> = {
  lane: 'locked',
  escrow: 'locked',
  campaign: 'locked',
  withdrawal: 'leaving',
  deposit: 'arriving',
}
const grantsInWord = 256

/** Errors: ledger-damaged, naming the posting; nothing has changed then. */
export function applyEntry(state: LedgerState, entry: Entry): Result<void> {
  const mark = state.mark()
  const problem = problemOf(state, entry)
  if (problem === undefined) return success(undefined)
  state.rollback(mark)
  return failure('ledger-damaged', problem)
}

/** Applies as it goes; what is wrong, if anything. */
function problemOf(state: LedgerState, { postings, changes }: Entry): string | undefined {
  let sum = 0n
  for (const { amount } of postings) {
    if (amount === 0n) return 'a posting of nothing'
    sum += amount
  }
  if (sum !== 0n) return `the postings sum to ${sum}`
  const walker = new PostingWalker(postings)
  for (const change of changes) {
    const problem = isHolding(change) ? changeHolding(state, change, walker) : changeOther(state, change)
    if (problem !== undefined) return problem
  }
  let holdings = 0
  for (const posting of postings) {
    if (posting.book === 'account') {
      const problem = postToAccount(state, posting)
      if (problem !== undefined) return problem
    } else if (posting.book === 'issued') {
      issue(state, posting.amount)
    } else if (posting.book === 'arriving') {
      const problem = postToArriving(state, posting.amount)
      if (problem !== undefined) return problem
    } else {
      holdings++
    }
  }
  return holdings === walker.matched ? undefined : 'a posting to something that did not change'
}

/** Finds postings in the order in which changes ask for them, which is mostly theirs. */
class PostingWalker {
  matched = 0
  private readonly postings: readonly Posting[]
  private next = 0

  constructor(postings: readonly Posting[]) {
    this.postings = postings
  }

  amountFor(book: Book, id: string): bigint {
    const { postings } = this
    for (let steps = 0; steps < postings.length; steps++) {
      const at = (this.next + steps) % postings.length
      const posting = postings[at] as Posting
      if (posting.book !== book || posting.id !== id) continue
      this.next = at + 1
      this.matched++
      return posting.amount
    }
    return 0n
  }
}

function changeHolding(state: LedgerState, change: Holding, walker: PostingWalker): string | undefined {
  const { type } = change
  const id = holdingId(change)
  const value = state.value(type, id)
  const before = value === undefined ? undefined : ({ type, value } as Holding)
  const owner = ownerOf(change)
  if (before !== undefined && ownerOf(before) !== owner) return `a ${type} that changes hands`
  const held = heldAmount(change)
  const delta = held - (before === undefined ? 0n : heldAmount(before))
  if (held < 0n) return `a ${type} with less than nothing`
  if (walker.amountFor(type, id) !== delta) return `a ${type} that changes by ${delta} without a posting of that`
  const account = state.account(owner)
  const share = shareOf[type]
  const inShare = account[share] + delta
  if (inShare < 0n) return `an account with less than nothing ${share}`
  const isLane = type === 'lane' ? 1 : 0
  const lanes = account.lanes + (hasEnded(change) ? 0 : isLane) - (before === undefined ? 0 : isLane)
  state.setAccount(owner, { ...account, [share]: inShare as TokenAmount, lanes })
  if (type === 'campaign' && hasEnded(change)) forgetGrants(state, change)
  state.set(type, id, hasEnded(change) ? undefined : change.value)
  return undefined
}

function forgetGrants(state: LedgerState, { value }: Extract<Holding, { type: 'campaign' }>): void {
  for (let word = 0; word * grantsInWord < value.grantCount; word++) {
    state.set('grants', grantsKey(value.id, word), undefined)
  }
}

function changeOther(state: LedgerState, change: Exclude<Change, Holding>): string | undefined {
  switch (change.type) {
    case 'grants':
      state.set('grants', grantsKey(change.campaign, change.word), change.bits)
      return undefined
    case 'invite': {
      if (state.invited(change.invite) !== undefined) return 'an invite that was used already'
      state.set('invite', change.invite, change.account)
      state.setAccount(change.account, { ...state.account(change.account), isInvited: true })
      return undefined
    }
    case 'fees-burned': {
      const totals = state.totals()
      state.set('totals', '', { ...totals, feesBurned: (totals.feesBurned + change.amount) as TokenAmount })
      return undefined
    }
    case 'seeding-pool': {
      const totals = state.totals()
      state.set('totals', '', { ...totals, seedingPools: (totals.seedingPools + change.amount) as TokenAmount })
      return undefined
    }
    default:
      return unreachable(change)
  }
}

function postToAccount(state: LedgerState, { id, amount }: Posting): string | undefined {
  const account: Account = state.account(id as AccountId)
  const available = account.available + amount
  if (available < 0n) return `an account left with ${available}`
  state.setAccount(id as AccountId, { ...account, available: available as TokenAmount })
  return undefined
}

/** What is minted is taken from the book of what is issued, what is burned given to it. */
function issue(state: LedgerState, amount: bigint): void {
  const totals = state.totals()
  const minted = totals.minted + (amount < 0n ? -amount : zeroAmount)
  const burned = totals.burned + (amount > 0n ? amount : zeroAmount)
  state.set('totals', '', { ...totals, minted: minted as TokenAmount, burned: burned as TokenAmount })
}

function postToArriving(state: LedgerState, amount: bigint): string | undefined {
  const totals = state.totals()
  const arriving = totals.arriving - amount
  if (arriving < 0n) return 'more deposits credited than were seen'
  state.set('totals', '', { ...totals, arriving: arriving as TokenAmount })
  return undefined
}
