// Lanes on a ledger: P3, P4, P5, P9, P16 as promises.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { authenticate } from '../../src/ledger/authenticate.ts'
import type { LaneId } from '../../src/ports/ledger.ts'
import { fakeScheme } from './fake-signatures.ts'
import { drawn, hourMs, LedgerHarness, tokens, unit } from './ledger-harness.ts'

function withLane(deposit = 100): { ledger: LedgerHarness; lane: LaneId } {
  const ledger = new LedgerHarness()
  ledger.grant(1, 2, 3)
  return { ledger, lane: ledger.openLane(1, 2, tokens(deposit)) }
}

describe('vouchers on a ledger (P3)', () => {
  test('a voucher counts if and only if it is larger than the last, within the deposit and by the payer', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ amount: fc.nat(130), signer: fc.constantFrom(1, 1, 1, 2, 3) }), { maxLength: 8 }),
        (vouchers) => {
          const { ledger, lane } = withLane()
          let claimed = 0
          for (const { amount, signer } of vouchers) {
            const voucher = ledger.voucher(lane, signer, tokens(amount))
            const isGood = signer === 1 && amount > claimed && amount <= 100
            const result = ledger.submit(2, { type: 'claim', vouchers: [voucher] })
            assert.equal(result.ok, isGood)
            if (isGood) claimed = amount
            else assert.equal(!result.ok && result.code, 'voucher-invalid')
            assert.equal(ledger.state.lane(lane)?.claimed, tokens(claimed))
          }
          assert.equal(ledger.available(2), tokens(10_000 + claimed))
        },
      ),
      { numRuns: 100 },
    )
  })

  test('a batch passes over what brings nothing new, and is refused whole for one forged voucher', () => {
    const { ledger, lane } = withLane()
    const other = ledger.openLane(3, 2, tokens(50))
    ledger.do(2, { type: 'claim', vouchers: [ledger.voucher(lane, 1, 10n * unit)] })
    const stale = ledger.voucher(lane, 1, 10n * unit)
    const fresh = ledger.voucher(other, 3, 5n * unit)
    const unknown = ledger.voucher(drawn('nowhere') as string as LaneId, 1, 1n)
    ledger.do(1, { type: 'claim', vouchers: [stale, unknown, fresh] })
    assert.equal(ledger.available(2), tokens(10_015))
    const forged = ledger.voucher(lane, 3, 20n * unit)
    const better = ledger.voucher(other, 3, 6n * unit)
    assert.equal(ledger.refusal(2, { type: 'claim', vouchers: [better, forged] }), 'voucher-invalid')
    assert.equal(ledger.refusal(2, { type: 'claim', vouchers: [unknown] }), 'lane-closed')
    ledger.do(2, { type: 'claim', vouchers: [better, ledger.voucher(other, 3, 8n * unit)] })
    assert.equal(ledger.available(2), tokens(10_018))
  })

  test('a payee that closes gets its last voucher and returns the rest at once', () => {
    const { ledger, lane } = withLane()
    const last = ledger.voucher(lane, 1, 30n * unit)
    assert.match(ledger.refusal(1, { type: 'payee-close', lane, last }), /ledger-refused/)
    ledger.do(2, { type: 'payee-close', lane, last })
    assert.equal(ledger.available(2), tokens(10_030))
    assert.equal(ledger.available(1), tokens(9_970))
    assert.equal(ledger.state.lane(lane), undefined)
    assert.equal(ledger.refusal(2, { type: 'payee-close', lane }), 'lane-closed')
  })

  test('the fee on what is paid out comes from the payee, is rounded down, and is burned', () => {
    const ledger = new LedgerHarness((genesis) => ({ ...genesis, fees: { ...genesis.fees, payoutPpm: 3 } }))
    ledger.grant(1, 2)
    const lane = ledger.openLane(1, 2, tokens(1))
    ledger.do(2, { type: 'claim', vouchers: [ledger.voucher(lane, 1, 1_000_001n)] })
    assert.equal(ledger.available(2), 10_000n * unit + 999_998n)
    assert.equal(ledger.state.totals().feesBurned, 3n)
    assert.equal(ledger.state.totals().burned, 3n)
  })
})

describe('replayed vouchers (P1)', () => {
  test('a voucher is of one lane and one ledger: with either changed, or its amount, it is refused', () => {
    const { ledger, lane } = withLane()
    const other = ledger.openLane(1, 2, tokens(100))
    const voucher = ledger.voucher(lane, 1, 10n * unit)
    const elsewhere = new LedgerHarness((genesis) => ({ ...genesis, nonce: drawn('fork') }))
    const forged = [
      { ...voucher, lane: other },
      { ...voucher, cumulativeAmount: tokens(11) },
      elsewhere.voucher(lane, 1, 10n * unit),
    ]
    for (const each of forged) {
      const operation = { type: 'claim', id: ledger.nextId(), vouchers: [each] } as const
      const result = authenticate(ledger.sign(2, operation), ledger.facts, fakeScheme)
      assert.equal(!result.ok && result.code, 'voucher-invalid')
    }
    ledger.do(2, { type: 'claim', vouchers: [voucher] })
  })
})

