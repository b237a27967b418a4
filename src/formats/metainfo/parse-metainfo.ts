// A .torrent file (BEP 3, 5, 12, 17, 19, 38, 52): the info dictionary and what stands beside it.
// Guarantees: never throws on any bytes; a torrent that is returned is usable as it is; optional fields that
// make no sense are skipped, never fatal. Holds views of the bytes given, which must not change afterwards.
import { toLatin1 } from '../../base/bytes.ts'
import { attempt, fail, failure, type Result } from '../../base/errors.ts'
import { BencodeCursor } from '../bencode/cursor.ts'
import { defaultLimits, kindDictionary, kindList, kindString, scan } from '../bencode/scan.ts'
import { decodeName } from '../path-sanitiser.ts'
import type { Metainfo, TorrentInfo } from './metainfo.ts'
import { plainView, readInfo, readRelated } from './parse-info.ts'
import { readPieceLayers } from './read-piece-layers.ts'

const maxPort = 65_535
/** Trackers, web seeds or nodes of one torrent; further ones are skipped, for nobody asks a thousand. */
const maxListed = 1000

/**
 * Parses and validates a whole .torrent file of at most 10 MB. Bytes after the dictionary are ignored, since
 * editors and servers append newlines; the info hash covers the info dictionary alone.
 * Errors: every bencode-* and metainfo-* code.
 */
export function parseMetainfo(bytes: Uint8Array): Result<Metainfo> {
  if (bytes.length > defaultLimits.maxBytes) {
    return failure('bencode-too-large', `${bytes.length} bytes, over the limit of ${defaultLimits.maxBytes}`)
  }
  const tape = scan(plainView(bytes), { allowTrailing: true })
  if (!tape.ok) return tape
  return attempt(() => readMetainfo(new BencodeCursor(tape.value)))
}

function readMetainfo(document: BencodeCursor): Metainfo {
  if (document.kind !== kindDictionary) fail('metainfo-not-dictionary', 'the file is not a dictionary')
  const infoDictionary = document.get('info')
  if (infoDictionary?.kind !== kindDictionary) fail('metainfo-info-missing', 'the file has no info dictionary')
  const info = withRelated(readInfo(infoDictionary), document)
  const comment = textOf(document, 'comment.utf-8') ?? textOf(document, 'comment')
  const createdBy = textOf(document, 'created by.utf-8') ?? textOf(document, 'created by')
  const creationDateSeconds = document.get('creation date')?.integer()
  return {
    info,
    pieceLayers: readPieceLayers(document.get('piece layers'), info),
    trackers: readTrackers(document),
    webSeeds: readUrls(document.get('url-list')),
    httpSeeds: readUrls(document.get('httpseeds')),
    nodes: readNodes(document.get('nodes')),
    ...(comment === undefined ? {} : { comment }),
    ...(createdBy === undefined ? {} : { createdBy }),
    ...(creationDateSeconds === undefined || creationDateSeconds < 0 ? {} : { creationDateSeconds }),
  }
}

function textOf(dictionary: BencodeCursor, key: string): string | undefined {
  const bytes = dictionary.get(key)?.bytes()
  return bytes === undefined ? undefined : decodeName(bytes)
}

/** BEP 38 allows the lists outside the info dictionary too. */
function withRelated(info: TorrentInfo, document: BencodeCursor): TorrentInfo {
  const { similar, collections } = readRelated(document)
  if (similar.length === 0 && collections.length === 0) return info
  return {
    ...info,
    similar: [...new Set([...info.similar, ...similar])],
    collections: [...new Set([...info.collections, ...collections])],
  }
}

const space = 0x20

/** A URL with white space around it dropped and whatever is not printable ASCII escaped; undefined if empty. */
function urlOf(value: BencodeCursor): string | undefined {
  const bytes = value.bytes()
  if (bytes === undefined) return undefined
  let start = 0
  let end = bytes.length
  while (start < end && (bytes[start] as number) <= space) start++
  while (end > start && (bytes[end - 1] as number) <= space) end--
  if (start === end) return undefined
  return toLatin1(bytes, start, end).replace(/[^\x21-\x7e]/g, percentEncoded)
}

function percentEncoded(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

/** BEP 12; `announce` counts only where `announce-list` names no tracker. No tracker comes twice. */
function readTrackers(document: BencodeCursor): readonly (readonly string[])[] {
  const seen = new Set<string>()
  const tiers: string[][] = []
  const announceList = document.get('announce-list')
  for (const tier of announceList?.elements() ?? []) {
    if (seen.size >= maxListed) break
    const urls = newUrls(tier.kind === kindList ? tier.elements() : [tier], seen)
    if (urls.length > 0) tiers.push(urls)
  }
  const announce = document.get('announce')
  if (tiers.length === 0 && announce !== undefined) {
    const urls = newUrls([announce], seen)
    if (urls.length > 0) tiers.push(urls)
  }
  return tiers
}

function newUrls(values: Iterable<BencodeCursor>, seen: Set<string>): string[] {
  const urls: string[] = []
  for (const value of values) {
    if (seen.size >= maxListed) break
    const url = urlOf(value)
    if (url === undefined || seen.has(url)) continue
    seen.add(url)
    urls.push(url)
  }
  return urls
}

/** BEP 17, 19: one URL or a list of them. */
function readUrls(value: BencodeCursor | undefined): readonly string[] {
  if (value === undefined) return []
  return newUrls(value.kind === kindString ? [value] : value.elements(), new Set())
}

function readNodes(value: BencodeCursor | undefined): Metainfo['nodes'] {
  const nodes: { host: string; port: number }[] = []
  for (const element of value?.elements() ?? []) {
    if (nodes.length >= maxListed) break
    const [first, second] = element.elements()
    const host = first?.text()?.trim()
    const port = second?.integer()
    if (host === undefined || host === '' || port === undefined || port < 1 || port > maxPort) continue
    nodes.push({ host, port })
  }
  return nodes
}
