// `swarmbid lane open, top-up, pay, take, claim, close, list, show, watch`: each asks one thing and says what came of it.
// Guarantees: amounts are exact and name their token; with --json they are base units as decimal text; a voucher is the
// only thing that `pay` writes to standard output without --json.
import { SwarmbidError } from '../base/errors.ts'
import { formatBaseUnits, formatTokenAmount, subtractAmounts, type TokenAmount } from '../base/token-amount.ts'
import {
  claimByHand,
  closeByHand,
  type LaneChange,
  type LaneNotice,
  type LaneView,
  listLanes,
  openLaneByHand,
  payByHand,
  type ShownLane,
  showLane,
  takeVoucher,
  topUpLaneByHand,
  type VoucherSum,
  watchLanes,
} from '../daemon/lane-jobs.ts'
import type { LanesRequest } from '../daemon/open-lanes.ts'
import { formatAddress } from '../formats/money/account-id.ts'
import { terminalOwner } from './ask-owner.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { exitCodes } from './exit-code.ts'
import { newFields } from './fields.ts'
import type { Output } from './output.ts'
import { knownPassphrase } from './passphrase.ts'
import { type WalletOptions, walletSetting } from './wallet-setting.ts'

export interface LaneOptions extends WalletOptions {
  readonly ledger?: string
  readonly account?: number
}

function requestOf(options: LaneOptions, context: CommandContext): LanesRequest {
  const { dataFolder, host, passphrase, terminal } = walletSetting(options, context)
  return {
    dataFolder,
    ledger: options.ledger,
    account: options.account ?? 0,
    passphrase: () => knownPassphrase(passphrase, terminal, context.signal),
    owner: terminalOwner(terminal),
    host,
  }
}

