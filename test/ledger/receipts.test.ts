// Receipts: what the operator signed is checked, held against the journal, and against itself.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { unwrap } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { type LedgerReceipt, receiptDigest, type SignedReceipt } from '../../src/formats/money/receipt.ts'
import {
  balanceReceipt,
  checkReceipt,
  contradictionOf,
  headReceipt,
  laneReceipt,
  operationReceipt,
} from '../../src/ledger/receipts.ts'
import { JournalVerifier } from '../../src/ledger/verify-journal.ts'
import type { LedgerOperation } from '../../src/ports/ledger.ts'
import { fakeScheme, fakeSign } from './fake-signatures.ts'
import { addressOf, drawn, idOf, LedgerHarness, tokens } from './ledger-harness.ts'

/** All kinds of receipts of the last group. */
function attested(): { ledger: LedgerHarness; receipts: LedgerReceipt[] } {
  const ledger = new LedgerHarness()
  ledger.grant(1)
  const lane = ledger.openLane(1, 2, tokens(10))
  const operation: LedgerOperation = { type: 'burn', id: idOf('burn'), amount: tokens(1) }
  const applied = unwrap(ledger.submit(1, operation, operation.id))
  const group = ledger.core.seal()
  assert.ok(group !== undefined)
  const { head } = group
  const timeMs = ledger.core.timeAt(ledger.nowMs)
  const entry = { fee: applied.outcome.fee, height: applied.height, timeMs }
  const ofLane = laneReceipt(ledger.core, head, lane, timeMs)
  assert.ok(ofLane !== undefined)
  const receipts = [
    headReceipt(head, timeMs),
    balanceReceipt(ledger.core, head, ledger.account(1), timeMs),
    ofLane,
    operationReceipt(ledger.facts, operation, ledger.account(1), entry, group.hashes[0] as Uint8Array),
  ]
  assert.equal(laneReceipt(ledger.core, head, drawn('none') as string as typeof lane, timeMs), undefined)
  ledger.journal.push(...group.lines)
  ledger.core.acknowledge(head.height)
  return { ledger, receipts }
}

function sign(ledger: LedgerHarness, by: number, receipt: LedgerReceipt): SignedReceipt {
  return { receipt, signature: fakeSign(addressOf(by), receiptDigest(receipt, ledger.facts.domain)) }
}

/** A receipt with one thing said otherwise. */
function twisted(receipt: LedgerReceipt, ledger: LedgerHarness): LedgerReceipt[] {
  switch (receipt.type) {
    case 'head':
      return [
        { ...receipt, entryHash: drawn('x') },
        { ...receipt, stateRoot: drawn('x') },
      ]
    case 'balance':
      return [
        { ...receipt, available: tokenAmount(receipt.available + 1n) },
        { ...receipt, locked: tokenAmount(0n) },
        { ...receipt, leaving: tokenAmount(1n) },
        { ...receipt, arriving: tokenAmount(1n) },
        { ...receipt, stateRoot: drawn('x') },
      ]
    case 'lane':
      return [
        { ...receipt, lane: { ...receipt.lane, payee: ledger.account(3) } },
        { ...receipt, lane: { ...receipt.lane, deposit: tokens(11) } },
        { ...receipt, lane: { ...receipt.lane, expiresAtMs: 5 } },
        { ...receipt, stateRoot: drawn('x') },
      ]
    default:
      return [{ ...receipt, entryHash: drawn('x') }]
  }
}

function verdictWith(ledger: LedgerHarness, receipt: LedgerReceipt): string | undefined {
  const verifier = new JournalVerifier(ledger.facts, fakeScheme)
  verifier.promise(receipt)
  for (const line of ledger.journal) {
    const fault = verifier.push(line)
    if (fault !== undefined) return `${fault.height} ${fault.part}`
  }
  const fault = verifier.end()
  return fault && `${fault.height} ${fault.part}`
}

describe('receipts', () => {
  test('what the operator signed is believed, what anyone else signed is not', () => {
    const { ledger, receipts } = attested()
    for (const receipt of receipts) {
      assert.deepEqual(checkReceipt(sign(ledger, 0, receipt), ledger.facts, fakeScheme), { ok: true, value: receipt })
      const foreign = checkReceipt(sign(ledger, 1, receipt), ledger.facts, fakeScheme)
      assert.equal(!foreign.ok && foreign.code, 'signature-invalid')
      const signed = sign(ledger, 0, receipt)
      for (const changed of [...twisted(receipt, ledger), { ...receipt, timeMs: 1 }, { ...receipt, height: 9 }]) {
        assert.ok(!checkReceipt({ ...signed, receipt: changed }, ledger.facts, fakeScheme).ok)
      }
    }
  })

  test('the journal bears out true receipts, and is at fault with any that says otherwise', () => {
    const { ledger, receipts } = attested()
    for (const receipt of receipts) {
      assert.equal(verdictWith(ledger, receipt), undefined, receipt.type)
      for (const changed of twisted(receipt, ledger)) assert.equal(verdictWith(ledger, changed), '3 head', receipt.type)
      assert.equal(verdictWith(ledger, { ...receipt, height: 4 }), '4 head', 'the journal is too short')
    }
  })

  test('two stories about one height are told apart, the same one at two times is not', () => {
    const { ledger, receipts } = attested()
    for (const a of receipts) {
      for (const b of receipts) assert.equal(contradictionOf(a, b), undefined)
      assert.equal(contradictionOf(a, { ...a, timeMs: a.timeMs + 5 }), undefined)
      for (const changed of twisted(a, ledger)) {
        assert.notEqual(contradictionOf(a, changed), undefined, a.type)
        assert.notEqual(contradictionOf(changed, a), undefined, a.type)
        if (a.type !== 'operation') assert.equal(contradictionOf(a, { ...changed, height: 99 }), undefined)
        else assert.notEqual(contradictionOf(a, { ...changed, height: 99 }), undefined, 'one id, one entry')
      }
    }
  })

  test('receipts of one true journal never contradict each other', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }), (payees) => {
        const ledger = new LedgerHarness()
        ledger.grant(1)
        const receipts: LedgerReceipt[] = []
        for (const payee of payees) {
          ledger.submit(1, { type: 'transfer', to: ledger.account(payee), amount: tokens(1) })
          const group = ledger.core.seal()
          if (group === undefined) continue
          receipts.push(headReceipt(group.head, ledger.nowMs++))
          for (const index of [1, payee]) {
            receipts.push(balanceReceipt(ledger.core, group.head, ledger.account(index), ledger.nowMs++))
          }
        }
        for (const a of receipts) for (const b of receipts) assert.equal(contradictionOf(a, b), undefined)
      }),
      { numRuns: 30 },
    )
  })
})
