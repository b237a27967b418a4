// What `download` and `seed` show while they run: a live block on a terminal, plain lines now and then where output
// is kept, or JSON. Owns nothing but what it said last.
import { join } from 'node:path'
import type { ErrorCode } from '../base/errors.ts'
import type { TorrentSnapshot, TransferEvent } from '../daemon/transfer-request.ts'
import { formatEndpoint } from '../formats/compact-endpoint.ts'
import { formatBytes, formatPercent } from './display-text.ts'
import { newFields } from './fields.ts'
import type { Output } from './output.ts'
import type { ProgressForm } from './progress.ts'
import {
  accountEventText,
  cashedText,
  earnsTooLittleText,
  invoiceFields,
  quoteFields,
  speedEventText,
  verdictText,
} from './speed-lines.ts'
import { eventLines } from './transfer-json.ts'
import { describeState, plainLine, resultText, screenLines, trackerHost, webHost } from './transfer-lines.ts'

const jsonIntervalMs = 1_000
const screenIntervalMs = 250
const keptLineIntervalMs = 10_000
const patienceMs = 20_000

/** How often progress is wanted. */
export function progressIntervalMs(output: Output, form: ProgressForm): number {
  return form === 'people' && output.screen() !== undefined ? screenIntervalMs : jsonIntervalMs
}

/** What to do about a failure on this command line; the message says what it is. */
const hints: Readonly<Partial<Record<ErrorCode, string>>> = {
  'files-missing': '; put it back, or have it downloaded again with --check',
  'file-not-regular': '; a torrent file is wanted here, `swarmbid create` makes one',
  'torrent-unreachable': '; name some with --tracker or --peer, or with --port where peers will reach you',
  'torrent-locked': '; a copy beside it needs another --state folder',
}

/** Why a peer cannot be had that may be had another time. */
const passing: ReadonlySet<ErrorCode> = new Set(['connection-failed', 'timed-out', 'name-unknown'])

function tellDone(output: Output, torrent: TorrentSnapshot): void {
  const { style } = output
  const place = join(torrent.folder, torrent.name)
  output.line(`${style.good('complete')} ${style.strong(torrent.name)}: ${resultText(torrent)}, ${style.plain(place)}`)
}

function tellStopped(output: Output, torrent: TorrentSnapshot): void {
  const { style } = output
  const { doneBytes, wantedBytes, uploadedBytes, ratio, isFinished } = torrent
  const share = wantedBytes === 0 ? 0 : doneBytes / wantedBytes
  const here = isFinished ? '' : `${formatPercent(share)} is here; run the same command to go on. `
  const given = `uploaded ${formatBytes(uploadedBytes)} (ratio ${ratio.toFixed(2)})`
  output.line(`${style.plain('stopped')}  ${style.strong(torrent.name)}: ${here}${given}`)
}

function tellFields(output: Output, fields: readonly (readonly [label: string, value: string])[]): void {
  const { field } = newFields(output)
  for (const [label, value] of fields) field(label, value)
}

function tellInvoice(output: Output, { torrent, invoice }: Extract<TransferEvent, { type: 'invoice' }>): void {
  output.line(`${output.style.plain('invoice')}  ${output.style.strong(torrent.name)}`)
  tellFields(output, invoiceFields(invoice))
}

function tellQuote(output: Output, { torrent, quote, symbol }: Extract<TransferEvent, { type: 'quote' }>): void {
  const { style } = output
  const tone = quote.verdict === 'worth-it' ? style.good : style.warning
  output.line(`${tone(verdictText(quote))}: ${style.strong(torrent.name)}`)
  tellFields(output, quoteFields(quote, symbol))
}

