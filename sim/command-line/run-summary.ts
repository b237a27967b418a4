// What is told of one run: plain values, so that they pass between threads, with how far the swarm was at each second.
// Pure. Finishing times are simulated milliseconds from a peer's coming to its last verified byte.
import type { Violation } from '../checks/check.ts'
import type { RunReport } from '../run-scenario.ts'

/** Of one run. */
export interface Job {
  readonly scenario: string
  readonly seed: number
  /** Undefined: as the scenario says. */
  readonly peers?: number | undefined
  readonly contentBytes?: number | undefined
  readonly limitMs?: number | undefined
  /** Play it again and compare. */
  readonly isTwice?: boolean
  /** Where its events are to be written. */
  readonly logFile?: string | undefined
  readonly keepsSamples?: boolean
}

/** How far the swarm is at a second. */
export interface Sample {
  readonly simulatedMs: number
  /** Leechers that came and did not leave. */
  readonly peers: number
  /** Leechers that have everything, whether they left or not. */
  readonly finished: number
  /** What all leechers that ever came have verified, 0 to 1 of what they could have. */
  readonly share: number
  /** Payload of blocks, since the beginning. */
  readonly receivedBytes: number
}

export interface RunSummary {
  readonly job: Job
  readonly peers: number
  readonly contentBytes: number
  readonly violations: readonly Violation[]
  readonly simulatedMs: number
  readonly wallMs: number
  /** Of the thread it was played in; collecting garbage takes a little of others besides. */
  readonly processorMs: number
  readonly leechers: number
  /** Ascending. */
  readonly finishMs: readonly number[]
  /** Payload of blocks that sessions received. */
  readonly receivedBytes: number
  /** Of these, what did not become a verified piece. */
  readonly wastedBytes: number
  readonly eventCount: number
  readonly digest: string
  readonly samples: readonly Sample[]
}

interface Measured {
  readonly receivedBytes: number
  readonly verifiedBytes: number
  readonly samples: readonly Sample[]
}

export function summarise(
  job: Job,
  size: Pick<RunSummary, 'peers' | 'contentBytes'>,
  report: RunReport,
  { receivedBytes, verifiedBytes, samples }: Measured,
): Omit<RunSummary, 'wallMs' | 'processorMs'> {
  const leechers = report.participants.filter(({ role }) => role === 'leecher')
  const finishMs = leechers
    .flatMap(({ joinedMs, finishedMs }) => (finishedMs === undefined ? [] : [finishedMs - joinedMs]))
    .sort((a, b) => a - b)
  return {
    job,
    ...size,
    violations: report.violations,
    simulatedMs: report.simulatedMs,
    leechers: leechers.length,
    finishMs,
    receivedBytes,
    wastedBytes: Math.max(0, receivedBytes - verifiedBytes),
    eventCount: report.eventCount,
    digest: report.digest,
    samples: job.keepsSamples === true ? samples : [],
  }
}

/** Of a run that has no report: it threw, or had to be ended. */
export function brokenRun(job: Job, check: string, detail: string): RunSummary {
  return {
    job,
    peers: job.peers ?? 0,
    contentBytes: job.contentBytes ?? 0,
    violations: [{ check, atMs: 0, machine: undefined, detail }],
    simulatedMs: 0,
    wallMs: 0,
    processorMs: 0,
    leechers: 0,
    finishMs: [],
    receivedBytes: 0,
    wastedBytes: 0,
    eventCount: 0,
    digest: '',
    samples: [],
  }
}

/** The value below which a share of all lies; undefined: there is none. */
export function quantile(ascending: readonly number[], share: number): number | undefined {
  return ascending[Math.min(ascending.length - 1, Math.floor(share * ascending.length))]
}

/** What somebody types to see this run again. */
export function replayCommand({ scenario, seed, peers, contentBytes, limitMs, isTwice }: Job): string {
  const options = [
    `--seed ${seed}`,
    ...(peers === undefined ? [] : [`--peers ${peers}`]),
    ...(contentBytes === undefined ? [] : [`--size ${contentBytes}`]),
    ...(limitMs === undefined ? [] : [`--limit ${limitMs / 1_000}`]),
    ...(isTwice === true ? ['--twice'] : []),
  ]
  return `npm run sim -- ${scenario} ${options.join(' ')}`
}
