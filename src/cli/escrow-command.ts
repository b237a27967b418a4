// `swarmbid escrow fund, release, refund, dispute, resolve, list, show, bundle, check`: each asks one thing and says what
// came of it. Guarantees: amounts are exact and name their token; with --json they are base units as decimal text.
import { SwarmbidError, unwrap } from '../base/errors.ts'
import { formatBaseUnits, formatTokenAmount, type TokenAmount } from '../base/token-amount.ts'
import {
  bundleEvidence,
  checkBundle,
  type DoneEscrow,
  disputeEscrow,
  type EscrowList,
  type EscrowView,
  fundEscrow,
  listEscrows,
  type NamedEvidence,
  refundEscrow,
  releaseEscrow,
  resolveEscrow,
  showEscrow,
} from '../daemon/escrow-jobs.ts'
import type { CheckedEvidence } from '../daemon/evidence-check.ts'
import { formatAddress } from '../formats/money/account-id.ts'
import { evidenceKinds } from '../formats/money/evidence-bundle.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { exitCodes } from './exit-code.ts'
import { newFields } from './fields.ts'
import type { Output } from './output.ts'
import { accountOf, ledgerOf, momentOf, type PayingOptions } from './paying-options.ts'
import { tellDone } from './tell-done.ts'

interface AgainOptions extends PayingOptions {
  readonly id?: string
}

export interface FundOptions extends AgainOptions {
  readonly terms: string
  readonly arbiter?: string
  /** Seconds. */
  readonly timeout?: number
  readonly timeoutAt?: number
}

function tell(type: string, done: DoneEscrow, isJson: boolean | undefined, output: Output): number {
  const facts = [
    { label: 'amount', name: 'amount', value: done.amount },
    { label: 'hash', name: 'hash', value: done.hash },
  ]
  return tellDone({ type, what: 'escrow', id: done.escrow, facts }, done, isJson, output)
}

export async function runFundEscrow(
  payee: string,
  amount: string,
  options: FundOptions,
  context: CommandContext,
): CommandResult {
  const timeout = momentOf('--timeout', options.timeout, '--timeout-at', options.timeoutAt)
  const { terms: termsPath, arbiter, id } = options
  const request = { payee, amount, termsPath, arbiter, timeout, id }
  const done = await fundEscrow(ledgerOf(options), accountOf(options, context), request, context.signal)
  return tell('funded', unwrap(done), options.json, context.output)
}

export async function runReleaseEscrow(
  idText: string,
  amount: string,
  options: AgainOptions,
  context: CommandContext,
): CommandResult {
  const request = { idText, amount, again: options.id }
  const done = await releaseEscrow(ledgerOf(options), accountOf(options, context), request, context.signal)
  return tell('released', unwrap(done), options.json, context.output)
}

export async function runRefundEscrow(idText: string, options: AgainOptions, context: CommandContext): CommandResult {
  const request = { idText, again: options.id }
  const done = await refundEscrow(ledgerOf(options), accountOf(options, context), request, context.signal)
  return tell('refunded', unwrap(done), options.json, context.output)
}

export async function runDisputeEscrow(
  idText: string,
  bundlePath: string,
  options: AgainOptions,
  context: CommandContext,
): CommandResult {
  const request = { idText, bundlePath, again: options.id }
  const done = await disputeEscrow(ledgerOf(options), accountOf(options, context), request, context.signal)
  return tell('disputed', unwrap(done), options.json, context.output)
}

export async function runResolveEscrow(
  idText: string,
  toPayee: string,
  options: AgainOptions & { readonly ruling: string },
  context: CommandContext,
): CommandResult {
  const request = { idText, toPayee, rulingPath: options.ruling, again: options.id }
  const done = await resolveEscrow(ledgerOf(options), accountOf(options, context), request, context.signal)
  return tell('resolved', unwrap(done), options.json, context.output)
}

