// The recheck: pieces are read through slots, several at a time, hashed in the workers, and `have` says what was found.
// Guarantees: nothing is made or changed on disk; a piece is had afterwards only if its hashes agree; missing, short
// and unreadable files are named. Pieces that are being downloaded meanwhile are left alone.
import { failure, type Result, success } from '../base/errors.ts'
import type { ContentFiles } from './content-files.ts'
import type { DiskVerdict, DiskVerifier } from './disk-verifier.ts'
import type { HeldPieces } from './held-pieces.ts'
import { filesOfPiece, type PiecePlan } from './piece-plan.ts'
import type { PromisedHashes } from './promised-hashes.ts'

export interface CheckProgress {
  readonly checkedPieces: number
  readonly totalPieces: number
  readonly goodPieces: number
}

export interface CheckOutcome {
  readonly checkedPieces: number
  readonly goodPieces: number
  /** Pieces that were had before and are not any more. */
  readonly lostPieces: readonly number[]
  /** Files, ascending, that were wanted and are not there. */
  readonly missingFiles: readonly number[]
  /** Files that end before a piece that was looked for. */
  readonly shortFiles: readonly number[]
  /** Files the disk did not give. */
  readonly unreadableFiles: readonly number[]
  /** A piece about which the two halves of a hybrid torrent disagree: the torrent is wrong. */
  readonly contradictoryPiece: number | undefined
}

export interface ContentCheck {
  readonly plan: PiecePlan
  readonly files: ContentFiles
  readonly held: HeldPieces
  readonly promised: PromisedHashes
  readonly verifier: DiskVerifier
  readonly isFilling: (piece: number) => boolean
  readonly onChecked: (piece: number, isGood: boolean) => void
  /** Ascending. */
  readonly pieces: readonly number[]
}

const maxInFlight = 32
/** Of very large pieces too, so that one is read while another is hashed. */
const minInFlight = 4
const inFlightBytes = 16_777_216

/** Errors: interrupted (what was checked until then counts). `onProgress` is told after each piece. */
export async function checkContent(
  check: ContentCheck,
  onProgress: (progress: CheckProgress) => void,
  signal: AbortSignal,
): Promise<Result<CheckOutcome>> {
  const { plan, files, held, promised, pieces } = check
  const lost: number[] = []
  const short = new Set<number>()
  const unreadable = new Set<number>()
  const missing = missingFiles(files)
  let contradictoryPiece: number | undefined
  let next = 0
  let checkedPieces = 0
  let goodPieces = 0

  function settle(piece: number, { outcome, verdict }: DiskVerdict): void {
    if (verdict === 'contradictory') contradictoryPiece = Math.min(piece, contradictoryPiece ?? piece)
    if (outcome.type === 'missing' && files.where(outcome.file) === 'present') short.add(outcome.file)
    if (outcome.type === 'failed') unreadable.add(outcome.file)
    if (verdict === 'good') {
      goodPieces++
      held.found(piece)
      files.distrust(piece)
    } else if (held.lose(piece)) lost.push(piece)
    check.onChecked(piece, verdict === 'good')
  }

  async function lane(): Promise<void> {
    while (next < pieces.length && !signal.aborted) {
      const piece = pieces[next++] as number
      if (check.isFilling(piece)) continue
      const isThere = promised.canProve(piece) && mayBeThere(files, plan, piece)
      settle(piece, isThere ? await check.verifier.verify(piece) : { outcome: { type: 'read' }, verdict: undefined })
      checkedPieces++
      onProgress({ checkedPieces, totalPieces: pieces.length, goodPieces })
    }
  }

  const laneCount = Math.max(minInFlight, Math.min(maxInFlight, Math.floor(inFlightBytes / plan.pieceLengthBytes)))
  await Promise.all(Array.from({ length: laneCount }, lane))
  if (signal.aborted) return failure('interrupted', 'stopped while checking')
  return success({
    checkedPieces,
    goodPieces,
    lostPieces: lost.sort(ascending),
    missingFiles: missing,
    shortFiles: [...short].sort(ascending),
    unreadableFiles: [...unreadable].sort(ascending),
    contradictoryPiece,
  })
}

function ascending(a: number, b: number): number {
  return a - b
}

/** Files with bytes that are wanted and absent, ascending. */
function missingFiles(files: ContentFiles): number[] {
  const missing: number[] = []
  for (let file = 0; file < files.fileCount; file++) {
    if (files.lengthOf(file) > 0 && files.isWanted(file) && files.where(file) === 'absent') missing.push(file)
  }
  return missing
}

/** Whether some bytes of each of its files can be on disk; without them there is nothing to read. */
function mayBeThere(files: ContentFiles, plan: PiecePlan, piece: number): boolean {
  return filesOfPiece(plan, piece).every((file) => files.where(file) !== 'absent')
}
