// With whom a torrent dealt, and what it came to: sums by account and side over all connections, those that are gone
// included. Guarantees: plain values of one moment; nobody is forgotten as long as the session knows the torrent.
// Owns the sums of connections that are gone.
import { addAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { SpeedParty } from './snapshots.ts'

export interface PaidSums {
  readonly owed: TokenAmount
  readonly paid: TokenAmount
}

/** One side of a connection. */
export interface DealingSide {
  readonly account: AccountId
  readonly rail: RailId
  readonly dealtBytes: number
  readonly sums: PaidSums
}

export class SpeedParties {
  private readonly byName = new Map<string, SpeedParty>()

  get count(): number {
    return this.byName.size
  }

  /** A side that is about to end; what it came to is kept. What is not paid yet is part of the next connection's. */
  add(side: SpeedParty['side'], dealing: DealingSide): void {
    const { account, rail, dealtBytes, sums } = dealing
    const settled = { account, rail, dealtBytes, sums: { owed: sums.paid, paid: sums.paid } }
    const party = sumOf(this.byName.get(nameOf(side, dealing)), side, settled)
    if (party.bytes > 0 || party.paid > 0n) this.byName.set(nameOf(side, dealing), party)
  }

  /** Bytes of a connection that is gone proved right. */
  addLate(side: SpeedParty['side'], dealing: DealingSide, bytes: number): void {
    const party = this.byName.get(nameOf(side, dealing))
    if (party !== undefined) this.byName.set(nameOf(side, dealing), { ...party, bytes: party.bytes + bytes })
  }

  /** With the connections there are. */
  rows(live: Iterable<readonly [SpeedParty['side'], DealingSide]>): SpeedParty[] {
    const rows = new Map(this.byName)
    for (const [side, dealing] of live) {
      const name = nameOf(side, dealing)
      const party = sumOf(rows.get(name), side, dealing)
      if (party.bytes > 0 || party.paid > 0n) rows.set(name, party)
    }
    return [...rows.values()]
  }
}

function nameOf(side: SpeedParty['side'], { account }: DealingSide): string {
  return `${side} ${account}`
}

function sumOf(before: SpeedParty | undefined, side: SpeedParty['side'], dealing: DealingSide): SpeedParty {
  const { account, rail, dealtBytes, sums } = dealing
  return {
    account,
    rail,
    side,
    bytes: (before?.bytes ?? 0) + dealtBytes,
    owed: addAmounts(before?.owed ?? zeroAmount, sums.owed),
    paid: addAmounts(before?.paid ?? zeroAmount, sums.paid),
  }
}
