// What Speed needs of this machine, out of the owner's data folder: the ledgers that it trusts, an account of the wallet,
// its lanes and what it spends. Guarantees: one process has the payments at a time; nothing is opened before the wallet
// allows what is asked for; whatever was opened is closed on every way out, the session that used it having ended before.
import { failure, type Result, SwarmbidError, success, unwrap } from '../base/errors.ts'
import {
  formatTokenAmount,
  parseTokenAmount,
  type TokenAmount,
  type TokenSum,
  type TokenSymbol,
  tokenAmount,
  zeroAmount,
} from '../base/token-amount.ts'
import { secp256k1 } from '../host/secp256k1.ts'
import { systemClock } from '../host/system-clock.ts'
import type { ExceededLimit, Owner } from '../ports/signer.ts'
import type { Store } from '../ports/store.ts'
import type { SpeedConfig } from '../session/session-config.ts'
import type { SpeedPorts, SpeedRail } from '../session/speed-ports.ts'
import { SpendingBook } from '../wallet/spending-book.ts'
import { peerLimit, type SpendingPolicy } from '../wallet/spending-policy.ts'
import { openPayments, termsOf } from './open-lanes.ts'
import { openSystemWallet } from './open-wallet.ts'
import { pricePerMiB } from './price-unit.ts'
import { railReceipts } from './rail-receipts.ts'
import { type UsedLedger, useTrustedLedgers } from './use-ledger.ts'
import { readPolicy, readWallet, type WalletHost } from './wallet-folder.ts'

/** What is to be paid, over limits of the wallet. */
export interface BudgetQuestion {
  readonly symbol: TokenSymbol
  readonly amount: TokenAmount
  readonly exceeded: readonly ExceededLimit[]
}

export interface SpeedRequest {
  readonly dataFolder: string
  /** By name or id; undefined: all that are trusted. */
  readonly ledger?: string | undefined
  /** Of the wallet, by its number. */
  readonly account: number
  readonly host: WalletHost
  /** Asked for once it is needed. */
  passphrase(): Promise<string>
  /** Absent: nobody is there to ask. */
  readonly mayExceed?: ((question: BudgetQuestion) => Promise<boolean>) | undefined
  /** Told to people alone. */
  note(text: string): void
  /** An amount as people write it, for all torrents together; undefined: nothing is paid. */
  readonly pays?: string
  /** To be there in so many seconds from now: bought as a job of several sellers (market B). */
  readonly deadlineSeconds?: number
  /** Prices alone are asked for. */
  readonly isQuote: boolean
  /** Bytes a second; Infinity: no limit. */
  readonly downloadLimit: number
  /** What a GiB costs, as people write it; undefined: nothing is sold. */
  readonly earns?: 'auto' | { readonly perGiB: string }
  /** What an hour of seeding is to bring, for each torrent, as people write it; undefined: it is seeded anyway. */
  readonly whileEarning?: string
  /** Others are paid to stay, once it is complete: so many, for so long from now. */
  readonly staying?: { readonly seconds: number; readonly seeders: number }
  readonly inPrivateTorrents: boolean
  /** Nobody asked for it: what is wrong with it is told, and it goes without. */
  readonly isByDefault: boolean
}

export interface OpenedSpeed {
  readonly ports: SpeedPorts
  readonly config: SpeedConfig
  readonly symbol: TokenSymbol
  /** Of all torrents. */
  readonly budget: TokenAmount | undefined
  /** What an hour of seeding a torrent is to bring; undefined: nothing. */
  readonly costPerHour: TokenAmount | undefined
  /** Of lanes, on all rails. */
  readonly store: Store
  close(): Promise<void>
}

const token = 10n ** 18n
/** For a GiB. */
const usualPrice = { start: 1_000n * token, floor: 10n * token, cap: 100_000n * token }
/** kA: half of the slots of a torrent. */
const usualShares = 4
/** Terms name no more of them. */
const maxLedgers = 8

