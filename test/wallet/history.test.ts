// History as the sum of entries: over random books it is what the ledger says at each step; each kind of pending is
// shown where it is and why; what does not add up is said.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { decodeLine } from '../../src/ledger/journal-record.ts'
import type { AccountId, LaneId, LedgerAccount, LedgerOperation } from '../../src/ports/ledger.ts'
import { type HistoryRecord, historyOf } from '../../src/wallet/history.ts'
import { drawn, hourMs, LedgerHarness, tokens, withDeposits } from '../ledger/ledger-harness.ts'
import { OperationDraw } from '../ledger/random-operations.ts'

const people = 8
const vault = `eip155:199:0x${'12'.repeat(20)}` as AccountId

function recordsOf(ledger: LedgerHarness): readonly HistoryRecord[] {
  return ledger.journal.map((line) => unwrap(decodeLine(line, ledger.facts.rail)).record)
}

function statedOf(ledger: LedgerHarness, index: number): LedgerAccount {
  const { available, locked, leaving, arriving } = ledger.state.account(ledger.account(index))
  return { available, locked, leaving, arriving }
}

function historyIn(ledger: LedgerHarness, index: number) {
  return historyOf(ledger.account(index), recordsOf(ledger), statedOf(ledger, index))
}

for (const hasDeposits of [false, true]) {
  test(`over random operations ${hasDeposits ? 'with' : 'without'} deposits it is what the ledger says, for everyone at every step`, () => {
    const ledger = new LedgerHarness((genesis) => {
      const fees = { ...genesis.fees, transfer: tokens(1), open: tokens(1), payoutPpm: 250 }
      return hasDeposits ? withDeposits({ ...genesis, fees }) : { ...genesis, fees }
    })
    const operations = new OperationDraw(ledger, hasDeposits ? 11 : 12, hasDeposits)
    const stated: (readonly LedgerAccount[])[] = []
    for (let step = 0; step < (hasDeposits ? 3_000 : 1_000); step++) {
      const { by, operation } = operations.next()
      const named = { ...operation, id: ledger.nextId() } as LedgerOperation
      const result = ledger.core.submit(ledger.authentic(by, named), ledger.nowMs)
      assert.ok(result !== 'look-up')
      if (!result.ok) continue
      ledger.write()
      stated.push(Array.from({ length: people }, (_, index) => statedOf(ledger, index)))
    }
    const records = recordsOf(ledger)
    assert.ok(records.length > 250)
    for (let index = 0; index < people; index++) {
      const account = ledger.account(index)
      for (const count of [records.length, Math.floor(records.length / 3), 1]) {
        const history = historyOf(account, records.slice(0, count), stated[count - 1]?.[index])
        assert.deepEqual(history.differences, [], `${account} after ${count}`)
      }
      const { lines } = historyOf(account, records)
      for (const line of lines) assert.deepEqual(line.after, stated[line.height - 1]?.[index], `entry ${line.height}`)
      for (const [at, line] of lines.entries()) {
        const before = lines[at - 1]?.after.available ?? 0n
        assert.equal(before + line.change.available, line.after.available)
      }
    }
  })
}

describe('what is pending', () => {
  test('is told by where it is, why and until when; it is gone when it has ended', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1)
    const payee = ledger.account(2)
    const lane = ledger.openLane(1, 2, tokens(10))
    const timeoutAtMs = ledger.nowMs + hourMs
    const terms = drawn('terms')
    const arbiter = ledger.account(3)
    const escrow = ledger.do(1, { type: 'escrow-fund', payee, amount: tokens(7), timeoutAtMs, terms, arbiter })
    ledger.do(2, { type: 'claim', vouchers: [ledger.voucher(lane, 1, tokens(4))] })
    const { pending, shares } = historyIn(ledger, 1)
    assert.equal(shares.locked, tokens(13))
    assert.deepEqual(
      pending.map(({ share, id, amount, why }) => ({ share, id, amount, why })),
      [
        { share: 'locked', id: lane, amount: tokens(6), why: { type: 'lane', payee, isClosing: false } },
        { share: 'locked', id: escrow, amount: tokens(7), why: { type: 'escrow', payee, isDisputed: false } },
      ],
    )
    assert.equal(pending[1]?.untilMs, timeoutAtMs)
    ledger.do(2, { type: 'payee-close', lane })
    ledger.do(1, { type: 'escrow-dispute', escrow, evidence: drawn('evidence') })
    const after = historyIn(ledger, 1)
    assert.deepEqual(
      after.pending.map(({ why }) => why),
      [{ type: 'escrow', payee, isDisputed: true }],
    )
    assert.deepEqual(after.differences, [])
    const [claimed] = historyIn(ledger, 2).lines
    assert.deepEqual([claimed?.with, claimed?.change.available], [ledger.account(1), tokens(4)])
  })

  test('a withdrawal is leaving until the chain has decided; one that failed never shows as nothing', () => {
    const ledger = new LedgerHarness(withDeposits)
    const source = drawn('source')
    ledger.do(0, { type: 'deposit-see', source, to: ledger.account(1), amount: tokens(50) })
    const seen = historyIn(ledger, 1)
    assert.deepEqual([seen.shares.available, seen.shares.arriving], [0n, tokens(50)])
    assert.deepEqual(
      seen.pending.map(({ why }) => why.type),
      ['deposit-seen'],
    )
    ledger.do(0, { type: 'deposit-settle', source, result: 'credited' })
    const withdrawal = ledger.do(1, { type: 'withdraw', to: vault, amount: tokens(50) })
    const requested = historyIn(ledger, 1)
    assert.deepEqual([requested.shares.available, requested.shares.leaving], [0n, tokens(50)])
    assert.deepEqual(requested.pending[0]?.why, { type: 'withdrawal-requested', to: vault })
    const transaction = drawn('transaction')
    ledger.do(0, { type: 'withdraw-send', withdrawal, transaction })
    assert.deepEqual(historyIn(ledger, 1).pending[0]?.why, { type: 'withdrawal-sending', to: vault, transaction })
    ledger.do(0, { type: 'withdraw-settle', withdrawal, result: 'failed' })
    const failed = historyIn(ledger, 1)
    for (const { after } of failed.lines.slice(1)) {
      assert.equal(after.available + after.leaving + after.arriving, tokens(50), 'at every line all of it is somewhere')
    }
    assert.deepEqual([failed.shares.available, failed.shares.leaving], [tokens(50), 0n])
    assert.deepEqual([failed.pending, failed.differences], [[], []])
  })
})

