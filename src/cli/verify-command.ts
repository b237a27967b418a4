// `swarmbid verify`: compares content with a torrent and names what is not right.
// Exit code 1 with content-mismatch when anything is missing or damaged.
import { SwarmbidError } from '../base/errors.ts'
import { readTorrent } from '../daemon/read-torrent.ts'
import {
  type BadFile,
  type BadPiece,
  type FileProblem,
  type VerifyReport,
  verifyContent,
} from '../daemon/verify-content.ts'
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { counted, formatBytes, formatCount } from './display-text.ts'
import { exitCodes } from './exit-code.ts'
import type { Output } from './output.ts'
import { newProgress } from './progress.ts'

export interface VerifyOptions {
  readonly all?: boolean
  readonly threads?: number
  readonly quiet?: boolean
  readonly json?: boolean
}

const shownProblems = 50
const shownFilesOfPiece = 3

function explain(problem: FileProblem, file: BadFile): string {
  switch (problem.type) {
    case 'missing':
      return 'missing'
    case 'not-a-file':
      return 'not a regular file'
    case 'unreadable':
      return `unreadable: ${problem.reason}`
    case 'wrong-length':
      return `${formatCount(problem.foundBytes)} bytes, not ${formatCount(file.lengthBytes)}`
  }
}

const verdictWords = {
  damaged: 'damaged',
  unavailable: 'missing',
  unproven: 'cannot be told good from bad, as the torrent lacks its piece layer',
  contradictory: 'right by one version of the torrent and wrong by the other',
} as const

interface PieceRun {
  readonly first: number
  last: number
  readonly problem: BadPiece
}

/** Pieces in a row of which the same is to be said. */
function runsOf(pieces: readonly BadPiece[]): PieceRun[] {
  const runs: PieceRun[] = []
  const saidOf = ({ verdict, files }: BadPiece) => JSON.stringify([verdict, files])
  for (const problem of pieces) {
    const run = runs.at(-1)
    if (run?.last === problem.piece - 1 && saidOf(run.problem) === saidOf(problem)) run.last = problem.piece
    else runs.push({ first: problem.piece, last: problem.piece, problem })
  }
  return runs
}

function showReport(report: VerifyReport, info: TorrentInfo, isAll: boolean, output: Output): void {
  const { style } = output
  const limited = <T>(list: readonly T[]) => (isAll ? list : list.slice(0, shownProblems))
  const more = (count: number, noun: string) => {
    if (count > 0) output.line(style.faint(`and ${counted(count, noun)}; --all lists them`))
  }
  const files = limited(report.badFiles)
  for (const file of files) {
    output.line(
      `${style.bad('file')}  ${style.plain(file.path.join('/'))}: ${style.plain(explain(file.problem, file))}`,
    )
  }
  more(report.badFiles.length - files.length, 'more file')
  const runs = limited(runsOf(report.badPieces))
  let shownPieces = 0
  for (const { first, last, problem } of runs) {
    const { verdict, files: within } = problem
    shownPieces += last - first + 1
    const names = within.slice(0, shownFilesOfPiece).map((path) => style.plain(path.join('/')))
    if (within.length > names.length) names.push(`${counted(within.length - names.length, 'more file')}`)
    const which = first === last ? `${style.bad('piece')} ${first}` : `${style.bad('pieces')} ${first}-${last}`
    output.line(`${which}: ${verdictWords[verdict]}, in ${names.join(', ')}`)
  }
  more(report.badPieces.length - shownPieces, 'more piece')
  const goodCount = report.pieceCount - report.badPieces.length
  const summary = `${formatCount(goodCount)} of ${counted(report.pieceCount, 'piece')} good`
  const isRight = report.badPieces.length + report.badFiles.length === 0
  output.line(`${isRight ? style.good(summary) : style.bad(summary)}, ${formatBytes(info.totalBytes)} in all`)
  if (report.linkCount > 0) output.line(style.faint(`${counted(report.linkCount, 'symbolic link')} not looked at`))
}

function jsonProblem(file: BadFile): Record<string, unknown> {
  const { problem } = file
  const base = { type: 'bad-file', path: file.path.join('/'), problem: problem.type, lengthBytes: file.lengthBytes }
  if (problem.type === 'wrong-length') return { ...base, foundBytes: problem.foundBytes }
  return problem.type === 'unreadable' ? { ...base, reason: problem.reason } : base
}

function jsonPiece({ piece, verdict, files }: BadPiece): Record<string, unknown> {
  return { type: 'bad-piece', piece, problem: verdict, files: files.map((path) => path.join('/')) }
}

function printReport(report: VerifyReport, isRight: boolean, output: Output): void {
  for (const file of report.badFiles) output.json(jsonProblem(file))
  for (const piece of report.badPieces) output.json(jsonPiece(piece))
  output.json({
    type: 'done',
    ok: isRight,
    path: report.contentPath,
    pieceCount: report.pieceCount,
    badPieceCount: report.badPieces.length,
    badFileCount: report.badFiles.length,
  })
}

export async function runVerify(
  torrent: string,
  path: string,
  options: VerifyOptions,
  context: CommandContext,
): CommandResult {
  const { output, signal } = context
  const metainfo = await readTorrent(torrent, signal)
  const form = options.quiet === true ? 'none' : options.json === true ? 'json' : 'people'
  const progress = newProgress(output, form, 'verifying', metainfo.info.totalBytes)
  const request = {
    metainfo,
    path,
    lendsThread: true,
    ...(options.threads === undefined ? {} : { maxThreads: options.threads }),
  }
  const report = await verifyContent(request, progress, signal)
  const isRight = report.badPieces.length + report.badFiles.length === 0
  if (options.json === true) printReport(report, isRight, output)
  else showReport(report, metainfo.info, options.all === true, output)
  if (isRight) return exitCodes.ok
  const what = `${counted(report.badPieces.length, 'bad piece')}, ${counted(report.badFiles.length, 'bad file')}`
  throw new SwarmbidError('content-mismatch', `${report.contentPath}: ${what}`)
}