/** Throws: wallet-missing, wallet-busy, passphrase-wrong, spending-off, earning-off, spending-limit, those of amounts and ledgers. */
export async function openSpeed(request: SpeedRequest): Promise<OpenedSpeed> {
  const { dataFolder } = request
  const opened: (() => unknown)[] = []
  const close = async () => {
    for (const end of opened.splice(0).reverse()) await end()
  }
  try {
    await requireWallet(dataFolder)
    const policy = await readPolicy(dataFolder)
    requireAllowed(request, policy)
    const all = unwrap(await useTrustedLedgers(dataFolder, request.ledger))
    for (const used of all) opened.push(() => used.close())
    const amounts = unwrap(readAmounts(request, all))
    const { budget, costPerHour, symbol } = amounts
    const ledgers = all.filter(({ facts }) => facts.genesis.symbol === symbol).slice(0, maxLedgers)
    const store = unwrap(await openPayments(dataFolder))
    opened.push(() => store.close())
    const owner =
      budget === undefined || request.isQuote
        ? undefined
        : await ownerOf(request, policy, store, { symbol, amount: budget })
    const rails = new Map(ledgers.map(({ facts }) => [facts.rail, facts.genesis] as const))
    const clock = systemClock()
    const wallet = await openSystemWallet({
      dataFolder,
      store,
      rails,
      clock,
      host: request.host,
      ...(owner === undefined ? {} : { owner }),
    })
    opened.push(() => wallet.close())
    if (wallet.wallet.accounts[request.account] === undefined) {
      unwrap(failure('usage', `the wallet has no account ${request.account}`))
    }
    unwrap(await wallet.wallet.unlock(await request.passphrase()))
    const parts = ledgers.map((used): SpeedRail => {
      const { facts, ledger, attests } = used
      const signer = wallet.wallet.signer(request.account, facts.rail)
      const receipts = railReceipts(attests, facts, signer.account, secp256k1.scheme)
      return { terms: termsOf(facts), symbol, ledger, receipts, signer, store, spending: wallet.book }
    })
    return {
      ports: { rails: parts, scheme: secp256k1.scheme },
      config: configOf(request, amounts),
      symbol,
      budget,
      costPerHour,
      store,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function requireWallet(dataFolder: string): Promise<void> {
  try {
    await readWallet(dataFolder)
  } catch (error) {
    if (!(error instanceof SwarmbidError) || error.code !== 'wallet-missing') throw error
    throw new SwarmbidError('wallet-missing', `${error.message}; \`swarmbid wallet create\` makes one`)
  }
}

function requireAllowed({ pays, earns, isQuote }: SpeedRequest, policy: SpendingPolicy): void {
  if (pays !== undefined && !isQuote && policy.spending === 'off') {
    unwrap(failure('spending-off', 'spending is switched off; `swarmbid wallet spending on` allows it'))
  }
  if (earns !== undefined && policy.earning === 'off') {
    unwrap(failure('earning-off', 'earning is switched off; `swarmbid wallet earning on` allows it'))
  }
}

interface Amounts {
  readonly symbol: TokenSymbol
  readonly budget: TokenAmount | undefined
  /** For a MiB; undefined: by itself. */
  readonly price: TokenAmount | undefined
  readonly costPerHour: TokenAmount | undefined
}

/** Of the token that is named, or else of the most trusted ledger. Errors: amount-invalid, amount-other-token, ledger-missing. */
function readAmounts({ pays, earns, whileEarning }: SpeedRequest, ledgers: readonly UsedLedger[]): Result<Amounts> {
  const symbols = [...new Set(ledgers.map(({ facts }) => facts.genesis.symbol))]
  const [first] = symbols
  const read = (text: string | undefined): TokenSum | undefined => {
    if (text === undefined) return undefined
    const sum = unwrap(parseTokenAmount(text, symbols.length === 1 ? first : undefined))
    return sum.amount > 0n ? sum : unwrap(failure('amount-invalid', 'nothing at all'))
  }
  const budget = read(pays)
  const perGiB = read(earns === undefined || earns === 'auto' ? undefined : earns.perGiB)
  const perHour = read(whileEarning)
  const named = [...new Set([budget, perGiB, perHour].flatMap((sum) => (sum === undefined ? [] : [sum.symbol])))]
  if (named.length > 1) return failure('amount-other-token', `one token for all of it, not ${named.join(' and ')}`)
  const symbol = named[0] ?? first
  if (symbol === undefined || !symbols.includes(symbol)) {
    return failure('ledger-missing', `no ledger with ${symbol ?? 'tokens'} is here, and none was joined`)
  }
  return success({
    symbol,
    budget: budget?.amount,
    price: perGiB === undefined ? undefined : pricePerMiB(perGiB.amount),
    costPerHour: perHour?.amount,
  })
}

function configOf(request: SpeedRequest, { budget, price, costPerHour }: Amounts): SpeedConfig {
  const usual = (perGiB: bigint) => price ?? pricePerMiB(tokenAmount(perGiB))
  return {
    pays: request.pays !== undefined || request.isQuote,
    earns: request.earns !== undefined,
    shares: usualShares,
    startPrice: usual(usualPrice.start),
    floorPrice: usual(usualPrice.floor),
    capPrice: usual(usualPrice.cap),
    dayBudget: request.isQuote ? zeroAmount : (budget ?? zeroAmount),
    leastPerHour: costPerHour ?? zeroAmount,
    inPrivateTorrents: request.inPrivateTorrents,
  }
}

/** The wallet's limits that are below a budget. Errors: store-damaged. */
async function limitsBelow(
  store: Store,
  policy: SpendingPolicy,
  { symbol, amount }: Omit<BudgetQuestion, 'exceeded'>,
): Promise<readonly ExceededLimit[]> {
  const limits = policy.limits[symbol]
  const spent = unwrap(await new SpendingBook(store, () => systemClock().wallMs(), policy).spentToday(symbol))
  const rows: readonly [ExceededLimit['limit'], bigint | undefined][] = [
    ['transfer', limits.transfer],
    ['day', limits.day === undefined ? undefined : limits.day > spent ? limits.day - spent : 0n],
    ['torrent', limits.torrent],
    ['peer', peerLimit(limits)],
  ]
  const exceeded: ExceededLimit[] = []
  for (const [limit, allowed] of rows) {
    if (allowed !== undefined && allowed < amount) exceeded.push({ limit, allowed, wanted: amount })
  }
  return exceeded
}

/**
 * Who says yes to what is over a limit, having been asked once for the whole budget; undefined: the limits hold. Errors:
 * spending-limit where nothing at all may be paid without asking, and nobody is there.
 */
async function ownerOf(
  request: SpeedRequest,
  policy: SpendingPolicy,
  store: Store,
  budget: Omit<BudgetQuestion, 'exceeded'>,
): Promise<Owner | undefined> {
  const exceeded = await limitsBelow(store, policy, budget)
  if (exceeded.length === 0) return undefined
  if ((await request.mayExceed?.({ ...budget, exceeded })) === true) return { confirm: async () => true }
  const nothing = exceeded.find(({ allowed }) => allowed === 0n)
  const token = budget.symbol
  if (nothing !== undefined) {
    const name = { transfer: '--per-payment', day: '--per-day', torrent: '--per-torrent', peer: '--per-payee' } as const
    const option = name[nothing.limit as keyof typeof name]
    const detail = `the wallet lets nothing be paid without asking; see \`swarmbid wallet limits --token ${token} ${option} …\``
    unwrap(failure('spending-limit', detail))
  }
  const least = exceeded.reduce((a, b) => (b.allowed < a.allowed ? b : a))
  const text = formatTokenAmount(tokenAmount(least.allowed), token)
  request.note(`A limit of the wallet (${least.limit}) is below what may be paid: ${text}; it holds.`)
  return undefined
}
