// Speed of a whole session: the ledgers its owner trusts, each with both sides of its lanes at work, from the session's
// beginning to its end. Guarantees: nothing of it exists where the configuration or the ports lack it; lanes of before are
// watched, settled and cashed whether anything is bought or sold now or not; what was asked for is on the disk when it is
// closed. Owns the desks of ledgers.
import { type Result, success } from '../base/errors.ts'
import { tokenAmount } from '../base/token-amount.ts'
import type { SpeedLedger } from '../formats/peer/speed-messages.ts'
import type { RailId, SigningDomain } from '../ports/ledger.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import type { SpeedConfig } from './session-config.ts'
import type { Settling } from './settling.ts'
import type { SpeedSnapshot } from './snapshots.ts'
import { SpeedRailDesk } from './speed-rail-desk.ts'
import type { SpeedRoom } from './speed-room.ts'

/** At the price that is asked for first, so much is worth being cashed. */
const cashedMiB = 64n
/** What is verified is paid for within a second. */
const othersPayWithinMs = 1_500

export class SpeedDesk implements Settling {
  readonly rails: readonly SpeedRailDesk[]
  readonly scheme: SignatureScheme
  readonly domains: ReadonlyMap<RailId, SigningDomain>
  private readonly room: SpeedRoom
  private readonly byId: ReadonlyMap<RailId, SpeedRailDesk>

  private constructor(room: SpeedRoom, scheme: SignatureScheme, rails: readonly SpeedRailDesk[]) {
    this.room = room
    this.scheme = scheme
    this.rails = rails
    this.byId = new Map(rails.map((rail) => [rail.rail, rail]))
    this.domains = new Map(rails.map(({ rail, port }) => [rail, port.terms.domain]))
  }

  /** Undefined: there is nothing to deal with. Errors: store-damaged, those of the stores. */
  static async open(room: SpeedRoom): Promise<Result<SpeedDesk | undefined>> {
    const { config, ports } = room
    if (config.speed === undefined || ports.speed === undefined || ports.speed.rails.length === 0) {
      return success(undefined)
    }
    const claimAt = tokenAmount(config.speed.startPrice * cashedMiB)
    const rails: SpeedRailDesk[] = []
    for (const port of ports.speed.rails) {
      const opened = await SpeedRailDesk.open(room, port, ports.speed, claimAt)
      if (opened.ok) {
        rails.push(opened.value)
        continue
      }
      await Promise.all(rails.map((rail) => rail.close()))
      return opened
    }
    return success(new SpeedDesk(room, ports.speed.scheme, rails))
  }

  /** As it is now. */
  get config(): SpeedConfig | undefined {
    return this.room.config.speed
  }

  railOf(id: RailId): SpeedRailDesk | undefined {
    return this.byId.get(id)
  }

  /** For terms: the most trusted first. */
  ledgers(priceOn: (rail: SpeedRailDesk) => SpeedLedger['postedPrice']): SpeedLedger[] {
    return this.rails.map((rail) => ({ account: rail.account, postedPrice: priceOn(rail) }))
  }

  settle(): void {
    for (const rail of this.rails) rail.settle()
  }

  flush(): void {}

  snapshot(nowMs: number): SpeedSnapshot {
    const { rails, config } = this
    return {
      pays: config?.pays === true,
      earns: config?.earns === true,
      ledgers: rails.map(({ rail, account, port, unreachableSinceMs }) => ({
        rail,
        account,
        symbol: port.symbol,
        unreachableForMs: unreachableSinceMs === Number.POSITIVE_INFINITY ? undefined : nowMs - unreachableSinceMs,
      })),
      spent: tokenAmount(rails.reduce((sum, { spent }) => sum + spent, 0n)),
      earned: tokenAmount(rails.reduce((sum, { cashed }) => sum + cashed, 0n)),
    }
  }

  /** What is owed is paid, and told, as far as that is possible within some time; what others owe is waited for a little. */
  async settleUp(withinMs: number): Promise<void> {
    const { turns, ports } = this.room
    turns.run(() => {
      for (const rail of this.rails) rail.payAll()
      this.settle()
    })
    const startMs = ports.clock.nowMs()
    const isDone = () => {
      const isWaiting = ports.clock.nowMs() < startMs + othersPayWithinMs
      return this.rails.every((rail) => rail.hasPaid && (rail.isPaid || !isWaiting))
    }
    if (isDone()) return
    await new Promise<void>((resolve) => {
      const end = () => {
        for (const alarm of alarms) alarm.close()
        for (const rail of this.rails) rail.onAdvanced = undefined
        resolve()
      }
      const review = () => {
        if (isDone()) end()
      }
      const alarms = [ports.clock.alarm(end), ports.clock.alarm(review)]
      for (const [index, afterMs] of [withinMs, Math.min(withinMs, othersPayWithinMs)].entries()) {
        alarms[index]?.set(startMs + afterMs)
      }
      for (const rail of this.rails) rail.onAdvanced = review
    })
  }

  /** What was asked for is written; nothing more is said or heard. */
  async close(): Promise<void> {
    await Promise.all(this.rails.map((rail) => rail.close()))
  }
}
