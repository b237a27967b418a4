// Earn mode: which torrents of a catalogue are worth fetching to be seeded, which of those here are kept, and which go.
// Guarantees: what is reserved never passes the disk's limit, and what is dropped holds its place until it is gone; what did
// not show yet that it earns has a bounded part of the disk; what somebody pays for now is not dropped; the same facts make
// the same plan. Pure: time comes in.
import { assert } from '../base/assert.ts'
import { type EarnCandidate, type EarnLimits, expectedPerHour, isProven, keepingPerHour } from './earn-estimate.ts'

/** Why one goes: it is expected to bring less than it costs; nothing of it comes; a better one needs its place. */
export type DropReason = 'costs-more' | 'stalled' | 'outbid'

export interface EarnPlan {
  /** The best first; each with the most that paying for the download is worth. */
  readonly toFetch: readonly { readonly id: string; readonly mayPay: bigint }[]
  readonly toDrop: readonly { readonly id: string; readonly why: DropReason }[]
  /** Of those here, all others. */
  readonly toKeep: readonly string[]
}

/** Fetched at a time: more would share one line, and all be later. */
const mostFetching = 3
/** A download that brought nothing for so long is given up. */
const stallMs = 600_000
/** What fetching costs is to come in again within so many hours. */
const paybackHours = 24n
/** Of the disk, for what has not earned yet. */
const exploringPart = 4

/** A torrent, and what an hour of it is expected to bring beyond its costs. */
interface Weighed {
  readonly candidate: EarnCandidate
  readonly perHour: bigint
}

/** More a byte first; then by name, so that the order is one. */
function byWorth(a: Weighed, b: Weighed): number {
  const difference = b.perHour * BigInt(a.candidate.sizeBytes) - a.perHour * BigInt(b.candidate.sizeBytes)
  if (difference !== 0n) return difference > 0n ? 1 : -1
  return a.candidate.id < b.candidate.id ? -1 : a.candidate.id > b.candidate.id ? 1 : 0
}

/** So much better, a byte, that moving is worth it. */
function isFarBetter(newcomer: Weighed, old: Weighed): boolean {
  const [own, its] = [BigInt(newcomer.candidate.sizeBytes), BigInt(old.candidate.sizeBytes)]
  return 2n * newcomer.perHour * its > 3n * old.perHour * own
}

function sizeOf(some: readonly Weighed[]): number {
  return some.reduce((sum, { candidate }) => sum + candidate.sizeBytes, 0)
}

class Planning {
  readonly toFetch: { id: string; mayPay: bigint }[] = []
  readonly toDrop: { id: string; why: DropReason }[] = []
  private readonly limits: EarnLimits
  private readonly nowMs: number
  /** On the disk, what is on its way out included. */
  private readonly here: Weighed[]
  private readonly going = new Set<string>()

  constructor(here: readonly Weighed[], limits: EarnLimits, nowMs: number) {
    this.here = [...here]
    this.limits = limits
    this.nowMs = nowMs
  }

  /** What goes whoever else wants its place. */
  dropUseless(): void {
    for (const { candidate, perHour } of this.here) {
      const { phase, sinceMs } = candidate
      if (phase === 'fetching' && this.nowMs - sinceMs >= stallMs) this.leave(candidate.id, 'stalled')
      else if (perHour < 0n && this.mayGo(candidate)) this.leave(candidate.id, 'costs-more')
    }
  }

  /** False: nothing after it is to be looked at, as places are being made for it. */
  consider(newcomer: Weighed): boolean {
    const { limits } = this
    const { candidate, perHour } = newcomer
    const fetching = this.here.filter(({ candidate: { phase } }) => phase === 'fetching').length
    if (fetching >= mostFetching) return false
    if (candidate.sizeBytes > limits.diskBytes) return true
    const fetchCost = limits.trafficPerGiB * BigInt(candidate.sizeBytes)
    const worth = perHour * paybackHours - fetchCost / 2n ** 30n
    // A quarter more than it costs: what just pays is neither fetched nor dropped.
    if (worth <= 0n || 4n * perHour <= keepingPerHour(candidate.sizeBytes, limits)) return true
    if (this.fits(candidate, this.here)) {
      this.here.push({ candidate: { ...candidate, phase: 'fetching' }, perHour })
      this.toFetch.push({ id: candidate.id, mayPay: worth / 2n })
      return true
    }
    return !this.makeRoom(newcomer)
  }

