// Plays a run in this thread and says what became of it. Guarantees: an exception is a verdict like any other; with
// `isTwice` two runs of one seed are compared line by line. Owns the file that events are written to.
import { closeSync, openSync, writeSync } from 'node:fs'
import { allChecks } from '../checks/all-checks.ts'
import type { CheckMaker } from '../checks/check.ts'
import { runScenario } from '../run-scenario.ts'
import type { Scenario } from '../scenario.ts'
import { allScenarios } from '../scenarios/all-scenarios.ts'
import { RunMeter } from './run-meter.ts'
import { brokenRun, type Job, type RunSummary, type Sample, summarise } from './run-summary.ts'
import { settlePromises } from './settle-promises.ts'

export type TellProgress = (progress: Pick<Sample, 'simulatedMs' | 'peers' | 'finished'>) => void

const progressIntervalMs = 200
const bufferedLines = 2_000

export const scenarios: readonly Scenario[] = [...allScenarios.values()]

/** Plays it with all checks; `checks` are for tests of this. */
export async function playJob(
  job: Job,
  tellProgress: TellProgress = () => undefined,
  checks: readonly CheckMaker[] = allChecks,
): Promise<RunSummary> {
  const startMs = performance.now()
  const before = process.threadCpuUsage()
  try {
    const summary =
      job.isTwice === true ? await playTwice(job, tellProgress, checks) : await playLogged(job, tellProgress, checks)
    const { user, system } = process.threadCpuUsage(before)
    return { ...summary, wallMs: performance.now() - startMs, processorMs: (user + system) / 1_000 }
  } catch (error) {
    return brokenRun(job, 'exception', error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
}

type Played = Omit<RunSummary, 'wallMs' | 'processorMs'>

async function playOnce(
  job: Job,
  tellProgress: TellProgress,
  checks: readonly CheckMaker[],
  keepLine?: (line: string) => void,
): Promise<Played> {
  const found = scenarios.find(({ name }) => name === job.scenario)
  if (found === undefined) throw new Error(`no scenario ${job.scenario}`)
  const scenario: Scenario = job.limitMs === undefined ? found : { ...found, limitMs: job.limitMs }
  const size = { peers: job.peers ?? scenario.peers, contentBytes: job.contentBytes ?? scenario.contentBytes }
  const meter = new RunMeter(size.contentBytes)
  let toldMs = performance.now()
  const report = await runScenario(scenario, {
    seed: job.seed,
    ...size,
    checks: [...checks, meter.check],
    settlePromises,
    ...(keepLine === undefined ? {} : { keepLine }),
    onProgress: (stage) => {
      const { simulatedMs, peers, finished } = meter.sample(stage.participants, stage.nowMs)
      if (performance.now() - toldMs < progressIntervalMs) return
      toldMs = performance.now()
      tellProgress({ simulatedMs, peers, finished })
    },
  })
  meter.sample(report.participants, report.simulatedMs)
  return summarise(job, size, report, meter)
}

async function playLogged(job: Job, tellProgress: TellProgress, checks: readonly CheckMaker[]): Promise<Played> {
  if (job.logFile === undefined) return playOnce(job, tellProgress, checks)
  const file = openSync(job.logFile, 'w')
  let lines: string[] = []
  const flush = () => {
    writeSync(file, lines.join(''))
    lines = []
  }
  try {
    return await playOnce(job, tellProgress, checks, (line) => {
      if (lines.push(`${line}\n`) >= bufferedLines) flush()
    })
  } finally {
    flush()
    closeSync(file)
  }
}

async function playTwice(job: Job, tellProgress: TellProgress, checks: readonly CheckMaker[]): Promise<Played> {
  const lines: string[] = []
  const first = await playOnce(job, tellProgress, checks, (line) => void lines.push(line))
  let count = 0
  let difference: string | undefined
  const again = await playOnce(job, tellProgress, checks, (line) => {
    const before = lines[count++]
    if (before !== line) difference ??= `event ${count} was "${before ?? 'none'}", then "${line}"`
  })
  if (again.digest === first.digest) return first
  const detail = difference ?? `${first.eventCount} events, then ${again.eventCount}`
  const violation = { check: 'same-seed-same-events', atMs: first.simulatedMs, machine: undefined, detail }
  return { ...first, violations: [...first.violations, violation] }
}
