// What a torrent cost and brought, once a run is over: what is gone, what is locked and until when, what was bought and of
// whom. Guarantees: amounts are those of the payments' own records; time saved is said to be an estimate, and is left out
// where nothing says how long it would have taken. Pure, but for reading the store.
import { type Result, success } from '../base/errors.ts'
import { addAmounts, type TokenAmount, type TokenSymbol, zeroAmount } from '../base/token-amount.ts'
import { type PayerLane, payerLanes } from '../payment/lane-records.ts'
import type { RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'
import { readTable } from '../session/lane-records-reader.ts'
import type { SpeedParty, TorrentSnapshot } from '../session/snapshots.ts'

/** Deposits that have not come back. */
export interface LockedDeposits {
  readonly amount: TokenAmount
  readonly lanes: number
  /** Wall clock, as the ledger counts it: when all of it has come back by itself at the latest. */
  readonly untilMs: number
}

export interface Invoice {
  readonly symbol: TokenSymbol
  readonly budget: TokenAmount | undefined
  /** Gone for good, fees included. */
  readonly spent: TokenAmount
  /** Undefined: nothing is. */
  readonly locked: LockedDeposits | undefined
  readonly earned: TokenAmount
  readonly boughtBytes: number
  readonly freeBytes: number
  /** An estimate (speed-saving.ts); undefined: nothing says. */
  readonly savedSeconds: number | undefined
  readonly parties: readonly SpeedParty[]
}

/** Undefined: nothing was bought or sold, and nothing was to be. */
export function invoiceOf(
  torrent: TorrentSnapshot,
  budget: TokenAmount | undefined,
  locked: LockedDeposits | undefined,
  savedSeconds: number | undefined,
): Invoice | undefined {
  const { speed } = torrent
  if (speed === undefined || (budget === undefined && speed.parties.length === 0)) return undefined
  const { symbol, spent, earned, boughtBytes, freeBytes, parties } = speed
  return { symbol, budget, spent, locked, earned, boughtBytes, freeBytes, savedSeconds, parties }
}

/** Of lanes opened for a torrent, what was not signed away; undefined: nothing. Errors: store-damaged. */
export async function lockedFor(
  store: Store,
  rails: readonly RailId[],
  torrent: string,
): Promise<Result<LockedDeposits | undefined>> {
  let [amount, lanes, untilMs] = [zeroAmount, 0, 0]
  for (const rail of rails) {
    const records = await readTable(store, payerLanes, rail)
    if (!records.ok) return records
    for (const lane of records.value.filter(({ budget }) => budget === torrent)) {
      lanes++
      amount = addAmounts(amount, unspentOf(lane))
      untilMs = Math.max(untilMs, lane.state.type === 'closing' ? lane.state.closesAtMs : lane.expiresAtMs)
    }
  }
  return success(lanes === 0 ? undefined : { amount, lanes, untilMs })
}

function unspentOf({ deposit, signed, toppingUp }: PayerLane): TokenAmount {
  return (deposit - signed + toppingUp) as TokenAmount
}
