// Scrapes over HTTP (BEP 48, 21), both sides: the URL, the query string and the answer.
// Guarantees: never throws on bytes or text from outside; hashes and entries are capped.
import { assert } from '../../base/assert.ts'
import { toHex, toLatin1 } from '../../base/bytes.ts'
import { failure, type Result, success } from '../../base/errors.ts'
import type { BencodeCursor } from '../bencode/cursor.ts'
import { type BencodeInput, encode } from '../bencode/encode.ts'
import { kindDictionary } from '../bencode/scan.ts'
import { clampInterval, hashLength, maxScrapeHashes, type SwarmCounts, type TrackerFailure } from './announce.ts'
import { maxQueryLength, withParameters } from './announce-query.ts'
import { eachParameter, percentDecode, percentEncode } from './query-string.ts'
import { readCount, readFailure, readReply, unusable } from './reply.ts'

export interface ScrapeResponse {
  readonly kind: 'response'
  /** By info hash, 40 hexadecimal digits. A torrent the tracker does not know is absent. */
  readonly swarms: ReadonlyMap<string, SwarmCounts>
  /** `flags.min_request_interval`: scrape no sooner. */
  readonly minIntervalSeconds?: number
}

export interface SwarmEntry extends SwarmCounts {
  /** 20 bytes. */
  readonly infoHash: Uint8Array
}

/** More torrents than any request here names: some trackers answer with all they have. */
const maxSwarms = 2_000

/**
 * Where a tracker is scraped: the announce URL with `announce` at the beginning of the last path segment that
 * begins so replaced by `scrape`. Undefined where there is none: such a tracker has no scrape.
 */
export function scrapeUrl(announceUrl: string): string | undefined {
  const parts = /^([a-z][a-z0-9+.-]*:\/\/[^/?#]*)(\/[^?#]*)(\?[^#]*)?/i.exec(announceUrl)
  if (parts === null) return undefined
  const [, origin, path, query] = parts
  const place = path?.lastIndexOf('/announce') ?? -1
  if (path === undefined || place === -1) return undefined
  return `${origin}${path.slice(0, place)}/scrape${path.slice(place + '/announce'.length)}${query ?? ''}`
}

/** The URL of a scrape of 1 to 74 torrents, info hashes of 20 bytes each. */
export function encodeScrapeQuery(url: string, infoHashes: readonly Uint8Array[]): string {
  assert(infoHashes.length > 0 && infoHashes.length <= maxScrapeHashes, 'a scrape of 1 to 74 torrents')
  assert(
    infoHashes.every(({ length }) => length === hashLength),
    'info hashes of 20 bytes',
  )
  return withParameters(
    url,
    infoHashes.map((infoHash) => `info_hash=${percentEncode(infoHash)}`),
  )
}

/**
 * The info hashes a scrape asks for: the first 74. None at all is a request for everything, which is for the
 * tracker to refuse. Errors: tracker-request.
 */
export function parseScrapeQuery(query: string): Result<Uint8Array[]> {
  if (query.length > maxQueryLength) return failure('tracker-request', `a query of ${query.length} characters`)
  const infoHashes: Uint8Array[] = []
  let isMalformed = false
  eachParameter(query, (name, value) => {
    if (name !== 'info_hash') return true
    const infoHash = percentDecode(value, hashLength)
    isMalformed = infoHash?.length !== hashLength
    if (infoHash !== undefined && !isMalformed) infoHashes.push(infoHash)
    return !isMalformed && infoHashes.length < maxScrapeHashes
  })
  return isMalformed ? failure('tracker-request', 'an info_hash that is not 20 bytes') : success(infoHashes)
}

function readCounts(swarm: BencodeCursor): SwarmCounts {
  const downloaders = readCount(swarm, 'downloaders')
  return {
    complete: readCount(swarm, 'complete') ?? 0,
    incomplete: readCount(swarm, 'incomplete') ?? 0,
    downloaded: readCount(swarm, 'downloaded') ?? 0,
    ...(downloaders === undefined ? undefined : { downloaders }),
  }
}

/**
 * The answer to a scrape. Counts that are missing are 0; what is no torrent is passed over.
 * Errors: bencode-*, tracker-response.
 */
export function decodeScrapeResponse(bytes: Uint8Array): Result<ScrapeResponse | TrackerFailure> {
  const reply = readReply(bytes)
  if (!reply.ok) return reply
  const refusal = readFailure(reply.value)
  if (refusal !== undefined) return refusal
  const files = reply.value.get('files')
  if (files?.kind !== kindDictionary) return unusable('files is missing or no dictionary')
  const swarms = new Map<string, SwarmCounts>()
  for (const [key, swarm] of files.entries()) {
    const infoHash = key.bytes()
    if (infoHash?.length !== hashLength || swarm.kind !== kindDictionary) continue
    swarms.set(toHex(infoHash), readCounts(swarm))
    if (swarms.size === maxSwarms) break
  }
  const minIntervalSeconds = reply.value.get('flags')?.get('min_request_interval')?.integer()
  return success({
    kind: 'response',
    swarms,
    ...(minIntervalSeconds === undefined ? undefined : { minIntervalSeconds: clampInterval(minIntervalSeconds) }),
  })
}

export function encodeScrapeResponse(swarms: Iterable<SwarmEntry>, minIntervalSeconds?: number): Uint8Array {
  const files = new Map<string, BencodeInput>()
  for (const { infoHash, complete, incomplete, downloaded, downloaders } of swarms) {
    assert(infoHash.length === hashLength, 'an info hash of 20 bytes')
    files.set(toLatin1(infoHash), { complete, incomplete, downloaded, downloaders })
  }
  return encode({
    files,
    flags: minIntervalSeconds === undefined ? undefined : { min_request_interval: minIntervalSeconds },
  })
}
