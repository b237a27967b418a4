// The tiers of a torrent's trackers (BEP 12): shuffled when they come, ordered by success after.
// Guarantees: a URL stands once, at its first place; trackers that stay keep what is known of them; at most 200.
import type { AddressFamily } from '../base/endpoint.ts'
import { parseAddress } from '../formats/compact-endpoint.ts'
import type { Random } from '../ports/random.ts'
import type { Tracker } from './tracker-line.ts'
import { parseTrackerUrl } from './tracker-url.ts'

const maxTrackers = 200

function newTracker(url: string, families: readonly AddressFamily[]): Tracker {
  const parsed = parseTrackerUrl(url)
  const literal = parsed.ok ? parseAddress(parsed.value.host) : undefined
  const usable = literal === undefined ? families : families.filter((family) => family === literal.family)
  const unusable = !parsed.ok
    ? { code: parsed.code, message: parsed.detail }
    : usable.length === 0
      ? { code: 'address-unavailable' as const, message: 'addresses of this kind are not used here' }
      : undefined
  return {
    url,
    isHttp: parsed.ok && parsed.value.scheme !== 'udp',
    families: usable,
    unusable,
    tier: 0,
    lines: [],
    isInUse: false,
    trackerId: undefined,
    warning: undefined,
    counts: undefined,
    scrapeTicket: 0,
    wantsScrape: false,
    scrapeNotBeforeMs: Number.NEGATIVE_INFINITY,
  }
}

function shuffle(trackers: Tracker[], random: Random): void {
  for (let last = trackers.length - 1; last > 0; last--) {
    const other = random.below(last + 1)
    const moved = trackers[last] as Tracker
    trackers[last] = trackers[other] as Tracker
    trackers[other] = moved
  }
}

function hasAnswered(tracker: Tracker): boolean {
  return tracker.lines.some(({ standing }) => standing.type === 'answered')
}

/** New tiers out of URLs and the trackers there were; those that answer stand first in theirs. */
export function arrangeTiers(
  urls: readonly (readonly string[])[],
  known: readonly (readonly Tracker[])[],
  families: readonly AddressFamily[],
  random: Random,
): Tracker[][] {
  const byUrl = new Map(known.flat().map((tracker) => [tracker.url, tracker]))
  const seen = new Set<string>()
  const tiers: Tracker[][] = []
  for (const tierUrls of urls) {
    const tier: Tracker[] = []
    for (const url of tierUrls) {
      if (seen.has(url) || seen.size === maxTrackers) continue
      seen.add(url)
      tier.push(byUrl.get(url) ?? newTracker(url, families))
    }
    if (tier.length === 0) continue
    shuffle(tier, random)
    tier.sort((a, b) => Number(hasAnswered(b)) - Number(hasAnswered(a)))
    for (const tracker of tier) tracker.tier = tiers.length
    tiers.push(tier)
  }
  return tiers
}

/** A tracker that answered comes first in its tier. */
export function promote(tiers: readonly Tracker[][], tracker: Tracker): void {
  const tier = tiers[tracker.tier]
  const place = tier?.indexOf(tracker) ?? -1
  if (tier === undefined || place <= 0) return
  tier.splice(place, 1)
  tier.unshift(tracker)
}
