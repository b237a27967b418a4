// Rules of plain tokens: moving, destroying, and granting them to those who were invited. Pure: a draft in, a draft
// filled or a refusal out.
import { unreachable } from '../base/assert.ts'
import type { Failure } from '../base/errors.ts'
import type { TransferOperation } from '../ports/ledger.ts'
import { type Draft, refuse } from './draft.ts'

type Of<Type> = Extract<TransferOperation, { readonly type: Type }>

export function decideTransfer(draft: Draft, operation: TransferOperation): Failure | undefined {
  switch (operation.type) {
    case 'transfer':
      return transfer(draft, operation)
    case 'burn':
      return burn(draft, operation)
    case 'grant':
      return grant(draft, operation)
    default:
      return unreachable(operation)
  }
}

function transfer(draft: Draft, { to, amount }: Of<'transfer'>): Failure | undefined {
  if (!draft.isAccount(to)) return refuse('the account to pay is not one of this ledger')
  if (to === draft.account) return refuse('a transfer to oneself')
  if (amount === 0n) return refuse('a transfer of nothing')
  draft.move(draft.account, to, amount)
  draft.charge(draft.facts.genesis.fees.transfer)
  return undefined
}

function burn(draft: Draft, { amount }: Of<'burn'>): Failure | undefined {
  if (amount === 0n) return refuse('nothing to burn')
  draft.credit(draft.account, -amount)
  draft.issue(-amount)
  return undefined
}

function grant(draft: Draft, { to, invite }: Of<'grant'>): Failure | undefined {
  const { minting, supplyCap } = draft.facts.genesis
  if (minting.type !== 'invites') return refuse('this ledger mints for deposits only')
  if (!draft.isOperator) return refuse('only the operator admits accounts')
  if (!draft.isAccount(to)) return refuse('the account to admit is not one of this ledger')
  if (draft.state.invited(invite) !== undefined) return refuse('the invite was used already')
  if (draft.state.account(to).isInvited) return refuse('the account was admitted already')
  const { minted, burned } = draft.state.totals()
  if (minted - burned + minting.grant > supplyCap) return refuse('the supply is at its cap')
  draft.issue(minting.grant)
  draft.credit(to, minting.grant)
  draft.note({ type: 'invite', invite, account: to })
  return undefined
}
