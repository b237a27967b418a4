// How far the command is: a line that changes on a terminal, a line now and then where output is kept; and what broke,
// as soon as it is known. Owns what it said last.
import { formatCount } from '../../src/cli/display-text.ts'
import type { Output } from '../../src/cli/output.ts'
import type { TellProgress } from './play-job.ts'
import { type Job, type RunSummary, replayCommand } from './run-summary.ts'

const keptIntervalMs = 2_000
const shownViolations = 3

export class RunDisplay {
  private readonly output: Output
  private readonly runCount: number
  private readonly startMs = performance.now()
  private keptMs = performance.now()
  private endedCount = 0
  private failedCount = 0

  constructor(output: Output, runCount: number) {
    this.output = output
    this.runCount = runCount
  }

  progressOf(job: Job): TellProgress {
    const startMs = performance.now()
    return ({ simulatedMs, peers, finished }) => {
      if (this.runCount > 1) return this.say(this.runsText())
      const speed = simulatedMs / Math.max(1, performance.now() - startMs)
      this.say(
        `${job.scenario}, seed ${job.seed}: ${(simulatedMs / 1_000).toFixed(0)} s simulated, ` +
          `${finished} of ${peers} here finished, ${speed.toFixed(speed < 10 ? 1 : 0)} times as fast as life`,
      )
    }
  }

  ended(summary: RunSummary): void {
    this.endedCount++
    if (summary.violations.length > 0) {
      this.failedCount++
      this.fail(summary)
    }
    if (this.runCount > 1) this.say(this.runsText())
  }

  private runsText(): string {
    const seconds = ((performance.now() - this.startMs) / 1_000).toFixed(0)
    const failed = this.failedCount === 0 ? '' : `, ${this.failedCount} failed`
    return `${formatCount(this.endedCount)} of ${formatCount(this.runCount)} runs${failed}, ${seconds} s`
  }

  private say(text: string): void {
    const nowMs = performance.now()
    if (this.output.status(text) || nowMs - this.keptMs < keptIntervalMs) return
    this.keptMs = nowMs
    this.output.note(text)
  }

  private fail({ job, violations }: RunSummary): void {
    const { output } = this
    const { noteStyle } = output
    output.note(`${noteStyle.bad('FAIL')} ${job.scenario}, seed ${job.seed}`)
    for (const { check, atMs, machine, detail } of violations.slice(0, shownViolations)) {
      const [what = '', ...trace] = detail.split('\n')
      const who = machine === undefined ? '' : ` ${machine}`
      output.note(noteStyle.plain(`  ${check} at ${(atMs / 1_000).toFixed(3)} s:${who} ${what}`))
      for (const line of trace) output.note(noteStyle.plain(`    ${line.trim()}`))
    }
    if (violations.length > shownViolations) output.note(`  and ${violations.length - shownViolations} more`)
    output.note(noteStyle.plain(`  again: ${replayCommand(job)}`))
  }
}
