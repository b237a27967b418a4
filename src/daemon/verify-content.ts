// Compares content on disk with a torrent: which pieces are good, which files are missing or not as described.
// Guarantees: reads only, touches nothing, never stops at the first damage; what is intact in a damaged file
// still counts. Files beside the torrent's own are not looked at.
import { statSync } from 'node:fs'
import { present } from '../base/assert.ts'
import { unwrap } from '../base/errors.ts'
import type { Metainfo } from '../formats/metainfo/metainfo.ts'
import { defaultThreads, hashContent } from '../host/content-hasher.ts'
import { explainSystemError, isSystemError } from '../host/file-error.ts'
import { type PieceVerdict, pieceChecker } from '../storage/check-pieces.ts'
import { filesOfPiece, planPieces } from '../storage/piece-plan.ts'
import { diskPaths, locateContent } from './locate-content.ts'

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
  const paths = diskPaths(contentPath, info.files)
  const files = info.files.map((file, index) => ({
    path: present(paths[index], 'a path for each file'),
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
