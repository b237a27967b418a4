// The info dictionary (BEP 3, 27, 38, 47, 52): from a .torrent file, or as peers send it (BEP 9).
// Guarantees: never throws on any bytes; version 1 is read tolerantly and hashed as it stands, versions from 2
// on must be canonical; the result holds views of the bytes given, which must not change afterwards.

import { toHex, toUtf8 } from '../../base/bytes.ts'
import { attempt, fail, type Result } from '../../base/errors.ts'
import { sha1, sha1Length, sha256 } from '../../base/hash.ts'
import { infoHashV1, infoHashV2 } from '../../base/ids.ts'
import { BencodeCursor } from '../bencode/cursor.ts'
import { kindDictionary, kindList, kindString, scan } from '../bencode/scan.ts'
import { distinctPaths, foldedName } from '../distinct-paths.ts'
import { decodeName, isPossibleName, sanitiseComponent } from '../path-sanitiser.ts'
import type { ContentEntry } from './content-entry.ts'
import { matchHalves, type Placement } from './match-halves.ts'
import {
  blockLengthBytes,
  maxPieceCount,
  maxPieceLengthBytes,
  type TorrentFile,
  type TorrentInfo,
  type TorrentVersion,
} from './metainfo.ts'
import { readFileList, readLoneFile } from './parse-file-list.ts'
import { loneFileName, readFileTree } from './parse-file-tree.ts'
import { resolveLinks } from './resolve-links.ts'

/**
 * Parses and validates a bencoded info dictionary, at most 10 MB.
 * Errors: every bencode-* and metainfo-* code but those of piece layers.
 */
export function parseInfo(rawInfo: Uint8Array): Result<TorrentInfo> {
  const tape = scan(plainView(rawInfo))
  if (!tape.ok) return tape
  return attempt(() => readInfo(new BencodeCursor(tape.value)))
}

/** A plain array over the same memory: what is made of a Buffer would be Buffers, whose `slice` does not copy. */
export function plainView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** As parseInfo, of a value in a scanned document. Fails with the same codes. */
export function readInfo(info: BencodeCursor): TorrentInfo {
  if (info.kind !== kindDictionary) fail('metainfo-info-missing', 'the info dictionary is not a dictionary')
  const version = readVersion(info)
  const pieceLengthBytes = readPieceLength(info, version)
  const raw = info.raw()
  const hashV1 = version === 'v2' ? undefined : infoHashV1(sha1(raw))
  const hashV2 = version === 'v1' ? undefined : infoHashV2(sha256(raw))

  const rawName = stringOf(info, 'name.utf-8') ?? stringOf(info, 'name')
  if (rawName === undefined) fail('metainfo-name', 'the torrent has no name')
  const usableName = sanitiseComponent(rawName)
  const name = usableName === '' ? (hashV1 ?? toHex(sha1(raw))) : usableName

  const text = toUtf8(rawName)
  const names = { usableName, name, rawName: text !== undefined && isPossibleName(text) ? text : undefined }
  const content = readContent(info, version, names, pieceLengthBytes)
  // BEP 52 names a lone file in its tree, and calls the name of the torrent advice.
  const loneName = content.isFolder ? undefined : content.files[0]?.path[0]
  const pieces = readPieces(info, version, content.pieceCount)
  const source = info.get('source')?.bytes()
  return {
    version,
    ...(hashV1 === undefined ? {} : { infoHashV1: hashV1 }),
    ...(hashV2 === undefined ? {} : { infoHashV2: hashV2 }),
    name: loneName ?? name,
    pieceLengthBytes,
    ...content,
    ...(pieces === undefined ? {} : { pieces }),
    isPrivate: (info.get('private')?.bigint() ?? 0n) !== 0n,
    ...(source === undefined ? {} : { source: decodeName(source) }),
    raw,
    ...readRelated(info),
  }
}

function stringOf(dictionary: BencodeCursor, key: string): Uint8Array | undefined {
  return dictionary.get(key)?.bytes()
}

function listOf(dictionary: BencodeCursor, key: string): BencodeCursor | undefined {
  const value = dictionary.get(key)
  return value?.kind === kindList ? value : undefined
}

