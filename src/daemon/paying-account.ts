// The account that a command signs with: one of the wallet, within its limits, or a plain key in a file.
// Guarantees: where there is a wallet nothing else signs unless it is named; what a ledger refused is given back to the
// limits, and nothing else is; no key is drawn here. Owns wallet, its lock and its record of spending until it is closed.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { equalBytes } from '../base/bytes.ts'
import { type Failure, failure, type Result, SwarmbidError, success, unwrap } from '../base/errors.ts'
import { accountId } from '../formats/money/account-id.ts'
import { operationDigest } from '../formats/money/operation-digest.ts'
import { openSqliteStore } from '../host/sqlite-store.ts'
import { systemClock } from '../host/system-clock.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import type { AccountId, LedgerOperation, OperationId, RailId, Signature } from '../ports/ledger.ts'
import type { SigningKey } from '../ports/signatures.ts'
import type { Owner } from '../ports/signer.ts'
import type { EndedHolding } from '../wallet/history.ts'
import { type ChargeOutcome, SpendingBook } from '../wallet/spending-book.ts'
import { namedAccounts } from '../wallet/wallet.ts'
import { openSystemWallet } from './open-wallet.ts'
import { readOperatorKey } from './operator-key.ts'
import { lockWallet, readPolicy, readWallet, type WalletHost } from './wallet-folder.ts'

export interface AccountChoice {
  readonly dataFolder: string
  /** A plain key, in place of the wallet. */
  readonly keyPath?: string | undefined
  /** Of the wallet, from 0. */
  readonly number: number
  readonly host: WalletHost
  /** Asked for once it is needed. */
  passphrase(): Promise<string>
  /** Absent: what is over a limit is refused. */
  readonly owner?: Owner | undefined
  /** Told to people: which key signs, where it may not be the one they think of. */
  note(text: string): void
}

export interface PayingAccount {
  readonly account: AccountId
  /** Errors: those of the Signer. */
  sign(operation: LedgerOperation, signal: AbortSignal): Promise<Result<Signature>>
  /** What became of an operation, for good. */
  settle(id: OperationId, outcome: ChargeOutcome): Promise<Result<void>>
  close(): Promise<void>
}

const accountKeyName = 'account.key'
const spendingName = 'spending.db'

/** What was spent, and the lanes that it is spent on: one database, so that both change together. */
export function spendingPath(dataFolder: string): string {
  return join(dataFolder, 'wallet', spendingName)
}

/** Only one process knows what is spent at a time, or two would sign for the same. */
export function walletBusy(): Failure {
  return failure(
    'wallet-busy',
    'another process pays with this wallet: wait for it, or if it is a `lane watch`, stop that, do this, and start it again',
  )
}

type Found =
  | { readonly type: 'wallet'; readonly account: AccountId }
  | { readonly type: 'key'; readonly key: SigningKey; readonly account: AccountId }

/** Errors: wallet-missing, wallet-damaged, usage (no such account), those of the key file. */
async function findAccount(choice: AccountChoice, { rail }: LedgerFacts): Promise<Result<Found>> {
  const { dataFolder, keyPath, number, note } = choice
  const ofKey = (path: string): Result<Found> => {
    const key = readOperatorKey(path)
    return key.ok ? success({ type: 'key', key: key.value, account: accountId(rail, key.value.address) }) : key
  }
  if (keyPath !== undefined) return ofKey(keyPath)
  const plain = join(dataFolder, accountKeyName)
  try {
    const accounts = namedAccounts(await readWallet(dataFolder))
    const named = accounts[number]
    if (named === undefined) return failure('usage', `the wallet has no account ${number}`)
    const left = ofKey(plain)
    if (left.ok && left.value.type === 'key') {
      const { key } = left.value
      key.forget()
      const isInWallet = accounts.some(({ address }) => equalBytes(address, key.address))
      note(
        isInWallet
          ? `The wallet is used. It has the key in ${plain}, too: once it has a backup, delete that file.`
          : `The wallet is used. There is a plain key too: --account-key ${plain} reaches what is its own.`,
      )
    }
    return success({ type: 'wallet', account: accountId(rail, named.address) })
  } catch (error) {
    if (!(error instanceof SwarmbidError)) throw error
    if (error.code !== 'wallet-missing') return failure(error.code, error.message)
  }
  const there = ofKey(plain)
  if (there.ok) {
    const advice = '`swarmbid wallet restore --account-key` makes a wallet of it'
    note(`There is no wallet: the plain key in ${plain} is used, and no limits hold for it; ${advice}.`)
  }
  if (there.ok || there.code !== 'file-not-found') return there
  return failure('wallet-missing', `there is no wallet in ${dataFolder}; \`swarmbid wallet create\` makes one`)
}