describe('deposits of lanes (P4)', () => {
  test('the sum of deposits never exceeds what the payer has, whatever is opened at once', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 6000 }), { minLength: 2, maxLength: 12 }), (deposits) => {
        const ledger = new LedgerHarness((genesis) => ({
          ...genesis,
          limits: { ...genesis.limits, maxLanesPerPair: 100 },
        }))
        ledger.grant(1, 2)
        let locked = 0
        for (const deposit of deposits) {
          const expiresAtMs = ledger.nowMs + hourMs
          const operation = {
            type: 'open-lane',
            payee: ledger.account(2),
            deposit: tokens(deposit),
            expiresAtMs,
          } as const
          const result = ledger.submit(1, operation)
          assert.equal(result.ok, locked + deposit <= 10_000)
          if (result.ok) locked += deposit
          else assert.equal(result.code, 'funds-insufficient')
        }
        assert.equal(ledger.available(1), tokens(10_000 - locked))
        assert.equal(ledger.state.account(ledger.account(1)).locked, tokens(locked))
      }),
      { numRuns: 50 },
    )
  })

  test('a top-up makes room for larger vouchers, by the payer alone and only while the lane is open', () => {
    const { ledger, lane } = withLane()
    const voucher = ledger.voucher(lane, 1, 120n * unit)
    assert.equal(ledger.refusal(2, { type: 'claim', vouchers: [voucher] }), 'voucher-invalid')
    assert.equal(ledger.refusal(2, { type: 'top-up-lane', lane, amount: tokens(20) }), 'ledger-refused')
    assert.equal(ledger.refusal(1, { type: 'top-up-lane', lane, amount: tokens(9_901) }), 'funds-insufficient')
    ledger.do(1, { type: 'top-up-lane', lane, amount: tokens(20) })
    ledger.do(2, { type: 'claim', vouchers: [voucher] })
    ledger.do(1, { type: 'request-close', lane })
    assert.equal(ledger.refusal(1, { type: 'top-up-lane', lane, amount: tokens(1) }), 'lane-closed')
  })

  test('a lane opened for an award names it', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1)
    const award = drawn('award')
    const expiresAtMs = ledger.nowMs + hourMs
    const id = ledger.do(1, {
      type: 'open-and-award',
      payee: ledger.account(2),
      deposit: tokens(1),
      expiresAtMs,
      award,
    })
    assert.equal(ledger.state.lane(id as string as LaneId)?.award, award)
  })
})

describe('closing a lane (P5)', () => {
  test('a later voucher wins over the wish to close, until the window is over', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 * hourMs }),
        fc.integer({ min: 1, max: 3 * hourMs }),
        (askedMs, laterMs) => {
          const { ledger, lane } = withLane()
          ledger.do(2, { type: 'claim', vouchers: [ledger.voucher(lane, 1, unit)] })
          ledger.nowMs += askedMs
          ledger.do(1, { type: 'request-close', lane })
          ledger.nowMs += laterMs
          const result = ledger.submit(2, { type: 'claim', vouchers: [ledger.voucher(lane, 1, 60n * unit)] })
          assert.equal(result.ok, laterMs < hourMs)
          const isOver = laterMs >= hourMs
          assert.equal(ledger.submit(3, { type: 'close', lane }).ok, isOver)
          if (isOver) assert.equal(ledger.available(1), tokens(10_000 - 1))
          else assert.equal(ledger.state.lane(lane)?.claimed, tokens(60))
        },
      ),
      { numRuns: 60 },
    )
  })

  test('at the very end of its window or of its life a lane pays no more, a moment before it does', () => {
    for (const isClosing of [true, false]) {
      for (const earlyMs of [1, 0]) {
        const { ledger, lane } = withLane()
        if (isClosing) ledger.do(1, { type: 'request-close', lane })
        ledger.nowMs += (isClosing ? hourMs : 24 * hourMs) - earlyMs
        const claim = ledger.submit(2, { type: 'claim', vouchers: [ledger.voucher(lane, 1, unit)] })
        assert.equal(claim.ok, earlyMs === 1)
        assert.equal(ledger.submit(3, { type: 'close', lane }).ok, earlyMs === 0)
      }
    }
  })

  test('a window does not outlast the lane', () => {
    const { ledger, lane } = withLane()
    ledger.nowMs += 24 * hourMs - 5
    ledger.do(1, { type: 'request-close', lane })
    const state = ledger.state.lane(lane)?.state
    assert.ok(state?.type === 'closing' && state.closesAtMs === ledger.nowMs + 5)
  })

  test('a payee closes with a voucher of that lane, not of another one', () => {
    const { ledger, lane } = withLane()
    const other = ledger.openLane(1, 2, tokens(5))
    const last = ledger.voucher(other, 1, unit)
    assert.equal(ledger.refusal(2, { type: 'payee-close', lane, last }), 'voucher-invalid')
  })

  test('the payer alone asks to close, once; the operator finds what nobody closed', () => {
    const { ledger, lane } = withLane()
    assert.equal(ledger.refusal(2, { type: 'request-close', lane }), 'ledger-refused')
    ledger.do(1, { type: 'request-close', lane })
    assert.equal(ledger.refusal(1, { type: 'request-close', lane }), 'ledger-refused')
    assert.deepEqual(
      ledger.core.overdue(ledger.nowMs, 10, () => ledger.nextId()),
      [],
    )
    ledger.nowMs += hourMs
    const [closing, ...others] = ledger.core.overdue(ledger.nowMs, 10, () => ledger.nextId())
    assert.ok(closing?.type === 'close' && closing.lane === lane && others.length === 0)
    assert.equal(ledger.core.overdue(ledger.nowMs, 10, () => ledger.nextId()).length, 1, 'until it is closed')
    ledger.do(0, closing)
    assert.equal(ledger.available(1), tokens(10_000))
    assert.deepEqual(
      ledger.core.overdue(ledger.nowMs, 10, () => ledger.nextId()),
      [],
    )
  })
})