/** Amounts as decimal text, in whatever is to be printed. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return formatBaseUnits(value as TokenAmount)
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]))
}

function stateText(state: LaneView['state'] | LaneChange['state']): string {
  if (state === undefined) return 'ended'
  return state.type === 'closing' ? `closing, until ${timeText(state.closesAtMs)}` : state.type
}

function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

function showChange(
  type: string,
  words: string,
  change: LaneChange,
  isJson: boolean | undefined,
  output: Output,
): void {
  const { amount, fee, lane, symbol, state } = change
  if (isJson === true) {
    const members = plain({ ...change, state: state?.type ?? 'ended' })
    output.json({ type, ...(members as object) })
    return
  }
  const fields = newFields(output)
  output.line(
    `${output.style.good(words)}${amount > 0n ? ` ${output.style.plain(formatTokenAmount(amount, symbol))}` : ''}`,
  )
  fields.field('lane', lane)
  fields.field('state', stateText(state))
  fields.field('fee', fee === 0n ? undefined : formatTokenAmount(fee, symbol))
}

export async function runOpenLane(
  account: string,
  amount: string,
  options: LaneOptions & { readonly for?: number },
  context: CommandContext,
): CommandResult {
  const lifeMs = options.for === undefined ? undefined : options.for * 1000
  const opened = await openLaneByHand(requestOf(options, context), account, amount, lifeMs, context.signal)
  showChange('opened', 'opened a lane of', opened, options.json, context.output)
  return exitCodes.ok
}

export async function runTopUpLane(
  lane: string,
  amount: string,
  options: LaneOptions,
  context: CommandContext,
): CommandResult {
  const changed = await topUpLaneByHand(requestOf(options, context), lane, amount, context.signal)
  showChange('topped-up', 'added', changed, options.json, context.output)
  return exitCodes.ok
}

function sumOf(amount: string | undefined, total: string | undefined): VoucherSum {
  if (amount !== undefined && total !== undefined) throw new SwarmbidError('usage', 'an amount or --total, not both')
  if (total !== undefined) return { type: 'total', amount: total }
  return amount === undefined ? { type: 'again' } : { type: 'more', amount }
}

export async function runPay(
  lane: string,
  amount: string | undefined,
  options: LaneOptions & { readonly total?: string },
  context: CommandContext,
): CommandResult {
  const { output, signal } = context
  const written = await payByHand(requestOf(options, context), lane, sumOf(amount, options.total), signal)
  if (options.json === true) {
    output.json({ type: 'voucher', ...(plain(written) as object) })
    return exitCodes.ok
  }
  const text = formatTokenAmount(written.amount, written.symbol)
  output.note(output.noteStyle.plain(`${text} in all, for ${formatAddress(written.payee)}; hand over this line:`))
  output.line(output.style.plain(written.line))
  return exitCodes.ok
}

function viewJson(view: LaneView): object {
  const closesAtMs = view.state.type === 'closing' ? { closesAtMs: view.state.closesAtMs } : {}
  return { ...(plain({ ...view, state: view.state.type }) as object), ...closesAtMs }
}

function showView(view: LaneView, output: Output): void {
  const { side, lane, other, symbol, deposit, claimed, voucher, expiresAtMs, state } = view
  const fields = newFields(output)
  const direction = side === 'payer' ? 'to' : 'from'
  output.line(
    `${output.style.strong(formatTokenAmount(voucher, symbol))} ${direction} ${output.style.plain(formatAddress(other))}`,
  )
  fields.field('lane', lane)
  fields.field('deposit', formatTokenAmount(deposit, symbol))
  fields.field('cashed', formatTokenAmount(claimed, symbol))
  fields.field('state', stateText(state))
  fields.field('expires', timeText(expiresAtMs))
}

export async function runTake(line: string, options: LaneOptions, context: CommandContext): CommandResult {
  const view = await takeVoucher(requestOf(options, context), line, context.signal)
  if (options.json === true) context.output.json({ type: 'taken', ...viewJson(view) })
  else showView(view, context.output)
  return exitCodes.ok
}

export async function runClaim(options: LaneOptions, context: CommandContext): CommandResult {
  const cashed = await claimByHand(requestOf(options, context), context.signal)
  const { output } = context
  if (options.json === true) output.json({ type: 'claimed', ...(plain(cashed) as object) })
  else if (cashed.lanes === 0) output.line(output.style.faint('nothing in hand'))
  else
    output.line(`${output.style.good('cashed')} ${output.style.plain(formatTokenAmount(cashed.amount, cashed.symbol))}`)
  return exitCodes.ok
}

export async function runCloseLane(lane: string, options: LaneOptions, context: CommandContext): CommandResult {
  const { output, signal } = context
  const closed = await closeByHand(requestOf(options, context), lane, signal)
  if (closed.side === 'payer') {
    showChange('closing', 'asked to close', closed, options.json, output)
    return exitCodes.ok
  }
  if (options.json === true) output.json({ type: 'closed', ...(plain(closed) as object) })
  else
    output.line(
      `${output.style.good('closed')}, cashed ${output.style.plain(formatTokenAmount(closed.amount, closed.symbol))}`,
    )
  return exitCodes.ok
}

export async function runListLanes(options: LaneOptions, context: CommandContext): CommandResult {
  const { dataFolder, output } = walletSetting(options, context)
  const views = await listLanes(dataFolder, options.ledger)
  if (options.json !== true && views.length === 0) output.line(output.style.faint('no lanes'))
  for (const view of views) {
    if (options.json === true) output.json({ type: 'lane', ...viewJson(view) })
    else showView(view, output)
  }
  return exitCodes.ok
}

function showOnLedger({ onLedger, symbol, views }: ShownLane, output: Output): void {
  const { field } = newFields(output)
  if (onLedger === undefined) {
    field('on the ledger', 'no such lane')
    return
  }
  const { payer, payee, deposit, claimed, ending } = onLedger
  const text = (amount: TokenAmount) => formatTokenAmount(amount, symbol)
  if (views.length === 0) {
    field('payer', formatAddress(payer))
    field('payee', formatAddress(payee))
    field('deposit', text(deposit))
  }
  field('on the ledger', ending === undefined ? stateText(onLedger.state) : `ended, ${timeText(ending.atMs)}`)
  if (ending === undefined) return
  field('paid', text(claimed))
  field('returned', text(subtractAmounts(deposit, claimed)))
  field('by', `${ending.by === 'payee-close' ? 'its payee' : 'its time'}, entry ${ending.height}`)
}

export async function runShowLane(laneText: string, options: LaneOptions, context: CommandContext): CommandResult {
  const { dataFolder, output } = walletSetting(options, context)
  const shown = await showLane(dataFolder, options.ledger, laneText, context.signal)
  const { lane, rail, symbol, views, onLedger } = shown
  if (options.json === true) {
    const there = onLedger === undefined ? null : plain({ ...onLedger, state: onLedger.state.type })
    for (const view of views) output.json({ type: 'lane', ...viewJson(view), onLedger: there })
    if (views.length === 0) output.json({ type: 'lane', lane, rail, symbol, onLedger: there })
    return exitCodes.ok
  }
  for (const view of views) showView(view, output)
  if (views.length === 0) output.line(output.style.strong(`lane ${lane}`))
  showOnLedger(shown, output)
  return exitCodes.ok
}

/** For people, in a line; undefined: nothing that they need to know. */
function noticeText({ side, notice }: LaneNotice, amountText: (amount: TokenAmount) => string): string | undefined {
  switch (notice.type) {
    case 'cashed':
      return `cashed ${amountText(notice.amount)} of ${notice.lane}`
    case 'lost':
      return `lost ${amountText(notice.loss.amount)} of ${notice.loss.lane}: ${notice.loss.reason}`
    case 'lane-ended':
      return `the lane ${notice.lane} ended, ${amountText(notice.spent)} were spent`
    case 'lane-frozen':
      return `the lane ${notice.lane} is not paid on any more (${notice.reason})`
    case 'voucher-alarm':
      return `a voucher of ${notice.lane} that does not fit (${notice.reason})`
    case 'overdue':
      return `${amountText(notice.amount)} of ${notice.lane} may be too late: the ledger does not answer`
    case 'unreachable':
      return notice.sinceMs === Number.POSITIVE_INFINITY ? 'the ledger answers again' : 'the ledger does not answer'
    case 'refused':
      return `${side}: ${notice.failure.detail} (${notice.failure.code})`
    default:
      return undefined
  }
}

export async function runWatchLanes(options: LaneOptions, context: CommandContext): CommandResult {
  const { output, signal } = context
  const isJson = options.json === true
  let amountText = (amount: TokenAmount) => formatBaseUnits(amount)
  const onReady: Parameters<typeof watchLanes>[1] = (account, symbol) => {
    amountText = (amount) => formatTokenAmount(amount, symbol)
    if (isJson) output.json({ type: 'watching', account, symbol })
    else output.line(`${output.style.good('watching')} ${output.style.plain(formatAddress(account))}`)
  }
  const onNotice = (notice: LaneNotice) => {
    if (isJson) {
      const { type, ...members } = notice.notice
      output.json({ type, side: notice.side, ...(plain(members) as object) })
      return
    }
    const text = noticeText(notice, amountText)
    if (text !== undefined) output.line(output.style.plain(text))
  }
  await watchLanes(requestOf(options, context), onReady, onNotice, signal)
  return exitCodes.ok
}