  plan(): EarnPlan {
    const isStaying = ({ phase, id }: EarnCandidate) => phase !== 'dropping' && !this.going.has(id)
    const chosen = new Set(this.toFetch.map(({ id }) => id))
    const keep = this.here.map(({ candidate }) => candidate).filter((one) => isStaying(one) && !chosen.has(one.id))
    return { toFetch: this.toFetch, toDrop: this.toDrop, toKeep: keep.map(({ id }) => id) }
  }

  private leave(id: string, why: DropReason): void {
    this.going.add(id)
    this.toDrop.push({ id, why })
  }

  /** Nobody pays for it, and it had its time. */
  private mayGo({ id, phase, payers, paidUntilMs, sinceMs }: EarnCandidate): boolean {
    if (phase !== 'kept' || payers > 0 || paidUntilMs > this.nowMs || this.going.has(id)) return false
    return this.nowMs - sinceMs >= this.limits.trialMs
  }

  private fits(candidate: EarnCandidate, here: readonly Weighed[]): boolean {
    const { diskBytes, most } = this.limits
    if (here.length >= most || sizeOf(here) + candidate.sizeBytes > diskBytes) return false
    if (isProven(candidate.experience)) return true
    const exploring = sizeOf(here.filter(({ candidate: one }) => !isProven(one.experience)))
    return exploring === 0 || (exploring + candidate.sizeBytes) * exploringPart <= diskBytes
  }

  /** Drops who is far worse, the worst first, as far as who goes anyway is not enough; it is fetched once they are gone. */
  private makeRoom(newcomer: Weighed): boolean {
    const rest = this.here.filter(({ candidate: { phase, id } }) => phase !== 'dropping' && !this.going.has(id))
    const victims: Weighed[] = []
    const worstFirst = this.here.filter((one) => this.mayGo(one.candidate) && isFarBetter(newcomer, one)).sort(byWorth)
    for (const victim of worstFirst.reverse()) {
      if (this.fits(newcomer.candidate, rest)) break
      // Where it is the part for the unproven that is used up, who earns is not in the way.
      const isRoomy = sizeOf(rest) + newcomer.candidate.sizeBytes <= this.limits.diskBytes
      if (isRoomy && rest.length < this.limits.most && isProven(victim.candidate.experience)) continue
      rest.splice(rest.indexOf(victim), 1)
      victims.push(victim)
    }
    const lost = victims.reduce((sum, { perHour }) => sum + perHour, 0n)
    if (!this.fits(newcomer.candidate, rest) || 2n * newcomer.perHour <= 3n * lost) return false
    for (const { candidate } of victims) this.leave(candidate.id, 'outbid')
    return true
  }
}

/** What to do now, given all that is here and all that is offered; each id once. */
export function planEarning(candidates: readonly EarnCandidate[], limits: EarnLimits, nowMs: number): EarnPlan {
  const ids = new Set(candidates.map(({ id }) => id))
  assert(ids.size === candidates.length, 'each candidate once')
  const weighed = candidates.map((candidate): Weighed => {
    const keeping = keepingPerHour(candidate.sizeBytes, limits)
    return { candidate, perHour: expectedPerHour(candidate, limits, nowMs) - keeping }
  })
  const isHere = ({ candidate: { phase } }: Weighed) => phase !== 'offered'
  const planning = new Planning(weighed.filter(isHere), limits, nowMs)
  planning.dropUseless()
  const offered = weighed.filter((one) => !isHere(one) && canBeHad(one.candidate, nowMs))
  for (const one of offered.sort(byWorth)) if (!planning.consider(one)) break
  return planning.plan()
}

/** What no tracker knows of may have seeds all the same. */
function canBeHad({ sinceMs, sizeBytes, demand }: EarnCandidate, nowMs: number): boolean {
  return sinceMs <= nowMs && sizeBytes > 0 && demand?.seeders !== 0
}