test('what does not add up is said, whichever share it is', () => {
  const ledger = new LedgerHarness()
  ledger.grant(1)
  ledger.openLane(1, 2, tokens(10))
  const records = recordsOf(ledger)
  const stated = statedOf(ledger, 1)
  for (const name of ['available', 'locked', 'leaving', 'arriving'] as const) {
    const wrong = { ...stated, [name]: tokenAmount(stated[name] + 1n) }
    const { differences } = historyOf(ledger.account(1), records, wrong)
    assert.equal(differences.length, 1)
    assert.match(differences[0] ?? '', new RegExp(`^${name}: entries sum to ${stated[name]}, the ledger says`))
  }
  const missing = historyOf(ledger.account(1), records.slice(1), stated)
  assert.ok(missing.differences.some((text) => text.includes('less than nothing')))
  const torn = records.map((record) => {
    const [change] = record.entry.changes
    if (change?.type !== 'lane') return record
    const value = { ...change.value, deposit: tokens(9) }
    return { ...record, entry: { ...record.entry, changes: [{ ...change, value }] } }
  })
  assert.deepEqual(historyOf(ledger.account(1), torn, stated).differences, [
    `locked: entries sum to ${tokens(10)}, what holds it to ${tokens(9)}`,
  ])
})

test('an account nobody paid has no history, and one sees only what concerns it', () => {
  const ledger = new LedgerHarness()
  ledger.grant(1, 2)
  ledger.do(1, { type: 'transfer', to: ledger.account(2), amount: tokens(3) })
  assert.deepEqual(historyIn(ledger, 3), {
    lines: [],
    shares: historyIn(ledger, 3).shares,
    pending: [],
    ended: [],
    differences: [],
  })
  assert.equal(historyIn(ledger, 3).shares.available, 0n)
  const lines = historyIn(ledger, 2).lines
  assert.deepEqual(
    lines.map(({ operation, by }) => [operation.type, by]),
    [
      ['grant', ledger.account(0)],
      ['transfer', ledger.account(1)],
    ],
  )
  assert.equal(lines[1]?.with, ledger.account(1))
  assert.equal((lines[0]?.with ?? 'none') as string | LaneId, 'none')
})

test('what has ended is told with what of it did not come back', () => {
  const ledger = new LedgerHarness((genesis) => ({ ...genesis, fees: { ...genesis.fees, payoutPpm: 100_000 } }))
  ledger.grant(1, 2)
  const fund = (payee: number) =>
    ledger.do(1, {
      type: 'escrow-fund',
      payee: ledger.account(payee),
      amount: tokens(100),
      timeoutAtMs: ledger.nowMs + hourMs,
      terms: drawn('terms'),
    })
  const [given, released, open] = [fund(2), fund(2), fund(2)]
  ledger.do(1, { type: 'escrow-release', escrow: given, amount: tokens(30) })
  ledger.do(2, { type: 'escrow-refund', escrow: given })
  ledger.do(1, { type: 'escrow-release', escrow: released, amount: tokens(100) })
  ledger.do(1, { type: 'escrow-release', escrow: open, amount: tokens(99) })
  const lane = ledger.openLane(1, 2, tokens(50))
  ledger.do(2, { type: 'payee-close', lane, last: ledger.voucher(lane, 1, tokens(7)) })
  const { ended, differences } = historyIn(ledger, 1)
  assert.deepEqual(ended, [
    { id: given, kept: tokens(30) },
    { id: released, kept: tokens(100) },
    { id: lane, kept: tokens(7) },
  ])
  assert.deepEqual(differences, [])
  assert.deepEqual(historyIn(ledger, 2).ended, [])
})
