// Escrows: who may move what is held, and where it goes when nobody does.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { OperationId } from '../../src/ports/ledger.ts'
import { drawn, hourMs, LedgerHarness, tokens } from './ledger-harness.ts'

const terms = drawn('terms')
const evidence = drawn('evidence')
const ruling = drawn('ruling')

function withEscrow(hasArbiter = true): { ledger: LedgerHarness; escrow: OperationId } {
  const ledger = new LedgerHarness()
  ledger.grant(1)
  const timeoutAtMs = ledger.nowMs + 10 * hourMs
  const arbiter = hasArbiter ? { arbiter: ledger.account(3) } : {}
  const payee = ledger.account(2)
  const escrow = ledger.do(1, { type: 'escrow-fund', payee, amount: tokens(100), timeoutAtMs, terms, ...arbiter })
  return { ledger, escrow }
}

describe('escrows', () => {
  test('the payer releases part by part, and nothing is left behind', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 6 }), (parts) => {
        const { ledger, escrow } = withEscrow()
        let left = 100
        for (const part of parts) {
          const result = ledger.submit(1, { type: 'escrow-release', escrow, amount: tokens(part) })
          assert.equal(result.ok, part <= left)
          if (result.ok) left -= part
        }
        assert.equal(ledger.available(2), tokens(100 - left))
        assert.equal(ledger.state.escrow(escrow)?.held, left === 0 ? undefined : tokens(left))
        assert.equal(ledger.refusal(2, { type: 'escrow-release', escrow, amount: tokens(1) }), 'ledger-refused')
      }),
      { numRuns: 40 },
    )
  })

  test('the payee gives back at any time, anyone else after the timeout, the operator without being asked', () => {
    const early = withEscrow()
    assert.equal(early.ledger.refusal(1, { type: 'escrow-refund', escrow: early.escrow }), 'ledger-refused')
    early.ledger.do(2, { type: 'escrow-refund', escrow: early.escrow })
    assert.equal(early.ledger.available(1), tokens(10_000))
    const { ledger, escrow } = withEscrow()
    ledger.nowMs += 10 * hourMs - 1
    assert.equal(ledger.refusal(0, { type: 'escrow-refund', escrow }), 'ledger-refused')
    ledger.nowMs += 1
    const [refund] = ledger.core.overdue(ledger.nowMs, 9, () => ledger.nextId())
    assert.ok(refund?.type === 'escrow-refund')
    ledger.do(0, refund)
    assert.equal(ledger.available(1), tokens(10_000))
  })

  test('a dispute stops the timeout; the arbiter named in advance divides what is left, once', () => {
    const { ledger, escrow } = withEscrow()
    ledger.do(1, { type: 'escrow-release', escrow, amount: tokens(10) })
    assert.equal(
      ledger.refusal(3, { type: 'escrow-rule', escrow, toPayee: tokens(1), ruling }),
      'ledger-refused',
      'not disputed',
    )
    assert.equal(ledger.refusal(4, { type: 'escrow-dispute', escrow, evidence }), 'ledger-refused')
    ledger.do(2, { type: 'escrow-dispute', escrow, evidence })
    assert.equal(ledger.refusal(1, { type: 'escrow-dispute', escrow, evidence }), 'ledger-refused')
    ledger.nowMs += 11 * hourMs
    assert.equal(ledger.refusal(1, { type: 'escrow-refund', escrow }), 'ledger-refused')
    assert.deepEqual(
      ledger.core.overdue(ledger.nowMs, 9, () => ledger.nextId()),
      [],
    )
    assert.equal(ledger.refusal(3, { type: 'escrow-rule', escrow, toPayee: tokens(91), ruling }), 'ledger-refused')
    assert.equal(ledger.refusal(1, { type: 'escrow-rule', escrow, toPayee: tokens(1), ruling }), 'ledger-refused')
    ledger.do(3, { type: 'escrow-rule', escrow, toPayee: tokens(60), ruling })
    assert.equal(ledger.available(2), tokens(70))
    assert.equal(ledger.available(1), tokens(9_930))
    assert.equal(ledger.refusal(3, { type: 'escrow-rule', escrow, toPayee: tokens(0), ruling }), 'ledger-refused')
  })

  test('an arbiter that never rules leaves it to the payer, and rules too late in vain', () => {
    const { ledger, escrow } = withEscrow()
    ledger.do(1, { type: 'escrow-dispute', escrow, evidence })
    ledger.nowMs += 14 * 24 * hourMs
    assert.equal(ledger.refusal(3, { type: 'escrow-rule', escrow, toPayee: tokens(1), ruling }), 'ledger-refused')
    ledger.do(1, { type: 'escrow-refund', escrow })
    assert.equal(ledger.available(1), tokens(10_000))
  })

  test('without an arbiter nothing is disputed, after the timeout neither; a party is no arbiter', () => {
    const { ledger, escrow } = withEscrow(false)
    assert.equal(ledger.refusal(1, { type: 'escrow-dispute', escrow, evidence }), 'ledger-refused')
    const late = withEscrow()
    late.ledger.nowMs += 10 * hourMs
    assert.equal(late.ledger.refusal(1, { type: 'escrow-dispute', escrow: late.escrow, evidence }), 'ledger-refused')
    const timeoutAtMs = ledger.nowMs + 1
    const payee = ledger.account(2)
    const fund = { type: 'escrow-fund', payee, amount: tokens(1), timeoutAtMs, terms } as const
    assert.equal(ledger.refusal(1, { ...fund, arbiter: ledger.account(1) }), 'ledger-refused')
    assert.equal(ledger.refusal(1, { ...fund, arbiter: payee }), 'ledger-refused')
    assert.equal(ledger.refusal(1, { ...fund, payee: ledger.account(1) }), 'ledger-refused')
    assert.equal(ledger.refusal(1, { ...fund, timeoutAtMs: ledger.nowMs }), 'ledger-refused')
    assert.equal(ledger.refusal(1, { ...fund, amount: tokens(9_901) }), 'funds-insufficient')
  })
})
