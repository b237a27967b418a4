// The lanes of one account of the wallet on one ledger, put together: ledger, records, wallet, and the drivers of the side
// that is asked for. Guarantees: one process has them at a time; whatever was begun before goes on while they are open; on
// closing everything asked for is on the disk.
import { failure, type Result, success, unwrap } from '../base/errors.ts'
import { type TokenSymbol, tokenAmount } from '../base/token-amount.ts'
import { secp256k1 } from '../host/secp256k1.ts'
import { openSqliteStore } from '../host/sqlite-store.ts'
import { systemClock } from '../host/system-clock.ts'
import { systemRandom } from '../host/system-random.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import type { PayeeMessage } from '../payment/lane-messages.ts'
import type { PayeeNotice, PayerNotice } from '../payment/payment-events.ts'
import type { RailTerms } from '../payment/rail-terms.ts'
import type { AccountId, Ledger } from '../ports/ledger.ts'
import type { Owner } from '../ports/signer.ts'
import type { Store } from '../ports/store.ts'
import {
  type LaneDriverPorts,
  type PayeeDriver,
  type PayerDriver,
  startPayee,
  startPayer,
} from '../session/lane-driver.ts'
import { openSystemWallet } from './open-wallet.ts'
import { spendingPath, walletBusy } from './paying-account.ts'
import { type UsedLedger, useLedger } from './use-ledger.ts'
import type { WalletHost } from './wallet-folder.ts'

export interface LanesRequest {
  readonly dataFolder: string
  /** By name or id. */
  readonly ledger?: string | undefined
  /** Of the wallet, by its number. */
  readonly account: number
  readonly passphrase: () => Promise<string>
  readonly owner?: Owner | undefined
  readonly host: WalletHost
}

export interface LaneListeners {
  readonly onPayer?: (notice: PayerNotice) => void
  readonly onPayee?: (notice: PayeeNotice) => void
  readonly onPayeeMessage?: (message: PayeeMessage) => void
}

export interface OpenedLanes {
  readonly account: AccountId
  readonly ledger: Ledger
  readonly facts: LedgerFacts
  readonly symbol: TokenSymbol
  readonly terms: RailTerms
  startPayer(): Promise<PayerDriver>
  startPayee(): Promise<PayeeDriver>
}

/** Of a ledger, as its genesis says. */
export function termsOf({ genesis, rail, domain }: LedgerFacts): RailTerms {
  const { challengeMs, limits, fees } = genesis
  const { minDeposit, maxLaneMs } = limits
  return { rail, domain, challengeMs, minDeposit, maxLaneMs, openFee: fees.open }
}

/** The owner's payments, of all ledgers. Errors: wallet-busy (another process has them), those of the store. */
export async function openPayments(dataFolder: string): Promise<Result<Store>> {
  const store = await openSqliteStore(spendingPath(dataFolder))
  const isBusy = !store.ok && store.code === 'store-locked'
  return isBusy ? walletBusy() : store
}

/** Cashing is for when time presses, or the owner says so; who pays by hand is never away. */
const byTimeAlone = { claimAt: tokenAmount(2n ** 255n), returnsWithinMs: Number.POSITIVE_INFINITY }

/** Throws what opening any of them does: those of ledgers, of the wallet. */
export async function withLanes<T>(
  request: LanesRequest,
  listeners: LaneListeners,
  work: (lanes: OpenedLanes) => Promise<T>,
): Promise<T> {
  const used = unwrap(await useLedger(request.dataFolder, request.ledger))
  try {
    const store = unwrap(await openPayments(request.dataFolder))
    try {
      return await withWallet(request, listeners, used, store, work)
    } finally {
      await store.close()
    }
  } finally {
    await used.close()
  }
}

async function withWallet<T>(
  { dataFolder, account: number, passphrase, owner, host }: LanesRequest,
  listeners: LaneListeners,
  { ledger, facts }: UsedLedger,
  store: Store,
  work: (lanes: OpenedLanes) => Promise<T>,
): Promise<T> {
  const { rail, genesis } = facts
  const { symbol, fees } = genesis
  const clock = systemClock()
  const opened = await openSystemWallet({
    dataFolder,
    store,
    rails: new Map([[rail, { symbol, fees }]]),
    ...(owner === undefined ? {} : { owner }),
    clock,
    host,
  })
  const { wallet, book } = opened
  const drivers: { close(): Promise<void> }[] = []
  try {
    if (wallet.accounts[number] === undefined) unwrap(failure('usage', `there is no account ${number}`))
    unwrap(await wallet.unlock(await passphrase()))
    const signer = wallet.signer(number, rail)
    const { account } = signer
    const terms = termsOf(facts)
    const ports: LaneDriverPorts = { store, signer, ledger, clock, spending: book }
    const options = { terms, account, scheme: secp256k1.scheme, random: systemRandom() }
    return await work({
      account,
      ledger,
      facts,
      symbol,
      terms,
      async startPayer() {
        const notice = listeners.onPayer ?? (() => undefined)
        const driver = unwrap(await startPayer(options, ports, { tell: () => undefined, notice }))
        drivers.push(driver)
        return driver
      },
      async startPayee() {
        const outlet = {
          tell: (_to: AccountId, message: PayeeMessage) => listeners.onPayeeMessage?.(message),
          notice: listeners.onPayee ?? (() => undefined),
        }
        const driver = unwrap(await startPayee({ ...options, ...byTimeAlone }, ports, outlet))
        drivers.push(driver)
        return driver
      },
    })
  } finally {
    for (const driver of drivers) await driver.close()
    opened.close()
  }
}

/** Whether a promise was kept in time. Errors: ledger-unreachable, interrupted. */
export async function within<T>(awaited: Promise<T>, ms: number, signal: AbortSignal): Promise<Result<T>> {
  let timer: NodeJS.Timeout | undefined
  let onAbort: (() => void) | undefined
  const late = new Promise<Result<T>>((resolve) => {
    timer = setTimeout(() => resolve(failure('ledger-unreachable', 'the ledger did not answer; it is tried again')), ms)
    onAbort = () => resolve(failure('interrupted', 'stopped; what was begun goes on the next time'))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
  try {
    return await Promise.race([awaited.then((value) => success(value)), late])
  } finally {
    clearTimeout(timer)
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort)
  }
}
