// Earn mode: looks through a catalogue for torrents worth seeding, and has the session fetch, keep and drop them as the plan
// (market/earn-plan.ts) says. Guarantees: before anything of a torrent is asked for, its size is counted against the disk and
// a record says that it is earn mode's own; nothing without such a record is ever stopped or deleted; what it was at when the
// program died goes on the next time. One step after the other; time comes in. Owns the records and the scrapes.
import { type Failure, type Result, success } from '../base/errors.ts'
import { subtractAmounts, type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import {
  demandOf,
  type EarnCandidate,
  type EarnLimits,
  expectedPerHour,
  keepingPerHour,
} from '../market/earn-estimate.ts'
import { planEarning } from '../market/earn-plan.ts'
import type { Store } from '../ports/store.ts'
import type { TorrentId } from './commands.ts'
import { EarnContent } from './earn-content.ts'
import { EarnMeasures } from './earn-measures.ts'
import { EarnBook, type EarnRecord } from './earn-records.ts'
import { EarnScrapes } from './earn-scrapes.ts'
import type { EarnEvent, EarnOffer, EarnRow, EarnSettings, EarnView } from './earn-types.ts'
import type { Session } from './session.ts'

/** Looked at for their size at a time, and for how long each. */
const mostLooking = 4
const lookingMs = 300_000
/** What could not be had rests so long, twice as long after each time, at most sixteen times. */
const restMs = 21_600_000
const saveEveryMs = 60_000
/** What is known of torrents that are gone; those that were long ago are forgotten. */
const mostGone = 10_000
const neverAgainMs = 30 * 86_400_000

export class EarnMode {
  private readonly session: Session
  private readonly settings: EarnSettings
  private readonly book: EarnBook
  private readonly scrapes: EarnScrapes
  private readonly content: EarnContent
  private readonly measures: EarnMeasures
  private offers: ReadonlyMap<string, EarnOffer> = new Map()
  private events: EarnEvent[] = []
  /** By id, what may be paid for those that are fetched. */
  private readonly promised = new Map<string, TokenAmount>()
  private paidBefore = zeroAmount as TokenAmount
  private savedAtMs = 0
  private cursor: number
  private readonly unfollow: () => void

  private constructor(session: Session, settings: EarnSettings, book: EarnBook) {
    this.session = session
    this.settings = settings
    this.book = book
    const { scrapeEveryMs: everyMs, trackers } = settings
    this.scrapes = new EarnScrapes(session.room, { everyMs, userTrackers: new Set(trackers) })
    this.content = new EarnContent(session, settings.folder)
    this.measures = new EarnMeasures(settings.limits)
    this.cursor = session.snapshot().cursor
    this.unfollow = session.onChange(() => this.stopLooking())
    this.paidBefore = this.sum('paid')
  }

  /** Takes up what it was at. The session has restored its torrents. Errors: store-damaged, those of the store. */
  static async open(session: Session, store: Store, settings: EarnSettings, nowMs: number): Promise<Result<EarnMode>> {
    const book = await EarnBook.read(store)
    if (!book.ok) return book
    const mode = new EarnMode(session, settings, book.value)
    const resumed = await mode.resume(Math.floor(nowMs))
    if (resumed.ok) return success(mode)
    mode.close()
    return resumed
  }

  /** What the catalogues have now. */
  offer(offers: readonly EarnOffer[]): void {
    const { trackers } = this.settings
    const isAllowed = this.session.room.config.speed?.inPrivateTorrents === true
    const allowed = offers.filter(({ isPrivate }) => isAllowed || !isPrivate)
    this.offers = new Map(allowed.map((one) => [one.id, { ...one, trackers: [...trackers, ...one.trackers] }]))
  }

  /** To be called every few seconds, not before the last one is over. Errors: of the store; what was under way stays so. */
  async step(nowMs: number): Promise<Result<readonly EarnEvent[]>> {
    const done = await this.carryOut(Math.floor(nowMs))
    if (!done.ok) return done
    const { events } = this
    this.events = []
    return success(events)
  }

  view(nowMs: number): EarnView {
    const here = this.book.all().filter(({ phase }) => phase !== 'gone')
    const limits = this.limits()
    const rows = here.map((record) => this.row(record, nowMs, limits))
    const used = here.filter(({ phase }) => phase !== 'looking')
    return {
      torrents: rows.sort((a, b) =>
        a.expectedPerHour < b.expectedPerHour ? 1 : a.expectedPerHour > b.expectedPerHour ? -1 : 0,
      ),
      offers: this.offers.size,
      usedBytes: used.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      diskBytes: this.settings.limits.diskBytes,
      earned: this.sum('earned'),
      paid: this.sum('paid'),
    }
  }

  /** Notes what was earned until now. The session goes on, or ends after it. Errors: of the store. */
  async end(nowMs: number): Promise<Result<void>> {
    this.measure(Math.floor(nowMs))
    const saved = await this.save(nowMs)
    this.close()
    return saved
  }

  close(): void {
    this.unfollow()
    this.scrapes.close()
  }

  private sum(what: 'earned' | 'paid'): TokenAmount {
    return tokenAmount(this.book.all().reduce((sum, record) => sum + record[what], 0n))
  }

  private snapshotOf(id: string) {
    const snapshot = this.session.torrentSnapshot(id as TorrentId)
    return snapshot.ok ? snapshot.value : undefined
  }

  private async resume(nowMs: number): Promise<Result<void>> {
    await this.content.clear()
    for (const record of this.book.all()) {
      const { id, phase } = record
      if (phase === 'gone' || phase === 'dropping') continue
      // Nothing of it was asked for before the session had it on its disk.
      const isThere = this.snapshotOf(id) !== undefined
      const next: EarnRecord | undefined =
        phase === 'looking' || !isThere
          ? { ...record, phase: isThere ? 'dropping' : 'gone', sinceMs: nowMs }
          : phase === 'fetching'
            ? { ...record, sinceMs: nowMs }
            : undefined
      if (next === undefined) continue
      const entered = await this.book.enter(next)
      if (!entered.ok) return entered
      if (next.phase !== 'fetching') continue
      await this.endBudget(id)
      await this.session.run({ type: 'start', id: id as TorrentId })
    }
    return success(undefined)
  }

  /** Nothing more is paid for it; what is owed is. */
  private async endBudget(id: string): Promise<void> {
    if (this.session.room.speed === undefined) return
    await this.session.run({ type: 'set-budget', id: id as TorrentId, budget: undefined })
  }

  private async carryOut(nowMs: number): Promise<Result<void>> {
    this.measure(nowMs)
    for (const record of this.book.all()) {
      const done = await this.goOn(record, nowMs)
      if (!done.ok) return done
    }
    this.scrapes.ask(this.ofInterest(), nowMs)
    const looked = await this.look(nowMs)
    if (!looked.ok) return looked
    const planned = await this.follow(nowMs)
    if (!planned.ok) return planned
    return nowMs - this.savedAtMs >= saveEveryMs || nowMs < this.savedAtMs ? await this.save(nowMs) : success(undefined)
  }

  private measure(nowMs: number): void {
    for (const record of this.book.all()) {
      if (record.phase !== 'fetching' && record.phase !== 'kept') continue
      const next = this.measures.after(record, this.snapshotOf(record.id), nowMs)
      this.book.note(next)
      if (record.phase === 'kept' || next.phase !== 'kept') continue
      this.promised.delete(record.id)
      this.savedAtMs = 0
      void this.endBudget(record.id)
      this.tell('kept', next, nowMs)
    }
  }

  /** What ends, and what is to be learnt of a link. */
  private async goOn(record: EarnRecord, nowMs: number): Promise<Result<void>> {
    const { id, phase } = record
    if (phase === 'dropping') {
      if (!(await this.content.remove(id))) return success(undefined)
      return await this.gone(record, nowMs)
    }
    if (phase !== 'looking') return success(undefined)
    const torrent = this.snapshotOf(id)
    if (torrent?.version !== undefined) {
      const isWelcome = !torrent.isPrivate || this.session.room.config.speed?.inPrivateTorrents === true
      const { name, totalBytes: sizeBytes } = torrent
      const known = { ...record, name, sizeBytes, failures: 0 }
      await this.content.remove(id)
      return await this.book.enter({ ...known, phase: 'gone', sinceMs: isWelcome ? nowMs : nowMs + neverAgainMs })
    }
    if (torrent !== undefined && nowMs - record.sinceMs < lookingMs) return success(undefined)
    await this.content.remove(id)
    return await this.rest(record, nowMs)
  }

  private async gone(record: EarnRecord, nowMs: number): Promise<Result<void>> {
    this.measures.forget(record.id)
    this.promised.delete(record.id)
    const sinceMs = Math.max(record.sinceMs, nowMs + this.settings.limits.trialMs)
    const next: EarnRecord = { ...record, phase: 'gone', sinceMs }
    const entered = await this.book.enter(next)
    if (entered.ok && record.sizeBytes > 0) this.tell('dropped', next, nowMs)
    return entered
  }

  /** It could not be had. */
  private async rest(record: EarnRecord, nowMs: number): Promise<Result<void>> {
    const sinceMs = nowMs + restMs * 2 ** Math.min(4, record.failures)
    return await this.book.enter({ ...record, phase: 'gone', sinceMs, failures: record.failures + 1 })
  }

  /** Those that are here and those that are offered, but for what the owner has in this session by hand. */
  private ofInterest(): ReadonlyMap<string, EarnOffer> {
    const isOwn = (id: string) => (this.book.get(id)?.phase ?? 'gone') !== 'gone'
    return new Map([...this.offers].filter(([id]) => isOwn(id) || this.snapshotOf(id) === undefined))
  }

  private candidates(nowMs: number): EarnCandidate[] {
    const candidates: EarnCandidate[] = []
    for (const record of this.book.all()) {
      if (record.phase !== 'gone' && record.phase !== 'looking') candidates.push(this.candidate(record, nowMs))
    }
    for (const [id, offer] of this.ofInterest()) {
      const record = this.book.get(id) ?? this.measures.fresh(offer)
      if (record.phase === 'gone' && !this.scrapes.isAwaited(offer)) candidates.push(this.candidate(record, nowMs))
    }
    return candidates
  }

  private candidate(record: EarnRecord, nowMs: number): EarnCandidate {
    const { id, phase, sizeBytes, experience, sinceMs } = record
    const speed = phase === 'kept' || phase === 'fetching' ? this.snapshotOf(id)?.speed : undefined
    const isPaying = ({ side, state }: { side: string; state: string }) => side === 'earning' && state === 'holding'
    let paidUntilMs = 0
    for (const { side, leftMs } of speed?.stays ?? []) {
      if (side === 'earning') paidUntilMs = Math.max(paidUntilMs, nowMs + leftMs)
    }
    return {
      id,
      sizeBytes: sizeBytes > 0 ? sizeBytes : (this.offers.get(id)?.sizeBytes ?? 0),
      phase: phase === 'gone' || phase === 'looking' ? 'offered' : phase,
      demand: this.scrapes.demandOf(id, nowMs),
      pricePerMiB: speed?.postedPrice ?? this.settings.usualPrice,
      experience,
      payers: speed?.rows.filter(isPaying).length ?? 0,
      paidUntilMs,
      sinceMs,
    }
  }

  private limits(): EarnLimits {
    const { limits, uploadBytesPerSecond } = this.settings
    const sold = this.book
      .all()
      .filter(({ phase }) => phase === 'kept')
      .map(({ id }) => this.snapshotOf(id))
      .filter((torrent) => torrent?.speed?.rows.some(({ side, state }) => side === 'earning' && state === 'holding'))
    const rate = sold.reduce((sum, torrent) => sum + (torrent?.uploadRate ?? 0), 0)
    return { ...limits, spareBytesPerSecond: Math.max(0, uploadBytesPerSecond - rate) }
  }

  /** Learns the size of some of which it is not known, those that are wanted most first. */
  private async look(nowMs: number): Promise<Result<void>> {
    const looking = this.book.all().filter(({ phase }) => phase === 'looking').length
    const unknown = this.candidates(nowMs).filter(({ sizeBytes, sinceMs }) => sizeBytes === 0 && sinceMs <= nowMs)
    unknown.sort((a, b) => demandOf(b) - demandOf(a) || (a.id < b.id ? -1 : 1))
    for (const { id } of unknown.slice(0, Math.max(0, mostLooking - looking))) {
      const offer = this.offers.get(id)
      if (offer === undefined) continue
      const record = this.book.get(id) ?? this.measures.fresh(offer)
      const begun = await this.begin({ ...record, phase: 'looking', sinceMs: nowMs }, offer, undefined, nowMs)
      if (!begun.ok) return begun
    }
    return success(undefined)
  }

  private async follow(nowMs: number): Promise<Result<void>> {
    const { toFetch, toDrop } = planEarning(this.candidates(nowMs), this.limits(), nowMs)
    for (const { id, why } of toDrop) {
      const record = this.book.get(id)
      if (record === undefined) continue
      const failures = why === 'stalled' ? record.failures + 1 : 0
      const sinceMs = why === 'stalled' ? nowMs + restMs * 2 ** Math.min(4, record.failures) : nowMs
      const next: EarnRecord = { ...record, phase: 'dropping', failures, sinceMs }
      const entered = await this.book.enter(next)
      if (!entered.ok) return entered
      this.events.push({ type: 'dropping', row: this.row(next, nowMs), why })
      // At once, before anybody begins to pay for it.
      const gone = await this.goOn(next, nowMs)
      if (!gone.ok) return gone
    }
    for (const { id, mayPay } of toFetch) {
      const offer = this.offers.get(id)
      if (offer === undefined) continue
      const record = this.book.get(id) ?? this.measures.fresh(offer)
      const sizeBytes = record.sizeBytes > 0 ? record.sizeBytes : offer.sizeBytes
      const begun = await this.begin({ ...record, phase: 'fetching', sizeBytes, sinceMs: nowMs }, offer, mayPay, nowMs)
      if (!begun.ok) return begun
    }
    return success(undefined)
  }

  /** Recorded, then added, then started, so that nothing of it is ever here without a record. */
  private async begin(
    record: EarnRecord,
    offer: EarnOffer,
    mayPay: bigint | undefined,
    nowMs: number,
  ): Promise<Result<void>> {
    const id = record.id as TorrentId
    const source = await offer.load()
    if (!source.ok) return await this.cannot(record, source, nowMs)
    const vacant = await this.content.isVacant(record.id)
    if (!vacant.ok) return await this.cannot(record, vacant, nowMs)
    const entered = await this.book.enter(record)
    if (!entered.ok) return entered
    const most = mayPay === undefined ? undefined : this.promise(record.id, mayPay)
    const added = await this.content.add(id, source.value, this.settings.trackers, most)
    if (!added.ok) return await this.cannot(record, added, nowMs)
    if (record.phase === 'fetching') this.tell('fetching', record, nowMs)
    await this.session.run({ type: 'start', id })
    return success(undefined)
  }

  private async cannot(record: EarnRecord, problem: Failure, nowMs: number): Promise<Result<void>> {
    this.promised.delete(record.id)
    this.events.push({ type: 'trouble', row: this.row(record, nowMs), problem })
    return await this.rest(record, nowMs)
  }

  /** Of the budget for downloads; undefined: nothing is left, or nothing was given. */
  private promise(id: string, mayPay: bigint): TokenAmount | undefined {
    const paid = subtractAmounts(this.sum('paid'), this.paidBefore)
    const owed = [...this.promised].reduce((sum, [other, most]) => sum + most - this.measures.paidFor(other), 0n)
    const left = this.settings.payBudget - paid - owed
    const most = mayPay < left ? mayPay : left
    if (most <= 0n) return undefined
    this.promised.set(id, tokenAmount(most))
    return tokenAmount(most)
  }

  /** Of links of which the size was to be learnt alone, in the turn in which it is. */
  private stopLooking(): void {
    const news = this.session.changesSince(this.cursor)
    this.cursor = news.cursor
    for (const change of news.type === 'changes' ? news.changes : []) {
      if (change.type !== 'metadata' || this.book.get(change.id)?.phase !== 'looking') continue
      void this.session.run({ type: 'stop', id: change.id })
    }
  }

  private async save(nowMs: number): Promise<Result<void>> {
    this.savedAtMs = nowMs
    const here = this.book.all().filter(({ phase }) => phase === 'fetching' || phase === 'kept')
    const gone = this.book.all().filter(({ phase, id }) => phase === 'gone' && !this.offers.has(id))
    const old = gone.filter(({ sinceMs }) => nowMs - sinceMs > neverAgainMs)
    return await this.book.save(here, [...new Set([...old, ...gone.slice(mostGone)])])
  }

  private tell(type: 'fetching' | 'kept' | 'dropped', record: EarnRecord, nowMs: number): void {
    this.events.push({ type, row: this.row(record, nowMs) })
  }

  private row(record: EarnRecord, nowMs: number, limits = this.limits()): EarnRow {
    const { id, name, phase, earned, paid } = record
    const candidate = this.candidate(record, nowMs)
    const { sizeBytes, demand, payers } = candidate
    const expected = expectedPerHour(candidate, limits, nowMs) - keepingPerHour(sizeBytes, limits)
    const doneBytes = phase === 'gone' ? 0 : (this.snapshotOf(id)?.doneBytes ?? 0)
    return { id, name, phase, sizeBytes, doneBytes, demand, earned, paid, payers, expectedPerHour: expected }
  }
}