/** The account alone, without opening anything. Errors: as findAccount. */
export async function chosenAccount(choice: AccountChoice, facts: LedgerFacts): Promise<Result<AccountId>> {
  const found = await findAccount(choice, facts)
  if (!found.ok) return found
  if (found.value.type === 'key') found.value.key.forget()
  return success(found.value.account)
}

/** Errors: as findAccount; wallet-busy, passphrase-wrong, wallet-locked (nobody to ask for it). */
export async function openPayingAccount(choice: AccountChoice, facts: LedgerFacts): Promise<Result<PayingAccount>> {
  const found = await findAccount(choice, facts)
  if (!found.ok) return found
  if (found.value.type === 'wallet') return openOfWallet(choice, facts)
  const { key, account } = found.value
  return success({
    account,
    sign: async (operation) => success(key.sign(operationDigest(operation, account, facts.domain))),
    settle: async () => success(undefined),
    close: async () => key.forget(),
  })
}

async function openOfWallet(choice: AccountChoice, facts: LedgerFacts): Promise<Result<PayingAccount>> {
  const { dataFolder, number, host, owner } = choice
  const { rail, domain, genesis } = facts
  const store = await openSqliteStore(spendingPath(dataFolder))
  if (!store.ok) {
    return store.code === 'store-locked' ? walletBusy() : store
  }
  try {
    const rails = new Map([[rail, { symbol: genesis.symbol, fees: genesis.fees }]])
    const request = { dataFolder, store: store.value, rails, clock: systemClock(), host }
    const opened = await openSystemWallet(owner === undefined ? request : { ...request, owner })
    try {
      unwrap(await opened.wallet.unlock(await choice.passphrase()))
    } catch (error) {
      opened.close()
      throw error
    }
    const signer = opened.wallet.signer(number, rail)
    return success({
      account: signer.account,
      sign: (operation, signal) => signer.sign({ type: 'ledger-operation', domain, operation }, signal),
      settle: (id, outcome) => opened.book.settle(rail, id, outcome),
      async close() {
        opened.close()
        await store.value.close()
      },
    })
  } catch (error) {
    await store.value.close()
    if (!(error instanceof SwarmbidError)) throw error
    return failure(error.code, error.message)
  }
}

/** Gives back to the limits what came back of what has ended. While the wallet is busy nothing: it is so the next time. */
export async function settleEnded(
  { dataFolder, keyPath }: AccountChoice,
  rail: RailId,
  ended: readonly EndedHolding[],
): Promise<void> {
  const path = spendingPath(dataFolder)
  if (keyPath !== undefined || ended.length === 0 || !existsSync(path)) return
  const store = await openSqliteStore(path)
  if (!store.ok) return
  try {
    const lock = await lockWallet(dataFolder)
    try {
      const book = new SpendingBook(store.value, () => systemClock().wallMs(), await readPolicy(dataFolder))
      for (const { id, kept } of ended) await book.settle(rail, id as OperationId, { type: 'ended', kept })
    } finally {
      lock.release()
    }
  } catch (error) {
    if (!(error instanceof SwarmbidError)) throw error
  } finally {
    await store.value.close()
  }
}
