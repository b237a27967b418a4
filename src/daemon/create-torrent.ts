// Makes a .torrent file from files on disk: finds them, hashes them in worker threads, builds and checks the
// result, and puts it in place in one step.
// Guarantees: the same content and request give the same bytes; what is written is accepted by our own parser;
// files that changed meanwhile, and anything left out, are errors or said. Owns nothing after it returns.
import { basename, resolve } from 'node:path'
import { assert, present } from '../base/assert.ts'
import { equalBytes, fromUtf8 } from '../base/bytes.ts'
import { SwarmbidError, unwrap } from '../base/errors.ts'
import { defaultLimits } from '../formats/bencode/scan.ts'
import { buildMetainfo, type FileSpec, type MetainfoSpec } from '../formats/metainfo/build-metainfo.ts'
import { merkleRoot, pieceLevel } from '../formats/metainfo/merkle.ts'
import type { Metainfo, TorrentVersion } from '../formats/metainfo/metainfo.ts'
import { parseMetainfo } from '../formats/metainfo/parse-metainfo.ts'
import { type ContentPlan, planContent } from '../formats/metainfo/plan-content.ts'
import { type ContentDigests, defaultThreads, hashContent } from '../host/content-hasher.ts'
import {
  type FoundContent,
  type FoundFile,
  findChanged,
  type SymlinkPolicy,
  walkContent,
} from '../host/walk-content.ts'
import { type ReservedFile, reserveFile } from '../host/write-output.ts'
import { checkPieceLength, choosePieceLength, fitsTorrentFile, listedBytes } from './choose-piece-length.ts'
import { checkDescription, type TorrentDescription } from './torrent-description.ts'

export interface CreateRequest extends TorrentDescription {
  readonly contentPath: string
  /** `NAME.torrent` in the current folder unless given. */
  readonly outputPath?: string
  readonly overwrite: boolean
  readonly version: TorrentVersion
  readonly pieceLengthBytes?: number
  readonly symlinks: SymlinkPolicy
  readonly skipHidden: boolean
  /** As many as the machine runs at once unless given. */
  readonly maxThreads?: number
  /** The calling thread hashes too: for a program that does nothing else meanwhile. */
  readonly lendsThread?: boolean
}

export type CreateEvent =
  | {
      readonly type: 'found'
      readonly fileCount: number
      readonly totalBytes: number
      readonly pieceLengthBytes: number
      readonly pieceCount: number
    }
  | { readonly type: 'progress'; readonly doneBytes: number }
  | { readonly type: 'warning'; readonly detail: string }

export interface CreatedTorrent {
  readonly outputPath: string
  readonly lengthBytes: number
  readonly metainfo: Metainfo
}

interface Planned {
  readonly name: string
  readonly found: FoundContent
  readonly plan: ContentPlan
  readonly pieceLengthBytes: number
  readonly totalBytes: number
}

function checkName(name: string): string {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new SwarmbidError('create-options', 'the torrent needs a name without `/`; give one with --name')
  }
  return name
}

/** In version 2 alone, a folder with nothing but one file reads as that file (BEP 52): its name would be lost. */
function refuseLostFolder(request: CreateRequest, found: FoundContent): void {
  if (request.version === 'v2' && found.isFolder && found.files.length === 1 && found.files[0]?.path.length === 1) {
    throw new SwarmbidError(
      'create-options',
      `${request.contentPath}: v2 cannot describe a folder of one file; name the file, or use --format hybrid`,
    )
  }
}

function planTorrent(request: CreateRequest, name: string, found: FoundContent): Planned {
  let totalBytes = 0
  let nameBytes = 0
  for (const { lengthBytes, path } of found.files) {
    totalBytes += lengthBytes
    nameBytes += listedBytes(request.version, path, lengthBytes)
  }
  if (totalBytes === 0)
    throw new SwarmbidError(
      'create-no-content',
      `${request.contentPath}: only empty files, which have no pieces to share`,
    )
  refuseLostFolder(request, found)
  const planned = (pieceLengthBytes: number) => planContent(found.files, pieceLengthBytes, request.version)
  const fits = (pieceLengthBytes: number) =>
    fitsTorrentFile(request.version, planned(pieceLengthBytes).pieceCount, nameBytes)
  const pieceLengthBytes =
    request.pieceLengthBytes === undefined
      ? choosePieceLength(totalBytes, fits)
      : unwrap(checkPieceLength(request.pieceLengthBytes))
  const plan = planned(pieceLengthBytes)
  if (!fitsTorrentFile(request.version, plan.pieceCount, nameBytes)) throw tooLarge(plan.pieceCount)
  return { name, found, plan, pieceLengthBytes, totalBytes }
}

function tooLarge(pieceCount: number): SwarmbidError {
  return new SwarmbidError(
    'create-options',
    `${pieceCount} pieces and the names make a torrent file over ${defaultLimits.maxBytes} bytes: ` +
      'use larger pieces, fewer files, or version 1 alone',
  )
}

/** What the worker threads found out about a file, as the info dictionary wants it. */
function fileSpec(file: FoundFile, layer: Uint8Array | undefined, pieceLengthBytes: number): FileSpec {
  const { path, lengthBytes, isExecutable, symlinkTarget } = file
  const spec: FileSpec = { path, lengthBytes, isExecutable, ...(symlinkTarget === undefined ? {} : { symlinkTarget }) }
  if (layer === undefined || layer.length === 0) return spec
  if (lengthBytes <= pieceLengthBytes) return { ...spec, piecesRoot: layer }
  return { ...spec, piecesRoot: merkleRoot(layer, pieceLevel(pieceLengthBytes)), pieceLayer: layer }
}

