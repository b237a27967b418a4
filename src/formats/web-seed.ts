// Web seeds (BEP 19): where a file of a torrent lies below the URL of a seed, and what a server says of the range it
// sends (RFC 9110). Pure. Names are those of the torrent, not of our disk, each escaped so that none of them can lead
// out of its folder or become a query.
import { failure, type Result, success } from '../base/errors.ts'
import type { TorrentFile, TorrentInfo } from './metainfo/metainfo.ts'

const maxUrlLength = 4_096

export interface ContentRange {
  readonly first: number
  /** Inclusive, as on the wire. */
  readonly last: number
  /** Of the whole file; undefined: the server does not say. */
  readonly totalBytes: number | undefined
}

/** A URL of http or https that can be asked for files. Errors: web-seed-url. */
export function checkWebSeedUrl(text: string): Result<URL> {
  const url = text.length > maxUrlLength ? null : URL.parse(text)
  const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:'
  return isWeb ? success(url) : failure('web-seed-url', 'not a URL of the form http:// or https://HOST')
}

/**
 * Where a seed has a file. The URL of a lone file is that of the file, unless it ends with a slash; several files lie
 * below it, in a folder of the torrent's name. Errors: web-seed-url.
 */
export function webSeedFileUrl(
  seedUrl: string,
  { isFolder }: Pick<TorrentInfo, 'isFolder'>,
  { path, rawPath }: Pick<TorrentFile, 'path' | 'rawPath'>,
): Result<string> {
  const base = seedUrl.replace(/#.*$/s, '')
  const seed = checkWebSeedUrl(base)
  if (!seed.ok || (!isFolder && !base.endsWith('/'))) return seed.ok ? success(seed.value.href) : seed
  const below = (rawPath ?? path).map((component) => encodeURIComponent(component.toWellFormed())).join('/')
  const file = checkWebSeedUrl(`${base}${base.endsWith('/') ? '' : '/'}${below}`)
  return file.ok ? success(file.value.href) : file
}

/** `bytes 0-499/1234` or `bytes 0-499/*`; undefined for anything else. */
export function parseContentRange(text: string | undefined): ContentRange | undefined {
  const match = /^bytes +([0-9]{1,15})-([0-9]{1,15})\/([0-9]{1,15}|\*)$/i.exec(text?.trim() ?? '')
  if (match === null) return undefined
  const [first, last] = [Number(match[1]), Number(match[2])]
  const totalBytes = match[3] === '*' ? undefined : Number(match[3])
  if (last < first || (totalBytes !== undefined && last >= totalBytes)) return undefined
  return { first, last, totalBytes }
}
