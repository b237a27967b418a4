// What scenarios with money build with, besides the stage: a ledger, joinings of those who pay and those who earn, and what
// of it came about in the end. Guarantees: without them nothing of Speed is there. Owns the ledger's place on the stage.

import type { SpeedConfig } from '../src/session/session-config.ts'
import type { TorrentSpeedSnapshot } from '../src/session/snapshots.ts'
import type { SimulatedLedger, SimulatedLedgerOptions } from './ports/simulated-ledger.ts'
import type { Participant, Stage } from './stage.ts'
import { type Buyer, buyerOn, type Dealer, gainOf, sellerOn } from './world/dealing.ts'
import type { Machine } from './world/machine.ts'

export class MarketStage {
  readonly ledger: SimulatedLedger
  private readonly stage: Stage

  constructor(stage: Stage, options: Omit<SimulatedLedgerOptions, 'clock' | 'random'> = {}) {
    this.stage = stage
    this.ledger = stage.world.ledger(options)
  }

  /** Sells up to so many slots of a torrent, at a token a MiB to begin with. */
  earning(changes: Partial<SpeedConfig> = {}): Dealer {
    return sellerOn(this.ledger, changes)
  }

  /** Pays up to so many tokens for the torrent, and sells nothing. */
  paying(budgetTokens: number, changes: Partial<SpeedConfig> = {}): Buyer {
    return buyerOn(this.ledger, budgetTokens, changes)
  }

  /** Both, as everybody does who leaves it to the program. */
  dealing(budgetTokens: number): Buyer {
    return this.paying(budgetTokens, { earns: true })
  }

  speedOf({ machine, id }: Participant): TorrentSpeedSnapshot {
    const { speed } = machine.torrent(id)
    if (speed === undefined) throw new Error(`${machine.address} deals in nothing`)
    return speed
  }

  boughtBytes(participants: readonly Participant[]): number {
    return participants.reduce((sum, one) => sum + this.speedOf(one).boughtBytes, 0)
  }

  gain(machine: Machine): bigint {
    return gainOf(machine)
  }

  /** All who finished have ended their lanes, and the payees were paid what they were owed. */
  async expectSettled(payers: readonly Participant[], withinMs = 120_000): Promise<void> {
    const open = () => this.openLanes(payers.map(({ machine }) => machine))
    await this.stage.world.clock.runUntil(() => open() === 0, this.stage.nowMs + withinMs)
    this.stage.expect(open() === 0, `${open()} lanes are open ${withinMs / 1_000} s after all was over`)
  }

  private openLanes(machines: readonly Machine[]): number {
    const { state } = this.ledger.core
    return machines.reduce((sum, { wallet }) => {
      return (
        sum +
        (wallet === undefined
          ? 0
          : state.lanesOf(wallet.account).filter((id) => state.lane(id)?.payer === wallet.account).length)
      )
    }, 0)
  }
}