function readVersion(info: BencodeCursor): TorrentVersion {
  const version = info.get('meta version')?.bigint() ?? 0n
  const tree = info.get('file tree')
  if (version > 2n) fail('metainfo-version', `version ${version} of the torrent format`)
  if (version > 0n) {
    const isCanonical = info.tape.violation === undefined || scan(info.raw(), { strict: true }).ok
    if (!isCanonical) fail('bencode-not-canonical', info.tape.violation?.reason ?? 'not canonical')
  }
  if (version < 2n) {
    if (tree?.kind === kindDictionary) fail('metainfo-version', 'a file tree, but not version 2')
    return 'v1'
  }
  if (tree?.kind !== kindDictionary) fail('metainfo-file-tree', 'version 2 without a file tree')
  const hasVersion1 = listOf(info, 'files') !== undefined || info.get('length') !== undefined
  return hasVersion1 ? 'hybrid' : 'v2'
}

function readPieceLength(info: BencodeCursor, version: TorrentVersion): number {
  const pieceLengthBytes = info.get('piece length')?.integer()
  if (pieceLengthBytes === undefined || pieceLengthBytes <= 0 || pieceLengthBytes > maxPieceLengthBytes) {
    fail('metainfo-piece-length', 'no piece length from 1 byte to 512 MiB')
  }
  if (version === 'v1') return pieceLengthBytes
  if (pieceLengthBytes < blockLengthBytes || !Number.isInteger(Math.log2(pieceLengthBytes))) {
    fail('metainfo-piece-length', 'a piece length that is no power of two from 16 KiB on')
  }
  return pieceLengthBytes
}

type Content = Pick<TorrentInfo, 'isFolder' | 'files' | 'pieceCount' | 'totalBytes' | 'spanBytes'>

interface Names {
  /** Sanitised; '' when nothing is left of it. */
  readonly usableName: string
  readonly name: string
  /** As it stands, if that is a possible name. */
  readonly rawName: string | undefined
}

function readContent(
  info: BencodeCursor,
  version: TorrentVersion,
  { usableName, name, rawName }: Names,
  pieceLengthBytes: number,
): Content {
  const list = listOf(info, 'files')
  const tree = version === 'v1' ? undefined : info.get('file tree')
  const isFolder = list !== undefined || (tree !== undefined && loneFileName(tree) === undefined)
  const path = isFolder ? [name] : []
  const rawRoot = rawName === undefined ? undefined : [rawName]
  const root = { path, rawPath: !isFolder || rawName === name ? path : rawRoot }
  const listed = version === 'v2' ? [] : list ? readFileList(list, root) : [readLoneFile(info, usableName, rawName)]
  const v1 = placedInSequence(listed)
  const v2 = tree === undefined ? undefined : placedInPieces(readFileTree(tree, root), pieceLengthBytes)
  if (v2 !== undefined && version === 'hybrid') matchHalves(v1, v2, pieceLengthBytes)

  const placement = v2 ?? v1
  const { spanBytes } = version === 'v2' ? placement : v1
  if (placement.entries.length === 0) fail('metainfo-files', 'the torrent has no files')
  if (spanBytes === 0) fail('metainfo-total-length', 'the torrent has no content')
  const pieceCount = Math.ceil(spanBytes / pieceLengthBytes)
  if (pieceCount > maxPieceCount) fail('metainfo-too-many-pieces', `${pieceCount} pieces, more than ${maxPieceCount}`)
  let totalBytes = 0
  for (const entry of placement.entries) totalBytes += entry.lengthBytes
  return { isFolder, files: finished(placement, path), pieceCount, totalBytes, spanBytes }
}

function checkedOffset(bytes: number): number {
  if (bytes > Number.MAX_SAFE_INTEGER) fail('metainfo-total-length', 'more than 2^53 bytes of content')
  return bytes
}

