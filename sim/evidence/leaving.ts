// When a peer that is done goes: where it earns, once seeding on does not bring what it costs, by the product's own rule
// (market/stay-policy.ts) as `--while-earning` has it; where it does not earn, a while after it was done. Owns the rule.
import { StayPolicy } from '../../src/market/stay-policy.ts'
import type { TorrentSnapshot } from '../../src/session/snapshots.ts'
import { tokens } from '../world/dealing.ts'
import type { EvidencePlan } from './evidence-plans.ts'

export class Leaving {
  private readonly plan: Pick<EvidencePlan, 'staySeconds' | 'seedingCostAnHour'>
  private policy: StayPolicy | undefined

  constructor(plan: Pick<EvidencePlan, 'staySeconds' | 'seedingCostAnHour'>) {
    this.plan = plan
  }

  /** Asked again and again from the moment it was done. */
  isTime({ speed }: TorrentSnapshot, doneMs: number, nowMs: number): boolean {
    const { staySeconds, seedingCostAnHour } = this.plan
    if (staySeconds === Number.POSITIVE_INFINITY) return false
    if (speed === undefined) return nowMs - doneMs >= staySeconds * 1_000
    this.policy ??= new StayPolicy(tokens(seedingCostAnHour), speed.earned, nowMs)
    const payers = speed.rows.filter(({ side, state }) => side === 'earning' && /^(waiting|holding)$/.test(state))
    this.policy.note(speed.earned, payers.length, nowMs)
    return !this.policy.stays(nowMs)
  }
}
