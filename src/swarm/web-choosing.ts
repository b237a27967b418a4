// What a web seed is asked for (BEP 19): the run of pieces it gets, the next file of it, and whether that is worth it.
// Guarantees: nothing is chosen that is not wanted; no URL leaves the seed's own. Keeps nothing of its own but when a
// seed was first passed over, which it writes there.
import { type Failure, failure } from '../base/errors.ts'
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'
import { webSeedFileUrl } from '../formats/web-seed.ts'
import { fileAt, pieceStart } from '../storage/piece-plan.ts'
import { beginOf, wholeLengthOf } from './block-grid.ts'
import type { SwarmContext } from './swarm-context.ts'
import { chooseRun, type WebRun } from './web-run.ts'
import type { WebRequest, WebSeed } from './web-seed.ts'

/** A run is what a seed sends in this time, within bounds. */
const runMs = 8_000
const sequentialRunMs = 2_000
const shortestRunBytes = 4_194_304
const longestRunBytes = 134_217_728
/** Others are asked as well for what brought nothing for so long. */
const stalledMs = 5_000
/** A seed that sends whole files is not asked for one of which less than this part lacks, unless nobody else brings it. */
const leastUsefulPart = 1 / 4
const passOverMs = 60_000

export class WebChoosing {
  private readonly context: SwarmContext
  private readonly info: TorrentInfo
  private readonly isSuspect: (seed: WebSeed) => boolean

  constructor(context: SwarmContext, info: TorrentInfo, isSuspect: (seed: WebSeed) => boolean) {
    this.context = context
    this.info = info
    this.isSuspect = isSuspect
  }

  run(seed: WebSeed): WebRun | undefined {
    const { picker, grid, random, nowMs } = this.context
    const spanMs = picker.isSequential ? sequentialRunMs : runMs
    const bytes = Math.min(
      Math.max((seed.meter.rate(nowMs) * spanMs) / 1_000, picker.isSequential ? 1 : shortestRunBytes),
      longestRunBytes,
    )
    return chooseRun({
      picker,
      bits: seed.bits,
      maxPieces: Math.max(1, Math.round(bytes / grid.plan.pieceLengthBytes)),
      isAlone: this.isSuspect(seed),
      isInOrder: seed.ignoresRanges,
      random,
      stalledSinceMs: nowMs - stalledMs,
    })
  }

  /** Where the last block of its piece ends that was asked of it. */
  endOfAsked({ piece, number }: WebSeed): number {
    const { grid, picker } = this.context
    const firstBlock = piece * grid.blocksPerPiece
    for (let block = firstBlock + grid.blocksPerPiece - 1; block >= firstBlock; block--) {
      if (!picker.isAskedOf(block, number)) continue
      return pieceStart(grid.plan, piece) + beginOf(grid, block) + wholeLengthOf(grid, block)
    }
    return pieceStart(grid.plan, piece)
  }

  /** The next file of its run. Errors: web-seed-url. */
  nextRequest(seed: WebSeed): { ok: true; value: WebRequest } | Failure {
    const { plan } = this.context.grid
    const file = fileAt(plan, seed.position)
    const fileStart = plan.starts[file] as number
    const fileEnd = plan.ends[file] as number
    const listed = this.info.files[file]
    if (listed === undefined) return failure('internal', 'a byte of no file')
    const url = webSeedFileUrl(seed.url, this.info, listed)
    if (!url.ok) return url
    const end = Math.min(fileEnd, seed.runEnd) - fileStart
    const first = seed.position - fileStart
    return { ok: true, value: { url: url.value, file, first, end, fileBytes: fileEnd - fileStart } }
  }

  /** Of a file that would be sent whole, enough is wanted, or nobody else can be asked, or did bring it for a while. */
  isWorthwhile(seed: WebSeed, { first, end }: WebRequest, seeds: readonly WebSeed[]): boolean {
    if (!seed.ignoresRanges || end - first >= end * leastUsefulPart) return true
    const { picker, nowMs } = this.context
    const isElsewhere =
      picker.availabilityOf(seed.piece) > 0 ||
      seeds.some((other) => !other.ignoresRanges && other.state.type !== 'retired')
    seed.passedOverMs = Math.min(seed.passedOverMs, nowMs)
    return !isElsewhere || nowMs - seed.passedOverMs >= passOverMs
  }
}
