// One operation of a command: signed, submitted, and what became of it told to the wallet's limits.
// Guarantees: an operation's id is drawn before it is signed and told when its fate is not known, so that it can be asked
// for again without being done twice, or counted twice; what may have happened stays counted.
import { type ErrorCode, failure, type Result, success } from '../base/errors.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import type { AccountId, LedgerOperation, OperationId } from '../ports/ledger.ts'
import { describeLedger, type LedgerDescription } from './ledger-choice.ts'
import { type AccountChoice, openPayingAccount, type PayingAccount } from './paying-account.ts'
import type { UsedLedger } from './use-ledger.ts'

export interface Done {
  readonly id: OperationId
  readonly account: AccountId
  readonly fee: TokenAmount
}

export interface DoneOnLedger extends Done {
  readonly ledger: LedgerDescription
}

/** Nothing of it has happened, nor will. */
const refusals = new Set<ErrorCode>([
  'account-invalid',
  'funds-insufficient',
  'lane-closed',
  'ledger-conflict',
  'ledger-refused',
  'signature-invalid',
  'statement-malformed',
  'voucher-invalid',
])
const unknowns = new Set<ErrorCode>(['ledger-unreachable', 'ledger-busy', 'interrupted'])

/** `again`: options with which the command asks for the same operation. Errors: those of the Signer and of the Ledger. */
export async function carryOut(
  { ledger }: Pick<UsedLedger, 'ledger'>,
  payer: PayingAccount,
  operation: LedgerOperation,
  signal: AbortSignal,
  again?: string,
): Promise<Result<Done>> {
  const { account } = payer
  const { id } = operation
  const signature = await payer.sign(operation, signal)
  if (!signature.ok) return signature
  const outcome = await ledger.submit({ account, operation, signature: signature.value }, signal)
  if (outcome.ok) return success({ id, account, fee: outcome.value.fee })
  if (refusals.has(outcome.code)) await payer.settle(id, { type: 'refused' })
  if (!unknowns.has(outcome.code)) return outcome
  const how = again === undefined ? 'asked for again it is done once' : `to ask again without doing it twice: ${again}`
  return failure(outcome.code, `${outcome.detail}; ${how}`)
}

/** Opens the account for the time of some work. */
export async function withAccount<T>(
  opened: Promise<Result<PayingAccount>>,
  work: (payer: PayingAccount) => Promise<Result<T>>,
): Promise<Result<T>> {
  const payer = await opened
  if (!payer.ok) return payer
  try {
    return await work(payer.value)
  } finally {
    await payer.value.close()
  }
}

/** The same with the account that was chosen; `told` goes with what came of it. Errors: those of account and ledger. */
export function carryOutAs<T extends object>(
  used: UsedLedger,
  own: AccountChoice,
  operation: LedgerOperation,
  told: T,
  signal: AbortSignal,
  again?: string,
): Promise<Result<DoneOnLedger & T>> {
  return withAccount(openPayingAccount(own, used.facts), async (payer) => {
    const done = await carryOut(used, payer, operation, signal, again)
    return done.ok ? success({ ...done.value, ...told, ledger: describeLedger(used.facts) }) : done
  })
}
