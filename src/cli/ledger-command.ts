// `swarmbid ledger init, status, join, leave, balance, transfer, mint`: each asks one thing and says what came of it.
// Guarantees: amounts are exact and name their token; with --json they are base units as decimal text.
import { type Result, unwrap } from '../base/errors.ts'
import { formatBaseUnits, formatTokenAmount, type TokenAmount } from '../base/token-amount.ts'
import { dataFolder } from '../daemon/data-folder.ts'
import { formatJoinLine, parseJoinLine } from '../daemon/join-line.ts'
import type { LedgerDescription } from '../daemon/ledger-choice.ts'
import { initLedger, joinLedger, leaveLedger, ledgerStatus } from '../daemon/ledger-jobs.ts'
import { type DonePayment, ledgerBalance, mintTokens, transferTokens } from '../daemon/ledger-payments.ts'
import { formatAddress } from '../formats/money/account-id.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { exitCodes } from './exit-code.ts'
import { newFields } from './fields.ts'
import type { Output } from './output.ts'
import { accountOf, ledgerOf, type PayingOptions } from './paying-options.ts'

export interface LedgerOptions {
  readonly data?: string
  readonly json?: boolean
}

export function ledgerJson({ rail, genesisHash, name, symbol, operator, grant }: LedgerDescription) {
  return {
    rail,
    genesisHash,
    name,
    symbol,
    operator,
    ...(grant === undefined ? {} : { grant: formatBaseUnits(grant) }),
  }
}

function showLedger({ rail, name, symbol, operator, grant }: LedgerDescription, output: Output): void {
  const fields = newFields(output)
  fields.field('name', name)
  fields.field('id', rail)
  fields.field('operator', formatAddress(operator))
  fields.field('token', symbol === 'TEST' ? 'TEST, play money' : symbol)
  fields.field('grant', grant === undefined ? undefined : formatTokenAmount(grant, symbol))
}

export async function runInit(
  options: LedgerOptions & { readonly name?: string; readonly grant?: string },
  { output }: CommandContext,
): CommandResult {
  const made = unwrap(await initLedger(dataFolder(options.data), options.name, options.grant))
  if (options.json === true) output.json({ type: 'ledger', ...ledgerJson(made) })
  else {
    output.line(output.style.good('made a ledger'))
    showLedger(made, output)
  }
  return exitCodes.ok
}

export async function runStatus(options: LedgerOptions, { output }: CommandContext): CommandResult {
  const { own, joined } = unwrap(await ledgerStatus(dataFolder(options.data)))
  if (options.json === true) {
    if (own !== undefined)
      output.json({ type: 'own', ...ledgerJson(own), isServed: own.where === 'served', height: own.height ?? null })
    for (const ledger of joined) {
      const line = formatJoinLine(ledger.line)
      const known = { knownHeight: ledger.knownHeight ?? null, twoStories: ledger.provedUntrue ?? null }
      output.json({ type: 'joined', ...ledgerJson(ledger), line, ...known })
    }
    return exitCodes.ok
  }
  const { style } = output
  if (own === undefined) output.line(style.faint('no ledger of your own yet; `swarmbid ledger init` makes one'))
  else {
    output.line(style.strong(own.where === 'served' ? 'your own ledger, being served' : 'your own ledger'))
    showLedger(own, output)
    newFields(output).field('entries', own.height === undefined ? undefined : String(own.height))
  }
  for (const ledger of joined) {
    output.line(style.strong('joined'))
    showLedger(ledger, output)
    const { field } = newFields(output)
    field('line', formatJoinLine(ledger.line))
    field('two stories', ledger.provedUntrue && `it told them, and is used no more: ${ledger.provedUntrue}`)
  }
  return exitCodes.ok
}

export async function runJoin(text: string, options: LedgerOptions, { output }: CommandContext): CommandResult {
  const line = unwrap(parseJoinLine(text))
  const joined = unwrap(await joinLedger(dataFolder(options.data), line))
  if (options.json === true) output.json({ type: 'joined', ...ledgerJson(joined), line: formatJoinLine(line) })
  else {
    output.line(output.style.good('joined'))
    showLedger(joined, output)
    output.note('Its operator keeps what you have there: it can refuse you, though not move it. Keep little.')
  }
  return exitCodes.ok
}

export async function runLeave(name: string, options: LedgerOptions, { output }: CommandContext): CommandResult {
  const left = unwrap(leaveLedger(dataFolder(options.data), name))
  if (options.json === true) output.json({ type: 'left', ...ledgerJson(left) })
  else output.line(`${output.style.good('left')} ${output.style.plain(left.name)} ${output.style.faint(left.rail)}`)
  return exitCodes.ok
}

export async function runBalance(
  account: string | undefined,
  options: PayingOptions,
  context: CommandContext,
): CommandResult {
  const { output, signal } = context
  const balance = unwrap(await ledgerBalance(ledgerOf(options), accountOf(options, context), account, signal))
  const { symbol, rail } = balance.ledger
  const parts = {
    available: balance.available,
    locked: balance.locked,
    leaving: balance.leaving,
    arriving: balance.arriving,
  }
  if (options.json === true) {
    const amounts = Object.fromEntries(Object.entries(parts).map(([name, amount]) => [name, formatBaseUnits(amount)]))
    output.json({ type: 'balance', account: balance.account, symbol, ...amounts })
    return exitCodes.ok
  }
  const fields = newFields(output)
  output.line(output.style.strong(formatTokenAmount(balance.available, symbol)))
  fields.field('account', formatAddress(balance.account))
  fields.field('ledger', `${balance.ledger.name} ${rail}`)
  for (const [name, amount] of Object.entries(parts)) {
    if (name !== 'available' && amount > 0n) fields.field(name, formatTokenAmount(amount as TokenAmount, symbol))
  }
  return exitCodes.ok
}

function showDone(type: string, result: Result<DonePayment>, isJson: boolean | undefined, output: Output): number {
  const { id, account, to, amount, fee, ledger } = unwrap(result)
  const { symbol, rail } = ledger
  if (isJson === true) {
    const amounts = { amount: formatBaseUnits(amount), fee: formatBaseUnits(fee) }
    output.json({ type, id, rail, symbol, account, to, ...amounts })
  } else {
    const { style } = output
    output.line(
      `${style.good('done')} ${style.plain(formatTokenAmount(amount, symbol))} to ${style.plain(formatAddress(to))}`,
    )
    newFields(output).field('fee', fee === 0n ? undefined : formatTokenAmount(fee, symbol))
    newFields(output).field('id', id)
  }
  return exitCodes.ok
}

export async function runTransfer(
  to: string,
  amount: string,
  options: PayingOptions & { readonly id?: string },
  context: CommandContext,
): CommandResult {
  const { output, signal } = context
  const wanted = { to, amount, id: options.id }
  const done = await transferTokens(ledgerOf(options), accountOf(options, context), wanted, signal)
  return showDone('transfer', done, options.json, output)
}

export async function runMint(
  account: string,
  options: LedgerOptions,
  { output, signal }: CommandContext,
): CommandResult {
  return showDone('mint', await mintTokens(dataFolder(options.data), account, signal), options.json, output)
}
