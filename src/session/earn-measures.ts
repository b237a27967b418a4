// How torrents of earn mode do: what they earned, what sending and fetching them cost, whether a download goes on, each
// counted from one look to the next. Guarantees: nothing is counted twice, also over restarts of the program; a machine that
// slept has not seeded meanwhile. Pure: time comes in.
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import { type EarnLimits, experienceAt, noExperience } from '../market/earn-estimate.ts'
import type { EarnRecord } from './earn-records.ts'
import type { TorrentSnapshot } from './snapshots.ts'

interface Seen {
  readonly atMs: number
  readonly earned: TokenAmount
  readonly spent: TokenAmount
  readonly uploadedBytes: number
  readonly doneBytes: number
}

const gibibyte = 2n ** 30n
/** More than this between two looks: the machine slept. */
const longestGapMs = 60_000

export class EarnMeasures {
  private readonly limits: Pick<EarnLimits, 'trafficPerGiB' | 'halfLifeMs'>
  private readonly seen = new Map<string, Seen>()
  /** Since it was first seen. */
  private readonly paid = new Map<string, bigint>()

  constructor(limits: Pick<EarnLimits, 'trafficPerGiB' | 'halfLifeMs'>) {
    this.limits = limits
  }

  /** Of a torrent that was never here. */
  fresh({ id, name, sizeBytes }: Pick<EarnRecord, 'id' | 'name' | 'sizeBytes'>): EarnRecord {
    const nothing = zeroAmount as TokenAmount
    const sums = { earned: nothing, paid: nothing, experience: noExperience }
    return { id, name, phase: 'gone', sizeBytes, ...sums, sinceMs: 0, failures: 0 }
  }

  /** What was paid for its download since it was begun. */
  paidFor(id: string): bigint {
    return this.paid.get(id) ?? 0n
  }

  forget(id: string): void {
    this.seen.delete(id)
    this.paid.delete(id)
  }

  /** The record as it is now; `torrent` undefined: the session lost it. */
  after(record: EarnRecord, torrent: TorrentSnapshot | undefined, nowMs: number): EarnRecord {
    if (torrent === undefined)
      return record.phase === 'kept' ? { ...record, phase: 'fetching', sinceMs: nowMs } : record
    const now = seenOf(torrent, nowMs)
    const before = this.seen.get(record.id) ?? now
    this.seen.set(record.id, now)
    const earned = moreThan(before.earned, now.earned)
    const paid = moreThan(before.spent, now.spent)
    this.paid.set(record.id, this.paidFor(record.id) + paid)
    const sentBytes = BigInt(Math.max(0, now.uploadedBytes - before.uploadedBytes))
    const gapMs = nowMs - before.atMs
    const isWhole = torrent.isFinished && torrent.state.type === 'seeding'
    const seededMs = isWhole && gapMs > 0 ? Math.min(gapMs, longestGapMs) : 0
    const faded = experienceAt(record.experience, nowMs, this.limits.halfLifeMs)
    const experience = {
      ...faded,
      earned: tokenAmount(faded.earned + earned),
      cost: tokenAmount(faded.cost + (sentBytes * this.limits.trafficPerGiB) / gibibyte),
      seededMs: faded.seededMs + seededMs,
    }
    const counted = {
      ...record,
      name: torrent.name,
      earned: tokenAmount(record.earned + earned),
      paid: tokenAmount(record.paid + paid),
      experience,
    }
    return { ...counted, ...phaseAfter(record, torrent, isWhole, now.doneBytes > before.doneBytes, nowMs) }
  }
}

/** Whole: kept; damaged for good, or files of it missing: as a download that does not go on. */
function phaseAfter(
  { phase }: EarnRecord,
  { state }: TorrentSnapshot,
  isWhole: boolean,
  hasMore: boolean,
  nowMs: number,
): Partial<EarnRecord> {
  if (phase === 'fetching') {
    if (isWhole) return { phase: 'kept', sinceMs: nowMs, failures: 0 }
    return hasMore || state.type === 'checking' ? { sinceMs: nowMs } : {}
  }
  const isLost = state.type === 'error' && !state.resumesByItself
  return isLost ? { phase: 'fetching', sinceMs: nowMs } : {}
}

function seenOf({ speed, uploadedBytes, doneBytes }: TorrentSnapshot, atMs: number): Seen {
  const nothing = zeroAmount as TokenAmount
  return { atMs, earned: speed?.earned ?? nothing, spent: speed?.spent ?? nothing, uploadedBytes, doneBytes }
}

/** A sum that was corrected downwards brings nothing. */
function moreThan(before: bigint, now: bigint): bigint {
  return now > before ? now - before : 0n
}
