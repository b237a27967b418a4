// Runs benchmarks: npm run bench -- [OPTION ...] NAME ..., or profile NAME ...; without a name it lists them.
// Guarantees: exit 0 when every bar held, 1 when one was missed or could not be measured, 2 when the command
// line is wrong. Figures of different runs are not comparable; the ratios of one run are.
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { type BenchmarkResult, loadNow, resultOf, writeResults } from './frame/performance-page.ts'
import { profile } from './frame/profile.ts'
import { missesBar, tableLines } from './frame/table.ts'
import type { Benchmark, BenchmarkOptions } from './measure.ts'

const benchFolder = dirname(fileURLToPath(import.meta.url))
const harnessFiles = new Set(['run.ts', 'measure.ts', 'silent-wire.ts'])

const usage = `usage: npm run bench -- [OPTION ...] NAME ...
       npm run bench -- [OPTION ...] profile NAME ...
  --mib N       MiB of content, where whole programs run (2048)
  --piece SIZE  length of pieces, such as 1MiB (each benchmark's own)
  --pairs N     pairs that are run in turn; the median counts (5)
  --json        results as lines of JSON
  --write       keep the results, and write docs/performance.md`

async function loadBenchmark(name: string): Promise<Benchmark> {
  const module: { benchmark?: Benchmark } = await import(pathToFileURL(join(benchFolder, `${name}.ts`)).href)
  const { benchmark } = module
  if (benchmark?.name !== name) throw new Error(`bench/${name}.ts exports no benchmark called ${name}`)
  return benchmark
}

async function runBenchmark(
  name: string,
  options: BenchmarkOptions,
  asJson: boolean,
): Promise<BenchmarkResult | undefined> {
  try {
    const benchmark = await loadBenchmark(name)
    if (!asJson) console.log(`${name}: ${benchmark.summary}`)
    const loadBefore = loadNow()
    const measurements = await benchmark.run(options)
    const result = resultOf(benchmark, measurements, options, loadBefore)
    for (const line of asJson ? [JSON.stringify(result)] : tableLines(measurements)) console.log(line)
    return result
  } catch (error) {
    console.error(`${name}: not measured`)
    console.error(error)
    return undefined
  }
}

function isGood(result: BenchmarkResult | undefined): boolean {
  return result !== undefined && result.measurements.length > 0 && !result.measurements.some(missesBar)
}

function parseCommandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      mib: { type: 'string', default: '2048' },
      piece: { type: 'string' },
      pairs: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  })
  const count = (name: string, text: string) => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: a whole number over 0, not ${text}`)
    return value
  }
  const options = { sizeMiB: count('mib', values.mib), pieceLength: values.piece, pairs: count('pairs', values.pairs) }
  const isProfile = positionals[0] === 'profile'
  return { ...values, options, isProfile, names: isProfile ? positionals.slice(1) : positionals }
}

async function main(): Promise<number> {
  const known = readdirSync(benchFolder)
    .filter((file) => file.endsWith('.ts') && !harnessFiles.has(file))
    .map((file) => file.replace(/\.ts$/, ''))
    .sort()
  const { names, options, isProfile, json, write } = parseCommandLine()
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`no benchmark ${unknown.join(', ')}; there are ${known.join(', ')}`)
  if (names.length === 0) {
    for (const name of known) console.log(`${name.padEnd(15)} ${(await loadBenchmark(name)).summary}`)
    return 0
  }
  if (isProfile) {
    for (const name of names) for (const line of await profile(await loadBenchmark(name), options)) console.log(line)
    return 0
  }
  const results: (BenchmarkResult | undefined)[] = []
  for (const name of names) results.push(await runBenchmark(name, options, json))
  if (write) writeResults(results.filter((result) => result !== undefined))
  return results.every(isGood) ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.error(usage)
  process.exitCode = 2
}
