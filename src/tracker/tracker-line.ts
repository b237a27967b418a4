// A tracker of one torrent as lines: one for each info hash and address family (BEP 7, 52), each with its own
// schedule. Guarantees: steady time only, so no jump of the date makes it announce; never sooner than the tracker's
// intervals, nor than a back-off that doubles with each failure (BEP 31 decides instead where a tracker uses it).
// The records belong to the TrackerClient.
import type { AddressFamily } from '../base/endpoint.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { AnnounceEvent, AnnounceResponse, SwarmCounts, TrackerFailure } from '../formats/tracker/announce.ts'
import type { Random } from '../ports/random.ts'
import type { TrackerSnapshot, TrackerState } from './tracker-events.ts'

type LineStanding =
  | { readonly type: 'new' }
  | { readonly type: 'answered' }
  /** The tracker has no address of this family. */
  | { readonly type: 'absent' }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string }

export interface Flight {
  readonly ticket: number
  readonly event: AnnounceEvent
  readonly sentMs: number
}

export interface Line {
  readonly infoHash: Uint8Array
  readonly family: AddressFamily
  standing: LineStanding
  flight: Flight | undefined
  /** The tracker has heard `started` and not yet `stopped`. */
  isRegistered: boolean
  owesCompleted: boolean
  /** A person waits, or what the tracker knows of us is wrong. */
  isUrgent: boolean
  failures: number
  sentMs: number
  /** Regular announce, or next attempt. */
  nextMs: number
  /** No sooner while peers are short. */
  shortMs: number
  /** No sooner, whoever asks. */
  urgentMs: number
  /** After this the tracker has forgotten us by itself. */
  forgottenMs: number
}

export interface Tracker {
  readonly url: string
  readonly isHttp: boolean
  readonly families: readonly AddressFamily[]
  /** Why it cannot be used at all. */
  readonly unusable: { readonly code: ErrorCode; readonly message: string } | undefined
  tier: number
  lines: Line[]
  /** Where its group of trackers has got to: this one is announced to. */
  isInUse: boolean
  trackerId: Uint8Array | undefined
  warning: string | undefined
  counts: Partial<SwarmCounts> | undefined
  scrapeTicket: number
  wantsScrape: boolean
  scrapeNotBeforeMs: number
}

const firstBackOffMs = 15_000
const longestBackOffMs = 3_600_000
const absentAgainMs = 3_600_000
/** Where a tracker gives no min interval. */
const usualShortMs = 300_000
const usualUrgentMs = 60_000
/** Between announces of a torrent that is stopped and started again and again. */
const restartMs = 5_000

export function newLine(infoHash: Uint8Array, family: AddressFamily): Line {
  return {
    infoHash,
    family,
    standing: { type: 'new' },
    flight: undefined,
    isRegistered: false,
    owesCompleted: false,
    isUrgent: false,
    failures: 0,
    sentMs: Number.NEGATIVE_INFINITY,
    nextMs: Number.NEGATIVE_INFINITY,
    shortMs: Number.NEGATIVE_INFINITY,
    urgentMs: Number.NEGATIVE_INFINITY,
    forgottenMs: Number.NEGATIVE_INFINITY,
  }
}

/** When the line is to be announced next, were its tracker the one in use. */
export function dueMs(line: Line, isShort: boolean): number {
  if (line.standing.type === 'answered' && line.owesCompleted) return Number.NEGATIVE_INFINITY
  if (line.isUrgent) return Math.min(line.urgentMs, line.nextMs)
  return isShort ? Math.min(line.shortMs, line.nextMs) : line.nextMs
}

/** A new run of the torrent: announced at once, but for refusals that hold and for repeated starting. */
export function restartLine(line: Line, nowMs: number): void {
  const isWaiting = line.standing.type === 'failed' || line.standing.type === 'absent'
  line.isRegistered = false
  line.owesCompleted = false
  line.isUrgent = false
  line.failures = 0
  line.nextMs = Math.max(nowMs, line.sentMs + restartMs, isWaiting ? line.urgentMs : nowMs)
  line.shortMs = line.nextMs
  line.urgentMs = line.nextMs
}

/** The schedule after an answer; intervals are within the bounds of `clampInterval`. */
export function lineAnswered(line: Line, response: AnnounceResponse, random: Random, nowMs: number): void {
  const minMs = response.minIntervalSeconds === undefined ? undefined : 1000 * response.minIntervalSeconds
  const intervalMs = Math.max(1000 * response.intervalSeconds, minMs ?? 0)
  line.standing = { type: 'answered' }
  line.failures = 0
  // Later by up to a twentieth, so that torrents started together do not stay together.
  line.nextMs = nowMs + intervalMs + random.below(Math.ceil(intervalMs / 20))
  line.shortMs = nowMs + (minMs ?? Math.min(intervalMs, usualShortMs))
  line.urgentMs = nowMs + (minMs ?? Math.min(intervalMs, usualUrgentMs))
  line.forgottenMs = nowMs + 2 * intervalMs
}

