// Speed in one run of `download` or `seed`: what the session needs for it, what torrents may cost, and the end, when what is
// owed is paid, lanes end and vouchers are cashed. Guarantees: the end is bounded in time, and what it leaves locked or
// uncashed is told. Owns what was opened for it; the session is the run's.
import { setTimeout as delay } from 'node:timers/promises'
import type { Result } from '../base/errors.ts'
import { mulDiv, type TokenAmount, type TokenSymbol, zeroAmount } from '../base/token-amount.ts'
import { systemClock } from '../host/system-clock.ts'
import type { TorrentBudget, TorrentId } from '../session/commands.ts'
import type { Session } from '../session/session.ts'
import type { SpeedConfig } from '../session/session-config.ts'
import type { SpeedPorts } from '../session/speed-ports.ts'
import { type OpenedSpeed, openSpeed, type SpeedRequest } from './open-speed.ts'
import { cashInHand, type InHand, readInHand } from './speed-cashing.ts'
import { invoiceOf, lockedFor } from './speed-invoice.ts'
import { QuoteSampler } from './speed-quote.ts'
import { SavingEstimate } from './speed-saving.ts'
import { StayingTorrents } from './speed-staying.ts'
import { SpeedTotals } from './speed-totals.ts'
import type { TorrentSnapshot, TransferEvent } from './transfer-request.ts'

/** Waited for at the end, so that lanes end; less where somebody waits at the terminal. */
const endMs = 5_000
const interruptedEndMs = 1_500
const lookEveryMs = 50
const cashingMs = 1_500
const quoteMs = 10_000
const sampleEveryMs = 500

export class SpeedRun {
  private readonly request: SpeedRequest
  private readonly opened: OpenedSpeed
  private readonly onEvent: (event: TransferEvent) => void
  private readonly totals: SpeedTotals
  /** Of one torrent. */
  private share: TokenAmount | undefined
  private readonly savings = new Map<string, SavingEstimate>()
  private readonly staying: StayingTorrents | undefined

  private constructor(request: SpeedRequest, opened: OpenedSpeed, onEvent: (event: TransferEvent) => void) {
    this.request = request
    this.opened = opened
    this.onEvent = onEvent
    this.totals = new SpeedTotals(opened.store, () => systemClock().wallMs())
    const { costPerHour } = opened
    this.staying = costPerHour === undefined ? undefined : new StayingTorrents(costPerHour)
  }

  /** Throws what openSpeed does. */
  static async open(request: SpeedRequest, onEvent: (event: TransferEvent) => void): Promise<SpeedRun> {
    return new SpeedRun(request, await openSpeed(request), onEvent)
  }

  get ports(): SpeedPorts {
    return this.opened.ports
  }

  get config(): SpeedConfig {
    return this.opened.config
  }

  get symbol(): TokenSymbol {
    return this.opened.symbol
  }

  get isQuote(): boolean {
    return this.request.isQuote
  }

  /** Of each of so many torrents: equal parts of what may be paid. */
  divide(torrents: number): TorrentBudget | undefined {
    const { budget } = this.opened
    if (budget !== undefined) this.share = mulDiv(budget, 1n, BigInt(torrents), 'down')
    if (this.share === undefined || this.isQuote) return undefined
    const { deadlineSeconds, staying } = this.request
    return {
      most: this.share,
      ...(deadlineSeconds === undefined ? {} : { deadlineInMs: deadlineSeconds * 1_000 }),
      ...(staying === undefined ? {} : { staying: { forMs: staying.seconds * 1_000, seeders: staying.seeders } }),
    }
  }

  /** Tells of a complete torrent that earns less than an hour of seeding is to bring. To be asked often. */
  isWorthSeeding(torrent: TorrentSnapshot): boolean {
    const { costPerHour, symbol } = this.opened
    if (costPerHour === undefined || this.staying?.isWorthIt(torrent, systemClock().nowMs()) !== false) return true
    const earned = torrent.speed?.earned ?? (zeroAmount as TokenAmount)
    this.onEvent({ type: 'earns-too-little', torrent, earned, costPerHour, symbol })
    return false
  }

  /** Takes note of what was paid and earned since. */
  async note(torrents: readonly TorrentSnapshot[]): Promise<void> {
    for (const torrent of torrents) this.savingOf(torrent).sample(torrent, systemClock().nowMs())
    const noted = await this.totals.take(torrents)
    if (!noted.ok) this.request.note(`What was paid is not kept for \`speed history\`: ${noted.detail} (${noted.code})`)
  }

