// Simulated swarms from the command line: npm run sim -- SCENARIO --seed N --peers N. Guarantees: exit 0 when nothing
// promised was broken, 1 when something was (with the command that shows it again), 2 when the command line is wrong,
// 130 after Ctrl-C. Runs are played by command-line/; here they are chosen and told of.
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Command, CommanderError } from 'commander'
import { exitCodes } from '../src/cli/exit-code.ts'
import { watchInterruption } from '../src/cli/interruption.ts'
import { newOutput, type Output } from '../src/cli/output.ts'
import { JobWorkers } from './command-line/job-workers.ts'
import { scenarios } from './command-line/play-job.ts'
import { csvOf } from './command-line/run-csv.ts'
import { RunDisplay } from './command-line/run-display.ts'
import {
  declareOptions,
  everyScenario,
  jobsOf,
  largeScenarios,
  type RunOptions,
  scenariosNamed,
} from './command-line/run-options.ts'
import { plotOf } from './command-line/run-plot.ts'
import { type Job, type RunSummary, replayCommand } from './command-line/run-summary.ts'
import { shrinkRun } from './command-line/shrink.ts'
import { summaryTable } from './command-line/summary-table.ts'

const randomSeeds = 1_000_000
/** Of those that fail, how many are made smaller: others mostly fail for the same reason. */
const mostShrunk = 3

class UsageError extends Error {}

function chosenOf(name: string | undefined): ReturnType<typeof scenariosNamed> {
  const chosen = scenariosNamed(name, scenarios)
  if (chosen.length > 0) return chosen
  const said = name === undefined ? 'no scenario named' : `no scenario ${name}`
  const names = scenarios.map((one) => one.name).join(', ')
  throw new UsageError(`${said}; there are ${names}, and ${everyScenario} and ${largeScenarios}`)
}

function listScenarios(output: Output): void {
  const width = Math.max(...scenarios.map(({ name }) => name.length))
  for (const { name, about } of scenarios) output.line(`${name.padEnd(width)}  ${about}`)
}

/** Failures that are the same but for their numbers. */
function kindOf({ job, violations }: RunSummary): string {
  const [first] = violations
  return `${job.scenario} ${first?.check}: ${first?.detail.split('\n')[0]?.replace(/\d[\d.:]*/g, '#')}`
}

/** The first failures of each kind, made smaller. */
async function shrinkFailures(failed: readonly RunSummary[], workers: JobWorkers): Promise<Map<Job, string>> {
  const firsts = [...Map.groupBy(failed, kindOf).values()].flatMap((alike) => alike.slice(0, 1))
  const smallest = new Map<Job, string>()
  for (const failing of firsts.slice(0, mostShrunk)) {
    const { job, peers, contentBytes } = failing
    if (peers === 0) continue
    const plain: Job = { ...job, logFile: undefined, keepsSamples: false }
    const { size } = await shrinkRun({ peers, contentBytes }, async (smaller) => {
      return kindOf(await workers.play({ ...plain, ...smaller })) === kindOf(failing)
    })
    if (size.peers < peers || size.contentBytes < contentBytes) {
      smallest.set(job, replayCommand({ ...plain, ...size }))
    }
  }
  return smallest
}

function tellResults(
  output: Output,
  summaries: readonly RunSummary[],
  smallest: ReadonlyMap<Job, string>,
  { json = false }: RunOptions,
): void {
  if (json) {
    for (const { samples: _, ...summary } of summaries) {
      const isBroken = summary.violations.length > 0
      output.json({
        ...summary,
        ...(isBroken ? { replay: replayCommand(summary.job), smallest: smallest.get(summary.job) } : {}),
      })
    }
    return
  }
  for (const line of summaryTable(summaries)) output.line(output.style.plain(line))
  const [first] = summaries
  if (summaries.length === 1 && first !== undefined) output.line(`digest ${first.digest}`)
  for (const command of smallest.values()) output.line(output.style.plain(`smaller: ${command}`))
  const failed = summaries.filter(({ violations }) => violations.length > 0)
  output.line(`${summaries.length} ${summaries.length === 1 ? 'run' : 'runs'}, ${failed.length} failed`)
}

async function play(jobs: readonly Job[], options: RunOptions, output: Output, signal: AbortSignal): Promise<number> {
  const workers = new JobWorkers(Math.min(jobs.length, options.threads ?? availableParallelism()))
  const display = new RunDisplay(output, jobs.length)
  const ended: RunSummary[] = []
  const playing = Promise.all(
    jobs.map(async (job) => {
      const summary = await workers.play(job, options.json === true ? undefined : display.progressOf(job))
      ended.push(summary)
      if (options.json !== true) display.ended(summary)
      return summary
    }),
  )
  const interrupted = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined))
  })
  const summaries = await Promise.race([playing, interrupted])
  const failed = (summaries ?? ended).filter(({ violations }) => violations.length > 0)
  const shrinking = summaries === undefined ? undefined : shrinkFailures(failed, workers)
  const smallest = await Promise.race([shrinking, interrupted])
  output.endStatus()
  tellResults(output, summaries ?? ended, smallest ?? new Map(), options)
  if (options.csv !== undefined) writeFileSync(options.csv, csvOf(summaries ?? ended))
  const [first] = summaries ?? []
  if (options.plot !== undefined && first !== undefined) writeFileSync(options.plot, plotOf(first))
  await workers.close()
  return failed.length > 0 ? exitCodes.failed : exitCodes.ok
}

async function main(output: Output, signal: AbortSignal): Promise<number> {
  const program = declareOptions(new Command('sim'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, writeOut: (text) => output.line(text.trimEnd()) })
  program.parse()
  const options = program.opts<RunOptions>()
  if (options.list === true) {
    listScenarios(output)
    return exitCodes.ok
  }
  const chosen = chosenOf(program.args[0])
  const seed = options.seed ?? Math.floor(Math.random() * randomSeeds)
  const jobs = jobsOf(chosen, seed, options)
  if (jobs.length > 1 && (options.plot !== undefined || options.log !== undefined)) {
    throw new UsageError('--plot and --log are of one run')
  }
  if (options.json !== true) output.note(`seed ${seed}`)
  return play(jobs, options, output, signal)
}

const interruption = watchInterruption()
const output = newOutput(process.stdout, process.stderr, process.env, (error) => {
  output.note(error.message)
  process.exit(exitCodes.failed)
})
try {
  const exitCode = await main(output, interruption.signal)
  process.exitCode = interruption.exitCode() ?? exitCode
} catch (error) {
  const isUsage = error instanceof UsageError || error instanceof CommanderError
  if (error instanceof CommanderError && error.exitCode === 0) process.exitCode = exitCodes.ok
  else {
    output.note(error instanceof Error ? error.message : String(error))
    process.exitCode = isUsage ? exitCodes.usage : exitCodes.internal
  }
}