describe('bounds against lock-up griefing (P9)', () => {
  test('what is locked for one payee is a share of what the payer has, top-ups included, and comes back by itself', () => {
    const ledger = new LedgerHarness((genesis) => ({
      ...genesis,
      limits: { ...genesis.limits, maxPeerPermille: 250, maxLanesPerPayer: 3, maxLanesPerPair: 2 },
    }))
    ledger.grant(1)
    const lane = ledger.openLane(1, 2, tokens(2_000))
    const expiresAtMs = ledger.nowMs + hourMs
    const open = (payee: number, deposit: number) =>
      ({ type: 'open-lane', payee: ledger.account(payee), deposit: tokens(deposit), expiresAtMs }) as const
    assert.equal(ledger.refusal(1, open(2, 501)), 'ledger-refused')
    assert.equal(ledger.refusal(1, { type: 'top-up-lane', lane, amount: tokens(501) }), 'ledger-refused')
    ledger.do(1, { type: 'top-up-lane', lane, amount: tokens(400) })
    ledger.do(1, open(2, 100))
    assert.equal(ledger.refusal(1, open(2, 1)), 'ledger-refused', 'two lanes to one payee')
    ledger.do(1, open(3, 100))
    assert.equal(ledger.refusal(1, open(4, 1)), 'ledger-refused', 'three lanes of one payer')
    ledger.nowMs += 24 * hourMs
    for (const operation of ledger.core.overdue(ledger.nowMs, 10, () => ledger.nextId())) ledger.do(0, operation)
    assert.equal(ledger.available(1), tokens(10_000))
    assert.equal(ledger.state.pair(ledger.account(1), ledger.account(2)).lanes, 0)
  })

  test('a lane has a least deposit, a longest life, and time for its challenge window', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1)
    const open = (deposit: bigint, forMs: number, payee = 2) =>
      ({
        type: 'open-lane',
        payee: ledger.account(payee),
        deposit: tokenAmount(deposit),
        expiresAtMs: ledger.nowMs + forMs,
      }) as const
    assert.equal(ledger.refusal(1, open(unit / 1000n - 1n, hourMs)), 'ledger-refused')
    assert.equal(ledger.refusal(1, open(unit, hourMs - 1)), 'ledger-refused')
    assert.equal(ledger.refusal(1, open(unit, 30 * 24 * hourMs + 1)), 'ledger-refused')
    assert.equal(ledger.refusal(1, open(unit, hourMs, 1)), 'ledger-refused', 'to oneself')
    ledger.do(1, open(unit, hourMs))
    ledger.do(1, open(unit, 30 * 24 * hourMs))
  })
})

describe('the time of a ledger (P16)', () => {
  test('a clock set back by a day neither closes nor expires anything early, and never takes time back', () => {
    const { ledger, lane } = withLane()
    ledger.do(1, { type: 'request-close', lane })
    ledger.nowMs -= 24 * hourMs
    ledger.do(3, { type: 'transfer', to: ledger.account(1), amount: tokens(1) })
    assert.equal(ledger.core.head.timeMs, ledger.core.timeAt(0))
    assert.equal(ledger.refusal(1, { type: 'close', lane }), 'ledger-refused')
    ledger.do(2, { type: 'claim', vouchers: [ledger.voucher(lane, 1, unit)] })
    const replayed = ledger.replayed()
    assert.equal(replayed.timeAt(0), ledger.core.timeAt(0))
  })
})
