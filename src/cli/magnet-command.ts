// `swarmbid magnet`: the link of a torrent file, or what a link says.
// Guarantees: each input gets its answer whatever happens with the others; nothing from a link reaches the
// terminal raw.

import { toHex } from '../base/bytes.ts'
import { SwarmbidError, unwrap } from '../base/errors.ts'
import { linkOf, magnetOf } from '../daemon/make-magnet.ts'
import { readTorrent } from '../daemon/read-torrent.ts'
import { formatMagnet, formatPeerAddress, type Magnet, parseMagnet } from '../formats/magnet.ts'
import { formatTorrentPointer, isPointerAlone, parseTorrentPointer } from '../formats/torrent-pointer.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { formatBytes, formatCount } from './display-text.ts'
import { exitCodes } from './exit-code.ts'
import { newFields } from './fields.ts'
import type { Output } from './output.ts'

export interface MagnetOptions {
  readonly json?: boolean
}

function formatSelection(magnet: Magnet): string | undefined {
  return magnet.selectedFiles?.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(', ')
}

function showMagnet(magnet: Magnet, output: Output): void {
  const { style } = output
  const { field, list } = newFields(output)
  output.line(magnet.name === undefined ? style.faint('(no name)') : style.strong(magnet.name))
  field('info hash v1', magnet.infoHashV1)
  field('info hash v2', magnet.infoHashV2)
  const { lengthBytes } = magnet
  if (lengthBytes !== undefined) field('size', `${formatBytes(lengthBytes)} (${formatCount(lengthBytes)} bytes)`)
  field('only files', formatSelection(magnet))
  list('trackers', magnet.trackers)
  list('web seeds', magnet.webSeeds)
  list('sources', magnet.sources)
  list('peers', magnet.peers.map(formatPeerAddress))
}

function describeMagnet(magnet: Magnet, link: string): Record<string, unknown> {
  return {
    magnet: link,
    name: magnet.name ?? null,
    infoHashV1: magnet.infoHashV1 ?? null,
    infoHashV2: magnet.infoHashV2 ?? null,
    totalBytes: magnet.lengthBytes ?? null,
    trackers: magnet.trackers,
    webSeeds: magnet.webSeeds,
    sources: magnet.sources,
    peers: magnet.peers.map(formatPeerAddress),
    selectedFiles: magnet.selectedFiles ?? null,
  }
}

async function readMagnet(input: string, { output, signal }: CommandContext): Promise<Magnet> {
  const link = linkOf(input)
  if (link === undefined) {
    const metainfo = await readTorrent(input, signal)
    if (metainfo.info.isPrivate) {
      const { noteStyle } = output
      const text = `${input}: private, and hardly any peer gives the metadata of such a torrent to who has only a link`
      output.note(`${noteStyle.warning('warning:')} ${noteStyle.plain(text)}`)
    }
    return magnetOf(metainfo)
  }
  const parsed = parseMagnet(link)
  if (!parsed.ok) throw new SwarmbidError(parsed.code, parsed.detail)
  return parsed.value
}

/** A link of a key, which says itself nothing of the torrent (BEP 46). */
function showPointer(input: string, isJson: boolean, output: Output): void {
  const pointer = unwrap(parseTorrentPointer(input))
  const [publicKey, salt] = [toHex(pointer.publicKey), toHex(pointer.salt)]
  if (isJson) {
    output.json({ input, magnet: formatTorrentPointer(pointer), publicKey, salt })
    return
  }
  const { field } = newFields(output)
  output.line(output.style.faint('(a torrent that changes: `dht get` finds which it is now)'))
  field('public key', publicKey)
  field('salt', salt === '' ? undefined : salt)
}

export async function runMagnet(
  inputs: readonly string[],
  options: MagnetOptions,
  context: CommandContext,
): CommandResult {
  const { output, signal } = context
  let exitCode: number = exitCodes.ok
  for (const input of inputs) {
    if (!output.isRead()) break
    if (signal.aborted) throw new SwarmbidError('interrupted', 'stopped before all inputs were read')
    try {
      if (isPointerAlone(input)) {
        showPointer(input, options.json === true, output)
        continue
      }
      const magnet = await readMagnet(input, context)
      if (options.json === true) output.json({ input, ...describeMagnet(magnet, formatMagnet(magnet)) })
      else if (/^\s*magnet:/i.test(input)) showMagnet(magnet, output)
      else output.line(output.style.plain(formatMagnet(magnet)))
    } catch (error) {
      if (!(error instanceof SwarmbidError) || error.code === 'interrupted') throw error
      exitCode = exitCodes.failed
      const { code, message } = error
      if (options.json === true) output.json({ input, error: { code, message } })
      else output.failure(code, message)
    }
  }
  return exitCode
}