function viewJson({ escrow, funded, released, evidence }: EscrowView, { ledger }: EscrowList) {
  const { id, payer, payee, arbiter, held, timeoutAtMs, terms, state } = escrow
  const amounts = { funded: formatBaseUnits(funded), released: formatBaseUnits(released), held: formatBaseUnits(held) }
  const disputed = state.type === 'disputed' ? { disputedBy: state.by, rulesUntilMs: state.rulesUntilMs } : {}
  const parties = { payer, payee, arbiter: arbiter ?? null }
  const { rail, symbol } = ledger
  const hashes = { terms, evidence: evidence ?? null }
  return {
    type: 'escrow',
    id,
    rail,
    symbol,
    state: state.type,
    ...parties,
    ...amounts,
    timeoutAtMs,
    ...hashes,
    ...disputed,
  }
}

function show(view: EscrowView, { ledger }: EscrowList, output: Output): void {
  const { id, payer, payee, arbiter, held, timeoutAtMs, terms, state } = view.escrow
  const text = (amount: TokenAmount) => formatTokenAmount(amount, ledger.symbol)
  const moment = (ms: number) => `${new Date(ms).toISOString()} by the ledger's time`
  output.line(output.style.strong(`escrow, ${state.type}`))
  const { field } = newFields(output)
  field('id', id)
  field('payer', formatAddress(payer))
  field('payee', formatAddress(payee))
  field('arbiter', arbiter === undefined ? 'none: the timeout decides' : formatAddress(arbiter))
  field('funded', text(view.funded))
  field('released', text(view.released))
  field('left', text(held))
  field('terms', terms)
  if (state.type === 'funded') field('timeout', moment(timeoutAtMs))
  if (state.type === 'disputed') field('ruling until', moment(state.rulesUntilMs))
  field('evidence', view.evidence)
}

function tellList(list: EscrowList, isJson: boolean | undefined, output: Output): number {
  for (const view of list.escrows) {
    if (isJson === true) output.json(viewJson(view, list))
    else show(view, list, output)
  }
  return exitCodes.ok
}

export async function runListEscrows(
  options: PayingOptions & { readonly all?: boolean },
  context: CommandContext,
): CommandResult {
  const { output, signal } = context
  const isAll = options.all === true
  const list = unwrap(await listEscrows(ledgerOf(options), accountOf(options, context), isAll, signal))
  if (list.escrows.length === 0 && options.json !== true) output.line(output.style.faint('no escrows'))
  return tellList(list, options.json, output)
}

export async function runShowEscrow(idText: string, options: PayingOptions, context: CommandContext): CommandResult {
  return tellList(unwrap(await showEscrow(ledgerOf(options), idText, context.signal)), options.json, context.output)
}

/** The options that name files of evidence, but for `ledger` and the like. */
export type BundleOptions = PayingOptions & { readonly [Kind in (typeof evidenceKinds)[number]]?: readonly string[] }

export async function runBundleEvidence(
  idText: string,
  outputPath: string,
  options: BundleOptions,
  context: CommandContext,
): CommandResult {
  const files = evidenceKinds.flatMap((kind) => (options[kind] ?? []).map((path): NamedEvidence => ({ kind, path })))
  if (files.length === 0) throw new SwarmbidError('usage', 'name the files, such as --terms FILE --award FILE')
  const checked = unwrap(await bundleEvidence(ledgerOf(options), { idText, outputPath }, files, context.signal))
  return tellEvidence(checked, options.json, context.output)
}

export async function runCheckEvidence(path: string, options: PayingOptions, context: CommandContext): CommandResult {
  const checked = unwrap(await checkBundle(ledgerOf(options), path, context.signal))
  return tellEvidence(checked, options.json, context.output)
}

function tellEvidence({ hash, parts, problems }: CheckedEvidence, isJson: boolean | undefined, output: Output): number {
  const exitCode = problems.length === 0 ? exitCodes.ok : exitCodes.failed
  if (isJson === true) {
    output.json({ type: 'evidence', hash, parts, problems })
    return exitCode
  }
  const { style } = output
  output.line(style.strong(`evidence ${hash}`))
  const { field } = newFields(output)
  for (const { kind, name, sha256, lengthBytes, says } of parts) {
    field(kind, `${name}, ${lengthBytes} bytes, ${sha256}`)
    field('', says)
  }
  for (const problem of problems) output.line(style.bad(problem))
  if (problems.length === 0) output.line(style.good('it is of this escrow, and holds'))
  return exitCode
}