  /** Looks for some seconds, or until nothing is left to look at, and tells what paying would cost. */
  async quote(snapshots: () => readonly TorrentSnapshot[], signal: AbortSignal): Promise<void> {
    const { ports, config } = this.opened
    const [rail] = ports.rails
    if (rail === undefined || this.share === undefined) return
    const clock = systemClock()
    const startMs = clock.nowMs()
    const samplers = new Map<string, QuoteSampler>()
    const setting = {
      terms: rail.terms,
      budget: this.share,
      usualPrice: config.startPrice,
      downloadLimit: this.request.downloadLimit,
    }
    const isOver = () => signal.aborted || clock.nowMs() - startMs >= quoteMs || snapshots().every(isWhole)
    while (!isOver()) {
      await delay(sampleEveryMs)
      for (const torrent of snapshots()) {
        const sampler = samplers.get(torrent.id) ?? new QuoteSampler(setting, startMs)
        samplers.set(torrent.id, sampler)
        sampler.sample(torrent, clock.nowMs())
      }
    }
    for (const torrent of snapshots()) {
      const quoted = samplers.get(torrent.id)?.quote(torrent, clock.nowMs())
      if (quoted !== undefined) this.onEvent({ type: 'quote', torrent, quote: quoted, symbol: this.symbol })
    }
  }

  /** Nothing more is bought; what is owed is paid, and lanes end, as far as the others answer in time. */
  async settle(session: Session, ids: readonly TorrentId[], isInterrupted: boolean): Promise<void> {
    if (this.isQuote || !this.config.pays) return
    for (const id of ids) await session.run({ type: 'set-budget', id, budget: undefined })
    const untilMs = systemClock().nowMs() + (isInterrupted ? interruptedEndMs : endMs)
    const isSettled = () => snapshotsOf(session, ids).every(isPaid)
    while (!isSettled() && systemClock().nowMs() < untilMs) await delay(lookEveryMs)
  }

  /** Once the session has ended: cashes, and tells what it came to. `torrents` are as they were at the end. */
  async conclude(torrents: readonly TorrentSnapshot[]): Promise<void> {
    if (this.isQuote) return
    await this.note(torrents)
    const { ports, store, symbol } = this.opened
    const rails = ports.rails.map(({ terms }) => terms.rail)
    for (const torrent of torrents) {
      const locked = orNothing(await lockedFor(store, rails, torrent.id))
      const invoice = invoiceOf(torrent, this.share, locked, this.savingOf(torrent).savedSeconds(torrent))
      if (invoice !== undefined) this.onEvent({ type: 'invoice', torrent, invoice })
    }
    if (!this.config.earns) return
    for (const rail of ports.rails) {
      const cashed = orNothing(await cashInHand(rail, ports.scheme, cashingMs)) ?? zeroAmount
      const inHand = orNothing(await readInHand(rail)) ?? noneInHand
      if (cashed > 0n || inHand.lanes > 0) this.onEvent({ type: 'cashed', symbol, cashed, inHand })
    }
  }

  close(): Promise<void> {
    return this.opened.close()
  }

  private savingOf({ id }: TorrentSnapshot): SavingEstimate {
    const saving = this.savings.get(id) ?? new SavingEstimate()
    this.savings.set(id, saving)
    return saving
  }
}

const noneInHand: InHand = { amount: zeroAmount as TokenAmount, lanes: 0, untilMs: Number.POSITIVE_INFINITY }

/** What cannot be read now is not told; the records stay as they are. */
function orNothing<T>(result: Result<T>): T | undefined {
  return result.ok ? result.value : undefined
}

function isWhole({ isFinished, doneBytes, wantedBytes }: TorrentSnapshot): boolean {
  return isFinished || (wantedBytes > 0 && doneBytes >= wantedBytes)
}

function isPaid({ speed }: TorrentSnapshot): boolean {
  if (speed === undefined) return true
  return speed.locked === 0n && speed.rows.every(({ state, owed, paid }) => state !== 'holding' && paid >= owed)
}

function snapshotsOf(session: Session, ids: readonly TorrentId[]): TorrentSnapshot[] {
  return ids.map((id) => session.torrentSnapshot(id)).flatMap((snapshot) => (snapshot.ok ? [snapshot.value] : []))
}
