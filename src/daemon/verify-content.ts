// Compares content on disk with a torrent: which pieces are good, which files are missing or not as described.
// Guarantees: reads only, touches nothing, never stops at the first damage; what is intact in a damaged file
// still counts. Files beside the torrent's own are not looked at.
import { type Stats, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { present } from '../base/assert.ts'
import { SwarmbidError, unwrap } from '../base/errors.ts'
import type { Metainfo, TorrentInfo } from '../formats/metainfo/metainfo.ts'
import { defaultThreads, hashContent } from '../host/content-hasher.ts'
import { explainSystemError, isSystemError } from '../host/file-error.ts'
import { type PieceVerdict, pieceChecker } from '../storage/check-pieces.ts'
import { filesOfPiece, planPieces } from '../storage/piece-plan.ts'

export interface VerifyRequest {
  readonly metainfo: Metainfo
  /** The content itself, or the folder it is in. */
  readonly path: string
  /** As many as the machine runs at once unless given. */
  readonly maxThreads?: number
  /** The calling thread hashes too: for a program that does nothing else meanwhile. */
  readonly lendsThread?: boolean
}

export type FileProblem =
  | { readonly type: 'missing' }
  | { readonly type: 'not-a-file' }
  | { readonly type: 'unreadable'; readonly reason: string }
  | { readonly type: 'wrong-length'; readonly foundBytes: number }

export interface BadFile {
  /** Components, the torrent's name first. */
  readonly path: readonly string[]
  readonly lengthBytes: number
  readonly problem: FileProblem
}

export interface BadPiece {
  readonly piece: number
  readonly verdict: Exclude<PieceVerdict, 'good'>
  /** Files with bytes in it, by path. */
  readonly files: readonly (readonly string[])[]
}

export interface VerifyReport {
  /** Where the content was looked for. */
  readonly contentPath: string
  readonly pieceCount: number
  readonly badFiles: readonly BadFile[]
  readonly badPieces: readonly BadPiece[]
  /** Symbolic links the torrent describes (BEP 47): not part of the content, not looked at. */
  readonly linkCount: number
}

const probedFiles = 64

function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** Where on disk a file of the torrent lies, when `contentPath` is what stands for the torrent's name. */
function diskPath(contentPath: string, path: readonly string[]): string {
  return join(contentPath, ...path.slice(1))
}

/** The path given may be the content or the folder around it: whichever has more of the torrent's files. */
function locateContent(info: TorrentInfo, path: string): string {
  if (path === '') throw new SwarmbidError('file-not-found', 'the path of the content is empty')
  const given = resolve(path)
  const status = statusOf(given)
  if (status === undefined) throw new SwarmbidError('file-not-found', `${path}: there is no such file or folder`)
  const inside = join(given, info.name)
  if (!info.isFolder) return status.isDirectory() ? inside : given
  const probed = info.files.filter((file) => file.symlinkTarget === undefined).slice(0, probedFiles)
  const countBelow = (root: string) => probed.filter((file) => statusOf(diskPath(root, file.path))?.isFile()).length
  return countBelow(given) > countBelow(inside) ? given : inside
}

function problemOf(path: string, lengthBytes: number): FileProblem | undefined {
  try {
    const status = statSync(path, { throwIfNoEntry: false })
    if (status === undefined) return { type: 'missing' }
    if (!status.isFile()) return { type: 'not-a-file' }
    return status.size === lengthBytes ? undefined : { type: 'wrong-length', foundBytes: status.size }
  } catch (error) {
    if (!isSystemError(error)) throw error
    return error.code === 'ENOTDIR' ? { type: 'missing' } : { type: 'unreadable', reason: explainSystemError(error) }
  }
}

/**
 * Errors (thrown): file-not-found when the path given does not exist, interrupted. Damage is no error here:
 * the report says it. `onProgress` hears of bytes read, of `info.totalBytes`.
 */
export async function verifyContent(
  request: VerifyRequest,
  onProgress: (readBytes: number) => void,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const { metainfo } = request
  const { info } = metainfo
  const contentPath = locateContent(info, request.path)
  const files = info.files.map((file) => ({
    path: diskPath(contentPath, file.path),
    lengthBytes: file.lengthBytes,
    offset: file.offset,
  }))
  const problems = new Map<number, FileProblem>()
  for (const [index, file] of files.entries()) {
    if (info.files[index]?.symlinkTarget !== undefined) continue
    const problem = problemOf(file.path, file.lengthBytes)
    if (problem !== undefined) problems.set(index, problem)
  }
  const { pieceLengthBytes, spanBytes } = info
  const wants = info.version === 'hybrid' ? 'both' : info.version
  const maxThreads = request.maxThreads ?? defaultThreads()
  const hashed = await hashContent(
    { files, pieceLengthBytes, spanBytes, wants, onBadFile: 'continue', maxThreads },
    onProgress,
    signal,
    request.lendsThread,
  )
  const found = unwrap(hashed)
  for (const [index, { detail }] of found.badFiles)
    if (!problems.has(index)) problems.set(index, { type: 'unreadable', reason: detail })

  const plan = planPieces(files, pieceLengthBytes, spanBytes)
  const fileNamed = (index: number) => present(info.files[index], 'a file of the torrent')
  const check = pieceChecker(metainfo, plan, found)
  const badPieces: BadPiece[] = []
  for (let piece = 0; piece < plan.pieceCount; piece++) {
    const verdict = check(piece)
    if (verdict === 'good') continue
    badPieces.push({ piece, verdict, files: filesOfPiece(plan, piece).map((index) => fileNamed(index).path) })
  }
  const badFiles = [...problems].map(([index, problem]) => {
    const { path, lengthBytes } = fileNamed(index)
    return { path, lengthBytes, problem }
  })
  const linkCount = info.files.filter((file) => file.symlinkTarget !== undefined).length
  return { contentPath, pieceCount: plan.pieceCount, badFiles, badPieces, linkCount }
}
