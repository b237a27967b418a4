// Receipts that peers show: believed where the operator of the ledger agreed on signed them, of the accounts they are about.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Result, unwrap } from '../../src/base/errors.ts'
import { accountId } from '../../src/formats/money/account-id.ts'
import { type LedgerReceipt, receiptDigest, type SignedReceipt } from '../../src/formats/money/receipt.ts'
import { balanceReceipt, headReceipt, laneReceipt } from '../../src/ledger/receipts.ts'
import { backingOf, checkShownLane } from '../../src/ledger/shown-receipts.ts'
import type { LaneId, RailId, Signature } from '../../src/ports/ledger.ts'
import { fakeScheme, fakeSign } from './fake-signatures.ts'
import { addressOf, drawn, hourMs, LedgerHarness, tokens } from './ledger-harness.ts'

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'done' : result.code
}

/** A ledger with a lane from 1 to 2, and what its operator signs. */
function withLane() {
  const ledger = new LedgerHarness()
  ledger.grant(1)
  const lane = ledger.openLane(1, 2, tokens(10))
  const { facts } = ledger
  const parties = { payer: ledger.account(1), payee: ledger.account(2) }
  const sign = (receipt: LedgerReceipt, by = 0): SignedReceipt => ({
    receipt,
    signature: fakeSign(addressOf(by), receiptDigest(receipt, facts.domain)),
  })
  const seal = () => {
    const group = ledger.core.seal()
    if (group !== undefined) ledger.core.acknowledge(group.head.height)
    return ledger.core.head
  }
  const ofLane = (id: LaneId = lane): LedgerReceipt => {
    const receipt = laneReceipt(ledger.core, seal(), id, ledger.core.timeAt(ledger.nowMs))
    assert.ok(receipt !== undefined)
    return receipt
  }
  const ofBalance = (index: number) =>
    balanceReceipt(ledger.core, seal(), ledger.account(index), ledger.core.timeAt(ledger.nowMs))
  return { ledger, lane, facts, parties, sign, seal, ofLane, ofBalance }
}

describe('a lane that a payer shows', () => {
  test('is what the operator signed, with the time of the ledger then', () => {
    const { ledger, lane, facts, parties, sign, ofLane } = withLane()
    const shown = unwrap(checkShownLane(sign(ofLane()), facts, parties, fakeScheme))
    assert.deepEqual(shown.lane, ledger.state.lane(lane))
    assert.deepEqual([shown.height, shown.ledgerMs], [ledger.core.head.height, ledger.core.timeAt(ledger.nowMs)])
    ledger.do(1, { type: 'request-close', lane })
    const closing = unwrap(checkShownLane(sign(ofLane()), facts, parties, fakeScheme))
    assert.equal(closing.lane.state.type, 'closing')
  })

  test('is not believed where anybody else signed, anything was changed, or it is of another ledger', () => {
    const { ledger, facts, parties, sign, ofLane } = withLane()
    const receipt = ofLane()
    assert.ok(receipt.type === 'lane')
    const check = (signed: SignedReceipt, of = facts) => codeOf(checkShownLane(signed, of, parties, fakeScheme))
    const honest = sign(receipt)
    for (const by of [1, 2, 3]) assert.equal(check(sign(receipt, by)), 'signature-invalid')
    const changes: LedgerReceipt[] = [
      { ...receipt, height: receipt.height + 1 },
      { ...receipt, timeMs: receipt.timeMs + 1 },
      { ...receipt, stateRoot: drawn('root') },
      { ...receipt, lane: { ...receipt.lane, deposit: tokens(11) } },
      { ...receipt, lane: { ...receipt.lane, claimed: tokens(1) } },
      { ...receipt, lane: { ...receipt.lane, expiresAtMs: receipt.lane.expiresAtMs + 1 } },
      { ...receipt, lane: { ...receipt.lane, id: drawn('lane') as string as LaneId } },
    ]
    for (const changed of changes) assert.equal(check({ ...honest, receipt: changed }), 'signature-invalid')
    assert.equal(check({ ...honest, signature: new Uint8Array(65) as Signature }), 'signature-invalid')
    const other = new LedgerHarness((genesis) => ({ ...genesis, name: 'another' }))
    assert.equal(check(honest, other.facts), 'account-invalid')
    const rail = 'swarmbid:00000000000000000000000000000000' as RailId
    const foreign = { ...receipt, lane: { ...receipt.lane, payer: accountId(rail, addressOf(1)) } }
    assert.equal(check({ ...honest, receipt: foreign }), 'account-invalid', 'and nothing throws')
    const operator = { ...facts, operator: ledger.account(3) }
    assert.equal(check(honest, operator), 'signature-invalid')
  })

  test('has to be between the two, and not over', () => {
    const { ledger, lane, facts, parties, sign, ofLane, ofBalance, seal } = withLane()
    const { payer, payee } = parties
    const honest = sign(ofLane())
    const check = (signed: SignedReceipt, of = parties) => codeOf(checkShownLane(signed, facts, of, fakeScheme))
    assert.equal(check(honest, { payer: payee, payee: payer }), 'account-invalid')
    assert.equal(check(honest, { payer, payee: ledger.account(3) }), 'account-invalid')
    assert.equal(check(honest, { payer: ledger.account(3), payee }), 'account-invalid')
    assert.equal(check(sign(ofBalance(1))), 'statement-malformed')
    assert.equal(check(sign(headReceipt(seal(), ledger.nowMs))), 'statement-malformed')
    const receipt = ofLane()
    assert.ok(receipt.type === 'lane')
    const late = { ...receipt, timeMs: receipt.lane.expiresAtMs }
    assert.equal(check(sign(late)), 'lane-closed')
    assert.equal(check(sign({ ...receipt, lane: { ...receipt.lane, state: { type: 'closed' } } })), 'lane-closed')
    ledger.do(2, { type: 'payee-close', lane })
    ledger.nowMs += hourMs
    seal()
    assert.equal(ledger.state.lane(lane), undefined)
  })
})

describe('what a bidder shows to back its bid', () => {
  test('is its free balance, or what is left of its lane to the provider', () => {
    const { ledger, lane, facts, parties, sign, ofLane, ofBalance } = withLane()
    const { payer, payee } = parties
    const backing = (signed: SignedReceipt) => backingOf(signed, facts, payer, payee, fakeScheme)
    assert.equal(unwrap(backing(sign(ofBalance(1)))), ledger.state.account(payer).available)
    assert.equal(unwrap(backing(sign(ofLane()))), tokens(10))
    ledger.do(2, { type: 'claim', vouchers: [ledger.voucher(lane, 1, tokens(3))] })
    assert.equal(unwrap(backing(sign(ofLane()))), tokens(7))
  })

  test('is nothing where it is of others, of another kind, or not signed by the operator', () => {
    const { ledger, facts, parties, sign, ofLane, ofBalance, seal } = withLane()
    const { payer, payee } = parties
    const backing = (signed: SignedReceipt) => codeOf(backingOf(signed, facts, payer, payee, fakeScheme))
    assert.equal(backing(sign(ofBalance(2))), 'account-invalid')
    assert.equal(backing(sign(headReceipt(seal(), ledger.nowMs))), 'statement-malformed')
    assert.equal(backing(sign(ofBalance(1), 1)), 'signature-invalid')
    assert.equal(backing(sign(ofLane(), 1)), 'signature-invalid')
    assert.equal(codeOf(backingOf(sign(ofLane()), facts, payer, ledger.account(3), fakeScheme)), 'account-invalid')
  })
})
