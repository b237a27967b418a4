// `swarmbid info`: what torrent files hold, for people or one JSON object a line for programs.
// Guarantees: each file gets its answer whatever happens with the others; nothing from a torrent reaches the
// terminal raw.
import { SwarmbidError } from '../base/errors.ts'
import { magnetOf } from '../daemon/make-magnet.ts'
import { readTorrent } from '../daemon/read-torrent.ts'
import { formatMagnet, formatPeerAddress } from '../formats/magnet.ts'
import type { Metainfo, TorrentFile } from '../formats/metainfo/metainfo.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { counted, formatBytes, formatCount } from './display-text.ts'
import { exitCodes } from './exit-code.ts'
import { newFields } from './fields.ts'
import type { Output } from './output.ts'
import { torrentFields } from './torrent-json.ts'

export interface InfoOptions {
  readonly all?: boolean
  readonly json?: boolean
}

const shownFiles = 50
const shownUrls = 20
const onlyFiles = 'a link is no torrent file: `magnet` shows what it says, `dht get` where one of a key leads'

/** The fields of `info --json` that describe a torrent; the names are a promise to programs. */
function describeTorrent(metainfo: Metainfo): Record<string, unknown> {
  const { info } = metainfo
  return {
    ...torrentFields(info),
    private: info.isPrivate,
    files: info.files.map((file) => ({ path: file.path.join('/'), lengthBytes: file.lengthBytes })),
    trackers: metainfo.trackers.flat(),
    webSeeds: metainfo.webSeeds,
  }
}

/** Seconds since 1970 as a date in UTC; the number itself where there is no such date. */
function formatDate(seconds: number): string {
  const date = new Date(seconds * 1000)
  if (Number.isNaN(date.getTime())) return `${seconds} s after 1970`
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

function fileNote(file: TorrentFile): string {
  if (file.symlinkTarget !== undefined) return ` -> ${file.symlinkTarget.join('/')}`
  return file.isExecutable ? ' (executable)' : ''
}

function showFiles(metainfo: Metainfo, isAll: boolean, output: Output): void {
  const { style } = output
  const { files } = metainfo.info
  const shown = isAll ? files : files.slice(0, shownFiles)
  output.line(`  ${style.faint('files'.padEnd(13))} ${formatCount(files.length)}`)
  const sizes = shown.map((file) => formatBytes(file.lengthBytes))
  const width = sizes.reduce((widest, size) => Math.max(widest, size.length), 0)
  // The numbers are those of `download --select`.
  const numberWidth = String(shown.length - 1).length
  for (const [index, file] of shown.entries()) {
    const figures = `${String(index).padStart(numberWidth)}  ${(sizes[index] as string).padStart(width)}`
    output.line(`    ${style.faint(figures)}  ${style.plain(file.path.join('/'))}${style.faint(fileNote(file))}`)
  }
  const leftOut = files.length - shown.length
  if (leftOut > 0) output.line(`    ${style.faint(`and ${counted(leftOut, 'more file')}; --all lists them`)}`)
}

const versionNames = { v1: '1 (BEP 3)', v2: '2 (BEP 52)', hybrid: '1 and 2 (hybrid)' } as const

function showTorrent(metainfo: Metainfo, isAll: boolean, output: Output): void {
  const { info } = metainfo
  const { field, list } = newFields(output)
  const urlCount = isAll ? Number.POSITIVE_INFINITY : shownUrls
  output.line(output.style.strong(info.name))
  field('version', versionNames[info.version])
  field('info hash v1', info.infoHashV1)
  field('info hash v2', info.infoHashV2)
  field('size', `${formatBytes(info.totalBytes)} (${formatCount(info.totalBytes)} bytes)`)
  field('pieces', `${formatCount(info.pieceCount)} of ${formatBytes(info.pieceLengthBytes)}`)
  if (info.isPrivate) field('private', 'yes: peers only from its trackers')
  field('source', info.source)
  field('comment', metainfo.comment)
  field('created by', metainfo.createdBy)
  if (metainfo.creationDateSeconds !== undefined) field('created', formatDate(metainfo.creationDateSeconds))
  list(
    'trackers',
    metainfo.trackers.map((tier) => tier.join('  or  ')),
    urlCount,
  )
  list('web seeds', [...metainfo.webSeeds, ...metainfo.httpSeeds], urlCount)
  list('DHT nodes', metainfo.nodes.map(formatPeerAddress), urlCount)
  showFiles(metainfo, isAll, output)
  field('magnet', formatMagnet(magnetOf(metainfo)))
}

export async function runInfo(files: readonly string[], options: InfoOptions, context: CommandContext): CommandResult {
  const { output, signal } = context
  let exitCode: number = exitCodes.ok
  for (const [index, file] of files.entries()) {
    if (!output.isRead()) break
    if (signal.aborted) throw new SwarmbidError('interrupted', 'stopped before all files were read')
    try {
      if (/^\s*magnet:/i.test(file)) throw new SwarmbidError('usage', onlyFiles)
      const metainfo = await readTorrent(file, signal)
      if (options.json === true) {
        output.json({ file, ...describeTorrent(metainfo) })
        continue
      }
      if (index > 0) output.line('')
      showTorrent(metainfo, options.all === true, output)
    } catch (error) {
      if (!(error instanceof SwarmbidError) || error.code === 'interrupted') throw error
      exitCode = exitCodes.failed
      const { code, message } = error
      if (options.json === true) output.json({ file, error: { code, message } })
      else output.failure(code, message)
    }
  }
  return exitCode
}
