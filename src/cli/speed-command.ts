// `swarmbid speed status, history`: what the records say of what was paid and earned.
// Guarantees: amounts are exact and name their token; with --json they are base units as decimal text.
import { toHex } from '../base/bytes.ts'
import { formatBaseUnits, formatTokenAmount, type TokenAmount } from '../base/token-amount.ts'
import { dataFolder } from '../daemon/data-folder.ts'
import {
  explainDealings,
  type HistoryOrder,
  type HistoryRow,
  type LedgerStatus,
  type RecordsRequest,
  speedHistory,
  speedStatus,
} from '../daemon/speed-records.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { counted, formatBytes } from './display-text.ts'
import { exitCodes } from './exit-code.ts'
import { newFields } from './fields.ts'
import type { Output } from './output.ts'
import { accountText, awardLines, momentText, receiptLines } from './speed-lines.ts'

interface SpeedCommandOptions {
  readonly data?: string
  readonly ledger?: string
  readonly json?: boolean
}

function requestOf({ data, ledger }: SpeedCommandOptions): RecordsRequest {
  return { dataFolder: dataFolder(data), ledger }
}

/** Amounts as decimal text, bytes as hexadecimal, in whatever is to be printed. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return formatBaseUnits(value as TokenAmount)
  if (value === Number.POSITIVE_INFINITY) return null
  if (value instanceof Uint8Array) return toHex(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]))
}

export async function runSpeedStatus(options: SpeedCommandOptions, { output }: CommandContext): CommandResult {
  const status = await speedStatus(requestOf(options))
  if (options.json === true) {
    const { spending, earning, today, ledgers } = status
    output.json({ type: 'status', spending, earning, today: plain(today) })
    for (const ledger of ledgers) output.json({ type: 'ledger', ...(plain(ledger) as object) })
    return exitCodes.ok
  }
  const { field } = newFields(output)
  output.line(output.style.strong('wallet'))
  field('spending', status.spending)
  field('earning', status.earning)
  for (const { symbol, spent, limit } of status.today) {
    const of = limit === undefined ? '' : ` of ${formatTokenAmount(limit, symbol)}`
    field('spent today', `${formatTokenAmount(spent, symbol)}${of}, gone or locked`)
  }
  for (const ledger of status.ledgers) tellLedger(ledger, output)
  return exitCodes.ok
}

function tellLedger({ name, rail, symbol, paying, paid, inHand, payers, losses }: LedgerStatus, output: Output): void {
  const { field, list } = newFields(output)
  const text = (amount: TokenAmount) => formatTokenAmount(amount, symbol)
  output.line(`${output.style.strong(name)} ${output.style.faint(rail)}`)
  if (paying.lanes > 0) {
    field('paying', `${counted(paying.lanes, 'lane')} of ${text(paying.deposits)}, ${text(paying.promised)} promised`)
  }
  if (paid.lanes > 0) {
    const cashed = `${text(paid.cashed)} of it cashed`
    field(
      'paid by',
      `${counted(paid.lanes, 'lane')} of ${text(paid.deposits)}, ${text(paid.promised)} promised, ${cashed}`,
    )
  }
  if (inHand.lanes > 0) field('in hand', `${text(inHand.amount)}, to be cashed before ${momentText(inHand.untilMs)}`)
  list(
    'payers',
    payers.map(({ account, paidBytes, defaults, unpaid, treatment, untilMs }) => {
      const bad = defaults > 0 || unpaid > 0n ? `, ${counted(defaults, 'default')}, ${text(unpaid)} unpaid` : ''
      const end = treatment === 'credit' ? '' : `, ${treatment} until ${momentText(untilMs)}`
      return `${accountText(account)} paid for ${formatBytes(paidBytes)}${bad}${end}`
    }),
  )
  list(
    'lost',
    losses.map(
      (loss) => `${text(loss.amount)} of ${accountText(loss.payer)}: ${loss.reason}, ${momentText(loss.atMs)}`,
    ),
  )
  if (paying.lanes + paid.lanes + payers.length + losses.length === 0) field('lanes', 'none')
}

export async function runSpeedHistory(
  options: SpeedCommandOptions & { readonly by: HistoryOrder },
  { output }: CommandContext,
): CommandResult {
  const rows = await speedHistory(requestOf(options), options.by)
  if (options.json !== true && rows.length === 0) output.line(output.style.faint('nothing was paid or earned'))
  for (const row of rows) {
    if (options.json === true) output.json({ type: options.by, ...(plain(row) as object) })
    else tellRow(row, options.by, output)
  }
  return exitCodes.ok
}

const usualAwards = 20

export async function runExplain(
  about: string | undefined,
  options: SpeedCommandOptions & { readonly last?: number },
  { output }: CommandContext,
): CommandResult {
  const dealings = await explainDealings(requestOf(options), about, options.last ?? usualAwards)
  if (options.json !== true && dealings.length === 0) output.line(output.style.faint('nothing was bought or sold'))
  for (const dealing of dealings) {
    const isReceipt = 'signature' in dealing
    if (options.json === true) {
      output.json({ type: isReceipt ? 'receipt' : 'award', ...(plain(dealing) as object) })
      continue
    }
    for (const line of isReceipt ? receiptLines(dealing) : awardLines(dealing)) output.line(output.style.plain(line))
  }
  return exitCodes.ok
}

function tellRow(row: HistoryRow, by: HistoryOrder, output: Output): void {
  const { key, name, symbol, paid, boughtBytes, receipted, earned, soldBytes } = row
  const { field } = newFields(output)
  const title = by === 'peer' ? accountText(key) : (name ?? key)
  output.line(`${output.style.strong(title)}${name === undefined ? '' : ` ${output.style.faint(key)}`}`)
  if (boughtBytes > 0 || paid > 0n) field('paid', `${formatTokenAmount(paid, symbol)} for ${formatBytes(boughtBytes)}`)
  if (receipted > 0n) field('receipts', `for ${formatTokenAmount(receipted, symbol)}, signed by who was paid`)
  if (soldBytes > 0 || earned > 0n)
    field('earned', `${formatTokenAmount(earned, symbol)} for ${formatBytes(soldBytes)}`)
}
