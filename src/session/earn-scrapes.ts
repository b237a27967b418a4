// How many want the torrents of a catalogue and how many have them, as their trackers tell (BEP 48): asked for many at once,
// seldom, a further tracker where one does not answer. Guarantees: no tracker is asked sooner than it wishes; what is old is
// not told. Owns what was told.
import { fromHex } from '../base/bytes.ts'
import { unwrap } from '../base/errors.ts'
import { maxScrapeHashes } from '../formats/tracker/announce.ts'
import type { TrackerAnswer } from '../tracker/tracker-events.ts'
import type { SessionRoom } from './session-room.ts'
import type { TrackerRequester } from './tracker-driver.ts'

export interface ScrapedTorrent {
  /** Hexadecimal; what is longer than 20 bytes is cut. */
  readonly id: string
  readonly trackers: readonly string[]
}

interface Told {
  seeders: number
  leechers: number
  /** Undefined: nobody told. */
  atMs: number | undefined
  /** Not to be asked for before. */
  dueMs: number
  /** How many trackers did not know it. */
  misses: number
}

export interface ScrapeSettings {
  /** A tracker may wish to be asked more seldom. */
  readonly everyMs: number
  /** What the owner named: it may be local. */
  readonly userTrackers: ReadonlySet<string>
}

/** Requests begun in one look, however many torrents there are. */
const mostAtOnce = 10
/** What was told counts for so many times as long as is waited. */
const freshRounds = 4
const otherTrackerMs = 30_000

export class EarnScrapes implements TrackerRequester {
  private readonly room: Pick<SessionRoom, 'trackers'>
  private readonly settings: ScrapeSettings
  private readonly told = new Map<string, Told>()
  private readonly asked = new Map<number, readonly ScrapedTorrent[]>()
  private lastTicket = 0
  private nowMs = 0

  constructor(room: Pick<SessionRoom, 'trackers'>, settings: ScrapeSettings) {
    this.room = room
    this.settings = settings
  }

  demandOf(id: string, nowMs: number): { readonly seeders: number; readonly leechers: number } | undefined {
    const told = this.told.get(id)
    if (told?.atMs === undefined || nowMs - told.atMs > freshRounds * this.settings.everyMs) return undefined
    return { seeders: told.seeders, leechers: told.leechers }
  }

  /** None of its trackers has answered or failed yet. */
  isAwaited({ id, trackers }: ScrapedTorrent): boolean {
    const told = this.told.get(id)
    return trackers.length > 0 && told?.atMs === undefined && (told?.misses ?? 0) === 0
  }

  /** Asks about those that are due. Those that are not among them any more are forgotten. */
  ask(torrents: ReadonlyMap<string, ScrapedTorrent>, nowMs: number): void {
    this.nowMs = nowMs
    for (const id of this.told.keys()) if (!torrents.has(id)) this.told.delete(id)
    const byTracker = new Map<string, ScrapedTorrent[]>()
    for (const torrent of torrents.values()) {
      const told = this.toldOf(torrent.id)
      const url = torrent.trackers[told.misses % torrent.trackers.length]
      if (url === undefined || told.dueMs > nowMs) continue
      const batch = byTracker.get(url) ?? []
      if (batch.length === 0) byTracker.set(url, batch)
      if (batch.length < maxScrapeHashes) batch.push(torrent)
    }
    for (const [url, batch] of [...byTracker].slice(0, mostAtOnce)) {
      for (const { id } of batch) this.toldOf(id).dueMs = Number.POSITIVE_INFINITY
      const ticket = ++this.lastTicket
      this.asked.set(ticket, batch)
      const infoHashes = batch.map(({ id }) => unwrap(fromHex(wireId(id))))
      this.room.trackers.perform(this, { type: 'scrape', ticket, url, infoHashes })
    }
  }

  close(): void {
    this.room.trackers.forget(this)
  }

  sourceOf(url: string): 'user' | 'torrent-tracker' {
    return this.settings.userTrackers.has(url) ? 'user' : 'torrent-tracker'
  }

  deliver(answer: TrackerAnswer): void {
    const batch = this.asked.get(answer.ticket) ?? []
    this.asked.delete(answer.ticket)
    if (answer.type !== 'scraped') return
    const { outcome } = answer
    const reply = outcome.ok && outcome.value.kind === 'response' ? outcome.value : undefined
    const waitMs = Math.max(this.settings.everyMs, 1_000 * (reply?.minIntervalSeconds ?? 0))
    for (const { id, trackers } of batch) {
      const told = this.toldOf(id)
      const counts = reply?.swarms.get(wireId(id))
      told.dueMs = this.nowMs + waitMs
      if (counts !== undefined) {
        Object.assign(told, { seeders: counts.complete, leechers: counts.incomplete, atMs: this.nowMs })
        continue
      }
      told.misses++
      // The others are asked before long; a tracker that does not know it counts where none does.
      if (told.misses < trackers.length) told.dueMs = this.nowMs + otherTrackerMs
      if (reply !== undefined) told.atMs ??= this.nowMs
    }
  }

  private toldOf(id: string): Told {
    const told = this.told.get(id) ?? { seeders: 0, leechers: 0, atMs: undefined, dueMs: 0, misses: 0 }
    this.told.set(id, told)
    return told
  }
}

function wireId(id: string): string {
  return id.slice(0, 40)
}
