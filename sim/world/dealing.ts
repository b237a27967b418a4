// How machines of a simulated world deal on a ledger: what their sessions are told, and what became of their money.
// Pure: amounts, settings and a look at the books.
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import type { AddOptions } from '../../src/session/commands.ts'
import type { SpeedConfig } from '../../src/session/session-config.ts'
import type { SimulatedLedger } from '../ports/simulated-ledger.ts'
import type { Machine } from './machine.ts'

const baseUnits = 10n ** 18n
/** What everybody is given to begin with, on the ledger and for the day. */
const plenty = 10_000

/** Whole thousandths of a token. */
export function tokens(count: number): TokenAmount {
  return tokenAmount((BigInt(Math.round(count * 1_000)) * baseUnits) / 1_000n)
}

/** To a millionth. */
export function inTokens(amount: bigint): number {
  return Number(amount / (baseUnits / 1_000_000n)) / 1_000_000
}

export interface Dealer {
  readonly ledger: SimulatedLedger
  readonly config: { readonly speed: SpeedConfig }
}

export type Buyer = Dealer & { readonly add: AddOptions }

/** Sells up to so many slots of a torrent, at a token a MiB to begin with. */
export function sellerOn(ledger: SimulatedLedger, changes: Partial<SpeedConfig> = {}): Dealer {
  return { ledger, config: { speed: { ...usualSpeed, earns: true, ...changes } } }
}

/** Pays up to so many tokens for the torrent, and sells nothing unless told to. */
export function buyerOn(ledger: SimulatedLedger, budgetTokens: number, changes: Partial<SpeedConfig> = {}): Buyer {
  return {
    ledger,
    config: { speed: { ...usualSpeed, pays: true, ...changes } },
    add: { budget: { most: tokens(budgetTokens) } },
  }
}

/** What an account has more than it was given, lanes of its own included; less: negative. */
export function gainOf({ wallet }: Machine): bigint {
  if (wallet === undefined) return 0n
  const { available, locked } = wallet.ledger.core.state.account(wallet.account)
  return available + locked - BigInt(plenty) * baseUnits
}

const usualSpeed: SpeedConfig = {
  pays: false,
  earns: false,
  shares: 4,
  startPrice: tokens(1),
  floorPrice: tokens(0.01),
  capPrice: tokens(100),
  dayBudget: tokens(plenty),
  leastPerHour: tokenAmount(0n),
  inPrivateTorrents: false,
}