export function lineFailed(
  line: Line,
  reason: { readonly code: ErrorCode; readonly message: string; readonly retry?: TrackerFailure['retry'] },
  random: Random,
  nowMs: number,
): void {
  const { code, message, retry } = reason
  line.standing = { type: 'failed', code, message }
  line.failures++
  line.isUrgent = false
  const backOffMs = Math.min(longestBackOffMs, firstBackOffMs * 2 ** Math.min(line.failures - 1, 20))
  if (retry === undefined) {
    line.nextMs = nowMs + backOffMs + random.below(Math.ceil(backOffMs / 4))
    line.urgentMs = nowMs + firstBackOffMs
  } else {
    line.nextMs = retry === 'never' ? Number.POSITIVE_INFINITY : nowMs + 1000 * retry
    line.urgentMs = line.nextMs
  }
  line.shortMs = line.nextMs
}

export function lineAbsent(line: Line, nowMs: number): void {
  line.standing = { type: 'absent' }
  line.isUrgent = false
  line.nextMs = nowMs + absentAgainMs
  line.shortMs = line.nextMs
  line.urgentMs = nowMs + firstBackOffMs
}

/** The name has no address at all: a failure like others. */
export function trackerAbsent(tracker: Tracker, random: Random, nowMs: number): void {
  if (!tracker.lines.every(({ standing }) => standing.type === 'absent')) return
  const reason = { code: 'name-unknown', message: 'the tracker has no address that can be reached' } as const
  for (const line of tracker.lines) lineFailed(line, reason, random, nowMs)
}

function isAsking({ flight }: Line): boolean {
  return flight !== undefined && flight.event !== 'stopped'
}

function isDown(line: Line): boolean {
  return !isAsking(line) && (line.standing.type === 'failed' || line.standing.type === 'absent')
}

/** When a tracker that failed on all lines is to be tried again; undefined: it has not failed. */
export function retryMs(tracker: Tracker, isShort: boolean): number | undefined {
  if (tracker.unusable !== undefined) return Number.POSITIVE_INFINITY
  if (!tracker.lines.every(isDown)) return undefined
  let earliest = Number.POSITIVE_INFINITY
  for (const line of tracker.lines) {
    if (line.standing.type === 'failed') earliest = Math.min(earliest, dueMs(line, isShort))
  }
  return earliest
}

/** Since when nothing but silence has come; undefined: it has answered, or nothing is under way. */
export function silentSinceMs(tracker: Tracker): number | undefined {
  let since: number | undefined
  for (const line of tracker.lines) {
    if (line.standing.type === 'answered') return undefined
    if (isAsking(line)) since = Math.min(since ?? line.sentMs, line.sentMs)
  }
  return since
}

/** Both families of one tracker count the same swarm, and the swarms of a hybrid share their peers: no sums. */
export function takeCounts(tracker: Tracker, counts: Partial<SwarmCounts>): void {
  const merged: { -readonly [key in keyof SwarmCounts]?: SwarmCounts[key] } = { ...tracker.counts }
  for (const key of ['complete', 'incomplete', 'downloaded'] as const) {
    const count = counts[key]
    if (count !== undefined) merged[key] = count
  }
  tracker.counts = merged
}

function stateOf(tracker: Tracker, isShort: boolean, nowMs: number): TrackerState {
  const { unusable, lines } = tracker
  if (unusable !== undefined) return { type: 'failed', ...unusable, nextAnnounceInMs: undefined }
  if (lines.some(({ flight }) => flight !== undefined)) return { type: 'announcing' }
  const nextMs = Math.min(...lines.map((line) => dueMs(line, isShort)))
  const nextAnnounceInMs = nextMs === Number.POSITIVE_INFINITY ? undefined : Math.max(0, nextMs - nowMs)
  if (tracker.isInUse && lines.some(({ standing }) => standing.type === 'answered')) {
    return { type: 'working', nextAnnounceInMs: nextAnnounceInMs ?? 0 }
  }
  if (retryMs(tracker, isShort) === undefined) return { type: 'idle' }
  for (const { standing } of lines) {
    if (standing.type === 'failed')
      return { type: 'failed', code: standing.code, message: standing.message, nextAnnounceInMs }
  }
  return { type: 'idle' }
}

export function trackerSnapshot(tracker: Tracker, isShort: boolean, nowMs: number): TrackerSnapshot {
  const { url, tier, warning, counts } = tracker
  return {
    url,
    tier,
    state: stateOf(tracker, isShort, nowMs),
    warning,
    seeders: counts?.complete,
    leechers: counts?.incomplete,
    downloads: counts?.downloaded,
  }
}
