// What is kept of one torrent between two runs of the program: bencoded, with a version and a checksum.
// Guarantees: reads back exactly what was written; whatever the bytes, nothing is thrown, every list and text has a
// cap, and no path leaves its folder. That the claims in it are true is the business of whoever writes it: see
// TorrentStorage.resume.
import { assert } from '../base/assert.ts'
import { equalBytes, toUtf8 } from '../base/bytes.ts'
import type { AddressFamily, Endpoint } from '../base/endpoint.ts'
import { attempt, fail, type Result } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import { type InfoHashV1, type InfoHashV2, idBytes, infoHashV1, infoHashV2 } from '../base/ids.ts'
import { formatBaseUnits, parseBaseUnits, type TokenAmount } from '../base/token-amount.ts'
import { BencodeCursor } from '../formats/bencode/cursor.ts'
import { type BencodeInput, encode } from '../formats/bencode/encode.ts'
import { kindDictionary, kindList, scan } from '../formats/bencode/scan.ts'
import { compactEndpointLength, decodeCompactEndpoints, encodeCompactEndpoints } from '../formats/compact-endpoint.ts'
import { maxPieceCount } from '../formats/metainfo/metainfo.ts'
import { maxPathDepth, sanitisePath } from '../formats/path-sanitiser.ts'
import type { FileRecord, Whereabouts } from './file-record.ts'
import type { PartialPiece } from './piece-filling.ts'
import type { StorageRecord } from './storage-record.ts'

export interface ResumeRecord {
  readonly infoHashV1?: InfoHashV1
  readonly infoHashV2?: InfoHashV2
  readonly displayName: string
  /** The .torrent; absent while the metadata is not here, or where the file is kept beside the record. */
  readonly metainfo?: Uint8Array
  /** Absolute path of the folder the content is in. */
  readonly folder: string
  /** Absolute path of the folder it was moved from, while originals may be there yet. */
  readonly leftFolder?: string
  /** What is true of it, by name: started, sequential … At most 64 words. */
  readonly flags: readonly string[]
  /** Limits and goals by name, not negative; Infinity: none. At most 64. */
  readonly limits: Readonly<Record<string, number>>
  readonly trackers: readonly (readonly string[])[]
  /** Those that a person added. */
  readonly userTrackers: readonly string[]
  readonly webSeeds: readonly string[]
  /** Those of them that a person named. */
  readonly userWebSeeds: readonly string[]
  /** By file, 0 to 7; may be shorter than the list of files. */
  readonly priorities: readonly number[]
  readonly totals: {
    readonly downloadedBytes: number
    readonly uploadedBytes: number
    readonly activeSeconds: number
    readonly seedingSeconds: number
  }
  /** 32 bits. */
  readonly trackerKey: number
  /** Wall clock, whole milliseconds. */
  readonly addedMs: number
  readonly completedMs?: number
  /** What may be paid for it in all, and until when, wall clock, it is to be there. */
  readonly budget?: {
    readonly most: TokenAmount
    readonly deadlineMs: number | undefined
    /** How many seeders are paid to stay, and until when, wall clock. */
    readonly staying?: { readonly untilMs: number; readonly seeders: number } | undefined
  }
  /** Peers to begin with, the best of a family first; at most 50. */
  readonly peers: readonly Endpoint[]
  readonly storage?: StorageRecord
}

