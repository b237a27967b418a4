// `swarmbid airdrop create, approve, claim, proof, show, end`: each asks one thing and says what came of it.
// Guarantees: amounts are exact and name their token; with --json they are base units as decimal text.
import { unwrap } from '../base/errors.ts'
import { formatBaseUnits, formatTokenAmount, type TokenAmount } from '../base/token-amount.ts'
import {
  approveAirdrop,
  claimGrant,
  type DoneAirdrop,
  endAirdrop,
  proposeAirdrop,
  proveGrant,
  showAirdrop,
} from '../daemon/airdrop-jobs.ts'
import { reserveExport } from '../daemon/write-export.ts'
import { formatAddress } from '../formats/money/account-id.ts'
import { formatGrantProof } from '../formats/money/grant-proof.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { exitCodes } from './exit-code.ts'
import { newFields } from './fields.ts'
import type { Output } from './output.ts'
import { accountOf, ledgerOf, momentOf, type PayingOptions } from './paying-options.ts'
import { tellDone } from './tell-done.ts'

export interface CreateAirdropOptions extends PayingOptions {
  readonly approver: string
  /** Seconds. */
  readonly endsIn?: number
  readonly endsAt?: number
  readonly purpose: 'gift' | 'seeding'
  readonly pool?: string
  readonly gate?: readonly string[]
  readonly id?: string
}

interface ReceiverOptions extends PayingOptions {
  readonly for?: string
}

function tell(type: string, done: DoneAirdrop, isJson: boolean | undefined, output: Output): number {
  const { campaign, root, grants, to, amount, pool } = done
  const facts = [
    { label: 'root', name: 'root', value: root },
    { label: 'grants', name: 'grants', value: grants },
    { label: 'to', name: 'to', value: to, text: to === undefined ? undefined : formatAddress(to) },
    { label: 'pool', name: 'pool', value: pool },
    { label: 'paid', name: 'amount', value: amount },
  ]
  return tellDone({ type, what: 'air-drop', id: campaign, facts }, done, isJson, output)
}

export async function runCreateAirdrop(
  listPath: string,
  options: CreateAirdropOptions,
  context: CommandContext,
): CommandResult {
  const { approver, purpose, pool, gate: gates = [], id } = options
  const ends = momentOf('--ends-in', options.endsIn, '--ends-at', options.endsAt)
  const request = { listPath, approver, purpose, ends, pool, gates, id }
  const done = await proposeAirdrop(ledgerOf(options), accountOf(options, context), request, context.signal)
  return tell('proposed', unwrap(done), options.json, context.output)
}

export async function runApproveAirdrop(
  idText: string,
  listPath: string,
  options: PayingOptions,
  context: CommandContext,
): CommandResult {
  const request = { idText, listPath }
  const done = await approveAirdrop(ledgerOf(options), accountOf(options, context), request, context.signal)
  return tell('approved', unwrap(done), options.json, context.output)
}

export async function runClaimGrant(
  idText: string,
  path: string,
  options: ReceiverOptions,
  context: CommandContext,
): CommandResult {
  const request = { idText, path, accountText: options.for }
  const done = await claimGrant(ledgerOf(options), accountOf(options, context), request, context.signal)
  return tell('claimed', unwrap(done), options.json, context.output)
}

export async function runProveGrant(
  listPath: string,
  options: ReceiverOptions & { readonly output?: string },
  context: CommandContext,
): CommandResult {
  const request = { listPath, accountText: options.for }
  const proof = unwrap(await proveGrant(ledgerOf(options), accountOf(options, context), request))
  const target = reserveExport(options.output ?? '-')
  try {
    await target.write(formatGrantProof(proof))
    target.commit()
  } finally {
    target.discard()
  }
  return exitCodes.ok
}

export async function runShowAirdrop(idText: string, options: PayingOptions, context: CommandContext): CommandResult {
  const { output, signal } = context
  const view = unwrap(await showAirdrop(ledgerOf(options), idText, signal))
  const { campaign, ledger, pool, claimed, paid } = view
  const { id, state, proposer, approver, root, grantCount: grants, endsAtMs, purpose, gates } = campaign
  if (options.json === true) {
    const shownGates = gates.map((gate) =>
      gate.type === 'balance' ? { ...gate, minimum: formatBaseUnits(gate.minimum) } : gate,
    )
    const amounts = { pool: formatBaseUnits(pool), paid: formatBaseUnits(paid), held: formatBaseUnits(campaign.held) }
    const { rail, symbol } = ledger
    const parts = { purpose, proposer, approver, root, grants, claimed, endsAtMs, gates: shownGates }
    output.json({ type: 'airdrop', id, rail, symbol, state, ...parts, ...amounts })
    return exitCodes.ok
  }
  const text = (amount: TokenAmount) => formatTokenAmount(amount, ledger.symbol)
  output.line(output.style.strong(`air-drop, ${state}`))
  const { field } = newFields(output)
  field('id', id)
  field('ledger', `${ledger.name} ${ledger.rail}`)
  field('proposer', formatAddress(proposer))
  field('approver', formatAddress(approver))
  field('root', root)
  field('pool', text(pool))
  field('claimed', `${claimed} of ${grants} grants, ${text(paid)}`)
  field('left', text(campaign.held))
  field('ends', `${new Date(endsAtMs).toISOString()} by the ledger's time`)
  for (const gate of gates) {
    const isBalance = gate.type === 'balance'
    field('gate', isBalance ? `balance of ${text(gate.minimum)} at entry ${gate.height}` : gate.type)
  }
  return exitCodes.ok
}

export async function runEndAirdrop(idText: string, options: PayingOptions, context: CommandContext): CommandResult {
  const done = await endAirdrop(ledgerOf(options), accountOf(options, context), idText, context.signal)
  return tell('ended', unwrap(done), options.json, context.output)
}
