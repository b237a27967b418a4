// Many lanes opened out of one budget in one moment, before the ledger has answered any: what is asked for never passes
// the budget, whatever is then carried out or refused (P4).
import assert from 'node:assert/strict'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { failure, success, unwrap } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { operationDigest } from '../../src/formats/money/operation-digest.ts'
import { authenticate } from '../../src/ledger/authenticate.ts'
import { Payer } from '../../src/payment/payer.ts'
import type { PayerOutput } from '../../src/payment/payment-events.ts'
import type { SignedOperation } from '../../src/ports/ledger.ts'
import { fakeScheme, fakeSign } from '../ledger/fake-signatures.ts'
import { addressOf, LedgerHarness, unit } from '../ledger/ledger-harness.ts'

const payees = 8
const budget = tokenAmount(40n * unit)

export function openAtOnce(): void {
  const ledger = new LedgerHarness()
  ledger.grant(1)
  const { facts } = ledger
  const { challengeMs, limits, fees } = facts.genesis
  const terms = {
    rail: facts.rail,
    domain: facts.domain,
    challengeMs,
    minDeposit: limits.minDeposit,
    maxLaneMs: limits.maxLaneMs,
    openFee: fees.open,
  }
  const options = { terms, account: ledger.account(1), scheme: fakeScheme, random: simulatedRandom(1) }
  const payer = new Payer(options, { lanes: [], tabs: [], budgets: [], operations: [] }, 0)
  const waiting: Extract<PayerOutput, { readonly type: 'submit' }>[] = []
  const drain = () => {
    for (let output = payer.poll(); output !== undefined; output = payer.poll()) {
      if (output.type === 'submit') waiting.push(output)
      else answer(output)
    }
  }
  const answer = (output: PayerOutput) => {
    if (output.type === 'commit') payer.handle({ ...output, type: 'committed', result: success(undefined) }, 1)
    if (output.type === 'ask-time') payer.handle({ ...output, type: 'time-told', result: success(ledger.nowMs) }, 1)
    if (output.type === 'look-up') payer.handle({ ...output, type: 'looked-up', result: success(undefined) }, 1)
    if (output.type !== 'sign' || output.request.type !== 'ledger-operation') return
    const digest = operationDigest(output.request.operation, options.account, terms.domain)
    payer.handle({ ...output, type: 'signed', result: success(fakeSign(addressOf(1), digest)) }, 1)
  }
  const asked = ({ operation }: SignedOperation): bigint => {
    if (operation.type === 'open-lane') return operation.deposit
    return operation.type === 'top-up-lane' ? operation.amount : 0n
  }
  payer.handle({ type: 'set-budget', budget: 'job', total: budget }, 0)
  payer.handle({ type: 'wake' }, 0)
  drain()
  for (let number = 2; number < 2 + payees; number++) {
    const payee = ledger.account(number)
    payer.handle({ type: 'attach', payee, budget: 'job', bytesPerSecond: 262_144, pieceBytes: 16_384 }, 1)
    payer.handle({ type: 'price', payee, fromByte: 0, pricePerMiB: tokenAmount(unit) }, 1)
    payer.handle({ type: 'told', from: payee, message: { type: 'present', lanes: [], windowBytes: 1_048_576 } }, 1)
    drain()
  }
  const deposits = waiting.reduce((sum, { operation }) => sum + asked(operation), 0n)
  assert.ok(waiting.length > 1 && deposits <= budget, `${deposits} is asked for at once, over the budget of ${budget}`)
  // Every other one is refused: that much is free again, and no more.
  for (const [index, { ticket, operation }] of waiting.splice(0).entries()) {
    if (index % 2 === 0) {
      payer.handle({ type: 'submitted', ticket, result: failure('ledger-refused', 'a test') }, 2)
      continue
    }
    const done = ledger.core.submit(unwrap(authenticate(operation, facts, fakeScheme)), ledger.nowMs)
    assert.ok(done !== 'look-up' && done.ok)
    payer.handle({ type: 'submitted', ticket, result: success(done.value.outcome) }, 2)
  }
  drain()
  const locked = ledger.state.account(options.account).locked
  assert.ok(locked > 0n)
  assert.equal(
    payer.remaining('job') + locked + waiting.reduce((sum, { operation }) => sum + asked(operation), 0n),
    budget,
  )
}
