// Side-by-side timing: two ways of doing the same work in turn, round by round, in one process.
// Guarantees: both sides get the same work in the same minutes; the ratio is the median over rounds, so one
// disturbed round does not count. What a benchmark file exports is declared here too.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** One claim, measured. */
export interface Measurement {
  readonly name: string
  readonly unit: string
  readonly ours: number
  readonly theirs: number
  /** How much better ours is: over 1 is better, whichever way the unit counts. */
  readonly ratio: number
  /** The least ratio that will do; 0 where none is promised. */
  readonly bar: number
  /** Whose figure `theirs` is, with its version; where it is missing the benchmark's summary says it. */
  readonly rival?: string
}

/** How much work, and how often; what benchmarks of whole programs go by. */
export interface BenchmarkOptions {
  readonly sizeMiB: number
  /** As the command line takes it, such as `1MiB`; undefined: each benchmark's own. */
  readonly pieceLength: string | undefined
  /** Alternating pairs; their median counts. */
  readonly pairs: number
}

/** What each file bench/<name>.ts exports as `benchmark`. */
export interface Benchmark {
  /** The name of its file without `.ts`. */
  readonly name: string
  /** What is compared with what, in one line. */
  readonly summary: string
  run(options: BenchmarkOptions): Promise<readonly Measurement[]> | readonly Measurement[]
  /** Our side once, with further variables in the environment of each of its processes. */
  runOurs?(options: BenchmarkOptions, environment: Environment): Promise<void>
}

export type Environment = Readonly<Record<string, string>>

export interface Contest {
  readonly name: string
  readonly unit: string
  readonly bar: number
  /** Work done by one call, in units: 1 for a decode, a number of bytes for a throughput. */
  readonly workPerCall?: number
  /** Each returns something that depends on its work, so that none of it can be left out. */
  ours(): unknown
  theirs(): unknown
}

export interface ContestOptions {
  readonly rounds?: number
  /** Each side runs about this long a round. */
  readonly roundMs?: number
  /**
   * Collects garbage before each side of each round, so that neither pays for the other's: for calls that
   * leave megabytes. Not for small ones: it also throws away compiled code.
   */
  readonly collectsGarbage?: boolean
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >>> 1
  const upper = sorted[middle]
  if (upper === undefined) throw new Error('the median of nothing')
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

/** Keeps results reachable, so that the compiler cannot drop the work. */
const sink: unknown[] = [undefined]

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

function secondsFor(work: () => unknown, calls: number): number {
  const startedMs = performance.now()
  for (let call = 0; call < calls; call++) sink[0] = work()
  return (performance.now() - startedMs) / 1000
}

/** How many calls take about `wantedMs`; warms the work up on the way. */
function callsFor(work: () => unknown, wantedMs: number): number {
  let calls = 1
  for (;;) {
    const elapsedMs = secondsFor(work, calls) * 1000
    if (elapsedMs >= wantedMs / 2) return Math.max(1, Math.round((calls * wantedMs) / elapsedMs))
    calls = Math.ceil(calls * Math.min(10, Math.max(2, wantedMs / 2 / Math.max(elapsedMs, 0.001))))
  }
}

/** Runs both sides in turn and compares their rates. */
export function compare(contest: Contest, options: ContestOptions = {}): Measurement {
  const { rounds = 9, roundMs = 60, collectsGarbage = false } = options
  const { name, unit, bar, workPerCall = 1 } = contest
  const ourWork = () => contest.ours()
  const theirWork = () => contest.theirs()
  const ourCalls = callsFor(ourWork, roundMs)
  const theirCalls = callsFor(theirWork, roundMs)
  const rate = (work: () => unknown, calls: number) => {
    sink[0] = undefined
    if (collectsGarbage) collectGarbage()
    return (calls * workPerCall) / secondsFor(work, calls)
  }
  const samples = Array.from({ length: rounds }, () => ({
    ours: rate(ourWork, ourCalls),
    theirs: rate(theirWork, theirCalls),
  }))
  return {
    name,
    unit,
    ours: median(samples.map(({ ours }) => ours)),
    theirs: median(samples.map(({ theirs }) => theirs)),
    ratio: median(samples.map(({ ours, theirs }) => ours / theirs)),
    bar,
  }
}
