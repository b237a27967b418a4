// The rules of a ledger in one place: what an operation, signed by someone at some time, does to the books.
// Guarantees: pure; the same state, statement and time give the same entry; a refusal changes nothing.
import { unreachable } from '../base/assert.ts'
import type { Failure, Result } from '../base/errors.ts'
import { decideCampaign } from './campaign-rules.ts'
import { decideDeposit } from './deposit-rules.ts'
import { Draft, type Statement } from './draft.ts'
import type { Entry } from './entry.ts'
import { decideEscrow } from './escrow-rules.ts'
import type { LedgerFacts } from './genesis.ts'
import { decideLane } from './lane-rules.ts'
import type { LedgerState } from './ledger-state.ts'
import { decideTransfer } from './transfer-rules.ts'

/** Errors: funds-insufficient, lane-closed, voucher-invalid, ledger-refused. */
export function decide(state: LedgerState, facts: LedgerFacts, statement: Statement, timeMs: number): Result<Entry> {
  const draft = new Draft(state, facts, statement, timeMs)
  return refusalOf(draft) ?? draft.finish()
}

function refusalOf(draft: Draft): Failure | undefined {
  const { operation } = draft.statement
  switch (operation.type) {
    case 'transfer':
    case 'burn':
    case 'grant':
      return decideTransfer(draft, operation)
    case 'open-lane':
    case 'open-and-award':
    case 'top-up-lane':
    case 'claim':
    case 'payee-close':
    case 'request-close':
    case 'close':
      return decideLane(draft, operation)
    case 'escrow-fund':
    case 'escrow-release':
    case 'escrow-refund':
    case 'escrow-dispute':
    case 'escrow-rule':
      return decideEscrow(draft, operation)
    case 'deposit-see':
    case 'deposit-settle':
    case 'withdraw':
    case 'withdraw-cancel':
    case 'withdraw-send':
    case 'withdraw-settle':
      return decideDeposit(draft, operation)
    case 'campaign-propose':
    case 'campaign-approve':
    case 'campaign-claim':
    case 'campaign-end':
      return decideCampaign(draft, operation)
    default:
      return unreachable(operation)
  }
}
