// The list of an air-drop as people write it: a line of text a grant, `account,amount`, an optional heading first.
// Guarantees: strict; nothing is guessed: an account that is named twice, an amount of nothing or in another token, a
// third column are refused with the number of the line. The order of lines is the order of grants. Pure.
import { failure, type Result, success } from '../../base/errors.ts'
import { parseTokenAmount, type TokenAmount, type TokenSymbol } from '../../base/token-amount.ts'
import type { AccountId, RailId } from '../../ports/ledger.ts'
import { accountId, parseAccountId, parseAddress } from './account-id.ts'

export interface ListedGrant {
  readonly to: AccountId
  readonly amount: TokenAmount
}

const maxGrants = 1 << 22
const heading = /^account *, *amount$/i

function readAccount(text: string, rail: RailId): Result<AccountId> {
  if (!text.includes(':')) {
    const address = parseAddress(rail, text)
    return address.ok ? success(accountId(rail, address.value)) : address
  }
  const account = parseAccountId(text)
  const isHere = account.ok && account.value.startsWith(`${rail}:`)
  return isHere || !account.ok ? account : failure('account-invalid', `an account that is not on ${rail}`)
}

/** Errors: account-invalid, amount-invalid, amount-other-token, statement-malformed; each names the line. */
export function parseGrantList(text: string, rail: RailId, symbol: TokenSymbol): Result<readonly ListedGrant[]> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const grants: ListedGrant[] = []
  const named = new Map<AccountId, number>()
  for (const [index, line] of lines.entries()) {
    const number = index + 1
    if (line.trim() === '' || (grants.length === 0 && heading.test(line.trim()))) continue
    const columns = line.split(',').map((column) => column.trim())
    const [account = '', amount = ''] = columns
    if (columns.length !== 2) return failure('statement-malformed', `line ${number}: not \`account,amount\``)
    const to = readAccount(account, rail)
    if (!to.ok) return failure(to.code, `line ${number}: ${to.detail}`)
    const sum = parseTokenAmount(amount, symbol)
    if (!sum.ok) return failure(sum.code, `line ${number}: ${sum.detail}`)
    if (sum.value.amount === 0n) return failure('amount-invalid', `line ${number}: a grant of nothing`)
    const before = named.get(to.value)
    if (before !== undefined)
      return failure('statement-malformed', `line ${number}: the account of line ${before} again`)
    if (grants.length === maxGrants) return failure('statement-malformed', `more than ${maxGrants} grants`)
    named.set(to.value, number)
    grants.push({ to: to.value, amount: sum.value.amount })
  }
  return grants.length === 0 ? failure('statement-malformed', 'a list without grants') : success(grants)
}
