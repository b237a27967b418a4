// One run of `earn`: a session with a folder and a state of its own, in which earn mode fetches, keeps and drops torrents of
// catalogues, until it is interrupted. Guarantees: two processes never have one folder; whatever ends it, what was earned is
// noted, vouchers are cashed as far as it is worth it, and locks are released. Owns session, records and lock.
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { failure, type Result, SwarmbidError, success, unwrap } from '../base/errors.ts'
import { parseTokenAmount, type TokenAmount, type TokenSymbol, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import { openSqliteStore } from '../host/sqlite-store.ts'
import { systemClock } from '../host/system-clock.ts'
import { EarnMode } from '../session/earn-mode.ts'
import type { EarnEvent, EarnRow, EarnView } from '../session/earn-types.ts'
import type { Session } from '../session/session.ts'
import type { SessionConfig } from '../session/session-config.ts'
import { type CatalogProblem, EarnCatalogs } from './earn-catalogs.ts'
import { openSystemSession, systemPorts } from './open-session.ts'
import { lockNames, type ProcessLock } from './process-lock.ts'
import { configOf } from './run-transfers.ts'
import { SpeedRun } from './speed-run.ts'
import type { SpeedRequest, TorrentSnapshot, TransferEvent, TransferRequest } from './transfer-request.ts'

export type { EarnEvent, EarnRow, EarnView }

export interface EarnRequest {
  /** Its path is the folder for torrents of earn mode alone; sources are none. */
  readonly transfer: TransferRequest
  readonly speed: SpeedRequest
  readonly catalogs: readonly string[]
  readonly diskBytes: number
  readonly most: number
  /** As people write them: of a GiB sent or received, of a GiB kept for a day; undefined: as usual. */
  readonly trafficCost: string | undefined
  readonly keepingCost: string | undefined
}

export type EarnRunEvent =
  | { readonly type: 'earn'; readonly event: EarnEvent; readonly symbol: TokenSymbol }
  | { readonly type: 'status'; readonly view: EarnView; readonly symbol: TokenSymbol }
  | { readonly type: 'catalogs'; readonly offers: number; readonly problems: readonly CatalogProblem[] }
  | { readonly type: 'transfer'; readonly event: TransferEvent }

const stepEveryMs = 5_000
const statusEveryMs = 1_000
const readEveryMs = 600_000
const scrapeEveryMs = 1_800_000
const trialMs = 1_800_000
const halfLifeMs = 21_600_000
const token = 10n ** 18n
/** A hundredth of what a GiB is sold for at first. */
const usualKeepingCost = tokenAmount(10n * token)
const stateFolderName = '.state'

class EarnRun {
  private readonly request: EarnRequest
  private readonly onEvent: (event: EarnRunEvent) => void
  private readonly signal: AbortSignal
  private readonly speed: SpeedRun
  private readonly session: Session
  private readonly mode: EarnMode
  private readonly catalogs: EarnCatalogs

  constructor(
    request: EarnRequest,
    onEvent: (event: EarnRunEvent) => void,
    signal: AbortSignal,
    parts: {
      readonly speed: SpeedRun
      readonly session: Session
      readonly mode: EarnMode
      readonly catalogs: EarnCatalogs
    },
  ) {
    this.request = request
    this.onEvent = onEvent
    this.signal = signal
    this.speed = parts.speed
    this.session = parts.session
    this.mode = parts.mode
    this.catalogs = parts.catalogs
  }

  snapshots(): TorrentSnapshot[] {
    const ids = this.session.snapshot().torrents.map(({ id }) => id)
    return ids.map((id) => this.session.torrentSnapshot(id)).flatMap((each) => (each.ok ? [each.value] : []))
  }

  async follow(): Promise<void> {
    const { session, onEvent, signal } = this
    const endpoints = session.snapshot().listening
    onEvent({ type: 'transfer', event: { type: 'listening', endpoints } })
    const first = await this.readCatalogs()
    if (first === 0) throw new SwarmbidError('catalog-malformed', 'no catalogue could be read')
    const status = setInterval(() => void this.tellStatus(), statusEveryMs)
    const reading = setInterval(() => void this.readCatalogs(), readEveryMs)
    try {
      while (!signal.aborted) {
        const events = await this.mode.step(systemClock().wallMs())
        if (!events.ok && events.code === 'store-damaged') unwrap(events)
        for (const event of events.ok ? events.value : []) onEvent({ type: 'earn', event, symbol: this.speed.symbol })
        await delay(stepEveryMs, undefined, { signal }).catch(() => undefined)
      }
    } finally {
      clearInterval(status)
      clearInterval(reading)
      unwrap(await this.mode.end(systemClock().wallMs()))
      this.tellStatus()
    }
  }

  private tellStatus(): void {
    const view = this.mode.view(systemClock().wallMs())
    this.onEvent({ type: 'status', view, symbol: this.speed.symbol })
    void this.speed.note(this.snapshots())
  }

  /** How many could be read. */
  private async readCatalogs(): Promise<number> {
    try {
      const { offers, problems, readable } = await this.catalogs.read(this.signal)
      this.mode.offer(offers)
      this.onEvent({ type: 'catalogs', offers: offers.length, problems })
      return readable
    } catch (error) {
      if (error instanceof SwarmbidError && error.code === 'interrupted') return this.request.catalogs.length
      throw error
    }
  }
}

/** Errors: amount-invalid, amount-other-token. */
function costOf(text: string | undefined, symbol: TokenSymbol, usual: TokenAmount): Result<TokenAmount> {
  if (text === undefined) return success(usual)
  const sum = parseTokenAmount(text, symbol)
  return sum.ok ? success(sum.value.amount) : sum
}

/** Torrents of earn mode begin and end by its plan alone. */
function earnConfig(request: EarnRequest, speed: SpeedRun): SessionConfig {
  const { transfer } = request
  return {
    ...configOf(transfer),
    stateFolder: join(transfer.path, stateFolderName),
    restoresAll: true,
    incompleteSuffix: true,
    speed: speed.config,
  }
}

/**
 * Runs until the signal comes. Throws what opening Speed and the session does, store-locked where another process has the
 * folder, catalog-malformed where no catalogue can be read at first, amount-invalid, amount-other-token.
 */
export async function runEarn(
  request: EarnRequest,
  onEvent: (event: EarnRunEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const { transfer, diskBytes, most } = request
  const speed = await SpeedRun.open(request.speed, (event) => onEvent({ type: 'transfer', event }))
  const opened: (() => unknown)[] = [() => speed.close()]
  try {
    const { symbol } = speed
    const trafficPerGiB = unwrap(costOf(request.trafficCost, symbol, zeroAmount as TokenAmount))
    const keepingPerGiBDay = unwrap(costOf(request.keepingCost, symbol, usualKeepingCost))
    const config = earnConfig(request, speed)
    const lock: ProcessLock = unwrap(
      lockNames(config.stateFolder, ['earn'], (holder) =>
        failure('store-locked', `process ${holder} earns with ${transfer.path} already`),
      ),
    )
    opened.push(() => lock.release())
    const store = unwrap(await openSqliteStore(join(config.stateFolder, 'earn.db')))
    opened.push(() => store.close())
    const ports = { ...systemPorts(), speed: speed.ports }
    const session = unwrap(await openSystemSession(config, ports))
    opened.push(() => session.close())
    const limits = { diskBytes, most, trafficPerGiB, keepingPerGiBDay, trialMs, halfLifeMs }
    const mode = unwrap(
      await EarnMode.open(
        session,
        store,
        {
          limits,
          uploadBytesPerSecond: transfer.uploadLimit,
          folder: transfer.path,
          usualPrice: speed.config.startPrice,
          payBudget: speed.config.pays ? speed.config.dayBudget : (zeroAmount as TokenAmount),
          scrapeEveryMs,
          trackers: transfer.trackers.flat(),
        },
        systemClock().wallMs(),
      ),
    )
    const catalogs = new EarnCatalogs(request.catalogs, { ports, config })
    const run = new EarnRun(request, onEvent, signal, { speed, session, mode, catalogs })
    let last: readonly TorrentSnapshot[] = []
    try {
      await run.follow()
      await speed.settle(
        session,
        run.snapshots().map(({ id }) => id),
        true,
      )
    } finally {
      const ids = session.snapshot().torrents.map(({ id }) => id)
      await session.close()
      last = ids.map((id) => session.torrentSnapshot(id)).flatMap((each) => (each.ok ? [each.value] : []))
    }
    await speed.conclude(last)
  } finally {
    for (const end of opened.reverse()) await end()
  }
}
