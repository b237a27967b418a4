// Rules of escrows, for services where someone may have to judge: fund, release, refund, dispute before an arbiter
// named in advance. Pure. Guarantees: an arbiter can only divide what is left between the two; whatever nobody decides
// goes back to the payer, at the timeout or when the arbiter's time is over.
import { unreachable } from '../base/assert.ts'
import type { Failure } from '../base/errors.ts'
import { subtractAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { EscrowOperation, OperationId } from '../ports/ledger.ts'
import { type Draft, refuse } from './draft.ts'
import { dueAtMs, type Escrow } from './entry.ts'

type Of<Type> = Extract<EscrowOperation, { readonly type: Type }>

export function decideEscrow(draft: Draft, operation: EscrowOperation): Failure | undefined {
  switch (operation.type) {
    case 'escrow-fund':
      return fund(draft, operation)
    case 'escrow-release':
      return release(draft, operation)
    case 'escrow-refund':
      return refund(draft, operation)
    case 'escrow-dispute':
      return dispute(draft, operation)
    case 'escrow-rule':
      return rule(draft, operation)
    default:
      return unreachable(operation)
  }
}

function unknownEscrow(id: OperationId): Failure {
  return refuse(`no escrow ${id}, or it has ended`)
}

function fund(draft: Draft, operation: Of<'escrow-fund'>): Failure | undefined {
  const { id, payee, amount, timeoutAtMs, arbiter, terms } = operation
  const { account: payer, timeMs } = draft
  const { limits, fees } = draft.facts.genesis
  if (!draft.isAccount(payee)) return refuse('the payee is not an account of this ledger')
  if (payee === payer) return refuse('an escrow for oneself')
  if (arbiter !== undefined && (!draft.isAccount(arbiter) || arbiter === payer || arbiter === payee)) {
    return refuse('the arbiter is not a third account of this ledger')
  }
  if (amount === 0n) return refuse('an escrow of nothing')
  if (timeoutAtMs <= timeMs || timeoutAtMs > timeMs + limits.maxEscrowMs) {
    return refuse(`a timeout that is over or more than ${limits.maxEscrowMs} ms away`)
  }
  const conflict = draft.idConflict('escrow')
  if (conflict !== undefined) return conflict
  draft.hold({
    type: 'escrow',
    value: {
      id,
      payer,
      payee,
      ...(arbiter === undefined ? {} : { arbiter }),
      held: amount,
      timeoutAtMs,
      terms,
      state: { type: 'funded' },
    },
  })
  draft.credit(payer, -amount)
  draft.charge(fees.open)
  return undefined
}

function release(draft: Draft, { escrow: id, amount }: Of<'escrow-release'>): Failure | undefined {
  const escrow = draft.state.escrow(id)
  if (escrow === undefined) return unknownEscrow(id)
  if (escrow.payer !== draft.account) return refuse('only the payer releases an escrow')
  if (amount === 0n || amount > escrow.held) return refuse(`not 1 to ${escrow.held} base units`)
  const held = subtractAmounts(escrow.held, amount)
  draft.hold({ type: 'escrow', value: held === 0n ? ended(escrow) : { ...escrow, held } })
  draft.payOut(escrow.payee, amount)
  return undefined
}

function refund(draft: Draft, { escrow: id }: Of<'escrow-refund'>): Failure | undefined {
  const escrow = draft.state.escrow(id)
  if (escrow === undefined) return unknownEscrow(id)
  const dueMs = dueAtMs({ type: 'escrow', value: escrow })
  if (escrow.payee !== draft.account && draft.timeMs < dueMs) {
    return refuse(`before ${dueMs} only the payee gives an escrow back`)
  }
  divide(draft, escrow, zeroAmount)
  return undefined
}

function dispute(draft: Draft, { escrow: id, evidence }: Of<'escrow-dispute'>): Failure | undefined {
  const escrow = draft.state.escrow(id)
  if (escrow === undefined) return unknownEscrow(id)
  const isPayer = escrow.payer === draft.account
  if (!isPayer && escrow.payee !== draft.account) return refuse('only payer and payee dispute an escrow')
  if (escrow.arbiter === undefined) return refuse('no arbiter was named')
  if (escrow.state.type !== 'funded') return refuse('the escrow is disputed already')
  if (draft.timeMs >= escrow.timeoutAtMs) return refuse('the timeout is over')
  const rulesUntilMs = draft.timeMs + draft.facts.genesis.arbitrationMs
  draft.hold({
    type: 'escrow',
    value: { ...escrow, state: { type: 'disputed', by: isPayer ? 'payer' : 'payee', evidence, rulesUntilMs } },
  })
  return undefined
}

function rule(draft: Draft, { escrow: id, toPayee }: Of<'escrow-rule'>): Failure | undefined {
  const escrow = draft.state.escrow(id)
  if (escrow === undefined) return unknownEscrow(id)
  if (escrow.arbiter !== draft.account) return refuse('only the arbiter of an escrow rules on it')
  if (escrow.state.type !== 'disputed') return refuse('the escrow is not disputed')
  if (draft.timeMs >= escrow.state.rulesUntilMs) return refuse('the time to rule is over')
  if (toPayee > escrow.held) return refuse(`only ${escrow.held} base units are left`)
  divide(draft, escrow, toPayee)
  return undefined
}

function divide(draft: Draft, escrow: Escrow, toPayee: TokenAmount): void {
  draft.hold({ type: 'escrow', value: ended(escrow) })
  draft.payOut(escrow.payee, toPayee)
  draft.credit(escrow.payer, escrow.held - toPayee)
}

function ended(escrow: Escrow): Escrow {
  return { ...escrow, held: zeroAmount, state: { type: 'ended' } }
}