/** For people: what is worth a line of its own; progress otherwise. */
function newPeopleDisplay(output: Output, isQuiet: boolean, isSeed: boolean): (event: TransferEvent) => void {
  const saidMs = new Map<string, number>()
  const { noteStyle } = output
  const lateMs = performance.now() + patienceMs
  const isLate = () => performance.now() >= lateMs

  function keep(torrent: TorrentSnapshot): void {
    saidMs.set(torrent.id, performance.now())
    output.note(noteStyle.plain(plainLine(torrent, isLate())))
  }

  function showProgress(torrents: readonly TorrentSnapshot[]): void {
    const screen = output.screen()
    if (screen !== undefined) {
      output.block(screenLines(torrents, screen, noteStyle, { hasPeers: isSeed, isLate: isLate() }))
      return
    }
    const nowMs = performance.now()
    for (const torrent of torrents) if (nowMs - (saidMs.get(torrent.id) ?? 0) >= keptLineIntervalMs) keep(torrent)
  }

  return (event) => {
    switch (event.type) {
      case 'failed':
        return output.failure(event.problem.code, `${event.problem.detail}${hints[event.problem.code] ?? ''}`)
      case 'done':
        return tellDone(output, event.torrent)
      case 'stopped':
        return tellStopped(output, event.torrent)
      case 'listening': {
        const places = event.endpoints.map(formatEndpoint).join(', ')
        if (isSeed) output.line(`${output.style.good('serving')} ${output.style.plain(`at ${places}`)}`)
        return
      }
      case 'progress':
        return isQuiet ? undefined : showProgress(event.torrents)
      case 'state': {
        const { state } = event.torrent
        // What ends it has a line of its own.
        const isEnd = state.type === 'stopped' || (state.type === 'error' && !state.resumesByItself)
        if (!isQuiet && !isEnd && output.screen() === undefined) {
          saidMs.set(event.torrent.id, performance.now())
          output.note(noteStyle.plain(`${event.torrent.name}: ${describeState(event.torrent, isLate())}`))
        }
        return
      }
      case 'tracker': {
        const { url, state, message } = event.tracker
        if (isQuiet || state !== 'failed') return
        const text = `${trackerHost(url)}: ${message ?? 'failed'}`
        output.note(`${noteStyle.warning('tracker:')} ${noteStyle.plain(text)}`)
        return
      }
      case 'peer': {
        const { peer, problem } = event
        if (isQuiet) return
        const text = `${peer}: ${problem.detail} (${problem.code})${passing.has(problem.code) ? '; trying on' : ''}`
        output.note(`${noteStyle.warning('peer:')} ${noteStyle.plain(text)}`)
        return
      }
      case 'web-seed': {
        if (isQuiet) return
        const { webSeed, problem } = event
        const end = webSeed.state === 'retired' ? '; given up' : ''
        const text = `${webHost(webSeed.url)}: ${problem.detail} (${problem.code})${end}`
        output.note(`${noteStyle.warning('web seed:')} ${noteStyle.plain(text)}`)
        return
      }
      case 'speed': {
        const text = speedEventText(event.event, event.torrent.speed?.symbol ?? 'TEST')
        if (!isQuiet && text !== undefined) output.note(noteStyle.plain(`${event.torrent.name}: ${text}`))
        return
      }
      case 'account': {
        const text = accountEventText(event.event, event.symbol)
        if (!isQuiet && text !== undefined) output.note(noteStyle.plain(text))
        return
      }
      case 'quote':
        return tellQuote(output, event)
      case 'earns-too-little':
        return output.line(output.style.plain(earnsTooLittleText(event)))
      case 'invoice':
        return tellInvoice(output, event)
      case 'cashed':
        return output.line(output.style.plain(cashedText(event.cashed, event.inHand, event.symbol)))
      case 'added':
      case 'metadata':
        return
    }
  }
}

/** Returns what is to be called with each event. */
export function newTransferDisplay(
  output: Output,
  form: ProgressForm,
  mode: 'download' | 'seed',
): (event: TransferEvent) => void {
  if (form !== 'json') return newPeopleDisplay(output, form === 'none', mode === 'seed')
  return (event) => {
    for (const line of eventLines(event)) output.json(line)
  }
}
