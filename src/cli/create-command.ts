// `swarmbid create`: options to a request, events to progress, the result shown.
// Decides nothing about torrents itself; the time of day enters here.
import { relative } from 'node:path'
import { type CreateEvent, type CreateRequest, createTorrent } from '../daemon/create-torrent.ts'
import { magnetOf } from '../daemon/make-magnet.ts'
import { formatMagnet, type PeerAddress } from '../formats/magnet.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { counted, formatBytes, formatCount } from './display-text.ts'
import { exitCodes } from './exit-code.ts'
import { newFields } from './fields.ts'
import { newProgress } from './progress.ts'
import { torrentFields } from './torrent-json.ts'
import { programVersion } from './version.ts'

export interface CreateOptions {
  readonly output?: string
  readonly force?: boolean
  readonly format: CreateRequest['version']
  readonly pieceLength?: number
  readonly tracker?: readonly (readonly string[])[]
  readonly webSeed?: readonly string[]
  readonly node?: readonly PeerAddress[]
  readonly private?: boolean
  readonly comment?: string
  readonly source?: string
  readonly name?: string
  /** Absent: ours; false: none. */
  readonly createdBy?: string | false
  readonly date: boolean
  readonly symlinks: CreateRequest['symlinks']
  readonly skipHidden?: boolean
  readonly threads?: number
  readonly quiet?: boolean
  readonly json?: boolean
}

function requestOf(path: string, options: CreateOptions): CreateRequest {
  const createdBy = options.createdBy ?? `swarmbid/${programVersion()}`
  return {
    contentPath: path,
    overwrite: options.force === true,
    version: options.format,
    trackers: options.tracker ?? [],
    webSeeds: options.webSeed ?? [],
    nodes: options.node ?? [],
    isPrivate: options.private === true,
    symlinks: options.symlinks,
    lendsThread: true,
    skipHidden: options.skipHidden === true,
    ...(options.threads === undefined ? {} : { maxThreads: options.threads }),
    ...(options.output === undefined ? {} : { outputPath: options.output }),
    ...(options.pieceLength === undefined ? {} : { pieceLengthBytes: options.pieceLength }),
    ...(options.comment === undefined ? {} : { comment: options.comment }),
    ...(options.source === undefined ? {} : { source: options.source }),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(createdBy === false ? {} : { createdBy }),
    ...(options.date ? { creationDateSeconds: Math.floor(Date.now() / 1000) } : {}),
  }
}

function watchEvents(options: CreateOptions, { output }: CommandContext): (event: CreateEvent) => void {
  const form = options.quiet === true ? 'none' : options.json === true ? 'json' : 'people'
  let progress: (doneBytes: number) => void = () => undefined
  return (event) => {
    switch (event.type) {
      case 'found': {
        progress = newProgress(output, form, 'hashing', event.totalBytes)
        if (options.json === true) output.json(event)
        else if (options.quiet !== true) {
          const pieces = `${counted(event.pieceCount, 'piece')} of ${formatBytes(event.pieceLengthBytes)}`
          output.note(`${counted(event.fileCount, 'file')}, ${formatBytes(event.totalBytes)}, ${pieces}`)
        }
        return
      }
      case 'progress':
        return progress(event.doneBytes)
      case 'warning':
        if (options.json === true) output.json({ type: 'warning', message: event.detail })
        else output.note(`${output.noteStyle.warning('warning:')} ${output.noteStyle.plain(event.detail)}`)
    }
  }
}

export async function runCreate(path: string, options: CreateOptions, context: CommandContext): CommandResult {
  const { output, signal } = context
  const created = await createTorrent(requestOf(path, options), watchEvents(options, context), signal)
  const { info } = created.metainfo
  const magnet = formatMagnet(magnetOf(created.metainfo))
  if (options.json === true) {
    output.json({
      type: 'done',
      file: created.outputPath,
      ...torrentFields(info),
      magnet,
    })
    return exitCodes.ok
  }
  const { field } = newFields(output)
  const shownPath = relative('', created.outputPath)
  output.line(output.style.strong(shownPath.startsWith('..') ? created.outputPath : shownPath))
  field('info hash v1', info.infoHashV1)
  field('info hash v2', info.infoHashV2)
  field('size', `${formatBytes(info.totalBytes)} (${formatCount(info.totalBytes)} bytes)`)
  field('pieces', `${formatCount(info.pieceCount)} of ${formatBytes(info.pieceLengthBytes)}`)
  field('magnet', magnet)
  return exitCodes.ok
}