const formatVersion = 1
const maxRecordBytes = 128 * 1024 * 1024
const limits = { maxBytes: maxRecordBytes, maxDepth: 12, maxTokens: 8_000_000 }
const maxTextBytes = 32_768
const maxWords = 64
const maxUrls = 10_000
const maxFiles = 1_000_000
const maxPartials = 65_536
export const maxKeptPeers = 50
const priorityLevels = 8
const maxLimit = 1e19
const limitText = /^(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?$/
const whereaboutsByNumber: readonly Whereabouts[] = ['absent', 'present', 'parts']

/** The record as bytes. Numbers of bytes, seconds and milliseconds are whole. */
export function encodeResumeRecord(record: ResumeRecord): Uint8Array {
  const { storage, totals } = record
  const body = encode({
    version: formatVersion,
    hash1: record.infoHashV1 === undefined ? undefined : idBytes(record.infoHashV1),
    hash2: record.infoHashV2 === undefined ? undefined : idBytes(record.infoHashV2),
    name: record.displayName,
    metainfo: record.metainfo,
    folder: record.folder,
    left: record.leftFolder,
    flags: record.flags,
    limits: Object.fromEntries(Object.entries(record.limits).map(([name, value]) => [name, textOf(value)])),
    trackers: record.trackers,
    user: record.userTrackers,
    seeds: record.webSeeds,
    userseeds: record.userWebSeeds,
    priorities: Uint8Array.from(record.priorities),
    totals: [totals.downloadedBytes, totals.uploadedBytes, totals.activeSeconds, totals.seedingSeconds].map(Math.floor),
    key: record.trackerKey,
    added: Math.floor(record.addedMs),
    completed: record.completedMs === undefined ? undefined : Math.floor(record.completedMs),
    budget: record.budget === undefined ? undefined : formatBaseUnits(record.budget.most),
    budgetend: record.budget?.deadlineMs === undefined ? undefined : Math.floor(record.budget.deadlineMs),
    staying:
      record.budget?.staying === undefined ? undefined : [record.budget.staying.untilMs, record.budget.staying.seeders],
    peers: encodeCompactEndpoints(record.peers, 4),
    peers6: encodeCompactEndpoints(record.peers, 6),
    storage: storage === undefined ? undefined : encodeStorage(storage),
  })
  return encode({ body, sha256: sha256(body) })
}

/** Errors: resume-damaged. */
export function decodeResumeRecord(bytes: Uint8Array): Result<ResumeRecord> {
  return attempt(() => {
    const outer = dictionaryOf(bytes)
    const body = outer.get('body')?.bytes() ?? damaged('a record without a body')
    const checksum = outer.get('sha256')?.bytes()
    if (checksum === undefined || !equalBytes(checksum, sha256(body))) damaged('the checksum is wrong')
    const root = dictionaryOf(body)
    if (root.get('version')?.integer() !== formatVersion) damaged('another version')
    const hash1 = root.get('hash1')?.bytes()
    const hash2 = root.get('hash2')?.bytes()
    const metainfo = root.get('metainfo')?.bytes()
    const completedMs = root.get('completed') === undefined ? undefined : numberOf(root.get('completed'))
    const leftFolder = root.get('left')
    const storage = root.get('storage')
    const [downloadedBytes = 0, uploadedBytes = 0, activeSeconds = 0, seedingSeconds = 0] = listOf(
      root.get('totals'),
      4,
      numberOf,
    )
    return {
      ...(hash1?.length === 20 ? { infoHashV1: infoHashV1(hash1) } : {}),
      ...(hash2?.length === 32 ? { infoHashV2: infoHashV2(hash2) } : {}),
      displayName: textAt(root.get('name')),
      ...(metainfo === undefined ? {} : { metainfo: metainfo.slice() }),
      folder: textAt(root.get('folder')),
      ...(leftFolder === undefined ? {} : { leftFolder: textAt(leftFolder) }),
      flags: listOf(root.get('flags'), maxWords, textAt),
      limits: readLimits(root.get('limits')),
      trackers: listOf(root.get('trackers'), maxUrls, (tier) => listOf(tier, maxUrls, textAt)),
      userTrackers: listOf(root.get('user'), maxUrls, textAt),
      webSeeds: listOf(root.get('seeds'), maxUrls, textAt),
      // Older records have none.
      userWebSeeds: root.get('userseeds') === undefined ? [] : listOf(root.get('userseeds'), maxUrls, textAt),
      priorities: [...bytesAt(root.get('priorities'), maxFiles)].map(priorityOf),
      totals: { downloadedBytes, uploadedBytes, activeSeconds, seedingSeconds },
      trackerKey: numberOf(root.get('key')) >>> 0,
      addedMs: numberOf(root.get('added')),
      ...(completedMs === undefined ? {} : { completedMs }),
      ...budgetOf(root),
      peers: [...peersOf(root.get('peers'), 4), ...peersOf(root.get('peers6'), 6)].slice(0, maxKeptPeers),
      ...(storage === undefined ? {} : { storage: readStorage(storage) }),
    }
  })
}

/** Older records have none. */
function budgetOf(root: BencodeCursor): Pick<ResumeRecord, 'budget'> {
  const text = root.get('budget')
  if (text === undefined) return {}
  const most = parseBaseUnits(textAt(text))
  const end = root.get('budgetend')
  if (!most.ok) return damaged(most.detail)
  const kept = root.get('staying')
  const [untilMs, seeders] = kept === undefined ? [] : listOf(kept, 2, numberOf)
  const staying = untilMs === undefined || seeders === undefined ? {} : { staying: { untilMs, seeders } }
  return { budget: { most: most.value, deadlineMs: end === undefined ? undefined : numberOf(end), ...staying } }
}

/** Older records have none. */
function peersOf(cursor: BencodeCursor | undefined, family: AddressFamily): Endpoint[] {
  if (cursor === undefined) return []
  const bytes = bytesAt(cursor, maxKeptPeers * compactEndpointLength(family))
  const peers = decodeCompactEndpoints(bytes, family, maxKeptPeers)
  return peers.ok ? peers.value : damaged(peers.detail)
}

function encodeStorage({ have, partials, files }: StorageRecord): BencodeInput {
  return {
    have,
    partials: partials.map(({ piece, blocks }) => [piece, blocks]),
    files: files.map(({ where, lengthBytes, modifiedMs, priority, path }) => [
      whereaboutsByNumber.indexOf(where),
      lengthBytes,
      Math.floor(modifiedMs),
      priority,
      ...(path === undefined ? [] : [path]),
    ]),
  }
}

function readStorage(cursor: BencodeCursor): StorageRecord {
  return {
    have: bytesAt(cursor.get('have'), Math.ceil(maxPieceCount / 8)).slice(),
    partials: listOf(cursor.get('partials'), maxPartials, readPartial),
    files: listOf(cursor.get('files'), maxFiles, readFile),
  }
}

function readPartial(cursor: BencodeCursor): PartialPiece {
  const [piece, blocks] = [...cursor.elements()]
  const number = numberOf(piece)
  if (number >= maxPieceCount) damaged('a piece beyond the last')
  // As many blocks as the largest piece has.
  return { piece: number, blocks: bytesAt(blocks, 4096).slice() }
}

function readFile(cursor: BencodeCursor): FileRecord {
  const [where, length, modified, priority, path] = [...cursor.elements()]
  const renamed = path === undefined ? [] : sanitisePath(listOf(path, maxPathDepth, textAt))
  return {
    where: whereaboutsByNumber[numberOf(where)] ?? damaged('a file in no known place'),
    lengthBytes: numberOf(length),
    modifiedMs: numberOf(modified),
    priority: priorityOf(numberOf(priority)),
    ...(renamed.length === 0 ? {} : { path: renamed }),
  }
}

function readLimits(cursor: BencodeCursor | undefined): Record<string, number> {
  const found: [string, number][] = []
  for (const [key, value] of cursor?.entries() ?? []) {
    if (found.length === maxWords) damaged('too many limits')
    const text = textAt(value)
    if (text !== 'none' && !limitText.test(text)) damaged('a limit that is no number')
    const limit = text === 'none' ? Number.POSITIVE_INFINITY : Number(text)
    found.push([textAt(key), limit > maxLimit ? Number.POSITIVE_INFINITY : limit])
  }
  return Object.fromEntries(found)
}

/** Fractions, which bencode has not, as decimal text. */
function textOf(value: number): string {
  assert(value >= 0, 'a limit that is not negative')
  if (value > maxLimit) return 'none'
  const text = String(value)
  return limitText.test(text) ? text : value.toFixed(20)
}

function dictionaryOf(bytes: Uint8Array): BencodeCursor {
  const scanned = scan(bytes, { limits, strict: true })
  const root = scanned.ok ? new BencodeCursor(scanned.value) : damaged(scanned.detail)
  return root.kind === kindDictionary ? root : damaged('not a dictionary')
}

function damaged(detail: string): never {
  return fail('resume-damaged', detail)
}

function numberOf(cursor: BencodeCursor | undefined): number {
  const value = cursor?.integer()
  return value !== undefined && value >= 0 ? value : damaged('a number is missing or negative')
}

function priorityOf(value: number): number {
  return value < priorityLevels ? value : damaged('a priority over 7')
}

function bytesAt(cursor: BencodeCursor | undefined, maxBytes: number): Uint8Array {
  const bytes = cursor?.bytes()
  return bytes !== undefined && bytes.length <= maxBytes ? bytes : damaged('bytes are missing or too many')
}

function textAt(cursor: BencodeCursor | undefined): string {
  return toUtf8(bytesAt(cursor, maxTextBytes)) ?? damaged('text that is not UTF-8')
}

function listOf<T>(cursor: BencodeCursor | undefined, maxCount: number, read: (element: BencodeCursor) => T): T[] {
  if (cursor?.kind !== kindList || cursor.size > maxCount) return damaged('a list is missing or too long')
  return Array.from(cursor.elements(), read)
}
