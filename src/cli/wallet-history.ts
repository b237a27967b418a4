// `swarmbid wallet history`: each entry that changed an account, what is pending and why, and whether it all adds up.
// Guarantees: amounts are exact; what does not add up gives exit code 1.
import { unwrap } from '../base/errors.ts'
import { formatTokenAmount, type TokenAmount, type TokenSymbol } from '../base/token-amount.ts'
import { accountHistory, type ToldHistory } from '../daemon/account-history.ts'
import { formatAddress } from '../formats/money/account-id.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { exitCodes } from './exit-code.ts'
import { newFields } from './fields.ts'
import type { Output } from './output.ts'
import { accountOf, ledgerOf, type PayingOptions } from './paying-options.ts'

type Line = ToldHistory['lines'][number]
type Pending = ToldHistory['pending'][number]
type Shares = ToldHistory['shares']

export async function runHistory(
  account: string | undefined,
  options: PayingOptions,
  context: CommandContext,
): CommandResult {
  const { output, signal } = context
  const history = unwrap(await accountHistory(ledgerOf(options), accountOf(options, context), account, signal))
  if (options.json === true) tellJson(history, output)
  else tell(history, output)
  return history.differences.length === 0 ? exitCodes.ok : exitCodes.failed
}

function unitsOf(shares: Shares) {
  return Object.fromEntries(Object.entries(shares).map(([name, amount]: [string, bigint]) => [name, amount.toString()]))
}

function untilOf({ untilMs }: Pending): number | null {
  return Number.isFinite(untilMs) ? untilMs : null
}

function tellJson(history: ToldHistory, output: Output): void {
  for (const line of history.lines) {
    const { height, timeMs, operation, by, change, fee, after } = line
    const { type, id } = operation
    output.json({
      type: 'entry',
      height,
      timeMs,
      operation: type,
      id,
      by,
      with: line.with ?? null,
      change: unitsOf(change),
      fee: fee.toString(),
      after: unitsOf(after),
    })
  }
  for (const pending of history.pending) {
    const { share, id, amount, why } = pending
    output.json({ type: 'pending', share, id, amount: amount.toString(), untilMs: untilOf(pending), why })
  }
  const { account, ledger, height, shares, differences } = history
  output.json({
    type: 'sum',
    account,
    rail: ledger.rail,
    symbol: ledger.symbol,
    height,
    ...unitsOf(shares),
    isReconciled: differences.length === 0,
    differences,
  })
}

function signed(amount: bigint, symbol: TokenSymbol): string {
  const text = formatTokenAmount((amount < 0n ? -amount : amount) as TokenAmount, symbol)
  return amount < 0n ? `-${text}` : `+${text}`
}

function lineText({ height, operation, change, with: other }: Line, symbol: TokenSymbol): string {
  const changes = Object.entries(change)
    .filter(([, amount]: [string, bigint]) => amount !== 0n)
    .map(([name, amount]: [string, bigint]) => `${signed(amount, symbol)}${name === 'available' ? '' : ` ${name}`}`)
  const parts = [changes.join(', ') || 'nothing moved', ...(other === undefined ? [] : [formatAddress(other)])]
  return `${String(height).padStart(8)}  ${operation.type.padEnd(16)} ${parts.join('  ')}`
}

function reasonText({ why }: Pending): string {
  switch (why.type) {
    case 'lane':
      return `lane to ${formatAddress(why.payee)}${why.isClosing ? ', closing' : ''}`
    case 'escrow':
      return `escrow for ${formatAddress(why.payee)}${why.isDisputed ? ', disputed' : ''}`
    case 'campaign':
      return why.isApproved ? 'air-drop' : 'air-drop that is not approved yet'
    case 'withdrawal-requested':
      return `withdrawal to ${formatAddress(why.to)}, not sent yet`
    case 'withdrawal-sending':
      return `withdrawal to ${formatAddress(why.to)}, the chain decides`
    default:
      return 'deposit seen on the chain, not final yet'
  }
}

function tell({ lines, pending, shares, differences, ledger, account }: ToldHistory, output: Output): void {
  const { symbol } = ledger
  const { style } = output
  for (const line of lines) output.line(style.plain(lineText(line, symbol)))
  output.line(style.strong(formatTokenAmount(shares.available as TokenAmount, symbol)))
  const fields = newFields(output)
  fields.field('account', formatAddress(account))
  fields.field('ledger', `${ledger.name} ${ledger.rail}`)
  for (const each of pending) {
    const untilMs = untilOf(each)
    const until = untilMs === null ? '' : `, until ${new Date(untilMs).toISOString()} by the ledger's time`
    fields.field(each.share, `${formatTokenAmount(each.amount, symbol)}: ${reasonText(each)}${until}`)
  }
  if (differences.length === 0) output.line(style.good('it adds up'))
  for (const difference of differences) output.line(style.bad(difference))
}
