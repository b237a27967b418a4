// Which ledger a command is about, what people and scripts are told of it, and accounts on it as people write them.
// Guarantees: what is not plainly meant is refused; a ledger that was opened is closed on every way out.
import { toHex } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { parseTokenAmount, type TokenAmount, type TokenSymbol } from '../base/token-amount.ts'
import { accountId, parseAccountId, parseAddress } from '../formats/money/account-id.ts'
import { systemRandom } from '../host/system-random.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import type { AccountId, Ledger, OperationId, RailId } from '../ports/ledger.ts'
import { type UsedLedger, useLedger } from './use-ledger.ts'

export interface LedgerChoice {
  readonly dataFolder: string
  /** By name or id. */
  readonly wanted?: string | undefined
}

/** A ledger as people and scripts are told of it. */
export interface LedgerDescription {
  readonly rail: RailId
  readonly genesisHash: string
  readonly name: string
  readonly symbol: TokenSymbol
  readonly operator: AccountId
  readonly grant?: TokenAmount
}

const idLength = 32
const idText = /^(?:0x)?([0-9a-f]{64})$/

export function describeLedger({ genesis, hash, rail, operator }: LedgerFacts): LedgerDescription {
  const { name, symbol, minting } = genesis
  const grant = minting.type === 'invites' ? { grant: minting.grant } : {}
  return { rail, genesisHash: toHex(hash), name, symbol, operator, ...grant }
}

/** 32 bytes drawn at random, in hexadecimal digits. */
export function drawHex(): string {
  const bytes = new Uint8Array(idLength)
  systemRandom().fill(bytes)
  return toHex(bytes)
}

/** Of an operation, as it is printed. Errors: usage. */
export function readId(text: string): Result<OperationId> {
  const [, digits] = idText.exec(text) ?? []
  return digits === undefined ? failure('usage', 'an id has 64 hexadecimal digits') : success(digits as OperationId)
}

/** The id given for an operation whose fate is not known, or a new one. Errors: usage. */
export function idOf(text: string | undefined): Result<OperationId> {
  return text === undefined ? success(drawHex() as OperationId) : readId(text)
}

/** An account as people write it: whole, or its address. Errors: account-invalid. */
export function readAccount(rail: RailId, text: string): Result<AccountId> {
  if (text.includes(':')) {
    const account = parseAccountId(text)
    const isHere = account.ok && account.value.startsWith(`${rail}:`)
    return isHere || !account.ok ? account : failure('account-invalid', `an account that is not on ${rail}`)
  }
  const address = parseAddress(rail, text)
  return address.ok ? success(accountId(rail, address.value)) : address
}

/** Of the ledger's token. Errors: amount-invalid, amount-other-token. */
export function readAmount({ genesis }: LedgerFacts, text: string): Result<TokenAmount> {
  const sum = parseTokenAmount(text, genesis.symbol)
  return sum.ok ? success(sum.value.amount) : sum
}

/** When something ends, by the ledger's time. Given as a moment, the same is meant when it is asked for again. */
export type Moment = { readonly inMs: number } | { readonly atMs: number }

export async function momentMs(ledger: Ledger, moment: Moment, signal: AbortSignal): Promise<Result<number>> {
  if ('atMs' in moment) return success(moment.atMs)
  const nowMs = await ledger.timeMs(signal)
  return nowMs.ok ? success(nowMs.value + moment.inMs) : nowMs
}

export async function whileUsing<T>(
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

export function withLedger<T>(
  { dataFolder, wanted }: LedgerChoice,
  work: (used: UsedLedger) => Promise<Result<T>>,
): Promise<Result<T>> {
  return whileUsing(useLedger(dataFolder, wanted), work)
}
