// Which vouchers a payee accepts (P1, P3): one strictly larger, within the deposit, by the payer, in time.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { success } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { ledgerDomain } from '../../src/formats/money/account-id.ts'
import { voucherDigest } from '../../src/formats/money/voucher-digest.ts'
import type { PayeeLane } from '../../src/payment/lane-records.ts'
import { judgeVoucher } from '../../src/payment/payee-lane.ts'
import type { RailTerms } from '../../src/payment/rail-terms.ts'
import type { LaneId, Signature, SignedVoucher } from '../../src/ports/ledger.ts'
import type { SignatureScheme } from '../../src/ports/signatures.ts'
import { fakeScheme, fakeSign } from '../ledger/fake-signatures.ts'
import { addressOf, drawn, factsOf, LedgerHarness } from '../ledger/ledger-harness.ts'

const facts = factsOf()
const ledger = new LedgerHarness()
const hourMs = 3_600_000
const terms: RailTerms = {
  rail: facts.rail,
  domain: facts.domain,
  challengeMs: hourMs,
  minDeposit: tokenAmount(1n),
  maxLaneMs: 100 * hourMs,
  openFee: tokenAmount(0n),
}
const lane = drawn('lane') as string as LaneId
const record: PayeeLane = {
  lane,
  payer: ledger.account(1),
  deposit: tokenAmount(1000n),
  expiresAtMs: 24 * hourMs,
  claimed: tokenAmount(0n),
  newest: voucher(500n),
  state: { type: 'open' },
  isDoubtful: 'no',
}

function voucher(amount: bigint, by = 1, of: LaneId = lane, domain = facts.domain): SignedVoucher {
  const plain = { lane: of, cumulativeAmount: tokenAmount(amount) }
  return { ...plain, signature: fakeSign(addressOf(by), voucherDigest(plain, domain)) }
}

function verdict(given: SignedVoucher, change: Partial<PayeeLane> = {}, ledgerMs = 0, scheme = fakeScheme): string {
  const judged = judgeVoucher({ ...record, ...change }, given, ledgerMs, terms, scheme)
  return judged.type === 'alarm' ? judged.reason : judged.type
}

describe('a voucher', () => {
  test('is accepted if it is strictly larger and within the deposit, and not otherwise', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1200n }), fc.bigInt({ min: 0n, max: 1000n }), (amount, claimed) => {
        const held = claimed > 500n ? claimed : 500n
        const expected = amount === 500n ? 'same' : amount > 1000n ? 'refused' : amount > held ? 'accepted' : 'lower'
        assert.equal(verdict(voucher(amount), { claimed: tokenAmount(claimed) }), expected)
      }),
    )
  })

  test('of the same amount is fine if it is the same to the byte, and an alarm if it is signed differently', () => {
    assert.equal(verdict(voucher(500n)), 'same')
    const other = { ...voucher(500n), signature: new Uint8Array(65).fill(7) as Signature }
    const lenient: SignatureScheme = { recover: () => success(addressOf(1)) }
    assert.equal(verdict(other, {}, 0, lenient), 'equal-different')
    assert.equal(verdict(other), 'refused', 'unless nobody signed it')
  })

  test('is refused with any one field changed: lane, amount, signer, ledger, any bit of the signature (P1)', () => {
    const good = voucher(700n)
    assert.equal(verdict(good), 'accepted')
    assert.equal(verdict({ ...good, cumulativeAmount: tokenAmount(701n) }), 'refused')
    assert.equal(verdict({ ...good, lane: drawn('other') as string as LaneId }), 'refused')
    assert.equal(verdict(voucher(700n, 2)), 'refused')
    assert.equal(verdict(voucher(700n, 1, drawn('other') as string as LaneId)), 'refused')
    const fork = ledgerDomain(new Uint8Array(32).fill(9))
    assert.equal(verdict(voucher(700n, 1, lane, fork)), 'refused')
    for (let bit = 0; bit < 65 * 8; bit++) {
      const signature = good.signature.slice() as Signature
      signature[bit >> 3] = (signature[bit >> 3] as number) ^ (1 << (bit & 7))
      assert.equal(verdict({ ...good, signature }), 'refused', `bit ${bit}`)
    }
  })

  test('comes too late within a window of the expiry, and while the lane is closing', () => {
    assert.equal(verdict(voucher(700n), {}, 23 * hourMs - 1), 'accepted')
    assert.equal(verdict(voucher(700n), {}, 23 * hourMs), 'refused')
    assert.equal(verdict(voucher(700n), { state: { type: 'closing', closesAtMs: 5 * hourMs } }), 'refused')
  })
})
