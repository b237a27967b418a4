// Which complete torrents of a run are seeded on, where that is to bring something: one policy (market/stay-policy.ts) for
// each, from the moment it seeds. Guarantees: nothing is weighed while a torrent is not seeding, so that a pause costs it
// nothing but its past. Owns the policies.
import type { TokenAmount } from '../base/token-amount.ts'
import { StayPolicy } from '../market/stay-policy.ts'
import type { TorrentSnapshot } from './transfer-request.ts'

export class StayingTorrents {
  private readonly costPerHour: TokenAmount
  private readonly policies = new Map<string, StayPolicy>()
  /** They are told to stop, and may take a while. */
  private readonly left = new Set<string>()

  /** What an hour of seeding one torrent is to bring. */
  constructor(costPerHour: TokenAmount) {
    this.costPerHour = costPerHour
  }

  /** False, once: an hour of it brings less, and is expected to. */
  isWorthIt({ id, state, isFinished, speed }: TorrentSnapshot, nowMs: number): boolean {
    if (!isFinished || state.type !== 'seeding' || speed === undefined) {
      this.policies.delete(id)
      this.left.delete(id)
      return true
    }
    if (this.left.has(id)) return true
    const policy = this.policies.get(id) ?? new StayPolicy(this.costPerHour, speed.earned, nowMs)
    this.policies.set(id, policy)
    // Who has money in a lane, and may bid.
    const payers = speed.rows.filter(({ side, state: dealing }) => side === 'earning' && isCovered(dealing))
    policy.note(speed.earned, payers.length, nowMs)
    // What was promised to somebody who pays for it is kept.
    const isPaidToStay = speed.stays.some(({ side }) => side === 'earning')
    if (isPaidToStay || policy.stays(nowMs)) return true
    this.left.add(id)
    return false
  }
}

function isCovered(dealing: string): boolean {
  return dealing === 'waiting' || dealing === 'holding'
}
