// What the command line pays on ledgers, one job at a time: balances, transfers, letting accounts in.
// Guarantees: all that can be refused without the account is refused before it is opened.
import { join } from 'node:path'
import { failure, type Result, success } from '../base/errors.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import { accountId } from '../formats/money/account-id.ts'
import { operationDigest } from '../formats/money/operation-digest.ts'
import type { AccountId, Hash256, LedgerAccount, OperationId } from '../ports/ledger.ts'
import { carryOut, carryOutAs, type DoneOnLedger, withAccount } from './carry-out.ts'
import {
  describeLedger,
  drawHex,
  idOf,
  type LedgerChoice,
  type LedgerDescription,
  readAccount,
  readAmount,
  whileUsing,
  withLedger,
} from './ledger-choice.ts'
import { readOperatorKey } from './operator-key.ts'
import { type AccountChoice, chosenAccount, type PayingAccount } from './paying-account.ts'
import { ownFolder, useOwnLedger } from './use-ledger.ts'

export interface Balance extends LedgerAccount {
  readonly account: AccountId
  readonly ledger: LedgerDescription
}

export interface DonePayment extends DoneOnLedger {
  readonly to: AccountId
  readonly amount: TokenAmount
}

const operatorKeyName = 'operator.key'

/** Of the account named, else of one's own. */
export function ledgerBalance(
  choice: LedgerChoice,
  own: AccountChoice,
  accountText: string | undefined,
  signal: AbortSignal,
): Promise<Result<Balance>> {
  return withLedger(choice, async ({ ledger, facts }) => {
    const account = accountText === undefined ? await chosenAccount(own, facts) : readAccount(facts.rail, accountText)
    if (!account.ok) return account
    const balance = await ledger.account(account.value, signal)
    return balance.ok ? success({ ...balance.value, account: account.value, ledger: describeLedger(facts) }) : balance
  })
}

/** Errors: amount-invalid, account-invalid, and those of account and ledger. */
export function transferTokens(
  choice: LedgerChoice,
  own: AccountChoice,
  wanted: { readonly to: string; readonly amount: string; readonly id?: string | undefined },
  signal: AbortSignal,
): Promise<Result<DonePayment>> {
  return withLedger(choice, async (used) => {
    const { facts } = used
    const amount = readAmount(facts, wanted.amount)
    if (!amount.ok) return amount
    const to = readAccount(facts.rail, wanted.to)
    if (!to.ok) return to
    const id = idOf(wanted.id)
    if (!id.ok) return id
    const operation = { type: 'transfer', id: id.value, to: to.value, amount: amount.value } as const
    return carryOutAs(used, own, operation, { to: to.value, amount: amount.value }, signal, `--id ${id.value}`)
  })
}

/** Lets an account into the own ledger, with what its genesis grants. Errors: ledger-refused, and those of the ledger. */
export function mintTokens(dataFolder: string, to: string, signal: AbortSignal): Promise<Result<DonePayment>> {
  return whileUsing(useOwnLedger(dataFolder, false), async (used) => {
    const { facts } = used
    const { minting } = facts.genesis
    if (minting.type !== 'invites') return failure('ledger-refused', 'tokens of this ledger come by deposits alone')
    const account = readAccount(facts.rail, to)
    if (!account.ok) return account
    const key = readOperatorKey(join(ownFolder(dataFolder), operatorKeyName))
    if (!key.ok) return key
    const by = accountId(facts.rail, key.value.address)
    const operator: PayingAccount = {
      account: by,
      sign: async (operation) => success(key.value.sign(operationDigest(operation, by, facts.domain))),
      settle: async () => success(undefined),
      close: async () => key.value.forget(),
    }
    const id = drawHex() as OperationId
    const operation = { type: 'grant', id, to: account.value, invite: drawHex() as Hash256 } as const
    return withAccount(Promise.resolve(success(operator)), async (payer) => {
      const done = await carryOut(used, payer, operation, signal)
      if (!done.ok) return done
      return success({ ...done.value, to: account.value, amount: minting.grant, ledger: describeLedger(facts) })
    })
  })
}
