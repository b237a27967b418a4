// What the command line does with escrows, one job at a time: funding, releasing, giving back, disputing, deciding,
// showing; bundles of evidence. Guarantees: a dispute names a bundle that is of the escrow and holds; what an entry ended
// is given back to the wallet's limits.
import { basename } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import { type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import {
  decodeEvidence,
  type EvidenceKind,
  type EvidencePart,
  encodeEvidence,
  evidenceVersion,
  maxEvidenceBytes,
  maxEvidenceParts,
} from '../formats/money/evidence-bundle.ts'
import { signedVoucherCodec } from '../formats/money/voucher-codec.ts'
import { reserveFile } from '../host/write-output.ts'
import type { Escrow } from '../ledger/entry.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import type { ReadRecord } from '../ledger/journal-record.ts'
import type { EscrowOperation, Hash256, OperationId } from '../ports/ledger.ts'
import { AccountHistory } from '../wallet/history.ts'
import { carryOutAs, type DoneOnLedger } from './carry-out.ts'
import { type CheckedEvidence, checkEvidence } from './evidence-check.ts'
import {
  describeLedger,
  drawHex,
  idOf,
  type LedgerChoice,
  type LedgerDescription,
  type Moment,
  momentMs,
  readAccount,
  readAmount,
  readId,
  withLedger,
} from './ledger-choice.ts'
import { type AccountChoice, chosenAccount, settleEnded } from './paying-account.ts'
import { readEntries } from './read-entries.ts'
import { readMoneyBytes, readMoneyText } from './read-money-file.ts'
import type { UsedLedger } from './use-ledger.ts'

export interface FundRequest {
  readonly payee: string
  readonly amount: string
  /** Of what was agreed. */
  readonly termsPath: string
  readonly timeout: Moment
  readonly arbiter?: string | undefined
  readonly id?: string | undefined
}

export interface DoneEscrow extends DoneOnLedger {
  readonly escrow: OperationId
  readonly amount?: TokenAmount
  /** Of terms, evidence or ruling. */
  readonly hash?: Hash256
}

export interface EscrowView {
  /** As it is now, or was when it ended. */
  readonly escrow: Escrow
  readonly funded: TokenAmount
  /** To the payee so far, fees included. */
  readonly released: TokenAmount
  /** That a dispute named. */
  readonly evidence?: Hash256
}

export interface EscrowList {
  readonly ledger: LedgerDescription
  readonly escrows: readonly EscrowView[]
}

/** An amount as people write it, or all that is left. */
type Portion = 'all' | TokenAmount

async function hashOfFile(path: string): Promise<Result<Hash256>> {
  const bytes = await readMoneyBytes(path, maxEvidenceBytes)
  return bytes.ok ? success(toHex(sha256(bytes.value)) as Hash256) : bytes
}

function readPortion(facts: LedgerFacts, text: string): Result<Portion> {
  return text === 'all' ? success('all') : readAmount(facts, text)
}

/** Errors: those of the terms, of account and ledger. */
export function fundEscrow(
  choice: LedgerChoice,
  own: AccountChoice,
  request: FundRequest,
  signal: AbortSignal,
): Promise<Result<DoneEscrow>> {
  return withLedger(choice, async (used) => {
    const { facts, ledger } = used
    const id = idOf(request.id)
    if (!id.ok) return id
    const amount = readAmount(facts, request.amount)
    if (!amount.ok) return amount
    const payee = readAccount(facts.rail, request.payee)
    if (!payee.ok) return payee
    const arbiter = request.arbiter === undefined ? undefined : readAccount(facts.rail, request.arbiter)
    if (arbiter?.ok === false) return arbiter
    const terms = await hashOfFile(request.termsPath)
    if (!terms.ok) return terms
    const timeoutAtMs = await momentMs(ledger, request.timeout, signal)
    if (!timeoutAtMs.ok) return timeoutAtMs
    const operation: EscrowOperation = {
      type: 'escrow-fund',
      id: id.value,
      payee: payee.value,
      amount: amount.value,
      timeoutAtMs: timeoutAtMs.value,
      terms: terms.value,
      ...(arbiter === undefined ? {} : { arbiter: arbiter.value }),
    }
    const again = `--id ${id.value} --timeout-at ${timeoutAtMs.value}`
    const told = { escrow: id.value, amount: amount.value, hash: terms.value }
    return carryOutAs(used, own, operation, told, signal, again)
  })
}

type EscrowViews = Map<OperationId, EscrowView>

function takeEntry(views: EscrowViews, { operation, entry }: ReadRecord): void {
  for (const change of entry.changes) {
    if (change.type !== 'escrow') continue
    const escrow = change.value
    const before = views.get(escrow.id)
    const paid = operation.type === 'escrow-release' ? operation.amount : zeroAmount
    const ruled = operation.type === 'escrow-rule' ? operation.toPayee : zeroAmount
    const released = ((before?.released ?? 0n) + paid + ruled) as TokenAmount
    const evidence = operation.type === 'escrow-dispute' ? operation.evidence : before?.evidence
    const funded = before?.funded ?? escrow.held
    views.set(escrow.id, { escrow, funded, released, ...(evidence === undefined ? {} : { evidence }) })
  }
}

async function findEscrow(used: UsedLedger, id: OperationId, signal: AbortSignal): Promise<Result<EscrowView>> {
  const views: EscrowViews = new Map()
  const read = await used.readHolding({ type: 'escrow', id }, (record) => takeEntry(views, record), signal)
  if (!read.ok) return read
  const view = views.get(id)
  return view === undefined ? failure('ledger-refused', `no escrow ${id}`) : success(view)
}

/** Of one's own account, or all of the ledger; what has ended is settled with. Errors: those of account and ledger. */
export function listEscrows(
  choice: LedgerChoice,
  own: AccountChoice,
  isAll: boolean,
  signal: AbortSignal,
): Promise<Result<EscrowList>> {
  return withLedger(choice, async (used) => {
    const account = isAll ? undefined : await chosenAccount(own, used.facts)
    if (account?.ok === false) return account
    const views: EscrowViews = new Map()
    const history = account === undefined ? undefined : new AccountHistory(account.value)
    const take = (record: ReadRecord) => {
      takeEntry(views, record)
      history?.take(record)
    }
    // A list that leaves one out cannot be told from a true one but by all the entries, where the ledger is another's.
    const read = await (used.own?.readEscrows(account?.value, take, signal) ?? readEntries(used, take, signal))
    if (!read.ok) return read
    if (history !== undefined) await settleEnded(own, used.facts.rail, history.end().ended)
    const escrows = [...views.values()].filter(
      ({ escrow }) =>
        account === undefined || [escrow.payer, escrow.payee, escrow.arbiter].some((each) => each === account.value),
    )
    return success({ ledger: describeLedger(used.facts), escrows })
  })
}

/** Errors: usage, ledger-refused (there is none), those of the ledger. */
export function showEscrow(choice: LedgerChoice, idText: string, signal: AbortSignal): Promise<Result<EscrowList>> {
  return withLedger(choice, async (used) => {
    const id = readId(idText)
    if (!id.ok) return id
    const view = await findEscrow(used, id.value, signal)
    return view.ok ? success({ ledger: describeLedger(used.facts), escrows: [view.value] }) : view
  })
}

export interface EscrowRequest {
  readonly idText: string
  /** Of the operation, to ask for it again. */
  readonly again?: string | undefined
}

/** By the payer: so much, or `all`, to the payee. Errors: those of account and ledger. */
export function releaseEscrow(
  choice: LedgerChoice,
  own: AccountChoice,
  request: EscrowRequest & { readonly amount: string },
  signal: AbortSignal,
): Promise<Result<DoneEscrow>> {
  return withOne(choice, request, async (used, escrow, id) => {
    const amount = await amountOf(used, escrow, request.amount, signal)
    if (!amount.ok) return amount
    const operation = { type: 'escrow-release', id, escrow, amount: amount.value } as const
    return carryOutAs(used, own, operation, { escrow, amount: amount.value }, signal, `--id ${id}`)
  })
}

/** By the payee, or by anyone after the timeout. Errors: those of account and ledger. */
export function refundEscrow(
  choice: LedgerChoice,
  own: AccountChoice,
  request: EscrowRequest,
  signal: AbortSignal,
): Promise<Result<DoneEscrow>> {
  return withOne(choice, request, (used, escrow, id) =>
    carryOutAs(used, own, { type: 'escrow-refund', id, escrow }, { escrow }, signal, `--id ${id}`),
  )
}

/** With a bundle that is of the escrow. Errors: statement-malformed (it does not hold), those of account and ledger. */
export function disputeEscrow(
  choice: LedgerChoice,
  own: AccountChoice,
  request: EscrowRequest & { readonly bundlePath: string },
  signal: AbortSignal,
): Promise<Result<DoneEscrow>> {
  return withOne(choice, request, async (used, escrow, id) => {
    const checked = await checkFile(used, request.bundlePath, escrow, signal)
    if (!checked.ok) return checked
    const [problem] = checked.value.problems
    if (problem !== undefined) return failure('statement-malformed', `${request.bundlePath}: ${problem}`)
    const evidence = checked.value.hash as Hash256
    const operation = { type: 'escrow-dispute', id, escrow, evidence } as const
    return carryOutAs(used, own, operation, { escrow, hash: evidence }, signal, `--id ${id}`)
  })
}

/** By the arbiter: so much of the rest to the payee, `all` or `none`; why is in a file. Errors: as before. */
export function resolveEscrow(
  choice: LedgerChoice,
  own: AccountChoice,
  request: EscrowRequest & { readonly toPayee: string; readonly rulingPath: string },
  signal: AbortSignal,
): Promise<Result<DoneEscrow>> {
  return withOne(choice, request, async (used, escrow, id) => {
    const ruling = await hashOfFile(request.rulingPath)
    if (!ruling.ok) return ruling
    const toPayee =
      request.toPayee === 'none' ? success(zeroAmount) : await amountOf(used, escrow, request.toPayee, signal)
    if (!toPayee.ok) return toPayee
    const operation = { type: 'escrow-rule', id, escrow, toPayee: toPayee.value, ruling: ruling.value } as const
    const told = { escrow, amount: toPayee.value, hash: ruling.value }
    return carryOutAs(used, own, operation, told, signal, `--id ${id}`)
  })
}

async function amountOf(
  used: UsedLedger,
  escrow: OperationId,
  text: string,
  signal: AbortSignal,
): Promise<Result<TokenAmount>> {
  const portion = readPortion(used.facts, text)
  if (!portion.ok || portion.value !== 'all') return portion as Result<TokenAmount>
  const view = await findEscrow(used, escrow, signal)
  return view.ok ? success(view.value.escrow.held) : view
}

function withOne(
  choice: LedgerChoice,
  { idText, again }: EscrowRequest,
  work: (used: UsedLedger, escrow: OperationId, id: OperationId) => Promise<Result<DoneEscrow>>,
): Promise<Result<DoneEscrow>> {
  return withLedger(choice, async (used) => {
    const escrow = readId(idText)
    if (!escrow.ok) return escrow
    const id = again === undefined ? success(drawHex() as OperationId) : readId(again)
    return id.ok ? work(used, escrow.value, id.value) : id
  })
}

/** A file of evidence and its kind. */
export interface NamedEvidence {
  readonly kind: EvidenceKind
  readonly path: string
}

/**
 * Writes a bundle to a new file; what is in it. Errors: those of the files, statement-malformed, those of the ledger.
 * Throws: file-exists, file-unwritable, disk-full.
 */
export function bundleEvidence(
  choice: LedgerChoice,
  { idText, outputPath }: { readonly idText: string; readonly outputPath: string },
  files: readonly NamedEvidence[],
  signal: AbortSignal,
): Promise<Result<CheckedEvidence>> {
  return withLedger(choice, async (used) => {
    const id = readId(idText)
    if (!id.ok) return id
    const view = await findEscrow(used, id.value, signal)
    if (!view.ok) return view
    const { escrow } = view.value
    if (files.length > maxEvidenceParts) return failure('usage', `more than ${maxEvidenceParts} files`)
    const parts: EvidencePart[] = []
    let lengthBytes = 0
    for (const file of files) {
      const part = await partOf(file, used.facts)
      if (!part.ok) return part
      parts.push(part.value)
      lengthBytes += part.value.content.length
    }
    if (lengthBytes > maxEvidenceBytes / 2) return failure('statement-malformed', 'more than 8 MiB of evidence')
    const { rail } = used.facts
    const bundle = { version: evidenceVersion, rail, escrow: id.value, terms: escrow.terms, parts }
    const bytes = encodeEvidence(bundle)
    const checked = checkEvidence(bytes, bundle, escrow, undefined, used.facts)
    const [problem] = checked.problems
    if (problem !== undefined) return failure('statement-malformed', problem)
    reserveFile(outputPath, false).commit(bytes)
    return success(checked)
  })
}

/** Vouchers are printed as JSON and bundled as bytes. */
async function partOf({ kind, path }: NamedEvidence, { rail }: LedgerFacts): Promise<Result<EvidencePart>> {
  const name = basename(path).slice(0, 64).toWellFormed()
  if (kind !== 'voucher') {
    const content = await readMoneyBytes(path, maxEvidenceBytes)
    return content.ok ? success({ kind, name, content: content.value }) : content
  }
  const text = await readMoneyText(path)
  if (!text.ok) return text
  const voucher = signedVoucherCodec.fromJson(parsed(text.value), rail)
  if (!voucher.ok) return failure('statement-malformed', `${path}: ${voucher.detail}`)
  return success({ kind, name, content: signedVoucherCodec.encode(voucher.value) })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function checkFile(
  used: UsedLedger,
  path: string,
  escrow: OperationId | undefined,
  signal: AbortSignal,
): Promise<Result<CheckedEvidence>> {
  const file = await readMoneyBytes(path, maxEvidenceBytes)
  if (!file.ok) return file
  const bundle = decodeEvidence(file.value, used.facts.rail)
  if (!bundle.ok) return failure('statement-malformed', `${path}: ${bundle.detail}`)
  const view = await findEscrow(used, escrow ?? bundle.value.escrow, signal)
  if (!view.ok) return view
  const { escrow: found, evidence } = view.value
  return success(checkEvidence(file.value, bundle.value, found, evidence, used.facts))
}

/** Of the escrow that it names. Errors: statement-malformed, ledger-refused (there is none), those of the ledger. */
export function checkBundle(choice: LedgerChoice, path: string, signal: AbortSignal): Promise<Result<CheckedEvidence>> {
  return withLedger(choice, (used) => checkFile(used, path, undefined, signal))
}
