// What an hour of seeding a torrent is expected to bring: by how it did here, and as long as that is not known by how many
// want it and how few have it. Guarantees: what a tracker claims counts for less with each hour that brought nothing, and
// never for more than a bounded demand; what was long ago fades. Pure, integers only.
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'

/** What an owner allows. Costs in base units. */
export interface EarnLimits {
  readonly diskBytes: number
  /** Torrents at a time. */
  readonly most: number
  /** Of a GiB, sent or received. */
  readonly trafficPerGiB: TokenAmount
  /** Of a GiB on the disk for a day. */
  readonly keepingPerGiBDay: TokenAmount
  /** Not sent yet though it could be; Infinity: no limit of the line is known. */
  readonly spareBytesPerSecond: number
  /** So long a torrent is tried before it may go; what it did counts as much as what was foreseen after so long. */
  readonly trialMs: number
  /** What a torrent did counts half after so long. */
  readonly halfLifeMs: number
}

/** How a torrent did while it was seeded here, faded to a moment. */
export interface Experience {
  readonly earned: TokenAmount
  /** Sending it, to whomever. */
  readonly cost: TokenAmount
  readonly seededMs: number
  readonly atMs: number
}

/** A torrent that may be seeded, or is. */
export interface EarnCandidate {
  readonly id: string
  readonly sizeBytes: number
  /** `dropping`: on its way out, and on the disk until then. */
  readonly phase: 'offered' | 'fetching' | 'kept' | 'dropping'
  /** As a tracker told last, this machine included where it is among them; undefined: nobody told. */
  readonly demand: { readonly seeders: number; readonly leechers: number } | undefined
  /** What a MiB of it would be sold for. */
  readonly pricePerMiB: TokenAmount
  readonly experience: Experience
  /** Who hold a share, paid for. */
  readonly payers: number
  /** Until then somebody pays for it to stay; what is not later than now: nobody does. */
  readonly paidUntilMs: number
  /** Offered: not to be fetched before; fetching: when something of it last came; kept: when it was whole. */
  readonly sinceMs: number
}

export const noExperience: Experience = { earned: zeroAmount, cost: zeroAmount, seededMs: 0, atMs: 0 }

const hourMs = 3_600_000
const gibibyte = 2n ** 30n
const mebibyte = 2n ** 20n
/** Of those who want a torrent, one in so many is taken to pay. */
const peersToPayer = 8n
/** Leechers for each seeder, in 1/16: where no tracker tells, and at most, as anybody may claim to be a leecher. */
const unknownDemand = 4
const mostDemand = 256
const demandUnit = 16
const fadeUnit = 2 ** 50

function faded(value: bigint, gapMs: number, halfLifeMs: number): bigint {
  return (value * BigInt(Math.round(fadeUnit * 2 ** (-gapMs / halfLifeMs)))) / BigInt(fadeUnit)
}

/** Nothing more happened until then. A clock that went back changes nothing. */
export function experienceAt(experience: Experience, nowMs: number, halfLifeMs: number): Experience {
  const { earned, cost, seededMs, atMs } = experience
  if (nowMs <= atMs) return experience
  const gapMs = nowMs - atMs
  return {
    earned: tokenAmount(faded(earned, gapMs, halfLifeMs)),
    cost: tokenAmount(faded(cost, gapMs, halfLifeMs)),
    seededMs: Math.floor(seededMs * 2 ** (-gapMs / halfLifeMs)),
    atMs: nowMs,
  }
}

/** It earned more than sending it cost. */
export function isProven({ earned, cost }: Experience): boolean {
  return earned > cost
}

/** Of having it on the disk for an hour, rounded up. */
export function keepingPerHour(sizeBytes: number, { keepingPerGiBDay }: EarnLimits): bigint {
  const perDay = keepingPerGiBDay * BigInt(sizeBytes)
  return (perDay + 24n * gibibyte - 1n) / (24n * gibibyte)
}

/** Leechers for each who seeds or would, in 1/16. */
export function demandOf({ demand, phase }: Pick<EarnCandidate, 'demand' | 'phase'>): number {
  if (demand === undefined) return unknownDemand
  const leechers = Math.max(0, demand.leechers - (phase === 'fetching' ? 1 : 0))
  const others = Math.max(0, demand.seeders - (phase === 'kept' ? 1 : 0))
  return Math.min(mostDemand, Math.floor((demandUnit * leechers) / (others + 1)))
}

/** If each who wants it takes an hour to get it, and one in eight pays. */
function foreseenPerHour(candidate: EarnCandidate, { spareBytesPerSecond, trafficPerGiB }: EarnLimits): bigint {
  const wanted = Math.floor((candidate.sizeBytes * demandOf(candidate)) / demandUnit)
  const bytes = BigInt(Math.floor(Math.min(wanted, spareBytesPerSecond * (hourMs / 1_000))))
  return (bytes * candidate.pricePerMiB) / (mebibyte * peersToPayer) - (bytes * trafficPerGiB) / gibibyte
}

/** Beyond the cost of sending; that of keeping it on the disk is not in it. May be less than nothing. */
export function expectedPerHour(candidate: EarnCandidate, limits: EarnLimits, nowMs: number): bigint {
  const { trialMs, halfLifeMs } = limits
  const { earned, cost, seededMs } = experienceAt(candidate.experience, nowMs, halfLifeMs)
  const foreseen = foreseenPerHour(candidate, limits) * BigInt(trialMs)
  return (foreseen + (earned - cost) * BigInt(hourMs)) / BigInt(trialMs + seededMs)
}
