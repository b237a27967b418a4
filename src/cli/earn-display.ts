// What `earn` shows while it runs: a live table on a terminal, a line for what it does, or JSON; the names in it are a promise
// to programs (docs/command-line.md). Owns nothing but what it said last.
import {
  formatBaseUnits,
  formatRounded,
  type TokenAmount,
  type TokenSymbol,
  tokenAmount,
} from '../base/token-amount.ts'
import type { EarnEvent, EarnRow, EarnRunEvent, EarnView } from '../daemon/run-earn.ts'
import { counted, fitted, formatBytes, formatPercent } from './display-text.ts'
import type { Output } from './output.ts'
import type { ProgressForm } from './progress.ts'
import { newTransferDisplay } from './transfer-display.ts'

type JsonObject = Readonly<Record<string, unknown>>

const decimals = 2
const keptLineIntervalMs = 60_000
const shownRows = 12

const reasons = {
  'costs-more': 'it is expected to bring less than it costs',
  'stalled': 'nothing of it comes',
  'outbid': 'another is worth more',
} as const

function rowJson({ demand, earned, paid, expectedPerHour, ...row }: EarnRow): JsonObject {
  return {
    ...row,
    seeders: demand?.seeders ?? null,
    leechers: demand?.leechers ?? null,
    earned: formatBaseUnits(earned),
    paid: formatBaseUnits(paid),
    expectedPerHour: expectedPerHour.toString(),
  }
}

function viewJson({ torrents, earned, paid, ...view }: EarnView): JsonObject {
  const sums = { earned: formatBaseUnits(earned), paid: formatBaseUnits(paid) }
  return { ...view, ...sums, torrents: torrents.map(rowJson) }
}

function eventJson(event: EarnEvent): JsonObject {
  const why = event.type === 'dropping' ? { why: event.why } : {}
  const error = event.type === 'trouble' ? { error: { code: event.problem.code, message: event.problem.detail } } : {}
  return { type: event.type, ...why, ...error, torrent: rowJson(event.row) }
}

function perHour(amount: bigint, symbol: TokenSymbol): string {
  const text = formatRounded(tokenAmount(amount < 0n ? -amount : amount), symbol, decimals)
  return `${amount < 0n ? '-' : ''}${text} an hour`
}

function eventText(event: EarnEvent, symbol: TokenSymbol): string {
  const { name, sizeBytes, demand, earned, expectedPerHour } = event.row
  const wanted = demand === undefined ? '' : `, ${demand.leechers} want it of ${counted(demand.seeders, 'seed')}`
  switch (event.type) {
    case 'fetching':
      return `fetching ${name}: ${formatBytes(sizeBytes)}${wanted}, expected to bring ${perHour(expectedPerHour, symbol)}`
    case 'kept':
      return `seeding ${name}, expected to bring ${perHour(expectedPerHour, symbol)}`
    case 'dropping':
      return `dropping ${name}: ${reasons[event.why]}; it earned ${formatRounded(earned, symbol, decimals)}`
    case 'dropped':
      return `dropped ${name}: ${formatBytes(sizeBytes)} free`
    case 'trouble':
      return `leaving ${name} alone for a while: ${event.problem.detail} (${event.problem.code})`
  }
}

function summary({ torrents, usedBytes, diskBytes, earned, offers }: EarnView, symbol: TokenSymbol): string {
  const kept = torrents.filter(({ phase }) => phase === 'kept').length
  const fetching = torrents.filter(({ phase }) => phase === 'fetching').length
  const disk = `${formatBytes(usedBytes)} of ${formatBytes(diskBytes)}`
  return `seeding ${kept}, fetching ${fetching} of ${offers} offered; ${disk}; earned ${formatRounded(earned, symbol, decimals)}`
}

function rowText({ name, phase, sizeBytes, doneBytes, earned, payers, expectedPerHour }: EarnRow, symbol: TokenSymbol) {
  const state =
    phase === 'kept'
      ? 'seeding'
      : phase === 'fetching'
        ? formatPercent(sizeBytes === 0 ? 0 : doneBytes / sizeBytes)
        : phase
  const amounts = `${formatRounded(earned as TokenAmount, symbol, decimals)}, ${perHour(expectedPerHour, symbol)} expected`
  return `  ${state.padEnd(8)} ${name}: ${amounts}${payers > 0 ? `, ${payers} paying` : ''}`
}

/** Returns what is to be called with each event. */
export function newEarnDisplay(output: Output, form: ProgressForm): (event: EarnRunEvent) => void {
  const tellTransfer = newTransferDisplay(output, form, 'seed')
  const { style, noteStyle } = output
  let saidMs = Number.NEGATIVE_INFINITY

  function showStatus(view: EarnView, symbol: TokenSymbol): void {
    const screen = output.screen()
    if (screen !== undefined) {
      const rows = view.torrents.slice(0, Math.max(1, Math.min(shownRows, screen.rows - 2)))
      const lines = [summary(view, symbol), ...rows.map((row) => rowText(row, symbol))]
      output.block(lines.map((line) => noteStyle.plain(fitted(line, screen.columns))))
    } else if (performance.now() - saidMs >= keptLineIntervalMs) {
      saidMs = performance.now()
      output.note(noteStyle.plain(summary(view, symbol)))
    }
  }

  if (form === 'json') {
    return (event) => {
      if (event.type === 'transfer') tellTransfer(event.event)
      else if (event.type === 'earn') output.json(eventJson(event.event))
      else if (event.type === 'status') output.json({ type: 'status', symbol: event.symbol, ...viewJson(event.view) })
      else output.json({ type: 'catalogs', offers: event.offers, problems: event.problems })
    }
  }
  return (event) => {
    if (event.type === 'transfer') return tellTransfer(event.event)
    if (event.type === 'earn') return output.line(style.plain(eventText(event.event, event.symbol)))
    if (event.type === 'status') return form === 'none' ? undefined : showStatus(event.view, event.symbol)
    for (const { name, code, detail } of event.problems) {
      output.note(`${noteStyle.warning('catalogue:')} ${noteStyle.plain(`${name}: ${detail} (${code})`)}`)
    }
  }
}
