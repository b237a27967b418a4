// Runs benchmarks: npm run bench -- [--json] NAME... ; without a name it lists them.
// Guarantees: exit 0 when every bar held, 1 when one was missed or could not be measured, 2 when the command
// line is wrong. Figures of different runs are not comparable; the ratios of one run are.
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type { Benchmark, Measurement } from './measure.ts'

const benchFolder = dirname(fileURLToPath(import.meta.url))
const harnessFiles = new Set(['run.ts', 'measure.ts', 'silent-wire.ts'])

async function loadBenchmark(name: string): Promise<Benchmark> {
  const module: { benchmark?: Benchmark } = await import(pathToFileURL(join(benchFolder, `${name}.ts`)).href)
  const { benchmark } = module
  if (benchmark?.name !== name) throw new Error(`bench/${name}.ts exports no benchmark called ${name}`)
  return benchmark
}

function figure(value: number): string {
  return new Intl.NumberFormat('en', { maximumSignificantDigits: 4 }).format(value)
}

function missesBar(measurement: Measurement): boolean {
  return !(measurement.ratio >= measurement.bar)
}

function printTable(measurements: readonly Measurement[]): void {
  const width = Math.max(...measurements.map(({ name }) => name.length))
  for (const measurement of measurements) {
    const { name, unit, ours, theirs, ratio, bar } = measurement
    const verdict = bar === 0 ? '' : missesBar(measurement) ? `  MISSES ${bar}x` : `  bar ${bar}x`
    const sides = `${figure(ours).padStart(10)} : ${figure(theirs).padStart(9)} ${unit}`
    console.log(`  ${name.padEnd(width)} ${sides} ${ratio.toFixed(2).padStart(7)}x${verdict}`)
  }
}

async function runBenchmark(name: string, asJson: boolean): Promise<boolean> {
  try {
    const benchmark = await loadBenchmark(name)
    if (!asJson) console.log(`${name}: ${benchmark.summary}`)
    const measurements = await benchmark.run()
    if (asJson) console.log(JSON.stringify({ benchmark: name, node: process.version, measurements }))
    else printTable(measurements)
    return measurements.length > 0 && !measurements.some(missesBar)
  } catch (error) {
    console.error(`${name}: not measured`)
    console.error(error)
    return false
  }
}

async function main(): Promise<number> {
  const known = readdirSync(benchFolder)
    .filter((file) => file.endsWith('.ts') && !harnessFiles.has(file))
    .map((file) => file.replace(/\.ts$/, ''))
    .sort()
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } })
  const unknown = positionals.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`no benchmark ${unknown.join(', ')}; there are ${known.join(', ')}`)
  if (positionals.length === 0) {
    for (const name of known) console.log(`${name.padEnd(12)} ${(await loadBenchmark(name)).summary}`)
    return 0
  }
  let isGood = true
  for (const name of positionals) isGood = (await runBenchmark(name, values.json === true)) && isGood
  return isGood ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.error('usage: npm run bench -- [--json] NAME...')
  process.exitCode = 2
}
