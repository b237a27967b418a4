// Where our side's processor time goes: V8's profiles of each of its threads while a benchmark's work is done once,
// and from them the functions with the most time of their own.
// Guarantees: idle time does not count; what the profiler cannot name is named as it names it, in brackets.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Benchmark, BenchmarkOptions } from '../measure.ts'

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  /** In microseconds, before each sample. */
  readonly timeDeltas: readonly number[]
}

const shownFunctions = 25
const leastShare = 0.002

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const place = url === '' ? '' : `  ${url.replace(/^file:.*\/(src|node_modules)\//, '$1/')}:${lineNumber + 1}`
  return `${functionName || '(anonymous)'}${place}`
}

/** Milliseconds by function. */
function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): Map<string, number> {
  const names = new Map(nodes.map((node) => [node.id, nameOf(node)]))
  const times = new Map<string, number>()
  for (const [index, sample] of samples.entries()) {
    const name = names.get(sample) ?? '(unknown)'
    // A sample stands for the time until the next one.
    const ms = (timeDeltas[index + 1] ?? 0) / 1_000
    if (name !== '(idle)') times.set(name, (times.get(name) ?? 0) + ms)
  }
  return times
}

function report(title: string, profile: CpuProfile): readonly string[] {
  const times = [...selfTimes(profile)].sort(([, a], [, b]) => b - a)
  const totalMs = times.reduce((sum, [, ms]) => sum + ms, 0)
  const shown = times.slice(0, shownFunctions).filter(([, ms]) => ms >= leastShare * totalMs)
  const lines = shown.map(([name, ms]) => {
    const share = ((ms / totalMs) * 100).toFixed(1)
    return `  ${ms.toFixed(0).padStart(7)} ms ${share.padStart(5)} %  ${name}`
  })
  return [`${title}: ${(totalMs / 1_000).toFixed(2)} s not idle`, ...lines]
}

/** Names are CPU.date.time.process.thread.number.cpuprofile. */
function titleOf(file: string): string {
  const [, , , pid, thread] = basename(file).split('.')
  return thread === '0' ? `process ${pid}, main thread` : `process ${pid}, thread ${thread}`
}

/** The lines of a report: a block for each thread, by process. */
export async function profile(benchmark: Benchmark, options: BenchmarkOptions): Promise<readonly string[]> {
  if (benchmark.runOurs === undefined) throw new Error(`${benchmark.name} has no processes of ours to profile`)
  const folder = mkdtempSync(join(tmpdir(), 'swarmbid-profile-'))
  try {
    await benchmark.runOurs(options, { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` })
    const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))
    if (files.length === 0) throw new Error('no profile was written')
    return files
      .sort()
      .map((file) => ({ title: titleOf(file), profile: JSON.parse(readFileSync(join(folder, file), 'utf8')) }))
      .sort((a, b) => (a.title < b.title ? -1 : 1))
      .flatMap((found) => report(found.title, found.profile as CpuProfile))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
