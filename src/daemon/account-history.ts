// What happened to an account, for people and scripts: the sum of a ledger's entries, compared with what the ledger says.
// What the entries show to have ended is given back to the wallet's limits.
import { type Result, success } from '../base/errors.ts'
import type { AccountId, LedgerAccount } from '../ports/ledger.ts'
import { AccountHistory, type History } from '../wallet/history.ts'
import { describeLedger, type LedgerChoice, type LedgerDescription, readAccount, withLedger } from './ledger-choice.ts'
import { type AccountChoice, chosenAccount, settleEnded } from './paying-account.ts'
import { readEntries } from './read-entries.ts'
import type { UsedLedger } from './use-ledger.ts'

export interface ToldHistory extends History {
  readonly account: AccountId
  readonly ledger: LedgerDescription
  /** Of the last entry. */
  readonly height: number
}

const maxTries = 5

/** Of the account named, else of one's own. Errors: those of readEntries and of the account. */
export function accountHistory(
  choice: LedgerChoice,
  own: AccountChoice,
  accountText: string | undefined,
  signal: AbortSignal,
): Promise<Result<ToldHistory>> {
  return withLedger(choice, async (used) => {
    const { facts } = used
    const account = accountText === undefined ? await chosenAccount(own, facts) : readAccount(facts.rail, accountText)
    if (!account.ok) return account
    const read = await readHistory(used, account.value, signal)
    if (!read.ok) return read
    if (accountText === undefined) await settleEnded(own, facts.rail, read.value.history.ended)
    const { history, height } = read.value
    return success({ ...history, account: account.value, ledger: describeLedger(facts), height })
  })
}

/** Others may change the account while its entries are read: then they are read again. */
async function readHistory(
  used: UsedLedger,
  account: AccountId,
  signal: AbortSignal,
): Promise<Result<{ readonly history: History; readonly height: number }>> {
  for (let tries = 1; ; tries++) {
    const before = await used.ledger.account(account, signal)
    if (!before.ok) return before
    const history = new AccountHistory(account)
    const height = await readEntries(used, (record) => history.take(record), signal)
    if (!height.ok) return height
    const after = await used.ledger.account(account, signal)
    if (!after.ok) return after
    if (isSame(before.value, after.value) || tries === maxTries) {
      return success({ history: history.end(after.value), height: height.value })
    }
  }
}

function isSame(a: LedgerAccount, b: LedgerAccount): boolean {
  return a.available === b.available && a.locked === b.locked && a.leaving === b.leaving && a.arriving === b.arriving
}
