// Entering entries: whatever is not books any more is refused, and then nothing has changed (P19).
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type TokenAmount, zeroAmount } from '../../src/base/token-amount.ts'
import { applyEntry } from '../../src/ledger/apply-entry.ts'
import type { Change, Entry, Posting } from '../../src/ledger/entry.ts'
import type { LaneId } from '../../src/ports/ledger.ts'
import { checkBooks, drawn, LedgerHarness, tokens, withDeposits } from './ledger-harness.ts'

function entryOf(postings: readonly Posting[], changes: readonly Change[] = []): Entry {
  return { postings, changes, fee: zeroAmount }
}

function ledgerWithLane(): { ledger: LedgerHarness; lane: LaneId } {
  const ledger = new LedgerHarness()
  ledger.grant(1)
  return { ledger, lane: ledger.openLane(1, 2, tokens(10)) }
}

describe('entering an entry', () => {
  const { ledger, lane } = ledgerWithLane()
  const known = ledger.state.lane(lane)
  assert.ok(known !== undefined)
  const of = (index: number, amount: bigint): Posting => ({ book: 'account', id: ledger.account(index), amount })
  const ofLane = (amount: bigint): Posting => ({ book: 'lane', id: lane, amount })
  const issued = (amount: bigint): Posting => ({ book: 'issued', id: '', amount })
  const withClaimed = (claimed: bigint): Change => ({
    type: 'lane',
    value: { ...known, claimed: claimed as TokenAmount },
  })
  const wrong: readonly (readonly [string, Entry])[] = [
    ['does not sum to zero', entryOf([of(1, -1n), of(2, 2n)])],
    ['posts nothing', entryOf([of(1, 0n)])],
    ['leaves an account below zero', entryOf([of(2, -1n), of(1, 1n)])],
    ['burns what is not there', entryOf([of(2, -1n), issued(1n)])],
    ['takes from a lane that does not change', entryOf([ofLane(-1n), of(2, 1n)])],
    ['changes a lane without a posting', entryOf([], [withClaimed(1n)])],
    ['changes a lane by something else than is posted', entryOf([ofLane(-2n), of(2, 2n)], [withClaimed(1n)])],
    [
      'leaves a lane with less than nothing',
      entryOf([ofLane(-11n * 10n ** 18n), of(2, 11n * 10n ** 18n)], [withClaimed(11n * 10n ** 18n)]),
    ],
    ['gives a lane to another payer', entryOf([], [{ type: 'lane', value: { ...known, payer: ledger.account(2) } }])],
    ['posts to the same lane twice', entryOf([ofLane(-1n), of(2, 2n), ofLane(-1n)], [withClaimed(1n)])],
    ['credits a deposit that nobody saw', entryOf([{ book: 'arriving', id: '', amount: 1n }, issued(-1n)])],
    ['uses an invite twice', entryOf([], [{ type: 'invite', invite: drawn('invite 1'), account: ledger.account(2) }])],
  ]
  for (const [what, entry] of wrong) {
    test(`one that ${what} is refused, and nothing has changed`, () => {
      const mark = ledger.state.mark()
      const account = ledger.state.account(ledger.account(1))
      const result = applyEntry(ledger.state, entry)
      assert.equal(!result.ok && result.code, 'ledger-damaged')
      assert.equal(ledger.state.mark(), mark)
      assert.equal(ledger.state.account(ledger.account(1)), account)
      assert.equal(ledger.state.lane(lane), known)
      checkBooks(ledger.state)
    })
  }

  test('one that is in order is entered', () => {
    assert.ok(applyEntry(ledger.state, entryOf([ofLane(-1n), of(2, 1n)], [withClaimed(1n)])).ok)
    assert.equal(ledger.available(2), 1n)
    checkBooks(ledger.state)
  })

  test('a deposit that arrives is posted to its own book, and so is one that is credited', () => {
    const real = new LedgerHarness(withDeposits)
    const deposit = { source: drawn('source'), to: real.account(1), amount: tokens(1), state: 'seen' } as const
    const change: Change = { type: 'deposit', value: deposit }
    const unposted = applyEntry(real.state, entryOf([issued(-tokens(1)), of(1, tokens(1))], [change]))
    assert.equal(!unposted.ok && unposted.code, 'ledger-damaged')
    const arriving: Posting = { book: 'arriving', id: '', amount: -tokens(1) }
    const posted: Posting = { book: 'deposit', id: deposit.source, amount: tokens(1) }
    assert.ok(applyEntry(real.state, entryOf([posted, arriving], [change])).ok)
    checkBooks(real.state)
  })
})
