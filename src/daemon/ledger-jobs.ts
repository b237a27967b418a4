// What the command line does with ledgers, one job at a time: making one, joining, leaving, balances, transfers, letting
// accounts in. Guarantees: an operation's id is drawn before it is sent and told when its fate is not known, so that it
// can be asked for again without being done twice.
import { join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { parseTokenAmount, type TokenAmount, type TokenSymbol } from '../base/token-amount.ts'
import { accountId, parseAccountId, parseAddress } from '../formats/money/account-id.ts'
import { operationDigest } from '../formats/money/operation-digest.ts'
import { systemRandom } from '../host/system-random.ts'
import type { Genesis, LedgerFacts } from '../ledger/genesis.ts'
import type { AccountId, Hash256, LedgerAccount, LedgerOperation, OperationId, RailId } from '../ports/ledger.ts'
import type { SigningKey } from '../ports/signatures.ts'
import { exportGenesis, exportHead, exportLine } from '../rails/journal-export.ts'
import type { JoinLine } from './join-line.ts'
import { type JoinedLedger, readLedgers, writeLedgers } from './ledger-list.ts'
import { openOwnLedger } from './open-ledger.ts'
import { makeOperatorKey, readOperatorKey } from './operator-key.ts'
import { findLedgers, greetLedger, ownFolder, type UsedLedger, useLedger, useOwnLedger } from './use-ledger.ts'
import { fetchExport } from './verify-ledger.ts'

/** A ledger as people and scripts are told of it. */
export interface LedgerDescription {
  readonly rail: RailId
  readonly genesisHash: string
  readonly name: string
  readonly symbol: TokenSymbol
  readonly operator: AccountId
  readonly grant?: TokenAmount
}

export interface OwnStatus extends LedgerDescription {
  /** 'served': by another process of this machine. */
  readonly where: UsedLedger['where']
  readonly height: number | undefined
}

export interface JoinedStatus extends LedgerDescription {
  readonly line: JoinLine
  /** Of the latest that its operator signed for us. */
  readonly knownHeight: number | undefined
}

export interface Balance extends LedgerAccount {
  readonly account: AccountId
  readonly ledger: LedgerDescription
}

export interface DoneOperation {
  readonly id: OperationId
  readonly account: AccountId
  readonly to: AccountId
  readonly amount: TokenAmount
  readonly fee: TokenAmount
  readonly ledger: LedgerDescription
}

const accountKeyName = 'account.key'
const operatorKeyName = 'operator.key'
const idLength = 32
const linesAtOnce = 1_000

function describe({ genesis, hash, rail, operator }: LedgerFacts): LedgerDescription {
  const { name, symbol, minting } = genesis
  const grant = minting.type === 'invites' ? { grant: minting.grant } : {}
  return { rail, genesisHash: toHex(hash), name, symbol, operator, ...grant }
}

function drawHex(): string {
  const bytes = new Uint8Array(idLength)
  systemRandom().fill(bytes)
  return toHex(bytes)
}

/** A new ledger of play money. Errors: file-exists, amount-invalid, statement-malformed, those of openOwnLedger. */
export async function initLedger(
  dataFolder: string,
  name: string | undefined,
  grantText: string | undefined,
): Promise<Result<LedgerDescription>> {
  const grant = grantText === undefined ? undefined : parseTokenAmount(grantText, 'TEST')
  if (grant?.ok === false) return grant
  const folder = ownFolder(dataFolder)
  const there = await openOwnLedger({ folder, makes: false })
  if (there.ok) await there.value.close()
  if (there.ok) return failure('file-exists', `${folder}: a ledger is there already`)
  if (there.code !== 'ledger-missing') return there
  const change = (genesis: Genesis): Genesis => ({
    ...genesis,
    ...(name === undefined ? {} : { name }),
    ...(grant === undefined ? {} : { minting: { type: 'invites', grant: grant.value.amount } }),
  })
  const made = await openOwnLedger({ folder, makes: true, change })
  if (!made.ok) return made
  const closed = await made.value.close()
  return closed.ok ? success(describe(made.value.facts)) : closed
}

/** Errors: those of opening the own ledger, but that there is none; ledger-list-damaged. */
export async function ledgerStatus(
  dataFolder: string,
): Promise<Result<{ readonly own: OwnStatus | undefined; readonly joined: readonly JoinedStatus[] }>> {
  const listed = readLedgers(dataFolder)
  if (!listed.ok) return listed
  const joined = listed.value.map(({ line, facts, known }) => ({
    ...describe(facts),
    line,
    knownHeight: known?.receipt.height,
  }))
  const used = await useOwnLedger(dataFolder, false)
  if (!used.ok) return used.code === 'ledger-missing' ? success({ own: undefined, joined }) : used
  const { facts, where, own } = used.value
  const status = { ...describe(facts), where, height: own?.head.height }
  await used.value.close()
  return success({ own: status, joined })
}

/** Errors: ledger-unreachable, ledger-untrue, and those of keeping it. */
export async function joinLedger(dataFolder: string, line: JoinLine): Promise<Result<LedgerDescription>> {
  const listed = readLedgers(dataFolder)
  if (!listed.ok) return listed
  const facts = await greetLedger(line)
  if (!facts.ok) return facts
  const before = listed.value.find((ledger) => ledger.facts.rail === facts.value.rail)
  // It may have moved; what was signed before still counts.
  const joined: JoinedLedger = {
    line,
    facts: facts.value,
    ...(before?.known === undefined ? {} : { known: before.known }),
  }
  const written = writeLedgers(dataFolder, [...listed.value.filter((ledger) => ledger !== before), joined])
  return written.ok ? success(describe(facts.value)) : written
}

/** Errors: ledger-missing, ledger-ambiguous. */
export function leaveLedger(dataFolder: string, wanted: string): Result<LedgerDescription> {
  const listed = readLedgers(dataFolder)
  if (!listed.ok) return listed
  const found = findLedgers(listed.value, wanted)
  const [first] = found
  if (first === undefined) return failure('ledger-missing', `${wanted}: no such ledger was joined`)
  if (found.length > 1) return failure('ledger-ambiguous', `${found.length} ledgers are meant; name one`)
  const written = writeLedgers(
    dataFolder,
    listed.value.filter((ledger) => ledger !== first),
  )
  return written.ok ? success(describe(first.facts)) : written
}

/** An account as people write it: whole, or its address. */
function readAccount(rail: RailId, text: string): Result<AccountId> {
  if (text.includes(':')) {
    const account = parseAccountId(text)
    const isHere = account.ok && account.value.startsWith(`${rail}:`)
    return isHere || !account.ok ? account : failure('account-invalid', `an account that is not on ${rail}`)
  }
  const address = parseAddress(rail, text)
  return address.ok ? success(accountId(rail, address.value)) : address
}

/** The key that pays; made where none was named and there is none. */
function openAccountKey(dataFolder: string, keyPath: string | undefined): Result<SigningKey> {
  if (keyPath !== undefined) return readOperatorKey(keyPath)
  const path = join(dataFolder, accountKeyName)
  const there = readOperatorKey(path)
  return there.ok || there.code !== 'file-not-found' ? there : makeOperatorKey(path, systemRandom())
}

async function withLedger<T>(
  opened: Promise<Result<UsedLedger>>,
  work: (used: UsedLedger) => Promise<Result<T>>,
): Promise<Result<T>> {
  const used = await opened
  if (!used.ok) return used
  try {
    return await work(used.value)
  } finally {
    await used.value.close()
  }
}

export interface LedgerChoice {
  readonly dataFolder: string
  /** By name or id. */
  readonly wanted?: string | undefined
  /** A file with the key of the account. */
  readonly keyPath?: string | undefined
}

/** Of the account named, else of one's own. */
export function ledgerBalance(
  { dataFolder, wanted, keyPath }: LedgerChoice,
  accountText: string | undefined,
  signal: AbortSignal,
): Promise<Result<Balance>> {
  return withLedger(useLedger(dataFolder, wanted), async ({ ledger, facts }) => {
    const account =
      accountText === undefined ? ownAccount(dataFolder, keyPath, facts) : readAccount(facts.rail, accountText)
    if (!account.ok) return account
    const balance = await ledger.account(account.value, signal)
    return balance.ok ? success({ ...balance.value, account: account.value, ledger: describe(facts) }) : balance
  })
}

function ownAccount(dataFolder: string, keyPath: string | undefined, { rail }: LedgerFacts): Result<AccountId> {
  const key = openAccountKey(dataFolder, keyPath)
  if (!key.ok) return key
  const account = accountId(rail, key.value.address)
  key.value.forget()
  return success(account)
}

async function carryOut(
  { ledger, facts }: UsedLedger,
  key: SigningKey,
  operation: LedgerOperation,
  signal: AbortSignal,
): Promise<Result<{ readonly account: AccountId; readonly fee: TokenAmount }>> {
  const account = accountId(facts.rail, key.address)
  const signature = key.sign(operationDigest(operation, account, facts.domain))
  key.forget()
  const outcome = await ledger.submit({ account, operation, signature }, signal)
  if (outcome.ok) return success({ account, fee: outcome.value.fee })
  const isUnknown = outcome.code === 'ledger-unreachable' || outcome.code === 'interrupted'
  if (!isUnknown) return outcome
  return failure(outcome.code, `${outcome.detail}; to ask again without paying twice: --id ${operation.id}`)
}

/** Errors: amount-invalid, account-invalid, and those of the ledger. */
export function transferTokens(
  choice: LedgerChoice,
  to: string,
  amountText: string,
  idText: string | undefined,
  signal: AbortSignal,
): Promise<Result<DoneOperation>> {
  return withLedger(useLedger(choice.dataFolder, choice.wanted), async (used) => {
    const { facts } = used
    const sum = parseTokenAmount(amountText, facts.genesis.symbol)
    if (!sum.ok) return sum
    const payee = readAccount(facts.rail, to)
    if (!payee.ok) return payee
    if (idText !== undefined && !/^[0-9a-f]{64}$/.test(idText))
      return failure('usage', 'an id has 64 hexadecimal digits')
    const key = openAccountKey(choice.dataFolder, choice.keyPath)
    if (!key.ok) return key
    const { amount } = sum.value
    const id = (idText ?? drawHex()) as OperationId
    const done = await carryOut(used, key.value, { type: 'transfer', id, to: payee.value, amount }, signal)
    return done.ok ? success({ ...done.value, id, to: payee.value, amount, ledger: describe(facts) }) : done
  })
}

/** Lets an account into the own ledger, with what its genesis grants. Errors: ledger-refused, and those of the ledger. */
export function mintTokens(dataFolder: string, to: string, signal: AbortSignal): Promise<Result<DoneOperation>> {
  return withLedger(useOwnLedger(dataFolder, false), async (used) => {
    const { minting } = used.facts.genesis
    if (minting.type !== 'invites') return failure('ledger-refused', 'tokens of this ledger come by deposits alone')
    const account = readAccount(used.facts.rail, to)
    if (!account.ok) return account
    const key = readOperatorKey(join(ownFolder(dataFolder), operatorKeyName))
    if (!key.ok) return key
    const id = drawHex() as OperationId
    const operation = { type: 'grant', id, to: account.value, invite: drawHex() as Hash256 } as const
    const done = await carryOut(used, key.value, operation, signal)
    if (!done.ok) return done
    return success({ ...done.value, id, to: account.value, amount: minting.grant, ledger: describe(used.facts) })
  })
}

/** The journal as text, in pieces. Errors: those of the ledger, ledger-unreachable. */
export function exportLedger(
  { dataFolder, wanted }: LedgerChoice,
  write: (text: string) => Promise<void>,
  signal: AbortSignal,
): Promise<Result<LedgerDescription>> {
  return withLedger(useLedger(dataFolder, wanted), async ({ own, facts, address }) => {
    const ledger = describe(facts)
    if (own === undefined) {
      const chunks = address === undefined ? undefined : await fetchExport(address)
      if (chunks?.ok !== true) return chunks ?? failure('ledger-unreachable', 'it has no address')
      const text = new TextDecoder('latin1')
      for await (const chunk of chunks.value) {
        if (signal.aborted) return failure('interrupted', 'stopped before the end')
        await write(text.decode(chunk))
      }
      return success(ledger)
    }
    const head = own.signedHead()
    await write(exportGenesis(facts.bytes))
    const last = head.receipt.height
    for (let height = 1; height <= last; ) {
      const lines = await own.lines(height, Math.min(linesAtOnce, last - height + 1))
      if (!lines.ok) return lines
      if (signal.aborted) return failure('interrupted', 'stopped before the end')
      await write(lines.value.map(exportLine).join(''))
      height += lines.value.length
    }
    await write(exportHead(head))
    return success(ledger)
  })
}
