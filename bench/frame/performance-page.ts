// docs/performance.md from what benchmarks measured when they were last run with --write, kept in bench/results.json:
// figures, ratios, bars, and the circumstances of each run.
// Guarantees: the page says nothing that was not measured; a run replaces the results of its own benchmarks alone.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isHashingAccelerated } from '../../src/host/bulk-hash.ts'
import type { BenchmarkOptions, Measurement } from '../measure.ts'
import { placeInWords } from './place.ts'
import { markdownTable } from './table.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const resultsPath = join(root, 'bench', 'results.json')
const pagePath = join(root, 'docs', 'performance.md')

export interface BenchmarkResult {
  readonly benchmark: string
  readonly summary: string
  readonly date: string
  readonly commit: string
  readonly node: string
  /** Whether native/ was built, which hashes faster. */
  readonly isHashingAccelerated: boolean
  readonly machine: string
  /** Processes that wanted to run in the minute before, on average: others than ours. */
  readonly loadBefore: number
  readonly place: string | null
  readonly pairs: number
  readonly measurements: readonly Measurement[]
}

/** The machine's load as of now; to be asked before a benchmark. */
export function loadNow(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100
}

function machineInWords(): string {
  const [processor] = cpus()
  const gibibytes = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} × ${processor?.model.trim()}, ${gibibytes} GiB, ${type()} ${release().split('-')[0]}`
}

function commitInWords(): string {
  const git = (...options: string[]) => execFileSync('git', options, { cwd: root, encoding: 'utf8' }).trim()
  const isChanged = git('status', '--porcelain', '--', 'src', 'native') !== ''
  return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? ' with changes' : ''}`
}

export function resultOf(
  benchmark: { readonly name: string; readonly summary: string },
  measurements: readonly Measurement[],
  { pairs }: BenchmarkOptions,
  loadBefore: number,
): BenchmarkResult {
  return {
    benchmark: benchmark.name,
    summary: benchmark.summary,
    date: new Date().toISOString().slice(0, 10),
    commit: commitInWords(),
    node: process.version,
    isHashingAccelerated,
    machine: machineInWords(),
    loadBefore,
    place: placeInWords() ?? null,
    pairs,
    measurements,
  }
}

const opening = `# Performance

Written by \`npm run bench -- --write NAME …\` (results in \`bench/results.json\`); without \`--write\` the same is only
printed. Both sides run in turn on the same machine, another one first in each round; the figures are medians over
rounds, the ratio is the median of the ratios within each round, and over 1 means that ours is better, whatever the
unit. Only ratios within one table mean something; absolute figures do not travel.

Transfers go over loopback, TCP without encryption, from the first connection to the last verified byte, with all
processes on the same processors. Ours and libtorrent say themselves how long it took; of others the verified bytes are
asked for every 25 ms, from the moment libtorrent at the other end has connected. Processor time and memory are those of
the side named, its threads included; memory is the peak of anonymous and shared memory (RssAnon + RssShmem), where files
count that libtorrent maps from a memory file system.
`

function section(result: BenchmarkResult): string {
  const { benchmark, summary, date, commit, node, machine, loadBefore, place, pairs, measurements } = result
  const where = place === null ? '' : `; data in ${place}`
  const hashing = result.isHashingAccelerated ? '' : ' without native hashing'
  const program = `${commit}${hashing}, Node ${node}`
  const circumstances = `${date}, ${program}, ${machine}; load before it ${loadBefore}; ${pairs} pairs${where}.`
  return `## ${benchmark}\n\n${summary}\n\n${markdownTable(measurements)}\n\n${circumstances}\n`
}

function performancePage(results: readonly BenchmarkResult[]): string {
  return [opening, ...results.map(section)].join('\n')
}

/** Keeps the results in place of earlier ones of the same benchmarks, and writes the page anew. */
export function writeResults(results: readonly BenchmarkResult[]): void {
  const earlier = existsSync(resultsPath)
    ? (JSON.parse(readFileSync(resultsPath, 'utf8')) as readonly BenchmarkResult[])
    : []
  const fresh = new Set(results.map(({ benchmark }) => benchmark))
  const kept = earlier.filter(({ benchmark }) => !fresh.has(benchmark))
  const all = [...kept, ...results].sort((a, b) => (a.benchmark < b.benchmark ? -1 : 1))
  writeFileSync(resultsPath, `${JSON.stringify(all, undefined, 2)}\n`)
  writeFileSync(pagePath, performancePage(all))
}
