// Rules of tokens that come from a chain and go back to it, each in two phases. Pure.
// Guarantees: a deposit is credited once, whatever the chain does; of a withdrawal both ends are agreed before anything
// moves, and once its transaction is recorded only what the chain shows decides; what is on its way stays visible (P20).
import { unreachable } from '../base/assert.ts'
import type { Failure } from '../base/errors.ts'
import type { DepositOperation, OperationId } from '../ports/ledger.ts'
import { type Draft, refuse } from './draft.ts'

type Of<Type> = Extract<DepositOperation, { readonly type: Type }>

/** Longer than any CAIP-10 account. */
const maxAccountLength = 172

export function decideDeposit(draft: Draft, operation: DepositOperation): Failure | undefined {
  const { minting } = draft.facts.genesis
  if (minting.type !== 'deposits') return refuse('the tokens of this ledger are on no chain')
  switch (operation.type) {
    case 'deposit-see':
      return see(draft, operation)
    case 'deposit-settle':
      return settleDeposit(draft, operation)
    case 'withdraw':
      return withdraw(draft, operation, `${minting.chain}:`)
    case 'withdraw-cancel':
      return cancel(draft, operation)
    case 'withdraw-send':
      return send(draft, operation)
    case 'withdraw-settle':
      return settleWithdrawal(draft, operation)
    default:
      return unreachable(operation)
  }
}

function see(draft: Draft, { source, to, amount }: Of<'deposit-see'>): Failure | undefined {
  if (!draft.isOperator) return refuse('only the operator records deposits')
  if (!draft.isAccount(to)) return refuse('the account to credit is not one of this ledger')
  if (amount === 0n) return refuse('a deposit of nothing')
  const known = draft.state.deposit(source)
  if (known !== undefined && known.state !== 'dropped') return refuse(`the deposit is ${known.state} already`)
  if (known !== undefined && known.to !== to) return refuse('the deposit was for another account')
  const { minted, burned, arriving } = draft.state.totals()
  if (minted - burned + arriving + amount > draft.facts.genesis.supplyCap) return refuse('the supply is at its cap')
  draft.hold({ type: 'deposit', value: { source, to, amount, state: 'seen' } })
  draft.arrive(amount)
  return undefined
}

function settleDeposit(draft: Draft, { source, result }: Of<'deposit-settle'>): Failure | undefined {
  if (!draft.isOperator) return refuse('only the operator settles deposits')
  const deposit = draft.state.deposit(source)
  if (deposit?.state !== 'seen') return refuse('no such deposit waits')
  draft.hold({ type: 'deposit', value: { ...deposit, state: result } })
  draft.arrive(-deposit.amount)
  if (result === 'dropped') return undefined
  draft.issue(deposit.amount)
  draft.credit(deposit.to, deposit.amount)
  return undefined
}

function withdraw(draft: Draft, { id, to, amount }: Of<'withdraw'>, prefix: string): Failure | undefined {
  if (!to.startsWith(prefix) || to.length === prefix.length || to.length > maxAccountLength) {
    return refuse(`the account to pay does not begin with ${prefix}`)
  }
  if (amount === 0n) return refuse('a withdrawal of nothing')
  const conflict = draft.idConflict('withdrawal')
  if (conflict !== undefined) return conflict
  draft.hold({ type: 'withdrawal', value: { id, from: draft.account, to, amount, state: { type: 'requested' } } })
  draft.credit(draft.account, -amount)
  draft.charge(draft.facts.genesis.fees.withdrawal)
  return undefined
}

function unknownWithdrawal(id: OperationId): Failure {
  return refuse(`no withdrawal ${id}, or it has ended`)
}

function cancel(draft: Draft, { withdrawal: id }: Of<'withdraw-cancel'>): Failure | undefined {
  const withdrawal = draft.state.withdrawal(id)
  if (withdrawal === undefined) return unknownWithdrawal(id)
  if (withdrawal.from !== draft.account && !draft.isOperator) return refuse('the withdrawal is of another account')
  if (withdrawal.state.type !== 'requested') return refuse('the withdrawal is on its way: the chain decides')
  draft.hold({ type: 'withdrawal', value: { ...withdrawal, state: { type: 'ended' } } })
  draft.credit(withdrawal.from, withdrawal.amount)
  return undefined
}

/** A later transaction may take the place of an earlier one only after that one failed, which ends the withdrawal. */
function send(draft: Draft, { withdrawal: id, transaction }: Of<'withdraw-send'>): Failure | undefined {
  if (!draft.isOperator) return refuse('only the operator sends withdrawals')
  const withdrawal = draft.state.withdrawal(id)
  if (withdrawal === undefined) return unknownWithdrawal(id)
  if (withdrawal.state.type !== 'requested') return refuse('the withdrawal is on its way already')
  draft.hold({ type: 'withdrawal', value: { ...withdrawal, state: { type: 'sending', transaction } } })
  return undefined
}

function settleWithdrawal(draft: Draft, { withdrawal: id, result }: Of<'withdraw-settle'>): Failure | undefined {
  if (!draft.isOperator) return refuse('only the operator settles withdrawals')
  const withdrawal = draft.state.withdrawal(id)
  if (withdrawal === undefined) return unknownWithdrawal(id)
  if (withdrawal.state.type !== 'sending') return refuse('nothing was sent yet')
  draft.hold({ type: 'withdrawal', value: { ...withdrawal, state: { type: 'ended' } } })
  if (result === 'sent') draft.issue(-withdrawal.amount)
  else draft.credit(withdrawal.from, withdrawal.amount)
  return undefined
}
