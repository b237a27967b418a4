// What becomes of web seeds that fail (BEP 19): one rests, longer each time, or is retired with the reason, or does
// without a file that is not there. Guarantees: each problem is told once in a row; whatever happens, what the seed was at
// is given back. Writes the state of seeds together with web-seeding.ts, which owns them.
import { type Failure, failure } from '../base/errors.ts'
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'
import { piecesOfFile } from '../storage/piece-plan.ts'
import type { SwarmContext } from './swarm-context.ts'
import type { WebRequest, WebSeed } from './web-seed.ts'
import type { WebStream } from './web-stream.ts'

export interface WebRestingOptions {
  readonly info: TorrentInfo
  readonly stream: WebStream
  /** What there is to do may be another's now. */
  readonly onFree: () => void
}

const firstRestMs = 2_000
const longestRestMs = 600_000
const longestRetryAfterSeconds = 3_600
/** In a row, before a seed is given up. */
const mostMalformed = 3
const mostAbsent = 8
const finalCodes: ReadonlySet<string> = new Set(['certificate-invalid', 'web-seed-forbidden', 'web-seed-url'])
const malformedCodes: ReadonlySet<string> = new Set(['web-seed-response', 'http-malformed', 'http-too-large'])

export class WebResting {
  private readonly context: SwarmContext
  private readonly info: TorrentInfo
  private readonly stream: WebStream
  private readonly onFree: () => void

  constructor(context: SwarmContext, { info, stream, onFree }: WebRestingOptions) {
    this.context = context
    this.info = info
    this.stream = stream
    this.onFree = onFree
  }

  /** Its request, if there is one, and what it had of pieces. */
  cancel(seed: WebSeed): void {
    const { type } = seed.state
    if (type === 'asking' || type === 'receiving') this.context.outputs.push({ type: 'web-cancel', seed })
    this.stream.release(seed)
  }

  /** The file it was asked for is not there. */
  absent(seed: WebSeed, request: WebRequest, why: Failure): void {
    const { plan } = this.context.grid
    const pieces = piecesOfFile(plan, request.file)
    if (pieces !== undefined) for (let piece = pieces.first; piece <= pieces.last; piece++) seed.bits.clear(piece)
    const path = this.info.files[request.file]?.path.join('/') ?? ''
    const detail = failure(why.code, `${why.detail}: ${path.slice(0, 200)}`)
    seed.absentCount++
    if (!seed.bits.hasAny || seed.absentCount >= mostAbsent) {
      this.retire(seed, detail)
      return
    }
    this.stream.release(seed)
    seed.state = { type: 'idle' }
    this.onFree()
    this.tell(seed, detail)
  }

  /** Its request failed. */
  fail(seed: WebSeed, why: Failure): void {
    if (finalCodes.has(why.code) || (malformedCodes.has(why.code) && seed.failureCount + 1 >= mostMalformed)) {
      this.retire(seed, why, false)
    } else this.rest(seed, why, undefined)
  }

  /** `afterSeconds`: when it wishes to be asked again. */
  rest(seed: WebSeed, why: Failure, afterSeconds: number | undefined): void {
    const { random, nowMs } = this.context
    const restMs = Math.min(firstRestMs * 2 ** Math.min(seed.failureCount, 20), longestRestMs)
    const wishedMs = Math.min(afterSeconds ?? 0, longestRetryAfterSeconds) * 1_000
    // Many who were refused at once do not come back at once.
    const spreadMs = random.below(Math.ceil(restMs / 4))
    seed.failureCount++
    this.stream.release(seed)
    seed.state = { type: 'resting', untilMs: nowMs + Math.max(restMs, wishedMs) + spreadMs, why }
    this.onFree()
    this.tell(seed, why)
  }

  /** For good. `isCancelled`: its request is not over by itself. */
  retire(seed: WebSeed, why: Failure, isCancelled = true): void {
    if (seed.state.type === 'retired') return
    if (isCancelled && seed.isBusy) this.cancel(seed)
    else this.stream.release(seed)
    seed.state = { type: 'retired', why }
    this.onFree()
    this.tell(seed, why)
  }

  private tell(seed: WebSeed, why: Failure): void {
    const isKnown = seed.problem?.code === why.code && seed.problem.detail === why.detail
    seed.problem = why
    if (!isKnown) this.context.outputs.push({ type: 'web-problem', seed, failure: why })
  }
}