/** Version 1: one after the other, pad files included. */
function placedInSequence(listed: readonly ContentEntry[]): Placement {
  const entries: ContentEntry[] = []
  const offsets: number[] = []
  let offset = 0
  for (const entry of listed) {
    if (!entry.isPad) {
      entries.push(entry)
      offsets.push(offset)
    }
    offset = checkedOffset(offset + entry.lengthBytes)
  }
  return { entries, offsets, spanBytes: offset }
}

/** Version 2: each file that is not empty begins a piece. */
function placedInPieces(entries: readonly ContentEntry[], pieceLengthBytes: number): Placement {
  const offsets: number[] = []
  let spanBytes = 0
  for (const { lengthBytes } of entries) {
    const offset = checkedOffset(Math.ceil(spanBytes / pieceLengthBytes) * pieceLengthBytes)
    offsets.push(offset)
    if (lengthBytes > 0) spanBytes = checkedOffset(offset + lengthBytes)
  }
  return { entries, offsets, spanBytes }
}

function finished({ entries, offsets }: Placement, root: readonly string[]): TorrentFile[] {
  const distinct = distinctPaths(entries.map((entry) => entry.path))
  if (!distinct.ok) fail(distinct.code, distinct.detail)
  const paths = distinct.value
  const targets = resolveLinks(entries, paths, root)
  const rawPaths = distinctRawPaths(entries, paths)
  return entries.map(({ lengthBytes, isExecutable, isHidden, piecesRoot }, index) => {
    const path = paths[index] as readonly string[]
    const rawPath = rawPaths.get(index)
    const named = rawPath === undefined ? { path } : { path, rawPath }
    const file = { ...named, lengthBytes, offset: offsets[index] as number, isExecutable, isHidden }
    const symlinkTarget = targets.get(index)
    if (symlinkTarget !== undefined) return { ...file, symlinkTarget }
    return piecesRoot === undefined ? file : { ...file, piecesRoot }
  })
}

/** By index, where they are not `paths`; of those that are the same where case does not count, none. */
function distinctRawPaths(
  entries: readonly ContentEntry[],
  paths: readonly (readonly string[])[],
): Map<number, readonly string[]> {
  const found = new Map<number, readonly string[]>()
  if (entries.every(({ path, rawPath }, index) => (rawPath ?? path) === paths[index])) return found
  const keyOf = ({ path, rawPath }: ContentEntry) => (rawPath ?? path).map(foldedName).join('/')
  const counts = new Map<string, number>()
  for (const entry of entries) counts.set(keyOf(entry), (counts.get(keyOf(entry)) ?? 0) + 1)
  for (const [index, entry] of entries.entries()) {
    const { rawPath } = entry
    if (rawPath === undefined || rawPath === paths[index]) continue
    if (counts.get(keyOf(entry)) === 1) found.set(index, rawPath)
  }
  return found
}

function readPieces(info: BencodeCursor, version: TorrentVersion, pieceCount: number): Uint8Array | undefined {
  const pieces = stringOf(info, 'pieces')
  if (pieces === undefined) {
    if (version === 'v2') return undefined
    fail('metainfo-pieces', 'the torrent has no piece hashes')
  }
  if (pieces.length !== pieceCount * sha1Length) {
    fail('metainfo-pieces', `${pieces.length} bytes of piece hashes for ${pieceCount} pieces`)
  }
  return version === 'v2' ? undefined : pieces
}

/** Related torrents or collections; further ones are skipped. */
const maxRelated = 1000

/** BEP 38, in an info dictionary or beside it; entries that are not what they should be are skipped. */
export function readRelated(dictionary: BencodeCursor): Pick<TorrentInfo, 'similar' | 'collections'> {
  const similar: TorrentInfo['similar'][number][] = []
  for (const element of listOf(dictionary, 'similar')?.elements() ?? []) {
    const hash = element.bytes()
    if (similar.length >= maxRelated) break
    if (hash?.length === sha1Length) similar.push(infoHashV1(hash))
  }
  const collections: string[] = []
  for (const element of listOf(dictionary, 'collections')?.elements() ?? []) {
    if (collections.length >= maxRelated) break
    if (element.kind === kindString) collections.push(decodeName(element.bytes() as Uint8Array))
  }
  return { similar, collections }
}
