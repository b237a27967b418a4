// Tokens from a chain and back: each in two phases, each exactly once (P20).
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { AccountId } from '../../src/ports/ledger.ts'
import { drawn, LedgerHarness, tokens, withDeposits } from './ledger-harness.ts'

const source = drawn('source')
const chainAccount = `eip155:199:0x${'ab'.repeat(20)}` as AccountId

function withTokens(): LedgerHarness {
  const ledger = new LedgerHarness(withDeposits)
  ledger.do(0, { type: 'deposit-see', source, to: ledger.account(1), amount: tokens(100) })
  ledger.do(0, { type: 'deposit-settle', source, result: 'credited' })
  return ledger
}

describe('deposits', () => {
  test('a deposit is visible when it is seen, and is the account’s only when it is credited', () => {
    const ledger = new LedgerHarness(withDeposits)
    ledger.do(0, { type: 'deposit-see', source, to: ledger.account(1), amount: tokens(100) })
    assert.equal(ledger.state.account(ledger.account(1)).arriving, tokens(100))
    assert.equal(ledger.state.totals().minted, 0n)
    assert.equal(ledger.refusal(1, { type: 'withdraw', to: chainAccount, amount: tokens(1) }), 'funds-insufficient')
    ledger.do(0, { type: 'deposit-settle', source, result: 'credited' })
    assert.equal(ledger.available(1), tokens(100))
    assert.equal(ledger.state.account(ledger.account(1)).arriving, 0n)
    assert.equal(ledger.state.totals().minted, tokens(100))
  })

  test('whatever the chain does and however often it is told, a deposit is credited at most once', () => {
    const step = fc.constantFrom('see', 'credit', 'drop')
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const ledger = new LedgerHarness(withDeposits)
        let credits = 0
        for (const name of steps) {
          const result =
            name === 'see'
              ? ledger.submit(0, { type: 'deposit-see', source, to: ledger.account(1), amount: tokens(7) })
              : ledger.submit(0, {
                  type: 'deposit-settle',
                  source,
                  result: name === 'credit' ? 'credited' : 'dropped',
                })
          if (name === 'credit' && result.ok) credits++
        }
        assert.ok(credits <= 1)
        assert.equal(ledger.available(1), tokens(7 * credits))
      }),
    )
  })

  test('only the operator records deposits, and never beyond the cap of the supply', () => {
    const ledger = new LedgerHarness((genesis) => ({ ...withDeposits(genesis), supplyCap: tokens(10) }))
    const see = { type: 'deposit-see', source, to: ledger.account(1), amount: tokens(10) } as const
    assert.equal(ledger.refusal(1, see), 'ledger-refused')
    assert.equal(ledger.refusal(0, { ...see, amount: tokens(11) }), 'ledger-refused')
    ledger.do(0, see)
    const more = { ...see, source: drawn('another'), amount: tokens(1) } as const
    assert.equal(ledger.refusal(0, more), 'ledger-refused', 'what is arriving counts')
    assert.equal(ledger.refusal(1, { type: 'deposit-settle', source, result: 'credited' }), 'ledger-refused')
    ledger.do(0, { type: 'deposit-settle', source, result: 'dropped' })
    assert.equal(ledger.refusal(0, { ...see, to: ledger.account(2) }), 'ledger-refused', 'it was another’s')
    ledger.do(0, more)
  })

  test('play money neither comes from a chain nor goes to one, and BTT is never granted', () => {
    const test = new LedgerHarness()
    test.grant(1)
    assert.equal(test.refusal(1, { type: 'withdraw', to: chainAccount, amount: tokens(1) }), 'ledger-refused')
    assert.equal(
      test.refusal(0, { type: 'deposit-see', source, to: test.account(1), amount: tokens(1) }),
      'ledger-refused',
    )
    const real = new LedgerHarness(withDeposits)
    assert.equal(real.refusal(0, { type: 'grant', to: real.account(1), invite: drawn('x') }), 'ledger-refused')
  })
})

describe('withdrawals', () => {
  test('what is withdrawn is gone or back, as the chain shows, and visible in between', () => {
    const ledger = withTokens()
    const withdrawal = ledger.do(1, { type: 'withdraw', to: chainAccount, amount: tokens(40) })
    assert.equal(ledger.available(1), tokens(60))
    assert.equal(ledger.state.account(ledger.account(1)).leaving, tokens(40))
    assert.equal(ledger.refusal(0, { type: 'withdraw-settle', withdrawal, result: 'sent' }), 'ledger-refused')
    const transaction = drawn('transaction')
    assert.equal(ledger.refusal(1, { type: 'withdraw-send', withdrawal, transaction }), 'ledger-refused')
    ledger.do(0, { type: 'withdraw-send', withdrawal, transaction })
    assert.equal(ledger.refusal(1, { type: 'withdraw-cancel', withdrawal }), 'ledger-refused', 'the chain decides now')
    assert.equal(ledger.refusal(0, { type: 'withdraw-cancel', withdrawal }), 'ledger-refused')
    assert.equal(ledger.refusal(0, { type: 'withdraw-send', withdrawal, transaction }), 'ledger-refused')
    ledger.do(0, { type: 'withdraw-settle', withdrawal, result: 'sent' })
    assert.equal(ledger.refusal(0, { type: 'withdraw-settle', withdrawal, result: 'failed' }), 'ledger-refused')
    assert.equal(ledger.state.totals().burned, tokens(40))
    assert.equal(ledger.available(1), tokens(60))
    const failing = ledger.do(1, { type: 'withdraw', to: chainAccount, amount: tokens(10) })
    ledger.do(0, { type: 'withdraw-send', withdrawal: failing, transaction })
    ledger.do(0, { type: 'withdraw-settle', withdrawal: failing, result: 'failed' })
    assert.equal(ledger.available(1), tokens(60))
  })

  test('it may be taken back by its account or the operator as long as nothing was sent', () => {
    const ledger = withTokens()
    for (const by of [1, 0]) {
      const withdrawal = ledger.do(1, { type: 'withdraw', to: chainAccount, amount: tokens(40) })
      assert.equal(ledger.refusal(2, { type: 'withdraw-cancel', withdrawal }), 'ledger-refused')
      ledger.do(by, { type: 'withdraw-cancel', withdrawal })
      assert.equal(ledger.available(1), tokens(100))
    }
  })

  test('it goes to an account on the chain that the genesis names, and nowhere else', () => {
    const ledger = withTokens()
    for (const to of [`eip155:1:0x${'ab'.repeat(20)}`, `eip155:1990:0x${'ab'.repeat(20)}`, ledger.account(2)]) {
      assert.equal(ledger.refusal(1, { type: 'withdraw', to: to as AccountId, amount: tokens(1) }), 'ledger-refused')
    }
  })
})