function metainfoSpec(request: CreateRequest, planned: Planned, digests: ContentDigests): MetainfoSpec {
  const { name, found, plan, pieceLengthBytes } = planned
  const layers = new Map(plan.files.map(({ index }, position) => [index, digests.pieceLayers[position]]))
  const { trackers, webSeeds, nodes, comment, createdBy, creationDateSeconds, isPrivate, source } = request
  return {
    version: request.version,
    name,
    isFolder: found.isFolder,
    pieceLengthBytes,
    files: found.files.map((file, index) => fileSpec(file, layers.get(index), pieceLengthBytes)),
    trackers,
    webSeeds,
    nodes,
    isPrivate,
    ...(request.version === 'v2' ? {} : { pieces: digests.pieces }),
    ...(comment === undefined ? {} : { comment }),
    ...(createdBy === undefined ? {} : { createdBy }),
    ...(creationDateSeconds === undefined ? {} : { creationDateSeconds }),
    ...(source === undefined ? {} : { source }),
  }
}

/** The torrent as everyone will read it; a description nobody could use is refused here. */
function readBack(bytes: Uint8Array, planned: Planned): Metainfo {
  const parsed = parseMetainfo(bytes)
  if (parsed.ok) return parsed.value
  if (parsed.code === 'bencode-too-large') throw tooLarge(planned.plan.pieceCount)
  throw new SwarmbidError('create-options', `no client would accept the result: ${parsed.detail}`)
}

/** Names that safe clients store under another name; we find them where they are, others may not. */
function warnOfRenamed(planned: Planned, metainfo: Metainfo, onEvent: (event: CreateEvent) => void): void {
  for (const [position, { index }] of planned.plan.files.entries()) {
    const own = [planned.name, ...present(planned.found.files[index], 'a file found').path].join('/')
    const stored = present(metainfo.info.files[position], 'a file read back').path.join('/')
    if (!equalBytes(fromUtf8(own), fromUtf8(stored))) {
      onEvent({ type: 'warning', detail: `${own}: not a safe name on every system; downloads call it ${stored}` })
    }
  }
}

function warnOfLeftOut(found: FoundContent, onEvent: (event: CreateEvent) => void): void {
  if (found.emptyFolderCount > 0) {
    onEvent({
      type: 'warning',
      detail: `empty folders left out, which torrents cannot hold: ${found.emptyFolderCount}`,
    })
  }
  if (found.skippedCount > 0) {
    onEvent({ type: 'warning', detail: `entries left out as asked (links, hidden ones): ${found.skippedCount}` })
  }
}

async function hashPlanned(
  request: CreateRequest,
  planned: Planned,
  onEvent: (event: CreateEvent) => void,
  signal: AbortSignal,
): Promise<ContentDigests> {
  const { found, plan, pieceLengthBytes } = planned
  const files = plan.files.map(({ index, offset }) => {
    const { absolutePath, lengthBytes } = present(found.files[index], 'a file found')
    return { path: absolutePath, lengthBytes, offset }
  })
  const hashed = await hashContent(
    {
      files,
      pieceLengthBytes,
      spanBytes: plan.spanBytes,
      wants: request.version === 'hybrid' ? 'both' : request.version,
      onBadFile: 'fail',
      maxThreads: request.maxThreads ?? defaultThreads(),
    },
    (doneBytes) => onEvent({ type: 'progress', doneBytes }),
    signal,
    request.lendsThread,
  )
  const digests = unwrap(hashed)
  const changed = findChanged(found.files)
  if (changed !== undefined) throw new SwarmbidError('file-changed', `${changed.absolutePath}: changed meanwhile`)
  return digests
}

/**
 * Throws SwarmbidError: create-*, file-*, disk-full, interrupted. On any of them the output is as it was.
 */
export async function createTorrent(
  request: CreateRequest,
  onEvent: (event: CreateEvent) => void,
  signal: AbortSignal,
): Promise<CreatedTorrent> {
  checkDescription(request)
  const name = checkName(request.name ?? basename(resolve(request.contentPath)))
  const outputPath = resolve(request.outputPath ?? `${name}.torrent`)
  let output: ReservedFile | undefined
  try {
    const walkOptions = { symlinks: request.symlinks, skipHidden: request.skipHidden, excludePath: outputPath }
    const found = await walkContent(request.contentPath, walkOptions, signal)
    output = reserveFile(outputPath, request.overwrite)
    const planned = planTorrent(request, name, found)
    const { plan, pieceLengthBytes, totalBytes } = planned
    const fileCount = found.files.length
    onEvent({ type: 'found', fileCount, totalBytes, pieceLengthBytes, pieceCount: plan.pieceCount })
    warnOfLeftOut(found, onEvent)
    const bytes = buildMetainfo(metainfoSpec(request, planned, await hashPlanned(request, planned, onEvent, signal)))
    const metainfo = readBack(bytes, planned)
    assert(metainfo.info.totalBytes === totalBytes, 'the content read back')
    warnOfRenamed(planned, metainfo, onEvent)
    output.commit(bytes)
    return { outputPath, lengthBytes: bytes.length, metainfo }
  } finally {
    output?.discard()
  }
}
